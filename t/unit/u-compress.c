/*
 * Compression: exact when undone, worth it or not done, and never trusting what it undoes.
 */
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/compress.h"
#include "t/unit/unit.h"

enum { SIZE = 300000 };

static unsigned char in[SIZE], packed[SIZE], back[SIZE + 1];

static void fill_text(size_t n)
{
	uint64_t x = 7;

	for (size_t i = 0; i < n; i++) {
		if (i % 20 == 0)
			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		in[i] = (unsigned char)(i % 20 < 2 ? 'a' + (int)((x >> (40 + i % 20)) % 20) :
					"the quick brown fox "[i % 20]);
	}
}

static void fill_noise(size_t n)
{
	uint64_t x = 9;

	for (size_t i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		in[i] = (unsigned char)(x >> 56);
	}
}

static void test_all_levels_give_back_what_went_in(void)
{
	static const int levels[] = { 1, 2, 3, 4, 9, COMPRESS_LEVEL_MAX };
	static const size_t sizes[] = { 16, 17, 64, 1000, 65536, SIZE };
	struct err err = ERR_INIT;

	memset(in, 'a', SIZE);
	for (size_t l = 0; l < sizeof(levels) / sizeof(*levels); l++) {
		struct compressor *c = compressor_new(levels[l]);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			size_t n = compress(c, packed, in, sizes[i]);
			if (sizes[i] >= 1000)
				CHECK(n > 0 && n <= sizes[i] - sizes[i] / 64);
			if (n == 0)
				continue;
			memset(back, 0, sizeof(back));
			CHECK(decompress(c, back, sizes[i], packed, n, &err) == 0);
			CHECK(memcmp(back, in, sizes[i]) == 0 && back[sizes[i]] == 0);
		}
		compressor_free(c);
		if (l == 0)
			fill_text(SIZE);
	}
}

static void test_noise_stays_raw(void)
{
	struct compressor *c = compressor_new(1);

	fill_noise(SIZE);
	CHECK(!compress_probe(c, in, SIZE));
	CHECK(compress(c, packed, in, SIZE) == 0);
	CHECK(compress(c, packed, in, 15) == 0 && compress(c, packed, in, 0) == 0);
	fill_text(SIZE);
	CHECK(compress_probe(c, in, SIZE) && compress_probe(c, in, 10));
	compressor_free(c);
}

static void test_level_zero_stores(void)
{
	struct compressor *c = compressor_new(0);

	memset(in, 0, SIZE);
	CHECK(!compress_probe(c, in, SIZE) && compress(c, packed, in, SIZE) == 0);
	compressor_free(c);
	compressor_free(NULL);
}

static void test_other_sizes_and_bytes_are_corrupt(void)
{
	struct compressor *c = compressor_new(1);
	struct err err = ERR_INIT;
	unsigned int good = 0;

	fill_text(5000);
	size_t n = compress(c, packed, in, 5000);
	REQUIRE(n > 0);
	CHECK(decompress(c, back, 4999, packed, n, &err) == ERR_CORRUPT);
	CHECK(decompress(c, back, 5001, packed, n, &err) == ERR_CORRUPT);
	CHECK(decompress(c, back, 5000, packed, n - 1, &err) == ERR_CORRUPT);
	CHECK(decompress(c, back, 5000, packed, 0, &err) == ERR_CORRUPT);
	for (size_t i = 0; i < n; i++) {
		packed[i] ^= 0x20;
		int ret = decompress(c, back, 5000, packed, n, &err);
		CHECK(ret == 0 || ret == ERR_CORRUPT);
		good += ret == 0;
		packed[i] ^= 0x20;
	}
	CHECK(good < n);	/* literals: what their hash is for */
	CHECK(decompress(c, back, 5000, packed, n, &err) == 0);
	compressor_free(c);
}

UNIT_MAIN(test_all_levels_give_back_what_went_in, test_noise_stays_raw, test_level_zero_stores,
	  test_other_sizes_and_bytes_are_corrupt)
