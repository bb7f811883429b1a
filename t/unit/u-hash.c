/*
 * BLAKE3 against upstream's published vectors, and the shortcuts against the long way.
 */
#include <stdbool.h>

#include "lib/buf.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#include "t/unit/unit.h"

static unsigned char input[102400];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)(i % 251);
}

static bool is_hex(const unsigned char *p, const char *hex)
{
	char text[2 * HASH_SIZE + 1];

	hex_encode(text, p, HASH_SIZE);
	return strcmp(text, hex) == 0;
}

/* BLAKE3's test_vectors.json: lengths 0, 1, 1025 and 102400. */
static void test_published_vectors(void)
{
	static const unsigned char key[] = "whats the Elvish word for friend";
	unsigned char out[HASH_SIZE];

	fill();
	hash_bytes(out, input, 0);
	CHECK(is_hex(out, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"));
	hash_bytes(out, input, 1);
	CHECK(is_hex(out, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"));
	hash_bytes(out, input, 1025);
	CHECK(is_hex(out, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"));
	hash_bytes(out, input, 102400);
	CHECK(is_hex(out, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"));
	hash_keyed(out, key, input, 0);
	CHECK(is_hex(out, "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"));
	hash_keyed(out, key, input, 1025);
	CHECK(is_hex(out, "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"));
	struct hash_part part = { input, 1025 };
	hash_derive(out, "BLAKE3 2019-12-27 16:29:52 test vectors context", &part, 1);
	CHECK(is_hex(out, "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"));
}

static void test_tagged_is_keyed_over_the_byte_and_the_rest(void)
{
	unsigned char key[HASH_SIZE] = { 9 }, a[HASH_SIZE], b[HASH_SIZE], c[HASH_SIZE];
	struct hasher start;

	fill();
	for (size_t n = 0; n < 5000; n += 311) {
		unsigned char whole[5001];
		whole[0] = 7;
		memcpy(whole + 1, input, n);
		hash_keyed(a, key, whole, n + 1);
		hash_keyed_tagged(b, key, 7, input, n);
		hasher_init_keyed(&start, key);
		hash_from(c, &start, whole, 1, input, n);
		CHECK(memcmp(a, b, HASH_SIZE) == 0);
		CHECK(memcmp(a, c, HASH_SIZE) == 0);
		hash_from(c, &start, NULL, 0, whole, n + 1);	/* start was not changed */
		CHECK(memcmp(a, c, HASH_SIZE) == 0);
	}
}

static void test_pieces_hash_as_the_whole(void)
{
	unsigned char a[HASH_SIZE], b[HASH_SIZE];
	struct hasher h;

	fill();
	hasher_init(&h);
	for (size_t off = 0, step = 1; off < 40000; off += step, step = step * 3 % 4099)
		hasher_update(&h, input + off, off + step <= 40000 ? step : 40000 - off);
	hasher_final(&h, a);
	hash_bytes(b, input, 40000);
	CHECK(memcmp(a, b, HASH_SIZE) == 0);
	hasher_wipe(&h);
	for (size_t i = 0; i < sizeof(h.opaque); i++)
		CHECK(h.opaque[i] == 0);
}

static void test_sum64_is_the_first_eight_bytes(void)
{
	unsigned char out[HASH_SIZE];

	fill();
	hash_bytes(out, input, 777);
	CHECK(hash_sum64(input, 777) == get_u64le(out));
}

static void test_derived_parts_are_one_after_another(void)
{
	struct hash_part parts[] = { { input, 10 }, { NULL, 0 }, { input + 10, 90 } };
	struct hash_part whole = { input, 100 };
	unsigned char a[HASH_SIZE], b[HASH_SIZE];

	fill();
	hash_derive(a, "x", parts, 3);
	hash_derive(b, "x", &whole, 1);
	CHECK(memcmp(a, b, HASH_SIZE) == 0);
	hash_derive(b, "y", &whole, 1);
	CHECK(memcmp(a, b, HASH_SIZE) != 0);
}

UNIT_MAIN(test_published_vectors,
	  test_tagged_is_keyed_over_the_byte_and_the_rest,
	  test_pieces_hash_as_the_whole,
	  test_sum64_is_the_first_eight_bytes,
	  test_derived_parts_are_one_after_another)
