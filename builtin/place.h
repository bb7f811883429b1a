#ifndef BUILTIN_PLACE_H
#define BUILTIN_PLACE_H

/* What stands at REV or REV:PATH, for commands that show it. */

#include "lib/buf.h"
#include "objects/object.h"
#include "refs/rev.h"
#include "builtin/ub.h"

struct place {
	struct rev rev;
	bool is_folder;		/* `tree` is its tree; the root of a snapshot, too */
	struct oid tree;
	bool has_entry;		/* `e` is what its folder says of it; not for roots */
	struct tree_entry e;
	struct buf hold;	/* which `e` borrows from */
};
#define PLACE_INIT { .rev = REV_INIT, .hold = BUF_INIT }

void place_release(struct place *p);
/* Folders, files, links, specials; ERR_NOT_FOUND and others name `text`. */
int place_find(struct ub *ub, const char *text, struct place *out, struct err *err);

struct list_options { bool details, recurse, nul; };
/* What is in a folder, or the one thing that it is: what `ub ls` prints. */
int place_list(struct ub *ub, const struct place *p, const struct list_options *o, struct err *err);
/* The bytes of a file, the target of a link.  ERR_FAILED: it has none. */
int place_put_content(struct ub *ub, const struct place *p, const char *text, struct err *err);

#endif
