/*
 * The rolling hash one byte at a time: for every machine, and what the other kernels are held
 * against.
 *
 * In eight bits a byte's share is shifted out after eight doublings by itself, so rolling is
 * one addition of 2h and T[b], and nothing is ever taken out.  Four stretches of a block are
 * rolled side by side, because a single one waits for its own last sum at every byte.
 */

#include "objects/chunker-internal.h"

#define STREAMS 4
#define STRETCH 256
#define BLOCK (STREAMS * STRETCH)

static uint32_t hash_at(const struct chunker_tables *t, const unsigned char *p)
{
	uint32_t h = 0;
	int j;

	for (j = -7; j <= 0; j++)
		h = 2 * h + t->sum[p[j]];
	return h;
}

static bool is_hit(const struct chunker_tables *t, const unsigned char *p)
{
	return (uint8_t)hash_at(t, p) == t->hit;
}

/* The plain loop, for blocks that are known to hold something and for ends. */
static size_t find(const struct chunker_tables *t, const unsigned char *p, size_t from, size_t to,
		   bool pair)
{
	uint32_t h = hash_at(t, p + from - 2);
	size_t c;

	for (c = from; c < to; c++) {
		h = 2 * h + t->sum[p[c - 1]];
		if ((uint8_t)h == t->hit && (!pair || is_hit(t, p + c - 9)))
			return c;
	}
	return to;
}

/* Does a hit (a pair) end in the BLOCK bytes at p? */
static inline bool has_hit(const struct chunker_tables *t, const unsigned char *p, bool pair)
{
	const uint8_t *sum = t->sum;
	const uint8_t hit = t->hit;
	uint32_t a = hash_at(t, p - 1), b = hash_at(t, p + STRETCH - 1);
	uint32_t c = hash_at(t, p + 2 * STRETCH - 1), d = hash_at(t, p + 3 * STRETCH - 1);
	size_t i;

	for (i = 0; i < STRETCH; i++) {
		a = 2 * a + sum[p[i]];
		b = 2 * b + sum[p[i + STRETCH]];
		c = 2 * c + sum[p[i + 2 * STRETCH]];
		d = 2 * d + sum[p[i + 3 * STRETCH]];
		if ((uint8_t)a == hit && (!pair || is_hit(t, p + i - 8)))
			return true;
		if ((uint8_t)b == hit && (!pair || is_hit(t, p + i + STRETCH - 8)))
			return true;
		if ((uint8_t)c == hit && (!pair || is_hit(t, p + i + 2 * STRETCH - 8)))
			return true;
		if ((uint8_t)d == hit && (!pair || is_hit(t, p + i + 3 * STRETCH - 8)))
			return true;
	}
	return false;
}

size_t chunker_scalar_pair(const struct chunker_tables *t, const unsigned char *p,
			   size_t from, size_t to)
{
	while (to - from >= BLOCK) {
		if (has_hit(t, p + from - 1, true)) {
			size_t c = find(t, p, from, from + BLOCK, true);

			return c;
		}
		from += BLOCK;
	}
	return find(t, p, from, to, true);
}

size_t chunker_scalar_one(const struct chunker_tables *t, const unsigned char *p,
			  size_t from, size_t to)
{
	return find(t, p, from, to, false);
}
