/*
 * Cutting what a file descriptor gives.  A batch is a buffer with whole pieces in it; what is left
 * over is carried to the next batch.  Batches are filled in order by whoever comes, worked on by
 * any thread, and listed in order.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/pool.h"
#include "lib/sys.h"

#include "objects/content.h"

#define SLACK ((size_t)256 << 10)	/* beyond what the cutter wants to see: larger reads */
#define BATCH_PIECES 64

struct piece {
	bool is_zero;
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
	int fd;
	const char *name;
	bool is_eof, is_done;
	bool is_alone;			/* one batch: what is carried stays in it */
	unsigned char *carry;
	size_t carried;
	uint64_t zeros;			/* the run at the end of what was listed */
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
	sys_free(cw);
}

static int make_room(unsigned char **p, size_t size, struct err *err)
{
	if (!*p)
		*p = sys_pages(size);
	return *p ? 0 : err_set(err, ERR_NOMEM, "no memory for %zu bytes of a file", size);
}

/* Read until the buffer is full or the file ends. */
static int fill(struct content_writer *cw, struct batch *b, struct err *err)
{
	if (cw->is_eof)
		return 0;
	ssize_t got = sys_read_full(cw->fd, b->data + b->len, cw->size - b->len);
	if (got < 0)
		return err_sys(err, "read '%s'", cw->name);
	cw->is_eof = b->len + (size_t)got < cw->size;
	b->len += (size_t)got;
	return 0;
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
	cw->carried = b->len - off;
	cw->is_done = cw->is_eof && cw->carried == 0;
	if (b->nr == 0 && !cw->is_done)
		BUG("no cut in %zu bytes of '%s'", b->len, cw->name);
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
		if (!p->is_zero)
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

static void begin(struct content_writer *cw, int fd, const char *name, bool is_alone)
{
	cw->fd = fd;
	cw->name = name;
	cw->is_alone = is_alone;
	cw->is_eof = cw->is_done = false;
	cw->carried = 0;
	cw->zeros = 0;
	list_builder_free(cw->list);
	cw->list = list_builder_new(cw->sink);
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

int content_write(struct content_writer *cw, int fd, const char *name, struct content *out,
		  struct err *err)
{
	int ret;

	begin(cw, fd, name, true);
	while ((ret = next_batch(&cw->batch, cw, err)) > 0) {
		ret = put_batch(&cw->batch, cw, err);
		if (ret == 0)
			ret = list_batch(&cw->batch, cw, err);
		if (ret < 0)
			break;
	}
	return ret < 0 ? ret : end(cw, out, err);
}

int content_write_parallel(struct content_writer *cw, unsigned int workers, int fd,
			   const char *name, struct content *out, struct err *err)
{
	static const struct pool_ops ops = { next_batch, put_batch, list_batch, release_batch };

	if (workers <= 1)
		return content_write(cw, fd, name, out, err);
	begin(cw, fd, name, false);
	int ret = pool_run(&ops, sizeof(struct batch), workers, workers + 1, cw, err);
	return ret < 0 ? ret : end(cw, out, err);
}
