#ifndef OBJECTS_STORE_VIEW_H
#define OBJECTS_STORE_VIEW_H

/* The store as those parts want it that know objects but no store: directories, text of trees;
 * and objects of it decoded. */

#include "objects/dir.h"
#include "objects/store.h"
#include "objects/treetext.h"

struct object_source store_source(struct store *st);
struct treetext_store store_treetext(struct store *st);
/*
 * Read the snapshot `id` into `out`, which is COMMIT_INIT.  ERR_NOT_FOUND; ERR_CORRUPT: damaged,
 * or of another type.
 */
int store_read_commit(struct store *st, const struct oid *id, struct commit *out, struct err *err);
/* All bytes of a file, wherever they stand, to `fn` in order; a link's target, too. */
int store_read_entry(struct store *st, const struct tree_entry *e,
		     int (*fn)(const void *p, size_t n, void *data, struct err *err), void *data,
		     struct err *err);

#endif
