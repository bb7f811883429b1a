#ifndef FS_DIFFTREE_H
#define FS_DIFFTREE_H

/*
 * What differs between two trees of files: both are walked in step, and what has equal ids is
 * not read.  A side is a tree of the store, or whatever else can list directories in order.
 *
 * Memory: the directories on the way down, of each side, none wider than a piece of each level.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "objects/dir.h"
#include "objects/object.h"
#include "fs/pathset.h"

/*
 * One side.  Its entries are sorted by name, bytewise.  An entry may come without knowing its
 * content: a file that has a size, or a directory, whose content is CONTENT_NONE.  Such a file is
 * given to resolve() when only its bytes can tell whether it changed; such a directory is walked.
 */
struct diff_side {
	/* The directory at `path` ("" is the root, and then `e` is NULL), which `e` describes. */
	int (*open)(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		    void **dir_out, struct err *err);
	/* 1 and an entry, borrowed until the next call for this directory; 0 at the end. */
	int (*next)(void *data, void *dir, struct tree_entry *out, struct err *err);
	void (*close)(void *data, void *dir);
	/*
	 * Fill in content, id, data and size: 0; 1: it is not there any more.  What `e` then
	 * borrows is good until the next call.  May be NULL.
	 */
	int (*resolve)(void *data, const char *path, size_t path_len, struct tree_entry *e,
		       struct err *err);
	/* Pass over what two open directories have in common: dir_skip_same().  May be NULL. */
	int (*skip_same)(void *data, void *dir, void *other, struct err *err);
	void *data;
};

/* A tree of the store.  Both are borrowed. */
struct tree_side { const struct object_source *source; const struct oid *root; };
struct diff_side diff_side_tree(struct tree_side *side);

/* How two entries of one name differ. */
enum entry_difference {
	ENTRY_DIFFERS_TYPE = 1u << 0,
	ENTRY_DIFFERS_CONTENT = 1u << 1,	/* bytes, link target, device, what is below */
	ENTRY_DIFFERS_MTIME = 1u << 2,
	ENTRY_DIFFERS_MODE = 1u << 3,
	ENTRY_DIFFERS_OTHER = 1u << 4,		/* owners, xattrs, flags, holes, unknown ones */
};
/* 0: equal.  Names are not looked at. */
unsigned int entry_compare(const struct tree_entry *a, const struct tree_entry *b);
/* Is this an entry whose content its side has not said? */
bool entry_is_unresolved(const struct tree_entry *e);

enum change_status {
	CHANGE_ADDED = 'A', CHANGE_DELETED = 'D', CHANGE_CONTENT = 'M', CHANGE_TYPE = 'T',
	CHANGE_META = 'm', CHANGE_RENAMED = 'R',
};

struct change {
	enum change_status status;
	const char *path;		/* from the roots of both; all borrowed for the call */
	size_t path_len;
	const char *old_path;		/* CHANGE_RENAMED: where it was */
	size_t old_path_len;
	const struct tree_entry *old, *new;	/* NULL where there is none */
	unsigned int difference;	/* enum entry_difference, when both are there */
};

/*
 * Call `fn` for each change, in the order of a walk, a directory before what is in it.  `old` or
 * `new` may be NULL: there is nothing.  A directory that is there on one side only is reported
 * with all below it.  One that is there on both is reported as CHANGE_META, not if only its mtime
 * differs and something below it does too: that says no more than the change below.
 * `fn` answers 0; anything else stops and is returned.  `paths` may be NULL.
 */
int difftree(const struct diff_side *old, const struct diff_side *new, const struct path_set *paths,
	     int (*fn)(const struct change *c, void *data, struct err *err), void *data,
	     struct err *err);
/* The same for two trees of the store; an id may be NULL. */
int difftree_ids(const struct object_source *source, const struct oid *old, const struct oid *new,
		 const struct path_set *paths,
		 int (*fn)(const struct change *c, void *data, struct err *err), void *data,
		 struct err *err);

#endif
