#ifndef LIB_REGEX_INTERNAL_H
#define LIB_REGEX_INTERNAL_H

/* A pattern as a program: each step takes a byte or branches.  Jumps are relative. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define REGEX_STEPS_MAX 4000

enum regex_op { REGEX_SET, REGEX_SPLIT, REGEX_JUMP, REGEX_BEGIN, REGEX_END, REGEX_DONE };

struct regex_set { uint64_t bits[4]; };

struct regex_step {
	enum regex_op op;
	int to, other;			/* REGEX_SPLIT: both; REGEX_JUMP: the first */
	struct regex_set set;
};

struct regex_program { struct regex_step *v; size_t nr, alloc; };

static inline bool regex_set_has(const struct regex_set *s, unsigned int c)
{
	return s->bits[c >> 6] >> (c & 63) & 1;
}

/* Ends in REGEX_DONE.  `out` is empty before; the caller frees `v`. */
int regex_parse(struct regex_program *out, const char *pattern, unsigned int flags,
		struct err *err);
/* The longest run of bytes that is in every text that fits; appended to `out`. */
void regex_find_literal(const struct regex_program *g, struct buf *out);

#endif
