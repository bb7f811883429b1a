/* Genesis records: what is read is written again the same, unless it has fields we do not know. */

#include <stdlib.h>
#include <string.h>

#include "crypto/keys-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	struct genesis g;

	if (crypto_start(&err) < 0)
		abort();
	if (genesis_parse(data, size, &g, &err) == 0) {
		genesis_encode(&g, &raw);
		if (raw.len > size || memcmp(raw.data, data, raw.len - 1) != 0)
			abort();
		if (raw.len == size && raw.data[size - 1] != data[size - 1])
			abort();
	}
	buf_release(&raw);
	return 0;
}
