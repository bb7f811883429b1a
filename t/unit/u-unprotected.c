/* What of a home folder no source covers. */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/sys.h"
#include "fs/unprotected.h"

#include "scratch.h"
#include "unit.h"

static void put_file(const char *name, size_t size)
{
	static const char zeros[1000];
	int fd = open(scratch(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, zeros, size) != (ssize_t)size || close(fd) < 0)
		abort();
}

static void put_folder(const char *name)
{
	mkdir(scratch(name), 0755);
}

static void setup(void)
{
	put_folder("home");
	put_folder("home/a");
	put_folder("home/a/b");
	put_folder("home/a/b/c");
	put_folder("home/empty");
	put_folder("home/own");
	put_file("home/a/1", 100);
	put_file("home/a/b/2", 200);
	put_file("home/a/b/c/3", 300);
	put_file("home/own/4", 400);
	put_file("home/small", 10);
}

static const struct unprotected_limits ample = { UINT64_C(60000000000), 1000000, 1000 };

static int find(struct unprotected_list *out, const char *source,
		const struct unprotected_limits *limits)
{
	struct waypoint *root = waypoint_new_root(), *p;
	struct err err = ERR_INIT;
	struct stat st;
	int ret = 0;

	setup();
	if (source) {
		char *real = sys_realpath(scratch("home"));
		char *path = xasprintf("%s%s", real, source);
		ret = waypoint_add(root, path, &p, &err);
		p->is_source = true;
		sys_free(path);
		sys_free(real);
	}
	if (stat(scratch("home/own"), &st) < 0)
		abort();
	const struct scan_skip skip = {
		(uint64_t)major(st.st_dev) << 32 | minor(st.st_dev), st.st_ino, "the repository",
	};
	if (ret == 0)
		ret = unprotected_find(out, scratch("home"), root, &skip, 1, limits, &err);
	waypoint_free(root);
	return ret;
}

static const struct unprotected *part(const struct unprotected_list *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < l->nr; i++) {
		size_t len = strlen(l->v[i].path);
		if (len > n && strcmp(l->v[i].path + len - n, name) == 0)
			return &l->v[i];
	}
	return NULL;
}

static void test_parts_are_what_lies_in_the_folder(void)
{
	struct unprotected_list l = UNPROTECTED_LIST_INIT;

	REQUIRE(find(&l, NULL, &ample) == 0);
	REQUIRE(l.nr == 2 && !l.is_cut);
	CHECK(strstr(l.v[0].path, "/home/a") && l.v[0].bytes == 600 && l.v[0].files == 3);
	CHECK(strstr(l.v[1].path, "/home/small") && l.v[1].bytes == 10 && l.v[1].files == 1);
	CHECK(l.v[0].is_complete && l.v[1].is_complete && l.v[0].since_s > 1500000000);
	unprotected_list_release(&l);
}

static void test_a_source_that_lies_deeper_leaves_the_rest(void)
{
	struct unprotected_list l = UNPROTECTED_LIST_INIT;

	REQUIRE(find(&l, "/a/b/c", &ample) == 0);
	CHECK(l.nr == 3 && part(&l, "/a/1") && part(&l, "/a/b/2") && part(&l, "/small"));
	unprotected_list_release(&l);
}

static void test_the_whole_folder_as_a_source_leaves_nothing(void)
{
	struct unprotected_list l = UNPROTECTED_LIST_INIT;

	CHECK(find(&l, "", &ample) == 0 && l.nr == 0);
	unprotected_list_release(&l);
}

static void test_limits_make_a_part_incomplete(void)
{
	struct unprotected_list l = UNPROTECTED_LIST_INIT;
	struct unprotected_limits few = { UINT64_C(60000000000), 4, 1000 };
	struct unprotected_limits no_time = { 0, 1000, 1000 }, one = { 1000000000, 1000, 1 };

	/* Two folders share four entries; what the empty one leaves goes to whoever is next. */
	REQUIRE(find(&l, NULL, &few) == 0 && part(&l, "/a"));
	CHECK(!part(&l, "/a")->is_complete && part(&l, "/a")->bytes < 600);
	CHECK(part(&l, "/small")->is_complete);
	unprotected_list_release(&l);
	REQUIRE(find(&l, NULL, &no_time) == 0 && part(&l, "/a"));
	CHECK(!part(&l, "/a")->is_complete && part(&l, "/a")->bytes == 0);
	unprotected_list_release(&l);
	REQUIRE(find(&l, "/a", &one) == 0);
	CHECK(l.is_cut && l.nr <= 1);
	unprotected_list_release(&l);
}

static void test_a_folder_that_is_not_there(void)
{
	struct unprotected_list l = UNPROTECTED_LIST_INIT;
	struct waypoint *root = waypoint_new_root();
	struct err err = ERR_INIT;

	CHECK(unprotected_find(&l, scratch("nowhere"), root, NULL, 0, &ample, &err) ==
	      ERR_NOT_FOUND);
	unprotected_list_release(&l);
	waypoint_free(root);
}

UNIT_MAIN(test_parts_are_what_lies_in_the_folder, test_a_source_that_lies_deeper_leaves_the_rest,
	  test_the_whole_folder_as_a_source_leaves_nothing, test_limits_make_a_part_incomplete,
	  test_a_folder_that_is_not_there)
