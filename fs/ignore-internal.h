#ifndef FS_IGNORE_INTERNAL_H
#define FS_IGNORE_INTERNAL_H

/* Wildcards (ignore-match.c), as the list of patterns (ignore.c) asks for them. */

#include <stdbool.h>

/* Does `glob` fit all of `s`?  In time bounded by the square of their lengths' product. */
bool ignore_match(const char *glob, const char *s, bool folds);

#endif
