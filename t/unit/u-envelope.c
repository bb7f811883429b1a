/*
 * Envelopes: both known kinds of stanza, the commitment, unknown kinds, every changed byte.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "lib/sys.h"
#include "crypto/kdf.h"
#include "crypto/keys-internal.h"

#include "t/unit/unit.h"

#define SALT_COMMITMENT (ENVELOPE_SALT_SIZE + HASH_SIZE)

static struct err err;

/* Keys with a keyring alone: all that envelopes look at. */
static void start(struct keys *k)
{
	if (crypto_start(&err) < 0)
		exit(1);
	memset(k, 0, sizeof(*k));
	memcpy(k->genesis.id, "a repository", 12);
	keyring_generate(&k->ring);
}

static int open_it(const struct keys *k, const void *p, size_t n, struct secret *key)
{
	unsigned char salt[ENVELOPE_SALT_SIZE];
	size_t used = 0;
	int ret = envelope_open(k, p, n, key, salt, &used, &err);

	if (ret == 0)
		CHECK(memcmp(salt, p, sizeof(salt)) == 0 && used > 0 && used <= n);
	return ret;
}

static void check_kind(void (*create)(const struct keys *, struct buf *, struct secret *,
				      unsigned char *), size_t size)
{
	struct secret key = SECRET_INIT, got = SECRET_INIT;
	unsigned char salt[ENVELOPE_SALT_SIZE];
	struct buf out = BUF_INIT;
	struct keys k;
	size_t used;

	start(&k);
	create(&k, &out, &key, salt);
	CHECK(out.len == size && key.size == KEY_SIZE);
	CHECK(open_it(&k, out.data, out.len, &got) == 0);
	CHECK(secret_is_equal(key.data, got.data, KEY_SIZE));
	CHECK(envelope_check(out.data, out.len, &used, &err) == 0 && used == out.len);
	buf_put_str(&out, "what follows");
	CHECK(open_it(&k, out.data, out.len, &got) == 0);
	CHECK(envelope_check(out.data, out.len, &used, &err) == 0 && used == size);
	for (size_t i = 0; i < size; i++) {
		CHECK(envelope_check(out.data, i, &used, &err) == ERR_CORRUPT);
		out.data[i] ^= 2;
		int ret = open_it(&k, out.data, out.len, &got);
		/* type 1 becomes 3, unknown, and 2 becomes 0; an epoch may become another */
		bool is_type = i == SALT_COMMITMENT + 1;
		bool is_epoch = i >= SALT_COMMITMENT + 3 && i < SALT_COMMITMENT + 7;
		CHECK(ret == (is_type ? ERR_FORMAT : is_epoch ? ERR_KEY : ERR_CORRUPT));
		out.data[i] ^= 2;
	}
	k.genesis.id[5] ^= 1;
	CHECK(open_it(&k, out.data, out.len, &got) == ERR_CORRUPT);
	keyring_release(&k.ring);
	secret_release(&key);
	secret_release(&got);
	buf_release(&out);
}

static void test_type_1_opens_and_each_changed_byte_does_not(void)
{
	check_kind(envelope_create, SALT_COMMITMENT + 1 + 8 + 72);
}

static void test_type_2_opens_and_each_changed_byte_does_not(void)
{
	check_kind(envelope_create_box, SALT_COMMITMENT + 1 + 8 + 112);
}

static void test_an_unknown_stanza_is_passed_over(void)
{
	struct secret key = SECRET_INIT, got = SECRET_INIT;
	unsigned char salt[ENVELOPE_SALT_SIZE];
	struct buf out = BUF_INIT, both = BUF_INIT;
	struct keys k;

	start(&k);
	envelope_create(&k, &out, &key, salt);
	buf_put(&both, out.data, SALT_COMMITMENT);
	buf_put_u8(&both, 2);
	buf_put_u8(&both, 77);
	buf_put_u8(&both, 0);
	buf_put_u32le(&both, 0);
	buf_put_u16le(&both, 3);
	buf_put_str(&both, "abc");
	size_t alone = both.len;
	buf_put(&both, out.data + SALT_COMMITMENT + 1, out.len - SALT_COMMITMENT - 1);
	CHECK(open_it(&k, both.data, both.len, &got) == 0);
	both.data[SALT_COMMITMENT] = 1;
	CHECK(open_it(&k, both.data, alone, &got) == ERR_FORMAT && strstr(err.msg, "77"));
	both.data[SALT_COMMITMENT] = 0;
	CHECK(open_it(&k, both.data, both.len, &got) == ERR_CORRUPT);
	both.data[SALT_COMMITMENT] = 17;
	CHECK(open_it(&k, both.data, both.len, &got) == ERR_CORRUPT);
	keyring_release(&k.ring);
	secret_release(&key);
	secret_release(&got);
	buf_release(&out);
	buf_release(&both);
}

/* A genuine stanza around another key: only the commitment can tell. */
static void test_the_commitment_is_checked(void)
{
	struct secret key = SECRET_INIT, got = SECRET_INIT;
	unsigned char salt[ENVELOPE_SALT_SIZE], ad[102], other[KEY_SIZE] = "another key";
	struct buf out = BUF_INIT;
	struct keys k;

	start(&k);
	envelope_create(&k, &out, &key, salt);
	memcpy(ad, k.genesis.id, 32);
	memcpy(ad + 32, out.data, 64);
	memcpy(ad + 96, out.data + 65, 6);
	seal(out.data + 73, k.ring.epochs[0].seal_key.data, ad, sizeof(ad), other, KEY_SIZE);
	CHECK(open_it(&k, out.data, out.len, &got) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "commitment"));
	seal(out.data + 73, k.ring.epochs[0].seal_key.data, ad, sizeof(ad), key.data, KEY_SIZE);
	CHECK(open_it(&k, out.data, out.len, &got) == 0);
	keyring_release(&k.ring);
	secret_release(&key);
	secret_release(&got);
	buf_release(&out);
}

static void test_part_keys_differ_and_repeat(void)
{
	unsigned char a[KEY_SIZE], b[KEY_SIZE], c[KEY_SIZE], n[8] = { 1 };
	struct secret key = SECRET_INIT;
	struct keys k;

	start(&k);
	secret_random(&key, KEY_SIZE);
	envelope_part_key(&key, 1, a);
	envelope_part_key(&key, 2, b);
	kdf(c, KDF_PART_KEY, key.data, KEY_SIZE, n, 8, NULL, 0);
	CHECK(memcmp(a, b, KEY_SIZE) != 0 && memcmp(a, c, KEY_SIZE) == 0);
	secret_release(&key);
	keyring_release(&k.ring);
}

UNIT_MAIN(test_type_1_opens_and_each_changed_byte_does_not,
	  test_type_2_opens_and_each_changed_byte_does_not,
	  test_an_unknown_stanza_is_passed_over,
	  test_the_commitment_is_checked,
	  test_part_keys_differ_and_repeat)
