#ifndef LIB_OUT_H
#define LIB_OUT_H

/*
 * Result bytes on their way to standard output: collected, written in large pieces.
 *
 * A failed write is remembered and everything after it dropped; out_flush() tells, and so does
 * out_failed() to whoever would rather stop early.  To a terminal each record goes at once.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

struct out {
	int fd;
	bool is_direct;		/* a terminal: nothing is held back */
	int failed;		/* errno of the first failed write */
	struct buf pending;
};

#define OUT_INIT(fd) { fd, false, 0, BUF_INIT }

void out_release(struct out *o);	/* what is pending is dropped */
void out_put(struct out *o, const void *p, size_t n);
void out_str(struct out *o, const char *s);
void out_buf(struct out *o, const struct buf *b);
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_drop(struct out *o);		/* what is pending is no result after all */
bool out_failed(const struct out *o);
/* Write what is pending; any failure so far: ERR_SYS or ERR_NO_SPACE. */
int out_flush(struct out *o, struct err *err);

#endif
