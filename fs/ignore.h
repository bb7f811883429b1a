#ifndef FS_IGNORE_H
#define FS_IGNORE_H

/*
 * Patterns in .gitignore's grammar: which paths they leave out.
 *
 * A pattern with a slash at its beginning or in its middle is anchored at the folder that the rules
 * belong to, any other one fits at every depth; a slash at the end asks for a folder; `!` takes a
 * path back in; the last pattern that fits decides.  `*`, `?`, `[...]` do not cross slashes, `**`
 * does.  What lies in a folder that is left out is left out with it.
 *
 * Patterns without wildcards, and those that are a star and an ending, are found by hashing, so
 * that long lists of them cost nothing; the others are tried one after the other.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

struct ignore_rules;

/* `name`: of the file, for reports; NULL: the patterns were typed. */
struct ignore_rules *ignore_new(const char *name);
void ignore_free(struct ignore_rules *r);
/* One line of rules, without its newline.  Comments and blank lines count for nothing. */
void ignore_add(struct ignore_rules *r, const char *line, bool folds_case);
/* All lines of an open file of rules; a byte order mark and carriage returns do not count. */
int ignore_read(struct ignore_rules *r, int fd, const char *name, bool folds_case,
		struct err *err);
bool ignore_is_empty(const struct ignore_rules *r);

enum ignore_answer { IGNORE_NO_RULE, IGNORE_TAKEN_IN, IGNORE_LEFT_OUT };

/*
 * What the rules say of `path` (relative to their folder, no slash in front), and by which pattern,
 * for ignore_put_rule().  Of the folders above it the caller has asked before.  From any number of
 * threads, once the last pattern is in.
 */
enum ignore_answer ignore_ask(const struct ignore_rules *r, const char *path, bool is_dir,
			      size_t *pattern_out);
/* "FILE:LINE:PATTERN", or the pattern as it was typed. */
void ignore_put_rule(const struct ignore_rules *r, size_t pattern, struct buf *out);

#endif
