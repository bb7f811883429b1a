#ifndef OBJECTS_FILTER_H
#define OBJECTS_FILTER_H

/*
 * The blocked filter of an index run: says "absent" for most ids that are, at the cost of one
 * cache line.  Lines follow the order of ids, so a filter is written in one pass over sorted
 * ids with one line in memory, and a line can also say where the rows of its ids start.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FILTER_LINE_SIZE 64
#define FILTER_IDS_PER_LINE 48		/* on average; 10 bits each */
#define FILTER_START_SIZE 4		/* number of the line's first row, before the bits */

enum { FILTER_PROBES = 7 };

static inline uint64_t filter_u64le(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* The first 8 bytes of an id as a number that sorts as ids do. */
static inline uint64_t filter_top(const unsigned char *id)
{
	return __builtin_bswap64(filter_u64le(id));
}

/* How many lines a filter for `ids` ids has; at least 1. */
uint64_t filter_lines(uint64_t ids);

/*
 * The line of an id whose first 8 bytes are `top`: never falls as `top` grows.  `rest_out` (may
 * be NULL): how far into the line's ids, in 2^64ths.
 */
static inline uint64_t filter_line_of(uint64_t top, uint64_t lines, uint64_t *rest_out)
{
	unsigned __int128 product = (unsigned __int128)top * lines;

	if (rest_out)
		*rest_out = (uint64_t)product;
	return (uint64_t)(product >> 64);
}

/* Takes 9 of `bits` and maps them to one of the 480 behind the start. */
static inline unsigned int filter_bit(uint64_t bits)
{
	return FILTER_START_SIZE * 8 + ((unsigned int)(bits & 511) * 15 >> 4);
}

/* Bytes 8 to 15 of an id choose its bits. */
void filter_add(unsigned char line[FILTER_LINE_SIZE], const unsigned char *id);

/* False: the id is not in the set.  True: it may be. */
static inline bool filter_has(const unsigned char line[FILTER_LINE_SIZE], const unsigned char *id)
{
	uint64_t bits = filter_u64le(id + 8);

	for (int i = 0; i < FILTER_PROBES; i++) {
		unsigned int bit = filter_bit(bits);
		if (!(line[bit >> 3] & 1u << (bit & 7)))
			return false;
		bits >>= 9;
	}
	return true;
}

#endif
