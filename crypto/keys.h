#ifndef CRYPTO_KEYS_H
#define CRYPTO_KEYS_H

/*
 * The keys of one opened repository: who we are, what we may open, what we sign with.
 *
 * Files, all written through lib/file.c:
 *	REPO/keys/genesis		public; its hash is the repository id
 *	REPO/keys/keyring		sealed under the master key
 *	REPO/keys/slot-<16 hex>		the master key, wrapped: password, recovery words, device
 *	STATE/<repository id>/device	this device's name, Ed25519 seed and slot secret, 0600
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
struct passphrase_source;

/* What a password costs to try: Argon2id's memory and passes. */
struct kdf_cost {
	uint32_t mem_kib, passes;
};
/* 256 MiB (at most a quarter of this machine's memory) and 3 passes. */
void kdf_cost_default(struct kdf_cost *out);
/* "MEM:PASSES", e.g. "256M:3"; at least 8M:1, at most 4G:64.  ERR_USAGE. */
int kdf_cost_parse(const char *text, struct kdf_cost *out, struct err *err);
/* So cheap that the caller warns. */
bool kdf_cost_is_weak(const struct kdf_cost *cost);

/* What `ub init` decides. */
struct keys_create_args {
	const char *dir;		/* REPO/keys, which exists */
	const char *state_home;		/* $XDG_STATE_HOME/ub; made if need be */
	const char *device_name;
	const struct secret *password;
	struct kdf_cost cost;
	uint32_t chunk_min, chunk_avg, chunk_max;
	uint8_t erasure_k, erasure_m;
	bool with_device_slot;
	/* Throw away keys that an interrupted init left: the caller knows that nothing was ever
	 * stored under them.  Otherwise keys that are there are ERR_REFUSED. */
	bool replace_leftovers;
};
/*
 * Make all key files, genesis last.  `words_out` gets the 24 recovery words, one blank between
 * them, ended by a NUL: the one time they are known.  ERR_USAGE: chunk sizes, erasure or the
 * device's name do not fit.
 */
int keys_create(const struct keys_create_args *args, struct keys **out, struct secret *words_out,
		struct err *err);

/*
 * Open with the device slot, or the password (or recovery words) that `src` gives; with
 * src->file set, that alone.  `expect_id`: the id that config pins, or NULL.
 * ERR_KEY: wrong password, or none to be had.  ERR_CORRUPT: names the damaged file.  ERR_FORMAT.
 * ERR_REFUSED: others may read the device file.  Damage that could be gone around is a problem:
 * see keys_problem().  Where this machine has no device file (the repository folder was copied,
 * the state folder lost), keys_has_device() is false and keys_device_join() makes one.
 */
int keys_open(struct keys **out, const char *dir, const char *state_home,
	      const unsigned char *expect_id, const struct passphrase_source *src,
	      struct err *err);
void keys_close(struct keys *k);	/* NULL is fine */
/* The i-th problem found while opening, to be shown as a warning, or NULL; `code` may be NULL. */
const char *keys_problem(const struct keys *k, size_t i, int *code);
const char *keys_state_dir(const struct keys *k);	/* STATE/<repository id> */

/*
 * A new device key for this machine, and a device slot if wanted: written to the state folder in
 * place of what is there.  The caller writes the join record.  ERR_USAGE: the name does not fit.
 */
int keys_device_join(struct keys *k, const char *name, bool with_device_slot, struct err *err);
bool keys_has_device(const struct keys *k);
/* At most 64 bytes of UTF-8 without blanks, slashes and what revisions use (~ ^ : @ ...). */
bool keys_device_name_is_valid(const char *name);

/* Slots.  Changes take a lock in the keys folder, waiting up to `wait_ms` (ERR_BUSY). */
enum slot_type { SLOT_PASSWORD = 1, SLOT_RECOVERY = 2, SLOT_DEVICE = 3 };
#define KEY_SLOT_ID_SIZE 8
struct key_slot {
	unsigned char id[KEY_SLOT_ID_SIZE];
	int problem;			/* 0, or ERR_CORRUPT, ERR_FORMAT ...: then only id is set */
	char problem_text[256];
	enum slot_type type;
	char label[65];
	uint64_t created;		/* UTC seconds */
	struct kdf_cost cost;		/* of password slots */
	bool is_own;			/* this machine's device slot */
};
/* All slot files, sorted by time, then id; sys_free(*out). */
int keys_slots(const struct keys *k, struct key_slot **out, size_t *nr_out, struct err *err);
const char *slot_type_word(enum slot_type type);	/* "password", "recovery", "device" */
/* "" or up to 64 bytes of UTF-8 without control characters. */
bool keys_label_is_valid(const char *label);
int keys_slot_add_password(const struct keys *k, const struct secret *password, const char *label,
			   const struct kdf_cost *cost, unsigned int wait_ms,
			   unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err);
/* This machine's device slot; ERR_REFUSED when it has one. */
int keys_slot_add_device(struct keys *k, unsigned int wait_ms,
			 unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err);
/* ERR_NOT_FOUND; ERR_REFUSED: the last slot that a person can open. */
int keys_slot_remove(struct keys *k, const unsigned char id[KEY_SLOT_ID_SIZE],
		     unsigned int wait_ms, struct err *err);
/*
 * The same master under a new password, in a new slot that is durable before `id` is removed.
 * Whoever kept the old file and its password can still open what it opened.
 */
int keys_slot_passwd(struct keys *k, const unsigned char id[KEY_SLOT_ID_SIZE],
		     const struct secret *password, const struct kdf_cost *cost,
		     unsigned int wait_ms, unsigned char id_out[KEY_SLOT_ID_SIZE],
		     struct err *err);
/*
 * A new recovery slot beside those that there are; `words_out` as for keys_create().  Once a
 * person has been shown the words, keys_slot_retire_recovery() removes all others.
 */
int keys_slot_add_recovery(const struct keys *k, unsigned int wait_ms, struct secret *words_out,
			   unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err);
int keys_slot_retire_recovery(const struct keys *k, const unsigned char keep[KEY_SLOT_ID_SIZE],
			      unsigned int wait_ms, struct err *err);
/* Would these words, as typed, open the repository?  0 or ERR_KEY; ERR_CORRUPT: damaged slots. */
int keys_check_words(const char *dir, const unsigned char *expect_id, const struct secret *words,
		     struct err *err);
/* The slot that opened `k`: false when it was made by keys_create(). */
bool keys_opened_by(const struct keys *k, unsigned char id_out[KEY_SLOT_ID_SIZE]);

const struct genesis *keys_genesis(const struct keys *k);
const unsigned char *keys_repo_id(const struct keys *k);

/* The id of an object: keyed hash of type byte and plaintext under the domain's id key. */
void keys_object_id(const struct keys *k, uint8_t type, const void *p, size_t n,
		    unsigned char out[HASH_SIZE]);
const unsigned char *keys_chunker_key(const struct keys *k);	/* borrowed, 32 bytes, secret */

/* Keys of local, derivable files (refs cache, stat cache, catalogue), from the cache secret. */
enum key_use { KEY_USE_REFS_CACHE, KEY_USE_STAT_CACHE, KEY_USE_CATALOGUE, KEY_USE_BLOCK_CACHE };
void keys_cache_key(const struct keys *k, enum key_use use, struct secret *out);

/* The device: there must be one, see keys_has_device(). */
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
