#ifndef OBJECTS_OBJECT_H
#define OBJECTS_OBJECT_H

/*
 * The five object types as structs, and their canonical encodings (ub-format-object(5)).
 *
 * Each struct has one encoding and each encoding one struct: decoding is strict, and encoding
 * what was decoded gives the same bytes.  Parsers are bounded by OBJECT_MAX_SIZE.
 * A blob has no encoding: its plaintext is the content.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/reader.h"
#include "objects/oid.h"

#define INLINE_MAX 64		/* content up to this size stands in the tree */
#define PIECE_MIN 64		/* entries of a piece of a list or a directory */
#define PIECE_MAX 1024
#define XATTRS_INLINE_MAX 4096	/* encoded; above, an object of its own */
#define HOLES_INLINE_MAX 64	/* extents; above, an object of its own */
#define PIECE_BYTES_MAX ((size_t)1 << 20)	/* a piece ends with the item that reaches this */
#define NAME_LEN_MAX 4096	/* bytes of one name in a tree */
#define ATTRS_LEN_MAX 12000	/* all attribute fields of one entry */
#define TARGET_LEN_MAX 4096
#define OWNER_LEN_MAX 1024
#define XATTR_NAME_MAX 255
#define ZERO_MIN ((uint64_t)256 << 10)	/* shorter zero runs are stored as blobs */
#define CONTENT_SIZE_MAX ((uint64_t)INT64_MAX)
#define LEVEL_MAX 10		/* of trees and of lists: 64^11 entries are beyond reach */

/* -- content: lists -- */

enum list_kind { LIST_BLOB = 1, LIST_ZERO = 2, LIST_LIST = 3 };

struct list_entry {
	enum list_kind kind;
	uint64_t size;		/* of content that it stands for */
	struct oid id;		/* zero for LIST_ZERO */
};

struct list {
	struct list_entry *entries;
	size_t nr, alloc;
	uint64_t size;		/* sum */
};
#define LIST_INIT { NULL, 0, 0, 0 }

void list_release(struct list *l);
void list_append(struct list *l, const struct list_entry *e);
void list_encode(const struct list *l, struct buf *out);
int list_decode(struct list *out, const void *p, size_t n, struct err *err);

/* -- directories: trees -- */

enum entry_type {
	ENTRY_FILE = 1, ENTRY_DIR = 2, ENTRY_SYMLINK = 3, ENTRY_FIFO = 4, ENTRY_SOCKET = 5,
	ENTRY_CHAR = 6, ENTRY_BLOCK = 7,
};

enum content_kind {
	CONTENT_NONE = 0,	/* nothing: empty file, special file */
	CONTENT_INLINE = 1, CONTENT_BLOB = 2, CONTENT_LIST = 3, CONTENT_TREE = 4,
};

/* Attribute numbers: fields in rising order, each at most once.  From 128 on: critical. */
enum attr_tag {
	ATTR_MTIME = 1,		/* i64 s, u32 ns */
	ATTR_UID = 2,		/* varint */
	ATTR_GID = 3,
	ATTR_OWNER = 4,		/* name of the user, bytes */
	ATTR_GROUP = 5,
	ATTR_TARGET = 6,	/* of a symlink, bytes */
	ATTR_DEVICE = 7,	/* varint major, varint minor */
	ATTR_XATTRS = 8,	/* lenbytes name, lenbytes value, ...; names sorted, distinct */
	ATTR_XATTRS_ID = 9,	/* id of a note of kind xattrs with those bytes as its body */
	ATTR_FLAGS = 10,	/* inode flags, varint */
	ATTR_HOLES = 11,	/* varint gap, varint length, ... */
	ATTR_HOLES_ID = 12,	/* id of a note of kind holes with those bytes as its body */
	ATTR_PROJECT = 13,	/* project id, varint */
	ATTR_CRITICAL = FIELD_CRITICAL,
};

struct tree_entry {
	const unsigned char *name;	/* borrowed: the tree's bytes, or the caller's */
	size_t name_len;
	enum entry_type type;
	uint32_t mode;			/* permission bits, 07777 */
	uint64_t size;			/* of content or link target; 0 for directories */
	enum content_kind content;
	struct oid id;			/* blob, list, tree */
	const unsigned char *data;	/* inline content, `size` bytes */
	const unsigned char *attrs;	/* encoded attribute fields: tag varint, lenbytes */
	size_t attrs_len;
};

/* A piece of a directory: level 0 holds entries, level 1 and up name pieces below. */
struct tree_piece {
	const unsigned char *first, *last;	/* names, borrowed */
	size_t first_len, last_len;
	uint64_t entries;			/* under it, all levels */
	struct oid id;
};

/* Streaming decoder of one tree object; the bytes must outlive it. */
struct tree_iter {
	const unsigned char *p, *end;
	unsigned int level;
	uint64_t left;			/* items still to come */
	uint64_t entries;		/* so far, all levels */
	size_t bytes;			/* of the items so far */
	const unsigned char *prev;	/* last name, for the order */
	size_t prev_len;
};

int tree_iter_init(struct tree_iter *it, const void *p, size_t n, struct err *err);
/* 1 and an entry (level 0), 0 at the end, ERR_CORRUPT, ERR_FORMAT.  Other levels: ERR_CORRUPT. */
int tree_iter_next(struct tree_iter *it, struct tree_entry *out, struct err *err);
int tree_iter_next_piece(struct tree_iter *it, struct tree_piece *out, struct err *err);
/* Pass over entries (level 0) that both have next, to the byte. */
int tree_iter_skip_same(struct tree_iter *a, struct tree_iter *b, struct err *err);

/* Walk attribute fields: 1, 0 at the end, ERR_CORRUPT. */
int attr_next(const unsigned char **p, size_t *left, uint64_t *tag, const unsigned char **val,
	      size_t *val_len, struct err *err);
int tree_entry_check(const struct tree_entry *e, struct err *err);	/* all rules of one entry */
int name_cmp(const void *a, size_t a_len, const void *b, size_t b_len);	/* bytewise */

/* One attribute of a checked entry; false: it is absent. */
bool tree_entry_attr(const struct tree_entry *e, enum attr_tag tag, const unsigned char **val,
		     size_t *val_len);
bool tree_entry_mtime(const struct tree_entry *e, int64_t *s, uint32_t *ns);
bool tree_entry_varint(const struct tree_entry *e, enum attr_tag tag, uint64_t *out);
bool tree_entry_device(const struct tree_entry *e, uint64_t *major, uint64_t *minor);
bool tree_entry_id(const struct tree_entry *e, enum attr_tag tag, struct oid *out);

/* Write attribute fields; the caller keeps the tags rising. */
void attr_put(struct buf *out, uint64_t tag, const void *p, size_t n);
void attr_put_mtime(struct buf *out, int64_t s, uint32_t ns);
void attr_put_varint(struct buf *out, enum attr_tag tag, uint64_t v);
void attr_put_device(struct buf *out, uint64_t major, uint64_t minor);

/* The bytes of ATTR_XATTRS: 1 and a pair, 0 at the end, ERR_CORRUPT.  Order: xattrs_check(). */
int xattr_next(const unsigned char **p, size_t *left, const unsigned char **name,
	       size_t *name_len, const unsigned char **val, size_t *val_len, struct err *err);
void xattr_put(struct buf *out, const void *name, size_t name_len, const void *val, size_t val_len);
int xattrs_check(const unsigned char *p, size_t n, struct err *err);
/* The bytes of ATTR_HOLES: bytes of data since the hole before, bytes of the hole. */
int hole_next(const unsigned char **p, size_t *left, uint64_t *gap, uint64_t *len,
	      struct err *err);
void hole_put(struct buf *out, uint64_t gap, uint64_t len);
/* `nr_out`, `end_out` (end of the last hole) may be NULL. */
int holes_check(const unsigned char *p, size_t n, size_t *nr_out, uint64_t *end_out,
		struct err *err);

/* Encode one leaf piece or one upper piece. */
void tree_encode_entry(struct buf *out, const struct tree_entry *e);
/* One encoded entry alone, which fills `n` bytes; `out` borrows from them.  1, or negative. */
int tree_decode_entry(const void *p, size_t n, struct tree_entry *out, struct err *err);
/* object = header(level, count) + items */
void tree_encode(struct buf *out, unsigned int level, uint64_t nr, const struct buf *items);
void tree_encode_piece(struct buf *out, const struct tree_piece *p);

/* -- snapshots: commits -- */

enum note_kind {		/* of side lists and attribute overflow; unknown kinds are kept */
	NOTE_HARDLINKS = 1, NOTE_BIRTHS = 2, NOTE_SKIPPED = 3, NOTE_UNREADABLE = 4,
	NOTE_ABSENT = 5, NOTE_XATTRS = 6, NOTE_HOLES = 7, NOTE_WORKTREES = 8,
};
/* Is it a side list, whose body is rows? */
static inline bool note_kind_has_rows(uint64_t kind)
{
	return (kind >= NOTE_HARDLINKS && kind <= NOTE_ABSENT) || kind == NOTE_WORKTREES;
}

struct commit_note { uint64_t kind; uint64_t rows; struct oid id; };

#define COMMIT_PARENTS_MAX 64
#define COMMIT_TAGS_MAX 1024
#define COMMIT_SOURCES_MAX 4096
#define COMMIT_NOTES_MAX 65536
#define COMMIT_WORD_MAX 1024		/* device, host, user, a tag */
#define COMMIT_MESSAGE_MAX ((size_t)1 << 20)
/* Optional field of a commit: what a commit of git's has beside its tree and parents. */
#define COMMIT_FIELD_GIT 1
#define COMMIT_EXTRA_MAX ((size_t)1 << 20)
#define PATH_LEN_MAX 65535		/* of a source, of a path in a note */

struct commit {
	struct oid tree;
	struct oid *parents; size_t nr_parents;
	char *device, *host, *user, *message;	/* bytes without NUL */
	int64_t time_s; uint32_t time_ns; int32_t time_offset;	/* seconds east of UTC */
	char **tags; size_t nr_tags;		/* sorted, distinct */
	char **sources; size_t nr_sources;	/* sorted, distinct */
	uint64_t files, dirs, others, bytes;	/* counts */
	struct commit_note *notes; size_t nr_notes;	/* by kind, then as given */
	bool incomplete;
	struct buf extra;			/* unknown optional fields, kept verbatim */
};
#define COMMIT_INIT { .extra = BUF_INIT }

void commit_release(struct commit *c);
/* Limits and order of what a caller put together; ERR_FAILED says what is wrong. */
int commit_check(const struct commit *c, struct err *err);
/* Strings that are NULL count as empty. */
void commit_encode(const struct commit *c, struct buf *out);
int commit_decode(struct commit *out, const void *p, size_t n, struct err *err);

/* -- notes -- */

struct note {
	uint64_t kind;
	const unsigned char *body;	/* borrowed */
	size_t body_len;
};
#define NOTE_BODY_MAX ((size_t)8 << 20)

void note_encode(const struct note *n, struct buf *out);
/* The frame alone, any kind; note_check() reads the body of the kinds that are known. */
int note_decode(struct note *out, const void *p, size_t n, struct err *err);
int note_check(const struct note *n, struct err *err);

/*
 * One row of a side list.  `path` is the row's key: a path from the snapshot's root
 * without leading slash, "/" for the root itself; the first path of a group of hard links.
 */
struct note_row {
	const unsigned char *path;	/* borrowed, as all here */
	size_t path_len;
	const unsigned char *others;	/* hard links: the other paths, lenbytes each, rising */
	size_t others_len;
	uint64_t nr_others;
	int64_t birth_s;		/* births */
	uint32_t birth_ns;
	uint64_t error;			/* unreadable: Linux errno */
	const unsigned char *text;	/* rule, operation, state: of kinds 3, 4 and 8 */
	size_t text_len;
};

/* The order of paths in side lists: that of a walk, where '/' comes before any other byte. */
int path_walk_cmp(const void *a, size_t a_len, const void *b, size_t b_len);

struct note_iter {
	uint64_t kind;
	const unsigned char *p, *end;
	struct note_row prev;
	bool has_prev;
};
void note_iter_init(struct note_iter *it, const struct note *n);
/* 1 and a row, 0 at the end, ERR_CORRUPT. */
int note_iter_next(struct note_iter *it, struct note_row *out, struct err *err);
/* Walk `others` of a row: 1, 0 at the end. */
int note_other_next(const unsigned char **p, size_t *left, const unsigned char **path,
		    size_t *path_len);
void note_put_row(struct buf *body, uint64_t kind, const struct note_row *row);

/* -- all types -- */

/* Is this a canonical object of its type?  ERR_CORRUPT, ERR_FORMAT (unknown critical part). */
int object_check(enum obj_type type, const void *p, size_t n, struct err *err);

/* What an object refers to, in order.  `name` is set for what a directory names. */
struct object_ref {
	enum obj_type type;		/* what must be there; a list entry's blob or list, ... */
	struct oid id;
	const unsigned char *name;	/* or NULL */
	size_t name_len;
	uint64_t size;			/* of the content, as said here; UINT64_MAX: nothing said */
};
int object_refs(enum obj_type type, const void *p, size_t n,
		int (*fn)(const struct object_ref *ref, void *data, struct err *err), void *data,
		struct err *err);

#endif
