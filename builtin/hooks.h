#ifndef BUILTIN_HOOKS_H
#define BUILTIN_HOOKS_H

/*
 * What the owner of a repository has run around a commit: hook.preCommit, hook.postCommit,
 * hook.postFail, several of each, in the order in which they are set.
 *
 * Only settings of ub's own files count, never anything that is backed up; and the repository's
 * file only if it belongs to the user who runs ub, or to root, and nobody else may write it.
 */

#include "lib/run.h"
#include "builtin/repo.h"

enum hook { HOOK_PRE_COMMIT, HOOK_POST_COMMIT, HOOK_POST_FAIL };

struct hook_facts {
	const char *commit;		/* id, or NULL */
	int status;			/* exit status so far */
	const char *error;		/* or NULL */
};

/* The first that fails ends it: ERR_FAILED says which. */
int hooks_run(struct ub *ub, enum hook hook, const struct hook_facts *facts, struct err *err);

/* May commands that stand in the repository's file be run?  ERR_REFUSED says why not. */
int hooks_trust(struct ub *ub, struct err *err);
/* Seconds that a command may take. */
unsigned int hooks_timeout(struct ub *ub);

#endif
