/*
 * ub help: the list of commands, or the manual of one: the page where man finds it, else its
 * source, which is made to be read.
 */

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/wait.h>

#include "lib/sys.h"
#include "builtin/ub.h"

static const struct { const char *name, *text; } manuals[] = {
#include "gen/manuals.h"
};

static const char help_usage[] = "ub help [COMMAND]";

extern char **environ;

/* True when man found the page and showed it. */
static bool show_page(char *page)
{
	char man[] = "man";
	char *words[] = { man, page, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int status = -1, ret;
	pid_t pid;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	ret = posix_spawnp(&pid, man, &files, &attr, words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return ret == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static const char *find_manual(const char *page)
{
	for (size_t i = 0; i < sizeof(manuals) / sizeof(manuals[0]); i++)
		if (strcmp(manuals[i].name, page) == 0)
			return manuals[i].text;
	return NULL;
}

int cmd_help(struct ub *ub, int argc, char **argv, struct err *err)
{
	const struct opt opts[] = { OPT_END };
	const char *manual;
	struct buf text = BUF_INIT;
	char *page = NULL;
	int ret;

	ret = ub_parse(ub, opts, help_usage, &argc, &argv, err);
	if (ret < 0)
		return ret;
	if (argc > 1)
		return err_set(err, ERR_USAGE, "too many arguments; see 'ub help -h'");
	if (argc == 0) {
		ub_overview(&text);
		out_buf(&ub->out, &text);
		goto done;
	}
	/* A command may have been called by another of its names. */
	const struct command *command = command_find(argv[0]);
	page = strncmp(argv[0], "ub", 2) == 0 ? xstrdup(argv[0]) :
	       xasprintf("ub-%s", command ? command->name : argv[0]);
	if (show_page(page))
		goto done;
	manual = find_manual(page);
	if (manual)
		out_str(&ub->out, manual);
	else
		ret = err_set(err, ERR_USAGE, "there is no manual for '%s'; see 'ub help'",
			      argv[0]);
done:
	sys_free(page);
	buf_release(&text);
	return ret;
}
