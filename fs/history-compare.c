/*
 * What differs between two snapshots of a line, as batches: a stack of the directories on the way
 * down, each with the names that were seen in it.
 *
 * Memory: of each directory on the way down, at most BATCH_NAMES of names and their facts.
 */
#include <string.h>

#include "lib/sys.h"
#include "objects/store-view.h"
#include "fs/difftree.h"

#include "fs/history-compare.h"

#define BATCH_NAMES ((size_t)16 << 10)
#define BATCH_COUNT 2048

struct level {
	size_t path_len;		/* of the directory's path, without a slash at its end */
	int64_t dir;			/* its id; 0: not asked for yet */
	uint32_t count;
	struct buf names, facts;
};

struct compare {
	struct catalogue *c;
	int64_t commit_nr;
	struct treetext_store text;
	struct buf path;		/* of the topmost level */
	struct level *levels;
	size_t nr, alloc;		/* levels up to `alloc` keep their buffers */
};

/* The id of the directory of level `i`, and of those above it. */
static int level_dir(struct compare *k, size_t i, struct err *err)
{
	struct level *l = &k->levels[i];

	if (l->dir != 0)
		return 0;
	int ret = level_dir(k, i - 1, err);
	if (ret < 0)
		return ret;
	const struct level *up = &k->levels[i - 1];
	size_t start = up->path_len + (up->path_len > 0);
	return catalogue_add_dir(k->c, up->dir, (const char *)k->path.data + start,
				 l->path_len - start, &l->dir, err);
}

static int flush(struct compare *k, size_t i, struct err *err)
{
	struct level *l = &k->levels[i];
	int ret = 0;

	if (l->count == 0)
		return 0;
	ret = level_dir(k, i, err);
	if (ret == 0)
		ret = catalogue_add_batch(k->c, l->dir, k->commit_nr, l->count, &l->names,
					  &l->facts, err);
	l->count = 0;
	buf_reset(&l->names);
	buf_reset(&l->facts);
	return ret;
}

static int pop(struct compare *k, struct err *err)
{
	int ret = flush(k, k->nr - 1, err);

	k->nr--;
	if (k->nr > 0)
		buf_truncate(&k->path, k->levels[k->nr - 1].path_len);
	return ret;
}

static void push(struct compare *k, const char *path, size_t path_len)
{
	if (k->nr == k->alloc) {
		k->alloc = k->alloc ? 2 * k->alloc : 16;
		k->levels = xrealloc(k->levels, k->alloc * sizeof(*k->levels));
		for (size_t i = k->nr; i < k->alloc; i++)
			k->levels[i] = (struct level){ .names = BUF_INIT, .facts = BUF_INIT };
	}
	struct level *l = &k->levels[k->nr];
	l->path_len = path_len;
	l->dir = k->nr == 0 ? CATALOGUE_ROOT : 0;
	k->nr++;
	buf_reset(&k->path);
	buf_put(&k->path, path, path_len);
}

/* Is the directory of the topmost level `path`, or above it? */
static bool is_above(const struct compare *k, const char *path, size_t path_len)
{
	size_t n = k->path.len;

	if (n == 0)
		return true;
	return path_len >= n && memcmp(path, k->path.data, n) == 0 &&
	       (path_len == n || path[n] == '/');
}

/* Make the directory `path` the topmost level. */
static int go_to(struct compare *k, const char *path, size_t path_len, struct err *err)
{
	int ret = 0;

	while (ret == 0 && !is_above(k, path, path_len))
		ret = pop(k, err);
	while (ret == 0 && k->path.len < path_len) {
		size_t start = k->path.len + (k->path.len > 0);
		const char *slash = memchr(path + start, '/', path_len - start);
		push(k, path, slash ? (size_t)(slash - path) : path_len);
	}
	return ret;
}

/* What makes it another version: a device's numbers are all that it has. */
static void take_id(const struct tree_entry *e, const struct treetext_store *text,
		    struct catalogue_fact *f)
{
	uint64_t major, minor;

	f->has_id = treetext_oid(e, text, &f->id);
	if (f->has_id || !tree_entry_device(e, &major, &minor))
		return;
	put_u64le(f->id.b, major);
	put_u64le(f->id.b + 8, minor);
}

static void put_fact(struct compare *k, struct level *l, const struct change *c)
{
	const struct tree_entry *e = c->new ? c->new : c->old;
	struct catalogue_fact f = {
		.kind = !c->new ? CATALOGUE_DELETED : !c->old ? CATALOGUE_ADDED : CATALOGUE_CHANGED,
		.type = (uint8_t)e->type, .mode = (uint16_t)e->mode, .size = e->size,
	};

	f.has_mtime = tree_entry_mtime(e, &f.mtime_s, &f.mtime_ns);
	take_id(e, &k->text, &f);
	buf_put(&l->names, e->name, e->name_len);
	buf_put_u8(&l->names, 0);
	catalogue_put_fact(&l->facts, &f);
	l->count++;
}

static int differs(const struct change *c, void *data, struct err *err)
{
	struct compare *k = data;
	const struct tree_entry *e = c->new ? c->new : c->old;
	size_t dir_len = c->path_len - e->name_len;
	int ret = go_to(k, c->path, dir_len > 0 ? dir_len - 1 : 0, err);

	if (ret < 0)
		return ret;
	struct level *l = &k->levels[k->nr - 1];
	put_fact(k, l, c);
	return l->names.len >= BATCH_NAMES || l->count >= BATCH_COUNT ? flush(k, k->nr - 1, err) :
									 0;
}

static int compare(struct catalogue *c, struct store *st, int64_t commit_nr,
		   const struct oid *old, const struct oid *new, struct err *err)
{
	struct compare k = { .c = c, .commit_nr = commit_nr, .path = BUF_INIT,
			     .text = store_treetext(st) };
	struct object_source source = store_source(st);

	push(&k, "", 0);
	int ret = difftree_ids(&source, old, new, NULL, differs, &k, err);
	while (ret == 0 && k.nr > 0)
		ret = pop(&k, err);
	for (size_t i = 0; i < k.alloc; i++) {
		buf_release(&k.levels[i].names);
		buf_release(&k.levels[i].facts);
	}
	sys_free(k.levels);
	buf_release(&k.path);
	return ret;
}

static int add(struct catalogue *c, struct store *st, const struct oid *id,
	       const struct commit *commit, struct err *err)
{
	struct catalogue_commit last, k = {
		.id = *id, .time_s = commit->time_s, .time_ns = commit->time_ns,
		.time_offset = commit->time_offset, .incomplete = commit->incomplete,
		.files = commit->files, .dirs = commit->dirs, .bytes = commit->bytes,
		.tree = commit->tree, .device = commit->device, .message = commit->message,
		.parents = commit->parents, .nr_parents = commit->nr_parents,
	};
	int ret = catalogue_line_end(c, commit->device, &last, err);

	if (ret < 0)
		return ret;
	struct oid before = { { 0 } };
	bool has_before = ret > 0;
	if (has_before) {
		before = last.tree;
		k.is_linear = commit->nr_parents > 0 && oid_eq(&commit->parents[0], &last.id);
	}
	ret = catalogue_add_commit(c, &k, err);
	if (ret == 0)
		ret = compare(c, st, k.nr, has_before ? &before : NULL, &commit->tree, err);
	return ret;
}

int history_add(struct catalogue *c, struct store *st, const struct oid *id, struct err *err)
{
	struct commit commit = COMMIT_INIT;
	struct catalogue_commit there;
	int ret = catalogue_commit_by_id(c, id, &there, err);

	if (ret != ERR_NOT_FOUND)
		return ret;
	err_clear(err);
	ret = store_read_commit(st, id, &commit, err);
	if (ret == 0)
		ret = add(c, st, id, &commit, err);
	commit_release(&commit);
	return ret;
}
