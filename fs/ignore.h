#ifndef FS_IGNORE_H
#define FS_IGNORE_H

/*
 * Patterns in .gitignore's grammar: which paths they leave out.
 *
 * A pattern with a slash at its beginning or in its middle is anchored at the folder that the rules
 * belong to, any other one fits at every depth; a slash at the end asks for a folder; `!` takes a
 * path back in; the last pattern that fits decides.  `*`, `?`, `[...]` do not cross slashes, `**`
 * does.  What lies in a folder that is left out is left out with it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

struct ignore_rules;

struct ignore_rules *ignore_new(void);
void ignore_free(struct ignore_rules *r);
/* One line of rules, without its newline.  Comments and blank lines count for nothing. */
void ignore_add(struct ignore_rules *r, const char *line, bool folds_case);
/* All lines of an open file of rules; a byte order mark and carriage returns do not count. */
int ignore_read(struct ignore_rules *r, int fd, const char *name, bool folds_case,
		struct err *err);
bool ignore_is_empty(const struct ignore_rules *r);
/*
 * The pattern, as it was given, by which `path` (relative to the rules' folder, no slash in front)
 * is left out; NULL: it is not.  Of the folders above it the caller has asked before.
 */
const char *ignore_find(const struct ignore_rules *r, const char *path, bool is_dir);

#endif
