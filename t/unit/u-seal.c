/*
 * Sealing: a published vector, both implementations byte for byte, every flipped bit refused.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/sys.h"
#include "crypto/seal.h"
#include "crypto/secret.h"

#include "t/unit/unit.h"

static struct err err;

static void start(void)
{
	if (crypto_start(&err) < 0)
		exit(1);
}

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static void test_the_draft_s_vector(void)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	static const char sealed_hex[] =
		"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
		"731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
		"2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
		"21f9664c97637da9768812f615c68b13b52e"
		"c0875924c1c7987947deafd8780acf49";
	unsigned char key[32], nonce[24], ad[12], out[256], opened[256], want[130];
	const size_t n = sizeof(text) - 1;

	start();
	for (size_t i = 0; i < 32; i++)
		key[i] = (unsigned char)(0x80 + i);
	for (size_t i = 0; i < 24; i++)
		nonce[i] = (unsigned char)(0x40 + i);
	CHECK(hex_decode(ad, 12, "50515253c0c1c2c3c4c5c6c7"));
	REQUIRE(hex_decode(want, n + 16, sealed_hex));
	for (int impl = SEAL_REFERENCE; impl <= SEAL_FAST; impl++) {
		seal_with((enum seal_impl)impl, out, key, nonce, ad, 12, text, n);
		CHECK(memcmp(out, nonce, 24) == 0);
		CHECK(memcmp(out + 24, want, n + 16) == 0);
		CHECK(unseal_with((enum seal_impl)impl, opened, key, ad, 12, out, n + 40,
				  &err) == 0);
		CHECK(memcmp(opened, text, n) == 0);
	}
}

static void test_the_fast_implementation_is_used(void)
{
	start();
	CHECK(seal_impl_used() == SEAL_FAST);
}

static void test_both_give_the_same_bytes(void)
{
	static unsigned char in[150000], a[150040], b[150040], opened[150000];
	unsigned char key[32], nonce[24], ad[100];

	start();
	sys_random(in, sizeof(in));
	for (size_t n = 0; n < sizeof(in); n += n < 300 ? 1 : n / 5) {
		sys_random(key, 32);
		sys_random(nonce, 24);
		size_t ad_size = n % (sizeof(ad) + 1);
		sys_random(ad, sizeof(ad));
		seal_with(SEAL_REFERENCE, a, key, nonce, ad, ad_size, in, n);
		seal_with(SEAL_FAST, b, key, nonce, ad, ad_size, in, n);
		CHECK(memcmp(a, b, n + SEAL_OVERHEAD) == 0);
		CHECK(unseal_with(SEAL_FAST, opened, key, ad, ad_size, a, n + 40, &err) == 0);
		CHECK(memcmp(opened, in, n) == 0);
		CHECK(unseal_with(SEAL_REFERENCE, opened, key, ad, ad_size, b, n + 40, &err) == 0);
		CHECK(memcmp(opened, in, n) == 0);
	}
}

static void test_each_changed_bit_is_refused(void)
{
	unsigned char in[300], out[340], opened[300], key[32] = { 1 }, ad[5] = "abcd";

	start();
	memset(in, 'x', sizeof(in));
	seal(out, key, ad, sizeof(ad), in, sizeof(in));
	for (int impl = SEAL_REFERENCE; impl <= SEAL_FAST; impl++) {
		enum seal_impl which = (enum seal_impl)impl;
		for (size_t bit = 0; bit < sizeof(out) * 8; bit++) {
			out[bit / 8] ^= (unsigned char)(1 << bit % 8);
			memset(opened, 'y', sizeof(opened));
			CHECK(unseal_with(which, opened, key, ad, 5, out, 340,
					  &err) == ERR_CORRUPT);
			CHECK(opened[0] == 0 && opened[299] == 0);
			out[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		for (size_t n = 0; n < sizeof(out); n++)
			CHECK(unseal_with(which, opened, key, ad, 5, out, n, &err) == ERR_CORRUPT);
		CHECK(unseal_with(which, opened, key, ad, 4, out, 340, &err) == ERR_CORRUPT);
		CHECK(unseal_with(which, opened, key, ad, 5, out, 340, &err) == 0);
	}
	CHECK(unseal(opened, key, ad, 5, out, sizeof(out), &err) == 0);
}

static void test_nonces_differ(void)
{
	unsigned char a[44], b[44], key[32] = { 0 };

	start();
	seal(a, key, NULL, 0, "abcd", 4);
	seal(b, key, NULL, 0, "abcd", 4);
	CHECK(memcmp(a, b, 24) != 0);
}

UNIT_MAIN(test_the_draft_s_vector,
	  test_the_fast_implementation_is_used,
	  test_both_give_the_same_bytes,
	  test_each_changed_bit_is_refused,
	  test_nonces_differ)
