#ifndef OBJECTS_SORTER_H
#define OBJECTS_SORTER_H

/*
 * Records in any order in, sorted out, in bounded memory: what is more spills into a file that has
 * no name, sealed under a key that nobody else has.
 */

#include <stddef.h>

#include "lib/err.h"

#define SORTER_RECORD_MAX ((size_t)256 << 10)

typedef int sorter_cmp_fn(const unsigned char *a, size_t a_len, const unsigned char *b,
			  size_t b_len);

struct sorter;

/* `dir`: where to spill; borrowed.  `memory`: how much to hold before that. */
struct sorter *sorter_new(const char *dir, size_t memory, sorter_cmp_fn *cmp);
void sorter_free(struct sorter *s);
/* A copy is kept. */
int sorter_add(struct sorter *s, const void *p, size_t n, struct err *err);
/*
 * 1 and the next record, borrowed until the next call; 0 at the end.  Nothing is added after the
 * first call.  Records that are equal come one after the other.
 */
int sorter_next(struct sorter *s, const unsigned char **p, size_t *n, struct err *err);
/* Empty again, as new; only of what has not spilled. */
void sorter_reset(struct sorter *s);

#endif
