/*
 * ub backup: put what is new under backup, and commit all of it.
 */
#include "builtin/make-snapshot.h"

static const char backup_usage[] =
	"ub backup [-m MSG]... [--tag TAG]... [-e PATTERN]... [PATH...]";

int cmd_backup(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct snapshot_request r = { .all_sources = true };
	const struct opt opts[] = { SNAPSHOT_OPTIONS(&r), OPT_END };
	int ret = ub_parse(ub, opts, backup_usage, &argc, &argv, err);

	if (ret == 0)
		ret = snapshot_request_run(ub, &r, argc, argv, err);
	snapshot_request_release(&r);
	return ret;
}
