#ifndef LIB_BUF_H
#define LIB_BUF_H

/*
 * Bytes that grow, and the one way to encode: little-endian fixed integers and LEB128 varints.
 *
 * Growing past `max` is a broken promise for bytes of our own; whoever appends bytes that come
 * from outside checks with buf_fits() first.  `data` always has a NUL after `len`, uncounted.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	unsigned char *data;
	size_t len, cap, max;
};

#define BUF_INIT { NULL, 0, 0, SIZE_MAX }

void buf_init_max(struct buf *b, size_t max);
void buf_release(struct buf *b);	/* back to BUF_INIT; keeps nothing */
void buf_reset(struct buf *b);		/* empty, memory kept */
void buf_swap(struct buf *a, struct buf *b);

/* Room for `extra` more bytes and the NUL. */
void buf_reserve(struct buf *b, size_t extra);
bool buf_fits(const struct buf *b, size_t extra);

/* `n` new bytes at the end, uninitialised; borrowed until the buffer changes. */
unsigned char *buf_extend(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t len);
/* Drop the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_buf(struct buf *b, const struct buf *src);
void buf_put_str(struct buf *b, const char *s);
void buf_put_zeros(struct buf *b, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16le(struct buf *b, uint16_t v);
void buf_put_u32le(struct buf *b, uint32_t v);
void buf_put_u64le(struct buf *b, uint64_t v);
/* LEB128, shortest form: seven bits a byte, low first. */
void buf_put_varint(struct buf *b, uint64_t v);
/* varint length, then the bytes */
void buf_put_lenbytes(struct buf *b, const void *p, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* The bytes as a C string; borrowed until the buffer changes. */
const char *buf_str(const struct buf *b);
int buf_cmp(const struct buf *a, const struct buf *b);

/* Fixed integers at a place, for headers of fixed layout. */
void put_u16le(unsigned char *p, uint16_t v);
void put_u32le(unsigned char *p, uint32_t v);
void put_u64le(unsigned char *p, uint64_t v);
uint16_t get_u16le(const unsigned char *p);
uint32_t get_u32le(const unsigned char *p);
uint64_t get_u64le(const unsigned char *p);

/* `hex` gets 2n+1 bytes. */
void hex_encode(char *hex, const unsigned char *p, size_t n);
/* False unless exactly 2n lower-case hex digits stand at `hex`. */
bool hex_decode(unsigned char *p, size_t n, const char *hex);

/* Sums and products of sizes: false when they would overflow. */
bool size_add(size_t a, size_t b, size_t *out);
bool size_mul(size_t a, size_t b, size_t *out);

#endif
