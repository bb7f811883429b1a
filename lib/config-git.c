/*
 * Settings by libgit2: files that are not plain, and changes.
 *
 * libgit2 brings a dozen libraries along and takes milliseconds to start, more than a small
 * command needs for all else.  So it is loaded when it is needed, and from then on it stays.
 * It is never asked for git's own files.
 */

#include <dlfcn.h>
#include <string.h>

#include <git2.h>

#include "lib/sys.h"

#include "lib/config-internal.h"

#define FUNCTIONS(X) \
	X(git_libgit2_init) \
	X(git_libgit2_shutdown) \
	X(git_error_last) \
	X(git_config_new) \
	X(git_config_free) \
	X(git_config_add_file_ondisk) \
	X(git_config_open_ondisk) \
	X(git_config_iterator_new) \
	X(git_config_iterator_free) \
	X(git_config_next) \
	X(git_config_set_string) \
	X(git_config_set_multivar) \
	X(git_config_delete_multivar)

struct lib {
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
};

static int lib_start(struct lib *lib, struct err *err)
{
	/* Not closed again: loading twice would cost twice. */
	void *handle = dlopen("libgit2.so." LIBGIT2_SOVERSION, RTLD_LAZY | RTLD_LOCAL);

	if (!handle)
		return err_set(err, ERR_FAILED, "cannot load libgit2: %s", dlerror());
#define LOOK_UP(name) \
	lib->name = (__typeof__(name) *)dlsym(handle, #name); \
	if (!lib->name) \
		return err_set(err, ERR_FAILED, "libgit2 has no " #name);
	FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	if (lib->git_libgit2_init() < 0)
		return err_set(err, ERR_FAILED, "cannot start libgit2");
	return 0;
}

static int lib_err(const struct lib *lib, struct err *err, const char *what, const char *path)
{
	const git_error *e = lib->git_error_last();

	return err_set(err, ERR_USAGE, "cannot %s '%s': %s", what, path,
		       e && e->message ? e->message : "unknown error");
}

int config_git_read(const char *path, struct config_list *list, struct err *err)
{
	git_config_iterator *it = NULL;
	git_config_entry *entry;
	git_config *git = NULL;
	size_t before = list->nr;
	struct lib lib;
	int ret;

	ret = lib_start(&lib, err);
	if (ret < 0)
		return ret;
	if (lib.git_config_new(&git) < 0 ||
	    lib.git_config_add_file_ondisk(git, path, GIT_CONFIG_LEVEL_LOCAL, NULL, 0) < 0 ||
	    lib.git_config_iterator_new(&it, git) < 0) {
		ret = lib_err(&lib, err, "read", path);
		goto done;
	}
	while ((ret = lib.git_config_next(&entry, it)) == 0)
		config_list_add(list, entry->name, entry->value, path);
	ret = ret == GIT_ITEROVER ? 0 : lib_err(&lib, err, "read", path);
done:
	if (ret < 0)
		config_list_truncate(list, before);
	if (it)
		lib.git_config_iterator_free(it);
	if (git)
		lib.git_config_free(git);
	lib.git_libgit2_shutdown();
	return ret;
}

/* A pattern that this text alone fits. */
static char *exactly(const char *text)
{
	struct buf b = BUF_INIT;

	buf_put_u8(&b, '^');
	for (; *text; text++) {
		if (strchr(".[]{}()*+?^$|\\", *text))
			buf_put_u8(&b, '\\');
		buf_put_u8(&b, (uint8_t)*text);
	}
	buf_put_u8(&b, '$');
	char *pattern = xstrdup(buf_str(&b));
	buf_release(&b);
	return pattern;
}

/* As it stands in a file: unlike git_config_set_string(), set_multivar writes what it is given. */
static char *escaped(const char *value)
{
	struct buf b = BUF_INIT;

	for (; *value; value++) {
		static const char plain[] = "\n\t\b\"\\", letters[] = "ntb\"\\";
		const char *found = strchr(plain, *value);
		if (found)
			buf_put_u8(&b, '\\');
		buf_put_u8(&b, (uint8_t)(found ? letters[found - plain] : *value));
	}
	char *text = xstrdup(buf_str(&b));
	buf_release(&b);
	return text;
}

static int change(const struct lib *lib, git_config *git, enum config_edit how, const char *key,
		  const char *value)
{
	char *pattern, *text;
	int ret;

	switch (how) {
	case CONFIG_SET:
		return lib->git_config_set_string(git, key, value);
	case CONFIG_UNSET:
		return lib->git_config_delete_multivar(git, key, ".*");
	case CONFIG_ADD:
		/* What fits no value is put behind them all. */
		text = escaped(value);
		ret = lib->git_config_set_multivar(git, key, "^$", text);
		sys_free(text);
		return ret;
	default:
		pattern = exactly(value);
		ret = lib->git_config_delete_multivar(git, key, pattern);
		sys_free(pattern);
		return ret;
	}
}

int config_git_edit(const char *scratch, const char *path, enum config_edit how, const char *key,
		    const char *value, struct err *err)
{
	git_config *git = NULL;
	struct lib lib;
	int ret;

	ret = lib_start(&lib, err);
	if (ret < 0)
		return ret;
	ret = lib.git_config_open_ondisk(&git, scratch);
	if (ret == 0)
		ret = change(&lib, git, how, key, value);
	if (ret == GIT_ENOTFOUND)
		ret = err_set(err, ERR_NOT_FOUND, "'%s' is not set in '%s'", key, path);
	else if (ret < 0)
		ret = lib_err(&lib, err, "edit", path);
	if (git)
		lib.git_config_free(git);
	lib.git_libgit2_shutdown();
	return ret;
}
