/*
 * The secret half of the chunker: which of the places that the kernels offer is a cut, and the
 * runs of zeros.  The rule is ub-chunking(7).
 *
 * C1. The answer is a function of bytes, parameters and key.  No state outlives a call but the
 *     key; what is skipped below (repeats, probes) gives what looking would have given.
 * C2. A hostile file without the key costs at most a small factor: each cut refused by the PRF
 *     is a chance missed that the file's author cannot see.
 * C3. The key and every state made from it lie in a struct secret.
 */

#include <string.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sys.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "objects/chunker-internal.h"
#include "objects/chunker.h"

#define PRF_WINDOW 64
#define MIN_FLOOR (64u << 10)
#define AVG_FLOOR (512u << 10)
#define MAX_CEILING (16u << 20)

/* What must not be seen; lies in secret memory. */
struct keyed {
	struct hasher prf;		/* has taken in the key and nothing else */
	uint64_t fold[PRF_WINDOW / 8];	/* for slots only: no cut depends on it */
};

struct chunker {
	struct chunker_params params;
	uint64_t below_avg, below_late, below_one;	/* PRF values under these cut */
	uint32_t late;				/* 1.5 * avg */
	const struct chunker_tables *tables;
	const struct chunker_kernel *kernel;
	struct secret secret;
	struct keyed *keyed;			/* in `secret` */
};

/* Where windows that did not cut have ended, so that a repeat is known for one. */
#define SLOTS 256
struct refused { uint32_t at[SLOTS]; };

int chunker_params_check(const struct chunker_params *p, struct err *err)
{
	if (p->avg < AVG_FLOOR)
		return err_set(err, ERR_USAGE, "average chunk size %u is below 512 KiB", p->avg);
	if (p->max > MAX_CEILING)
		return err_set(err, ERR_USAGE, "maximum chunk size %u is above 16 MiB", p->max);
	if (p->min < MIN_FLOOR)
		return err_set(err, ERR_USAGE, "minimum chunk size %u is below 64 KiB", p->min);
	if (p->min >= p->avg || p->avg >= p->max)
		return err_set(err, ERR_USAGE, "chunk sizes %u:%u:%u do not rise",
			       p->min, p->avg, p->max);
	return 0;
}

static const struct chunker_kernel kernels[] = {
#if defined(__x86_64__)
	{ "avx512", chunker_avx512_pair, chunker_avx512_one },
	{ "avx2", chunker_avx2_pair, chunker_avx2_one },
#endif
	{ "scalar", chunker_scalar_pair, chunker_scalar_one },
};

static bool is_usable(const struct chunker_kernel *k)
{
#if defined(__x86_64__)
	bool avx2 = __builtin_cpu_supports("avx2");

	if (k->pair == chunker_avx512_pair)
		return avx2 && __builtin_cpu_supports("avx512f") &&
		       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
	if (k->pair == chunker_avx2_pair)
		return avx2;
#endif
	return k->pair == chunker_scalar_pair;
}

const struct chunker_kernel *chunker_kernel(size_t i)
{
	size_t k;

	for (k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++)
		if (is_usable(&kernels[k]) && i-- == 0)
			return &kernels[k];
	return NULL;
}

struct chunker *chunker_new_with(const struct chunker_params *p,
				 const unsigned char key[CHUNKER_KEY_SIZE],
				 const struct chunker_tables *tables,
				 const struct chunker_kernel *kernel)
{
	struct chunker *c = xcalloc(1, sizeof(*c));
	unsigned char fold[2 * HASH_SIZE];
	uint64_t share;
	size_t i, skip;

	c->params = *p;
	c->late = p->avg + p->avg / 2;
	/* 2^-6, 2^-2 and 2^-8 of 2^64, each times 2^20 / avg, in whole steps of 2^13 and more */
	share = ((uint64_t)1 << 63) / p->avg;
	c->below_avg = share << 15;
	c->below_late = share << 19;
	c->below_one = share << 13;
	c->tables = tables;
	c->kernel = kernel;
	secret_init(&c->secret, sizeof(struct keyed) + _Alignof(struct keyed));
	skip = (size_t)(-(uintptr_t)c->secret.data & (_Alignof(struct keyed) - 1));
	c->keyed = (struct keyed *)(void *)(c->secret.data + skip);
	hasher_init_keyed(&c->keyed->prf, key);
	/* from the key, not from chance: a run must be repeatable */
	hash_from(fold, &c->keyed->prf, "slots", 5, NULL, 0);
	hash_from(fold + HASH_SIZE, &c->keyed->prf, "SLOTS", 5, NULL, 0);
	for (i = 0; i < PRF_WINDOW / 8; i++)
		c->keyed->fold[i] = get_u64le(fold + 8 * i) | 1;
	secret_wipe(fold, sizeof(fold));
	return c;
}

struct chunker *chunker_new(const struct chunker_params *p,
			    const unsigned char key[CHUNKER_KEY_SIZE])
{
	return chunker_new_with(p, key, &chunker_tables, chunker_kernel(0));
}

void chunker_free(struct chunker *c)
{
	if (!c)
		return;
	secret_release(&c->secret);
	sys_free(c);
}

size_t chunker_window(const struct chunker *c)
{
	return c->params.max + CHUNKER_ZERO_MIN;
}

const char *chunker_kernel_name(const struct chunker *c)
{
	return c->kernel->name;
}

/* The secret's word on a window: its keyed hash, the first 8 bytes of it. */
static uint64_t prf(const struct chunker *c, const unsigned char *window)
{
	unsigned char out[HASH_SIZE];

	hash_from(out, &c->keyed->prf, window, PRF_WINDOW, NULL, 0);
	return get_u64le(out);
}

static size_t slot_of(const struct chunker *c, const unsigned char *window)
{
	uint64_t sum = 0, w;
	size_t i;

	for (i = 0; i < PRF_WINDOW / 8; i++) {
		memcpy(&w, window + 8 * i, 8);
		sum += w * c->keyed->fold[i];
	}
	return (size_t)(sum >> 56);
}

/* How many of a[0..n) equal b[0..n)?  The two may overlap. */
static size_t same_length(const unsigned char *a, const unsigned char *b, size_t n)
{
	size_t i = 0;

	while (n - i >= 256 && memcmp(a + i, b + i, 256) == 0)
		i += 256;
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/*
 * The first place in from..to-1 that is a candidate by `next` and whose PRF is below `below`, or
 * `to`.
 *
 * A window that was refused once is refused again.  Where the window before place `at` is the
 * one before `old`, the bytes are looked at that follow both: as far as they agree, every window
 * is one that was seen between `old` and `at`, and refused.  So a file that repeats itself costs
 * a comparison, and only new windows cost a hash.
 */
static size_t find_cut(const struct chunker *c, chunker_find *next, const unsigned char *p,
		       size_t from, size_t to, uint64_t below)
{
	struct refused refused;
	bool is_empty = true;
	size_t at = from, old, slot;

	while ((at = next(c->tables, p, at, to)) < to) {
		const unsigned char *window = p + at - PRF_WINDOW;

		if (is_empty)
			memset(&refused, 0, sizeof(refused));
		is_empty = false;
		slot = slot_of(c, window);
		old = refused.at[slot];
		if (old && memcmp(p + old - PRF_WINDOW, window, PRF_WINDOW) == 0) {
			refused.at[slot] = (uint32_t)at;
			at += 1 + same_length(p + at, p + old, to - 1 - at);
			continue;
		}
		if (prf(c, window) < below)
			return at;
		refused.at[slot] = (uint32_t)at;
		at++;
	}
	return to;
}

/* From 1.5 * avg on: a pair cuts without the secret, a single hit rarely and with it. */
static size_t find_late_cut(const struct chunker *c, const unsigned char *p, size_t from, size_t to)
{
	size_t pair = c->kernel->pair(c->tables, p, from, to);

	return find_cut(c, c->kernel->one, p, from, pair, c->below_one);
}

static size_t clamp(size_t n, size_t to)
{
	return n < to ? n : to;
}

/* Where a data piece ends by the rolling hash: min..to-1, or `to`. */
static size_t find_end(const struct chunker *c, const unsigned char *p, size_t to)
{
	size_t avg = clamp(c->params.avg, to), late = clamp(c->late, to), end;

	end = find_cut(c, c->kernel->pair, p, c->params.min, avg, c->below_avg);
	if (end < avg)
		return end;
	end = find_cut(c, c->kernel->pair, p, avg, late, c->below_late);
	if (end < late)
		return end;
	return find_late_cut(c, p, late, to);
}

/* How many of p[0..n) are zero before the first that is not? */
static size_t zero_length(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n && i < 16)
		if (p[i++])
			return i - 1;
	return i + same_length(p + i, p + i - 16, n - i);
}

/* Where the zeros that end before p[at] begin, not before p[from]. */
static size_t zeros_begin(const unsigned char *p, size_t from, size_t at)
{
	uint64_t w[4];

	while (at - from >= sizeof(w)) {
		memcpy(w, p + at - sizeof(w), sizeof(w));
		if (w[0] | w[1] | w[2] | w[3])
			break;
		at -= sizeof(w);
	}
	while (at > from && p[at - 1] == 0)
		at--;
	return at;
}

#define PROBE 8
#define PROBE_STEP ((size_t)64 << 10)

static bool is_zero_probe(const unsigned char *p)
{
	uint64_t w;

	memcpy(&w, p, PROBE);
	return w == 0;
}

enum zero { ZERO_NONE, ZERO_FOUND, ZERO_UNKNOWN };

/*
 * The first run of CHUNKER_ZERO_MIN zeros in p[0..n) that starts before `to`; none starts
 * before `from`, that is known.
 * ZERO_FOUND: at *start.  ZERO_UNKNOWN: it depends on what follows p[n).
 *
 * A run is long enough to hold at least one whole probe wherever it lies, so only zero probes
 * are looked at closely, and of those each run once.
 */
static enum zero find_zeros(const unsigned char *p, size_t from, size_t to, size_t n, bool eof,
			    size_t *start)
{
	size_t at = from, s, e;

	/* the last run to look for starts at to - 1 and holds the probe PROBE_STEP on */
	while (at + PROBE <= n && at < to + PROBE_STEP) {
		if (!is_zero_probe(p + at)) {
			at += PROBE_STEP;
			continue;
		}
		s = zeros_begin(p, from, at);
		if (s >= to)
			return ZERO_NONE;
		e = at + zero_length(p + at, clamp(n - at, CHUNKER_ZERO_MIN));
		if (e - s >= CHUNKER_ZERO_MIN) {
			*start = s;
			return ZERO_FOUND;
		}
		if (e == n && !eof) {
			*start = s;
			return ZERO_UNKNOWN;
		}
		at = e + PROBE_STEP;
	}
	if (eof || at >= to + PROBE_STEP)
		return ZERO_NONE;
	/* p ends before the probe that decides: is there a run in the making? */
	s = zeros_begin(p, from, n);
	*start = s;
	return s < n && s < to ? ZERO_UNKNOWN : ZERO_NONE;
}

/* The run of zeros that p begins with. */
static enum chunk_kind take_zeros(const struct chunker *c, const unsigned char *p, size_t n,
				  bool eof, size_t *size_out)
{
	size_t run = zero_length(p, n);

	if (run < n || eof) {
		*size_out = run;
		return CHUNK_ZERO;
	}
	if (n >= 2 * CHUNKER_ZERO_MIN) {
		*size_out = n - CHUNKER_ZERO_MIN;
		return CHUNK_ZERO;
	}
	*size_out = chunker_window(c);
	return CHUNK_MORE;
}

enum chunk_kind chunker_next(const struct chunker *c, const unsigned char *p, size_t n, bool eof,
			     size_t *size_out)
{
	size_t to = clamp(n, c->params.max), min = clamp(to, c->params.min), end, start;
	enum zero zero;

	*size_out = 0;
	if (n == 0 && eof)
		return CHUNK_END;
	zero = find_zeros(p, 0, min, n, eof, &start);
	if (zero == ZERO_FOUND && start == 0)
		return take_zeros(c, p, n, eof, size_out);
	end = min;
	if (zero == ZERO_NONE && to > min) {
		end = find_end(c, p, to);
		zero = find_zeros(p, min, end, n, eof, &start);
	}
	if (zero == ZERO_FOUND) {
		*size_out = start;
		return CHUNK_DATA;
	}
	/* without a cut the piece goes on past p[n), if anything does */
	if (zero == ZERO_UNKNOWN || (end == n && n < c->params.max && !eof)) {
		*size_out = chunker_window(c);
		return CHUNK_MORE;
	}
	*size_out = end;
	return CHUNK_DATA;
}
