/*
 * Errors: the codes, their words, their exit statuses.  Nothing here prints but err_bug().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

static const struct {
	enum err_code code;
	const char *word;
	int status;
} err_table[] = {
	{ ERR_NONE, "none", EXIT_DONE },
	{ ERR_FAILED, "failed", EXIT_FAILED },
	{ ERR_SYS, "system", EXIT_FAILED },
	{ ERR_USAGE, "usage", EXIT_USAGE },
	{ ERR_NOT_FOUND, "not_found", EXIT_FAILED },
	{ ERR_CORRUPT, "corrupt", EXIT_DAMAGED },
	{ ERR_NOMEM, "no_memory", EXIT_FAILED },
	{ ERR_NO_REPO, "no_repository", EXIT_NO_REPO },
	{ ERR_BUSY, "busy", EXIT_BUSY },
	{ ERR_KEY, "key", EXIT_KEY },
	{ ERR_REFUSED, "refused", EXIT_REFUSED },
	{ ERR_FORMAT, "unknown_format", EXIT_FORMAT },
	{ ERR_INTERRUPTED, "interrupted", 128 },
	{ ERR_AMBIGUOUS, "ambiguous", EXIT_FAILED },
	{ ERR_NO_SPACE, "no_space", EXIT_FAILED },
	{ ERR_EOF, "truncated", EXIT_DAMAGED },
	{ ERR_HELP, "help", EXIT_DONE },
};

static void mark_cut(char *msg, int wanted)
{
	if (wanted >= ERR_MSG_SIZE)
		memcpy(msg + ERR_MSG_SIZE - 4, "...", 4);
}

/* What was done gives way to why it failed, where a long name leaves no room for both. */
static void make_room(char *what, const char *why)
{
	const size_t least = ERR_MSG_SIZE / 4;
	size_t taken = strlen(why) + sizeof("cannot : ");
	size_t room = taken + least < ERR_MSG_SIZE ? ERR_MSG_SIZE - taken : least;

	if (strlen(what) > room)
		memcpy(what + room - 3, "...", 4);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mark_cut(err->msg, vsnprintf(err->msg, sizeof(err->msg), fmt, ap));
	va_end(ap);
	err->code = code;
	err->sys_errno = 0;
	return code;
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char what[ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	mark_cut(what, vsnprintf(what, sizeof(what), fmt, ap));
	va_end(ap);

	bool full = saved == ENOSPC || saved == EDQUOT;
	err->code = full ? ERR_NO_SPACE : saved == ENOMEM ? ERR_NOMEM : ERR_SYS;
	err->sys_errno = saved;
	char text[128];
	const char *why = full ? "the disk is full" : strerror_r(saved, text, sizeof(text));
	make_room(what, why);
	mark_cut(err->msg, snprintf(err->msg, sizeof(err->msg), "cannot %s: %s", what, why));
	return err->code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char what[ERR_MSG_SIZE], old[ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	mark_cut(what, vsnprintf(what, sizeof(what), fmt, ap));
	va_end(ap);
	memcpy(old, err->msg, sizeof(old));
	make_room(what, old);
	mark_cut(err->msg, snprintf(err->msg, sizeof(err->msg), "%s: %s", what, old));
	return err->code;
}

void err_clear(struct err *err)
{
	err->code = ERR_NONE;
	err->sys_errno = 0;
	err->msg[0] = '\0';
}

const char *err_word(enum err_code code)
{
	for (size_t i = 0; i < sizeof(err_table) / sizeof(err_table[0]); i++)
		if (err_table[i].code == code)
			return err_table[i].word;
	return "failed";
}

int err_exit_status(const struct err *err)
{
	if (err->code == ERR_INTERRUPTED)
		return 128 + err->sys_errno;
	for (size_t i = 0; i < sizeof(err_table) / sizeof(err_table[0]); i++)
		if (err_table[i].code == err->code)
			return err_table[i].status;
	return EXIT_FAILED;
}

void err_bug(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ub: bug at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
