#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

/*
 * Sealing: XChaCha20-Poly1305 with a random 192-bit nonce in front.
 *
 *	sealed = nonce (24) || ciphertext || tag (16)
 *
 * Two implementations give the same bytes: libsodium's (the reference), and libcrypto's
 * ChaCha20-Poly1305 under libsodium's HChaCha20 subkey, used after a self-check in crypto_start().
 */

#include <stddef.h>

#include "lib/err.h"

#define SEAL_KEY_SIZE 32
#define SEAL_NONCE_SIZE 24
#define SEAL_TAG_SIZE 16
#define SEAL_OVERHEAD (SEAL_NONCE_SIZE + SEAL_TAG_SIZE)

/* `out` gets size + SEAL_OVERHEAD bytes and must not overlap `in`.  What was derived from the key
 * is wiped before return. */
void seal(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
	  size_t ad_size, const void *in, size_t size);
/* `out` gets size - SEAL_OVERHEAD bytes.  ERR_CORRUPT: not genuine; `out` is then zeroed. */
int unseal(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
	   size_t ad_size, const unsigned char *in, size_t size, struct err *err);

/* For tests and the self-check: force one implementation, fixed nonce. */
enum seal_impl { SEAL_REFERENCE, SEAL_FAST };
void seal_with(enum seal_impl impl, unsigned char *out, const unsigned char key[SEAL_KEY_SIZE],
	       const unsigned char nonce[SEAL_NONCE_SIZE], const void *ad, size_t ad_size,
	       const void *in, size_t size);
int unseal_with(enum seal_impl impl, unsigned char *out, const unsigned char key[SEAL_KEY_SIZE],
		const void *ad, size_t ad_size, const unsigned char *in, size_t size,
		struct err *err);
enum seal_impl seal_impl_used(void);

#endif
