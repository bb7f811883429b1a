#ifndef BUILTIN_SOURCE_LIST_H
#define BUILTIN_SOURCE_LIST_H

/* This device's sources, as the repository's configuration has them: source.<device>.path. */

#include "fs/sources.h"
#include "builtin/repo.h"

/* The key; sys_free() it. */
char *source_list_key(struct ub *ub);
/* The file that has them; sys_free() it. */
char *source_list_file(struct ub *ub);
/* Mark every source in the tree of places. */
int source_list_load(struct ub *ub, struct waypoint *root, struct err *err);
/* Put a resolved path under backup.  1: done; 0: it was already. */
int source_list_add(struct ub *ub, struct waypoint *root, const char *path, struct err *err);
/*
 * Sources that are commands, source.<device>.exec: "NAME COMMAND".  `fn` answers 0, or what is
 * returned.
 */
int source_list_each_command(struct ub *ub,
			     int (*fn)(const char *name, const char *command, void *data,
				       struct err *err), void *data, struct err *err);
int source_list_add_command(struct ub *ub, const char *name, const char *command, struct err *err);
/* 1: done; 0: there is none of this name, with or without a slash in front. */
int source_list_remove_command(struct ub *ub, const char *name, struct err *err);
/* Is the path in the repository itself, wherever its parts are, in a cache, or in ub's state? */
bool source_list_is_own(struct ub *ub, const char *path);

#endif
