#ifndef FS_SNAPSHOT_H
#define FS_SNAPSHOT_H

/*
 * Making a snapshot: walk, side lists, commit, ref.  In the order of objects/store.c: what the
 * walk stored and the commit are durable and indexed before the ref moves, and nothing is said to
 * be done before that.
 */

#include "fs/scan.h"
#include "refs/refs.h"

struct snapshot_command;

struct snapshot_options {
	struct scan_options scan;	/* but `session`, `old_tree`: those are set here */
	struct refs *refs;
	struct waypoint *root;
	const char *device;		/* what the commit is told */
	const char *const *message;	/* paragraphs */
	size_t nr_message;
	const char *const *tags;
	size_t nr_tags;
	bool skip_if_unchanged, dry_run;
	scan_left_out_fn *left_out;	/* after the walk, sorted; NULL: nobody wants to know */
	unsigned int lock_wait;		/* seconds */
	/* Content of standard input or of a command as one file; fd -1: none. */
	int stream_fd;
	const char *stream_name;	/* absolute path in the snapshot */
	int (*stream_end)(void *data, struct err *err);	/* did all of it come?  May be NULL */
	void *stream_data;
	struct snapshot_command *commands;	/* whose output is a file; run before the walk */
	size_t nr_commands;
	unsigned int timeout_s;		/* of each */
};

/* A source that is what a command prints. */
struct snapshot_command {
	const char *name;		/* of the file, in the root */
	const char *command;
	struct waypoint *place;
};

struct snapshot {
	struct oid commit, tree;	/* the commit is zero when there is none */
	bool has_parent;
	struct oid parent;
	bool is_unchanged;		/* the parent's tree; with skip_if_unchanged no commit */
	bool is_incomplete;
	struct scan_counts counts;
	uint64_t bytes_new, bytes_stored;
	uint64_t absent;		/* sources */
};

/*
 * ERR_REFUSED: no source is there at all.  What could not be read was told to scan.problem; it is
 * counted in counts.errors, and is_incomplete is set.
 */
int snapshot_make(struct snapshot *out, const struct snapshot_options *o, struct err *err);

#endif
