/*
 * ub rev-parse: turn revisions into ids.
 */
#include <string.h>

#include "refs/rev.h"
#include "builtin/repo.h"

static const char rev_parse_usage[] = "ub rev-parse REV...";

static void print(struct ub *ub, const char *text, const struct rev *rev)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (!ub->json) {
		out_printf(&ub->out, "%s\n", oid_hex(&rev->id).s);
		return;
	}
	json_begin(&j, &line, "revision");
	json_path(&j, "revision", text, strlen(text));
	json_str(&j, "oid", oid_hex(&rev->id).s);
	if (rev->type != OBJ_NONE)
		json_str(&j, "object_type", obj_type_name(rev->type));
	json_end(&j);
	out_buf(&ub->out, &line);
	buf_release(&line);
}

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
			print(ub, argv[i], &rev);
	}
	rev_release(&rev);
	return ret;
}
