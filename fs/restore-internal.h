#ifndef FS_RESTORE_INTERNAL_H
#define FS_RESTORE_INTERNAL_H

/*
 * What the files of restore share.
 *
 *	restore.c		begin, end, threads, order of the phases
 *	restore-queue.c		what is still to be done: a stack that workers take from
 *	restore-dir.c		folders: opened or made, walked, finished when all below is
 *	restore-entry.c		one entry: what is there, what is to be done about it
 *	restore-file.c		content that is one piece
 *	restore-large.c		content that is a list, its chunks shared out among workers
 *	restore-special.c	links, fifos, sockets, devices
 *	restore-link.c		hard links, once all files are there
 *	restore-remove.c	what the snapshot does not have; what a dead run left
 *	restore-names.c		sets of names and paths
 *	restore-report.c	what is told
 */

#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/dir.h"

#include "fs/attr.h"
#include "fs/restore.h"

#define RESTORE_TMP_PREFIX ".ub-restore-"
#define RESTORE_BATCH 128			/* entries that one worker takes at a time */
#define RESTORE_BATCH_BYTES ((uint64_t)4 << 20)	/* of content, or fewer */

/* -- names -- */

struct path_hash { unsigned char b[16]; };
struct path_hash path_hash_root(void);
struct path_hash path_hash_add(const struct path_hash *dir, const void *name, size_t n);
struct path_hash path_hash_of(const void *path, size_t n);	/* a/b/c */

/* A set of hashes that only grows. */
struct hash_set;
struct hash_set *hash_set_new(void);
void hash_set_free(struct hash_set *s);		/* NULL is fine */
/* False when it is full: HASH_SET_MAX. */
#define HASH_SET_MAX ((size_t)1 << 20)
bool hash_set_add(struct hash_set *s, const struct path_hash *h);
bool hash_set_has(const struct hash_set *s, const struct path_hash *h);	/* NULL: no */

/* Does the path, or one above it, stand in the job's? */
bool restore_is_selected(const struct restore_job *job, const void *path, size_t n);

/* -- folders and files at work -- */

/* An entry that outlives the tree it was read from, in one piece of memory. */
struct held_entry {
	struct tree_entry e;		/* its name ends in NUL */
};
struct held_entry *held_entry_new(const struct tree_entry *e);	/* sys_free() it */

struct rdir {
	struct rdir *parent;		/* NULL: the target */
	struct held_entry *entry;	/* NULL: the target */
	struct oid tree;
	int fd;				/* -1: closed meanwhile, or not there (is_missing) */
	unsigned int users;		/* who need fd now; under restore.lock, as `pending` */
	unsigned int pending;		/* what has to end before the folder is finished */
	uint64_t dev, ino;		/* to know it again */
	size_t lo, hi, depth;		/* paths that lead on from here, and how long the way was */
	bool is_route;			/* only some of what is in it is restored */
	bool is_new;			/* made by this run: nothing was in it */
	bool is_missing;		/* not made: RESTORE_PLAN */
	bool is_partial;		/* not all names are known: nothing is removed */
	bool is_plain;			/* files get the owner and mode that were asked for */
	bool inherits;			/* ... and ACLs, flags or a project from it */
	bool is_folding;		/* two names may be one file */
	bool is_lifted;			/* mode or flags were lifted: put them back */
	uint32_t was_mode, was_flags;
	uint32_t uid, gid, mode;	/* as it was found or made */
	struct path_hash hash;
	struct hash_set *names;		/* that belong here, for removing the others */
	struct hash_set *exact;		/* that are on disk, letter by letter, if it is folding */
};

struct rlarge;

struct item {
	struct item *next;
	struct rdir *dir;
	struct dir_reader *reader;	/* of a folder that was begun */
	struct rlarge *large;		/* or a file */
};

struct restore {
	const struct restore_job *job;
	struct object_source source;
	struct hash_set *linked;	/* paths that become links to others in the end, or NULL */
	struct hash_set *kept;		/* paths that were not stored: not to be removed */
	bool wants_hash;
	uint32_t umask, uid, gid;
	struct progress progress;

	sys_mutex lock;			/* for all below, and what rdir says */
	sys_cond changed;
	struct item *stack;
	unsigned int busy;		/* workers that may still add to it */
	unsigned int open, open_max;	/* folders */
	int ret;			/* the first error stops all */
	struct err err;

	sys_mutex telling;
	struct buf path;		/* of who is told of */
};

struct batch {
	struct buf bytes;
	struct tree_entry entries[RESTORE_BATCH];
	size_t nr;
};

struct worker {
	struct restore *r;
	unsigned int nr;
	uint64_t tmp_nr;
	struct attr_reader *reader;
	struct attr_writer *writer;
	struct batch batch;
	struct buf blob, old, now;	/* an object; what is there; attributes of what is there */
	char tmp[64];
	struct restore_stats stats;
	/* whom attribute problems are about */
	const struct rdir *at;
	const struct tree_entry *at_entry;
};

/* -- queue -- */

void restore_worker_init(struct worker *w, struct restore *r, unsigned int nr);
/* What it counted is added to `stats`. */
void restore_worker_release(struct worker *w, struct restore_stats *stats);
/* Until all is done, or something failed. */
int restore_work(struct restore *r, unsigned int workers, struct restore_stats *stats);
/* The same by one worker, who calls it. */
void restore_drain(struct worker *w);
void restore_push(struct restore *r, struct item *list);	/* `list`: taken first to last */
void restore_fail(struct restore *r, int ret, const struct err *err);	/* stops all */
bool restore_has_failed(struct restore *r);

/* -- reports -- */

void restore_path(const struct rdir *d, const void *name, size_t n, struct buf *out);
void restore_tell(struct worker *w, enum restore_action action, const struct rdir *d,
		  const struct tree_entry *e);
void restore_tell_named(struct worker *w, enum restore_action action, const struct rdir *d,
			const char *name, enum entry_type type, uint64_t size);
/* errno is `error`; what no further file can do better with stops the run. */
void restore_problem(struct worker *w, const struct rdir *d, const void *name, size_t n,
		     const char *op, int error, const char *text);
/* A file whose objects cannot be read: damage is told, anything else stops the run. */
void restore_damage(struct worker *w, const struct rdir *d, const struct tree_entry *e, int ret,
		    struct err *err);
attr_problem_fn restore_attr_problem;		/* data: the worker, with `at` set */

/* -- folders -- */

struct rdir *rdir_new_root(struct restore *r, int fd);
/* Open for the time being: its fd, or -1 and errno. */
int rdir_use(struct restore *r, struct rdir *d);
void rdir_unuse(struct restore *r, struct rdir *d);
void rdir_hold(struct restore *r, struct rdir *d);	/* one more pending */
void rdir_done(struct worker *w, struct rdir *d);	/* one less; finished when it is the last */
void rdir_drop(struct restore *r, struct rdir *d);	/* the same after a failure */
int restore_dir_work(struct worker *w, struct item *it, struct err *err);
/* The folder's part of the work on one of its entries: a folder to go into. */
struct item *rdir_child(struct worker *w, struct rdir *d, const struct tree_entry *e);
/* Note a name that belongs, or is there. */
void rdir_add_name(struct restore *r, struct rdir *d, const char *name, bool is_wanted);
/* In a folding folder: does what `name` leads to stand there under another name? */
bool rdir_is_taken(struct restore *r, struct rdir *d, const char *name);
bool restore_is_guarded(const struct restore *r, uint64_t dev, uint64_t ino);

/* -- entries -- */

int restore_entry(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		  struct item **more, struct err *err);

/* What stands under an entry's name already. */
struct there {
	bool exists;
	struct file_stat st;
};

/* openat() gone on with after a signal. */
int restore_openat(int dirfd, const char *name, int flags, mode_t mode);
/* The worker's next temporary name, in w->tmp. */
const char *restore_tmp(struct worker *w);
bool restore_is_tmp(const char *name);
/* May what is there be replaced?  If not, that has been told. */
bool restore_may_replace(struct worker *w, struct rdir *d, const struct tree_entry *e,
			 const struct there *there);
/* Make way for something of another type, or for a name of ours: 0, or -1 when it was told. */
int restore_make_way(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     const struct there *there);
/* `tmp` gets its name and, last of all, its flags; `fd` may be -1. */
void restore_put_in_place(struct worker *w, struct rdir *d, int dirfd, const char *tmp,
			  const struct tree_entry *e, int fd, const struct there *there);
/* The content is as it should be: so make the rest of the loaded entry. */
void restore_adjust(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e, int fd,
		    const struct file_stat *st);
/* All attributes but flags of a file just made, of which `mode` was asked. */
void restore_attrs(struct worker *w, struct rdir *d, int dirfd, const char *name, int fd,
		   const struct tree_entry *e, uint32_t mode);
/* A new file under a temporary name, the folder's habits looked at: fd, or -1 when told. */
int restore_new_file(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     uint32_t *mode_out);
/* Told as it is called: made, other content, or another thing altogether. */
void restore_tell_made(struct worker *w, struct rdir *d, const struct tree_entry *e,
		       const struct there *there);

/* -- content -- */

int restore_file(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		 struct there *there, struct item **more, struct err *err);
void restore_special(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     struct there *there);

/* Where data goes and where holes stay: a cursor over a map, for offsets that rise. */
struct hole_cursor {
	const unsigned char *p;
	size_t left;
	uint64_t start, end;		/* of the hole at hand; start == UINT64_MAX: none */
	uint64_t last;
};
void hole_cursor_init(struct hole_cursor *c, const unsigned char *map, size_t n);
/*
 * Write at `off`; zeros (p NULL) and zeros of `p` are left out where the map has a hole.  What is
 * written is added to `written`.
 */
int restore_write(int fd, struct hole_cursor *holes, const unsigned char *p, uint64_t n,
		  uint64_t off, uint64_t *written);

struct item *rlarge_new(struct worker *w, struct rdir *d, const struct tree_entry *e,
			const struct there *there);
int restore_large_work(struct worker *w, struct item *it, struct err *err);
void rlarge_abort(struct restore *r, struct rlarge *f);

/* -- links, removal -- */

int restore_links_load(struct restore *r, struct err *err);
int restore_links_make(struct restore *r, struct restore_stats *out, struct err *err);
int restore_kept_load(struct restore *r, struct err *err);
/* Temporaries that a dead run left in a folder that was there. */
void restore_clean(struct worker *w, struct rdir *d, int dirfd);
/* Everything in `d` whose name is not among its names. */
void restore_remove_extra(struct worker *w, struct rdir *d, int dirfd);
/* `name` and all in it; 0, or -1 when it was told. */
int restore_remove_tree(struct worker *w, struct rdir *d, int dirfd, const char *name);

#endif
