#ifndef LIB_RUN_H
#define LIB_RUN_H

/*
 * Running what the owner of a repository wants run: a command of the shell, in a process group of
 * its own, with a limit to its time.
 *
 * It gets nothing of ours: standard input is empty, no descriptor beyond the three is open, and of
 * the environment what leads to passwords is taken out.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/sys.h"

struct run_options {
	const char *command;
	const char *const *env;		/* "NAME=VALUE" each, ended by NULL; stronger than ours */
	unsigned int timeout_s;		/* 0: none */
	bool is_last;			/* goes on though we are interrupted: it cleans up */
	bool has_pipe;			/* what it prints is read; else it goes to standard error */
};

struct run {
	pid_t pid;
	int fd;				/* what it prints: the caller's to read, ours to close */
	uint64_t until_ns;
	bool is_late;
	/* With a pipe: whoever reads it cannot look at the clock. */
	struct sys_thread guard;
	bool has_guard;
	atomic_bool is_read;
};

/* From here on run_end() is due. */
int run_begin(struct run *r, const struct run_options *o, struct err *err);
/*
 * Wait for its end.  0: it ended well; ERR_FAILED says how it did not ("failed with status 3",
 * "took longer than 10 seconds"); ERR_INTERRUPTED.  What is left of its group is ended with it when
 * it is late or we are interrupted.
 */
int run_end(struct run *r, const struct run_options *o, struct err *err);
/* All of it, its output going to standard error. */
int run_command(const struct run_options *o, struct err *err);

#endif
