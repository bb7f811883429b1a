#ifndef FS_SNAPSHOT_INTERNAL_H
#define FS_SNAPSHOT_INTERNAL_H

/* Parts of making a snapshot: side lists (snapshot-notes.c), a stream (snapshot-stream.c). */

#include "objects/builder.h"
#include "fs/snapshot.h"

struct notes_input {
	const struct object_sink *sink;
	struct store *store;
	const char *spill_dir;
	struct waypoint *root;
	struct scan *scan;
	bool is_partial;
	const struct commit *parent;	/* NULL: there is none */
	bool keeps_births;		/* nothing changed: the parent's list is right */
};

/* Appends to c->notes, in the order of kinds. */
int snapshot_notes(const struct notes_input *in, struct commit *c, struct err *err);

/* What came through a pipe: read once, and put into a tree as often as need be. */
struct stream_file {
	bool is_read;
	struct tree_entry entry;	/* but its name */
	struct buf data, attrs;
};
#define STREAM_FILE_INIT { .data = BUF_INIT, .attrs = BUF_INIT }

/*
 * Read o->stream_fd to its end, unless `file` has it already, and put it into the tree `base`
 * (NULL: an empty one) as the file o->stream_name: scan->tree is then the new tree.
 */
int snapshot_stream(const struct snapshot_options *o, const struct object_sink *sink,
		    const struct oid *base, struct stream_file *file, struct scan *scan,
		    struct err *err);
void stream_file_release(struct stream_file *file);

#endif
