/*
 * Which bits an id sets in its line.  Knows no file; see ub-format-index(5), "The filter".
 */
#include "objects/filter.h"

uint64_t filter_lines(uint64_t ids)
{
	const unsigned int line_bits = FILTER_LINE_SIZE * 8;
	uint64_t lines = ids / line_bits * FILTER_BITS_PER_ID +
		(ids % line_bits * FILTER_BITS_PER_ID + line_bits - 1) / line_bits;

	return lines > 0 ? lines : 1;
}

void filter_add(unsigned char line[FILTER_LINE_SIZE], const unsigned char *id)
{
	uint64_t bits = filter_u64le(id + 8);

	for (int i = 0; i < FILTER_PROBES; i++) {
		unsigned int bit = (unsigned int)(bits & ((1u << FILTER_PROBE_BITS) - 1));
		line[bit >> 3] |= (unsigned char)(1u << (bit & 7));
		bits >>= FILTER_PROBE_BITS;
	}
}
