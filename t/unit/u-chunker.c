/*
 * The chunker, held against the rule of ub-chunking(7) written out as simply as can be.
 */

#include <malloc.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sys.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "objects/chunker-internal.h"
#include "objects/chunker.h"
#include "t/unit/unit.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define MAX_PIECES 4096

struct piece { enum chunk_kind kind; uint64_t size; };
struct pieces { size_t nr; struct piece at[MAX_PIECES]; };

static const unsigned char key1[32] = "first key of the chunker's tests";
static const unsigned char key2[32] = "other key of the chunker's tests";
static const struct chunker_params params = CHUNKER_PARAMS_DEFAULT;
static const struct chunker_params small = { 64u << 10, 512u << 10, 600u << 10 };

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void fill_random(unsigned char *p, size_t n, uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(next_random() >> 32);
}

/* The rule ----------------------------------------------------------------------------------- */

static bool hits(const struct chunker_tables *t, const unsigned char *p)
{
	unsigned int h = 0;

	for (int j = 0; j < 8; j++)
		h += (unsigned int)(t->lo[p[-j] & 15] + t->hi[p[-j] >> 4]) << j;
	return (h & 255) == t->hit;
}

static uint64_t rule_prf(const unsigned char *key, const unsigned char *end)
{
	unsigned char out[32];
	uint64_t v = 0;

	hash_keyed(out, key, end - 64, 64);
	for (int i = 7; i >= 0; i--)
		v = v << 8 | out[i];
	return v;
}

/* Is there a cut behind the first c bytes of a piece?  `is_hit` says where the hash hits. */
static bool rule_cuts(const struct chunker_params *p, const unsigned char *key,
		      const unsigned char *data, const bool *is_hit, uint64_t c)
{
	const unsigned char *end = data + c;
	uint64_t share = ((uint64_t)1 << 63) / p->avg;
	bool one, pair;

	if (c < p->min)
		return false;
	if (c == p->max)
		return true;
	one = is_hit[c - 1];
	pair = one && is_hit[c - 9];
	if (c < p->avg)
		return pair && rule_prf(key, end) < share << 15;
	if (c < p->avg + p->avg / 2)
		return pair && rule_prf(key, end) < share << 19;
	return pair || (one && rule_prf(key, end) < share << 13);
}

static void rule_pieces(const struct chunker_params *p, const unsigned char *key,
			const unsigned char *data, size_t n, struct pieces *out)
{
	size_t off = 0, zeros, c, size;
	bool *is_hit = calloc(n + 1, sizeof(bool));

	for (c = 7; c < n; c++)
		is_hit[c] = hits(&chunker_tables, data + c);
	out->nr = 0;
	while (off < n) {
		for (zeros = 0; off + zeros < n && data[off + zeros] == 0; zeros++)
			;
		if (zeros >= 256 * KIB) {
			out->at[out->nr++] = (struct piece){ CHUNK_ZERO, zeros };
			off += zeros;
			continue;
		}
		size = zeros = 0;
		for (c = 1; !size && off + c <= n; c++) {
			/* zeros up to here, and from here on, if they are a long run */
			zeros = data[off + c - 1] ? 0 : zeros + 1;
			if (zeros >= 256 * KIB)
				size = c - zeros;
			else if (rule_cuts(p, key, data + off, is_hit + off, c) || off + c == n)
				size = c;
		}
		/* a cut inside of a long run does not count: the run begins before it */
		for (zeros = 0; zeros < size && data[off + size - 1 - zeros] == 0; zeros++)
			;
		for (c = off + size; c < n && data[c] == 0; c++)
			;
		if (zeros && zeros + c - (off + size) >= 256 * KIB)
			size -= zeros;
		out->at[out->nr++] = (struct piece){ CHUNK_DATA, size };
		off += size;
	}
	free(is_hit);
}

/* What the chunker says ---------------------------------------------------------------------- */

static void add_piece(struct pieces *out, enum chunk_kind kind, uint64_t size)
{
	if (kind == CHUNK_ZERO && out->nr && out->at[out->nr - 1].kind == CHUNK_ZERO)
		out->at[out->nr - 1].size += size;
	else if (out->nr < MAX_PIECES)
		out->at[out->nr++] = (struct piece){ kind, size };
}

static void whole(const struct chunker *c, const unsigned char *data, size_t n, struct pieces *out)
{
	enum chunk_kind kind;
	size_t size, off = 0;

	out->nr = 0;
	while ((kind = chunker_next(c, data + off, n - off, true, &size)) != CHUNK_END) {
		if (kind == CHUNK_MORE || size == 0)
			break;
		add_piece(out, kind, size);
		off += size;
	}
	CHECK(kind == CHUNK_END && off == n);
}

/* As a reader would: `first` bytes, then more in steps when asked; exact copies, so that a
 * sanitizer sees a look past their end. */
static void in_parts(const struct chunker *c, const unsigned char *data, size_t n, size_t step,
		     bool late_eof, struct pieces *out)
{
	size_t size, off = 0, have = 0;
	enum chunk_kind kind;

	out->nr = 0;
	do {
		unsigned char *copy = malloc(have + 1);
		bool eof = off + have == n && !late_eof;

		memcpy(copy, data + off, have);
		kind = chunker_next(c, copy, have, eof, &size);
		free(copy);
		if (kind == CHUNK_DATA || kind == CHUNK_ZERO) {
			CHECK(size > 0 && size <= have);
			add_piece(out, kind, size);
			off += size;
			have -= size;
		} else if (kind == CHUNK_MORE) {
			CHECK(!eof && have < chunker_window(c) && size > have);
			late_eof = late_eof && off + have < n;
			have += step < n - off - have ? step : n - off - have;
		}
	} while (kind != CHUNK_END);
	CHECK(off == n);
}

static bool are_same(const struct pieces *a, const struct pieces *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++)
		if (a->at[i].kind != b->at[i].kind || a->at[i].size != b->at[i].size)
			return false;
	return true;
}

static struct pieces expect, actual;	/* too large for a stack */

/* By the rule, by each kernel, and in parts of some sizes. */
static void check_all_ways(const struct chunker_params *p, const unsigned char *data, size_t n)
{
	static const size_t steps[] = { 250000, 800003, MIB, 3 * MIB + 1 };
	const struct chunker_kernel *k;

	rule_pieces(p, key1, data, n, &expect);
	for (size_t i = 0; (k = chunker_kernel(i)); i++) {
		struct chunker *c = chunker_new_with(p, key1, &chunker_tables, k);

		whole(c, data, n, &actual);
		CHECK(are_same(&expect, &actual));
		in_parts(c, data, n, steps[i + 1], i & 1, &actual);
		CHECK(are_same(&expect, &actual));
		if (i == 0) {
			in_parts(c, data, n, steps[0] + n % 4096, true, &actual);
			CHECK(are_same(&expect, &actual));
		}
		chunker_free(c);
	}
}

/* Tests -------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void start(void)
{
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		exit(1);
}

static void test_tables_are_sound(void)
{
	const struct chunker_tables *t = &chunker_tables;

	for (unsigned int b = 0; b < 256; b++) {
		unsigned char run[8];

		CHECK(t->sum[b] == (uint8_t)(t->lo[b & 15] + t->hi[b >> 4]));
		memset(run, (int)b, 8);
		CHECK(!hits(t, run + 7));
	}
}

static size_t simple_find(const unsigned char *p, size_t from, size_t to, bool pair)
{
	for (size_t c = from; c < to; c++)
		if (hits(&chunker_tables, p + c - 1) &&
		    (!pair || hits(&chunker_tables, p + c - 9)))
			return c;
	return to;
}

/* Few symbols, chosen so that there are hits. */
static void fill_rich(unsigned char *p, size_t n, uint64_t seed)
{
	int byte_of[256];

	fill_random(p, n, seed);
	memset(byte_of, -1, sizeof(byte_of));
	for (int b = 0; b < 256; b++)
		byte_of[chunker_tables.sum[b]] = b;
	for (size_t i = 16; i < n; i++) {
		uint8_t before = 0, want;

		if (next_random() % 4)
			continue;
		for (size_t j = i - 7; j < i; j++)
			before = (uint8_t)(2 * before + chunker_tables.sum[p[j]]);
		want = (uint8_t)(chunker_tables.hit - 2 * before);
		if (byte_of[want] >= 0)
			p[i] = (unsigned char)byte_of[want];
	}
}

static void check_finds(const unsigned char *p, size_t from, size_t to)
{
	const struct chunker_kernel *k;

	for (size_t i = 0; (k = chunker_kernel(i)); i++) {
		CHECK(k->pair(&chunker_tables, p, from, to) == simple_find(p, from, to, true));
		CHECK(k->one(&chunker_tables, p, from, to) == simple_find(p, from, to, false));
	}
}

static void test_kernels_agree_at_every_alignment(void)
{
	size_t n = 9000;
	unsigned char *p = malloc(n);

	for (size_t seed = 0; seed < 4; seed++) {
		if (seed & 1)
			fill_rich(p, n, seed);
		else
			fill_random(p, n, seed);
		for (size_t from = 256; from < 256 + 130; from++) {
			check_finds(p, from, n - from % 67);
			check_finds(p, from, from + (from - 256));
		}
		/* and all there are, one after another */
		for (size_t c = 256; c < n; c = simple_find(p, c + 1, n, true))
			check_finds(p, c, n);
		for (size_t c = 256; c < n; c = simple_find(p, c + 1, n, false))
			check_finds(p, c, n);
	}
	free(p);
}

static void test_kernels_find_a_lone_pair_anywhere(void)
{
	size_t n = 9000;
	unsigned char *p = malloc(n), pair[16];

	fill_random(pair, 16, 5);
	while (!hits(&chunker_tables, pair + 7) || !hits(&chunker_tables, pair + 15))
		for (int i = 0; i < 16; i++)
			pair[i] = (unsigned char)next_random();
	memset(p, 'z', n);
	for (size_t at = 250; at + 16 <= n; at++) {
		const struct chunker_kernel *k;
		size_t end = at + 16, from = 256 + at % 64;

		memcpy(p + at, pair, 16);
		for (size_t i = 0; (k = chunker_kernel(i)); i++) {
			CHECK(k->pair(&chunker_tables, p, 256, n) == end);
			if (end <= from)
				continue;
			CHECK(k->pair(&chunker_tables, p, from, end) == end);
			CHECK(k->pair(&chunker_tables, p, from, end - 1) == end - 1);
			CHECK(k->pair(&chunker_tables, p, from, n) == end);
			if (end < n)
				CHECK(k->pair(&chunker_tables, p, end + 1, n) == n);
		}
		memset(p + at, 'z', 16);
	}
	free(p);
}

static void test_cuts_follow_the_rule(void)
{
	size_t n = 9 * MIB;
	unsigned char *p = malloc(n);

	fill_random(p, n, 1);
	check_all_ways(&params, p, n);
	check_all_ways(&params, p, n - 1234567);
	check_all_ways(&small, p, n);
	fill_rich(p, n, 2);
	check_all_ways(&params, p, n);
	for (size_t i = 0; i < n; i++)		/* text of a kind */
		p[i] = (unsigned char)("0123456789abcde\n"[p[i] & 15]);
	check_all_ways(&params, p, n);
	memset(p, 'x', n);			/* nothing but forced cuts */
	check_all_ways(&params, p, n);
	free(p);
}

static void test_small_reads_change_nothing(void)
{
	struct chunker *c = chunker_new(&small, key1);
	size_t n = MIB;
	unsigned char *p = malloc(n);

	fill_random(p, n, 30);
	memset(p + 100001, 0, 262145);
	whole(c, p, n, &expect);
	in_parts(c, p, n, 1009, false, &actual);
	CHECK(are_same(&expect, &actual));
	in_parts(c, p, n, 4096, true, &actual);
	CHECK(are_same(&expect, &actual));
	free(p);
	chunker_free(c);
}

static void test_repeats_follow_the_rule(void)
{
	static const size_t periods[] = { 1, 2, 3, 7, 16, 48, 63, 64, 65, 100, 4096, 70001 };
	size_t n = 5 * MIB;
	unsigned char *p = malloc(n);

	for (size_t k = 0; k < sizeof(periods) / sizeof(periods[0]); k++) {
		fill_rich(p, n, 20 + k);
		for (size_t i = periods[k]; i < n; i++)
			p[i] = p[i - periods[k]];
		/* now and then the period breaks */
		for (size_t i = 1; k & 1 && i < 50; i++)
			p[next_random() % n] ^= 1;
		check_all_ways(k & 2 ? &small : &params, p, n);
	}
	free(p);
}

static void test_runs_of_zeros_are_pieces(void)
{
	static const size_t starts[] = { 0, 1, 5, 65535, 256 * KIB - 8, 256 * KIB, 300001,
		MIB - 3, 1536 * KIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 4 * MIB + 100 };
	static const size_t sizes[] = { 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1000000 };
	size_t n = 6 * MIB;
	unsigned char *p = malloc(n);

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			/* without other cuts, or with */
			if ((i + k) & 1)
				fill_random(p, n, i);
			else
				memset(p, 'x', n);
			memset(p + starts[i], 0, sizes[k]);
			if (starts[i])
				p[starts[i] - 1] = 1;
			p[starts[i] + sizes[k]] = 1;
			check_all_ways(&params, p, starts[i] + sizes[k] + (i & 2) * 123456);
		}
	free(p);
}

static void test_a_run_keeps_its_name_to_the_last_byte(void)
{
	size_t n = 3 * MIB;
	unsigned char *p = calloc(1, n);

	for (size_t k = 0; k < 6; k++) {
		random_state = k + 1;
		memset(p, 0, n);
		for (size_t i = 0; i < 14; i++) {
			p[next_random() % n] = 1;
			if (i & 1)
				p[next_random() % 9 * 256 * KIB + next_random() % 3] = 1;
		}
		check_all_ways(k & 1 ? &small : &params, p, n);
	}
	free(p);
}

static void test_a_hole_may_be_left_out(void)
{
	struct chunker *c = chunker_new(&params, key1);
	size_t n = chunker_window(c), size, rest;
	unsigned char *p = calloc(1, n);
	uint64_t run = 0;

	CHECK(chunker_next(c, p, n, false, &size) == CHUNK_ZERO && size == n - 256 * KIB);
	run += size;
	run += (uint64_t)1 << 45;	/* the caller knows of these */
	rest = n - size;
	fill_random(p + rest + 77, n - rest - 77, 3);
	p[rest + 77] = 1;
	CHECK(chunker_next(c, p, n, false, &size) == CHUNK_ZERO && size == rest + 77);
	run += size;
	CHECK(run == n + 77 + ((uint64_t)1 << 45));
	CHECK(chunker_next(c, p + size, n - size, true, &size) == CHUNK_DATA);
	free(p);
	chunker_free(c);
}

static void test_nothing_and_little(void)
{
	struct chunker *c = chunker_new(&params, key1);
	unsigned char p[3] = { 0, 0, 0 };
	size_t size;

	CHECK(chunker_next(c, NULL, 0, true, &size) == CHUNK_END && size == 0);
	CHECK(chunker_next(c, NULL, 0, false, &size) == CHUNK_MORE);
	CHECK(size == chunker_window(c) && size == 4 * MIB + 256 * KIB);
	CHECK(chunker_next(c, p, 3, false, &size) == CHUNK_MORE);
	CHECK(chunker_next(c, p, 3, true, &size) == CHUNK_DATA && size == 3);
	chunker_free(c);
	chunker_free(NULL);
}

static void test_keys_cut_differently(void)
{
	struct chunker *a = chunker_new(&params, key1), *b = chunker_new(&params, key2);
	struct chunker *again = chunker_new(&params, key1);
	size_t n = 12 * MIB;
	unsigned char *p = malloc(n);

	fill_random(p, n, 9);
	whole(a, p, n, &expect);
	whole(again, p, n, &actual);
	CHECK(are_same(&expect, &actual));
	whole(b, p, n, &actual);
	CHECK(!are_same(&expect, &actual));
	free(p);
	chunker_free(a);
	chunker_free(b);
	chunker_free(again);
}

static void test_an_insert_moves_few_cuts(void)
{
	struct chunker *c = chunker_new(&params, key1);
	size_t n = 40 * MIB, same = 0;
	unsigned char *p = malloc(n + 100);

	fill_random(p, n, 10);
	whole(c, p, n, &expect);
	memmove(p + n / 2 + 100, p + n / 2, n / 2);
	memset(p + n / 2, 'x', 100);
	whole(c, p, n + 100, &actual);
	while (expect.at[same].size == actual.at[same].size)
		same++;
	for (size_t i = 1; expect.at[expect.nr - i].size == actual.at[actual.nr - i].size; i++)
		same++;
	CHECK(same + 3 >= actual.nr);
	free(p);
	chunker_free(c);
}

static void test_sizes_are_checked(void)
{
	static const struct {
		struct chunker_params p;
		int ret;
	} cases[] = {
		{ CHUNKER_PARAMS_DEFAULT, 0 },
		{ { 1u << 20, 3u << 20, 10u << 20 }, 0 },
		{ { 64u << 10, 512u << 10, 16u << 20 }, 0 },
		{ { 64u << 10, (512u << 10) - 1, 16u << 20 }, ERR_USAGE },
		{ { (64u << 10) - 1, 512u << 10, 16u << 20 }, ERR_USAGE },
		{ { 64u << 10, 512u << 10, (16u << 20) + 1 }, ERR_USAGE },
		{ { 1u << 20, 1u << 20, 4u << 20 }, ERR_USAGE },
		{ { 256u << 10, 4u << 20, 4u << 20 }, ERR_USAGE },
		{ { 0, 0, 0 }, ERR_USAGE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;

		CHECK(chunker_params_check(&cases[i].p, &err) == cases[i].ret);
		CHECK(err.code == cases[i].ret);
	}
}

static void test_no_key_on_the_plain_heap(void)
{
	struct chunker *c = chunker_new(&params, key1);

	CHECK(!memmem(c, malloc_usable_size(c), key1, 8));
	chunker_free(c);
}

/* The example of ub-chunking(7).  Frozen: other numbers are other cuts in every repository. */
static void test_cuts_are_those_of_the_manual(void)
{
	static const uint64_t frozen[] = {
		1107525, 1143213, 1114796, 593745, 235025, 300000,
		828220, 1133799, 1060099, 1065523, 106663,
	};
	size_t n = 8 * MIB + 300000, nr = sizeof(frozen) / sizeof(frozen[0]);
	unsigned char *p = calloc(1, n), *q = p, key[32], number[8] = { 0 };
	struct chunker *c;

	for (size_t i = 0; i < 32; i++)
		key[i] = (unsigned char)i;
	for (uint32_t i = 0; i < 8 * MIB / 32; i++, q += 32) {
		put_u32le(number, i);
		hash_bytes(q, number, 8);
		if (i == 4 * MIB / 32 - 1)
			q += 300000;
	}
	for (size_t i = 4 * MIB + 300000; i < n; i++)
		p[i] = (unsigned char)('0' + p[i] % 10);
	c = chunker_new(&params, key);
	whole(c, p, n, &actual);
	CHECK(actual.nr == nr);
	for (size_t i = 0; i < nr; i++)
		CHECK(actual.at[i].size == frozen[i]);
	for (size_t i = 0; unit_failures && i < actual.nr; i++)
		printf("# %llu\n", (unsigned long long)actual.at[i].size);
	free(p);
	chunker_free(c);
}

UNIT_MAIN(test_tables_are_sound, test_kernels_agree_at_every_alignment,
	  test_kernels_find_a_lone_pair_anywhere, test_cuts_follow_the_rule,
	  test_small_reads_change_nothing, test_repeats_follow_the_rule,
	  test_runs_of_zeros_are_pieces, test_a_run_keeps_its_name_to_the_last_byte,
	  test_a_hole_may_be_left_out, test_nothing_and_little, test_keys_cut_differently,
	  test_an_insert_moves_few_cuts, test_sizes_are_checked, test_no_key_on_the_plain_heap,
	  test_cuts_are_those_of_the_manual)
