/*
 * Key slots of each type: written, read, opened; every changed byte found.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "crypto/keys-internal.h"

#include "t/unit/unit.h"

static struct err err;
static const unsigned char repo_id[HASH_SIZE] = "a repository";

static void start(void)
{
	if (crypto_start(&err) < 0)
		exit(1);
}

/* A slot of `type` for the credential "open" and the master 32 x 'M'. */
static void make(enum slot_type type, struct slot *s)
{
	struct secret credential = SECRET_INIT, master = SECRET_INIT;

	memset(s, 0, sizeof(*s));
	s->type = type;
	memcpy(s->repo_id, repo_id, HASH_SIZE);
	s->created = 1234567890;
	memcpy(s->label, "l\xc3\xa4" "bel", 7);
	if (type == SLOT_PASSWORD) {
		s->kdf = SLOT_KDF_ARGON2ID13;
		s->mem_kib = 64;
		s->passes = 1;
	}
	secret_set(&credential, "open", 4);
	secret_init(&master, KEY_SIZE);
	memset(master.data, 'M', KEY_SIZE);
	CHECK(slot_wrap(s, &credential, &master, &err) == 0);
	secret_release(&credential);
	secret_release(&master);
}

static int open_with(const struct slot *s, const char *text)
{
	struct secret credential = SECRET_INIT, master = SECRET_INIT;
	int ret;

	secret_set(&credential, text, strlen(text));
	ret = slot_unwrap(s, &credential, &master, &err);
	if (ret == 0)
		CHECK(master.size == KEY_SIZE && master.data[0] == 'M' && master.data[31] == 'M');
	secret_release(&credential);
	secret_release(&master);
	return ret;
}

static void test_each_type_opens_with_its_credential_alone(void)
{
	start();
	for (int type = SLOT_PASSWORD; type <= SLOT_DEVICE; type++) {
		struct slot s, back;
		struct buf raw = BUF_INIT, again = BUF_INIT;
		make((enum slot_type)type, &s);
		slot_encode(&s, &raw);
		REQUIRE(slot_parse(raw.data, raw.len, &back, &err) == 0);
		slot_encode(&back, &again);
		CHECK(buf_cmp(&raw, &again) == 0);
		CHECK(back.created == 1234567890 && strcmp(back.label, s.label) == 0);
		CHECK(open_with(&back, "open") == 0);
		CHECK(open_with(&back, "Open") == ERR_KEY);
		back.type = type == SLOT_DEVICE ? SLOT_RECOVERY : SLOT_DEVICE;
		CHECK(open_with(&back, "open") == ERR_KEY);
		back = s;
		back.repo_id[3] ^= 1;
		CHECK(open_with(&back, "open") == ERR_KEY);
		back = s;
		back.created++;
		CHECK(open_with(&back, "open") == ERR_KEY);
		back = s;
		back.label[0] = 'x';
		CHECK(open_with(&back, "open") == ERR_KEY);
		buf_release(&raw);
		buf_release(&again);
	}
}

static void test_each_changed_byte_is_damage(void)
{
	struct slot s;
	struct buf raw = BUF_INIT;

	start();
	make(SLOT_RECOVERY, &s);
	slot_encode(&s, &raw);
	for (size_t i = 0; i < raw.len; i++) {
		raw.data[i] ^= 0x20;
		CHECK(slot_parse(raw.data, raw.len, &s, &err) == ERR_CORRUPT);
		raw.data[i] ^= 0x20;
		CHECK(slot_parse(raw.data, i, &s, &err) == ERR_CORRUPT);
	}
	buf_put_u8(&raw, 0);
	CHECK(slot_parse(raw.data, raw.len, &s, &err) == ERR_CORRUPT);
	buf_release(&raw);
}

/* `byte` at `at`, with the closing hash made to fit. */
static int parse_forged(enum slot_type type, size_t at, const void *p, size_t n)
{
	struct buf raw = BUF_INIT;
	struct slot s;
	int ret;

	make(type, &s);
	slot_encode(&s, &raw);
	memcpy(raw.data + at, p, n);
	buf_truncate(&raw, raw.len - HASH_SIZE);
	tail_put(&raw);
	ret = slot_parse(raw.data, raw.len, &s, &err);
	buf_release(&raw);
	return ret;
}

static void test_what_a_later_ub_wrote_is_told_from_damage(void)
{
	start();
	CHECK(parse_forged(SLOT_PASSWORD, 8, "\1", 1) == ERR_FORMAT);	/* version */
	CHECK(parse_forged(SLOT_PASSWORD, 9, "\1", 1) == ERR_FORMAT);	/* flags */
	CHECK(parse_forged(SLOT_PASSWORD, 10, "\4", 1) == ERR_FORMAT);	/* type */
	CHECK(parse_forged(SLOT_PASSWORD, 59, "\2", 1) == ERR_FORMAT);	/* derivation */
	CHECK(parse_forged(SLOT_PASSWORD, 59, "\1", 1) == 0);
}

static void test_costs_are_capped(void)
{
	static const unsigned char huge[4] = { 1, 0, 0x40, 0 }, most[4] = { 0, 0, 0x40, 0 };

	start();
	CHECK(parse_forged(SLOT_PASSWORD, 60, huge, 4) == ERR_CORRUPT);
	CHECK(parse_forged(SLOT_PASSWORD, 60, most, 4) == 0);
	CHECK(parse_forged(SLOT_PASSWORD, 60, "\7\0\0\0", 4) == ERR_CORRUPT);
	CHECK(parse_forged(SLOT_PASSWORD, 64, "\0\0\0\0", 4) == ERR_CORRUPT);
	CHECK(parse_forged(SLOT_PASSWORD, 64, "\101\0\0\0", 4) == ERR_CORRUPT);
	CHECK(parse_forged(SLOT_PASSWORD, 64, "\100\0\0\0", 4) == 0);
	CHECK(parse_forged(SLOT_DEVICE, 60, "\10\0\0\0", 4) == ERR_CORRUPT);
	CHECK(parse_forged(SLOT_PASSWORD, 59, "\0", 1) == ERR_CORRUPT);
}

static void test_labels_and_names_are_checked(void)
{
	unsigned char id[SLOT_ID_SIZE];

	CHECK(label_is_valid(""));
	CHECK(label_is_valid("caf\xc3\xa9 \xf0\x9f\x94\x91"));
	CHECK(!label_is_valid("a\nb") && !label_is_valid("\x7f") && !label_is_valid("\xc2\x85"));
	CHECK(!label_is_valid("\xc3") && !label_is_valid("\xc0\x80") && !label_is_valid("\xff"));
	CHECK(!label_is_valid("\xed\xa0\x80") && !label_is_valid("\xf4\x90\x80\x80"));
	CHECK(!label_is_valid("0123456789012345678901234567890123456789012345678901234567890123x"));
	CHECK(slot_name_is_valid("slot-0123456789abcdef", id) && id[7] == 0xef);
	CHECK(!slot_name_is_valid("slot-0123456789abcde", id));
	CHECK(!slot_name_is_valid("slot-0123456789abcdefa", id));
	CHECK(!slot_name_is_valid("slot-0123456789ABCDEF", id));
	CHECK(!slot_name_is_valid("keyring", id));
	CHECK(device_name_is_valid("laptop") && device_name_is_valid("caf\xc3\xa9.local"));
	CHECK(!device_name_is_valid("") && !device_name_is_valid("a/b") &&
	      !device_name_is_valid("a b") && !device_name_is_valid("..") &&
	      !device_name_is_valid("-x") && !device_name_is_valid("a@b"));
}

static void test_costs_are_parsed(void)
{
	struct kdf_cost cost;

	CHECK(kdf_cost_parse("256M:3", &cost, &err) == 0 && cost.mem_kib == 262144 &&
	      cost.passes == 3 && !kdf_cost_is_weak(&cost));
	CHECK(kdf_cost_parse("8M:1", &cost, &err) == 0 && kdf_cost_is_weak(&cost));
	CHECK(kdf_cost_parse("7M:1", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse("8M:0", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse("8M:65", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse("5G:1", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse("8M", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse("8M:", &cost, &err) == ERR_USAGE);
	CHECK(kdf_cost_parse(":3", &cost, &err) == ERR_USAGE);
	kdf_cost_default(&cost);
	CHECK(cost.passes == 3 && cost.mem_kib >= 8192 && cost.mem_kib <= 262144);
}

UNIT_MAIN(test_each_type_opens_with_its_credential_alone,
	  test_each_changed_byte_is_damage,
	  test_what_a_later_ub_wrote_is_told_from_damage,
	  test_costs_are_capped,
	  test_labels_and_names_are_checked,
	  test_costs_are_parsed)
