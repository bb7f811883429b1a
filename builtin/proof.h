#ifndef BUILTIN_PROOF_H
#define BUILTIN_PROOF_H

/*
 * What is known of the repository beyond what is in it: which snapshot was last opened as a whole,
 * which packs were read back, and what went wrong.  From the catalogue's runs and packs.
 */

#include "objects/catalogue.h"
#include "builtin/ub.h"

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
int proof_read(struct proof *p, struct ub *ub, struct err *err);
int proof_put_text(const struct proof *p, struct ub *ub, struct buf *out, struct err *err);
void proof_put_json(const struct proof *p, struct json *j);

/* `ub log --runs`: the newest `max` of them. */
int proof_print_runs(struct ub *ub, unsigned int max, struct err *err);

#endif
