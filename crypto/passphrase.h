#ifndef CRYPTO_PASSPHRASE_H
#define CRYPTO_PASSPHRASE_H

/*
 * Where passwords come from: a named file alone, else UB_PASSWORD, UB_PASSWORD_FILE,
 * UB_PASSWORD_COMMAND, UB_PASSWORD_FD, whichever is set first in this order; else the terminal.
 * One newline at the end ("\n" or "\r\n") is not part of it; an empty one is refused.
 */

#include <stdbool.h>

#include "lib/err.h"
#include "crypto/secret.h"

#define PASSPHRASE_MAX_SIZE 4096

struct passphrase_source {
	const char *file;	/* --password-file, or NULL */
	bool no_prompt;		/* never ask on the terminal */
};

/* The password of an existing repository.  ERR_KEY: there is none to be had. */
int passphrase_read(const struct passphrase_source *src, struct secret *out, struct err *err);
/*
 * A password to be set: the same sources; asked twice on the terminal.  `env` is the variable's
 * name, "UB_PASSWORD" or "UB_NEW_PASSWORD", and the stem of the others' (..._FILE and so on).
 */
int passphrase_read_new(const struct passphrase_source *src, const char *env, struct secret *out,
			struct err *err);
/* Recovery words: from standard input, asked for when that is a terminal. */
int passphrase_read_words(struct secret *out, struct err *err);

#endif
