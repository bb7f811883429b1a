/*
 * Runs in order: a cursor over one, a heap over many, and many into a new one.
 * Reads each page once, in sequence, and checks sum and order of all it passes.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

/* Pages held by all cursors of a merge together, and by one at least and at most. */
enum { MERGE_PAGES = 1024, CURSOR_PAGES_MIN = 8, CURSOR_PAGES_MAX = 64 };

void run_cursor_init(struct run_cursor *c, struct run *r, enum run_section sec, uint64_t first,
		     uint64_t end, size_t max_pages)
{
	bool is_rows = sec == RUN_ROWS;

	memset(c, 0, sizeof(*c));
	c->run = r;
	c->sec = sec;
	c->item_size = is_rows ? RUN_ROW_SIZE : RUN_PACK_SIZE;
	c->key_size = is_rows ? RUN_KEY_SIZE : sizeof(struct pack_id);
	c->per_page = is_rows ? RUN_ROWS_PER_PAGE : RUN_PACKS_PER_PAGE;
	c->next = first;
	c->end = end;
	c->max_pages = max_pages > 0 ? max_pages : CURSOR_PAGES_MAX;
}

void run_cursor_release(struct run_cursor *c)
{
	sys_free(c->pages);
	c->pages = NULL;
}

/* Fill `pages` from page `at` on, no further than the last item wanted. */
static int fill(struct run_cursor *c, uint64_t at, struct err *err)
{
	struct run *r = c->run;
	uint64_t end = r->shape.first[c->sec] + (c->end - 1) / c->per_page + 1;
	size_t n = end - at < c->max_pages ? (size_t)(end - at) : c->max_pages;

	if (!c->pages)
		c->pages = xmalloc(n * RUN_PAGE);	/* later fills are no larger */
	ssize_t got = sys_pread_full(r->fd, c->pages, n * RUN_PAGE, (off_t)(at * RUN_PAGE));
	if (got < 0)
		return err_sys(err, "read '%s'", r->path);
	if ((size_t)got != n * RUN_PAGE)
		return err_set(err, ERR_CORRUPT, "'%s' ends early", r->path);
	for (size_t i = 0; i < n; i++)
		if (!run_page_is_good(c->pages + i * RUN_PAGE, r->id, at + i))
			return err_set(err, ERR_CORRUPT, "'%s': the page at %" PRIu64 " is damaged",
				       r->path, (at + i) * RUN_PAGE);
	c->first_page = at;
	c->nr_pages = n;
	return 0;
}

int run_cursor_next(struct run_cursor *c, const unsigned char **out, struct err *err)
{
	*out = NULL;
	if (c->next >= c->end)
		return 0;
	uint64_t page = c->run->shape.first[c->sec] + c->next / c->per_page;
	if (page >= c->first_page + c->nr_pages || page < c->first_page) {
		int ret = fill(c, page, err);
		if (ret < 0)
			return ret;
	}
	const unsigned char *p = c->pages + (page - c->first_page) * RUN_PAGE +
		c->next % c->per_page * c->item_size;
	if (c->has_last && memcmp(c->last, p, c->key_size) >= 0)
		return err_set(err, ERR_CORRUPT, "'%s': %s %" PRIu64 " is out of order",
			       c->run->path, c->sec == RUN_ROWS ? "row" : "pack", c->next);
	memcpy(c->last, p, c->key_size);
	c->has_last = true;
	c->next++;
	*out = p;
	return 0;
}

/* Whether cursor `a` comes before `b`. */
static bool is_before(const struct run_merge *m, size_t a, size_t b)
{
	if (m->tops[a] != m->tops[b])
		return m->tops[a] < m->tops[b];
	int c = memcmp(m->items[a], m->items[b], m->cursors[a].key_size);
	return c != 0 ? c < 0 : a < b;
}

static void sift_down(struct run_merge *m, size_t at)
{
	size_t moving = m->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= m->nr_heap)
			break;
		if (child + 1 < m->nr_heap && is_before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!is_before(m, m->heap[child], moving))
			break;
		m->heap[at] = m->heap[child];
		at = child;
	}
	m->heap[at] = moving;
}

/* 1: there is an item, 0: the cursor is at its end. */
static int advance(struct run_merge *m, size_t i, struct err *err)
{
	int ret = run_cursor_next(&m->cursors[i], &m->items[i], err);

	if (ret < 0 || !m->items[i])
		return ret;
	m->tops[i] = filter_top(m->items[i]);
	return 1;
}

static void merge_alloc(struct run_merge *m, size_t nr)
{
	m->cursors = xcalloc(nr + 1, sizeof(*m->cursors));
	m->items = xcalloc(nr + 1, sizeof(*m->items));
	m->tops = xcalloc(nr + 1, sizeof(*m->tops));
	m->heap = xcalloc(nr + 1, sizeof(*m->heap));
	m->nr = nr;
}

static size_t pages_each(size_t nr)
{
	size_t n = nr > 0 ? MERGE_PAGES / nr : 0;

	if (n < CURSOR_PAGES_MIN)
		return CURSOR_PAGES_MIN;
	return n < CURSOR_PAGES_MAX ? n : CURSOR_PAGES_MAX;
}

static int heap_up(struct run_merge *m, struct err *err)
{
	for (size_t i = 0; i < m->nr; i++) {
		int ret = advance(m, i, err);
		if (ret < 0)
			return ret;
		if (ret == 1)
			m->heap[m->nr_heap++] = i;
	}
	for (size_t i = m->nr_heap / 2; i-- > 0;)
		sift_down(m, i);
	return 0;
}

int run_merge_begin(struct run_merge *m, struct run *const *runs, size_t nr,
		    enum run_section sec, struct err *err)
{
	*m = (struct run_merge)RUN_MERGE_INIT;
	merge_alloc(m, nr);
	for (size_t i = 0; i < nr; i++) {
		const struct run_shape *s = &runs[i]->shape;
		run_cursor_init(&m->cursors[i], runs[i], sec, 0,
				sec == RUN_ROWS ? s->rows : s->packs, pages_each(nr));
	}
	return heap_up(m, err);
}

int run_merge_begin_rows(struct run_merge *m, struct run *const *runs, size_t nr, uint64_t lo,
			 uint64_t hi, struct err *err)
{
	*m = (struct run_merge)RUN_MERGE_INIT;
	merge_alloc(m, nr);
	for (size_t i = 0; i < nr; i++) {
		uint64_t first = 0, end = 0, unused;
		int ret = run_line_rows(runs[i], lo, &first, &unused, err);
		if (ret == 0)
			ret = run_line_rows(runs[i], hi, &unused, &end, err);
		if (ret < 0)
			return ret;
		run_cursor_init(&m->cursors[i], runs[i], RUN_ROWS, first, end, pages_each(nr));
	}
	return heap_up(m, err);
}

int run_merge_next(struct run_merge *m, size_t *run_out, const unsigned char **item_out,
		   struct err *err)
{
	if (m->pending) {
		int ret = advance(m, m->heap[0], err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			m->heap[0] = m->heap[--m->nr_heap];
		if (m->nr_heap > 0)
			sift_down(m, 0);
	}
	m->pending = m->nr_heap > 0;
	*item_out = m->pending ? m->items[m->heap[0]] : NULL;
	*run_out = m->pending ? m->heap[0] : 0;
	return 0;
}

void run_merge_release(struct run_merge *m)
{
	for (size_t i = 0; i < m->nr; i++)
		run_cursor_release(&m->cursors[i]);
	sys_free(m->cursors);
	sys_free((void *)m->items);
	sys_free(m->tops);
	sys_free(m->heap);
	*m = (struct run_merge)RUN_MERGE_INIT;
}

/* Write the union of the pack tables; maps[i][old] becomes the new ordinal of a pack of run i. */
static int merge_packs(struct run_writer *w, struct run *const *runs, size_t nr, uint32_t **maps,
		       struct err *err)
{
	struct run_merge m = RUN_MERGE_INIT;
	const unsigned char *item;
	size_t i;
	int ret;

	ret = run_merge_begin(&m, runs, nr, RUN_PACKS, err);
	while (ret == 0) {
		ret = run_merge_next(&m, &i, &item, err);
		if (ret < 0 || !item)
			break;
		bool is_new = !w->has_last || memcmp(w->last, item, sizeof(struct pack_id)) != 0;
		ret = is_new ? run_writer_pack(w, item, err) : 0;
		maps[i][m.cursors[i].next - 1] = w->shape.packs - 1;
	}
	run_merge_release(&m);
	return ret;
}

static int merge_rows(struct run_writer *w, struct run *const *runs, size_t nr,
		      uint32_t *const *maps, struct err *err)
{
	struct run_merge m = RUN_MERGE_INIT;
	unsigned char row[RUN_ROW_SIZE];
	const unsigned char *item;
	size_t i;
	int ret;

	ret = run_merge_begin(&m, runs, nr, RUN_ROWS, err);
	while (ret == 0) {
		ret = run_merge_next(&m, &i, &item, err);
		if (ret < 0 || !item)
			break;
		/* The newest run's row came first. */
		if (w->rows_began && w->has_last && memcmp(w->last, item, RUN_KEY_SIZE) == 0)
			continue;
		uint32_t pack = run_row_pack(item + RUN_KEY_SIZE);
		if (pack >= runs[i]->shape.packs) {
			ret = err_set(err, ERR_CORRUPT, "'%s': row %" PRIu64 " names pack %u of %u",
				      runs[i]->path, m.cursors[i].next - 1, pack,
				      runs[i]->shape.packs);
			break;
		}
		memcpy(row, item, sizeof(row));
		run_row_set_pack(row + RUN_KEY_SIZE, maps[i][pack]);
		ret = run_writer_row(w, row, err);
	}
	run_merge_release(&m);
	return ret;
}

int run_merge_into(struct run_writer *w, struct run *const *runs, size_t nr, struct err *err)
{
	uint32_t **maps = xcalloc(nr + 1, sizeof(*maps));
	int ret;

	for (size_t i = 0; i < nr; i++)
		maps[i] = xcalloc((size_t)runs[i]->shape.packs + 1, sizeof(*maps[i]));
	ret = merge_packs(w, runs, nr, maps, err);
	if (ret == 0)
		ret = merge_rows(w, runs, nr, maps, err);
	if (ret == 0)
		ret = run_writer_finish(w, err);
	for (size_t i = 0; i < nr; i++)
		sys_free(maps[i]);
	sys_free(maps);
	return ret;
}
