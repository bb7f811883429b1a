/*
 * Lines of snapshots: read once, marked from the refs, then only looked up.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"

#include "fs/timeline.h"

#define NONE UINT32_MAX

int timeline_cmp(const struct timeline_slot *a, const struct timeline_slot *b)
{
	if (a->time_s != b->time_s)
		return a->time_s < b->time_s ? -1 : 1;
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return memcmp(a->id.b, b->id.b, OID_SIZE);
}

struct timeline_slot *timeline_slot_of(const struct timeline *t, int64_t nr)
{
	return nr >= 1 && (uint64_t)nr <= t->nr ? &t->v[t->slot_of[nr - 1]] : NULL;
}

const struct oid *timeline_parents(const struct timeline *t, const struct timeline_slot *s)
{
	return (const struct oid *)t->parents.data + s->parents;	/* ids are bytes */
}

struct timeline_slot *timeline_find(const struct timeline *t, const struct oid *id)
{
	size_t low = 0, high = t->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct timeline_slot *s = &t->v[t->by_id[mid]];
		int cmp = memcmp(id->b, s->id.b, OID_SIZE);
		if (cmp == 0)
			return s;
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* -- reading -- */

struct reading { struct timeline *t; size_t alloc; };

static int take(const struct catalogue_commit *k, void *data, struct err *err)
{
	struct reading *r = data;
	struct timeline *t = r->t;

	if ((uint64_t)k->nr != t->nr + 1)
		return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
	if (t->nr == r->alloc) {
		r->alloc = r->alloc ? 2 * r->alloc : 128;
		t->v = xrealloc(t->v, r->alloc * sizeof(*t->v));
	}
	t->v[t->nr++] = (struct timeline_slot){
		.id = k->id, .nr = k->nr, .line = k->line, .time_s = k->time_s,
		.time_ns = k->time_ns, .parents = t->parents.len / OID_SIZE,
		.nr_parents = k->nr_parents,
		.follows = k->is_linear ? k->nr_parents == 1 : k->prev == 0 && k->nr_parents == 0,
	};
	buf_put(&t->parents, k->parents, k->nr_parents * OID_SIZE);
	return 0;
}

static int cmp_line(const void *a, const void *b)
{
	const struct timeline_slot *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->nr > y->nr) - (x->nr < y->nr);
}

static int cmp_id(const void *a, const void *b, void *data)
{
	const struct timeline *t = data;

	return memcmp(t->v[*(const uint32_t *)a].id.b, t->v[*(const uint32_t *)b].id.b, OID_SIZE);
}

static void put_in_order(struct timeline *t)
{
	t->slot_of = xcalloc(t->nr + 1, sizeof(*t->slot_of));
	t->by_id = xcalloc(t->nr + 1, sizeof(*t->by_id));
	if (t->nr > 1)
		qsort(t->v, t->nr, sizeof(*t->v), cmp_line);
	for (size_t i = 0; i < t->nr; i++) {
		t->slot_of[t->v[i].nr - 1] = (uint32_t)i;
		t->by_id[i] = (uint32_t)i;
	}
	if (t->nr > 1)
		qsort_r(t->by_id, t->nr, sizeof(*t->by_id), cmp_id, t);
}

/* -- marking -- */

static void note_missing(struct timeline *t, const struct oid *id)
{
	for (size_t i = 0; i < t->missing.len; i += OID_SIZE)
		if (memcmp(t->missing.data + i, id->b, OID_SIZE) == 0)
			return;
	buf_put(&t->missing, id->b, OID_SIZE);
}

/* A snapshot and all before it. */
static struct timeline_slot *mark(struct timeline *t, const struct oid *id)
{
	struct timeline_slot *start = timeline_find(t, id);
	uint32_t *stack;
	size_t nr = 0;

	if (!start)
		note_missing(t, id);
	if (!start || start->is_live)
		return start;
	stack = xcalloc(t->nr, sizeof(*stack));
	start->is_live = true;
	stack[nr++] = (uint32_t)(start - t->v);
	while (nr > 0) {
		const struct timeline_slot *s = &t->v[stack[--nr]];
		for (size_t i = 0; i < s->nr_parents; i++) {
			const struct oid *up_id = timeline_parents(t, s) + i;
			struct timeline_slot *up = timeline_find(t, up_id);
			if (!up)
				note_missing(t, up_id);
			if (!up || up->is_live)
				continue;
			up->is_live = true;	/* so it is on the stack once */
			stack[nr++] = (uint32_t)(up - t->v);
		}
	}
	sys_free(stack);
	return start;
}

static int mark_tip(const struct ref *ref, void *data, struct err *err)
{
	struct timeline_slot *s = mark(data, &ref->commit);

	(void)err;
	if (s)
		s->is_tip = true;
	return 0;
}

static bool is_same_line(const struct timeline *t, size_t a, size_t b)
{
	return b < t->nr && t->v[a].line == t->v[b].line;
}

static void count(struct timeline *t)
{
	t->is_in_order = true;
	for (size_t i = 0; i < t->nr; i++) {
		struct timeline_slot *s = &t->v[i], *before = i > 0 ? s - 1 : NULL;
		bool is_first = !before || before->line != s->line;
		s->tips = before ? before->tips + before->is_tip : 0;
		s->ats = before ? before->ats + before->is_at : 0;
		s->last = s->is_live ? (uint32_t)i : is_first ? NONE : before->last;
		if (!is_first && timeline_cmp(before, s) > 0)
			t->is_in_order = false;
	}
	for (size_t i = t->nr; i-- > 0;) {
		struct timeline_slot *s = &t->v[i];
		bool has_next = is_same_line(t, i, i + 1);
		s->end = has_next ? s[1].end : (uint32_t)i + 1;
		s->next = s->is_live ? (uint32_t)i : has_next ? s[1].next : NONE;
	}
}

int timeline_read(struct timeline *out, struct catalogue *c, struct refs *refs,
		  const struct oid *at, struct err *err)
{
	struct reading r = { .t = out };
	int ret = catalogue_each_commit(c, take, &r, err);

	if (ret < 0)
		return ret;
	put_in_order(out);
	ret = refs_each(refs, mark_tip, out, err);
	if (ret == 0 && at) {
		struct timeline_slot *s = mark(out, at);
		if (s)
			s->is_at = true;
	}
	count(out);
	return ret;
}

void timeline_release(struct timeline *t)
{
	sys_free(t->v);
	sys_free(t->slot_of);
	sys_free(t->by_id);
	buf_release(&t->parents);
	buf_release(&t->missing);
	*t = (struct timeline)TIMELINE_INIT;
}

bool timeline_span(const struct timeline *t, uint32_t from, uint32_t to, struct timeline_span *out)
{
	const struct timeline_slot *a = &t->v[from], *b = &t->v[to - 1];

	if (a->next >= to)
		return false;
	out->first = &t->v[a->next];
	out->last = &t->v[b->last];
	for (uint32_t i = a->next; !t->is_in_order && i <= b->last; i++) {
		const struct timeline_slot *s = &t->v[i];
		if (s->is_live && timeline_cmp(s, out->first) < 0)
			out->first = s;
		if (s->is_live && timeline_cmp(s, out->last) > 0)
			out->last = s;
	}
	out->has_tip = b->tips + b->is_tip > a->tips;
	out->has_at = b->ats + b->is_at > a->ats;
	return true;
}
