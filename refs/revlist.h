#ifndef REFS_REVLIST_H
#define REFS_REVLIST_H

/*
 * Walking what revisions reach: snapshots newest first, never a parent before its child, then
 * their objects, each once.
 *
 *	rl = revlist_new(st, err)
 *	revlist_add(rl, &rev, is_excluded, err)		each REV, each --not REV
 *	revlist_run(rl, with_objects, fn, data, err)
 *
 * Memory: a bit for each object of the index, some fifty bytes for each snapshot listed, and the
 * objects on the way down from a snapshot to a file, at most WALK_HELD_MAX bytes of them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "objects/store.h"
#include "refs/rev.h"

struct revlist;

struct revlist_item {
	const struct oid *id;		/* borrowed for the call, as `path` */
	enum obj_type type;
	const unsigned char *path;	/* from the snapshot's root; NULL: it has none */
	size_t path_len;
};

int revlist_new(struct revlist **out, struct store *st, struct err *err);
void revlist_free(struct revlist *rl);
/*
 * What `missing`, if set, answers for an object that is named and not there: 0 to go on without
 * it, or a negative code.  Unless it is set, ERR_CORRUPT.
 */
void revlist_on_missing(struct revlist *rl, int (*missing)(const struct revlist_item *item,
			void *data, struct err *err), void *data);
/* What `known` tells of a snapshot (1; 0: nothing) is not read: its time, its parents. */
struct revlist_known {
	int64_t time_s;
	uint32_t time_ns;
	const struct oid *parents;	/* borrowed until the next call */
	size_t nr_parents;
};
void revlist_on_commit(struct revlist *rl, bool (*known)(const struct oid *id,
		       struct revlist_known *out, void *data), void *data);
/* Trees and files may be added too, and are walked when objects are asked for. */
int revlist_add(struct revlist *rl, const struct rev *rev, bool is_excluded, struct err *err);
/* `fn` answers 0 to go on; anything else stops and is returned. */
int revlist_run(struct revlist *rl, bool with_objects,
		int (*fn)(const struct revlist_item *item, void *data, struct err *err), void *data,
		struct err *err);

#endif
