/*
 * ub version, ub --version.
 */

#include "builtin/ub.h"

#ifndef UB_VERSION	/* the Makefile says it */
#define UB_VERSION "unknown"
#endif

static const char version_usage[] = "ub version";

int cmd_version(struct ub *ub, int argc, char **argv, struct err *err)
{
	const struct opt opts[] = { OPT_END };
	int ret;

	ret = ub_parse(ub, opts, version_usage, &argc, &argv, err);
	if (ret < 0)
		return ret;
	if (argc)
		return err_set(err, ERR_USAGE, "too many arguments; see 'ub version -h'");
	if (ub->json) {
		struct buf line = BUF_INIT;
		struct json j;

		json_begin(&j, &line, "version");
		json_str(&j, "version", UB_VERSION);
		json_end(&j);
		out_buf(&ub->out, &line);
		buf_release(&line);
	} else {
		out_str(&ub->out, "ub " UB_VERSION "\n");
	}
	return 0;
}
