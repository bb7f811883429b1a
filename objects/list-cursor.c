/*
 * Going through a list.  One piece of each level is in memory.
 */
#include "lib/sys.h"

#include "objects/list-cursor.h"

struct level { struct list list; size_t next; };

struct list_cursor {
	struct object_source src;
	struct oid top;
	struct level levels[LEVEL_MAX];
	size_t nr;
	bool is_begun;
};

struct list_cursor *list_cursor_new(const struct object_source *src, const struct oid *id)
{
	struct list_cursor *c = xcalloc(1, sizeof(*c));

	c->src = *src;
	c->top = *id;
	return c;
}

void list_cursor_free(struct list_cursor *c)
{
	if (!c)
		return;
	while (c->nr > 0)
		list_release(&c->levels[--c->nr].list);
	sys_free(c);
}

static int go_down(struct list_cursor *c, const struct oid *id, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret;

	if (c->nr == LEVEL_MAX)
		return err_set(err, ERR_CORRUPT, "list %s is nested too deep", oid_hex(id).s);
	struct level *l = &c->levels[c->nr];
	*l = (struct level){ .list = LIST_INIT };
	ret = c->src.get(c->src.data, id, OBJ_LIST, &raw, err);
	if (ret == 0)
		ret = list_decode(&l->list, raw.data, raw.len, err);
	if (ret == 0)
		c->nr++;
	buf_release(&raw);
	return ret;
}

int list_cursor_next(struct list_cursor *c, struct list_entry *out, struct err *err)
{
	int ret = c->is_begun ? 0 : go_down(c, &c->top, err);

	c->is_begun = true;
	while (ret == 0 && c->nr > 0) {
		struct level *l = &c->levels[c->nr - 1];
		if (l->next == l->list.nr) {
			list_release(&l->list);
			c->nr--;
			continue;
		}
		*out = l->list.entries[l->next++];
		if (out->kind != LIST_LIST)
			return 1;
		ret = go_down(c, &out->id, err);
	}
	return ret;
}
