#ifndef BUILTIN_FREEZE_SETUP_H
#define BUILTIN_FREEZE_SETUP_H

/* Snapshots of file systems, as settings ask for them: snapshot.mode, .create, .remove. */

#include "fs/freeze.h"
#include "builtin/repo.h"

struct freeze_setup {
	struct freeze_options o;
	struct buf create, remove;
	char *state_dir;
	struct freeze *freeze;		/* NULL: nothing is frozen */
};

/* What dead processes left is removed, and what is wanted frozen. */
int freeze_setup_begin(struct freeze_setup *f, struct ub *ub, struct waypoint *root,
		       struct err *err);
void freeze_setup_end(struct freeze_setup *f);

#endif
