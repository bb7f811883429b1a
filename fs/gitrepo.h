#ifndef FS_GITREPO_H
#define FS_GITREPO_H

/*
 * What ub asks of libgit2 beside settings: the lines in which two texts differ.
 */

#include <stddef.h>

#include "lib/err.h"

struct git_text;

/* libgit2 is loaded now, which takes milliseconds; ERR_FAILED: it cannot be. */
int git_text_open(struct git_text **out, struct err *err);
void git_text_close(struct git_text *g);

enum git_line {
	GIT_LINE_HUNK = '@',		/* "@@ -1,3 +1,4 @@\n" */
	GIT_LINE_SAME = ' ', GIT_LINE_OLD = '-', GIT_LINE_NEW = '+',
	GIT_LINE_NO_NEWLINE = '\\',	/* what git says of a last line without its newline */
	GIT_LINE_BINARY = 'B',		/* the only one then: they differ, and are no text */
};
/*
 * A unified diff, line by line, with `context` lines around each change; nothing is called when
 * both are the same.  `fn` answers 0; anything negative stops and is returned.
 */
int git_text_diff(struct git_text *g, const void *old, size_t old_size, const void *new,
		  size_t new_size, unsigned int context,
		  int (*fn)(enum git_line kind, const char *line, size_t n, void *data,
			    struct err *err), void *data, struct err *err);

#endif
