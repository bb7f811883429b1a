/*
 * Walking what revisions reach.
 *
 * The visited set is a bitmap over the index's ordinals.  Snapshots are gathered first, with
 * their edges, and given out by time, a parent only after all its children.  Trees are walked in
 * depth, with a stack of positions; where the objects on the stack are more than WALK_HELD_MAX
 * bytes, those far up are let go and read again on the way back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "objects/store-view.h"

#include "refs/revlist.h"

#define WALK_HELD_MAX ((size_t)12 << 20)
#define WALK_DEPTH_MAX 100000

/* A snapshot that is to be listed. */
struct node {
	struct oid id;
	uint64_t ordinal;
	int64_t time_s;
	uint32_t time_ns;
	uint32_t children;		/* not yet given out */
	uint32_t first_edge, nr_edges;
};

/* One object on the way down. */
struct level {
	struct oid id;
	enum obj_type type;		/* tree or list */
	struct buf raw;			/* empty: let go */
	struct tree_iter it;		/* trees; its pointers are into raw */
	size_t off, prev_off;		/* where `it` stands, once raw is let go */
	struct list list;		/* lists */
	size_t next;			/* entry of the list */
	size_t path_len;		/* of the path that leads here */
};

struct start { struct oid id; enum obj_type type; char *path; };

struct revlist {
	struct store *st;
	unsigned char *seen;		/* a bit for each ordinal */
	uint64_t nr_ordinals;

	struct start *starts;		/* trees and files asked for */
	size_t nr_starts;
	struct start *excluded;
	size_t nr_excluded;

	struct node *nodes;
	size_t nr_nodes, alloc_nodes;
	uint64_t *edges;		/* ordinals of parents, node by node */
	size_t nr_edges, alloc_edges;

	struct level *stack;
	size_t depth, alloc_depth, held, lowest;	/* levels below `lowest` hold nothing */
	struct buf path;
	bool has_path;

	int (*fn)(const struct revlist_item *item, void *data, struct err *err);
	void *data;			/* fn NULL: mark only */
	int (*missing)(const struct revlist_item *item, void *data, struct err *err);
	void *missing_data;
	bool (*known)(const struct oid *id, struct revlist_known *out, void *data);
	void *known_data;
};

int revlist_new(struct revlist **out, struct store *st, struct err *err)
{
	int ret = index_refresh(store_index(st), err);

	if (ret < 0)
		return ret;
	struct revlist *rl = xcalloc(1, sizeof(*rl));
	rl->st = st;
	rl->path = (struct buf)BUF_INIT;
	rl->nr_ordinals = index_ordinals(store_index(st));
	rl->seen = sys_malloc((size_t)(rl->nr_ordinals / 8 + 1));
	if (!rl->seen) {
		sys_free(rl);
		return err_set(err, ERR_NOMEM, "no memory to mark %" PRIu64 " objects",
			       rl->nr_ordinals);
	}
	memset(rl->seen, 0, (size_t)(rl->nr_ordinals / 8 + 1));
	*out = rl;
	return 0;
}

static void pop(struct revlist *rl)
{
	struct level *l = &rl->stack[--rl->depth];

	rl->held -= l->raw.cap;
	buf_release(&l->raw);
	list_release(&l->list);
	if (rl->lowest > rl->depth)
		rl->lowest = rl->depth;
}

static void free_starts(struct start *s, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sys_free(s[i].path);
	sys_free(s);
}

void revlist_free(struct revlist *rl)
{
	if (!rl)
		return;
	while (rl->depth > 0)
		pop(rl);
	free_starts(rl->starts, rl->nr_starts);
	free_starts(rl->excluded, rl->nr_excluded);
	buf_release(&rl->path);
	sys_free(rl->stack);
	sys_free(rl->nodes);
	sys_free(rl->edges);
	sys_free(rl->seen);
	sys_free(rl);
}

void revlist_on_commit(struct revlist *rl, bool (*known)(const struct oid *id,
		       struct revlist_known *out, void *data), void *data)
{
	rl->known = known;
	rl->known_data = data;
}

void revlist_on_missing(struct revlist *rl, int (*missing)(const struct revlist_item *item,
			void *data, struct err *err), void *data)
{
	rl->missing = missing;
	rl->missing_data = data;
}

/* -- what was seen -- */

static void fill(const struct revlist *rl, const struct oid *id, enum obj_type type,
		 struct revlist_item *out)
{
	*out = (struct revlist_item){ .id = id, .type = type };
	if (rl->has_path && rl->path.len > 0) {
		out->path = rl->path.data;
		out->path_len = rl->path.len;
	}
}

static int is_missing(struct revlist *rl, const struct oid *id, enum obj_type type, struct err *err)
{
	struct revlist_item item;

	fill(rl, id, type, &item);
	if (rl->missing)
		return rl->missing(&item, rl->missing_data, err);
	if (item.path)
		return err_set(err, ERR_CORRUPT, "%s %s ('%.*s') is missing", obj_type_name(type),
			       oid_hex(id).s, (int)(item.path_len < 300 ? item.path_len : 300),
			       (const char *)item.path);
	return err_set(err, ERR_CORRUPT, "%s %s is missing", obj_type_name(type), oid_hex(id).s);
}

/* 1: seen for the first time, and marked; 0: seen before, or missing; negative. */
static int visit(struct revlist *rl, const struct oid *id, enum obj_type type,
		 uint64_t *ordinal_out, struct err *err)
{
	struct index_loc loc;
	uint64_t ordinal;
	int ret = store_find(rl->st, id, &loc, &ordinal, err);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return is_missing(rl, id, type, err);
	if (loc.type != type)
		return err_set(err, ERR_CORRUPT, "%s is a %s, and is named as a %s", oid_hex(id).s,
			       obj_type_name(loc.type), obj_type_name(type));
	if (ordinal >= rl->nr_ordinals)
		return err_set(err, ERR_FAILED, "the index changed while it was read; try again");
	if (rl->seen[ordinal / 8] & 1u << ordinal % 8)
		return 0;
	rl->seen[ordinal / 8] |= (unsigned char)(1u << ordinal % 8);
	if (ordinal_out)
		*ordinal_out = ordinal;
	return 1;
}

static int emit(struct revlist *rl, const struct oid *id, enum obj_type type, struct err *err)
{
	struct revlist_item item;

	if (!rl->fn)
		return 0;
	fill(rl, id, type, &item);
	return rl->fn(&item, rl->data, err);
}

/* -- down a tree -- */

static int load(struct revlist *rl, struct level *l, struct err *err)
{
	int ret;

	buf_reset(&l->raw);
	ret = store_read(rl->st, &l->id, l->type, NULL, &l->raw, err);
	if (ret == 0 && l->type == OBJ_LIST) {
		list_release(&l->list);
		ret = list_decode(&l->list, l->raw.data, l->raw.len, err);
	}
	rl->held += l->raw.cap;
	return ret;
}

/* Let go of what is furthest up, but never of the topmost. */
static void let_go(struct revlist *rl)
{
	for (; rl->held > WALK_HELD_MAX && rl->lowest + 1 < rl->depth; rl->lowest++) {
		struct level *l = &rl->stack[rl->lowest];
		if (l->type == OBJ_TREE) {
			l->off = (size_t)(l->it.p - l->raw.data);
			l->prev_off = l->it.prev ? (size_t)(l->it.prev - l->raw.data) : 0;
		}
		rl->held -= l->raw.cap;
		buf_release(&l->raw);
		list_release(&l->list);
	}
}

static int take_back(struct revlist *rl, struct level *l, struct err *err)
{
	int ret = load(rl, l, err);

	if (ret == 0 && l->type == OBJ_TREE) {
		l->it.p = l->raw.data + l->off;
		l->it.end = l->raw.data + l->raw.len;
		l->it.prev = l->it.prev ? l->raw.data + l->prev_off : NULL;
	}
	rl->lowest = (size_t)(l - rl->stack);
	return ret;
}

/* Go down into a tree or a list, which was just visited. */
static int push(struct revlist *rl, const struct oid *id, enum obj_type type, struct err *err)
{
	int ret;

	if (rl->depth == WALK_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "trees are nested too deeply at %s",
			       oid_hex(id).s);
	if (rl->depth == rl->alloc_depth) {
		rl->alloc_depth = rl->alloc_depth ? 2 * rl->alloc_depth : 32;
		rl->stack = xrealloc(rl->stack, rl->alloc_depth * sizeof(*rl->stack));
	}
	struct level *l = &rl->stack[rl->depth++];
	*l = (struct level){ .id = *id, .type = type, .raw = BUF_INIT, .list = LIST_INIT,
			     .path_len = rl->path.len };
	ret = load(rl, l, err);
	if (ret == 0 && type == OBJ_TREE)
		ret = tree_iter_init(&l->it, l->raw.data, l->raw.len, err);
	let_go(rl);
	return ret;
}

/* An object that an entry names. */
static int meet(struct revlist *rl, const struct oid *id, enum obj_type type, struct err *err)
{
	int ret = visit(rl, id, type, NULL, err);

	if (ret <= 0)
		return ret;
	ret = emit(rl, id, type, err);
	if (ret == 0 && (type == OBJ_TREE || type == OBJ_LIST))
		ret = push(rl, id, type, err);
	return ret;
}

static int meet_attrs(struct revlist *rl, const struct tree_entry *e, struct err *err)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len, n;
	struct oid id;
	uint64_t tag;
	int ret;

	while ((ret = attr_next(&p, &left, &tag, &val, &n, err)) > 0) {
		if ((tag != ATTR_XATTRS_ID && tag != ATTR_HOLES_ID) || n != OID_SIZE)
			continue;
		memcpy(id.b, val, OID_SIZE);
		ret = meet(rl, &id, OBJ_NOTE, err);
		if (ret != 0)
			return ret;
	}
	return ret;
}

static int meet_entry(struct revlist *rl, const struct tree_entry *e, struct err *err)
{
	static const enum obj_type types[] = {
		[CONTENT_BLOB] = OBJ_BLOB, [CONTENT_LIST] = OBJ_LIST, [CONTENT_TREE] = OBJ_TREE,
	};
	struct oid id = e->id;

	if (rl->path.len > 0)
		buf_put_u8(&rl->path, '/');
	buf_put(&rl->path, e->name, e->name_len);
	/* Notes first: what goes down moves the stack, and `e` borrows from it. */
	enum content_kind content = e->content;
	int ret = meet_attrs(rl, e, err);
	if (ret == 0 && content >= CONTENT_BLOB)
		ret = meet(rl, &id, types[content], err);
	return ret;
}

/* One step of the topmost level: 1 to go on, 0 when it is done. */
static int step_tree(struct revlist *rl, struct level *l, struct err *err)
{
	struct tree_entry e;
	struct tree_piece piece;
	int ret;

	if (l->it.level > 0) {
		ret = tree_iter_next_piece(&l->it, &piece, err);
		if (ret <= 0)
			return ret;
		ret = meet(rl, &piece.id, OBJ_TREE, err);
	} else {
		ret = tree_iter_next(&l->it, &e, err);
		if (ret <= 0)
			return ret;
		ret = meet_entry(rl, &e, err);
	}
	return ret == 0 ? 1 : ret;
}

static int step_list(struct revlist *rl, struct level *l, struct err *err)
{
	if (l->next == l->list.nr)
		return 0;
	struct list_entry e = l->list.entries[l->next++];
	int ret = 0;
	if (e.kind != LIST_ZERO)
		ret = meet(rl, &e.id, e.kind == LIST_BLOB ? OBJ_BLOB : OBJ_LIST, err);
	return ret == 0 ? 1 : ret;
}

/* Until the stack is empty; errors of `fn` and of reading end it. */
static int walk(struct revlist *rl, struct err *err)
{
	int ret = 0;

	while (ret == 0 && rl->depth > 0) {
		struct level *l = &rl->stack[rl->depth - 1];
		buf_truncate(&rl->path, l->path_len);
		if (!l->raw.data)
			ret = take_back(rl, l, err);
		if (ret == 0)
			ret = l->type == OBJ_TREE ? step_tree(rl, l, err) : step_list(rl, l, err);
		if (ret == 0)
			pop(rl);
		else if (ret == 1)
			ret = 0;
	}
	while (rl->depth > 0)
		pop(rl);
	return ret;
}

/* -- snapshots -- */

static int walk_commit(struct revlist *rl, const struct oid *id, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = store_read_commit(rl->st, id, &c, err);

	rl->has_path = true;
	buf_reset(&rl->path);
	if (ret == 0)
		ret = meet(rl, &c.tree, OBJ_TREE, err);
	if (ret == 0)
		ret = walk(rl, err);
	rl->has_path = false;
	for (size_t i = 0; ret == 0 && i < c.nr_notes; i++)
		ret = meet(rl, &c.notes[i].id, OBJ_NOTE, err);
	commit_release(&c);
	return ret;
}

static struct node *add_node(struct revlist *rl, const struct oid *id, uint64_t ordinal)
{
	if (rl->nr_nodes == rl->alloc_nodes) {
		rl->alloc_nodes = rl->alloc_nodes ? 2 * rl->alloc_nodes : 64;
		rl->nodes = xrealloc(rl->nodes, rl->alloc_nodes * sizeof(*rl->nodes));
	}
	struct node *n = &rl->nodes[rl->nr_nodes++];
	*n = (struct node){ .id = *id, .ordinal = ordinal };
	return n;
}

static void add_edge(struct revlist *rl, struct node *n, uint64_t parent)
{
	if (rl->nr_edges == rl->alloc_edges) {
		rl->alloc_edges = rl->alloc_edges ? 2 * rl->alloc_edges : 64;
		rl->edges = xrealloc(rl->edges, rl->alloc_edges * sizeof(*rl->edges));
	}
	rl->edges[rl->nr_edges++] = parent;
	n->nr_edges++;
}

/* Read node `at`: its time, its parents; those not met before become nodes of their own. */
static int expand(struct revlist *rl, size_t at, struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct oid id = rl->nodes[at].id;
	struct revlist_known k;
	int ret = 0;

	if (!rl->known || !rl->known(&id, &k, rl->known_data)) {
		ret = store_read_commit(rl->st, &id, &c, err);
		k = (struct revlist_known){ c.time_s, c.time_ns, c.parents, c.nr_parents };
	}
	rl->nodes[at].time_s = k.time_s;
	rl->nodes[at].time_ns = k.time_ns;
	rl->nodes[at].first_edge = (uint32_t)rl->nr_edges;
	for (size_t i = 0; ret == 0 && i < k.nr_parents; i++) {
		uint64_t ordinal;
		ret = visit(rl, &k.parents[i], OBJ_COMMIT, NULL, err);
		if (ret < 0)
			break;
		bool is_new = ret == 1;
		ret = store_find(rl->st, &k.parents[i], NULL, &ordinal, err);
		if (ret <= 0)
			continue;	/* missing, and gone on without */
		ret = 0;
		if (is_new)
			add_node(rl, &k.parents[i], ordinal);
		add_edge(rl, &rl->nodes[at], ordinal);
	}
	commit_release(&c);
	return ret < 0 ? ret : 0;
}

static int ordinal_cmp(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* A node by ordinal, or NULL: excluded, so it is not listed. */
static struct node *find_node(const struct revlist *rl, uint64_t ordinal)
{
	const struct node key = { .ordinal = ordinal };

	return bsearch(&key, rl->nodes, rl->nr_nodes, sizeof(key), ordinal_cmp);
}

static bool is_newer(const struct node *a, const struct node *b)
{
	if (a->time_s != b->time_s)
		return a->time_s > b->time_s;
	if (a->time_ns != b->time_ns)
		return a->time_ns > b->time_ns;
	return oid_cmp(&a->id, &b->id) < 0;	/* so that the order is stable */
}

/* A heap of nodes, the newest on top. */
struct heap { struct node **v; size_t nr; };

static void heap_put(struct heap *h, struct node *n)
{
	size_t i = h->nr++;

	for (; i > 0 && is_newer(n, h->v[(i - 1) / 2]); i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = n;
}

static struct node *heap_take(struct heap *h)
{
	struct node *top = h->v[0], *last = h->v[--h->nr];
	size_t i = 0;

	for (;;) {
		size_t k = 2 * i + 1;
		if (k >= h->nr)
			break;
		if (k + 1 < h->nr && is_newer(h->v[k + 1], h->v[k]))
			k++;
		if (!is_newer(h->v[k], last))
			break;
		h->v[i] = h->v[k];
		i = k;
	}
	if (h->nr > 0)
		h->v[i] = last;
	return top;
}

/* The listed snapshots in the order they are given out. */
static struct node **sort_nodes(struct revlist *rl)
{
	struct node **order = xcalloc(rl->nr_nodes + 1, sizeof(struct node *));
	struct heap h = { xcalloc(rl->nr_nodes + 1, sizeof(struct node *)), 0 };
	struct node *parent;
	size_t nr = 0;

	if (rl->nr_nodes > 1)
		qsort(rl->nodes, rl->nr_nodes, sizeof(*rl->nodes), ordinal_cmp);
	for (size_t i = 0; i < rl->nr_edges; i++)
		if ((parent = find_node(rl, rl->edges[i])))
			parent->children++;
	for (size_t i = 0; i < rl->nr_nodes; i++)
		if (rl->nodes[i].children == 0)
			heap_put(&h, &rl->nodes[i]);
	while (h.nr > 0) {
		struct node *n = heap_take(&h);
		order[nr++] = n;
		for (uint32_t i = 0; i < n->nr_edges; i++) {
			parent = find_node(rl, rl->edges[n->first_edge + i]);
			if (parent && --parent->children == 0)
				heap_put(&h, parent);
		}
	}
	sys_free(h.v);
	return order;
}

/* -- what was asked for -- */

int revlist_add(struct revlist *rl, const struct rev *rev, bool is_excluded, struct err *err)
{
	struct start **list = is_excluded ? &rl->excluded : &rl->starts;
	size_t *nr = is_excluded ? &rl->nr_excluded : &rl->nr_starts;

	if (rev->is_inline || (rev->has_entry && rev->type == OBJ_NONE))
		return 0;		/* stands in its tree: no object */
	if (rev->type == OBJ_NONE)
		return err_set(err, ERR_NOT_FOUND, "there is no object %s", oid_hex(&rev->id).s);
	*list = xrealloc(*list, (*nr + 1) * sizeof(**list));
	(*list)[(*nr)++] = (struct start){ rev->id, rev->type,
					   rev->path ? xstrdup(rev->path) : NULL };
	return 0;
}

/* A tree or file that was named by itself. */
static int walk_start(struct revlist *rl, const struct start *s, struct err *err)
{
	int ret;

	buf_reset(&rl->path);
	rl->has_path = true;
	if (s->path)
		buf_put_str(&rl->path, s->path);
	ret = meet(rl, &s->id, s->type, err);
	if (ret == 0)
		ret = walk(rl, err);
	rl->has_path = false;
	return ret;
}

/* Mark all that excluded revisions reach; snapshots found so are dropped again. */
static int exclude(struct revlist *rl, bool with_objects, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rl->nr_excluded; i++) {
		const struct start *s = &rl->excluded[i];
		uint64_t ordinal;
		if (s->type != OBJ_COMMIT) {
			ret = with_objects ? walk_start(rl, s, err) : 0;
			continue;
		}
		ret = visit(rl, &s->id, OBJ_COMMIT, &ordinal, err);
		if (ret == 1) {
			add_node(rl, &s->id, ordinal);
			ret = 0;
		}
	}
	for (size_t i = 0; ret == 0 && i < rl->nr_nodes; i++) {
		ret = expand(rl, i, err);
		if (ret == 0 && with_objects)
			ret = walk_commit(rl, &rl->nodes[i].id, err);
	}
	rl->nr_nodes = rl->nr_edges = 0;
	return ret;
}

static int gather(struct revlist *rl, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < rl->nr_starts; i++) {
		uint64_t ordinal;
		if (rl->starts[i].type != OBJ_COMMIT)
			continue;
		ret = visit(rl, &rl->starts[i].id, OBJ_COMMIT, &ordinal, err);
		if (ret == 1) {
			add_node(rl, &rl->starts[i].id, ordinal);
			ret = 0;
		}
	}
	for (size_t i = 0; ret == 0 && i < rl->nr_nodes; i++)
		ret = expand(rl, i, err);
	return ret;
}

int revlist_run(struct revlist *rl, bool with_objects,
		int (*fn)(const struct revlist_item *item, void *data, struct err *err), void *data,
		struct err *err)
{
	struct node **order = NULL;
	int ret;

	rl->fn = NULL;
	ret = exclude(rl, with_objects, err);
	if (ret == 0)
		ret = gather(rl, err);
	if (ret < 0)
		return ret;
	rl->fn = fn;
	rl->data = data;
	order = sort_nodes(rl);
	for (size_t i = 0; ret == 0 && i < rl->nr_nodes; i++)
		ret = emit(rl, &order[i]->id, OBJ_COMMIT, err);
	for (size_t i = 0; ret == 0 && with_objects && i < rl->nr_nodes; i++)
		ret = walk_commit(rl, &order[i]->id, err);
	for (size_t i = 0; ret == 0 && with_objects && i < rl->nr_starts; i++)
		if (rl->starts[i].type != OBJ_COMMIT)
			ret = walk_start(rl, &rl->starts[i], err);
	sys_free(order);
	return ret;
}
