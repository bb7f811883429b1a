#ifndef FS_HISTORY_H
#define FS_HISTORY_H

/*
 * Filling the catalogue: snapshots that refs reach and that it does not have are compared with
 * the one before them in their line, and what differs is added.
 */

#include "objects/catalogue.h"
#include "objects/store.h"
#include "refs/refs.h"

/* What was done just now. */
struct history_news {
	struct catalogue_run run;
	const struct catalogue_reading *readings;	/* packs that were read to their ends */
	size_t nr;
};

struct history_options {
	struct store *store;
	struct refs *refs;
	const struct oid *also;		/* a snapshot that need not be reached; may be NULL */
	const struct history_news *news;	/* goes in when it is written; may be NULL */
	unsigned int wait_ms;		/* for the lock */
	/* What the person should know: that it is damaged and is made again.  May be NULL. */
	void (*say)(const char *what, void *data);
	void *data;
};

/* Where it lies; sys_free() it. */
char *history_path(struct store *st);
/*
 * Open for reading, with all that the refs reach in it: made, made again or added to as need be.
 * ERR_FORMAT: a newer ub made it.  Damage that shows only later (ERR_CORRUPT of what reads it) is
 * gone after history_rebuild().
 */
int history_open(struct catalogue **out, const struct history_options *o, struct err *err);
/* The same, if nothing needs to be done to it; else *out is NULL. */
void history_open_as_is(struct catalogue **out, const struct history_options *o);
/* The same, made in memory for this once: whatever is there is neither read nor written. */
int history_open_in_memory(struct catalogue **out, const struct history_options *o,
			   struct err *err);
/* For its runs and packs, whatever snapshots it lacks; errors as catalogue_open(). */
int history_open_notes(struct catalogue **out, const struct history_options *o, struct err *err);
/* Add what is missing, and the news. */
int history_update(const struct history_options *o, struct err *err);
/* The news alone: snapshots that are missing are left to who wants to know of them. */
int history_note(const struct history_options *o, struct err *err);
/* Make it again from nothing, whatever is there. */
int history_rebuild(const struct history_options *o, struct err *err);

#endif
