#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

/*
 * BLAKE3: plain, keyed, and derived keys.  The only file that knows the library.
 * A keyed `struct hasher` holds key material: keep it in a struct secret or wipe it.
 */

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32

struct hasher { _Alignas(64) unsigned char opaque[2048]; };

void hasher_init(struct hasher *h);
void hasher_init_keyed(struct hasher *h, const unsigned char key[HASH_SIZE]);
void hasher_update(struct hasher *h, const void *p, size_t n);
void hasher_final(const struct hasher *h, unsigned char out[HASH_SIZE]);
void hasher_wipe(struct hasher *h);

void hash_bytes(unsigned char out[HASH_SIZE], const void *p, size_t n);
void hash_keyed(unsigned char out[HASH_SIZE], const unsigned char key[HASH_SIZE],
		const void *p, size_t n);
/* keyed hash of a byte, then bytes: what object ids are made of */
void hash_keyed_tagged(unsigned char out[HASH_SIZE], const unsigned char key[HASH_SIZE],
		       uint8_t tag, const void *p, size_t n);
/*
 * The hash of `head` and `p` from a hasher that was prepared earlier (keyed, say) and is not
 * changed; safe from any thread.  The copy that is worked on is wiped.
 */
void hash_from(unsigned char out[HASH_SIZE], const struct hasher *start, const void *head,
	       size_t head_size, const void *p, size_t n);
/* BLAKE3's derive_key of the parts, one after another; called by crypto/kdf.c alone. */
struct hash_part { const void *p; size_t n; };
void hash_derive(unsigned char out[HASH_SIZE], const char *context, const struct hash_part *parts,
		 size_t nr);
/* 8 bytes of the plain hash, little-endian: block checksums of derived files */
uint64_t hash_sum64(const void *p, size_t n);

#endif
