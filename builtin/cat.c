/*
 * ub cat: the content of files in a snapshot.
 */
#include "builtin/spot.h"

static const char cat_usage[] = "ub cat REV:PATH...";

int cmd_cat(struct ub *ub, int argc, char **argv, struct err *err)
{
	const struct opt opts[] = { OPT_END };
	int ret = ub_parse(ub, opts, cat_usage, &argc, &argv, err);

	if (ret == 0 && argc == 0)
		ret = err_set(err, ERR_USAGE, "which file?");
	for (int i = 0; ret == 0 && i < argc; i++) {
		struct spot p = SPOT_INIT;
		ret = spot_find(ub, argv[i], &p, err);
		if (ret == 0)
			ret = spot_put_content(ub, &p, argv[i], err);
		spot_release(&p);
	}
	return ret;
}
