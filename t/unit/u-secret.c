/*
 * Guarded memory: shared, zeroed, locked against cores, safe from many threads.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/err.h"
#include "lib/sys.h"
#include "crypto/secret.h"

#include "t/unit/unit.h"

static void start(void)
{
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		exit(1);
}

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static void test_secrets_begin_zero_and_end_zero(void)
{
	static const size_t sizes[] = { 1, 32, 64, 65, 2048, 4096, 4097, 70000 };

	start();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct secret s = SECRET_INIT;
		secret_init(&s, sizes[i]);
		CHECK(s.size == sizes[i] && is_zero(s.data, s.size));
		memset(s.data, 0xaa, s.size);
		const unsigned char *was = s.data;
		secret_release(&s);
		CHECK(!s.data && !s.size);
		if (sizes[i] <= 4096)	/* the page stays, and is clean */
			CHECK(is_zero(was, sizes[i]));
	}
	struct secret none = SECRET_INIT;
	secret_release(&none);
	secret_init(&none, 0);
	secret_release(&none);
}

static void test_many_secrets_do_not_overlap(void)
{
	enum { NR = 1500 };
	static struct secret s[NR];

	start();
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = round; i < NR; i += round + 1) {
			secret_release(&s[i]);
			secret_init(&s[i], 1 + i * 37 % 700);
			memset(s[i].data, (int)(i & 0xff), s[i].size);
			CHECK(((uintptr_t)s[i].data & 63) == 0);
		}
		for (size_t i = 0; i < NR; i++) {
			for (size_t j = 0; j < s[i].size; j++)
				if (s[i].data[j] != (i & 0xff)) {
					CHECK(!"overlap");
					break;
				}
		}
	}
	for (size_t i = 0; i < NR; i++)
		secret_release(&s[i]);
}

static void test_set_swap_compare(void)
{
	struct secret a = SECRET_INIT, b = SECRET_INIT;

	start();
	secret_set(&a, "abc", 3);
	secret_random(&b, 32);
	CHECK(!is_zero(b.data, 32));
	secret_swap(&a, &b);
	CHECK(b.size == 3 && secret_is_equal(b.data, "abc", 3));
	CHECK(!secret_is_equal(b.data, "abd", 3));
	secret_release(&a);
	secret_release(&b);
}

/* /proc/self/smaps says "dd" (left out of core images) and "lo" (locked) of the memory. */
static bool has_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, found = false;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 &&
		    strchr(line, '-') < strchr(line, ' '))
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

static void test_memory_is_left_out_of_core_images(void)
{
	struct secret small = SECRET_INIT, large = SECRET_INIT;

	start();
	secret_init(&small, 32);
	secret_init(&large, 10000);
	CHECK(has_flag(small.data, " dd"));
	CHECK(has_flag(large.data, " dd"));
	secret_release(&small);
	secret_release(&large);
}

static void *churn(void *data)
{
	unsigned char mark = *(unsigned char *)data;
	struct secret s[20] = { SECRET_INIT };

	for (unsigned int i = 0; i < 20000; i++) {
		struct secret *x = &s[i % 20];
		for (size_t j = 0; j < x->size; j++)
			CHECK(x->data[j] == mark);
		secret_release(x);
		secret_init(x, 1 + i % 200);
		memset(x->data, mark, x->size);
	}
	for (size_t i = 0; i < 20; i++)
		secret_release(&s[i]);
	return NULL;
}

static void test_threads_share_the_arenas(void)
{
	unsigned char marks[] = { 1, 2, 3 };
	struct sys_thread t[3];

	start();
	for (size_t i = 0; i < 3; i++)
		CHECK(sys_thread_start(&t[i], churn, &marks[i]) == 0);
	for (size_t i = 0; i < 3; i++)
		sys_thread_join(&t[i]);
}

UNIT_MAIN(test_secrets_begin_zero_and_end_zero,
	  test_many_secrets_do_not_overlap,
	  test_set_swap_compare,
	  test_memory_is_left_out_of_core_images,
	  test_threads_share_the_arenas)
