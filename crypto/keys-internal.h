#ifndef CRYPTO_KEYS_INTERNAL_H
#define CRYPTO_KEYS_INTERNAL_H

/*
 * The pieces behind crypto/keys.h: one type a file, each with its encoding.  All parsers are
 * strict and bounded; see ub-format-keys(5).
 *
 * Every file but genesis ends in the unkeyed hash of what stands before it, so that damage is told
 * from a wrong key; genesis itself is what the repository id is the hash of.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/reader.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/seal-internal.h"
#include "crypto/seal.h"
#include "crypto/secret.h"

#define MAGIC_SIZE 8
#define FORMAT_VERSION 0

/* crypto/fields.c: magic, version, flags, closing hash, extension fields: what the files share. */
void head_put(struct buf *b, const char magic[MAGIC_SIZE]);
/*
 * Check magic, then (`has_hash`) the closing hash, then version and flags; `r` is left behind
 * them, without the hash.  ERR_CORRUPT, or ERR_FORMAT for what a later ub wrote.  Flag bits that
 * are not in `flags_known` are critical; `flags_out` may be NULL.
 */
int head_check(struct reader *r, const void *p, size_t n, const char magic[MAGIC_SIZE],
	       bool has_hash, uint8_t flags_known, uint8_t *flags_out, const char *what,
	       struct err *err);
void tail_put(struct buf *b);
/* varint count, then (varint tag, lenbytes), tags ascending; odd unknown tags are critical. */
#define FIELDS_MAX 64
#define FIELD_MAX_SIZE 4096
int fields_check(struct reader *r, const char *what, struct err *err);

/* crypto/genesis.c */
#define GENESIS_MAX_SIZE 4096
void genesis_encode(const struct genesis *g, struct buf *out);
int genesis_parse(const void *p, size_t n, struct genesis *out, struct err *err);
/* Do chunk sizes and erasure make sense?  ERR_USAGE. */
int genesis_check(const struct genesis *g, struct err *err);

/* crypto/keyring.c */
#define KEYRING_MAX_EPOCHS 1024
#define KEYRING_MAX_DOMAINS 256
#define KEYRING_MAX_PLAIN ((size_t)64 << 10)
#define KEYRING_MAX_SIZE (KEYRING_MAX_PLAIN + 256)

struct epoch {
	uint32_t number;
	struct secret wrap_key, box_secret;
	unsigned char box_public[PUBKEY_SIZE];	/* derived */
	struct secret seal_key;			/* derived: seals stanzas of type 1 */
};
struct domain {
	uint32_t number;
	struct secret id_key, chunker_key;
};
struct keyring {
	uint64_t generation;
	struct epoch *epochs;			/* by number, ascending; at least one */
	size_t nr_epochs;
	struct domain *domains;			/* likewise */
	size_t nr_domains;
	struct secret cache_secret, owner_seed;
	struct secret fields;			/* extension fields, kept verbatim */
};
#define KEYRING_INIT { .epochs = NULL }

void keyring_release(struct keyring *k);
void keyring_swap(struct keyring *a, struct keyring *b);
void keyring_generate(struct keyring *k);	/* epoch 0, domain 0, all random */
void keyring_encode(const struct keyring *k, struct secret *out);
int keyring_parse(const void *p, size_t n, struct keyring *out, struct err *err);
void keyring_seal(const struct keyring *k, const unsigned char repo_id[HASH_SIZE],
		  const struct secret *master, struct buf *out);
/* ERR_CORRUPT: damaged; ERR_KEY: `master` is not its key. */
int keyring_open(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		 const struct secret *master, struct keyring *out, struct err *err);
const struct epoch *keyring_find_epoch(const struct keyring *k, uint32_t number);

/* crypto/slot.c */
#define SLOT_ID_SIZE KEY_SLOT_ID_SIZE
#define SLOT_SALT_SIZE 32
#define SLOT_LABEL_MAX 64
#define SLOT_MAX_SIZE 512
#define SLOT_NAME_PREFIX "slot-"
#define SLOT_NAME_SIZE (sizeof(SLOT_NAME_PREFIX) + 2 * SLOT_ID_SIZE)	/* with NUL */

enum slot_kdf { SLOT_KDF_NONE = 0, SLOT_KDF_ARGON2ID13 = 1 };

struct slot {
	enum slot_type type;
	unsigned char id[SLOT_ID_SIZE];
	unsigned char repo_id[HASH_SIZE];
	uint64_t created;			/* UTC seconds */
	enum slot_kdf kdf;
	uint32_t mem_kib, passes;		/* of Argon2id; else 0 */
	unsigned char salt[SLOT_SALT_SIZE];
	char label[SLOT_LABEL_MAX + 1];
	unsigned char sealed[KEY_SIZE + SEAL_OVERHEAD];
};

void slot_file_name(const struct slot *s, char out[SLOT_NAME_SIZE]);
/* Is this the name of a slot file?  Then its id goes to `id`, which may be NULL. */
bool slot_name_is_valid(const char *name, unsigned char id[SLOT_ID_SIZE]);
void slot_encode(const struct slot *s, struct buf *out);
/* All but the file's name is checked. */
int slot_parse(const void *p, size_t n, struct slot *out, struct err *err);
/*
 * Wrap and unwrap the master.  `credential`: the password's bytes, the 32 bytes of entropy of the
 * recovery words, the device slot's secret.  slot_wrap() wants type, repo_id, created, label, kdf,
 * mem and passes filled in; it draws id and salt.  ERR_NOMEM: Argon2id found no memory.
 * slot_unwrap(): ERR_KEY when the credential is not this slot's.
 */
int slot_wrap(struct slot *s, const struct secret *credential, const struct secret *master,
	      struct err *err);
int slot_unwrap(const struct slot *s, const struct secret *credential, struct secret *master_out,
		struct err *err);
bool label_is_valid(const char *label);		/* short, UTF-8, no control characters */

/* crypto/device.c: the files under STATE/<repository id>/ */
#define DEVICE_NAME_MAX 64
#define DEVICE_MAX_SIZE 512

struct device {
	char name[DEVICE_NAME_MAX + 1];
	struct secret seed, sign_key;		/* sign_key and pub are derived */
	unsigned char pub[PUBKEY_SIZE];
	bool has_slot;
	unsigned char slot_id[SLOT_ID_SIZE];
	struct secret slot_secret;
};
#define DEVICE_INIT { .has_slot = false }

void device_release(struct device *d);
void device_swap(struct device *a, struct device *b);
void device_generate(struct device *d, const char *name);	/* without a slot */
void device_encode(const struct device *d, const unsigned char repo_id[HASH_SIZE],
		   struct secret *out);
int device_parse(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		 struct device *out, struct err *err);
bool device_name_is_valid(const char *name);
void admin_encode(const struct secret *seed, const unsigned char repo_id[HASH_SIZE],
		  struct secret *out);
int admin_parse(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		struct secret *seed_out, struct err *err);

/* An Ed25519 pair from its seed. */
void sign_pair(const struct secret *seed, unsigned char pub[PUBKEY_SIZE], struct secret *sign_key);
void sign_bytes(const struct secret *sign_key, const void *p, size_t n,
		unsigned char sig[SIG_SIZE]);

/* A file of secrets into guarded memory, never through the heap.  ERR_NOT_FOUND; ERR_REFUSED:
 * others may read it (when `is_private`); ERR_CORRUPT: larger than `max`. */
int secret_file_read(const char *path, size_t max, bool is_private, struct secret *out,
		     struct err *err);

/* The keys of an opened repository: crypto/keys.c; their slots: crypto/keys-slots.c */
struct keys_problem {
	int code;
	char *message;
};

struct keys {
	char *dir;				/* REPO/keys */
	char *state_dir;			/* STATE/<repository id> */
	struct genesis genesis;
	struct secret master;
	struct keyring ring;
	struct secret id_hasher;		/* a struct hasher, keyed with the id key */
	struct secret owner_key;
	bool has_device;
	struct device device;
	struct keys_problem *problems;
	size_t nr_problems;
	bool is_opened_by_slot;
	unsigned char opened_by[SLOT_ID_SIZE];
};

/* crypto/keys-slots.c */
/* Read and check one slot file of the folder; messages name it. */
int slot_load(const char *dir, const char *name, const unsigned char repo_id[HASH_SIZE],
	      struct slot *out, struct err *err);
/* Names of all slot files of the folder, sorted; slot_names_free() them. */
int slot_names(const char *dir, char ***out, size_t *nr_out, struct err *err);
void slot_names_free(char **names, size_t nr);
/* Wrap and write a slot.  The recovery slot's words go to `words_out`. */
int slot_write_password(const char *dir, const unsigned char repo_id[HASH_SIZE],
			const struct secret *master, const struct secret *password,
			const char *label, const struct kdf_cost *cost,
			unsigned char id_out[SLOT_ID_SIZE], struct err *err);
int slot_write_recovery(const char *dir, const unsigned char repo_id[HASH_SIZE],
			const struct secret *master, struct secret *words_out,
			unsigned char id_out[SLOT_ID_SIZE], struct err *err);
/* Also gives `d` the slot's id and a new secret; its file is the caller's to write. */
int slot_write_device(const char *dir, const unsigned char repo_id[HASH_SIZE],
		      const struct secret *master, struct device *d, struct err *err);
/* Write the device's file. */
int device_write(const char *state_dir, const struct device *d,
		 const unsigned char repo_id[HASH_SIZE], struct err *err);

#ifdef UB_TEST
void envelope_create_box(const struct keys *k, struct buf *out, struct secret *key_out,
			 unsigned char salt_out[ENVELOPE_SALT_SIZE]);
#endif

#endif
