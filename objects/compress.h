#ifndef OBJECTS_COMPRESS_H
#define OBJECTS_COMPRESS_H

/*
 * Compression of a frame's contents.  The only file that knows zstd.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum codec {
	CODEC_RAW = 0,
	CODEC_ZSTD = 1,
	CODEC_ZSTD_PREFIX = 2,	/* zstd with another object, the base, as prefix */
};

#define COMPRESS_LEVEL_DEFAULT 1
#define COMPRESS_LEVEL_MAX 19

/* Bytes that one compressor of this level holds at most. */
size_t compressor_memory(int level);

/* One thread's contexts; made once, used for many frames. */
struct compressor;
struct compressor *compressor_new(int level);	/* 0: everything stays raw */
void compressor_free(struct compressor *c);

/* Would 16 KiB from the middle and the end shrink?  Small inputs: always true. */
bool compress_probe(struct compressor *c, const void *p, size_t n);
/*
 * Compress into `out`, which has room for n bytes.  Returns the size, or 0 when the result would
 * not be smaller by at least a 64th: store it raw.
 */
size_t compress(struct compressor *c, void *out, const void *p, size_t n);
/*
 * The same with `base` as prefix, for what differs from it in few places: into `out`, which has
 * room for n bytes; 0 when the result would not be at most half of n.
 */
size_t compress_over(struct compressor *c, void *out, const void *base, size_t base_size,
		     const void *p, size_t n);
int decompress_over(struct compressor *c, void *out, size_t raw_size, const void *base,
		    size_t base_size, const void *p, size_t n, struct err *err);
/* Exactly `raw_size` bytes, or ERR_CORRUPT. */
int decompress(struct compressor *c, void *out, size_t raw_size, const void *p, size_t n,
	       struct err *err);

#endif
