/*
 * What the catalogue's runs and packs come to: the newest of each kind that says something counts.
 */
#include <string.h>

#include "lib/sys.h"

#include "objects/proof.h"

void proof_release(struct proof *p)
{
	sys_free(p->failure);
	*p = (struct proof)PROOF_INIT;
}

static bool is_check(const struct catalogue_run *r)
{
	return strcmp(r->what, "verify") == 0 || strcmp(r->what, "fsck") == 0;
}

/* All that there is, down to every object, or one snapshot.  What was healed is whole. */
static bool has_verified(const struct catalogue_run *r)
{
	bool is_whole = r->status == EXIT_DONE || r->status == EXIT_HEALED;
	bool is_all = strcmp(r->what, "fsck") == 0;

	return is_check(r) && is_whole && r->share == CATALOGUE_SHARE_ALL &&
	       (is_all || r->has_commit);
}

/* From the newest on. */
static int take_run(const struct catalogue_run *r, void *data, struct err *err)
{
	struct proof *p = data;

	(void)err;
	if (strcmp(r->what, "commit") == 0 && !p->seen_commit) {
		p->seen_commit = true;
		p->has_failure = r->status != EXIT_DONE && r->status != EXIT_PARTIAL;
		p->failure_s = r->time_s;
		p->failure_ns = r->time_ns;
		p->failure = p->has_failure ? xstrdup(r->message) : NULL;
	}
	bool has_found = r->damaged + r->missing > 0;
	if (is_check(r) && !p->seen_check && (has_found || strcmp(r->what, "fsck") == 0)) {
		p->seen_check = true;
		p->has_damage = has_found;
		p->damaged = r->damaged;
		p->missing = r->missing;
		p->damage_s = r->time_s;
	}
	if (has_verified(r) && !p->has_verified) {
		p->has_verified = true;
		p->verified_all = !r->has_commit;
		p->verified = r->commit;
		p->verified_s = r->time_s;
		p->verified_ns = r->time_ns;
	}
	return p->seen_commit && p->seen_check && p->has_verified;
}

static int take_pack(const struct catalogue_pack *k, void *data, struct err *err)
{
	struct proof *p = data;

	(void)err;
	p->packs++;
	p->packs_damaged += k->is_damaged;
	if (k->read_s == 0 || k->is_damaged)
		return 0;
	if (p->packs_read == 0 || k->read_s < p->oldest_read_s)
		p->oldest_read_s = k->read_s;
	p->packs_read++;
	return 0;
}

int proof_take(struct proof *p, struct catalogue *c, struct err *err)
{
	int ret = catalogue_each_run(c, take_run, p, err);

	if (ret >= 0)
		ret = catalogue_each_pack(c, take_pack, p, err);
	p->is_known = ret >= 0;
	return ret < 0 ? ret : 0;
}
