/*
 * ub restore: a snapshot, or some of it, back onto a disk.  What is done is fs/restore.c's; here
 * it is decided what is asked for, said what was done, and saved what is replaced.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/file.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "builtin/repo.h"
#include "builtin/restore.h"

static const char restore_usage[] =
	"ub restore [--date D] [--overwrite WHEN] [--delete] [--verify] [--plan] [REV] PATH...\n"
	"ub restore [--date D] [--overwrite WHEN] [--delete] [--verify] [--plan] --in-place [REV]\n"
	"ub restore [--date D] [--overwrite WHEN] [--delete] [--verify] [--plan] -t DIR [REV] "
	"[PATH...]";

#define GUARDS_MAX 4

struct restoring {
	struct ub *ub;
	struct restore_args args;
	struct restore_job job;
	const char *target;		/* as given with -t, or NULL */
	bool in_place, plan, verify;
	bool is_saving;			/* the plan that comes before a restore in place */
	struct restore_saving saving;
	struct restore_guard guards[GUARDS_MAX];
	uint64_t start_ns;
	struct restore_stats stats, verified;
};

/* -- what is said -- */

/* As the user would type it. */
static void put_path(const struct restoring *r, const char *path, size_t n, struct buf *out)
{
	if (r->target) {
		buf_put_str(out, r->target);
		if (r->target[strlen(r->target) - 1] == '/')
			buf_truncate(out, out->len - 1);
	}
	buf_put_u8(out, '/');
	buf_put(out, path, n);
}

static const char *const action_words[] = {
	[RESTORE_CREATED] = "create", [RESTORE_UPDATED] = "update", [RESTORE_REPLACED] = "replace",
	[RESTORE_LINKED] = "link", [RESTORE_ADJUSTED] = "metadata", [RESTORE_SAME] = "same",
	[RESTORE_DELETED] = "delete", [RESTORE_LEFT] = "leave", [RESTORE_PASSED] = "pass",
};

static void print_json(struct restoring *r, const struct restore_event *e, const struct buf *path)
{
	struct buf line = BUF_INIT;
	struct json j;

	json_begin(&j, &line, "action");
	json_str(&j, "action", action_words[e->action]);
	json_path(&j, "path", path->data, path->len);
	if (e->type == ENTRY_FILE)
		json_u64(&j, "size", e->size);
	json_end(&j);
	out_buf(&r->ub->out, &line);
	buf_release(&line);
}

/* A plan is the result; what is done is only said along the way. */
static void print_text(struct restoring *r, const struct restore_event *e, const struct buf *path)
{
	struct buf line = BUF_INIT;

	quote_put(&line, path->data, path->len);
	if (r->plan)
		out_printf(&r->ub->out, "%s %" PRIu64 "\t%s\n", action_words[e->action],
			   e->type == ENTRY_FILE ? e->size : 0, buf_str(&line));
	else if (e->action == RESTORE_LEFT)
		ub_warn(r->ub, "%s differs and is left alone (--overwrite replaces it)",
			buf_str(&line));
	else
		ub_say(r->ub, "%s %s", action_words[e->action], buf_str(&line));
	buf_release(&line);
}

static void on_event(const struct restore_event *e, void *data)
{
	struct restoring *r = data;
	struct buf path = BUF_INIT;

	if (r->is_saving) {
		restore_saving_add(&r->saving, e);
		return;
	}
	if (!r->plan && e->action != RESTORE_LEFT && r->ub->verbose == 0)
		return;
	put_path(r, e->path, e->path_len, &path);
	if (r->ub->json)
		print_json(r, e, &path);
	else
		print_text(r, e, &path);
	buf_release(&path);
}

static void problem_text(const struct restore_problem *p, struct buf *out)
{
	struct err err = ERR_INIT;

	buf_put_str(out, p->op);
	if (p->text[0])
		buf_printf(out, p->error ? " %s" : ": %s", p->text);
	if (p->error) {
		errno = p->error;
		err_sys(&err, "%s", buf_str(out));
		buf_reset(out);
		buf_put_str(out, err.msg);
	}
}

static void on_problem(const struct restore_problem *p, void *data)
{
	struct restoring *r = data;
	struct buf path = BUF_INIT, text = BUF_INIT, line = BUF_INIT;
	struct json j;

	/* The real run tells it again. */
	if (r->is_saving)
		return;
	put_path(r, p->path, p->path_len, &path);
	problem_text(p, &text);
	if (r->ub->json) {
		json_begin(&j, &line, "problem");
		json_path(&j, "path", path.data, path.len);
		json_str(&j, "operation", p->op);
		json_bool(&j, "damaged", p->is_damage);
		json_str(&j, "message", buf_str(&text));
		json_end(&j);
		out_buf(&r->ub->out, &line);
	} else {
		quote_put(&line, path.data, path.len);
		ub_warn(r->ub, "%s: %s", buf_str(&line), buf_str(&text));
	}
	buf_release(&path);
	buf_release(&text);
	buf_release(&line);
}

static void print_summary(struct restoring *r)
{
	const struct restore_stats *s = &r->stats;
	double seconds = (double)(sys_monotonic_ns() - r->start_ns) / 1e9;
	uint64_t problems = s->problems + r->verified.problems;
	uint64_t bytes = r->plan ? s->bytes_planned : s->bytes_written;
	struct buf line = BUF_INIT;
	struct json j;

	if (!r->ub->json) {
		ub_say(r->ub, "%s %" PRIu64 " files, %" PRIu64 " bytes (%" PRIu64 " unchanged, %"
		       PRIu64 " left alone, %" PRIu64 " deleted, %" PRIu64 " problems)%s",
		       r->plan ? "would restore" : "restored", s->files_restored, bytes,
		       s->same + s->adjusted, s->left + s->passed, s->deleted, problems,
		       r->verify && !r->plan && !r->verified.problems ? ", verified" : "");
		return;
	}
	json_begin(&j, &line, "summary");
	json_u64(&j, "files_restored", s->files_restored);
	json_u64(&j, "files_unchanged", s->same + s->adjusted);
	json_u64(&j, "files_adjusted", s->adjusted);
	json_u64(&j, "files_left", s->left + s->passed);
	json_u64(&j, "files_deleted", s->deleted);
	json_u64(&j, "bytes_written", bytes);
	json_bool(&j, "dry_run", r->plan);
	json_bool(&j, "verified", r->verify && !r->plan && !r->verified.problems);
	json_u64(&j, "damaged", s->damaged);
	json_u64(&j, "errors", problems);
	json_double(&j, "seconds", seconds);
	json_end(&j);
	out_buf(&r->ub->out, &line);
	buf_release(&line);
}

/* -- what is asked for -- */

static int read_overwrite(const char *word, enum restore_overwrite *out, struct err *err)
{
	static const struct { const char *word; enum restore_overwrite value; } words[] = {
		{ "always", RESTORE_ALWAYS }, { "if-changed", RESTORE_IF_CHANGED },
		{ "if-newer", RESTORE_IF_NEWER }, { "never", RESTORE_NEVER },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0) {
			*out = words[i].value;
			return 0;
		}
	return err_set(err, ERR_USAGE, "--overwrite: '%s' is none of always, if-changed, if-newer, "
		       "never", word);
}

static void guard(struct restoring *r, const char *path)
{
	struct stat st;

	if (!path || sys_stat(path, &st) < 0 || r->job.nr_guards == GUARDS_MAX)
		return;
	r->guards[r->job.nr_guards++] = (struct restore_guard){
		/* as struct file_stat has it */
		(uint64_t)major(st.st_dev) << 32 | minor(st.st_dev), st.st_ino,
	};
}

/* What the repository consists of is never gone into. */
static void guard_repository(struct restoring *r)
{
	static const char *const keys[] = { "store.meta", "store.data" };
	struct err ignored = ERR_INIT;

	r->job.guards = r->guards;
	guard(r, r->ub->repo_path);
	guard(r, keys_state_dir(r->ub->keys));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct buf value = BUF_INIT;
		if (config_get_str(r->ub->config, keys[i], &value, &ignored) == 0)
			guard(r, buf_str(&value));
		buf_release(&value);
	}
}

static int set_target(struct restoring *r, struct err *err)
{
	struct stat st;

	r->job.target = r->target ? r->target : "/";
	if (!r->target)
		return 0;
	if (!*r->target)
		return err_set(err, ERR_USAGE, "-t: the folder has no name");
	if (!r->plan)
		return file_make_dirs(r->target, 0777, err);
	if (sys_stat(r->target, &st) < 0)
		r->job.target = NULL;
	return 0;
}

static int set_job(struct restoring *r, const char *overwrite, struct err *err)
{
	struct restore_job *job = &r->job;
	int ret = 0;

	job->store = r->ub->store;
	job->tree = r->args.tree;
	job->commit = r->args.has_commit ? &r->args.commit : NULL;
	job->paths = r->args.paths;
	job->nr_paths = r->args.nr_paths;
	job->overwrite = r->target ? RESTORE_ALWAYS : RESTORE_KEEP;
	job->mode = r->plan ? RESTORE_PLAN : RESTORE_DO;
	job->workers = store_opts(r->ub->store)->workers;
	job->progress = ub_progress(r->ub);
	job->event = on_event;
	job->problem = on_problem;
	job->data = r;
	if (overwrite)
		ret = read_overwrite(overwrite, &job->overwrite, err);
	guard_repository(r);
	return ret < 0 ? ret : set_target(r, err);
}

/* -- what is done -- */

static int save_first(struct restoring *r, struct err *err)
{
	struct restore_job plan = r->job;
	struct restore_stats ignored;
	bool may_replace = r->job.overwrite == RESTORE_ALWAYS ||
			   r->job.overwrite == RESTORE_IF_CHANGED ||
			   r->job.overwrite == RESTORE_IF_NEWER || r->job.remove_extra;

	if (r->target || r->plan || !may_replace)
		return 0;
	plan.mode = RESTORE_PLAN;
	r->is_saving = true;
	int ret = restore_run(&plan, &ignored, err);
	r->is_saving = false;
	return ret < 0 ? ret : restore_saving_end(&r->saving, r->ub, &r->args, err);
}

static int verify(struct restoring *r, struct err *err)
{
	struct restore_job job = r->job;

	if (!r->verify || r->plan)
		return 0;
	job.mode = RESTORE_VERIFY;
	return restore_run(&job, &r->verified, err);
}

static int status_of(const struct restoring *r)
{
	if (r->stats.damaged || r->verified.damaged)
		return EXIT_DAMAGED;
	if (r->verified.problems && !r->stats.left && !r->stats.problems)
		return EXIT_FAILED;
	if (r->stats.left)
		return EXIT_REFUSED;
	return r->stats.problems ? EXIT_PARTIAL : EXIT_DONE;
}

static int run(struct restoring *r, const char *overwrite, struct err *err)
{
	int ret = set_job(r, overwrite, err);

	if (ret == 0)
		ret = save_first(r, err);
	if (ret == 0)
		ret = restore_run(&r->job, &r->stats, err);
	if (ret == 0)
		ret = verify(r, err);
	if (ret < 0)
		return ret;
	print_summary(r);
	return status_of(r);
}

/* A mark behind "--", to know afterwards which arguments stood behind it. */
static int mark_dashes(int argc, char **argv, char *mark, char ***out)
{
	char **copy = xcalloc((size_t)argc + 2, sizeof(*copy));
	bool is_found = false;
	int nr = 0;

	for (int i = 0; i < argc; i++) {
		copy[nr++] = argv[i];
		if (!is_found && strcmp(argv[i], "--") == 0) {
			copy[nr++] = mark;
			is_found = true;
		}
	}
	*out = copy;
	return nr;
}

/* Take the mark out: did it stand before all? */
static bool take_mark(int *argc, char **argv, const char *mark)
{
	for (int i = 0; i < *argc; i++)
		if (argv[i] == mark) {
			memmove(&argv[i], &argv[i + 1], (size_t)(--*argc - i) * sizeof(*argv));
			return i == 0;
		}
	return false;
}

int cmd_restore(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct restoring r = { .ub = ub, .args = RESTORE_ARGS_INIT, .saving = RESTORE_SAVING_INIT };
	static char mark[] = "--";
	char **copy = NULL, **rest;
	const char *date = NULL, *overwrite = NULL;
	const struct opt opts[] = {
		OPT_STR('t', "target", &r.target, "dir", "restore below this folder"),
		OPT_STR(0, "date", &date, "d", "the newest snapshot not after this time"),
		OPT_STR(0, "overwrite", &overwrite, "when",
			"replace what is there: always, if-changed, if-newer, never"),
		OPT_FLAG(0, "in-place", &r.in_place, "everything, to where it came from"),
		OPT_FLAG(0, "delete", &r.job.remove_extra, "delete what the snapshot has not"),
		OPT_FLAG(0, "owner-names", &r.job.by_name, "owners by name, if it is known here"),
		OPT_FLAG(0, "verify", &r.verify, "read all back and compare"),
		OPT_FLAG(0, "plan", &r.plan, "only say what would be done"),
		OPT_END
	};

	r.start_ns = sys_monotonic_ns();
	argc = mark_dashes(argc, argv, mark, &copy);
	rest = copy;
	int ret = ub_parse(ub, opts, restore_usage, &argc, &rest, err);
	if (ret < 0)
		goto done;
	bool may_be_rev = !take_mark(&argc, rest, mark);
	r.plan = r.plan || ub->dry_run;
	if (r.target && r.in_place) {
		ret = err_set(err, ERR_USAGE, "--target and --in-place exclude each other");
		goto done;
	}
	ret = restore_args_read(ub, argc, rest, may_be_rev, date, &r.args, err);
	if (ret == 0 && r.args.is_all && !r.target && !r.in_place)
		ret = err_set(err, ERR_USAGE, "everything is restored only with --target DIR, or "
			      "--in-place; or name paths");
	if (ret == 0 && !r.target && !r.args.has_commit)
		ret = err_set(err, ERR_USAGE, "a tree without a snapshot has no place of its own: "
			      "give --target DIR");
	if (ret == 0)
		ret = run(&r, overwrite, err);
done:
	restore_args_release(&r.args);
	restore_saving_release(&r.saving);
	sys_free(copy);
	return ret;
}
