#ifndef LIB_QUOTE_H
#define LIB_QUOTE_H

/*
 * Names with odd bytes on a line of text, quoted as git quotes them (core.quotePath): a name
 * with a control character, a quote, a backslash or a byte above 127 stands in double quotes,
 * with C escapes.  Used wherever records end in a newline; -z needs none of it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Append the name to `out`, quoted when it has to be. */
void quote_put(struct buf *out, const void *name, size_t n);
/* What a person wrote does nothing to a terminal: its control characters are escaped. */
void quote_put_text(struct buf *out, const char *s, size_t n);
/*
 * The other way: `s` of `n` bytes is a whole field.  Without a leading quote it stands for
 * itself.  ERR_USAGE: a quoted name that is not closed, or goes on behind its end, or has an
 * escape that nobody writes.  `out` is replaced; a NUL in it is for the caller to refuse.
 */
int quote_read(const void *s, size_t n, struct buf *out, struct err *err);

#endif
