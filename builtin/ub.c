/*
 * main(), common options and dispatch; the only place that reports errors and exits.
 *
 * The command runs on a thread of its own, whose stack is left out of core images.
 */

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/secret.h"
#include "builtin/pager.h"
#include "builtin/repo.h"
#include "builtin/ub.h"

static const char ub_usage[] =
	"ub [common options] COMMAND [arguments]\n"
	"ub help [COMMAND]\n"
	"ub --version";

#define COMMAND(name, fn, group, flags, summary) { name, cmd_##fn, group, flags, summary },
const struct command commands[] = {
#include "builtin/commands.def"
	{ NULL, NULL, PORCELAIN, 0, NULL }
};
#undef COMMAND

/* What is in the fingers of those who come from elsewhere. */
static const struct { const char *name, *command; } aliases[] = {
	{ "snapshots", "log" }, { "dump", "cat" }, { "check", "verify" }, { "find", "search" },
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].name, name) == 0)
			name = aliases[i].command;
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* A sentence is one line, and a name in it does nothing to a terminal: the rest is escaped. */
static void put_sentence(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = utf8_length(p, left);

		if (*p == '\n')
			buf_put_str(out, "\\n");
		else if (n == 0 || *p < 0x20 || *p == 0x7f)
			buf_printf(out, "\\%03o", *p);
		else
			buf_put(out, p, n);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
}

static void say(const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT, text = BUF_INIT;

	buf_vprintf(&text, fmt, ap);
	buf_put_str(&b, "ub: ");
	put_sentence(&b, buf_str(&text));
	buf_put_u8(&b, '\n');
	sys_write_full(STDERR_FILENO, b.data, b.len);
	buf_release(&text);
	buf_release(&b);
}

void ub_say(const struct ub *ub, const char *fmt, ...)
{
	va_list ap;

	if (ub->quiet)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void ub_warn(const struct ub *ub, const char *fmt, ...)
{
	va_list ap;

	(void)ub;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

enum progress_mode ub_progress(const struct ub *ub)
{
	if (ub->no_progress || (ub->quiet && !ub->progress))
		return PROGRESS_OFF;
	if (ub->progress)
		return ub->json ? PROGRESS_JSON : PROGRESS_FORCED;
	return ub->json ? PROGRESS_OFF : PROGRESS_AUTO;
}

/* One line of text or of JSON; returns the exit status. */
static int err_report(const struct err *err, bool as_json)
{
	int status = err_exit_status(err);
	struct buf b = BUF_INIT;

	if (as_json) {
		struct json j;

		json_begin(&j, &b, "error");
		json_str(&j, "code", err_word(err->code));
		json_i64(&j, "exit", status);
		json_str(&j, "message", err->msg);
		json_end(&j);
	} else {
		buf_put_str(&b, "ub: ");
		put_sentence(&b, err->msg);
		buf_put_u8(&b, '\n');
	}
	sys_write_full(STDERR_FILENO, b.data, b.len);
	buf_release(&b);
	return status;
}

void ub_overview(struct buf *out)
{
	static const struct { enum command_group group; const char *title; } groups[] = {
		{ PORCELAIN, "For people" },
		{ PLUMBING, "For scripts: small steps that pipe into each other" },
	};
	const struct opt none[] = { OPT_END };

	opt_usage(none, ub_usage, out);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		buf_printf(out, "\n%s\n", groups[i].title);
		for (const struct command *c = commands; c->name; c++)
			if (c->group == groups[i].group)
				buf_printf(out, "    %-14s %s\n", c->name, c->summary);
	}
	buf_put_str(out, "\nCommon options: -r/--repo DIR, -p/--password-file FILE, -q, -v, --json,"
			 "\n-n/--dry-run, --progress, --no-progress, -h; see ub(1).\n");
}

/* The common options.  Behind the verb a command's own names and letters win over them. */
static size_t common_options(struct ub *ub, const char **repo, bool dry_run, struct opt *out)
{
	const struct opt all[] = {
		OPT_STR('r', "repo", repo, "dir", NULL),
		OPT_STR('p', "password-file", &ub->password_file, "file", NULL),
		OPT_FLAG('q', "quiet", &ub->quiet, NULL),
		OPT_COUNT('v', "verbose", &ub->verbose, NULL),
		OPT_FLAG('n', "dry-run", &ub->dry_run, NULL),
		OPT_FLAG(0, "json", &ub->json, NULL),
		OPT_FLAG(0, "no-progress", &ub->no_progress, NULL),
		OPT_FLAG(0, "progress", &ub->progress, NULL),
		OPT_END
	};
	size_t nr = sizeof(all) / sizeof(all[0]);

	memcpy(out, all, sizeof(all));
	for (size_t i = 0; i < nr; i++)
		if (out[i].letter == 'n' && !dry_run)
			out[i].letter = 0;
	return nr;
}

enum { COMMON_MAX = 16 };

static void set_repo_path(struct ub *ub, const char *path)
{
	sys_free(ub->repo_path);
	ub->repo_path = xstrdup(path);
}

static char *home_of(const char *user)
{
#ifdef UB_TEST
	const char *home = getenv("UB_TEST_SUDO_HOME");

	if (home)
		return xstrdup(home);
#endif
	const struct passwd *pw = getpwnam(user);

	return pw ? xstrdup(pw->pw_dir) : NULL;
}

/* `sudo ub` means root's repository; who has one may have meant that. */
static void say_whose(const struct ub *ub)
{
	const char *user = getenv("SUDO_USER");
	char *home = user && geteuid() == 0 && strcmp(user, "root") != 0 ? home_of(user) : NULL;
	char *theirs, *config;

	if (!home)
		return;
	theirs = path_join(home, ".local/share/ub");
	config = path_join(theirs, "config");
	if (strcmp(theirs, ub->repo_path) != 0 && sys_access(config, F_OK) == 0)
		ub_say(ub, "using the repository of root, '%s', not that of %s, '%s'",
		       ub->repo_path, user, theirs);
	sys_free(config);
	sys_free(theirs);
	sys_free(home);
}

static int find_repo_path(struct ub *ub, struct err *err)
{
	const char *env = getenv("UB_DIR");

	if (ub->repo_path)
		return 0;
	if (env && *env) {
		ub->repo_path = xstrdup(env);
		return 0;
	}
	ub->repo_path = path_data_home();
	if (!ub->repo_path)
		return err_set(err, ERR_NO_REPO,
			       "no repository: neither --repo, UB_DIR nor HOME is set");
	if (!(ub->command->flags & NO_REPO))
		say_whose(ub);
	return 0;
}

int ub_parse(struct ub *ub, const struct opt *opts, const char *usage, int *argc, char ***argv,
	     struct err *err)
{
	const struct command *c = ub->command;
	bool dry = c->flags & HAS_DRY_RUN;
	struct opt common[COMMON_MAX];
	const char *repo = NULL;
	int ret;

	common_options(ub, &repo, dry, common);
	ret = opt_parse_with(opts, common, usage, 0, argc, argv, err);
	if (ret == ERR_HELP) {
		struct buf text = BUF_INIT;

		opt_usage(opts, usage, &text);
		out_buf(&ub->out, &text);
		buf_release(&text);
	}
	if (ret < 0)
		return ret;
	if (repo)
		set_repo_path(ub, repo);
	if (ub->json && !(c->flags & HAS_JSON))
		return err_set(err, ERR_USAGE, "'ub %s' has no --json", c->name);
	if (ub->dry_run && !dry)
		return err_set(err, ERR_USAGE, "'ub %s' has no --dry-run", c->name);
	ret = find_repo_path(ub, err);
	if (ret < 0 && c->flags & NO_REPO) {
		err_clear(err);
		ret = 0;
	}
	if (ret < 0)
		return ret;
	if (c->flags & NEEDS_REPO)
		ret = repo_open(ub, ub->dry_run ? c->flags & ~(unsigned int)WRITES : c->flags, err);
	return ret;
}

char **ub_cut_paths(int *argc, char **argv, int *nr_out)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		*nr_out = *argc - i - 1;
		*argc = i;
		return argv + i + 1;
	}
	*nr_out = 0;
	return argv + *argc;
}

/* Edits (insert, delete, replace, swap of neighbours) between two short words. */
static unsigned int distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	unsigned int rows[3][MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX || lb > MAX)
		return MAX;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *cur = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int d = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (cur[j - 1] + 1 < d)
				d = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			cur[j] = d;
		}
	}
	return rows[la % 3][lb];
}

static int unknown_command(const char *name, struct err *err)
{
	const struct command *best = NULL;
	unsigned int best_distance = (unsigned int)strlen(name) / 2 + 1;

	for (const struct command *c = commands; c->name; c++) {
		unsigned int d = distance(name, c->name);

		if (d < best_distance) {
			best = c;
			best_distance = d;
		}
	}
	if (best)
		return err_set(err, ERR_USAGE, "'%s' is not a command of ub; did you mean '%s'?",
			       name, best->name);
	return err_set(err, ERR_USAGE, "'%s' is not a command of ub; see 'ub help'", name);
}

/* What stands before the verb; afterwards argv[0] is the verb. */
static int parse_before_verb(struct ub *ub, int *argc, char ***argv, struct err *err)
{
	struct opt common[COMMON_MAX + 1];
	const char *repo = NULL;
	bool version = false;
	size_t nr;
	int ret;

	nr = common_options(ub, &repo, true, common);
	common[nr - 1] = (struct opt)OPT_FLAG(0, "version", &version, NULL);
	common[nr] = (struct opt)OPT_END;
	ret = opt_parse_with(common, NULL, ub_usage, OPT_STOP_AT_ARGUMENT, argc, argv, err);
	if (ret < 0)
		return ret;
	if (repo)
		set_repo_path(ub, repo);
	if (version) {
		static char verb[] = "version";
		static char *words[] = { verb, NULL };

		*argv = words;
		*argc = 1;
	}
	return 0;
}

static int dispatch(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct err close_err = ERR_INIT;
	struct buf text = BUF_INIT;
	int ret, closed;

	ret = parse_before_verb(ub, &argc, &argv, err);
	if (ret == 0 && argc == 0) {
		ub_overview(&text);
		sys_write_full(STDERR_FILENO, text.data, text.len);
		ret = EXIT_USAGE;
		goto done;
	}
	if (ret == ERR_HELP) {
		ub_overview(&text);
		out_buf(&ub->out, &text);
	}
	if (ret < 0)
		goto done;
	ub->command = command_find(argv[0]);
	if (!ub->command) {
		ret = unknown_command(argv[0], err);
		goto done;
	}
	ret = ub->command->run(ub, argc, argv, err);
	closed = repo_close(ub, &close_err);
	if (closed < 0 && ret >= 0) {
		*err = close_err;
		ret = closed;
	}
done:
	buf_release(&text);
	return ret == ERR_HELP ? 0 : ret;
}

struct call {
	int argc;
	char **argv;
	int status;
};

/*
 * Who asks for JSON gets it for a command line that cannot be understood, too, though --json stood
 * behind what was wrong with it.
 */
static bool asks_for_json(int argc, char **argv)
{
	bool answer = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			answer = true;
		else if (strcmp(argv[i], "--no-json") == 0)
			answer = false;
	}
	return answer;
}

static void *run(void *data)
{
	struct call *call = data;
	struct ub ub = { .out = OUT_INIT(STDOUT_FILENO) };
	struct err err = ERR_INIT, out_err = ERR_INIT;
	bool json = asks_for_json(call->argc, call->argv);
	int ret, written;

	ub.out.is_direct = isatty(STDOUT_FILENO);
	ret = dispatch(&ub, call->argc, call->argv, &err);
	written = out_flush(&ub.out, &out_err);
	if (written < 0 && ret >= 0) {
		err = out_err;
		ret = written;
	}
	/* Who leaves the pager has seen enough. */
	if (pager_end(&ub) && ret == ERR_SYS && err.sys_errno == EPIPE)
		ret = 0;
	call->status = ret < 0 ? err_report(&err, ub.json || (err.code == ERR_USAGE && json)) :
		       ret;
	out_release(&ub.out);
	sys_free(ub.repo_path);
	return NULL;
}

int main(int argc, char **argv)
{
	struct call call = { argc, argv, EXIT_FAILED };
	struct err err = ERR_INIT;
	struct sys_thread thread;
	int ret;

	sys_harden();
	sys_hold_standard_fds();
	interrupt_setup();
	ret = crypto_start(&err);
	if (ret < 0)
		return err_report(&err, false);
	ret = sys_thread_start(&thread, run, &call);
	if (ret != 0) {
		errno = ret;
		err_sys(&err, "start a thread");
		return err_report(&err, false);
	}
	interrupt_leave_to_others();
	sys_thread_join(&thread);
	return call.status;
}
