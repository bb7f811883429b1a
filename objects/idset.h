#ifndef OBJECTS_IDSET_H
#define OBJECTS_IDSET_H

/* A set of object ids in memory: what a session has taken on and the index does not know yet. */

#include <stdbool.h>
#include <stddef.h>

#include "objects/oid.h"

struct idset {
	struct oid *slots;	/* open addressing; the zero id is an empty slot */
	size_t nr, alloc;	/* alloc: a power of two */
};
#define IDSET_INIT { NULL, 0, 0 }

void idset_release(struct idset *s);
bool idset_has(const struct idset *s, const struct oid *id);
bool idset_add(struct idset *s, const struct oid *id);		/* false: it was there */
void idset_remove(struct idset *s, const struct oid *id);

#endif
