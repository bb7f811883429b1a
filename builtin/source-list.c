/*
 * Sources in the configuration.
 */
#include <string.h>

#include "lib/config.h"
#include "lib/path.h"
#include "lib/sys.h"

#include "builtin/source-list.h"

char *source_list_key(struct ub *ub)
{
	char *device = repo_device_name(ub);
	char *key = xasprintf("source.%s.path", device);

	sys_free(device);
	return key;
}

char *source_list_file(struct ub *ub)
{
	return path_join(ub->repo_path, "config");
}

struct load {
	const char *key;
	struct waypoint *root;
};

static int load_one(const char *key, const char *value, const char *origin, void *data,
		    struct err *err)
{
	struct load *load = data;
	struct waypoint *p;

	if (strcmp(key, load->key) != 0)
		return 0;
	int ret = value ? waypoint_add(load->root, value, &p, err) :
			  err_set(err, ERR_USAGE, "a source without a path");
	if (ret < 0)
		return err_wrap(err, "%s", origin);
	p->is_source = true;
	return 0;
}

int source_list_load(struct ub *ub, struct waypoint *root, struct err *err)
{
	char *key = source_list_key(ub);
	struct load load = { key, root };
	int ret = config_each(ub->config, load_one, &load, err);

	sys_free(key);
	return ret;
}

static bool is_in(const char *path, const char *dir)
{
	char *real = dir ? sys_realpath(dir) : NULL;
	size_t n = real ? strlen(real) : 0;
	bool answer = n > 0 && strncmp(path, real, n) == 0 && (path[n] == '/' || !path[n]);

	sys_free(real);
	return answer;
}

bool source_list_is_own(struct ub *ub, const char *path)
{
	static const char *const keys[] = { "store.meta", "store.data" };
	char *cache = path_cache_home(), *state = path_state_home();
	bool answer = is_in(path, ub->repo_path) || is_in(path, cache) || is_in(path, state);

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !answer; i++) {
		struct buf value = BUF_INIT;
		struct err ignored = ERR_INIT;
		if (config_get_str(ub->config, keys[i], &value, &ignored) == 0 && value.len > 0)
			answer = is_in(path, buf_str(&value));
		buf_release(&value);
	}
	sys_free(state);
	sys_free(cache);
	return answer;
}

int source_list_add(struct ub *ub, struct waypoint *root, const char *path, struct err *err)
{
	struct waypoint *p;
	int ret = 0;

	if (source_list_is_own(ub, path))
		return err_set(err, ERR_REFUSED, "'%s' belongs to ub itself, and is not backed up",
			       path);
	ret = waypoint_add(root, path, &p, err);
	if (ret < 0 || p->is_source)
		return ret;
	p->is_source = true;
	if (ub->dry_run)
		return 1;
	char *key = source_list_key(ub), *file = source_list_file(ub);
	ret = config_add(file, key, path, err);
	sys_free(key);
	sys_free(file);
	return ret < 0 ? ret : 1;
}

/* -- commands -- */

static char *command_key(struct ub *ub)
{
	char *device = repo_device_name(ub);
	char *key = xasprintf("source.%s.exec", device);

	sys_free(device);
	return key;
}

struct each_command {
	const char *key;
	int (*fn)(const char *name, const char *command, void *data, struct err *err);
	void *data;
};

static int take_command(const char *key, const char *value, const char *origin, void *data,
			struct err *err)
{
	struct each_command *e = data;

	if (strcmp(key, e->key) != 0)
		return 0;
	size_t n = value ? strcspn(value, " ") : 0;
	if (n == 0 || !value[n] || memchr(value, '/', n))
		return err_set(err, ERR_USAGE, "%s: a source that is a command is 'NAME COMMAND'",
			       origin);
	char *name = xstrndup(value, n);
	int ret = e->fn(name, value + n + 1, e->data, err);
	sys_free(name);
	return ret;
}

int source_list_each_command(struct ub *ub,
			     int (*fn)(const char *name, const char *command, void *data,
				       struct err *err), void *data, struct err *err)
{
	char *key = command_key(ub);
	struct each_command e = { key, fn, data };
	int ret = config_each(ub->config, take_command, &e, err);

	sys_free(key);
	return ret;
}

static int is_named(const char *name, const char *command, void *data, struct err *err)
{
	(void)command;
	(void)err;
	return strcmp(name, data) == 0;
}

int source_list_add_command(struct ub *ub, const char *name, const char *command, struct err *err)
{
	name += *name == '/';
	if (!*name || strpbrk(name, "/ \t\n") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, ERR_USAGE, "'%s' cannot be the name of a file in the root of a "
			       "snapshot: no slashes, no blanks", name);
	if (!*command || strchr(command, '\n'))
		return err_set(err, ERR_USAGE, "a command is one line");
	int ret = source_list_each_command(ub, is_named, (void *)(uintptr_t)name, err);
	if (ret != 0)
		return ret < 0 ? ret : err_set(err, ERR_FAILED, "'%s' is under backup already: "
					       "'ub rm %s' first", name, name);
	if (ub->dry_run)
		return 0;
	char *key = command_key(ub), *file = source_list_file(ub);
	char *value = xasprintf("%s %s", name, command);
	ret = config_add(file, key, value, err);
	sys_free(value);
	sys_free(key);
	sys_free(file);
	return ret;
}

struct found_command { const char *name; char *value; };

static int find_command(const char *name, const char *command, void *data, struct err *err)
{
	struct found_command *f = data;

	(void)err;
	if (strcmp(name, f->name) == 0 && !f->value)
		f->value = xasprintf("%s %s", name, command);
	return 0;
}

int source_list_remove_command(struct ub *ub, const char *name, struct err *err)
{
	struct found_command f = { name + (*name == '/'), NULL };
	int ret = source_list_each_command(ub, find_command, &f, err);

	if (ret == 0 && f.value && !ub->dry_run) {
		char *key = command_key(ub), *file = source_list_file(ub);
		ret = config_remove(file, key, f.value, err);
		sys_free(key);
		sys_free(file);
	}
	bool has = f.value != NULL;
	sys_free(f.value);
	return ret < 0 ? ret : has;
}
