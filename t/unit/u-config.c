/* Settings: our own reader against libgit2's, and who wins. */

#include <stdlib.h>

#include "lib/config-internal.h"
#include "lib/config.h"
#include "lib/file.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static void write_text(const char *path, const char *text)
{
	struct err err = ERR_INIT;

	if (file_write(path, text, strlen(text), 0, 0600, &err) < 0)
		printf("# %s\n", err.msg);
}

static bool same_str(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* True when both readers find the same settings in `text`, and ours can read it at all. */
static bool read_alike(const char *text)
{
	struct config_list ours = CONFIG_LIST_INIT, theirs = CONFIG_LIST_INIT;
	const char *path = scratch("alike");
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	bool same;

	write_text(path, text);
	buf_put_str(&b, text);
	same = config_scan(path, &b, &ours) && config_git_read(path, &theirs, &err) == 0 &&
	       ours.nr == theirs.nr;
	for (size_t i = 0; same && i < ours.nr; i++)
		same = same_str(ours.v[i].key, theirs.v[i].key) &&
		       same_str(ours.v[i].value, theirs.v[i].value);
	if (!same)
		printf("# %zu against %zu settings in: %s (%s)\n", ours.nr, theirs.nr, text,
		       err.msg);
	config_list_release(&ours);
	config_list_release(&theirs);
	buf_release(&b);
	return same;
}

static void test_plain_files_read_as_libgit2_reads_them(void)
{
	CHECK(read_alike(""));
	CHECK(read_alike("\n\n# c\n ; d\n"));
	CHECK(read_alike("[core]\n\tlockWait = 5\n\tMEMORY=2G\n"));
	CHECK(read_alike("[CORE]\nx = a b  c \t # why\ny=\"a # b\" ; c\nz = \"a\" b\"c \"  \n"));
	CHECK(read_alike("[a \"B.c D\"] # x\nk = \\\"q\\\" \\\\ \\n \\t\n[a]\nk\nl =\nm = \"\"\n"));
	CHECK(read_alike("[a]\nk1-x = v\nk1-x = w\n[b]\n[a]\nk1-x = u"));
	CHECK(read_alike("[a]\n  bare # why\n  other\n"));
	CHECK(read_alike("[a]\nx = \"  in  \"  \ny = tail\t \t\n"));
	CHECK(read_alike("[a \"\xc3\xa9\"]\nx = \xc3\xa9\xff\n"));
}

static bool is_left_to_libgit2(const char *text)
{
	struct config_list list = CONFIG_LIST_INIT;
	struct buf b = BUF_INIT;
	bool left;

	buf_put_str(&b, text);
	left = !config_scan("x", &b, &list) && list.nr == 0;
	config_list_release(&list);
	buf_release(&b);
	return left;
}

static void test_what_is_not_plain_is_left_to_libgit2(void)
{
	CHECK(is_left_to_libgit2("[a]\nx = 1\n[include]\npath = y\n"));
	CHECK(is_left_to_libgit2("[IncludeIf \"x\"]\npath = y\n"));
	CHECK(is_left_to_libgit2("[a]\nx = b\\\nc\n"));
	CHECK(is_left_to_libgit2("[a.b]\nx = 1\n"));
	CHECK(is_left_to_libgit2("[a\n"));
	CHECK(is_left_to_libgit2("[a] x = 1\n"));
	CHECK(is_left_to_libgit2("x = 1\n"));
	CHECK(is_left_to_libgit2("[a]\nx = \"1\n"));
	CHECK(is_left_to_libgit2("[a]\nx = \\q\n"));
	CHECK(is_left_to_libgit2("[a]\nx y\n"));
	CHECK(is_left_to_libgit2("[a]\nx = 1\r\n"));
	CHECK(is_left_to_libgit2("[a]\nx = 1 \v\n"));
	CHECK(is_left_to_libgit2("\xef\xbb\xbf[a]\n"));
	CHECK(is_left_to_libgit2("[a]\n_x = 1\n"));
}

static struct config *open_config(const char *text)
{
	struct config *c = NULL;
	struct err err = ERR_INIT;

	setenv("UB_TEST_ETC", scratch("etc"), 1);
	setenv("XDG_CONFIG_HOME", scratch("user"), 1);
	write_text(scratch("config"), text);
	if (config_open(scratch("config"), &c, &err) < 0)
		printf("# %s\n", err.msg);
	return c;
}

static bool get_is(struct config *c, const char *key, const char *want)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	bool same = config_get_str(c, key, &b, &err) == 0 && strcmp(buf_str(&b), want) == 0;

	buf_release(&b);
	return same;
}

static void test_defaults_stand_where_nothing_is_set(void)
{
	struct config *c = open_config("");
	struct err err = ERR_INIT;
	uint64_t v = 0;

	REQUIRE(c);
	CHECK(config_get_uint(c, "core.lockWait", &v, &err) == 0 && v == 60);
	CHECK(config_get_size(c, "pack.size", &v, &err) == 0 && v == 64 << 20);
	CHECK(get_is(c, "commit.verify", "full"));
	CHECK(config_get_str(c, "store.data", &(struct buf)BUF_INIT, &err) == ERR_NOT_FOUND);
	config_free(c);
}

static void test_the_last_and_the_strongest_win(void)
{
	struct config *c;
	struct err err = ERR_INIT;

	setenv("UB_PACK_SIZE", "8M", 1);
	c = open_config("[core]\nlockWait = 1\nlockwait = 2\n[pack]\nsize = 5M\n");
	unsetenv("UB_PACK_SIZE");
	REQUIRE(c);
	CHECK(get_is(c, "core.lockWait", "2"));
	CHECK(get_is(c, "pack.size", "8M"));
	CHECK(config_override(c, "pack.size", "16M", "--pack-size", &err) == 0);
	CHECK(get_is(c, "pack.size", "16M"));
	CHECK(config_override(c, "pack.size", "1", "--pack-size", &err) == ERR_USAGE);
	CHECK(strstr(err.msg, "--pack-size"));
	CHECK(get_is(c, "pack.size", "16M"));
	config_free(c);
}

static void test_a_wrong_value_names_file_and_line(void)
{
	struct config *c = open_config("[core]\n\n\tlockWait = soon\n");
	struct err err = ERR_INIT;
	uint64_t v = 7;

	REQUIRE(c);
	CHECK(config_get_uint(c, "core.lockWait", &v, &err) == ERR_USAGE && v == 7);
	CHECK(strstr(err.msg, "config:3"));
	err_clear(&err);
	CHECK(config_check(c, &err) == ERR_USAGE && strstr(err.msg, "config:3"));
	config_free(c);
}

static void test_includes_are_followed(void)
{
	struct config *c;
	char text[600];

	write_text(scratch("other"), "[core]\nlockWait = 9\n");
	snprintf(text, sizeof(text), "[include]\npath = %s\n[core]\nmemory = 1G\n",
		 scratch("other"));
	c = open_config(text);
	REQUIRE(c);
	CHECK(get_is(c, "core.lockWait", "9") && get_is(c, "core.memory", "1G"));
	config_free(c);
}

static void test_an_edit_keeps_the_rest(void)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	const char *path = scratch("edited");

	write_text(path, "# mine\n[x \"Y\"]\n\tz = 1 # why\n");
	CHECK(config_set(path, "core.lockWait", "3", &err) == 0);
	CHECK(config_set(path, "x.Y.z", "2", &err) == 0);
	CHECK(config_set(path, "core.lockWait", "x", &err) == ERR_USAGE);
	REQUIRE(file_read(path, 4096, &b, &err) == 0);
	CHECK(strcmp(buf_str(&b), "# mine\n[x \"Y\"]\n\tz = 2\n[core]\n\tlockWait = 3\n") == 0);
	CHECK(config_unset(path, "x.Y.z", &err) == 0);
	CHECK(config_unset(path, "x.Y.z", &err) == ERR_NOT_FOUND);
	buf_release(&b);
}

/* What a list in the file has, one after the other; and it is taken out again by its value. */
static void test_any_value_is_added_and_removed(void)
{
	static const char *const values[] = {
		"plain", "two words", " blank in front", "blank behind ", "quote\"", "back\\slash",
		"\\n", "new\nline", "line\n", "tab\tinside", "\ttab", "tab\t", "#no comment",
		"no ; comment", "a=b", "[section]", "$(x)`y`", "\377\376", "caf\303\251", "\"",
		"\\", "q\"#\"", "a\rb", "a.*", "(", "x\001y",
	};
	const char *path = scratch("values");
	const size_t nr = sizeof(values) / sizeof(*values);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < nr; i++)
		if (config_add(path, "source.dev.path", values[i], &err) < 0)
			printf("# %zu: %s\n", i, err.msg);
	for (size_t gone = 0; gone <= nr; gone++) {
		struct config_list list = CONFIG_LIST_INIT;
		if (gone < nr || sys_access(path, F_OK) == 0)
			CHECK(config_git_read(path, &list, &err) == 0);
		CHECK(list.nr == nr - gone);
		for (size_t i = 0; i < list.nr && gone + i < nr; i++)
			if (!same_str(list.v[i].value, values[gone + i]))
				CHECK(!printf("# %zu is '%s'\n", gone + i, list.v[i].value));
		config_list_release(&list);
		if (gone < nr && config_remove(path, "source.dev.path", values[gone], &err) < 0)
			printf("# %zu: %s\n", gone, err.msg);
	}
}

UNIT_MAIN(test_plain_files_read_as_libgit2_reads_them, test_what_is_not_plain_is_left_to_libgit2,
	  test_defaults_stand_where_nothing_is_set, test_the_last_and_the_strongest_win,
	  test_a_wrong_value_names_file_and_line, test_includes_are_followed,
	  test_an_edit_keeps_the_rest, test_any_value_is_added_and_removed)
