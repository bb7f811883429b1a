#ifndef FS_ATTR_INTERNAL_H
#define FS_ATTR_INTERNAL_H

/* What attr-set.c and attr-diff.c share. */

#include <stddef.h>

struct attr_writer;

/* Bytes of the entry at hand, from the entry itself or from an object of their own. */
struct attr_loaded {
	const unsigned char *xattrs, *holes;
	size_t xattrs_len, holes_len;
};
const struct attr_loaded *attr_writer_loaded(const struct attr_writer *w);

#endif
