#ifndef FS_PATHSET_H
#define FS_PATHSET_H

/*
 * Paths that something is limited to, as `-- PATH...` gives them: each stands for itself and all
 * below it.  No path at all stands for everything.
 */

#include <stdbool.h>
#include <stddef.h>

struct path_set {
	char **paths;		/* clean, sorted as path_walk_cmp() does, none below another */
	size_t nr;
	bool is_all;		/* one of them was the root */
};
#define PATH_SET_INIT { NULL, 0, false }

enum path_match {
	PATH_OUT,		/* neither it nor anything below is wanted */
	PATH_ABOVE,		/* something below may be */
	PATH_IN,		/* it and all below */
};

/* Paths in a snapshot: absolute, the leading slash left out or not. */
void path_set_add(struct path_set *set, const char *path);
void path_set_release(struct path_set *set);
/* `path` without slash at either end. */
enum path_match path_set_match(const struct path_set *set, const char *path, size_t path_len);

#endif
