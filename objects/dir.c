/*
 * Walking a directory's pieces.  A piece must be what the item above says: one level below, from
 * the first name to the last, as many entries; so that pieces cannot be mixed up unnoticed.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/dir.h"

struct dir_level {
	struct buf raw;
	struct tree_iter it;
	/* what the level above says of this one; not there for the root */
	bool is_named;
	struct buf first, last;
	uint64_t entries;
	bool begun;			/* an item was read: its first name fits */
};

struct dir_reader {
	struct object_source src;
	struct dir_level *level;	/* top + 1; the leaf is 0 */
	unsigned int top, at;
	uint64_t count;			/* of the root, once it is known */
};

static void level_init(struct dir_level *l)
{
	buf_init_max(&l->raw, SIZE_MAX);
	buf_init_max(&l->first, SIZE_MAX);
	buf_init_max(&l->last, SIZE_MAX);
}

void dir_close(struct dir_reader *d)
{
	if (!d)
		return;
	for (unsigned int i = 0; d->level && i <= d->top; i++) {
		buf_release(&d->level[i].raw);
		buf_release(&d->level[i].first);
		buf_release(&d->level[i].last);
	}
	sys_free(d->level);
	sys_free(d);
}

uint64_t dir_count(const struct dir_reader *d)
{
	return d->count;
}

/* The entries that a tree stands for: its items, or what its pieces say. */
static int count_entries(const struct buf *raw, uint64_t *out, struct err *err)
{
	struct tree_iter it;
	struct tree_piece p;
	int ret = tree_iter_init(&it, raw->data, raw->len, err);

	if (ret < 0)
		return ret;
	if (it.level == 0) {
		*out = it.left;
		return 0;
	}
	while ((ret = tree_iter_next_piece(&it, &p, err)) > 0)
		;
	*out = it.entries;
	return ret;
}

int dir_open(struct dir_reader **out, const struct object_source *src, const struct oid *id,
	     struct err *err)
{
	struct dir_reader *d = xcalloc(1, sizeof(*d));
	struct buf raw = BUF_INIT;

	d->src = *src;
	int ret = src->get(src->data, id, OBJ_TREE, &raw, err);
	if (ret < 0)
		goto done;
	ret = count_entries(&raw, &d->count, err);
	if (ret < 0) {
		ret = err_wrap(err, "tree %s", oid_hex(id).s);
		goto done;
	}
	struct tree_iter it;
	ret = tree_iter_init(&it, raw.data, raw.len, err);
	if (ret < 0)
		goto done;
	d->top = d->at = it.level;
	d->level = xcalloc(it.level + 1, sizeof(*d->level));
	for (unsigned int i = 0; i <= it.level; i++)
		level_init(&d->level[i]);
	buf_swap(&d->level[it.level].raw, &raw);
	d->level[it.level].it = it;
	*out = d;
	d = NULL;
done:
	buf_release(&raw);
	dir_close(d);
	return ret;
}

/* Go down into `p`, which the current level names. */
static int descend(struct dir_reader *d, const struct tree_piece *p, struct err *err)
{
	struct dir_level *l = &d->level[d->at - 1];

	buf_reset(&l->first);
	buf_put(&l->first, p->first, p->first_len);
	buf_reset(&l->last);
	buf_put(&l->last, p->last, p->last_len);
	l->is_named = true;
	l->begun = false;
	l->entries = p->entries;
	int ret = d->src.get(d->src.data, &p->id, OBJ_TREE, &l->raw, err);
	if (ret < 0)
		return ret;
	ret = tree_iter_init(&l->it, l->raw.data, l->raw.len, err);
	if (ret == 0 && (l->it.level != d->at - 1 || l->it.left == 0))
		ret = err_set(err, ERR_CORRUPT, "not the piece that the directory names");
	if (ret < 0)
		return err_wrap(err, "tree %s", oid_hex(&p->id).s);
	d->at--;
	return 0;
}

/* The next item of level `l` starts with this name: right, if it is the first? */
static int check_first(struct dir_level *l, const unsigned char *name, size_t n, struct err *err)
{
	bool good = !l->is_named || l->begun || name_cmp(name, n, l->first.data, l->first.len) == 0;

	l->begun = true;
	return good ? 0 : err_set(err, ERR_CORRUPT, "a piece of a directory begins elsewhere");
}

static int check_last(const struct dir_level *l, struct err *err)
{
	if (!l->is_named)
		return 0;
	if (l->it.entries == l->entries && l->it.prev &&
	    name_cmp(l->it.prev, l->it.prev_len, l->last.data, l->last.len) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT, "a piece of a directory ends elsewhere");
}

int dir_next(struct dir_reader *d, struct tree_entry *out, struct err *err)
{
	for (;;) {
		struct dir_level *l = &d->level[d->at];
		struct tree_piece p;
		int ret;

		if (d->at == 0) {
			ret = tree_iter_next(&l->it, out, err);
			if (ret > 0) {
				ret = check_first(l, out->name, out->name_len, err);
				return ret < 0 ? ret : 1;
			}
		} else {
			ret = tree_iter_next_piece(&l->it, &p, err);
			if (ret > 0) {
				ret = check_first(l, p.first, p.first_len, err);
				if (ret == 0)
					ret = descend(d, &p, err);
				if (ret < 0)
					return ret;
				continue;
			}
		}
		if (ret == 0)
			ret = check_last(l, err);
		if (ret < 0 || d->at == d->top)
			return ret;
		d->at++;
	}
}

/* To where the next item is read, be it a piece. */
static int leave_ended(struct dir_reader *d, struct err *err)
{
	while (d->at < d->top && d->level[d->at].it.left == 0) {
		struct dir_level *l = &d->level[d->at];
		struct tree_entry e;
		struct tree_piece p;
		int ret = d->at == 0 ? tree_iter_next(&l->it, &e, err) :
				       tree_iter_next_piece(&l->it, &p, err);
		if (ret == 0)
			ret = check_last(l, err);
		if (ret < 0)
			return ret;
		d->at++;
	}
	return 0;
}

static int take_piece(struct dir_level *l, struct tree_piece *out, struct err *err)
{
	int ret = tree_iter_next_piece(&l->it, out, err);

	if (ret <= 0)
		return ret;
	ret = check_first(l, out->first, out->first_len, err);
	return ret < 0 ? ret : 1;
}

int dir_skip_same(struct dir_reader *a, struct dir_reader *b, struct err *err)
{
	for (;;) {
		struct tree_piece p, q;
		int ret = leave_ended(a, err);

		if (ret == 0)
			ret = leave_ended(b, err);
		if (ret < 0)
			return ret;
		struct dir_level *l = &a->level[a->at], *m = &b->level[b->at];
		/* How a piece begins is checked where its first entry is read. */
		if (a->at == 0 && b->at == 0 && (!l->is_named || l->begun) &&
		    (!m->is_named || m->begun))
			ret = tree_iter_skip_same(&l->it, &m->it, err);
		if (ret < 0 || a->at == 0 || a->at != b->at)
			return ret;
		struct dir_level was_l = *l, was_m = *m;
		ret = take_piece(l, &p, err);
		if (ret > 0)
			ret = take_piece(m, &q, err);
		if (ret > 0 && oid_eq(&p.id, &q.id))
			continue;
		if (ret < 0)
			return ret;
		*l = was_l;
		*m = was_m;
		return 0;
	}
}

/* The piece of a tree of an upper level that could hold `name`: 1, 0, negative. */
static int find_piece(struct tree_iter *it, const void *name, size_t n, struct oid *out,
		      struct err *err)
{
	struct tree_piece p;
	int ret;

	while ((ret = tree_iter_next_piece(it, &p, err)) > 0) {
		if (name_cmp(name, n, p.last, p.last_len) > 0)
			continue;
		*out = p.id;
		return name_cmp(name, n, p.first, p.first_len) >= 0;
	}
	return ret;
}

static int find_entry(struct tree_iter *it, const void *name, size_t n, struct tree_entry *out,
		      struct err *err)
{
	int ret;

	while ((ret = tree_iter_next(it, out, err)) > 0) {
		int c = name_cmp(out->name, out->name_len, name, n);
		if (c >= 0)
			return c == 0;
	}
	return ret;
}

int dir_find(const struct object_source *src, const struct oid *id, const void *name,
	     size_t name_len, struct tree_entry *out, struct buf *hold, struct err *err)
{
	struct oid at = *id;
	unsigned int above = LEVEL_MAX + 1;

	for (;;) {
		struct tree_iter it;
		int ret = src->get(src->data, &at, OBJ_TREE, hold, err);

		if (ret < 0)
			return ret;
		ret = tree_iter_init(&it, hold->data, hold->len, err);
		if (ret == 0 && it.level >= above)
			ret = err_set(err, ERR_CORRUPT, "not the piece that the directory names");
		if (ret == 0 && it.level == 0)
			return find_entry(&it, name, name_len, out, err);
		above = it.level;
		if (ret == 0)
			ret = find_piece(&it, name, name_len, &at, err);
		if (ret < 0)
			return err_wrap(err, "tree %s", oid_hex(&at).s);
		if (ret == 0)
			return 0;
	}
}

int dir_find_path(const struct object_source *src, const struct oid *root, const char *path,
		  struct tree_entry *out, struct buf *hold, struct err *err)
{
	struct oid at = *root;
	const char *s = path;

	for (;;) {
		size_t n = strcspn(s, "/");
		int ret = dir_find(src, &at, s, n, out, hold, err);
		if (ret < 0)
			return ret;
		s += n;
		if (ret == 0)
			return err_set(err, ERR_NOT_FOUND, "there is no '%.*s' in the snapshot",
				       (int)(s - path), path);
		if (!*s)
			return 0;
		if (out->type != ENTRY_DIR)
			return err_set(err, ERR_NOT_FOUND, "'%.*s' is not a folder in the snapshot",
				       (int)(s - path), path);
		at = out->id;
		s++;
	}
}
