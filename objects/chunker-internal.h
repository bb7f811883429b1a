#ifndef OBJECTS_CHUNKER_INTERNAL_H
#define OBJECTS_CHUNKER_INTERNAL_H

/*
 * The public half of the chunker: a rolling hash of the last 8 bytes at every byte, and the two
 * searches built on it.  Every kernel gives the same answers; ub-chunking(7) has the formula.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * T[b] = lo[b & 15] + hi[b >> 4] (mod 256) is one byte's share.  The hash at a byte is the sum
 * of T of it and the seven before, each doubled once for every step back, mod 256.  It hits
 * where it equals `hit`.
 */
struct chunker_tables {
	uint8_t lo[16], hi[16];
	uint8_t sum[256];	/* T */
	uint8_t hit;
};

/* What a released repository is cut with.  Frozen: other tables are other cuts. */
extern const struct chunker_tables chunker_tables;

/*
 * The first c in from..to-1 where a piece of c bytes (p[0..c)) may end, or `to`.
 * one:  the hash hits at p[c - 1].
 * pair: it hits at p[c - 1] and at p[c - 9].
 * `from` is at least CHUNKER_FIND_BEFORE; nothing past p[to - 1] is read.
 */
#define CHUNKER_FIND_BEFORE 256

typedef size_t chunker_find(const struct chunker_tables *t, const unsigned char *p,
			    size_t from, size_t to);

struct chunker_kernel {
	const char *name;
	chunker_find *pair, *one;
};

size_t chunker_scalar_pair(const struct chunker_tables *t, const unsigned char *p,
			   size_t from, size_t to);
size_t chunker_scalar_one(const struct chunker_tables *t, const unsigned char *p,
			  size_t from, size_t to);
#if defined(__x86_64__)
size_t chunker_avx2_pair(const struct chunker_tables *t, const unsigned char *p,
			 size_t from, size_t to);
size_t chunker_avx2_one(const struct chunker_tables *t, const unsigned char *p,
			size_t from, size_t to);
size_t chunker_avx512_pair(const struct chunker_tables *t, const unsigned char *p,
			   size_t from, size_t to);
size_t chunker_avx512_one(const struct chunker_tables *t, const unsigned char *p,
			  size_t from, size_t to);
#endif

/* chunker_new() with other tables, or another kernel, than the ones it would take. */
struct chunker;
struct chunker_params;
struct chunker *chunker_new_with(const struct chunker_params *p, const unsigned char key[32],
				 const struct chunker_tables *tables,
				 const struct chunker_kernel *kernel);

/* The kernels this processor can run, the fastest first, scalar last; NULL past the end. */
const struct chunker_kernel *chunker_kernel(size_t i);

#endif
