/*
 * test-random SIZE SEED: bytes that look random and are the same each time, quickly.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/number.h"

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int main(int argc, char **argv)
{
	static uint64_t block[8192];
	uint64_t size, state;

	if (argc != 3 || !number_parse_size(argv[1], &size) || !number_parse(argv[2], &state)) {
		fprintf(stderr, "usage: test-random SIZE SEED\n");
		return 2;
	}
	while (size) {
		size_t n = size < sizeof(block) ? (size_t)size : sizeof(block);

		for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++)
			block[i] = next(&state);
		if (fwrite(block, 1, n, stdout) != n)
			return 1;
		size -= n;
	}
	return fflush(stdout) ? 1 : 0;
}
