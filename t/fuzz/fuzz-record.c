/*
 * Records: bytes as they are, and bytes signed as a device that lies would sign them.  For the
 * second the input is u16 size of what is signed, that, then what is behind the signature.
 */

#include <stdlib.h>

#include "refs/record.h"
#include "t/unit/record-keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPO_AT = 11, DEVICE_AT = 43, SEALED_HASH_AT = 115, PUBLIC_MIN = 147 };

static void parse(const struct keys *k, const unsigned char *p, size_t n)
{
	struct record r = RECORD_INIT;
	struct advance a = ADVANCE_INIT;
	struct join j = JOIN_INIT;
	struct err err = ERR_INIT;
	int ret = record_decode(keys_genesis(k), p, n, &r, &err);

	if (ret != 0 && ret != ERR_CORRUPT && ret != ERR_FORMAT)
		abort();
	if (ret != err.code)
		abort();
	if (ret == 0 && r.nr_list > (r.list_is_apart ? RECORD_APART_MAX : RECORD_LIST_MAX))
		abort();
	if (ret == 0 && record_open(k, p, n, &r, &err) == 0) {
		advance_decode(&a, r.sealed.data, r.sealed.len, &err);
		join_decode(&j, r.sealed.data, r.sealed.len, &err);
	}
	advance_release(&a);
	join_release(&j);
	record_release(&r);
}

static void put_signature(const struct keys *k, struct buf *raw, const char *context, bool owner)
{
	struct buf msg = BUF_INIT;
	unsigned char sig[SIG_SIZE];

	buf_put(&msg, context, strlen(context) + 1);
	buf_put_buf(&msg, raw);
	if (owner) {
		keys_owner_sign(k, msg.data, msg.len, sig);
		buf_put_u8(raw, AUTH_OWNER);
	} else {
		keys_device_sign(k, msg.data, msg.len, sig);
	}
	buf_put(raw, sig, sizeof(sig));
	buf_release(&msg);
}

static void parse_signed(const struct keys *k, const uint8_t *data, size_t size)
{
	struct buf raw = BUF_INIT;

	if (size < 2)
		return;
	size_t head = get_u16le(data) & 0x7fff;
	bool owner = get_u16le(data) & 0x8000;
	data += 2;
	size -= 2;
	if (head < PUBLIC_MIN || head > size)
		return;
	buf_put(&raw, data, head);
	memcpy(raw.data + REPO_AT, keys_repo_id(k), HASH_SIZE);
	memcpy(raw.data + DEVICE_AT, keys_device_public(k), PUBKEY_SIZE);
	hash_bytes(raw.data + SEALED_HASH_AT, data + head, size - head);
	if (owner)
		put_signature(k, &raw, "ub record auth", true);
	put_signature(k, &raw, "ub record", false);
	buf_put(&raw, data + head, size - head);
	parse(k, raw.data, raw.len);
	buf_release(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keys *keys;
	struct advance a = ADVANCE_INIT;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;

	if (!keys) {
		if (crypto_start(&err) < 0)
			abort();
		keys = record_keys();
	}
	parse(keys, data, size);
	parse_signed(keys, data, size);
	/* What is sealed is canonical. */
	if (advance_decode(&a, data, size, &err) == 0) {
		advance_encode(&a, &again);
		if (again.len != size || memcmp(again.data, data, size) != 0)
			abort();
	}
	advance_release(&a);
	buf_release(&again);
	return 0;
}
