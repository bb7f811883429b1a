#ifndef OBJECTS_TREETEXT_H
#define OBJECTS_TREETEXT_H

/*
 * Tree entries as lines of text, which cat-tree prints and mktree reads (ub-format-object(5),
 * "Text form"):
 *
 *	MODE TYPE OID SIZE[ KEY=VALUE]...<TAB>NAME
 *
 * What is printed with TREETEXT_LONG and read again is the same entry.
 */

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/object.h"

enum treetext_flags {
	TREETEXT_LONG = 1u << 0,	/* all attributes */
	TREETEXT_RAW = 1u << 1,		/* the name as it is (-z), not quoted */
};

/* Where ids come from: content that stands inline is shown under the id it has as a blob. */
struct treetext_store {
	void (*blob_id)(void *data, const void *p, size_t n, struct oid *id_out);
	/* 1 and type and size (of the content, for blobs and lists), 0 absent; for reading only */
	int (*find)(void *data, const struct oid *id, enum obj_type *type_out, uint64_t *size_out,
		    struct err *err);
	/* The bytes of a small blob; `out` is replaced.  For reading only. */
	int (*get)(void *data, const struct oid *id, struct buf *out, struct err *err);
	void *data;
};

#define TREETEXT_LINE_MAX ((size_t)128 << 10)

/* The word for the entry's type, and the id that is shown; false: it has none. */
const char *treetext_type(const struct tree_entry *e);
bool treetext_oid(const struct tree_entry *e, const struct treetext_store *st, struct oid *out);
/* Mode with the bits of the file's type, as in struct stat. */
uint32_t treetext_mode(const struct tree_entry *e);

/* Append one line without its end; `path` NULL: the entry's name. */
void treetext_put(struct buf *out, const struct tree_entry *e, const void *path, size_t path_len,
		  unsigned int flags, const struct treetext_store *st);

/* One line on its way to an entry.  May be used again and again. */
struct treetext {
	struct tree_entry e;		/* whole after treetext_resolve(); borrows from below */
	struct oid oid;
	enum obj_type type;		/* that the line says; OBJ_NONE for specials */
	bool has_oid, has_size, has_data, has_target;
	struct { bool is_set; size_t off, len; } field[ATTR_CRITICAL];
	struct treetext_xattr *xattrs;
	size_t nr_xattrs, alloc_xattrs;
	struct buf name, values, data, attrs;
};

void treetext_init(struct treetext *t);
void treetext_release(struct treetext *t);
/* ERR_USAGE: what is wrong with the line. */
int treetext_parse(struct treetext *t, const void *line, size_t n, unsigned int flags,
		   struct err *err);
/*
 * Make the entry whole: look its objects up, fetch what has to stand inline.
 * ERR_NOT_FOUND names a missing object; ERR_USAGE: the line contradicts the store or itself.
 */
int treetext_resolve(struct treetext *t, const struct treetext_store *st, struct err *err);

#endif
