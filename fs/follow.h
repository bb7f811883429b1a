#ifndef FS_FOLLOW_H
#define FS_FOLLOW_H

/*
 * Where something that came was before, by its content: what `ub log --follow` goes on with.
 * Empty files and folders are alike without having moved, so they were nowhere.
 */

#include "objects/dir.h"
#include "objects/treetext.h"
#include "fs/timeline.h"

/*
 * Of what the tree `old` has and `new` has not, a path with the content of `e`, which stands at
 * `path`: of several one of the same base name, else the first.  1, and it is appended; 0: none.
 */
int follow_moved(const struct object_source *source, const struct oid *old, const struct oid *new,
		 const char *path, const struct tree_entry *e, struct buf *out, struct err *err);
/*
 * The same of what the snapshot `at` has, from the catalogue.  `text` gives ids of content that
 * stands in trees.
 */
int follow_copied(struct catalogue *c, const struct timeline *t, const struct oid *at,
		  const struct treetext_store *text, const char *path, const struct tree_entry *e,
		  struct buf *out, struct err *err);

#endif
