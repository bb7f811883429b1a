/*
 * The rolling hash at 64 bytes at once with AVX-512BW.
 *
 * The sum over eight bytes is made in three steps: each byte with the one before, then pairs
 * with the pair two before, then fours with the four before them; what comes from before the
 * vector is taken from the last one.  Hits come as bits of a word, where pairs are easily told.
 */

#include "objects/chunker-internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define INLINE AVX512 static inline __attribute__((always_inline))

#define VECTOR 64
#define BLOCK (4 * VECTOR)
#define AHEAD 2048

/* What one vector leaves for the next. */
struct roll {
	__m512i lo, hi, low_nibble, high_nibble, hit;
	__m512i v0, v1, v2;
	uint64_t hits;
};

/* The bytes `n` (of 16) before each of those of `v`; `last` is the vector before. */
#define BEFORE(v, last, n) _mm512_alignr_epi8(v, _mm512_alignr_epi32(v, last, 12), 16 - (n))

/* A bit for each of the 64 bytes at p where a hit (a pair) ends. */
INLINE uint64_t step(struct roll *r, const unsigned char *p, bool pair)
{
	__m512i x = _mm512_loadu_si512(p), v0, v1, v2, v3, s;
	uint64_t hits, before;

	v0 = _mm512_add_epi8(
		_mm512_shuffle_epi8(r->lo, _mm512_and_si512(x, r->low_nibble)),
		_mm512_shuffle_epi8(r->hi, _mm512_and_si512(_mm512_srli_epi16(x, 4),
							   r->low_nibble)));
	s = BEFORE(v0, r->v0, 1);
	v1 = _mm512_add_epi8(v0, _mm512_add_epi8(s, s));
	s = BEFORE(v1, r->v1, 2);
	s = _mm512_add_epi8(s, s);
	v2 = _mm512_add_epi8(v1, _mm512_add_epi8(s, s));
	s = _mm512_alignr_epi32(v2, r->v2, 15);
	s = _mm512_and_si512(_mm512_slli_epi16(s, 4), r->high_nibble);
	v3 = _mm512_add_epi8(v2, s);
	r->v0 = v0;
	r->v1 = v1;
	r->v2 = v2;
	hits = _mm512_cmpeq_epi8_mask(v3, r->hit);
	before = hits << 8 | r->hits >> 56;
	r->hits = hits;
	return pair ? hits & before : hits;
}

INLINE void roll_init(struct roll *r, const struct chunker_tables *t)
{
	r->lo = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t->lo));
	r->hi = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t->hi));
	r->low_nibble = _mm512_set1_epi8(0x0f);
	r->high_nibble = _mm512_set1_epi8((char)0xf0);
	r->hit = _mm512_set1_epi8((char)t->hit);
	r->v0 = r->v1 = r->v2 = _mm512_setzero_si512();
	r->hits = 0;
}

/* `from` or a later place, or less than a BLOCK before `to` if there is none up to there. */
INLINE size_t find(const struct chunker_tables *t, const unsigned char *p, size_t from, size_t to,
		   bool pair, bool *is_found)
{
	uint64_t m[4];
	struct roll r;
	size_t i;

	roll_init(&r, t);
	/* a piece of c bytes ends at p[c - 1] */
	step(&r, p + from - 1 - 2 * VECTOR, pair);
	step(&r, p + from - 1 - VECTOR, pair);
	for (; to - from >= BLOCK; from += BLOCK) {
		__builtin_prefetch(p + from + AHEAD);
		__builtin_prefetch(p + from + AHEAD + VECTOR);
		__builtin_prefetch(p + from + AHEAD + 2 * VECTOR);
		__builtin_prefetch(p + from + AHEAD + 3 * VECTOR);
		for (i = 0; i < 4; i++)
			m[i] = step(&r, p + from - 1 + i * VECTOR, pair);
		if (!(m[0] | m[1] | m[2] | m[3]))
			continue;
		for (i = 0; !m[i]; i++)
			;
		*is_found = true;
		return from + i * VECTOR + (size_t)__builtin_ctzll(m[i]);
	}
	*is_found = false;
	return from;
}

AVX512 size_t chunker_avx512_pair(const struct chunker_tables *t, const unsigned char *p,
				  size_t from, size_t to)
{
	bool is_found;

	from = find(t, p, from, to, true, &is_found);
	return is_found ? from : chunker_scalar_pair(t, p, from, to);
}

AVX512 size_t chunker_avx512_one(const struct chunker_tables *t, const unsigned char *p,
				 size_t from, size_t to)
{
	bool is_found;

	from = find(t, p, from, to, false, &is_found);
	return is_found ? from : chunker_scalar_one(t, p, from, to);
}

#endif
