#ifndef OBJECTS_OBJECT_INTERNAL_H
#define OBJECTS_OBJECT_INTERNAL_H

/* What the encodings of objects share; for objects/ alone. */

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/reader.h"
#include "objects/object.h"

#define OBJECT_VERSION 0

/* Version and flags, which stand at the head of every object but a blob. */
void object_put_head(struct buf *out, uint8_t flags);
/* ERR_CORRUPT: no room for a head.  ERR_FORMAT: another version, or a flag not in `known`. */
int object_head(struct reader *r, const char *what, uint8_t known, uint8_t *flags_out,
		struct err *err);

/* No two fields out of order, unknown critical ones refused: attributes and commit extensions. */
int attrs_check(const struct tree_entry *e, struct err *err);

#endif
