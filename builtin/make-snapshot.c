/*
 * Snapshots as commands make them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/lines.h"
#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store.h"
#include "fs/snapshot.h"
#include "builtin/catalogue.h"
#include "builtin/freeze-setup.h"
#include "builtin/hooks.h"

#include "builtin/make-snapshot.h"

#define LINE_MAX_BYTES 65536
#define LEFT_OUT_SHOWN 5

struct typed {
	struct ub *ub;
	struct snapshot_request *r;
	struct walk_setup walk;
	struct freeze_setup frozen;
	pid_t child;
	int child_fd;
	uint64_t started;
	bool has_begun;			/* a failure is noted, and post-fail is due */
};

void snapshot_request_release(struct snapshot_request *r)
{
	opt_list_release(&r->message);
	opt_list_release(&r->tags);
	exclude_options_release(&r->excludes);
	opt_list_release(&r->files_from);
	opt_list_release(&r->files_from_raw);
}

/* -- which places -- */

static size_t want_all(const struct waypoint *p)
{
	size_t nr = p->is_source;

	((struct waypoint *)p)->is_wanted = p->is_source;
	for (struct waypoint *c = p->child; c; c = c->next)
		nr += want_all(c);
	return nr;
}

/* Is every source among what was asked for? */
static bool covers_all(const struct waypoint *p)
{
	if (p->is_wanted)
		return true;
	if (p->is_source)
		return false;
	for (const struct waypoint *c = p->child; c; c = c->next)
		if (!covers_all(c))
			return false;
	return true;
}

/* What lies in a place that is read is read with it; sources in it keep their own rules. */
static void want_below(struct waypoint *p, bool is_above)
{
	p->is_wanted |= is_above && p->is_source;
	for (struct waypoint *c = p->child; c; c = c->next)
		want_below(c, is_above || p->is_wanted);
}

static bool is_under_source(const struct waypoint *p)
{
	for (; p; p = p->parent)
		if (p->is_source)
			return true;
	return false;
}

static int want_path(struct typed *c, const char *typed, bool adds, struct err *err)
{
	char *path = source_resolve(typed, err);
	struct waypoint *p = NULL;

	if (!path)
		return err->code;
	int ret = waypoint_add(c->walk.root, path, &p, err);
	if (ret == 0 && source_list_is_own(c->ub, path))
		ret = err_set(err, ERR_REFUSED, "'%s' belongs to ub itself, and is not backed up",
			      path);
	if (ret == 0 && adds && !is_under_source(p)) {
		struct stat st;
		ret = sys_lstat(path, &st) < 0 ? err_sys(err, "back up '%s'", typed) :
						 source_list_add(c->ub, c->walk.root, path, err);
		if (ret > 0)
			ub_say(c->ub, "'%s' was under no source, and is one from now on", path);
	}
	if (ret >= 0)
		p->is_wanted = true;
	sys_free(path);
	return ret < 0 ? ret : 0;
}

static int read_list(struct typed *c, const char *file, char stop, struct err *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : sys_open(file, O_RDONLY | O_CLOEXEC, 0);
	struct lines lines;
	const char *p;
	size_t n;
	int ret;

	if (fd < 0)
		return err_sys(err, "open '%s'", file);
	lines_init(&lines, fd, is_stdin ? "standard input" : file, stop, LINE_MAX_BYTES);
	while ((ret = lines_next(&lines, &p, &n, err)) > 0) {
		struct buf name = BUF_INIT;
		ret = stop ? quote_read(p, n, &name, err) : 0;
		if (!stop)
			buf_put(&name, p, n);
		if (ret == 0 && memchr(name.data, '\0', name.len))
			ret = err_set(err, ERR_USAGE, "a path of '%s' has a NUL in it", file);
		if (ret == 0 && name.len > 0)
			ret = want_path(c, buf_str(&name), false, err);
		buf_release(&name);
		if (ret < 0)
			break;
	}
	lines_release(&lines);
	if (!is_stdin)
		sys_close(fd);
	return ret;
}

static int choose_places(struct typed *c, int argc, char **argv, bool *is_partial,
			 struct err *err)
{
	struct snapshot_request *r = c->r;
	bool has_list = r->files_from.nr + r->files_from_raw.nr > 0;
	int ret = 0;

	*is_partial = has_list || r->from_stdin || r->from_command;
	for (int i = 0; i < argc && ret == 0 && !r->from_command; i++)
		ret = want_path(c, argv[i], !r->adds_nothing, err);
	for (size_t i = 0; i < r->files_from.nr && ret == 0; i++)
		ret = read_list(c, r->files_from.v[i], '\n', err);
	for (size_t i = 0; i < r->files_from_raw.nr && ret == 0; i++)
		ret = read_list(c, r->files_from_raw.v[i], '\0', err);
	if (ret < 0 || *is_partial)
		return ret;
	if (argc > 0 && !r->all_sources) {
		/* Commands run when all is committed, and carry over what they have else. */
		*is_partial = !covers_all(c->walk.root) || c->walk.nr_commands > 0;
		want_below(c->walk.root, false);
		return 0;
	}
	if (want_all(c->walk.root) + c->walk.nr_commands == 0)
		return err_set(err, ERR_FAILED, "nothing is under backup yet: say which paths, or "
			       "'ub add PATH' first");
	return 0;
}

/* -- what is said along the way -- */

static void changed(const char *path, bool is_new, void *data)
{
	struct walk_setup *w = data;
	struct buf line = BUF_INIT;

	if (w->ub->json)
		return;
	progress_hide(&w->progress);
	buf_put_str(&line, is_new ? "A\t" : "M\t");
	quote_put(&line, path, strlen(path));
	buf_put_u8(&line, '\n');
	out_buf(&w->ub->out, &line);
	buf_release(&line);
}

/* The report shows the first of them, with -v all; scripts get all. */
static void left_out(const char *path, size_t n, const char *rule, void *data)
{
	struct walk_setup *w = data;
	struct buf line = BUF_INIT;
	struct json j;

	w->nr_left_out++;
	if (w->ub->json) {
		json_begin(&j, &line, "skipped");
		json_path(&j, "path", path, n);
		json_str(&j, "rule", rule);
		json_end(&j);
		out_buf(&w->ub->out, &line);
	} else if (w->ub->verbose || w->nr_left_out <= LEFT_OUT_SHOWN) {
		buf_put_str(&w->left_out, " left out: ");
		quote_put(&w->left_out, path, n);
		buf_put_str(&w->left_out, " (");
		quote_put(&w->left_out, rule, strlen(rule));
		buf_put_str(&w->left_out, ")\n");
	}
	if (w->ub->verbose && !w->ub->json) {
		progress_hide(&w->progress);
		out_buf(&w->ub->out, &w->left_out);
		buf_reset(&w->left_out);
	}
	buf_release(&line);
}

static int say_absent(struct waypoint *p, void *data, struct err *err)
{
	struct typed *c = data;

	(void)err;
	if (!p->is_absent)
		return 0;
	char *path = waypoint_path(p);
	ub_warn(c->ub, "source '%s' is not there%s", path,
		p->is_kept ? ": what the snapshot before has of it was carried over" : "");
	sys_free(path);
	return 0;
}

/* -- a command to read from -- */

static int child_ended(void *data, struct err *err)
{
	struct typed *c = data;
	int status = 0;

	if (c->child <= 0)
		return 0;
	int ret = sys_wait_child(c->child, &status);
	c->child = 0;
	if (ret < 0)
		return err_sys(err, "wait for the command");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_FAILED, "the command was ended by signal %d: nothing is "
			       "committed", WTERMSIG(status));
	return err_set(err, ERR_FAILED, "the command failed with status %d: nothing is committed",
		       WEXITSTATUS(status));
}

static int open_stream(struct typed *c, struct snapshot_options *o, int argc, char **argv,
		       struct err *err)
{
	struct snapshot_request *r = c->r;

	if (!r->from_stdin && !r->from_command)
		return 0;
	o->stream_fd = STDIN_FILENO;
	if (r->from_command) {
		c->child_fd = o->stream_fd = sys_spawn_read_argv(argv, &c->child);
		if (o->stream_fd < 0)
			return err_sys(err, "run '%s'", argv[0]);
	}
	(void)argc;
	o->stream_end = child_ended;
	o->stream_data = c;
	return 0;
}

/* -- the end -- */

static void print_json(struct typed *c, const struct snapshot *s)
{
	struct buf line = BUF_INIT;
	struct json j;

	json_begin(&j, &line, "summary");
	if (oid_is_zero(&s->commit))
		json_null(&j, "commit");
	else
		json_str(&j, "commit", oid_hex(&s->commit).s);
	json_str(&j, "tree", oid_hex(&s->tree).s);
	json_u64(&j, "files_new", s->counts.files_new);
	json_u64(&j, "files_changed", s->counts.files_changed);
	json_u64(&j, "files_unmodified", s->counts.files_unmodified);
	json_u64(&j, "dirs", s->counts.dirs);
	json_u64(&j, "bytes_read", s->counts.bytes_read);
	json_u64(&j, "bytes_new", s->bytes_new);
	json_u64(&j, "bytes_stored", s->bytes_stored);
	json_u64(&j, "errors", s->counts.errors + s->absent);
	json_u64(&j, "skipped", s->counts.skipped);
	json_u64(&j, "files", s->counts.files);
	json_u64(&j, "bytes", s->counts.bytes);
	json_bool(&j, "incomplete", s->is_incomplete);
	json_double(&j, "seconds", (double)(sys_monotonic_ns() - c->started) / 1e9);
	json_end(&j);
	out_buf(&c->ub->out, &line);
	buf_release(&line);
}

static void print_text(struct typed *c, const struct snapshot *s)
{
	const struct snapshot_request *r = c->r;
	char *device = repo_device_name(c->ub);
	struct buf message = BUF_INIT;

	if (r->message.nr > 0)
		buf_put(&message, r->message.v[0], strcspn(r->message.v[0], "\n"));
	if (oid_is_zero(&s->commit)) {
		out_printf(&c->ub->out, c->ub->dry_run ? "[%s/main would move] %s\n" :
			   "[%s/main unchanged] %s\n", device, buf_str(&message));
	} else {
		out_printf(&c->ub->out, "[%s/main %.7s] %s\n", device, oid_hex(&s->commit).s,
			   buf_str(&message));
	}
	out_printf(&c->ub->out, " %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64
		   " unmodified; %" PRIu64 " files, %" PRIu64 " folders, %s\n",
		   s->counts.files_new, s->counts.files_changed, s->counts.files_unmodified,
		   s->counts.files, s->counts.dirs, number_human(s->counts.bytes).s);
	out_printf(&c->ub->out, " %s read", number_human(s->counts.bytes_read).s);
	out_printf(&c->ub->out, ", %s new", number_human(s->bytes_new).s);
	out_printf(&c->ub->out, ", %s stored", number_human(s->bytes_stored).s);
	if (s->counts.skipped)
		out_printf(&c->ub->out, "; %" PRIu64 " left out", s->counts.skipped);
	out_str(&c->ub->out, "\n");
	out_buf(&c->ub->out, &c->walk.left_out);
	if (c->walk.nr_left_out > LEFT_OUT_SHOWN && !c->ub->verbose)
		out_printf(&c->ub->out, " and %" PRIu64 " more: ub show --list skipped%s\n",
			   c->walk.nr_left_out - LEFT_OUT_SHOWN,
			   oid_is_zero(&s->commit) ? ", once it is committed" : "");
	buf_release(&message);
	sys_free(device);
}

static int finish(struct typed *c, const struct snapshot *s, struct err *err)
{
	int ret = waypoint_each(c->walk.root, say_absent, c, err);

	if (c->ub->json)
		print_json(c, s);
	else if (!c->ub->quiet)
		print_text(c, s);
	if (s->counts.errors > 0)
		ub_warn(c->ub, "%" PRIu64 " %s could not be read as a whole", s->counts.errors,
			s->counts.errors == 1 ? "file" : "files");
	return ret < 0 ? ret : s->is_incomplete ? EXIT_PARTIAL : 0;
}

static int check_request(const struct snapshot_request *r, int argc, struct err *err)
{
	bool has_stream = r->from_stdin || r->from_command;

	if (r->from_stdin && (r->from_command || argc > 0))
		return err_set(err, ERR_USAGE, "--stdin goes without paths and commands");
	if (r->from_command && argc == 0)
		return err_set(err, ERR_USAGE, "which command? --stdin-from-command -- COMMAND");
	if (has_stream && r->files_from.nr + r->files_from_raw.nr > 0)
		return err_set(err, ERR_USAGE, "--stdin and --files-from do not go together");
	if (r->stdin_name && !has_stream)
		return err_set(err, ERR_USAGE, "--stdin-filename wants --stdin");
	return 0;
}

static char *stream_path(const struct snapshot_request *r, struct err *err)
{
	const char *name = r->stdin_name ? r->stdin_name : "stdin";
	char *path = *name == '/' ? xstrdup(name) : xasprintf("/%s", name);
	struct waypoint *root = waypoint_new_root(), *p = NULL;
	char *clean = NULL;

	if (waypoint_add(root, path, &p, err) == 0) {
		clean = waypoint_path(p);
		if (!p->parent) {
			err_set(err, ERR_USAGE, "'%s' cannot be the name of a file", name);
			sys_free(clean);
			clean = NULL;
		}
	}
	waypoint_free(root);
	sys_free(path);
	return clean;
}

/* -- hooks -- */

static int run_hook(struct typed *c, enum hook hook, const char *commit, int status,
		    struct err *err)
{
	const struct hook_facts facts = {
		.commit = commit, .status = status, .error = err->code ? err->msg : NULL,
	};
	struct err own = ERR_INIT;

	if (c->r->no_hooks || c->ub->dry_run)
		return 0;
	int ret = hooks_run(c->ub, hook, &facts, &own);
	if (ret < 0)
		*err = own;
	return ret;
}

/* The snapshot is made, whatever becomes of these. */
static void after_commit(struct typed *c, const struct snapshot *s, int status)
{
	struct err err = ERR_INIT;

	/* None was made: what pre-commit stopped is started all the same. */
	const struct oid_text id = oid_hex(&s->commit);
	if (run_hook(c, HOOK_POST_COMMIT, oid_is_zero(&s->commit) ? NULL : id.s, status,
		     &err) < 0)
		ub_warn(c->ub, "the snapshot is made, but %s", err.msg);
}

static void after_failure(struct typed *c, const struct err *why)
{
	struct err err = *why;

	if (run_hook(c, HOOK_POST_FAIL, NULL, err_exit_status(why), &err) < 0)
		ub_warn(c->ub, "%s", err.msg);
}

/* -- the catalogue -- */

static void note_run(struct typed *c, const struct snapshot *s)
{
	struct history_news news = {
		.run = repo_run("commit", c->started, s->is_incomplete ? EXIT_PARTIAL : 0),
	};

	news.run.objects = s->counts.files_new + s->counts.files_changed;
	news.run.bytes = s->bytes_stored;
	news.run.has_commit = !oid_is_zero(&s->commit);
	news.run.commit = s->commit;
	if (news.run.has_commit)
		repo_update_catalogue(c->ub, &news);
	else
		repo_note_run(c->ub, &news);
}

static int run(struct typed *c, int argc, char **argv, struct err *err)
{
	struct ub *ub = c->ub;
	struct snapshot_request *r = c->r;
	char *device = repo_device_name(ub), *name = stream_path(r, err);
	struct snapshot_options o = {
		.refs = ub->refs, .device = device,
		.message = r->message.v, .nr_message = r->message.nr,
		.tags = r->tags.v, .nr_tags = r->tags.nr,
		.skip_if_unchanged = r->skip_if_unchanged, .dry_run = ub->dry_run,
		.lock_wait = repo_lock_wait(ub), .stream_fd = -1, .stream_name = name,
		.left_out = left_out,
		.scan = {
			.one_fs = r->one_fs, .force = r->force,
			.changed = ub->verbose ? changed : NULL,
		},
	};
	struct snapshot s;
	int ret = name ? 0 : (int)err->code;

	if (ret == 0)
		ret = check_request(r, argc, err);
	if (ret == 0)
		ret = walk_setup_init(&c->walk, ub, &r->excludes, err);
	if (ret == 0)
		ret = choose_places(c, argc, argv, &o.scan.is_partial, err);
	c->has_begun = ret == 0 && !ub->dry_run;
	if (ret == 0)
		ret = run_hook(c, HOOK_PRE_COMMIT, NULL, 0, err);
	if (ret == 0)
		ret = open_stream(c, &o, argc, argv, err);
	if (ret < 0)
		goto done;
	o.root = c->walk.root;
	o.timeout_s = hooks_timeout(ub);
	if (!o.scan.is_partial && c->walk.nr_commands > 0) {
		o.commands = c->walk.commands;
		o.nr_commands = c->walk.nr_commands;
		ret = hooks_trust(ub, err);
		if (ret < 0)
			goto done;
	}
	walk_setup_fill(&c->walk, &o.scan);
	ret = freeze_setup_begin(&c->frozen, ub, c->walk.root, err);
	if (ret < 0)
		goto done;
	if (c->frozen.freeze)
		o.scan.mounts = freeze_mounts(c->frozen.freeze, &o.scan.nr_mounts);
	progress_begin(&c->walk.progress, ub_progress(ub), "committing", 0, "bytes");
	ret = snapshot_make(&s, &o, err);
	freeze_setup_end(&c->frozen);
	progress_end(&c->walk.progress);
	if (ret == 0 && !ub->dry_run)
		note_run(c, &s);
	if (ret == 0) {
		ret = finish(c, &s, err);
		if (ret >= 0)
			after_commit(c, &s, ret);
	}
done:
	freeze_setup_end(&c->frozen);
	sys_free(device);
	sys_free(name);
	return ret;
}

int snapshot_request_run(struct ub *ub, struct snapshot_request *r, int argc, char **argv,
			 struct err *err)
{
	struct typed c = { .ub = ub, .r = r, .child_fd = -1, .started = sys_monotonic_ns() };
	struct err ignored = ERR_INIT;

	int ret = run(&c, argc, argv, err);
	if (ret < 0 && c.has_begun) {
		repo_note_failure(ub, "commit", c.started, err);
		after_failure(&c, err);
	}
	if (c.child_fd >= 0)
		sys_close(c.child_fd);
	child_ended(&c, &ignored);
	walk_setup_release(&c.walk);
	return ret;
}
