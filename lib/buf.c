/*
 * Growing buffers and fixed encodings.  Does not read or write files.
 */
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sys.h"

#include "lib/buf.h"

void buf_init_max(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT;
	b->max = max;
}

void buf_release(struct buf *b)
{
	sys_free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	*a = *b;
	*b = t;
}

bool buf_fits(const struct buf *b, size_t extra)
{
	size_t want;

	return size_add(b->len, extra, &want) && want <= b->max && want < SIZE_MAX - 1;
}

void buf_reserve(struct buf *b, size_t extra)
{
	if (b->cap > b->len && extra < b->cap - b->len && b->cap <= b->max)
		return;
	if (!buf_fits(b, extra))
		BUG("buffer of %zu bytes would grow by %zu, past its limit", b->len, extra);
	size_t want = b->len + extra + 1;
	if (want <= b->cap)
		return;
	size_t cap = b->cap + b->cap / 2;
	if (cap < want)
		cap = want;
	if (cap < 64)
		cap = 64;
	b->data = xrealloc(b->data, cap);
	b->cap = cap;
	b->data[b->len] = '\0';
}

unsigned char *buf_extend(struct buf *b, size_t n)
{
	buf_reserve(b, n);
	unsigned char *p = b->data + b->len;
	b->len += n;
	b->data[b->len] = '\0';
	return p;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len > b->len)
		BUG("truncating %zu bytes to %zu", b->len, len);
	b->len = len;
	if (b->data)
		b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->len)
		BUG("consuming %zu of %zu bytes", n, b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	buf_truncate(b, b->len - n);
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	unsigned char *at = buf_extend(b, n);

	if (n > 0)
		memcpy(at, p, n);
}

void buf_put_buf(struct buf *b, const struct buf *src)
{
	buf_put(b, src->data, src->len);
}

void buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_put_zeros(struct buf *b, size_t n)
{
	unsigned char *at = buf_extend(b, n);

	if (n > 0)
		memset(at, 0, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	*buf_extend(b, 1) = v;
}

void buf_put_u16le(struct buf *b, uint16_t v)
{
	put_u16le(buf_extend(b, 2), v);
}

void buf_put_u32le(struct buf *b, uint32_t v)
{
	put_u32le(buf_extend(b, 4), v);
}

void buf_put_u64le(struct buf *b, uint64_t v)
{
	put_u64le(buf_extend(b, 8), v);
}

void buf_put_varint(struct buf *b, uint64_t v)
{
	unsigned char bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	buf_put(b, bytes, n);
}

void buf_put_lenbytes(struct buf *b, const void *p, size_t n)
{
	buf_put_varint(b, n);
	buf_put(b, p, n);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		BUG("bad format '%s'", fmt);
	buf_reserve(b, (size_t)n);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *buf_str(const struct buf *b)
{
	return b->data ? (const char *)b->data : "";
}

int buf_cmp(const struct buf *a, const struct buf *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = n > 0 ? memcmp(a->data, b->data, n) : 0;

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

void put_u16le(unsigned char *p, uint16_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
}

void put_u32le(unsigned char *p, uint32_t v)
{
	put_u16le(p, (uint16_t)v);
	put_u16le(p + 2, (uint16_t)(v >> 16));
}

void put_u64le(unsigned char *p, uint64_t v)
{
	put_u32le(p, (uint32_t)v);
	put_u32le(p + 4, (uint32_t)(v >> 32));
}

uint16_t get_u16le(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t get_u32le(const unsigned char *p)
{
	return (uint32_t)get_u16le(p) | (uint32_t)get_u16le(p + 2) << 16;
}

uint64_t get_u64le(const unsigned char *p)
{
	return (uint64_t)get_u32le(p) | (uint64_t)get_u32le(p + 4) << 32;
}

void hex_encode(char *hex, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_decode(unsigned char *p, size_t n, const char *hex)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex[2 * i]);
		if (hi < 0)
			return false;
		int lo = hex_digit(hex[2 * i + 1]);
		if (lo < 0)
			return false;
		p[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

bool size_mul(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}
