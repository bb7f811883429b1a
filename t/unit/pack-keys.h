#ifndef T_UNIT_PACK_KEYS_H
#define T_UNIT_PACK_KEYS_H

/*
 * Keys that are the same in every run, and packs made by hand from ub-format-pack(5), byte by
 * byte, without the writer: for the unit tests of packs, their vectors and their fuzz targets.
 */

#include <string.h>

#include "crypto/kdf.h"
#include "crypto/keys-internal.h"
#include "lib/buf.h"
#include "lib/sys.h"

/*
 * All keys are runs of one byte: the genesis record's random bytes 0x01, wrapping key of epoch
 * `epoch` `wrap`, X25519 secret 0x22, id key 0x33, chunker key 0x44, cache secret 0x55, owner
 * seed 0x66, admin seed 0x77.  Give back with keys_close().
 */
static inline struct keys *pack_keys(unsigned char repo, uint32_t epoch, unsigned char wrap)
{
	struct keys *k = xcalloc(1, sizeof(*k));
	struct genesis *g = &k->genesis;
	struct secret seed = SECRET_INIT, sign_key = SECRET_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	memset(g->random, repo, sizeof(g->random));
	secret_init(&seed, KEY_SIZE);
	memset(seed.data, 0x77, KEY_SIZE);
	sign_pair(&seed, g->admin_key, &sign_key);
	secret_release(&sign_key);
	memset(seed.data, 0x66, KEY_SIZE);
	sign_pair(&seed, g->owner_key, &sign_key);
	secret_release(&sign_key);
	secret_release(&seed);
	g->chunk_min = 256 << 10;
	g->chunk_avg = 1 << 20;
	g->chunk_max = 4 << 20;
	g->erasure_k = 10;
	g->erasure_m = 4;
	genesis_encode(g, &b);
	if (genesis_parse(b.data, b.len, g, &err) < 0)
		BUG("%s", err.msg);

	unsigned char key[KEY_SIZE];
	const unsigned char bytes[] = { wrap, 0x22, 0x33, 0x44, 0x55, 0x66 };
	buf_reset(&b);
	buf_put_u8(&b, 0);
	buf_put_u64le(&b, 1);
	for (unsigned int i = 0; i < 6; i++) {
		if (i == 0 || i == 2) {			/* one epoch, then one domain */
			buf_put_varint(&b, 1);
			buf_put_u32le(&b, i == 0 ? epoch : 0);
		}
		memset(key, bytes[i], sizeof(key));
		buf_put(&b, key, sizeof(key));
	}
	buf_put_varint(&b, 0);
	if (keyring_parse(b.data, b.len, &k->ring, &err) < 0)
		BUG("%s", err.msg);
	buf_release(&b);
	secret_init(&k->id_hasher, sizeof(struct hasher));
	hasher_init_keyed((struct hasher *)(void *)k->id_hasher.data,
			  k->ring.domains[0].id_key.data);
	return k;
}

#ifdef UB_TEST

/* A pack under construction. */
struct hand_pack {
	struct buf bytes;
	struct secret key;
	unsigned char salt[32], repo_id[32];
	uint8_t kind;
};
#define HAND_PACK_INIT { BUF_INIT, SECRET_INIT, { 0 }, { 0 }, 0 }

static inline void hand_pack_release(struct hand_pack *h)
{
	buf_release(&h->bytes);
	secret_release(&h->key);
}

/* `is_box`: wrapped for the X25519 key, as a write-only device does. */
static inline void hand_pack_header(struct hand_pack *h, const struct keys *k, uint8_t kind,
				    bool is_box)
{
	buf_put(&h->bytes, "UBPACK\0\0", 8);
	buf_put_u8(&h->bytes, 0);
	buf_put_u8(&h->bytes, 0);
	buf_put_u8(&h->bytes, kind);
	buf_put_u8(&h->bytes, 0);
	buf_put_u32le(&h->bytes, 0);
	buf_put(&h->bytes, keys_repo_id(k), 32);
	if (is_box)
		envelope_create_box(k, &h->bytes, &h->key, h->salt);
	else
		envelope_create(k, &h->bytes, &h->key, h->salt);
	put_u32le(h->bytes.data + 12, (uint32_t)h->bytes.len);
	memcpy(h->repo_id, keys_repo_id(k), 32);
	h->kind = kind;
}

/* Append a sealed part: 1 frame, 2 padding, 3 footer, 4 trailer. */
static inline void hand_pack_part(struct hand_pack *h, uint8_t part, const void *p, size_t n)
{
	unsigned char key[32], number[8], ad[75] = { 0 };

	put_u64le(number, h->bytes.len);
	kdf(key, KDF_PART_KEY, h->key.data, 32, number, 8, NULL, 0);
	memcpy(ad + 1, h->repo_id, 32);
	memcpy(ad + 33, h->salt, 32);
	memcpy(ad + 65, number, 8);
	ad[73] = h->kind;
	ad[74] = part;
	seal(buf_extend(&h->bytes, n + SEAL_OVERHEAD), key, ad, sizeof(ad), p, n);
}

/* The trailer of what is there, whose footer began at `footer_off`. */
static inline void hand_pack_trailer(struct hand_pack *h, size_t header_size, uint64_t footer_off,
				     uint32_t nr_frames, uint32_t nr_objects)
{
	unsigned char t[64] = { 0 };

	put_u32le(t + 4, nr_frames);
	put_u64le(t + 8, footer_off);
	put_u32le(t + 16, (uint32_t)(h->bytes.len - footer_off));
	put_u32le(t + 20, nr_objects);
	put_u64le(t + 24, h->bytes.len + 104);
	hash_bytes(t + 32, h->bytes.data, header_size);
	hand_pack_part(h, 4, t, sizeof(t));
}

#endif /* UB_TEST */

#endif
