/*
 * ub cat-object: an object's type, size or content, or its encoded bytes.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "refs/rev.h"
#include "builtin/repo.h"

static const char cat_object_usage[] = "ub cat-object (-t | -s | -p | -e | --raw) OID|REV[:PATH]";

static int put_bytes(const void *p, size_t n, void *data, struct err *err)
{
	struct ub *ub = data;

	out_put(&ub->out, p, n);
	return out_failed(&ub->out) ? out_flush(&ub->out, err) : 0;
}

static void put_line(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "%s ", key);
	quote_put(b, value, strlen(value));
	buf_put_u8(b, '\n');
}

static void put_commit(struct buf *b, const struct commit *c)
{
	buf_printf(b, "tree %s\n", oid_hex(&c->tree).s);
	for (size_t i = 0; i < c->nr_parents; i++)
		buf_printf(b, "parent %s\n", oid_hex(&c->parents[i]).s);
	put_line(b, "device", c->device);
	put_line(b, "host", c->host);
	put_line(b, "user", c->user);
	int32_t east = c->time_offset < 0 ? -c->time_offset : c->time_offset;
	buf_printf(b, "time %" PRId64 ".%09" PRIu32 " %c%02d%02d\n", c->time_s, c->time_ns,
		   c->time_offset < 0 ? '-' : '+', east / 3600, east / 60 % 60);
	for (size_t i = 0; i < c->nr_tags; i++)
		put_line(b, "tag", c->tags[i]);
	for (size_t i = 0; i < c->nr_sources; i++)
		put_line(b, "source", c->sources[i]);
	buf_printf(b, "counts files=%" PRIu64 " dirs=%" PRIu64 " others=%" PRIu64 " bytes=%" PRIu64
		   "\n", c->files, c->dirs, c->others, c->bytes);
	for (size_t i = 0; i < c->nr_notes; i++)
		buf_printf(b, "note %" PRIu64 " %" PRIu64 " %s\n", c->notes[i].kind,
			   c->notes[i].rows, oid_hex(&c->notes[i].id).s);
	if (c->incomplete)
		buf_put_str(b, "incomplete\n");
	buf_printf(b, "\n%s", c->message);
	if (c->message[0] && c->message[strlen(c->message) - 1] != '\n')
		buf_put_u8(b, '\n');
}

static int put_tree(struct ub *ub, const struct oid *id, struct err *err)
{
	struct object_source source = store_source(ub->store);
	struct treetext_store text = store_treetext(ub->store);
	struct dir_reader *d = NULL;
	struct buf line = BUF_INIT;
	struct tree_entry e;
	int ret = dir_open(&d, &source, id, err);

	while (ret >= 0 && (ret = dir_next(d, &e, err)) == 1) {
		buf_reset(&line);
		treetext_put(&line, &e, NULL, 0, 0, &text);
		buf_put_u8(&line, '\n');
		out_buf(&ub->out, &line);
	}
	dir_close(d);
	buf_release(&line);
	return ret;
}

static int show_content(struct ub *ub, const struct rev *rev, struct err *err)
{
	struct buf raw = BUF_INIT, text = BUF_INIT;
	enum obj_type type = rev->type;
	struct commit c = COMMIT_INIT;
	struct note n;
	int ret;

	if (rev->is_inline) {
		out_put(&ub->out, rev->data.data, rev->data.len);
		return 0;
	}
	if (type == OBJ_BLOB || type == OBJ_LIST || type == OBJ_NONE) {
		ret = store_read_content(ub->store, &rev->id, put_bytes, ub, err);
		goto done;
	}
	ret = store_read(ub->store, &rev->id, OBJ_NONE, &type, &raw, err);
	if (ret < 0)
		goto done;
	if (type == OBJ_COMMIT) {
		ret = commit_decode(&c, raw.data, raw.len, err);
		if (ret == 0)
			put_commit(&text, &c);
	} else if (type == OBJ_TREE) {
		ret = put_tree(ub, &rev->id, err);
	} else {
		ret = note_decode(&n, raw.data, raw.len, err);
		if (ret == 0)
			buf_put(&text, n.body, n.body_len);
	}
	out_buf(&ub->out, &text);
done:
	commit_release(&c);
	buf_release(&raw);
	buf_release(&text);
	return ret;
}

/* The size of content, for blobs and lists; of the encoding, for others. */
static int show_size(struct ub *ub, const struct rev *rev, struct err *err)
{
	struct treetext_store text = store_treetext(ub->store);
	enum obj_type type;
	uint64_t size = 0;
	int ret;

	if (rev->is_inline) {
		size = rev->data.len;
		ret = 1;
	} else {
		ret = text.find(text.data, &rev->id, &type, &size, err);
	}
	if (ret == 0)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(&rev->id).s);
	if (ret == 1)
		out_printf(&ub->out, "%" PRIu64 "\n", size);
	return ret < 0 ? ret : 0;
}

static int show_raw(struct ub *ub, const struct rev *rev, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = 0;

	if (rev->is_inline)
		buf_put_buf(&raw, &rev->data);
	else
		ret = store_read(ub->store, &rev->id, OBJ_NONE, NULL, &raw, err);
	out_buf(&ub->out, &raw);
	buf_release(&raw);
	return ret;
}

static int show_type(struct ub *ub, const struct rev *rev, struct err *err)
{
	struct index_loc loc = { .type = OBJ_BLOB };
	int ret = rev->is_inline ? 1 : store_find_fresh(ub->store, &rev->id, &loc, err);

	if (ret == 0)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(&rev->id).s);
	if (ret == 1)
		out_printf(&ub->out, "%s\n", obj_type_name(loc.type));
	return ret < 0 ? ret : 0;
}

int cmd_cat_object(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool type = false, size = false, content = false, exists = false, raw = false;
	struct rev rev = REV_INIT;
	const struct opt opts[] = {
		OPT_FLAG('t', "type", &type, "print the type"),
		OPT_FLAG('s', "size", &size,
			 "print the size: of content, else of the encoded object"),
		OPT_FLAG('p', "print", &content, "print the content; trees and commits as text"),
		OPT_FLAG('e', "exists", &exists,
			 "print nothing; exit 0 if the object is there, else 1"),
		OPT_FLAG(0, "raw", &raw, "print the encoded bytes, as hash-object -t reads them"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, cat_object_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (type + size + content + exists + raw != 1)
		return err_set(err, ERR_USAGE, "choose one of -t, -s, -p, -e and --raw");
	if (argc != 1)
		return err_set(err, ERR_USAGE,
			       argc == 0 ? "which object?" : "one object at a time");
	ret = rev_parse(ub->refs, ub->store, argv[0], &rev, err);
	if (ret == 0 && exists) {
		ret = rev.is_inline ? 1 : store_find_fresh(ub->store, &rev.id, NULL, err);
		ret = ret == 0 ? EXIT_FAILED : ret == 1 ? 0 : ret;
	} else if (ret == ERR_NOT_FOUND && exists) {
		err_clear(err);
		ret = EXIT_FAILED;
	} else if (ret == 0) {
		ret = type ? show_type(ub, &rev, err) :
		      size ? show_size(ub, &rev, err) :
		      raw ? show_raw(ub, &rev, err) : show_content(ub, &rev, err);
	}
	rev_release(&rev);
	return ret;
}
