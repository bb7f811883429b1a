/*
 * Setting up a walk.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/config.h"
#include "lib/file.h"
#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "objects/store.h"

#include "builtin/walk-setup.h"

void exclude_options_release(struct exclude_options *e)
{
	opt_list_release(&e->patterns);
	opt_list_release(&e->folded);
	opt_list_release(&e->files);
	opt_list_release(&e->if_present);
}

/* -- what stays out -- */

static int read_patterns(struct ignore_rules *rules, const char *file, struct err *err)
{
	int fd = sys_open(file, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "open '%s'", file);
	int ret = ignore_read(rules, fd, file, false, err);
	sys_close(fd);
	return ret;
}

static int read_typed(struct walk_setup *w, const struct exclude_options *e, struct err *err)
{
	int ret = 0;

	w->typed = ignore_new(NULL);
	for (size_t i = 0; i < e->patterns.nr; i++)
		ignore_add(w->typed, e->patterns.v[i], false);
	for (size_t i = 0; i < e->folded.nr; i++)
		ignore_add(w->typed, e->folded.v[i], true);
	for (size_t i = 0; i < e->files.nr && ret == 0; i++)
		ret = read_patterns(w->typed, e->files.v[i], err);
	if (!ignore_is_empty(w->typed))
		w->rules.typed = w->typed;
	return ret;
}

static void add_marker(struct walk_setup *w, const char *text)
{
	char *copy = xstrdup(text), *colon = strchr(copy, ':');
	size_t nr = w->rules.nr_markers++;

	if (colon)
		*colon++ = '\0';
	w->markers = xrealloc(w->markers, (nr + 1) * sizeof(*w->markers));
	w->markers[nr] = (struct rules_marker){ copy, colon };
	w->marker_text = xrealloc(w->marker_text, (nr + 1) * sizeof(*w->marker_text));
	w->marker_text[nr] = copy;
	w->rules.markers = w->markers;
}

static int read_markers(struct walk_setup *w, const struct exclude_options *e, struct err *err)
{
	for (size_t i = 0; i < e->if_present.nr; i++) {
		const char *text = e->if_present.v[i];
		size_t n = strcspn(text, ":");
		if (n == 0 || memchr(text, '/', n))
			return err_set(err, ERR_USAGE, "--exclude-if-present: '%s' does not begin "
				       "with the name of a file", text);
		add_marker(w, text);
	}
	return 0;
}

static int read_settings(struct walk_setup *w, bool *caches, struct err *err)
{
	struct buf artefacts = BUF_INIT;
	bool gitignore = true;
	int ret = config_get_bool(w->ub->config, "exclude.gitignore", &gitignore, err);

	if (ret == 0)
		ret = config_get_bool(w->ub->config, "exclude.caches", caches, err);
	if (ret == 0)
		ret = config_get_bool(w->ub->config, "exclude.nodump", &w->rules.no_nodump, err);
	if (ret == 0)
		ret = config_get_str(w->ub->config, "exclude.artefacts", &artefacts, err);
	if (ret == 0)
		w->rules.artefacts = strcmp(buf_str(&artefacts), "always") == 0 ? ARTEFACTS_ALWAYS :
				     strcmp(buf_str(&artefacts), "never") == 0 ? ARTEFACTS_NEVER :
				     ARTEFACTS_MARKED;
	w->rules.no_gitignore = !gitignore;
	buf_release(&artefacts);
	return ret;
}

static void remark(const char *path, const char *what, void *data)
{
	struct walk_setup *w = data;

	ub_warn(w->ub, "'%s': %s", *path ? path : "/", what);
}

static int read_excludes(struct walk_setup *w, const struct exclude_options *e, struct err *err)
{
	static const struct exclude_options none;
	bool caches = false;
	int ret = read_settings(w, &caches, err);

	w->rules.remark = remark;
	w->rules.data = w;
	if (!e)
		e = &none;
	if (ret == 0)
		ret = read_typed(w, e, err);
	if (ret == 0)
		ret = read_markers(w, e, err);
	if (ret < 0)
		return ret;
	if (caches || e->caches)
		add_marker(w, CACHEDIR_TAG ":" CACHEDIR_HEADER);
	w->rules.no_nodump |= e->nodump;
	w->rules.no_gitignore |= e->no_gitignore;
	w->rules.has_size_max = e->larger_than != NULL;
	if (e->larger_than && !number_parse_size(e->larger_than, &w->rules.size_max))
		return err_set(err, ERR_USAGE, "--exclude-larger-than: '%s' is not a size: "
			       "100, 20K, 1G are", e->larger_than);
	return 0;
}

static void skip_folder(struct walk_setup *w, const char *path, const char *rule)
{
	struct stat st;

	if (!path || sys_stat(path, &st) < 0)
		return;
	w->skip = xrealloc(w->skip, (w->nr_skip + 1) * sizeof(*w->skip));
	w->skip[w->nr_skip++] = (struct scan_skip){
		(uint64_t)major(st.st_dev) << 32 | minor(st.st_dev), st.st_ino, rule,
	};
}

/* The repository, wherever its parts are, and what is only kept to be fast. */
static void find_own_folders(struct walk_setup *w)
{
	static const char *const keys[] = { "store.meta", "store.data" };
	char *cache = path_cache_home(), *state = path_state_home();
	struct buf value = BUF_INIT;

	skip_folder(w, w->ub->repo_path, "the repository");
	skip_folder(w, cache, "caches of ub");
	/* It changes with every commit, and put back on a disk it would look like a rollback. */
	skip_folder(w, state, "keys and state of ub");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct err ignored = ERR_INIT;
		buf_reset(&value);
		if (config_get_str(w->ub->config, keys[i], &value, &ignored) == 0)
			skip_folder(w, buf_str(&value), "the repository");
	}
	buf_release(&value);
	sys_free(state);
	sys_free(cache);
}

/* It is to be there before the walk is told to stay out of it, without what the dead left. */
static void prepare_cache(const struct walk_setup *w)
{
	struct err ignored = ERR_INIT;

	if (!w->cache_dir || w->ub->dry_run)
		return;
	file_make_scratch_dirs(w->cache_dir, 0700);
	file_clean_tmp(w->cache_dir, &ignored);
}

/* -- what is said along the way -- */

static void problem(const char *path, const char *op, int error, const char *text, void *data)
{
	struct walk_setup *w = data;
	struct buf line = BUF_INIT, message = BUF_INIT;
	struct json j;

	w->problems++;
	if (error == ECHILD)
		buf_printf(&message, "'/%s': %s", path, text);
	else if (error == EBUSY)
		buf_printf(&message, "'/%s' changed while it was read, twice", path);
	else if (error == ENOENT)
		buf_printf(&message, "'/%s' vanished before it could be read", path);
	else if (error == EAGAIN)
		buf_printf(&message, "'/%s' became something else while it was read", path);
	else
		buf_printf(&message, "cannot %s%s%s%s '/%s': %s", op, *text ? " '" : "", text,
			   *text ? "' of" : "", path, sys_error_text(error));
	ub_warn(w->ub, "%s", buf_str(&message));
	if (w->ub->json) {
		json_begin(&j, &line, "unreadable");
		json_path(&j, "path", path, strlen(path));
		json_str(&j, "operation", op);
		json_i64(&j, "errno", error);
		json_str(&j, "message", buf_str(&message));
		json_end(&j);
		out_buf(&w->ub->out, &line);
	}
	buf_release(&message);
	buf_release(&line);
}

/* -- sources that are commands -- */

static int add_command(const char *name, const char *command, void *data, struct err *err)
{
	struct walk_setup *w = data;
	char *path = xasprintf("/%s", name);
	struct waypoint *p = NULL;
	int ret = waypoint_add(w->root, path, &p, err);

	sys_free(path);
	if (ret < 0)
		return ret;
	p->is_made = true;
	w->commands = xrealloc(w->commands, (w->nr_commands + 1) * sizeof(*w->commands));
	w->commands[w->nr_commands++] = (struct snapshot_command){
		.name = p->name, .command = xstrdup(command), .place = p,
	};
	return 0;
}

/* -- all together -- */

static char *cache_folder(struct ub *ub)
{
	char *home = path_cache_home(), *path = NULL, id[2 * HASH_SIZE + 1];

	if (home) {
		hex_encode(id, keys_repo_id(ub->keys), HASH_SIZE);
		path = path_join(home, id);
	}
	sys_free(home);
	return path;
}

int walk_setup_init(struct walk_setup *w, struct ub *ub, const struct exclude_options *e,
		    struct err *err)
{
	memset(w, 0, sizeof(*w));
	buf_init_max(&w->left_out, SIZE_MAX);
	w->ub = ub;
	w->root = waypoint_new_root();
	w->cache_dir = cache_folder(ub);
	prepare_cache(w);
	find_own_folders(w);
	sys_raise_open_files();
	int ret = source_list_load(ub, w->root, err);
	if (ret == 0)
		ret = source_list_each_command(ub, add_command, w, err);
	return ret < 0 ? ret : read_excludes(w, e, err);
}

void walk_setup_release(struct walk_setup *w)
{
	for (size_t i = 0; i < w->nr_commands; i++)
		sys_free((char *)(uintptr_t)w->commands[i].command);
	sys_free(w->commands);
	waypoint_free(w->root);
	for (size_t i = 0; i < w->rules.nr_markers; i++)
		sys_free(w->marker_text[i]);
	sys_free(w->marker_text);
	buf_release(&w->left_out);
	sys_free(w->markers);
	ignore_free(w->typed);
	sys_free(w->skip);
	sys_free(w->cache_dir);
}

void walk_setup_fill(struct walk_setup *w, struct scan_options *o)
{
	struct store *st = w->ub->store;

	o->store = st;
	o->workers = store_opts(st)->workers;
	o->cache_dir = w->cache_dir;
	o->spill_dir = store_tmp_dir(st);
	o->skip = w->skip;
	o->nr_skip = w->nr_skip;
	o->rules = &w->rules;
	o->progress = &w->progress;
	o->problem = problem;
	o->data = w;
}

static void want_sources(struct waypoint *p)
{
	p->is_wanted = p->is_source;
	for (struct waypoint *c = p->child; c; c = c->next)
		want_sources(c);
}

static int open_disk(struct walk_setup *w, const struct commit *c, bool force,
		     struct disk_side **out, struct err *err)
{
	struct scan_options o = { .force = force };

	want_sources(w->root);
	walk_setup_fill(w, &o);
	o.has_old = c != NULL;
	if (c)
		o.old_tree = c->tree;
	return disk_side_open(out, &o, w->root, err);
}

int walk_setup_disk(struct walk_setup *w, const struct commit *c, bool force,
		    struct disk_side **out, struct err *err)
{
	struct waypoint *p;
	int ret = 0;

	for (size_t i = 0; c && i < c->nr_sources && ret == 0; i++) {
		ret = waypoint_add(w->root, c->sources[i], &p, err);
		if (ret == 0)
			p->is_source = true;
	}
	return ret < 0 ? ret : open_disk(w, c, force, out, err);
}

int walk_setup_next(struct walk_setup *w, const struct commit *c, struct disk_side **out,
		    struct err *err)
{
	return open_disk(w, c, false, out, err);
}

static void say_absent(struct walk_setup *w, const struct waypoint *p,
		       const struct path_set *paths, const char *what)
{
	char *path = p->is_absent ? waypoint_path(p) : NULL;

	if (path && (!paths || path_set_match(paths, path + 1, strlen(path + 1)) != PATH_OUT)) {
		w->problems++;
		ub_warn(w->ub, "source '%s' is not there: %s", path, what);
	}
	sys_free(path);
	for (const struct waypoint *c = p->child; c; c = c->next)
		say_absent(w, c, paths, what);
}

void walk_setup_say_absent(struct walk_setup *w, const struct path_set *paths, const char *what)
{
	say_absent(w, w->root, paths, what);
}
