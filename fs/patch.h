#ifndef FS_PATCH_H
#define FS_PATCH_H

/*
 * Changes as text: a patch as git writes it, and the count of changed lines with a histogram.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "fs/difftree.h"

/*
 * Content above this is not compared line by line, nor two texts of more lines together: libgit2
 * takes some sixty bytes for each.
 */
#define PATCH_SIZE_MAX ((size_t)4 << 20)
#define PATCH_LINES_MAX 500000

/* Where the bytes of an entry come from; `path` is its place, for a side that has no store. */
struct content_source {
	/* Append the file's bytes to `out`; called for files up to PATCH_SIZE_MAX alone. */
	int (*read)(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		    struct buf *out, struct err *err);
	void *data;
};

struct patcher;

/* Both sources are borrowed.  Loads libgit2. */
int patcher_open(struct patcher **out, const struct content_source *old,
		 const struct content_source *new, struct err *err);
void patcher_close(struct patcher *p);

/* Append the patch of one change: nothing for a directory, or where only metadata changed that a
 * patch has no word for. */
int patcher_put(struct patcher *p, const struct change *c, struct buf *out, struct err *err);

struct change_lines {
	uint64_t old, new;		/* lines taken away, lines put in; or sizes, if binary */
	bool is_binary;
};
int patcher_count(struct patcher *p, const struct change *c, struct change_lines *out,
		  struct err *err);

/* -- the table of `--stat` -- */

#define STAT_ROWS_MAX 10000		/* that are aligned with each other */

struct stat_table {
	struct stat_row { char *name; struct change_lines lines; } *rows;
	size_t nr;
	uint64_t files, added, deleted;
};
#define STAT_TABLE_INIT { NULL, 0, 0, 0, 0 }

void stat_table_release(struct stat_table *t);
/* Answers true when it is time to print what is there: stat_table_put_rows(). */
bool stat_table_add(struct stat_table *t, const struct change *c, const struct change_lines *lines);
/* Append the rows, and forget them. */
void stat_table_put_rows(struct stat_table *t, unsigned int columns, struct buf *out);
/* Append " 2 files changed, ...", or nothing where nothing changed. */
void stat_table_put_sum(const struct stat_table *t, struct buf *out);

#endif
