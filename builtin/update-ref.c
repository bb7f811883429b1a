/*
 * ub update-ref: make a name of this device point to a snapshot, or take the name away.
 */
#include <string.h>

#include "lib/sys.h"
#include "crypto/keys.h"
#include "refs/refs.h"
#include "refs/rev.h"
#include "builtin/repo.h"

static const char update_ref_usage[] =
	"ub update-ref REF OID [OLD]\n"
	"ub update-ref --delete REF [OLD]";

/* Under --dry-run a machine that is new here has not joined, and has no refs. */
static const char *own_device(struct ub *ub)
{
	return keys_has_device(ub->keys) ? keys_device_name(ub->keys) : "";
}

/* A device writes its own refs: DEVICE/REF is REF where DEVICE is this one. */
static int own_name(struct ub *ub, const char *typed, const char **out, struct err *err)
{
	const char *device = own_device(ub);
	size_t n = strlen(device);
	struct ref ref;

	*out = typed;
	if (strncmp(typed, device, n) == 0 && typed[n] == '/') {
		*out = typed + n + 1;
		return 0;
	}
	if (!ref_name_is_valid(typed))
		return err_set(err, ERR_USAGE, "'%s' is not a name that a ref may have", typed);
	if (strchr(typed, '/') && refs_find(ub->refs, typed, &ref, err) == 0 && !ref.is_own &&
	    strcmp(ref.name, typed) != 0)
		return err_set(err, ERR_REFUSED, "'%s' is a ref of another device, '%s', which"
			       " alone moves it", typed, ref.device);
	err_clear(err);
	return 0;
}

static bool is_zeros(const char *s)
{
	return *s && strspn(s, "0") == strlen(s);
}

/* A snapshot by any name; all zeros: none. */
static int parse_commit(struct ub *ub, const char *text, struct oid *out, struct err *err)
{
	struct rev rev = REV_INIT;
	int ret;

	memset(out, 0, sizeof(*out));
	if (is_zeros(text))
		return 0;
	ret = rev_parse(ub->refs, ub->store, text, &rev, err);
	*out = rev.id;
	rev_release(&rev);
	return ret;
}

static void print(struct ub *ub, const char *name, const struct oid *commit)
{
	struct buf line = BUF_INIT;
	struct json j;

	json_begin(&j, &line, "ref");
	json_str(&j, "device", own_device(ub));
	json_str(&j, "name", name);
	if (oid_is_zero(commit))
		json_null(&j, "oid");
	else
		json_str(&j, "oid", oid_hex(commit).s);
	json_end(&j);
	out_buf(&ub->out, &line);
	buf_release(&line);
}

struct now { const char *name; struct oid commit; };

static int find_own(const struct ref *ref, void *data, struct err *err)
{
	struct now *now = data;

	(void)err;
	if (ref->is_own && strcmp(ref->name, now->name) == 0)
		now->commit = ref->commit;
	return 0;
}

/* What refs_update() would do, without its lock: said, not done. */
static int dry_run(struct ub *ub, const char *name, const struct oid *commit,
		   const struct oid *old, struct err *err)
{
	struct now now = { .name = name };
	enum obj_type type = OBJ_COMMIT;
	struct buf raw = BUF_INIT;
	int ret = 0;

	if (!ref_name_is_valid(name))
		return err_set(err, ERR_USAGE, "'%s' is not a name that a ref may have", name);
	if (!oid_is_zero(commit))
		ret = store_read(ub->store, commit, OBJ_NONE, &type, &raw, err);
	buf_release(&raw);
	if (ret == 0 && type != OBJ_COMMIT)
		ret = err_set(err, ERR_FAILED, "%s is a %s, and a ref names commits",
			      oid_hex(commit).s, obj_type_name(type));
	if (ret == 0)
		ret = refs_each(ub->refs, find_own, &now, err);
	if (ret < 0 || oid_eq(&now.commit, commit))
		return ret;
	if (old && !oid_eq(&now.commit, old))
		return err_set(err, ERR_REFUSED, "the ref '%s' is at %s, not at %s", name,
			       oid_hex(&now.commit).s, oid_hex(old).s);
	ub_say(ub, "'%s' would go from %s to %s", name,
	       oid_is_zero(&now.commit) ? "nothing" : oid_hex(&now.commit).s,
	       oid_is_zero(commit) ? "nothing" : oid_hex(commit).s);
	return 0;
}

int cmd_update_ref(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool remove = false;
	struct oid commit = { { 0 } }, old;
	const char *name;
	const struct opt opts[] = {
		OPT_FLAG('d', "delete", &remove, "take the name away"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, update_ref_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	int first_old = remove ? 1 : 2;
	bool has_old = argc > first_old;
	if (argc < first_old || argc > first_old + 1)
		return err_set(err, ERR_USAGE, remove ? "--delete wants REF and perhaps OLD" :
			       "REF, OID and perhaps OLD are wanted");
	ret = own_name(ub, argv[0], &name, err);
	if (ret == 0 && !remove) {
		ret = parse_commit(ub, argv[1], &commit, err);
		if (ret == 0 && oid_is_zero(&commit))
			ret = err_set(err, ERR_USAGE, "to take a name away, say --delete");
	}
	if (ret == 0 && has_old)
		ret = parse_commit(ub, argv[first_old], &old, err);
	if (ret == 0 && ub->dry_run)
		ret = dry_run(ub, name, &commit, has_old ? &old : NULL, err);
	else if (ret == 0)
		ret = refs_update(ub->refs, ub->store, name, &commit, has_old ? &old : NULL,
				  repo_lock_wait(ub), err);
	if (ret == 0 && ub->json)
		print(ub, name, &commit);
	return ret;
}
