/*
 * Key slots, as they are and with a closing hash that fits, which a fuzzer would never find.
 * What is read is written again the same.
 */

#include <stdlib.h>
#include <string.h>

#include "crypto/keys-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const unsigned char *p, size_t n)
{
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	struct slot s;

	if (slot_parse(p, n, &s, &err) == 0) {
		slot_encode(&s, &again);
		if (again.len != n || memcmp(again.data, p, n) != 0)
			abort();
	}
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		abort();
	if (size > SLOT_MAX_SIZE)
		return 0;
	parse(data, size);
	buf_put(&raw, data, size);
	tail_put(&raw);
	parse(raw.data, raw.len);
	buf_release(&raw);
	return 0;
}
