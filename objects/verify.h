#ifndef OBJECTS_VERIFY_H
#define OBJECTS_VERIFY_H

/*
 * Opening everything that some objects reach: each is read, opened, decompressed, hashed and
 * compared with its id.
 *
 * First down the trees and lists; then what they lead to, pack by pack in the order of the bytes,
 * each frame once.  Of an object that lies in two packs the copy counts that the index finds.
 *
 * Memory: a bit for each row of the index (three where there is damage), 32 bytes for each pack,
 * and what the workers hold.
 */

#include "lib/progress.h"
#include "objects/store.h"

struct verify_root {
	struct oid id;
	enum obj_type type;
	const char *path;	/* from the snapshot's root, where `id` is not its start; or NULL */
};

struct verify_finding {
	bool is_missing;		/* else damaged */
	const struct oid *id;		/* NULL: the pack, though nothing wanted in it is hurt */
	enum obj_type type;
	const unsigned char *path;	/* where a walk first meets it; NULL: no path leads there */
	size_t path_len;
	const char *pack;		/* the pack's file; NULL: it is in none */
	const char *what;
};

#define VERIFY_SAMPLE_ALL 1000000

struct verify_options {
	uint32_t sample;		/* of a million frames of content, so many */
	uint64_t seed;			/* which of them */
	bool deep;			/* hash the packs whole too, and compare with their names */
	enum progress_mode progress;
	/* All borrowed for the call.  0 to go on; negative ends. */
	int (*found)(const struct verify_finding *f, void *data, struct err *err);
	/* With `deep`, of each pack once it is hashed; may be NULL. */
	void (*hashed)(const struct pack_id *id, bool is_damaged, void *data);
	void *data;
};

struct verify_totals {
	uint64_t objects, bytes;	/* hashed; bytes of content and of all that leads to it */
	uint64_t packs;			/* in which they lie */
	uint64_t damaged, missing;
	bool index_was_rebuilt;		/* it was damaged */
};

/*
 * Damage is told, and is no error.  ERR_FORMAT: a whole pack that only a later ub can read.
 * The index must not be refreshed meanwhile.
 */
int verify_run(struct store *st, const struct verify_root *roots, size_t nr,
	       const struct verify_options *opts, struct verify_totals *out, struct err *err);

#endif
