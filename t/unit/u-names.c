/* Names of a folder, sorted, also when they spill. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "lib/sys.h"
#include "fs/names.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static int folder(const char *name)
{
	const char *path = scratch(name);

	mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY);
}

static void touch(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		abort();
	close(fd);
}

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
}

static void test_names_come_bytewise_with_their_types(void)
{
	static const char *const names[] = {
		"\n", " ", "-", ".hidden", "A", "a", "a b", "a-", "a.b", "aa", "\303\244", "\377",
	};
	const size_t nr = sizeof(names) / sizeof(*names);
	struct names *n = names_new(scratch("."));
	struct err err = ERR_INIT;
	unsigned char type;
	const char *name;
	int dir = folder("few");

	for (size_t i = nr; i-- > 0;)
		touch(dir, names[i]);
	mkdirat(dir, "b", 0700);
	if (symlinkat("x", dir, "c") < 0)
		abort();
	CHECK(names_read(n, dir, &err) == 0);
	for (size_t i = 0, at = 0; i < nr + 2; i++) {
		REQUIRE(names_next(n, &name, &type, &err) == 1);
		if (strcmp(name, "b") == 0) {
			CHECK(type == DT_DIR || type == DT_UNKNOWN);
			continue;
		}
		if (strcmp(name, "c") == 0) {
			CHECK(type == DT_LNK || type == DT_UNKNOWN);
			continue;
		}
		CHECK(strcmp(name, names[at++]) == 0 && (type == DT_REG || type == DT_UNKNOWN));
	}
	CHECK(names_next(n, &name, &type, &err) == 0);
	names_free(n);
	close(dir);
}

static void test_an_empty_folder_has_none(void)
{
	struct names *n = names_new(scratch("."));
	struct err err = ERR_INIT;
	unsigned char type;
	const char *name;
	int dir = folder("empty");

	CHECK(names_read(n, dir, &err) == 0);
	CHECK(names_next(n, &name, &type, &err) == 0);
	names_free(n);
	close(dir);
}

/* 25,000 names of 200 bytes are more than NAMES_MEMORY. */
static void test_many_names_spill_and_come_sorted(void)
{
	struct names *n = names_new(scratch("."));
	struct err err = ERR_INIT;
	unsigned char type;
	const char *name;
	char want[256];
	int dir = folder("many");
	unsigned int i;

	for (i = 0; i < 25000; i++) {
		snprintf(want, sizeof(want), "%06u%0194d", i * 4711 % 25000, 0);
		touch(dir, want);
	}
	CHECK(names_read(n, dir, &err) == 0);
	for (i = 0; names_next(n, &name, &type, &err) == 1; i++) {
		snprintf(want, sizeof(want), "%06u%0194d", i, 0);
		if (strcmp(want, name) != 0)
			CHECK(!"in order");
	}
	CHECK(i == 25000 && err.code == 0);
	names_free(n);
	close(dir);
}

static void test_what_is_no_folder_is_an_error(void)
{
	struct names *n = names_new(scratch("."));
	struct err err = ERR_INIT;

	CHECK(names_read(n, -1, &err) == ERR_SYS);
	names_free(n);
}

UNIT_MAIN(test_crypto_starts, test_names_come_bytewise_with_their_types,
	  test_an_empty_folder_has_none, test_many_names_spill_and_come_sorted,
	  test_what_is_no_folder_is_an_error)
