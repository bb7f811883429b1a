#ifndef REFS_REV_H
#define REFS_REV_H

/*
 * Revisions as people type them (gitrevisions, cut to what ub has); see ub-revisions(7):
 *
 *	HEAD, @, latest		the tip of one's own main, or the newest main that is known
 *	REF, DEVICE/REF, TAG	what refs_find() finds
 *	OID			64 digits, or seven and more that fit one object alone
 *	REV~N, REV^N, REV^{tree}	an ancestor, a parent, the tree
 *	REF@{DATE}, REF@{N}	the newest value not after a time; the Nth before the last
 *	REV:PATH, REV:./x	from the root of the snapshot; from the current folder
 */

#include "lib/err.h"
#include "objects/oid.h"
#include "objects/store.h"
#include "refs/refs.h"

struct rev {
	struct oid id;
	enum obj_type type;	/* OBJ_NONE when a full oid was typed and is not in the store */
	struct oid commit;	/* the commit it was reached through, or zero */
	char *path;		/* of REV:PATH, without leading slash; NULL if none was given */
	struct oid root;	/* with a path: the tree that it starts from */
	bool has_entry;		/* REV:PATH named an entry: its mode (as st_mode), its size */
	uint32_t mode; uint64_t size;
	/* Inline content, none at all, or a link's target: `id` is what it would have as a blob. */
	bool is_inline; struct buf data;
};
#define REV_INIT { .type = OBJ_NONE, .data = BUF_INIT }

void rev_release(struct rev *r);
/* ERR_NOT_FOUND, ERR_AMBIGUOUS (with the candidates named), ERR_USAGE. */
int rev_parse(struct refs *refs, struct store *st, const char *text, struct rev *out,
	      struct err *err);
/* Follow commits to their tree. */
int rev_to_tree(struct store *st, const struct rev *r, struct oid *tree_out, struct err *err);
/* A revision that is a snapshot, read into `out`, which is COMMIT_INIT. */
int rev_read_commit(struct refs *refs, struct store *st, const char *text, struct oid *id_out,
		    struct commit *out, struct err *err);
/* As many digits as name the object in this repository: seven, or more. */
int rev_abbreviate(struct store *st, const struct oid *id, struct oid_text *out, struct err *err);

#endif
