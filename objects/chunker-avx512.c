/*
 * The rolling hash at 64 bytes at once with AVX-512BW: as chunker-avx2.c does it, with four
 * stretches in the four quarters of a vector.
 */

#include "objects/chunker-internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define INLINE AVX512 static inline __attribute__((always_inline))

#define STRETCH 1024		/* bytes a quarter goes through in a block */
#define BLOCK (4 * STRETCH)
#define AHEAD 2048

/* What one vector leaves for the next. */
struct roll {
	__m512i lo, hi, low_nibble, high_nibble, hit;
	__m512i v0, v1, v2, v3;
};

INLINE __m512i load4(const unsigned char *p, size_t width)
{
	__m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));

	x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + width)), 1);
	x = _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + 2 * width)), 2);
	return _mm512_inserti32x4(x, _mm_loadu_si128((const __m128i *)(p + 3 * width)), 3);
}

/* The hash at each byte. */
INLINE __m512i step(struct roll *r, __m512i x)
{
	__m512i v0, v1, v2, s;

	v0 = _mm512_add_epi8(
		_mm512_shuffle_epi8(r->lo, _mm512_and_si512(x, r->low_nibble)),
		_mm512_shuffle_epi8(r->hi, _mm512_and_si512(_mm512_srli_epi16(x, 4),
							   r->low_nibble)));
	s = _mm512_alignr_epi8(v0, r->v0, 15);
	v1 = _mm512_add_epi8(v0, _mm512_add_epi8(s, s));
	s = _mm512_alignr_epi8(v1, r->v1, 14);
	s = _mm512_add_epi8(s, s);
	v2 = _mm512_add_epi8(v1, _mm512_add_epi8(s, s));
	s = _mm512_alignr_epi8(v2, r->v2, 12);
	s = _mm512_and_si512(_mm512_slli_epi16(s, 4), r->high_nibble);
	r->v0 = v0;
	r->v1 = v1;
	r->v2 = v2;
	return _mm512_add_epi8(v2, s);
}

/* A bit for each byte where a hit (a pair) ends. */
INLINE uint64_t hits(struct roll *r, __m512i v3, bool pair)
{
	uint64_t m = _mm512_cmpeq_epi8_mask(v3, r->hit);

	if (pair)
		m = _mm512_mask_cmpeq_epi8_mask(m, _mm512_alignr_epi8(v3, r->v3, 8), r->hit);
	r->v3 = v3;
	return m;
}

INLINE void roll_init(struct roll *r, const struct chunker_tables *t)
{
	r->lo = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t->lo));
	r->hi = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t->hi));
	r->low_nibble = _mm512_set1_epi8(0x0f);
	r->high_nibble = _mm512_set1_epi8((char)0xf0);
	r->hit = _mm512_set1_epi8((char)t->hit);
	r->v0 = r->v1 = r->v2 = r->v3 = _mm512_setzero_si512();
}

/* Roll over the 16 bytes before each stretch: what the first vector needs to know. */
INLINE void warm_up(struct roll *r, const unsigned char *p, size_t width)
{
	step(r, load4(p - 32, width));
	r->v3 = step(r, load4(p - 16, width));
}

/* Does a hit (a pair) end in the BLOCK bytes at p? */
INLINE bool has_hit(struct roll *r, const unsigned char *p, bool pair)
{
	uint64_t any = 0;
	size_t i;

	warm_up(r, p, STRETCH);
	for (i = 0; i < STRETCH; i += 16) {
		if (i % 64 == 0) {
			__builtin_prefetch(p + i + AHEAD);
			__builtin_prefetch(p + STRETCH + i + AHEAD);
			__builtin_prefetch(p + 2 * STRETCH + i + AHEAD);
			__builtin_prefetch(p + 3 * STRETCH + i + AHEAD);
		}
		any |= hits(r, step(r, load4(p + i, STRETCH)), pair);
	}
	return any != 0;
}

/* Which byte it is, of four stretches of `width` bytes; 4 * width if none. */
INLINE size_t find_in(struct roll *r, const unsigned char *p, size_t width, bool pair)
{
	size_t i, k, first = 4 * width;

	warm_up(r, p, width);
	for (i = 0; i < width; i += 16) {
		uint64_t m = hits(r, step(r, load4(p + i, width)), pair);

		if (m & 0xffff)
			return i + (size_t)__builtin_ctzll(m);
		while (m) {
			k = (size_t)__builtin_ctzll(m);
			if (k / 16 * width + i + k % 16 < first)
				first = k / 16 * width + i + k % 16;
			m &= m - 1;
		}
	}
	return first;
}

AVX512 size_t chunker_avx512_pair(const struct chunker_tables *t, const unsigned char *p,
				  size_t from, size_t to)
{
	struct roll r;

	roll_init(&r, t);
	/* a piece of c bytes ends at p[c - 1] */
	while (to - from >= BLOCK) {
		if (has_hit(&r, p + from - 1, true))
			return from + find_in(&r, p + from - 1, STRETCH, true);
		from += BLOCK;
	}
	return chunker_avx2_pair(t, p, from, to);
}

AVX512 size_t chunker_avx512_one(const struct chunker_tables *t, const unsigned char *p,
				 size_t from, size_t to)
{
	struct roll r;
	size_t i;

	roll_init(&r, t);
	while (to - from >= 256) {
		i = find_in(&r, p + from - 1, 64, false);
		if (i < 256)
			return from + i;
		from += 256;
	}
	return chunker_avx2_one(t, p, from, to);
}

#endif
