/*
 * The table of derived keys.  Repeated in ub-format-keys(5); a test holds the two together.
 */
#include "crypto/kdf.h"

static const char *const contexts[KDF_NR] = {
	[KDF_KEYRING_SEAL] = "ub 0 keyring seal",
	[KDF_SLOT_PASSWORD] = "ub 0 slot password",
	[KDF_SLOT_RECOVERY] = "ub 0 slot recovery",
	[KDF_SLOT_DEVICE] = "ub 0 slot device",
	[KDF_PACK_WRAP] = "ub 0 pack wrap",
	[KDF_PART_KEY] = "ub 0 part key",
	[KDF_KEY_COMMITMENT] = "ub 0 key commitment",
	[KDF_CACHE_REFS] = "ub 0 cache refs",
	[KDF_CACHE_STAT] = "ub 0 cache stat",
	[KDF_CACHE_CATALOGUE] = "ub 0 cache catalogue",
	[KDF_CACHE_BLOCKS] = "ub 0 cache blocks",
};

const char *kdf_context_string(enum kdf_context context)
{
	return contexts[context];
}

void kdf(unsigned char out[HASH_SIZE], enum kdf_context context, const void *a, size_t a_size,
	 const void *b, size_t b_size, const void *c, size_t c_size)
{
	const struct hash_part parts[] = { { a, a_size }, { b, b_size }, { c, c_size } };

	hash_derive(out, kdf_context_string(context), parts, 3);
}
