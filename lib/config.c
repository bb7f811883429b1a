/*
 * Settings, read and edited by libgit2, which no other file of lib/ knows.
 *
 * libgit2 is started when the first file is there to be read, and is never asked for git's own
 * files.  It writes only to a scratch copy, whose bytes then go out through lib/file.c.
 */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <git2.h>

#include "lib/file.h"
#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "lib/config.h"

enum kind { KIND_STR, KIND_BOOL, KIND_SIZE, KIND_UINT };

enum { CONFIG_MAX_SIZE = 1 << 20 };

static const struct known {
	const char *key;
	enum kind kind;
	const char *fallback;		/* NULL: there is none */
	uint64_t min, max;
	const char *words;		/* "full|sample": the only values */
} known[] = {
	{ "core.compression", KIND_UINT, "1", 1, 19, NULL },
	{ "core.lockWait", KIND_UINT, "60", 0, 86400, NULL },
	{ "core.memory", KIND_SIZE, "100M", 64 << 20, UINT64_MAX, NULL },
	{ "commit.verify", KIND_STR, "full", 0, 0, "full|sample" },
	{ "pack.size", KIND_SIZE, "64M", 4 << 20, 512 << 20, NULL },
	{ "store.data", KIND_STR, NULL, 0, 0, NULL },
	{ "store.meta", KIND_STR, NULL, 0, 0, NULL },
};

struct setting {
	char *key, *value, *origin;
};

enum { FILES = 3 };

struct config {
	git_config *git;		/* NULL while no file is there */
	char *path[FILES];		/* system, user, repository; NULL: none */
	struct setting *above;		/* environment, then command line */
	size_t nr_above;
};

static const git_config_level_t levels[FILES] = {
	GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_LOCAL,
};

static int git_err(struct err *err, enum err_code code, const char *what, const char *path)
{
	const git_error *e = git_error_last();
	const char *msg = e && e->message ? e->message : "unknown error";

	return err_set(err, code, "%s '%s': %s", what, path, msg);
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

	if (!value)
		value = k->kind == KIND_BOOL ? "true" : "";
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

static void add_above(struct config *c, const char *key, const char *value, const char *origin)
{
	c->above = xrealloc(c->above, (c->nr_above + 1) * sizeof(*c->above));
	c->above[c->nr_above++] = (struct setting){ xstrdup(key), xstrdup(value), xstrdup(origin) };
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
			add_above(c, known[i].key, value, name);
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

static int add_file(struct config *c, int i, struct err *err)
{
	const char *path = c->path[i];
	struct stat st;

	if (!path)
		return 0;
	if (sys_stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_sys(err, "look at '%s'", path);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is not a file", path);
	if (st.st_size > CONFIG_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "'%s' is too large for settings", path);
	if (!c->git) {
		if (git_libgit2_init() < 0)
			return git_err(err, ERR_FAILED, "cannot read", path);
		if (git_config_new(&c->git) < 0) {
			c->git = NULL;
			git_libgit2_shutdown();
			return git_err(err, ERR_FAILED, "cannot read", path);
		}
	}
	if (git_config_add_file_ondisk(c->git, path, levels[i], NULL, 0) < 0)
		return git_err(err, ERR_USAGE, "cannot read", path);
	return 0;
}

int config_open(const char *repo_config, struct config **out, struct err *err)
{
	struct config *c = xcalloc(1, sizeof(*c));
	int ret = 0;

	c->path[0] = system_path();
	c->path[1] = config_user_path();
	c->path[2] = repo_config ? xstrdup(repo_config) : NULL;
	for (int i = 0; i < FILES && ret == 0; i++)
		ret = add_file(c, i, err);
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
	if (c->git) {
		git_config_free(c->git);
		git_libgit2_shutdown();
	}
	for (int i = 0; i < FILES; i++)
		sys_free(c->path[i]);
	for (size_t i = 0; i < c->nr_above; i++) {
		sys_free(c->above[i].key);
		sys_free(c->above[i].value);
		sys_free(c->above[i].origin);
	}
	sys_free(c->above);
	sys_free(c);
}

int config_override(struct config *c, const char *key, const char *value, const char *origin,
		    struct err *err)
{
	const struct known *k = find_known(key);
	int ret = k ? check_value(k, value, origin, err) : 0;

	if (ret == 0)
		add_above(c, key, value, origin);
	return ret;
}

/*
 * The line of `path` that sets `key`, the last one; 0: not found (an included file has it).
 * libgit2 does not tell, and a message without it sends people searching.
 */
static unsigned int find_line(const char *path, const char *key)
{
	struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	unsigned int line = 0, found = 0;
	char section[256] = "", full[512];

	if (file_read(path, CONFIG_MAX_SIZE, &text, &ignored) < 0)
		return 0;
	for (const char *p = buf_str(&text), *next; *p; p = next) {
		size_t len = strcspn(p, "\n");
		char word[104], sub[104];

		next = p + len + (p[len] == '\n');
		line++;
		while (*p == ' ' || *p == '\t')
			p++;
		if (sscanf(p, "[%100[^] \t\"] \"%100[^\"]\"]", word, sub) == 2)
			snprintf(section, sizeof(section), "%s.%s", word, sub);
		else if (sscanf(p, "[%100[^]]]", word) == 1)
			snprintf(section, sizeof(section), "%s", word);
		if (*p == '[') {
			p += strcspn(p, "]\n");
			while (*p == ']' || *p == ' ' || *p == '\t')
				p++;
		}
		if (sscanf(p, "%100[A-Za-z0-9-]", word) != 1)
			continue;
		snprintf(full, sizeof(full), "%s.%s", section, word);
		if (key_equal(full, key))
			found = line;
	}
	buf_release(&text);
	return found;
}

static const char *level_path(const struct config *c, git_config_level_t level)
{
	for (int i = 0; i < FILES; i++)
		if (levels[i] == level)
			return c->path[i];
	return "?";
}

int config_find(struct config *c, const char *key, struct buf *value, struct buf *origin,
		struct err *err)
{
	git_config_entry *entry = NULL;
	int ret;

	for (size_t i = c->nr_above; i-- > 0;) {
		if (!key_equal(c->above[i].key, key))
			continue;
		buf_reset(value);
		buf_put_str(value, c->above[i].value);
		if (origin) {
			buf_reset(origin);
			buf_put_str(origin, c->above[i].origin);
		}
		return 0;
	}
	ret = c->git ? git_config_get_entry(&entry, c->git, key) : GIT_ENOTFOUND;
	if (ret == GIT_ENOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "'%s' is not set", key);
	if (ret < 0)
		return git_err(err, ERR_USAGE, "cannot look up", key);
	buf_reset(value);
	buf_put_str(value, entry->value ? entry->value : "");
	if (origin) {
		const char *path = level_path(c, entry->level);
		unsigned int line = find_line(path, key);

		buf_reset(origin);
		buf_put_str(origin, path);
		if (line)
			buf_printf(origin, ":%u", line);
	}
	git_config_entry_free(entry);
	return 0;
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
	git_config_iterator *it = NULL;
	git_config_entry *entry;
	int ret = 0;

	if (c->git) {
		if (git_config_iterator_new(&it, c->git) < 0)
			return git_err(err, ERR_FAILED, "cannot list", "settings");
		while (ret == 0 && git_config_next(&entry, it) == 0)
			ret = fn(entry->name, entry->value, level_path(c, entry->level), data, err);
		git_config_iterator_free(it);
	}
	for (size_t i = 0; i < c->nr_above && ret == 0; i++)
		ret = fn(c->above[i].key, c->above[i].value, c->above[i].origin, data, err);
	return ret;
}

static int check_one(const char *key, const char *value, const char *origin, void *data,
		     struct err *err)
{
	const struct known *k = find_known(key);
	struct config *c = data;
	struct buf ignored = BUF_INIT, where = BUF_INIT;
	struct err lookup = ERR_INIT;
	int ret = 0;

	if (!k)
		return 0;
	/* The strongest one is what counts, and is told with its line. */
	ret = check_value(k, value, origin, err);
	if (ret < 0 && config_find(c, key, &ignored, &where, &lookup) == 0)
		ret = check_value(k, buf_str(&ignored), buf_str(&where), err);
	buf_release(&ignored);
	buf_release(&where);
	return ret;
}

int config_check(struct config *c, struct err *err)
{
	return config_each(c, check_one, c, err);
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

/* `value` NULL: unset. */
static int edit_scratch(const char *scratch, const char *path, const char *key, const char *value,
			struct err *err)
{
	git_config *git = NULL;
	int ret;

	if (git_libgit2_init() < 0)
		return git_err(err, ERR_FAILED, "cannot edit", path);
	ret = git_config_open_ondisk(&git, scratch);
	if (ret == 0 && value)
		ret = git_config_set_string(git, key, value);
	else if (ret == 0)
		ret = git_config_delete_multivar(git, key, ".*");
	if (ret == GIT_ENOTFOUND)
		ret = err_set(err, ERR_NOT_FOUND, "'%s' is not set in '%s'", key, path);
	else if (ret < 0)
		ret = git_err(err, ERR_USAGE, "cannot edit", path);
	git_config_free(git);
	git_libgit2_shutdown();
	return ret;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int edit(const char *path, const char *key, const char *value, struct err *err)
{
	struct buf text = BUF_INIT;
	char *scratch_dir = NULL, *scratch = NULL, *dir = NULL, *real = sys_realpath(path);
	mode_t mode = 0600;
	struct stat st;
	int ret;

	/* Somebody may keep the file elsewhere and link to it: the link stays. */
	path = real ? real : path;
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
		ret = edit_scratch(scratch, path, key, value, err);
	buf_reset(&text);
	if (ret == 0)
		ret = file_read(scratch, CONFIG_MAX_SIZE, &text, err);
	if (ret < 0)
		goto done;
	dir = folder_of(path);
	ret = file_make_dirs(dir, 0700, err);
	if (ret == 0)
		ret = file_write(path, text.data, text.len, 0, mode, err);
done:
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

	return ret < 0 ? ret : edit(path, key, value, err);
}

int config_unset(const char *path, const char *key, struct err *err)
{
	return edit(path, key, NULL, err);
}
