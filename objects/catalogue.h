#ifndef OBJECTS_CATALOGUE_H
#define OBJECTS_CATALOGUE_H

/*
 * The catalogue: what changed in which snapshot, so that a name is found without opening one.
 * Its format is ub-format-catalogue(5).  It repeats what the objects say, decides nothing about
 * what is kept, and can be made again at any time; fs/history.h fills and opens it.
 *
 * A line is the sequence of one device's snapshots.  Each is compared with the one before it in
 * its line; what differs in one directory is a batch: the names, one after the other, each ended
 * by NUL, and beside them a fact for each.  A version lasts until the next batch of its line and
 * directory that has its name.  Of these nothing is ever changed, only added.
 *
 * Beside them, what no object says: which packs there are and when each was last read to its end,
 * and which commands were run.  Made again, it knows of no reading and no run.
 *
 * One process writes, or several read.  A handle belongs to one thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "crypto/keys.h"
#include "objects/index.h"

struct catalogue;

enum catalogue_flags {
	CATALOGUE_WRITE = 1u << 0,
	CATALOGUE_NEW = 1u << 1,	/* with WRITE: what is there is thrown away unread */
	CATALOGUE_IN_MEMORY = 1u << 2,	/* with WRITE: nothing is read or written; no path */
};

/*
 * Without WRITE: ERR_NOT_FOUND when there is none.  ERR_CORRUPT: damaged, or of an older version:
 * it is to be made again.  ERR_FORMAT: of a newer version.  ERR_BUSY.
 */
int catalogue_open(struct catalogue **out, const char *path, const struct keys *keys,
		   unsigned int flags, unsigned int wait_ms, struct err *err);
/* What was written since the last catalogue_commit() is given up. */
void catalogue_close(struct catalogue *c);
/* From writing to reading: others may read from now on, and what is read stays as it is. */
int catalogue_keep_reading(struct catalogue *c, struct err *err);

/* -- commits -- */

struct catalogue_commit {
	int64_t nr;			/* 1, 2, ...: in the order of being added, parents first */
	struct oid id;
	int64_t time_s;
	uint32_t time_ns;
	int32_t time_offset;
	int64_t line;			/* nr of the line's first commit */
	int64_t prev;			/* the one before it in the line; 0: none */
	bool is_linear;			/* ... and that is its first parent */
	bool incomplete;
	uint64_t files, dirs, bytes;
	struct oid tree;
	const struct oid *parents;	/* borrowed, as the strings: see the call */
	size_t nr_parents;
	const char *device, *message;
};

/* By nr, by id: what they borrow is good until the next of these two calls.  ERR_NOT_FOUND. */
int catalogue_commit_by_nr(struct catalogue *c, int64_t nr, struct catalogue_commit *out,
			   struct err *err);
int catalogue_commit_by_id(struct catalogue *c, const struct oid *id,
			   struct catalogue_commit *out, struct err *err);
/* All, by nr; borrowed for the call.  A non-zero answer stops and is returned. */
int catalogue_each_commit(struct catalogue *c,
			  int (*fn)(const struct catalogue_commit *k, void *data, struct err *err),
			  void *data, struct err *err);

/* -- directories: id 1 is the root of all snapshots -- */

#define CATALOGUE_ROOT 1

/* Its path without slashes at the ends ("" is the root), appended to `out`. */
int catalogue_dir_path(struct catalogue *c, int64_t dir, struct buf *out, struct err *err);
/* ERR_NOT_FOUND: nothing was ever in a directory of that path. */
int catalogue_dir_find(struct catalogue *c, const char *path, size_t path_len, int64_t *dir_out,
		       struct err *err);
/* The directories whose parent is `dir`. */
int catalogue_each_subdir(struct catalogue *c, int64_t dir,
			  int (*fn)(int64_t sub, const char *name, size_t name_len, void *data,
				    struct err *err), void *data, struct err *err);

/* -- batches -- */

enum catalogue_change { CATALOGUE_ADDED = 1, CATALOGUE_CHANGED = 2, CATALOGUE_DELETED = 3 };

struct catalogue_fact {
	enum catalogue_change kind;
	uint8_t type;			/* enum entry_type: what it is now, or last was */
	uint16_t mode;
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	bool has_mtime;
	bool has_id;
	/*
	 * Of its content: the blob, list or tree that it is, or would be if it stood by itself.
	 * Of a device not that, but its numbers.
	 */
	struct oid id;
};

struct catalogue_batch {
	int64_t nr;			/* of its row: rises with commit_nr */
	uint32_t first;			/* number of its first name in the row */
	int64_t dir, commit_nr;
	uint32_t count;			/* of names: what the row says */
	const char *names;		/* a name and a NUL, each, sorted bytewise; ends in NUL */
	size_t names_size;
};

/* Batches of one commit, one after the other, so that their names lie in one piece. */
struct catalogue_row {
	int64_t nr, commit_nr;
	const char *names;		/* of all of them */
	size_t names_size;
	const unsigned char *parts;	/* what catalogue_next_batch() has not given yet */
	size_t parts_size;
	const char *next;		/* its names: at first `names` */
	uint32_t first;
};

/* 1: the next batch of the row; 0: no more; ERR_CORRUPT. */
int catalogue_next_batch(struct catalogue_row *r, struct catalogue_batch *out, struct err *err);
/*
 * All rows, by nr, as fast as they can be read; what is borrowed is for the call.  `fn` may make
 * any other call of this header but another of these.  A non-zero answer stops and is returned.
 */
int catalogue_each_row(struct catalogue *c,
		       int (*fn)(struct catalogue_row *r, void *data, struct err *err), void *data,
		       struct err *err);
/* The batches of one directory, or of one commit, by nr; one commit may have several of one. */
int catalogue_each_batch_of(struct catalogue *c, int64_t dir,
			    int (*fn)(const struct catalogue_batch *b, void *data,
				      struct err *err), void *data, struct err *err);
int catalogue_each_batch_in(struct catalogue *c, int64_t commit_nr,
			    int (*fn)(const struct catalogue_batch *b, void *data,
				      struct err *err), void *data, struct err *err);
/* The facts of a batch, in the order of its names, `count` of them: sys_free(*out). */
int catalogue_facts(struct catalogue *c, const struct catalogue_batch *b,
		    struct catalogue_fact **out, struct err *err);

/* -- runs: what was done to the repository as a whole -- */

#define CATALOGUE_SHARE_ALL 1000000

struct catalogue_run {
	int64_t nr;
	const char *what;		/* the command */
	int64_t time_s;			/* when it began */
	uint32_t time_ns;
	uint64_t ms;			/* that it took */
	int status;			/* its exit status */
	bool has_commit;
	struct oid commit;		/* that it made, or looked at */
	uint32_t share;			/* of a million frames of content it opened so many */
	uint64_t objects, bytes;	/* stored, or opened */
	uint64_t damaged, missing;	/* that it found, and could not heal */
	const char *message;		/* why it failed; "" */
};

/* The newest first; borrowed for the call.  A non-zero answer stops and is returned. */
int catalogue_each_run(struct catalogue *c,
		       int (*fn)(const struct catalogue_run *r, void *data, struct err *err),
		       void *data, struct err *err);

/* -- packs -- */

struct catalogue_pack {
	struct pack_id id;
	enum pack_kind kind;
	uint64_t size, objects;
	int64_t read_s;			/* when all of it was last hashed; 0: never */
	bool is_damaged;		/* ... and was not what it should be */
};

/* By id; as catalogue_each_run(). */
int catalogue_each_pack(struct catalogue *c,
			int (*fn)(const struct catalogue_pack *p, void *data, struct err *err),
			void *data, struct err *err);

/* -- writing -- */

/* Everything added until catalogue_commit() is there whole or not at all. */
int catalogue_begin(struct catalogue *c, struct err *err);
int catalogue_commit(struct catalogue *c, struct err *err);
void catalogue_abort(struct catalogue *c);
/* The last commit of a device's line: 1, or 0: it has none; strings as catalogue_commit_by_nr(). */
int catalogue_line_end(struct catalogue *c, const char *device, struct catalogue_commit *out,
		       struct err *err);
/* `k->nr`, `line` and `prev` are filled in: the device's line goes on with it. */
int catalogue_add_commit(struct catalogue *c, struct catalogue_commit *k, struct err *err);
/* The id of directory `name` in `parent`, made if need be. */
int catalogue_add_dir(struct catalogue *c, int64_t parent, const char *name, size_t name_len,
		      int64_t *dir_out, struct err *err);
/* `facts` as catalogue_put_fact() wrote them, one for each name. */
int catalogue_add_batch(struct catalogue *c, int64_t dir, int64_t commit_nr, uint32_t count,
			const struct buf *names, const struct buf *facts, struct err *err);
int catalogue_add_run(struct catalogue *c, const struct catalogue_run *r, struct err *err);
int catalogue_add_pack(struct catalogue *c, const struct catalogue_pack *p, struct err *err);
int catalogue_drop_pack(struct catalogue *c, const struct pack_id *id, struct err *err);
/* A pack was read to its end; one that is not there is fine. */
struct catalogue_reading { struct pack_id id; bool is_damaged; };
int catalogue_note_reading(struct catalogue *c, const struct catalogue_reading *r, int64_t when_s,
			   struct err *err);
void catalogue_put_fact(struct buf *out, const struct catalogue_fact *f);

#endif
