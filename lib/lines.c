/*
 * Reading records.
 */
#include <errno.h>
#include <string.h>

#include "lib/sys.h"

#include "lib/lines.h"

#define READ_SIZE ((size_t)16 << 10)

void lines_init(struct lines *l, int fd, const char *name, char stop, size_t max)
{
	*l = (struct lines){ .fd = fd, .name = name, .stop = stop, .max = max };
	buf_init_max(&l->held, SIZE_MAX);
}

void lines_release(struct lines *l)
{
	buf_release(&l->held);
}

static int more(struct lines *l, struct err *err)
{
	buf_consume(&l->held, l->at);
	l->at = 0;
	if (l->held.len > l->max)
		return err_set(err, ERR_USAGE, "a line of '%s' is longer than %zu bytes", l->name,
			       l->max);
	ssize_t got = sys_read(l->fd, buf_extend(&l->held, READ_SIZE), READ_SIZE);
	buf_truncate(&l->held, l->held.len - READ_SIZE + (got > 0 ? (size_t)got : 0));
	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return err_sys(err, "read '%s'", l->name);
	l->is_eof = got == 0;
	return 0;
}

int lines_next(struct lines *l, const char **p, size_t *n, struct err *err)
{
	size_t looked = 0;

	for (;;) {
		size_t left = l->held.len - l->at;
		char *start = (char *)l->held.data + l->at;
		char *end = left > looked ? memchr(start + looked, l->stop, left - looked) : NULL;
		if (end || (l->is_eof && left > 0)) {
			*n = end ? (size_t)(end - start) : left;
			start[*n] = '\0';
			*p = start;
			l->at += *n + (end != NULL);
			return 1;
		}
		if (l->is_eof)
			return 0;
		looked = left;
		int ret = more(l, err);
		if (ret < 0)
			return ret;
	}
}
