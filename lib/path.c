/*
 * Paths: only their text; nothing here looks at a file system.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "lib/path.h"

char *path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n == 0)
		return xstrdup(name);
	return xasprintf("%.*s%s%s", (int)n, dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *path_clean(const char *path)
{
	char *out = xmalloc(strlen(path) + 1);
	size_t len = 0;

	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len > 0 && out[len - 1] != '/')
				len--;
			len -= len > 0;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
		path += *path == '/';
	}
	out[len] = '\0';
	return out;
}

char *path_clean_at(const char *folder, const char *path)
{
	char *joined = *path == '/' ? xstrdup(path) : path_join(folder, path);
	char *out = path_clean(joined);

	sys_free(joined);
	return out;
}

static char *user_dir(const char *variable, const char *below_home)
{
	const char *dir = getenv(variable);

	if (dir && *dir == '/')
		return path_join(dir, "ub");
	dir = getenv("HOME");
	if (!dir || !*dir)
		return NULL;
	return xasprintf("%s/%s/ub", dir, below_home);
}

char *path_data_home(void)
{
	return user_dir("XDG_DATA_HOME", ".local/share");
}

char *path_config_home(void)
{
	return user_dir("XDG_CONFIG_HOME", ".config");
}

char *path_state_home(void)
{
	return user_dir("XDG_STATE_HOME", ".local/state");
}

char *path_cache_home(void)
{
	return user_dir("XDG_CACHE_HOME", ".cache");
}
