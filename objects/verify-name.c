/*
 * The second walk of verification, where something was found: it tells of each finding with the
 * path that leads there.
 *
 * Depth first, in one thread.  The subtrees and lists that an object names wait in `pending` until
 * all of it has been looked at, so that its bytes are not held.
 */
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
	struct bits seen;
	struct buf pending, raw, path;
	struct level *levels;
	size_t depth, alloc;
};

static size_t put_name(struct walk *w, const struct verify_ref *r)
{
	size_t before = w->path.len;

	if (r->name && before > 0)
		buf_put_u8(&w->path, '/');
	if (r->name)
		buf_put(&w->path, r->name, r->name_len);
	return before;
}

static int tell_at(struct walk *w, const struct verify_ref *r, const struct index_loc *loc,
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

static int tell(struct walk *w, const struct verify_ref *r, const struct index_loc *loc,
		const char *what, struct err *err)
{
	struct verify *v = w->v;

	/* What is missing may be named by many. */
	if (idset_has(&v->told, &r->id))
		return 0;
	if (v->told.nr < TOLD_MAX)
		idset_add(&v->told, &r->id);
	return tell_at(w, r, loc, what, err);
}

/* An error that is damage becomes a finding. */
static __attribute__((noinline)) int absorb(struct walk *w, int code, const struct verify_ref *r,
					    const struct index_loc *loc, struct err *err)
{
	struct err why = *err;

	if (!verify_is_damage(code, err))
		return code;
	err_clear(err);
	return tell(w, r, loc, why.msg, err);
}

/* Find and tell: 1 and the place of what has to be entered, 0: done with it. */
static int meet(struct walk *w, const struct verify_ref *r, struct index_loc *loc, struct err *err)
{
	struct verify *v = w->v;
	struct buf what = BUF_INIT;
	uint64_t ordinal;
	int ret = verify_find(v, r, loc, &ordinal, &what, err);

	if (ret == 0)
		ret = tell(w, r, ordinal == VERIFY_NOWHERE ? NULL : loc, buf_str(&what), err);
	else if (ret == 1 && !bits_set(&w->seen, ordinal))
		ret = 0;
	else if (ret == 1 && bits_clear(&v->hurt, ordinal)) {
		v->nr_hurt--;
		ret = tell(w, r, loc, verify_reason(v, ordinal), err);
		ret = ret == 0 ? 1 : ret;
	}
	buf_release(&what);
	return ret == 1 && verify_is_leaf(r->type) ? 0 : ret;
}

/* -- what waits -- */

static void push(struct walk *w, const struct verify_ref *r)
{
	buf_put(&w->pending, r->id.b, OID_SIZE);
	buf_put_u8(&w->pending, (uint8_t)r->type);
	buf_put_u64le(&w->pending, r->size);
	buf_put_u8(&w->pending, (uint8_t)(r->has_path | (r->name ? 2 : 0)));
	buf_put_u32le(&w->pending, (uint32_t)r->name_len);
	buf_put(&w->pending, r->name, r->name_len);
}

static void pull(struct walk *w, struct level *l, struct verify_ref *out)
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

/* An object named by the one that is being looked at: told of, or put aside. */
static int name_child(const struct verify_ref *r, void *data, struct err *err)
{
	struct walk *w = data;
	struct index_loc loc;

	if (verify_is_leaf(r->type))
		return meet(w, r, &loc, err);
	push(w, r);
	return 0;
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
static int enter(struct walk *w, const struct verify_ref *r, const struct index_loc *loc,
		 struct err *err)
{
	/* The name is in `pending`, which moves. */
	const struct verify_ref at = { r->id, r->type, r->size, r->has_path, NULL, 0 };
	int ret = interrupt_check(err);

	buf_reset(&w->raw);
	if (ret == 0)
		ret = store_read_at(w->v->st, &r->id, loc, &w->raw, err);
	if (ret < 0)
		return absorb(w, ret, r, loc, err);
	put_name(w, r);
	add_level(w, r->has_path);
	ret = verify_each_child(&at, &w->raw, name_child, w, err);
	if (ret < 0 && !w->v->index_is_bad)
		ret = absorb(w, ret, &at, loc, err);
	return ret;
}

static int walk_from(struct walk *w, const struct verify_root *root, struct err *err)
{
	struct verify_ref r = { .id = root->id, .type = root->type, .size = UINT64_MAX };
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
	}
	w->depth = 0;
	buf_reset(&w->pending);
	return ret;
}

int verify_name(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	struct walk w = {
		.v = v, .pending = BUF_INIT, .raw = BUF_INIT, .path = BUF_INIT,
	};
	int ret = bits_init(&w.seen, v->reached.nr, err);

	for (size_t i = 0; ret == 0 && i < nr; i++)
		ret = walk_from(&w, &roots[i], err);
	bits_release(&w.seen);
	buf_release(&w.pending);
	buf_release(&w.raw);
	buf_release(&w.path);
	sys_free(w.levels);
	return ret;
}
