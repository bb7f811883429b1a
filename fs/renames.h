#ifndef FS_RENAMES_H
#define FS_RENAMES_H

/*
 * Files that moved: of what was deleted and what was added, those of equal content are a pair.
 * Takes the changes of a walk and gives them on in the same order, a pair as one.
 *
 *	rn = renames_new(&side, fn, data)
 *	difftree(..., renames_take, rn, err)
 *	renames_finish(rn, err)
 *
 * Memory: changes are held until the end, RENAMES_MAX of them and RENAMES_BYTES_MAX bytes.  Above
 * that all are given on as they are: renames_gave_up().
 */

#include <stdbool.h>

#include "lib/err.h"
#include "fs/difftree.h"

#define RENAMES_MAX 40000
#define RENAMES_BYTES_MAX ((size_t)16 << 20)

struct renames;

/* `new_side` gives the content of what was added, if it has not; may be NULL.  Borrowed. */
struct renames *renames_new(const struct diff_side *new_side,
			    int (*fn)(const struct change *c, void *data, struct err *err),
			    void *data);
void renames_free(struct renames *rn);
/* `data` is the struct renames: for difftree(). */
int renames_take(const struct change *c, void *data, struct err *err);
/* Pair, and give on what is held. */
int renames_finish(struct renames *rn, struct err *err);
bool renames_gave_up(const struct renames *rn);

#endif
