/*
 * Sealing.
 *
 * XChaCha20-Poly1305 is ChaCha20-Poly1305 (RFC 8439) under the subkey
 * HChaCha20(key, nonce[0..16]) with the nonce 0000 || nonce[16..24], so libcrypto's faster
 * implementation gives libsodium's very bytes.  It is used if crypto_start() saw it do so, and
 * for what is large enough to pay.  libcrypto keeps the subkey on the plain heap while it works,
 * so what keys of slots, keyrings and epochs seal goes to the reference, which does not.
 */
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"
#include "crypto/secret.h"
#include "crypto/seal-internal.h"

#include "crypto/seal.h"

#define FAST_MIN_SIZE 1024
#define FAST_STEP (32 * 1024)	/* cipher and authenticator both find it in the nearest cache */

/* Set once by crypto_start(), before there are threads. */
static EVP_CIPHER *fast_cipher;
static enum seal_impl impl_used = SEAL_REFERENCE;

enum { FAST_BAD = 0, FAST_GOOD = 1, FAST_UNAVAILABLE = -1 };

static bool fast_update(EVP_CIPHER_CTX *ctx, unsigned char *out, const unsigned char *in,
			size_t size)
{
	int n;

	for (size_t off = 0; off < size;) {
		size_t step = size - off < FAST_STEP ? size - off : FAST_STEP;
		if (EVP_CipherUpdate(ctx, out + off, &n, in + off, (int)step) != 1 ||
		    n != (int)step)
			return false;
		off += step;
	}
	return true;
}

/* `tag` is written when sealing, read when opening. */
static int fast_crypt(bool sealing, unsigned char *out, const unsigned char key[SEAL_KEY_SIZE],
		      const unsigned char nonce[SEAL_NONCE_SIZE], const void *ad, size_t ad_size,
		      const unsigned char *in, size_t size, unsigned char tag[SEAL_TAG_SIZE])
{
	unsigned char subkey[32], iv[12] = { 0 };
	int n, ret = FAST_UNAVAILABLE;
	EVP_CIPHER_CTX *ctx;

	if (!fast_cipher || ad_size > INT_MAX)
		return FAST_UNAVAILABLE;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return FAST_UNAVAILABLE;
	crypto_core_hchacha20(subkey, nonce, key, NULL);
	memcpy(iv + 4, nonce + 16, 8);
	if (EVP_CipherInit_ex2(ctx, fast_cipher, subkey, iv, sealing, NULL) != 1 ||
	    (!sealing &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_SIZE, tag) != 1) ||
	    (ad_size && EVP_CipherUpdate(ctx, NULL, &n, ad, (int)ad_size) != 1) ||
	    !fast_update(ctx, out, in, size))
		goto done;
	ret = FAST_BAD;
	if (EVP_CipherFinal_ex(ctx, out + size, &n) != 1)
		goto done;
	if (sealing && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, tag) != 1)
		goto done;
	ret = FAST_GOOD;
done:
	EVP_CIPHER_CTX_free(ctx);	/* clears its key before it gives the memory back */
	secret_wipe(subkey, sizeof(subkey));
	return ret;
}

void seal_with(enum seal_impl impl, unsigned char *out, const unsigned char key[SEAL_KEY_SIZE],
	       const unsigned char nonce[SEAL_NONCE_SIZE], const void *ad, size_t ad_size,
	       const void *in, size_t size)
{
	unsigned char *body = out + SEAL_NONCE_SIZE;

	memcpy(out, nonce, SEAL_NONCE_SIZE);
	if (impl != SEAL_FAST ||
	    fast_crypt(true, body, key, nonce, ad, ad_size, in, size, body + size) != FAST_GOOD)
		crypto_aead_xchacha20poly1305_ietf_encrypt(body, NULL, in, size, ad, ad_size,
							   NULL, nonce, key);
	sodium_stackzero(2048);
}

int unseal_with(enum seal_impl impl, unsigned char *out, const unsigned char key[SEAL_KEY_SIZE],
		const void *ad, size_t ad_size, const unsigned char *in, size_t size,
		struct err *err)
{
	int how = FAST_UNAVAILABLE;

	if (size < SEAL_OVERHEAD)
		return err_set(err, ERR_CORRUPT, "%zu sealed bytes are too few", size);
	const unsigned char *body = in + SEAL_NONCE_SIZE;
	size_t n = size - SEAL_OVERHEAD;
	if (impl == SEAL_FAST) {
		unsigned char tag[SEAL_TAG_SIZE];
		memcpy(tag, body + n, sizeof(tag));
		how = fast_crypt(false, out, key, in, ad, ad_size, body, n, tag);
	}
	if (how == FAST_UNAVAILABLE)
		how = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, body,
								 n + SEAL_TAG_SIZE, ad, ad_size,
								 in, key) == 0;
	sodium_stackzero(2048);
	if (how == FAST_GOOD)
		return 0;
	secret_wipe(out, n);
	return err_set(err, ERR_CORRUPT, "sealed bytes are not genuine");
}

static enum seal_impl impl_for(size_t size)
{
	return size < FAST_MIN_SIZE ? SEAL_REFERENCE : impl_used;
}

void seal(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
	  size_t ad_size, const void *in, size_t size)
{
	unsigned char nonce[SEAL_NONCE_SIZE];

	sys_random(nonce, sizeof(nonce));
	seal_with(impl_for(size), out, key, nonce, ad, ad_size, in, size);
}

int unseal(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
	   size_t ad_size, const unsigned char *in, size_t size, struct err *err)
{
	return unseal_with(impl_for(size), out, key, ad, ad_size, in, size, err);
}

void seal_small(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
		size_t ad_size, const void *in, size_t size)
{
	unsigned char nonce[SEAL_NONCE_SIZE];

	sys_random(nonce, sizeof(nonce));
	seal_with(SEAL_REFERENCE, out, key, nonce, ad, ad_size, in, size);
}

int unseal_small(unsigned char *out, const unsigned char key[SEAL_KEY_SIZE], const void *ad,
		 size_t ad_size, const unsigned char *in, size_t size, struct err *err)
{
	return unseal_with(SEAL_REFERENCE, out, key, ad, ad_size, in, size, err);
}

enum seal_impl seal_impl_used(void)
{
	return impl_used;
}

/* Sizes around the blocks of both algorithms and the kernels' widths. */
static bool fast_is_good(void)
{
	static const size_t sizes[] = { 0, 1, 15, 64, 257, 1024, 4111 };
	unsigned char in[4111], ref[4111 + SEAL_OVERHEAD], fast[4111 + SEAL_OVERHEAD];
	unsigned char key[SEAL_KEY_SIZE], nonce[SEAL_NONCE_SIZE], ad[77];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 7 + (i >> 8));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct err err = ERR_INIT;
		size_t n = sizes[i];
		memset(key, (int)(0x41 + i), sizeof(key));
		memset(nonce, (int)(0x80 + i), sizeof(nonce));
		memset(ad, (int)i, sizeof(ad));
		size_t ad_size = i % 2 ? sizeof(ad) : i;
		seal_with(SEAL_REFERENCE, ref, key, nonce, ad, ad_size, in, n);
		unsigned char *body = fast + SEAL_NONCE_SIZE;
		memcpy(fast, nonce, sizeof(nonce));
		if (fast_crypt(true, body, key, nonce, ad, ad_size, in, n, body + n) != FAST_GOOD ||
		    memcmp(ref, fast, n + SEAL_OVERHEAD) != 0)
			return false;
		unsigned char tag[SEAL_TAG_SIZE], opened[4111 + 1];
		memcpy(tag, body + n, sizeof(tag));
		if (fast_crypt(false, opened, key, nonce, ad, ad_size, body, n, tag) != FAST_GOOD ||
		    memcmp(opened, in, n) != 0)
			return false;
		ref[SEAL_NONCE_SIZE + n] ^= 1;
		if (unseal_with(SEAL_FAST, opened, key, ad, ad_size, ref, n + SEAL_OVERHEAD,
				&err) == 0)
			return false;
	}
	return true;
}

int seal_start(struct err *err)
{
	(void)err;	/* without the fast implementation there is still the reference */
	if (fast_cipher)
		return 0;
	/* A configuration file must not decide which cipher this is. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	fast_cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (fast_cipher && fast_is_good())
		impl_used = SEAL_FAST;
	return 0;
}
