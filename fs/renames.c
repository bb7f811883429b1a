/*
 * Pairing by content: deleted files sorted by what their content is, each added file looks for
 * one.  Of several the one of the same base name is taken, else the first.  Empty files are
 * alike without having moved, so they are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "fs/renames.h"

/* A change, its bytes by their places in `bytes`, which moves while it grows. */
struct held_entry { struct tree_entry e; size_t name, data, attrs; };
struct held {
	enum change_status status;
	unsigned int difference;
	size_t path, path_len;
	bool has_old, has_new;
	struct held_entry old, new;
	const struct held *from;	/* an added file: the deleted one that it was */
	bool is_gone;			/* a deleted file: shown as where it went */
	unsigned char resolved[INLINE_MAX];	/* inline content that was found out late */
};

/* Content as bytes to sort by: an id, or what stands inline. */
struct candidate { const unsigned char *key; size_t key_len; struct held *held; };

struct renames {
	const struct diff_side *new_side;
	int (*fn)(const struct change *c, void *data, struct err *err);
	void *data;
	struct held *held;
	size_t nr, alloc;
	struct buf bytes;
	bool gave_up;
};

struct renames *renames_new(const struct diff_side *new_side,
			    int (*fn)(const struct change *c, void *data, struct err *err),
			    void *data)
{
	struct renames *rn = xcalloc(1, sizeof(*rn));

	rn->new_side = new_side;
	rn->fn = fn;
	rn->data = data;
	buf_init_max(&rn->bytes, SIZE_MAX);
	return rn;
}

void renames_free(struct renames *rn)
{
	if (!rn)
		return;
	sys_free(rn->held);
	buf_release(&rn->bytes);
	sys_free(rn);
}

bool renames_gave_up(const struct renames *rn)
{
	return rn->gave_up;
}

/* -- holding -- */

static size_t keep(struct renames *rn, const void *p, size_t n)
{
	size_t at = rn->bytes.len;

	if (n > 0)
		buf_put(&rn->bytes, p, n);
	return at;
}

static void keep_entry(struct renames *rn, const struct tree_entry *e, struct held_entry *out)
{
	out->e = *e;
	out->name = keep(rn, e->name, e->name_len);
	out->data = keep(rn, e->data, e->content == CONTENT_INLINE ? (size_t)e->size : 0);
	out->attrs = keep(rn, e->attrs, e->attrs_len);
}

static void hold(struct renames *rn, const struct change *c)
{
	if (rn->nr == rn->alloc) {
		rn->alloc = rn->alloc ? 2 * rn->alloc : 64;
		rn->held = xrealloc(rn->held, rn->alloc * sizeof(*rn->held));
	}
	struct held *h = &rn->held[rn->nr++];
	memset(h, 0, sizeof(*h));
	h->status = c->status;
	h->difference = c->difference;
	h->path = keep(rn, c->path, c->path_len);
	h->path_len = c->path_len;
	buf_put_u8(&rn->bytes, '\0');
	h->has_old = c->old != NULL;
	h->has_new = c->new != NULL;
	if (c->old)
		keep_entry(rn, c->old, &h->old);
	if (c->new)
		keep_entry(rn, c->new, &h->new);
}

/* Once all are held nothing moves any more: places become pointers. */
static void settle_entry(struct renames *rn, struct held_entry *h)
{
	h->e.name = rn->bytes.data + h->name;
	h->e.data = h->e.content == CONTENT_INLINE ? rn->bytes.data + h->data : NULL;
	h->e.attrs = h->e.attrs_len > 0 ? rn->bytes.data + h->attrs : NULL;
}

static int give(struct renames *rn, const struct held *h, struct err *err)
{
	const char *bytes = buf_str(&rn->bytes);
	struct change c = { .status = h->status, .difference = h->difference,
			    .path = bytes + h->path, .path_len = h->path_len,
			    .old = h->has_old ? &h->old.e : NULL,
			    .new = h->has_new ? &h->new.e : NULL };

	if (h->is_gone)
		return 0;
	if (h->from) {
		c.status = CHANGE_RENAMED;
		c.old_path = bytes + h->from->path;
		c.old_path_len = h->from->path_len;
		c.old = &h->from->old.e;
		c.difference = entry_compare(c.old, c.new);
	}
	return rn->fn(&c, rn->data, err);
}

static int give_all(struct renames *rn, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rn->nr; i++)
		ret = give(rn, &rn->held[i], err);
	rn->nr = 0;
	buf_reset(&rn->bytes);
	return ret;
}

static void settle(struct renames *rn)
{
	for (size_t i = 0; i < rn->nr; i++) {
		settle_entry(rn, &rn->held[i].old);
		settle_entry(rn, &rn->held[i].new);
	}
}

int renames_take(const struct change *c, void *data, struct err *err)
{
	struct renames *rn = data;

	if (rn->gave_up)
		return rn->fn(c, rn->data, err);
	hold(rn, c);
	if (rn->nr < RENAMES_MAX && rn->bytes.len < RENAMES_BYTES_MAX)
		return 0;
	rn->gave_up = true;
	settle(rn);
	return give_all(rn, err);
}

/* -- pairing -- */

static bool make_candidate(struct held *h, const struct tree_entry *e, struct candidate *out)
{
	bool is_inline = e->content == CONTENT_INLINE;

	if (e->type != ENTRY_FILE || e->size == 0 || e->content == CONTENT_NONE)
		return false;
	out->key = is_inline ? e->data : e->id.b;
	out->key_len = is_inline ? (size_t)e->size : OID_SIZE;
	out->held = h;
	return true;
}

/* Inline content is no id, though it may look like one. */
static int cmp_content(const struct candidate *a, const struct tree_entry *a_entry,
		       const struct candidate *b, const struct tree_entry *b_entry)
{
	if (a_entry->content != b_entry->content)
		return a_entry->content < b_entry->content ? -1 : 1;
	return name_cmp(a->key, a->key_len, b->key, b->key_len);
}

static int cmp_deleted(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int c = cmp_content(x, &x->held->old.e, y, &y->held->old.e);

	if (c != 0)
		return c;
	return (x->held > y->held) - (x->held < y->held);	/* as they came */
}

static bool has_size(const struct candidate *list, size_t nr, uint64_t size)
{
	for (size_t i = 0; i < nr; i++)
		if (list[i].held->old.e.size == size)
			return true;
	return false;
}

static struct held *choose(const struct candidate *list, size_t nr, const struct candidate *want)
{
	const struct tree_entry *e = &want->held->new.e;
	struct held *first = NULL;
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (cmp_content(&list[mid], &list[mid].held->old.e, want, e) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < nr && cmp_content(&list[low], &list[low].held->old.e, want, e) == 0; low++) {
		struct held *h = list[low].held;
		if (h->is_gone)
			continue;
		if (name_cmp(h->old.e.name, h->old.e.name_len, e->name, e->name_len) == 0)
			return h;
		if (!first)
			first = h;
	}
	return first;
}

/* 0, also when it is not there any more; its content then stays unknown. */
static int resolve(struct renames *rn, struct held *h, const struct candidate *deleted, size_t nr,
		   struct err *err)
{
	struct tree_entry *e = &h->new.e;

	if (!rn->new_side || !rn->new_side->resolve || e->type != ENTRY_FILE ||
	    !entry_is_unresolved(e) || !has_size(deleted, nr, e->size))
		return 0;
	int ret = rn->new_side->resolve(rn->new_side->data, buf_str(&rn->bytes) + h->path,
					h->path_len, e, err);
	if (ret == 0 && e->content == CONTENT_INLINE) {
		memcpy(h->resolved, e->data, (size_t)e->size);
		e->data = h->resolved;
	}
	return ret < 0 ? ret : 0;
}

static int pair(struct renames *rn, struct err *err)
{
	struct candidate *deleted = xcalloc(rn->nr + 1, sizeof(*deleted)), want;
	size_t nr = 0;
	int ret = 0;

	for (size_t i = 0; i < rn->nr; i++)
		if (rn->held[i].status == CHANGE_DELETED &&
		    make_candidate(&rn->held[i], &rn->held[i].old.e, &deleted[nr]))
			nr++;
	qsort(deleted, nr, sizeof(*deleted), cmp_deleted);
	for (size_t i = 0; ret == 0 && nr > 0 && i < rn->nr; i++) {
		struct held *h = &rn->held[i], *from;
		if (h->status != CHANGE_ADDED)
			continue;
		ret = resolve(rn, h, deleted, nr, err);
		if (ret < 0 || !make_candidate(h, &h->new.e, &want))
			continue;
		from = choose(deleted, nr, &want);
		if (!from)
			continue;
		h->from = from;
		from->is_gone = true;
	}
	sys_free(deleted);
	return ret;
}

int renames_finish(struct renames *rn, struct err *err)
{
	if (rn->gave_up)
		return 0;
	settle(rn);
	int ret = pair(rn, err);
	return ret < 0 ? ret : give_all(rn, err);
}
