/*
 * test-object TYPE FILE: what the bytes of an object decode to, as text; or the word for the
 * error.  test-object pieces COUNT: the pieces of a directory of that many names, and of a list.
 * Ids are made and cuts decided under the key 00 01 02 ... 1f.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/treetext.h"

static void object_id(enum obj_type type, const void *p, size_t n, struct oid *out)
{
	unsigned char key[HASH_SIZE];

	for (unsigned int i = 0; i < HASH_SIZE; i++)
		key[i] = (unsigned char)i;
	hash_keyed_tagged(out->b, key, (uint8_t)type, p, n);
}

static void blob_id(void *data, const void *p, size_t n, struct oid *out)
{
	(void)data;
	object_id(OBJ_BLOB, p, n, out);
}

static const struct treetext_store ids = { .blob_id = blob_id };

static void put_quoted(const char *what, const void *p, size_t n)
{
	struct buf b = BUF_INIT;

	quote_put(&b, p, n);
	printf("%s %s\n", what, buf_str(&b));
	buf_release(&b);
}

static int dump_list(const void *p, size_t n, struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, p, n, err);

	if (ret == 0)
		printf("entries %zu\nsize %" PRIu64 "\n", l.nr, l.size);
	for (size_t i = 0; ret == 0 && i < l.nr; i++) {
		static const char *const kinds[] = { "", "blob", "zero", "list" };
		printf("%s %" PRIu64 " %s\n", kinds[l.entries[i].kind], l.entries[i].size,
		       l.entries[i].kind == LIST_ZERO ? "-" : oid_hex(&l.entries[i].id).s);
	}
	list_release(&l);
	return ret;
}

static int dump_tree(const void *p, size_t n, struct err *err)
{
	struct buf line = BUF_INIT;
	struct tree_iter it;
	struct tree_entry e;
	struct tree_piece t;
	int ret = tree_iter_init(&it, p, n, err);

	if (ret == 0)
		printf("level %u\nitems %" PRIu64 "\n", it.level, it.left);
	while (ret == 0 && it.level == 0 && (ret = tree_iter_next(&it, &e, err)) > 0) {
		buf_reset(&line);
		treetext_put(&line, &e, NULL, 0, TREETEXT_LONG, &ids);
		printf("%s\n", buf_str(&line));
		ret = 0;
	}
	while (ret == 0 && it.level > 0 && (ret = tree_iter_next_piece(&it, &t, err)) > 0) {
		buf_reset(&line);
		quote_put(&line, t.first, t.first_len);
		buf_put_u8(&line, '\t');
		quote_put(&line, t.last, t.last_len);
		printf("%" PRIu64 " %s\t%s\n", t.entries, oid_hex(&t.id).s, buf_str(&line));
		ret = 0;
	}
	buf_release(&line);
	return ret;
}

static int dump_commit(const void *p, size_t n, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = commit_decode(&c, p, n, err);

	if (ret < 0)
		return ret;
	printf("tree %s\n", oid_hex(&c.tree).s);
	for (size_t i = 0; i < c.nr_parents; i++)
		printf("parent %s\n", oid_hex(&c.parents[i]).s);
	printf("time %" PRId64 ".%09" PRIu32 " %" PRId32 "\n", c.time_s, c.time_ns, c.time_offset);
	put_quoted("device", c.device, strlen(c.device));
	put_quoted("host", c.host, strlen(c.host));
	put_quoted("user", c.user, strlen(c.user));
	put_quoted("message", c.message, strlen(c.message));
	for (size_t i = 0; i < c.nr_tags; i++)
		put_quoted("tag", c.tags[i], strlen(c.tags[i]));
	for (size_t i = 0; i < c.nr_sources; i++)
		put_quoted("source", c.sources[i], strlen(c.sources[i]));
	printf("files %" PRIu64 "\ndirs %" PRIu64 "\nothers %" PRIu64 "\nbytes %" PRIu64 "\n",
	       c.files, c.dirs, c.others, c.bytes);
	for (size_t i = 0; i < c.nr_notes; i++)
		printf("note %" PRIu64 " %" PRIu64 " %s\n", c.notes[i].kind, c.notes[i].rows,
		       oid_hex(&c.notes[i].id).s);
	if (c.incomplete)
		printf("incomplete\n");
	printf("more %zu\n", c.extra.len);
	commit_release(&c);
	return 0;
}

static void dump_row(uint64_t kind, const struct note_row *row)
{
	const unsigned char *p = row->others, *path;
	size_t left = row->others_len, n;

	put_quoted("path", row->path, row->path_len);
	while (note_other_next(&p, &left, &path, &n) > 0)
		put_quoted("same", path, n);
	if (kind == NOTE_BIRTHS)
		printf("born %" PRId64 ".%09" PRIu32 "\n", row->birth_s, row->birth_ns);
	if (kind == NOTE_UNREADABLE)
		printf("error %" PRIu64 "\n", row->error);
	if (kind == NOTE_SKIPPED || kind == NOTE_UNREADABLE || kind == NOTE_WORKTREES)
		put_quoted("text", row->text, row->text_len);
}

static int dump_pairs(const struct note *n, struct err *err)
{
	const unsigned char *p = n->body, *name, *val;
	size_t left = n->body_len, name_len, val_len;
	uint64_t gap, len;
	int ret;

	if (n->kind == NOTE_HOLES) {
		while ((ret = hole_next(&p, &left, &gap, &len, err)) > 0)
			printf("hole %" PRIu64 " %" PRIu64 "\n", gap, len);
		return ret;
	}
	while ((ret = xattr_next(&p, &left, &name, &name_len, &val, &val_len, err)) > 0) {
		put_quoted("name", name, name_len);
		printf("value of %zu bytes\n", val_len);
	}
	return ret;
}

static int dump_note(const void *p, size_t n, struct err *err)
{
	struct note_iter it;
	struct note_row row;
	struct note note;
	int ret = note_decode(&note, p, n, err);

	if (ret == 0)
		ret = note_check(&note, err);
	if (ret < 0)
		return ret;
	printf("kind %" PRIu64 "\nbody %zu\n", note.kind, note.body_len);
	if (note.kind == NOTE_XATTRS || note.kind == NOTE_HOLES)
		return dump_pairs(&note, err);
	if (!note_kind_has_rows(note.kind))
		return 0;
	note_iter_init(&it, &note);
	while ((ret = note_iter_next(&it, &row, err)) > 0)
		dump_row(note.kind, &row);
	return ret;
}

static int dump(enum obj_type type, const struct buf *raw, struct err *err)
{
	struct oid id;
	int ret = object_check(type, raw->data, raw->len, err);

	if (ret < 0)
		return ret;
	object_id(type, raw->data, raw->len, &id);
	printf("id %s\n", oid_hex(&id).s);
	switch (type) {
	case OBJ_LIST:
		return dump_list(raw->data, raw->len, err);
	case OBJ_TREE:
		return dump_tree(raw->data, raw->len, err);
	case OBJ_COMMIT:
		return dump_commit(raw->data, raw->len, err);
	case OBJ_NOTE:
		return dump_note(raw->data, raw->len, err);
	default:
		printf("bytes %zu\n", raw->len);
		return 0;
	}
}

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	(void)data;
	object_id(type, p, n, id_out);
	printf("%s %s %zu\n", obj_type_name(type), oid_hex(id_out).s, n);
	return object_check(type, p, n, err);
}

/* Names n0000000, n0000001, ...: empty files.  Blobs of i + 1 bytes, with ids of names. */
static int build(uint64_t nr, const struct object_sink *sink, struct err *err)
{
	struct tree_builder *t = tree_builder_new(sink);
	struct list_builder *l = list_builder_new(sink);
	enum content_kind kind;
	struct oid id;
	uint64_t size;
	int ret = 0;

	for (uint64_t i = 0; ret == 0 && i < nr; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "n%07" PRIu64, i);
		struct tree_entry e = { .name = (unsigned char *)name, .name_len = (size_t)n,
					.type = ENTRY_FILE, .mode = 0644 };
		struct list_entry blob = { .kind = LIST_BLOB, .size = i + 1 };

		ret = tree_builder_add(t, &e, err);
		object_id(OBJ_BLOB, name, (size_t)n, &blob.id);
		if (ret == 0)
			ret = list_builder_add(l, &blob, err);
	}
	if (ret == 0)
		ret = tree_builder_end(t, &id, err);
	if (ret == 0)
		printf("directory %s\n", oid_hex(&id).s);
	if (ret == 0)
		ret = list_builder_end(l, &kind, &id, &size, err);
	if (ret == 0)
		printf("content %s %" PRIu64 "\n", oid_hex(&id).s, size);
	tree_builder_free(t);
	list_builder_free(l);
	return ret;
}

static int read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	while ((n = fread(buf_extend(out, 65536), 1, 65536, f)) > 0)
		buf_truncate(out, out->len - 65536 + n);
	buf_truncate(out, out->len - 65536);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct buf raw = BUF_INIT;
	uint64_t nr;
	int ret;

	if (argc == 3 && !strcmp(argv[1], "pieces") && number_parse(argv[2], &nr)) {
		unsigned char key[HASH_SIZE];
		struct object_sink sink = { .put = put, .cut_key = key };

		for (unsigned int i = 0; i < HASH_SIZE; i++)
			key[i] = (unsigned char)i;
		ret = build(nr, &sink, &err);
	} else if (argc == 3 && obj_type_parse(argv[1]) != OBJ_NONE) {
		if (read_file(argv[2], &raw) < 0)
			return 2;
		ret = dump(obj_type_parse(argv[1]), &raw, &err);
	} else {
		fprintf(stderr, "usage: test-object TYPE FILE | test-object pieces COUNT\n");
		return 2;
	}
	buf_release(&raw);
	if (ret < 0) {
		printf("%s\n", err_word(err.code));
		fprintf(stderr, "%s\n", err.msg);
	}
	return ret < 0;
}
