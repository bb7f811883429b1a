#ifndef FS_FREEZE_H
#define FS_FREEZE_H

/*
 * Snapshots of file systems, for the time of a walk: sources are read as they were at one moment.
 *
 * Of what is made a record is kept in a folder of ours, durable before it is made and removed after
 * it is gone; what a process that died left behind is removed by the next one.
 */

#include "lib/err.h"
#include "fs/sources.h"

enum freeze_mode { FREEZE_NONE, FREEZE_BTRFS, FREEZE_COMMAND };

struct freeze_options {
	enum freeze_mode mode;
	const char *state_dir;		/* where records are; made if need be */
	const char *create, *remove;	/* FREEZE_COMMAND; create prints where to read */
	unsigned int timeout_s;
	/* What could not be removed, and will be tried again. */
	void (*remark)(const char *path, const char *what, void *data);
	void *data;
};

#define FREEZE_PREFIX ".ub-snapshot-"

struct freeze;

/*
 * Freeze the wanted places that are folders: with FREEZE_BTRFS those that are on btrfs, one
 * snapshot of each subvolume; with FREEZE_COMMAND all.  Their `frozen` descriptors are closed by
 * the end.
 */
int freeze_begin(struct freeze **out, const struct freeze_options *o, struct waypoint *root,
		 struct err *err);
/* Where other file systems are mounted, which are read as they are: absolute, sorted. */
const char *const *freeze_mounts(const struct freeze *f, size_t *nr_out);
/* Remove what was made.  NULL is fine. */
void freeze_end(struct freeze *f);
/* Remove what dead processes left. */
int freeze_clean(const struct freeze_options *o, struct err *err);

#endif
