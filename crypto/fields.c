/*
 * What the key files share: magic, version and flags in front, extension fields, a closing hash.
 */
#include <inttypes.h>
#include <string.h>

#include "crypto/secret.h"

#include "crypto/keys-internal.h"

void head_put(struct buf *b, const char magic[MAGIC_SIZE])
{
	buf_put(b, magic, MAGIC_SIZE);
	buf_put_u8(b, FORMAT_VERSION);
	buf_put_u8(b, 0);
}

int head_check(struct reader *r, const void *p, size_t n, const char magic[MAGIC_SIZE],
	       bool has_hash, uint8_t flags_known, uint8_t *flags_out, const char *what,
	       struct err *err)
{
	const unsigned char *bytes = p;
	unsigned char hash[HASH_SIZE];

	if (n < MAGIC_SIZE || memcmp(p, magic, MAGIC_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "%s does not begin as one", what);
	if (has_hash) {
		if (n < MAGIC_SIZE + 2 + HASH_SIZE)
			return err_set(err, ERR_CORRUPT, "%s is cut short", what);
		n -= HASH_SIZE;
		hash_bytes(hash, bytes, n);
		if (memcmp(hash, bytes + n, HASH_SIZE) != 0)
			return err_set(err, ERR_CORRUPT,
				       "%s is damaged: its bytes do not match its hash", what);
	}
	reader_init(r, bytes, n);
	reader_bytes(r, MAGIC_SIZE);
	uint8_t version = reader_u8(r);
	uint8_t flags = reader_u8(r);
	if (!reader_ok(r))
		return err_set(err, ERR_CORRUPT, "%s is cut short", what);
	if (version != FORMAT_VERSION)
		return err_set(err, ERR_FORMAT, "%s has version %u, which this ub does not know",
			       what, version);
	if (flags & (uint8_t)~flags_known)
		return err_set(err, ERR_FORMAT, "%s has flags 0x%02x, which this ub does not know",
			       what, flags);
	if (flags_out)
		*flags_out = flags;
	return 0;
}

void tail_put(struct buf *b)
{
	unsigned char hash[HASH_SIZE];

	hash_bytes(hash, b->data, b->len);
	buf_put(b, hash, sizeof(hash));
}

int fields_check(struct reader *r, const char *what, struct err *err)
{
	uint64_t nr = reader_varint(r), last = 0;
	size_t size;

	if (nr > FIELDS_MAX)
		return err_set(err, ERR_CORRUPT, "%s has too many fields", what);
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t tag = reader_varint(r);
		reader_lenbytes(r, FIELD_MAX_SIZE, &size);
		if (!reader_ok(r) || (i && tag <= last))
			return err_set(err, ERR_CORRUPT, "%s has malformed fields", what);
		if (tag >= FIELD_CRITICAL)
			return err_set(err, ERR_FORMAT, "%s has the critical field %" PRIu64
				       ", which this ub does not know", what, tag);
		last = tag;
	}
	return 0;
}
