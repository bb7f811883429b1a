/*
 * test-record FILE: what a record, a list or a file of marks says, as text, under the keys of
 * t/unit/record-keys.h.
 * test-record --make DIR STATE: the vectors of t/vectors/records, where DIR lacks them.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "refs/log.h"
#include "refs/marks.h"
#include "t/unit/record-keys.h"

static void put_hex(const char *name, const unsigned char *p, size_t n)
{
	char hex[2 * 64 + 1];

	hex_encode(hex, p, n);
	printf("%s %s\n", name, hex);
}

static void put_time(int64_t s, uint32_t ns)
{
	printf("time %" PRId64 ".%09" PRIu32 "\n", s, ns);
}

static int put_sealed(const struct record *r, struct err *err)
{
	struct advance a = ADVANCE_INIT;
	struct join j = JOIN_INIT;
	int ret = 0;

	switch ((unsigned int)r->kind) {
	case RECORD_ADVANCE:
		ret = advance_decode(&a, r->sealed.data, r->sealed.len, err);
		if (ret == 0) {
			printf("ref %s\n", a.ref);
			put_hex("commit", a.commit.b, OID_SIZE);
			printf("tag %s\n", a.tag ? a.tag : "(none)");
			put_time(a.time_s, a.time_ns);
		}
		break;
	case RECORD_JOIN:
		ret = join_decode(&j, r->sealed.data, r->sealed.len, err);
		if (ret == 0) {
			printf("name %s\n", j.name);
			put_time(j.time_s, j.time_ns);
			printf("host %s\n", j.host);
		}
		break;
	case RECORD_KEYRING:
		if (r->sealed.len == 8)
			printf("generation %" PRIu64 "\n", get_u64le(r->sealed.data));
		break;
	default:
		put_hex("sealed", r->sealed.data, r->sealed.len < 64 ? r->sealed.len : 64);
		break;
	}
	advance_release(&a);
	join_release(&j);
	return ret;
}

static int put_record(const struct keys *k, const struct buf *raw, struct err *err)
{
	struct record r = RECORD_INIT;
	int ret = record_decode(keys_genesis(k), raw->data, raw->len, &r, err);

	if (ret == 0)
		ret = record_open(k, raw->data, raw->len, &r, err);
	if (ret < 0)
		goto done;
	printf("record %u %s%s\n", (unsigned int)r.kind, record_kind_name(r.kind),
	       r.critical ? " critical" : "");
	put_hex("hash", r.hash, HASH_SIZE);
	put_hex("device", r.device, PUBKEY_SIZE);
	printf("seq %" PRIu64 "\n", r.seq);
	put_hex("prev", r.prev, HASH_SIZE);
	printf("auth %u\n", (unsigned int)r.auth);
	printf("list %" PRIu64 "%s\n", r.nr_list, r.list_is_apart ? " apart" : "");
	for (uint64_t i = 0; i < (r.list_is_apart ? 1 : r.nr_list); i++)
		put_hex("\t", r.list[i], HASH_SIZE);
	printf("marks %zu\n", r.nr_marks);
	for (size_t i = 0; i < r.nr_marks; i++) {
		put_hex("\tdevice", r.marks[i].device, PUBKEY_SIZE);
		printf("\tseq %" PRIu64 "\n", r.marks[i].seq);
		put_hex("\thash", r.marks[i].hash, HASH_SIZE);
	}
	ret = put_sealed(&r, err);
done:
	record_release(&r);
	return ret;
}

static int put_list(const struct keys *k, const struct buf *raw, struct err *err)
{
	unsigned char (*list)[HASH_SIZE] = NULL;
	unsigned char hash[HASH_SIZE];
	uint64_t nr;
	int ret = list_file_decode(keys_repo_id(k), raw->data, raw->len, &list, &nr, err);

	if (ret < 0)
		return ret;
	hash_bytes(hash, raw->data, raw->len);
	printf("list %" PRIu64 "\n", nr);
	put_hex("hash", hash, HASH_SIZE);
	for (uint64_t i = 0; i < nr; i++)
		put_hex("\t", list[i], HASH_SIZE);
	sys_free(list);
	return 0;
}

static int put_marks(const struct keys *k, const struct buf *raw, struct err *err)
{
	struct marks m = MARKS_INIT;
	int ret = marks_decode(&m, keys_repo_id(k), raw->data, raw->len, err);

	if (ret < 0)
		return ret;
	printf("marks %zu\n", m.nr);
	for (size_t i = 0; i < m.nr; i++) {
		put_hex("\tdevice", m.m[i].device, PUBKEY_SIZE);
		printf("\tseq %" PRIu64 "\n", m.m[i].seq);
		put_hex("\thash", m.m[i].hash, HASH_SIZE);
	}
	marks_release(&m);
	return 0;
}

static int show(const struct keys *k, const char *path, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = file_read(path, 64 << 20, &raw, err);

	if (ret == 0 && raw.len > 6 && memcmp(raw.data, "UBMARK", 6) == 0)
		ret = put_marks(k, &raw, err);
	else if (ret == 0 && raw.len > 6 && memcmp(raw.data, "UBLIST", 6) == 0)
		ret = put_list(k, &raw, err);
	else if (ret == 0)
		ret = put_record(k, &raw, err);
	buf_release(&raw);
	return ret;
}

/* -- making them -- */

static int save(const char *dir, const char *name, const struct buf *raw, struct err *err)
{
	char *path = xasprintf("%s/%s", dir, name);
	int ret = file_exists(path) ? 0 : file_write(path, raw->data, raw->len, 0, 0644, err);

	sys_free(path);
	return ret;
}

static int encode(struct keys *k, const char *dir, const char *name, struct record *r,
		  unsigned char prev[HASH_SIZE], struct err *err)
{
	struct buf raw = BUF_INIT;

	memcpy(r->prev, prev, HASH_SIZE);
	int ret = record_encode(k, r, &raw, err);
	memcpy(prev, r->hash, HASH_SIZE);
	if (ret == 0)
		ret = save(dir, name, &raw, err);
	record_release(r);
	buf_release(&raw);
	return ret;
}

static void set_list(struct record *r, unsigned char (*list)[HASH_SIZE], uint64_t nr)
{
	r->list = xmalloc((size_t)nr * HASH_SIZE);
	memcpy(r->list, list, (size_t)nr * HASH_SIZE);
	r->nr_list = nr;
}

static int make(struct keys *k, const char *dir, struct err *err)
{
	unsigned char prev[HASH_SIZE] = { 0 }, list[100][HASH_SIZE], hash[1][HASH_SIZE];
	struct record r = RECORD_INIT;
	struct buf raw = BUF_INIT;
	struct marks m = MARKS_INIT;
	char laptop[] = "laptop", host[] = "laptop.example", main_ref[] = "main", v1[] = "tags/v1";
	struct join j = { laptop, 1700000000, 123456789, host };
	struct advance a = { main_ref, { { 0 } }, NULL, 1700000100, 5 };
	int ret;

	memset(list, 0, sizeof(list));
	for (int i = 0; i < 100; i++)
		list[i][0] = list[i][31] = (unsigned char)i;
	r.kind = RECORD_JOIN;
	r.critical = true;
	r.auth = AUTH_OWNER;
	join_encode(&j, &r.sealed);
	ret = encode(k, dir, "join.record", &r, prev, err);

	r.kind = RECORD_KEYRING;
	r.critical = true;
	r.auth = AUTH_ADMIN;
	r.seq = 1;
	buf_put_u64le(&r.sealed, 1);
	set_list(&r, &list[99], 1);
	if (ret == 0)
		ret = encode(k, dir, "keyring.record", &r, prev, err);

	r.kind = RECORD_ADVANCE;
	r.critical = true;
	r.seq = 2;
	memset(a.commit.b, 0xc0, OID_SIZE);
	advance_encode(&a, &r.sealed);
	set_list(&r, &list[1], 2);
	if (ret == 0)
		ret = encode(k, dir, "advance.record", &r, prev, err);

	list_file_encode(keys_repo_id(k), list, 100, &raw, hash[0]);
	if (ret == 0)
		ret = save(dir, "hundred.list", &raw, err);
	r.kind = RECORD_ADVANCE;
	r.critical = true;
	r.seq = 3;
	a.ref = v1;
	a.tag = v1 + 5;
	advance_encode(&a, &r.sealed);
	set_list(&r, hash, 1);
	r.nr_list = 100;
	r.list_is_apart = true;
	r.marks = xcalloc(1, sizeof(*r.marks));
	r.nr_marks = 1;
	memset(r.marks[0].device, 0xdd, PUBKEY_SIZE);
	memset(r.marks[0].hash, 0xee, HASH_SIZE);
	r.marks[0].seq = 41;
	marks_raise(&m, &r.marks[0]);
	if (ret == 0)
		ret = encode(k, dir, "apart.record", &r, prev, err);

	r.kind = (enum record_kind)200;
	r.seq = 4;
	buf_put_str(&r.sealed, "whatever");
	if (ret == 0)
		ret = encode(k, dir, "later.record", &r, prev, err);

	buf_reset(&raw);
	marks_encode(&m, keys_repo_id(k), &raw);
	if (ret == 0)
		ret = save(dir, "one.marks", &raw, err);
	marks_release(&m);
	buf_release(&raw);
	return ret;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct keys *k;
	int ret;

	if (crypto_start(&err) < 0)
		return 2;
	k = record_keys();
	if (argc == 4 && strcmp(argv[1], "--make") == 0) {
		struct secret seed = SECRET_INIT, raw = SECRET_INIT;
		char *path = xasprintf("%s/admin", argv[3]);
		secret_init(&seed, KEY_SIZE);
		memset(seed.data, 0x77, KEY_SIZE);
		admin_encode(&seed, keys_repo_id(k), &raw);
		ret = file_write(path, raw.data, raw.size, 0, 0600, &err);
		k->state_dir = xstrdup(argv[3]);
		if (ret == 0)
			ret = make(k, argv[2], &err);
		secret_release(&seed);
		secret_release(&raw);
		sys_free(path);
	} else if (argc == 2) {
		ret = show(k, argv[1], &err);
	} else {
		ret = err_set(&err, ERR_USAGE, "test-record FILE");
	}
	keys_close(k);
	if (ret < 0) {
		fprintf(stderr, "%s\n", err.msg);
		printf("error %s\n", err_word(err.code));
	}
	return ret < 0;
}
