/*
 * The bounds-checked cursor.  Knows integers and runs of bytes, no format.
 */
#include <string.h>

#include "lib/buf.h"

#include "lib/reader.h"

void reader_init(struct reader *r, const void *p, size_t n)
{
	static const unsigned char none[1];

	r->p = p ? p : none;
	r->end = r->p + (p ? n : 0);
	r->failed = p == NULL && n > 0;
}

void reader_fail(struct reader *r)
{
	r->failed = true;
	r->p = r->end;
}

const unsigned char *reader_bytes(struct reader *r, size_t n)
{
	if (r->failed || reader_left(r) < n) {
		reader_fail(r);
		return NULL;
	}
	const unsigned char *p = r->p;
	r->p += n;
	return p;
}

void reader_copy(struct reader *r, void *out, size_t n)
{
	const unsigned char *p = reader_bytes(r, n);

	if (p)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

uint8_t reader_u8(struct reader *r)
{
	const unsigned char *p = reader_bytes(r, 1);

	return p ? *p : 0;
}

uint16_t reader_u16le(struct reader *r)
{
	const unsigned char *p = reader_bytes(r, 2);

	return p ? get_u16le(p) : 0;
}

uint32_t reader_u32le(struct reader *r)
{
	const unsigned char *p = reader_bytes(r, 4);

	return p ? get_u32le(p) : 0;
}

uint64_t reader_u64le(struct reader *r)
{
	const unsigned char *p = reader_bytes(r, 8);

	return p ? get_u64le(p) : 0;
}

uint64_t reader_varint_long(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t byte = reader_u8(r);
		if (r->failed)
			return 0;
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			if (byte == 0 && shift > 0)
				break;	/* not the shortest form */
			return v;
		}
	}
	reader_fail(r);
	return 0;
}

const unsigned char *reader_lenbytes(struct reader *r, size_t max, size_t *size_out)
{
	uint64_t n = reader_varint(r);

	*size_out = 0;
	if (r->failed || n > max) {
		reader_fail(r);
		return NULL;
	}
	const unsigned char *p = reader_bytes(r, (size_t)n);
	if (p)
		*size_out = (size_t)n;
	return p;
}

int reader_end(const struct reader *r, const char *what, struct err *err)
{
	if (r->failed)
		return err_set(err, ERR_CORRUPT, "%s is cut short or malformed", what);
	if (r->p != r->end)
		return err_set(err, ERR_CORRUPT, "%s has %zu bytes too many", what, reader_left(r));
	return 0;
}
