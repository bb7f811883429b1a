#ifndef FS_TIMELINE_H
#define FS_TIMELINE_H

/*
 * The snapshots of a catalogue as a version of a file sees them: line by line, those that refs do
 * not reach (any more) passed over.
 *
 * A slot is a snapshot's place in this order.  What a batch of the snapshot at slot a begins and
 * one at slot b > a of the same line ends, the slots a to b - 1 have; what none ends, all up to
 * the end of the line.
 */

#include <stdbool.h>
#include <stdint.h>

#include "objects/catalogue.h"
#include "refs/refs.h"

struct timeline_slot {
	struct oid id;
	int64_t nr;			/* in the catalogue */
	int64_t line;
	int64_t time_s;
	uint32_t time_ns;
	bool is_live;			/* a ref reaches it, or `at` does */
	bool is_tip;			/* a ref names it */
	bool is_at;			/* it is `at` */
	bool follows;			/* its one parent is the slot before, or both are none */
	size_t parents, nr_parents;	/* from here on in `parents` of the timeline */
	uint32_t end;			/* slot after the last one of its line */
	uint32_t next, last;		/* the nearest live slot from it on, up to it */
	uint32_t tips, ats;		/* how many stand before it, in all lines */
};

struct timeline {
	struct timeline_slot *v;
	size_t nr;
	uint32_t *slot_of;		/* of commit nr + 1 */
	uint32_t *by_id;		/* slots sorted by id */
	struct buf parents;		/* ids */
	struct buf missing;		/* ids that are named, and are not there */
	bool is_in_order;		/* in no line a snapshot has a time before the one before */
};
#define TIMELINE_INIT { .parents = BUF_INIT, .missing = BUF_INIT }

/* `at` may be NULL.  `out` is TIMELINE_INIT. */
int timeline_read(struct timeline *out, struct catalogue *c, struct refs *refs,
		  const struct oid *at, struct err *err);
void timeline_release(struct timeline *t);
/* The slot of a snapshot, or NULL. */
struct timeline_slot *timeline_find(const struct timeline *t, const struct oid *id);
/* The slot of commit `nr` of the catalogue, or NULL. */
struct timeline_slot *timeline_slot_of(const struct timeline *t, int64_t nr);
/* Its parents, `nr_parents` of them. */
const struct oid *timeline_parents(const struct timeline *t, const struct timeline_slot *s);
/* By time, then id. */
int timeline_cmp(const struct timeline_slot *a, const struct timeline_slot *b);

struct timeline_span {
	const struct timeline_slot *first, *last;	/* by time, of those that are live */
	bool has_tip, has_at;
};
/* What stands in slots `from` to `to` - 1 of one line.  False: no live one. */
bool timeline_span(const struct timeline *t, uint32_t from, uint32_t to, struct timeline_span *out);

#endif
