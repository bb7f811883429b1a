/*
 * What `ub restore` is asked for: a revision, and paths as people type them.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/rev.h"
#include "builtin/restore.h"

static void add_path(struct restore_args *a, char *path)
{
	a->paths = xrealloc(a->paths, (a->nr_paths + 1) * sizeof(*a->paths));
	a->paths[a->nr_paths++] = path;
}

/* Without ".", ".." and double slashes, and without the slash it begins with. */
static char *clean(const char *path)
{
	char *out = xmalloc(strlen(path) + 2), *end = out;

	for (const char *p = path; *p; ) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (end > out && *--end != '/')
				;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (end > out)
				*end++ = '/';
			memcpy(end, p, n);
			end += n;
		}
		p += n + (p[n] == '/');
	}
	*end = '\0';
	return out;
}

/* Absolute, or from the current folder. */
static int take_path(struct restore_args *a, const char *path, struct err *err)
{
	char *cwd = NULL, *joined = NULL;

	if (*path == '\0')
		return err_set(err, ERR_USAGE, "a path is empty");
	if (*path != '/') {
		cwd = sys_realpath(".");
		if (!cwd)
			return err_sys(err, "find the current folder");
		joined = xasprintf("%s/%s", cwd, path);
	}
	add_path(a, clean(joined ? joined : path));
	sys_free(joined);
	sys_free(cwd);
	return 0;
}

/* -- the revision -- */

static int take_rev(struct ub *ub, const struct rev *rev, struct restore_args *a, struct err *err)
{
	struct buf raw = BUF_INIT;
	const struct oid *commit = rev->type == OBJ_COMMIT ? &rev->id : &rev->commit;
	int ret = 0;

	if (rev->type == OBJ_NONE && !rev->has_entry)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(&rev->id).s);
	if (oid_is_zero(commit)) {
		if (rev->type != OBJ_TREE)
			return err_set(err, ERR_USAGE, "a %s has no files to restore",
				       obj_type_name(rev->type));
		a->tree = rev->id;
		return 0;
	}
	ret = store_read(ub->store, commit, OBJ_COMMIT, NULL, &raw, err);
	if (ret == 0)
		ret = commit_decode(&a->commit, raw.data, raw.len, err);
	if (ret == 0) {
		a->has_commit = true;
		a->tree = a->commit.tree;
		if (rev->path && *rev->path)
			add_path(a, clean(rev->path));
	}
	buf_release(&raw);
	return ret;
}

/* Whoever writes "HEAD:x" means a revision, though x is not in it. */
static bool has_rev_before_colon(struct ub *ub, const char *text)
{
	const char *colon = strchr(text, ':');
	struct rev rev = REV_INIT;
	struct err ignored = ERR_INIT;

	if (!colon || colon == text)
		return false;
	char *base = xstrndup(text, (size_t)(colon - text));
	bool is_rev = rev_parse(ub->refs, ub->store, base, &rev, &ignored) == 0;
	rev_release(&rev);
	sys_free(base);
	return is_rev;
}

/* 1: it is one, 0: it is none. */
static int try_rev(struct ub *ub, const char *text, const char *date, struct restore_args *a,
		   struct err *err)
{
	struct rev rev = REV_INIT;
	const char *colon = strchr(text, ':');
	int base = colon ? (int)(colon - text) : (int)strlen(text);
	char *dated = date ? xasprintf("%.*s@{%s}%s", base, text, date, text + base) : NULL;
	int ret = rev_parse(ub->refs, ub->store, text, &rev, err);

	if ((ret == ERR_NOT_FOUND || ret == ERR_USAGE) && !has_rev_before_colon(ub, text)) {
		err_clear(err);
		ret = 0;
		goto done;
	}
	if (ret == 0 && dated) {
		rev_release(&rev);
		ret = rev_parse(ub->refs, ub->store, dated, &rev, err);
	}
	if (ret == 0)
		ret = take_rev(ub, &rev, a, err);
	ret = ret < 0 ? err_wrap(err, "'%s'", dated ? dated : text) : 1;
done:
	rev_release(&rev);
	sys_free(dated);
	return ret;
}

/* -- all together -- */

static int cmp_paths(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return path_walk_cmp(x, strlen(x), y, strlen(y));
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* What is named twice, or lies below what is named. */
static void tidy(struct restore_args *a)
{
	size_t nr = 0;

	if (a->nr_paths > 1)
		qsort(a->paths, a->nr_paths, sizeof(*a->paths), cmp_paths);
	for (size_t i = 0; i < a->nr_paths; i++) {
		if (nr > 0 && is_below(a->paths[i], a->paths[nr - 1]))
			sys_free(a->paths[i]);
		else
			a->paths[nr++] = a->paths[i];
	}
	a->nr_paths = nr;
	/* "/" is everything. */
	if (nr > 0 && a->paths[0][0] == '\0') {
		for (size_t i = 0; i < nr; i++)
			sys_free(a->paths[i]);
		a->nr_paths = 0;
	}
}

int restore_args_read(struct ub *ub, int argc, char **argv, bool may_be_rev, const char *date,
		      struct restore_args *out, struct err *err)
{
	int first = 0, ret = 0;

	if (argc > 0 && may_be_rev && argv[0][0] != '/' && argv[0][0] != '.') {
		ret = try_rev(ub, argv[0], date, out, err);
		first = ret > 0;
	}
	if (ret == 0) {
		ret = try_rev(ub, "HEAD", date, out, err);
		if (ret == 0)
			ret = err_set(err, ERR_NOT_FOUND, "there is no snapshot yet");
	}
	out->is_all = first == argc && out->nr_paths == 0;
	for (int i = first; i < argc && ret > 0; i++) {
		int taken = take_path(out, argv[i], err);
		if (taken < 0)
			ret = taken;
	}
	tidy(out);
	return ret < 0 ? ret : 0;
}

void restore_args_release(struct restore_args *a)
{
	for (size_t i = 0; i < a->nr_paths; i++)
		sys_free(a->paths[i]);
	sys_free(a->paths);
	commit_release(&a->commit);
}
