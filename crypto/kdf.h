#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

/*
 * The one table of derived keys: BLAKE3 derive_key under a context string of its own for each use
 * (ub-format-keys(5), "Derived keys").  A string is never used for two things and never changed.
 */

#include <stddef.h>

#include "crypto/hash.h"

enum kdf_context {
	KDF_KEYRING_SEAL,
	KDF_SLOT_PASSWORD,
	KDF_SLOT_RECOVERY,
	KDF_SLOT_DEVICE,
	KDF_PACK_WRAP,
	KDF_PART_KEY,
	KDF_KEY_COMMITMENT,
	KDF_CACHE_REFS,
	KDF_CACHE_STAT,
	KDF_CACHE_CATALOGUE,
	KDF_CACHE_BLOCKS,
	KDF_NR
};

const char *kdf_context_string(enum kdf_context context);

/* The key for `context` from up to three pieces of material, one after another (NULL, 0: none). */
void kdf(unsigned char out[HASH_SIZE], enum kdf_context context, const void *a, size_t a_size,
	 const void *b, size_t b_size, const void *c, size_t c_size);

#endif
