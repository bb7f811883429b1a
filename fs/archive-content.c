/*
 * The content of one entry of an archive, cut and stored as it comes.  What is large goes through
 * a pipe to the one who cuts: only some of it is ever held.
 */
#include <errno.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/content.h"

#include "fs/archive-internal.h"

#define FEED_SIZE ((size_t)64 << 10)

/* Bytes in order, gaps filled with zeros. */
struct feed {
	struct archive_input *in;
	const unsigned char *p;		/* a block of the archive */
	size_t n;
	uint64_t block_at, at, size;	/* size: as announced */
	bool is_over;
	const unsigned char *head;	/* read before */
	size_t head_len;
	int fd, ret;			/* of the pipe; what came of it */
	struct err err;
};

static int next_block(struct feed *f, struct err *err)
{
	const struct archive_lib *lib = f->in->lib;
	const void *p = NULL;
	la_int64_t off = 0;
	size_t n = 0;
	int got = lib->archive_read_data_block(f->in->a, &p, &n, &off);

	if (got == ARCHIVE_EOF) {
		f->is_over = true;
		return 0;
	}
	if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
		return archive_lib_err(lib, f->in->a, ERR_CORRUPT, "its content", err);
	if (off < 0 || (uint64_t)off < f->at)
		return err_set(err, ERR_CORRUPT, "its content goes backwards");
	f->p = p;
	f->n = n;
	f->block_at = (uint64_t)off;
	return 0;
}

/* Up to `n` bytes; fewer at the end. */
static int feed_read(struct feed *f, unsigned char *out, size_t n, size_t *got, struct err *err)
{
	*got = 0;
	while (*got < n) {
		while (!f->is_over && f->n == 0) {
			int ret = next_block(f, err);
			if (ret < 0)
				return ret;
		}
		uint64_t stop = f->n > 0 ? f->block_at : f->size;
		uint64_t part = f->at < stop ? stop - f->at : f->n;
		if (part == 0)
			return 0;
		if (part > n - *got)
			part = n - *got;
		if (part > f->in->left)
			return err_set(err, ERR_REFUSED, "there is more content than "
				       "--max-size allows");
		if (f->at < stop) {
			memset(out + *got, 0, (size_t)part);
		} else {
			memcpy(out + *got, f->p, (size_t)part);
			f->p += part;
			f->block_at += part;
			f->n -= (size_t)part;
		}
		f->at += part;
		f->in->left -= part;
		*got += (size_t)part;
	}
	return 0;
}

static void *run_feed(void *data)
{
	struct feed *f = data;
	unsigned char *p = xmalloc(FEED_SIZE);
	size_t n = f->head_len;

	if (sys_write_full(f->fd, f->head, n) < 0)
		n = 0;
	while (n > 0 && f->ret == 0) {
		f->ret = feed_read(f, p, FEED_SIZE, &n, &f->err);
		/* Who reads has failed and says so. */
		if (f->ret == 0 && n > 0 && sys_write_full(f->fd, p, n) < 0)
			break;
	}
	sys_close(f->fd);
	sys_free(p);
	return NULL;
}

static int write_large(struct feed *f, struct tree_entry *e, struct err *err)
{
	struct content_input input = { .name = "the archive" };
	struct content_writer *cw;
	struct sys_thread thread;
	struct content c;
	int fd[2];

	if (sys_pipe(fd) < 0)
		return err_sys(err, "make a pipe");
	input.fd = fd[0];
	f->fd = fd[1];
	errno = sys_thread_start(&thread, run_feed, f);
	if (errno != 0) {
		int ret = err_sys(err, "start a thread");
		sys_close(fd[0]);
		sys_close(fd[1]);
		return ret;
	}
	cw = content_writer_new(&f->in->params, f->in->sink);
	int ret = content_write(cw, &input, &c, err);
	content_writer_free(cw);
	sys_close(fd[0]);
	sys_thread_join(&thread);
	if (f->ret < 0) {
		*err = f->err;
		return f->ret;
	}
	if (ret < 0)
		return ret;
	e->size = c.size;
	e->content = c.kind;
	e->id = c.id;
	return 0;
}

int archive_read_content(struct archive_input *in, uint64_t size, struct tree_entry *e,
			 struct err *err)
{
	struct feed f = { .in = in, .size = size, .err = ERR_INIT };
	size_t n = 0, room = in->params.min < ZERO_MIN ? in->params.min : (size_t)ZERO_MIN;
	int ret;

	buf_reset(&in->data);
	unsigned char *p = buf_extend(&in->data, room);
	ret = feed_read(&f, p, room, &n, err);
	buf_truncate(&in->data, n);
	if (ret < 0)
		return ret;
	e->size = n;
	if (n == 0) {
		e->content = CONTENT_NONE;
	} else if (n <= INLINE_MAX) {
		e->content = CONTENT_INLINE;
		e->data = in->data.data;
	} else if (n < room) {
		/* Shorter than any piece: it is one. */
		e->content = CONTENT_BLOB;
		ret = in->sink->put(in->sink->data, OBJ_BLOB, in->data.data, n, &e->id, err);
	} else {
		f.head = in->data.data;
		f.head_len = n;
		ret = write_large(&f, e, err);
	}
	return ret;
}
