#ifndef REFS_NEWCOMMIT_H
#define REFS_NEWCOMMIT_H

/* What a new snapshot says of itself: who, where, when, its tags. */

#include "lib/err.h"
#include "objects/object.h"

/* Device, host, user and the present time.  `device` is copied. */
void newcommit_origin(struct commit *c, const char *device);
/* Sorted, each once.  ERR_USAGE: it cannot be a tag. */
int newcommit_tags(struct commit *c, const char *const *tags, size_t nr, struct err *err);
/* Every paragraph ends in a newline, with an empty line between. */
void newcommit_message(struct commit *c, const char *const *paragraphs, size_t nr);

#endif
