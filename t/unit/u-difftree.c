/* Two sides in step: one that knows its ids, one that finds them out, as a disk does. */
#include "lib/buf.h"
#include "lib/sys.h"
#include "fs/difftree.h"
#include "fs/renames.h"
#include "t/unit/unit.h"

/* A tree as a sorted list of paths: a directory ends in a slash; `what` is its content. */
struct node { const char *path, *what; int64_t mtime; uint32_t mode; };

struct listed {
	const struct node *nodes;
	bool is_lazy;			/* contents are not said before they are asked for */
	unsigned int opened, resolved;
	const char *gone;		/* is not there any more when asked for */
	struct buf attrs[64];
};
struct listed_dir { const char *prefix; size_t prefix_len, at; };

static int list_open(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		     void **dir_out, struct err *err)
{
	struct listed *l = data;
	struct listed_dir *d = xcalloc(1, sizeof(*d));

	(void)err;
	CHECK((e == NULL) == (path_len == 0));
	d->prefix = path_len ? xasprintf("%.*s/", (int)path_len, path) : xstrdup("");
	d->prefix_len = strlen(d->prefix);
	l->opened++;
	*dir_out = d;
	return 0;
}

static void list_close(void *data, void *dir)
{
	struct listed_dir *d = dir;

	(void)data;
	sys_free((char *)(uintptr_t)d->prefix);
	sys_free(d);
}

static void fill_content(const struct node *n, struct tree_entry *e)
{
	if (e->type == ENTRY_DIR) {
		e->content = CONTENT_TREE;
		memcpy(e->id.b, n->what, strlen(n->what));
	} else if (e->size > 0) {
		e->content = CONTENT_INLINE;
		e->data = (const unsigned char *)n->what;
	}
}

static int list_next(void *data, void *dir, struct tree_entry *out, struct err *err)
{
	struct listed *l = data;
	struct listed_dir *d = dir;

	(void)err;
	for (; l->nodes[d->at].path; d->at++) {
		const struct node *n = &l->nodes[d->at];
		const char *name = n->path + d->prefix_len;
		if (strncmp(n->path, d->prefix, d->prefix_len) != 0 || !*name)
			continue;
		size_t len = strcspn(name, "/");
		if (name[len] && name[len + 1])
			continue;
		*out = (struct tree_entry){ .type = name[len] ? ENTRY_DIR : ENTRY_FILE,
					    .mode = n->mode };
		out->name = (const unsigned char *)name;
		out->name_len = len;
		out->size = name[len] ? 0 : strlen(n->what);
		if (!l->is_lazy)
			fill_content(n, out);
		struct buf *attrs = &l->attrs[d->at];
		buf_reset(attrs);
		attr_put_mtime(attrs, n->mtime, 0);
		out->attrs = attrs->data;
		out->attrs_len = attrs->len;
		d->at++;
		return 1;
	}
	return 0;
}

static int list_resolve(void *data, const char *path, size_t path_len, struct tree_entry *e,
			struct err *err)
{
	struct listed *l = data;

	(void)err;
	l->resolved++;
	if (l->gone && strcmp(l->gone, path) == 0)
		return 1;
	for (const struct node *n = l->nodes; n->path; n++)
		if (strncmp(n->path, path, path_len) == 0 && !n->path[path_len])
			fill_content(n, e);
	CHECK(!entry_is_unresolved(e));
	return 0;
}

static int collect(const struct change *c, void *data, struct err *err)
{
	struct buf *out = data;

	(void)err;
	CHECK(strlen(c->path) >= c->path_len);
	buf_printf(out, "%c %.*s", c->status, (int)c->path_len, c->path);
	if (c->old_path)
		buf_printf(out, "<%.*s", (int)c->old_path_len, c->old_path);
	buf_put_u8(out, ';');
	return 0;
}

static struct diff_side listed_side(struct listed *l)
{
	for (size_t i = 0; i < 64; i++)
		buf_init_max(&l->attrs[i], SIZE_MAX);
	return (struct diff_side){ .open = list_open, .next = list_next, .close = list_close,
				   .resolve = list_resolve, .data = l };
}

static void listed_release(struct listed *l)
{
	for (size_t i = 0; i < 64; i++)
		buf_release(&l->attrs[i]);
}

static bool gives(struct listed *old, struct listed *new, const struct path_set *paths,
		  bool renames, const char *expect)
{
	const struct diff_side a = listed_side(old), b = listed_side(new);
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int ret;

	old->opened = new->opened = old->resolved = new->resolved = 0;
	if (renames) {
		struct renames *rn = renames_new(&b, collect, &out);
		ret = difftree(&a, &b, paths, renames_take, rn, &err);
		CHECK(ret == 0 && renames_finish(rn, &err) == 0 && !renames_gave_up(rn));
		renames_free(rn);
	} else {
		ret = difftree(&a, &b, paths, collect, &out, &err);
	}
	bool same = ret == 0 && strcmp(buf_str(&out), expect) == 0;
	if (!same)
		printf("# %d '%s', not '%s'\n", ret, buf_str(&out), expect);
	listed_release(old);
	listed_release(new);
	buf_release(&out);
	return same;
}

static const struct node base[] = {
	{ "a", "one", 1, 0644 }, { "d/", "D1", 1, 0755 }, { "d/f", "two", 1, 0644 },
	{ "d/g", "three", 1, 0644 }, { "e/", "E1", 1, 0755 }, { "e/h", "four", 1, 0644 },
	{ NULL, NULL, 0, 0 },
};

static void test_equal_ids_are_not_opened(void)
{
	struct listed a = { .nodes = base }, b = { .nodes = base };

	CHECK(gives(&a, &b, NULL, false, ""));
	CHECK(a.opened == 1 && b.opened == 1 && a.resolved == 0);
}

static void test_a_side_without_ids_is_walked_and_asked(void)
{
	struct listed a = { .nodes = base }, b = { .nodes = base, .is_lazy = true };

	CHECK(gives(&a, &b, NULL, false, ""));
	CHECK(b.opened == 3 && b.resolved == 4);
}

static void test_another_size_is_known_without_asking(void)
{
	static const struct node changed[] = {
		{ "a", "ONE", 1, 0644 }, { "d/", "", 1, 0755 }, { "d/f", "twenty", 2, 0644 },
		{ "e/", "", 1, 0700 }, { "e/h", "four", 1, 0644 }, { "n", "new", 1, 0644 },
		{ NULL, NULL, 0, 0 },
	};
	struct listed a = { .nodes = base }, b = { .nodes = changed, .is_lazy = true };

	CHECK(gives(&a, &b, NULL, false, "M a;M d/f;D d/g;m e;A n;"));
	CHECK(b.resolved == 2);
}

static void test_a_folder_with_another_time_alone(void)
{
	static const struct node touched[] = {
		{ "a", "one", 1, 0644 }, { "d/", "", 2, 0755 }, { "d/f", "TWO", 1, 0644 },
		{ "d/g", "three", 1, 0644 }, { "e/", "", 2, 0755 }, { "e/h", "four", 1, 0644 },
		{ NULL, NULL, 0, 0 },
	};
	struct listed a = { .nodes = base }, b = { .nodes = touched, .is_lazy = true };

	CHECK(gives(&a, &b, NULL, false, "M d/f;m e;"));
	CHECK(gives(&b, &a, NULL, false, "M d/f;m e;"));
}

static void test_what_is_gone_when_asked_for_is_deleted(void)
{
	struct listed a = { .nodes = base }, b = { .nodes = base, .is_lazy = true, .gone = "d/g" };

	CHECK(gives(&a, &b, NULL, false, "D d/g;"));
	CHECK(gives(&b, &a, NULL, false, "A d/g;"));
}

static void test_renames_ask_only_where_a_size_fits(void)
{
	static const struct node moved[] = {
		{ "b", "one", 1, 0644 }, { "d/", "", 1, 0755 }, { "d/f", "two", 1, 0644 },
		{ "e/", "", 1, 0755 }, { "e/g", "three", 1, 0644 }, { "e/h", "four", 1, 0644 },
		{ "long", "nobody has this size", 1, 0644 }, { NULL, NULL, 0, 0 },
	};
	struct listed a = { .nodes = base }, b = { .nodes = moved, .is_lazy = true };

	CHECK(gives(&a, &b, NULL, true, "R b<a;R e/g<d/g;A long;"));
	CHECK(b.resolved == 4);
}

static void test_paths_prune_the_walk(void)
{
	struct listed a = { .nodes = base }, b = { .nodes = base, .is_lazy = true };
	struct path_set set = PATH_SET_INIT;

	path_set_add(&set, "/e/h/");
	CHECK(gives(&a, &b, &set, false, ""));
	CHECK(b.opened == 2 && b.resolved == 1);
	path_set_release(&set);
}

static void test_sets_of_paths(void)
{
	struct path_set set = PATH_SET_INIT;

	CHECK(path_set_match(&set, "x", 1) == PATH_IN);
	path_set_add(&set, "/a/b");
	path_set_add(&set, "a/b/c");
	path_set_add(&set, "/a-b");
	path_set_add(&set, "z/../c/d/e");
	path_set_add(&set, "c/d/f");
	CHECK(set.nr == 4);
	CHECK(path_set_match(&set, "a", 1) == PATH_ABOVE);
	CHECK(path_set_match(&set, "a/b", 3) == PATH_IN);
	CHECK(path_set_match(&set, "a/b/x/y", 7) == PATH_IN);
	CHECK(path_set_match(&set, "a/bc", 4) == PATH_OUT);
	CHECK(path_set_match(&set, "a-b/q", 5) == PATH_IN);
	CHECK(path_set_match(&set, "a-", 2) == PATH_OUT);
	CHECK(path_set_match(&set, "c/d", 3) == PATH_ABOVE);
	CHECK(path_set_match(&set, "b", 1) == PATH_OUT);
	path_set_add(&set, "/c");
	CHECK(set.nr == 3);
	CHECK(path_set_match(&set, "c/d/g", 5) == PATH_IN);
	path_set_add(&set, "//");
	CHECK(path_set_match(&set, "b", 1) == PATH_IN);
	path_set_release(&set);
}

UNIT_MAIN(test_equal_ids_are_not_opened, test_a_side_without_ids_is_walked_and_asked,
	  test_another_size_is_known_without_asking, test_a_folder_with_another_time_alone,
	  test_what_is_gone_when_asked_for_is_deleted, test_renames_ask_only_where_a_size_fits,
	  test_paths_prune_the_walk, test_sets_of_paths)
