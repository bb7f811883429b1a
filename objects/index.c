/*
 * The object index as callers see it: lookups, walks, refresh and publish.  How a run is read:
 * index-run.c; how rows come in: index-add.c; the invariants: index.h.
 *
 * Readers and the switch to another set of runs: each reader counts itself in and out of one of
 * a few slots, which costs no shared lock; a switch raises a flag, waits for all slots to be
 * empty, and lets go.  Readers that come meanwhile wait on the mutex.  Walks, which may take
 * long and call back, hold a reference to the set instead and are never waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

enum { OPEN_TRIES = 16, SPINS = 64, ID_DIGITS = 2 * RUN_KEY_SIZE };

static struct index_slot *reader_enter(struct index *ix)
{
	/* Threads have stacks of their own, so the place of this frame spreads them. */
	uintptr_t place = (uintptr_t)__builtin_frame_address(0) >> 16;
	struct index_slot *slot = &ix->slots[place * 0x9e3779b97f4a7c15u >> 60 & (INDEX_SLOTS - 1)];

	for (;;) {
		atomic_fetch_add(&slot->readers, 1);
		if (!atomic_load(&ix->is_switching))
			return slot;
		atomic_fetch_sub(&slot->readers, 1);
		sys_lock(&ix->lock);
		sys_unlock(&ix->lock);
	}
}

static void reader_leave(struct index_slot *slot)
{
	atomic_fetch_sub_explicit(&slot->readers, 1, memory_order_release);
}

static void index_switch(struct index *ix, struct run_set *take_set)
{
	struct run_set *old;

	sys_lock(&ix->lock);
	atomic_store(&ix->is_switching, true);
	for (int i = 0; i < INDEX_SLOTS; i++)
		for (int spins = 0; atomic_load(&ix->slots[i].readers) > 0; spins++)
			if (spins > SPINS)
				sys_sleep_ms(1);
	old = ix->set;
	ix->set = take_set;
	atomic_store(&ix->is_switching, false);
	sys_unlock(&ix->lock);
	run_set_put(old);
}

struct run_set *index_get_set(struct index *ix)
{
	struct index_slot *slot = reader_enter(ix);
	struct run_set *set = ix->set;

	atomic_fetch_add(&set->refs, 1);
	reader_leave(slot);
	return set;
}

void run_set_put(struct run_set *set)
{
	if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
		return;
	for (size_t i = 0; set->runs && i < set->current.nr_runs; i++)
		run_put(set->runs[i]);
	sys_free((void *)set->runs);
	sys_free(set->base);
	current_release(&set->current);
	sys_free(set);
}

static bool keeps(const struct run *r, enum run_section sec)
{
	return r->mem[sec] || run_section_size(r, sec) == 0;
}

/* A run of `old` that is all in memory; one that was not may fit now, so it is opened again. */
static struct run *shared_run(const struct run_set *old, const struct run_ref *ref)
{
	for (size_t i = 0; old && i < old->current.nr_runs; i++) {
		struct run *r = old->runs[i];
		if (memcmp(r->id, ref->id, RUN_ID_SIZE) == 0 && r->sum == ref->sum &&
		    keeps(r, RUN_LINES) && keeps(r, RUN_PACKS))
			return run_get(r);
	}
	return NULL;
}

/* Lines first: they spare all reads for ids that are absent.  Rows where there is room left. */
static void give_memory(const struct run_set *set, size_t memory)
{
	size_t used = 0, nr = set->current.nr_runs;

	for (size_t i = 0; i < nr; i++)
		for (int sec = RUN_LINES; sec < RUN_SECTIONS; sec++)
			if (set->runs[i]->mem[sec])
				used += run_section_size(set->runs[i], (enum run_section)sec);
	for (int sec = RUN_LINES; sec < RUN_SECTIONS; sec++)
		for (size_t i = 0; i < nr; i++) {
			struct run *r = set->runs[i];
			size_t size = run_section_size(r, (enum run_section)sec);
			if (r->mem[sec] || used + size > memory)
				continue;
			run_keep(r, (enum run_section)sec);
			used += size;
		}
}

int run_set_open(struct run_set **out, const struct index *ix, struct current *take_current,
		 const struct run_set *old, struct err *err)
{
	struct run_set *set = xcalloc(1, sizeof(*set));
	size_t nr = take_current->nr_runs;
	int ret = 0;

	atomic_init(&set->refs, 1);
	set->current = *take_current;
	*take_current = (struct current)CURRENT_INIT;
	set->runs = xcalloc(nr + 1, sizeof(struct run *));
	set->base = xcalloc(nr + 1, sizeof(*set->base));
	for (size_t i = 0; ret == 0 && i < nr; i++) {
		const struct run_ref *ref = &set->current.runs[i];
		set->base[i] = set->rows;
		set->rows += ref->rows;
		set->runs[i] = shared_run(old, ref);
		if (set->runs[i])
			continue;
		char *path = run_path(ix->dir, ref->id);
		ret = run_open(&set->runs[i], path, ref, ix->repo_id, err);
		sys_free(path);
	}
	if (ret < 0) {
		run_set_put(set);
		return ret;
	}
	give_memory(set, ix->memory);
	*out = set;
	return 0;
}

/*
 * Open what `current` names now; `out` stays NULL when that is `old`.  A run may be merged away
 * between reading its name and opening it; then `current` has changed and is read again.
 */
static int open_named(struct run_set **out, const struct index *ix, const struct run_set *old,
		      struct err *err)
{
	struct current c = CURRENT_INIT;
	uint64_t missed = 0;
	int ret = 0;

	*out = NULL;
	for (int i = 0; i < OPEN_TRIES; i++) {
		ret = current_read(&c, ix->dir, ix->repo_id, err);
		if (ret < 0)
			goto done;
		if (old && c.sum == old->current.sum)
			goto done;
		uint64_t sum = c.sum;
		ret = run_set_open(out, ix, &c, old, err);
		if (ret != ERR_NOT_FOUND)
			goto done;
		if (i > 0 && sum == missed)
			break;
		missed = sum;
	}
	ret = err_set(err, ERR_CORRUPT, "'%s/current' names a run that is not there", ix->dir);
done:
	current_release(&c);
	return ret;
}

static struct index *index_new(const char *dir, const unsigned char repo_id[32])
{
	struct index *ix = xcalloc(1, sizeof(*ix));

	ix->dir = xstrdup(dir);
	memcpy(ix->repo_id, repo_id, sizeof(ix->repo_id));
	ix->lock_wait_ms = INDEX_LOCK_WAIT_MS;
	ix->memory = INDEX_MEMORY;
	sys_mutex_init(&ix->lock);
	sys_mutex_init(&ix->refresh);
	return ix;
}

int index_open(struct index **out, const char *dir, const unsigned char repo_id[32],
	       struct err *err)
{
	struct index *ix = index_new(dir, repo_id);
	int ret = open_named(&ix->set, ix, NULL, err);

	if (ret < 0) {
		index_close(ix);
		return ret;
	}
	if (!ix->set)
		BUG("an index is open without its runs");
	*out = ix;
	return 0;
}

void index_close(struct index *ix)
{
	if (!ix)
		return;
	run_set_put(ix->set);
	sys_mutex_destroy(&ix->lock);
	sys_mutex_destroy(&ix->refresh);
	sys_free(ix->dir);
	sys_free(ix);
}

void index_set_lock_wait(struct index *ix, unsigned int wait_ms)
{
	ix->lock_wait_ms = wait_ms;
}

int index_lock(struct lock *l, const char *dir, unsigned int wait_ms, struct err *err)
{
	char *path = xasprintf("%s/lock", dir);
	int ret = lock_take(l, path, LOCK_EXCLUSIVE, wait_ms, "the object index", err);

	sys_free(path);
	return ret;
}

struct clean {
	const char *dir;
	const struct current *current;
};

static int clean_run(const char *name, void *data, struct err *err)
{
	static const char prefix[] = "run-";
	const struct clean *clean = data;
	unsigned char id[RUN_ID_SIZE];

	(void)err;
	if (strncmp(name, prefix, strlen(prefix)) != 0 ||
	    strlen(name) != strlen(prefix) + 2 * sizeof(id) ||
	    !hex_decode(id, sizeof(id), name + strlen(prefix)))
		return 0;
	for (size_t i = 0; i < clean->current->nr_runs; i++)
		if (memcmp(clean->current->runs[i].id, id, sizeof(id)) == 0)
			return 0;
	char *path = run_path(clean->dir, id);
	sys_unlink(path);	/* what stays is tried again */
	sys_free(path);
	return 0;
}

void index_clean(const char *dir, const struct current *c)
{
	struct clean clean = { dir, c };
	struct err ignored = ERR_INIT;

	file_clean_tmp(dir, &ignored);
	file_each(dir, clean_run, &clean, &ignored);
}

int index_create(const char *dir, const unsigned char repo_id[32], struct err *err)
{
	struct current empty = CURRENT_INIT;
	struct lock lock = LOCK_INIT;
	int ret;

	ret = file_make_dirs(dir, 0700, err);
	if (ret < 0)
		goto done;
	ret = index_lock(&lock, dir, INDEX_LOCK_WAIT_MS, err);
	if (ret < 0)
		goto done;
	ret = current_write(&empty, dir, repo_id, 0, err);
	if (ret == 0)
		index_clean(dir, &empty);
done:
	lock_release(&lock);
	return ret;
}

int index_refresh(struct index *ix, struct err *err)
{
	struct run_set *old = NULL, *set = NULL;
	int ret;

	/* Held from reading to the switch: a later state never gives way to an earlier. */
	sys_lock(&ix->refresh);
	old = index_get_set(ix);
	ret = open_named(&set, ix, old, err);
	if (ret == 0 && set)
		index_switch(ix, set);
	run_set_put(old);
	sys_unlock(&ix->refresh);
	return ret;
}

int index_find(struct index *ix, const struct oid *id, struct index_loc *loc,
	       uint64_t *ordinal_out, struct err *err)
{
	struct index_slot *slot = reader_enter(ix);
	const struct run_set *set = ix->set;
	uint64_t top = filter_top(id->b), row_nr;
	struct run_row row;
	int ret = 0;

	for (size_t i = 0; i < set->current.nr_runs; i++)
		run_prefetch(set->runs[i], top);
	for (size_t i = 0; i < set->current.nr_runs; i++) {
		struct run *r = set->runs[i];
		ret = run_find(r, id->b, top, &row, &row_nr, err);
		if (ret == 0)
			continue;
		if (ret == 1 && loc) {
			ret = run_row_to_loc(r, &row, loc, err);
			ret = ret < 0 ? ret : 1;
		}
		if (ret == 1 && ordinal_out)
			*ordinal_out = set->base[i] + row_nr;
		break;
	}
	reader_leave(slot);
	return ret;
}

uint64_t index_ordinals(const struct index *ix)
{
	struct run_set *set = index_get_set((struct index *)ix);
	uint64_t rows = set->rows;

	run_set_put(set);
	return rows;
}

uint64_t index_log_seq(const struct index *ix)
{
	struct run_set *set = index_get_set((struct index *)ix);
	uint64_t seq = set->current.log_seq;

	run_set_put(set);
	return seq;
}

static unsigned int digit(const unsigned char *p, unsigned int i)
{
	return i % 2 == 0 ? p[i / 2] >> 4 : p[i / 2] & 15;
}

/* As memcmp() over the first `nr` digits. */
static int cmp_digits(const unsigned char *a, const unsigned char *b, unsigned int nr)
{
	int c = nr > 1 ? memcmp(a, b, nr / 2) : 0;

	if (c != 0 || nr % 2 == 0)
		return c;
	return (int)digit(a, nr - 1) - (int)digit(b, nr - 1);
}

int index_prefix(struct index *ix, const unsigned char *prefix, unsigned int nr_digits,
		 int (*fn)(const unsigned char id30[30], const struct index_loc *loc, void *data,
			   struct err *err), void *data, struct err *err)
{
	struct run_set *set = index_get_set(ix);
	struct run_merge m = RUN_MERGE_INIT;
	unsigned char from[8], to[8], last[RUN_KEY_SIZE];
	const unsigned char *item;
	bool has_last = false;
	struct index_loc loc;
	struct run_row row;
	size_t i;
	int ret;

	if (nr_digits > ID_DIGITS)
		nr_digits = ID_DIGITS;
	memset(from, 0, sizeof(from));
	memset(to, 0xff, sizeof(to));
	for (unsigned int d = 0; d < nr_digits && d < 2 * sizeof(from); d++) {
		unsigned int shift = d % 2 == 0 ? 4 : 0;
		from[d / 2] |= (unsigned char)(digit(prefix, d) << shift);
		to[d / 2] &= (unsigned char)(digit(prefix, d) << shift | 0xf0 >> shift);
	}
	ret = run_merge_begin_rows(&m, set->runs, set->current.nr_runs, filter_top(from),
				   filter_top(to), err);
	while (ret == 0) {
		ret = run_merge_next(&m, &i, &item, err);
		if (ret < 0 || !item)
			break;
		int c = cmp_digits(item, prefix, nr_digits);
		if (c > 0)
			break;
		if (c < 0 || (has_last && memcmp(last, item, RUN_KEY_SIZE) == 0))
			continue;
		memcpy(last, item, RUN_KEY_SIZE);
		has_last = true;
		run_row_decode(item + RUN_KEY_SIZE, &row);
		ret = run_row_to_loc(set->runs[i], &row, &loc, err);
		if (ret == 0)
			ret = fn(last, &loc, data, err);
	}
	run_merge_release(&m);
	run_set_put(set);
	return ret;
}

int index_each(struct index *ix, int (*fn)(const unsigned char id30[30],
	       const struct index_loc *loc, void *data, struct err *err), void *data,
	       struct err *err)
{
	return index_prefix(ix, NULL, 0, fn, data, err);
}

int index_each_pack(struct index *ix, int (*fn)(const struct index_pack *p, void *data,
		    struct err *err), void *data, struct err *err)
{
	struct run_set *set = index_get_set(ix);
	struct run_merge m = RUN_MERGE_INIT;
	const unsigned char *item;
	struct index_pack pack;
	struct pack_id last;
	bool has_last = false;
	size_t i;
	int ret;

	ret = run_merge_begin(&m, set->runs, set->current.nr_runs, RUN_PACKS, err);
	while (ret == 0) {
		ret = run_merge_next(&m, &i, &item, err);
		if (ret < 0 || !item)
			break;
		if (has_last && memcmp(last.b, item, sizeof(last.b)) == 0)
			continue;
		if (!run_pack_decode(item, &pack)) {
			ret = err_set(err, ERR_CORRUPT, "'%s': a pack's entry makes no sense",
				      set->runs[i]->path);
			break;
		}
		last = pack.id;
		has_last = true;
		pack.published = !current_is_unpublished(&set->current, &pack.id);
		ret = fn(&pack, data, err);
	}
	run_merge_release(&m);
	run_set_put(set);
	return ret;
}

bool index_has_pack(struct index *ix, const struct pack_id *id)
{
	struct run_set *set = index_get_set(ix);
	struct err ignored = ERR_INIT;
	bool has = false;

	/* What cannot be read is as good as absent: the pack is added again. */
	for (size_t i = 0; !has && i < set->current.nr_runs; i++)
		has = run_find_pack(set->runs[i], id, &ignored) == 1;
	run_set_put(set);
	return has;
}

static int cmp_pack(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct pack_id));
}

struct sorted_packs {
	const struct pack_id *ids;
	size_t nr;
	struct buf others;
};

static bool has_sorted(const struct sorted_packs *s, const struct pack_id *id)
{
	return s->nr > 0 && bsearch(id, s->ids, s->nr, sizeof(*id), cmp_pack);
}

static int note_other(const struct index_pack *p, void *data, struct err *err)
{
	struct sorted_packs *s = data;

	(void)err;
	if (!has_sorted(s, &p->id))
		buf_put(&s->others, p->id.b, sizeof(p->id.b));
	return 0;
}

int index_publish(struct index *ix, const struct pack_id *packs, size_t nr, uint64_t log_seq,
		  struct err *err)
{
	struct current c = CURRENT_INIT;
	struct lock lock = LOCK_INIT;
	struct pack_id *ids = xcalloc(nr + 1, sizeof(*ids));
	struct sorted_packs sorted = { ids, nr, BUF_INIT };
	int ret;

	if (nr > 0)
		memcpy(ids, packs, nr * sizeof(*ids));
	qsort(ids, nr, sizeof(*ids), cmp_pack);
	ret = index_lock(&lock, ix->dir, ix->lock_wait_ms, err);
	if (ret < 0)
		goto done;
	ret = current_read(&c, ix->dir, ix->repo_id, err);
	if (ret < 0)
		goto done;
	if (c.log_seq == INDEX_LOG_SEQ_UNKNOWN && log_seq != c.log_seq) {
		/* After a rebuild no list was kept: all packs but these. */
		ret = index_refresh(ix, err);
		if (ret == 0)
			ret = index_each_pack(ix, note_other, &sorted, err);
		if (ret < 0)
			goto done;
	} else {
		for (size_t i = 0; i < c.nr_unpublished; i++)
			if (!has_sorted(&sorted, &c.unpublished[i]))
				buf_put(&sorted.others, c.unpublished[i].b, sizeof(*c.unpublished));
	}
	size_t nr_left = sorted.others.len / sizeof(*ids);
	if (nr_left != c.nr_unpublished || log_seq != c.log_seq) {
		c.log_seq = log_seq;
		current_set_unpublished(&c, (const void *)sorted.others.data, nr_left);
		/* The records say the same: the old one may come back. */
		ret = current_write(&c, ix->dir, ix->repo_id, FILE_LAZY, err);
	}
	if (ret == 0)
		ret = index_refresh(ix, err);
done:
	lock_release(&lock);
	current_release(&c);
	buf_release(&sorted.others);
	sys_free(ids);
	return ret;
}

/* How many distinct ids. */
static int count_rows(const struct run_set *set, uint64_t *rows_out, struct err *err)
{
	struct run_merge m = RUN_MERGE_INIT;
	unsigned char last[RUN_KEY_SIZE];
	const unsigned char *item;
	uint64_t nr = 0;
	size_t i;
	int ret;

	ret = run_merge_begin(&m, set->runs, set->current.nr_runs, RUN_ROWS, err);
	while (ret == 0) {
		ret = run_merge_next(&m, &i, &item, err);
		if (ret < 0 || !item)
			break;
		nr += nr == 0 || memcmp(last, item, sizeof(last)) != 0;
		memcpy(last, item, sizeof(last));
	}
	run_merge_release(&m);
	*rows_out = nr;
	return ret;
}

int index_check(struct index *ix, uint64_t *rows_out, struct err *err)
{
	struct index *fresh = NULL;
	uint64_t rows = 0;
	int ret;

	/* Opened anew, so that what was seen before does not count. */
	ret = index_open(&fresh, ix->dir, ix->repo_id, err);
	if (ret == ERR_NOT_FOUND)
		return err_set(err, ERR_CORRUPT, "'%s/current' is not there", ix->dir);
	if (ret < 0)
		return ret;
	const struct run_set *set = fresh->set;
	for (size_t i = 0; ret == 0 && i < set->current.nr_runs; i++)
		ret = run_check(set->runs[i], err);
	if (ret == 0 && set->current.nr_runs > 1)
		ret = count_rows(set, &rows, err);
	else if (ret == 0)
		rows = set->rows;
	if (ret == 0 && rows_out)
		*rows_out = rows;
	index_close(fresh);
	return ret;
}
