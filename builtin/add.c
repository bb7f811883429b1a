/*
 * ub add: put paths under backup.
 */
#include <sys/stat.h>

#include "lib/sys.h"
#include "builtin/source-list.h"

static const char add_usage[] =
	"ub add PATH...\n"
	"ub add --exec NAME COMMAND";

static int add_one(struct ub *ub, struct waypoint *root, const char *typed, struct err *err)
{
	struct stat st;
	char *path = source_resolve(typed, err);

	if (!path)
		return err->code;
	int ret = sys_lstat(path, &st) < 0 ? err_sys(err, "add '%s'", typed) :
					     source_list_add(ub, root, path, err);
	if (ret == 0)
		ub_say(ub, "'%s' is under backup already", path);
	else if (ret > 0 && ub->verbose)
		ub_say(ub, "'%s' is now under backup", path);
	sys_free(path);
	return ret < 0 ? ret : 0;
}

int cmd_add(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool is_command = false;
	const struct opt opts[] = {
		OPT_FLAG(0, "exec", &is_command, "what COMMAND prints, as the file NAME"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, add_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (is_command && argc != 2)
		return err_set(err, ERR_USAGE, "a name and a command, which is one argument: "
			       "ub add --exec shop.sql 'pg_dump shop'");
	if (is_command)
		return source_list_add_command(ub, argv[0], argv[1], err);
	if (argc == 0)
		return err_set(err, ERR_USAGE, "which path is to be backed up?");
	struct waypoint *root = waypoint_new_root();
	ret = source_list_load(ub, root, err);
	for (int i = 0; i < argc && ret == 0; i++)
		ret = add_one(ub, root, argv[i], err);
	waypoint_free(root);
	return ret;
}
