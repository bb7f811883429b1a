#ifndef FS_SCAN_H
#define FS_SCAN_H

/*
 * Walking what is under backup, and making trees of it.
 *
 * Folders are walked by several workers, depth first; what is in a folder before the folder.  A
 * folder is taken in windows of some thousand names, so that memory does not grow with it, a
 * window in batches that any worker may take.  What the stat cache knows is not read.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/progress.h"
#include "objects/sorter.h"
#include "objects/store.h"
#include "fs/rules.h"
#include "fs/sources.h"

/* A folder that is never backed up, and what that is called in the list of what was skipped. */
struct scan_skip {
	uint64_t dev, ino;
	const char *rule;
};

/* Something was left out, and by which rule. */
typedef void scan_left_out_fn(const char *path, size_t n, const char *rule, void *data);

struct scan_options {
	struct store *store;
	struct session *session;	/* NULL: nothing is stored, ids only */
	unsigned int workers;
	bool is_partial;		/* what HEAD has beside the wanted places is kept */
	bool one_fs;			/* -x */
	bool force;			/* read everything */
	const struct rules_options *rules;	/* NULL: nothing is left out by rules */
	const struct scan_skip *skip;
	size_t nr_skip;
	const char *const *mounts;	/* in frozen places: what is not frozen; absolute, sorted */
	size_t nr_mounts;
	const char *cache_dir;		/* of the stat cache, if it is there; NULL: none */
	const char *spill_dir;
	bool has_old;
	struct oid old_tree;		/* of HEAD */
	struct progress *progress;
	/* Told of each input that could not be read; by one thread at a time. */
	void (*problem)(const char *path, const char *op, int error, const char *text, void *data);
	/* Told of each file that is new or changed, if set; likewise. */
	void (*changed)(const char *path, bool is_new, void *data);
	void *data;
};

struct scan_counts {
	uint64_t files, dirs, others, bytes;		/* of the whole snapshot */
	uint64_t files_new, files_changed, files_unmodified;
	uint64_t bytes_read, blobs_bytes;
	uint64_t skipped, errors;
};

/*
 * Side lists as they come.  Records: hard links u64 device, u64 inode (both big-endian), path;
 * skipped, unreadable and git work trees: as scan_row_put() makes them, sorted by path_walk_cmp();
 * the error of a work tree is not 0 when something in it has changed.
 */
struct scan {
	struct oid tree;
	struct scan_counts counts;
	struct sorter *links, *skipped, *unreadable, *worktrees;
	bool has_changed;		/* anything looks other than the stat cache says */
	bool has_absent;
	struct scan_cache *caches;	/* one for each source that was walked */
};

/* What the walk leaves for the stat cache, to be put in place when the snapshot is durable. */
struct scan_cache {
	struct scan_cache *next;
	struct waypoint *place;
	unsigned int nr;		/* from 1 */
	char *source;			/* absolute path */
	struct statcache *old;		/* NULL: there was none */
	struct statwriter *writer;	/* NULL: nothing is stored */
	bool is_lasting;		/* to be put in place; else only read once */
	atomic_bool has_failed;		/* it could not be written */
	uint64_t root;			/* where the source's own record is */
};

/*
 * `root`: the places; those that are absent are marked.  What cannot be read is no error of this.
 * ERR_NOT_FOUND: what the stat cache names is not in the store; to be tried again with `force`.
 */
int scan_run(struct scan *out, const struct scan_options *o, struct waypoint *root,
	     struct err *err);
void scan_release(struct scan *s);
/* Put the stat caches in place.  Failing costs time next time, nothing else. */
int scan_keep_caches(struct scan *s, struct err *err);

struct scan_row { const unsigned char *path; size_t path_len; uint64_t error; const char *text; };
void scan_row_put(struct buf *out, const struct scan_row *row);
bool scan_row_parse(const unsigned char *p, size_t n, struct scan_row *out);

#endif
