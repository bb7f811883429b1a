/*
 * Genesis, keyring and device files: there and back, damage, what a later ub might write.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "lib/sys.h"
#include "crypto/keys-internal.h"

#include "t/unit/unit.h"

static struct err err;
static const unsigned char repo_id[HASH_SIZE] = "a repository";

static void start(void)
{
	if (crypto_start(&err) < 0)
		exit(1);
}

static void fill(struct genesis *g)
{
	memset(g, 0, sizeof(*g));
	sys_random(g->random, 32);
	g->chunk_min = 256 << 10;
	g->chunk_avg = 1 << 20;
	g->chunk_max = 4 << 20;
	g->erasure_k = 10;
	g->erasure_m = 4;
}

static void test_genesis_comes_back_and_names_the_repository(void)
{
	struct genesis g, back;
	struct buf raw = BUF_INIT, again = BUF_INIT;
	unsigned char id[HASH_SIZE];

	start();
	fill(&g);
	genesis_encode(&g, &raw);
	REQUIRE(genesis_parse(raw.data, raw.len, &back, &err) == 0);
	hash_bytes(id, raw.data, raw.len);
	CHECK(memcmp(id, back.id, HASH_SIZE) == 0);
	genesis_encode(&back, &again);
	CHECK(buf_cmp(&raw, &again) == 0);
	for (size_t i = 0; i < raw.len; i++)
		CHECK(genesis_parse(raw.data, i, &back, &err) == ERR_CORRUPT);
	raw.data[8] = 1;
	CHECK(genesis_parse(raw.data, raw.len, &back, &err) == ERR_FORMAT);
	raw.data[8] = 0;
	raw.data[9] = 1;
	CHECK(genesis_parse(raw.data, raw.len, &back, &err) == ERR_FORMAT);
	raw.data[9] = 0;
	raw.data[120] = 1;	/* features */
	CHECK(genesis_parse(raw.data, raw.len, &back, &err) == ERR_FORMAT);
	raw.data[120] = 0;
	CHECK(genesis_parse(raw.data, raw.len, &back, &err) == 0);
	buf_release(&raw);
	buf_release(&again);
}

static int parse_with_fields(const char *fields, size_t n)
{
	struct genesis g;
	struct buf raw = BUF_INIT;
	int ret;

	fill(&g);
	genesis_encode(&g, &raw);
	buf_truncate(&raw, raw.len - 1);
	buf_put(&raw, fields, n);
	ret = genesis_parse(raw.data, raw.len, &g, &err);
	buf_release(&raw);
	return ret;
}

static void test_unknown_fields_are_skipped_unless_critical(void)
{
	start();
	CHECK(parse_with_fields("\0", 1) == 0);
	CHECK(parse_with_fields("\1\2\1x", 4) == 0);
	CHECK(parse_with_fields("\2\2\1x\4\0", 6) == 0);
	CHECK(parse_with_fields("\1\177\1x", 4) == 0);
	CHECK(parse_with_fields("\1\200\1\1x", 5) == ERR_FORMAT);
	CHECK(parse_with_fields("\2\4\0\2\0", 5) == ERR_CORRUPT);	/* not ascending */
	CHECK(parse_with_fields("\2\2\0\2\0", 5) == ERR_CORRUPT);
	CHECK(parse_with_fields("\1\2\2x", 4) == ERR_CORRUPT);
	CHECK(parse_with_fields("\0x", 2) == ERR_CORRUPT);
	CHECK(parse_with_fields("\101", 1) == ERR_CORRUPT);
}

static int check_sizes(uint32_t min, uint32_t avg, uint32_t max, uint8_t k, uint8_t m)
{
	struct genesis g;

	fill(&g);
	g.chunk_min = min;
	g.chunk_avg = avg;
	g.chunk_max = max;
	g.erasure_k = k;
	g.erasure_m = m;
	return genesis_check(&g, &err);
}

static void test_chunk_sizes_and_erasure_have_bounds(void)
{
	const uint32_t k = 1 << 10, m = 1 << 20;

	CHECK(check_sizes(256 * k, m, 4 * m, 10, 4) == 0);
	CHECK(check_sizes(64 * k, 512 * k, 512 * k, 1, 0) == 0);
	CHECK(check_sizes(m, 3 * m, 16 * m, 16, 16) == 0);
	CHECK(check_sizes(63 * k, m, 4 * m, 10, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, 511 * k, 4 * m, 10, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, m, 17 * m, 10, 4) == ERR_USAGE);
	CHECK(check_sizes(2 * m, m, 4 * m, 10, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, 4 * m, 2 * m, 10, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, m, 4 * m, 0, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, m, 4 * m, 29, 4) == ERR_USAGE);
	CHECK(check_sizes(256 * k, m, 4 * m, 255, 255) == ERR_USAGE);
}

static bool is_same(const struct keyring *a, const struct keyring *b)
{
	struct secret x = SECRET_INIT, y = SECRET_INIT;
	bool same;

	keyring_encode(a, &x);
	keyring_encode(b, &y);
	same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
	secret_release(&x);
	secret_release(&y);
	return same;
}

static void test_a_keyring_comes_back_from_its_file(void)
{
	struct keyring k = KEYRING_INIT, back = KEYRING_INIT;
	struct secret master = SECRET_INIT, other = SECRET_INIT;
	struct buf raw = BUF_INIT;

	start();
	secret_random(&master, KEY_SIZE);
	secret_random(&other, KEY_SIZE);
	keyring_generate(&k);
	keyring_seal(&k, repo_id, &master, &raw);
	REQUIRE(keyring_open(raw.data, raw.len, repo_id, &master, &back, &err) == 0);
	CHECK(is_same(&k, &back));
	CHECK(keyring_find_epoch(&back, 0) && !keyring_find_epoch(&back, 1));
	CHECK(memcmp(k.epochs[0].box_public, back.epochs[0].box_public, 32) == 0);
	CHECK(keyring_open(raw.data, raw.len, repo_id, &other, &back, &err) == ERR_KEY);
	CHECK(keyring_open(raw.data, raw.len, other.data, &master, &back, &err) == ERR_CORRUPT);
	for (size_t i = 0; i < raw.len; i++) {
		raw.data[i] ^= 4;
		int ret = keyring_open(raw.data, raw.len, repo_id, &master, &back, &err);
		CHECK(ret == ERR_CORRUPT);
		raw.data[i] ^= 4;
		CHECK(keyring_open(raw.data, i, repo_id, &master, &back, &err) == ERR_CORRUPT);
	}
	CHECK(is_same(&k, &back));	/* failures left it alone */
	/* a forged generation in the clear part, with the closing hash made to fit */
	raw.data[42] ^= 1;
	buf_truncate(&raw, raw.len - HASH_SIZE);
	tail_put(&raw);
	CHECK(keyring_open(raw.data, raw.len, repo_id, &master, &back, &err) == ERR_KEY);
	keyring_release(&k);
	keyring_release(&back);
	secret_release(&master);
	secret_release(&other);
	buf_release(&raw);
}

static void test_many_epochs_and_unknown_fields_are_kept(void)
{
	struct keyring k = KEYRING_INIT, back = KEYRING_INIT;
	struct secret plain = SECRET_INIT, master = SECRET_INIT;
	struct buf raw = BUF_INIT;

	start();
	keyring_generate(&k);
	struct keyring empty = { .epochs = k.epochs, .nr_epochs = 1 };
	keyring_release(&empty);
	struct epoch *epochs = xcalloc(200, sizeof(*epochs));
	for (uint32_t i = 0; i < 200; i++) {
		epochs[i].number = i * 3;
		secret_random(&epochs[i].wrap_key, KEY_SIZE);
		secret_random(&epochs[i].box_secret, KEY_SIZE);
	}
	k.epochs = epochs;
	k.nr_epochs = 200;
	secret_release(&k.fields);
	secret_set(&k.fields, "\1\10\3abc", 6);
	keyring_encode(&k, &plain);
	REQUIRE(keyring_parse(plain.data, plain.size, &back, &err) == 0);
	CHECK(is_same(&k, &back));
	CHECK(keyring_find_epoch(&back, 597) && !keyring_find_epoch(&back, 598));
	secret_random(&master, KEY_SIZE);
	keyring_seal(&k, repo_id, &master, &raw);
	CHECK(keyring_open(raw.data, raw.len, repo_id, &master, &back, &err) == 0);
	for (size_t i = 0; i < plain.size; i += 97)
		CHECK(keyring_parse(plain.data, i, &back, &err) < 0);
	plain.data[0] = 1;
	CHECK(keyring_parse(plain.data, plain.size, &back, &err) == ERR_FORMAT);
	plain.data[0] = 0;
	CHECK(is_same(&k, &back));
	secret_release(&k.fields);
	secret_set(&k.fields, "\1\200\1\3abc", 7);	/* a critical one */
	secret_release(&plain);
	keyring_encode(&k, &plain);
	CHECK(keyring_parse(plain.data, plain.size, &back, &err) == ERR_FORMAT);
	keyring_release(&k);
	keyring_release(&back);
	secret_release(&plain);
	secret_release(&master);
	buf_release(&raw);
}

static void test_device_files_come_back(void)
{
	struct device d = DEVICE_INIT, back = DEVICE_INIT;
	struct secret raw = SECRET_INIT, seed = SECRET_INIT;

	start();
	for (int with_slot = 0; with_slot < 2; with_slot++) {
		device_generate(&d, "caf\xc3\xa9");
		d.has_slot = with_slot;
		if (with_slot) {
			sys_random(d.slot_id, 8);
			secret_random(&d.slot_secret, KEY_SIZE);
		}
		device_encode(&d, repo_id, &raw);
		REQUIRE(device_parse(raw.data, raw.size, repo_id, &back, &err) == 0);
		CHECK(strcmp(back.name, d.name) == 0 && back.has_slot == with_slot);
		CHECK(memcmp(back.pub, d.pub, 32) == 0 && memcmp(back.slot_id, d.slot_id, 8) == 0);
		CHECK(!with_slot || memcmp(back.slot_secret.data, d.slot_secret.data, 32) == 0);
		for (size_t i = 0; i < raw.size; i++) {
			struct device bad = DEVICE_INIT;
			raw.data[i] ^= 8;
			CHECK(device_parse(raw.data, raw.size, repo_id, &bad, &err) == ERR_CORRUPT);
			raw.data[i] ^= 8;
			CHECK(device_parse(raw.data, i, repo_id, &bad, &err) == ERR_CORRUPT);
		}
		device_release(&back);
		device_release(&d);
		secret_release(&raw);
	}
	secret_random(&seed, KEY_SIZE);
	admin_encode(&seed, repo_id, &raw);
	struct secret got = SECRET_INIT;
	CHECK(admin_parse(raw.data, raw.size, repo_id, &got, &err) == 0);
	CHECK(memcmp(got.data, seed.data, KEY_SIZE) == 0);
	raw.data[50] ^= 1;
	CHECK(admin_parse(raw.data, raw.size, repo_id, &got, &err) == ERR_CORRUPT);
	secret_release(&got);
	secret_release(&seed);
	secret_release(&raw);
}

UNIT_MAIN(test_genesis_comes_back_and_names_the_repository,
	  test_unknown_fields_are_skipped_unless_critical,
	  test_chunk_sizes_and_erasure_have_bounds,
	  test_a_keyring_comes_back_from_its_file,
	  test_many_epochs_and_unknown_fields_are_kept,
	  test_device_files_come_back)
