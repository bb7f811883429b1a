/*
 * Recovery words.  The list is BIP39's English one, made into an array when ub is built.
 */
#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"

#include "crypto/bip39.h"

#define LIST_SIZE 2048
#define WORD_BITS 11
#define WORD_MAX 8		/* letters of the longest in the list */
#define TYPED_MAX 16		/* letters of what is still compared with it */
#define PREFIX_MIN 4		/* letters that tell any two words apart */

static const char *const list[LIST_SIZE] = {
#include "gen/bip39-words.h"
};

/* 256 bits and, in the last byte, the first of their hash. */
static void with_checksum(unsigned char bits[BIP39_ENTROPY_SIZE + 1])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, bits, BIP39_ENTROPY_SIZE);
	bits[BIP39_ENTROPY_SIZE] = hash[0];
	secret_wipe(hash, sizeof(hash));
}

void bip39_encode(const unsigned char entropy[BIP39_ENTROPY_SIZE], struct secret *words_out)
{
	unsigned char bits[BIP39_ENTROPY_SIZE + 1];
	struct secret text = SECRET_INIT;
	char *p;

	memcpy(bits, entropy, BIP39_ENTROPY_SIZE);
	with_checksum(bits);
	secret_init(&text, BIP39_WORDS * (WORD_MAX + 1));
	p = (char *)text.data;
	for (size_t i = 0; i < BIP39_WORDS; i++) {
		unsigned int index = 0;
		for (size_t bit = i * WORD_BITS; bit < (i + 1) * WORD_BITS; bit++)
			index = index << 1 | (bits[bit / 8] >> (7 - bit % 8) & 1);
		size_t n = strlen(list[index]);
		memcpy(p, list[index], n);
		p += n;
		*p++ = i + 1 < BIP39_WORDS ? ' ' : '\0';
	}
	secret_release(words_out);
	secret_set(words_out, text.data, (size_t)(p - (char *)text.data));
	secret_release(&text);
	secret_wipe(bits, sizeof(bits));
	secret_wipe_stack();
}

/* The word that `typed` is, or is cut from; -1. */
static int find(const char *typed, size_t n)
{
	for (int i = 0; i < LIST_SIZE; i++) {
		if (strncmp(list[i], typed, n) == 0 && (!list[i][n] || n >= PREFIX_MIN))
			return i;
	}
	return -1;
}

/* Letters to insert, drop or change to get from one to the other. */
static unsigned int distance(const char *a, size_t n, const char *b)
{
	unsigned char row[WORD_MAX + 1];
	size_t m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned char)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned char diagonal = row[0];
		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned char best = (unsigned char)(diagonal + (a[i - 1] != b[j - 1]));
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = (unsigned char)(row[j] + 1);
			if (row[j - 1] + 1 < best)
				best = (unsigned char)(row[j - 1] + 1);
			row[j] = best;
		}
	}
	return row[m];
}

static const char *nearest(const char *typed, size_t n)
{
	unsigned int best = ~0u;
	const char *word = list[0];

	for (int i = 0; i < LIST_SIZE; i++) {
		unsigned int d = distance(typed, n, list[i]);
		if (d < best) {
			best = d;
			word = list[i];
		}
	}
	return word;
}

static int unknown_word(const char *typed, size_t n, size_t position, struct err *err)
{
	return err_set(err, ERR_KEY, "word %zu, '%.*s', is not a recovery word; did you mean '%s'?",
		       position, (int)n, typed, nearest(typed, n));
}

/* "7", "7.", "7)": people number them. */
static bool is_number(const char *p, size_t n)
{
	if (n > 1 && (p[n - 1] == '.' || p[n - 1] == ')' || p[n - 1] == ':'))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)p[i]))
			return false;
	}
	return n > 0;
}

static void put_bits(unsigned char *bits, size_t at, unsigned int index)
{
	for (size_t i = 0; i < WORD_BITS; i++) {
		if (index >> (WORD_BITS - 1 - i) & 1)
			bits[(at + i) / 8] |= (unsigned char)(0x80 >> (at + i) % 8);
	}
}

/* Next run of what is no blank at `*p`; its size, 0 at the end. */
static size_t next_word(const char **p, const char *end)
{
	while (*p < end && isspace((unsigned char)**p))
		(*p)++;
	const char *start = *p;
	const char *q = start;
	while (q < end && !isspace((unsigned char)*q))
		q++;
	return (size_t)(q - start);
}

static int parse_words(const char *p, const char *end, unsigned char *bits, struct err *err)
{
	char typed[TYPED_MAX];
	size_t nr = 0, n;

	while ((n = next_word(&p, end)) > 0) {
		const char *start = p;
		p += n;
		if (is_number(start, n))
			continue;
		if (++nr > BIP39_WORDS)
			continue;	/* how many there are is said below */
		size_t kept = n < TYPED_MAX ? n : TYPED_MAX;
		for (size_t i = 0; i < kept; i++) {
			typed[i] = (char)tolower((unsigned char)start[i]);
			if (!islower((unsigned char)typed[i]))
				return err_set(err, ERR_KEY, "word %zu has something in it that "
					       "is not a letter", nr);
		}
		int index = n < TYPED_MAX ? find(typed, n) : -1;
		if (index < 0)
			return unknown_word(typed, kept, nr, err);
		put_bits(bits, (nr - 1) * WORD_BITS, (unsigned int)index);
	}
	if (nr != BIP39_WORDS)
		return err_set(err, ERR_KEY, "there are %zu words where %d are wanted", nr,
			       BIP39_WORDS);
	return 0;
}

int bip39_parse(const void *text, size_t n, struct secret *entropy_out, struct err *err)
{
	struct secret bits = SECRET_INIT;
	int ret;

	if (n > BIP39_TEXT_MAX)
		return err_set(err, ERR_KEY, "that is too long for %d words", BIP39_WORDS);
	secret_init(&bits, BIP39_ENTROPY_SIZE + 1);
	ret = parse_words(text, (const char *)text + strnlen(text, n), bits.data, err);
	if (ret < 0)
		goto done;
	unsigned char said = bits.data[BIP39_ENTROPY_SIZE];
	with_checksum(bits.data);
	if (said != bits.data[BIP39_ENTROPY_SIZE]) {
		ret = err_set(err, ERR_KEY, "the words do not belong together: their checksum is "
			      "wrong; look for a word that was swapped or misread");
		goto done;
	}
	secret_release(entropy_out);
	secret_set(entropy_out, bits.data, BIP39_ENTROPY_SIZE);
done:
	secret_release(&bits);
	secret_wipe_stack();
	return ret;
}
