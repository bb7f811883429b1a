#ifndef FS_SOURCES_H
#define FS_SOURCES_H

/*
 * Paths under backup, as a tree of names from the root on: what a walk meets on its way to them.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

struct waypoint {
	char *name;			/* "" for the root */
	struct waypoint *parent, *child, *next;	/* children sorted by name */
	bool is_source;			/* ub add */
	bool is_wanted;			/* to be read now: a source, or a path that was named */
	bool is_made;			/* what a command prints, not what is on the disk */
	const struct buf *made;		/* its encoded entry, borrowed; NULL: as HEAD has it */
	/* found by the walk */
	bool is_absent;
	bool is_kept;			/* what HEAD has of it was carried over */
};

struct waypoint *waypoint_new_root(void);
void waypoint_free(struct waypoint *root);
/* The place of an absolute path, made if need be.  ERR_USAGE: not absolute, "..", too long. */
int waypoint_add(struct waypoint *root, const char *path, struct waypoint **out, struct err *err);
/* The child of this name, or NULL. */
struct waypoint *waypoint_child(const struct waypoint *p, const char *name, size_t n);
/* Its absolute path; sys_free() it. */
char *waypoint_path(const struct waypoint *p);
/* Is it, or anything above it, to be read? */
bool waypoint_is_covered(const struct waypoint *p);
/* Call `fn` for each wanted place, parents first, in order; non-zero stops and is returned. */
int waypoint_each(struct waypoint *root, int (*fn)(struct waypoint *p, void *data, struct err *err),
	       void *data, struct err *err);

/*
 * What a person typed, as the absolute path that is meant: relative to the current folder, dots and
 * slashes taken out, links above it followed; and itself, if it is a link to a folder.  A path that
 * is not there stays as it was written.  sys_free() it; NULL with `err`.
 */
char *source_resolve(const char *typed, struct err *err);
/* The same, but a link to a folder is the link. */
char *source_resolve_itself(const char *typed, struct err *err);

#endif
