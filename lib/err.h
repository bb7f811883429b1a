#ifndef LIB_ERR_H
#define LIB_ERR_H

/*
 * What went wrong: one code that callers branch on, one sentence for the person.
 *
 * A function that can fail returns 0 or a negative code and fills the caller's `struct err`.
 * The exit status of each code is kept here, once (see err_exit_status()).
 */

#include <stdbool.h>
#include <stddef.h>

enum err_code {
	ERR_NONE = 0,
	ERR_FAILED = -1,	/* anything without a better code */
	ERR_SYS = -2,		/* a system call; `sys_errno` says which way */
	ERR_USAGE = -3,
	ERR_NOT_FOUND = -4,
	ERR_CORRUPT = -5,	/* bytes that cannot be what was written */
	ERR_NOMEM = -6,
	ERR_NO_REPO = -7,
	ERR_BUSY = -8,
	ERR_KEY = -9,		/* wrong password or key */
	ERR_REFUSED = -10,	/* something would be lost or overwritten */
	ERR_FORMAT = -11,	/* a version or a critical part that this ub does not know */
	ERR_INTERRUPTED = -12,	/* a signal; `sys_errno` holds its number */
	ERR_AMBIGUOUS = -13,	/* a name that fits more than one thing */
	ERR_NO_SPACE = -14,	/* ENOSPC, EDQUOT: the disk is full */
	ERR_EOF = -15,		/* the bytes end early */
	ERR_HELP = -16,		/* not a failure: -h was given, and is to be answered */
};

#define ERR_MSG_SIZE 1024

struct err {
	enum err_code code;
	int sys_errno;
	char msg[ERR_MSG_SIZE];
};

#define ERR_INIT { ERR_NONE, 0, "" }

/* Set code and sentence, return the code.  A sentence that is too long ends in "...". */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same after a failed system call: errno is kept and its text appended. */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "CONTEXT: " before the sentence; returns the code that stands. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forget: the caller can go on. */
void err_clear(struct err *err);

/* The word for `code` in JSON, e.g. "corrupt". */
const char *err_word(enum err_code code);

/* The process exit status that `err` stands for: the table of ub(1), "EXIT STATUS". */
int err_exit_status(const struct err *err);

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,	/* or: the answer is no */
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 3,	/* done, but some inputs could not be read */
	EXIT_BEHIND = 4,
	EXIT_HEALED = 5,
	EXIT_DAMAGED = 6,
	EXIT_NO_REPO = 10,
	EXIT_BUSY = 11,
	EXIT_KEY = 12,
	EXIT_REFUSED = 13,
	EXIT_FORMAT = 14,
};

/* A broken promise in our own code: say where and abort.  Never for bytes from outside. */
#define BUG(...) err_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void err_bug(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
