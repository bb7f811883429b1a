/*
 * What all object types share: the head, the check of any object, what an object refers to.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "objects/object-internal.h"

#include "objects/object.h"

void object_put_head(struct buf *out, uint8_t flags)
{
	buf_put_u8(out, OBJECT_VERSION);
	buf_put_u8(out, flags);
}

int object_head(struct reader *r, const char *what, uint8_t known, uint8_t *flags_out,
		struct err *err)
{
	uint8_t version = reader_u8(r), flags = reader_u8(r);

	if (!reader_ok(r))
		return err_set(err, ERR_CORRUPT, "%s is cut short", what);
	if (version != OBJECT_VERSION)
		return err_set(err, ERR_FORMAT, "%s of version %u, which this ub does not know",
			       what, version);
	if (flags & ~known)
		return err_set(err, ERR_FORMAT, "%s with flags %#x, which this ub does not know",
			       what, flags);
	*flags_out = flags;
	return 0;
}

struct ref_walk {
	int (*fn)(const struct object_ref *ref, void *data, struct err *err);
	void *data;
};

/* `w` may be NULL: then the object is only checked. */
static int say_sized(const struct ref_walk *w, enum obj_type type, const struct oid *id,
		     uint64_t size, const unsigned char *name, size_t name_len, struct err *err)
{
	struct object_ref ref = {
		.type = type, .id = *id, .name = name, .name_len = name_len, .size = size,
	};

	return w ? w->fn(&ref, w->data, err) : 0;
}

static int say(const struct ref_walk *w, enum obj_type type, const struct oid *id, struct err *err)
{
	return say_sized(w, type, id, UINT64_MAX, NULL, 0, err);
}

static int walk_list(const struct ref_walk *w, const void *p, size_t n, struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, p, n, err);

	for (size_t i = 0; ret == 0 && i < l.nr; i++)
		if (l.entries[i].kind != LIST_ZERO)
			ret = say_sized(w, l.entries[i].kind == LIST_BLOB ? OBJ_BLOB : OBJ_LIST,
					&l.entries[i].id, l.entries[i].size, NULL, 0, err);
	list_release(&l);
	return ret;
}

static enum obj_type content_type(enum content_kind kind)
{
	switch (kind) {
	case CONTENT_BLOB:
		return OBJ_BLOB;
	case CONTENT_LIST:
		return OBJ_LIST;
	case CONTENT_TREE:
		return OBJ_TREE;
	default:
		return OBJ_NONE;
	}
}

static int walk_entry(const struct ref_walk *w, const struct tree_entry *e, struct err *err)
{
	enum obj_type type = content_type(e->content);
	struct oid id;
	int ret = 0;

	if (type != OBJ_NONE)
		ret = say_sized(w, type, &e->id, type == OBJ_TREE ? UINT64_MAX : e->size, e->name,
				e->name_len, err);
	if (ret == 0 && tree_entry_id(e, ATTR_XATTRS_ID, &id))
		ret = say(w, OBJ_NOTE, &id, err);
	if (ret == 0 && tree_entry_id(e, ATTR_HOLES_ID, &id))
		ret = say(w, OBJ_NOTE, &id, err);
	return ret;
}

static int walk_tree(const struct ref_walk *w, const void *p, size_t n, struct err *err)
{
	struct tree_iter it;
	struct tree_entry e;
	struct tree_piece piece;
	int ret = tree_iter_init(&it, p, n, err);

	if (ret < 0)
		return ret;
	if (it.level == 0) {
		while ((ret = tree_iter_next(&it, &e, err)) > 0) {
			ret = w ? walk_entry(w, &e, err) : 0;
			if (ret != 0)
				break;
		}
	} else {
		while ((ret = tree_iter_next_piece(&it, &piece, err)) > 0) {
			ret = say(w, OBJ_TREE, &piece.id, err);
			if (ret != 0)
				break;
		}
	}
	return ret;
}

static int walk_commit(const struct ref_walk *w, const void *p, size_t n, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = commit_decode(&c, p, n, err);

	if (ret == 0)
		ret = say(w, OBJ_TREE, &c.tree, err);
	for (size_t i = 0; ret == 0 && i < c.nr_parents; i++)
		ret = say(w, OBJ_COMMIT, &c.parents[i], err);
	for (size_t i = 0; ret == 0 && i < c.nr_notes; i++)
		ret = say(w, OBJ_NOTE, &c.notes[i].id, err);
	commit_release(&c);
	return ret;
}

static int walk(const struct ref_walk *w, enum obj_type type, const void *p, size_t n,
		struct err *err)
{
	struct note note;
	int ret;

	if (n > OBJECT_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "object of %zu bytes, %zu is the limit", n,
			       OBJECT_MAX_SIZE);
	switch (type) {
	case OBJ_BLOB:
		return 0;
	case OBJ_LIST:
		return walk_list(w, p, n, err);
	case OBJ_TREE:
		return walk_tree(w, p, n, err);
	case OBJ_COMMIT:
		return walk_commit(w, p, n, err);
	case OBJ_NOTE:
		ret = note_decode(&note, p, n, err);
		return ret < 0 ? ret : note_check(&note, err);
	case OBJ_NONE:
		break;
	}
	return err_set(err, ERR_FORMAT, "object of unknown type %d", (int)type);
}

int object_check(enum obj_type type, const void *p, size_t n, struct err *err)
{
	return walk(NULL, type, p, n, err);
}

int object_refs(enum obj_type type, const void *p, size_t n,
		int (*fn)(const struct object_ref *ref, void *data, struct err *err), void *data,
		struct err *err)
{
	struct ref_walk w = { .fn = fn, .data = data };

	return walk(&w, type, p, n, err);
}
