#ifndef T_UNIT_UNIT_H
#define T_UNIT_UNIT_H

/*
 * What a unit program is made of.
 *
 *	static void test_grows_when_full(void)
 *	{
 *		CHECK(buf.len == 3);
 *	}
 *	UNIT_MAIN(test_grows_when_full, test_other)
 *
 * Each function prints one line, "ok 1 - grows when full"; a CHECK that does not hold prints
 * where and goes on, a REQUIRE leaves the function.  Both may be used from any thread.
 */

#include <stdio.h>
#include <string.h>

static int unit_failures;

#define CHECK(expr) \
	((expr) ? (void)0 : unit_fail(__FILE__, __LINE__, #expr))

#define REQUIRE(expr) \
	do { \
		if (!(expr)) { \
			unit_fail(__FILE__, __LINE__, #expr); \
			return; \
		} \
	} while (0)

#define UNIT_MAIN(...) \
	int main(int argc, char **argv) \
	{ \
		static void (*const fns[])(void) = { __VA_ARGS__ }; \
		return unit_run(fns, sizeof(fns) / sizeof(fns[0]), #__VA_ARGS__, \
				argc > 1 ? argv[1] : ""); \
	}

static inline void unit_fail(const char *file, int line, const char *expr)
{
	__atomic_add_fetch(&unit_failures, 1, __ATOMIC_SEQ_CST);
	printf("# %s:%d: does not hold: %s\n", file, line, expr);
	fflush(stdout);
}

/* `names` is the list of functions as the source has it; `only` selects those that contain it. */
static inline int unit_run(void (*const fns[])(void), size_t nr, const char *names,
			   const char *only)
{
	int failed_total = 0;

	for (size_t i = 0; i < nr; i++) {
		char title[128];
		size_t len;

		names += strspn(names, " \t\n,");
		len = strcspn(names, " \t\n,");
		snprintf(title, sizeof(title), "%.*s", (int)len, names);
		names += len;
		if (strncmp(title, "test_", 5) == 0)
			memmove(title, title + 5, strlen(title + 5) + 1);
		for (char *p = title; *p; p++)
			if (*p == '_')
				*p = ' ';
		if (!strstr(title, only))
			continue;
		unit_failures = 0;
		fns[i]();
		printf("%s %zu - %s\n", unit_failures ? "not ok" : "ok", i + 1, title);
		fflush(stdout);
		failed_total += unit_failures != 0;
	}
	return failed_total != 0;
}

#endif
