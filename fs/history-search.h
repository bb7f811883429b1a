#ifndef FS_HISTORY_SEARCH_H
#define FS_HISTORY_SEARCH_H

/*
 * Names that there ever were, from the catalogue: each version of each once, with the first and
 * the last snapshot that has it.  What only got other attributes is no new version.
 */

#include "lib/regex.h"
#include "objects/catalogue.h"
#include "objects/object.h"
#include "refs/refs.h"

struct history_pattern {
	struct regex *regex;
	bool is_whole;			/* fits paths; else names alone */
	const char *literal;		/* in each name that fits; NULL: not known, or is_whole */
};

struct history_moment { int64_t nr, s; uint32_t ns; struct oid commit; };

struct history_version {
	const char *path;		/* borrowed */
	size_t path_len;
	enum entry_type type;
	uint16_t mode;
	uint64_t size;
	bool has_id, has_mtime;
	struct oid id;			/* of its content */
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct history_moment first, last;
	bool is_now;			/* in the newest snapshot of a ref */
	bool is_at;			/* in that of `at` */
};

struct history_search {
	const struct history_pattern *patterns;	/* one of which has to fit */
	size_t nr_patterns;
	struct refs *refs;
	bool has_at;
	struct oid at;			/* ERR_NOT_FOUND: it is not in the catalogue */
	const char *spill_dir;
};

/* Sorted by path, then by the first snapshot; `fn` answers 0 or a negative code. */
int history_search(struct catalogue *c, const struct history_search *q,
		   int (*fn)(const struct history_version *v, void *data, struct err *err),
		   void *data, struct err *err);

#endif
