#ifndef BUILTIN_CATALOGUE_H
#define BUILTIN_CATALOGUE_H

/* The catalogue of the repository that a command has open. */

#include "objects/catalogue.h"
#include "builtin/ub.h"

/*
 * `fn` with the catalogue, whole, and with `also` (may be NULL) in it; made (again) if need be,
 * which is said.  Where it cannot be written, or is a newer ub's, one is made in memory, which is
 * said as well.  When `fn` finds it damaged (ERR_CORRUPT) it is called once more with another.
 */
int repo_with_catalogue(struct ub *ub, const struct oid *also,
			int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
			struct err *err);
/*
 * For what can also be found without: 1: `fn` has done it; 0: there is no catalogue that needs
 * nothing done first, or `fn` did not get through.
 */
int repo_try_catalogue(struct ub *ub, const struct oid *also,
		       int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
		       struct err *err);
/* After a snapshot: what keeps it from being written is one warning. */
void repo_update_catalogue(struct ub *ub);
int repo_rebuild_catalogue(struct ub *ub, struct err *err);

#endif
