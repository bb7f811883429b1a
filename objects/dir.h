#ifndef OBJECTS_DIR_H
#define OBJECTS_DIR_H

/*
 * Reading a directory of any length: the entries of a tree, over all its pieces, in order.
 * Memory: one object of each level (most directories have one level, a million entries three).
 */

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/object.h"

struct object_source {
	/* `out` is replaced.  ERR_NOT_FOUND, ERR_CORRUPT (also: it is of another type). */
	int (*get)(void *data, const struct oid *id, enum obj_type type, struct buf *out,
		   struct err *err);
	void *data;
};

struct dir_reader;

/* Open the directory `id`.  Pieces are checked against what names them. */
int dir_open(struct dir_reader **out, const struct object_source *src, const struct oid *id,
	     struct err *err);
/* 1 and an entry, borrowed until the next call; 0 at the end; negative. */
int dir_next(struct dir_reader *d, struct tree_entry *out, struct err *err);
/*
 * Pass over pieces that both name next: what is left are entries that may differ.  To be called
 * where neither has an entry in hand that the other lacks.
 */
int dir_skip_same(struct dir_reader *a, struct dir_reader *b, struct err *err);
/* Entries in all. */
uint64_t dir_count(const struct dir_reader *d);
void dir_close(struct dir_reader *d);

/*
 * Find one name, reading one object of each level: 1 and the entry, borrowed from `hold` (the
 * caller's, replaced); 0: there is none; negative.
 */
int dir_find(const struct object_source *src, const struct oid *id, const void *name,
	     size_t name_len, struct tree_entry *out, struct buf *hold, struct err *err);

/*
 * What stands at `path` below the directory `root`, which is not empty and has no slash at either
 * end; the entry borrows from `hold`.  ERR_NOT_FOUND says how far the path goes.
 */
int dir_find_path(const struct object_source *src, const struct oid *root, const char *path,
		  struct tree_entry *out, struct buf *hold, struct err *err);

/*
 * Every entry below `id`, a directory before what is in it: `fn` gets its path from there.
 * It answers 0 to go on, DIR_WALK_SKIP to stay out of the directory it was shown, or negative.
 * Memory: the directories on the way down, none wider than a piece of each level.
 */
#define DIR_WALK_SKIP 1
int dir_walk(const struct object_source *src, const struct oid *id,
	     int (*fn)(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		       struct err *err), void *data, struct err *err);

#endif
