/*
 * The table of derived keys: each context its own string, as the manual has it.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "crypto/kdf.h"

#include "t/unit/unit.h"

static void test_contexts_differ(void)
{
	for (int i = 0; i < KDF_NR; i++) {
		CHECK(strncmp(kdf_context_string((enum kdf_context)i), "ub 0 ", 5) == 0);
		for (int j = 0; j < i; j++)
			CHECK(strcmp(kdf_context_string((enum kdf_context)i),
				     kdf_context_string((enum kdf_context)j)) != 0);
	}
}

static void test_a_key_is_derive_key_of_the_parts(void)
{
	struct hash_part part = { "abc", 3 };
	unsigned char a[HASH_SIZE], b[HASH_SIZE];

	kdf(a, KDF_PART_KEY, "a", 1, "b", 1, "c", 1);
	hash_derive(b, "ub 0 part key", &part, 1);
	CHECK(memcmp(a, b, HASH_SIZE) == 0);
	kdf(b, KDF_PACK_WRAP, "a", 1, "b", 1, "c", 1);
	CHECK(memcmp(a, b, HASH_SIZE) != 0);
}

/* Run from the source folder, as the tests are. */
static void test_the_manual_has_the_same_table(void)
{
	FILE *f = fopen("Documentation/ub-format-keys.adoc", "r");
	static char text[1 << 17];

	if (!f) {
		printf("# no manual here: skipped\n");
		return;
	}
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (int i = 0; i < KDF_NR; i++) {
		char cell[64];
		snprintf(cell, sizeof(cell), "`%s`", kdf_context_string((enum kdf_context)i));
		CHECK(strstr(text, cell));
	}
}

UNIT_MAIN(test_contexts_differ,
	  test_a_key_is_derive_key_of_the_parts,
	  test_the_manual_has_the_same_table)
