/*
 * What an archive has, in any order, becomes a tree: nothing of a million entries is held but
 * what sorters hold.  Three rounds:
 *
 *	by what has the content	a hard link gets the entry of the last file before it that had
 *				the name which it speaks of
 *	by path			of those with one path the last stands; what stands below
 *				something that is no folder is left out
 *	by group		paths that share one file become the rows of a side list
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/reader.h"
#include "lib/sys.h"

#include "fs/archive-internal.h"

#define MEMORY ((size_t)12 << 20)
#define GROUPS_MEMORY ((size_t)4 << 20)
#define GROUP_PART ((size_t)64 << 10)	/* of a large group */

/*
 * A record: lenbytes key, u64 number, u64 group; lenbytes own path (a hard link, whose key is what
 * it links to; else empty); the encoded entry, unless it is a hard link.
 */
struct record {
	const unsigned char *key, *own, *entry;
	size_t key_len, own_len, entry_len;
	uint64_t nr, group;
};

static void record_parse(const unsigned char *p, size_t n, struct record *out)
{
	struct reader r;

	reader_init(&r, p, n);
	out->key = reader_lenbytes(&r, PATH_LEN_MAX, &out->key_len);
	out->nr = reader_u64le(&r);
	out->group = reader_u64le(&r);
	out->own = reader_lenbytes(&r, PATH_LEN_MAX, &out->own_len);
	out->entry_len = reader_left(&r);
	out->entry = reader_bytes(&r, out->entry_len);
}

static int cmp_records(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	struct record x, y;

	record_parse(a, a_len, &x);
	record_parse(b, b_len, &y);
	int c = path_walk_cmp(x.key, x.key_len, y.key, y.key_len);
	return c ? c : (x.nr > y.nr) - (x.nr < y.nr);
}

static const char *last_name(const char *path, size_t n, size_t *len)
{
	const char *slash = memrchr(path, '/', n);
	const char *name = slash ? slash + 1 : path;

	*len = n - (size_t)(name - path);
	return name;
}

void archive_tree_init(struct archive_tree *t, const struct object_sink *sink, const char *dir,
		       struct commit *commit)
{
	memset(t, 0, sizeof(*t));
	t->in = sorter_new(dir, MEMORY, cmp_records);
	t->sink = sink;
	t->dir = dir;
	t->commit = commit;
	buf_init_max(&t->record, SIZE_MAX);
}

void archive_tree_release(struct archive_tree *t)
{
	sorter_free(t->in);
	buf_release(&t->record);
	t->in = NULL;
}

static int add(struct archive_tree *t, struct sorter *out, const struct record *r, struct err *err)
{
	buf_reset(&t->record);
	buf_put_lenbytes(&t->record, r->key, r->key_len);
	buf_put_u64le(&t->record, r->nr);
	buf_put_u64le(&t->record, r->group);
	buf_put_lenbytes(&t->record, r->own, r->own_len);
	buf_put(&t->record, r->entry, r->entry_len);
	return sorter_add(out, t->record.data, t->record.len, err);
}

int archive_tree_add(struct archive_tree *t, const char *path, size_t n,
		     const struct tree_entry *e, const char *target, size_t target_len,
		     struct err *err)
{
	struct buf raw = BUF_INIT;
	struct record r = { .nr = ++t->nr };
	int ret = 0;

	r.key = (const unsigned char *)(e ? path : target);
	r.key_len = e ? n : target_len;
	if (e) {
		struct tree_entry named = *e;
		named.name = (const unsigned char *)last_name(path, n, &named.name_len);
		if (named.type == ENTRY_DIR)
			named.content = CONTENT_TREE;
		ret = tree_entry_check(&named, err);
		if (ret == 0)
			tree_encode_entry(&raw, &named);
		r.entry = raw.data;
		r.entry_len = raw.len;
	} else {
		r.own = (const unsigned char *)path;
		r.own_len = n;
	}
	if (ret == 0)
		ret = add(t, t->in, &r, err);
	buf_release(&raw);
	return ret;
}

static void decode(const void *p, size_t n, struct tree_entry *out)
{
	struct err err = ERR_INIT;

	if (tree_decode_entry(p, n, out, &err) != 1)
		BUG("an entry that was just encoded is none: %s", err.msg);
}

/* -- hard links get their entries -- */

struct holding {
	struct archive_tree *t;
	struct sorter *out;
	struct buf key, entry;
	uint64_t nr;
	bool has_file, is_linked;
};

static int holding_flush(struct holding *h, struct err *err)
{
	struct record r = {
		.key = h->key.data, .key_len = h->key.len, .nr = h->nr,
		.group = h->is_linked ? h->nr : 0, .entry = h->entry.data,
		.entry_len = h->entry.len,
	};

	int ret = h->has_file ? add(h->t, h->out, &r, err) : 0;
	h->has_file = h->is_linked = false;
	return ret;
}

static int add_link(struct holding *h, const struct record *link, struct err *err)
{
	const char *path = (const char *)link->own;
	const char *why = NULL;
	struct buf raw = BUF_INIT;
	struct tree_entry e;

	if (!h->has_file)
		why = "a hard link to what is not in the archive before it";
	else
		decode(h->entry.data, h->entry.len, &e);
	if (!why && e.type == ENTRY_DIR)
		why = "a hard link to a folder";
	if (why) {
		h->t->problem(path, link->own_len, why, h->t->data);
		return 0;
	}
	if (link->own_len == link->key_len && memcmp(link->own, link->key, link->key_len) == 0)
		return 0;
	h->is_linked = true;
	e.name = (const unsigned char *)last_name(path, link->own_len, &e.name_len);
	tree_encode_entry(&raw, &e);
	struct record r = {
		.key = link->own, .key_len = link->own_len, .nr = link->nr, .group = h->nr,
		.entry = raw.data, .entry_len = raw.len,
	};
	int ret = add(h->t, h->out, &r, err);
	buf_release(&raw);
	return ret;
}

static int resolve(struct archive_tree *t, struct sorter *out, struct err *err)
{
	struct holding h = { .t = t, .out = out, .key = BUF_INIT, .entry = BUF_INIT };
	const unsigned char *p;
	size_t n;
	int ret;

	while ((ret = sorter_next(t->in, &p, &n, err)) > 0) {
		struct record r;
		record_parse(p, n, &r);
		bool is_same = h.key.len == r.key_len && memcmp(h.key.data, r.key, r.key_len) == 0;
		if (!is_same || r.own_len == 0)
			ret = holding_flush(&h, err);
		if (ret >= 0 && r.own_len > 0) {
			ret = add_link(&h, &r, err);
		} else if (ret >= 0) {
			buf_reset(&h.key);
			buf_put(&h.key, r.key, r.key_len);
			buf_reset(&h.entry);
			buf_put(&h.entry, r.entry, r.entry_len);
			h.nr = r.nr;
			h.has_file = true;
		}
		if (ret < 0)
			break;
	}
	if (ret == 0)
		ret = holding_flush(&h, err);
	buf_release(&h.key);
	buf_release(&h.entry);
	return ret;
}

/* -- the tree -- */

struct level {
	struct tree_builder *b;
	struct buf entry;		/* of the folder; empty: nobody spoke of it */
	size_t path_len;		/* of cur */
};

struct building {
	struct archive_tree *t;
	struct sorter *groups;		/* u64 group, path */
	struct level *v;		/* v[0]: the root */
	size_t nr, alloc;
	struct buf cur;			/* the path of the innermost folder */
	struct buf block;		/* the last path that is no folder */
};

static void push(struct building *b, const unsigned char *entry, size_t n)
{
	if (b->nr == b->alloc) {
		b->alloc = b->alloc ? 2 * b->alloc : 16;
		b->v = xrealloc(b->v, b->alloc * sizeof(*b->v));
	}
	struct level *l = &b->v[b->nr++];
	*l = (struct level){ tree_builder_new(b->t->sink), BUF_INIT, b->cur.len };
	buf_put(&l->entry, entry, n);
}

static int pop(struct building *b, struct err *err)
{
	struct level *l = &b->v[--b->nr], *parent = l - 1;
	struct tree_entry e = { .type = ENTRY_DIR, .mode = 0755, .content = CONTENT_TREE };

	if (l->entry.len > 0)
		decode(l->entry.data, l->entry.len, &e);
	e.name = (const unsigned char *)last_name((const char *)b->cur.data, l->path_len,
						  &e.name_len);
	int ret = tree_builder_end(l->b, &e.id, err);
	if (ret == 0)
		ret = tree_builder_add(parent->b, &e, err);
	tree_builder_free(l->b);
	buf_release(&l->entry);
	buf_truncate(&b->cur, parent->path_len);
	b->t->commit->dirs++;
	return ret;
}

static bool is_below(const struct buf *dir, const unsigned char *path, size_t n)
{
	return dir->len == 0 ||
	       (n > dir->len && memcmp(dir->data, path, dir->len) == 0 && path[dir->len] == '/');
}

static void enter(struct building *b, const unsigned char *path, size_t n,
		  const unsigned char *entry, size_t entry_len)
{
	buf_reset(&b->cur);
	buf_put(&b->cur, path, n);
	push(b, entry, entry_len);
}

static void count(struct commit *c, const struct tree_entry *e)
{
	c->files += e->type == ENTRY_FILE;
	c->others += e->type != ENTRY_FILE;
	c->bytes += e->type == ENTRY_FILE ? e->size : 0;
}

/* One path, once. */
static int place(struct building *b, const struct record *r, struct err *err)
{
	struct tree_entry e;
	int ret = 0;

	if (b->block.len > 0 && is_below(&b->block, r->key, r->key_len)) {
		b->t->problem((const char *)r->key, r->key_len, "it is below what is no folder",
			      b->t->data);
		return 0;
	}
	while (ret == 0 && b->nr > 1 && !is_below(&b->cur, r->key, r->key_len))
		ret = pop(b, err);
	/* Folders on the way that have no entry. */
	for (size_t at = b->cur.len + (b->cur.len > 0); ret == 0; ) {
		const unsigned char *slash = memchr(r->key + at, '/', r->key_len - at);
		if (!slash)
			break;
		enter(b, r->key, (size_t)(slash - r->key), NULL, 0);
		at = (size_t)(slash - r->key) + 1;
	}
	if (ret < 0)
		return ret;
	decode(r->entry, r->entry_len, &e);
	if (e.type == ENTRY_DIR) {
		enter(b, r->key, r->key_len, r->entry, r->entry_len);
		return 0;
	}
	buf_reset(&b->block);
	buf_put(&b->block, r->key, r->key_len);
	count(b->t->commit, &e);
	if (r->group > 0) {
		buf_reset(&b->t->record);
		buf_put_u64le(&b->t->record, r->group);
		buf_put(&b->t->record, r->key, r->key_len);
		ret = sorter_add(b->groups, b->t->record.data, b->t->record.len, err);
	}
	return ret < 0 ? ret : tree_builder_add(b->v[b->nr - 1].b, &e, err);
}

static int build(struct building *b, struct sorter *in, struct err *err)
{
	struct buf held = BUF_INIT;
	const unsigned char *p;
	struct record r, last;
	size_t n;
	int ret = 0, got = 1;

	push(b, NULL, 0);
	while (ret == 0 && got > 0) {
		got = sorter_next(in, &p, &n, err);
		if (got < 0)
			ret = got;
		if (got > 0)
			record_parse(p, n, &r);
		if (held.len > 0)
			record_parse(held.data, held.len, &last);
		/* Of those with one path the last stands. */
		if (ret == 0 && held.len > 0 &&
		    (got == 0 || last.key_len != r.key_len ||
		     memcmp(last.key, r.key, r.key_len) != 0))
			ret = place(b, &last, err);
		buf_reset(&held);
		if (got > 0)
			buf_put(&held, p, n);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	while (ret == 0 && b->nr > 1)
		ret = pop(b, err);
	if (ret == 0)
		ret = tree_builder_end(b->v[0].b, &b->t->tree, err);
	buf_release(&held);
	return ret;
}

/* -- hard links -- */

static int cmp_groups(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	uint64_t x = get_u64le(a), y = get_u64le(b);

	if (x != y)
		return x < y ? -1 : 1;
	return path_walk_cmp(a + 8, a_len - 8, b + 8, b_len - 8);
}

/* A row on its way: lenbytes first path, u32 part, varint number of others, those. */
static int cmp_rows(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	struct reader r, s;
	size_t n, m;

	reader_init(&r, a, a_len);
	reader_init(&s, b, b_len);
	const unsigned char *p = reader_lenbytes(&r, PATH_LEN_MAX, &n);
	const unsigned char *q = reader_lenbytes(&s, PATH_LEN_MAX, &m);
	int c = path_walk_cmp(p, n, q, m);
	if (c)
		return c;
	uint32_t x = reader_u32le(&r), y = reader_u32le(&s);
	return (x > y) - (x < y);
}

struct grouping {
	struct sorter *rows;
	struct buf first, others, record;
	uint64_t nr, group;
	uint32_t part;
};

static int flush_row(struct grouping *g, struct err *err)
{
	int ret = 0;

	if (g->nr > 0) {
		buf_reset(&g->record);
		buf_put_lenbytes(&g->record, g->first.data, g->first.len);
		buf_put_u32le(&g->record, g->part++);
		buf_put_varint(&g->record, g->nr);
		buf_put_buf(&g->record, &g->others);
		ret = sorter_add(g->rows, g->record.data, g->record.len, err);
	}
	g->nr = 0;
	buf_reset(&g->others);
	return ret;
}

static int make_rows(struct grouping *g, struct sorter *groups, struct err *err)
{
	const unsigned char *p;
	size_t n;
	int ret;

	while ((ret = sorter_next(groups, &p, &n, err)) > 0) {
		if (get_u64le(p) != g->group) {
			ret = flush_row(g, err);
			g->group = get_u64le(p);
			g->part = 0;
			buf_reset(&g->first);
			buf_put(&g->first, p + 8, n - 8);
		} else {
			buf_put_lenbytes(&g->others, p + 8, n - 8);
			g->nr++;
			ret = g->others.len >= GROUP_PART ? flush_row(g, err) : 0;
		}
		if (ret < 0)
			return ret;
	}
	return ret < 0 ? ret : flush_row(g, err);
}

static int put_rows(struct archive_tree *t, struct sorter *rows, struct err *err)
{
	struct note_builder *b = note_builder_new(t->sink, NOTE_HARDLINKS);
	const struct commit_note *notes;
	const unsigned char *p;
	size_t n, nr;
	int ret;

	while ((ret = sorter_next(rows, &p, &n, err)) > 0) {
		struct note_row row = { 0 };
		struct reader r;
		reader_init(&r, p, n);
		row.path = reader_lenbytes(&r, PATH_LEN_MAX, &row.path_len);
		reader_u32le(&r);
		row.nr_others = reader_varint(&r);
		row.others_len = reader_left(&r);
		row.others = reader_bytes(&r, row.others_len);
		ret = note_builder_add(b, &row, err);
		if (ret < 0)
			break;
	}
	if (ret == 0)
		ret = note_builder_end(b, &notes, &nr, err);
	if (ret == 0 && nr > 0) {
		struct commit *c = t->commit;
		c->notes = xrealloc(c->notes, (c->nr_notes + nr) * sizeof(*c->notes));
		memcpy(c->notes + c->nr_notes, notes, nr * sizeof(*notes));
		c->nr_notes += nr;
	}
	note_builder_free(b);
	return ret;
}

static int put_groups(struct archive_tree *t, struct sorter *groups, struct err *err)
{
	struct grouping g = { .first = BUF_INIT, .others = BUF_INIT, .record = BUF_INIT };

	g.rows = sorter_new(t->dir, GROUPS_MEMORY, cmp_rows);
	int ret = make_rows(&g, groups, err);
	if (ret == 0)
		ret = put_rows(t, g.rows, err);
	sorter_free(g.rows);
	buf_release(&g.first);
	buf_release(&g.others);
	buf_release(&g.record);
	return ret;
}

int archive_tree_end(struct archive_tree *t, struct err *err)
{
	struct sorter *by_path = sorter_new(t->dir, MEMORY, cmp_records);
	struct building b = { .t = t, .cur = BUF_INIT, .block = BUF_INIT };
	int ret = resolve(t, by_path, err);

	sorter_free(t->in);
	t->in = NULL;
	b.groups = sorter_new(t->dir, GROUPS_MEMORY, cmp_groups);
	if (ret == 0)
		ret = build(&b, by_path, err);
	if (ret == 0)
		ret = put_groups(t, b.groups, err);
	while (b.nr > 0) {
		tree_builder_free(b.v[--b.nr].b);
		buf_release(&b.v[b.nr].entry);
	}
	sys_free(b.v);
	buf_release(&b.cur);
	buf_release(&b.block);
	sorter_free(b.groups);
	sorter_free(by_path);
	return ret;
}
