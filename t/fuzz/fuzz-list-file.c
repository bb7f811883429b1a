/* Lists apart: what is read is written again the same. */

#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char repo_id[HASH_SIZE] = { 0 }, hash[HASH_SIZE];
	unsigned char (*list)[HASH_SIZE] = NULL;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t nr;

	if (size >= 42)		/* magic 8, version, flags, repository id */
		memcpy(repo_id, data + 10, sizeof(repo_id));
	int ret = list_file_decode(repo_id, data, size, &list, &nr, &err);
	if (ret != err.code || (ret != 0 && ret != ERR_CORRUPT && ret != ERR_FORMAT))
		abort();
	if (ret == 0) {
		list_file_encode(repo_id, list, nr, &again, hash);
		if (again.len != size || memcmp(again.data, data, size) != 0)
			abort();
	}
	sys_free(list);
	buf_release(&again);
	return 0;
}
