#ifndef OBJECTS_CHUNKER_H
#define OBJECTS_CHUNKER_H

/*
 * Where the content of a file is cut: runs of zeros, and pieces between them whose ends the
 * bytes themselves decide, under a secret key.  The rule is ub-chunking(7).
 *
 * It looks at bytes in memory and says where the next piece ends; reading, hashing and storing
 * are the caller's.  The answer depends on the bytes, the parameters and the key alone: never on
 * how much was read at once, nor on holes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CHUNKER_KEY_SIZE 32
#define CHUNKER_ZERO_MIN ((size_t)256 << 10)	/* shorter runs of zeros are data */

/* Sizes in bytes; from the genesis record. */
struct chunker_params { uint32_t min, avg, max; };
#define CHUNKER_PARAMS_DEFAULT { 256u << 10, 1u << 20, 4u << 20 }

/* ERR_USAGE unless 64 KiB <= min < avg < max <= 16 MiB and avg >= 512 KiB. */
int chunker_params_check(const struct chunker_params *p, struct err *err);

/*
 * Holds the hash state made from the key, in secret memory; the caller wipes `key`.  Nothing in
 * it changes: threads may share one.  `p` must have passed chunker_params_check().
 */
struct chunker;
struct chunker *chunker_new(const struct chunker_params *p,
			    const unsigned char key[CHUNKER_KEY_SIZE]);
void chunker_free(struct chunker *c);

enum chunk_kind { CHUNK_DATA, CHUNK_ZERO, CHUNK_MORE, CHUNK_END };

/* With this many bytes (max + 256 KiB) chunker_next() never asks for more. */
size_t chunker_window(const struct chunker *c);

/*
 * The next piece of data[0..n), which starts where the last piece ended; `eof` says that
 * nothing follows data[n - 1].  The caller drops *size_out bytes and asks again.
 *
 * CHUNK_DATA: a chunk of *size_out bytes, 1 to max.
 * CHUNK_ZERO: *size_out zero bytes, the whole of a run or part of it.  Runs never touch, so the
 *     caller adds up: CHUNK_ZERO answers that follow each other are one run.  While a run goes
 *     on past data[n), its last 256 KiB seen are kept back, so that the next call knows them
 *     for a run: a caller that knows more zeros to follow (a hole) may add them to the run
 *     itself and leave them out of `data`, as long as those 256 KiB stay in it.
 * CHUNK_MORE: undecided: ask again with the same bytes and more behind them, or eof.  Only with
 *     n < chunker_window() and without eof.  *size_out is how many are enough for an answer.
 * CHUNK_END: n is 0, and eof.
 */
enum chunk_kind chunker_next(const struct chunker *c, const unsigned char *data, size_t n, bool eof,
			     size_t *size_out);

/* Which kernel runs: "avx512", "avx2" or "scalar". */
const char *chunker_kernel_name(const struct chunker *c);

#endif
