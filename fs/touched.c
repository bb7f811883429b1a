/*
 * A path's changes are in the batches of its parent; those below it in the batches of the folders
 * there.  Of a few folders these are asked for, of many all rows are passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"

#include "fs/touched.h"

#define FEW 16

struct marking {
	const struct timeline *t;
	bool *touched;
	const char *name;		/* only this one of a batch; NULL: any */
	size_t name_len;
	int64_t *dirs;			/* the folders at the path and below */
	size_t nr, alloc;
};

static int mark(struct marking *m, int64_t commit_nr, struct err *err)
{
	const struct timeline_slot *slot = timeline_slot_of(m->t, commit_nr);

	if (!slot)
		return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
	m->touched[slot - m->t->v] = true;
	return 0;
}

static bool has_name(const struct marking *m, const struct catalogue_batch *b)
{
	const char *p = b->names, *end = p + b->names_size;

	while (p < end) {
		size_t n = strlen(p);	/* the last byte is NUL */
		if (n == m->name_len && memcmp(p, m->name, n) == 0)
			return true;
		p += n + 1;
	}
	return false;
}

static int look_at_batch(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct marking *m = data;

	return !m->name || has_name(m, b) ? mark(m, b->commit_nr, err) : 0;
}

/* -- folders -- */

static int add_dir(int64_t dir, const char *name, size_t name_len, void *data, struct err *err)
{
	struct marking *m = data;

	(void)name;
	(void)name_len;
	if (m->nr == m->alloc) {
		m->alloc = m->alloc ? 2 * m->alloc : 64;
		m->dirs = xrealloc(m->dirs, m->alloc * sizeof(*m->dirs));
	}
	m->dirs[m->nr++] = dir;
	return interrupt_check(err);
}

static int cmp_dir(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int look_at_row(struct catalogue_row *r, void *data, struct err *err)
{
	struct marking *m = data;
	struct catalogue_batch b;
	int ret;

	while ((ret = catalogue_next_batch(r, &b, err)) == 1)
		if (bsearch(&b.dir, m->dirs, m->nr, sizeof(*m->dirs), cmp_dir))
			return mark(m, r->commit_nr, err);
	return ret;
}

static int mark_below(struct catalogue *c, struct marking *m, const char *path, struct err *err)
{
	int64_t dir;
	int ret = catalogue_dir_find(c, path, strlen(path), &dir, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (ret == 0)
		ret = add_dir(dir, NULL, 0, m, err);
	for (size_t i = 0; i < m->nr && ret == 0; i++)
		ret = catalogue_each_subdir(c, m->dirs[i], add_dir, m, err);
	if (ret < 0)
		return ret;
	m->name = NULL;
	if (m->nr > FEW) {
		qsort(m->dirs, m->nr, sizeof(*m->dirs), cmp_dir);
		return catalogue_each_row(c, look_at_row, m, err);
	}
	for (size_t i = 0; i < m->nr && ret == 0; i++)
		ret = catalogue_each_batch_of(c, m->dirs[i], look_at_batch, m, err);
	return ret;
}

static int mark_itself(struct catalogue *c, struct marking *m, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	int64_t dir;
	int ret = catalogue_dir_find(c, path, slash ? (size_t)(slash - path) : 0, &dir, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	m->name = slash ? slash + 1 : path;
	m->name_len = strlen(m->name);
	return ret < 0 ? ret : catalogue_each_batch_of(c, dir, look_at_batch, m, err);
}

int touched_mark(struct catalogue *c, const struct timeline *t, const char *path, bool *touched,
		 struct err *err)
{
	struct marking m = { .t = t, .touched = touched };
	int ret = mark_itself(c, &m, path, err);

	if (ret == 0)
		ret = mark_below(c, &m, path, err);
	sys_free(m.dirs);
	return ret;
}
