#ifndef FS_HISTORY_COMPARE_H
#define FS_HISTORY_COMPARE_H

/* One snapshot into the catalogue: compared with the one before it in its line. */

#include "objects/catalogue.h"
#include "objects/store.h"

/* The snapshot `id`, if it is not there yet; within a transaction. */
int history_add(struct catalogue *c, struct store *st, const struct oid *id, struct err *err);

#endif
