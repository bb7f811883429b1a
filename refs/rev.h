#ifndef REFS_REV_H
#define REFS_REV_H

/*
 * Revisions as people type them (gitrevisions, cut to what ub has): HEAD, REF, DEVICE/REF, TAG,
 * an oid or a unique prefix of seven digits or more, REV~N, REV^N, REV@{DATE}, REV:PATH, REV:./x.
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
	bool has_entry;		/* REV:PATH named a directory entry: mode, size below */
	uint32_t mode; uint64_t size;
	bool is_inline; struct buf data;	/* inline content (or a link's target) */
};
#define REV_INIT { .type = OBJ_NONE, .data = BUF_INIT }

void rev_release(struct rev *r);
/* ERR_NOT_FOUND, ERR_AMBIGUOUS (with the candidates named), ERR_USAGE. */
int rev_parse(struct refs *refs, struct store *st, const char *text, struct rev *out,
	      struct err *err);
/* Follow commits to their tree. */
int rev_to_tree(struct store *st, const struct rev *r, struct oid *tree_out, struct err *err);

#endif
