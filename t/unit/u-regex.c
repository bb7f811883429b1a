/* Matching: held against the C library on small patterns, and bounded on bad ones. */

#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>

#include "lib/regex.h"
#include "t/unit/unit.h"

static bool fits(const char *pattern, unsigned int flags, const char *text)
{
	struct regex *r = NULL;
	struct err err = ERR_INIT;
	bool ok = regex_new(&r, pattern, flags, &err) == 0 && regex_match(r, text, strlen(text));

	regex_free(r);
	return ok;
}

static bool is_refused(const char *pattern, unsigned int flags)
{
	struct regex *r = NULL;
	struct err err = ERR_INIT;
	int ret = regex_new(&r, pattern, flags, &err);

	regex_free(r);
	return ret == ERR_USAGE && err.msg[0];
}

static void put_random(char *out, const char *alphabet, size_t max)
{
	size_t n = (size_t)rand() % (max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(size_t)rand() % strlen(alphabet)];
	out[n] = '\0';
}

static void test_expressions_are_as_in_the_c_library(void)
{
	char pattern[16], text[16];

	srand(1);
	for (unsigned int i = 0; i < 30000; i++) {
		struct regex *r = NULL;
		struct err err = ERR_INIT;
		regex_t re;
		put_random(pattern, "ab.*+?|()[]", 8);
		if (regex_new(&r, pattern, 0, &err) < 0)
			continue;
		if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) == 0) {
			for (unsigned int k = 0; k < 4; k++) {
				put_random(text, "abc", 8);
				bool want = regexec(&re, text, 0, NULL, 0) == 0;
				bool got = regex_match(r, text, strlen(text));
				if (want != got)
					printf("# '%s' '%s'\n", pattern, text);
				CHECK(want == got);
			}
			regfree(&re);
		}
		regex_free(r);
	}
}

static void test_shell_patterns_are_as_in_the_c_library(void)
{
	char pattern[16], text[16];

	srand(2);
	for (unsigned int i = 0; i < 30000; i++) {
		put_random(pattern, "ab*?/", 8);
		put_random(text, "abc/", 8);
		if (strstr(pattern, "**"))
			continue;
		bool want = fnmatch(pattern, text, FNM_PATHNAME) == 0;
		if (fits(pattern, REGEX_GLOB, text) != want)
			printf("# '%s' '%s'\n", pattern, text);
		CHECK(fits(pattern, REGEX_GLOB, text) == want);
	}
}

static void test_marks(void)
{
	CHECK(fits("^a{2,3}$", 0, "aaa") && !fits("^a{2,3}$", 0, "aaaa"));
	CHECK(fits("^(ab){2}$", 0, "abab") && fits("x{0}y", 0, "y") && fits("^a{2,}$", 0, "aaaa"));
	CHECK(fits("\\d+\\.[[:alpha:]]", 0, "x12.y") && !fits("\\D", 0, "12"));
	CHECK(fits("readme", REGEX_FOLDS, "READme") && fits("[a-c]X", REGEX_FOLDS, "Bx"));
	CHECK(fits("^.$", 0, "\303\244") && fits("?", REGEX_GLOB, "\303\244"));
	CHECK(fits("^.$", 0, "\377") && fits("^\303\244*$", 0, "\303\244\303\244"));
	CHECK(fits("[x\303\244]", REGEX_GLOB, "\303\244"));
	CHECK(!fits("[x\303\244]", REGEX_GLOB, "\303\266"));
	CHECK(fits("a/**/b", REGEX_GLOB, "a/b") && fits("a/**/b", REGEX_GLOB, "a/x/y/b"));
	CHECK(fits("a**b", REGEX_GLOB, "a/x/b") && !fits("a*b", REGEX_GLOB, "a/b"));
	CHECK(fits("[!a]\\*", REGEX_GLOB, "b*") && !fits("[!a]", REGEX_GLOB, "a"));
	CHECK(fits("$^", 0, "") && !fits("$^", 0, "a") && fits("", 0, "a"));
}

static void test_bad_patterns_are_refused(void)
{
	static const char *const bad[] = {
		"(", "[", "*", "a{3,2}", "a{", "a{256}", "\\", "\\q", "[b-a]", "[[:no:]]",
		"[^\303\244]",
		"((a{200}){200}){200}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(is_refused(bad[i], 0));
	CHECK(is_refused("[a", REGEX_GLOB));
}

static void test_bad_patterns_take_linear_time(void)
{
	static char text[100000];

	memset(text, 'a', sizeof(text) - 1);
	CHECK(!fits("^(a*)*(a|aa)+(a?){30}b$", 0, text));
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = rand() % 2 ? 'a' : 'b';
	CHECK(!fits("a[ab]{20}c", 0, text));	/* a million states, if all were kept */
}

/* Whatever is cut off as the head, the answer is that of the whole. */
static void test_a_text_in_two_parts_fits_as_the_whole_does(void)
{
	char pattern[16], text[16];

	srand(3);
	for (unsigned int i = 0; i < 20000; i++) {
		struct regex *r = NULL;
		struct err err = ERR_INIT;
		unsigned int flags = i & (REGEX_GLOB | REGEX_FOLDS);
		put_random(pattern, "ab.*+?|()[]^$", 8);
		if (regex_new(&r, pattern, flags, &err) < 0)
			continue;
		put_random(text, "abAB/", 10);
		size_t n = strlen(text), cut = n ? (size_t)rand() % n : 0;
		bool want = regex_match(r, text, n), can = regex_begin(r, text, cut);
		CHECK(regex_match_rest(r, text + cut, n - cut) == want);
		CHECK(can || !want);
		regex_free(r);
	}
}

static void check_literal(const char *pattern, unsigned int flags, const char *want)
{
	struct regex *r = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;

	REQUIRE(regex_new(&r, pattern, flags, &err) == 0);
	const void *p = regex_literal(r, &n);
	if (n != strlen(want) || (n > 0 && memcmp(p, want, n) != 0)) {
		printf("# '%s': '%.*s'\n", pattern, (int)n, n > 0 ? (const char *)p : "");
		CHECK(false);
	}
	regex_free(r);
}

static void test_what_must_be_there_is_known(void)
{
	check_literal("*report-1234*", REGEX_GLOB, "report-1234");
	check_literal("a/**/report?[0-9].txt", REGEX_GLOB, "report");
	check_literal("a*", REGEX_GLOB | REGEX_FOLDS, "");
	check_literal("*", REGEX_GLOB, "");
	check_literal("^home/.*[.]jpe?g$", 0, "home");
	check_literal("(abc|abd)ef+g?", 0, "ef");
	check_literal("abc|abd", 0, "");
	check_literal("a*b+cd", 0, "cd");
	check_literal("(ab){2}", 0, "abab");
	check_literal("x(yz)*", 0, "x");
	check_literal("x{0,3}", 0, "");
}

static void test_nothing_fits_without_what_must_be_there(void)
{
	char pattern[16], text[16];

	srand(4);
	for (unsigned int i = 0; i < 100000; i++) {
		struct regex *r = NULL;
		struct err err = ERR_INIT;
		size_t n = 0;
		put_random(pattern, "ab.*+?|()[]{1,}", 9);
		if (regex_new(&r, pattern, i & REGEX_GLOB, &err) < 0)
			continue;
		const void *p = regex_literal(r, &n);
		put_random(text, "ab/", 10);
		if (n > 0 && regex_match(r, text, strlen(text)))
			CHECK(memmem(text, strlen(text), p, n) != NULL);
		regex_free(r);
	}
}

UNIT_MAIN(test_expressions_are_as_in_the_c_library, test_shell_patterns_are_as_in_the_c_library,
	  test_marks, test_bad_patterns_are_refused, test_bad_patterns_take_linear_time,
	  test_a_text_in_two_parts_fits_as_the_whole_does, test_what_must_be_there_is_known,
	  test_nothing_fits_without_what_must_be_there)
