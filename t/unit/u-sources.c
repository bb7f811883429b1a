/* Sources, the tree of places, and what people type. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/object.h"
#include "fs/sources.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static bool path_is(const struct waypoint *p, const char *want)
{
	char *path = waypoint_path(p);
	bool answer = strcmp(path, want) == 0;

	sys_free(path);
	return answer;
}

static void test_paths_are_places_of_one_tree(void)
{
	struct waypoint *root = waypoint_new_root(), *a, *b, *c;
	struct err err = ERR_INIT;

	CHECK(waypoint_add(root, "/", &a, &err) == 0 && a == root && path_is(a, "/"));
	CHECK(waypoint_add(root, "/x/y", &a, &err) == 0 && path_is(a, "/x/y"));
	CHECK(waypoint_add(root, "//x/./y//", &b, &err) == 0 && b == a);
	CHECK(waypoint_add(root, "/x", &b, &err) == 0 && b == a->parent && b->parent == root);
	CHECK(waypoint_add(root, "/x/a", &c, &err) == 0 && b->child == c && c->next == a);
	CHECK(waypoint_child(b, "y", 1) == a && waypoint_child(b, "yy", 2) == NULL);
	CHECK(waypoint_child(NULL, "y", 1) == NULL);
	waypoint_free(root);
}

static void test_what_is_no_path_is_refused(void)
{
	struct waypoint *root = waypoint_new_root(), *p;
	struct err err = ERR_INIT;
	char *deep = xcalloc(1, PATH_LEN_MAX + 10);

	memset(deep, '/', PATH_LEN_MAX + 5);
	CHECK(waypoint_add(root, "x", &p, &err) == ERR_USAGE);
	CHECK(waypoint_add(root, "", &p, &err) == ERR_USAGE);
	CHECK(waypoint_add(root, "/x/../y", &p, &err) == ERR_USAGE);
	CHECK(waypoint_add(root, "/..", &p, &err) == ERR_USAGE);
	CHECK(waypoint_add(root, deep, &p, &err) == ERR_USAGE);
	CHECK(waypoint_add(root, "/...", &p, &err) == 0 && path_is(p, "/..."));
	sys_free(deep);
	waypoint_free(root);
}

static int note(struct waypoint *p, void *data, struct err *err)
{
	struct buf *out = data;
	char *path = waypoint_path(p);

	(void)err;
	buf_put_str(out, path);
	buf_put_u8(out, ' ');
	sys_free(path);
	return 0;
}

static int stop(struct waypoint *p, void *data, struct err *err)
{
	(void)data;
	return err_set(err, ERR_FAILED, "%s", p->name);
}

static void test_wanted_places_come_in_the_order_of_a_walk(void)
{
	static const char *const paths[] = { "/b", "/a/z", "/a", "/a-b", "/a/b/c" };
	struct waypoint *root = waypoint_new_root(), *p;
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < 5; i++) {
		CHECK(waypoint_add(root, paths[i], &p, &err) == 0);
		p->is_wanted = true;
	}
	CHECK(waypoint_each(root, note, &out, &err) == 0);
	CHECK(strcmp(buf_str(&out), "/a /a/b/c /a/z /a-b /b ") == 0);
	CHECK(waypoint_each(root, stop, NULL, &err) == ERR_FAILED && strcmp(err.msg, "a") == 0);
	CHECK(waypoint_add(root, "/a/b", &p, &err) == 0 && waypoint_is_covered(p));
	CHECK(waypoint_add(root, "/c/d", &p, &err) == 0 && !waypoint_is_covered(p));
	buf_release(&out);
	waypoint_free(root);
}

static void resolves(const char *typed, const char *want)
{
	struct err err = ERR_INIT;
	char *path = source_resolve(typed, &err), *whole = xasprintf("%s%s", scratch_root, want);

	if (!path || strcmp(path, whole) != 0) {
		printf("# '%s' is '%s', not '%s'\n", typed, path ? path : err.msg, whole);
		CHECK(!"resolved");
	}
	sys_free(path);
	sys_free(whole);
}

/* What is typed from within SCRATCH/d, which has folders e and f/g and links. */
static void test_what_is_typed_is_what_is_meant(void)
{
	struct err err = ERR_INIT;

	mkdir(scratch("d"), 0700);
	mkdir(scratch("d/e"), 0700);
	mkdir(scratch("f"), 0700);
	mkdir(scratch("f/g"), 0700);
	REQUIRE(symlink("../f/g", scratch("d/link")) == 0);
	REQUIRE(symlink("nowhere", scratch("d/dangling")) == 0);
	REQUIRE(symlink("e", scratch("d/le")) == 0);
	REQUIRE(close(creat(scratch("d/file"), 0600)) == 0);
	REQUIRE(symlink("file", scratch("d/lfile")) == 0);
	REQUIRE(chdir(scratch("d")) == 0);
	resolves("e", "/d/e");
	resolves(".", "/d");
	resolves("..", "");
	resolves("./e/../e//", "/d/e");
	resolves("le", "/d/e");			/* a link to a folder is the folder */
	resolves("link/..", "/f");		/* as the system takes it, not by letters */
	resolves("lfile", "/d/lfile");		/* a link to a file is itself */
	resolves("link/new", "/f/g/new");
	resolves("dangling", "/d/dangling");
	resolves("no/such/file", "/d/no/such/file");
	resolves("file/", "/d/file");
	resolves(scratch("d/../f"), "/f");
	CHECK(source_resolve("", &err) == NULL && err.code == ERR_USAGE);
	char *root = source_resolve("/", &err);
	CHECK(root && strcmp(root, "/") == 0);
	sys_free(root);
	root = source_resolve("//..//", &err);
	CHECK(root && strcmp(root, "/") == 0);
	sys_free(root);
	REQUIRE(chdir("/") == 0);
}

UNIT_MAIN(test_paths_are_places_of_one_tree, test_what_is_no_path_is_refused,
	  test_wanted_places_come_in_the_order_of_a_walk, test_what_is_typed_is_what_is_meant)
