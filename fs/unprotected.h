#ifndef FS_UNPROTECTED_H
#define FS_UNPROTECTED_H

/*
 * What of a home folder no source covers, how much that is, and since when.
 *
 * Parts are what lies in the folder itself; where a source lies in one of them, what lies beside
 * that source, and so on down to it.  Links are no parts, nor is what is on another file system.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "fs/scan.h"

struct unprotected {
	char *path;			/* absolute */
	uint64_t bytes, files;		/* sizes as files have them, holes and all */
	bool is_complete;		/* else there is more than that */
	int64_t since_s;		/* birth of the part, or when it last changed */
	uint32_t since_ns;
};

struct unprotected_list {
	struct unprotected *v;		/* largest first */
	size_t nr, alloc;
	bool is_cut;			/* there are more parts than are listed */
};
#define UNPROTECTED_LIST_INIT { NULL, 0, 0, false }

struct unprotected_limits {
	uint64_t time_ns, entries;	/* shared out among the parts */
	size_t parts;
};

/*
 * `root` has the sources.  Folders in `skip` are left out, wherever they are.  What cannot be read
 * makes a part incomplete.  ERR_SYS: the home folder itself cannot be read; ERR_NOT_FOUND: it is
 * not there.
 */
int unprotected_find(struct unprotected_list *out, const char *home, const struct waypoint *root,
		     const struct scan_skip *skip, size_t nr_skip,
		     const struct unprotected_limits *limits, struct err *err);
void unprotected_list_release(struct unprotected_list *list);

#endif
