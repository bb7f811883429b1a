/*
 * The catalogue kept in step with the refs and the index: what they have and it lacks is added,
 * snapshots oldest first, all at once or not at all.  It never keeps anything else from being done.
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

	for (size_t i = m.nr; i > 0 && ret == 0; i--)
		ret = history_add(c, o->store, &m.ids[i - 1], err);
	sys_free(m.ids);
	return ret;
}

/* -- packs and runs -- */

/* The packs that the catalogue has and those of the index, both by id, in step. */
struct packs {
	struct catalogue *c;
	struct pack_id *had;
	size_t nr, alloc, next;
};

static int had_pack(const struct catalogue_pack *p, void *data, struct err *err)
{
	struct packs *k = data;

	(void)err;
	if (k->nr == k->alloc) {
		k->alloc = k->alloc ? 2 * k->alloc : 64;
		k->had = xrealloc(k->had, k->alloc * sizeof(*k->had));
	}
	k->had[k->nr++] = p->id;
	return 0;
}

/* Those before `until` are gone; NULL: all that are left. */
static int drop_packs(struct packs *k, const struct pack_id *until, struct err *err)
{
	int ret = 0;

	while (ret == 0 && k->next < k->nr &&
	       (!until || memcmp(k->had[k->next].b, until->b, sizeof(until->b)) < 0))
		ret = catalogue_drop_pack(k->c, &k->had[k->next++], err);
	return ret;
}

static int has_pack(const struct index_pack *p, void *data, struct err *err)
{
	const struct catalogue_pack new = {
		.id = p->id, .kind = p->kind, .size = p->size, .objects = p->objects,
	};
	struct packs *k = data;
	int ret = drop_packs(k, &p->id, err);

	if (ret == 0 && k->next < k->nr &&
	    memcmp(k->had[k->next].b, p->id.b, sizeof(p->id.b)) == 0) {
		k->next++;
		return 0;
	}
	return ret == 0 ? catalogue_add_pack(k->c, &new, err) : ret;
}

static int catch_up_packs(struct catalogue *c, const struct history_options *o, struct err *err)
{
	struct packs k = { .c = c };
	int ret = catalogue_each_pack(c, had_pack, &k, err);

	if (ret == 0)
		ret = index_each_pack(store_index(o->store), has_pack, &k, err);
	if (ret == 0)
		ret = drop_packs(&k, NULL, err);
	sys_free(k.had);
	return ret;
}

static int add_news(struct catalogue *c, const struct history_news *news, struct err *err)
{
	int ret = catalogue_add_run(c, &news->run, err);

	for (size_t i = 0; ret == 0 && i < news->nr; i++)
		ret = catalogue_note_reading(c, &news->readings[i], news->run.time_s, err);
	return ret;
}

enum { NO_SNAPSHOTS = 1u << 16 };	/* beside CATALOGUE_* */

/* All of it or nothing. */
static int bring_up(struct catalogue *c, const struct history_options *o, unsigned int flags,
		    struct err *err)
{
	int ret = catalogue_begin(c, err);

	if (ret < 0)
		return ret;
	if (!(flags & NO_SNAPSHOTS))
		ret = catch_up(c, o, err);
	if (ret == 0)
		ret = catch_up_packs(c, o, err);
	if (ret == 0 && o->news)
		ret = add_news(c, o->news, err);
	if (ret == 0)
		ret = catalogue_commit(c, err);
	if (ret < 0)
		catalogue_abort(c);
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
		ret = bring_up(c, o, flags, err);
	sys_free(path);
	if (ret < 0)
		catalogue_close(c);
	else
		*out = c;
	return ret;
}

/* For writing, whole and in step. */
static int open_whole(struct catalogue **out, const struct history_options *o,
		      unsigned int flags, struct err *err)
{
	int ret = open_and_fill(out, o, flags, err);

	if (ret != ERR_CORRUPT)
		return ret;
	if (o->say) {
		char *what = xasprintf("%s: the catalogue is made again", err->msg);
		o->say(what, o->data);
		sys_free(what);
	}
	err_clear(err);
	return open_and_fill(out, o, CATALOGUE_NEW | flags, err);
}

int history_open_notes(struct catalogue **out, const struct history_options *o, struct err *err)
{
	char *path = history_path(o->store);
	int ret = catalogue_open(out, path, store_keys(o->store), 0, o->wait_ms, err);

	sys_free(path);
	return ret;
}

void history_open_as_is(struct catalogue **out, const struct history_options *o)
{
	struct err ignored = ERR_INIT;
	bool complete = false;

	*out = NULL;
	if (history_open_notes(out, o, &ignored) == 0 &&
	    (is_complete(*out, o, &complete, &ignored) < 0 || !complete)) {
		catalogue_close(*out);
		*out = NULL;
	}
}

int history_open(struct catalogue **out, const struct history_options *o, struct err *err)
{
	struct catalogue *c = NULL;
	int ret = 0;

	history_open_as_is(&c, o);
	if (!c) {
		ret = open_whole(&c, o, 0, err);
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
	int ret = open_whole(&c, o, 0, err);

	catalogue_close(c);
	return ret;
}

int history_note(const struct history_options *o, struct err *err)
{
	struct catalogue *c = NULL;
	int ret = open_whole(&c, o, NO_SNAPSHOTS, err);

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
