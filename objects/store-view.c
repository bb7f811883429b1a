/*
 * Small adapters from the store to the callbacks of dir.h and treetext.h.
 */
#include "objects/store-view.h"

static int get_object(void *data, const struct oid *id, enum obj_type type, struct buf *out,
		      struct err *err)
{
	buf_reset(out);
	return store_read(data, id, type, NULL, out, err);
}

struct object_source store_source(struct store *st)
{
	return (struct object_source){ get_object, st };
}

static void blob_id(void *data, const void *p, size_t n, struct oid *id_out)
{
	keys_object_id(store_keys(data), OBJ_BLOB, p, n, id_out->b);
}

static int find(void *data, const struct oid *id, enum obj_type *type_out, uint64_t *size_out,
		struct err *err)
{
	struct index_loc loc;
	struct buf raw = BUF_INIT;
	int ret = store_find_fresh(data, id, &loc, err);

	if (ret != 1)
		return ret;
	*type_out = loc.type;
	*size_out = loc.size;
	if (loc.type == OBJ_LIST) {
		struct list l = LIST_INIT;
		ret = store_read(data, id, OBJ_LIST, NULL, &raw, err);
		if (ret == 0)
			ret = list_decode(&l, raw.data, raw.len, err);
		*size_out = l.size;
		list_release(&l);
	}
	buf_release(&raw);
	return ret < 0 ? ret : 1;
}

static int get_blob(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	return get_object(data, id, OBJ_BLOB, out, err);
}

struct treetext_store store_treetext(struct store *st)
{
	return (struct treetext_store){ blob_id, find, get_blob, st };
}

int store_read_commit(struct store *st, const struct oid *id, struct commit *out, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = store_read(st, id, OBJ_COMMIT, NULL, &raw, err);

	if (ret == 0)
		ret = commit_decode(out, raw.data, raw.len, err);
	buf_release(&raw);
	return ret;
}

int store_read_entry(struct store *st, const struct tree_entry *e,
		     int (*fn)(const void *p, size_t n, void *data, struct err *err), void *data,
		     struct err *err)
{
	const unsigned char *target;
	size_t n;

	if (e->type == ENTRY_SYMLINK)
		return tree_entry_attr(e, ATTR_TARGET, &target, &n) ? fn(target, n, data, err) : 0;
	if (e->content == CONTENT_INLINE)
		return fn(e->data, (size_t)e->size, data, err);
	if (e->content == CONTENT_NONE)
		return 0;
	return store_read_content(st, &e->id, fn, data, err);
}
