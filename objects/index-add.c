/*
 * Adding rows: gather, sort, spill; at commit one new run, merged with the runs it makes too many.
 *
 * Order at commit, under the lock: the new run synced and named, `current` replaced, then
 * the runs that it no longer names removed.  A crash before `current` leaves an unnamed run or
 * temporary files, one after it old runs: the next commit removes either.
 *
 * Levels: 0 up to 8192 rows, each further one four times as many.  Older runs are of higher or
 * equal levels, and at most three of a level stay; so a row is written once a level, and there
 * are few runs to look into.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/lock.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

#define ADD_BYTES ((size_t)8 << 20)

enum {
	ADD_ROWS = ADD_BYTES / RUN_ROW_SIZE,
	ADD_PACKS = 32768,
	SPILLS_PER_LEVEL = 32,
	SPILL_LEVEL_MAX = 2,
	LEVEL_ROWS = 8192,
	LEVEL_FACTOR = 4,
	SORT_BITS_MAX = 17,
	SORT_SMALL = 24,
};

struct add_pack {
	struct index_pack pack;
	uint32_t ordinal;		/* as the gathered rows have it */
};

struct spill {
	struct run_writer writer;
	unsigned int level;
};

struct index_add {
	struct index *ix;		/* NULL: what is there is replaced */
	char *dir;
	unsigned char repo_id[32];
	unsigned int lock_wait_ms;
	unsigned char *rows;
	size_t nr_rows;
	struct add_pack *packs;
	size_t nr_packs, cap_packs;
	struct index_pack pack;		/* of the rows that come */
	bool has_pack, is_listed;	/* ... and whether it is the last of `packs` */
	struct spill *spills;		/* oldest first */
	size_t nr_spills;
	struct buf unpublished, published;
	struct lock lock;		/* by index_add_lock(), else for the commit alone */
	bool has_failed;
};

static int add_new(struct index_add **out, struct index *ix, const char *dir,
		   const unsigned char repo_id[32], struct err *err)
{
	struct index_add *a = xcalloc(1, sizeof(*a));

	a->ix = ix;
	a->dir = xstrdup(dir);
	memcpy(a->repo_id, repo_id, sizeof(a->repo_id));
	a->lock_wait_ms = ix ? ix->lock_wait_ms : INDEX_LOCK_WAIT_MS;
	a->unpublished = (struct buf)BUF_INIT;
	a->published = (struct buf)BUF_INIT;
	a->lock = (struct lock)LOCK_INIT;
	a->rows = sys_pages(ADD_BYTES);
	if (!a->rows) {
		index_add_abort(a);
		return err_set(err, ERR_NOMEM, "no memory for the rows of the index");
	}
	*out = a;
	return 0;
}

int index_add_begin(struct index_add **out, struct index *ix, struct err *err)
{
	return add_new(out, ix, ix->dir, ix->repo_id, err);
}

int index_replace_begin(struct index_add **out, const char *dir, const unsigned char repo_id[32],
			struct err *err)
{
	int ret = file_make_dirs(dir, 0700, err);

	return ret < 0 ? ret : add_new(out, NULL, dir, repo_id, err);
}

void index_add_abort(struct index_add *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->nr_spills; i++)
		run_writer_release(&a->spills[i].writer);
	sys_free(a->spills);
	sys_free(a->packs);
	sys_free(a->dir);
	if (a->rows)
		sys_pages_free(a->rows, ADD_BYTES);
	buf_release(&a->unpublished);
	buf_release(&a->published);
	lock_release(&a->lock);
	sys_free(a);
}

int index_add_lock(struct index_add *a, struct err *err)
{
	return lock_is_held(&a->lock) ? 0 : index_lock(&a->lock, a->dir, a->lock_wait_ms, err);
}

/* Sorting --------------------------------------------------------------------------------- */

static const unsigned char *row_at(const unsigned char *rows, uint32_t i)
{
	return rows + (size_t)i * RUN_ROW_SIZE;
}

/* By id, then by when they came. */
static int cmp_rows(const unsigned char *rows, uint32_t a, uint32_t b)
{
	int c = memcmp(row_at(rows, a), row_at(rows, b), RUN_KEY_SIZE);

	return c != 0 ? c : a < b ? -1 : a > b;
}

static int cmp_rows_qsort(const void *a, const void *b, void *rows)
{
	return cmp_rows(rows, *(const uint32_t *)a, *(const uint32_t *)b);
}

static void sort_bucket(const unsigned char *rows, uint32_t *order, size_t nr)
{
	if (nr > SORT_SMALL) {
		qsort_r(order, nr, sizeof(*order), cmp_rows_qsort, (void *)rows);
		return;
	}
	for (size_t i = 1; i < nr; i++) {
		uint32_t moving = order[i];
		size_t k = i;
		for (; k > 0 && cmp_rows(rows, moving, order[k - 1]) < 0; k--)
			order[k] = order[k - 1];
		order[k] = moving;
	}
}

/* The row numbers in order of id; ids are even, so dealing them out by first bits does the most. */
static uint32_t *sorted_order(const unsigned char *rows, size_t nr)
{
	unsigned int nr_bits = 1;

	while (nr_bits < SORT_BITS_MAX && (size_t)1 << nr_bits < nr)
		nr_bits++;
	size_t buckets = (size_t)1 << nr_bits;
	unsigned int shift = 64 - nr_bits;
	uint32_t *order = xcalloc(nr + 1, sizeof(*order));
	uint32_t *ends = xcalloc(buckets + 1, sizeof(*ends));

	for (size_t i = 0; i < nr; i++)
		ends[(filter_top(row_at(rows, (uint32_t)i)) >> shift) + 1]++;
	for (size_t b = 0; b < buckets; b++)
		ends[b + 1] += ends[b];
	for (size_t i = 0; i < nr; i++)
		order[ends[filter_top(row_at(rows, (uint32_t)i)) >> shift]++] = (uint32_t)i;
	for (size_t b = 0; b < buckets; b++) {
		uint32_t start = b > 0 ? ends[b - 1] : 0;
		sort_bucket(rows, order + start, ends[b] - start);
	}
	sys_free(ends);
	return order;
}

static int cmp_packs(const void *a, const void *b)
{
	const struct add_pack *x = a, *y = b;
	int c = memcmp(x->pack.id.b, y->pack.id.b, sizeof(x->pack.id.b));

	return c != 0 ? c : x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* Spilling -------------------------------------------------------------------------------- */

/* Write the pack table; map[ordinal as gathered] becomes the one in the run. */
static int spill_packs(struct index_add *a, struct run_writer *w, uint32_t *map, struct err *err)
{
	unsigned char entry[RUN_PACK_SIZE];
	int ret = 0;

	qsort(a->packs, a->nr_packs, sizeof(*a->packs), cmp_packs);
	for (size_t i = 0; ret == 0 && i < a->nr_packs; i++) {
		const struct add_pack *p = &a->packs[i];
		map[p->ordinal] = w->shape.packs;
		/* A pack that was begun twice is listed once, as it was last. */
		if (i + 1 < a->nr_packs && memcmp(p->pack.id.b, p[1].pack.id.b,
						  sizeof(p->pack.id.b)) == 0)
			continue;
		run_pack_encode(entry, &p->pack);
		ret = run_writer_pack(w, entry, err);
	}
	return ret;
}

static int spill_rows(struct index_add *a, struct run_writer *w, const uint32_t *map,
		      struct err *err)
{
	uint32_t *order = sorted_order(a->rows, a->nr_rows);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < a->nr_rows; i++) {
		unsigned char *row = a->rows + (size_t)order[i] * RUN_ROW_SIZE;
		/* Of equal ids the last one stands. */
		if (i + 1 < a->nr_rows &&
		    memcmp(row, row_at(a->rows, order[i + 1]), RUN_KEY_SIZE) == 0)
			continue;
		run_row_set_pack(row + RUN_KEY_SIZE, map[run_row_pack(row + RUN_KEY_SIZE)]);
		ret = run_writer_row(w, row, err);
	}
	sys_free(order);
	return ret;
}

static void add_spill(struct index_add *a, struct run_writer *take_w, unsigned int level)
{
	a->spills = xrealloc(a->spills, (a->nr_spills + 1) * sizeof(*a->spills));
	a->spills[a->nr_spills].writer = *take_w;
	a->spills[a->nr_spills].level = level;
	a->nr_spills++;
	*take_w = (struct run_writer)RUN_WRITER_INIT;
}

/* Merge the last `nr_spills` spills and `nr_runs` of `runs`, all older, into `w`. */
static int merge_spills(struct index_add *a, struct run_writer *w, size_t nr_spills,
			struct run *const *runs, size_t nr_runs, struct err *err)
{
	size_t nr = nr_spills + nr_runs;
	struct run **all = xcalloc(nr + 1, sizeof(struct run *));
	uint64_t rows = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < nr_spills; i++)
		ret = run_writer_open(&a->spills[a->nr_spills - 1 - i].writer, &all[i], err);
	for (size_t i = 0; i < nr_runs; i++)
		all[nr_spills + i] = run_get(runs[i]);
	for (size_t i = 0; ret == 0 && i < nr; i++)
		rows += all[i]->shape.rows;
	if (ret == 0)
		ret = run_writer_begin(w, a->dir, a->repo_id, rows, err);
	if (ret == 0)
		ret = run_merge_into(w, all, nr, err);
	for (size_t i = 0; i < nr; i++)
		run_put(all[i]);
	sys_free(all);
	return ret;
}

static void drop_spills(struct index_add *a, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		run_writer_release(&a->spills[--a->nr_spills].writer);
}

/* Many spills of one level become one of the next, so that files and buffers stay few. */
static int merge_full_levels(struct index_add *a, struct err *err)
{
	for (;;) {
		size_t nr = 1;
		unsigned int level = a->spills[a->nr_spills - 1].level;
		while (nr < a->nr_spills && a->spills[a->nr_spills - 1 - nr].level == level)
			nr++;
		if (nr < SPILLS_PER_LEVEL || level >= SPILL_LEVEL_MAX)
			return 0;
		struct run_writer w = RUN_WRITER_INIT;
		int ret = merge_spills(a, &w, nr, NULL, 0, err);
		if (ret < 0) {
			run_writer_release(&w);
			return ret;
		}
		drop_spills(a, nr);
		add_spill(a, &w, level + 1);
	}
}

static int spill(struct index_add *a, struct err *err)
{
	struct run_writer w = RUN_WRITER_INIT;
	uint32_t *map = NULL;
	int ret = 0;

	if (a->nr_packs == 0)
		goto done;
	map = xcalloc(a->nr_packs, sizeof(*map));
	ret = run_writer_begin(&w, a->dir, a->repo_id, a->nr_rows, err);
	if (ret == 0)
		ret = spill_packs(a, &w, map, err);
	if (ret == 0)
		ret = spill_rows(a, &w, map, err);
	if (ret == 0)
		ret = run_writer_finish(&w, err);
	if (ret < 0)
		goto done;
	add_spill(a, &w, 0);
	a->nr_rows = 0;
	a->nr_packs = 0;
	a->is_listed = false;
	ret = merge_full_levels(a, err);
done:
	run_writer_release(&w);
	sys_free(map);
	if (ret < 0)
		a->has_failed = true;
	return ret;
}

/* Gathering ------------------------------------------------------------------------------- */

/* Put the pack that rows come for into the table, which a spill empties. */
static int list_pack(struct index_add *a, struct err *err)
{
	if (a->nr_packs == ADD_PACKS) {
		int ret = spill(a, err);
		if (ret < 0)
			return ret;
	}
	if (a->nr_packs == a->cap_packs) {
		a->cap_packs = a->cap_packs > 0 ? 2 * a->cap_packs : 16;
		a->packs = xrealloc(a->packs, a->cap_packs * sizeof(*a->packs));
	}
	a->packs[a->nr_packs].pack = a->pack;
	a->packs[a->nr_packs].ordinal = (uint32_t)a->nr_packs;
	a->nr_packs++;
	a->is_listed = true;
	return 0;
}

int index_add_pack(struct index_add *a, const struct index_pack *p, struct err *err)
{
	if (p->kind < PACK_DATA || p->kind > PACK_MIXED)
		return err_set(err, ERR_CORRUPT, "a pack has the unknown kind %d", p->kind);
	a->pack = *p;
	a->has_pack = true;
	if (!a->ix) {
		/* All are unpublished, unlisted, until index_publish(). */
	} else if (!p->published) {
		buf_put(&a->unpublished, p->id.b, sizeof(p->id.b));
	} else {
		/* Only what `current` lists as unpublished needs to be taken off it. */
		struct run_set *set = index_get_set(a->ix);
		if (current_is_unpublished(&set->current, &p->id))
			buf_put(&a->published, p->id.b, sizeof(p->id.b));
		run_set_put(set);
	}
	return list_pack(a, err);
}

static bool fits(const struct index_loc *loc, const struct index_pack *pack)
{
	return loc->frame_off < 1u << 29 && loc->sealed_size < 1u << 25 &&
		loc->place < 1u << 25 && loc->size < 1u << 25 && loc->type > OBJ_NONE &&
		loc->type <= OBJ_TYPE_MAX &&
		(uint64_t)loc->frame_off + loc->sealed_size <= pack->size;
}

int index_add_row(struct index_add *a, const struct oid *id, const struct index_loc *loc,
		  struct err *err)
{
	int ret;

	if (!a->has_pack)
		BUG("a row of no pack");
	if (!fits(loc, &a->pack))
		return err_set(err, ERR_CORRUPT, "object %s: its place in the pack makes no sense",
			       oid_hex(id).s);
	if (a->nr_rows == ADD_ROWS) {
		ret = spill(a, err);
		if (ret < 0)
			return ret;
	}
	if (!a->is_listed) {
		ret = list_pack(a, err);
		if (ret < 0)
			return ret;
	}
	struct run_row row = {
		.pack = (uint32_t)a->nr_packs - 1, .frame_off = loc->frame_off,
		.sealed_size = loc->sealed_size, .place = loc->place, .size = loc->size,
		.type = loc->type,
	};
	unsigned char *p = a->rows + a->nr_rows * RUN_ROW_SIZE;
	memcpy(p, id->b, RUN_KEY_SIZE);
	run_row_encode(p + RUN_KEY_SIZE, &row);
	a->nr_rows++;
	return 0;
}

/* Commit ---------------------------------------------------------------------------------- */

static unsigned int level_of(uint64_t rows)
{
	unsigned int level = 0;

	for (uint64_t most = LEVEL_ROWS; rows > most; most *= LEVEL_FACTOR)
		level++;
	return level;
}

/* How many of the newest runs are merged with a new one of `rows` rows. */
static size_t plan_merge(const struct current *c, uint64_t rows)
{
	size_t nr = 0;

	for (;;) {
		unsigned int level = level_of(rows);
		/* Smaller ones behind it would break the order of levels, and cost little. */
		while (nr < c->nr_runs && level_of(c->runs[nr].rows) < level &&
		       rows + c->runs[nr].rows <= RUN_ROWS_MAX) {
			rows += c->runs[nr++].rows;
			level = level_of(rows);
		}
		size_t same = 0;
		uint64_t sum = rows;
		while (nr + same < c->nr_runs && level_of(c->runs[nr + same].rows) == level)
			sum += c->runs[nr + same++].rows;
		if (same + 1 < LEVEL_FACTOR || sum > RUN_ROWS_MAX)
			return nr;
		nr += same;
		rows = sum;
	}
}

/* `c` with the new run in front instead of its first `nr_merged`, and its packs listed. */
static void put_in_front(struct current *c, const struct run_writer *w, size_t nr_merged,
			 const struct index_add *a)
{
	size_t nr = c->nr_runs - nr_merged + 1, kept = 0;
	struct run_ref *runs = xcalloc(nr, sizeof(*runs));
	struct pack_id *packs;

	runs[0] = run_writer_ref(w);
	for (size_t i = 1; i < nr; i++)
		runs[i] = c->runs[nr_merged + i - 1];
	sys_free(c->runs);
	c->runs = runs;
	c->nr_runs = nr;

	size_t nr_new = a->unpublished.len / sizeof(*packs);
	size_t nr_gone = a->published.len / sizeof(*packs);
	struct current gone = CURRENT_INIT;
	current_set_unpublished(&gone, (const void *)a->published.data, nr_gone);
	packs = xcalloc(c->nr_unpublished + nr_new + 1, sizeof(*packs));
	for (size_t i = 0; i < c->nr_unpublished; i++)
		if (!current_is_unpublished(&gone, &c->unpublished[i]))
			packs[kept++] = c->unpublished[i];
	if (nr_new > 0)
		memcpy(packs + kept, a->unpublished.data, a->unpublished.len);
	current_set_unpublished(c, packs, kept + nr_new);
	current_release(&gone);
	sys_free(packs);
}

/*
 * Give the new run its name: the one spill, or all of them with `nr_merged` of the newest runs.
 * `out` gets its id and sum, and owns nothing.
 */
static int name_run(struct index_add *a, const struct current *c, size_t nr_merged,
		    struct run_writer *out, struct err *err)
{
	struct run_writer merged = RUN_WRITER_INIT, *w = &a->spills[0].writer;
	struct run_set *old = NULL, *set = NULL;
	struct current copy = CURRENT_INIT;
	int ret;

	if (nr_merged > 0) {
		old = index_get_set(a->ix);
		current_copy(&copy, c);
		ret = run_set_open(&set, a->ix, &copy, old, err);
		if (ret == ERR_NOT_FOUND)
			ret = err_set(err, ERR_CORRUPT, "'%s/current' names a run that is gone",
				      a->dir);
		if (ret < 0)
			goto done;
	}
	if (a->nr_spills > 1 || nr_merged > 0) {
		ret = merge_spills(a, &merged, a->nr_spills, set ? set->runs : NULL, nr_merged,
				   err);
		if (ret < 0)
			goto done;
		w = &merged;
	}
	*out = *w;
	ret = run_writer_commit(w, a->dir, err);
done:
	run_writer_release(&merged);
	run_set_put(set);
	run_set_put(old);
	current_release(&copy);
	return ret;
}

static int commit_locked(struct index_add *a, struct err *err)
{
	struct current c = CURRENT_INIT;
	size_t nr_merged = 0;
	uint64_t rows = 0;
	int ret;

	if (a->ix) {
		ret = current_read(&c, a->dir, a->repo_id, err);
		if (ret < 0)
			goto done;
		index_clean(a->dir, &c);
		for (size_t i = 0; i < a->nr_spills; i++)
			rows += a->spills[i].writer.shape.rows;
		nr_merged = plan_merge(&c, rows);
	} else {
		c.log_seq = INDEX_LOG_SEQ_UNKNOWN;
	}
	if (a->nr_spills > 0) {
		struct run_writer named;
		ret = name_run(a, &c, nr_merged, &named, err);
		if (ret < 0)
			goto done;
		put_in_front(&c, &named, nr_merged, a);
	}
	ret = current_write(&c, a->dir, a->repo_id, 0, err);
	if (ret < 0)
		goto done;
	if (a->ix)
		ret = index_refresh(a->ix, err);
	if (nr_merged > 0 || !a->ix)
		index_clean(a->dir, &c);
done:
	current_release(&c);
	return ret;
}

int index_add_commit(struct index_add *a, struct err *err)
{
	int ret;

	if (a->has_failed)
		return err_set(err, ERR_FAILED, "the change of the index failed before");
	ret = spill(a, err);
	if (ret < 0)
		return ret;
	if (a->rows)
		sys_pages_free(a->rows, ADD_BYTES);
	a->rows = NULL;
	if (a->nr_spills == 0 && a->ix) {
		ret = index_refresh(a->ix, err);
	} else {
		ret = index_add_lock(a, err);
		if (ret == 0)
			ret = commit_locked(a, err);
		lock_release(&a->lock);
	}
	if (ret < 0)
		a->has_failed = true;
	else
		index_add_abort(a);	/* all is written; this only frees */
	return ret;
}
