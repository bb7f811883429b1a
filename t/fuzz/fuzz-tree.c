/*
 * Trees: whatever decodes is encoded to the same bytes, and each entry's line of text reads back
 * as the entry.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "objects/object.h"
#include "objects/treetext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A store that has all that an entry names. */
struct all {
	const struct tree_entry *e;
};

static void blob_id(void *data, const void *p, size_t n, struct oid *out)
{
	(void)data;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out->b[i % OID_SIZE] = (unsigned char)(31 * out->b[i % OID_SIZE] +
						       ((const unsigned char *)p)[i] + 1);
}

static int find(void *data, const struct oid *id, enum obj_type *type, uint64_t *size,
		struct err *err)
{
	const struct tree_entry *e = ((struct all *)data)->e;
	struct oid note;

	(void)err;
	*size = e->size;
	if (tree_entry_id(e, ATTR_XATTRS_ID, &note) && oid_eq(id, &note)) {
		*type = OBJ_NOTE;
		if (!oid_eq(id, &e->id))
			return 1;
	}
	if (tree_entry_id(e, ATTR_HOLES_ID, &note) && oid_eq(id, &note)) {
		*type = OBJ_NOTE;
		if (!oid_eq(id, &e->id))
			return 1;
	}
	*type = e->content == CONTENT_LIST ? OBJ_LIST : e->content == CONTENT_TREE ? OBJ_TREE :
		OBJ_BLOB;
	return oid_eq(id, &e->id);
}

static int get(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	(void)data;
	(void)id;
	(void)out;
	return err_set(err, ERR_FAILED, "the line holds all there is");
}

/* Ids that stand for two things at once are for nobody to keep apart. */
static bool is_ambiguous(const struct tree_entry *e)
{
	struct oid a, b;
	bool has_a = tree_entry_id(e, ATTR_XATTRS_ID, &a);
	bool has_b = tree_entry_id(e, ATTR_HOLES_ID, &b);

	return (has_a && oid_eq(&a, &e->id)) || (has_b && oid_eq(&b, &e->id));
}

static void check_text(const struct tree_entry *e, const struct buf *encoded)
{
	struct all all = { e };
	struct treetext_store st = { blob_id, find, get, &all };
	struct buf line = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	struct treetext t;

	treetext_init(&t);
	for (unsigned int raw = 0; raw <= TREETEXT_RAW && !is_ambiguous(e); raw += TREETEXT_RAW) {
		buf_reset(&line);
		buf_reset(&again);
		treetext_put(&line, e, NULL, 0, TREETEXT_LONG | raw, &st);
		if (treetext_parse(&t, line.data, line.len, raw, &err) < 0 ||
		    treetext_resolve(&t, &st, &err) < 0)
			abort();
		tree_encode_entry(&again, &t.e);
		if (buf_cmp(&again, encoded) != 0)
			abort();
	}
	treetext_release(&t);
	buf_release(&line);
	buf_release(&again);
}

static int decode_entries(struct tree_iter *it, struct buf *items, uint64_t *nr, struct err *err)
{
	struct buf one = BUF_INIT;
	struct tree_entry e;
	int ret;

	while ((ret = tree_iter_next(it, &e, err)) > 0) {
		buf_reset(&one);
		tree_encode_entry(&one, &e);
		if (*nr < 8)
			check_text(&e, &one);
		buf_put_buf(items, &one);
		++*nr;
	}
	buf_release(&one);
	return ret;
}

static int decode_pieces(struct tree_iter *it, struct buf *items, uint64_t *nr, struct err *err)
{
	struct tree_piece p;
	int ret;

	while ((ret = tree_iter_next_piece(it, &p, err)) > 0) {
		tree_encode_piece(items, &p);
		++*nr;
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf items = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	struct tree_iter it;
	uint64_t nr = 0;

	int ret = tree_iter_init(&it, data, size, &err);
	if (ret == 0) {
		unsigned int level = it.level;
		ret = level == 0 ? decode_entries(&it, &items, &nr, &err) :
				   decode_pieces(&it, &items, &nr, &err);
		tree_encode(&again, level, nr, &items);
	}
	if (ret == 0 && (again.len != size || memcmp(again.data, data, size) != 0))
		abort();
	if (ret != object_check(OBJ_TREE, data, size, &err))
		abort();
	buf_release(&items);
	buf_release(&again);
	return 0;
}
