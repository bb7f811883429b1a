/* Envelopes: the two readers agree on shape and size, and nothing opens that was not made. */

#include <stdlib.h>
#include <string.h>

#include "crypto/keys-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keys that no input was made for; kept, for making them is slow. */
static const struct keys *some_keys(void)
{
	static struct keys k;

	if (!k.ring.nr_epochs)
		keyring_generate(&k.ring);
	return &k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char salt[ENVELOPE_SALT_SIZE];
	struct secret key = SECRET_INIT;
	struct err err = ERR_INIT;
	size_t used = 0;
	int shape, ret;

	if (crypto_start(&err) < 0)
		abort();
	shape = envelope_check(data, size, &used, &err);
	if (shape == 0 && (used > size || used > ENVELOPE_MAX_SIZE))
		abort();
	ret = envelope_open(some_keys(), data, size, &key, salt, &used, &err);
	if (ret == 0 || (shape < 0 && ret != ERR_CORRUPT))
		abort();
	secret_release(&key);
	return 0;
}
