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
	scan_left_out_fn *left_out;	/* told of what was, sorted; NULL: nobody wants to know */
	void *data;
};

/* Appends to c->notes, in the order of kinds. */
int snapshot_notes(const struct notes_input *in, struct commit *c, struct err *err);

/* The rows of one of HEAD's lists, one after the other. */
struct kept_rows {
	const struct notes_input *in;
	uint64_t kind;
	bool takes_all;			/* not only rows that still hold */
	size_t next;			/* among the parent's notes */
	struct buf raw;
	struct note note;
	struct note_iter it;
	bool has_note, has_row;
	struct note_row row;
};
void kept_init(struct kept_rows *k, const struct notes_input *in, uint64_t kind);
/* The next row into k->row; has_row false: there is none. */
int kept_next(struct kept_rows *k, struct err *err);
void kept_release(struct kept_rows *k);
/* Was this path carried over from HEAD? */
bool kept_is(const struct notes_input *in, const unsigned char *path, size_t n);
/* The list is at its end: into the commit. */
int note_list_end(struct note_builder *b, struct commit *c, struct err *err);

/* snapshot-worktrees.c: branch, commit and state of each git work tree. */
int snapshot_worktrees(const struct notes_input *in, struct commit *c, struct err *err);

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

/* What a command printed, or why it has nothing to show for it (snapshot-command.c). */
struct made_file {
	struct stream_file file;
	bool is_done, has_old, is_same;
	uint64_t old_size;
	struct buf entry;		/* encoded, if it is not the same as before */
	struct err failed;
};
/*
 * Run the commands of `o`, those that `made` does not have yet, and tell their places what came of
 * it.  One that fails leaves its place as HEAD has it.
 */
int snapshot_run_commands(const struct snapshot_options *o, const struct object_sink *sink,
			  const struct oid *old_tree, struct made_file *made, struct err *err);
/* After the walk: counts, and what failed into the list of what could not be read. */
int snapshot_count_commands(const struct snapshot_options *o, const struct made_file *made,
			    struct scan *scan, struct err *err);
void made_file_release(struct made_file *made);
/* Read what comes from `fd` into `file`, with an entry of ours. */
int stream_read(const struct snapshot_options *o, const struct object_sink *sink, int fd,
		const char *name, struct stream_file *file, struct err *err);

#endif
