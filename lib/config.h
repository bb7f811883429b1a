#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

/*
 * Settings, in files of git's form, from the weakest to the strongest:
 *
 *	/etc/ub/config, $XDG_CONFIG_HOME/ub/config, the repository's config,
 *	environment (core.lockWait is UB_CORE_LOCKWAIT), what the command line overrides.
 *
 * The settings that ub knows, with their defaults and the values they may have, are a table in
 * config.c; a wrong value is ERR_USAGE and names file and line.  Unknown settings are kept.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct config;

/*
 * `repo_config`: path of the repository's file, or NULL.  Files that are absent count as empty.
 * One that cannot be parsed: ERR_USAGE, the repository's ERR_CORRUPT.
 */
int config_open(const char *repo_config, struct config **out, struct err *err);
void config_free(struct config *c);

/* From the command line; wins over everything.  `origin` is what errors call it, "--pack-size". */
int config_override(struct config *c, const char *key, const char *value, const char *origin,
		    struct err *err);

/*
 * One setting, the strongest.  Where none is set: the default of the table, and where there is
 * none ERR_NOT_FOUND.  bool, size and uint are for keys of the table alone.
 */
int config_get_str(struct config *c, const char *key, struct buf *out, struct err *err);
int config_get_bool(struct config *c, const char *key, bool *out, struct err *err);
int config_get_size(struct config *c, const char *key, uint64_t *out, struct err *err);
int config_get_uint(struct config *c, const char *key, uint64_t *out, struct err *err);

/* What is set, without defaults: ERR_NOT_FOUND if nothing.  `origin` may be NULL. */
int config_find(struct config *c, const char *key, struct buf *value, struct buf *origin,
		struct err *err);

/* Everything that is set, weakest first.  `value` is NULL for a bare "key" line. */
int config_each(struct config *c,
		int (*fn)(const char *key, const char *value, const char *origin, void *data,
			  struct err *err),
		void *data, struct err *err);

/* Every known setting has a value it may have. */
int config_check(struct config *c, struct err *err);

/*
 * Change one file; it is replaced whole, or stays as it was.  A known key takes only values it may
 * have.  config_unset(): ERR_NOT_FOUND when the key is not there.
 */
int config_set(const char *path, const char *key, const char *value, struct err *err);
int config_unset(const char *path, const char *key, struct err *err);
/* Keys that have many values: one more, one less (ERR_NOT_FOUND). */
int config_add(const char *path, const char *key, const char *value, struct err *err);
int config_remove(const char *path, const char *key, const char *value, struct err *err);

/* $XDG_CONFIG_HOME/ub/config; NULL without a home.  sys_free() it. */
char *config_user_path(void);

#endif
