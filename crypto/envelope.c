/*
 * Envelopes: a random key for each pack (or record), wrapped in stanzas for those who may open it.
 *
 * The commitment binds the key, so that no two keys open one envelope to two plaintexts; salt and
 * repository id bind the envelope to its place.
 */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"
#include "crypto/kdf.h"

#include "crypto/keys-internal.h"

enum stanza_type { STANZA_AEAD = 1, STANZA_BOX = 2 };

#define AEAD_BODY_SIZE (KEY_SIZE + SEAL_OVERHEAD)
#define BOX_PLAIN_SIZE (KEY_SIZE + HASH_SIZE)
#define BOX_BODY_SIZE (BOX_PLAIN_SIZE + crypto_box_SEALBYTES)
#define AD_SIZE (HASH_SIZE + ENVELOPE_SALT_SIZE + HASH_SIZE + 1 + 1 + 4)

struct stanza {
	uint8_t type, flags;
	uint32_t epoch;
	const unsigned char *body;
	size_t size;
};

struct envelope {
	const unsigned char *salt, *commitment;
	unsigned int nr;
	struct stanza stanzas[ENVELOPE_MAX_STANZAS];
};

static int parse(const void *p, size_t n, struct envelope *e, size_t *used_out, struct err *err)
{
	struct reader r;

	reader_init(&r, p, n < ENVELOPE_MAX_SIZE ? n : ENVELOPE_MAX_SIZE);
	e->salt = reader_bytes(&r, ENVELOPE_SALT_SIZE);
	e->commitment = reader_bytes(&r, HASH_SIZE);
	e->nr = reader_u8(&r);
	if (!reader_ok(&r) || !e->nr || e->nr > ENVELOPE_MAX_STANZAS)
		goto malformed;
	for (unsigned int i = 0; i < e->nr; i++) {
		struct stanza *s = &e->stanzas[i];
		s->type = reader_u8(&r);
		s->flags = reader_u8(&r);
		s->epoch = reader_u32le(&r);
		s->size = reader_u16le(&r);
		s->body = reader_bytes(&r, s->size);
		if (!reader_ok(&r) || (s->type == STANZA_AEAD && s->size != AEAD_BODY_SIZE) ||
		    (s->type == STANZA_BOX && s->size != BOX_BODY_SIZE))
			goto malformed;
	}
	*used_out = (size_t)(r.p - (const unsigned char *)p);
	return 0;
malformed:
	return err_set(err, ERR_CORRUPT, "the envelope is cut short or malformed");
}

int envelope_check(const void *p, size_t n, size_t *used_out, struct err *err)
{
	struct envelope e = { .nr = 0 };

	return parse(p, n, &e, used_out, err);
}

static void commit_to(const struct keys *k, const unsigned char key[KEY_SIZE],
		      const unsigned char salt[ENVELOPE_SALT_SIZE], unsigned char out[HASH_SIZE])
{
	kdf(out, KDF_KEY_COMMITMENT, key, KEY_SIZE, salt, ENVELOPE_SALT_SIZE, k->genesis.id,
	    HASH_SIZE);
}

/* What stanzas are bound to. */
static void bind(const struct keys *k, const unsigned char *salt, const unsigned char *commitment,
		 const struct stanza *s, unsigned char ad[AD_SIZE])
{
	memcpy(ad, k->genesis.id, HASH_SIZE);
	memcpy(ad + HASH_SIZE, salt, ENVELOPE_SALT_SIZE);
	memcpy(ad + HASH_SIZE + ENVELOPE_SALT_SIZE, commitment, HASH_SIZE);
	ad[AD_SIZE - 6] = s->type;
	ad[AD_SIZE - 5] = s->flags;
	put_u32le(ad + AD_SIZE - 4, s->epoch);
}

/* A sealed box has no room for additional data: their hash lies in it beside the key. */
static void box_hash(const struct keys *k, const unsigned char *salt,
		     const unsigned char *commitment, const struct stanza *s,
		     unsigned char out[HASH_SIZE])
{
	unsigned char ad[AD_SIZE];

	bind(k, salt, commitment, s, ad);
	hash_bytes(out, ad, sizeof(ad));
}

static void put_stanza_head(struct buf *out, const struct stanza *s)
{
	buf_put_u8(out, s->type);
	buf_put_u8(out, s->flags);
	buf_put_u32le(out, s->epoch);
	buf_put_u16le(out, (uint16_t)s->size);
}

static void begin(const struct keys *k, struct buf *out, struct secret *key, unsigned char *salt,
		  unsigned char *commitment)
{
	secret_random(key, KEY_SIZE);
	sys_random(salt, ENVELOPE_SALT_SIZE);
	commit_to(k, key->data, salt, commitment);
	buf_put(out, salt, ENVELOPE_SALT_SIZE);
	buf_put(out, commitment, HASH_SIZE);
	buf_put_u8(out, 1);
}

void envelope_create(const struct keys *k, struct buf *out, struct secret *key_out,
		     unsigned char salt_out[ENVELOPE_SALT_SIZE])
{
	const struct epoch *epoch = &k->ring.epochs[k->ring.nr_epochs - 1];
	struct stanza s = { STANZA_AEAD, 0, epoch->number, NULL, AEAD_BODY_SIZE };
	unsigned char commitment[HASH_SIZE], ad[AD_SIZE], body[AEAD_BODY_SIZE];
	struct secret key = SECRET_INIT;

	begin(k, out, &key, salt_out, commitment);
	bind(k, salt_out, commitment, &s, ad);
	seal_small(body, epoch->seal_key.data, ad, sizeof(ad), key.data, KEY_SIZE);
	put_stanza_head(out, &s);
	buf_put(out, body, sizeof(body));
	secret_release(key_out);
	secret_swap(key_out, &key);
}

#ifdef UB_TEST
/* What a write-only device will write. */
void envelope_create_box(const struct keys *k, struct buf *out, struct secret *key_out,
			 unsigned char salt_out[ENVELOPE_SALT_SIZE])
{
	const struct epoch *epoch = &k->ring.epochs[k->ring.nr_epochs - 1];
	struct stanza s = { STANZA_BOX, 0, epoch->number, NULL, BOX_BODY_SIZE };
	unsigned char commitment[HASH_SIZE], plain[BOX_PLAIN_SIZE], body[BOX_BODY_SIZE];

	begin(k, out, key_out, salt_out, commitment);
	memcpy(plain, key_out->data, KEY_SIZE);
	box_hash(k, salt_out, commitment, &s, plain + KEY_SIZE);
	if (crypto_box_seal(body, plain, sizeof(plain), epoch->box_public) != 0)
		BUG("crypto_box_seal");
	put_stanza_head(out, &s);
	buf_put(out, body, sizeof(body));
	secret_wipe(plain, sizeof(plain));
}
#endif

/* True when the stanza is genuine; the key is then at `key`. */
static bool open_stanza(const struct keys *k, const struct envelope *e, const struct stanza *s,
			const struct epoch *epoch, unsigned char key[KEY_SIZE])
{
	unsigned char ad[AD_SIZE], plain[BOX_PLAIN_SIZE], hash[HASH_SIZE];
	struct err ignored = ERR_INIT;
	bool good;

	if (s->type == STANZA_AEAD) {
		bind(k, e->salt, e->commitment, s, ad);
		return unseal_small(key, epoch->seal_key.data, ad, sizeof(ad), s->body, s->size,
				    &ignored) == 0;
	}
	box_hash(k, e->salt, e->commitment, s, hash);
	good = crypto_box_seal_open(plain, s->body, s->size, epoch->box_public,
				    epoch->box_secret.data) == 0 &&
	       secret_is_equal(plain + KEY_SIZE, hash, HASH_SIZE);
	if (good)
		memcpy(key, plain, KEY_SIZE);
	secret_wipe(plain, sizeof(plain));
	secret_wipe_stack();
	return good;
}

/* The first stanza that opens; else why none did, the gravest reason first. */
static int find_key(const struct keys *k, const struct envelope *e, unsigned char key[KEY_SIZE],
		    struct err *err)
{
	bool is_bad = false, is_keyless = false;
	uint32_t epoch_wanted = 0;
	uint8_t unknown = 0;

	for (unsigned int i = 0; i < e->nr; i++) {
		const struct stanza *s = &e->stanzas[i];
		if (s->type != STANZA_AEAD && s->type != STANZA_BOX) {
			unknown = s->type;
			continue;
		}
		const struct epoch *epoch = keyring_find_epoch(&k->ring, s->epoch);
		if (epoch && open_stanza(k, e, s, epoch, key))
			return 0;
		if (epoch) {
			is_bad = true;
		} else {
			is_keyless = true;
			epoch_wanted = s->epoch;
		}
	}
	if (is_bad)
		return err_set(err, ERR_CORRUPT, "the envelope is not genuine");
	if (is_keyless)
		return err_set(err, ERR_KEY, "the keyring has no key of epoch %" PRIu32,
			       epoch_wanted);
	return err_set(err, ERR_FORMAT, "the envelope has recipients of type %u alone, which this "
		       "ub does not know", unknown);
}

int envelope_open(const struct keys *k, const void *p, size_t n, struct secret *key_out,
		  unsigned char salt_out[ENVELOPE_SALT_SIZE], size_t *used_out, struct err *err)
{
	unsigned char commitment[HASH_SIZE];
	struct secret key = SECRET_INIT;
	struct envelope e = { .nr = 0 };
	size_t used = 0;
	int ret;

	ret = parse(p, n, &e, &used, err);
	if (ret < 0)
		return ret;
	secret_init(&key, KEY_SIZE);
	ret = find_key(k, &e, key.data, err);
	if (ret < 0)
		goto done;
	commit_to(k, key.data, e.salt, commitment);
	if (!secret_is_equal(commitment, e.commitment, HASH_SIZE)) {
		ret = err_set(err, ERR_CORRUPT, "the envelope's key does not match its commitment");
		goto done;
	}
	memcpy(salt_out, e.salt, ENVELOPE_SALT_SIZE);
	*used_out = used;
	secret_release(key_out);
	secret_swap(key_out, &key);
done:
	secret_release(&key);
	return ret;
}

void envelope_part_key(const struct secret *key, uint64_t number, unsigned char out[KEY_SIZE])
{
	unsigned char n[8];

	put_u64le(n, number);
	kdf(out, KDF_PART_KEY, key->data, key->size, n, sizeof(n), NULL, 0);
}
