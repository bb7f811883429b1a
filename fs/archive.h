#ifndef FS_ARCHIVE_H
#define FS_ARCHIVE_H

/* Trees to archives (tar, zip, ...) and back, by libarchive. */

#include "lib/err.h"
#include "objects/object.h"
#include "objects/store.h"

/* Something was left out, and why. */
typedef void archive_problem_fn(const char *path, size_t n, const char *why, void *data);

struct archive_export {
	struct store *store;
	const char *format;		/* "tar", "tar.zst", "zip", ... */
	const struct commit *commit;	/* whose hard links are kept; NULL: none are */
	const char *top;		/* where in the snapshot `tree` is, "": its root */
	const struct oid *tree;		/* a folder, or */
	const struct tree_entry *entry;	/* one file, named as it is there */
	int fd;
	archive_problem_fn *problem;
	void *data;
};
/* Does such a format exist?  ERR_USAGE lists those that do. */
int archive_format_check(const char *format, struct err *err);
/* The format that a file name's end speaks of, or NULL. */
const char *archive_format_of(const char *path);
int archive_export(const struct archive_export *x, struct err *err);

#define ARCHIVE_SIZE_MAX ((uint64_t)1 << 40)
#define ARCHIVE_ENTRIES_MAX ((uint64_t)100 << 20)

struct archive_import {
	struct store *store;
	struct session *session;
	int fd;
	const char *name;		/* for messages */
	const char *prefix;		/* where to put it all, "": at the root */
	uint64_t size_max;		/* of all content */
	struct commit *commit;		/* gets tree, counts, hard links */
	int64_t newest_s;		/* out: the latest mtime */
	uint32_t newest_ns;
	uint64_t entries, stripped;	/* out */
	archive_problem_fn *problem;
	archive_problem_fn *doubt;	/* it is there, but not all of it was understood */
	void *data;
};
/* ERR_CORRUPT: it is no archive, or damaged, or ends early. */
int archive_import(struct archive_import *m, struct err *err);

#endif
