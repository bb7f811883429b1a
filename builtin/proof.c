/*
 * What was read back and when, and what was run: for `ub status` and `ub log --runs`.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "refs/date.h"
#include "refs/rev.h"
#include "builtin/catalogue.h"
#include "builtin/pager.h"
#include "builtin/repo.h"

#include "builtin/proof.h"

/* -- reading -- */

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

static int read_notes(struct catalogue *c, void *data, struct err *err)
{
	int ret = catalogue_each_run(c, take_run, data, err);

	return ret < 0 ? ret : catalogue_each_pack(c, take_pack, data, err);
}

int proof_read(struct proof *p, struct ub *ub, struct err *err)
{
	int ret = repo_read_notes(ub, 0, read_notes, p, err);

	if (ret != 1)
		proof_release(p);
	p->is_known = ret == 1;
	if (ret >= 0 || ret == ERR_INTERRUPTED)
		return ret < 0 ? ret : 0;
	err_clear(err);			/* who wants it tells */
	return 0;
}

/* -- as text -- */

static int put_verified(const struct proof *p, struct ub *ub, const struct timespec *now,
			struct buf *out, struct err *err)
{
	struct oid_text text;

	if (!p->has_verified) {
		buf_put_str(out, "Not verified yet: 'ub verify' opens all of a snapshot\n");
		return 0;
	}
	if (p->verified_all) {
		buf_put_str(out, "Verified: everything, ");
	} else {
		int ret = rev_abbreviate(ub->store, &p->verified, &text, err);
		if (ret < 0)
			return ret;
		buf_printf(out, "Verified: %s, ", text.s);
	}
	date_put_age(out, now, p->verified_s);
	buf_put_u8(out, '\n');
	return 0;
}

static void put_packs(const struct proof *p, const struct timespec *now, struct buf *out)
{
	buf_printf(out, "Packs: %" PRIu64, p->packs);
	if (p->packs_read == 0)
		buf_put_str(out, ", none read back yet: 'ub fsck' reads all");
	else if (p->packs_read == p->packs)
		buf_put_str(out, ", all read back");
	else
		buf_printf(out, ", %" PRIu64 " read back", p->packs_read);
	if (p->packs_read > 0) {
		buf_put_str(out, p->packs_read == 1 ? ", " : ", the oldest reading ");
		date_put_age(out, now, p->oldest_read_s);
	}
	if (p->packs_damaged > 0)
		buf_printf(out, "; %" PRIu64 " damaged", p->packs_damaged);
	buf_put_u8(out, '\n');
}

int proof_put_text(const struct proof *p, struct ub *ub, struct buf *out, struct err *err)
{
	struct timespec now;

	if (!p->is_known || p->packs == 0)
		return 0;
	sys_now(&now);
	if (p->has_failure) {
		buf_put_str(out, "The last commit failed, ");
		date_put_age(out, &now, p->failure_s);
		buf_put_str(out, ": ");
		quote_put_text(out, p->failure, strlen(p->failure));
		buf_put_u8(out, '\n');
	}
	if (p->has_damage) {
		buf_printf(out, "Damage was found, %" PRIu64 " damaged and %" PRIu64 " missing, ",
			   p->damaged, p->missing);
		date_put_age(out, &now, p->damage_s);
		buf_put_str(out, ": 'ub fsck' names it\n");
	}
	int ret = put_verified(p, ub, &now, out, err);
	put_packs(p, &now, out);
	return ret;
}

/* -- as JSON -- */

static void put_time(struct json *j, const char *name, bool has, int64_t s, uint32_t ns)
{
	if (has)
		json_time(j, name, s, ns);
	else
		json_null(j, name);
}

void proof_put_json(const struct proof *p, struct json *j)
{
	bool is_failed = p->has_failure;

	put_time(j, "verified_time", p->has_verified, p->verified_s, p->verified_ns);
	if (p->has_verified && !p->verified_all)
		json_str(j, "verified_commit", oid_hex(&p->verified).s);
	else
		json_null(j, "verified_commit");
	json_u64(j, "packs", p->packs);
	json_u64(j, "packs_read", p->packs_read);
	json_u64(j, "packs_damaged", p->packs_damaged);
	put_time(j, "oldest_read", p->packs_read > 0, p->oldest_read_s, 0);
	json_u64(j, "damaged", p->damaged);
	json_u64(j, "missing", p->missing);
	put_time(j, "failure_time", is_failed, p->failure_s, p->failure_ns);
	if (is_failed)
		json_str(j, "failure", p->failure);
	else
		json_null(j, "failure");
}

/* -- runs -- */

struct run_list {
	struct ub *ub;
	unsigned int left;
	struct buf line;
};

static void put_run_json(const struct catalogue_run *r, struct buf *out)
{
	struct json j;

	json_begin(&j, out, "run");
	json_str(&j, "command", r->what);
	json_time(&j, "time", r->time_s, r->time_ns);
	json_double(&j, "seconds", (double)r->ms / 1000);
	json_u64(&j, "exit", (uint64_t)r->status);
	if (r->has_commit)
		json_str(&j, "commit", oid_hex(&r->commit).s);
	else
		json_null(&j, "commit");
	json_double(&j, "share", (double)r->share / CATALOGUE_SHARE_ALL);
	json_u64(&j, "objects", r->objects);
	json_u64(&j, "bytes", r->bytes);
	json_u64(&j, "damaged", r->damaged);
	json_u64(&j, "missing", r->missing);
	json_str(&j, "message", r->message);
	json_end(&j);
}

static const char *outcome(const struct catalogue_run *r)
{
	switch (r->status) {
	case EXIT_DONE:
		return "done";
	case EXIT_PARTIAL:
		return "incomplete";
	case EXIT_HEALED:
		return "healed";
	case EXIT_DAMAGED:
		return "damage";
	default:
		return "failed";
	}
}

static void put_run_text(const struct catalogue_run *r, struct buf *out)
{
	time_t at = (time_t)r->time_s;
	char when[64] = "-";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(out, "%-19s  %-6s  %-10s  %10.3f s  %-7.7s  ", when, r->what, outcome(r),
		   (double)r->ms / 1000, r->has_commit ? oid_hex(&r->commit).s : "-");
	if (*r->message)
		quote_put_text(out, r->message, strlen(r->message));
	else
		buf_printf(out, "%" PRIu64 " %s, %s", r->objects,
			   is_check(r) ? "objects" : "files", number_human(r->bytes).s);
	if (r->damaged + r->missing > 0)
		buf_printf(out, ", %" PRIu64 " damaged, %" PRIu64 " missing", r->damaged,
			   r->missing);
	if (r->share < CATALOGUE_SHARE_ALL && strcmp(r->what, "verify") == 0)
		buf_printf(out, ", %.4g %% of the content", (double)r->share * 100 /
			   CATALOGUE_SHARE_ALL);
	buf_put_u8(out, '\n');
}

static int print_run(const struct catalogue_run *r, void *data, struct err *err)
{
	struct run_list *l = data;

	if (l->left == 0)
		return 1;
	l->left--;
	buf_reset(&l->line);
	if (l->ub->json)
		put_run_json(r, &l->line);
	else
		put_run_text(r, &l->line);
	out_buf(&l->ub->out, &l->line);
	return out_failed(&l->ub->out) ? out_flush(&l->ub->out, err) : 0;
}

static int print_runs(struct catalogue *c, void *data, struct err *err)
{
	int ret = catalogue_each_run(c, print_run, data, err);

	return ret < 0 ? ret : 0;
}

int proof_print_runs(struct ub *ub, unsigned int max, struct err *err)
{
	struct run_list l = { .ub = ub, .left = max, .line = BUF_INIT };

	pager_begin(ub);
	int ret = repo_read_notes(ub, repo_lock_wait(ub) * 1000, print_runs, &l, err);
	buf_release(&l.line);
	if (ret == ERR_CORRUPT) {
		ub_warn(ub, "%s: what was run is not known", err->msg);
		err_clear(err);
	}
	return ret < 0 ? (int)err->code : 0;
}
