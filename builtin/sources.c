/*
 * ub sources: what is under backup on this device.
 */
#include <string.h>
#include <sys/stat.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "builtin/source-list.h"

static const char sources_usage[] = "ub sources [-z]";

struct listing {
	struct ub *ub;
	bool nul;
};

static void print(struct listing *l, const char *path, bool is_present)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (l->ub->json) {
		json_begin(&j, &line, "source");
		json_path(&j, "path", path, strlen(path));
		json_bool(&j, "present", is_present);
		json_end(&j);
	} else if (l->nul) {
		buf_put(&line, path, strlen(path) + 1);
	} else {
		quote_put(&line, path, strlen(path));
		buf_put_u8(&line, '\n');
	}
	out_buf(&l->ub->out, &line);
	if (!is_present && !l->ub->json)
		ub_say(l->ub, "'%s' is not there now", path);
	buf_release(&line);
}

static void list(struct listing *l, const struct waypoint *p)
{
	struct stat st;

	if (p->is_source) {
		char *path = waypoint_path(p);
		print(l, path, sys_lstat(path, &st) == 0);
		sys_free(path);
	}
	for (const struct waypoint *c = p->child; c; c = c->next)
		list(l, c);
}

static int print_command(const char *name, const char *command, void *data, struct err *err)
{
	struct listing *l = data;
	struct buf line = BUF_INIT;
	struct json j;

	(void)err;
	if (l->ub->json) {
		char *path = xasprintf("/%s", name);
		json_begin(&j, &line, "source");
		json_path(&j, "path", path, strlen(path));
		json_bool(&j, "present", true);
		json_str(&j, "command", command);
		json_end(&j);
		sys_free(path);
	} else {
		buf_printf(&line, "/%s", name);
		if (!l->nul)
			buf_printf(&line, "\t%s", command);
		buf_put_u8(&line, l->nul ? '\0' : '\n');
	}
	out_buf(&l->ub->out, &line);
	buf_release(&line);
	return 0;
}

int cmd_sources(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct listing l = { .ub = ub };
	const struct opt opts[] = {
		OPT_FLAG('z', "null", &l.nul, "paths end in NUL"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, sources_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc > 0)
		return err_set(err, ERR_USAGE, "'ub sources' takes no arguments");
	struct waypoint *root = waypoint_new_root();
	ret = source_list_load(ub, root, err);
	if (ret == 0)
		list(&l, root);
	if (ret == 0)
		ret = source_list_each_command(ub, print_command, &l, err);
	waypoint_free(root);
	return ret;
}
