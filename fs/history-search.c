/*
 * Searching the catalogue.
 *
 * Names are read batch by batch as they lie there, and matched; for what fits, an event is kept:
 * path, line, commit, and what became of it.  Sorted by path, the events of one line follow each
 * other, and a version lasts from one of them to the snapshot before the next.  Versions of one
 * path that are the same in several lines, or that came back, are one.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/sorter.h"

#include "fs/history-search.h"

#define SORT_MEMORY ((size_t)16 << 20)
#define DIRS_KEPT 4096		/* a power of two */

struct snapshot {
	struct history_moment moment;
	int64_t line, prev;
	int64_t last;			/* of the first in its line: the last one */
	bool is_tip, is_at;
	uint64_t tips, ats;		/* of those up to it in its line */
};

struct dir_slot { int64_t dir; char *path; size_t len; };

struct event {
	int64_t line, commit_nr;
	struct catalogue_fact fact;
};

struct searcher {
	struct catalogue *c;
	const struct history_search *q;
	struct snapshot *snapshots;	/* by nr; 0 is none */
	int64_t nr_snapshots, alloc;
	struct dir_slot dirs[DIRS_KEPT];
	struct sorter *sorter;
	struct catalogue_fact *facts;	/* of the batch at hand; NULL: not read yet */
	struct buf record, path;
	struct history_version *held;
	size_t nr_held, alloc_held;
	int (*fn)(const struct history_version *v, void *data, struct err *err);
	void *data;
};

/* -- snapshots -- */

static int take_snapshot(const struct catalogue_commit *k, void *data, struct err *err)
{
	struct searcher *s = data;

	if (k->nr <= s->nr_snapshots)
		return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
	while (k->nr >= s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 256;
		s->snapshots = xrealloc(s->snapshots, (size_t)s->alloc * sizeof(*s->snapshots));
	}
	while (++s->nr_snapshots <= k->nr)
		s->snapshots[s->nr_snapshots] = (struct snapshot){ .line = 0 };
	s->nr_snapshots--;
	s->snapshots[k->nr] = (struct snapshot){
		.moment = { k->nr, k->time_s, k->time_ns, k->id }, .line = k->line, .prev = k->prev,
	};
	return 0;
}

static struct snapshot *snapshot_of(const struct searcher *s, int64_t nr)
{
	return nr > 0 && nr <= s->nr_snapshots && s->snapshots[nr].line ? &s->snapshots[nr] : NULL;
}

static int mark_tip(const struct ref *ref, void *data, struct err *err)
{
	struct searcher *s = data;
	struct catalogue_commit k;
	int ret = catalogue_commit_by_id(s->c, &ref->commit, &k, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);		/* it is lost, which the list of snapshots says */
		return 0;
	}
	struct snapshot *snap = ret == 0 ? snapshot_of(s, k.nr) : NULL;
	if (snap)
		snap->is_tip = true;
	return ret;
}

static void count_marks(struct searcher *s)
{
	for (int64_t nr = 1; nr <= s->nr_snapshots; nr++) {
		struct snapshot *snap = snapshot_of(s, nr);
		const struct snapshot *before = snap ? snapshot_of(s, snap->prev) : NULL;
		struct snapshot *first = snap ? snapshot_of(s, snap->line) : NULL;
		if (!snap)
			continue;
		snap->tips = snap->is_tip + (before ? before->tips : 0);
		snap->ats = snap->is_at + (before ? before->ats : 0);
		if (first)
			first->last = nr;
	}
}

static int load_snapshots(struct searcher *s, struct err *err)
{
	struct catalogue_commit k;
	int ret = catalogue_each_commit(s->c, take_snapshot, s, err);

	if (ret == 0)
		ret = refs_each(s->q->refs, mark_tip, s, err);
	if (ret < 0 || !s->q->has_at) {
		count_marks(s);
		return ret;
	}
	ret = catalogue_commit_by_id(s->c, &s->q->at, &k, err);
	if (ret == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "snapshot %s is reached by no ref, and not in "
			       "the catalogue", oid_hex(&s->q->at).s);
	if (ret == 0 && snapshot_of(s, k.nr))
		s->snapshots[k.nr].is_at = true;
	count_marks(s);
	return ret;
}

/* -- names -- */

static int dir_path(struct searcher *s, int64_t dir, const struct dir_slot **out, struct err *err)
{
	struct dir_slot *slot = &s->dirs[(uint64_t)dir % DIRS_KEPT];
	struct buf path = BUF_INIT;

	if (slot->dir != dir) {
		int ret = catalogue_dir_path(s->c, dir, &path, err);
		if (ret < 0) {
			buf_release(&path);
			return ret;
		}
		sys_free(slot->path);
		if (path.len > 0)
			buf_put_u8(&path, '/');
		*slot = (struct dir_slot){ dir, xstrdup(buf_str(&path)), path.len };
		buf_release(&path);
	}
	*out = slot;
	return 0;
}

/* Path with its length in front, line, commit: what it is sorted by; then the fact. */
static int add_event(struct searcher *s, const struct catalogue_batch *b, uint32_t i,
		     const char *name, size_t n, struct err *err)
{
	const struct snapshot *snap = snapshot_of(s, b->commit_nr);
	const struct dir_slot *dir;
	struct buf *r = &s->record;
	int ret = dir_path(s, b->dir, &dir, err);

	if (ret == 0 && !s->facts)
		ret = catalogue_facts(s->c, b->nr, b->count, &s->facts, err);
	if (ret < 0)
		return ret;
	if (!snap || !snapshot_of(s, snap->line))
		return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
	buf_reset(r);
	buf_put_u32le(r, (uint32_t)(dir->len + n));
	buf_put(r, dir->path, dir->len);
	buf_put(r, name, n);
	buf_put_u64le(r, (uint64_t)snap->line);
	buf_put_u64le(r, (uint64_t)b->commit_nr);
	catalogue_put_fact(r, &s->facts[i]);
	return sorter_add(s->sorter, r->data, r->len, err);
}

static uint32_t count_names(const char *from, const char *to)
{
	uint32_t nr = 0;

	for (; from < to; from++)
		nr += *from == '\0';
	return nr;
}

/* Only where the literal is can a name fit. */
static int scan_literal(struct searcher *s, const struct catalogue_batch *b,
			const struct history_pattern *p, struct err *err)
{
	const char *at = b->names, *end = b->names + b->names_size, *hit;
	size_t len = strlen(p->literal);
	uint32_t nr = 0;
	int ret = 0;

	while (ret == 0 && (hit = memmem(at, (size_t)(end - at), p->literal, len))) {
		const char *nul = memrchr(at, '\0', (size_t)(hit - at));
		const char *name = nul ? nul + 1 : at;
		size_t n = strlen(name);
		nr += count_names(at, name);
		if (regex_match(p->regex, name, n))
			ret = add_event(s, b, nr, name, n, err);
		at = name + n + 1;
		nr++;
	}
	return ret;
}

static bool fits(struct searcher *s, const struct dir_slot *dir, const char *name, size_t n)
{
	for (size_t i = 0; i < s->q->nr_patterns; i++) {
		const struct history_pattern *p = &s->q->patterns[i];
		if (p->is_whole ? regex_match_below(p->regex, dir->path, dir->len, name, n) :
				  regex_match(p->regex, name, n))
			return true;
	}
	return false;
}

static int scan_all(struct searcher *s, const struct catalogue_batch *b, struct err *err)
{
	const char *name = b->names;
	const struct dir_slot *dir = NULL;
	bool wants_dir = false;
	int ret = 0;

	for (size_t i = 0; i < s->q->nr_patterns; i++)
		wants_dir |= s->q->patterns[i].is_whole;
	if (wants_dir)
		ret = dir_path(s, b->dir, &dir, err);
	for (uint32_t i = 0; i < b->count && ret == 0; i++) {
		size_t n = strlen(name);
		if (fits(s, dir, name, n))
			ret = add_event(s, b, i, name, n, err);
		name += n + 1;
	}
	return ret;
}

static int scan(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct searcher *s = data;
	const struct history_pattern *p = s->q->patterns;
	int ret = interrupt_check(err);

	if (ret == 0)
		ret = s->q->nr_patterns == 1 && p->literal ? scan_literal(s, b, p, err) :
							     scan_all(s, b, err);
	sys_free(s->facts);
	s->facts = NULL;
	return ret;
}

/* By path, line, commit. */
static int cmp_events(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	size_t n = get_u32le(a), m = get_u32le(b);
	int cmp = name_cmp(a + 4, n, b + 4, m);

	(void)a_len;
	(void)b_len;
	for (int i = 0; i < 2 && cmp == 0; i++) {
		uint64_t x = get_u64le(a + 4 + n + 8 * i), y = get_u64le(b + 4 + m + 8 * i);
		cmp = (x > y) - (x < y);
	}
	return cmp;
}

/* -- versions -- */

static bool is_same(const struct history_version *v, const struct catalogue_fact *f)
{
	return v->type == f->type && (v->type == ENTRY_DIR || oid_eq(&v->id, &f->id));
}

static int cmp_moment(const struct history_moment *a, const struct history_moment *b)
{
	if (a->s != b->s)
		return a->s < b->s ? -1 : 1;
	if (a->ns != b->ns)
		return a->ns < b->ns ? -1 : 1;
	return (a->nr > b->nr) - (a->nr < b->nr);
}

static struct history_version *hold(struct searcher *s, const struct catalogue_fact *f)
{
	for (size_t i = 0; i < s->nr_held; i++)
		if (is_same(&s->held[i], f))
			return &s->held[i];
	if (s->nr_held == s->alloc_held) {
		s->alloc_held = s->alloc_held ? 2 * s->alloc_held : 8;
		s->held = xrealloc(s->held, s->alloc_held * sizeof(*s->held));
	}
	s->held[s->nr_held] = (struct history_version){ .type = (enum entry_type)f->type };
	return &s->held[s->nr_held++];
}

/* What `e` began lasted until before `next` in its line, or to the line's end. */
static void add_version(struct searcher *s, const struct event *e, const struct event *next)
{
	const struct snapshot *from = snapshot_of(s, e->commit_nr), *to, *before;
	const struct catalogue_fact *f = &e->fact;

	if (f->kind == CATALOGUE_DELETED)
		return;
	if (next && next->line == e->line)
		to = snapshot_of(s, snapshot_of(s, next->commit_nr)->prev);
	else
		to = snapshot_of(s, snapshot_of(s, e->line)->last);
	if (!to)
		to = from;
	before = snapshot_of(s, from->prev);
	bool is_now = to->tips > (before ? before->tips : 0);
	bool is_at = to->ats > (before ? before->ats : 0);
	struct history_version *v = hold(s, f);
	bool is_new = v->first.nr == 0;
	if (is_new || cmp_moment(&from->moment, &v->first) < 0)
		v->first = from->moment;
	if (is_new || cmp_moment(&to->moment, &v->last) >= 0) {
		v->last = to->moment;
		v->mode = f->mode;
		v->size = f->size;
		v->id = f->id;
		v->has_id = f->type == ENTRY_FILE || f->type == ENTRY_SYMLINK;
		v->has_mtime = f->has_mtime;
		v->mtime_s = f->mtime_s;
		v->mtime_ns = f->mtime_ns;
	}
	v->is_now |= is_now;
	v->is_at |= is_at;
}

static int cmp_first(const void *a, const void *b)
{
	const struct history_version *x = a, *y = b;
	int cmp = cmp_moment(&x->first, &y->first);

	return cmp ? cmp : oid_cmp(&x->id, &y->id);
}

static int give_held(struct searcher *s, struct err *err)
{
	int ret = interrupt_check(err);

	if (s->nr_held > 1)
		qsort(s->held, s->nr_held, sizeof(*s->held), cmp_first);
	for (size_t i = 0; i < s->nr_held && ret == 0; i++) {
		s->held[i].path = (const char *)s->path.data;
		s->held[i].path_len = s->path.len;
		ret = s->fn(&s->held[i], s->data, err);
	}
	s->nr_held = 0;
	return ret;
}

static bool read_event(const unsigned char *p, size_t n, size_t path_len, struct event *out)
{
	struct reader r;

	reader_init(&r, p + 4 + path_len, n - 4 - path_len);
	out->line = (int64_t)reader_u64le(&r);
	out->commit_nr = (int64_t)reader_u64le(&r);
	return catalogue_take_fact(&r, &out->fact);
}

static int give_all(struct searcher *s, struct err *err)
{
	struct event e, before = { 0 };
	const unsigned char *p;
	bool has_before = false;
	size_t n;
	int ret;

	while ((ret = sorter_next(s->sorter, &p, &n, err)) > 0) {
		size_t path_len = get_u32le(p);
		bool is_other = s->path.len != path_len ||
				memcmp(s->path.data, p + 4, path_len) != 0;
		if (!read_event(p, n, path_len, &e))
			BUG("an event that was made here cannot be read");
		if (has_before)
			add_version(s, &before, is_other ? NULL : &e);
		if (is_other && has_before)
			ret = give_held(s, err);
		if (ret < 0)
			return ret;
		if (is_other) {
			buf_reset(&s->path);
			buf_put(&s->path, p + 4, path_len);
		}
		before = e;
		has_before = true;
	}
	if (ret == 0 && has_before) {
		add_version(s, &before, NULL);
		ret = give_held(s, err);
	}
	return ret;
}

int history_search(struct catalogue *c, const struct history_search *q,
		   int (*fn)(const struct history_version *v, void *data, struct err *err),
		   void *data, struct err *err)
{
	struct searcher *s = xcalloc(1, sizeof(*s));

	s->c = c;
	s->q = q;
	s->fn = fn;
	s->data = data;
	buf_init_max(&s->record, SIZE_MAX);
	buf_init_max(&s->path, SIZE_MAX);
	s->sorter = sorter_new(q->spill_dir, SORT_MEMORY, cmp_events);
	int ret = load_snapshots(s, err);
	if (ret == 0)
		ret = catalogue_each_batch(c, scan, s, err);
	if (ret == 0)
		ret = give_all(s, err);
	sorter_free(s->sorter);
	for (size_t i = 0; i < DIRS_KEPT; i++)
		sys_free(s->dirs[i].path);
	sys_free(s->facts);
	sys_free(s->snapshots);
	sys_free(s->held);
	buf_release(&s->record);
	buf_release(&s->path);
	sys_free(s);
	return ret;
}
