#ifndef BUILTIN_CHANGES_H
#define BUILTIN_CHANGES_H

/* How diff, show and log show what changed between two trees. */

#include <stdbool.h>
#include <stdint.h>

#include "fs/difftree.h"
#include "fs/patch.h"
#include "builtin/ub.h"

struct changes_options {
	/* At most one; none: status. */
	bool status, names, stat, patch;
	bool renames, nul;
};

/* One of two things to compare. */
struct changes_side {
	const struct diff_side *side;		/* NULL: there is nothing */
	struct content_source content;		/* for --stat and -p */
};

/* The content of files that a tree names. */
struct content_source changes_store_content(struct store *st);
/* ERR_USAGE: options that do not go together. */
int changes_check(const struct changes_options *o, struct err *err);
/* Append one change as names (never --stat or -p), or as JSON. */
void changes_put(const struct ub *ub, const struct changes_options *o, const struct change *c,
		 struct buf *out);
/* Print; `*any_out` (may be NULL): there was something. */
int changes_print(struct ub *ub, const struct changes_options *o, const struct changes_side *old,
		  const struct changes_side *new, const struct path_set *paths, bool *any_out,
		  struct err *err);
/* The same for two trees of the store, either of which may be NULL. */
int changes_print_ids(struct ub *ub, const struct changes_options *o, const struct oid *old,
		      const struct oid *new, const struct path_set *paths, bool *any_out,
		      struct err *err);
/* Paths as typed, absolute or relative to the current folder; links above them are followed. */
int changes_take_paths(struct path_set *set, char **paths, int nr, struct err *err);

#endif
