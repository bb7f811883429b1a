/*
 * The history of one path, from the batches of its folder and of those below it.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/object.h"

#include "fs/history-path.h"

void history_marks_release(struct history_marks *m)
{
	sys_free(m->v);
	*m = (struct history_marks)HISTORY_MARKS_INIT;
}

static void mark(struct history_marks *m, int64_t nr)
{
	if (nr >= m->nr) {
		int64_t more = 2 * nr + 64;
		m->v = xrealloc(m->v, (size_t)more * sizeof(*m->v));
		memset(m->v + m->nr, 0, (size_t)(more - m->nr) * sizeof(*m->v));
		m->nr = more;
	}
	if (nr > 0)
		m->v[nr] = true;
}

static int mark_below(int64_t commit_nr, void *data, struct err *err)
{
	(void)err;
	mark(data, commit_nr);
	return 0;
}

/* The index of a name in a batch, or -1. */
static int64_t find_name(const struct catalogue_batch *b, const char *name, size_t n)
{
	const char *p = b->names;

	for (uint32_t i = 0; i < b->count; i++) {
		size_t len = strlen(p);
		if (len == n && memcmp(p, name, n) == 0)
			return i;
		p += len + 1;
	}
	return -1;
}

struct named { const char *name; size_t n; struct history_marks *marks; };

static int mark_named(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct named *k = data;

	if (find_name(b, k->name, k->n) >= 0)
		mark(k->marks, b->commit_nr);
	return interrupt_check(err);
}

/* The folder that a path is in: 1, or 0: nothing was ever in it. */
static int find_folder(struct catalogue *c, const char *path, size_t n, int64_t *dir_out,
		       struct err *err)
{
	int ret = catalogue_dir_find(c, path, n, dir_out, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	return ret < 0 ? ret : 1;
}

int history_mark(struct catalogue *c, const char *path, struct history_marks *m, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct named k = { name, strlen(name), m };
	int64_t dir;
	int ret = find_folder(c, path, slash ? (size_t)(slash - path) : 0, &dir, err);

	if (ret == 1 && *name)
		ret = catalogue_each_batch_of(c, dir, mark_named, &k, err);
	if (ret >= 0)
		ret = find_folder(c, path, strlen(path), &dir, err);
	return ret == 1 ? catalogue_each_below(c, dir, mark_below, m, err) : ret;
}

/* -- where it came from -- */

struct origins {
	struct catalogue *c;
	const char *path, *name;
	size_t name_len;
	int64_t nr;			/* of the snapshot that added it */
	bool has_fact, wants_copies;
	struct catalogue_fact fact;
	int (*fn)(const char *origin, void *data, struct err *err);
	void *data;
};

static int find_added(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct origins *o = data;
	struct catalogue_fact *facts = NULL;
	int64_t i = b->commit_nr == o->nr ? find_name(b, o->name, o->name_len) : -1;

	if (i < 0)
		return b->commit_nr > o->nr;
	int ret = catalogue_facts(o->c, b->nr, b->count, &facts, err);
	if (ret == 0) {
		o->fact = facts[i];
		o->has_fact = true;
	}
	sys_free(facts);
	return ret < 0 ? ret : 1;
}

static int give(struct origins *o, const struct catalogue_batch *b, const char *name,
		struct err *err)
{
	struct buf path = BUF_INIT;
	int ret = catalogue_dir_path(o->c, b->dir, &path, err);

	if (ret == 0) {
		if (path.len > 0)
			buf_put_u8(&path, '/');
		buf_put_str(&path, name);
		ret = strcmp(buf_str(&path), o->path) == 0 ? 0 :
		      o->fn(buf_str(&path), o->data, err);
	}
	buf_release(&path);
	return ret;
}

/* Whatever had this content: what went in the same snapshot, or what came in an earlier one. */
static int find_same(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct origins *o = data;
	struct catalogue_fact *facts = NULL;
	const char *name = b->names;
	int ret = interrupt_check(err);

	if (ret < 0 || b->commit_nr > o->nr || (b->commit_nr == o->nr) == o->wants_copies)
		return ret < 0 ? ret : b->commit_nr > o->nr ? 2 : 0;
	ret = catalogue_facts(o->c, b->nr, b->count, &facts, err);
	for (uint32_t i = 0; i < b->count && ret == 0; i++, name += strlen(name) + 1)
		if (facts[i].type == ENTRY_FILE && oid_eq(&facts[i].id, &o->fact.id) &&
		    (facts[i].kind == CATALOGUE_DELETED) != o->wants_copies)
			ret = give(o, b, name, err);
	sys_free(facts);
	return ret;
}

int history_origins(struct catalogue *c, const char *path, int64_t nr,
		    int (*fn)(const char *origin, void *data, struct err *err), void *data,
		    struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct origins o = {
		.c = c, .path = path, .name = slash ? slash + 1 : path, .nr = nr, .fn = fn,
		.data = data,
	};
	int64_t dir;
	int ret = find_folder(c, path, slash ? (size_t)(slash - path) : 0, &dir, err);

	o.name_len = strlen(o.name);
	if (ret == 1)
		ret = catalogue_each_batch_of(c, dir, find_added, &o, err);
	/* An empty file comes from nowhere. */
	if (ret < 0 || !o.has_fact || o.fact.kind != CATALOGUE_ADDED ||
	    o.fact.type != ENTRY_FILE || o.fact.size == 0)
		return ret < 0 ? ret : 0;
	ret = catalogue_each_batch(c, find_same, &o, err);
	if (ret == 0 || ret == 2) {
		o.wants_copies = true;
		ret = catalogue_each_batch(c, find_same, &o, err);
	}
	return ret == 2 ? 0 : ret;
}
