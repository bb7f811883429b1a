/* Patterns in .gitignore's grammar; t2010 compares with git itself. */
#include <stdlib.h>

#include "lib/sys.h"
#include "fs/ignore.h"
#include "t/unit/unit.h"

/* A path that ends in a slash is a folder. */
static bool is_out(const char *rule, bool folds, const char *path)
{
	struct ignore_rules *r = ignore_new(NULL);
	char *bare = xstrdup(path);
	size_t n = strlen(bare);
	bool is_dir = n > 0 && bare[n - 1] == '/';

	if (is_dir)
		bare[n - 1] = '\0';
	ignore_add(r, rule, folds);
	size_t pattern;
	bool answer = ignore_ask(r, bare, is_dir, &pattern) == IGNORE_LEFT_OUT;
	sys_free(bare);
	ignore_free(r);
	return answer;
}

/* By which pattern is a file left out?  NULL: it is not. */
static const char *rule_for(const struct ignore_rules *r, const char *path)
{
	static struct buf rule = BUF_INIT;
	size_t pattern;

	if (ignore_ask(r, path, false, &pattern) != IGNORE_LEFT_OUT)
		return NULL;
	buf_reset(&rule);
	ignore_put_rule(r, pattern, &rule);
	return buf_str(&rule);
}

static const struct { const char *rule, *path; bool is_out, folds; } cases[] = {
	/* names, paths */
	{ "a", "a", true, false }, { "a", "x/a", true, false }, { "a", "ab", false, false },
	{ "a", "a/", true, false }, { "/a", "a", true, false }, { "/a", "x/a", false, false },
	{ "x/a", "x/a", true, false }, { "x/a", "y/x/a", false, false },
	{ "/x/a", "x/a", true, false }, { "a/", "a/", true, false }, { "a/", "a", false, false },
	{ "x/a/", "x/a/", true, false }, { "x/a/", "x/a", false, false },
	/* stars */
	{ "*", "x", true, false }, { "*.o", "a.o", true, false }, { "*.o", "x/a.o", true, false },
	{ "*.o", ".o", true, false }, { "x/*.o", "x/a.o", true, false },
	{ "x/*.o", "x/y/a.o", false, false }, { "a*b*c", "aXbYc", true, false },
	{ "a*b*c", "aXbY", false, false }, { "?", "x", true, false }, { "?", "xy", false, false },
	{ "x?y", "x/y", false, false }, { "*a", "bcda", true, false },
	/* two stars */
	{ "**/a", "a", true, false }, { "**/a", "x/y/a", true, false },
	{ "a/**", "a/b/c", true, false }, { "a/**", "a/", false, false },
	{ "a/**/b", "a/b", true, false }, { "a/**/b", "a/x/y/b", true, false },
	{ "a/**/b", "a/xb", false, false }, { "**", "a/b", true, false },
	{ "**/a/**/b", "x/a/y/z/b", true, false }, { "**/a/*/b", "x/a/y/a/z/b", true, false },
	{ "a/**/*.o", "a/b.o", true, false }, { "a/**/*.o", "a/x/b.o", true, false },
	/* brackets */
	{ "[ab]", "a", true, false }, { "[ab]", "c", false, false }, { "[!ab]", "c", true, false },
	{ "[^ab]", "a", false, false }, { "[a-c]", "b", true, false }, { "[]]", "]", true, false },
	{ "[!]]", "]", false, false }, { "[a-]", "-", true, false }, { "[]-a]", "^", true, false },
	{ "[b-a]", "b", true, false }, { "[b-a]", "a", false, false },
	{ "[[:digit:]]", "7", true, false }, { "[[:digit:]]", "x", false, false },
	{ "[[:alpha:]_]", "_", true, false }, { "[\\]]", "]", true, false },
	{ "[a", "[a", false, false }, { "x[/]y", "x/y", false, false },
	{ "[!a]", "/", false, false },
	/* quoting, comments, blanks */
	{ "\\a", "a", true, false }, { "\\*", "*", true, false }, { "\\*", "x", false, false },
	{ "\\!a", "!a", true, false }, { "\\#a", "#a", true, false }, { "#a", "#a", false, false },
	{ "a ", "a", true, false }, { "a\\ ", "a ", true, false }, { "a b", "a b", true, false },
	{ "\\", "\\", false, false }, { "\\\\", "\\", true, false }, { "", "a", false, false },
	{ "/", "a/", false, false }, { "!", "a", false, false }, { "!a", "a", false, false },
	/* case */
	{ "A", "a", true, true }, { "a", "A", true, true }, { "*.TMP", "x.tmp", true, true },
	{ "[A-C]", "b", true, true }, { "[!a]", "A", false, true }, { "A", "a", false, false },
};

static void test_patterns_fit_as_in_git(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (is_out(cases[i].rule, cases[i].folds, cases[i].path) != cases[i].is_out) {
			printf("# '%s' and '%s'\n", cases[i].rule, cases[i].path);
			CHECK(!"as it should");
		}
}

static void test_the_last_that_fits_decides_and_is_named(void)
{
	struct ignore_rules *r = ignore_new(NULL);

	CHECK(ignore_is_empty(r));
	CHECK(rule_for(r, "a") == NULL);
	ignore_add(r, "*.o", false);
	ignore_add(r, "!keep.o", false);
	ignore_add(r, "/x/keep.o", false);
	CHECK(!ignore_is_empty(r));
	CHECK(strcmp(rule_for(r, "a.o"), "*.o") == 0);
	CHECK(rule_for(r, "keep.o") == NULL);
	CHECK(rule_for(r, "y/keep.o") == NULL);
	CHECK(strcmp(rule_for(r, "x/keep.o"), "/x/keep.o") == 0);
	ignore_free(r);
}

static void test_comments_alone_are_no_rules(void)
{
	struct ignore_rules *r = ignore_new(NULL);

	ignore_add(r, "# nothing", false);
	ignore_add(r, "", false);
	ignore_add(r, "   ", false);
	CHECK(ignore_is_empty(r));
	ignore_free(r);
}

UNIT_MAIN(test_patterns_fit_as_in_git, test_the_last_that_fits_decides_and_is_named,
	  test_comments_alone_are_no_rules)
