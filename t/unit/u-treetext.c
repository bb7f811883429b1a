/* Text form of trees: what is printed reads back the same; what contradicts itself is refused. */
#include "crypto/hash.h"
#include "lib/buf.h"
#include "objects/treetext.h"
#include "t/unit/unit.h"

static const unsigned char key[HASH_SIZE] = "an id key for the text form, yes";

/* The store: the blob "stored in the store, all of it ... ", a list, a tree, a note. */
static const char stored[] = "../stored in the store";

static void blob_id(void *data, const void *p, size_t n, struct oid *out)
{
	(void)data;
	hash_keyed_tagged(out->b, key, OBJ_BLOB, p, n);
}

static struct oid id_of(int n)
{
	struct oid id;

	memset(id.b, n, OID_SIZE);
	return id;
}

static int find(void *data, const struct oid *id, enum obj_type *type, uint64_t *size,
		struct err *err)
{
	static const struct { enum obj_type type; uint64_t size; } known[] = {
		{ OBJ_BLOB, 1000 }, { OBJ_LIST, 5000000 }, { OBJ_TREE, 0 }, { OBJ_NOTE, 9000 },
	};
	struct oid small;

	(void)err;
	blob_id(data, stored, strlen(stored), &small);
	if (oid_eq(id, &small)) {
		*type = OBJ_BLOB;
		*size = strlen(stored);
		return 1;
	}
	for (int i = 0; i < 4; i++) {
		struct oid k = id_of(i + 1);
		if (oid_eq(id, &k)) {
			*type = known[i].type;
			*size = known[i].size;
			return 1;
		}
	}
	return 0;
}

static int get(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	(void)data;
	(void)id;
	(void)err;
	buf_reset(out);
	buf_put_str(out, stored);
	return 0;
}

static const struct treetext_store store = { blob_id, find, get, NULL };

static void check_same(const struct tree_entry *e, const struct tree_entry *got)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	tree_encode_entry(&a, e);
	tree_encode_entry(&b, got);
	CHECK(buf_cmp(&a, &b) == 0);
	buf_release(&a);
	buf_release(&b);
}

static void check_line(const struct tree_entry *e, const char *want)
{
	struct err err = ERR_INIT;
	struct buf line = BUF_INIT;
	struct treetext t;

	REQUIRE(tree_entry_check(e, &err) == 0);
	treetext_init(&t);
	treetext_put(&line, e, NULL, 0, TREETEXT_LONG, &store);
	if (want && strcmp(buf_str(&line), want) != 0)
		printf("# %s\n", buf_str(&line));
	CHECK(!want || !strcmp(buf_str(&line), want));
	for (unsigned int flags = TREETEXT_LONG; flags <= (TREETEXT_LONG | TREETEXT_RAW); flags++) {
		if (!(flags & TREETEXT_LONG))
			continue;
		buf_reset(&line);
		treetext_put(&line, e, NULL, 0, flags, &store);
		int ret = treetext_parse(&t, line.data, line.len, flags, &err);
		if (ret == 0)
			ret = treetext_resolve(&t, &store, &err);
		if (ret < 0)
			printf("# %s: %s\n", buf_str(&line), err.msg);
		CHECK(ret == 0);
		if (ret == 0)
			check_same(e, &t.e);
	}
	treetext_release(&t);
	buf_release(&line);
}

#define ONES "0101010101010101010101010101010101010101010101010101010101010101"
#define TWOS "0202020202020202020202020202020202020202020202020202020202020202"
#define THREES "0303030303030303030303030303030303030303030303030303030303030303"
#define FOURS "0404040404040404040404040404040404040404040404040404040404040404"

static struct tree_entry entry(const char *name, enum entry_type type, enum content_kind kind,
			       uint64_t size, int id)
{
	struct tree_entry e = { .type = type, .mode = 0644, .content = kind, .size = size };

	e.name = (const unsigned char *)name;
	e.name_len = strlen(name);
	e.id = id_of(id);
	return e;
}

static void test_every_type_has_its_line(void)
{
	struct buf attrs = BUF_INIT;
	struct tree_entry e;

	e = entry("a", ENTRY_FILE, CONTENT_BLOB, 1000, 1);
	check_line(&e, "100644 blob " ONES " 1000\ta");
	e = entry("a b\n", ENTRY_FILE, CONTENT_LIST, 5000000, 2);
	check_line(&e, "100644 list " TWOS " 5000000\t\"a b\\n\"");
	e = entry("d", ENTRY_DIR, CONTENT_TREE, 0, 3);
	e.mode = 01755;
	check_line(&e, "041755 tree " THREES " -\td");
	e = entry("p", ENTRY_FIFO, CONTENT_NONE, 0, 0);
	check_line(&e, "010644 fifo - -\tp");
	e = entry("s", ENTRY_SOCKET, CONTENT_NONE, 0, 0);
	check_line(&e, "140644 socket - -\ts");
	attr_put_device(&attrs, 8, 17);
	e = entry("b", ENTRY_BLOCK, CONTENT_NONE, 0, 0);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	check_line(&e, "060644 block - - dev=8,17\tb");
	e = entry("c", ENTRY_CHAR, CONTENT_NONE, 0, 0);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	check_line(&e, "020644 char - - dev=8,17\tc");
	buf_release(&attrs);
}

static void test_inline_and_empty_content_show_the_id_of_a_blob(void)
{
	struct tree_entry e = entry("x", ENTRY_FILE, CONTENT_INLINE, 5, 0);
	struct buf want = BUF_INIT;
	struct oid id;

	e.data = (const unsigned char *)"a\0% \xff";
	blob_id(NULL, e.data, 5, &id);
	buf_printf(&want, "100644 blob %s 5 data=a%%00%%25%%20%%FF\tx", oid_hex(&id).s);
	check_line(&e, buf_str(&want));
	buf_reset(&want);
	e = entry("x", ENTRY_FILE, CONTENT_NONE, 0, 0);
	blob_id(NULL, "", 0, &id);
	buf_printf(&want, "100644 blob %s 0\tx", oid_hex(&id).s);
	check_line(&e, buf_str(&want));
	buf_release(&want);
}

static void test_every_attribute_has_its_key(void)
{
	struct tree_entry e = entry("x", ENTRY_FILE, CONTENT_LIST, 5000000, 2);
	struct buf attrs = BUF_INIT, v = BUF_INIT;
	struct oid id = id_of(4);

	attr_put_mtime(&attrs, -1, 5);
	attr_put_varint(&attrs, ATTR_UID, 1000);
	attr_put_varint(&attrs, ATTR_GID, 0);
	attr_put(&attrs, ATTR_OWNER, "me too", 6);
	attr_put(&attrs, ATTR_GROUP, "us=x", 4);
	xattr_put(&v, "security.x", 10, "\0", 1);
	xattr_put(&v, "user.a=b", 8, "", 0);
	attr_put(&attrs, ATTR_XATTRS, v.data, v.len);
	attr_put_varint(&attrs, ATTR_FLAGS, 0x80010);
	buf_reset(&v);
	hole_put(&v, 0, 4096);
	hole_put(&v, 8192, 4096);
	attr_put(&attrs, ATTR_HOLES, v.data, v.len);
	attr_put_varint(&attrs, ATTR_PROJECT, 9);
	attr_put(&attrs, 14, "", 0);
	attr_put(&attrs, 127, "\1\xff", 2);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	check_line(&e, "100644 list " TWOS " 5000000 mtime=-1.000000005 uid=1000 gid=0 "
		   "owner=me%20too group=us%3Dx xattr.security.x=%00 xattr.user.a%3Db= "
		   "flags=0x80010 holes=0+4096,8192+4096 project=9 attr.14= attr.127=01ff\tx");
	buf_reset(&attrs);
	attr_put_mtime(&attrs, INT64_MIN, 0);
	attr_put(&attrs, ATTR_XATTRS_ID, id.b, OID_SIZE);
	attr_put(&attrs, ATTR_HOLES_ID, id.b, OID_SIZE);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	check_line(&e, "100644 list " TWOS " 5000000 mtime=-9223372036854775808.000000000 "
		   "xattrs-id=" FOURS " holes-id=" FOURS "\tx");
	buf_reset(&attrs);
	attr_put(&attrs, ATTR_TARGET, "../a b", 6);
	e = entry("l", ENTRY_SYMLINK, CONTENT_NONE, 6, 0);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	check_line(&e, NULL);
	buf_release(&attrs);
	buf_release(&v);
}

/* Parse and resolve one line: the code, and on success the line that its entry prints. */
static int read_line(const char *line, struct buf *again, struct err *err)
{
	struct treetext t;

	treetext_init(&t);
	int ret = treetext_parse(&t, line, strlen(line), 0, err);
	if (ret == 0)
		ret = treetext_resolve(&t, &store, err);
	if (ret == 0)
		treetext_put(again, &t.e, NULL, 0, TREETEXT_LONG, &store);
	treetext_release(&t);
	return ret;
}

static void check_read(const char *line, int want, const char *text)
{
	struct err err = ERR_INIT;
	struct buf again = BUF_INIT;
	int ret = read_line(line, &again, &err);

	if (ret != want || (text && !strstr(ret ? err.msg : buf_str(&again), text)))
		printf("# %s: %d %s %s\n", line, ret, buf_str(&again), err.msg);
	CHECK(ret == want && ret == err.code);
	CHECK(!text || strstr(ret ? err.msg : buf_str(&again), text));
	buf_release(&again);
}

static void test_keys_come_in_any_order_and_once(void)
{
	check_read("100644 blob " ONES " 1000 gid=2 uid=1 xattr.b=2 xattr.a=1\tx", 0,
		   "uid=1 gid=2 xattr.a=1 xattr.b=2\tx");
	check_read("100644 blob " ONES " 1000 uid=1 uid=1\tx", ERR_USAGE, "uid=1");
	check_read("100644 blob " ONES " 1000 xattr.a=1 xattr.a=1\tx", ERR_USAGE, "twice");
	check_read("100644 blob " ONES " 1000 uid=1 attr.2=01\tx", ERR_USAGE, "attr.2");
	check_read("100644 blob " ONES " 1000 attr.2=01\tx", 0, "uid=1");
	check_read("100644 blob " ONES " 1000 attr.128=01\tx", ERR_FORMAT, "attr.128");
	check_read("100644 blob " ONES " 1000 attr.0=01\tx", ERR_USAGE, NULL);
	check_read("100644 blob " ONES " 1000 colour=red\tx", ERR_USAGE, "colour=red");
}

static void test_sizes_and_lists_may_be_left_to_the_store(void)
{
	check_read("100644 blob " ONES "\tx", 0, "blob " ONES " 1000\tx");
	check_read("100644 blob " ONES " -\tx", 0, " 1000\tx");
	check_read("100644 blob " ONES " uid=1\tx", 0, " 1000 uid=1\tx");
	check_read("100644 blob " TWOS "\tx", 0, "list " TWOS " 5000000\tx");
	check_read("40000 tree " THREES "\tx", 0, "040000 tree " THREES " -\tx");
	check_read("100644 list " ONES "\tx", ERR_USAGE, "is a blob, not a list");
	check_read("100644 blob " THREES "\tx", ERR_USAGE, "is a tree, not a blob");
	check_read("40000 tree " TWOS "\tx", ERR_USAGE, "is a list, not a tree");
	check_read("100644 blob " ONES " 999\tx", ERR_USAGE, "has 1000 bytes, not 999");
}

static void test_small_content_comes_from_the_store_or_the_line(void)
{
	struct buf line = BUF_INIT;
	struct oid id, empty;

	blob_id(NULL, stored, strlen(stored), &id);
	blob_id(NULL, "", 0, &empty);
	buf_printf(&line, "100644 blob %s 22\tx", oid_hex(&id).s);
	check_read(buf_str(&line), 0, " 22 data=../stored%20in%20the%20store\tx");
	buf_reset(&line);
	buf_printf(&line, "120777 blob %s 22\tx", oid_hex(&id).s);
	check_read(buf_str(&line), 0, "120777 blob");
	check_read(buf_str(&line), 0, " 22 target=../stored%20in%20the%20store\tx");
	buf_reset(&line);
	buf_printf(&line, "100644 blob %s 0\tx", oid_hex(&empty).s);
	check_read(buf_str(&line), 0, " 0\tx");
	check_read("100644 blob - 5 data=hello\tx", 0, " 5 data=hello\tx");
	check_read("100644 blob - - data=hello\tx", 0, " 5 data=hello\tx");
	check_read("100644 blob - 4 data=hello\tx", ERR_USAGE, "5 bytes, not 4");
	check_read("100644 blob " ONES " 5 data=hello\tx", ERR_USAGE, "not " ONES);
	check_read("100644 blob " ONES " 0\tx", ERR_USAGE, "not " ONES);
	check_read("120777 blob - - target=a\tx", 0, " 1 target=a\tx");
	check_read("120777 blob " ONES " 1 target=a\tx", ERR_USAGE, "not " ONES);
	check_read("120777 blob - - target=\tx", ERR_USAGE, NULL);
	check_read("100644 blob - -\tx", ERR_USAGE, "no id");
	buf_release(&line);
}

static void test_missing_objects_are_named(void)
{
	static const char nines[] =
		"0909090909090909090909090909090909090909090909090909090909090909";
	struct buf line = BUF_INIT;

	buf_printf(&line, "100644 blob %s 1000\ta name", nines);
	check_read(buf_str(&line), ERR_NOT_FOUND, "'a name': no object 0909");
	buf_reset(&line);
	buf_printf(&line, "040755 tree %s -\tx", nines);
	check_read(buf_str(&line), ERR_NOT_FOUND, nines);
	buf_reset(&line);
	buf_printf(&line, "100644 blob %s 1\tx", nines);
	check_read(buf_str(&line), ERR_NOT_FOUND, nines);
	buf_reset(&line);
	buf_printf(&line, "100644 blob " ONES " 1000 xattrs-id=%s\tx", nines);
	check_read(buf_str(&line), ERR_NOT_FOUND, nines);
	check_read("100644 blob " ONES " 1000 xattrs-id=" ONES "\tx", ERR_USAGE, "not a note");
	buf_release(&line);
}

static void test_malformed_lines_are_refused(void)
{
	static const char *const bad[] = {
		"", "\t", "x", "\tx", "100644\tx", "100644 blob\tx", "100644 blob " ONES " 1000",
		"100644 blob " ONES " 1000 \tx", "100644  blob " ONES " 1000\tx",
		"100644 blob " ONES "0 1000\tx", "100644 blob 0101 1000\tx",
		"100644 tree " ONES " 1000\tx", "040755 blob " THREES " -\tx",
		"040755 list " THREES " -\tx", "120777 list " ONES " 5\tx", "0 blob " ONES " 1\tx",
		"200644 blob " ONES " 1000\tx", "1000644 blob " ONES " 1000\tx",
		"100648 blob " ONES " 1000\tx", "170644 blob " ONES " 1000\tx",
		"100644 blob " ONES " 1000\t", "100644 blob " ONES " 1000\t.",
		"100644 blob " ONES " 1000\ta/b", "100644 blob " ONES " 1000\t\"x",
		"100644 blob " ONES " +1000\tx", "100644 blob " ONES " 18446744073709551616\tx",
		"100644 blob " ONES " 1000 mtime=\tx", "100644 blob " ONES " 1000 mtime=1.5\tx",
		"100644 blob " ONES " 1000 mtime=1.\tx", "100644 blob " ONES " 1000 mtime=--1\tx",
		"100644 blob " ONES " 1000 mtime=9223372036854775808\tx",
		"100644 blob " ONES " 1000 uid=4294967296\tx", "100644 blob " ONES " 1000 uid=\tx",
		"100644 blob " ONES " 1000 owner=%4\tx", "100644 blob " ONES " 1000 owner=%4g\tx",
		"100644 blob " ONES " 1000 owner=\tx", "100644 blob " ONES " 1000 flags=1\tx",
		"100644 blob " ONES " 1000 flags=0x\tx", "100644 blob " ONES " 1000 flags=0x0\tx",
		"100644 blob " ONES " 1000 holes=\tx", "100644 blob " ONES " 1000 holes=5\tx",
		"100644 blob " ONES " 1000 holes=0+1001\tx", "100644 blob " ONES " 1000 dev=1,2\tx",
		"100644 blob " ONES " 1000 holes-id=01\tx", "100644 blob " ONES " 1000 target=a\tx",
		"100644 blob " ONES " 1000 attr.20=0\tx", "100644 blob " ONES " 1000 attr.20=0g\tx",
		"100644 blob " ONES " 1000 xattr.=1\tx", "020644 char - -\tx",
		"020644 char - - dev=1\tx", "020644 char " ONES " - dev=1,2\tx",
		"010644 fifo - 0\tx", "010644 fifo - - data=a\tx", "040755 tree " THREES " 0\tx",
		"100644 blob - - data=a data=b\tx",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_read(bad[i], ERR_USAGE, NULL);
	check_read("100644 blob " ONES " 1000\tx", 0, NULL);
	check_read("100644 blob " ONES " 1000 mtime=-9223372036854775808\tx", 0, NULL);
}

static void test_a_path_takes_the_place_of_the_name(void)
{
	struct tree_entry e = entry("a", ENTRY_FIFO, CONTENT_NONE, 0, 0);
	struct buf line = BUF_INIT;

	treetext_put(&line, &e, "d\n/a", 4, 0, &store);
	CHECK(!strcmp(buf_str(&line), "010644 fifo - -\t\"d\\n/a\""));
	buf_reset(&line);
	treetext_put(&line, &e, "d\n/a", 4, TREETEXT_RAW, &store);
	CHECK(!strcmp(buf_str(&line), "010644 fifo - -\td\n/a"));
	buf_release(&line);
}

UNIT_MAIN(test_every_type_has_its_line, test_inline_and_empty_content_show_the_id_of_a_blob,
	  test_every_attribute_has_its_key, test_keys_come_in_any_order_and_once,
	  test_sizes_and_lists_may_be_left_to_the_store,
	  test_small_content_comes_from_the_store_or_the_line, test_missing_objects_are_named,
	  test_malformed_lines_are_refused, test_a_path_takes_the_place_of_the_name)
