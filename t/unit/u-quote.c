/* Names with odd bytes on a line. */

#include "lib/quote.h"
#include "t/unit/unit.h"

static bool quotes_as(const char *name, size_t n, const char *want)
{
	struct buf b = BUF_INIT, back = BUF_INIT;
	struct err err = ERR_INIT;
	bool good;

	quote_put(&b, name, n);
	good = strcmp(buf_str(&b), want) == 0 &&
	       quote_read(b.data, b.len, &back, &err) == 0 && back.len == n &&
	       memcmp(back.data, name, n) == 0;
	if (!good)
		printf("# got %s\n", buf_str(&b));
	buf_release(&b);
	buf_release(&back);
	return good;
}

static void test_plain_names_stand_as_they_are(void)
{
	CHECK(quotes_as("a b'c*", 6, "a b'c*"));
}

static void test_odd_bytes_are_escaped_as_git_does(void)
{
	CHECK(quotes_as("a\nb", 3, "\"a\\nb\""));
	CHECK(quotes_as("\t\"\\", 3, "\"\\t\\\"\\\\\""));
	CHECK(quotes_as("\a\b\v\f\r", 5, "\"\\a\\b\\v\\f\\r\""));
	CHECK(quotes_as("\x01\x7f\xc3\xa9", 4, "\"\\001\\177\\303\\251\""));
}

static void test_every_byte_comes_back(void)
{
	char all[255];
	struct buf b = BUF_INIT, back = BUF_INIT;
	struct err err = ERR_INIT;

	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	quote_put(&b, all, sizeof(all));
	CHECK(quote_read(b.data, b.len, &back, &err) == 0);
	CHECK(back.len == sizeof(all) && memcmp(back.data, all, sizeof(all)) == 0);
	buf_release(&b);
	buf_release(&back);
}

static bool refused(const char *s)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int ret = quote_read(s, strlen(s), &out, &err);

	buf_release(&out);
	return ret == ERR_USAGE;
}

static void test_what_nobody_writes_is_refused(void)
{
	CHECK(refused("\""));
	CHECK(refused("\"a"));
	CHECK(refused("\"a\"b"));
	CHECK(refused("\"\\"));
	CHECK(refused("\"\\q\""));
	CHECK(refused("\"\\12\""));
	CHECK(refused("\"\\400\""));
	CHECK(refused("\"\\18x\""));
	CHECK(refused("\"a\\\""));
}

UNIT_MAIN(test_plain_names_stand_as_they_are, test_odd_bytes_are_escaped_as_git_does,
	  test_every_byte_comes_back, test_what_nobody_writes_is_refused)
