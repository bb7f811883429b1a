/*
 * Records and lists: there and back, every damaged byte, the rules.
 */
#include "refs/record.h"
#include "t/unit/refs-repo.h"

static struct repo repo;
static struct err err;

static void setup(void)
{
	if (!repo.keys)
		repo_init(&repo, "record");
	err_clear(&err);
}

static void make_advance(struct record *r, struct buf *raw)
{
	unsigned char list[3][HASH_SIZE];
	struct advance a = { .ref = (char *)"main", .tag = (char *)"v1",
			     .time_s = -5, .time_ns = 7 };

	memset(a.commit.b, 0xab, OID_SIZE);
	for (int i = 0; i < 3; i++)
		memset(list[i], 10 + i, HASH_SIZE);
	r->kind = RECORD_ADVANCE;
	r->critical = true;
	r->seq = 5;
	memset(r->prev, 1, HASH_SIZE);
	r->list = xmalloc(sizeof(list));
	memcpy(r->list, list, sizeof(list));
	r->nr_list = 3;
	r->marks = xcalloc(1, sizeof(*r->marks));
	r->nr_marks = 1;
	r->marks[0].device[0] = 1;
	r->marks[0].seq = 77;
	advance_encode(&a, &r->sealed);
	CHECK(record_encode(repo.keys, r, raw, &err) == 0);
}

static void make_join(struct record *r, struct buf *raw)
{
	struct join j = { .name = (char *)"laptop", .time_s = 9, .host = (char *)"host" };

	r->kind = RECORD_JOIN;
	r->auth = AUTH_OWNER;
	join_encode(&j, &r->sealed);
	CHECK(record_encode(repo.keys, r, raw, &err) == 0);
}

static int decode(const struct buf *raw, struct record *out)
{
	err_clear(&err);
	return record_decode(keys_genesis(repo.keys), raw->data, raw->len, out, &err);
}

static void test_record_goes_there_and_back(void)
{
	struct record r = RECORD_INIT, back = RECORD_INIT;
	struct buf raw = BUF_INIT;
	struct advance a = ADVANCE_INIT;

	setup();
	make_advance(&r, &raw);
	REQUIRE(decode(&raw, &back) == 0);
	CHECK(back.kind == RECORD_ADVANCE && back.critical && back.seq == 5);
	CHECK(back.nr_list == 3 && !back.list_is_apart && back.list[2][0] == 12);
	CHECK(back.nr_marks == 1 && back.marks[0].seq == 77);
	CHECK(memcmp(back.hash, r.hash, HASH_SIZE) == 0 && !back.is_opened);
	CHECK(memcmp(back.device, keys_device_public(repo.keys), PUBKEY_SIZE) == 0);
	REQUIRE(record_open(repo.keys, raw.data, raw.len, &back, &err) == 0);
	REQUIRE(advance_decode(&a, back.sealed.data, back.sealed.len, &err) == 0);
	CHECK(strcmp(a.ref, "main") == 0 && strcmp(a.tag, "v1") == 0 && a.commit.b[31] == 0xab);
	CHECK(a.time_s == -5 && a.time_ns == 7);
	advance_release(&a);
	record_release(&r);
	record_release(&back);
	buf_release(&raw);
}

static void flip_all(const struct buf *raw)
{
	struct record back = RECORD_INIT;
	struct buf bad = BUF_INIT;

	for (size_t i = 0; i < raw->len; i++) {
		buf_reset(&bad);
		buf_put_buf(&bad, raw);
		bad.data[i] ^= (unsigned char)(1u << (i % 8));
		int ret = decode(&bad, &back);
		CHECK(ret == ERR_CORRUPT || ret == ERR_FORMAT);
		CHECK(err.msg[0]);
	}
	for (size_t n = 0; n < raw->len; n++) {
		buf_reset(&bad);
		buf_put(&bad, raw->data, n);
		CHECK(decode(&bad, &back) == ERR_CORRUPT);
	}
	buf_reset(&bad);
	buf_put_buf(&bad, raw);
	buf_put_u8(&bad, 0);
	CHECK(decode(&bad, &back) == ERR_CORRUPT);
	record_release(&back);
	buf_release(&bad);
}

static void test_every_damaged_byte_of_a_record_is_found(void)
{
	struct record r = RECORD_INIT, j = RECORD_INIT;
	struct buf raw = BUF_INIT;

	setup();
	make_advance(&r, &raw);
	flip_all(&raw);
	buf_reset(&raw);
	make_join(&j, &raw);
	flip_all(&raw);
	record_release(&r);
	record_release(&j);
	buf_release(&raw);
}

/* Change a byte of the public part and sign anew, as the device itself could. */
static int forge(const struct buf *raw, size_t at, unsigned char value)
{
	struct record r = RECORD_INIT, back = RECORD_INIT;
	struct buf bad = BUF_INIT, msg = BUF_INIT;
	int ret;

	CHECK(decode(raw, &r) == 0);
	buf_put_buf(&bad, raw);
	bad.data[at] = value;
	/* signature, varint of the body's size, body */
	size_t sealed = r.body_off - (r.body_size < 128 ? 1 : 2);
	buf_put(&msg, "ub record", 10);
	buf_put(&msg, bad.data, sealed - SIG_SIZE);
	keys_device_sign(repo.keys, msg.data, msg.len, bad.data + sealed - SIG_SIZE);
	ret = decode(&bad, &back);
	record_release(&r);
	record_release(&back);
	buf_release(&bad);
	buf_release(&msg);
	return ret;
}

static void test_signed_nonsense_is_refused(void)
{
	struct record r = RECORD_INIT, back = RECORD_INIT;
	struct buf raw = BUF_INIT;
	/* magic 8, version, flags, kind, repository 32, device 32, seq 8, prev 32, hash 32, form */
	enum { VERSION = 8, FLAGS = 9, KIND = 10, REPO = 11, SEQ = 75, FORM = 147, NR = 148,
	       LIST = 149 };

	setup();
	make_advance(&r, &raw);
	CHECK(forge(&raw, FLAGS, 1) == 0);
	CHECK(forge(&raw, VERSION, 1) == ERR_FORMAT);
	CHECK(forge(&raw, FLAGS, 2) == ERR_FORMAT);
	CHECK(forge(&raw, KIND, RECORD_JOIN) == ERR_CORRUPT);
	CHECK(forge(&raw, KIND, RECORD_KEYRING) == ERR_CORRUPT);
	CHECK(forge(&raw, KIND, 99) == 0);
	CHECK(!record_kind_is_known(99) && !record_kind_is_known(0) && record_kind_is_known(13));
	CHECK(forge(&raw, REPO, raw.data[REPO] ^ 1) == ERR_CORRUPT);
	CHECK(forge(&raw, SEQ, 0) == ERR_CORRUPT);
	CHECK(forge(&raw, FORM, 2) == ERR_CORRUPT);
	CHECK(forge(&raw, FORM, 1) == ERR_CORRUPT);
	CHECK(forge(&raw, NR, 65) == ERR_CORRUPT);
	CHECK(forge(&raw, LIST, 0xff) == ERR_CORRUPT);		/* out of order */
	record_release(&r);
	record_release(&back);
	buf_release(&raw);
}

static void test_another_repository_reads_no_record(void)
{
	struct repo other;
	struct record r = RECORD_INIT, back = RECORD_INIT;
	struct buf raw = BUF_INIT;

	setup();
	repo_init(&other, "record-other");
	make_join(&r, &raw);
	CHECK(record_decode(keys_genesis(other.keys), raw.data, raw.len, &back, &err) ==
	      ERR_CORRUPT);
	record_release(&r);
	buf_release(&raw);
	keys_close(other.keys);
}

static void test_sealed_parts_are_strict(void)
{
	struct advance a = { .ref = (char *)"main" }, out = ADVANCE_INIT;
	struct buf raw = BUF_INIT;

	setup();
	advance_encode(&a, &raw);
	CHECK(advance_decode(&out, raw.data, raw.len, &err) == 0 && !out.tag);
	for (size_t n = 0; n < raw.len; n++)
		CHECK(advance_decode(&out, raw.data, n, &err) == ERR_CORRUPT);
	raw.data[1] = '/';
	CHECK(advance_decode(&out, raw.data, raw.len, &err) == ERR_CORRUPT);
	raw.data[1] = '\0';
	CHECK(advance_decode(&out, raw.data, raw.len, &err) == ERR_CORRUPT);
	advance_release(&out);
	buf_release(&raw);
}

static void test_every_damaged_byte_of_a_list_is_found_by_hash_or_rule(void)
{
	enum { NR = 70 };
	unsigned char list[NR][HASH_SIZE], hash[HASH_SIZE], again[HASH_SIZE];
	unsigned char (*back)[HASH_SIZE] = NULL;
	struct buf raw = BUF_INIT;
	uint64_t nr;

	setup();
	memset(list, 0, sizeof(list));
	for (int i = 0; i < NR; i++)
		list[i][0] = (unsigned char)i;
	list_file_encode(keys_repo_id(repo.keys), list, NR, &raw, hash);
	REQUIRE(list_file_decode(keys_repo_id(repo.keys), raw.data, raw.len, &back, &nr,
				 &err) == 0);
	CHECK(nr == NR && memcmp(back, list, sizeof(list)) == 0);
	sys_free(back);
	for (size_t i = 0; i < raw.len; i++) {
		back = NULL;
		raw.data[i] ^= 0x40;
		hash_bytes(again, raw.data, raw.len);
		CHECK(memcmp(again, hash, HASH_SIZE) != 0);
		list_file_decode(keys_repo_id(repo.keys), raw.data, raw.len, &back, &nr, &err);
		sys_free(back);
		raw.data[i] ^= 0x40;
	}
	for (size_t n = 0; n < raw.len; n++)
		CHECK(list_file_decode(keys_repo_id(repo.keys), raw.data, n, &back, &nr, &err) < 0);
	buf_release(&raw);
}

static void test_ref_names(void)
{
	static const char *const good[] = { "main", "tags/v1.0", "a/b/c", "ümläut", "x@y", "@x" };
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", ".a", "a/.b", "a..b",
		"a.lock", "a.lock/b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@",
		"a@{b", "a.", "a\nb", "HEAD", "-x" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(ref_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!ref_name_is_valid(bad[i]));
}

UNIT_MAIN(test_record_goes_there_and_back,
	  test_every_damaged_byte_of_a_record_is_found,
	  test_signed_nonsense_is_refused,
	  test_another_repository_reads_no_record,
	  test_sealed_parts_are_strict,
	  test_every_damaged_byte_of_a_list_is_found_by_hash_or_rule,
	  test_ref_names)
