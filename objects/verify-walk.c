/*
 * The walk of verification: what do the roots reach?  All that leads on (commits, trees, lists) is
 * opened here; blobs and notes are marked and left to the packs.  Parents of a snapshot are
 * other snapshots and are not entered.
 *
 * What is found and is still to be opened waits on a stack.  From its top a batch is taken, put in
 * the order in which it lies in packs, and opened by all workers, so that each frame is opened
 * once a batch; what that names goes onto the stack.  Where that grows too high the rest of the
 * batch goes back below what was found.  Nobody knows paths here: where something is found,
 * verify-name.c walks again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/pool.h"
#include "objects/verify-internal.h"

#define BATCH 4096
#define ALONE 16		/* fewer are not worth a thread */
#define SHARE 32		/* of a batch, for one worker at a time */
#define STACK_HIGH 32768	/* then a batch ends early */

/* Found, marked, to be opened. */
struct waiting {
	struct oid id;
	enum obj_type type;
	uint64_t size, ordinal;
	struct index_loc loc;
};

struct marking {
	struct verify *v;
	struct waiting *stack;		/* under v->lock while workers run */
	size_t nr, alloc, nr_below;	/* nr_below: without what this batch found */
	struct waiting batch[BATCH];
	size_t batch_nr, next;
};

/* A worker's share of the batch, and what it gathers from it. */
struct share {
	struct marking *m;
	size_t from, to;
	struct buf raw;
	struct waiting *found;
	size_t nr, alloc;
	uint64_t leaves, leaf_bytes;
	struct pack_id last[2];		/* put into the sets last: data, other */
};

/* -- for both walks -- */

bool verify_is_leaf(enum obj_type type)
{
	return type == OBJ_BLOB || type == OBJ_NOTE;
}

int verify_find(struct verify *v, const struct verify_ref *r, struct index_loc *loc,
		uint64_t *ordinal, struct buf *what, struct err *err)
{
	int ret = index_find(store_index(v->st), &r->id, loc, ordinal, err);

	if (ret < 0) {
		if (ret == ERR_CORRUPT)
			v->index_is_bad = true;
		return ret;
	}
	if (ret == 0) {
		*ordinal = VERIFY_NOWHERE;
		buf_put_str(what, "is in no pack");
		return 0;
	}
	if (*ordinal >= v->reached.nr)
		return err_set(err, ERR_FAILED, "the index changed while it was read; try again");
	if (r->type != loc->type)
		buf_printf(what, "is a %s where a %s should be", obj_type_name(loc->type),
			   obj_type_name(r->type));
	else if (loc->type == OBJ_BLOB && r->size != UINT64_MAX && loc->size != r->size)
		buf_printf(what, "has %" PRIu32 " bytes where %" PRIu64 " should be", loc->size,
			   r->size);
	return what->len == 0;
}

struct each {
	int (*fn)(const struct verify_ref *r, void *data, struct err *err);
	void *data;
};

static int each_in_entry(const struct each *e, const struct tree_entry *entry, struct err *err)
{
	static const enum obj_type types[] = {
		[CONTENT_BLOB] = OBJ_BLOB, [CONTENT_LIST] = OBJ_LIST, [CONTENT_TREE] = OBJ_TREE,
	};
	static const enum attr_tag notes[] = { ATTR_XATTRS_ID, ATTR_HOLES_ID };
	struct verify_ref r = { .has_path = true, .name = entry->name,
				.name_len = entry->name_len };
	int ret = 0;

	if (entry->content >= CONTENT_BLOB) {
		r.id = entry->id;
		r.type = types[entry->content];
		r.size = r.type == OBJ_TREE ? UINT64_MAX : entry->size;
		ret = e->fn(&r, e->data, err);
	}
	for (size_t i = 0; ret == 0 && i < 2; i++) {
		if (!tree_entry_id(entry, notes[i], &r.id))
			continue;
		r.type = OBJ_NOTE;
		r.size = UINT64_MAX;
		ret = e->fn(&r, e->data, err);
	}
	return ret;
}

static int each_in_tree(const struct each *e, const struct buf *raw, struct err *err)
{
	struct tree_iter it;
	struct tree_entry entry;
	struct tree_piece piece;
	int ret = tree_iter_init(&it, raw->data, raw->len, err);

	while (ret == 0 && it.level == 0 && (ret = tree_iter_next(&it, &entry, err)) > 0)
		ret = each_in_entry(e, &entry, err);
	while (ret == 0 && it.level > 0 && (ret = tree_iter_next_piece(&it, &piece, err)) > 0)
		ret = e->fn(&(struct verify_ref){
			.id = piece.id, .type = OBJ_TREE, .size = UINT64_MAX, .has_path = true,
		}, e->data, err);
	return ret;
}

static int each_in_list(const struct each *e, const struct verify_ref *r, const struct buf *raw,
			struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, raw->data, raw->len, err);

	if (ret == 0 && r->size != UINT64_MAX && l.size != r->size)
		ret = err_set(err, ERR_CORRUPT, "stands for %" PRIu64 " bytes where %" PRIu64
			      " should be", l.size, r->size);
	for (size_t i = 0; ret == 0 && i < l.nr; i++) {
		const struct list_entry *entry = &l.entries[i];
		if (entry->kind == LIST_ZERO)
			continue;
		ret = e->fn(&(struct verify_ref){
			.id = entry->id, .size = entry->size, .has_path = r->has_path,
			.type = entry->kind == LIST_BLOB ? OBJ_BLOB : OBJ_LIST,
		}, e->data, err);
	}
	list_release(&l);
	return ret;
}

static int each_in_commit(const struct each *e, const struct buf *raw, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = commit_decode(&c, raw->data, raw->len, err);

	if (ret == 0)
		ret = e->fn(&(struct verify_ref){
			.id = c.tree, .type = OBJ_TREE, .size = UINT64_MAX, .has_path = true,
		}, e->data, err);
	for (size_t i = 0; ret == 0 && i < c.nr_notes; i++)
		ret = e->fn(&(struct verify_ref){
			.id = c.notes[i].id, .type = OBJ_NOTE, .size = UINT64_MAX,
		}, e->data, err);
	commit_release(&c);
	return ret;
}

int verify_each_child(const struct verify_ref *r, const struct buf *raw,
		      int (*fn)(const struct verify_ref *r, void *data, struct err *err),
		      void *data, struct err *err)
{
	const struct each e = { fn, data };

	switch (r->type) {
	case OBJ_TREE: return each_in_tree(&e, raw, err);
	case OBJ_LIST: return each_in_list(&e, r, raw, err);
	case OBJ_COMMIT: return each_in_commit(&e, raw, err);
	default: return 0;
	}
}

/* -- marking -- */

static void grow(struct waiting **v, size_t *alloc, size_t nr)
{
	if (nr <= *alloc)
		return;
	while (*alloc < nr)
		*alloc = *alloc ? 2 * *alloc : 64;
	*v = xrealloc(*v, *alloc * sizeof(**v));
}

static void want_pack(struct share *s, const struct index_loc *loc)
{
	struct verify *v = s->m->v;
	bool is_data = loc->kind == PACK_DATA;
	struct oid name;

	if (pack_id_eq(&s->last[is_data], &loc->pack))
		return;
	s->last[is_data] = loc->pack;
	memcpy(name.b, loc->pack.b, sizeof(name.b));
	sys_lock(&v->lock);
	idset_add(is_data ? &v->data_packs : &v->meta_packs, &name);
	sys_unlock(&v->lock);
}

static int mark(const struct verify_ref *r, void *data, struct err *err)
{
	struct share *s = data;
	struct verify *v = s->m->v;
	struct buf what = BUF_INIT;
	struct waiting w = { .id = r->id, .type = r->type, .size = r->size };
	int ret = verify_find(v, r, &w.loc, &w.ordinal, &what, err);

	if (ret == 0)
		v->odd++;	/* told by the other walk */
	buf_release(&what);
	if (ret <= 0 || !bits_set(&v->reached, w.ordinal))
		return ret < 0 ? ret : 0;
	want_pack(s, &w.loc);
	if (verify_is_leaf(r->type)) {
		s->leaves++;
		s->leaf_bytes += w.loc.size;
	} else {
		grow(&s->found, &s->alloc, s->nr + 1);
		s->found[s->nr++] = w;
	}
	return 0;
}

static int enter(struct share *s, const struct waiting *w, struct err *err)
{
	struct verify *v = s->m->v;
	const struct verify_ref r = { .id = w->id, .type = w->type, .size = w->size };

	buf_reset(&s->raw);
	int ret = store_read_at(v->st, &w->id, &w->loc, &s->raw, err);
	if (ret == 0) {
		v->objects++;
		v->bytes += s->raw.len;
		ret = verify_each_child(&r, &s->raw, mark, s, err);
	}
	if (ret == 0 || v->index_is_bad || !verify_is_damage(ret, err))
		return ret;
	struct err why = *err;
	err_clear(err);
	return verify_add_hurt(v, w->ordinal, why.msg, err);
}

static int next_share(void *slot, void *data, struct err *err)
{
	struct marking *m = data;
	struct share *s = slot;

	(void)err;
	sys_lock(&m->v->lock);
	bool is_high = m->nr - m->nr_below > STACK_HIGH;
	sys_unlock(&m->v->lock);
	if (m->next == m->batch_nr || (is_high && m->next > 0))
		return 0;
	if (!s->m)
		*s = (struct share){ .m = m, .raw = BUF_INIT };
	s->from = m->next;
	s->to = m->next + SHARE < m->batch_nr ? m->next + SHARE : m->batch_nr;
	m->next = s->to;
	return 1;
}

static int open_share(void *slot, void *data, struct err *err)
{
	struct marking *m = data;
	struct share *s = slot;
	int ret = interrupt_check(err);

	for (size_t i = s->from; ret == 0 && i < s->to; i++)
		ret = enter(s, &m->batch[i], err);
	sys_lock(&m->v->lock);
	grow(&m->stack, &m->alloc, m->nr + s->nr);
	if (s->nr > 0)
		memcpy(m->stack + m->nr, s->found, s->nr * sizeof(*s->found));
	m->nr += s->nr;
	m->v->wanted += s->leaves;
	m->v->wanted_bytes += s->leaf_bytes;
	sys_unlock(&m->v->lock);
	progress_add(&m->v->progress, s->to - s->from);
	s->nr = s->leaves = s->leaf_bytes = 0;
	return ret;
}

static void release_share(void *slot, void *data)
{
	struct share *s = slot;

	(void)data;
	buf_release(&s->raw);
	sys_free(s->found);
}

static int place_cmp(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;
	int ret = memcmp(x->loc.pack.b, y->loc.pack.b, sizeof(x->loc.pack.b));

	if (ret != 0)
		return ret;
	if (x->loc.frame_off != y->loc.frame_off)
		return x->loc.frame_off < y->loc.frame_off ? -1 : 1;
	return (x->loc.place > y->loc.place) - (x->loc.place < y->loc.place);
}

/* What was not given out, below what was found. */
static void put_back(struct marking *m)
{
	size_t rest = m->batch_nr - m->next, found = m->nr - m->nr_below;

	if (rest == 0)
		return;
	grow(&m->stack, &m->alloc, m->nr + rest);
	struct waiting *at = m->stack + m->nr_below;
	memmove(at + rest, at, found * sizeof(*at));
	memcpy(at, m->batch + m->next, rest * sizeof(*at));
	m->nr += rest;
}

static int walk_batches(struct marking *m, struct err *err)
{
	static const struct pool_ops ops = { next_share, open_share, NULL, release_share };
	unsigned int workers = store_opts(m->v->st)->workers;
	int ret = 0;

	while (ret == 0 && m->nr > 0) {
		m->batch_nr = m->nr < BATCH ? m->nr : BATCH;
		m->nr -= m->batch_nr;
		m->nr_below = m->nr;
		m->next = 0;
		memcpy(m->batch, m->stack + m->nr, m->batch_nr * sizeof(*m->batch));
		qsort(m->batch, m->batch_nr, sizeof(*m->batch), place_cmp);
		unsigned int threads = m->batch_nr < ALONE ? 1 : workers;
		ret = pool_run(&ops, sizeof(struct share), threads, threads, m, err);
		put_back(m);
	}
	return ret;
}

static int mark_roots(struct marking *m, const struct verify_root *roots, size_t nr,
		      struct err *err)
{
	struct share s = { .m = m, .raw = BUF_INIT };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < nr; i++)
		ret = mark(&(struct verify_ref){ .id = roots[i].id, .type = roots[i].type,
						 .size = UINT64_MAX }, &s, err);
	m->stack = s.found;
	m->nr = s.nr;
	m->alloc = s.alloc;
	m->v->wanted = s.leaves;
	m->v->wanted_bytes = s.leaf_bytes;
	return ret;
}

int verify_walk(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	struct marking *m = xcalloc(1, sizeof(*m));

	m->v = v;
	progress_begin(&v->progress, v->opts->progress, "reading folders", 0, "objects");
	int ret = mark_roots(m, roots, nr, err);
	if (ret == 0)
		ret = walk_batches(m, err);
	progress_end(&v->progress);
	sys_free(m->stack);
	sys_free(m);
	return ret;
}
