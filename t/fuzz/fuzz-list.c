/* Lists: whatever decodes is encoded to the same bytes. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "objects/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list l = LIST_INIT;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t sum = 0;

	int ret = list_decode(&l, data, size, &err);
	if (ret != object_check(OBJ_LIST, data, size, &err))
		abort();
	if (ret == 0) {
		for (size_t i = 0; i < l.nr; i++)
			sum += l.entries[i].size;
		list_encode(&l, &again);
		if (sum != l.size || again.len != size || memcmp(again.data, data, size) != 0)
			abort();
	}
	buf_release(&again);
	list_release(&l);
	return 0;
}
