#ifndef BUILTIN_RESTORE_H
#define BUILTIN_RESTORE_H

/* The parts of `ub restore`: what is asked for (restore-args.c), what is saved (restore-save.c). */

#include "fs/restore.h"
#include "builtin/ub.h"

struct restore_args {
	struct oid tree;
	struct commit commit;		/* with `has_commit` */
	bool has_commit;
	char **paths;			/* without leading slash, sorted, none below another */
	size_t nr_paths;
	bool is_all;			/* no path was given */
};
#define RESTORE_ARGS_INIT { .commit = COMMIT_INIT }

/*
 * [REV] [PATH...]: the first is a revision if it reads as one, if `may_be_rev`: it does not
 * stand behind "--".  `date` as in --date, or NULL.
 */
int restore_args_read(struct ub *ub, int argc, char **argv, bool may_be_rev, const char *date,
		      struct restore_args *out, struct err *err);
void restore_args_release(struct restore_args *a);

/*
 * Called once, before a restore in place touches anything, with all that it will replace or
 * delete (paths from /, without leading slash, sorted; folders stand for what is in them), so that
 * a snapshot of it is made first.  After an error nothing is restored.
 */
int restore_save_first(struct ub *ub, char **paths, size_t nr, struct err *err);

/* Gathers these paths from a plan. */
struct restore_saving {
	char **paths;
	size_t nr, alloc, bytes;
	bool is_full;			/* too many: the restored paths themselves instead */
};
#define RESTORE_SAVING_INIT { NULL, 0, 0, 0, false }
void restore_saving_add(struct restore_saving *s, const struct restore_event *e);
int restore_saving_end(struct restore_saving *s, struct ub *ub, const struct restore_args *args,
		       struct err *err);
void restore_saving_release(struct restore_saving *s);

#endif
