/*
 * Hard links of a snapshot, in the order of a walk: from its side lists, sorted by the paths that
 * follow.  Memory is bounded; what is more spills.
 */
#include <string.h>

#include "lib/sys.h"

#include "fs/archive-internal.h"

#define LINKS_MEMORY ((size_t)8 << 20)

struct archive_links {
	struct sorter *sorter;		/* path NUL leader */
	struct buf first, leader;	/* of the group at hand */
	const unsigned char *p;		/* the next one */
	size_t n, path_len;
	bool has_next, is_started;
	struct buf found;
	const char *top;
};

static size_t text_length(const unsigned char *p, size_t n)
{
	const unsigned char *end = memchr(p, 0, n);

	return end ? (size_t)(end - p) : n;
}

static int cmp_links(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	return path_walk_cmp(a, text_length(a, a_len), b, text_length(b, b_len));
}

/* The path as it is below `top`; NULL: it is not. */
static const unsigned char *below(const struct archive_links *l, const unsigned char *path,
				  size_t *n)
{
	size_t top = strlen(l->top);

	if (top == 0)
		return path;
	if (*n <= top + 1 || memcmp(path, l->top, top) != 0 || path[top] != '/')
		return NULL;
	*n -= top + 1;
	return path + top + 1;
}

static int add_path(struct archive_links *l, const unsigned char *path, size_t n, struct err *err)
{
	struct buf record = BUF_INIT;
	int ret;

	path = below(l, path, &n);
	if (!path)
		return 0;
	if (l->leader.len == 0) {
		buf_put(&l->leader, path, n);
		return 0;
	}
	if (n == l->leader.len && memcmp(path, l->leader.data, n) == 0)
		return 0;
	buf_put(&record, path, n);
	buf_put_u8(&record, 0);
	buf_put_buf(&record, &l->leader);
	ret = sorter_add(l->sorter, record.data, record.len, err);
	buf_release(&record);
	return ret;
}

static int add_row(struct archive_links *l, const struct note_row *row, struct err *err)
{
	const unsigned char *p = row->others, *path;
	size_t left = row->others_len, n;
	int ret = 0;

	/* Rows with one first path are one group. */
	if (l->first.len != row->path_len ||
	    memcmp(buf_str(&l->first), row->path, row->path_len) != 0) {
		buf_reset(&l->first);
		buf_reset(&l->leader);
		buf_put(&l->first, row->path, row->path_len);
	}
	ret = add_path(l, row->path, row->path_len, err);
	while (ret == 0 && note_other_next(&p, &left, &path, &n) > 0)
		ret = add_path(l, path, n, err);
	return ret;
}

static int add_note(struct archive_links *l, const struct object_source *src,
		    const struct oid *id, struct buf *raw, struct err *err)
{
	struct note_iter it;
	struct note_row row;
	struct note note;
	int ret = src->get(src->data, id, OBJ_NOTE, raw, err);

	if (ret == 0)
		ret = note_decode(&note, raw->data, raw->len, err);
	if (ret == 0)
		ret = note_check(&note, err);
	if (ret < 0)
		return ret;
	note_iter_init(&it, &note);
	while ((ret = note_iter_next(&it, &row, err)) > 0)
		if ((ret = add_row(l, &row, err)) < 0)
			break;
	return ret;
}

int archive_links_load(struct archive_links **out, const struct object_source *src,
		       const struct commit *c, const char *top, const char *dir, struct err *err)
{
	struct archive_links *l = xcalloc(1, sizeof(*l));
	struct buf raw = BUF_INIT;
	int ret = 0;

	l->sorter = sorter_new(dir, LINKS_MEMORY, cmp_links);
	buf_init_max(&l->first, SIZE_MAX);
	buf_init_max(&l->leader, SIZE_MAX);
	buf_init_max(&l->found, SIZE_MAX);
	l->top = top;
	for (size_t i = 0; ret == 0 && i < c->nr_notes; i++)
		if (c->notes[i].kind == NOTE_HARDLINKS)
			ret = add_note(l, src, &c->notes[i].id, &raw, err);
	buf_release(&raw);
	if (ret < 0) {
		archive_links_free(l);
		return err_wrap(err, "the hard links of the snapshot");
	}
	*out = l;
	return 0;
}

void archive_links_free(struct archive_links *l)
{
	if (!l)
		return;
	sorter_free(l->sorter);
	buf_release(&l->first);
	buf_release(&l->leader);
	buf_release(&l->found);
	sys_free(l);
}

static int next(struct archive_links *l, struct err *err)
{
	int ret = sorter_next(l->sorter, &l->p, &l->n, err);

	l->is_started = true;
	l->has_next = ret > 0;
	if (l->has_next)
		l->path_len = text_length(l->p, l->n);
	return ret < 0 ? ret : 0;
}

int archive_links_find(struct archive_links *l, const char *path, size_t n, const char **out,
		       struct err *err)
{
	int ret = l->is_started ? 0 : next(l, err);

	while (ret == 0 && l->has_next) {
		int c = path_walk_cmp(l->p, l->path_len, path, n);
		if (c > 0)
			return 0;
		if (c == 0) {
			buf_reset(&l->found);
			buf_put(&l->found, l->p + n + 1, l->n - n - 1);
			*out = buf_str(&l->found);
			return 1;
		}
		ret = next(l, err);
	}
	return ret;
}
