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

static int visit(struct walk *w, const struct oid *id, enum obj_type type, struct err *err);

static __attribute__((noinline)) int tell(struct walk *w, const struct oid *id, struct err *err)
{
	struct err why = *err;

	if (why.code != ERR_CORRUPT && why.code != ERR_NOT_FOUND && why.code != ERR_FORMAT)
		return why.code;
	err_clear(err);
	return w->bad(id, why.code, why.msg, w->data, err);
}

static int visit_ref(const struct object_ref *ref, void *data, struct err *err)
{
	struct walk *w = data;

	if (ref->type != OBJ_COMMIT)
		return visit(w, &ref->id, ref->type, err);
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

	if (ordinal >= w->nr || w->seen[ordinal / 8] & bit)
		return false;
	w->seen[ordinal / 8] |= bit;
	return true;
}

static int visit(struct walk *w, const struct oid *id, enum obj_type type, struct err *err)
{
	struct buf raw = BUF_INIT;
	struct index_loc loc;
	uint64_t ordinal = 0;
	int ret = store_find(w->st, id, &loc, &ordinal, err);

	if (ret == 0) {
		err_set(err, ERR_NOT_FOUND, "the %s is in no pack", obj_type_name(type));
		return tell(w, id, err);
	}
	if (ret < 0 || !mark(w, ordinal))
		return ret < 0 ? ret : 0;
	if (type != OBJ_NONE && loc.type != type) {
		err_set(err, ERR_CORRUPT, "is a %s where a %s should be", obj_type_name(loc.type),
			obj_type_name(type));
		return tell(w, id, err);
	}
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
	int ret = visit(w, id, type, err);

	while (ret == 0 && w->nr_commits > 0)
		ret = visit(w, &w->commits[--w->nr_commits], OBJ_COMMIT, err);
	return ret;
}
