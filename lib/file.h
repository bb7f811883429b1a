#ifndef LIB_FILE_H
#define LIB_FILE_H

/*
 * The only code that creates repository files: temporary name in the same folder, write, sync,
 * rename, sync the folder.  A reader sees the old file or the new one, whole.
 *
 *	struct file_out f = FILE_OUT_INIT;
 *	file_out_open(&f, path, mode, err)	creates "DIR/tmp-<random>", locked (flock) by us
 *	file_out_write(&f, p, n, err)
 *	file_out_commit(&f, err)		sync, rename, sync the folder; or
 *	file_out_release(&f)			throws away what was not committed
 *
 * A failed sync is never retried: the file is given up (ERR_SYS).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

#define FILE_TMP_PREFIX "tmp-"

enum file_out_flags {
	FILE_NO_REPLACE = 1u << 0,	/* commit gives ERR_REFUSED when the name is taken */
	FILE_DIRECT = 1u << 1,		/* try O_DIRECT; `is_direct` tells */
	FILE_LAZY = 1u << 3,		/* whole, but after a power cut the old one may be back */
	FILE_SCRATCH = 1u << 2,		/* of no lasting value: nothing is synced */
};

struct file_out {
	int fd;
	char *path;		/* final name; may be given late, see file_out_set_path() */
	char *tmp;
	unsigned int flags;
	bool is_direct;
	bool is_synced;		/* nothing was written since the last sync */
};

#define FILE_OUT_INIT { -1, NULL, NULL, 0, false, false }

int file_out_open(struct file_out *f, const char *path, unsigned int flags, mode_t mode,
		  struct err *err);
/* For files named after their content: open in `dir`, name before commit. */
int file_out_open_in(struct file_out *f, const char *dir, unsigned int flags, mode_t mode,
		     struct err *err);
void file_out_set_path(struct file_out *f, const char *path);
int file_out_write(struct file_out *f, const void *p, size_t n, struct err *err);
int file_out_pwrite(struct file_out *f, const void *p, size_t n, uint64_t off, struct err *err);
int file_out_commit(struct file_out *f, struct err *err);
/* The two halves of commit, for writers that sync early and rename in the order of design 8. */
int file_out_sync(struct file_out *f, struct err *err);
int file_out_rename(struct file_out *f, struct err *err);	/* rename and sync the folder */
void file_out_release(struct file_out *f);

/* Whole small files: at most `max` bytes, else ERR_CORRUPT.  ERR_NOT_FOUND if absent. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);
int file_write(const char *path, const void *p, size_t n, unsigned int flags, mode_t mode,
	       struct err *err);
/* Remove the name and sync its folder; absent is fine. */
int file_remove(const char *path, struct err *err);
int file_sync_dir(const char *dir, struct err *err);
/*
 * Sync the folder of `path`, whose being there (or not) another process may have brought about and
 * died before its sync: to be called before leaning on it.  Not being allowed to is fine.
 */
int file_sync_again(const char *path, struct err *err);
/* mkdir -p with every new folder's parent synced.  Existing is fine. */
int file_make_dirs(const char *path, mode_t mode, struct err *err);
/* The same for what may be gone tomorrow, a cache: nothing is synced, nothing is said. */
void file_make_scratch_dirs(const char *path, mode_t mode);
bool file_exists(const char *path);
/* "tmp-" and 16 hex digits? */
bool file_is_tmp_name(const char *name);
/* Remove temporary files that no live process holds locked, in this folder alone. */
int file_clean_tmp(const char *dir, struct err *err);
/* Call `fn` for each entry but "." and "..", as read; a non-zero answer stops and is returned. */
int file_each(const char *dir, int (*fn)(const char *name, void *data, struct err *err), void *data,
	      struct err *err);

#endif
