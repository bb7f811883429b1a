#ifndef LIB_REGEX_H
#define LIB_REGEX_H

/*
 * Does a text fit a pattern?  In time linear in the text, whatever the pattern.
 *
 * Extended regular expressions: `|`, groups, `* + ? {m,n}`, `.`, `^`, `$`, classes with ranges and
 * [:alpha:] and its like, `\d \w \s \D \W \S`, `\` before any other mark.  No back references.
 * With REGEX_GLOB shell patterns, which fit a text as a whole: `*`, `?`, `[...]` stay between
 * slashes, `**` does not.  `.` and `?` take a whole UTF-8 character, or one byte that is none.
 *
 * One thread at a time: matching fills a cache of bounded size.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define REGEX_PATTERN_MAX 4096		/* bytes */

enum regex_flags {
	REGEX_FOLDS = 1u << 0,		/* a to z are as A to Z */
	REGEX_GLOB = 1u << 1,
};

struct regex;

/* ERR_USAGE: what is wrong with the pattern, or that it is too large. */
int regex_new(struct regex **out, const char *pattern, unsigned int flags, struct err *err);
void regex_free(struct regex *r);
/* Bytes of any value. */
bool regex_match(struct regex *r, const void *text, size_t n);
/*
 * For many texts that begin alike: of each only what follows `head` is given.  False: none that
 * begins with it fits.
 */
bool regex_begin(struct regex *r, const void *head, size_t n);
bool regex_match_rest(struct regex *r, const void *text, size_t n);
/* Bytes without which no text fits; none of them is '/' or NUL, and there may be none. */
const void *regex_literal(const struct regex *r, size_t *size_out);

#endif
