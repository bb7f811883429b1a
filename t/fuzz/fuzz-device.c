/*
 * Device and admin files of the repository whose id is all zeros, as they are and with a closing
 * hash that fits.  What is read is written again the same.
 */

#include <stdlib.h>
#include <string.h>

#include "crypto/keys-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char repo_id[HASH_SIZE];

static void check_same(struct secret *again, const unsigned char *p, size_t n)
{
	if (again->size != n || memcmp(again->data, p, n) != 0)
		abort();
	secret_release(again);
}

static void parse(const unsigned char *p, size_t n)
{
	struct secret seed = SECRET_INIT, again = SECRET_INIT;
	struct device d = DEVICE_INIT;
	struct err err = ERR_INIT;

	if (device_parse(p, n, repo_id, &d, &err) == 0) {
		device_encode(&d, repo_id, &again);
		check_same(&again, p, n);
	}
	if (admin_parse(p, n, repo_id, &seed, &err) == 0) {
		admin_encode(&seed, repo_id, &again);
		check_same(&again, p, n);
	}
	device_release(&d);
	secret_release(&seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		abort();
	if (size > DEVICE_MAX_SIZE)
		return 0;
	parse(data, size);
	buf_put(&raw, data, size);
	tail_put(&raw);
	parse(raw.data, raw.len);
	buf_release(&raw);
	return 0;
}
