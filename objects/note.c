/*
 * Notes: side lists of a commit, and attributes of an entry that are too large for a tree.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "objects/object-internal.h"

#include "objects/object.h"

void note_encode(const struct note *n, struct buf *out)
{
	object_put_head(out, 0);
	buf_put_varint(out, n->kind);
	buf_put_lenbytes(out, n->body, n->body_len);
}

int note_decode(struct note *out, const void *p, size_t n, struct err *err)
{
	struct note note = { 0 };
	struct reader r;
	uint8_t flags;

	reader_init(&r, p, n);
	int ret = object_head(&r, "note", 0, &flags, err);
	if (ret < 0)
		return ret;
	note.kind = reader_varint(&r);
	note.body = reader_lenbytes(&r, NOTE_BODY_MAX, &note.body_len);
	ret = reader_end(&r, "note", err);
	if (ret < 0)
		return ret;
	if (note.kind == 0)
		return err_set(err, ERR_CORRUPT, "note of kind 0");
	*out = note;
	return 0;
}

int note_check(const struct note *n, struct err *err)
{
	struct note_iter it;
	struct note_row row;
	size_t nr;
	int ret;

	switch (n->kind) {
	case NOTE_HARDLINKS:
	case NOTE_BIRTHS:
	case NOTE_SKIPPED:
	case NOTE_UNREADABLE:
	case NOTE_ABSENT:
	case NOTE_WORKTREES:
		if (n->body_len == 0)
			return err_set(err, ERR_CORRUPT, "note without rows");
		note_iter_init(&it, n);
		while ((ret = note_iter_next(&it, &row, err)) > 0)
			;
		return ret;
	case NOTE_XATTRS:
		if (n->body_len <= XATTRS_INLINE_MAX)
			return err_set(err, ERR_CORRUPT,
				       "note of extended attributes that belong in the tree");
		return xattrs_check(n->body, n->body_len, err);
	case NOTE_HOLES:
		ret = holes_check(n->body, n->body_len, &nr, NULL, err);
		if (ret == 0 && nr <= HOLES_INLINE_MAX)
			return err_set(err, ERR_CORRUPT, "note of holes that belong in the tree");
		return ret;
	}
	return 0;	/* a kind of a later ub: kept */
}

/* '/' counts as the lowest byte; there is no NUL in a path. */
static unsigned int walk_rank(unsigned char c)
{
	return c == '/' ? 0 : c;
}

int path_walk_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const unsigned char *p = a, *q = b;
	size_t n = a_len < b_len ? a_len : b_len;

	for (size_t i = 0; i < n; i++)
		if (p[i] != q[i])
			return walk_rank(p[i]) < walk_rank(q[i]) ? -1 : 1;
	return (a_len > b_len) - (a_len < b_len);
}

void note_iter_init(struct note_iter *it, const struct note *n)
{
	memset(it, 0, sizeof(*it));
	it->kind = n->kind;
	it->p = n->body;
	it->end = n->body + n->body_len;
}

static const unsigned char *get_path(struct reader *r, size_t *len)
{
	const unsigned char *p = reader_lenbytes(r, PATH_LEN_MAX, len);

	if (p && (*len == 0 || memchr(p, 0, *len)))
		reader_fail(r);
	return p;
}

static void get_others(struct reader *r, struct note_row *row)
{
	const unsigned char *prev, *path;
	size_t prev_len, len;
	uint64_t nr = reader_varint(r);

	if (nr < 2 || nr > NOTE_BODY_MAX)
		reader_fail(r);
	row->nr_others = nr - 1;
	row->path = prev = get_path(r, &prev_len);
	row->path_len = prev_len;
	row->others = r->p;
	for (uint64_t i = 1; reader_ok(r) && i < nr; i++) {
		path = get_path(r, &len);
		if (!reader_ok(r))
			return;
		if (path_walk_cmp(prev, prev_len, path, len) >= 0)
			reader_fail(r);
		prev = path;
		prev_len = len;
	}
	if (reader_ok(r))
		row->others_len = (size_t)(r->p - row->others);
}

static bool has_text(uint64_t kind)
{
	return kind == NOTE_SKIPPED || kind == NOTE_UNREADABLE || kind == NOTE_WORKTREES;
}

static void get_row(struct reader *r, uint64_t kind, struct note_row *row)
{
	if (kind == NOTE_HARDLINKS) {
		get_others(r, row);
		return;
	}
	row->path = get_path(r, &row->path_len);
	if (kind == NOTE_BIRTHS) {
		row->birth_s = (int64_t)reader_u64le(r);
		row->birth_ns = reader_u32le(r);
		if (row->birth_ns >= 1000000000)
			reader_fail(r);
	} else if (kind == NOTE_UNREADABLE) {
		row->error = reader_varint(r);
	}
	if (has_text(kind)) {
		row->text = reader_lenbytes(r, PATH_LEN_MAX, &row->text_len);
		if (row->text && memchr(row->text, 0, row->text_len))
			reader_fail(r);
	}
}

/* The last path of a group of hard links. */
static void last_other(const struct note_row *row, const unsigned char **path, size_t *len)
{
	const unsigned char *p = row->others;
	size_t left = row->others_len;

	*path = row->path;
	*len = row->path_len;
	while (note_other_next(&p, &left, path, len) > 0)
		;
}

/* May `row` follow `prev`?  A group of hard links may go on in another row. */
static bool is_after(uint64_t kind, const struct note_row *prev, const struct note_row *row)
{
	const unsigned char *a, *b, *p = row->others;
	size_t a_len, b_len, left = row->others_len;
	int c = path_walk_cmp(prev->path, prev->path_len, row->path, row->path_len);

	if (c != 0 || kind != NOTE_HARDLINKS)
		return c < 0;
	last_other(prev, &a, &a_len);
	return note_other_next(&p, &left, &b, &b_len) > 0 && path_walk_cmp(a, a_len, b, b_len) < 0;
}

int note_iter_next(struct note_iter *it, struct note_row *out, struct err *err)
{
	struct note_row row = { 0 };
	struct reader r;

	if (it->p == it->end)
		return 0;
	if (!note_kind_has_rows(it->kind))
		return err_set(err, ERR_CORRUPT, "note of kind %llu has no rows",
			       (unsigned long long)it->kind);
	reader_init(&r, it->p, (size_t)(it->end - it->p));
	get_row(&r, it->kind, &row);
	if (!reader_ok(&r) || !row.path)
		return err_set(err, ERR_CORRUPT, "note is cut short or malformed");
	if (it->has_prev && !is_after(it->kind, &it->prev, &row))
		return err_set(err, ERR_CORRUPT, "rows of the note are out of order");
	it->p = r.p;
	it->prev = row;
	it->has_prev = true;
	*out = row;
	return 1;
}

int note_other_next(const unsigned char **p, size_t *left, const unsigned char **path,
		    size_t *path_len)
{
	struct reader r;

	if (*left == 0)
		return 0;
	reader_init(&r, *p, *left);
	const unsigned char *at = reader_lenbytes(&r, PATH_LEN_MAX, path_len);
	if (!at)
		BUG("a row of hard links that was never checked");
	*path = at;
	*p = r.p;
	*left = reader_left(&r);
	return 1;
}

void note_put_row(struct buf *body, uint64_t kind, const struct note_row *row)
{
	if (kind == NOTE_HARDLINKS)
		buf_put_varint(body, row->nr_others + 1);
	buf_put_lenbytes(body, row->path, row->path_len);
	if (kind == NOTE_HARDLINKS) {
		buf_put(body, row->others, row->others_len);
	} else if (kind == NOTE_BIRTHS) {
		buf_put_u64le(body, (uint64_t)row->birth_s);
		buf_put_u32le(body, row->birth_ns);
	} else if (kind == NOTE_UNREADABLE) {
		buf_put_varint(body, row->error);
	}
	if (has_text(kind))
		buf_put_lenbytes(body, row->text, row->text_len);
}
