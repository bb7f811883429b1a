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

/* A device writes its own refs: DEVICE/REF is REF where DEVICE is this one. */
static int own_name(struct ub *ub, const char *typed, const char **out, struct err *err)
{
	const char *device = keys_device_name(ub->keys);
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
	if (argc < first_old || argc > first_old + 1)
		return err_set(err, ERR_USAGE, remove ? "--delete wants REF and perhaps OLD" :
			       "REF, OID and perhaps OLD are wanted");
	ret = own_name(ub, argv[0], &name, err);
	if (ret == 0 && !remove) {
		ret = parse_commit(ub, argv[1], &commit, err);
		if (ret == 0 && oid_is_zero(&commit))
			ret = err_set(err, ERR_USAGE, "to take a name away, say --delete");
	}
	if (ret == 0 && argc > first_old)
		ret = parse_commit(ub, argv[first_old], &old, err);
	if (ret == 0)
		ret = refs_update(ub->refs, ub->store, name, &commit,
				  argc > first_old ? &old : NULL, repo_lock_wait(ub), err);
	return ret;
}
