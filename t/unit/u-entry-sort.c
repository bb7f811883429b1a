/* Sorting entries in memory and through a sealed file. */
#include <stdlib.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "lib/sys.h"
#include "objects/entry-sort.h"
#include "t/unit/unit.h"

static struct tree_entry entry(char name[32], unsigned char data[8], uint64_t i)
{
	struct tree_entry e = { .type = ENTRY_FILE, .mode = 0644, .content = CONTENT_INLINE };

	e.name_len = (size_t)snprintf(name, 32, "marker-%08llu", (unsigned long long)i);
	e.name = (unsigned char *)name;
	put_u64le(data, i);
	e.data = data;
	e.size = 8;
	return e;
}

static void check_sort(uint64_t nr, size_t memory, uint64_t factor)
{
	struct entry_sort *s = entry_sort_new("/tmp", memory);
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e;
	uint64_t i;
	char name[32];
	int ret;

	for (i = 0; i < nr; i++) {
		e = entry(name, data, i * factor % nr);
		REQUIRE(entry_sort_add(s, &e, &err) == 0);
	}
	for (i = 0; (ret = entry_sort_next(s, &e, &err)) == 1; i++) {
		struct tree_entry want = entry(name, data, i);
		CHECK(name_cmp(e.name, e.name_len, want.name, want.name_len) == 0);
		CHECK(memcmp(e.data, data, 8) == 0);
	}
	CHECK(ret == 0 && i == nr);
	CHECK(entry_sort_next(s, &e, &err) == 0);
	entry_sort_free(s);
}

static void test_what_fits_is_sorted_in_memory(void)
{
	check_sort(0, 1 << 20, 1);
	check_sort(1, 1 << 20, 1);
	check_sort(10007, 1 << 20, 4711);
}

static void test_what_does_not_fit_is_merged_from_runs(void)
{
	check_sort(100003, 1 << 20, 4711);
	check_sort(100003, 1 << 20, 1);
	check_sort(100003, 1 << 20, 100002);
	check_sort(10007, 4096, 4711);
	check_sort(200, 4096, 199);
}

static void test_names_that_stand_twice_come_together(void)
{
	struct entry_sort *s = entry_sort_new("/tmp", 4096);
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e;
	char name[32];
	uint64_t nr = 0;

	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < 500; i++) {
			e = entry(name, data, i);
			CHECK(entry_sort_add(s, &e, &err) == 0);
		}
	while (entry_sort_next(s, &e, &err) == 1) {
		struct tree_entry want = entry(name, data, nr++ / 2);
		CHECK(name_cmp(e.name, e.name_len, want.name, want.name_len) == 0);
	}
	CHECK(nr == 1000);
	entry_sort_free(s);
}

static void test_too_many_runs_are_refused(void)
{
	struct entry_sort *s = entry_sort_new("/tmp", 64);
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e;
	char name[32];
	int ret = 0;

	for (uint64_t i = 0; ret == 0 && i < 1000; i++) {
		e = entry(name, data, i);
		ret = entry_sort_add(s, &e, &err);
	}
	CHECK(ret == ERR_FAILED);
	entry_sort_free(s);
}

static void test_a_folder_that_is_not_there_is_named(void)
{
	struct entry_sort *s = entry_sort_new("/nonexistent", 64);
	struct err err = ERR_INIT;
	unsigned char data[8];
	char name[32];
	struct tree_entry e = entry(name, data, 1);
	int ret = 0;

	for (int i = 0; ret == 0 && i < 100; i++)
		ret = entry_sort_add(s, &e, &err);
	CHECK(ret < 0 && strstr(err.msg, "/nonexistent"));
	entry_sort_free(s);
}

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
}

UNIT_MAIN(test_crypto_starts, test_what_fits_is_sorted_in_memory,
	  test_what_does_not_fit_is_merged_from_runs, test_names_that_stand_twice_come_together,
	  test_too_many_runs_are_refused, test_a_folder_that_is_not_there_is_named)
