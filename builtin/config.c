/*
 * ub config: show and change settings, as git config does.
 */

#include <string.h>
#include <strings.h>

#include "lib/config.h"
#include "lib/file.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "builtin/ub.h"

static const char config_usage[] =
	"ub config [--global] [--show-origin] KEY [VALUE]\n"
	"ub config [--global] --unset KEY\n"
	"ub config [--show-origin] [-z] --list";

struct printer {
	struct ub *ub;
	bool show_origin, nul;
};

static void print_setting(const struct printer *p, const char *key, const char *value,
			  const char *origin)
{
	struct out *out = &p->ub->out;

	if (p->ub->json) {
		struct buf line = BUF_INIT;
		struct json j;

		json_begin(&j, &line, "setting");
		if (key)
			json_str(&j, "key", key);
		json_path(&j, "value", value, strlen(value));
		json_path(&j, "origin", origin, strlen(origin));
		json_end(&j);
		out_buf(out, &line);
		buf_release(&line);
		return;
	}
	if (p->show_origin)
		out_printf(out, "%s%c", origin, p->nul ? '\0' : '\t');
	if (key)
		out_printf(out, "%s%c", key, p->nul ? '\n' : '=');
	out_str(out, value);
	out_put(out, p->nul ? "" : "\n", 1);
}

static int print_each(const char *key, const char *value, const char *origin, void *data,
		      struct err *err)
{
	(void)err;
	print_setting(data, key, value ? value : "true", origin);
	return 0;
}

/* "section.name" or "section.anything.name", as git wants it. */
static int check_key(const char *key, struct err *err)
{
	const char *dot = strchr(key, '.'), *last = strrchr(key, '.');

	if (!dot || dot == key || !last[1])
		return err_set(err, ERR_USAGE, "'%s' is not a setting: SECTION.NAME is wanted",
			       key);
	return 0;
}

static int show(struct ub *ub, const char *repo_config, const char *key, struct printer *p,
		struct err *err)
{
	struct buf value = BUF_INIT, origin = BUF_INIT;
	struct config *c = NULL;
	int ret;

	ret = config_open(repo_config, &c, err);
	if (ret < 0)
		goto done;
	if (!key) {
		ret = config_each(c, print_each, p, err);
		goto done;
	}
	ret = config_find(c, key, &value, &origin, err);
	if (ret == 0)
		print_setting(p, ub->json ? key : NULL, buf_str(&value), buf_str(&origin));
	if (ret == ERR_NOT_FOUND) {	/* as git: the answer is no, and needs no words */
		err_clear(err);
		ret = EXIT_FAILED;
	}
done:
	config_free(c);
	buf_release(&value);
	buf_release(&origin);
	return ret;
}

/* What a repository is, written by init: any other value would only make it unreadable. */
static bool is_fixed(const char *key)
{
	return strcasecmp(key, "core.format") == 0 || strcasecmp(key, "core.id") == 0;
}

static int change(struct ub *ub, const char *path, const char *key, const char *value,
		  bool is_repo, struct err *err)
{
	if (is_fixed(key))
		return err_set(err, ERR_REFUSED,
			       "'%s' says what the repository is, and never changes",
			       key);
	if (!path)
		return err_set(err, ERR_FAILED,
			       "HOME is not set, so there is no file for settings");
	if (is_repo && !file_exists(path))
		return err_set(err, ERR_NO_REPO,
			       "there is no repository at '%s'; --global sets it for all of yours",
			       ub->repo_path);
	return value ? config_set(path, key, value, err) : config_unset(path, key, err);
}

int cmd_config(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool list = false, global = false, unset = false;
	struct printer p = { ub, false, false };
	const struct opt opts[] = {
		OPT_FLAG('l', "list", &list, "show all settings, the strongest last"),
		OPT_FLAG(0, "show-origin", &p.show_origin, "show where each comes from"),
		OPT_FLAG(0, "global", &global, "in the user's file, not the repository's"),
		OPT_FLAG(0, "unset", &unset, "remove the setting"),
		OPT_FLAG('z', "null", &p.nul, "end records in NUL, names in newline"),
		OPT_END
	};
	char *path = NULL;
	int ret;

	ret = ub_parse(ub, opts, config_usage, &argc, &argv, err);
	if (ret < 0)
		return ret;
	if (argc > 2 || (argc == 0 && !list) || (list && (argc || unset)) || (unset && argc != 1))
		return err_set(err, ERR_USAGE, "wrong number of arguments; see 'ub config -h'");
	if (argc) {
		ret = check_key(argv[0], err);
		if (ret < 0)
			return ret;
	}
	path = global ? config_user_path() : path_join(ub->repo_path, "config");
	if (unset || argc == 2)
		ret = change(ub, path, argv[0], unset ? NULL : argv[1], !global, err);
	else
		ret = show(ub, global ? NULL : path, argv[0], &p, err);
	sys_free(path);
	return ret;
}
