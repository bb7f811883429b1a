#ifndef OBJECTS_PROOF_H
#define OBJECTS_PROOF_H

/*
 * What is known of the repository beyond what is in it: which snapshot was last opened as a whole,
 * which packs were read back, and what went wrong.  From the catalogue's runs and packs.
 */

#include "objects/catalogue.h"

struct proof {
	bool is_known;			/* else the catalogue says nothing of it */
	/* The newest run that found everything whole: of one snapshot, or of all that there is. */
	bool has_verified, verified_all;
	struct oid verified;
	int64_t verified_s;
	uint32_t verified_ns;
	/* Some was found, and no `ub fsck` since then found none. */
	bool has_damage;
	uint64_t damaged, missing;
	int64_t damage_s;
	/* The newest commit failed. */
	bool has_failure;
	int64_t failure_s;
	uint32_t failure_ns;
	char *failure;
	uint64_t packs, packs_read, packs_damaged;
	int64_t oldest_read_s;		/* of those that were read */
	/* of the search for these */
	bool seen_commit, seen_check;
};
#define PROOF_INIT { 0 }

void proof_release(struct proof *p);
/* Into an empty one; on failure release it. */
int proof_take(struct proof *p, struct catalogue *c, struct err *err);

#endif
