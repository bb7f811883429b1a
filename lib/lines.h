#ifndef LIB_LINES_H
#define LIB_LINES_H

/* Records from a file, one by one, each ending in a newline or a NUL; the last need not. */

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

struct lines {
	int fd;
	const char *name;	/* for messages; borrowed */
	char stop;
	size_t max;		/* of one record: more is ERR_USAGE */
	struct buf held;
	size_t at;
	bool is_eof;
};

void lines_init(struct lines *l, int fd, const char *name, char stop, size_t max);
void lines_release(struct lines *l);
/* 1 and the record without its end, NUL behind it, borrowed until the next call; 0 at the end. */
int lines_next(struct lines *l, const char **p, size_t *n, struct err *err);

#endif
