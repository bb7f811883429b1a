#ifndef FS_TOUCHED_H
#define FS_TOUCHED_H

/* In which snapshots something changed at a path or below it, from the catalogue. */

#include "fs/timeline.h"

/*
 * Set `touched`, one for each slot of `t`, where the snapshot has another thing at `path`, or below
 * it, than the one before it in its line.  `path` has no slash at either end.
 */
int touched_mark(struct catalogue *c, const struct timeline *t, const char *path, bool *touched,
		 struct err *err);

#endif
