#ifndef OBJECTS_STORE_H
#define OBJECTS_STORE_H

/*
 * The store joins packs, index and keys: objects in, objects out, by id.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "objects/chunker.h"
#include "objects/index.h"
#include "objects/object.h"
#include "objects/oid.h"

struct store;

struct store_paths {
	char *repo;		/* config, keys/, refs/, tmp/ */
	char *meta;		/* packs/meta, index/, catalogue; the repository unless --meta */
	char *data;		/* packs/data; the repository unless --data */
};

struct store_options {
	int level;		/* core.compression: zstd level, 0 stores raw */
	unsigned int workers;
	uint64_t pack_size;	/* target of a full pack */
	unsigned int verify;	/* verify 1 of so many frames after sealing; 1: all */
	bool read_only;
	bool delta;		/* core.delta: code chunks against those that they replace */
	bool keep_index;	/* a damaged index is an error, not rebuilt on opening */
};

/* Objects of this size and more have a frame to themselves. */
#define SESSION_ALONE_SIZE ((size_t)128 << 10)

/* `keys` is borrowed. */
int store_open(struct store **out, const struct store_paths *paths, const struct keys *keys,
	       const struct store_options *opts, struct err *err);
void store_close(struct store *st);
struct index *store_index(struct store *st);
const struct keys *store_keys(struct store *st);
const struct store_options *store_opts(const struct store *st);
struct chunker_params store_chunker_params(const struct store *st);
/* Where frames that are coded against another object get that one; of objects/pack.h. */
struct frame_bases;
struct frame_bases store_bases(struct store *st);
/* Where the index and its like are. */
const char *store_index_dir(const struct store *st);
/* Where what does not last may be written. */
const char *store_tmp_dir(const struct store *st);
/* Why the index had to be rebuilt when the store was opened, or NULL. */
const char *store_healed(const struct store *st);

/* Reading.  ERR_NOT_FOUND; ERR_CORRUPT names object and pack.  Safe from any thread. */
int store_find(struct store *st, const struct oid *id, struct index_loc *loc, uint64_t *ordinal,
	       struct err *err);			/* 1, 0, or negative */
/* The same, but before it says no it looks whether another process has stored it meanwhile. */
int store_find_fresh(struct store *st, const struct oid *id, struct index_loc *loc,
		     struct err *err);
int store_read(struct store *st, const struct oid *id, enum obj_type want, /* OBJ_NONE: any */
	       enum obj_type *type_out, struct buf *out, struct err *err);
/* Write all content that a blob or list stands for to `fn`, in order, zeros included. */
int store_read_content(struct store *st, const struct oid *id,
		       int (*fn)(const void *p, size_t n, void *data, struct err *err), void *data,
		       struct err *err);
/* The full id of an object whose first 30 bytes are known from the index. */
int store_full_id(struct store *st, const unsigned char id30[30], const struct index_loc *loc,
		  struct oid *out, struct err *err);

/*
 * Writing: a session gathers objects into packs.  Several sessions, in several processes, may run.
 *
 *	session_begin(); session_put() ... from any thread; session_commit() makes all durable and
 *	visible, in the order of design section 8; session_abort() leaves nothing but what was
 *	already finished.
 */
struct session;
int session_begin(struct session **out, struct store *st, struct err *err);
/* Check, hash, look up, gather.  `is_new_out` may be NULL. */
int session_put(struct session *s, enum obj_type type, const void *p, size_t n, struct oid *id_out,
		bool *is_new_out, struct err *err);
/*
 * The same for who puts from several threads: small blobs of one lane ride together, so that files
 * of one folder lie in one frame; those of two sources never do.
 */
struct session_lane {
	unsigned int nr, source;	/* any numbers */
	/* A stored blob that most of this one may be in, as the chunk that it replaces; or NULL. */
	const struct oid *over;
};
int session_put_lane(struct session *s, struct session_lane lane, enum obj_type type,
		     const void *p, size_t n, struct oid *id_out, bool *is_new_out,
		     struct err *err);
/* Is it stored, or taken on by this session?  1, 0, or negative. */
int session_has(struct session *s, const struct oid *id, enum obj_type type, struct err *err);
/* Store it again although it is there: `ub pack --repack`.  `id` is what it hashes to. */
int session_repack(struct session *s, const struct oid *id, enum obj_type type, const void *p,
		   size_t n, struct err *err);
/* Be told of each pack that is finished, once the index knows it; from the committing thread. */
void session_on_pack(struct session *s,
		     int (*fn)(const struct index_pack *pack, void *data, struct err *err),
		     void *data);
int session_commit(struct session *s, struct err *err);	/* frees `s` on success */
void session_abort(struct session *s);
bool session_has_failed(struct session *s);	/* NULL: false */

/* Mending.  `bad` is told of each pack that cannot be read (what says why); it may be NULL. */
struct store_rebuilt { uint64_t packs, objects, bad; };
int store_index_rebuild(struct store *st,
			int (*bad)(const char *path, const char *what, void *data, struct err *err),
			void *data, struct store_rebuilt *out, struct err *err);
/* The path of a pack's file; sys_free() it. */
char *store_pack_file(const struct store *st, enum pack_kind kind, const struct pack_id *id);
/* Call `fn` for each pack file there is, known to the index or not. */
int store_each_pack(struct store *st,
		    int (*fn)(enum pack_kind dir_kind, const struct pack_id *id, const char *path,
			      void *data, struct err *err), void *data, struct err *err);

struct session_stats {
	uint64_t objects_new, objects_old, bytes_in, bytes_new, bytes_stored, packs;
};
void session_stats(const struct session *s, struct session_stats *out);

#endif
