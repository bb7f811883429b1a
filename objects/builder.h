#ifndef OBJECTS_BUILDER_H
#define OBJECTS_BUILDER_H

/*
 * Building lists and trees of any length in pieces: cut where keyed BLAKE3 of the child id (lists)
 * or the name (trees) under the chunker key has eight zero bits (its first byte is 0), at least
 * PIECE_MIN and at most PIECE_MAX entries, nested until one piece is left.  So one insert rewrites
 * one piece of each level.
 *
 * What is finished goes to `put`, which stores it and gives its id; builders hold at most one
 * unfinished piece of each level.
 */

#include "lib/err.h"
#include "objects/object.h"

struct object_sink {
	int (*put)(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
		   struct err *err);
	void *data;
	const unsigned char *cut_key;	/* chunker key, 32 bytes, borrowed */
	/* The same of a piece of content that takes the place of another blob; NULL: put() does. */
	int (*put_over)(void *data, const struct oid *over, const void *p, size_t n,
			struct oid *id_out, struct err *err);
};

struct list_builder;
struct list_builder *list_builder_new(const struct object_sink *sink);
int list_builder_add(struct list_builder *b, const struct list_entry *e, struct err *err);
/* The content's place in a tree: CONTENT_NONE (no entries), _BLOB (just one, a blob), _LIST. */
int list_builder_end(struct list_builder *b, enum content_kind *kind_out, struct oid *id_out,
		     uint64_t *size_out, struct err *err);
void list_builder_free(struct list_builder *b);

struct tree_builder;
struct tree_builder *tree_builder_new(const struct object_sink *sink);
/* Names must rise strictly (bytewise); else ERR_CORRUPT with both names. */
int tree_builder_add(struct tree_builder *b, const struct tree_entry *e, struct err *err);
int tree_builder_end(struct tree_builder *b, struct oid *id_out, struct err *err);
void tree_builder_free(struct tree_builder *b);

/*
 * A side list of any length: rows in, notes out, cut by path so that one new row rewrites one note.
 * Rows must rise by path_walk_cmp(); a group of hard links whose row would pass NOTE_ROW_MAX is
 * split (equal first paths are one group).
 */
#define NOTE_ROW_MAX ((size_t)256 << 10)
#define NOTE_ROWS_MIN 256

struct note_builder;
struct note_builder *note_builder_new(const struct object_sink *sink, uint64_t kind);
int note_builder_add(struct note_builder *b, const struct note_row *row, struct err *err);
/* The notes so far, all finished; borrowed until the builder is freed. */
int note_builder_end(struct note_builder *b, const struct commit_note **notes_out, size_t *nr_out,
		     struct err *err);
void note_builder_free(struct note_builder *b);

#endif
