/*
 * The keyring: the random keys of a repository, sealed under the master key.
 *
 * Its plaintext exists in guarded memory alone.
 */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"
#include "crypto/kdf.h"

#include "crypto/keys-internal.h"

#define KEYRING_MAGIC "UBKEYRG"		/* and a NUL */
#define SEALED_HEAD_SIZE (MAGIC_SIZE + 2 + HASH_SIZE + 8)

static const char what_file[] = "the keyring file";
static const char what_plain[] = "the keyring";

static void epoch_derive(struct epoch *e)
{
	crypto_scalarmult_base(e->box_public, e->box_secret.data);
	secret_init(&e->seal_key, KEY_SIZE);
	kdf(e->seal_key.data, KDF_PACK_WRAP, e->wrap_key.data, KEY_SIZE, NULL, 0, NULL, 0);
	secret_wipe_stack();
}

void keyring_release(struct keyring *k)
{
	for (size_t i = 0; i < k->nr_epochs; i++) {
		secret_release(&k->epochs[i].wrap_key);
		secret_release(&k->epochs[i].box_secret);
		secret_release(&k->epochs[i].seal_key);
	}
	for (size_t i = 0; i < k->nr_domains; i++) {
		secret_release(&k->domains[i].id_key);
		secret_release(&k->domains[i].chunker_key);
	}
	sys_free(k->epochs);
	sys_free(k->domains);
	secret_release(&k->cache_secret);
	secret_release(&k->owner_seed);
	secret_release(&k->fields);
	*k = (struct keyring)KEYRING_INIT;
}

void keyring_swap(struct keyring *a, struct keyring *b)
{
	struct keyring t = *a;

	*a = *b;
	*b = t;
}

void keyring_generate(struct keyring *k)
{
	static const unsigned char no_fields[] = { 0 };

	k->generation = 1;
	k->epochs = xcalloc(1, sizeof(*k->epochs));
	k->nr_epochs = 1;
	secret_random(&k->epochs[0].wrap_key, KEY_SIZE);
	secret_random(&k->epochs[0].box_secret, KEY_SIZE);
	epoch_derive(&k->epochs[0]);
	k->domains = xcalloc(1, sizeof(*k->domains));
	k->nr_domains = 1;
	secret_random(&k->domains[0].id_key, KEY_SIZE);
	secret_random(&k->domains[0].chunker_key, KEY_SIZE);
	secret_random(&k->cache_secret, KEY_SIZE);
	secret_random(&k->owner_seed, KEY_SIZE);
	secret_set(&k->fields, no_fields, sizeof(no_fields));
}

/* Bytes going into guarded memory: a struct buf would leave copies on the heap as it grows. */
struct cursor {
	unsigned char *p;
};

static void put(struct cursor *c, const void *p, size_t n)
{
	memcpy(c->p, p, n);
	c->p += n;
}

static void put_number(struct cursor *c, uint32_t v)
{
	put_u32le(c->p, v);
	c->p += 4;
}

static void put_varint(struct cursor *c, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*c->p++ = (unsigned char)(v | 0x80);
	*c->p++ = (unsigned char)v;
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

void keyring_encode(const struct keyring *k, struct secret *out)
{
	size_t size = 1 + 8 + varint_size(k->nr_epochs) + k->nr_epochs * (4 + 2 * KEY_SIZE) +
		      varint_size(k->nr_domains) + k->nr_domains * (4 + 2 * KEY_SIZE) +
		      2 * KEY_SIZE + k->fields.size;
	struct cursor c;

	if (size > KEYRING_MAX_PLAIN)
		BUG("a keyring of %zu bytes", size);
	secret_init(out, size);
	c.p = out->data;
	*c.p++ = FORMAT_VERSION;
	put_u64le(c.p, k->generation);
	c.p += 8;
	put_varint(&c, k->nr_epochs);
	for (size_t i = 0; i < k->nr_epochs; i++) {
		put_number(&c, k->epochs[i].number);
		put(&c, k->epochs[i].wrap_key.data, KEY_SIZE);
		put(&c, k->epochs[i].box_secret.data, KEY_SIZE);
	}
	put_varint(&c, k->nr_domains);
	for (size_t i = 0; i < k->nr_domains; i++) {
		put_number(&c, k->domains[i].number);
		put(&c, k->domains[i].id_key.data, KEY_SIZE);
		put(&c, k->domains[i].chunker_key.data, KEY_SIZE);
	}
	put(&c, k->cache_secret.data, KEY_SIZE);
	put(&c, k->owner_seed.data, KEY_SIZE);
	put(&c, k->fields.data, k->fields.size);
	if (c.p != out->data + size)
		BUG("a keyring of another size than thought");
}

static int malformed(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s is malformed", what_plain);
}

/* The key of KEY_SIZE bytes at the cursor, or (when there are fewer) zeros. */
static void take_key(struct reader *r, struct secret *out)
{
	secret_init(out, KEY_SIZE);
	reader_copy(r, out->data, KEY_SIZE);
}

static int parse_epochs(struct reader *r, struct keyring *k, struct err *err)
{
	uint64_t nr = reader_varint(r);

	if (!nr || nr > KEYRING_MAX_EPOCHS || reader_left(r) / (4 + 2 * KEY_SIZE) < nr)
		return malformed(err);
	k->epochs = xcalloc(nr, sizeof(*k->epochs));
	for (size_t i = 0; i < nr; i++) {
		struct epoch *e = &k->epochs[i];
		k->nr_epochs = i + 1;
		e->number = reader_u32le(r);
		take_key(r, &e->wrap_key);
		take_key(r, &e->box_secret);
		if (i && e->number <= e[-1].number)
			return malformed(err);
		epoch_derive(e);
	}
	return 0;
}

static int parse_domains(struct reader *r, struct keyring *k, struct err *err)
{
	uint64_t nr = reader_varint(r);

	if (!nr || nr > KEYRING_MAX_DOMAINS || reader_left(r) / (4 + 2 * KEY_SIZE) < nr)
		return malformed(err);
	k->domains = xcalloc(nr, sizeof(*k->domains));
	for (size_t i = 0; i < nr; i++) {
		struct domain *d = &k->domains[i];
		k->nr_domains = i + 1;
		d->number = reader_u32le(r);
		take_key(r, &d->id_key);
		take_key(r, &d->chunker_key);
		if (i && d->number <= d[-1].number)
			return malformed(err);
	}
	return 0;
}

int keyring_parse(const void *p, size_t n, struct keyring *out, struct err *err)
{
	struct keyring k = KEYRING_INIT;
	struct reader r;
	int ret;

	if (n > KEYRING_MAX_PLAIN)
		return malformed(err);
	reader_init(&r, p, n);
	uint8_t version = reader_u8(&r);
	if (!reader_ok(&r))
		return malformed(err);
	if (version != FORMAT_VERSION)
		return err_set(err, ERR_FORMAT, "%s has version %u, which this ub does not know",
			       what_plain, version);
	k.generation = reader_u64le(&r);
	ret = parse_epochs(&r, &k, err);
	if (ret < 0)
		goto done;
	ret = parse_domains(&r, &k, err);
	if (ret < 0)
		goto done;
	take_key(&r, &k.cache_secret);
	take_key(&r, &k.owner_seed);
	secret_set(&k.fields, r.p, reader_left(&r));
	ret = fields_check(&r, what_plain, err);
	if (ret < 0)
		goto done;
	ret = reader_end(&r, what_plain, err);
	if (ret < 0)
		goto done;
	keyring_swap(out, &k);
done:
	keyring_release(&k);
	return ret;
}

void keyring_seal(const struct keyring *k, const unsigned char repo_id[HASH_SIZE],
		  const struct secret *master, struct buf *out)
{
	struct secret plain = SECRET_INIT, key = SECRET_INIT;

	keyring_encode(k, &plain);
	secret_init(&key, KEY_SIZE);
	kdf(key.data, KDF_KEYRING_SEAL, master->data, master->size, NULL, 0, NULL, 0);
	buf_reset(out);
	head_put(out, KEYRING_MAGIC);
	buf_put(out, repo_id, HASH_SIZE);
	buf_put_u64le(out, k->generation);
	buf_reserve(out, plain.size + SEAL_OVERHEAD);
	unsigned char *sealed = buf_extend(out, plain.size + SEAL_OVERHEAD);
	seal_small(sealed, key.data, out->data, SEALED_HEAD_SIZE, plain.data, plain.size);
	tail_put(out);
	secret_release(&plain);
	secret_release(&key);
}

int keyring_open(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		 const struct secret *master, struct keyring *out, struct err *err)
{
	struct secret plain = SECRET_INIT, key = SECRET_INIT;
	struct keyring k = KEYRING_INIT;
	unsigned char id[HASH_SIZE];
	struct reader r;
	int ret;

	if (n > KEYRING_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "%s has %zu bytes, too many", what_file, n);
	ret = head_check(&r, p, n, KEYRING_MAGIC, true, 0, NULL, what_file, err);
	if (ret < 0)
		return ret;
	reader_copy(&r, id, sizeof(id));
	uint64_t generation = reader_u64le(&r);
	if (!reader_ok(&r) || reader_left(&r) <= SEAL_OVERHEAD)
		return err_set(err, ERR_CORRUPT, "%s is cut short", what_file);
	if (memcmp(id, repo_id, sizeof(id)) != 0)
		return err_set(err, ERR_CORRUPT, "%s belongs to another repository", what_file);
	secret_init(&key, KEY_SIZE);
	kdf(key.data, KDF_KEYRING_SEAL, master->data, master->size, NULL, 0, NULL, 0);
	secret_init(&plain, reader_left(&r) - SEAL_OVERHEAD);
	ret = unseal_small(plain.data, key.data, p, SEALED_HEAD_SIZE, r.p, reader_left(&r), err);
	if (ret < 0) {
		ret = err_set(err, ERR_KEY, "%s is not sealed under this key", what_file);
		goto done;
	}
	ret = keyring_parse(plain.data, plain.size, &k, err);
	if (ret < 0)
		goto done;
	if (k.generation != generation) {
		ret = malformed(err);
		goto done;
	}
	keyring_swap(out, &k);
done:
	keyring_release(&k);
	secret_release(&plain);
	secret_release(&key);
	return ret;
}

const struct epoch *keyring_find_epoch(const struct keyring *k, uint32_t number)
{
	for (size_t i = 0; i < k->nr_epochs; i++) {
		if (k->epochs[i].number == number)
			return &k->epochs[i];
	}
	return NULL;
}
