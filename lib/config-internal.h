#ifndef LIB_CONFIG_INTERNAL_H
#define LIB_CONFIG_INTERNAL_H

/*
 * What the two readers of settings share: our own for plain files, libgit2 for all others.
 */

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

#define CONFIG_MAX_SIZE (1 << 20)

/* One setting where it stands.  Section and name in lower case, what is between as it is. */
struct config_entry {
	char *key;
	char *value;		/* NULL: a bare name, which means true */
	char *origin;		/* "/etc/ub/config:3", "UB_CORE_MEMORY" */
};

struct config_list {
	struct config_entry *v;
	size_t nr, alloc;
};

#define CONFIG_LIST_INIT { NULL, 0, 0 }

void config_list_add(struct config_list *list, const char *key, const char *value,
		     const char *origin);
/* Give back all but the first `nr`. */
void config_list_truncate(struct config_list *list, size_t nr);
void config_list_release(struct config_list *list);

/*
 * Append the settings of a plain file.  False, and nothing appended, when the text has
 * anything in it that is not plain: includes, continued lines, what may be an error.
 */
bool config_scan(const char *path, const struct buf *text, struct config_list *list);

/* The same by libgit2, with its includes and its errors.  It opens `path` itself. */
int config_git_read(const char *path, struct config_list *list, struct err *err);
enum config_edit {
	CONFIG_SET,		/* to `value` alone */
	CONFIG_UNSET,		/* all its values */
	CONFIG_ADD,		/* one value more */
	CONFIG_REMOVE,		/* those that are `value` */
};

/* Change `key` in the file `scratch`.  Errors speak of `path`. */
int config_git_edit(const char *scratch, const char *path, enum config_edit how, const char *key,
		    const char *value, struct err *err);

#endif
