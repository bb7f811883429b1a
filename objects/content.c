/*
 * Cutting what a file descriptor gives.  A batch is a buffer with whole pieces in it; what is left
 * over is carried to the next batch.  Batches are filled in order by whoever comes, worked on by
 * any thread, and listed in order.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/pool.h"
#include "lib/sys.h"
#include "objects/list-cursor.h"

#include "objects/content.h"

#define SLACK ((size_t)256 << 10)	/* beyond what the cutter wants to see: larger reads */
#define BATCH_PIECES 64

struct piece {
	bool is_zero, has_over;
	struct oid over;		/* what was at its place */
	size_t off;
	uint64_t size;
	struct oid id;
};

struct batch {
	unsigned char *data;
	size_t len;
	struct piece pieces[BATCH_PIECES];
	size_t nr;
};

struct content_writer {
	const struct object_sink *sink;
	struct chunker *chunker;
	size_t size;			/* of a batch */
	struct batch batch;		/* of content_write() */

	/* of the file at hand */
	struct content_input in;
	uint64_t pos;			/* with a map of holes: where reading stands */
	uint64_t hole, hole_end;	/* the next hole; both UINT64_MAX: there is none */
	bool is_eof, is_done, has_failed;	/* failed: reading did */
	bool is_alone;			/* one batch: what is carried stays in it */
	unsigned char *carry;
	size_t carried;
	uint64_t zeros;			/* the run at the end of what was listed */

	/* what was in it before, in step; NULL: nothing, or no more */
	struct list_cursor *old;
	struct list_entry was;
	uint64_t was_at, at;		/* where `was` begins; where the next piece does */
	struct list_builder *list;
};

struct content_writer *content_writer_new(const struct chunker_params *params,
					  const struct object_sink *sink)
{
	struct content_writer *cw = xcalloc(1, sizeof(*cw));

	cw->sink = sink;
	cw->chunker = chunker_new(params, sink->cut_key);
	cw->size = chunker_window(cw->chunker) + SLACK;
	return cw;
}

void content_writer_free(struct content_writer *cw)
{
	if (!cw)
		return;
	chunker_free(cw->chunker);
	sys_pages_free(cw->batch.data, cw->size);
	sys_pages_free(cw->carry, cw->size);
	list_builder_free(cw->list);
	list_cursor_free(cw->old);
	sys_free(cw);
}

static int make_room(unsigned char **p, size_t size, struct err *err)
{
	if (!*p)
		*p = sys_pages(size);
	return *p ? 0 : err_set(err, ERR_NOMEM, "no memory for %zu bytes of a file", size);
}

/* The hole behind the one that ended at `end`. */
static int next_hole(struct content_writer *cw, uint64_t end, struct err *err)
{
	uint64_t gap, len;
	int ret = hole_next(&cw->in.holes, &cw->in.holes_len, &gap, &len, err);

	cw->hole = ret > 0 ? end + gap : UINT64_MAX;
	cw->hole_end = ret > 0 ? cw->hole + len : UINT64_MAX;
	return ret < 0 ? ret : 0;
}

/* As read(), but what the map calls a hole is made up. */
static ssize_t read_sparse(struct content_writer *cw, unsigned char *p, size_t n, struct err *err)
{
	if (cw->pos >= cw->hole_end && next_hole(cw, cw->hole_end, err) < 0)
		return -1;
	bool is_hole = cw->pos >= cw->hole;
	uint64_t part = (is_hole ? cw->hole_end : cw->hole) - cw->pos;
	ssize_t got = part < n ? (ssize_t)part : (ssize_t)n;
	if (is_hole)
		memset(p, 0, (size_t)got);
	else
		got = sys_pread_full(cw->in.fd, p, (size_t)got, (off_t)cw->pos);
	if (got < 0)
		err_sys(err, "read '%s'", cw->in.name);
	cw->pos += got > 0 ? (uint64_t)got : 0;
	return got;
}

/* Read until the buffer is full or the file ends. */
static int fill(struct content_writer *cw, struct batch *b, struct err *err)
{
	bool is_sparse = cw->hole != UINT64_MAX || cw->pos > 0;

	if (cw->in.head_len > 0) {
		memcpy(b->data, cw->in.head, cw->in.head_len);
		b->len = cw->in.head_len;
		cw->in.head_len = 0;
	}
	while (!cw->is_eof && b->len < cw->size) {
		size_t room = cw->size - b->len;
		ssize_t got = is_sparse ? read_sparse(cw, b->data + b->len, room, err) :
					  sys_read_full(cw->in.fd, b->data + b->len, room);
		if (got < 0) {
			cw->has_failed = true;
			return is_sparse ? (int)err->code :
					   err_sys(err, "read '%s'", cw->in.name);
		}
		cw->is_eof = got == 0 || (!is_sparse && (size_t)got < room);
		b->len += (size_t)got;
	}
	return 0;
}

static bool is_zeros(const unsigned char *p, size_t n)
{
	return n > 0 && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/*
 * Within a hole, and what is carried is the end of a run of zeros that the cutter knows for one:
 * the rest of the hole belongs to that run, however long it is.
 */
static void skip_hole(struct content_writer *cw, struct batch *b, size_t off)
{
	struct piece *last = b->nr > 0 ? &b->pieces[b->nr - 1] : NULL;

	if (cw->pos <= cw->hole || cw->pos >= cw->hole_end || !last || !last->is_zero)
		return;
	if (b->len - off != CHUNKER_ZERO_MIN || !is_zeros(b->data + off, CHUNKER_ZERO_MIN))
		return;
	last->size += cw->hole_end - cw->pos;
	cw->pos = cw->hole_end;
}

/* The next of what was there; what cannot be read is as good as nothing. */
static bool next_old(struct content_writer *cw)
{
	struct err err = ERR_INIT;

	cw->was_at += cw->was.size;
	if (list_cursor_next(cw->old, &cw->was, &err) == 1)
		return true;
	list_cursor_free(cw->old);
	cw->old = NULL;
	return false;
}

static uint64_t overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	uint64_t from = a > b ? a : b, to = a_end < b_end ? a_end : b_end;

	return from < to ? to - from : 0;
}

/* Of what was there the blob that has most of the piece's place. */
static void find_over(struct content_writer *cw, struct piece *p, uint64_t at)
{
	uint64_t end = at + p->size, best = 0;

	while (cw->old) {
		uint64_t was_end = cw->was_at + cw->was.size;
		uint64_t common = overlap(at, end, cw->was_at, was_end);
		if (common > best && cw->was.kind == LIST_BLOB) {
			best = common;
			p->has_over = true;
			p->over = cw->was.id;
		}
		if (was_end >= end || !next_old(cw))
			break;
	}
}

static void find_overs(struct content_writer *cw, struct batch *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		struct piece *p = &b->pieces[i];
		if (cw->in.old && !p->is_zero && cw->in.old_kind == CONTENT_BLOB) {
			p->has_over = cw->at < cw->in.old_size;
			p->over = cw->in.old_id;
		} else if (cw->old && !p->is_zero) {
			find_over(cw, p, cw->at);
		}
		cw->at += p->size;
	}
}

static int cut(struct content_writer *cw, struct batch *b, struct err *err)
{
	size_t off = 0;

	b->nr = 0;
	while (b->nr < BATCH_PIECES) {
		size_t size = 0;
		enum chunk_kind kind = chunker_next(cw->chunker, b->data + off, b->len - off,
						    cw->is_eof, &size);
		if (kind == CHUNK_MORE || kind == CHUNK_END)
			break;
		b->pieces[b->nr++] = (struct piece){
			.is_zero = kind == CHUNK_ZERO, .off = off, .size = size,
		};
		off += size;
	}
	skip_hole(cw, b, off);
	find_overs(cw, b);
	cw->carried = b->len - off;
	cw->is_done = cw->is_eof && cw->carried == 0;
	if (b->nr == 0 && !cw->is_done)
		BUG("no cut in %zu bytes of '%s'", b->len, cw->in.name);
	if (cw->is_done)
		return 0;
	if (cw->is_alone)
		return 0;
	int ret = make_room(&cw->carry, cw->size, err);
	if (ret == 0)
		memcpy(cw->carry, b->data + off, cw->carried);
	return ret;
}

/* 1: a batch with pieces, 0: the file is at its end. */
static int next_batch(void *item, void *data, struct err *err)
{
	struct content_writer *cw = data;
	struct batch *b = item;

	if (cw->is_done)
		return 0;
	int ret = interrupt_check(err);
	if (ret == 0)
		ret = make_room(&b->data, cw->size, err);
	if (ret < 0)
		return ret;
	if (cw->carried > 0 && cw->is_alone)
		memmove(b->data, b->data + b->len - cw->carried, cw->carried);
	else if (cw->carried > 0)
		memcpy(b->data, cw->carry, cw->carried);
	b->len = cw->carried;
	ret = fill(cw, b, err);
	if (ret == 0)
		ret = cut(cw, b, err);
	return ret < 0 ? ret : 1;
}

static int put_batch(void *item, void *data, struct err *err)
{
	struct content_writer *cw = data;
	struct batch *b = item;
	int ret = 0;

	for (size_t i = 0; i < b->nr && ret == 0; i++) {
		struct piece *p = &b->pieces[i];
		if (p->has_over)
			ret = cw->sink->put_over(cw->sink->data, &p->over, b->data + p->off,
						 (size_t)p->size, &p->id, err);
		else if (!p->is_zero)
			ret = cw->sink->put(cw->sink->data, OBJ_BLOB, b->data + p->off,
					    (size_t)p->size, &p->id, err);
	}
	return ret;
}

static int list_zeros(struct content_writer *cw, struct err *err)
{
	struct list_entry e = { .kind = LIST_ZERO, .size = cw->zeros };

	cw->zeros = 0;
	return e.size > 0 ? list_builder_add(cw->list, &e, err) : 0;
}

static int list_batch(void *item, void *data, struct err *err)
{
	struct content_writer *cw = data;
	const struct batch *b = item;
	int ret = 0;

	for (size_t i = 0; i < b->nr && ret == 0; i++) {
		const struct piece *p = &b->pieces[i];
		if (p->is_zero) {
			cw->zeros += p->size;
			continue;
		}
		struct list_entry e = { LIST_BLOB, p->size, p->id };
		ret = list_zeros(cw, err);
		if (ret == 0)
			ret = list_builder_add(cw->list, &e, err);
	}
	return ret;
}

static void release_batch(void *item, void *data)
{
	struct content_writer *cw = data;
	struct batch *b = item;

	sys_pages_free(b->data, cw->size);
}

static int begin(struct content_writer *cw, const struct content_input *in, bool is_alone,
		 struct err *err)
{
	cw->in = *in;
	cw->pos = 0;
	cw->hole = cw->hole_end = UINT64_MAX;
	cw->is_alone = is_alone;
	cw->is_eof = cw->is_done = cw->has_failed = false;
	cw->carried = 0;
	cw->zeros = 0;
	list_builder_free(cw->list);
	cw->list = list_builder_new(cw->sink);
	list_cursor_free(cw->old);
	cw->old = NULL;
	cw->was = (struct list_entry){ .size = 0 };
	cw->was_at = cw->at = 0;
	if (!cw->sink->put_over)
		cw->in.old = NULL;
	if (cw->in.old && cw->in.old_kind == CONTENT_LIST) {
		cw->old = list_cursor_new(cw->in.old, &cw->in.old_id);
		next_old(cw);
	}
	return in->holes_len > 0 ? next_hole(cw, 0, err) : 0;
}

static int end(struct content_writer *cw, struct content *out, struct err *err)
{
	int ret = list_zeros(cw, err);

	if (ret == 0)
		ret = list_builder_end(cw->list, &out->kind, &out->id, &out->size, err);
	list_builder_free(cw->list);
	cw->list = NULL;
	return ret;
}

int content_write(struct content_writer *cw, const struct content_input *in, struct content *out,
		  struct err *err)
{
	int ret = begin(cw, in, true, err);

	while (ret == 0 && (ret = next_batch(&cw->batch, cw, err)) > 0) {
		ret = put_batch(&cw->batch, cw, err);
		if (ret == 0)
			ret = list_batch(&cw->batch, cw, err);
		if (ret < 0)
			break;
	}
	return ret < 0 ? ret : end(cw, out, err);
}

int content_write_parallel(struct content_writer *cw, unsigned int workers,
			   const struct content_input *in, struct content *out, struct err *err)
{
	static const struct pool_ops ops = { next_batch, put_batch, list_batch, release_batch };

	if (workers <= 1)
		return content_write(cw, in, out, err);
	int ret = begin(cw, in, false, err);
	if (ret == 0)
		ret = pool_run(&ops, sizeof(struct batch), workers, workers + 1, cw, err);
	return ret < 0 ? ret : end(cw, out, err);
}

bool content_read_failed(const struct content_writer *cw)
{
	return cw->has_failed;
}
