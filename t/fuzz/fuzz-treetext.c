/* Lines for mktree: whatever is read as an entry prints as a line that reads back the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "objects/treetext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All content has the id of zeros, which is also that of everything stored. */
static void blob_id(void *data, const void *p, size_t n, struct oid *out)
{
	(void)data;
	(void)p;
	(void)n;
	memset(out, 0, sizeof(*out));
}

/* The last byte says what an object is. */
static int find(void *data, const struct oid *id, enum obj_type *type, uint64_t *size,
		struct err *err)
{
	unsigned char last = id->b[OID_SIZE - 1];

	(void)data;
	(void)err;
	*type = last >= OBJ_BLOB && last <= OBJ_NOTE ? (enum obj_type)last : OBJ_BLOB;
	*size = last ? 1000 : 5;
	return last <= OBJ_TYPE_MAX;
}

static int get(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	(void)data;
	(void)id;
	(void)err;
	buf_reset(out);
	buf_put_str(out, "bytes");
	return 0;
}

static int read_line(struct treetext *t, const void *p, size_t n, unsigned int flags,
		     struct buf *encoded)
{
	static const struct treetext_store st = { blob_id, find, get, NULL };
	struct err err = ERR_INIT;
	int ret = treetext_parse(t, p, n, flags, &err);

	if (ret == 0)
		ret = treetext_resolve(t, &st, &err);
	if (ret != err.code)
		abort();
	buf_reset(encoded);
	if (ret == 0)
		tree_encode_entry(encoded, &t->e);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct treetext_store st = { blob_id, find, get, NULL };
	struct buf line = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct treetext t;

	treetext_init(&t);
	for (unsigned int raw = 0; raw <= TREETEXT_RAW; raw += TREETEXT_RAW) {
		if (read_line(&t, data, size, raw, &a) < 0)
			continue;
		buf_reset(&line);
		treetext_put(&line, &t.e, NULL, 0, TREETEXT_LONG | raw, &st);
		if (read_line(&t, line.data, line.len, raw, &b) < 0 || buf_cmp(&a, &b) != 0)
			abort();
	}
	treetext_release(&t);
	buf_release(&line);
	buf_release(&a);
	buf_release(&b);
	return 0;
}
