#ifndef BUILTIN_VERIFY_AGAINST_H
#define BUILTIN_VERIFY_AGAINST_H

/* `ub verify --against`: is the disk as a snapshot has it, to the last byte? */

#include "fs/pathset.h"
#include "objects/oid.h"
#include "builtin/ub.h"

struct verify_against {
	uint64_t different;		/* what was printed */
	uint64_t problems;		/* not compared, which was said */
	uint64_t bytes;			/* read from the disk and hashed */
};

/* Print what differs between the snapshot and the disk, as `ub diff` does. */
int verify_against(struct ub *ub, const struct oid *commit, const struct path_set *paths,
		   struct verify_against *out, struct err *err);

#endif
