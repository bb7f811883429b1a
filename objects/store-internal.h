#ifndef OBJECTS_STORE_INTERNAL_H
#define OBJECTS_STORE_INTERNAL_H

/* What the files of the store share. */

#include "lib/sys.h"
#include "objects/pack.h"
#include "objects/store.h"

#define STORE_OPEN_PACKS 32
#define STORE_CACHED_FRAMES 32
#define STORE_CACHE_SIZE ((size_t)8 << 20)

struct open_pack {
	struct pack_id id;
	struct pack *pack;
	unsigned int users;
	uint64_t used;		/* clock of the last use */
};

struct cached_frame {
	struct pack_id pack;
	uint32_t off;
	struct buf raw;
	unsigned int users;
	uint64_t used;
};

struct idle_reader {
	struct idle_reader *next;
	struct frame_reader *reader;
};

struct store {
	struct store_options opts;
	const struct keys *keys;
	char *data_dir, *meta_dir, *index_dir, *tmp_dir;
	struct index *index;
	sys_mutex healing;
	char *healed;		/* why the index was rebuilt, or NULL */

	sys_mutex lock;		/* for all below */
	sys_cond freed;
	uint64_t clock;
	struct open_pack packs[STORE_OPEN_PACKS];
	struct cached_frame *frames[STORE_CACHED_FRAMES];
	size_t cached_size;
	struct idle_reader *readers, *base_readers;
};

/* An open pack, in use until it is given back.  ERR_CORRUPT: it is gone, too. */
int store_pack_take(struct store *st, const struct index_loc *loc, struct open_pack **out,
		    struct err *err);
void store_pack_give(struct store *st, struct open_pack *op);

/*
 * Bases for frames that are yet to be made (store-base.c): one thread's, the last one is kept.
 */
struct base_reader {
	struct store *st;
	struct frame_reader *reader;
	bool has, is_coded;		/* is_coded: what was asked for is, and this is its base */
	struct oid asked, id;		/* of what is held in `raw` */
	struct buf raw;
};
struct base_reader *base_reader_new(struct store *st);
void base_reader_free(struct base_reader *b);
/*
 * What may be a base for something like the blob `id`: that blob itself or, if it is coded against
 * another one, that one; in b->id and b->raw.  1, or 0: it is not fit for one, or not to be had.
 */
int base_reader_read(struct base_reader *b, const struct oid *id);

/* Read an object that was found: its bytes are appended to `out`, and hash to `id`. */
int store_read_at(struct store *st, const struct oid *id, const struct index_loc *loc,
		  struct buf *out, struct err *err);

const char *store_pack_dir(const struct store *st, enum pack_kind kind);

/*
 * Add to the index what finished packs hold that it does not know: what a crash left between
 * the rename of a pack and the switch of the index.  Of lists, trees, commits and notes only
 * those whose children are there.
 */
int store_adopt(struct store *st, struct err *err);

#endif
