/*
 * By content, to an earlier path: among what went away in the same snapshot, and among all that
 * the snapshot before had.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "fs/difftree.h"

#include "fs/follow.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_empty(const struct tree_entry *e)
{
	return e->type == ENTRY_DIR ? e->content == CONTENT_NONE : e->size == 0;
}

/* -- moved -- */

struct moved {
	const struct tree_entry *wanted;
	const char *base;
	struct buf *out;
	size_t start;
	bool found;
};

static int look_at_change(const struct change *c, void *data, struct err *err)
{
	struct moved *m = data;
	int ret = interrupt_check(err);

	if (ret < 0 || !c->old || c->new)
		return ret;
	if (entry_compare(c->old, m->wanted) & (ENTRY_DIFFERS_TYPE | ENTRY_DIFFERS_CONTENT))
		return 0;
	bool is_same_name = c->old->name_len == strlen(m->base) &&
		memcmp(c->old->name, m->base, c->old->name_len) == 0;
	if (m->found && !is_same_name)
		return 0;
	buf_truncate(m->out, m->start);
	buf_put(m->out, c->path, c->path_len);
	m->found = true;
	return is_same_name;
}

int follow_moved(const struct object_source *source, const struct oid *old, const struct oid *new,
		 const char *path, const struct tree_entry *e, struct buf *out, struct err *err)
{
	struct moved m = { e, base_name(path), out, out->len, false };

	if (is_empty(e))
		return 0;
	int ret = difftree_ids(source, old, new, NULL, look_at_change, &m, err);
	return ret < 0 ? ret : m.found;
}

/* -- copied -- */

/* A place that had the content once. */
struct place { int64_t dir; struct buf name; };

#define PLACES_MAX 1000		/* of content that is everywhere some are enough */

struct copied {
	struct catalogue *c;
	const struct timeline *t;
	const struct timeline_slot *at;
	struct catalogue_fact wanted;
	struct place *places;
	size_t nr, alloc;
	/* Of the place that is looked at: what stood there last. */
	struct place *place;
	struct catalogue_fact last;
	bool has_last;
};

static bool is_wanted(const struct copied *k, const struct catalogue_fact *f)
{
	return f->kind != CATALOGUE_DELETED && f->type == k->wanted.type &&
	       oid_eq(&f->id, &k->wanted.id);
}

static void add_place(struct copied *k, int64_t dir, const char *name)
{
	if (k->nr == PLACES_MAX)
		return;
	if (k->nr == k->alloc) {
		k->alloc = k->alloc ? 2 * k->alloc : 8;
		k->places = xrealloc(k->places, k->alloc * sizeof(*k->places));
	}
	struct place *p = &k->places[k->nr++];
	*p = (struct place){ dir, BUF_INIT };
	buf_put_str(&p->name, name);
}

static bool is_until(const struct copied *k, int64_t commit_nr)
{
	const struct timeline_slot *slot = timeline_slot_of(k->t, commit_nr);

	return slot && slot->line == k->at->line && slot <= k->at;
}

/* The names of a batch, one by one, each with its fact. */
static int each_name(struct copied *k, const struct catalogue_batch *b,
		     void (*fn)(struct copied *k, int64_t dir, const char *name,
				const struct catalogue_fact *f), struct err *err)
{
	const char *name = b->names, *end = b->names + b->names_size;
	struct catalogue_fact *facts = NULL;
	int ret = catalogue_facts(k->c, b, &facts, err);

	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < b->count && name < end; i++) {
		fn(k, b->dir, name, &facts[i]);
		name += strlen(name) + 1;
	}
	sys_free(facts);
	return interrupt_check(err);
}

static void note_place(struct copied *k, int64_t dir, const char *name,
		       const struct catalogue_fact *f)
{
	if (is_wanted(k, f))
		add_place(k, dir, name);
}

static int look_for_places(struct catalogue_row *r, void *data, struct err *err)
{
	struct copied *k = data;
	struct catalogue_batch b;
	int ret;

	if (!is_until(k, r->commit_nr))
		return 0;
	while ((ret = catalogue_next_batch(r, &b, err)) == 1) {
		ret = each_name(k, &b, note_place, err);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static void note_last(struct copied *k, int64_t dir, const char *name,
		      const struct catalogue_fact *f)
{
	(void)dir;
	if (strcmp(name, buf_str(&k->place->name)) != 0)
		return;
	k->last = *f;
	k->has_last = true;
}

static int look_for_last(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct copied *k = data;

	return is_until(k, b->commit_nr) ? each_name(k, b, note_last, err) : 0;
}

/* Does snapshot `at` have it at `p`, still?  1, 0, negative. */
static int is_there(struct copied *k, struct place *p, struct err *err)
{
	k->place = p;
	k->has_last = false;
	int ret = catalogue_each_batch_of(k->c, p->dir, look_for_last, k, err);
	return ret < 0 ? ret : k->has_last && is_wanted(k, &k->last);
}

static int choose(struct copied *k, const char *path, struct buf *out, struct err *err)
{
	size_t start = out->len;
	bool found = false;

	for (size_t i = 0; i < k->nr; i++) {
		struct place *p = &k->places[i];
		bool is_same_name = strcmp(buf_str(&p->name), base_name(path)) == 0;
		if (found && !is_same_name)
			continue;
		int ret = is_there(k, p, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			continue;
		buf_truncate(out, start);
		ret = catalogue_dir_path(k->c, p->dir, out, err);
		if (ret < 0)
			return ret;
		if (out->len > start)
			buf_put_u8(out, '/');
		buf_put_buf(out, &p->name);
		found = true;
		if (is_same_name)
			break;
	}
	return found;
}

int follow_copied(struct catalogue *c, const struct timeline *t, const struct oid *at,
		  const struct treetext_store *text, const char *path, const struct tree_entry *e,
		  struct buf *out, struct err *err)
{
	struct copied k = { .c = c, .t = t, .at = timeline_find(t, at),
			    .wanted = { .type = (uint8_t)e->type } };
	int ret = 0;

	if (e->type != ENTRY_FILE || is_empty(e) || !k.at || !treetext_oid(e, text, &k.wanted.id))
		return 0;
	ret = catalogue_each_row(c, look_for_places, &k, err);
	if (ret == 0)
		ret = choose(&k, path, out, err);
	for (size_t i = 0; i < k.nr; i++)
		buf_release(&k.places[i].name);
	sys_free(k.places);
	return ret;
}
