/*
 * Which bits an id sets in its line.  Knows no file; see ub-format-index(5), "Lines".
 */
#include "objects/filter.h"

uint64_t filter_lines(uint64_t ids)
{
	uint64_t lines = ids / FILTER_IDS_PER_LINE + (ids % FILTER_IDS_PER_LINE != 0);

	return lines > 0 ? lines : 1;
}

void filter_add(unsigned char line[FILTER_LINE_SIZE], const unsigned char *id)
{
	uint64_t bits = filter_u64le(id + 8);

	for (int i = 0; i < FILTER_PROBES; i++) {
		unsigned int bit = filter_bit(bits);
		line[bit >> 3] |= (unsigned char)(1u << (bit & 7));
		bits >>= 9;
	}
}
