/*
 * ub ls: what is in a folder of a snapshot.
 */
#include "builtin/spot.h"

static const char ls_usage[] = "ub ls [-l] [-r] [-z] [REV[:PATH]]";

int cmd_ls(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct list_options o = { 0 };
	const struct opt opts[] = {
		OPT_FLAG('l', "long", &o.details, "show mode, owners, size and time, as ls -l"),
		OPT_FLAG('r', "recurse", &o.recurse, "show what is in folders: names become paths"),
		OPT_FLAG('z', "null", &o.nul, "end records with NUL and do not quote names"),
		OPT_END
	};
	struct spot p = SPOT_INIT;
	int ret = ub_parse(ub, opts, ls_usage, &argc, &argv, err);

	if (ret == 0 && argc > 1)
		ret = err_set(err, ERR_USAGE, "one snapshot or folder at a time");
	if (ret == 0)
		ret = spot_find(ub, argc ? argv[0] : "HEAD", &p, err);
	if (ret == 0)
		ret = spot_list(ub, &p, &o, err);
	spot_release(&p);
	return ret;
}
