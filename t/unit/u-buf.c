#include <errno.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static void test_an_empty_buffer_is_an_empty_string(void)
{
	struct buf b = BUF_INIT;

	CHECK(strcmp(buf_str(&b), "") == 0);
	CHECK(b.len == 0 && !b.data);
	buf_reset(&b);
	buf_consume(&b, 0);
	buf_release(&b);
	buf_release(&b);
}

static void test_bytes_stay_in_order_and_end_in_nul(void)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 1000; i++) {
		buf_put(&b, "abc", 3);
		CHECK(b.data[b.len] == '\0');
	}
	CHECK(b.len == 3000 && memcmp(b.data + 2997, "abc", 4) == 0);
	buf_consume(&b, 2998);
	CHECK(strcmp(buf_str(&b), "bc") == 0);
	buf_truncate(&b, 1);
	CHECK(strcmp(buf_str(&b), "b") == 0);
	buf_put_zeros(&b, 2);
	CHECK(b.len == 3 && b.data[2] == 0);
	buf_release(&b);
}

static void test_integers_are_little_endian(void)
{
	struct buf b = BUF_INIT;

	buf_put_u8(&b, 1);
	buf_put_u16le(&b, 0x0203);
	buf_put_u32le(&b, 0x04050607);
	buf_put_u64le(&b, 0x08090a0b0c0d0e0f);
	CHECK(b.len == 15);
	CHECK(memcmp(b.data, "\1\3\2\7\6\5\4\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08", 15) == 0);
	CHECK(get_u16le(b.data + 1) == 0x0203);
	CHECK(get_u32le(b.data + 3) == 0x04050607);
	CHECK(get_u64le(b.data + 7) == 0x08090a0b0c0d0e0f);
	buf_release(&b);
}

static void test_varints_take_the_shortest_form(void)
{
	struct buf b = BUF_INIT;

	buf_put_varint(&b, 0);
	buf_put_varint(&b, 127);
	buf_put_varint(&b, 128);
	buf_put_varint(&b, UINT64_MAX);
	CHECK(b.len == 1 + 1 + 2 + 10);
	CHECK(memcmp(b.data, "\0\x7f\x80\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 14) == 0);
	buf_release(&b);
}

static void test_a_limit_is_told_before_it_is_reached(void)
{
	struct buf b;

	buf_init_max(&b, 10);
	CHECK(buf_fits(&b, 10) && !buf_fits(&b, 11) && !buf_fits(&b, SIZE_MAX));
	buf_put_str(&b, "12345678");
	CHECK(buf_fits(&b, 2) && !buf_fits(&b, 3));
	buf_release(&b);
}

static void grow_past_the_limit(void)
{
	struct buf b;

	if (!freopen("/dev/null", "w", stderr))
		exit(9);
	buf_init_max(&b, 4);
	buf_put_str(&b, "12345");
}

static void test_growing_past_the_limit_is_a_bug(void)
{
	CHECK(scratch_fork(grow_past_the_limit) == 128 + 6);
}

static void test_printf_appends(void)
{
	struct buf b = BUF_INIT, c = BUF_INIT;

	buf_printf(&b, "%d-%s", 42, "x");
	buf_printf(&b, "%0100d", 7);
	CHECK(b.len == 104 && b.data[103] == '7');
	buf_put_buf(&c, &b);
	CHECK(buf_cmp(&b, &c) == 0);
	buf_put_u8(&c, 0);
	CHECK(buf_cmp(&b, &c) < 0 && buf_cmp(&c, &b) > 0);
	buf_swap(&b, &c);
	CHECK(b.len == 105 && c.len == 104);
	buf_release(&b);
	buf_release(&c);
}

static void test_hex_takes_lower_case_alone(void)
{
	unsigned char raw[3] = { 0, 0xab, 0xff }, back[3];
	char hex[7];

	hex_encode(hex, raw, 3);
	CHECK(strcmp(hex, "00abff") == 0);
	CHECK(hex_decode(back, 3, hex) && memcmp(raw, back, 3) == 0);
	CHECK(!hex_decode(back, 3, "00ABff"));
	CHECK(!hex_decode(back, 3, "00abf"));
	CHECK(!hex_decode(back, 3, ""));
}

static void test_sums_and_products_tell_overflow(void)
{
	size_t n;

	CHECK(size_add(1, 2, &n) && n == 3);
	CHECK(!size_add(SIZE_MAX, 1, &n));
	CHECK(size_mul(3, 4, &n) && n == 12);
	CHECK(!size_mul(SIZE_MAX / 2, 3, &n));
}

static void test_an_error_keeps_code_and_sentence(void)
{
	struct err err = ERR_INIT;
	char longest[3000];

	CHECK(err_set(&err, ERR_CORRUPT, "pack %d is bad", 7) == ERR_CORRUPT);
	CHECK(err_wrap(&err, "reading") == ERR_CORRUPT);
	CHECK(strcmp(err.msg, "reading: pack 7 is bad") == 0);
	CHECK(err_exit_status(&err) == EXIT_DAMAGED);

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	err_set(&err, ERR_FAILED, "%s", longest);
	CHECK(strlen(err.msg) == ERR_MSG_SIZE - 1 &&
	      strcmp(err.msg + ERR_MSG_SIZE - 4, "...") == 0);
	err_wrap(&err, "more");
	CHECK(strncmp(err.msg, "more: xxx", 9) == 0);
	err_clear(&err);
	CHECK(err.code == ERR_NONE && err.msg[0] == '\0' && err_exit_status(&err) == 0);
}

static void test_a_full_disk_has_a_code_of_its_own(void)
{
	struct err err = ERR_INIT;

	errno = ENOSPC;
	CHECK(err_sys(&err, "write '%s'", "x") == ERR_NO_SPACE);
	CHECK(strcmp(err.msg, "cannot write 'x': the disk is full") == 0);
	errno = ENOMEM;
	CHECK(err_sys(&err, "x") == ERR_NOMEM);
	errno = EACCES;
	CHECK(err_sys(&err, "open 'y'") == ERR_SYS && err.sys_errno == EACCES);
	CHECK(strcmp(err.msg, "cannot open 'y': Permission denied") == 0);
	err_set(&err, ERR_INTERRUPTED, "stopped");
	err.sys_errno = 2;
	CHECK(err_exit_status(&err) == 130);
}

UNIT_MAIN(test_an_empty_buffer_is_an_empty_string, test_bytes_stay_in_order_and_end_in_nul,
	  test_integers_are_little_endian, test_varints_take_the_shortest_form,
	  test_a_limit_is_told_before_it_is_reached, test_growing_past_the_limit_is_a_bug,
	  test_printf_appends, test_hex_takes_lower_case_alone,
	  test_sums_and_products_tell_overflow, test_an_error_keeps_code_and_sentence,
	  test_a_full_disk_has_a_code_of_its_own)
