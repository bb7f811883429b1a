#ifndef BUILTIN_CATALOGUE_H
#define BUILTIN_CATALOGUE_H

/* The catalogue of the repository that a command has open. */

#include "objects/catalogue.h"
#include "builtin/ub.h"

/* For reading, whole: made (again) if need be, which is said.  ERR_FORMAT: a newer ub's. */
int repo_open_catalogue(struct ub *ub, struct catalogue **out, struct err *err);
/* After a snapshot: what keeps it from being written is one warning. */
void repo_update_catalogue(struct ub *ub);
int repo_rebuild_catalogue(struct ub *ub, struct err *err);

#endif
