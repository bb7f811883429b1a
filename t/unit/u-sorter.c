/* Sorting records in memory and through a sealed file. */
#include <stdlib.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/sorter.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static int cmp(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* Record number `i`: its number in order, and more bytes the more it likes. */
static size_t make(unsigned char *out, uint64_t i, size_t room)
{
	size_t n = 8 + (size_t)(i * 7919 % room);

	for (int k = 0; k < 8; k++)
		out[k] = (unsigned char)(i >> (56 - 8 * k));
	memset(out + 8, (int)(i & 0xff), n - 8);
	return n;
}

static void check_sort(uint64_t nr, size_t memory, uint64_t factor, size_t room)
{
	struct sorter *s = sorter_new(scratch("."), memory, cmp);
	unsigned char *want = xmalloc(room + 8);
	struct err err = ERR_INIT;
	const unsigned char *p;
	uint64_t i;
	size_t n;
	int ret;

	for (i = 0; i < nr; i++)
		if (sorter_add(s, want, make(want, i * factor % nr, room), &err) < 0)
			CHECK(!"sorter_add");
	for (i = 0; (ret = sorter_next(s, &p, &n, &err)) == 1; i++)
		CHECK(n == make(want, i, room) && memcmp(p, want, n) == 0);
	CHECK(ret == 0 && i == nr);
	CHECK(sorter_next(s, &p, &n, &err) == 0);
	sorter_free(s);
	sys_free(want);
}

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
}

static void test_what_fits_is_sorted_in_memory(void)
{
	check_sort(0, 1 << 20, 1, 10);
	check_sort(1, 1 << 20, 1, 10);
	check_sort(10007, 4 << 20, 4711, 100);
}

static void test_what_does_not_fit_is_merged_from_runs(void)
{
	check_sort(100003, 1 << 20, 4711, 100);
	check_sort(100003, 1 << 20, 1, 100);
	check_sort(100003, 1 << 20, 100002, 100);
	check_sort(200, 4096, 199, 100);
}

static void test_large_records_are_kept_whole(void)
{
	check_sort(101, 1 << 20, 37, SORTER_RECORD_MAX - 8);
	check_sort(101, 1, 37, 4000);
}

static void test_equal_records_are_all_there(void)
{
	struct sorter *s = sorter_new(scratch("."), 4096, cmp);
	struct err err = ERR_INIT;
	const unsigned char *p;
	size_t n, nr = 0;
	int last = -1;

	for (int i = 0; i < 3000; i++) {
		unsigned char c = (unsigned char)(i % 3);
		CHECK(sorter_add(s, &c, i % 7 ? 1 : 0, &err) == 0);
	}
	while (sorter_next(s, &p, &n, &err) == 1) {
		int c = n ? *p : -1;
		CHECK(c >= last);
		last = c;
		nr++;
	}
	CHECK(nr == 3000);
	sorter_free(s);
}

static void test_what_has_not_spilled_may_be_used_again(void)
{
	struct sorter *s = sorter_new(scratch("."), 1 << 20, cmp);
	struct err err = ERR_INIT;
	const unsigned char *p;
	size_t n;

	for (int round = 0; round < 3; round++) {
		CHECK(sorter_add(s, "b", 1, &err) == 0 && sorter_add(s, "a", 1, &err) == 0);
		CHECK(sorter_next(s, &p, &n, &err) == 1 && *p == 'a');
		if (round < 2)
			CHECK(sorter_next(s, &p, &n, &err) == 1 && *p == 'b');
		sorter_reset(s);
		CHECK(round > 0 || sorter_add(s, "z", 1, &err) == 0);
		sorter_reset(s);
	}
	CHECK(sorter_next(s, &p, &n, &err) == 0);
	sorter_free(s);
}

static void test_a_folder_that_is_not_there_is_named(void)
{
	struct sorter *s = sorter_new("/nonexistent", 64, cmp);
	struct err err = ERR_INIT;
	int ret = 0;

	for (int i = 0; ret == 0 && i < 100; i++)
		ret = sorter_add(s, "something", 9, &err);
	CHECK(ret < 0 && strstr(err.msg, "/nonexistent"));
	sorter_free(s);
}

UNIT_MAIN(test_crypto_starts, test_what_fits_is_sorted_in_memory,
	  test_what_does_not_fit_is_merged_from_runs, test_large_records_are_kept_whole,
	  test_equal_records_are_all_there, test_what_has_not_spilled_may_be_used_again,
	  test_a_folder_that_is_not_there_is_named)
