#ifndef FS_HISTORY_PATH_H
#define FS_HISTORY_PATH_H

/* What the catalogue tells of one path: in which snapshots it changed, and where it came from. */

#include "objects/catalogue.h"

/* A mark for each snapshot of the catalogue, by its nr. */
struct history_marks { bool *v; int64_t nr; };
#define HISTORY_MARKS_INIT { NULL, 0 }
void history_marks_release(struct history_marks *m);
static inline bool history_marks_has(const struct history_marks *m, int64_t nr)
{
	return nr > 0 && nr < m->nr && m->v[nr];
}

/* Mark the snapshots in which `path`, or something below it, is not as in the one before. */
int history_mark(struct catalogue *c, const char *path, struct history_marks *m, struct err *err);

/*
 * Files that had the content of `path` when snapshot `nr` added it: those that the same snapshot
 * deleted, or else those that were there before.  `fn` answers 1 to stop there, which is returned.
 */
int history_origins(struct catalogue *c, const char *path, int64_t nr,
		    int (*fn)(const char *origin, void *data, struct err *err), void *data,
		    struct err *err);

#endif
