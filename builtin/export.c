/*
 * ub export: a snapshot, or a part of one, as an archive.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "fs/archive.h"
#include "builtin/git-exchange.h"
#include "builtin/spot.h"

static const char export_usage[] =
	"ub export [--format FORMAT] [-o FILE] REV[:PATH]\n"
	"ub export git DIR [REV]";

struct telling {
	struct ub *ub;
	uint64_t left_out;
};

static void tell(const char *path, size_t n, const char *why, void *data)
{
	struct telling *t = data;
	struct buf name = BUF_INIT;

	quote_put(&name, path, n);
	ub_warn(t->ub, "left out: %s: %s", buf_str(&name), why);
	t->left_out++;
	buf_release(&name);
}

/* The archive goes to `fd`. */
static int write_to(struct ub *ub, const struct spot *p, const char *format, int fd,
		    struct telling *t, struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct archive_export x = {
		.store = ub->store, .format = format, .fd = fd, .problem = tell, .data = t,
		.top = p->rev.path ? p->rev.path : "", .tree = p->is_folder ? &p->tree : NULL,
		.entry = &p->e,
	};
	int ret = 0;

	if (!oid_is_zero(&p->rev.commit))
		ret = store_read_commit(ub->store, &p->rev.commit, &c, err);
	if (ret == 0) {
		x.commit = oid_is_zero(&p->rev.commit) ? NULL : &c;
		ret = archive_export(&x, err);
	}
	commit_release(&c);
	return ret;
}

static int write_file(struct ub *ub, const struct spot *p, const char *format, const char *path,
		      struct telling *t, struct err *err)
{
	struct file_out f = FILE_OUT_INIT;
	int ret = file_out_open(&f, path, 0, 0666 & ~sys_umask(), err);

	if (ret == 0)
		ret = write_to(ub, p, format, f.fd, t, err);
	if (ret == 0)
		ret = file_out_commit(&f, err);
	file_out_release(&f);
	return ret;
}

static int run(struct ub *ub, const char *text, const char *format, const char *path,
	       struct telling *t, struct err *err)
{
	struct spot p = SPOT_INIT;
	int ret = spot_find(ub, text, &p, err);

	if (ret == 0 && !p.is_folder && !p.has_entry)
		ret = err_set(err, ERR_USAGE, "'%s' is an object without a name: REV:PATH", text);
	if (ret == 0 && path)
		ret = write_file(ub, &p, format, path, t, err);
	else if (ret == 0)
		ret = write_to(ub, &p, format, STDOUT_FILENO, t, err);
	spot_release(&p);
	return ret;
}

int cmd_export(struct ub *ub, int argc, char **argv, struct err *err)
{
	const char *format = NULL, *path = NULL;
	const struct opt opts[] = {
		OPT_STR(0, "format", &format, "format",
			"tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip, cpio or 7zip"),
		OPT_STR('o', "output", &path, "file", "write there, not to standard output"),
		OPT_END
	};
	struct telling t = { ub, 0 };
	int ret = ub_parse(ub, opts, export_usage, &argc, &argv, err);

	if (ret == 0 && argc >= 2 && argc <= 3 && strcmp(argv[0], "git") == 0) {
		if (format || path)
			return err_set(err, ERR_USAGE, "neither --format nor -o goes with git");
		return git_export_run(ub, argv[1], argc > 2 ? argv[2] : "HEAD", err);
	}
	if (ret == 0 && argc != 1)
		ret = err_set(err, ERR_USAGE, argc ? "one snapshot at a time" : "which snapshot?");
	if (ret < 0)
		return ret;
	if (path && strcmp(path, "-") == 0)
		path = NULL;
	if (!path && sys_is_terminal(STDOUT_FILENO))
		return err_set(err, ERR_USAGE, "an archive is not written to a terminal: -o FILE");
	if (!format)
		format = path ? archive_format_of(path) : NULL;
	if (!format)
		format = "tar";
	ret = archive_format_check(format, err);
	if (ret == 0)
		ret = run(ub, argv[0], format, path, &t, err);
	if (ret == 0 && t.left_out > 0)
		ret = EXIT_PARTIAL;
	return ret;
}
