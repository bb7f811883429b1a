/* Notes: the frame, the rows of each kind, the order of paths. */
#include "lib/buf.h"
#include "objects/object.h"
#include "t/unit/unit.h"

/* Decode, read the rows and write both again: the same bytes, or the error. */
static int decode(const struct buf *b)
{
	struct buf body = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	struct note_iter it;
	struct note_row row;
	struct note n;
	int ret = note_decode(&n, b->data, b->len, &err);

	if (ret == 0)
		ret = note_check(&n, &err);
	CHECK(object_check(OBJ_NOTE, b->data, b->len, &err) == ret);
	if (ret == 0) {
		if (note_kind_has_rows(n.kind)) {
			note_iter_init(&it, &n);
			while (note_iter_next(&it, &row, &err) > 0)
				note_put_row(&body, n.kind, &row);
			n.body = body.data;
			n.body_len = body.len;
		}
		note_encode(&n, &again);
		CHECK(buf_cmp(b, &again) == 0);
	} else {
		CHECK(ret == err.code && err.msg[0]);
	}
	buf_release(&body);
	buf_release(&again);
	return ret;
}

static int decode_body(uint64_t kind, const void *p, size_t size)
{
	struct note n = { .kind = kind, .body = p, .body_len = size };
	struct buf b = BUF_INIT;

	note_encode(&n, &b);
	int ret = decode(&b);
	buf_release(&b);
	return ret;
}

static struct note_row row_of(const char *path)
{
	struct note_row row = { .path = (const unsigned char *)path, .path_len = strlen(path) };

	return row;
}

static void test_rows_of_every_kind_round_trip(void)
{
	struct buf body = BUF_INIT;
	struct note_row row = row_of("a/b");

	row.birth_s = -1;
	row.birth_ns = 5;
	note_put_row(&body, NOTE_BIRTHS, &row);
	CHECK(decode_body(NOTE_BIRTHS, body.data, body.len) == 0);
	buf_reset(&body);

	row.text = (const unsigned char *)"*.o";
	row.text_len = 3;
	note_put_row(&body, NOTE_SKIPPED, &row);
	CHECK(decode_body(NOTE_SKIPPED, body.data, body.len) == 0);
	buf_reset(&body);

	row.error = 13;
	note_put_row(&body, NOTE_UNREADABLE, &row);
	CHECK(decode_body(NOTE_UNREADABLE, body.data, body.len) == 0);
	buf_reset(&body);

	note_put_row(&body, NOTE_ABSENT, &row);
	CHECK(decode_body(NOTE_ABSENT, body.data, body.len) == 0);
	buf_reset(&body);

	row.others = (const unsigned char *)"\3a/c\2a-";
	row.others_len = 7;
	row.nr_others = 2;
	note_put_row(&body, NOTE_HARDLINKS, &row);
	CHECK(decode_body(NOTE_HARDLINKS, body.data, body.len) == 0);
	for (size_t n = 0; n < body.len; n++)
		CHECK(decode_body(NOTE_HARDLINKS, body.data, n) == ERR_CORRUPT);
	buf_release(&body);
}

static void test_hard_links_come_in_groups_of_two_and_more(void)
{
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1a\1b", 5) == 0);
	CHECK(decode_body(NOTE_HARDLINKS, "\1\1a", 3) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_HARDLINKS, "\0", 1) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1a\1a", 5) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1b\1a", 5) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1a\1c\2\1b\1d", 10) == 0);
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1b\1c\2\1a\1d", 10) == ERR_CORRUPT);
	/* a group that goes on */
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1a\1c\2\1a\1d", 10) == 0);
	CHECK(decode_body(NOTE_HARDLINKS, "\2\1a\1c\2\1a\1c", 10) == ERR_CORRUPT);
}

static void test_paths_are_in_the_order_of_a_walk(void)
{
	static const char *const rise[] = { "a", "a/a", "a/b/c", "a/b!", "a\1", "a!", "a-b", "b" };
	size_t nr = sizeof(rise) / sizeof(rise[0]);

	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < nr; j++) {
			int c = path_walk_cmp(rise[i], strlen(rise[i]), rise[j], strlen(rise[j]));
			CHECK((c < 0) == (i < j) && (c > 0) == (i > j));
		}
	CHECK(decode_body(NOTE_ABSENT, "\1a\3a/b\2a!", 9) == 0);
	CHECK(decode_body(NOTE_ABSENT, "\1a\2a!\3a/b", 9) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_ABSENT, "\1a\1a", 4) == ERR_CORRUPT);
}

static void test_malformed_rows_are_refused(void)
{
	CHECK(decode_body(NOTE_ABSENT, "", 0) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_ABSENT, "\0", 1) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_ABSENT, "\2a\0", 3) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_BIRTHS, "\1a\0\0\0\0\0\0\0\0\377\377\377\377", 14) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_BIRTHS, "\1a\0\0\0\0\0\0\0\0\1\0\0\0", 14) == 0);
	CHECK(decode_body(NOTE_UNREADABLE, "\1a\x80\0\1x", 6) == ERR_CORRUPT);
	CHECK(decode_body(NOTE_SKIPPED, "\1a\0", 3) == 0);
	CHECK(decode_body(NOTE_SKIPPED, "\1a\1\0", 4) == ERR_CORRUPT);
}

static void test_overflowing_attributes_and_only_those_are_notes(void)
{
	static const unsigned char value[XATTRS_INLINE_MAX];
	struct buf body = BUF_INIT;

	xattr_put(&body, "user.a", 6, value, sizeof(value) - 9);
	CHECK(body.len == XATTRS_INLINE_MAX);
	CHECK(decode_body(NOTE_XATTRS, body.data, body.len) == ERR_CORRUPT);
	xattr_put(&body, "user.b", 6, "", 0);
	CHECK(decode_body(NOTE_XATTRS, body.data, body.len) == 0);
	xattr_put(&body, "user.b", 6, "", 0);
	CHECK(decode_body(NOTE_XATTRS, body.data, body.len) == ERR_CORRUPT);
	buf_reset(&body);
	for (unsigned int i = 0; i < HOLES_INLINE_MAX; i++)
		hole_put(&body, 4096, 4096);
	CHECK(decode_body(NOTE_HOLES, body.data, body.len) == ERR_CORRUPT);
	hole_put(&body, 4096, 4096);
	CHECK(decode_body(NOTE_HOLES, body.data, body.len) == 0);
	hole_put(&body, 0, 4096);
	CHECK(decode_body(NOTE_HOLES, body.data, body.len) == ERR_CORRUPT);
	buf_release(&body);
}

static void test_unknown_kinds_are_kept(void)
{
	CHECK(decode_body(9, "anything", 8) == 0);
	CHECK(decode_body(NOTE_WORKTREES, "\1a\1x", 4) == 0);
	CHECK(decode_body(NOTE_WORKTREES, "anything", 8) == ERR_CORRUPT);
	CHECK(decode_body(UINT64_MAX, "", 0) == 0);
	CHECK(decode_body(0, "x", 1) == ERR_CORRUPT);
}

static void test_the_frame_is_strict(void)
{
	struct note n = { .kind = 9, .body = (const unsigned char *)"abc", .body_len = 3 };
	struct buf b = BUF_INIT;

	note_encode(&n, &b);
	CHECK(decode(&b) == 0);
	buf_put_u8(&b, 0);
	CHECK(decode(&b) == ERR_CORRUPT);
	buf_truncate(&b, b.len - 2);
	CHECK(decode(&b) == ERR_CORRUPT);
	b.data[1] = 1;
	CHECK(decode(&b) == ERR_FORMAT);
	b.data[1] = 0;
	b.data[0] = 1;
	CHECK(decode(&b) == ERR_FORMAT);
	buf_release(&b);
}

UNIT_MAIN(test_rows_of_every_kind_round_trip, test_hard_links_come_in_groups_of_two_and_more,
	  test_paths_are_in_the_order_of_a_walk, test_malformed_rows_are_refused,
	  test_overflowing_attributes_and_only_those_are_notes, test_unknown_kinds_are_kept,
	  test_the_frame_is_strict)
