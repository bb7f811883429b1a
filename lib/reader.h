#ifndef LIB_READER_H
#define LIB_READER_H

/*
 * A bounds-checked cursor over bytes from outside.  A read past the end, or a varint that is not
 * in its shortest form, sets `failed`; all further reads then give zeros and NULL.  Parsers read
 * what they want and test once with reader_end() or reader_ok().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * Extension fields, in every format of ub: varint tag, lenbytes.  What later versions add has a tag
 * from here on when a reader that does not know it must not go on.
 */
#define FIELD_CRITICAL 128

struct reader {
	const unsigned char *p, *end;
	bool failed;
};

void reader_init(struct reader *r, const void *p, size_t n);
static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16le(struct reader *r);
uint32_t reader_u32le(struct reader *r);
uint64_t reader_u64le(struct reader *r);
/* Most numbers are small; a reader that failed has nothing left. */
uint64_t reader_varint_long(struct reader *r);
static inline uint64_t reader_varint(struct reader *r)
{
	return r->p < r->end && *r->p < 0x80 ? *r->p++ : reader_varint_long(r);
}
/* `n` bytes, borrowed from the input; NULL and failed when there are fewer. */
const unsigned char *reader_bytes(struct reader *r, size_t n);
/* varint length up to `max`, then the bytes */
const unsigned char *reader_lenbytes(struct reader *r, size_t max, size_t *size_out);
/* Copy `n` bytes out; zeros when there are fewer. */
void reader_copy(struct reader *r, void *out, size_t n);
void reader_fail(struct reader *r);
static inline bool reader_ok(const struct reader *r)
{
	return !r->failed;
}
/* 0 if all was read and nothing failed, else ERR_CORRUPT: "WHAT is cut short", or too long. */
int reader_end(const struct reader *r, const char *what, struct err *err);

#endif
