/*
 * The walk of verification: down from the roots, each object once.
 *
 * Trees and lists are read as they are met; the subtrees and lists that one names wait in `pending`
 * until all of it has been looked at, so its bytes are not held.  Blobs and notes are marked and
 * left to the packs.  Parents of a snapshot are other snapshots and are not entered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/interrupt.h"
#include "objects/verify-internal.h"

#define TOLD_MAX 65536

/* The children of one object that are still to be entered. */
struct level {
	size_t start, next;	/* in `pending` */
	size_t path_len;	/* of the path that leads here */
	bool has_path;
};

struct walk {
	struct verify *v;
	bool is_naming;		/* the second time: only paths are wanted */
	struct bits *seen;
	struct buf pending, raw, path;
	struct level *levels;
	size_t depth, alloc;
	struct idset *last_set;	/* of packs, and the last one put there */
	struct pack_id last_pack;
};

/* What names an object. */
struct ref {
	struct oid id;
	enum obj_type type;
	uint64_t size;		/* of its content; UINT64_MAX: nothing said */
	bool has_path;		/* that of the level, and the name below it */
	const unsigned char *name;
	size_t name_len;
};

static size_t put_name(struct walk *w, const struct ref *r)
{
	size_t before = w->path.len;

	if (r->name && before > 0)
		buf_put_u8(&w->path, '/');
	if (r->name)
		buf_put(&w->path, r->name, r->name_len);
	return before;
}

static int tell_at(struct walk *w, const struct ref *r, const struct index_loc *loc,
		   const char *what, struct err *err)
{
	static const unsigned char root[] = "/";
	size_t before = put_name(w, r);
	int ret;

	if (!r->has_path)
		ret = verify_tell(w->v, &r->id, r->type, loc, NULL, 0, what, err);
	else if (w->path.len == 0)
		ret = verify_tell(w->v, &r->id, r->type, loc, root, 1, what, err);
	else
		ret = verify_tell(w->v, &r->id, r->type, loc, w->path.data, w->path.len, what, err);
	buf_truncate(&w->path, before);
	return ret;
}

static int tell(struct walk *w, const struct ref *r, const struct index_loc *loc, const char *what,
		struct err *err)
{
	struct verify *v = w->v;

	/* What is missing is named by many; what is hurt has its bit in `seen`. */
	if (w->is_naming || idset_has(&v->told, &r->id))
		return 0;
	if (v->told.nr < TOLD_MAX)
		idset_add(&v->told, &r->id);
	return tell_at(w, r, loc, what, err);
}

/* An error that is damage becomes a finding. */
static __attribute__((noinline)) int absorb(struct walk *w, int code, const struct ref *r,
					    const struct index_loc *loc, struct err *err)
{
	struct err why = *err;

	if (!verify_is_damage(code, err))
		return code;
	err_clear(err);
	return tell(w, r, loc, why.msg, err);
}

static void want_pack(struct walk *w, const struct index_loc *loc)
{
	struct idset *set = loc->kind == PACK_DATA ? &w->v->data_packs : &w->v->meta_packs;
	struct oid name;

	if (w->last_set == set && pack_id_eq(&w->last_pack, &loc->pack))
		return;
	memcpy(name.b, loc->pack.b, sizeof(name.b));
	idset_add(set, &name);
	w->last_set = set;
	w->last_pack = loc->pack;
}

/* A blob or a note: its bytes are looked at later, or have been. */
static int meet_leaf(struct walk *w, const struct ref *r, const struct index_loc *loc,
		     uint64_t ordinal, struct err *err)
{
	struct verify *v = w->v;

	if (!w->is_naming) {
		v->wanted++;
		v->wanted_bytes += loc->size;
		return 0;
	}
	if (!bits_clear(&v->hurt, ordinal))
		return 0;
	v->nr_hurt--;
	return tell_at(w, r, loc, verify_reason(v, ordinal), err);
}

/* Find and mark: 1 and the place of what has to be entered, 0: done with it. */
static int meet(struct walk *w, const struct ref *r, struct index_loc *loc, struct err *err)
{
	struct verify *v = w->v;
	uint64_t ordinal;
	char what[128];
	int ret = index_find(store_index(v->st), &r->id, loc, &ordinal, err);

	if (ret < 0) {
		v->index_is_bad = ret == ERR_CORRUPT;
		return ret;
	}
	if (ret == 0)
		return tell(w, r, NULL, "is in no pack", err);
	if (loc->type != r->type) {
		snprintf(what, sizeof(what), "is a %s where a %s should be",
			 obj_type_name(loc->type), obj_type_name(r->type));
		return tell(w, r, loc, what, err);
	}
	if (loc->type == OBJ_BLOB && r->size != UINT64_MAX && loc->size != r->size) {
		snprintf(what, sizeof(what), "has %" PRIu32 " bytes where %" PRIu64 " should be",
			 loc->size, r->size);
		return tell(w, r, loc, what, err);
	}
	if (ordinal >= w->seen->nr)
		return err_set(err, ERR_FAILED, "the index changed while it was read; try again");
	if (!bits_set(w->seen, ordinal))
		return 0;
	if (!w->is_naming)
		want_pack(w, loc);
	if (loc->type == OBJ_BLOB || loc->type == OBJ_NOTE)
		return meet_leaf(w, r, loc, ordinal, err);
	return 1;
}

/* -- what waits -- */

static void push(struct walk *w, const struct ref *r)
{
	buf_put(&w->pending, r->id.b, OID_SIZE);
	buf_put_u8(&w->pending, (uint8_t)r->type);
	buf_put_u64le(&w->pending, r->size);
	buf_put_u8(&w->pending, (uint8_t)(r->has_path | (r->name ? 2 : 0)));
	buf_put_u32le(&w->pending, (uint32_t)r->name_len);
	buf_put(&w->pending, r->name, r->name_len);
}

static void pull(struct walk *w, struct level *l, struct ref *out)
{
	const unsigned char *p = w->pending.data + l->next;

	memcpy(out->id.b, p, OID_SIZE);
	p += OID_SIZE;
	out->type = (enum obj_type)p[0];
	out->size = get_u64le(p + 1);
	out->has_path = p[9] & 1;
	out->name_len = get_u32le(p + 10);
	out->name = p[9] & 2 ? p + 14 : NULL;
	l->next += OID_SIZE + 14 + out->name_len;
}

/* An object named by the one that is being looked at: marked, or put aside. */
static int name_child(struct walk *w, const struct ref *r, struct err *err)
{
	struct index_loc loc;

	if (r->type == OBJ_TREE || r->type == OBJ_LIST) {
		push(w, r);
		return 0;
	}
	return meet(w, r, &loc, err);
}

/* -- objects that lead on -- */

static int look_at_entry(struct walk *w, const struct tree_entry *e, struct err *err)
{
	static const enum obj_type types[] = {
		[CONTENT_BLOB] = OBJ_BLOB, [CONTENT_LIST] = OBJ_LIST, [CONTENT_TREE] = OBJ_TREE,
	};
	static const enum attr_tag notes[] = { ATTR_XATTRS_ID, ATTR_HOLES_ID };
	struct ref r = { .has_path = true, .name = e->name, .name_len = e->name_len };
	int ret = 0;

	if (e->content >= CONTENT_BLOB) {
		r.id = e->id;
		r.type = types[e->content];
		r.size = r.type == OBJ_TREE ? UINT64_MAX : e->size;
		ret = name_child(w, &r, err);
	}
	for (size_t i = 0; ret == 0 && i < 2; i++) {
		if (!tree_entry_id(e, notes[i], &r.id))
			continue;
		r.type = OBJ_NOTE;
		r.size = UINT64_MAX;
		ret = name_child(w, &r, err);
	}
	return ret;
}

static int look_at_tree(struct walk *w, struct err *err)
{
	struct tree_iter it;
	struct tree_entry e;
	struct tree_piece piece;
	int ret = tree_iter_init(&it, w->raw.data, w->raw.len, err);

	while (ret == 0 && it.level == 0 && (ret = tree_iter_next(&it, &e, err)) > 0)
		ret = look_at_entry(w, &e, err);
	while (ret == 0 && it.level > 0 && (ret = tree_iter_next_piece(&it, &piece, err)) > 0) {
		push(w, &(struct ref){ .id = piece.id, .type = OBJ_TREE, .size = UINT64_MAX,
				       .has_path = true });
		ret = 0;
	}
	return ret;
}

static int look_at_list(struct walk *w, uint64_t size, bool has_path, struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, w->raw.data, w->raw.len, err);

	if (ret == 0 && size != UINT64_MAX && l.size != size)
		ret = err_set(err, ERR_CORRUPT, "stands for %" PRIu64 " bytes where %" PRIu64
			      " should be", l.size, size);
	for (size_t i = 0; ret == 0 && i < l.nr; i++) {
		const struct list_entry *e = &l.entries[i];
		if (e->kind == LIST_ZERO)
			continue;
		ret = name_child(w, &(struct ref){
			.id = e->id, .size = e->size, .has_path = has_path,
			.type = e->kind == LIST_BLOB ? OBJ_BLOB : OBJ_LIST,
		}, err);
	}
	list_release(&l);
	return ret;
}

static int look_at_commit(struct walk *w, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = commit_decode(&c, w->raw.data, w->raw.len, err);

	if (ret == 0)
		push(w, &(struct ref){ .id = c.tree, .type = OBJ_TREE, .size = UINT64_MAX,
				       .has_path = true });
	for (size_t i = 0; ret == 0 && i < c.nr_notes; i++)
		ret = name_child(w, &(struct ref){ .id = c.notes[i].id, .type = OBJ_NOTE,
						   .size = UINT64_MAX }, err);
	commit_release(&c);
	return ret;
}

static void add_level(struct walk *w, bool has_path)
{
	if (w->depth == w->alloc) {
		w->alloc = w->alloc ? 2 * w->alloc : 32;
		w->levels = xrealloc(w->levels, w->alloc * sizeof(*w->levels));
	}
	w->levels[w->depth++] = (struct level){
		.start = w->pending.len, .next = w->pending.len, .path_len = w->path.len,
		.has_path = has_path,
	};
}

/* Read the object and look at all it names, which then waits on a level of its own. */
static int enter(struct walk *w, const struct ref *r, const struct index_loc *loc, struct err *err)
{
	/* The name is in `pending`, which moves. */
	const struct ref at = { r->id, r->type, r->size, r->has_path, NULL, 0 };
	int ret = interrupt_check(err);

	buf_reset(&w->raw);
	if (ret == 0)
		ret = store_read_at(w->v->st, &r->id, loc, &w->raw, err);
	if (ret < 0)
		return absorb(w, ret, r, loc, err);
	if (!w->is_naming) {
		w->v->objects++;
		w->v->bytes += w->raw.len;
	}
	put_name(w, r);
	add_level(w, r->has_path);
	if (r->type == OBJ_TREE)
		ret = look_at_tree(w, err);
	else if (r->type == OBJ_LIST)
		ret = look_at_list(w, r->size, r->has_path, err);
	else
		ret = look_at_commit(w, err);
	if (ret < 0 && !w->v->index_is_bad)
		ret = absorb(w, ret, &at, loc, err);
	return ret;
}

static int walk_from(struct walk *w, const struct verify_root *root, struct err *err)
{
	struct ref r = { .id = root->id, .type = root->type, .size = UINT64_MAX };
	struct index_loc loc;

	buf_reset(&w->path);
	r.has_path = root->type != OBJ_COMMIT && root->type != OBJ_NOTE;
	if (root->path)
		buf_put_str(&w->path, root->path);
	int ret = meet(w, &r, &loc, err);
	if (ret == 1)
		ret = enter(w, &r, &loc, err);
	while (ret == 0 && w->depth > 0) {
		struct level *l = &w->levels[w->depth - 1];
		buf_truncate(&w->path, l->path_len);
		if (l->next == w->pending.len) {
			buf_truncate(&w->pending, l->start);
			w->depth--;
			continue;
		}
		pull(w, l, &r);
		ret = meet(w, &r, &loc, err);
		if (ret == 1)
			ret = enter(w, &r, &loc, err);
		if (!w->is_naming)
			progress_add(&w->v->progress, 1);
	}
	w->depth = 0;
	buf_reset(&w->pending);
	return ret;
}

static int walk_all(struct verify *v, const struct verify_root *roots, size_t nr,
		    struct bits *seen, bool is_naming, struct err *err)
{
	struct walk w = {
		.v = v, .is_naming = is_naming, .seen = seen, .pending = BUF_INIT,
		.raw = BUF_INIT, .path = BUF_INIT,
	};
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < nr; i++)
		if (!is_naming || v->nr_hurt > 0)
			ret = walk_from(&w, &roots[i], err);
	buf_release(&w.pending);
	buf_release(&w.raw);
	buf_release(&w.path);
	sys_free(w.levels);
	return ret;
}

int verify_walk(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	progress_begin(&v->progress, v->opts->progress, "reading folders", 0, "objects");
	int ret = walk_all(v, roots, nr, &v->reached, false, err);
	progress_end(&v->progress);
	return ret;
}

int verify_name_hurt(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	struct bits seen = { NULL, 0 };
	int ret = bits_init(&seen, v->reached.nr, err);

	if (ret == 0)
		ret = walk_all(v, roots, nr, &seen, true, err);
	bits_release(&seen);
	return ret;
}
