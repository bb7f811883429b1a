#ifndef CRYPTO_BIP39_H
#define CRYPTO_BIP39_H

/*
 * Recovery words: 256 random bits and 8 of their SHA-256 as 24 words of BIP39's English list.
 */

#include <stddef.h>

#include "lib/err.h"
#include "crypto/secret.h"

#define BIP39_WORDS 24
#define BIP39_ENTROPY_SIZE 32
#define BIP39_TEXT_MAX 4096

/* 24 words with a blank between them and a NUL at the end. */
void bip39_encode(const unsigned char entropy[BIP39_ENTROPY_SIZE], struct secret *words_out);
/*
 * Words as people type them: any blanks between, any case, numbers before them, cut to four or
 * more letters; a NUL ends them.  ERR_KEY names what is wrong: the word's position and the
 * nearest one.
 */
int bip39_parse(const void *text, size_t n, struct secret *entropy_out, struct err *err);

#endif
