/* Trees: every rule of entries, attributes and pieces, kept and broken. */
#include "lib/buf.h"
#include "objects/object.h"
#include "t/unit/unit.h"

/* Decode and encode again: the same bytes, or the error. */
static int decode(const struct buf *b, uint64_t *nr_out)
{
	struct buf items = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	struct tree_iter it;
	struct tree_entry e;
	struct tree_piece p;
	uint64_t nr = 0;
	unsigned int level;
	int ret = tree_iter_init(&it, b->data, b->len, &err);

	if (ret == 0) {
		level = it.level;
		if (level == 0)
			while ((ret = tree_iter_next(&it, &e, &err)) > 0) {
				tree_encode_entry(&items, &e);
				nr++;
			}
		else
			while ((ret = tree_iter_next_piece(&it, &p, &err)) > 0) {
				tree_encode_piece(&items, &p);
				nr++;
			}
		tree_encode(&again, level, nr, &items);
	}
	if (ret == 0)
		CHECK(buf_cmp(b, &again) == 0);
	else
		CHECK(ret == err.code && err.msg[0]);
	CHECK(object_check(OBJ_TREE, b->data, b->len, &err) == ret);
	if (nr_out)
		*nr_out = nr;
	buf_release(&items);
	buf_release(&again);
	return ret;
}

/* A tree of one entry, as good or bad as it is. */
static int decode_one(const struct tree_entry *e)
{
	struct buf items = BUF_INIT, b = BUF_INIT;

	tree_encode_entry(&items, e);
	tree_encode(&b, 0, 1, &items);
	int ret = decode(&b, NULL);
	buf_release(&items);
	buf_release(&b);
	return ret;
}

static struct tree_entry file_entry(const char *name)
{
	static const unsigned char data[] = "inline";
	struct tree_entry e = { .type = ENTRY_FILE, .mode = 0644, .content = CONTENT_INLINE };

	e.name = (const unsigned char *)name;
	e.name_len = strlen(name);
	e.data = data;
	e.size = 6;
	return e;
}

static void test_every_type_round_trips(void)
{
	struct buf items = BUF_INIT, b = BUF_INIT, attrs = BUF_INIT, xattrs = BUF_INIT;
	struct tree_entry e = file_entry("a");
	uint64_t nr;

	attr_put_mtime(&attrs, -1, 999999999);
	attr_put_varint(&attrs, ATTR_UID, 1000);
	attr_put_varint(&attrs, ATTR_GID, UINT32_MAX);
	attr_put(&attrs, ATTR_OWNER, "me", 2);
	attr_put(&attrs, ATTR_GROUP, "us", 2);
	xattr_put(&xattrs, "user.a", 6, "", 0);
	xattr_put(&xattrs, "user.ab", 7, "x\0y", 3);
	attr_put(&attrs, ATTR_XATTRS, xattrs.data, xattrs.len);
	attr_put_varint(&attrs, ATTR_FLAGS, 0x10);
	attr_put_varint(&attrs, ATTR_PROJECT, 7);
	attr_put(&attrs, 127, "unknown", 7);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	tree_encode_entry(&items, &e);

	e = file_entry("b");
	e.content = CONTENT_LIST;
	e.size = 100ull << 30;
	buf_reset(&attrs);
	buf_reset(&xattrs);
	hole_put(&xattrs, 0, 4096);
	hole_put(&xattrs, 4096, 1ull << 30);
	attr_put(&attrs, ATTR_HOLES, xattrs.data, xattrs.len);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	tree_encode_entry(&items, &e);

	e = file_entry("c");
	e.type = ENTRY_DIR;
	e.content = CONTENT_TREE;
	e.size = 0;
	tree_encode_entry(&items, &e);

	e = file_entry("d");
	e.type = ENTRY_SYMLINK;
	e.content = CONTENT_NONE;
	e.size = 3;
	buf_reset(&attrs);
	attr_put(&attrs, ATTR_TARGET, "../", 3);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	tree_encode_entry(&items, &e);

	e = file_entry("e");
	e.type = ENTRY_FIFO;
	e.content = CONTENT_NONE;
	e.size = 0;
	tree_encode_entry(&items, &e);
	e.type = ENTRY_SOCKET;
	e.name = (const unsigned char *)"f";
	tree_encode_entry(&items, &e);

	buf_reset(&attrs);
	attr_put_device(&attrs, 8, 1048575);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	e.type = ENTRY_CHAR;
	e.name = (const unsigned char *)"g";
	tree_encode_entry(&items, &e);
	e.type = ENTRY_BLOCK;
	e.name = (const unsigned char *)"h";
	tree_encode_entry(&items, &e);

	tree_encode(&b, 0, 8, &items);
	CHECK(decode(&b, &nr) == 0 && nr == 8);

	struct buf cut = BUF_INIT;
	for (size_t n = 0; n < b.len; n++) {
		buf_reset(&cut);
		buf_put(&cut, b.data, n);
		CHECK(decode(&cut, NULL) == ERR_CORRUPT);
	}
	buf_put_u8(&b, 0);
	CHECK(decode(&b, NULL) == ERR_CORRUPT);
	buf_release(&cut);
	buf_release(&items);
	buf_release(&attrs);
	buf_release(&xattrs);
	buf_release(&b);
}

static void test_no_flipped_bit_decodes_to_other_bytes(void)
{
	struct buf items = BUF_INIT, b = BUF_INIT, attrs = BUF_INIT;
	struct tree_entry e = file_entry("name");

	attr_put_mtime(&attrs, 1700000000, 5);
	attr_put_varint(&attrs, ATTR_UID, 300);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	tree_encode_entry(&items, &e);
	e.name = (const unsigned char *)"other";
	e.name_len = 5;
	tree_encode_entry(&items, &e);
	tree_encode(&b, 0, 2, &items);
	for (size_t i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (unsigned char)(1u << i % 8);
		decode(&b, NULL);	/* its own checks: re-encoding gives the flipped bytes */
		b.data[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	buf_release(&items);
	buf_release(&attrs);
	buf_release(&b);
}

static void test_impossible_names_are_refused(void)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "a/" };
	static const char *const good[] = { "...", ".a", "..a", " ", "\n", "\xff", "a\\b" };
	char name[NAME_LEN_MAX + 2];
	struct tree_entry e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = file_entry(bad[i]);
		CHECK(decode_one(&e) == ERR_CORRUPT);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		e = file_entry(good[i]);
		CHECK(decode_one(&e) == 0);
	}
	e = file_entry("a");
	e.name = (const unsigned char *)"a\0b";
	e.name_len = 3;
	CHECK(decode_one(&e) == ERR_CORRUPT);
	memset(name, 'x', sizeof(name));
	name[NAME_LEN_MAX + 1] = '\0';
	e = file_entry(name);
	CHECK(decode_one(&e) == ERR_CORRUPT);
	name[NAME_LEN_MAX] = '\0';
	e = file_entry(name);
	CHECK(decode_one(&e) == 0);
}

static void check_content(enum entry_type type, enum content_kind kind, uint64_t size, int want)
{
	static const unsigned char data[256];
	struct tree_entry e = file_entry("x");

	e.type = type;
	e.content = kind;
	e.size = size;
	e.data = data;
	CHECK(decode_one(&e) == want);
}

static void test_content_suits_type_and_size(void)
{
	check_content(ENTRY_FILE, CONTENT_NONE, 0, 0);
	check_content(ENTRY_FILE, CONTENT_NONE, 1, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_INLINE, 0, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_INLINE, 1, 0);
	check_content(ENTRY_FILE, CONTENT_INLINE, 64, 0);
	check_content(ENTRY_FILE, CONTENT_INLINE, 65, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_BLOB, 64, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_BLOB, 65, 0);
	check_content(ENTRY_FILE, CONTENT_BLOB, OBJECT_MAX_SIZE, 0);
	check_content(ENTRY_FILE, CONTENT_BLOB, OBJECT_MAX_SIZE + 1, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_LIST, 64, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_LIST, 65, 0);
	check_content(ENTRY_FILE, CONTENT_LIST, INT64_MAX, 0);
	check_content(ENTRY_FILE, CONTENT_LIST, 1ull << 63, ERR_CORRUPT);
	check_content(ENTRY_FILE, CONTENT_TREE, 65, ERR_CORRUPT);
	check_content(ENTRY_FILE, (enum content_kind)5, 65, ERR_CORRUPT);
	check_content(ENTRY_DIR, CONTENT_TREE, 0, 0);
	check_content(ENTRY_DIR, CONTENT_NONE, 0, ERR_CORRUPT);
	check_content(ENTRY_DIR, CONTENT_BLOB, 0, ERR_CORRUPT);
	check_content(ENTRY_FIFO, CONTENT_NONE, 0, 0);
	check_content(ENTRY_FIFO, CONTENT_INLINE, 0, ERR_CORRUPT);
	check_content(ENTRY_SYMLINK, CONTENT_NONE, 0, ERR_CORRUPT);	/* no target */
	check_content(ENTRY_CHAR, CONTENT_NONE, 0, ERR_CORRUPT);	/* no numbers */
	check_content((enum entry_type)0, CONTENT_NONE, 0, ERR_CORRUPT);
	check_content((enum entry_type)8, CONTENT_NONE, 0, ERR_CORRUPT);
}

static void check_attr(enum entry_type type, uint64_t tag, const void *p, size_t n, int want)
{
	struct tree_entry e = file_entry("x");
	struct buf attrs = BUF_INIT;

	e.type = type;
	if (type != ENTRY_FILE) {
		e.content = type == ENTRY_DIR ? CONTENT_TREE : CONTENT_NONE;
		e.size = type == ENTRY_SYMLINK ? 3 : 0;
	}
	if (type == ENTRY_SYMLINK && tag > ATTR_TARGET)
		attr_put(&attrs, ATTR_TARGET, "abc", 3);
	attr_put(&attrs, tag, p, n);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	int ret = decode_one(&e);
	if (ret != want)
		printf("# tag %llu, %zu bytes: %d\n", (unsigned long long)tag, n, ret);
	CHECK(ret == want);
	buf_release(&attrs);
}

static void test_attributes_have_one_form(void)
{
	static const unsigned char big[ATTRS_LEN_MAX + 1];
	unsigned char mtime[13] = { 0 };

	check_attr(ENTRY_FILE, ATTR_MTIME, mtime, 12, 0);
	check_attr(ENTRY_FILE, ATTR_MTIME, mtime, 11, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_MTIME, mtime, 13, ERR_CORRUPT);
	put_u32le(mtime + 8, 1000000000);
	check_attr(ENTRY_FILE, ATTR_MTIME, mtime, 12, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_UID, "\0", 1, 0);
	check_attr(ENTRY_FILE, ATTR_UID, "", 0, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_UID, "\x80\0", 2, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_UID, "\1\1", 2, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_GID, "\xff\xff\xff\xff\x0f", 5, 0);
	check_attr(ENTRY_FILE, ATTR_GID, "\x80\x80\x80\x80\x10", 5, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_OWNER, "x", 1, 0);
	check_attr(ENTRY_FILE, ATTR_OWNER, "", 0, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_OWNER, "a\0b", 3, ERR_CORRUPT);
	check_attr(ENTRY_SYMLINK, ATTR_TARGET, "abc", 3, 0);
	check_attr(ENTRY_SYMLINK, ATTR_TARGET, "abcd", 4, ERR_CORRUPT);
	check_attr(ENTRY_SYMLINK, ATTR_TARGET, "a\0c", 3, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_TARGET, "inline", 6, ERR_CORRUPT);
	check_attr(ENTRY_CHAR, ATTR_DEVICE, "\1\3", 2, 0);
	check_attr(ENTRY_BLOCK, ATTR_DEVICE, "\1", 1, ERR_CORRUPT);
	check_attr(ENTRY_BLOCK, ATTR_DEVICE, "\1\2\3", 3, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_DEVICE, "\1\3", 2, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\1a\1b", 4, 0);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\1a\1b\1b\0", 7, 0);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\1b\0\1a\0", 6, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\1a\0\1a\0", 6, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\0\1b", 3, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "", 0, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_XATTRS, "\1a\2b", 4, ERR_CORRUPT);
	check_attr(ENTRY_SYMLINK, ATTR_XATTRS_ID, big, 32, 0);
	check_attr(ENTRY_FILE, ATTR_XATTRS_ID, big, 31, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_FLAGS, "\1", 1, 0);
	check_attr(ENTRY_FILE, ATTR_FLAGS, "\0", 1, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_HOLES, "\0\6", 2, 0);
	check_attr(ENTRY_FILE, ATTR_HOLES, "\0\7", 2, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_HOLES, "\0\1\1\1", 4, 0);
	check_attr(ENTRY_FILE, ATTR_HOLES, "\0\1\0\1", 4, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_HOLES, "\1\0", 2, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_HOLES, "", 0, ERR_CORRUPT);
	check_attr(ENTRY_DIR, ATTR_HOLES, "\0\1", 2, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_HOLES_ID, big, 32, 0);
	check_attr(ENTRY_FIFO, ATTR_HOLES_ID, big, 32, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_PROJECT, "\0", 1, ERR_CORRUPT);
	check_attr(ENTRY_FILE, ATTR_PROJECT, "\1", 1, 0);
	check_attr(ENTRY_FILE, 0, "\1", 1, ERR_CORRUPT);
	check_attr(ENTRY_FILE, 14, "", 0, 0);
	check_attr(ENTRY_FILE, 127, "x", 1, 0);
	check_attr(ENTRY_FILE, 128, "x", 1, ERR_FORMAT);
	check_attr(ENTRY_FILE, UINT64_MAX, "x", 1, ERR_FORMAT);
	check_attr(ENTRY_FILE, 100, big, ATTRS_LEN_MAX - 3, 0);
	check_attr(ENTRY_FILE, 100, big, ATTRS_LEN_MAX - 2, ERR_CORRUPT);
}

static void test_fields_rise_and_stand_once(void)
{
	static const char *const bad[] = {
		"\2\1\1\2\1\1",			/* uid twice */
		"\3\1\1\2\1\1",			/* gid, uid */
	};
	struct tree_entry e = file_entry("x");
	struct buf attrs = BUF_INIT;
	unsigned char id[OID_SIZE] = { 0 };

	for (size_t i = 0; i < 2; i++) {
		e.attrs = (const unsigned char *)bad[i];
		e.attrs_len = 6;
		CHECK(decode_one(&e) == ERR_CORRUPT);
	}
	attr_put(&attrs, ATTR_XATTRS, "\1a\1b", 4);
	attr_put(&attrs, ATTR_XATTRS_ID, id, OID_SIZE);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	CHECK(decode_one(&e) == ERR_CORRUPT);
	buf_release(&attrs);
}

static void test_getters_find_their_field(void)
{
	struct buf attrs = BUF_INIT;
	struct tree_entry e = file_entry("x");
	const unsigned char *val;
	uint64_t v, w;
	uint32_t ns;
	int64_t s;
	size_t n;

	attr_put_mtime(&attrs, INT64_MIN, 1);
	attr_put_varint(&attrs, ATTR_UID, 128);
	attr_put_device(&attrs, 259, 70000);
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	CHECK(tree_entry_mtime(&e, &s, &ns) && s == INT64_MIN && ns == 1);
	CHECK(tree_entry_varint(&e, ATTR_UID, &v) && v == 128);
	CHECK(!tree_entry_varint(&e, ATTR_GID, &v));
	CHECK(tree_entry_device(&e, &v, &w) && v == 259 && w == 70000);
	CHECK(!tree_entry_attr(&e, ATTR_TARGET, &val, &n) && !val && n == 0);
	buf_release(&attrs);
}

static int decode_pieces(unsigned int level, size_t nr, const struct tree_piece *list)
{
	struct buf items = BUF_INIT, b = BUF_INIT;

	for (size_t i = 0; i < nr; i++)
		tree_encode_piece(&items, &list[i]);
	tree_encode(&b, level, nr, &items);
	int ret = decode(&b, NULL);
	buf_release(&items);
	buf_release(&b);
	return ret;
}

static struct tree_piece piece(const char *first, const char *last, uint64_t entries)
{
	struct tree_piece p = { .entries = entries };

	p.first = (const unsigned char *)first;
	p.first_len = strlen(first);
	p.last = (const unsigned char *)last;
	p.last_len = strlen(last);
	return p;
}

static void test_pieces_rise_and_count(void)
{
	struct tree_piece p[2] = { piece("a", "m", 100), piece("n", "z", 100) };

	CHECK(decode_pieces(1, 2, p) == 0);
	CHECK(decode_pieces(LEVEL_MAX, 2, p) == 0);
	CHECK(decode_pieces(LEVEL_MAX + 1, 2, p) == ERR_CORRUPT);
	CHECK(decode_pieces(1, 0, p) == ERR_CORRUPT);
	p[1] = piece("m", "z", 100);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
	p[1] = piece("z", "n", 100);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
	p[1] = piece("z", "z", 2);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
	p[1] = piece("z", "z", 1);
	CHECK(decode_pieces(1, 2, p) == 0);
	p[1] = piece("y", "z", 1);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
	p[1] = piece("y", "z", 1025);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
	CHECK(decode_pieces(2, 2, p) == 0);
	p[1] = piece("y", "z", INT64_MAX);
	CHECK(decode_pieces(2, 2, p) == ERR_CORRUPT);
	p[1] = piece("n", "a/b", 100);
	CHECK(decode_pieces(1, 2, p) == ERR_CORRUPT);
}

static void test_an_empty_directory_is_four_zeros(void)
{
	struct buf items = BUF_INIT, b = BUF_INIT;
	uint64_t nr;

	tree_encode(&b, 0, 0, &items);
	CHECK(b.len == 4 && decode(&b, &nr) == 0 && nr == 0);
	buf_release(&b);
}

static void test_names_rise(void)
{
	struct tree_entry a = file_entry("a"), b = file_entry("a-"), c = file_entry("a");
	struct buf items = BUF_INIT, raw = BUF_INIT;

	tree_encode_entry(&items, &a);
	tree_encode_entry(&items, &b);
	tree_encode(&raw, 0, 2, &items);
	CHECK(decode(&raw, NULL) == 0);
	tree_encode_entry(&items, &c);
	buf_reset(&raw);
	tree_encode(&raw, 0, 3, &items);
	CHECK(decode(&raw, NULL) == ERR_CORRUPT);
	buf_reset(&items);
	buf_reset(&raw);
	tree_encode_entry(&items, &a);
	tree_encode_entry(&items, &c);
	tree_encode(&raw, 0, 2, &items);
	CHECK(decode(&raw, NULL) == ERR_CORRUPT);
	buf_release(&items);
	buf_release(&raw);
}

UNIT_MAIN(test_every_type_round_trips, test_no_flipped_bit_decodes_to_other_bytes,
	  test_impossible_names_are_refused, test_content_suits_type_and_size,
	  test_attributes_have_one_form, test_fields_rise_and_stand_once,
	  test_getters_find_their_field, test_pieces_rise_and_count,
	  test_an_empty_directory_is_four_zeros, test_names_rise)
