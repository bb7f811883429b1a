#ifndef CRYPTO_KEYS_H
#define CRYPTO_KEYS_H

/*
 * The keys of one opened repository: who we are, what we may open, what we sign with.
 *
 * Files, all written through lib/file.c:
 *	REPO/keys/genesis		public; its hash is the repository id
 *	REPO/keys/keyring		sealed under the master key
 *	REPO/keys/slot-<16 hex>		the master key, wrapped: password, recovery words, device
 *	STATE/<repository id>/device	this device's name, Ed25519 seed and device-slot secret, 0600
 *	STATE/<repository id>/admin	the admin key's seed, 0600; may be kept elsewhere
 * where STATE is $XDG_STATE_HOME/ub, never inside the repository folder, which may be copied.
 *
 * All calls but open, create and the slot calls are safe from any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#define KEY_SIZE 32
#define SIG_SIZE 64
#define PUBKEY_SIZE 32

struct genesis {
	uint8_t version;
	unsigned char random[32];
	unsigned char admin_key[PUBKEY_SIZE], owner_key[PUBKEY_SIZE];
	uint32_t chunk_min, chunk_avg, chunk_max;
	uint8_t erasure_k, erasure_m;
	uint64_t features;			/* critical features; none are defined yet */
	unsigned char id[HASH_SIZE];		/* hash of the encoding: the repository id */
};

struct keys;

const struct genesis *keys_genesis(const struct keys *k);
const unsigned char *keys_repo_id(const struct keys *k);

/* The id of an object: keyed hash of type byte and plaintext under the domain's id key. */
void keys_object_id(const struct keys *k, uint8_t type, const void *p, size_t n,
		    unsigned char out[HASH_SIZE]);
const unsigned char *keys_chunker_key(const struct keys *k);	/* borrowed, 32 bytes, secret */

/* Keys of local, derivable files (refs cache, stat cache, catalogue), from the cache secret. */
enum key_use { KEY_USE_REFS_CACHE, KEY_USE_STAT_CACHE, KEY_USE_CATALOGUE, KEY_USE_BLOCK_CACHE };
void keys_cache_key(const struct keys *k, enum key_use use, struct secret *out);

/* The device. */
const char *keys_device_name(const struct keys *k);
const unsigned char *keys_device_public(const struct keys *k);
void keys_device_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE]);
/* Who may vouch for a join or a keyring: owner (from the keyring) or admin (its own file). */
void keys_owner_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE]);
int keys_admin_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE],
		    struct err *err);	/* ERR_NOT_FOUND: the admin key is not on this machine */
bool sig_is_good(const unsigned char pub[PUBKEY_SIZE], const void *p, size_t n,
		 const unsigned char sig[SIG_SIZE]);

/*
 * An envelope: a random key, wrapped for those who may open it, and bound to the repository.
 * Stands at the head of packs and of the sealed parts of records:
 *	salt 32 | commitment 32 | u8 number of stanzas | stanzas
 *	stanza: u8 type | u8 flags (bit 0: critical) | u32 epoch | u16 size | body
 */
#define ENVELOPE_SALT_SIZE 32
#define ENVELOPE_MAX_SIZE 4096
#define ENVELOPE_MAX_STANZAS 16

/* Appends the envelope to `out`; the key goes to `key_out`, the salt to `salt_out`. */
void envelope_create(const struct keys *k, struct buf *out, struct secret *key_out,
		     unsigned char salt_out[ENVELOPE_SALT_SIZE]);
/*
 * Open the envelope that starts at `p`; `used_out` is its size.  ERR_CORRUPT: malformed, not
 * genuine, key does not match the commitment.  ERR_FORMAT: only stanzas of unknown types.
 * ERR_KEY: stanzas of epochs that the keyring does not have.
 */
int envelope_open(const struct keys *k, const void *p, size_t n, struct secret *key_out,
		  unsigned char salt_out[ENVELOPE_SALT_SIZE], size_t *used_out, struct err *err);
/* Size and shape alone, no keys: 0 and `used_out`, or ERR_CORRUPT. */
int envelope_check(const void *p, size_t n, size_t *used_out, struct err *err);

/* The key of one sealed part (a frame, a footer ...) of what the envelope heads. */
void envelope_part_key(const struct secret *key, uint64_t number, unsigned char out[KEY_SIZE]);

#endif
