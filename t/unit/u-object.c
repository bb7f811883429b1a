/* Any object: its check by type, and what it refers to, in order. */
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/object.h"
#include "t/unit/unit.h"

static struct oid id_of(int n)
{
	struct oid id;

	memset(id.b, n, OID_SIZE);
	return id;
}

/* Each reference as "type first-byte name;" */
static int note_ref(const struct object_ref *ref, void *data, struct err *err)
{
	struct buf *out = data;

	(void)err;
	buf_printf(out, "%s %d %.*s;", obj_type_name(ref->type), ref->id.b[0], (int)ref->name_len,
		   ref->name ? (const char *)ref->name : "");
	return 0;
}

static int stop_at_once(const struct object_ref *ref, void *data, struct err *err)
{
	(void)ref;
	++*(int *)data;
	return err_set(err, ERR_REFUSED, "enough");
}

static void check_refs(enum obj_type type, const struct buf *raw, const char *want)
{
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	int calls = 0;

	CHECK(object_refs(type, raw->data, raw->len, note_ref, &got, &err) == 0);
	if (strcmp(buf_str(&got), want) != 0)
		printf("# %s\n", buf_str(&got));
	CHECK(!strcmp(buf_str(&got), want));
	CHECK(object_check(type, raw->data, raw->len, &err) == 0);
	int ret = object_refs(type, raw->data, raw->len, stop_at_once, &calls, &err);
	CHECK(*want ? ret == ERR_REFUSED && calls == 1 : ret == 0);
	buf_release(&got);
}

static void test_lists_refer_to_their_parts(void)
{
	struct list l = LIST_INIT;
	struct buf raw = BUF_INIT;
	struct list_entry e = { .kind = LIST_BLOB, .size = 100, .id = id_of(1) };

	list_append(&l, &e);
	e = (struct list_entry){ .kind = LIST_ZERO, .size = ZERO_MIN };
	list_append(&l, &e);
	e = (struct list_entry){ .kind = LIST_BLOB, .size = 100, .id = id_of(2) };
	list_append(&l, &e);
	list_encode(&l, &raw);
	check_refs(OBJ_LIST, &raw, "blob 1 ;blob 2 ;");
	l.nr = 0;
	e.kind = LIST_LIST;
	list_append(&l, &e);
	buf_reset(&raw);
	list_encode(&l, &raw);
	check_refs(OBJ_LIST, &raw, "list 2 ;");
	list_release(&l);
	buf_release(&raw);
}

static void put_entry(struct buf *items, const char *name, enum entry_type type,
		      enum content_kind kind, uint64_t size, int id, const struct buf *attrs)
{
	struct tree_entry e = { .type = type, .content = kind, .size = size, .id = id_of(id) };

	e.name = (const unsigned char *)name;
	e.name_len = strlen(name);
	e.data = (const unsigned char *)"inline";
	e.attrs = attrs->data;
	e.attrs_len = attrs->len;
	tree_encode_entry(items, &e);
}

static void test_trees_refer_to_content_and_overflowing_attributes(void)
{
	struct buf items = BUF_INIT, raw = BUF_INIT, attrs = BUF_INIT;
	struct oid id;

	put_entry(&items, "a", ENTRY_FILE, CONTENT_NONE, 0, 0, &attrs);
	put_entry(&items, "b", ENTRY_FILE, CONTENT_BLOB, 100, 1, &attrs);
	put_entry(&items, "c", ENTRY_DIR, CONTENT_TREE, 0, 2, &attrs);
	put_entry(&items, "d", ENTRY_FILE, CONTENT_INLINE, 6, 3, &attrs);
	id = id_of(4);
	attr_put(&attrs, ATTR_XATTRS_ID, id.b, OID_SIZE);
	id = id_of(5);
	attr_put(&attrs, ATTR_HOLES_ID, id.b, OID_SIZE);
	put_entry(&items, "e", ENTRY_FILE, CONTENT_LIST, 100, 6, &attrs);
	tree_encode(&raw, 0, 5, &items);
	check_refs(OBJ_TREE, &raw, "blob 1 b;tree 2 c;list 6 e;note 4 ;note 5 ;");
	buf_release(&items);
	buf_release(&raw);
	buf_release(&attrs);
}

static void test_directories_refer_to_their_pieces(void)
{
	struct buf items = BUF_INIT, raw = BUF_INIT;
	struct tree_piece p = { .first = (const unsigned char *)"a", .first_len = 1,
				.last = (const unsigned char *)"b", .last_len = 1,
				.entries = 2, .id = id_of(7) };

	tree_encode_piece(&items, &p);
	tree_encode(&raw, 1, 1, &items);
	check_refs(OBJ_TREE, &raw, "tree 7 ;");
	buf_release(&items);
	buf_release(&raw);
}

static void test_commits_refer_to_tree_parents_and_notes(void)
{
	struct commit c = COMMIT_INIT;
	struct buf raw = BUF_INIT;

	c.tree = id_of(1);
	c.parents = xcalloc(2, sizeof(*c.parents));
	c.nr_parents = 2;
	c.parents[0] = id_of(2);
	c.parents[1] = id_of(3);
	c.notes = xcalloc(1, sizeof(*c.notes));
	c.nr_notes = 1;
	c.notes[0] = (struct commit_note){ .kind = NOTE_BIRTHS, .rows = 1, .id = id_of(4) };
	commit_encode(&c, &raw);
	check_refs(OBJ_COMMIT, &raw, "tree 1 ;commit 2 ;commit 3 ;note 4 ;");
	commit_release(&c);
	buf_release(&raw);
}

static void test_blobs_and_notes_refer_to_nothing(void)
{
	struct note n = { .kind = 99, .body = (const unsigned char *)"x", .body_len = 1 };
	struct buf raw = BUF_INIT;

	check_refs(OBJ_BLOB, &raw, "");
	note_encode(&n, &raw);
	check_refs(OBJ_NOTE, &raw, "");
	check_refs(OBJ_BLOB, &raw, "");
	buf_release(&raw);
}

static void test_unknown_types_and_too_large_objects_are_refused(void)
{
	struct err err = ERR_INIT;
	unsigned char *p = xcalloc(1, OBJECT_MAX_SIZE + 1);

	CHECK(object_check(OBJ_BLOB, p, OBJECT_MAX_SIZE, &err) == 0);
	CHECK(object_check(OBJ_BLOB, p, OBJECT_MAX_SIZE + 1, &err) == ERR_CORRUPT);
	CHECK(object_check(OBJ_NONE, p, 1, &err) == ERR_FORMAT);
	CHECK(object_check((enum obj_type)6, p, 1, &err) == ERR_FORMAT);
	CHECK(object_check(OBJ_TREE, p, 100, &err) == ERR_CORRUPT);
	CHECK(object_check(OBJ_LIST, NULL, 0, &err) == ERR_CORRUPT);
	sys_free(p);
}

UNIT_MAIN(test_lists_refer_to_their_parts, test_trees_refer_to_content_and_overflowing_attributes,
	  test_directories_refer_to_their_pieces, test_commits_refer_to_tree_parents_and_notes,
	  test_blobs_and_notes_refer_to_nothing,
	  test_unknown_types_and_too_large_objects_are_refused)
