/*
 * ub rev-parse: turn revisions into ids.
 */
#include "refs/rev.h"
#include "builtin/repo.h"

static const char rev_parse_usage[] = "ub rev-parse REV...";

int cmd_rev_parse(struct ub *ub, int argc, char **argv, struct err *err)
{
	const struct opt opts[] = { OPT_END };
	struct rev rev = REV_INIT;
	int ret = ub_parse(ub, opts, rev_parse_usage, &argc, &argv, err);

	if (ret == 0 && argc == 0)
		ret = err_set(err, ERR_USAGE, "which revision?");
	for (int i = 0; ret == 0 && i < argc; i++) {
		ret = rev_parse(ub->refs, ub->store, argv[i], &rev, err);
		if (ret == 0 && rev.has_entry && rev.type == OBJ_NONE)
			ret = err_set(err, ERR_FAILED, "'%s' has no content, so it has no id",
				      argv[i]);
		if (ret == 0)
			out_printf(&ub->out, "%s\n", oid_hex(&rev.id).s);
	}
	rev_release(&rev);
	return ret;
}
