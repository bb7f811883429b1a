#ifndef FS_SCAN_INTERNAL_H
#define FS_SCAN_INTERNAL_H

/*
 * What the files of the walk share: scan.c hands out work, scan-dir.c cuts folders into windows and
 * puts them together again, scan-file.c reads one file.
 *
 *	folder   --cut-->  window (some thousand names)  --its folders are walked-->  ready
 *	window   --batches, by any worker-->  encoded entries  --in order-->  tree, stat cache
 */

#include <stdatomic.h>

#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/content.h"
#include "objects/dir.h"
#include "objects/store-view.h"
#include "fs/attr.h"
#include "fs/names.h"
#include "fs/statcache.h"

#include "fs/scan.h"

#define WINDOW_NAMES 2048
#define BATCH_NAMES 64
#define WINDOWS_IN_FLIGHT 3	/* of one folder */

/* Bytes in a window's text. */
struct span { uint32_t off, len; };

enum entry_state {
	ENTRY_STATE_FILE,	/* no folder */
	ENTRY_STATE_FOLDER,	/* not walked yet */
	ENTRY_STATE_WALKED,	/* `result` says how it went */
	ENTRY_STATE_DROPPED,	/* not in the snapshot */
	ENTRY_STATE_KEPT,	/* as HEAD has it */
};

/* What a folder came to. */
struct folder_result {
	struct oid tree;
	uint64_t where;			/* in the stat cache */
	struct file_stat st;
	bool is_clean, is_cached;	/* the attributes are those of the cached record */
	struct buf attrs;
	uint32_t mode;
};

struct scan_entry {
	enum entry_state state;
	bool was_there;
	bool is_left_out;		/* a folder: by a rule, but for the sources in it */
	bool is_for_tracked;		/* a folder: by a rule, but for what git tracks in it */
	bool is_known;			/* the cached record stands as it is */
	bool has_item;			/* there is one in the batch, and a record if one is kept */
	uint32_t name;			/* in the text, with its NUL */
	struct span cached, old;	/* record of the stat cache; HEAD's encoded entry */
	struct waypoint *place;		/* or NULL */
	struct scan_cache *cache;	/* of a source that begins here */
	struct folder_result *result;
};

struct batch {
	struct buf items;		/* encoded entries, each with its size in front */
	struct buf records;		/* of the stat cache, likewise; as many */
};

enum task_kind { TASK_FOLDER, TASK_WINDOW };

/* What is on the stack of things to do. */
struct task {
	enum task_kind kind;
	bool is_stacked;
	struct task *above, *below;
};

struct window {
	struct task task;
	struct { struct window *prev, *next; } all;
	struct scanner *scanner;
	struct folder *folder;
	struct window *next;		/* among those that wait for their turn */
	uint64_t seq;
	bool is_last, is_ready;
	bool is_held;			/* until all others of the folder are read */
	struct buf text;
	struct scan_entry *entries;
	size_t nr, alloc;
	size_t next_folder, pending;	/* to be walked, not walked yet */
	size_t next_batch, batches, batches_left;
	struct batch *batch;
};

struct folder {
	struct task task;
	struct { struct folder *prev, *next; } all;
	struct scanner *scanner;
	struct folder *parent;
	struct window *window;		/* in which it is an entry; NULL: the root */
	size_t entry;
	char *name;
	struct waypoint *place;		/* something below, or it itself, is a place */
	bool is_listed;			/* its names come from the disk */
	bool is_keeping;		/* HEAD's other entries stay */
	bool is_left_out;		/* its names are not read: only the sources in it count */
	uint64_t live_dev;		/* it is frozen: the device it has in life; else 0 */
	bool is_git;			/* git keeps its objects here, and what refers to them */
	struct rules *rules;		/* in force for what is in it */
	atomic_bool has_kept;		/* something in it was carried over */
	int fd;
	struct file_stat st;
	uint64_t root_dev;		/* of its source */
	struct folder_result *result;

	/* where the next window begins; belongs to whoever is_cutting */
	bool is_cutting, is_cut;	/* cut: there are no more names */
	struct names *names;
	const char *disk_name;		/* next in `names`; NULL: none */
	unsigned char disk_type;
	struct waypoint *next_place;
	struct scan_cache *cache;
	struct statcursor cursor;
	const unsigned char *record;	/* next of the stat cache; NULL: none */
	size_t record_len;
	struct buf record_name;
	struct dir_reader *old;		/* HEAD's entries; NULL: not wanted, or none */
	struct tree_entry old_entry;
	bool has_old_entry;

	uint64_t windows, emitted, in_flight;
	struct window *waiting;		/* done, not yet emitted */
	bool is_emitting;
	atomic_bool has_changed;	/* something in it, or below */
	bool is_doubtful;		/* not all names could be read */
	bool has_known_tree;		/* of the stat cache */
	bool is_known;			/* and that is the one */
	struct oid known_tree;
	struct tree_builder *builder;
	uint64_t *parts;		/* segments in the stat cache */
	size_t nr_parts, alloc_parts;
};

struct scanner {
	struct scan *out;
	const struct scan_options *o;
	const struct keys *keys;
	struct chunker_params params;
	struct object_source source;
	struct rules_options rules_options;
	struct rules *rules;

	sys_mutex lock;			/* for all below, and states of folders and windows */
	sys_cond changed;
	struct task *top;
	struct folder *folders;		/* all there are */
	struct window *windows;
	bool is_done;
	struct err failed;		/* the first; stops all */
	struct large_reader *idle;	/* made, and not in use */
	unsigned int nr_reading;	/* large files; as many as there is memory for */
	bool is_big_busy;		/* all of that is, or will be, for one with helpers */

	sys_mutex side;			/* for side lists, messages and counts */
	uint64_t waited_ms;		/* for files that were just changed */
	unsigned int workers;		/* that have begun */
};

/* What a large file is cut with. */
struct large_reader {
	struct large_reader *next;
	struct content_writer *writer;
	struct object_sink pieces;	/* progress is told of each */
	struct scan_worker *worker;	/* whose it is */
};

/* One thread's buffers. */
struct scan_worker {
	struct scanner *s;
	struct session_lane lane;
	struct object_sink sink;
	uint64_t shown;			/* bytes of pieces of which progress was told; atomic */
	struct attr_reader *attrs;
	unsigned char *small;
	struct buf holes, path, scratch, rule;
	struct scan_counts counts;
};

/* scan.c */
void scanner_begin(struct scanner *s, struct scan *out, const struct scan_options *o);
void scanner_end(struct scanner *s);
void scan_worker_init(struct scan_worker *w, struct scanner *s, unsigned int nr);
void scan_worker_release(struct scan_worker *w);

/* scan-dir.c */
struct folder *scan_open_root(struct scanner *s, struct waypoint *root, struct err *err);
/* Open a folder for the entry of a window: 1, or 0: it is dropped, which was said. */
int scan_open_folder(struct scan_worker *w, struct window *win, size_t i, struct folder **out,
		     struct err *err);
int scan_cut_window(struct scan_worker *w, struct folder *f, struct window **out, struct err *err);
int scan_emit_window(struct scan_worker *w, struct window *win, struct err *err);
/* All windows are emitted: what the folder came to. */
int scan_finish_folder(struct scan_worker *w, struct folder *f, struct err *err);
void scan_folder_free(struct folder *f);
void scan_window_free(struct window *win);
/* The path of `name` in a folder, from the root, without leading slash; in w->path. */
const char *scan_path(struct scan_worker *w, const struct folder *f, const char *name);
void scan_folder_path(const struct folder *f, struct buf *out);
/* statwriter_put() into a stat cache, which remembers when that fails. */
int scan_cache_put(struct scan_cache *c, const struct buf *b, uint64_t *off_out, struct err *err);

/* scan-file.c */
/*
 * One file without its content, unless the stat cache knows it: 1, 0: it is not to be had, which
 * was said.  `e` borrows from the window and the worker.  `is_known`: with its content.
 */
int scan_look(struct scan_worker *w, struct window *win, struct scan_entry *se,
	      struct tree_entry *e, bool *is_known, struct err *err);
/* The content of a file at a name or path below an open folder: 1, 0. */
int scan_read(struct scan_worker *w, const struct folder *f, const char *name,
	      struct tree_entry *e, struct err *err);
int scan_batch(struct scan_worker *w, struct window *win, size_t nr, struct err *err);
void scan_free_readers(struct scanner *s);
/* Attributes of an open folder into `result`. */
int scan_folder_attrs(struct scan_worker *w, struct folder *f, const struct statrecord *cached,
		      struct err *err);
bool scan_is_clean(const struct file_stat *st);

/* Side lists. */
void scan_problem(struct scan_worker *w, const char *path, const char *op, int error,
		  const char *text);
int scan_skipped(struct scan_worker *w, const char *path, const char *rule, struct err *err);
int scan_worktree(struct scan_worker *w, const char *path, bool has_changed, struct err *err);

#endif
