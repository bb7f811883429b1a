/*
 * Walking the graph below an object, depth first.  Memory: a bitmap, and the objects on the way
 * from the root to where the walk stands; commits, whose chains are long, are kept on a stack of
 * ids instead.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/store-internal.h"

#include "objects/walk.h"

#define DEPTH_MAX 4096		/* folders in folders; PATH_MAX allows no more in one call */

struct walk {
	struct store *st;
	int (*bad)(const struct oid *id, int code, const char *what, void *data, struct err *err);
	void *data;
	unsigned char *seen;
	uint64_t nr;
	struct oid *commits;	/* still to be visited */
	size_t nr_commits, alloc_commits;
	unsigned int depth;
};

struct walk *walk_new(struct store *st,
		      int (*bad)(const struct oid *id, int code, const char *what, void *data,
				 struct err *err), void *data)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->st = st;
	w->bad = bad;
	w->data = data;
	w->nr = index_ordinals(store_index(st));
	w->seen = xcalloc(1, (size_t)(w->nr / 8 + 1));
	return w;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	sys_free(w->seen);
	sys_free(w->commits);
	sys_free(w);
}

static int visit(struct walk *w, const struct oid *id, enum obj_type type, uint64_t size,
		 struct err *err);

static __attribute__((noinline)) int tell(struct walk *w, const struct oid *id, struct err *err)
{
	struct err why = *err;

	if (why.code != ERR_CORRUPT && why.code != ERR_NOT_FOUND && why.code != ERR_FORMAT &&
	    why.code != ERR_KEY)
		return why.code;
	err_clear(err);
	return w->bad(id, why.code, why.msg, w->data, err);
}

static int visit_ref(const struct object_ref *ref, void *data, struct err *err)
{
	struct walk *w = data;

	if (ref->type != OBJ_COMMIT)
		return visit(w, &ref->id, ref->type, ref->size, err);
	if (w->nr_commits == w->alloc_commits) {
		w->alloc_commits = w->alloc_commits ? 2 * w->alloc_commits : 64;
		w->commits = xrealloc(w->commits, w->alloc_commits * sizeof(*w->commits));
	}
	w->commits[w->nr_commits++] = ref->id;
	return 0;
}

/* True the first time. */
static bool mark(struct walk *w, uint64_t ordinal)
{
	unsigned char bit = (unsigned char)(1u << (ordinal % 8));

	if (ordinal >= w->nr) {
		/* The index has grown: rather too much is looked at than too little. */
		w->seen = xrealloc(w->seen, (size_t)(ordinal / 8 + 1));
		memset(w->seen + w->nr / 8 + 1, 0, (size_t)(ordinal / 8 - w->nr / 8));
		w->nr = ordinal / 8 * 8 + 7;
	}
	if (w->seen[ordinal / 8] & bit)
		return false;
	w->seen[ordinal / 8] |= bit;
	return true;
}

/* What the list stands for must be what its parent says. */
static int check_list(const struct buf *raw, uint64_t size, struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, raw->data, raw->len, err);

	if (ret == 0 && l.size != size)
		ret = err_set(err, ERR_CORRUPT, "stands for %" PRIu64 " bytes where %" PRIu64
			      " should be", l.size, size);
	list_release(&l);
	return ret;
}

/* The type and size that whoever names an object expects are looked at each time it is named. */
static int visit(struct walk *w, const struct oid *id, enum obj_type type, uint64_t size,
		 struct err *err)
{
	struct buf raw = BUF_INIT;
	struct index_loc loc;
	uint64_t ordinal = 0;
	int ret = store_find(w->st, id, &loc, &ordinal, err);

	if (ret == 0) {
		err_set(err, ERR_NOT_FOUND, "the %s is in no pack", obj_type_name(type));
		return tell(w, id, err);
	}
	if (ret < 0)
		return ret;
	if (type != OBJ_NONE && loc.type != type) {
		err_set(err, ERR_CORRUPT, "is a %s where a %s should be", obj_type_name(loc.type),
			obj_type_name(type));
		return tell(w, id, err);
	}
	if (loc.type == OBJ_BLOB && size != UINT64_MAX && loc.size != size) {
		err_set(err, ERR_CORRUPT, "has %" PRIu32 " bytes where %" PRIu64 " should be",
			loc.size, size);
		return tell(w, id, err);
	}
	if (!mark(w, ordinal))
		return 0;
	if (loc.type == OBJ_BLOB || loc.type == OBJ_NOTE)
		return 0;
	if (++w->depth > DEPTH_MAX) {
		w->depth--;
		err_set(err, ERR_CORRUPT, "is nested too deeply");
		return tell(w, id, err);
	}
	ret = interrupt_check(err);
	if (ret == 0)
		ret = store_read(w->st, id, loc.type, NULL, &raw, err);
	if (ret == 0 && loc.type == OBJ_LIST && size != UINT64_MAX)
		ret = check_list(&raw, size, err);
	if (ret < 0)
		ret = tell(w, id, err);
	else
		ret = object_refs(loc.type, raw.data, raw.len, visit_ref, w, err);
	if (ret == ERR_CORRUPT)
		ret = tell(w, id, err);
	buf_release(&raw);
	w->depth--;
	return ret;
}

int walk_from(struct walk *w, const struct oid *id, enum obj_type type, struct err *err)
{
	int ret = visit(w, id, type, UINT64_MAX, err);

	while (ret == 0 && w->nr_commits > 0)
		ret = visit(w, &w->commits[--w->nr_commits], OBJ_COMMIT, UINT64_MAX, err);
	return ret;
}
