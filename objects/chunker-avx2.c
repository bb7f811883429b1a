/*
 * The rolling hash at 32 bytes at once with AVX2.
 *
 * The sum over eight bytes is made in three steps: each byte with the one before, then pairs
 * with the pair two before, then fours with the four before them.  Shifting a whole vector by
 * bytes works in halves of 16 only, so the halves of a vector come from two stretches STRETCH
 * bytes apart: then every shift stays within its half and costs one instruction.
 */

#include "objects/chunker-internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE AVX2 static inline __attribute__((always_inline))

#define STRETCH 1024		/* bytes a half goes through in a block */
#define BLOCK (2 * STRETCH)
#define AHEAD 2048

/* What one vector leaves for the next. */
struct roll {
	__m256i lo, hi, low_nibble, high_nibble, hit;
	__m256i v0, v1, v2, eq;
};

INLINE __m256i load2(const unsigned char *a, const unsigned char *b)
{
	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)),
		_mm_loadu_si128((const __m128i *)b), 1);
}

/* 0xff in each byte whose hash hits. */
INLINE __m256i step(struct roll *r, __m256i x)
{
	__m256i v0, v1, v2, v3, s;

	v0 = _mm256_add_epi8(
		_mm256_shuffle_epi8(r->lo, _mm256_and_si256(x, r->low_nibble)),
		_mm256_shuffle_epi8(r->hi, _mm256_and_si256(_mm256_srli_epi16(x, 4),
							   r->low_nibble)));
	s = _mm256_alignr_epi8(v0, r->v0, 15);
	v1 = _mm256_add_epi8(v0, _mm256_add_epi8(s, s));
	s = _mm256_alignr_epi8(v1, r->v1, 14);
	s = _mm256_add_epi8(s, s);
	v2 = _mm256_add_epi8(v1, _mm256_add_epi8(s, s));
	s = _mm256_alignr_epi8(v2, r->v2, 12);
	s = _mm256_and_si256(_mm256_slli_epi16(s, 4), r->high_nibble);
	v3 = _mm256_add_epi8(v2, s);
	r->v0 = v0;
	r->v1 = v1;
	r->v2 = v2;
	return _mm256_cmpeq_epi8(v3, r->hit);
}

INLINE void roll_init(struct roll *r, const struct chunker_tables *t)
{
	r->lo = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)t->lo));
	r->hi = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)t->hi));
	r->low_nibble = _mm256_set1_epi8(0x0f);
	r->high_nibble = _mm256_set1_epi8((char)0xf0);
	r->hit = _mm256_set1_epi8((char)t->hit);
	r->v0 = r->v1 = r->v2 = r->eq = _mm256_setzero_si256();
}

/* Roll over the 16 bytes before each stretch: what the first vector needs to know. */
INLINE void warm_up(struct roll *r, const unsigned char *a, const unsigned char *b)
{
	step(r, load2(a - 32, b - 32));
	r->eq = step(r, load2(a - 16, b - 16));
}

/* Does a hit (a pair) end in the BLOCK bytes at p? */
INLINE bool has_hit(struct roll *r, const unsigned char *p, bool pair)
{
	const unsigned char *q = p + STRETCH;
	__m256i any = _mm256_setzero_si256(), eq;
	size_t i;

	warm_up(r, p, q);
	for (i = 0; i < STRETCH; i += 16) {
		if (i % 64 == 0) {
			__builtin_prefetch(p + i + AHEAD);
			__builtin_prefetch(q + i + AHEAD);
		}
		eq = step(r, load2(p + i, q + i));
		if (pair)
			any = _mm256_or_si256(any, _mm256_and_si256(eq,
						_mm256_alignr_epi8(eq, r->eq, 8)));
		else
			any = _mm256_or_si256(any, eq);
		r->eq = eq;
	}
	return _mm256_movemask_epi8(any) != 0;
}

/*
 * Which byte of the block it is: the stretches of `width` bytes at p and p + width, the first
 * one first.
 */
INLINE size_t find_in(struct roll *r, const unsigned char *p, size_t width, bool pair)
{
	size_t i, second = 2 * width;
	uint32_t m;

	warm_up(r, p, p + width);
	for (i = 0; i < width; i += 16) {
		__m256i eq = step(r, load2(p + i, p + width + i));

		if (pair)
			m = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(eq,
						_mm256_alignr_epi8(eq, r->eq, 8)));
		else
			m = (uint32_t)_mm256_movemask_epi8(eq);
		r->eq = eq;
		if (m & 0xffff)
			return i + (size_t)__builtin_ctz(m);
		if (m && second == 2 * width)
			second = width + i + (size_t)__builtin_ctz(m) - 16;
	}
	return second;
}

AVX2 size_t chunker_avx2_pair(const struct chunker_tables *t, const unsigned char *p,
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
	return chunker_scalar_pair(t, p, from, to);
}

/* Hits are 256 bytes apart on average: look at 128 at a time. */
AVX2 size_t chunker_avx2_one(const struct chunker_tables *t, const unsigned char *p,
			     size_t from, size_t to)
{
	struct roll r;
	size_t i;

	roll_init(&r, t);
	while (to - from >= 128) {
		i = find_in(&r, p + from - 1, 64, false);
		if (i < 128)
			return from + i;
		from += 128;
	}
	return chunker_scalar_one(t, p, from, to);
}

#endif
