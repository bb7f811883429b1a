/*
 * Printing changes: names, a table, a patch, or JSON.
 */
#include <string.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "fs/renames.h"
#include "fs/sources.h"

#include "builtin/changes.h"

enum { STAT_COLUMNS = 80 };

struct printer {
	struct ub *ub;
	const struct changes_options *o;
	struct patcher *patcher;
	struct stat_table table;
	struct buf text;
	bool any;
};

/* -- content -- */

static int append(const void *p, size_t n, void *data, struct err *err)
{
	struct buf *out = data;

	if (out->len + n > PATCH_SIZE_MAX)
		return err_set(err, ERR_CORRUPT, "a file is larger than its tree says");
	buf_put(out, p, n);
	return 0;
}

static int read_store(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		      struct buf *out, struct err *err)
{
	int ret = store_read_entry(data, e, append, out, err);

	return ret < 0 ? err_wrap(err, "'%.*s'", (int)path_len, path) : 0;
}

struct content_source changes_store_content(struct store *st)
{
	return (struct content_source){ read_store, st };
}

/* -- one change -- */

static void put_json(const struct change *c, struct buf *out)
{
	const char status[2] = { (char)c->status, '\0' };
	struct json j;

	json_begin(&j, out, "change");
	json_str(&j, "status", status);
	json_path(&j, "path", c->path, c->path_len);
	if (c->old_path)
		json_path(&j, "old_path", c->old_path, c->old_path_len);
	json_u64(&j, "old_size", c->old ? c->old->size : 0);
	json_u64(&j, "new_size", c->new ? c->new->size : 0);
	json_end(&j);
}

static void put_path(const struct changes_options *o, const char *path, size_t n, char end,
		     struct buf *out)
{
	if (o->nul)
		buf_put(out, path, n);
	else
		quote_put(out, path, n);
	buf_put_u8(out, (uint8_t)end);
}

static void put_names(const struct changes_options *o, const struct change *c, struct buf *out)
{
	if (!o->names) {
		buf_put_u8(out, (uint8_t)c->status);
		buf_put_u8(out, o->nul ? '\0' : '\t');
		if (c->old_path)
			put_path(o, c->old_path, c->old_path_len, o->nul ? '\0' : '\t', out);
	}
	put_path(o, c->path, c->path_len, o->nul ? '\0' : '\n', out);
}

void changes_put(const struct ub *ub, const struct changes_options *o, const struct change *c,
		 struct buf *out)
{
	if (ub->json)
		put_json(c, out);
	else
		put_names(o, c, out);
}

static bool is_folder(const struct change *c)
{
	return (!c->old || c->old->type == ENTRY_DIR) && (!c->new || c->new->type == ENTRY_DIR);
}

static int add_to_table(struct printer *p, const struct change *c, struct err *err)
{
	struct change_lines lines;
	int ret = patcher_count(p->patcher, c, &lines, err);

	/* A folder that came or went shows in what is in it. */
	if (ret < 0 || (is_folder(c) && c->status != CHANGE_META))
		return ret;
	if (stat_table_add(&p->table, c, &lines))
		stat_table_put_rows(&p->table, STAT_COLUMNS, &p->text);
	return 0;
}

static int print(const struct change *c, void *data, struct err *err)
{
	struct printer *p = data;
	int ret = 0;

	p->any = true;
	buf_reset(&p->text);
	if (!p->ub->json && p->o->patch)
		ret = patcher_put(p->patcher, c, &p->text, err);
	else if (!p->ub->json && p->o->stat)
		ret = add_to_table(p, c, err);
	else
		changes_put(p->ub, p->o, c, &p->text);
	out_buf(&p->ub->out, &p->text);
	if (ret == 0 && out_failed(&p->ub->out))
		ret = out_flush(&p->ub->out, err);
	return ret;
}

/* -- all of them -- */

static int walk(struct printer *p, const struct diff_side *old, const struct diff_side *new,
		const struct path_set *paths, struct err *err)
{
	struct renames *rn;

	if (!p->o->renames)
		return difftree(old, new, paths, print, p, err);
	rn = renames_new(new, print, p);
	int ret = difftree(old, new, paths, renames_take, rn, err);
	if (ret == 0)
		ret = renames_finish(rn, err);
	if (renames_gave_up(rn))
		ub_say(p->ub, "too many changes to look for renames: files that moved are shown as"
		       " deleted and added");
	renames_free(rn);
	return ret;
}

int changes_print(struct ub *ub, const struct changes_options *o, const struct changes_side *old,
		  const struct changes_side *new, const struct path_set *paths, bool *any_out,
		  struct err *err)
{
	struct printer p = { .ub = ub, .o = o, .table = STAT_TABLE_INIT, .text = BUF_INIT };
	int ret = 0;

	if (!ub->json && (o->patch || o->stat))
		ret = patcher_open(&p.patcher, &old->content, &new->content, err);
	if (ret == 0)
		ret = walk(&p, old->side, new->side, paths, err);
	if (ret == 0 && !ub->json && o->stat) {
		buf_reset(&p.text);
		stat_table_put_rows(&p.table, STAT_COLUMNS, &p.text);
		stat_table_put_sum(&p.table, &p.text);
		out_buf(&ub->out, &p.text);
	}
	if (any_out)
		*any_out = p.any;
	patcher_close(p.patcher);
	stat_table_release(&p.table);
	buf_release(&p.text);
	return ret;
}

int changes_print_ids(struct ub *ub, const struct changes_options *o, const struct oid *old,
		      const struct oid *new, const struct path_set *paths, bool *any_out,
		      struct err *err)
{
	const struct object_source source = store_source(ub->store);
	struct tree_side trees[2] = { { &source, old }, { &source, new } };
	const struct diff_side sides[2] = { diff_side_tree(&trees[0]), diff_side_tree(&trees[1]) };
	const struct content_source content = changes_store_content(ub->store);
	const struct changes_side a = { old ? &sides[0] : NULL, content };
	const struct changes_side b = { new ? &sides[1] : NULL, content };

	if (any_out)
		*any_out = false;
	if (old && new && oid_eq(old, new))
		return 0;
	return changes_print(ub, o, &a, &b, paths, any_out, err);
}

int changes_check(const struct changes_options *o, struct err *err)
{
	if (o->status + o->names + o->stat + o->patch > 1)
		return err_set(err, ERR_USAGE,
			       "choose one of --name-status, --name-only, --stat and -p");
	if (o->nul && (o->stat || o->patch))
		return err_set(err, ERR_USAGE, "-z is for names, not for --stat and -p");
	return 0;
}

/* A link to a folder may mean either, and both may be in a snapshot. */
int changes_take_paths(struct path_set *set, char **paths, int nr, struct err *err)
{
	for (int i = 0; i < nr; i++) {
		char *itself = source_resolve_itself(paths[i], err);
		char *folder = itself ? source_resolve(paths[i], err) : NULL;
		if (folder) {
			path_set_add(set, itself + 1);
			if (strcmp(itself, folder) != 0)
				path_set_add(set, folder + 1);
		}
		sys_free(itself);
		if (!folder)
			return err->code;
		sys_free(folder);
	}
	return 0;
}
