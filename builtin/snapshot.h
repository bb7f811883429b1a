#ifndef BUILTIN_SNAPSHOT_H
#define BUILTIN_SNAPSHOT_H

/* How log and show print a snapshot, in git's looks or as JSON. */

#include "objects/object.h"
#include "builtin/ub.h"

/* The names that stand for snapshots: all refs and tags, sorted by what they name. */
struct ref_names {
	struct ref_name { struct oid id; char *name; bool is_tag, is_head; } *v;
	size_t nr, alloc;
};
#define REF_NAMES_INIT { NULL, 0, 0 }

int ref_names_load(struct ub *ub, struct ref_names *out, struct err *err);
void ref_names_release(struct ref_names *names);

enum snapshot_flags {
	SNAPSHOT_WHOLE = 1u << 0,	/* sources and side lists, too */
};

/* How many rows its side lists of this kind have. */
uint64_t snapshot_count_rows(const struct commit *c, enum note_kind kind);
/* Of a list's name, as "skipped"; 0: there is none. */
uint64_t snapshot_list_kind(const char *word);
/* Print all rows of one of its lists (snapshot-list.c). */
int snapshot_put_list(struct ub *ub, const struct commit *c, const char *word, bool nul,
		      struct err *err);

/* Each appends; text ends without an empty line.  `path`: what is followed, or NULL. */
void snapshot_put_text(struct ub *ub, const struct ref_names *names, const struct oid *id,
		       const struct commit *c, unsigned int flags, const char *path,
		       struct buf *out);
/* "3f2a9c1 (laptop/main) MESSAGE" */
int snapshot_put_line(struct ub *ub, const struct ref_names *names, const struct oid *id,
		      const struct commit *c, struct buf *out, struct err *err);
void snapshot_put_json(const struct ref_names *names, const struct oid *id,
		       const struct commit *c, unsigned int flags, const char *path,
		       struct buf *out);

#endif
