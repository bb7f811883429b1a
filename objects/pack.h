#ifndef OBJECTS_PACK_H
#define OBJECTS_PACK_H

/*
 * Packs: immutable files of sealed frames.  ub-format-pack(5) is the law; in short
 *
 *	header | frame ... frame | padding | footer | trailer
 *
 * header: magic, version, kind, repository id, envelope (the pack's key, wrapped).  All that
 * follows is sealed under keys that come from the pack key and the place in the file.  A frame is
 * numbered by its offset, so that an index row is enough to open it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "crypto/seal.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "objects/compress.h"
#include "objects/index.h"
#include "objects/oid.h"

#define PACK_VERSION 0
#define PACK_ALIGN 4096
#define PACK_SMALL_SIZE ((uint64_t)4 << 20)	/* below: not cut into slices */
#define PACK_SIZE_DEFAULT ((uint64_t)64 << 20)
#define PACK_SIZE_MAX ((uint64_t)512 << 20)
#define PACK_MAX_OBJECTS 32768
#define PACK_HEADER_MAX (48 + ENVELOPE_MAX_SIZE)
#define PACK_TRAILER_PLAIN 64
#define PACK_TRAILER_SIZE (PACK_TRAILER_PLAIN + SEAL_OVERHEAD)
#define PACK_FOOTER_MAX ((size_t)4 << 20)
#define FRAME_HEADER_SIZE 5			/* codec, raw size; inside the seal */
#define FRAME_RAW_MAX OBJECT_MAX_SIZE
#define FRAME_BASE_SIZE OID_SIZE		/* then, with CODEC_ZSTD_PREFIX: the base's id */
#define FRAME_OVERHEAD (SEAL_OVERHEAD + FRAME_HEADER_SIZE)

enum pack_part { PART_FRAME = 1, PART_PADDING = 2, PART_FOOTER = 3, PART_TRAILER = 4 };

/* What a frame holds, in order; objects lie back to back from place 0. */
struct frame_object {
	struct oid id;
	enum obj_type type;
	uint32_t size;
};

const char *pack_kind_name(enum pack_kind kind);
struct oid_text pack_hex(const struct pack_id *id);
bool pack_parse_hex(struct pack_id *out, const char *hex);
bool pack_id_eq(const struct pack_id *a, const struct pack_id *b);

/* File length for `used` bytes: Padmé, then a multiple of the slice alignment. */
uint64_t pack_padded_size(uint64_t used, unsigned int k);
/* The size of a full pack for a wanted size: the largest multiple of k slices of 4 KiB. */
uint64_t pack_full_size(uint64_t wanted, unsigned int k);

/* -- reading -- */

struct pack;	/* an open pack: file, key, salt.  Safe from several threads. */

/* Open by path.  ERR_NOT_FOUND; ERR_CORRUPT; ERR_FORMAT; ERR_KEY.  Header only is read. */
int pack_open(struct pack **out, const char *path, const struct keys *keys, struct err *err);
void pack_close(struct pack *p);
enum pack_kind pack_kind(const struct pack *p);
uint64_t pack_size(const struct pack *p);
uint32_t pack_header_size(const struct pack *p);

/*
 * Where a frame that is coded against another object gets that one: all of it is appended to
 * `out`.  ERR_NOT_FOUND, ERR_CORRUPT: it cannot be had.
 */
struct frame_bases {
	int (*get)(void *data, const struct oid *id, struct buf *out, struct err *err);
	void *data;
};

struct frame_reader;	/* one thread's buffers */
/* `bases` is copied; NULL: frames that want a base cannot be opened. */
struct frame_reader *frame_reader_new(const struct frame_bases *bases);
void frame_reader_free(struct frame_reader *fr);

/*
 * Open the frame at `off`: its raw bytes are appended to `out`.  ERR_CORRUPT: not genuine, not
 * what it says.
 */
int pack_read_frame(struct pack *p, struct frame_reader *fr, uint64_t off, size_t sealed_size,
		    struct buf *out, struct err *err);

/* The same without a copy: the bytes are the reader's, until it is used again. */
int pack_view_frame(struct pack *p, struct frame_reader *fr, uint64_t off, size_t sealed_size,
		    const unsigned char **raw_out, size_t *size_out, struct err *err);

struct pack_frame {
	uint64_t off;
	uint32_t sealed_size, raw_size;
	enum codec codec;
	uint32_t nr_objects;
	bool has_base;
	struct oid base;		/* against which it is coded */
};

struct pack_footer {
	struct pack_frame *frames;
	size_t nr_frames;
	struct frame_object *objects;	/* all, frame by frame */
	size_t nr_objects;
	uint32_t padding;		/* sealed size of it */
};
#define PACK_FOOTER_INIT { NULL, 0, NULL, 0, 0 }

/* Trailer, then footer; checked against the header and the length of the file. */
int pack_read_footer(struct pack *p, struct pack_footer *out, struct err *err);
void pack_footer_release(struct pack_footer *f);
/* Strict parse of an opened footer, for pack_read_footer() and the fuzzer. */
int pack_footer_parse(const void *p, size_t n, uint64_t first_off,
		      const unsigned char header_hash[32], struct pack_footer *out,
		      struct err *err);

/* The rows that the index holds for a pack. */
int pack_add_rows(const struct index_pack *pack, const struct pack_footer *f,
		  struct index_add *add, struct err *err);

/* Hash of the whole file; no keys. */
int pack_hash_file(const char *path, struct pack_id *out, uint64_t *size_out, struct err *err);

/* -- writing -- */

/* The write buffers that the packs of a session share, and their I/O thread. */
struct pack_pieces;
struct pack_pieces *pack_pieces_new(unsigned int max, size_t size);
void pack_pieces_free(struct pack_pieces *pp);

struct pack_writer;

int pack_writer_open(struct pack_writer **out, const char *dir, enum pack_kind kind,
		     uint64_t full_size, const struct keys *keys, struct pack_pieces *pieces,
		     struct err *err);
/*
 * Reserve place for a frame of `payload` bytes with these objects (`base`: what it is coded
 * against, or NULL): true and its offset, or false when the pack is full.  Each reservation must be
 * followed by pack_writer_fill() or pack_writer_cancel(), which gives the pack up.
 */
bool pack_writer_reserve(struct pack_writer *w, size_t payload_size, enum codec codec,
			 uint32_t raw_size, const struct oid *base,
			 const struct frame_object *objects, size_t nr, uint64_t *off_out);
/* Seal `payload` (codec, raw size, bytes) for place `off` into `sealed`. */
void pack_writer_seal(struct pack_writer *w, uint64_t off, const void *payload, size_t size,
		      unsigned char *sealed);
int pack_writer_unseal(struct pack_writer *w, uint64_t off, const unsigned char *sealed,
		       size_t size, unsigned char *out, struct err *err);
/* Put the sealed bytes in their place; from any thread. */
int pack_writer_fill(struct pack_writer *w, uint64_t off, const unsigned char *sealed, size_t size,
		     struct err *err);
void pack_writer_cancel(struct pack_writer *w, const struct err *why);
size_t pack_writer_objects(const struct pack_writer *w);
uint64_t pack_writer_used(const struct pack_writer *w);
/*
 * Wait for what is reserved, write padding, footer and trailer, sync; it has no name yet.
 * `full`: a pack that refused a frame for want of bytes gets exactly its full size; else, and where
 * it is full of objects alone, it gets the Padmé size.  After a failure only abort is of use.
 */
int pack_writer_close(struct pack_writer *w, bool full, struct err *err);
/* Then rename and sync the folder.  `footer` says what is in it.  Frees `w`, on failure too. */
int pack_writer_name(struct pack_writer *w, struct index_pack *out, struct pack_footer *footer,
		     struct err *err);
/* Both; frees `w`, on failure too. */
int pack_writer_finish(struct pack_writer *w, bool full, struct index_pack *out,
		       struct pack_footer *footer, struct err *err);
void pack_writer_abort(struct pack_writer *w);

#endif
