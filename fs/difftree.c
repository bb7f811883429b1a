/*
 * Walking two sides in step.  Each frame of the stack is one directory, open on one side or on
 * both, with an entry of each in hand; the smaller name goes first, equal names are a pair.
 *
 * Knows nothing of what is made of a change: names are paired by fs/renames.c, printed elsewhere.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/interrupt.h"
#include "lib/sys.h"

#include "fs/difftree.h"

/* -- entries -- */

bool entry_is_unresolved(const struct tree_entry *e)
{
	return e->content == CONTENT_NONE &&
	       (e->type == ENTRY_DIR || (e->type == ENTRY_FILE && e->size > 0));
}

static bool is_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool is_same_content(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->content != b->content || a->size != b->size)
		return false;
	if (a->content == CONTENT_INLINE)
		return is_same_bytes(a->data, (size_t)a->size, b->data, (size_t)b->size);
	return a->content == CONTENT_NONE || oid_eq(&a->id, &b->id);
}

static unsigned int attr_difference(uint64_t tag)
{
	switch (tag) {
	case ATTR_MTIME:
		return ENTRY_DIFFERS_MTIME;
	case ATTR_TARGET:
	case ATTR_DEVICE:
		return ENTRY_DIFFERS_CONTENT;
	default:
		return ENTRY_DIFFERS_OTHER;
	}
}

/* Fields rise in both: what stands on one side only differs, and what has another value. */
static unsigned int compare_attrs(const struct tree_entry *a, const struct tree_entry *b)
{
	const unsigned char *p = a->attrs, *q = b->attrs, *v = NULL, *w = NULL;
	size_t p_left = a->attrs_len, q_left = b->attrs_len, v_len = 0, w_len = 0;
	struct err ignored = ERR_INIT;		/* both were checked when they were read */
	uint64_t s = 0, t = 0;
	unsigned int bits = 0;

	if (is_same_bytes(p, p_left, q, q_left))
		return 0;
	bool has_a = attr_next(&p, &p_left, &s, &v, &v_len, &ignored) > 0;
	bool has_b = attr_next(&q, &q_left, &t, &w, &w_len, &ignored) > 0;
	while (has_a || has_b) {
		bool take_a = has_a && (!has_b || s <= t), take_b = has_b && (!has_a || t <= s);

		if (!take_a || !take_b || !is_same_bytes(v, v_len, w, w_len))
			bits |= attr_difference(take_a ? s : t);
		if (take_a)
			has_a = attr_next(&p, &p_left, &s, &v, &v_len, &ignored) > 0;
		if (take_b)
			has_b = attr_next(&q, &q_left, &t, &w, &w_len, &ignored) > 0;
	}
	return bits;
}

unsigned int entry_compare(const struct tree_entry *a, const struct tree_entry *b)
{
	unsigned int bits = compare_attrs(a, b);

	if (a->type != b->type)
		bits |= ENTRY_DIFFERS_TYPE;
	if (a->mode != b->mode)
		bits |= ENTRY_DIFFERS_MODE;
	if (!is_same_content(a, b))
		bits |= ENTRY_DIFFERS_CONTENT;
	return bits;
}

/* -- a tree of the store as a side -- */

static int tree_open(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		     void **dir_out, struct err *err)
{
	const struct tree_side *side = data;
	struct dir_reader *d = NULL;
	int ret = dir_open(&d, side->source, e ? &e->id : side->root, err);

	*dir_out = d;
	if (ret < 0 && path_len > 0)
		err_wrap(err, "'%s'", path);
	return ret;
}

static int tree_next(void *data, void *dir, struct tree_entry *out, struct err *err)
{
	(void)data;
	return dir_next(dir, out, err);
}

static void tree_close(void *data, void *dir)
{
	(void)data;
	dir_close(dir);
}

static int tree_skip_same(void *data, void *dir, void *other, struct err *err)
{
	(void)data;
	return dir_skip_same(dir, other, err);
}

struct diff_side diff_side_tree(struct tree_side *side)
{
	return (struct diff_side){ .open = tree_open, .next = tree_next, .close = tree_close,
				   .skip_same = tree_skip_same, .data = side };
}

/* -- the walk -- */

struct hand {			/* one side of a frame */
	void *dir;		/* NULL: it is not there on this side */
	struct tree_entry e;
	bool is_full;		/* `e` holds an entry */
	bool is_ended;
};

struct frame {
	struct hand hand[2];
	size_t path_len;	/* of the path to it, with the slash */
	/* Only its mtime differs; whether anything below does is seen at the end. */
	bool is_waiting;
	unsigned int difference;
	uint64_t reported_before;
};

struct walk {
	const struct diff_side *side[2];
	const struct path_set *paths;
	int (*fn)(const struct change *c, void *data, struct err *err);
	void *data;
	struct frame *frames;
	size_t nr, alloc;
	struct buf path;
	uint64_t reported;
};

static int report(struct walk *w, enum change_status status, size_t path_len,
		  const struct tree_entry *old, const struct tree_entry *new,
		  unsigned int difference, struct err *err)
{
	const struct change c = { .status = status, .path = buf_str(&w->path),
				  .path_len = path_len, .old = old, .new = new,
				  .difference = difference };

	w->reported++;
	return w->fn(&c, w->data, err);
}

/* Go down; `e[i]` NULL: not there on that side (at the root: it has no entry). */
static int push(struct walk *w, const struct tree_entry *const e[2], const bool is_there[2],
		struct err *err)
{
	int ret = 0;

	if (w->nr == w->alloc) {
		w->alloc = w->alloc ? 2 * w->alloc : 16;
		w->frames = xrealloc(w->frames, w->alloc * sizeof(*w->frames));
	}
	struct frame *f = &w->frames[w->nr++];
	memset(f, 0, sizeof(*f));
	for (int i = 0; ret == 0 && i < 2; i++)
		if (is_there[i])
			ret = w->side[i]->open(w->side[i]->data, buf_str(&w->path), w->path.len,
					       e[i], &f->hand[i].dir, err);
	if (w->path.len > 0)
		buf_put_u8(&w->path, '/');
	f->path_len = w->path.len;
	f->reported_before = w->reported;
	return ret;
}

static int pop(struct walk *w, struct err *err)
{
	struct frame *f = &w->frames[--w->nr];
	int ret = 0;

	for (int i = 0; i < 2; i++)
		if (f->hand[i].dir)
			w->side[i]->close(w->side[i]->data, f->hand[i].dir);
	if (f->is_waiting && f->reported_before == w->reported) {
		/* The frame above still has both entries in hand. */
		struct frame *up = &w->frames[w->nr - 1];
		buf_truncate(&w->path, f->path_len - 1);
		ret = report(w, CHANGE_META, w->path.len, &up->hand[0].e, &up->hand[1].e,
			     f->difference, err);
	}
	return ret;
}

static int push_pair(struct walk *w, const struct tree_entry *a, const struct tree_entry *b,
		     struct err *err)
{
	const struct tree_entry *const e[2] = { a, b };
	const bool is_there[2] = { a && a->type == ENTRY_DIR, b && b->type == ENTRY_DIR };

	return is_there[0] || is_there[1] ? push(w, e, is_there, err) : 0;
}

/* A directory on both sides. */
static int meet_dirs(struct walk *w, bool is_wanted, const struct tree_entry *a,
		     const struct tree_entry *b, struct err *err)
{
	bool unknown = entry_is_unresolved(a) || entry_is_unresolved(b);
	unsigned int bits = entry_compare(a, b), mtime = bits & ENTRY_DIFFERS_MTIME;
	unsigned int own = bits & ~(unsigned int)(ENTRY_DIFFERS_MTIME | ENTRY_DIFFERS_CONTENT);
	bool descend = unknown || bits & ENTRY_DIFFERS_CONTENT;
	int ret = 0;

	if (unknown)
		bits = own | mtime;
	if (is_wanted && (own || (mtime && !descend)))
		ret = report(w, CHANGE_META, w->path.len, a, b, bits, err);
	if (ret != 0 || !descend)
		return ret;
	ret = push_pair(w, a, b, err);
	if (ret == 0 && is_wanted && unknown && mtime && !own) {
		w->frames[w->nr - 1].is_waiting = true;
		w->frames[w->nr - 1].difference = bits;
	}
	return ret;
}

/* Find out the content of whichever does not say it: 0; 1: it is gone. */
static int resolve(struct walk *w, int side, struct tree_entry *e, struct err *err)
{
	const struct diff_side *s = w->side[side];

	if (!entry_is_unresolved(e))
		return 0;
	if (!s->resolve)
		BUG("a side gives '%s' without its content", buf_str(&w->path));
	return s->resolve(s->data, buf_str(&w->path), w->path.len, e, err);
}

/* Two entries of one name that are not both directories. */
static int meet_files(struct walk *w, struct tree_entry *a, struct tree_entry *b, struct err *err)
{
	if (a->type == ENTRY_FILE && b->type == ENTRY_FILE && a->size == b->size) {
		int gone[2];
		for (int i = 0; i < 2; i++) {
			gone[i] = resolve(w, i, i == 0 ? a : b, err);
			if (gone[i] < 0)
				return gone[i];
		}
		if (gone[0] && gone[1])
			return 0;
		if (gone[0])
			return report(w, CHANGE_ADDED, w->path.len, NULL, b, 0, err);
		if (gone[1])
			return report(w, CHANGE_DELETED, w->path.len, a, NULL, 0, err);
	}
	unsigned int bits = entry_compare(a, b);
	if (bits == 0)
		return 0;
	return report(w, bits & ENTRY_DIFFERS_TYPE ? CHANGE_TYPE :
		      bits & ENTRY_DIFFERS_CONTENT ? CHANGE_CONTENT : CHANGE_META,
		      w->path.len, a, b, bits, err);
}

/* What stands at w->path: `a` or `b` may be NULL. */
static int meet(struct walk *w, struct tree_entry *a, struct tree_entry *b, struct err *err)
{
	enum path_match match = !w->paths ? PATH_IN :
		path_set_match(w->paths, buf_str(&w->path), w->path.len);
	int ret = 0;

	if (match == PATH_OUT)
		return 0;
	if (a && b && a->type == ENTRY_DIR && b->type == ENTRY_DIR)
		return meet_dirs(w, match == PATH_IN, a, b, err);
	if (match == PATH_IN) {
		if (a && b)
			ret = meet_files(w, a, b, err);
		else
			ret = report(w, a ? CHANGE_DELETED : CHANGE_ADDED, w->path.len, a, b, 0,
				     err);
	}
	return ret != 0 ? ret : push_pair(w, a, b, err);
}

static int fill(struct walk *w, struct frame *f, struct err *err)
{
	struct hand *h = f->hand;

	if (h[0].dir && h[1].dir && !h[0].is_full && !h[1].is_full &&
	    w->side[0]->skip_same && w->side[0]->skip_same == w->side[1]->skip_same) {
		int ret = w->side[0]->skip_same(w->side[0]->data, h[0].dir, h[1].dir, err);
		if (ret < 0)
			return ret;
	}
	for (int i = 0; i < 2; i++) {
		if (!h[i].dir || h[i].is_full || h[i].is_ended)
			continue;
		int ret = w->side[i]->next(w->side[i]->data, h[i].dir, &h[i].e, err);
		if (ret < 0)
			return ret;
		h[i].is_full = ret > 0;
		h[i].is_ended = ret == 0;
	}
	return 0;
}

/* The next name of the topmost directory: 0; or down into it; or up, when there is none. */
static int step(struct walk *w, struct err *err)
{
	struct frame *f = &w->frames[w->nr - 1];
	struct hand *h = f->hand;

	buf_truncate(&w->path, f->path_len);
	int ret = fill(w, f, err);
	if (ret < 0)
		return f->path_len > 0 ? err_wrap(err, "'%s'", buf_str(&w->path)) : ret;
	if (!h[0].is_full && !h[1].is_full)
		return pop(w, err);
	int order = !h[0].is_full ? 1 : !h[1].is_full ? -1 :
		name_cmp(h[0].e.name, h[0].e.name_len, h[1].e.name, h[1].e.name_len);
	/* Copies, since going down moves the frames; what they borrow stays. */
	struct tree_entry pair[2] = { h[0].e, h[1].e };
	struct tree_entry *a = order <= 0 ? &pair[0] : NULL, *b = order >= 0 ? &pair[1] : NULL;
	const struct tree_entry *named = a ? a : b;
	if (f->path_len + named->name_len > PATH_LEN_MAX)
		return err_set(err, ERR_FAILED, "a path is longer than %d bytes", PATH_LEN_MAX);
	buf_put(&w->path, named->name, named->name_len);
	h[0].is_full = h[0].is_full && !a;
	h[1].is_full = h[1].is_full && !b;
	ret = interrupt_check(err);
	return ret < 0 ? ret : meet(w, a, b, err);
}

int difftree(const struct diff_side *old, const struct diff_side *new, const struct path_set *paths,
	     int (*fn)(const struct change *c, void *data, struct err *err), void *data,
	     struct err *err)
{
	struct walk w = { .side = { old, new }, .paths = paths, .fn = fn, .data = data,
			  .path = BUF_INIT };
	const struct tree_entry *const none[2] = { NULL, NULL };
	const bool is_there[2] = { old != NULL, new != NULL };
	struct err ignored = ERR_INIT;
	int ret = push(&w, none, is_there, err);

	while (ret == 0 && w.nr > 0)
		ret = step(&w, err);
	while (w.nr > 0) {
		w.frames[w.nr - 1].is_waiting = false;
		pop(&w, &ignored);
	}
	sys_free(w.frames);
	buf_release(&w.path);
	return ret;
}

int difftree_ids(const struct object_source *source, const struct oid *old, const struct oid *new,
		 const struct path_set *paths,
		 int (*fn)(const struct change *c, void *data, struct err *err), void *data,
		 struct err *err)
{
	struct tree_side trees[2] = { { source, old }, { source, new } };
	struct diff_side sides[2] = { diff_side_tree(&trees[0]), diff_side_tree(&trees[1]) };

	if (old && new && oid_eq(old, new))
		return 0;
	return difftree(old ? &sides[0] : NULL, new ? &sides[1] : NULL, paths, fn, data, err);
}
