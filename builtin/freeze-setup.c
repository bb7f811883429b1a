/*
 * Freezing what a commit reads.
 */
#include <string.h>

#include "lib/config.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "builtin/hooks.h"

#include "builtin/freeze-setup.h"

static void remark(const char *path, const char *what, void *data)
{
	ub_warn(data, "the snapshot '%s' could not be removed, which the next commit tries again: "
		"%s", path, what);
}

/* Beside the device's keys: a record belongs to this machine. */
static char *state_folder(struct ub *ub)
{
	char *home = path_state_home(), *path = NULL, id[2 * HASH_SIZE + 1];

	if (home) {
		hex_encode(id, keys_repo_id(ub->keys), HASH_SIZE);
		path = xasprintf("%s/%s/snapshots", home, id);
	}
	sys_free(home);
	return path;
}

static int read_command(struct ub *ub, const char *key, struct buf *out, const char **command,
			struct err *err)
{
	int ret = config_get_str(ub->config, key, out, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	*command = ret == 0 ? buf_str(out) : NULL;
	return ret;
}

static int read_settings(struct freeze_setup *f, struct ub *ub, struct err *err)
{
	struct buf mode = BUF_INIT;
	int ret = config_get_str(ub->config, "snapshot.mode", &mode, err);

	if (ret == 0)
		ret = read_command(ub, "snapshot.create", &f->create, &f->o.create, err);
	if (ret == 0)
		ret = read_command(ub, "snapshot.remove", &f->remove, &f->o.remove, err);
	f->o.mode = strcmp(buf_str(&mode), "btrfs") == 0 ? FREEZE_BTRFS :
		    strcmp(buf_str(&mode), "command") == 0 ? FREEZE_COMMAND : FREEZE_NONE;
	buf_release(&mode);
	if (ret == 0 && f->o.mode == FREEZE_COMMAND && (!f->o.create || !f->o.remove))
		return err_set(err, ERR_USAGE, "snapshot.mode is command, but snapshot.%s is not "
			       "set", f->o.create ? "remove" : "create");
	if (ret == 0 && (f->o.create || f->o.remove))
		ret = hooks_trust(ub, err);
	return ret;
}

int freeze_setup_begin(struct freeze_setup *f, struct ub *ub, struct waypoint *root,
		       struct err *err)
{
	memset(f, 0, sizeof(*f));
	buf_init_max(&f->create, SIZE_MAX);
	buf_init_max(&f->remove, SIZE_MAX);
	f->state_dir = state_folder(ub);
	f->o.state_dir = f->state_dir;
	f->o.timeout_s = hooks_timeout(ub);
	f->o.remark = remark;
	f->o.data = ub;
	int ret = read_settings(f, ub, err);
	if (ret < 0 || !f->state_dir || ub->dry_run)
		return ret;
	ret = freeze_clean(&f->o, err);
	if (ret == 0 && f->o.mode != FREEZE_NONE)
		ret = freeze_begin(&f->freeze, &f->o, root, err);
	return ret;
}

void freeze_setup_end(struct freeze_setup *f)
{
	freeze_end(f->freeze);
	buf_release(&f->create);
	buf_release(&f->remove);
	sys_free(f->state_dir);
	memset(f, 0, sizeof(*f));
}
