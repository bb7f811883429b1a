#ifndef BUILTIN_CATALOGUE_H
#define BUILTIN_CATALOGUE_H

/* The catalogue of the repository that a command has open. */

#include "fs/history.h"
#include "builtin/ub.h"

/*
 * `fn` with the catalogue, whole, and with `also` (may be NULL) in it; made (again) if need be,
 * which is said.  Where it cannot be written, or is a newer ub's, one is made in memory, which is
 * said as well.  When `fn` finds it damaged (ERR_CORRUPT) it is called once more with another.
 */
int repo_with_catalogue(struct ub *ub, const struct oid *also,
			int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
			struct err *err);
/*
 * For what can also be found without: 1: `fn` has done it; 0: there is no catalogue that needs
 * nothing done first, or `fn` did not get through.
 */
int repo_try_catalogue(struct ub *ub, const struct oid *also,
		       int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
		       struct err *err);
/* Its runs and packs: 1: `fn` has read them; 0: there are none; errors as catalogue_open(). */
int repo_read_notes(struct ub *ub, unsigned int wait_ms,
		    int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
		    struct err *err);
/*
 * After a snapshot, with the run that made it: what keeps it from being written is one warning.
 */
void repo_update_catalogue(struct ub *ub, const struct history_news *news);
/* What was run, for `ub status` and `ub log --runs`; the same.  Nothing hangs on it. */
void repo_note_run(struct ub *ub, const struct history_news *news);
/* One that failed, which is about to be told: of what keeps it from being noted nothing is said. */
void repo_note_failure(struct ub *ub, const char *what, uint64_t started_ns,
		       const struct err *why);
/* A run of `what` that began at `started_ns` of the monotonic clock and now ends with `status`. */
struct catalogue_run repo_run(const char *what, uint64_t started_ns, int status);
int repo_rebuild_catalogue(struct ub *ub, struct err *err);

#endif
