#ifndef CRYPTO_SEAL_INTERNAL_H
#define CRYPTO_SEAL_INTERNAL_H

/* What only crypto/ may use of sealing. */

#include "lib/err.h"
#include "crypto/seal.h"

/* From crypto_start(): get the fast implementation and hold it against the reference. */
int seal_start(struct err *err);

/* seal() and unseal() of keys: always the reference, which leaves nothing on the heap. */
void seal_small(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
		size_t ad_size, const void *in, size_t size);
int unseal_small(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
		 size_t ad_size, const unsigned char *in, size_t size, struct err *err);

#endif
