/*
 * Hooks.
 */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/path.h"
#include "lib/sys.h"

#include "builtin/hooks.h"

static const struct { const char *key, *name; } hooks[] = {
	[HOOK_PRE_COMMIT] = { "hook.preCommit", "pre-commit" },
	[HOOK_POST_COMMIT] = { "hook.postCommit", "post-commit" },
	[HOOK_POST_FAIL] = { "hook.postFail", "post-fail" },
};

int hooks_trust(struct ub *ub, struct err *err)
{
	char *path = path_join(ub->repo_path, "config");
	struct stat st;
	int ret = 0;

	if (sys_stat(path, &st) < 0)
		ret = err_sys(err, "look at '%s'", path);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		ret = err_set(err, ERR_REFUSED, "'%s' belongs to another user: commands in it are "
			      "not run", path);
	else if (st.st_mode & 022)
		ret = err_set(err, ERR_REFUSED, "'%s' may be written by others: commands in it are "
			      "not run", path);
	sys_free(path);
	return ret;
}

unsigned int hooks_timeout(struct ub *ub)
{
	struct err ignored = ERR_INIT;
	uint64_t seconds = 0;

	config_get_uint(ub->config, "hook.timeout", &seconds, &ignored);
	return (unsigned int)seconds;
}

struct running {
	struct ub *ub;
	enum hook hook;
	const char *own;		/* the repository's file */
	struct run_options run;
};

static int run_one(const char *key, const char *value, const char *origin, void *data,
		   struct err *err)
{
	struct running *r = data;
	size_t n = strlen(r->own);
	int ret = 0;

	if (strcasecmp(key, hooks[r->hook].key) != 0 || !value || !*value)
		return 0;
	if (strncmp(origin, r->own, n) == 0 && (origin[n] == ':' || !origin[n]))
		ret = hooks_trust(r->ub, err);
	r->run.command = value;
	if (ret == 0)
		ret = run_command(&r->run, err);
	return ret < 0 ? err_wrap(err, "hook %s", hooks[r->hook].name) : 0;
}

int hooks_run(struct ub *ub, enum hook hook, const struct hook_facts *facts, struct err *err)
{
	char *own = path_join(ub->repo_path, "config");
	char *env[] = {
		xasprintf("UB_DIR=%s", ub->repo_path),
		xasprintf("UB_HOOK=%s", hooks[hook].name),
		xasprintf("UB_COMMIT=%s", facts->commit ? facts->commit : ""),
		xasprintf("UB_STATUS=%d", facts->status),
		xasprintf("UB_ERROR=%s", facts->error ? facts->error : ""),
		NULL,
	};
	struct running r = {
		.ub = ub, .hook = hook, .own = own,
		.run = { .env = (const char *const *)env, .timeout_s = hooks_timeout(ub),
			 .is_last = hook == HOOK_POST_FAIL },
	};
	int ret = config_each(ub->config, run_one, &r, err);

	for (size_t i = 0; env[i]; i++)
		sys_free(env[i]);
	sys_free(own);
	return ret;
}
