#ifndef OBJECTS_ENTRY_SORT_H
#define OBJECTS_ENTRY_SORT_H

/*
 * Entries of one directory in any order in, sorted by name out, in bounded memory: what is more
 * spills into a file that has no name, sealed under a key that nobody else has.
 */

#include "lib/err.h"
#include "objects/object.h"

#define ENTRY_SORT_MEMORY ((size_t)32 << 20)

struct entry_sort;

/* `dir`: where to spill; borrowed.  `memory`: how much to hold before that. */
struct entry_sort *entry_sort_new(const char *dir, size_t memory);
void entry_sort_free(struct entry_sort *s);
/* A copy is kept.  The entry must be good (tree_entry_check()). */
int entry_sort_add(struct entry_sort *s, const struct tree_entry *e, struct err *err);
/*
 * 1 and the next entry, borrowed until the next call; 0 at the end.  Nothing is added after the
 * first call.  Names that stand twice come one after the other.
 */
int entry_sort_next(struct entry_sort *s, struct tree_entry *out, struct err *err);

#endif
