/*
 * Writing one run, in one pass over rows in order.  Memory: three buffers of pages and one line
 * of the filter, whatever the size.
 *
 * The file is only finished here; it gets its name by run_writer_commit(), under the index lock.
 * The folder is synced for it, and again for `current`, which is named next: the entries of one
 * folder become durable in any order, and a `current` whose run is gone costs a rebuild.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

/*
 * Pages a stream gathers, and writes together up to the next multiple of as many: then the
 * kernel can cache the file in large pieces, which makes reads of it a tenth cheaper.
 */
enum { STREAM_PAGES = 256 };

static void stream_init(struct run_stream *s, uint64_t first_page)
{
	sys_free(s->pages);
	s->pages = xcalloc(STREAM_PAGES, RUN_PAGE);
	s->nr_pages = 0;
	s->used = 0;
	s->first_page = first_page;
}

static int stream_flush(struct run_writer *w, struct run_stream *s, struct err *err)
{
	int ret;

	if (s->nr_pages == 0)
		return 0;
	for (size_t i = 0; i < s->nr_pages; i++)
		run_page_seal(s->pages + i * RUN_PAGE, w->id, s->first_page + i);
	ret = file_out_pwrite(&w->file, s->pages, s->nr_pages * RUN_PAGE, s->first_page * RUN_PAGE,
			      err);
	memset(s->pages, 0, s->nr_pages * RUN_PAGE);
	s->first_page += s->nr_pages;
	s->nr_pages = 0;
	return ret;
}

static int stream_end_page(struct run_writer *w, struct run_stream *s, struct err *err)
{
	if (s->used == 0)
		return 0;
	s->used = 0;
	s->nr_pages++;
	return (s->first_page + s->nr_pages) % STREAM_PAGES == 0 ? stream_flush(w, s, err) : 0;
}

/* Items do not straddle pages. */
static int stream_put(struct run_writer *w, struct run_stream *s, const void *p, size_t n,
		      struct err *err)
{
	if (s->used + n > RUN_PAYLOAD) {
		int ret = stream_end_page(w, s, err);
		if (ret < 0)
			return ret;
	}
	memcpy(s->pages + s->nr_pages * RUN_PAGE + s->used, p, n);
	s->used += n;
	return 0;
}

static int stream_end(struct run_writer *w, struct run_stream *s, struct err *err)
{
	int ret = stream_end_page(w, s, err);

	return ret < 0 ? ret : stream_flush(w, s, err);
}

int run_writer_begin(struct run_writer *w, const char *dir, const unsigned char *repo_id,
		     uint64_t max_rows, struct err *err)
{
	*w = (struct run_writer)RUN_WRITER_INIT;
	if (max_rows > RUN_ROWS_MAX)
		return err_set(err, ERR_FAILED, "a run of the index cannot hold %" PRIu64 " rows",
			       max_rows);
	int ret = file_out_open_in(&w->file, dir, 0, 0600, err);
	if (ret < 0)
		return ret;
	sys_random(w->id, sizeof(w->id));
	memcpy(w->repo_id, repo_id, sizeof(w->repo_id));
	w->max_rows = max_rows;
	w->shape.lines = filter_lines(max_rows);
	run_shape_place(&w->shape);
	stream_init(&w->lines, w->shape.first[RUN_LINES]);
	stream_init(&w->packs, w->shape.first[RUN_PACKS]);
	return 0;
}

int run_writer_pack(struct run_writer *w, const unsigned char p[RUN_PACK_SIZE], struct err *err)
{
	if (w->rows_began || (w->has_last && memcmp(w->last, p, sizeof(struct pack_id)) >= 0))
		BUG("packs of a run out of order");
	if (w->shape.packs == RUN_PACKS_MAX)
		return err_set(err, ERR_FAILED, "more packs than a run of the index holds");
	memcpy(w->last, p, sizeof(struct pack_id));
	w->has_last = true;
	w->shape.packs++;
	return stream_put(w, &w->packs, p, RUN_PACK_SIZE, err);
}

/* All packs are known, so the rows' place is. */
static int begin_rows(struct run_writer *w, struct err *err)
{
	int ret = stream_end(w, &w->packs, err);

	if (ret < 0)
		return ret;
	run_shape_place(&w->shape);
	stream_init(&w->rows, w->shape.first[RUN_ROWS]);
	w->rows_began = true;
	w->has_last = false;
	return 0;
}

/* Write the line that is complete, and empty ones up to `line_nr`, which starts here. */
static int go_to_line(struct run_writer *w, uint64_t line_nr, struct err *err)
{
	for (; w->line_nr < line_nr; w->line_nr++) {
		int ret = stream_put(w, &w->lines, w->line, sizeof(w->line), err);
		if (ret < 0)
			return ret;
		memset(w->line, 0, sizeof(w->line));
		put_u32le(w->line, (uint32_t)w->shape.rows);
		/* A reader wants the next start beside each line. */
		if ((w->line_nr + 1) % RUN_LINES_PER_PAGE != 0 && w->line_nr + 1 < w->shape.lines)
			continue;
		ret = stream_put(w, &w->lines, w->line, FILTER_START_SIZE, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int run_writer_row(struct run_writer *w, const unsigned char p[RUN_ROW_SIZE], struct err *err)
{
	int ret;

	if (!w->rows_began) {
		ret = begin_rows(w, err);
		if (ret < 0)
			return ret;
	}
	if ((w->has_last && memcmp(w->last, p, RUN_KEY_SIZE) >= 0) || w->shape.rows == w->max_rows)
		BUG("rows of a run out of order, or too many");
	memcpy(w->last, p, RUN_KEY_SIZE);
	w->has_last = true;
	ret = go_to_line(w, filter_line_of(filter_top(p), w->shape.lines, NULL), err);
	if (ret < 0)
		return ret;
	w->shape.rows++;
	filter_add(w->line, p);
	return stream_put(w, &w->rows, p, RUN_ROW_SIZE, err);
}

static void free_buffers(struct run_writer *w)
{
	sys_free(w->packs.pages);
	sys_free(w->rows.pages);
	sys_free(w->lines.pages);
	w->packs.pages = w->rows.pages = w->lines.pages = NULL;
}

int run_writer_finish(struct run_writer *w, struct err *err)
{
	unsigned char page[RUN_PAGE];
	int ret;

	if (!w->rows_began) {
		ret = begin_rows(w, err);
		if (ret < 0)
			return ret;
	}
	ret = stream_end(w, &w->rows, err);
	if (ret < 0)
		return ret;
	ret = go_to_line(w, w->shape.lines, err);
	if (ret < 0)
		return ret;
	ret = stream_end(w, &w->lines, err);
	if (ret < 0)
		return ret;
	run_shape_place(&w->shape);
	run_header_encode(page, w->id, w->repo_id, &w->shape);
	w->sum = run_page_sum(page, w->id, 0);
	free_buffers(w);
	return file_out_pwrite(&w->file, page, sizeof(page), 0, err);
}

int run_writer_commit(struct run_writer *w, const char *dir, struct err *err)
{
	char *path = run_path(dir, w->id);
	int ret;

	file_out_set_path(&w->file, path);
	ret = file_out_commit(&w->file, err);
	sys_free(path);
	return ret;
}

struct run_ref run_writer_ref(const struct run_writer *w)
{
	struct run_ref ref = { .rows = w->shape.rows, .sum = w->sum };

	memcpy(ref.id, w->id, sizeof(ref.id));
	return ref;
}

int run_writer_open(const struct run_writer *w, struct run **out, struct err *err)
{
	struct run_ref ref = run_writer_ref(w);

	return run_open(out, w->file.tmp, &ref, w->repo_id, err);
}

void run_writer_release(struct run_writer *w)
{
	file_out_release(&w->file);
	free_buffers(w);
	*w = (struct run_writer)RUN_WRITER_INIT;
}
