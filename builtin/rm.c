/*
 * ub rm: take paths from under backup.  What was backed up of them stays.
 */
#include <string.h>

#include "lib/config.h"
#include "lib/sys.h"
#include "builtin/source-list.h"

static const char rm_usage[] = "ub rm PATH...";

/* As it stands in the list, or as what it resolves to. */
static int remove_one(struct ub *ub, struct waypoint *root, const char *typed, struct err *err)
{
	struct waypoint *p = NULL;
	int made = source_list_remove_command(ub, typed, err);
	if (made != 0)
		return made < 0 ? made : 0;
	char *path = source_resolve(typed, err);
	if (!path)
		return err->code;
	int ret = waypoint_add(root, path, &p, err);
	if (ret == 0 && !p->is_source && *typed == '/')
		ret = waypoint_add(root, typed, &p, err);
	if (ret == 0 && !p->is_source)
		ret = err_set(err, ERR_NOT_FOUND, "'%s' is not under backup", path);
	if (ret == 0 && !ub->dry_run) {
		char *key = source_list_key(ub), *file = source_list_file(ub);
		char *real = waypoint_path(p);
		ret = config_remove(file, key, real, err);
		sys_free(real);
		sys_free(key);
		sys_free(file);
	}
	if (ret == 0)
		p->is_source = false;
	sys_free(path);
	return ret;
}

int cmd_rm(struct ub *ub, int argc, char **argv, struct err *err)
{
	const struct opt opts[] = { OPT_END };
	int ret = ub_parse(ub, opts, rm_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc == 0)
		return err_set(err, ERR_USAGE, "which path is no longer to be backed up?");
	struct waypoint *root = waypoint_new_root();
	ret = source_list_load(ub, root, err);
	for (int i = 0; i < argc && ret == 0; i++)
		ret = remove_one(ub, root, argv[i], err);
	waypoint_free(root);
	return ret;
}
