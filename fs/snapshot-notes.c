/*
 * Side lists: hard links, births, what was skipped, what could not be read, what was absent.
 *
 * Each is made of what the walk found and, for what was carried over from HEAD, of the rows that
 * the list of HEAD's snapshot has there.  Births come from the stat cache that the walk wrote,
 * which has all files in the order that is wanted.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "fs/snapshot-internal.h"
#include "fs/statcache.h"

#define GROUPS_MEMORY ((size_t)4 << 20)
#define GROUP_PART ((size_t)64 << 10)	/* of a large group of hard links */

/* -- what of HEAD's lists still holds -- */

bool kept_is(const struct notes_input *in, const unsigned char *path, size_t n)
{
	const struct waypoint *p = in->root;
	bool is_read = p->is_wanted && !p->is_kept;

	if (p->is_wanted && p->is_kept)
		return true;
	for (size_t at = 0; at < n;) {
		const unsigned char *slash = memchr(path + at, '/', n - at);
		size_t len = slash ? (size_t)(slash - path) - at : n - at;
		p = waypoint_child(p, (const char *)path + at, len);
		if (!p)
			break;
		if (p->is_wanted && p->is_absent)
			return p->is_kept;
		is_read |= p->is_wanted;
		at += len + 1;
	}
	return in->is_partial && !is_read;
}

void kept_init(struct kept_rows *k, const struct notes_input *in, uint64_t kind)
{
	memset(k, 0, sizeof(*k));
	k->in = in;
	k->kind = kind;
	buf_init_max(&k->raw, SIZE_MAX);
}

/* Anything that may have been carried over? */
static bool has_kept(const struct notes_input *in)
{
	return in->parent && (in->is_partial || in->scan->has_absent);
}

static int open_note(struct kept_rows *k, struct err *err)
{
	const struct commit *c = k->in->parent;

	while (k->next < c->nr_notes && c->notes[k->next].kind != k->kind)
		k->next++;
	if (k->next == c->nr_notes)
		return 0;
	buf_reset(&k->raw);
	int ret = store_read(k->in->store, &c->notes[k->next++].id, OBJ_NOTE, NULL, &k->raw, err);
	if (ret == 0)
		ret = note_decode(&k->note, k->raw.data, k->raw.len, err);
	if (ret < 0)
		return err_wrap(err, "the snapshot before");
	note_iter_init(&k->it, &k->note);
	return 1;
}

int kept_next(struct kept_rows *k, struct err *err)
{
	int ret = 1;

	k->has_row = false;
	while ((k->takes_all ? k->in->parent != NULL : has_kept(k->in)) && ret > 0) {
		if (!k->has_note) {
			ret = open_note(k, err);
			k->has_note = ret > 0;
			continue;
		}
		ret = note_iter_next(&k->it, &k->row, err);
		if (ret == 0) {
			k->has_note = false;
			ret = 1;
		} else if (ret > 0 && (k->takes_all || k->kind == NOTE_HARDLINKS ||
				       kept_is(k->in, k->row.path, k->row.path_len))) {
			k->has_row = true;
			return 0;
		}
	}
	return ret < 0 ? ret : 0;
}

void kept_release(struct kept_rows *k)
{
	buf_release(&k->raw);
}

/* -- lists that are rows of their own -- */

int note_list_end(struct note_builder *b, struct commit *c, struct err *err)
{
	const struct commit_note *notes;
	size_t nr;
	int ret = note_builder_end(b, &notes, &nr, err);

	if (ret == 0 && nr > 0) {
		c->notes = xrealloc(c->notes, (c->nr_notes + nr) * sizeof(*c->notes));
		memcpy(c->notes + c->nr_notes, notes, nr * sizeof(*notes));
		c->nr_notes += nr;
	}
	return ret;
}

/* Rows of HEAD's that come before `row` (NULL: all of them); of the same path this one stands. */
static int add_kept_before(struct note_builder *b, struct kept_rows *k, const struct note_row *row,
			   struct err *err)
{
	int ret = 0;

	while (ret == 0 && k->has_row) {
		int c = row ? path_walk_cmp(k->row.path, k->row.path_len, row->path,
					    row->path_len) : -1;
		if (c > 0)
			break;
		if (c < 0)
			ret = note_builder_add(b, &k->row, err);
		if (ret == 0)
			ret = kept_next(k, err);
	}
	return ret;
}

static int rows_list(const struct notes_input *in, struct sorter *rows, uint64_t kind,
		     struct commit *c, struct err *err)
{
	struct note_builder *b = note_builder_new(in->sink, kind);
	struct kept_rows k;
	struct buf last = BUF_INIT;
	const unsigned char *p;
	size_t n;

	kept_init(&k, in, kind);
	int ret = kept_next(&k, err);
	while (ret == 0 && (ret = sorter_next(rows, &p, &n, err)) > 0) {
		struct scan_row r;
		scan_row_parse(p, n, &r);
		struct note_row row = {
			.path = r.path, .path_len = r.path_len, .error = r.error,
			.text = (const unsigned char *)r.text, .text_len = strlen(r.text),
		};
		/* Of several findings about one file the first stands. */
		if (last.len == row.path_len && memcmp(buf_str(&last), row.path, last.len) == 0) {
			ret = 0;
			continue;
		}
		buf_reset(&last);
		buf_put(&last, row.path, row.path_len);
		if (kind == NOTE_SKIPPED && in->left_out)
			in->left_out((const char *)r.path, r.path_len, r.text, in->data);
		ret = add_kept_before(b, &k, &row, err);
		if (ret == 0)
			ret = note_builder_add(b, &row, err);
	}
	if (ret == 0)
		ret = add_kept_before(b, &k, NULL, err);
	if (ret == 0)
		ret = note_list_end(b, c, err);
	buf_release(&last);
	kept_release(&k);
	note_builder_free(b);
	return ret;
}

/* -- births -- */

struct births {
	struct note_builder *builder;
	struct kept_rows kept;
	struct buf path;
	struct statcache *cache;
};

static int birth_row(struct births *b, const struct statrecord *r, struct err *err)
{
	struct note_row row = {
		.path = b->path.data, .path_len = b->path.len,
		.birth_s = r->birth_s, .birth_ns = r->birth_ns,
	};

	if (!(r->flags & STATRECORD_BIRTH) || b->path.len == 0 || b->path.len > PATH_LEN_MAX)
		return 0;
	int ret = add_kept_before(b->builder, &b->kept, &row, err);
	return ret < 0 ? ret : note_builder_add(b->builder, &row, err);
}

/* All records of a segment, and what lies below them.  b->path ends in a slash, or is empty. */
static int birth_walk(struct births *b, uint64_t where, struct err *err)
{
	struct statcursor cur = STATCURSOR_INIT;
	size_t before = b->path.len;
	const unsigned char *p;
	size_t n;
	int ret = statcursor_open(&cur, b->cache, where, err);

	while (ret == 0 && (ret = statcursor_next(&cur, &p, &n, err)) > 0) {
		struct statrecord r;
		struct statentry e;
		if (!statrecord_parse(p, n, &r) || !statentry_peek(r.entry, r.entry_len, &e))
			BUG("a record of the stat cache that was just written is none");
		buf_put(&b->path, e.name, e.name_len);
		ret = birth_row(b, &r, err);
		if (ret == 0 && r.child != STATCACHE_NONE) {
			buf_put_u8(&b->path, '/');
			ret = birth_walk(b, r.child, err);
		}
		buf_truncate(&b->path, before);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	statcursor_release(&cur);
	return ret;
}

static struct scan_cache *cache_of(const struct notes_input *in, const struct waypoint *p)
{
	for (struct scan_cache *c = in->scan->caches; c; c = c->next)
		if (c->place == p)
			return c;
	return NULL;
}

struct birth_call {
	const struct notes_input *in;
	struct births *births;
};

static int birth_place(struct waypoint *p, void *data, struct err *err)
{
	struct birth_call *call = data;
	struct births *b = call->births;
	struct scan_cache *c = cache_of(call->in, p);

	if (!c || !c->writer || c->root == STATCACHE_NONE)
		return 0;
	int ret = statwriter_reader(c->writer, &b->cache, err);
	if (ret < 0)
		return ret;
	buf_reset(&b->path);
	if (p->parent) {
		char *path = waypoint_path(p->parent);
		if (p->parent->parent) {
			buf_put_str(&b->path, path + 1);
			buf_put_u8(&b->path, '/');
		}
		sys_free(path);
		ret = birth_walk(b, c->root, err);
	} else {
		/* The root's own record has no name that counts. */
		struct statcursor cur = STATCURSOR_INIT;
		struct statrecord r;
		const unsigned char *q;
		size_t n;
		ret = statcursor_open(&cur, b->cache, c->root, err);
		if (ret == 0 && statcursor_next(&cur, &q, &n, err) > 0 &&
		    statrecord_parse(q, n, &r))
			ret = birth_walk(b, r.child, err);
		statcursor_release(&cur);
	}
	statcache_close(b->cache);
	return ret;
}

static int births_list(const struct notes_input *in, struct commit *c, struct err *err)
{
	struct births b = { .path = BUF_INIT };
	struct birth_call call = { in, &b };

	if (in->keeps_births) {
		for (size_t i = 0; i < in->parent->nr_notes; i++) {
			if (in->parent->notes[i].kind != NOTE_BIRTHS)
				continue;
			c->notes = xrealloc(c->notes, (c->nr_notes + 1) * sizeof(*c->notes));
			c->notes[c->nr_notes++] = in->parent->notes[i];
		}
		return 0;
	}
	b.builder = note_builder_new(in->sink, NOTE_BIRTHS);
	kept_init(&b.kept, in, NOTE_BIRTHS);
	int ret = kept_next(&b.kept, err);
	if (ret == 0)
		ret = waypoint_each(in->root, birth_place, &call, err);
	if (ret == 0)
		ret = add_kept_before(b.builder, &b.kept, NULL, err);
	if (ret == 0)
		ret = note_list_end(b.builder, c, err);
	note_builder_free(b.builder);
	kept_release(&b.kept);
	buf_release(&b.path);
	return ret;
}

/* -- hard links -- */

/*
 * A part of a group on its way to the list: lenbytes first path, u32 number of the part, varint
 * number of other paths, those.
 */
static int cmp_groups(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
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

struct group {
	struct sorter *out;
	struct buf first, others, record;
	uint64_t nr;
	uint32_t part;
};

static int group_flush(struct group *g, struct err *err)
{
	int ret = 0;

	if (g->nr > 0) {
		buf_reset(&g->record);
		buf_put_lenbytes(&g->record, g->first.data, g->first.len);
		buf_put_u32le(&g->record, g->part++);
		buf_put_varint(&g->record, g->nr);
		buf_put_buf(&g->record, &g->others);
		ret = sorter_add(g->out, g->record.data, g->record.len, err);
	}
	g->nr = 0;
	buf_reset(&g->others);
	return ret;
}

static int group_begin(struct group *g, struct err *err)
{
	int ret = group_flush(g, err);

	buf_reset(&g->first);
	g->part = 0;
	return ret;
}

static int group_add(struct group *g, const unsigned char *path, size_t n, struct err *err)
{
	if (n > PATH_LEN_MAX)
		return 0;
	if (g->first.len == 0) {
		buf_put(&g->first, path, n);
		return 0;
	}
	buf_put_lenbytes(&g->others, path, n);
	g->nr++;
	return g->others.len >= GROUP_PART ? group_flush(g, err) : 0;
}

static int group_found(const struct notes_input *in, struct group *g, struct err *err)
{
	unsigned char key[16] = { 0 };
	const unsigned char *p;
	size_t n;
	int ret;

	while ((ret = sorter_next(in->scan->links, &p, &n, err)) > 0) {
		if (g->first.len == 0 || memcmp(key, p, sizeof(key)) != 0) {
			ret = group_begin(g, err);
			memcpy(key, p, sizeof(key));
		}
		if (ret >= 0)
			ret = group_add(g, p + sizeof(key), n - sizeof(key), err);
		if (ret < 0)
			return ret;
	}
	return ret < 0 ? ret : group_begin(g, err);
}

/* HEAD's groups, as far as their files were carried over. */
static int group_kept(const struct notes_input *in, struct group *g, struct err *err)
{
	struct buf last = BUF_INIT;
	struct kept_rows k;

	kept_init(&k, in, NOTE_HARDLINKS);
	int ret = kept_next(&k, err);
	while (ret == 0 && k.has_row) {
		const unsigned char *p = k.row.others, *path;
		size_t left = k.row.others_len, n;
		/* Rows with one first path are one group. */
		if (last.len != k.row.path_len ||
		    memcmp(buf_str(&last), k.row.path, last.len) != 0) {
			ret = group_begin(g, err);
			buf_reset(&last);
			buf_put(&last, k.row.path, k.row.path_len);
			if (ret == 0 && kept_is(in, k.row.path, k.row.path_len))
				ret = group_add(g, k.row.path, k.row.path_len, err);
		}
		while (ret == 0 && note_other_next(&p, &left, &path, &n) > 0)
			if (kept_is(in, path, n))
				ret = group_add(g, path, n, err);
		if (ret == 0)
			ret = kept_next(&k, err);
	}
	kept_release(&k);
	buf_release(&last);
	return ret < 0 ? ret : group_begin(g, err);
}

static int links_list(const struct notes_input *in, struct commit *c, struct err *err)
{
	struct note_builder *b = note_builder_new(in->sink, NOTE_HARDLINKS);
	struct group g = { .first = BUF_INIT, .others = BUF_INIT, .record = BUF_INIT };
	const unsigned char *p;
	size_t n;

	g.out = sorter_new(in->spill_dir, GROUPS_MEMORY, cmp_groups);
	int ret = group_found(in, &g, err);
	if (ret == 0)
		ret = group_kept(in, &g, err);
	while (ret == 0 && (ret = sorter_next(g.out, &p, &n, err)) > 0) {
		struct note_row row = { 0 };
		struct reader r;
		reader_init(&r, p, n);
		row.path = reader_lenbytes(&r, PATH_LEN_MAX, &row.path_len);
		reader_u32le(&r);
		row.nr_others = reader_varint(&r);
		row.others_len = reader_left(&r);
		row.others = r.p;
		ret = note_builder_add(b, &row, err);
	}
	if (ret == 0)
		ret = note_list_end(b, c, err);
	sorter_free(g.out);
	buf_release(&g.first);
	buf_release(&g.others);
	buf_release(&g.record);
	note_builder_free(b);
	return ret;
}

/* -- absent sources -- */

static int absent_row(struct waypoint *p, void *data, struct err *err)
{
	if (!p->is_absent)
		return 0;
	char *path = waypoint_path(p);
	struct note_row row = { .path = (unsigned char *)path, .path_len = strlen(path) };
	int ret = note_builder_add(data, &row, err);
	sys_free(path);
	return ret;
}

static int absent_list(const struct notes_input *in, struct commit *c, struct err *err)
{
	struct note_builder *b = note_builder_new(in->sink, NOTE_ABSENT);
	int ret = waypoint_each(in->root, absent_row, b, err);

	if (ret == 0)
		ret = note_list_end(b, c, err);
	note_builder_free(b);
	return ret;
}

int snapshot_notes(const struct notes_input *in, struct commit *c, struct err *err)
{
	int ret = links_list(in, c, err);

	if (ret == 0)
		ret = births_list(in, c, err);
	if (ret == 0)
		ret = rows_list(in, in->scan->skipped, NOTE_SKIPPED, c, err);
	if (ret == 0)
		ret = rows_list(in, in->scan->unreadable, NOTE_UNREADABLE, c, err);
	if (ret == 0)
		ret = absent_list(in, c, err);
	return ret < 0 ? ret : snapshot_worktrees(in, c, err);
}
