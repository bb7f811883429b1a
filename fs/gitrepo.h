#ifndef FS_GITREPO_H
#define FS_GITREPO_H

/*
 * What ub asks of libgit2 beside settings: the lines in which two texts differ, and what is in the
 * index of a git work tree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/store.h"

struct git_text;

/* libgit2 is loaded now, which takes milliseconds; ERR_FAILED: it cannot be. */
int git_text_open(struct git_text **out, struct err *err);
void git_text_close(struct git_text *g);

enum git_line {
	GIT_LINE_HUNK = '@',		/* "@@ -1,3 +1,4 @@\n" */
	GIT_LINE_SAME = ' ', GIT_LINE_OLD = '-', GIT_LINE_NEW = '+',
	GIT_LINE_NO_NEWLINE = '\\',	/* what git says of a last line without its newline */
	GIT_LINE_BINARY = 'B',		/* the only one then: they differ, and are no text */
};
/*
 * A unified diff, line by line, with `context` lines around each change; nothing is called when
 * both are the same.  `fn` answers 0; anything negative stops and is returned.
 */
int git_text_diff(struct git_text *g, const void *old, size_t old_size, const void *new,
		  size_t new_size, unsigned int context,
		  int (*fn)(enum git_line kind, const char *line, size_t n, void *data,
			    struct err *err), void *data, struct err *err);

/* Paths that git tracks, sorted bytewise (gitrepo-index.c). */
struct git_names { struct buf text; uint32_t *off; size_t nr; };

/* All of an index file.  ERR_CORRUPT: it cannot be read; `out` is as it was. */
int git_names_read(struct git_names *out, const char *path, struct err *err);
void git_names_release(struct git_names *names);
static inline const char *git_names_at(const struct git_names *names, size_t nr)
{
	return (const char *)names->text.data + names->off[nr];
}

/*
 * A repository of git's as snapshots (gitrepo-import.c).  `session` NULL: nothing is stored.  First
 * the commits; once those are durable, git_import_refs() calls `ref` for each branch
 * ("heads/main") and tag ("tags/v1").
 */
struct importer;
struct git_import {
	struct store *store;
	struct session *session;
	const char *dir, *device;
	void (*problem)(const char *path, size_t n, const char *why, void *data);
	int (*ref)(const char *name, const struct oid *commit, void *data, struct err *err);
	void *data;
	uint64_t commits, left_out;	/* out */
	struct importer *own;
};
int git_import_commits(struct git_import *g, struct err *err);
int git_import_refs(struct git_import *g, struct err *err);
void git_import_release(struct git_import *g);

/*
 * Snapshots as commits of a bare repository of git's, made if need be (gitrepo-export.c).  Commits
 * come parents first.
 */
struct exporter;
struct git_export {
	struct store *store;
	const char *dir;
	void (*problem)(const char *path, size_t n, const char *why, void *data);
	void *data;
	uint64_t commits, left_out;	/* out */
	struct exporter *own;
};
int git_export_begin(struct git_export *g, struct err *err);
int git_export_commit(struct git_export *g, const struct oid *id, struct err *err);
/* Make branch or tag `name` ("refs/heads/main") what the commit became; its id in hex. */
int git_export_ref(struct git_export *g, const char *name, const struct oid *id, char hex_out[65],
		   struct err *err);
void git_export_release(struct git_export *g);

/*
 * Where the work tree at `path` stands (gitrepo-state.c): the id of HEAD's commit or "-", the
 * branch or "-", and "clean" or what there is of "staged", "modified", "untracked", "conflicted",
 * joined by commas; "unknown" where libgit2 cannot tell.  With single blanks between.
 *
 * What libgit2 takes for untracked may be ignored in truth; `is_ignored` is asked until it says no.
 */
void git_state_put(const char *path, bool (*is_ignored)(const char *path, void *data), void *data,
		   struct buf *out);

#endif
