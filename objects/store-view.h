#ifndef OBJECTS_STORE_VIEW_H
#define OBJECTS_STORE_VIEW_H

/* The store as those parts want it that know objects but no store: directories, text of trees. */

#include "objects/dir.h"
#include "objects/store.h"
#include "objects/treetext.h"

struct object_source store_source(struct store *st);
struct treetext_store store_treetext(struct store *st);

#endif
