/*
 * Trees: one object at a time, decoded as a stream.  How a directory is made of several is
 * objects/builder.c (writing) and objects/dir.c (reading).
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "objects/object-internal.h"

#include "objects/object.h"

int name_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int c = n > 0 ? memcmp(a, b, n) : 0;

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

static bool is_name(const unsigned char *name, size_t n)
{
	if (n == 0 || n > NAME_LEN_MAX || memchr(name, 0, n) || memchr(name, '/', n))
		return false;
	return !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

static int check_content(const struct tree_entry *e, struct err *err)
{
	enum content_kind kind = e->content;
	bool good;

	switch (e->type) {
	case ENTRY_FILE:
		if (e->size == 0)
			good = kind == CONTENT_NONE;
		else if (e->size <= INLINE_MAX)
			good = kind == CONTENT_INLINE;
		else if (e->size > OBJECT_MAX_SIZE)
			good = kind == CONTENT_LIST && e->size <= CONTENT_SIZE_MAX;
		else
			good = kind == CONTENT_BLOB || kind == CONTENT_LIST;
		break;
	case ENTRY_DIR:
		good = kind == CONTENT_TREE && e->size == 0;
		break;
	case ENTRY_SYMLINK:
		good = kind == CONTENT_NONE;
		break;
	default:
		good = kind == CONTENT_NONE && e->size == 0;
	}
	if (!good)
		return err_set(err, ERR_CORRUPT, "content of kind %u does not suit type %u",
			       (unsigned int)kind, (unsigned int)e->type);
	return 0;
}

int tree_entry_check(const struct tree_entry *e, struct err *err)
{
	int ret;

	if (!is_name(e->name, e->name_len))
		return err_set(err, ERR_CORRUPT, "'%.*s' cannot be a name in a tree",
			       (int)(e->name_len < 255 ? e->name_len : 255),
			       e->name_len > 0 ? (const char *)e->name : "");
	if (e->type < ENTRY_FILE || e->type > ENTRY_BLOCK)
		ret = err_set(err, ERR_CORRUPT, "unknown type %u", (unsigned int)e->type);
	else if (e->mode > 07777)
		ret = err_set(err, ERR_CORRUPT, "impossible mode %o", e->mode);
	else
		ret = check_content(e, err);
	if (ret == 0)
		ret = attrs_check(e, err);
	if (ret < 0)
		return err_wrap(err, "entry '%.*s'", (int)e->name_len, (const char *)e->name);
	return 0;
}

void tree_encode_entry(struct buf *out, const struct tree_entry *e)
{
	buf_put_lenbytes(out, e->name, e->name_len);
	buf_put_u8(out, (uint8_t)e->type);
	buf_put_varint(out, e->mode);
	buf_put_u8(out, (uint8_t)e->content);
	if (e->type == ENTRY_FILE || e->type == ENTRY_SYMLINK)
		buf_put_varint(out, e->size);
	if (e->content == CONTENT_INLINE)
		buf_put(out, e->data, (size_t)e->size);
	else if (e->content != CONTENT_NONE)
		buf_put(out, e->id.b, OID_SIZE);
	buf_put_lenbytes(out, e->attrs, e->attrs_len);
}

int tree_decode_entry(const void *p, size_t n, struct tree_entry *out, struct err *err)
{
	struct tree_iter it = { .p = p, .end = (const unsigned char *)p + n, .left = 1 };
	int ret = tree_iter_next(&it, out, err);

	if (ret == 1 && it.p != it.end)
		ret = err_set(err, ERR_CORRUPT, "an entry is followed by something else");
	return ret;
}

void tree_encode_piece(struct buf *out, const struct tree_piece *p)
{
	buf_put_lenbytes(out, p->first, p->first_len);
	buf_put_lenbytes(out, p->last, p->last_len);
	buf_put_varint(out, p->entries);
	buf_put(out, p->id.b, OID_SIZE);
}

void tree_encode(struct buf *out, unsigned int level, uint64_t nr, const struct buf *items)
{
	object_put_head(out, 0);
	buf_put_u8(out, (uint8_t)level);
	buf_put_varint(out, nr);
	buf_put_buf(out, items);
}

int tree_iter_init(struct tree_iter *it, const void *p, size_t n, struct err *err)
{
	struct reader r;
	uint8_t flags;

	memset(it, 0, sizeof(*it));
	reader_init(&r, p, n);
	int ret = object_head(&r, "tree", 0, &flags, err);
	if (ret < 0)
		return ret;
	it->level = reader_u8(&r);
	it->left = reader_varint(&r);
	if (!reader_ok(&r))
		return err_set(err, ERR_CORRUPT, "tree is cut short");
	if (it->level > LEVEL_MAX || it->left > PIECE_MAX || (it->level > 0 && it->left == 0))
		return err_set(err, ERR_CORRUPT, "tree of level %u with %llu items", it->level,
			       (unsigned long long)it->left);
	it->p = r.p;
	it->end = r.end;
	return 0;
}

/* What both kinds of items have in common: is there one, may it follow the one before? */
static int iter_begin(struct tree_iter *it, bool want_entry, struct reader *r, struct err *err)
{
	if ((it->level == 0) != want_entry)
		return err_set(err, ERR_CORRUPT, "tree is of level %u", it->level);
	reader_init(r, it->p, (size_t)(it->end - it->p));
	if (it->left == 0)
		return reader_end(r, "tree", err);
	if (it->bytes >= PIECE_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "tree is larger than a piece may be");
	return 1;
}

static int iter_end(struct tree_iter *it, const struct reader *r, const unsigned char *first,
		    size_t first_len, const unsigned char *last, size_t last_len, struct err *err)
{
	if (it->prev && name_cmp(it->prev, it->prev_len, first, first_len) >= 0)
		return err_set(err, ERR_CORRUPT, "names are out of order: '%.*s' after '%.*s'",
			       (int)first_len, (const char *)first, (int)it->prev_len,
			       (const char *)it->prev);
	it->bytes += (size_t)(r->p - it->p);
	it->p = r->p;
	it->left--;
	it->prev = last;
	it->prev_len = last_len;
	return 1;
}

int tree_iter_next(struct tree_iter *it, struct tree_entry *out, struct err *err)
{
	struct tree_entry e = { 0 };
	struct reader r;
	int ret = iter_begin(it, true, &r, err);

	if (ret <= 0)
		return ret;
	e.name = reader_lenbytes(&r, NAME_LEN_MAX, &e.name_len);
	e.type = (enum entry_type)reader_u8(&r);
	uint64_t mode = reader_varint(&r);
	e.content = (enum content_kind)reader_u8(&r);
	if (e.type == ENTRY_FILE || e.type == ENTRY_SYMLINK)
		e.size = reader_varint(&r);
	if (e.content == CONTENT_INLINE && e.size > INLINE_MAX)
		reader_fail(&r);
	else if (e.content == CONTENT_INLINE)
		e.data = reader_bytes(&r, (size_t)e.size);
	else if (e.content != CONTENT_NONE)
		reader_copy(&r, e.id.b, OID_SIZE);
	e.attrs = reader_lenbytes(&r, ATTRS_LEN_MAX, &e.attrs_len);
	if (!reader_ok(&r) || mode > 07777)
		return err_set(err, ERR_CORRUPT, "tree is cut short or malformed");
	e.mode = (uint32_t)mode;
	ret = tree_entry_check(&e, err);
	if (ret < 0)
		return ret;
	ret = iter_end(it, &r, e.name, e.name_len, e.name, e.name_len, err);
	if (ret < 0)
		return ret;
	it->entries++;
	*out = e;
	return 1;
}

int tree_iter_skip_same(struct tree_iter *a, struct tree_iter *b, struct err *err)
{
	for (;;) {
		struct tree_iter before = *a;
		struct tree_entry e;
		if (a->left == 0 || b->left == 0)
			return 0;
		int ret = tree_iter_next(a, &e, err);
		if (ret < 0)
			return ret;
		size_t n = (size_t)(a->p - before.p), off = (size_t)(e.name - before.p);
		const unsigned char *name = b->p + off;
		/* What was checked there need not be here, but for its place. */
		if (ret == 0 || (size_t)(b->end - b->p) < n || memcmp(before.p, b->p, n) != 0 ||
		    b->bytes >= PIECE_BYTES_MAX ||
		    (b->prev && name_cmp(b->prev, b->prev_len, name, e.name_len) >= 0)) {
			*a = before;
			return 0;
		}
		b->p += n;
		b->left--;
		b->bytes += n;
		b->entries++;
		b->prev = name;
		b->prev_len = e.name_len;
	}
}

int tree_iter_next_piece(struct tree_iter *it, struct tree_piece *out, struct err *err)
{
	struct tree_piece p = { 0 };
	struct reader r;
	int ret = iter_begin(it, false, &r, err);

	if (ret <= 0)
		return ret;
	p.first = reader_lenbytes(&r, NAME_LEN_MAX, &p.first_len);
	p.last = reader_lenbytes(&r, NAME_LEN_MAX, &p.last_len);
	p.entries = reader_varint(&r);
	reader_copy(&r, p.id.b, OID_SIZE);
	if (!reader_ok(&r))
		return err_set(err, ERR_CORRUPT, "tree is cut short or malformed");
	int order = name_cmp(p.first, p.first_len, p.last, p.last_len);
	if (!is_name(p.first, p.first_len) || !is_name(p.last, p.last_len) || order > 0 ||
	    (order == 0) != (p.entries == 1))
		return err_set(err, ERR_CORRUPT, "a piece of a tree has impossible names");
	if (p.entries == 0 || p.entries > CONTENT_SIZE_MAX - it->entries ||
	    (it->level == 1 && p.entries > PIECE_MAX))
		return err_set(err, ERR_CORRUPT, "a piece of a tree has an impossible count");
	ret = iter_end(it, &r, p.first, p.first_len, p.last, p.last_len, err);
	if (ret < 0)
		return ret;
	it->entries += p.entries;
	*out = p;
	return 1;
}
