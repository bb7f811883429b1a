/*
 * Lists and directories of any length, in pieces.  A piece ends after an item whose key (the id in
 * a list, the name in a directory) hashes to eight zero bits under the chunker key: where a piece
 * ends depends on what stands there and not on how much stood before, so that an insert moves no
 * cut but its own.  Secret, so that sizes of pieces tell nothing.
 *
 * Each level holds one unfinished piece.  When it ends, it goes to the sink, and one item naming it
 * to the level above.  Side lists are cut alike, but do not nest: a commit names all their notes.
 */
#include <string.h>

#include "crypto/hash.h"
#include "lib/buf.h"
#include "lib/reader.h"
#include "lib/sys.h"

#include "objects/builder.h"

static bool is_cut(const struct object_sink *sink, const void *p, size_t n)
{
	unsigned char h[HASH_SIZE];

	hash_keyed(h, sink->cut_key, p, n);
	return h[0] == 0;
}

/* -- lists -- */

struct list_builder {
	struct object_sink sink;
	struct list level[LEVEL_MAX + 1];
	unsigned int top;		/* highest level that was ever used */
	struct list_entry zero;		/* a run that may still grow; size 0: none */
	struct buf raw;
};

struct list_builder *list_builder_new(const struct object_sink *sink)
{
	struct list_builder *b = xcalloc(1, sizeof(*b));

	b->sink = *sink;
	b->zero.kind = LIST_ZERO;
	buf_init_max(&b->raw, SIZE_MAX);
	return b;
}

void list_builder_free(struct list_builder *b)
{
	if (!b)
		return;
	for (unsigned int i = 0; i <= LEVEL_MAX; i++)
		list_release(&b->level[i]);
	buf_release(&b->raw);
	sys_free(b);
}

static int list_put(struct list_builder *b, struct list *l, struct oid *id_out, struct err *err)
{
	buf_reset(&b->raw);
	list_encode(l, &b->raw);
	return b->sink.put(b->sink.data, OBJ_LIST, b->raw.data, b->raw.len, id_out, err);
}

/* End the piece of `level` and name it in the level above. */
static int list_raise(struct list_builder *b, unsigned int level, struct err *err)
{
	struct list *l = &b->level[level];
	struct list_entry up = { .kind = LIST_LIST, .size = l->size };

	if (level == LEVEL_MAX)
		return err_set(err, ERR_FAILED, "a file of too many pieces");
	int ret = list_put(b, l, &up.id, err);
	if (ret < 0)
		return ret;
	l->nr = 0;
	l->size = 0;
	list_append(&b->level[level + 1], &up);
	if (b->top < level + 1)
		b->top = level + 1;
	return 0;
}

/* A zero run has no id, and never ends a piece by itself. */
static bool list_is_full(const struct list_builder *b, const struct list *l)
{
	const struct list_entry *last = &l->entries[l->nr - 1];

	return l->nr >= PIECE_MAX ||
	       (l->nr >= PIECE_MIN && last->kind != LIST_ZERO &&
		is_cut(&b->sink, last->id.b, OID_SIZE));
}

static int list_add(struct list_builder *b, const struct list_entry *e, struct err *err)
{
	int ret;

	list_append(&b->level[0], e);
	for (unsigned int i = 0; list_is_full(b, &b->level[i]); i++) {
		ret = list_raise(b, i, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int list_flush_zero(struct list_builder *b, struct err *err)
{
	struct list_entry e = b->zero;

	if (e.size == 0)
		return 0;
	if (e.size < ZERO_MIN)
		return err_set(err, ERR_FAILED, "a zero run of %llu bytes is too short for a list",
			       (unsigned long long)e.size);
	b->zero.size = 0;
	return list_add(b, &e, err);
}

/* All that was added so far. */
static uint64_t list_total(const struct list_builder *b)
{
	uint64_t sum = b->zero.size;

	for (unsigned int i = 0; i <= b->top; i++)
		sum += b->level[i].size;
	return sum;
}

int list_builder_add(struct list_builder *b, const struct list_entry *e, struct err *err)
{
	if (e->kind != LIST_BLOB && e->kind != LIST_ZERO)
		BUG("list builder was given an entry of kind %d", (int)e->kind);
	if (e->size == 0 || (e->kind == LIST_BLOB && e->size > OBJECT_MAX_SIZE))
		BUG("list builder was given an entry of %llu bytes", (unsigned long long)e->size);
	if (e->size > CONTENT_SIZE_MAX - list_total(b))
		return err_set(err, ERR_FAILED, "content is larger than any file");
	if (e->kind == LIST_ZERO) {
		b->zero.size += e->size;
		return 0;
	}
	int ret = list_flush_zero(b, err);
	return ret < 0 ? ret : list_add(b, e, err);
}

int list_builder_end(struct list_builder *b, enum content_kind *kind_out, struct oid *id_out,
		     uint64_t *size_out, struct err *err)
{
	int ret = list_flush_zero(b, err);

	if (ret < 0)
		return ret;
	uint64_t size = list_total(b);
	for (unsigned int i = 0; i < b->top; i++) {
		ret = b->level[i].nr > 0 ? list_raise(b, i, err) : 0;
		if (ret < 0)
			return ret;
	}
	struct list *root = &b->level[b->top];
	*size_out = size;
	*kind_out = CONTENT_LIST;
	if (root->nr == 0) {
		*kind_out = CONTENT_NONE;
		*id_out = (struct oid){ { 0 } };
	} else if (root->nr == 1 && root->entries[0].kind != LIST_ZERO) {
		if (b->top == 0)
			*kind_out = CONTENT_BLOB;
		*id_out = root->entries[0].id;
	} else {
		ret = list_put(b, root, id_out, err);
	}
	return ret;
}

/* -- directories -- */

struct tree_level {
	struct buf items;
	struct buf first, last;		/* names */
	uint64_t nr, entries;
	bool full;
};

struct tree_builder {
	struct object_sink sink;
	struct tree_level level[LEVEL_MAX + 1];
	unsigned int top;
	struct buf raw;
};

static void buf_set(struct buf *b, const void *p, size_t n)
{
	buf_reset(b);
	buf_put(b, p, n);
}

struct tree_builder *tree_builder_new(const struct object_sink *sink)
{
	struct tree_builder *b = xcalloc(1, sizeof(*b));

	b->sink = *sink;
	for (unsigned int i = 0; i <= LEVEL_MAX; i++) {
		struct tree_level *l = &b->level[i];

		buf_init_max(&l->items, SIZE_MAX);
		buf_init_max(&l->first, SIZE_MAX);
		buf_init_max(&l->last, SIZE_MAX);
	}
	buf_init_max(&b->raw, SIZE_MAX);
	return b;
}

void tree_builder_free(struct tree_builder *b)
{
	if (!b)
		return;
	for (unsigned int i = 0; i <= LEVEL_MAX; i++) {
		buf_release(&b->level[i].items);
		buf_release(&b->level[i].first);
		buf_release(&b->level[i].last);
	}
	buf_release(&b->raw);
	sys_free(b);
}

static int tree_put(struct tree_builder *b, unsigned int level, struct oid *id_out, struct err *err)
{
	struct tree_level *l = &b->level[level];

	buf_reset(&b->raw);
	tree_encode(&b->raw, level, l->nr, &l->items);
	return b->sink.put(b->sink.data, OBJ_TREE, b->raw.data, b->raw.len, id_out, err);
}

/* An item was written to `l`: count it and see whether it ends the piece. */
static void tree_count(struct tree_builder *b, struct tree_level *l, const struct tree_piece *p)
{
	if (l->nr == 0)
		buf_set(&l->first, p->first, p->first_len);
	buf_set(&l->last, p->last, p->last_len);
	l->nr++;
	l->entries += p->entries;
	l->full = l->nr >= PIECE_MAX || l->items.len >= PIECE_BYTES_MAX ||
		  (l->nr >= PIECE_MIN && is_cut(&b->sink, p->first, p->first_len));
}

static int tree_raise(struct tree_builder *b, unsigned int level, struct err *err)
{
	struct tree_level *l = &b->level[level];

	if (level == LEVEL_MAX)
		return err_set(err, ERR_FAILED, "a directory of too many pieces");
	struct tree_piece p = {
		.first = l->first.data, .first_len = l->first.len,
		.last = l->last.data, .last_len = l->last.len,
		.entries = l->entries,
	};
	int ret = tree_put(b, level, &p.id, err);
	if (ret < 0)
		return ret;
	struct tree_level *up = &b->level[level + 1];
	tree_encode_piece(&up->items, &p);
	tree_count(b, up, &p);
	if (b->top < level + 1)
		b->top = level + 1;
	buf_reset(&l->items);
	l->nr = 0;
	l->entries = 0;
	l->full = false;
	return 0;
}

int tree_builder_add(struct tree_builder *b, const struct tree_entry *e, struct err *err)
{
	struct tree_level *l = &b->level[0];
	struct tree_piece one = {
		.first = e->name, .first_len = e->name_len,
		.last = e->name, .last_len = e->name_len,
		.entries = 1,
	};
	int ret = tree_entry_check(e, err);

	if (ret < 0)
		return ret;
	/* `last` outlives its piece, so the order is watched across pieces too. */
	if (l->last.len > 0 && name_cmp(l->last.data, l->last.len, e->name, e->name_len) >= 0)
		return err_set(err, ERR_CORRUPT, "names are out of order: '%.*s' after '%.*s'",
			       (int)e->name_len, (const char *)e->name, (int)l->last.len,
			       (const char *)l->last.data);
	tree_encode_entry(&l->items, e);
	tree_count(b, l, &one);
	for (unsigned int i = 0; b->level[i].full; i++) {
		ret = tree_raise(b, i, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The one item of a piece of an upper level ends with the id of what it names. */
static struct oid only_child(const struct tree_level *l)
{
	struct oid id;

	memcpy(id.b, l->items.data + l->items.len - OID_SIZE, OID_SIZE);
	return id;
}

int tree_builder_end(struct tree_builder *b, struct oid *id_out, struct err *err)
{
	for (unsigned int i = 0; i < b->top; i++) {
		int ret = b->level[i].nr > 0 ? tree_raise(b, i, err) : 0;
		if (ret < 0)
			return ret;
	}
	struct tree_level *root = &b->level[b->top];
	if (b->top > 0 && root->nr == 1) {
		*id_out = only_child(root);
		return 0;
	}
	return tree_put(b, b->top, id_out, err);
}

/* -- side lists -- */

struct note_builder {
	struct object_sink sink;
	uint64_t kind, rows;
	struct buf body, raw;
	struct buf prev;		/* the row before, encoded: for the order */
	struct commit_note *notes;
	size_t nr, alloc;
};

struct note_builder *note_builder_new(const struct object_sink *sink, uint64_t kind)
{
	struct note_builder *b = xcalloc(1, sizeof(*b));

	if (!note_kind_has_rows(kind))
		BUG("no side list has kind %llu", (unsigned long long)kind);
	b->sink = *sink;
	b->kind = kind;
	buf_init_max(&b->body, NOTE_BODY_MAX);
	buf_init_max(&b->raw, SIZE_MAX);
	buf_init_max(&b->prev, SIZE_MAX);
	return b;
}

void note_builder_free(struct note_builder *b)
{
	if (!b)
		return;
	buf_release(&b->body);
	buf_release(&b->raw);
	buf_release(&b->prev);
	sys_free(b->notes);
	sys_free(b);
}

static int note_finish(struct note_builder *b, struct err *err)
{
	struct note n = { .kind = b->kind, .body = b->body.data, .body_len = b->body.len };
	struct commit_note out = { .kind = b->kind, .rows = b->rows };

	if (b->rows == 0)
		return 0;
	buf_reset(&b->raw);
	note_encode(&n, &b->raw);
	int ret = b->sink.put(b->sink.data, OBJ_NOTE, b->raw.data, b->raw.len, &out.id, err);
	if (ret < 0)
		return ret;
	if (b->nr == b->alloc) {
		b->alloc = b->alloc ? 2 * b->alloc : 16;
		b->notes = xrealloc(b->notes, b->alloc * sizeof(*b->notes));
	}
	b->notes[b->nr++] = out;
	buf_reset(&b->body);
	b->rows = 0;
	return 0;
}

/* Twelve bits: notes of about 4000 rows. */
static bool is_note_cut(const struct note_builder *b, const struct note_row *row)
{
	unsigned char h[HASH_SIZE];

	if (b->body.len >= PIECE_BYTES_MAX)
		return true;
	if (b->rows < NOTE_ROWS_MIN)
		return false;
	hash_keyed(h, b->sink.cut_key, row->path, row->path_len);
	return h[0] == 0 && (h[1] & 0x0f) == 0;
}

/* There are as many births as files: `prev` holds the path alone. */
static int note_add_birth(struct note_builder *b, const struct note_row *row, struct err *err)
{
	if (row->path_len == 0 || row->path_len > PATH_LEN_MAX || row->birth_ns >= 1000000000 ||
	    memchr(row->path, 0, row->path_len) ||
	    (b->prev.len > 0 &&
	     path_walk_cmp(b->prev.data, b->prev.len, row->path, row->path_len) >= 0))
		return err_set(err, ERR_CORRUPT, "'%.*s': birth is malformed or out of order",
			       (int)row->path_len, (const char *)row->path);
	buf_set(&b->prev, row->path, row->path_len);
	note_put_row(&b->body, b->kind, row);
	b->rows++;
	return is_note_cut(b, row) ? note_finish(b, err) : 0;
}

/* One row that fits: checked together with the row before by the reader's own rules. */
static int note_add(struct note_builder *b, const struct note_row *row, struct err *err)
{
	struct note_iter it;
	struct note_row ignored;
	size_t prev_len = b->prev.len;

	if (b->kind == NOTE_BIRTHS)
		return note_add_birth(b, row, err);
	note_put_row(&b->prev, b->kind, row);
	struct note pair = { .kind = b->kind, .body = b->prev.data, .body_len = b->prev.len };
	note_iter_init(&it, &pair);
	int ret;
	while ((ret = note_iter_next(&it, &ignored, err)) > 0)
		;
	if (ret < 0) {
		buf_truncate(&b->prev, prev_len);
		return err_wrap(err, "'%.*s'", (int)row->path_len, (const char *)row->path);
	}
	buf_consume(&b->prev, prev_len);
	buf_put_buf(&b->body, &b->prev);
	b->rows++;
	return is_note_cut(b, row) ? note_finish(b, err) : 0;
}

int note_builder_add(struct note_builder *b, const struct note_row *row, struct err *err)
{
	const unsigned char *p = row->others, *path;
	size_t left = row->others_len, path_len;
	struct note_row part = *row;

	if (b->kind != NOTE_HARDLINKS || row->others_len <= NOTE_ROW_MAX)
		return note_add(b, row, err);
	part.others_len = 0;
	part.nr_others = 0;
	while (left > 0) {
		note_other_next(&p, &left, &path, &path_len);
		part.nr_others++;
		part.others_len = (size_t)(p - part.others);
		if (left > 0 && part.others_len < NOTE_ROW_MAX)
			continue;
		int ret = note_add(b, &part, err);
		if (ret < 0)
			return ret;
		part.others = p;
		part.others_len = 0;
		part.nr_others = 0;
	}
	return 0;
}

int note_builder_end(struct note_builder *b, const struct commit_note **notes_out, size_t *nr_out,
		     struct err *err)
{
	int ret = note_finish(b, err);

	if (ret < 0)
		return ret;
	*notes_out = b->notes;
	*nr_out = b->nr;
	return 0;
}
