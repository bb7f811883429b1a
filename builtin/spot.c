/*
 * What a revision with a path names: found, listed, read.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/interrupt.h"
#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store-view.h"

#include "builtin/spot.h"

void spot_release(struct spot *p)
{
	rev_release(&p->rev);
	buf_release(&p->hold);
}

int spot_find(struct ub *ub, const char *text, struct spot *out, struct err *err)
{
	const struct object_source source = store_source(ub->store);
	struct rev *rev = &out->rev;
	int ret = rev_parse(ub->refs, ub->store, text, rev, err);

	if (ret < 0)
		return ret;
	if (rev->has_entry) {
		ret = dir_find_path(&source, &rev->root, rev->path, &out->e, &out->hold, err);
		out->has_entry = ret == 0;
	}
	out->is_folder = rev->has_entry ? S_ISDIR(rev->mode) :
		rev->type != OBJ_BLOB && rev->type != OBJ_LIST;
	if (ret == 0 && out->is_folder)
		ret = rev_to_tree(ub->store, rev, &out->tree, err);
	return ret < 0 ? err_wrap(err, "'%s'", text) : 0;
}

/* -- listing -- */

struct lister {
	struct ub *ub;
	const struct list_options *o;
	struct treetext_store text;
	struct buf prefix;		/* the folder's own path, with a slash: for JSON */
	struct buf line;
};

static void put_json(struct lister *l, const char *path, size_t path_len,
		     const struct tree_entry *e)
{
	size_t prefix_len = l->prefix.len;
	struct json j;
	struct oid id;
	int64_t s;
	uint32_t ns;

	buf_put(&l->prefix, path, path_len);
	json_begin(&j, &l->line, "file");
	json_path(&j, "path", l->prefix.data, l->prefix.len);
	json_u64(&j, "size", e->size);
	if (tree_entry_mtime(e, &s, &ns))
		json_time(&j, "mtime", s, ns);
	else
		json_null(&j, "mtime");
	json_u64(&j, "mode", treetext_mode(e));
	if (treetext_oid(e, &l->text, &id))
		json_str(&j, "oid", oid_hex(&id).s);
	else
		json_null(&j, "oid");
	json_end(&j);
	buf_truncate(&l->prefix, prefix_len);
}

static void put_mode(struct buf *out, const struct tree_entry *e)
{
	static const char types[] = {
		[ENTRY_FILE] = '-', [ENTRY_DIR] = 'd', [ENTRY_SYMLINK] = 'l', [ENTRY_FIFO] = 'p',
		[ENTRY_SOCKET] = 's', [ENTRY_CHAR] = 'c', [ENTRY_BLOCK] = 'b',
	};
	char s[11] = "?rwxrwxrwx";

	s[0] = types[e->type];
	for (unsigned int i = 0; i < 9; i++)
		if (!(e->mode & 0400u >> i))
			s[1 + i] = '-';
	if (e->mode & S_ISUID)
		s[3] = s[3] == 'x' ? 's' : 'S';
	if (e->mode & S_ISGID)
		s[6] = s[6] == 'x' ? 's' : 'S';
	if (e->mode & S_ISVTX)
		s[9] = s[9] == 'x' ? 't' : 'T';
	buf_put_str(out, s);
}

/* By name, else by number, else "-". */
static void put_owner(struct buf *out, const struct tree_entry *e, enum attr_tag name,
		      enum attr_tag number)
{
	struct buf b = BUF_INIT;
	const unsigned char *val;
	uint64_t id;
	size_t n;

	if (tree_entry_attr(e, name, &val, &n) && n > 0)
		quote_put(&b, val, n);
	else if (tree_entry_varint(e, number, &id))
		buf_printf(&b, "%" PRIu64, id);
	else
		buf_put_u8(&b, '-');
	buf_printf(out, " %-8s", buf_str(&b));
	buf_release(&b);
}

static void put_time(struct buf *out, const struct tree_entry *e)
{
	char text[64] = "-";
	struct tm tm;
	int64_t s;
	uint32_t ns;

	if (tree_entry_mtime(e, &s, &ns)) {
		time_t at = (time_t)s;
		if (localtime_r(&at, &tm))
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	}
	buf_printf(out, " %-16s ", text);
}

static void put_details(struct lister *l, const struct tree_entry *e)
{
	uint64_t major, minor;

	put_mode(&l->line, e);
	put_owner(&l->line, e, ATTR_OWNER, ATTR_UID);
	put_owner(&l->line, e, ATTR_GROUP, ATTR_GID);
	if (tree_entry_device(e, &major, &minor)) {
		buf_printf(&l->line, " %5" PRIu64 ", %5" PRIu64, major, minor);
	} else {
		buf_printf(&l->line, " %12" PRIu64, e->size);
	}
	put_time(&l->line, e);
}

static void put_name(struct lister *l, const void *name, size_t n)
{
	if (l->o->nul)
		buf_put(&l->line, name, n);
	else
		quote_put(&l->line, name, n);
}

static int print(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		 struct err *err)
{
	struct lister *l = data;
	const unsigned char *target;
	size_t n;

	buf_reset(&l->line);
	if (l->ub->json) {
		put_json(l, path, path_len, e);
	} else {
		if (l->o->details)
			put_details(l, e);
		put_name(l, path, path_len);
		if (l->o->details && tree_entry_attr(e, ATTR_TARGET, &target, &n)) {
			buf_put_str(&l->line, " -> ");
			put_name(l, target, n);
		}
		buf_put_u8(&l->line, l->o->nul ? '\0' : '\n');
	}
	out_buf(&l->ub->out, &l->line);
	if (out_failed(&l->ub->out))
		return out_flush(&l->ub->out, err);
	int ret = interrupt_check(err);
	return ret < 0 ? ret : e->type == ENTRY_DIR && !l->o->recurse ? DIR_WALK_SKIP : 0;
}

int spot_list(struct ub *ub, const struct spot *p, const struct list_options *o, struct err *err)
{
	const struct object_source source = store_source(ub->store);
	struct lister l = { .ub = ub, .o = o, .text = store_treetext(ub->store),
			    .prefix = BUF_INIT, .line = BUF_INIT };
	const char *path = p->rev.path;
	int ret;

	if (p->is_folder) {
		if (path && *path)
			buf_printf(&l.prefix, "%s/", path);
		ret = dir_walk(&source, &p->tree, print, &l, err);
	} else if (p->has_entry) {
		ret = print(path, strlen(path), &p->e, &l, err);
		ret = ret < 0 ? ret : 0;
	} else {
		ret = err_set(err, ERR_FAILED, "%s is a %s, neither a snapshot nor a folder",
			      oid_hex(&p->rev.id).s, obj_type_name(p->rev.type));
	}
	buf_release(&l.prefix);
	buf_release(&l.line);
	return ret;
}

/* -- content -- */

static int put_bytes(const void *p, size_t n, void *data, struct err *err)
{
	struct ub *ub = data;

	out_put(&ub->out, p, n);
	if (out_failed(&ub->out))
		return out_flush(&ub->out, err);
	return interrupt_check(err);
}

int spot_put_content(struct ub *ub, const struct spot *p, const char *text, struct err *err)
{
	int ret;

	if (p->is_folder)
		return err_set(err, ERR_FAILED, "'%s' is a folder, not a file", text);
	if (p->has_entry && p->e.type != ENTRY_FILE && p->e.type != ENTRY_SYMLINK)
		return err_set(err, ERR_FAILED, "'%s' is a %s, which has no content", text,
			       treetext_type(&p->e));
	if (p->has_entry)
		ret = store_read_entry(ub->store, &p->e, put_bytes, ub, err);
	else
		ret = store_read_content(ub->store, &p->rev.id, put_bytes, ub, err);
	return ret < 0 ? err_wrap(err, "'%s'", text) : 0;
}
