/*
 * ub chunk: where the content of a file would be cut.  Nothing is stored.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "lib/out.h"
#include "lib/sys.h"
#include "objects/chunker.h"
#include "objects/store.h"
#include "builtin/repo.h"

static const char chunk_usage[] = "ub chunk [--sizes] FILE|-";

#define SLACK ((size_t)4 << 20)		/* beyond what the chunker wants to see */

struct cutting {
	struct ub *ub;
	bool sizes;
	uint64_t off;		/* of what was not printed yet */
	uint64_t zeros;		/* the run that is still growing */
};

static void print(struct cutting *c, uint64_t size, const char *kind)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (c->ub->json) {
		json_begin(&j, &line, "piece");
		json_u64(&j, "offset", c->off);
		json_u64(&j, "size", size);
		json_str(&j, "kind", kind);
		json_end(&j);
	} else if (c->sizes) {
		buf_printf(&line, "%" PRIu64 "\n", size);
	} else {
		buf_printf(&line, "%" PRIu64 " %" PRIu64 " %s\n", c->off, size, kind);
	}
	out_buf(&c->ub->out, &line);
	buf_release(&line);
	c->off += size;
}

static void print_zeros(struct cutting *c)
{
	uint64_t run = c->zeros;

	c->zeros = 0;
	if (run > 0)
		print(c, run, "zero");
}

/* Print the pieces of p[0..n) that are certain; returns what they take. */
static size_t cut(struct cutting *c, const struct chunker *chunker, const unsigned char *p,
		  size_t n, bool is_eof)
{
	size_t used = 0, size;

	for (;;) {
		switch (chunker_next(chunker, p + used, n - used, is_eof, &size)) {
		case CHUNK_ZERO:
			c->zeros += size;
			break;
		case CHUNK_DATA:
			print_zeros(c);
			print(c, size, "data");
			break;
		case CHUNK_MORE:
		case CHUNK_END:
			return used;
		}
		used += size;
	}
}

static int cut_file(struct cutting *c, const struct chunker *chunker, int fd, const char *name,
		    struct err *err)
{
	size_t size = chunker_window(chunker) + SLACK, have = 0, used;
	unsigned char *p = sys_pages(size);
	bool is_eof = false;
	ssize_t got;
	int ret = 0;

	if (!p)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes of a file", size);
	while (!is_eof) {
		ret = interrupt_check(err);
		if (ret < 0)
			goto done;
		got = sys_read_full(fd, p + have, size - have);
		if (got < 0) {
			ret = err_sys(err, "read '%s'", name);
			goto done;
		}
		is_eof = have + (size_t)got < size;
		have += (size_t)got;
		used = cut(c, chunker, p, have, is_eof);
		have -= used;
		memmove(p, p + used, have);
		if (out_failed(&c->ub->out))
			break;		/* whoever ends the command says so */
	}
	print_zeros(c);
done:
	sys_pages_free(p, size);
	return ret;
}

static int open_input(const char *path, struct err *err)
{
	struct stat st;
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (sys_fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		sys_close(fd);
		return err_set(err, ERR_FAILED, "cannot read '%s': it is a folder", path);
	}
	sys_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return fd;
}

int cmd_chunk(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct cutting c = { .ub = ub };
	struct chunker_params params;
	struct chunker *chunker;
	const struct opt opts[] = {
		OPT_FLAG(0, "sizes", &c.sizes, "print the sizes alone"),
		OPT_END
	};
	int fd = STDIN_FILENO, ret = ub_parse(ub, opts, chunk_usage, &argc, &argv, err);
	bool is_stdin;

	if (ret < 0)
		return ret;
	if (argc != 1)
		return err_set(err, ERR_USAGE, argc == 0 ? "which file?" : "one file at a time");
	is_stdin = strcmp(argv[0], "-") == 0;
	if (!is_stdin) {
		fd = open_input(argv[0], err);
		if (fd < 0)
			return fd;
	}
	params = store_chunker_params(ub->store);
	chunker = chunker_new(&params, keys_chunker_key(ub->keys));
	ret = cut_file(&c, chunker, fd, is_stdin ? "standard input" : argv[0], err);
	chunker_free(chunker);
	if (!is_stdin)
		sys_close(fd);
	return ret;
}
