#include "lib/buf.h"
#include "lib/reader.h"
#include "t/unit/unit.h"

static void test_reads_what_was_put(void)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	struct reader r;
	unsigned char copy[2];
	size_t n;

	buf_put_u8(&b, 9);
	buf_put_u16le(&b, 0x1234);
	buf_put_u32le(&b, 0x89abcdef);
	buf_put_u64le(&b, UINT64_MAX - 1);
	buf_put_lenbytes(&b, "name", 4);
	buf_put(&b, "xy", 2);
	reader_init(&r, b.data, b.len);
	CHECK(reader_u8(&r) == 9);
	CHECK(reader_u16le(&r) == 0x1234);
	CHECK(reader_u32le(&r) == 0x89abcdef);
	CHECK(reader_u64le(&r) == UINT64_MAX - 1);
	const unsigned char *p = reader_lenbytes(&r, 4, &n);
	CHECK(p && n == 4 && memcmp(p, "name", 4) == 0);
	CHECK(reader_left(&r) == 2);
	CHECK(reader_end(&r, "thing", &err) == ERR_CORRUPT);
	CHECK(strcmp(err.msg, "thing has 2 bytes too many") == 0);
	reader_copy(&r, copy, 2);
	CHECK(memcmp(copy, "xy", 2) == 0);
	CHECK(reader_ok(&r) && reader_end(&r, "thing", &err) == 0);
	buf_release(&b);
}

static void test_past_the_end_all_is_zero_and_failed(void)
{
	struct err err = ERR_INIT;
	struct reader r;
	unsigned char copy[4] = { 1, 1, 1, 1 };
	size_t n = 5;

	reader_init(&r, "abc", 3);
	CHECK(reader_u32le(&r) == 0 && !reader_ok(&r));
	CHECK(reader_u8(&r) == 0 && reader_left(&r) == 0);
	CHECK(!reader_bytes(&r, 0));
	reader_copy(&r, copy, 4);
	CHECK(memcmp(copy, "\0\0\0\0", 4) == 0);
	CHECK(!reader_lenbytes(&r, 10, &n) && n == 0);
	CHECK(reader_varint(&r) == 0);
	CHECK(reader_end(&r, "thing", &err) == ERR_CORRUPT);
	reader_init(&r, NULL, 0);
	CHECK(reader_ok(&r) && reader_end(&r, "nothing", &err) == 0);
	reader_init(&r, NULL, 3);
	CHECK(!reader_ok(&r));
}

static uint64_t varint(const char *p, size_t n, bool *ok)
{
	struct reader r;

	reader_init(&r, p, n);
	uint64_t v = reader_varint(&r);
	*ok = reader_ok(&r) && reader_left(&r) == 0;
	return v;
}

static void test_varints_have_one_form(void)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, 1ull << 32, 1ull << 62,
					   1ull << 63, UINT64_MAX };
	bool ok;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf b = BUF_INIT;
		buf_put_varint(&b, values[i]);
		CHECK(varint(buf_str(&b), b.len, &ok) == values[i] && ok);
		/* one byte less, and a needless zero at the end */
		varint(buf_str(&b), b.len - 1, &ok);
		CHECK(!ok);
		b.data[b.len - 1] |= 0x80;
		buf_put_u8(&b, 0);
		varint(buf_str(&b), b.len, &ok);
		CHECK(!ok);
		buf_release(&b);
	}
	varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 10, &ok);
	CHECK(!ok);
	varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11, &ok);
	CHECK(!ok);
}

static void test_a_length_past_its_limit_fails(void)
{
	struct reader r;
	size_t n;

	reader_init(&r, "\5hello", 6);
	CHECK(!reader_lenbytes(&r, 4, &n) && !reader_ok(&r));
	reader_init(&r, "\6hello", 6);
	CHECK(!reader_lenbytes(&r, 100, &n) && !reader_ok(&r));
	reader_init(&r, "\0", 1);
	CHECK(reader_lenbytes(&r, 0, &n) && n == 0 && reader_ok(&r));
}

UNIT_MAIN(test_reads_what_was_put, test_past_the_end_all_is_zero_and_failed,
	  test_varints_have_one_form, test_a_length_past_its_limit_fails)
