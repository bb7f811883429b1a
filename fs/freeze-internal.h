#ifndef FS_FREEZE_INTERNAL_H
#define FS_FREEZE_INTERNAL_H

/* What btrfs does (freeze-btrfs.c), as freeze.c asks for it. */

#include "lib/err.h"

/* The root of the subvolume that holds an open folder, by its path: 1; 0: it is not on btrfs. */
int btrfs_find_root(int fd, const char *path, char **root_out, struct err *err);
/* A snapshot of the subvolume at `root`, read-only, as `name` in it. */
int btrfs_snapshot(const char *root, const char *name, struct err *err);
/* An absent snapshot is fine, but the subvolume has to be there. */
int btrfs_remove(const char *root, const char *name, struct err *err);

#endif
