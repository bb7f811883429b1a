/*
 * The genesis record: what a repository is, public, never changed.  Its hash is the repository id.
 */
#include <inttypes.h>
#include <string.h>

#include "crypto/keys-internal.h"

#define GENESIS_MAGIC "UBGENES"		/* and a NUL */

#define CHUNK_MIN_LOWEST (64u << 10)
#define CHUNK_AVG_LOWEST (512u << 10)
#define CHUNK_MAX_HIGHEST (16u << 20)
#define SHARDS_MAX 32

void genesis_encode(const struct genesis *g, struct buf *out)
{
	head_put(out, GENESIS_MAGIC);
	buf_put(out, g->random, sizeof(g->random));
	buf_put(out, g->admin_key, PUBKEY_SIZE);
	buf_put(out, g->owner_key, PUBKEY_SIZE);
	buf_put_u32le(out, g->chunk_min);
	buf_put_u32le(out, g->chunk_avg);
	buf_put_u32le(out, g->chunk_max);
	buf_put_u8(out, g->erasure_k);
	buf_put_u8(out, g->erasure_m);
	buf_put_u64le(out, g->features);
	buf_put_varint(out, 0);
}

int genesis_check(const struct genesis *g, struct err *err)
{
	if (g->chunk_min < CHUNK_MIN_LOWEST)
		return err_set(err, ERR_USAGE, "minimum chunk size %" PRIu32 " is below 64K",
			       g->chunk_min);
	if (g->chunk_avg < CHUNK_AVG_LOWEST)
		return err_set(err, ERR_USAGE, "average chunk size %" PRIu32 " is below 512K",
			       g->chunk_avg);
	if (g->chunk_max > CHUNK_MAX_HIGHEST)
		return err_set(err, ERR_USAGE, "maximum chunk size %" PRIu32 " is above 16M",
			       g->chunk_max);
	if (g->chunk_min > g->chunk_avg || g->chunk_avg > g->chunk_max)
		return err_set(err, ERR_USAGE,
			       "chunk sizes must not fall: %" PRIu32 ":%" PRIu32 ":%" PRIu32,
			       g->chunk_min, g->chunk_avg, g->chunk_max);
	if (!g->erasure_k || g->erasure_k + g->erasure_m > SHARDS_MAX)
		return err_set(err, ERR_USAGE,
			       "erasure %u+%u is out of range: 1 to %d shards in all",
			       g->erasure_k, g->erasure_m, SHARDS_MAX);
	return 0;
}

int genesis_parse(const void *p, size_t n, struct genesis *out, struct err *err)
{
	static const char what[] = "the genesis record";
	struct genesis g = { .version = FORMAT_VERSION };
	struct reader r;
	int ret;

	if (n > GENESIS_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "%s has %zu bytes, too many", what, n);
	ret = head_check(&r, p, n, GENESIS_MAGIC, false, 0, NULL, what, err);
	if (ret < 0)
		return ret;
	reader_copy(&r, g.random, sizeof(g.random));
	reader_copy(&r, g.admin_key, PUBKEY_SIZE);
	reader_copy(&r, g.owner_key, PUBKEY_SIZE);
	g.chunk_min = reader_u32le(&r);
	g.chunk_avg = reader_u32le(&r);
	g.chunk_max = reader_u32le(&r);
	g.erasure_k = reader_u8(&r);
	g.erasure_m = reader_u8(&r);
	g.features = reader_u64le(&r);
	ret = fields_check(&r, what, err);
	if (ret < 0)
		return ret;
	ret = reader_end(&r, what, err);
	if (ret < 0)
		return ret;
	if (g.features)
		return err_set(err, ERR_FORMAT, "%s asks for features 0x%" PRIx64
			       ", which this ub does not know", what, g.features);
	ret = genesis_check(&g, err);
	if (ret < 0) {
		err->code = ERR_CORRUPT;	/* nobody typed it */
		return err_wrap(err, "%s", what);
	}
	hash_bytes(g.id, p, n);
	*out = g;
	return 0;
}
