/* Paths and the user's folders. */

#include <stdlib.h>

#include "lib/path.h"
#include "lib/sys.h"
#include "t/unit/unit.h"

static bool is(char *path, const char *want)
{
	bool same = want ? path && strcmp(path, want) == 0 : !path;

	sys_free(path);
	return same;
}

static void test_one_slash_joins(void)
{
	CHECK(is(path_join("a", "b"), "a/b"));
	CHECK(is(path_join("a//", "b"), "a/b"));
	CHECK(is(path_join("/", "b"), "/b"));
	CHECK(is(path_join("", "b"), "b"));
}

static void test_xdg_variables_count_when_absolute(void)
{
	setenv("HOME", "/h", 1);
	setenv("XDG_DATA_HOME", "/d/", 1);
	CHECK(is(path_data_home(), "/d/ub"));
	setenv("XDG_DATA_HOME", "relative", 1);
	CHECK(is(path_data_home(), "/h/.local/share/ub"));
	setenv("XDG_STATE_HOME", "", 1);
	CHECK(is(path_state_home(), "/h/.local/state/ub"));
	unsetenv("XDG_CONFIG_HOME");
	CHECK(is(path_config_home(), "/h/.config/ub"));
	unsetenv("XDG_CACHE_HOME");
	CHECK(is(path_cache_home(), "/h/.cache/ub"));
}

static void test_without_a_home_there_is_none(void)
{
	unsetenv("HOME");
	unsetenv("XDG_STATE_HOME");
	CHECK(is(path_state_home(), NULL));
	setenv("HOME", "", 1);
	CHECK(is(path_state_home(), NULL));
}

static void test_clean_paths_have_no_dots_and_no_outer_slashes(void)
{
	CHECK(is(path_clean("/"), ""));
	CHECK(is(path_clean(""), ""));
	CHECK(is(path_clean("//a//b/"), "a/b"));
	CHECK(is(path_clean("/a/./b/../c"), "a/c"));
	CHECK(is(path_clean("/../../a/..b/.c/..."), "a/..b/.c/..."));
	CHECK(is(path_clean("/a/.."), ""));
	CHECK(is(path_clean_at("/h/x", "b/../c"), "h/x/c"));
	CHECK(is(path_clean_at("/h/x", "../.."), ""));
	CHECK(is(path_clean_at("/h/x", "/c"), "c"));
	CHECK(is(path_clean_at("/", "c"), "c"));
}

UNIT_MAIN(test_one_slash_joins, test_xdg_variables_count_when_absolute,
	  test_without_a_home_there_is_none, test_clean_paths_have_no_dots_and_no_outer_slashes)
