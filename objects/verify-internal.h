#ifndef OBJECTS_VERIFY_INTERNAL_H
#define OBJECTS_VERIFY_INTERNAL_H

/* What the two halves of verification share: the walk, and the packs. */

#include <stdatomic.h>

#include "lib/sys.h"
#include "objects/idset.h"
#include "objects/pack.h"
#include "objects/store-internal.h"

#include "objects/verify.h"

/* A bit for each ordinal; clear and test from any thread. */
struct bits {
	_Atomic uint64_t *words;
	uint64_t nr;
};

int bits_init(struct bits *b, uint64_t nr, struct err *err);
void bits_release(struct bits *b);
bool bits_test(const struct bits *b, uint64_t i);
bool bits_set(struct bits *b, uint64_t i);	/* true: it was clear */
bool bits_clear(struct bits *b, uint64_t i);	/* true: it was set */

struct reason { uint64_t ordinal; const char *what; };

struct verify {
	struct store *st;
	const struct verify_options *opts;
	struct verify_totals *totals;
	bool index_is_bad;

	/* The walk: what is reached.  Then bits of blobs and notes go as they are checked. */
	struct bits reached;
	uint64_t wanted, wanted_bytes;	/* blobs and notes */
	struct idset data_packs, meta_packs;	/* names are hashes, as ids are */
	struct idset told;		/* ids of findings of the walk, up to TOLD_MAX */
	struct progress progress;

	/* The packs. */
	_Atomic uint64_t checked, skipped, objects, bytes;
	sys_mutex lock;			/* for what follows */
	struct bits hurt;		/* nr 0 until something is */
	uint64_t nr_hurt;
	struct reason *reasons;
	char **texts;
	size_t nr_reasons, nr_texts;
	struct bad_pack *bad_packs;
	struct idset told_packs;	/* those of which an object was told */
};

/* Code and errno say that the bytes are bad, or their disk, not this process or its machine. */
bool verify_is_damage(int ret, const struct err *err);
/* Tell; `loc` NULL: it is in no pack. */
int verify_tell(struct verify *v, const struct oid *id, enum obj_type type,
		const struct index_loc *loc, const unsigned char *path, size_t path_len,
		const char *what, struct err *err);
/* Why the object is hurt. */
const char *verify_reason(const struct verify *v, uint64_t ordinal);

/* Walk from the roots: mark what is reached, check what leads to it. */
int verify_walk(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err);
/* Walk again, and tell of each object that is hurt with the path that leads to it. */
int verify_name_hurt(struct verify *v, const struct verify_root *roots, size_t nr,
		     struct err *err);

#endif
