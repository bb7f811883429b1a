/* High-water marks, as they are and with their hash put right. */

#include <stdlib.h>
#include <string.h>

#include "refs/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const unsigned char *p, size_t n)
{
	unsigned char repo_id[HASH_SIZE] = { 0 };
	struct marks m = MARKS_INIT;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;

	if (n >= 41)		/* magic 8, version, repository id */
		memcpy(repo_id, p + 9, sizeof(repo_id));
	int ret = marks_decode(&m, repo_id, p, n, &err);
	if (ret != err.code || (ret != 0 && ret != ERR_CORRUPT && ret != ERR_FORMAT))
		abort();
	if (ret == 0) {
		marks_encode(&m, repo_id, &again);
		if (again.len != n || memcmp(again.data, p, n) != 0)
			abort();
	}
	marks_release(&m);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf fixed = BUF_INIT;
	unsigned char hash[HASH_SIZE];

	parse(data, size);
	hash_bytes(hash, data, size);
	buf_put(&fixed, data, size);
	buf_put(&fixed, hash, sizeof(hash));
	parse(fixed.data, fixed.len);
	buf_release(&fixed);
	return 0;
}
