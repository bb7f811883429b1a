/*
 * Recovery words: published vectors, and words as people type them.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "crypto/bip39.h"
#include "crypto/secret.h"

#include "t/unit/unit.h"

#define ABANDON7 "abandon abandon abandon abandon abandon abandon abandon "
#define ZOO7 "zoo zoo zoo zoo zoo zoo zoo "
#define LETTER8 "letter advice cage absurd amount doctor acoustic avoid "

static struct err err;

static void start(void)
{
	if (crypto_start(&err) < 0)
		exit(1);
}

/* 0, or the code with the sentence in `err`; the first byte of the entropy. */
static int parse(const char *text, unsigned char *first)
{
	struct secret entropy = SECRET_INIT;
	int ret;

	err_clear(&err);
	ret = bip39_parse(text, strlen(text), &entropy, &err);
	if (ret == 0) {
		CHECK(entropy.size == 32);
		*first = entropy.data[0];
	}
	secret_release(&entropy);
	return ret;
}

static void check_vector(unsigned char byte, const char *words)
{
	unsigned char entropy[32], first;
	struct secret got = SECRET_INIT;

	memset(entropy, byte, sizeof(entropy));
	bip39_encode(entropy, &got);
	CHECK(got.size == strlen(words) + 1 && memcmp(got.data, words, got.size) == 0);
	CHECK(parse(words, &first) == 0 && first == byte);
	secret_release(&got);
}

static void test_the_reference_s_vectors(void)
{
	start();
	check_vector(0x00, ABANDON7 ABANDON7 ABANDON7 "abandon abandon art");
	check_vector(0xff, ZOO7 ZOO7 ZOO7 "zoo zoo vote");
	check_vector(0x80, LETTER8 LETTER8
		     "letter advice cage absurd amount doctor acoustic bless");
}

static void test_words_as_people_type_them(void)
{
	unsigned char first;

	start();
	CHECK(parse("  LETT advi CAGE\n\tabsu amou doct acou avoi\r\n"
		    LETTER8 "Letter advice cage absurd amount doctor acoustic bless\n",
		    &first) == 0);
	CHECK(parse("1. zoo 2. zoo 3 zoo 4) zoo 5: zoo zoo zoo " ZOO7 ZOO7 "zoo zoo vote",
		    &first) == 0 && first == 0xff);
	CHECK(parse("letterx " ZOO7 ZOO7 ZOO7 "zoo vote", &first) == ERR_KEY);
}

static void test_a_wrong_word_is_named(void)
{
	unsigned char first;

	start();
	CHECK(parse(ABANDON7 "abandn " ABANDON7 ABANDON7 "abandon art", &first) == ERR_KEY);
	CHECK(strstr(err.msg, "word 8, 'abandn'") && strstr(err.msg, "'abandon'"));
	CHECK(parse(ABANDON7 "aba " ABANDON7 ABANDON7 "abandon art", &first) == ERR_KEY);
	CHECK(parse("zooooooooooooooooooooooooooooooo", &first) == ERR_KEY);
	CHECK(parse("z\xc3\xb6 " ZOO7, &first) == ERR_KEY);
}

static void test_a_wrong_number_of_words_is_said(void)
{
	unsigned char first;

	start();
	CHECK(parse("", &first) == ERR_KEY && strstr(err.msg, "0 words"));
	CHECK(parse(ZOO7 ZOO7 ZOO7 "zoo vote", &first) == ERR_KEY && strstr(err.msg, "23 words"));
	CHECK(parse(ZOO7 ZOO7 ZOO7 "zoo zoo vote zoo", &first) == ERR_KEY &&
	      strstr(err.msg, "25 words"));
}

static void test_a_wrong_checksum_is_said(void)
{
	unsigned char first;

	start();
	CHECK(parse(ZOO7 ZOO7 ZOO7 "zoo zoo zoo", &first) == ERR_KEY &&
	      strstr(err.msg, "checksum"));
	CHECK(parse(LETTER8 LETTER8 "advice letter cage absurd amount doctor acoustic bless",
		    &first) == ERR_KEY && strstr(err.msg, "checksum"));
}

static void test_random_words_come_back(void)
{
	start();
	for (int i = 0; i < 300; i++) {
		struct secret entropy = SECRET_INIT, words = SECRET_INIT, back = SECRET_INIT;
		secret_random(&entropy, 32);
		bip39_encode(entropy.data, &words);
		CHECK(bip39_parse(words.data, words.size, &back, &err) == 0);
		CHECK(back.size == 32 && memcmp(back.data, entropy.data, 32) == 0);
		secret_release(&entropy);
		secret_release(&words);
		secret_release(&back);
	}
}

UNIT_MAIN(test_the_reference_s_vectors,
	  test_words_as_people_type_them,
	  test_a_wrong_word_is_named,
	  test_a_wrong_number_of_words_is_said,
	  test_a_wrong_checksum_is_said,
	  test_random_words_come_back)
