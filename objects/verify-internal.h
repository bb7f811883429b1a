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
	atomic_bool index_is_bad;

	/* What is reached.  The bits of blobs and notes go as they are looked at. */
	struct bits reached;
	_Atomic uint64_t odd;		/* references to what is not there, or is another thing */
	_Atomic uint64_t checked, skipped, objects, bytes;
	struct progress progress;
	struct idset told;		/* ids of findings of the walk, up to TOLD_MAX */
	struct idset told_packs;	/* of which an object was told; names are hashes too */

	sys_mutex lock;			/* for what follows */
	uint64_t wanted, wanted_bytes;	/* blobs and notes */
	struct idset data_packs, meta_packs;
	struct bits hurt;		/* nr 0 until something is */
	uint64_t nr_hurt;
	struct reason *reasons;
	char **texts;
	size_t nr_reasons, nr_texts;
	struct bad_pack *bad_packs;
};

/* Code and errno say that the bytes are bad, or their disk, not this process or its machine. */
bool verify_is_damage(int ret, const struct err *err);
/* Tell; `loc` NULL: it is in no pack. */
int verify_tell(struct verify *v, const struct oid *id, enum obj_type type,
		const struct index_loc *loc, const unsigned char *path, size_t path_len,
		const char *what, struct err *err);
/* Why the object is hurt. */
const char *verify_reason(const struct verify *v, uint64_t ordinal);

/* The object of this row is hurt; it is told once its path is known. */
int verify_add_hurt(struct verify *v, uint64_t ordinal, const char *what, struct err *err);

/* What names an object. */
struct verify_ref {
	struct oid id;
	enum obj_type type;
	uint64_t size;			/* of its content; UINT64_MAX: nothing said */
	bool has_path;			/* that of who names it, and the name below it */
	const unsigned char *name;	/* borrowed; or NULL */
	size_t name_len;
};

bool verify_is_leaf(enum obj_type type);	/* leads to nothing: a blob or a note */
#define VERIFY_NOWHERE UINT64_MAX
/* 1: there; 0: it is not (ordinal VERIFY_NOWHERE), or not what was named, as `what` says. */
int verify_find(struct verify *v, const struct verify_ref *r, struct index_loc *loc,
		uint64_t *ordinal, struct buf *what, struct err *err);
/* What `r`, whose bytes are `raw`, names. */
int verify_each_child(const struct verify_ref *r, const struct buf *raw,
		      int (*fn)(const struct verify_ref *r, void *data, struct err *err),
		      void *data, struct err *err);

/* Walk from the roots: mark what is reached, open what leads to it. */
int verify_walk(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err);
/* Walk again, and tell of each finding with the path that leads to it. */
int verify_name(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err);

#endif
