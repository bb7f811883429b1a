#ifndef T_UNIT_SCRATCH_H
#define T_UNIT_SCRATCH_H

/*
 * A folder of its own for a unit program, removed when the process that asked for it ends well.
 * Children made by fork() share it and leave it alone.
 */

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch_root[64];
static pid_t scratch_owner;

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	if (scratch_owner == getpid())
		nftw(scratch_root, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* SCRATCH/name, in one of eight buffers that take turns. */
static inline const char *scratch(const char *name)
{
	static char paths[8][512];
	static unsigned int turn;

	if (!scratch_owner) {
		const char *tmp = getenv("TMPDIR");
		snprintf(scratch_root, sizeof(scratch_root), "%s/ub-unit.XXXXXX",
			 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
		if (!mkdtemp(scratch_root))
			abort();
		scratch_owner = getpid();
		atexit(scratch_remove);
	}
	char *out = paths[turn++ % 8];
	snprintf(out, sizeof(paths[0]), "%s/%s", scratch_root, name);
	return out;
}

/* What became of fn() in a process of its own: its exit status, or 128 + signal. */
static inline int scratch_fork(void (*fn)(void))
{
	int status;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		fn();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
