/*
 * ub cat-tree: the entries of a tree, one a line, which mktree reads.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "objects/store-view.h"
#include "refs/rev.h"
#include "builtin/ub.h"

static const char cat_tree_usage[] = "ub cat-tree [-r] [-t] [-l] [-z] REV[:PATH]|OID";

struct printer {
	struct ub *ub;
	struct treetext_store text;
	bool recurse, trees, details, nul;
	struct buf line;
};

static void json_text(struct json *j, const char *key, const struct tree_entry *e,
		      enum attr_tag tag)
{
	const unsigned char *val;
	size_t n;

	if (tree_entry_attr(e, tag, &val, &n))
		json_path(j, key, val, n);
}

static void json_number(struct json *j, const char *key, const struct tree_entry *e,
			enum attr_tag tag)
{
	uint64_t v;

	if (tree_entry_varint(e, tag, &v))
		json_u64(j, key, v);
}

static void json_id(struct json *j, const char *key, const struct tree_entry *e, enum attr_tag tag)
{
	struct oid id;

	if (tree_entry_id(e, tag, &id))
		json_str(j, key, oid_hex(&id).s);
}

static void json_xattrs(struct json *j, const struct tree_entry *e)
{
	const unsigned char *p, *name, *val;
	size_t left, name_len, val_len;
	struct err ignored = ERR_INIT;

	if (!tree_entry_attr(e, ATTR_XATTRS, &p, &left))
		return;
	json_array_begin(j, "xattrs");
	while (xattr_next(&p, &left, &name, &name_len, &val, &val_len, &ignored) > 0) {
		json_object_begin(j, NULL);
		json_path(j, "name", name, name_len);
		json_path(j, "value", val, val_len);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_holes(struct json *j, const struct tree_entry *e)
{
	const unsigned char *p;
	uint64_t gap, len, at = 0;
	struct err ignored = ERR_INIT;
	size_t left;

	if (!tree_entry_attr(e, ATTR_HOLES, &p, &left))
		return;
	json_array_begin(j, "holes");
	while (hole_next(&p, &left, &gap, &len, &ignored) > 0) {
		json_object_begin(j, NULL);
		json_u64(j, "offset", at + gap);
		json_u64(j, "size", len);
		json_object_end(j);
		at += gap + len;
	}
	json_array_end(j);
}

static void json_unknown(struct json *j, const struct tree_entry *e)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len, n;
	struct err ignored = ERR_INIT;
	bool any = false;
	uint64_t tag;

	while (attr_next(&p, &left, &tag, &val, &n, &ignored) > 0) {
		if (tag <= ATTR_PROJECT)
			continue;
		if (!any)
			json_array_begin(j, "attributes");
		any = true;
		json_object_begin(j, NULL);
		json_u64(j, "number", tag);
		json_hex(j, "value", val, n);
		json_object_end(j);
	}
	if (any)
		json_array_end(j);
}

static void json_details(struct json *j, const struct tree_entry *e)
{
	uint64_t major, minor;
	uint32_t ns;
	int64_t s;

	if (tree_entry_mtime(e, &s, &ns))
		json_time(j, "mtime", s, ns);
	json_number(j, "uid", e, ATTR_UID);
	json_number(j, "gid", e, ATTR_GID);
	json_text(j, "owner", e, ATTR_OWNER);
	json_text(j, "group", e, ATTR_GROUP);
	json_text(j, "target", e, ATTR_TARGET);
	if (tree_entry_device(e, &major, &minor)) {
		json_u64(j, "device_major", major);
		json_u64(j, "device_minor", minor);
	}
	json_xattrs(j, e);
	json_id(j, "xattrs_oid", e, ATTR_XATTRS_ID);
	json_number(j, "flags", e, ATTR_FLAGS);
	json_holes(j, e);
	json_id(j, "holes_oid", e, ATTR_HOLES_ID);
	json_number(j, "project", e, ATTR_PROJECT);
	json_unknown(j, e);
	if (e->content == CONTENT_INLINE)
		json_b64(j, "data_b64", e->data, (size_t)e->size);
}

static void put_json(struct printer *p, const char *path, size_t path_len,
		     const struct tree_entry *e)
{
	struct oid id;
	struct json j;

	json_begin(&j, &p->line, "entry");
	json_path(&j, "path", path, path_len);
	json_u64(&j, "mode", treetext_mode(e));
	json_str(&j, "object_type", treetext_type(e));
	if (treetext_oid(e, &p->text, &id))
		json_str(&j, "oid", oid_hex(&id).s);
	if (e->type == ENTRY_FILE || e->type == ENTRY_SYMLINK)
		json_u64(&j, "size", e->size);
	if (p->details)
		json_details(&j, e);
	json_end(&j);
}

static int print(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		 struct err *err)
{
	struct printer *p = data;
	unsigned int flags = (p->details ? TREETEXT_LONG : 0) | (p->nul ? TREETEXT_RAW : 0);
	bool is_dir = e->type == ENTRY_DIR;

	buf_reset(&p->line);
	if (p->ub->json) {
		put_json(p, path, path_len, e);
	} else {
		treetext_put(&p->line, e, path, path_len, flags, &p->text);
		buf_put_u8(&p->line, p->nul ? '\0' : '\n');
	}
	if (!is_dir || !p->recurse || p->trees)
		out_buf(&p->ub->out, &p->line);
	if (out_failed(&p->ub->out))
		return out_flush(&p->ub->out, err);
	int ret = interrupt_check(err);
	return ret < 0 ? ret : is_dir && !p->recurse ? DIR_WALK_SKIP : 0;
}

int cmd_cat_tree(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct printer p = { .ub = ub, .line = BUF_INIT };
	const struct opt opts[] = {
		OPT_FLAG('r', "recurse", &p.recurse, "descend into subtrees: names become paths"),
		OPT_FLAG('t', "trees", &p.trees, "with -r, show subtrees too"),
		OPT_FLAG('l', "long", &p.details, "show every attribute"),
		OPT_FLAG('z', "null", &p.nul, "end records with NUL and do not quote names"),
		OPT_END
	};
	struct rev rev = REV_INIT;
	struct oid tree;
	int ret = ub_parse(ub, opts, cat_tree_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc != 1)
		return err_set(err, ERR_USAGE, argc ? "one tree at a time" : "which tree?");
	struct object_source source = store_source(ub->store);
	p.text = store_treetext(ub->store);
	ret = rev_parse(ub->refs, ub->store, argv[0], &rev, err);
	if (ret == 0 && (ret = rev_to_tree(ub->store, &rev, &tree, err)) < 0)
		err_wrap(err, "'%s'", argv[0]);
	if (ret == 0)
		ret = dir_walk(&source, &tree, print, &p, err);
	rev_release(&rev);
	buf_release(&p.line);
	return ret;
}
