#ifndef OBJECTS_INDEX_H
#define OBJECTS_INDEX_H

/*
 * The object index: where each object lies.  Derived from the packs' footers; can always be
 * rebuilt, so damage here is repaired, never fatal.
 *
 * A set of immutable sorted runs, named by the file `index/current`, merged like a log-structured
 * tree.  See ub-format-index(5).
 *
 *  1. `current` names only runs that are whole and synced.
 *  2. A run is never changed; it goes when no `current` names it.
 *  3. A row's pack was durable before the run was named (design section 8).
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/oid.h"

struct pack_id { unsigned char b[32]; };

enum pack_kind { PACK_DATA = 1, PACK_META = 2, PACK_INDEX = 3, PACK_MIXED = 4 };

struct index_loc {
	struct pack_id pack;
	enum pack_kind kind;
	enum obj_type type;
	uint32_t frame_off;	/* of the frame in the pack; 29 bits */
	uint32_t sealed_size;	/* of the frame; 25 bits */
	uint32_t place;		/* of the object in the opened frame; 25 bits */
	uint32_t size;		/* of the object; 25 bits */
};

/* A pack that the index knows: all its rows are in one run. */
struct index_pack {
	struct pack_id id;
	enum pack_kind kind;
	uint64_t size;		/* of the file */
	uint32_t objects;
	bool published;		/* named by a record of the device's log */
};

struct index;

/*
 * `dir` is .../index.  ERR_NOT_FOUND: no `current`; ERR_CORRUPT: must be rebuilt; ERR_FORMAT:
 * written by a later ub.  Takes no lock and writes nothing.
 */
int index_open(struct index **out, const char *dir, const unsigned char repo_id[32],
	       struct err *err);
void index_close(struct index *ix);
/* How long changes wait for the index lock; 60 s unless told. */
void index_set_lock_wait(struct index *ix, unsigned int wait_ms);
/* Make an empty one, replacing whatever is there. */
int index_create(const char *dir, const unsigned char repo_id[32], struct err *err);

/*
 * 1 found, 0 absent, negative error (ERR_CORRUPT: a block's sum is wrong).  Safe from any thread.
 * `loc`/`ordinal_out` may be NULL.  Ordinals count rows over all runs as opened: below
 * index_ordinals(), stable until index_refresh()/index_close(); an id has exactly one (the one
 * that find gives, even if older runs hold the id too).
 */
int index_find(struct index *ix, const struct oid *id, struct index_loc *loc,
	       uint64_t *ordinal_out, struct err *err);
uint64_t index_ordinals(const struct index *ix);

/*
 * Ids that start with `nr_digits` hex digits of `prefix`, in order: calls `fn` for each distinct
 * id until it answers non-zero, and answers that.  Rows hold 30 bytes of an id, so digits past
 * the 60th are not compared; `fn` gets the loc too, so the caller can learn the rest from the
 * object itself.  `fn` may use the index; what is added meanwhile is not met.
 */
int index_prefix(struct index *ix, const unsigned char *prefix, unsigned int nr_digits,
		 int (*fn)(const unsigned char id30[30], const struct index_loc *loc, void *data,
			   struct err *err), void *data, struct err *err);

/* All rows in id order, each distinct id once; as index_prefix(). */
int index_each(struct index *ix, int (*fn)(const unsigned char id30[30],
	       const struct index_loc *loc, void *data, struct err *err), void *data,
	       struct err *err);
int index_each_pack(struct index *ix, int (*fn)(const struct index_pack *p, void *data,
		    struct err *err), void *data, struct err *err);	/* by pack id, each once */
bool index_has_pack(struct index *ix, const struct pack_id *id);

/*
 * A change: rows of packs that are durable.  Rows are gathered in 8 MiB of memory, then spilled
 * as runs; nothing is visible, to index_find() neither, before commit.  One thread at a time.
 * After a failure only index_add_abort() is of use.
 */
struct index_add;
int index_add_begin(struct index_add **out, struct index *ix, struct err *err);
/*
 * The same for `ub index --rebuild`: what is committed replaces all that was there, in one
 * switch.  log_seq becomes INDEX_LOG_SEQ_UNKNOWN, and all packs, whatever they are added as,
 * count as unpublished until index_publish() with a log_seq names those that are not.
 */
#define INDEX_LOG_SEQ_UNKNOWN UINT64_MAX
int index_replace_begin(struct index_add **out, const char *dir, const unsigned char repo_id[32],
			struct err *err);
/*
 * Take the index lock now, and keep it to the end: for who must know that nobody adds anything
 * between a look at the packs and the commit.
 */
int index_add_lock(struct index_add *a, struct err *err);
/*
 * Rows follow for this pack until the next call.  `published` counts: a pack may be added again
 * with another answer, and the newest one stands.
 */
int index_add_pack(struct index_add *a, const struct index_pack *p, struct err *err);
int index_add_row(struct index_add *a, const struct oid *id, const struct index_loc *loc,
		  struct err *err);	/* loc->pack and kind are those of the last add_pack */
/*
 * Takes the index lock, re-reads `current`, adds the runs, merges levels that are full, switches
 * `current`, then refreshes `ix` itself.  Of two rows for one id the one added last stands.
 */
int index_add_commit(struct index_add *a, struct err *err);	/* frees `a` on success */
void index_add_abort(struct index_add *a);

/* See what other processes have committed since. */
int index_refresh(struct index *ix, struct err *err);
/* Mark packs as published (under the index lock, in `current`); `log_seq` is the sequence number of
 * the last own record that `current` takes into account, kept for the caller. */
int index_publish(struct index *ix, const struct pack_id *packs, size_t nr, uint64_t log_seq,
		  struct err *err);
uint64_t index_log_seq(const struct index *ix);
/*
 * Every sum, order and count of every run, as the files are now.  ERR_CORRUPT names the file and
 * the place.  `rows_out` (may be NULL): distinct ids.
 */
int index_check(struct index *ix, uint64_t *rows_out, struct err *err);

#endif
