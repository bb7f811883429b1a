/*
 * Keyrings: the sealed file, and (what lies inside, and only the owner of the master can change)
 * the plaintext.  What is read is written again the same.
 */

#include <stdlib.h>
#include <string.h>

#include "crypto/keys-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_file(const unsigned char *p, size_t n)
{
	static const unsigned char repo_id[HASH_SIZE];
	struct keyring k = KEYRING_INIT;
	struct secret master = SECRET_INIT;
	struct err err = ERR_INIT;

	secret_init(&master, KEY_SIZE);
	if (keyring_open(p, n, repo_id, &master, &k, &err) == 0)
		keyring_release(&k);
	secret_release(&master);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyring k = KEYRING_INIT;
	struct secret again = SECRET_INIT;
	struct err err = ERR_INIT;
	struct buf raw = BUF_INIT;

	if (crypto_start(&err) < 0)
		abort();
	if (keyring_parse(data, size, &k, &err) == 0) {
		keyring_encode(&k, &again);
		if (again.size != size || memcmp(again.data, data, size) != 0)
			abort();
	}
	parse_file(data, size);
	buf_put(&raw, data, size);
	tail_put(&raw);
	parse_file(raw.data, raw.len);
	buf_release(&raw);
	secret_release(&again);
	keyring_release(&k);
	return 0;
}
