#ifndef OBJECTS_INDEX_INTERNAL_H
#define OBJECTS_INDEX_INTERNAL_H

/*
 * What the files of the index share: runs, cursors over them, the writer of runs, and `current`.
 * The formats are those of ub-format-index(5).
 */

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/sys.h"
#include "objects/filter.h"
#include "objects/index.h"

#define INDEX_VERSION 0
#define INDEX_LOCK_WAIT_MS 60000

/* Memory for lines, pack tables and rows of all runs; what does not fit is read by pread. */
#define INDEX_MEMORY ((size_t)24 << 20)

#define RUN_PAGE 4096
#define RUN_PAYLOAD 4089		/* then 7 bytes of sum */
#define RUN_ID_SIZE 16
#define RUN_KEY_SIZE 30
#define RUN_ROW_SIZE 47
#define RUN_PACK_SIZE 45
#define RUN_ROWS_PER_PAGE 87
#define RUN_LINES_PER_PAGE 63		/* and the start of the next line behind them */
#define RUN_PACKS_PER_PAGE 90
#define RUN_ROWS_MAX UINT32_MAX
#define RUN_PACKS_MAX (1u << 28)

enum run_section { RUN_LINES, RUN_PACKS, RUN_ROWS, RUN_SECTIONS };

/* The numbers in a run's header, and where they put its sections. */
struct run_shape {
	uint64_t rows;
	uint32_t packs;
	uint64_t lines;
	uint64_t first[RUN_SECTIONS + 1];	/* page numbers; the last is the number of pages */
};

/* The loc of a row, with the pack still an ordinal. */
struct run_row {
	uint32_t pack;
	uint32_t frame_off, sealed_size, place, size;
	enum obj_type type;
};

struct run {
	atomic_uint refs;
	int fd;
	char *path;
	unsigned char id[RUN_ID_SIZE];
	unsigned char repo_id[32];
	uint64_t sum;				/* of the header page */
	struct run_shape shape;
	_Atomic uint64_t *seen;			/* a bit a page: its sum was right */
	unsigned char *mem[RUN_SECTIONS];	/* pages kept in memory, each valid once seen */
	sys_mutex load;				/* held while a page is put into `mem` */
};

/* A run as `current` names it. */
struct run_ref {
	unsigned char id[RUN_ID_SIZE];
	uint64_t rows;
	uint64_t sum;
};

/* index-page.c: pages, shapes, rows ------------------------------------------------------- */

uint64_t run_page_sum(const unsigned char *page, const unsigned char *run_id, uint64_t page_nr);
void run_page_seal(unsigned char *page, const unsigned char *run_id, uint64_t page_nr);
bool run_page_is_good(const unsigned char *page, const unsigned char *run_id, uint64_t page_nr);

/* Places the sections; needs rows, packs and lines. */
void run_shape_place(struct run_shape *s);

void run_header_encode(unsigned char page[RUN_PAGE], const unsigned char *run_id,
		       const unsigned char *repo_id, const struct run_shape *s);
/* `what` names the file in messages.  ERR_CORRUPT, ERR_FORMAT. */
int run_header_parse(const unsigned char page[RUN_PAGE], const unsigned char *run_id,
		     const unsigned char *repo_id, struct run_shape *out, const char *what,
		     struct err *err);

/* The 17 bytes after the id. */
void run_row_encode(unsigned char *p, const struct run_row *row);
void run_row_decode(const unsigned char *p, struct run_row *out);
void run_row_set_pack(unsigned char *p, uint32_t pack);
uint32_t run_row_pack(const unsigned char *p);
void run_pack_encode(unsigned char p[RUN_PACK_SIZE], const struct index_pack *pack);
/* False: no pack looks like that. */
bool run_pack_decode(const unsigned char p[RUN_PACK_SIZE], struct index_pack *out);

char *run_path(const char *dir, const unsigned char *run_id);

/* index-run.c: reading --------------------------------------------------------------------- */

/*
 * Open the run `ref` at `path`; `sum` is checked unless `ref->sum` is UINT64_MAX.
 * ERR_NOT_FOUND, ERR_CORRUPT, ERR_FORMAT.
 */
int run_open(struct run **out, const char *path, const struct run_ref *ref,
	     const unsigned char *repo_id, struct err *err);
struct run *run_get(struct run *r);
void run_put(struct run *r);
/* Keep a section in memory from now on; before any other thread knows the run. */
void run_keep(struct run *r, enum run_section sec);
size_t run_section_size(const struct run *r, enum run_section sec);

/* Start fetching from memory what run_find() will want first. */
void run_prefetch(const struct run *r, uint64_t top);
/* 1, 0 or negative.  `row_nr_out`: counted from 0 in this run. */
int run_find(struct run *r, const unsigned char *id, uint64_t top, struct run_row *row_out,
	     uint64_t *row_nr_out, struct err *err);
/* The rows [lo, hi) of the line of `top`. */
int run_line_rows(struct run *r, uint64_t top, uint64_t *lo_out, uint64_t *hi_out,
		  struct err *err);
int run_pack(struct run *r, uint32_t ordinal, struct index_pack *out, struct err *err);
/* 1, 0 or negative. */
int run_find_pack(struct run *r, const struct pack_id *id, struct err *err);
int run_row_to_loc(struct run *r, const struct run_row *row, struct index_loc *out,
		   struct err *err);
/* Sums, order, counts and lines, all read from the file. */
int run_check(struct run *r, struct err *err);

/* index-merge.c: in order over one run, over many, and into a new one ----------------------- */

/* Items of a section in order, sums and order checked. */
struct run_cursor {
	struct run *run;
	enum run_section sec;
	size_t item_size, key_size, per_page;
	uint64_t next, end;		/* item numbers */
	unsigned char *pages;
	size_t max_pages, nr_pages;
	uint64_t first_page;		/* held in `pages` */
	unsigned char last[32];
	bool has_last;
};

void run_cursor_init(struct run_cursor *c, struct run *r, enum run_section sec, uint64_t first,
		     uint64_t end, size_t max_pages);
void run_cursor_release(struct run_cursor *c);
/* The next item, borrowed until the next call; NULL at the end. */
int run_cursor_next(struct run_cursor *c, const unsigned char **out, struct err *err);

/* Many cursors in one order; of equal keys that of the earlier cursor comes first. */
struct run_merge {
	struct run_cursor *cursors;
	const unsigned char **items;
	uint64_t *tops;
	size_t *heap;
	size_t nr, nr_heap;
	bool pending;
};

#define RUN_MERGE_INIT { NULL, NULL, NULL, NULL, 0, 0, false }

int run_merge_begin(struct run_merge *m, struct run *const *runs, size_t nr,
		    enum run_section sec, struct err *err);
/* Rows from the line of top `lo` to that of top `hi` only. */
int run_merge_begin_rows(struct run_merge *m, struct run *const *runs, size_t nr, uint64_t lo,
			 uint64_t hi, struct err *err);
/* The next item, borrowed until the next call, and whose it is; NULL at the end. */
int run_merge_next(struct run_merge *m, size_t *run_out, const unsigned char **item_out,
		   struct err *err);
void run_merge_release(struct run_merge *m);

struct run_writer;
/* Merge `runs`, newest first, into `w`, which is new. */
int run_merge_into(struct run_writer *w, struct run *const *runs, size_t nr, struct err *err);

/* index-write.c: a new run -------------------------------------------------------------------- */

struct run_stream {
	unsigned char *pages;
	size_t nr_pages, used;		/* whole pages; bytes in the one that is being filled */
	uint64_t first_page;
};

/*
 *	begin(most rows there may be); pack() in order; row() in order; finish()
 * and the file waits, whole but not synced, in `file`, under a temporary name.
 */
struct run_writer {
	struct file_out file;
	unsigned char id[RUN_ID_SIZE];
	unsigned char repo_id[32];
	struct run_shape shape;
	uint64_t max_rows;
	uint64_t sum;			/* of the header, after finish */
	struct run_stream packs, rows, lines;
	uint64_t line_nr;
	unsigned char line[FILTER_LINE_SIZE];
	unsigned char last[32];
	bool rows_began, has_last;
};

#define RUN_WRITER_INIT { .file = FILE_OUT_INIT }

int run_writer_begin(struct run_writer *w, const char *dir, const unsigned char *repo_id,
		     uint64_t max_rows, struct err *err);
int run_writer_pack(struct run_writer *w, const unsigned char p[RUN_PACK_SIZE], struct err *err);
int run_writer_row(struct run_writer *w, const unsigned char p[RUN_ROW_SIZE], struct err *err);
int run_writer_finish(struct run_writer *w, struct err *err);
/* Sync it and give it its name in `dir`; the folder is synced with the next `current`. */
int run_writer_commit(struct run_writer *w, const char *dir, struct err *err);
/* Open what finish() left, under its temporary name. */
int run_writer_open(const struct run_writer *w, struct run **out, struct err *err);
struct run_ref run_writer_ref(const struct run_writer *w);
void run_writer_release(struct run_writer *w);

/* index-current.c: the file `current` ---------------------------------------------------------- */

struct current {
	uint64_t log_seq;
	struct run_ref *runs;		/* newest first */
	size_t nr_runs;
	struct pack_id *unpublished;	/* sorted */
	size_t nr_unpublished;
	uint64_t sum;			/* of the file, to tell whether it changed */
};

#define CURRENT_INIT { 0, NULL, 0, NULL, 0, 0 }
#define CURRENT_RUNS_MAX 1024
#define CURRENT_MAX_SIZE ((size_t)32 << 20)

int current_parse(struct current *out, const void *p, size_t n, const unsigned char *repo_id,
		  const char *what, struct err *err);
void current_encode(struct buf *out, const struct current *c, const unsigned char *repo_id);
int current_read(struct current *out, const char *dir, const unsigned char *repo_id,
		 struct err *err);
int current_write(struct current *c, const char *dir, const unsigned char *repo_id,
		  unsigned int flags, struct err *err);
void current_release(struct current *c);
void current_copy(struct current *out, const struct current *c);	/* `out` is CURRENT_INIT */
bool current_is_unpublished(const struct current *c, const struct pack_id *id);
/* Replaces the list; sorts and takes doubles out. */
void current_set_unpublished(struct current *c, const struct pack_id *ids, size_t nr);

/* index.c: the runs that one `current` names -------------------------------------------------- */

struct run_set {
	atomic_uint refs;
	struct current current;
	struct run **runs;		/* newest first, as in `current` */
	uint64_t *base;			/* first ordinal of each */
	uint64_t rows;
};

/* Counts of readers, spread so that threads do not write to one cache line. */
struct index_slot { atomic_uint readers; char pad[124]; };
#define INDEX_SLOTS 16

struct index {
	char *dir;
	unsigned char repo_id[32];
	unsigned int lock_wait_ms;
	size_t memory;
	struct run_set *set;
	struct index_slot slots[INDEX_SLOTS];
	atomic_bool is_switching;
	sys_mutex lock;			/* held while `set` is switched */
	sys_mutex refresh;		/* held from reading `current` to the switch */
};

/* The lock that all changes are made under; LOCK_INIT before. */
int index_lock(struct lock *l, const char *dir, unsigned int wait_ms, struct err *err);

/* The set of this moment, to be put back. */
struct run_set *index_get_set(struct index *ix);
void run_set_put(struct run_set *set);
/*
 * Opens what `take_current` names, sharing the runs of `old` (may be NULL).
 * ERR_NOT_FOUND: one of them.
 */
int run_set_open(struct run_set **out, const struct index *ix, struct current *take_current,
		 const struct run_set *old, struct err *err);
/* Remove temporary files, and runs that `c` does not name; under the lock, as well as can be. */
void index_clean(const char *dir, const struct current *c);

#endif
