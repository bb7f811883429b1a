#ifndef FS_RESTORE_H
#define FS_RESTORE_H

/*
 * A snapshot back onto a file system: all of it or some paths, in parallel, only what differs.
 *
 *  1. Nothing is made, changed or removed outside the target: every step goes from an open folder
 *     to a name in it and follows no link.
 *  2. A file appears under its name whole, with all it carries, or not at all: it is made under a
 *     temporary name beside it and renamed.
 *  3. What is there is replaced only as `overwrite` says, and removed only under `remove_extra`.
 *  4. Success means that all of it is on the disk.
 *
 * Memory: a few entries, a chunk and what is on the way down for each worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/progress.h"
#include "objects/object.h"
#include "objects/store.h"

enum restore_overwrite {
	RESTORE_KEEP,		/* what differs stays, and is told */
	RESTORE_ALWAYS,		/* what differs is replaced; content is compared */
	RESTORE_IF_CHANGED,	/* the same, but equal size and time count as equal content */
	RESTORE_IF_NEWER,	/* only what is older than the snapshot's is replaced */
	RESTORE_NEVER,		/* what is there stays as it is */
};

enum restore_mode {
	RESTORE_DO,
	RESTORE_PLAN,		/* tell what would be done, and do nothing */
	RESTORE_VERIFY,		/* compare what is there with the snapshot, byte by byte */
};

enum restore_action {
	RESTORE_CREATED,
	RESTORE_UPDATED,	/* other content */
	RESTORE_REPLACED,	/* another type, or another link or device */
	RESTORE_LINKED,		/* a hard link to another path */
	RESTORE_ADJUSTED,	/* only what it carries beside content */
	RESTORE_SAME,
	RESTORE_DELETED,
	RESTORE_LEFT,		/* differs and is kept: RESTORE_KEEP */
	RESTORE_PASSED,		/* is kept by if-newer or never */
};

/* A file or folder that cannot be told by its name alone: by where it is. */
struct restore_guard { uint64_t dev, ino; };

struct restore_event {
	enum restore_action action;
	const char *path;		/* from the target, borrowed for the call */
	size_t path_len;
	enum entry_type type;		/* of the snapshot's, or of what is deleted */
	uint64_t size;			/* of a file */
};

struct restore_problem {
	const char *path;		/* from the target, borrowed for the call */
	size_t path_len;
	const char *op;			/* "set owner"; "content differs" */
	int error;			/* errno, or 0 */
	const char *text;		/* more about it, or "" */
	bool is_damage;			/* the repository's: nothing was made under the name */
};

struct restore_job {
	struct store *store;
	struct oid tree;
	const struct commit *commit;	/* for its notes; NULL: none */
	const char *target;		/* a folder; NULL, with RESTORE_PLAN: one to be made */
	/* What to restore, without leading slash, sorted by path_walk_cmp(), none below another;
	 * none at all: everything. */
	char **paths;
	size_t nr_paths;
	enum restore_overwrite overwrite;
	enum restore_mode mode;
	bool remove_extra;		/* what the snapshot has not, below restored folders */
	bool by_name;			/* owners by name, where it is known here */
	const struct restore_guard *guards;	/* folders never gone into nor removed */
	size_t nr_guards;
	unsigned int workers;
	enum progress_mode progress;

	/* One at a time, from any thread.  `event` may be NULL; RESTORE_SAME is not told. */
	void (*event)(const struct restore_event *e, void *data);
	void (*problem)(const struct restore_problem *p, void *data);
	void *data;
};

struct restore_stats {
	uint64_t created, updated, replaced, linked, adjusted, same, deleted, left, passed;
	/* `same`, `adjusted` and this one are of all types but folders. */
	uint64_t files_restored;
	uint64_t bytes_written;		/* content */
	uint64_t bytes_planned;		/* content that would be written */
	uint64_t problems, damaged;
};

/*
 * Negative: it ended early.  ERR_NOT_FOUND: a path is not in the snapshot, nothing was done.
 * ERR_NO_SPACE: the target is full.  Single files that fail are told and counted instead.
 */
int restore_run(const struct restore_job *job, struct restore_stats *out, struct err *err);

#endif
