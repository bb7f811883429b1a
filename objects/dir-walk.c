/*
 * Walking down from a directory.  The way down is kept on the heap: how deep a tree is, is for
 * whoever wrote it to say.
 */
#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/dir.h"

struct walk {
	const struct object_source *src;
	struct step { struct dir_reader *dir; size_t path_len; } *steps;
	size_t nr, alloc;
	struct buf path;
};

static int push(struct walk *w, const struct oid *id, struct err *err)
{
	if (w->nr == w->alloc) {
		w->alloc = w->alloc ? 2 * w->alloc : 16;
		w->steps = xrealloc(w->steps, w->alloc * sizeof(*w->steps));
	}
	struct step *s = &w->steps[w->nr];
	s->dir = NULL;
	int ret = dir_open(&s->dir, w->src, id, err);
	if (ret < 0)
		return w->nr > 0 ? err_wrap(err, "'%s'", buf_str(&w->path)) : ret;
	if (w->nr++ > 0)
		buf_put_u8(&w->path, '/');
	s->path_len = w->path.len;
	return 0;
}

/* Back to the directory above: "a/b/" becomes "a/", by the entry that comes next. */
static void pop(struct walk *w)
{
	dir_close(w->steps[--w->nr].dir);
}

int dir_walk(const struct object_source *src, const struct oid *id,
	     int (*fn)(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		       struct err *err), void *data, struct err *err)
{
	struct walk w = { .src = src, .path = BUF_INIT };
	struct tree_entry e;
	int ret = push(&w, id, err);

	while (ret == 0 && w.nr > 0) {
		struct step *s = &w.steps[w.nr - 1];

		ret = dir_next(s->dir, &e, err);
		if (ret == 0) {
			pop(&w);
			continue;
		}
		buf_truncate(&w.path, s->path_len);
		if (ret < 0) {
			if (s->path_len > 0)
				err_wrap(err, "'%s'", buf_str(&w.path));
			break;
		}
		if (s->path_len + e.name_len > PATH_LEN_MAX) {
			ret = err_set(err, ERR_FAILED, "a path is longer than %d bytes",
				      PATH_LEN_MAX);
			break;
		}
		buf_put(&w.path, e.name, e.name_len);
		ret = fn(buf_str(&w.path), w.path.len, &e, data, err);
		if (ret == 0 && e.type == ENTRY_DIR)
			ret = push(&w, &e.id, err);
		else if (ret == DIR_WALK_SKIP)
			ret = 0;
	}
	while (w.nr > 0)
		pop(&w);
	sys_free(w.steps);
	buf_release(&w.path);
	return ret;
}
