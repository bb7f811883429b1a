/*
 * Settings: the levels, who wins, what values they may have.
 *
 * Files are read by config-scan.c or, where they are not plain, by libgit2 (config-git.c), which
 * also does all editing.  It writes only to a scratch copy, whose bytes go out through lib/file.c.
 */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "lib/config-internal.h"
#include "lib/config.h"

#define EDIT_WAIT_MS 10000

enum kind { KIND_STR, KIND_BOOL, KIND_SIZE, KIND_UINT };

static const struct known {
	const char *key;
	enum kind kind;
	const char *fallback;		/* NULL: there is none */
	uint64_t min, max;
	const char *words;		/* "full|sample": the only values */
} known[] = {
	{ "core.compression", KIND_UINT, "1", 1, 19, NULL },
	{ "core.delta", KIND_BOOL, "true", 0, 0, NULL },
	{ "core.lockWait", KIND_UINT, "60", 0, 86400, NULL },
	{ "core.memory", KIND_SIZE, "100M", 64 << 20, UINT64_MAX, NULL },
	{ "exclude.artefacts", KIND_STR, "marked", 0, 0, "marked|always|never" },
	{ "exclude.caches", KIND_BOOL, "false", 0, 0, NULL },
	{ "exclude.gitignore", KIND_BOOL, "true", 0, 0, NULL },
	{ "exclude.nodump", KIND_BOOL, "false", 0, 0, NULL },
	{ "hook.timeout", KIND_UINT, "3600", 0, 604800, NULL },
	{ "commit.verify", KIND_STR, "full", 0, 0, "full|sample" },
	{ "pack.size", KIND_SIZE, "64M", 4 << 20, 512 << 20, NULL },
	{ "store.data", KIND_STR, NULL, 0, 0, NULL },
	{ "store.meta", KIND_STR, NULL, 0, 0, NULL },
};

/* Weakest first. */
struct config {
	struct config_list list;
};

void config_list_add(struct config_list *list, const char *key, const char *value,
		     const char *origin)
{
	if (list->nr == list->alloc) {
		list->alloc = list->alloc ? 2 * list->alloc : 16;
		list->v = xrealloc(list->v, list->alloc * sizeof(*list->v));
	}
	list->v[list->nr++] = (struct config_entry){
		xstrdup(key), value ? xstrdup(value) : NULL, xstrdup(origin)
	};
}

void config_list_truncate(struct config_list *list, size_t nr)
{
	while (list->nr > nr) {
		struct config_entry *e = &list->v[--list->nr];

		sys_free(e->key);
		sys_free(e->value);
		sys_free(e->origin);
	}
}

void config_list_release(struct config_list *list)
{
	config_list_truncate(list, 0);
	sys_free(list->v);
	*list = (struct config_list)CONFIG_LIST_INIT;
}

/* Section and last part fold case, what stands between does not. */
static bool key_equal(const char *a, const char *b)
{
	const char *a1 = strchr(a, '.'), *b1 = strchr(b, '.');
	const char *a2 = strrchr(a, '.'), *b2 = strrchr(b, '.');

	if (!a1 || !b1 || a1 - a != b1 - b || a2 - a != b2 - b)
		return false;
	return strncasecmp(a, b, (size_t)(a1 - a)) == 0 &&
	       strncmp(a1, b1, (size_t)(a2 - a1)) == 0 && strcasecmp(a2, b2) == 0;
}

static const struct known *find_known(const char *key)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (key_equal(known[i].key, key))
			return &known[i];
	return NULL;
}

static bool parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0", "" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(s, yes[i]) == 0)
			return *out = true, true;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(s, no[i]) == 0)
			return *out = false, true;
	return false;
}

static bool is_one_of(const char *words, const char *value)
{
	size_t n = strlen(value);

	for (;;) {
		size_t len = strcspn(words, "|");

		if (len == n && memcmp(words, value, n) == 0)
			return true;
		if (!words[len])
			return false;
		words += len + 1;
	}
}

static int check_value(const struct known *k, const char *value, const char *origin,
		       struct err *err)
{
	uint64_t v = 0;
	bool b;

	switch (k->kind) {
	case KIND_STR:
		if (!k->words || is_one_of(k->words, value))
			return 0;
		return err_set(err, ERR_USAGE, "%s: %s is '%s', but must be one of %s", origin,
			       k->key, value, k->words);
	case KIND_BOOL:
		if (parse_bool(value, &b))
			return 0;
		return err_set(err, ERR_USAGE, "%s: %s is '%s', but must be true or false", origin,
			       k->key, value);
	case KIND_SIZE:
		if (!number_parse_size(value, &v))
			return err_set(err, ERR_USAGE, "%s: %s is '%s', which is not a size",
				       origin, k->key, value);
		if (v < k->min)
			return err_set(err, ERR_USAGE, "%s: %s is '%s', but must be at least %s",
				       origin, k->key, value, number_human(k->min).s);
		if (v > k->max)
			return err_set(err, ERR_USAGE, "%s: %s is '%s', but must be at most %s",
				       origin, k->key, value, number_human(k->max).s);
		return 0;
	case KIND_UINT:
		if (!number_parse(value, &v))
			return err_set(err, ERR_USAGE, "%s: %s is '%s', which is not a number",
				       origin, k->key, value);
		if (v < k->min || v > k->max)
			return err_set(err, ERR_USAGE,
				       "%s: %s is '%s', but must be %" PRIu64 " to %" PRIu64,
				       origin, k->key, value, k->min, k->max);
		return 0;
	}
	BUG("setting of kind %d", (int)k->kind);
}

/* core.lockWait is UB_CORE_LOCKWAIT. */
static void read_environment(struct config *c)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char *name = xasprintf("UB_%s", known[i].key);
		const char *value;

		for (char *p = name; *p; p++)
			*p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
		value = getenv(name);
		if (value)
			config_list_add(&c->list, known[i].key, value, name);
		sys_free(name);
	}
}

static char *system_path(void)
{
#ifdef UB_TEST
	const char *etc = getenv("UB_TEST_ETC");

	if (etc)
		return path_join(etc, "config");
#endif
	return xstrdup("/etc/ub/config");
}

char *config_user_path(void)
{
	char *dir = path_config_home(), *path;

	if (!dir)
		return NULL;
	path = path_join(dir, "config");
	sys_free(dir);
	return path;
}

static int add_file(struct config *c, const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	int ret;

	ret = file_read(path, CONFIG_MAX_SIZE, &text, err);
	if (ret == 0 && !config_scan(path, &text, &c->list))
		ret = config_git_read(path, &c->list, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	}
	buf_release(&text);
	return ret;
}

int config_open(const char *repo_config, struct config **out, struct err *err)
{
	struct config *c = xcalloc(1, sizeof(*c));
	char *system = system_path(), *user = config_user_path();
	int ret;

	ret = add_file(c, system, err);
	if (ret == 0 && user)
		ret = add_file(c, user, err);
	if (ret == 0 && repo_config) {
		ret = add_file(c, repo_config, err);
		/* What cannot be parsed is damage there; in the others it is somebody's slip. */
		if (ret == ERR_USAGE)
			ret = err->code = ERR_CORRUPT;
	}
	sys_free(system);
	sys_free(user);
	if (ret < 0) {
		config_free(c);
		return ret;
	}
	read_environment(c);
	*out = c;
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	config_list_release(&c->list);
	sys_free(c);
}

int config_override(struct config *c, const char *key, const char *value, const char *origin,
		    struct err *err)
{
	const struct known *k = find_known(key);
	int ret = k ? check_value(k, value, origin, err) : 0;

	if (ret == 0)
		config_list_add(&c->list, key, value, origin);
	return ret;
}

int config_find(struct config *c, const char *key, struct buf *value, struct buf *origin,
		struct err *err)
{
	for (size_t i = c->list.nr; i-- > 0;) {
		const struct config_entry *e = &c->list.v[i];

		if (!key_equal(e->key, key))
			continue;
		buf_reset(value);
		buf_put_str(value, e->value ? e->value : "true");
		if (origin) {
			buf_reset(origin);
			buf_put_str(origin, e->origin);
		}
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "'%s' is not set", key);
}

int config_get_str(struct config *c, const char *key, struct buf *out, struct err *err)
{
	const struct known *k = find_known(key);
	struct buf origin = BUF_INIT;
	int ret;

	ret = config_find(c, key, out, &origin, err);
	if (ret == 0 && k)
		ret = check_value(k, buf_str(out), buf_str(&origin), err);
	if (ret == ERR_NOT_FOUND && k && k->fallback) {
		err_clear(err);
		buf_reset(out);
		buf_put_str(out, k->fallback);
		ret = 0;
	}
	buf_release(&origin);
	return ret;
}

/* The text of a setting that check_value() has let through. */
static int get_known(struct config *c, const char *key, enum kind kind, struct buf *out,
		     struct err *err)
{
	const struct known *k = find_known(key);

	if (!k || k->kind != kind)
		BUG("'%s' is not a known setting of this kind", key);
	return config_get_str(c, key, out, err);
}

int config_get_bool(struct config *c, const char *key, bool *out, struct err *err)
{
	struct buf text = BUF_INIT;
	int ret = get_known(c, key, KIND_BOOL, &text, err);

	if (ret == 0 && !parse_bool(buf_str(&text), out))
		BUG("'%s' got past its check", key);
	buf_release(&text);
	return ret;
}

int config_get_size(struct config *c, const char *key, uint64_t *out, struct err *err)
{
	struct buf text = BUF_INIT;
	int ret = get_known(c, key, KIND_SIZE, &text, err);

	if (ret == 0 && !number_parse_size(buf_str(&text), out))
		BUG("'%s' got past its check", key);
	buf_release(&text);
	return ret;
}

int config_get_uint(struct config *c, const char *key, uint64_t *out, struct err *err)
{
	struct buf text = BUF_INIT;
	int ret = get_known(c, key, KIND_UINT, &text, err);

	if (ret == 0 && !number_parse(buf_str(&text), out))
		BUG("'%s' got past its check", key);
	buf_release(&text);
	return ret;
}

int config_each(struct config *c,
		int (*fn)(const char *key, const char *value, const char *origin, void *data,
			  struct err *err),
		void *data, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < c->list.nr && ret == 0; i++)
		ret = fn(c->list.v[i].key, c->list.v[i].value, c->list.v[i].origin, data, err);
	return ret;
}

int config_check(struct config *c, struct err *err)
{
	int ret = 0;

	/* The strongest first: it is what counts, and what is to be mended. */
	for (size_t i = c->list.nr; i-- > 0 && ret == 0;) {
		const struct config_entry *e = &c->list.v[i];
		const struct known *k = find_known(e->key);

		if (k)
			ret = check_value(k, e->value ? e->value : "true", e->origin, err);
	}
	return ret;
}

/* A folder of our own below $TMPDIR, for libgit2 to work in. */
static char *make_scratch(struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	unsigned char random[8];
	char hex[17], *dir;

	sys_random(random, sizeof(random));
	hex_encode(hex, random, sizeof(random));
	dir = xasprintf("%s/ub-config-%s", tmp && *tmp ? tmp : "/tmp", hex);
	if (sys_mkdir(dir, 0700) < 0) {
		err_sys(err, "make a scratch folder '%s'", dir);
		sys_free(dir);
		return NULL;
	}
	return dir;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int edit(const char *path, enum config_edit how, const char *key, const char *value,
		struct err *err)
{
	struct buf text = BUF_INIT;
	char *scratch_dir = NULL, *scratch = NULL, *dir = NULL, *real = sys_realpath(path);
	struct lock lock = LOCK_INIT;
	mode_t mode = 0600;
	struct stat st;
	int ret;

	/* Somebody may keep the file elsewhere and link to it: the link stays. */
	path = real ? real : path;
	dir = folder_of(path);
	ret = file_make_dirs(dir, 0700, err);
	if (ret == 0)
		ret = lock_take_folder(&lock, dir, EDIT_WAIT_MS, path, err);
	if (ret == ERR_SYS) {
		err_clear(err);		/* a file system without locks: people are slow */
		ret = 0;
	}
	if (ret < 0)
		goto done;
	if (sys_stat(path, &st) == 0)
		mode = st.st_mode & 0777;
	ret = file_read(path, CONFIG_MAX_SIZE, &text, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	}
	if (ret < 0)
		goto done;
	scratch_dir = make_scratch(err);
	if (!scratch_dir) {
		ret = err->code;
		goto done;
	}
	scratch = path_join(scratch_dir, "config");
	ret = file_write(scratch, text.data, text.len, FILE_SCRATCH, 0600, err);
	if (ret == 0)
		ret = config_git_edit(scratch, path, how, key, value, err);
	buf_reset(&text);
	if (ret == 0)
		ret = file_read(scratch, CONFIG_MAX_SIZE, &text, err);
	if (ret < 0)
		goto done;
	ret = file_write(path, text.data, text.len, 0, mode, err);
done:
	lock_release(&lock);
	if (scratch)
		sys_unlink(scratch);
	if (scratch_dir)
		sys_rmdir(scratch_dir);
	sys_free(dir);
	sys_free(real);
	sys_free(scratch);
	sys_free(scratch_dir);
	buf_release(&text);
	return ret;
}

int config_set(const char *path, const char *key, const char *value, struct err *err)
{
	const struct known *k = find_known(key);
	int ret = k ? check_value(k, value, path, err) : 0;

	return ret < 0 ? ret : edit(path, CONFIG_SET, key, value, err);
}

int config_unset(const char *path, const char *key, struct err *err)
{
	return edit(path, CONFIG_UNSET, key, NULL, err);
}

int config_add(const char *path, const char *key, const char *value, struct err *err)
{
	return edit(path, CONFIG_ADD, key, value, err);
}

int config_remove(const char *path, const char *key, const char *value, struct err *err)
{
	return edit(path, CONFIG_REMOVE, key, value, err);
}
