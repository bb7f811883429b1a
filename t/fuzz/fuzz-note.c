/* Notes: whatever decodes is encoded to the same bytes, row by row. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "objects/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf body = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	struct note_iter it;
	struct note_row row;
	struct note n;

	int ret = note_decode(&n, data, size, &err);
	if (ret == 0)
		ret = note_check(&n, &err);
	if (ret != object_check(OBJ_NOTE, data, size, &err))
		abort();
	if (ret == 0) {
		if (note_kind_has_rows(n.kind)) {
			note_iter_init(&it, &n);
			while (note_iter_next(&it, &row, &err) > 0)
				note_put_row(&body, n.kind, &row);
			n.body = body.data;
			n.body_len = body.len;
		}
		note_encode(&n, &again);
		if (again.len != size || memcmp(again.data, data, size) != 0)
			abort();
	}
	buf_release(&body);
	buf_release(&again);
	return 0;
}
