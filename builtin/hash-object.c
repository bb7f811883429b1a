/*
 * ub hash-object: ids of files' contents, and with -w the objects into the store.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/pool.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/content.h"
#include "objects/store.h"
#include "fs/attr.h"
#include "builtin/repo.h"

static const char hash_object_usage[] =
	"ub hash-object [-w] [-t TYPE] FILE...\n"
	"ub hash-object [-w] [-t TYPE] --stdin\n"
	"ub hash-object [-w] --stdin-paths [-z]";

#define BATCH_PATHS 32
#define INPUT_NAME_MAX 65536

struct hashing {
	struct ub *ub;
	struct session *session;	/* NULL: ids only */
	struct object_sink sink;
	struct chunker_params params;
	bool nul;
	struct buf holes;		/* of the file at hand */
	struct buf in;			/* paths read ahead from standard input */
	bool is_eof;
	uint64_t unread;		/* files that could not be read */
	struct progress progress;
};

/* -- where objects go -- */

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	struct hashing *h = data;

	progress_add(&h->progress, n);
	if (h->session)
		return session_put(h->session, type, p, n, id_out, NULL, err);
	keys_object_id(h->ub->keys, (uint8_t)type, p, n, id_out->b);
	return 0;
}

/* An empty file has no blob in any tree, but an id all the same. */
static int end_content(struct hashing *h, struct content *c, struct err *err)
{
	return c->kind == CONTENT_NONE ? put(h, OBJ_BLOB, "", 0, &c->id, err) : 0;
}

static void print(struct hashing *h, const struct oid *id, const char *path)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (h->ub->out.is_direct)
		progress_hide(&h->progress);
	if (!h->ub->json) {
		out_printf(&h->ub->out, "%s\n", oid_hex(id).s);
		return;
	}
	json_begin(&j, &line, "object");
	json_str(&j, "oid", oid_hex(id).s);
	if (path)
		json_path(&j, "path", path, strlen(path));
	json_end(&j);
	out_buf(&h->ub->out, &line);
	buf_release(&line);
}

/* -- one file -- */

/* Holes need not be read.  `holes` stays empty where there is no telling. */
static void find_holes(int fd, struct buf *holes)
{
	struct stat st;

	buf_reset(holes);
	if (sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    sys_lseek(fd, 0, SEEK_CUR) == 0 && holes_read(fd, (uint64_t)st.st_size, holes) < 0)
		buf_reset(holes);
}

static int open_file(const char *path, int *fd_out, struct err *err)
{
	struct stat st;
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (sys_fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		sys_close(fd);
		return err_set(err, ERR_SYS, "cannot read '%s': it is a folder", path);
	}
	sys_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*fd_out = fd;
	return 0;
}

static int hash_whole(struct hashing *h, struct content_writer *cw, int fd, const char *name,
		      struct oid *out, struct err *err)
{
	unsigned int workers = store_opts(h->ub->store)->workers;
	struct content_input in = { .fd = fd, .name = name };
	struct content c;

	find_holes(fd, &h->holes);
	in.holes = h->holes.data;
	in.holes_len = h->holes.len;
	int ret = content_write_parallel(cw, workers, &in, &c, err);

	if (ret == 0)
		ret = end_content(h, &c, err);
	*out = c.id;
	return ret;
}

/* An object of another type comes encoded, as cat-object --raw prints it. */
static int hash_encoded(struct hashing *h, enum obj_type type, int fd, const char *name,
			struct oid *out, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = 0;

	for (;;) {
		size_t step = 65536;
		ssize_t got = sys_read_full(fd, buf_extend(&raw, step), step);
		if (got < 0) {
			ret = err_sys(err, "read '%s'", name);
			break;
		}
		buf_truncate(&raw, raw.len - step + (size_t)got);
		if (raw.len > OBJECT_MAX_SIZE) {
			ret = err_set(err, ERR_FAILED, "'%s' is larger than an object may be",
				      name);
			break;
		}
		if ((size_t)got < step)
			break;
	}
	if (ret == 0)
		ret = object_check(type, raw.data, raw.len, err);
	if (ret == ERR_CORRUPT)
		ret = err->code = ERR_FAILED;	/* what was typed is wrong, nothing stored is */
	if (ret == 0)
		ret = put(h, type, raw.data, raw.len, out, err);
	else
		ret = err_wrap(err, "'%s' is not a %s", name, obj_type_name(type));
	buf_release(&raw);
	return ret;
}

static int hash_args(struct hashing *h, enum obj_type type, int argc, char **argv, bool is_stdin,
		     struct err *err)
{
	struct content_writer *cw = content_writer_new(&h->params, &h->sink);
	int ret = 0;

	for (int i = 0; i < argc + is_stdin && ret == 0; i++) {
		bool from_stdin = is_stdin && i == 0;
		const char *path = from_stdin ? "standard input" : argv[i - is_stdin];
		int fd = STDIN_FILENO;
		struct oid id;
		if (!from_stdin)
			ret = open_file(path, &fd, err);
		if (ret == 0 && type == OBJ_BLOB)
			ret = hash_whole(h, cw, fd, path, &id, err);
		else if (ret == 0)
			ret = hash_encoded(h, type, fd, path, &id, err);
		if (!from_stdin && fd != STDIN_FILENO)
			sys_close(fd);
		if (ret == 0)
			print(h, &id, from_stdin ? NULL : path);
	}
	content_writer_free(cw);
	return ret;
}

/* -- many files, by name -- */

struct paths {
	struct content_writer *cw;	/* of this slot */
	struct buf names;		/* NUL after each */
	struct buf holes;
	size_t nr;
	struct {
		size_t name;		/* in names */
		bool is_bad;
		struct oid id;
		struct err err;
	} file[BATCH_PATHS];
};

/* 1 and a name appended to `out`, 0 at the end. */
static int read_path(struct hashing *h, struct buf *out, struct err *err)
{
	char stop = h->nul ? '\0' : '\n';

	for (;;) {
		unsigned char *end = h->in.len > 0 ? memchr(h->in.data, stop, h->in.len) : NULL;
		if (!end && h->is_eof && h->in.len == 0)
			return 0;
		if (end || h->is_eof) {
			size_t n = end ? (size_t)(end - h->in.data) : h->in.len;
			struct buf name = BUF_INIT;
			int ret = 0;
			if (h->nul)
				buf_put(&name, h->in.data, n);
			else
				ret = quote_read(h->in.data, n, &name, err);
			if (ret == 0 && memchr(buf_str(&name), 0, name.len))
				ret = err_set(err, ERR_USAGE,
					      "a name on standard input has a NUL in it");
			buf_put_buf(out, &name);
			buf_put_u8(out, 0);
			buf_release(&name);
			buf_consume(&h->in, end ? n + 1 : n);
			return ret < 0 ? ret : 1;
		}
		if (h->in.len > INPUT_NAME_MAX)
			return err_set(err, ERR_USAGE, "a name on standard input is longer than %d "
				       "bytes", INPUT_NAME_MAX);
		size_t step = 16384;
		ssize_t got = sys_read(STDIN_FILENO, buf_extend(&h->in, step), step);
		if (got < 0)
			return err_sys(err, "read names from standard input");
		buf_truncate(&h->in, h->in.len - step + (size_t)got);
		h->is_eof = got == 0;
	}
}

static int next_paths(void *item, void *data, struct err *err)
{
	struct hashing *h = data;
	struct paths *p = item;

	if (!p->cw) {
		p->cw = content_writer_new(&h->params, &h->sink);
		p->names = p->holes = (struct buf)BUF_INIT;
	}
	buf_reset(&p->names);
	p->nr = 0;
	int ret = interrupt_check(err);
	while (ret == 0 && p->nr < BATCH_PATHS) {
		p->file[p->nr].name = p->names.len;
		ret = read_path(h, &p->names, err);
		if (ret <= 0)
			break;
		p->nr++;
		ret = 0;
	}
	return ret < 0 ? ret : p->nr > 0;
}

/* A failed read leaves the others alone; a failed store ends everything. */
static int hash_paths(void *item, void *data, struct err *err)
{
	struct hashing *h = data;
	struct paths *p = item;

	for (size_t i = 0; i < p->nr; i++) {
		const char *path = (const char *)p->names.data + p->file[i].name;
		struct content c;
		int fd = -1;
		int ret = open_file(path, &fd, err);
		p->file[i].is_bad = false;
		if (ret == 0) {
			find_holes(fd, &p->holes);
			struct content_input in = {
				.fd = fd, .name = path,
				.holes = p->holes.data, .holes_len = p->holes.len,
			};
			ret = content_write(p->cw, &in, &c, err);
		}
		if (fd >= 0)
			sys_close(fd);
		if (ret == 0)
			ret = end_content(h, &c, err);
		if (ret == ERR_SYS && !session_has_failed(h->session)) {
			p->file[i].is_bad = true;
			p->file[i].err = *err;
			err_clear(err);
			continue;
		}
		if (ret < 0)
			return ret;
		p->file[i].id = c.id;
	}
	return 0;
}

static int print_paths(void *item, void *data, struct err *err)
{
	struct hashing *h = data;
	struct paths *p = item;

	(void)err;
	for (size_t i = 0; i < p->nr; i++) {
		if (p->file[i].is_bad) {
			progress_hide(&h->progress);
			ub_warn(h->ub, "%s", p->file[i].err.msg);
			h->unread++;
		} else {
			print(h, &p->file[i].id, (const char *)p->names.data + p->file[i].name);
		}
	}
	return 0;
}

static void release_paths(void *item, void *data)
{
	struct paths *p = item;

	(void)data;
	content_writer_free(p->cw);
	if (p->cw) {
		buf_release(&p->names);
		buf_release(&p->holes);
	}
}

static int hash_stdin_paths(struct hashing *h, struct err *err)
{
	static const struct pool_ops ops = { next_paths, hash_paths, print_paths, release_paths };
	unsigned int workers = store_opts(h->ub->store)->workers;

	return pool_run(&ops, sizeof(struct paths), workers, workers + 1, h, err);
}

int cmd_hash_object(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool write = false, from_stdin = false, stdin_paths = false, nul = false;
	const char *type_name = "blob";
	struct hashing h = { .ub = ub, .in = BUF_INIT, .holes = BUF_INIT };
	const struct opt opts[] = {
		OPT_FLAG('w', "write", &write, "store the objects too"),
		OPT_STR('t', "type", &type_name, "type",
			"blob (the default), list, tree, commit, note"),
		OPT_FLAG(0, "stdin", &from_stdin, "read the content from standard input"),
		OPT_FLAG(0, "stdin-paths", &stdin_paths, "read names of files from standard input"),
		OPT_FLAG('z', "null", &nul, "names end in NUL"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, hash_object_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	enum obj_type type = obj_type_parse(type_name);
	if (type == OBJ_NONE)
		return err_set(err, ERR_USAGE, "'%s' is not a type of object", type_name);
	if (stdin_paths && (from_stdin || argc > 0 || type != OBJ_BLOB))
		return err_set(err, ERR_USAGE, "--stdin-paths stands alone");
	if (!stdin_paths && !from_stdin && argc == 0)
		return err_set(err, ERR_USAGE, "which file? give FILE, --stdin or --stdin-paths");
	h.nul = nul;
	h.params = store_chunker_params(ub->store);
	h.sink = (struct object_sink){ put, &h, keys_chunker_key(ub->keys), NULL };
	if (write && !ub->dry_run) {
		ret = repo_need_write(ub, err);
		if (ret == 0)
			ret = session_begin(&h.session, ub->store, err);
		if (ret < 0)
			return ret;
	}
	progress_begin(&h.progress, ub_progress(ub), "hashing", 0, "bytes");
	if (stdin_paths)
		ret = hash_stdin_paths(&h, err);
	else
		ret = hash_args(&h, type, argc, argv, from_stdin, err);
	if (ret == 0 && h.session) {
		ret = session_commit(h.session, err);
		if (ret == 0)
			h.session = NULL;
	}
	progress_end(&h.progress);
	session_abort(h.session);
	buf_release(&h.in);
	buf_release(&h.holes);
	if (ret < 0) {
		out_drop(&ub->out);	/* ids of what was not stored are no result */
		return ret;
	}
	if (h.unread > 0) {
		ub_warn(ub, "%" PRIu64 " %s could not be read", h.unread,
			h.unread == 1 ? "file" : "files");
		return EXIT_PARTIAL;
	}
	return 0;
}
