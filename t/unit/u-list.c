/* Lists: every rule of the encoding, kept and broken. */
#include "lib/buf.h"
#include "objects/object.h"
#include "t/unit/unit.h"

static void put_entry(struct buf *b, uint8_t kind, uint64_t size, int id)
{
	buf_put_u8(b, kind);
	buf_put_varint(b, size);
	if (kind != LIST_ZERO)
		memset(buf_extend(b, OID_SIZE), id, OID_SIZE);
}

static void put_head(struct buf *b, uint64_t nr)
{
	buf_put_u8(b, 0);
	buf_put_u8(b, 0);
	buf_put_varint(b, nr);
}

static int decode(const struct buf *b)
{
	struct list l = LIST_INIT;
	struct err err = ERR_INIT;
	struct buf again = BUF_INIT;
	int ret = list_decode(&l, b->data, b->len, &err);

	if (ret == 0) {
		list_encode(&l, &again);
		CHECK(buf_cmp(b, &again) == 0);
	} else {
		CHECK(ret == err.code && err.msg[0]);
		CHECK(l.nr == 0 && l.entries == NULL);
	}
	buf_release(&again);
	list_release(&l);
	return ret;
}

static void test_blobs_and_zero_runs_round_trip(void)
{
	struct buf b = BUF_INIT;
	struct list l = LIST_INIT;
	struct err err = ERR_INIT;

	put_head(&b, 3);
	put_entry(&b, LIST_BLOB, 1000000, 1);
	put_entry(&b, LIST_ZERO, ZERO_MIN, 0);
	put_entry(&b, LIST_BLOB, 7, 2);
	CHECK(decode(&b) == 0);
	CHECK(list_decode(&l, b.data, b.len, &err) == 0);
	CHECK(l.nr == 3 && l.size == 1000007 + ZERO_MIN);
	CHECK(oid_is_zero(&l.entries[1].id));
	list_release(&l);
	buf_release(&b);
}

static void test_every_truncation_is_refused(void)
{
	struct buf b = BUF_INIT, cut = BUF_INIT;

	put_head(&b, 2);
	put_entry(&b, LIST_LIST, 5000000, 1);
	put_entry(&b, LIST_LIST, 1, 2);
	CHECK(decode(&b) == 0);
	for (size_t n = 0; n < b.len; n++) {
		buf_reset(&cut);
		buf_put(&cut, b.data, n);
		CHECK(decode(&cut) == ERR_CORRUPT);
	}
	buf_put_u8(&b, 0);
	CHECK(decode(&b) == ERR_CORRUPT);
	buf_release(&b);
	buf_release(&cut);
}

static void check_pair(uint8_t kind1, uint64_t size1, uint8_t kind2, uint64_t size2, int want)
{
	struct buf b = BUF_INIT;

	put_head(&b, 2);
	put_entry(&b, kind1, size1, 1);
	put_entry(&b, kind2, size2, 2);
	CHECK(decode(&b) == want);
	buf_release(&b);
}

static void test_entries_that_break_a_rule_are_refused(void)
{
	check_pair(LIST_BLOB, 1, LIST_BLOB, 1, 0);
	check_pair(LIST_ZERO, ZERO_MIN, LIST_BLOB, 1, 0);
	check_pair(LIST_ZERO, ZERO_MIN, LIST_ZERO, ZERO_MIN, ERR_CORRUPT);
	check_pair(LIST_ZERO, ZERO_MIN - 1, LIST_BLOB, 1, ERR_CORRUPT);
	check_pair(LIST_BLOB, 0, LIST_BLOB, 1, ERR_CORRUPT);
	check_pair(LIST_BLOB, OBJECT_MAX_SIZE, LIST_BLOB, 1, 0);
	check_pair(LIST_BLOB, OBJECT_MAX_SIZE + 1, LIST_BLOB, 1, ERR_CORRUPT);
	check_pair(LIST_BLOB, 1, LIST_LIST, 1, ERR_CORRUPT);
	check_pair(LIST_LIST, 1, LIST_ZERO, ZERO_MIN, ERR_CORRUPT);
	check_pair(LIST_LIST, INT64_MAX - 1, LIST_LIST, 1, 0);
	check_pair(LIST_LIST, INT64_MAX, LIST_LIST, 1, ERR_CORRUPT);
	check_pair(LIST_LIST, UINT64_MAX, LIST_LIST, 2, ERR_CORRUPT);
	check_pair(0, 1, LIST_BLOB, 1, ERR_CORRUPT);
	check_pair(4, 1, LIST_BLOB, 1, ERR_CORRUPT);
}

static void test_a_list_has_1_to_1024_entries(void)
{
	struct buf b = BUF_INIT;

	put_head(&b, 0);
	CHECK(decode(&b) == ERR_CORRUPT);
	for (uint64_t nr = PIECE_MAX; nr <= PIECE_MAX + 1; nr++) {
		buf_reset(&b);
		put_head(&b, nr);
		for (uint64_t i = 0; i < nr; i++)
			put_entry(&b, LIST_BLOB, 1, 3);
		CHECK(decode(&b) == (nr == PIECE_MAX ? 0 : ERR_CORRUPT));
	}
	buf_release(&b);
}

static void test_unknown_version_and_flags_are_a_format_error(void)
{
	struct buf b = BUF_INIT;

	put_head(&b, 1);
	put_entry(&b, LIST_BLOB, 1, 3);
	for (unsigned int i = 1; i < 256; i++) {
		b.data[0] = (unsigned char)i;
		CHECK(decode(&b) == ERR_FORMAT);
		b.data[0] = 0;
		b.data[1] = (unsigned char)i;
		CHECK(decode(&b) == ERR_FORMAT);
		b.data[1] = 0;
	}
	buf_release(&b);
}

UNIT_MAIN(test_blobs_and_zero_runs_round_trip, test_every_truncation_is_refused,
	  test_entries_that_break_a_rule_are_refused, test_a_list_has_1_to_1024_entries,
	  test_unknown_version_and_flags_are_a_format_error)
