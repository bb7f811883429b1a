/*
 * Key slots: the master key, wrapped for a password, for recovery words, for one device.
 */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"
#include "crypto/kdf.h"

#include "crypto/keys-internal.h"

#define SLOT_MAGIC "UBKSLOT"		/* and a NUL */

/* Caps on what a file may ask of the machine that reads it. */
#define ARGON_MEM_LOWEST_KIB 8u
#define ARGON_MEM_HIGHEST_KIB (4u << 20)
#define ARGON_PASSES_HIGHEST 64u

static const char what[] = "the key slot";

void slot_file_name(const struct slot *s, char out[SLOT_NAME_SIZE])
{
	memcpy(out, SLOT_NAME_PREFIX, sizeof(SLOT_NAME_PREFIX));
	hex_encode(out + sizeof(SLOT_NAME_PREFIX) - 1, s->id, SLOT_ID_SIZE);
}

bool slot_name_is_valid(const char *name, unsigned char id[SLOT_ID_SIZE])
{
	unsigned char scratch[SLOT_ID_SIZE];
	size_t n = sizeof(SLOT_NAME_PREFIX) - 1;

	return strncmp(name, SLOT_NAME_PREFIX, n) == 0 && strlen(name) == SLOT_NAME_SIZE - 1 &&
	       hex_decode(id ? id : scratch, SLOT_ID_SIZE, name + n);
}

/* The bytes of the UTF-8 character at `p`, or 0: malformed, overlong, a surrogate, a control. */
static size_t utf8_size(const unsigned char *p, size_t n)
{
	static const uint32_t lowest[] = { 0, 0x20, 0x80, 0x800, 0x10000 };
	size_t size = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 :
		      p[0] >> 3 == 30 ? 4 : 0;

	if (!size || size > n)
		return 0;
	uint32_t c = size == 1 ? p[0] : p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
	if (c < lowest[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || is_control)
		return 0;
	return size;
}

bool label_is_valid(const char *label)
{
	const unsigned char *p = (const unsigned char *)label;
	size_t n = strlen(label);

	if (n > SLOT_LABEL_MAX)
		return false;
	for (size_t step; n; p += step, n -= step) {
		step = utf8_size(p, n);
		if (!step)
			return false;
	}
	return true;
}

/* All that stands before the sealed master, which it is bound to. */
static void encode_head(const struct slot *s, struct buf *out)
{
	buf_reset(out);
	head_put(out, SLOT_MAGIC);
	buf_put_u8(out, (uint8_t)s->type);
	buf_put(out, s->id, SLOT_ID_SIZE);
	buf_put(out, s->repo_id, HASH_SIZE);
	buf_put_u64le(out, s->created);
	buf_put_u8(out, (uint8_t)s->kdf);
	buf_put_u32le(out, s->mem_kib);
	buf_put_u32le(out, s->passes);
	buf_put(out, s->salt, SLOT_SALT_SIZE);
	buf_put_lenbytes(out, s->label, strlen(s->label));
}

void slot_encode(const struct slot *s, struct buf *out)
{
	encode_head(s, out);
	buf_put(out, s->sealed, sizeof(s->sealed));
	tail_put(out);
}

static int check_kdf(const struct slot *s, struct err *err)
{
	if (s->kdf == SLOT_KDF_NONE && s->type != SLOT_PASSWORD && !s->mem_kib && !s->passes)
		return 0;
	if (s->kdf != SLOT_KDF_ARGON2ID13 && s->kdf != SLOT_KDF_NONE)
		return err_set(err, ERR_FORMAT,
			       "%s has key derivation %d, which this ub does not know", what,
			       (int)s->kdf);
	if (s->kdf == SLOT_KDF_NONE || s->type != SLOT_PASSWORD)
		return err_set(err, ERR_CORRUPT, "%s has a key derivation its type cannot have",
			       what);
	if (s->mem_kib < ARGON_MEM_LOWEST_KIB || s->mem_kib > ARGON_MEM_HIGHEST_KIB || !s->passes ||
	    s->passes > ARGON_PASSES_HIGHEST)
		return err_set(err, ERR_CORRUPT, "%s asks for %" PRIu32 " KiB and %" PRIu32
			       " passes of Argon2id, out of bounds", what, s->mem_kib, s->passes);
	return 0;
}

int slot_parse(const void *p, size_t n, struct slot *out, struct err *err)
{
	struct slot s = { .type = SLOT_PASSWORD };
	struct reader r;
	size_t size;
	int ret;

	if (n > SLOT_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "%s has %zu bytes, too many", what, n);
	ret = head_check(&r, p, n, SLOT_MAGIC, true, 0, NULL, what, err);
	if (ret < 0)
		return ret;
	uint8_t type = reader_u8(&r);
	reader_copy(&r, s.id, SLOT_ID_SIZE);
	reader_copy(&r, s.repo_id, HASH_SIZE);
	s.created = reader_u64le(&r);
	uint8_t alg = reader_u8(&r);
	s.mem_kib = reader_u32le(&r);
	s.passes = reader_u32le(&r);
	reader_copy(&r, s.salt, SLOT_SALT_SIZE);
	const unsigned char *label = reader_lenbytes(&r, SLOT_LABEL_MAX, &size);
	reader_copy(&r, s.sealed, sizeof(s.sealed));
	ret = reader_end(&r, what, err);
	if (ret < 0)
		return ret;
	if (type < SLOT_PASSWORD || type > SLOT_DEVICE)
		return err_set(err, ERR_FORMAT, "%s has type %u, which this ub does not know", what,
			       type);
	s.type = (enum slot_type)type;
	s.kdf = (enum slot_kdf)alg;
	memcpy(s.label, label, size);
	if (strlen(s.label) != size || !label_is_valid(s.label))
		return err_set(err, ERR_CORRUPT, "%s has a malformed label", what);
	ret = check_kdf(&s, err);
	if (ret < 0)
		return ret;
	*out = s;
	return 0;
}

static int argon2(const struct slot *s, const struct secret *password, struct secret *out,
		  struct err *err)
{
	uint64_t mem = (uint64_t)s->mem_kib << 10;

	if (mem > sys_memory_size())
		return err_set(err, ERR_NOMEM, "this key slot needs %" PRIu64
			       " MiB of memory to open, and this machine has %" PRIu64, mem >> 20,
			       sys_memory_size() >> 20);
	secret_init(out, KEY_SIZE);
	_Static_assert(crypto_pwhash_argon2id_SALTBYTES <= SLOT_SALT_SIZE, "salt");
	if (crypto_pwhash_argon2id(out->data, KEY_SIZE, (const char *)password->data,
				   password->size, s->salt, s->passes, (size_t)mem,
				   crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return err_set(err, ERR_NOMEM, "there is no memory for Argon2id: %" PRIu64
			       " MiB are needed", mem >> 20);
	return 0;
}

/* The key that seals the master in this slot. */
static int slot_key(const struct slot *s, const struct secret *credential, struct secret *out,
		    struct err *err)
{
	struct secret stretched = SECRET_INIT;
	int ret = 0;

	secret_init(out, KEY_SIZE);
	switch (s->type) {
	case SLOT_PASSWORD:
		ret = argon2(s, credential, &stretched, err);
		if (ret == 0)
			kdf(out->data, KDF_SLOT_PASSWORD, stretched.data, KEY_SIZE, NULL, 0,
			    NULL, 0);
		break;
	case SLOT_RECOVERY:
		kdf(out->data, KDF_SLOT_RECOVERY, credential->data, credential->size, s->repo_id,
		    HASH_SIZE, s->salt, SLOT_SALT_SIZE);
		break;
	case SLOT_DEVICE:
		kdf(out->data, KDF_SLOT_DEVICE, credential->data, credential->size, s->repo_id,
		    HASH_SIZE, s->salt, SLOT_SALT_SIZE);
		break;
	}
	secret_release(&stretched);
	secret_wipe_stack();
	return ret;
}

int slot_wrap(struct slot *s, const struct secret *credential, const struct secret *master,
	      struct err *err)
{
	struct secret key = SECRET_INIT;
	struct buf head = BUF_INIT;
	int ret;

	sys_random(s->id, SLOT_ID_SIZE);
	sys_random(s->salt, SLOT_SALT_SIZE);
	ret = slot_key(s, credential, &key, err);
	if (ret < 0)
		goto done;
	encode_head(s, &head);
	seal_small(s->sealed, key.data, head.data, head.len, master->data, KEY_SIZE);
done:
	buf_release(&head);
	secret_release(&key);
	return ret;
}

int slot_unwrap(const struct slot *s, const struct secret *credential, struct secret *master_out,
		struct err *err)
{
	struct secret key = SECRET_INIT, master = SECRET_INIT;
	struct buf head = BUF_INIT;
	int ret;

	ret = slot_key(s, credential, &key, err);
	if (ret < 0)
		goto done;
	encode_head(s, &head);
	secret_init(&master, KEY_SIZE);
	if (unseal_small(master.data, key.data, head.data, head.len, s->sealed, sizeof(s->sealed),
			 err) < 0) {
		ret = err_set(err, ERR_KEY, "this does not open the key slot");
		goto done;
	}
	secret_swap(master_out, &master);
done:
	buf_release(&head);
	secret_release(&master);
	secret_release(&key);
	return ret;
}
