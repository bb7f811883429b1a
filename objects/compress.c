/*
 * zstd behind three calls.  Content size and checksum are not written: the frame says the size,
 * and the seal is the checksum.
 */
#include <zstd.h>

#include "lib/sys.h"

#include "objects/compress.h"

#define PROBE_SIZE ((size_t)16 << 10)
#define PROBE_LEVEL (-5)

/*
 * The tables of the high levels would take 100 MB and more for large chunks, to find what is far
 * away; within these limits a context takes MEMORY_HIGH.
 */
#define MODERATE_LEVEL 3

/*
 * Level 1 is zstd's with larger tables: frames are at most a few MB, and of source code and the
 * like a twentieth less is stored for an eighth more time.
 */
#define QUICK_HASH_LOG 16
#define QUICK_MATCH 5
#define WINDOW_LOG_MAX 20
#define HASH_LOG_MAX 18
#define CHAIN_LOG_MAX 19
#define MEMORY_MODERATE ((size_t)1 << 20)
#define MEMORY_HIGH ((size_t)8 << 20)

/*
 * Against a base: long matches are looked for in a table of their own, sampled, as `zstd
 * --patch-from` does, since what is between changes is long.  The window spans base and chunk,
 * 16 MiB each at most.
 */
#define OVER_WINDOW_LOG 25
#define OVER_HASH_LOG 15
#define OVER_LDM_HASH_LOG 17
#define OVER_LDM_MATCH 64
#define OVER_LDM_RATE_LOG 4

struct compressor {
	ZSTD_CCtx *cctx, *probe, *over;
	ZSTD_DCtx *dctx;
	int level;
	unsigned char scratch[PROBE_SIZE];
};

static void set(ZSTD_CCtx *cctx, ZSTD_cParameter param, int value)
{
	if (ZSTD_isError(ZSTD_CCtx_setParameter(cctx, param, value)))
		BUG("zstd refuses parameter %d = %d", (int)param, value);
}

static ZSTD_CCtx *cctx_new(int level)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (!cctx)
		return NULL;
	set(cctx, ZSTD_c_compressionLevel, level);
	set(cctx, ZSTD_c_contentSizeFlag, 0);
	set(cctx, ZSTD_c_checksumFlag, 0);
	set(cctx, ZSTD_c_dictIDFlag, 0);
	if (level == COMPRESS_LEVEL_DEFAULT) {
		set(cctx, ZSTD_c_strategy, ZSTD_dfast);
		set(cctx, ZSTD_c_windowLog, WINDOW_LOG_MAX);
		set(cctx, ZSTD_c_hashLog, QUICK_HASH_LOG);
		set(cctx, ZSTD_c_chainLog, QUICK_HASH_LOG);
		set(cctx, ZSTD_c_minMatch, QUICK_MATCH);
	} else if (level > MODERATE_LEVEL) {
		set(cctx, ZSTD_c_windowLog, WINDOW_LOG_MAX);
		set(cctx, ZSTD_c_hashLog, HASH_LOG_MAX);
		set(cctx, ZSTD_c_chainLog, CHAIN_LOG_MAX);
	}
	return cctx;
}

size_t compressor_memory(int level)
{
	return level > MODERATE_LEVEL ? MEMORY_HIGH : MEMORY_MODERATE;
}

struct compressor *compressor_new(int level)
{
	struct compressor *c = xcalloc(1, sizeof(*c));

	c->level = level;
	return c;
}

void compressor_free(struct compressor *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeCCtx(c->probe);
	ZSTD_freeCCtx(c->over);
	ZSTD_freeDCtx(c->dctx);
	sys_free(c);
}

/* Contexts are made when first needed: reading commands never pay for compression. */
static bool have_cctx(struct compressor *c)
{
	if (!c->cctx)
		c->cctx = cctx_new(c->level);
	if (!c->probe)
		c->probe = cctx_new(PROBE_LEVEL);
	return c->cctx && c->probe;
}

static bool sample_shrinks(struct compressor *c, const unsigned char *p)
{
	size_t want = PROBE_SIZE - PROBE_SIZE / 32;
	size_t n = ZSTD_compress2(c->probe, c->scratch, want, p, PROBE_SIZE);

	return !ZSTD_isError(n);
}

bool compress_probe(struct compressor *c, const void *p, size_t n)
{
	if (c->level == 0 || !have_cctx(c))
		return false;
	if (n < 4 * PROBE_SIZE)
		return true;
	const unsigned char *bytes = p;
	return sample_shrinks(c, bytes + n / 2 - PROBE_SIZE / 2) ||
	       sample_shrinks(c, bytes + n - PROBE_SIZE);
}

size_t compress(struct compressor *c, void *out, const void *p, size_t n)
{
	if (c->level == 0 || n < 16 || !have_cctx(c))
		return 0;
	size_t got = ZSTD_compress2(c->cctx, out, n - n / 64 - 1, p, n);
	return ZSTD_isError(got) ? 0 : got;
}

static ZSTD_CCtx *over_new(void)
{
	ZSTD_CCtx *cctx = cctx_new(COMPRESS_LEVEL_DEFAULT);

	if (!cctx)
		return NULL;
	set(cctx, ZSTD_c_strategy, ZSTD_fast);
	set(cctx, ZSTD_c_windowLog, OVER_WINDOW_LOG);
	set(cctx, ZSTD_c_hashLog, OVER_HASH_LOG);
	set(cctx, ZSTD_c_enableLongDistanceMatching, 1);
	set(cctx, ZSTD_c_ldmHashLog, OVER_LDM_HASH_LOG);
	set(cctx, ZSTD_c_ldmMinMatch, OVER_LDM_MATCH);
	set(cctx, ZSTD_c_ldmHashRateLog, OVER_LDM_RATE_LOG);
	return cctx;
}

size_t compress_over(struct compressor *c, void *out, const void *base, size_t base_size,
		     const void *p, size_t n)
{
	if (!c->over)
		c->over = over_new();
	if (!c->over || base_size == 0)
		return 0;
	/* Holds for one frame. */
	if (ZSTD_isError(ZSTD_CCtx_refPrefix(c->over, base, base_size)))
		return 0;
	size_t got = ZSTD_compress2(c->over, out, n / 2, p, n);
	ZSTD_CCtx_reset(c->over, ZSTD_reset_session_only);
	return ZSTD_isError(got) ? 0 : got;
}

int decompress_over(struct compressor *c, void *out, size_t raw_size, const void *base,
		    size_t base_size, const void *p, size_t n, struct err *err)
{
	if (!c->dctx)
		c->dctx = ZSTD_createDCtx();
	if (!c->dctx)
		return err_set(err, ERR_NOMEM, "no memory to decompress");
	if (ZSTD_isError(ZSTD_DCtx_refPrefix(c->dctx, base, base_size)))
		return err_set(err, ERR_FAILED, "zstd does not take a prefix of %zu bytes",
			       base_size);
	return decompress(c, out, raw_size, p, n, err);
}

int decompress(struct compressor *c, void *out, size_t raw_size, const void *p, size_t n,
	       struct err *err)
{
	if (!c->dctx)
		c->dctx = ZSTD_createDCtx();
	if (!c->dctx)
		return err_set(err, ERR_NOMEM, "no memory to decompress");
	size_t got = ZSTD_decompressDCtx(c->dctx, out, raw_size, p, n);
	if (ZSTD_isError(got))
		return err_set(err, ERR_CORRUPT, "cannot decompress: %s", ZSTD_getErrorName(got));
	if (got != raw_size)
		return err_set(err, ERR_CORRUPT, "decompresses to %zu bytes instead of %zu", got,
			       raw_size);
	return 0;
}
