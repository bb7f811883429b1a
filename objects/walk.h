#ifndef OBJECTS_WALK_H
#define OBJECTS_WALK_H

/*
 * Is all that an object reaches there?  Visits each object once, however often it is named: a bit
 * per row of the index is all that is kept.  Opens commits, trees, lists; blobs and notes only
 * have to be in the index.  The index must not be rebuilt while a walk lives.
 */

#include "objects/store.h"

struct walk;

/* `bad` is told of each object that is missing (code ERR_NOT_FOUND) or damaged. */
struct walk *walk_new(struct store *st,
		      int (*bad)(const struct oid *id, int code, const char *what, void *data,
				 struct err *err), void *data);
void walk_free(struct walk *w);
int walk_from(struct walk *w, const struct oid *id, enum obj_type type, struct err *err);

#endif
