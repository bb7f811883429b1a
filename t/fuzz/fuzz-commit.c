/* Commits: whatever decodes is encoded to the same bytes. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "objects/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct commit c = COMMIT_INIT;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;

	int ret = commit_decode(&c, data, size, &err);
	if (ret != object_check(OBJ_COMMIT, data, size, &err))
		abort();
	if (ret == 0) {
		commit_encode(&c, &again);
		if (again.len != size || memcmp(again.data, data, size) != 0 ||
		    commit_check(&c, &err) != 0)
			abort();
	}
	buf_release(&again);
	commit_release(&c);
	return 0;
}
