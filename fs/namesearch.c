/*
 * Searching names: batch after batch, looking into the facts only of those in which one fits.
 *
 * If there is a literal without which nothing fits, it is looked for in all names of a batch at
 * once.  What fits is a record: path, slot, fact; sorted, those of a path follow each other by
 * line, and each ends what the one before began.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/sorter.h"

#include "fs/namesearch.h"

#define SORT_MEMORY ((size_t)16 << 20)
#define PATHS_MAX ((size_t)16 << 20)
#define DIRS_MAX (INT64_C(1) << 28)
#define RECORD_TAIL (4 + sizeof(struct catalogue_fact))	/* slot, big-endian; the fact as it is */

struct event { uint32_t slot; struct catalogue_fact fact; };

struct namesearch {
	struct catalogue *c;
	const struct timeline *t;
	struct namesearch_options o;
	struct sorter *sorter;
	const void *literal;
	size_t literal_len;		/* 0: none */
	bool needs_dir;			/* a pattern is for whole paths */
	/* Paths that were asked for, each with its size before it; forgotten when many. */
	struct buf paths;
	uint32_t *path_at;		/* by directory: where in `paths`; 0: not there */
	size_t nr_path_at;
	/* The directory of the batch that is looked at. */
	const unsigned char *dir_path;	/* with a slash at its end, but for the root */
	size_t dir_path_len;
	struct buf record, path;
	struct event *events;
	size_t nr_events, alloc_events;
	struct namesearch_version *versions;
	size_t alloc_versions;
};

/* By path, then by slot. */
static int cmp_records(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	size_t a_path = a_len - RECORD_TAIL, b_path = b_len - RECORD_TAIL;
	int cmp = name_cmp(a, a_path, b, b_path);

	return cmp ? cmp : memcmp(a + a_path, b + b_path, 4);
}

struct namesearch *namesearch_new(struct catalogue *c, const struct timeline *t,
				  const struct namesearch_options *o, const char *tmp_dir)
{
	struct namesearch *ns = xcalloc(1, sizeof(*ns));

	ns->c = c;
	ns->t = t;
	ns->o = *o;
	ns->paths = ns->record = ns->path = (struct buf)BUF_INIT;
	ns->sorter = sorter_new(tmp_dir, SORT_MEMORY, cmp_records);
	for (size_t i = 0; i < o->nr_patterns; i++)
		ns->needs_dir |= o->patterns[i].is_whole;
	if (o->nr_patterns == 1)
		ns->literal = regex_literal(o->patterns[0].regex, &ns->literal_len);
	return ns;
}

void namesearch_free(struct namesearch *ns)
{
	if (!ns)
		return;
	sorter_free(ns->sorter);
	buf_release(&ns->paths);
	sys_free(ns->path_at);
	buf_release(&ns->record);
	buf_release(&ns->path);
	sys_free(ns->events);
	sys_free(ns->versions);
	sys_free(ns);
}

/* -- scanning -- */

static void make_room(struct namesearch *ns, int64_t dir)
{
	size_t nr = (size_t)dir + 1, had = ns->nr_path_at;

	if (ns->paths.len == 0 || ns->paths.len > PATHS_MAX) {
		buf_reset(&ns->paths);
		buf_put_u32le(&ns->paths, 0);
		if (had > 0)
			memset(ns->path_at, 0, had * sizeof(*ns->path_at));
	}
	if (nr <= had)
		return;
	ns->nr_path_at = nr < 1024 ? 1024 : nr + nr / 2;
	ns->path_at = xrealloc(ns->path_at, ns->nr_path_at * sizeof(*ns->path_at));
	memset(ns->path_at + had, 0, (ns->nr_path_at - had) * sizeof(*ns->path_at));
}

/* Its path: asked for once. */
static int learn_path(struct namesearch *ns, int64_t dir, struct err *err)
{
	if (dir < 1 || dir > DIRS_MAX)
		return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
	if ((size_t)dir >= ns->nr_path_at || ns->path_at[dir] == 0) {
		buf_reset(&ns->record);
		int ret = catalogue_dir_path(ns->c, dir, &ns->record, err);
		if (ret < 0)
			return ret;
		if (ns->record.len > 0)
			buf_put_u8(&ns->record, '/');
		make_room(ns, dir);
		ns->path_at[dir] = (uint32_t)ns->paths.len;
		buf_put_u32le(&ns->paths, (uint32_t)ns->record.len);
		buf_put_buf(&ns->paths, &ns->record);
	}
	ns->dir_path = ns->paths.data + ns->path_at[dir] + 4;
	ns->dir_path_len = get_u32le(ns->paths.data + ns->path_at[dir]);
	return 0;
}

static bool fits(const struct namesearch *ns, const char *name, size_t n)
{
	for (size_t i = 0; i < ns->o.nr_patterns; i++) {
		const struct namesearch_pattern *p = &ns->o.patterns[i];
		if (p->is_whole ? regex_match_rest(p->regex, name, n) :
				  regex_match(p->regex, name, n))
			return true;
	}
	return false;
}

/* In the directory whose path was learnt last. */
static int add(struct namesearch *ns, const char *name, size_t n, uint32_t slot,
	       const struct catalogue_fact *fact, struct err *err)
{
	const unsigned char big[4] = { slot >> 24, slot >> 16 & 255, slot >> 8 & 255, slot & 255 };

	buf_reset(&ns->record);
	buf_put(&ns->record, ns->dir_path, ns->dir_path_len);
	buf_put(&ns->record, name, n);
	buf_put(&ns->record, big, sizeof(big));
	buf_put(&ns->record, fact, sizeof(*fact));
	return sorter_add(ns->sorter, ns->record.data, ns->record.len, err);
}

static bool has_literal(const struct namesearch *ns, const void *p, size_t n)
{
	return memmem(p, n, ns->literal, ns->literal_len) != NULL;
}

/* What patterns for whole paths make of the directory alone: can a name in it fit? */
static bool enter(struct namesearch *ns)
{
	bool can_fit = false;

	for (size_t i = 0; i < ns->o.nr_patterns; i++) {
		const struct namesearch_pattern *p = &ns->o.patterns[i];
		can_fit |= !p->is_whole || regex_begin(p->regex, ns->dir_path, ns->dir_path_len);
	}
	return can_fit;
}

/* The next name, or the next that has the literal; `at` is its number in the batch. */
static bool next_name(const struct namesearch *ns, const struct catalogue_batch *b, bool by_literal,
		      const char **name, uint32_t *at)
{
	const char *end = b->names + b->names_size, *p = *name;

	if (!by_literal)
		return p < end;
	const char *found = memmem(p, (size_t)(end - p), ns->literal, ns->literal_len);
	if (!found)
		return false;
	for (const char *nul; (nul = memchr(p, '\0', (size_t)(found - p))) != NULL; (*at)++)
		p = nul + 1;
	*name = p;
	return true;
}

static int look_at_names(struct namesearch *ns, const struct catalogue_batch *b, bool by_literal,
			 struct err *err)
{
	const struct timeline_slot *slot = timeline_slot_of(ns->t, b->commit_nr);
	struct catalogue_fact *facts = NULL;
	const char *name = b->names;
	int ret = 0;

	for (uint32_t at = 0; ret == 0 && next_name(ns, b, by_literal, &name, &at); at++) {
		size_t n = strlen(name);	/* the last byte is NUL */
		if (fits(ns, name, n)) {
			if (!slot || at >= b->count || n == 0)
				ret = err_set(err, ERR_CORRUPT, "the catalogue is damaged");
			if (ret == 0 && !facts)
				ret = catalogue_facts(ns->c, b, &facts, err);
			if (ret == 0)
				ret = add(ns, name, n, (uint32_t)(slot - ns->t->v), &facts[at],
					  err);
		}
		name += n + 1;
	}
	sys_free(facts);
	return ret;
}

static int look_at_batch(struct namesearch *ns, const struct catalogue_batch *b, bool row_has,
			 struct err *err)
{
	bool by_literal = ns->literal_len > 0;

	if (by_literal && !ns->needs_dir && !has_literal(ns, b->names, b->names_size))
		return 0;
	int ret = learn_path(ns, b->dir, err);
	if (ret < 0)
		return ret;
	/* A literal has no slash: it lies within the names, or else in each path. */
	if (by_literal && ns->needs_dir) {
		by_literal = !has_literal(ns, ns->dir_path, ns->dir_path_len);
		if (by_literal && (!row_has || !has_literal(ns, b->names, b->names_size)))
			return 0;
	}
	return !ns->needs_dir || enter(ns) ? look_at_names(ns, b, by_literal, err) : 0;
}

static int look_at_row(struct catalogue_row *r, void *data, struct err *err)
{
	struct namesearch *ns = data;
	bool row_has = ns->literal_len == 0 || has_literal(ns, r->names, r->names_size);
	struct catalogue_batch b;
	int ret = interrupt_check(err);

	if (ret < 0 || (!row_has && !ns->needs_dir))
		return ret;
	while ((ret = catalogue_next_batch(r, &b, err)) == 1) {
		ret = look_at_batch(ns, &b, row_has, err);
		if (ret < 0)
			return ret;
	}
	return ret;
}

int namesearch_scan(struct namesearch *ns, struct err *err)
{
	return catalogue_each_row(ns->c, look_at_row, ns, err);
}

/* -- versions -- */

/* What makes another version; the bytes of two folders are not compared. */
static int cmp_content(const struct catalogue_fact *a, const struct catalogue_fact *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->type == ENTRY_DIR ? 0 : memcmp(a->id.b, b->id.b, OID_SIZE);
}

static int cmp_versions(const void *a, const void *b)
{
	const struct namesearch_version *x = a, *y = b;
	int cmp = cmp_content(&x->fact, &y->fact);

	return cmp ? cmp : timeline_cmp(x->span.first, y->span.first);
}

static int cmp_first(const void *a, const void *b)
{
	const struct namesearch_version *x = a, *y = b;
	int cmp = timeline_cmp(x->span.first, y->span.first);

	return cmp ? cmp : cmp_content(&x->fact, &y->fact);
}

static bool is_wanted(const struct namesearch_options *o, const struct catalogue_fact *f)
{
	if (o->type && f->type != o->type)
		return false;
	if (!o->has_size)
		return true;
	if (f->type != ENTRY_FILE)
		return false;
	return o->size_sign == 0 ? f->size == o->size :
	       o->size_sign > 0 ? f->size > o->size : f->size < o->size;
}

/* Into `versions`: how many. */
static size_t make_versions(struct namesearch *ns)
{
	const struct timeline *t = ns->t;
	size_t nr = 0;

	if (ns->nr_events > ns->alloc_versions) {
		ns->alloc_versions = ns->nr_events * 2;
		ns->versions = xrealloc(ns->versions,
					ns->alloc_versions * sizeof(*ns->versions));
	}
	for (size_t i = 0; i < ns->nr_events; i++) {
		const struct event *e = &ns->events[i];
		struct namesearch_version *v = &ns->versions[nr];
		uint32_t end = t->v[e->slot].end;
		if (i + 1 < ns->nr_events && e[1].slot < end)
			end = e[1].slot;
		if (e->fact.kind == CATALOGUE_DELETED || !is_wanted(&ns->o, &e->fact) ||
		    end <= e->slot || !timeline_span(t, e->slot, end, &v->span))
			continue;
		v->fact = e->fact;
		v->path = (const char *)ns->path.data;
		v->path_len = ns->path.len;
		nr++;
	}
	return nr;
}

/* Versions that are the same into one. */
static size_t merge(struct namesearch_version *v, size_t nr)
{
	size_t out = 0;

	if (nr > 1)
		qsort(v, nr, sizeof(*v), cmp_versions);
	for (size_t i = 1; i < nr; i++) {
		struct namesearch_version *to = &v[out];
		if (cmp_content(&to->fact, &v[i].fact) != 0) {
			v[++out] = v[i];
			continue;
		}
		to->span.has_tip |= v[i].span.has_tip;
		to->span.has_at |= v[i].span.has_at;
		if (timeline_cmp(v[i].span.last, to->span.last) >= 0) {
			to->span.last = v[i].span.last;
			to->fact = v[i].fact;
		}
	}
	nr = nr > 0 ? out + 1 : 0;
	if (nr > 1)
		qsort(v, nr, sizeof(*v), cmp_first);
	return nr;
}

static int give(struct namesearch *ns,
		int (*fn)(const struct namesearch_version *v, void *data, struct err *err),
		void *data, struct err *err)
{
	size_t nr = make_versions(ns);
	int ret = 0;

	nr = merge(ns->versions, nr);
	for (size_t i = 0; i < nr && ret == 0; i++)
		ret = fn(&ns->versions[i], data, err);
	ns->nr_events = 0;
	return ret;
}

static void take_event(struct namesearch *ns, const unsigned char *p)
{
	if (ns->nr_events == ns->alloc_events) {
		ns->alloc_events = ns->alloc_events ? 2 * ns->alloc_events : 8;
		ns->events = xrealloc(ns->events, ns->alloc_events * sizeof(*ns->events));
	}
	struct event *e = &ns->events[ns->nr_events++];
	e->slot = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	memcpy(&e->fact, p + 4, sizeof(e->fact));
}

int namesearch_each(struct namesearch *ns,
		    int (*fn)(const struct namesearch_version *v, void *data, struct err *err),
		    void *data, struct err *err)
{
	const unsigned char *p;
	size_t n;
	int ret;

	while ((ret = sorter_next(ns->sorter, &p, &n, err)) == 1) {
		size_t path_len = n - RECORD_TAIL;
		if (ns->path.len != path_len || memcmp(ns->path.data, p, path_len) != 0) {
			ret = give(ns, fn, data, err);
			if (ret != 0)
				return ret;
			buf_reset(&ns->path);
			buf_put(&ns->path, p, path_len);
		}
		take_event(ns, p + path_len);
	}
	return ret < 0 ? ret : give(ns, fn, data, err);
}
