#ifndef BUILTIN_SPOT_H
#define BUILTIN_SPOT_H

/* What stands at REV or REV:PATH, for commands that show it. */

#include "lib/buf.h"
#include "objects/object.h"
#include "refs/rev.h"
#include "builtin/ub.h"

struct spot {
	struct rev rev;
	bool is_folder;		/* `tree` is its tree; the root of a snapshot, too */
	struct oid tree;
	bool has_entry;		/* `e` is what its folder says of it; not for roots */
	struct tree_entry e;
	struct buf hold;	/* which `e` borrows from */
};
#define SPOT_INIT { .rev = REV_INIT, .hold = BUF_INIT }

void spot_release(struct spot *p);
/* Folders, files, links, specials; ERR_NOT_FOUND and others name `text`. */
int spot_find(struct ub *ub, const char *text, struct spot *out, struct err *err);

struct list_options { bool details, recurse, nul; };
/* What is in a folder, or the one thing that it is: what `ub ls` prints. */
int spot_list(struct ub *ub, const struct spot *p, const struct list_options *o, struct err *err);
/* The bytes of a file, the target of a link.  ERR_FAILED: it has none. */
int spot_put_content(struct ub *ub, const struct spot *p, const char *text, struct err *err);

#endif
