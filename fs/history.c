/*
 * The catalogue kept in step with the refs: what they reach and it lacks is added, oldest first,
 * all at once or not at all.  It never keeps anything else from being done.
 */
#include <string.h>

#include "lib/path.h"
#include "lib/sys.h"
#include "refs/rev.h"
#include "refs/revlist.h"
#include "fs/history-compare.h"

#include "fs/history.h"

char *history_path(struct store *st)
{
	return path_join(store_index_dir(st), "catalogue");
}

/* -- which snapshots it lacks -- */

struct missing {
	struct catalogue *c;
	struct revlist *rl;
	bool has_any;			/* a ref names one that is not there */
	struct oid *ids;		/* newest first */
	size_t nr, alloc;
};

static int add_snapshot(struct missing *m, const struct oid *id, struct err *err)
{
	struct rev rev = REV_INIT;
	struct catalogue_commit k;
	int ret = catalogue_commit_by_id(m->c, id, &k, err);

	if (ret < 0 && ret != ERR_NOT_FOUND)
		return ret;
	err_clear(err);
	m->has_any |= ret < 0;
	if (!m->rl)
		return 0;
	rev.id = rev.commit = *id;
	rev.type = OBJ_COMMIT;
	/* What is there, its parents are as well. */
	return revlist_add(m->rl, &rev, ret == 0, err);
}

static int add_tip(const struct ref *ref, void *data, struct err *err)
{
	return add_snapshot(data, &ref->commit, err);
}

static int add_tips(struct missing *m, const struct history_options *o, struct err *err)
{
	int ret = refs_each(o->refs, add_tip, m, err);

	return ret == 0 && o->also ? add_snapshot(m, o->also, err) : ret;
}

static int take(const struct revlist_item *item, void *data, struct err *err)
{
	struct missing *m = data;

	(void)err;
	if (item->type != OBJ_COMMIT)
		return 0;
	if (m->nr == m->alloc) {
		m->alloc = m->alloc ? 2 * m->alloc : 64;
		m->ids = xrealloc(m->ids, m->alloc * sizeof(*m->ids));
	}
	m->ids[m->nr++] = *item->id;
	return 0;
}

/* A snapshot that is lost is for `ub fsck` to tell. */
static int pass_over(const struct revlist_item *item, void *data, struct err *err)
{
	(void)item;
	(void)data;
	(void)err;
	return 0;
}

static int is_complete(struct catalogue *c, const struct history_options *o, bool *out,
		       struct err *err)
{
	struct missing m = { .c = c };
	int ret = add_tips(&m, o, err);

	*out = !m.has_any;
	return ret;
}

static int find_missing(const struct history_options *o, struct missing *m, struct err *err)
{
	int ret = revlist_new(&m->rl, o->store, err);

	if (ret < 0)
		return ret;
	revlist_on_missing(m->rl, pass_over, NULL);
	ret = add_tips(m, o, err);
	if (ret == 0 && m->has_any)
		ret = revlist_run(m->rl, false, take, m, err);
	revlist_free(m->rl);
	return ret;
}

static int catch_up(struct catalogue *c, const struct history_options *o, struct err *err)
{
	struct missing m = { .c = c };
	int ret = find_missing(o, &m, err);

	if (ret == 0 && m.nr > 0) {
		ret = catalogue_begin(c, err);
		for (size_t i = m.nr; i > 0 && ret == 0; i--)
			ret = history_add(c, o->store, &m.ids[i - 1], err);
		if (ret == 0)
			ret = catalogue_commit(c, err);
		if (ret < 0)
			catalogue_abort(c);
	}
	sys_free(m.ids);
	return ret;
}

/* -- opening -- */

static int open_and_fill(struct catalogue **out, const struct history_options *o,
			 unsigned int flags, struct err *err)
{
	struct catalogue *c = NULL;
	char *path = history_path(o->store);
	int ret = catalogue_open(&c, path, store_keys(o->store), CATALOGUE_WRITE | flags,
				 o->wait_ms, err);

	if (ret == 0)
		ret = catch_up(c, o, err);
	sys_free(path);
	if (ret < 0)
		catalogue_close(c);
	else
		*out = c;
	return ret;
}

/* For writing, whole and in step. */
static int open_whole(struct catalogue **out, const struct history_options *o, struct err *err)
{
	int ret = open_and_fill(out, o, 0, err);

	if (ret != ERR_CORRUPT)
		return ret;
	if (o->say) {
		char *what = xasprintf("%s: the catalogue is made again", err->msg);
		o->say(what, o->data);
		sys_free(what);
	}
	err_clear(err);
	return open_and_fill(out, o, CATALOGUE_NEW, err);
}

void history_open_as_is(struct catalogue **out, const struct history_options *o)
{
	char *path = history_path(o->store);
	struct err ignored = ERR_INIT;
	bool complete = false;

	*out = NULL;
	if (catalogue_open(out, path, store_keys(o->store), 0, o->wait_ms, &ignored) == 0 &&
	    (is_complete(*out, o, &complete, &ignored) < 0 || !complete)) {
		catalogue_close(*out);
		*out = NULL;
	}
	sys_free(path);
}

int history_open(struct catalogue **out, const struct history_options *o, struct err *err)
{
	struct catalogue *c = NULL;
	int ret = 0;

	history_open_as_is(&c, o);
	if (!c) {
		ret = open_whole(&c, o, err);
		if (ret == 0)
			ret = catalogue_keep_reading(c, err);
	}
	if (ret < 0) {
		catalogue_close(c);
		return ret;
	}
	*out = c;
	return 0;
}

int history_open_in_memory(struct catalogue **out, const struct history_options *o,
			   struct err *err)
{
	return open_and_fill(out, o, CATALOGUE_IN_MEMORY, err);
}

int history_update(const struct history_options *o, struct err *err)
{
	struct catalogue *c = NULL;
	int ret = open_whole(&c, o, err);

	catalogue_close(c);
	return ret;
}

int history_rebuild(const struct history_options *o, struct err *err)
{
	struct catalogue *c = NULL;
	int ret = open_and_fill(&c, o, CATALOGUE_NEW, err);

	catalogue_close(c);
	return ret;
}
