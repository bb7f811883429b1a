/* Writing JSON. */

#include <math.h>

#include "lib/json.h"
#include "t/unit/unit.h"

static bool is(struct buf *b, const char *want)
{
	bool same = strcmp(buf_str(b), want) == 0;

	if (!same)
		printf("# got  %s# want %s", buf_str(b), want);
	buf_release(b);
	return same;
}

static void test_an_object_is_a_line_with_its_type_first(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, "file");
	json_u64(&j, "size", UINT64_MAX);
	json_i64(&j, "low", INT64_MIN);
	json_bool(&j, "ok", true);
	json_null(&j, "none");
	json_double(&j, "x", 0.5);
	json_double(&j, "nan", (double)NAN);
	json_hex(&j, "id", "\x01\xff", 2);
	json_end(&j);
	CHECK(is(&b, "{\"type\":\"file\",\"size\":18446744073709551615,"
		     "\"low\":-9223372036854775808,"
		     "\"ok\":true,\"none\":null,\"x\":0.500,\"nan\":null,\"id\":\"01ff\"}\n"));
}

static void test_nested_objects_and_arrays_have_their_commas(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, NULL);
	json_array_begin(&j, "a");
	json_u64(&j, NULL, 1);
	json_object_begin(&j, NULL);
	json_str(&j, "x", "y");
	json_object_end(&j);
	json_array_begin(&j, NULL);
	json_array_end(&j);
	json_array_end(&j);
	json_str(&j, "b", "");
	json_end(&j);
	CHECK(is(&b, "{\"a\":[1,{\"x\":\"y\"},[]],\"b\":\"\"}\n"));
}

static void test_strings_are_escaped(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, NULL);
	json_strn(&j, "s", "a\"\\\n\t\x01\x7f\0\xc3\xa9", 10);
	json_end(&j);
	CHECK(is(&b, "{\"s\":\"a\\\"\\\\\\n\\t\\u0001\\u007f\\u0000\xc3\xa9\"}\n"));
}

static void test_a_path_that_is_not_utf8_adds_its_bytes(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, NULL);
	json_path(&j, "path", "a/b", 3);
	json_path(&j, "old", "a\xff", 2);
	json_end(&j);
	CHECK(is(&b, "{\"path\":\"a/b\",\"old\":\"a\xef\xbf\xbd\",\"old_b64\":\"Yf8=\"}\n"));
}

static void test_base64_is_padded(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, NULL);
	json_b64(&j, "a", "", 0);
	json_b64(&j, "b", "f", 1);
	json_b64(&j, "c", "fo", 2);
	json_b64(&j, "d", "foo", 3);
	json_b64(&j, "e", "foob", 4);
	json_end(&j);
	CHECK(is(&b, "{\"a\":\"\",\"b\":\"Zg==\",\"c\":\"Zm8=\","
		     "\"d\":\"Zm9v\",\"e\":\"Zm9vYg==\"}\n"));
}

static void test_utf8_has_no_long_forms_and_no_surrogates(void)
{
	CHECK(utf8_is_valid("", 0));
	CHECK(utf8_is_valid("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80", 10));
	CHECK(!utf8_is_valid("\xc0\x80", 2));
	CHECK(!utf8_is_valid("\xe0\x9f\xbf", 3));
	CHECK(!utf8_is_valid("\xed\xa0\x80", 3));
	CHECK(!utf8_is_valid("\xf4\x90\x80\x80", 4));
	CHECK(!utf8_is_valid("\xf8\x88\x80\x80\x80", 5));
	CHECK(!utf8_is_valid("\xc3", 1));
	CHECK(!utf8_is_valid("\x80", 1));
}

static void test_times_are_utc(void)
{
	struct buf b = BUF_INIT;
	struct json j;

	json_begin(&j, &b, NULL);
	json_time(&j, "a", 0, 0);
	json_time(&j, "b", -1, 5);
	json_time(&j, "c", 253402300799, 999999999);
	json_time(&j, "d", INT64_MAX, 0);
	json_time(&j, "e", INT64_MIN, 0);
	json_end(&j);
	CHECK(is(&b, "{\"a\":\"1970-01-01T00:00:00Z\",\"b\":\"1969-12-31T23:59:59.000000005Z\","
		     "\"c\":\"9999-12-31T23:59:59.999999999Z\",\"d\":\"9999-12-31T23:59:59Z\","
		     "\"e\":\"0000-01-01T00:00:00Z\"}\n"));
}

UNIT_MAIN(test_an_object_is_a_line_with_its_type_first,
	  test_nested_objects_and_arrays_have_their_commas, test_strings_are_escaped,
	  test_a_path_that_is_not_utf8_adds_its_bytes, test_base64_is_padded,
	  test_utf8_has_no_long_forms_and_no_surrogates, test_times_are_utc)
