/*
 * Standard output, buffered.  Knows nothing about what is written.
 */

#include <errno.h>
#include <stdarg.h>

#include "lib/sys.h"
#include "lib/out.h"

enum { OUT_PIECE = 65536 };

static void write_all(struct out *o, const void *p, size_t n)
{
	if (o->failed || n == 0)
		return;
	if (sys_write_full(o->fd, p, n) < 0)
		o->failed = errno ? errno : EIO;
}

static void push(struct out *o)
{
	write_all(o, o->pending.data, o->pending.len);
	buf_reset(&o->pending);
}

void out_release(struct out *o)
{
	buf_release(&o->pending);
}

void out_drop(struct out *o)
{
	buf_reset(&o->pending);
}

void out_put(struct out *o, const void *p, size_t n)
{
	if (n >= OUT_PIECE) {
		push(o);
		write_all(o, p, n);
		return;
	}
	buf_put(&o->pending, p, n);
	if (o->is_direct || o->pending.len >= OUT_PIECE)
		push(o);
}

void out_str(struct out *o, const char *s)
{
	buf_put_str(&o->pending, s);
	if (o->is_direct || o->pending.len >= OUT_PIECE)
		push(o);
}

void out_buf(struct out *o, const struct buf *b)
{
	out_put(o, b->data, b->len);
}

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&o->pending, fmt, ap);
	va_end(ap);
	if (o->is_direct || o->pending.len >= OUT_PIECE)
		push(o);
}

bool out_failed(const struct out *o)
{
	return o->failed != 0;
}

int out_flush(struct out *o, struct err *err)
{
	push(o);
	if (!o->failed)
		return 0;
	errno = o->failed;
	return err_sys(err, "write to standard output");
}
