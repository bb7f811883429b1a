#ifndef OBJECTS_LIST_CURSOR_H
#define OBJECTS_LIST_CURSOR_H

/* The blobs and zero runs of a list, one after the other, whatever it is nested in. */

#include "objects/dir.h"
#include "objects/object.h"

struct list_cursor;
struct list_cursor *list_cursor_new(const struct object_source *src, const struct oid *id);
void list_cursor_free(struct list_cursor *c);
/* 1 and an entry, which is no list; 0 at the end; negative. */
int list_cursor_next(struct list_cursor *c, struct list_entry *out, struct err *err);

#endif
