/*
 * The object index: what is put in is found, in every shape of runs, and damage is noticed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/sys-internal.h"
#include "lib/sys.h"
#include "objects/index-internal.h"
#include "objects/index.h"
#include "t/unit/unit.h"

static const unsigned char repo[32] = { 1, 2, 3 };

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static struct oid id_of(uint64_t nr)
{
	struct oid id;

	for (int i = 0; i < 4; i++)
		put_u64le(id.b + 8 * i, mix(nr * 4 + (uint64_t)i));
	return id;
}

static struct index_pack pack_of(uint64_t nr)
{
	struct oid id = id_of(nr + ((uint64_t)1 << 40));
	struct index_pack p = { .kind = nr % 2 ? PACK_DATA : PACK_META, .size = 64 << 20,
				.objects = 100 };

	memcpy(p.id.b, id.b, sizeof(p.id.b));
	return p;
}

/* What row `nr` says when it is added for the `version`th time. */
static struct index_loc loc_of(uint64_t nr, unsigned int version)
{
	struct index_pack p = pack_of(nr / 100 + version * 1000000u);
	struct index_loc loc = {
		.pack = p.id, .kind = p.kind, .type = (enum obj_type)(1 + nr % 5),
		.frame_off = (uint32_t)(mix(nr) % (32 << 20)),
		.sealed_size = (uint32_t)(mix(nr + 1) % (1 << 25)),
		.place = (uint32_t)(mix(nr + 2) % (1 << 25)),
		.size = (uint32_t)(mix(nr + 3) % (1 << 25)),
	};

	return loc;
}

static bool loc_eq(const struct index_loc *a, const struct index_loc *b)
{
	return !memcmp(&a->pack, &b->pack, sizeof(a->pack)) && a->kind == b->kind &&
		a->type == b->type && a->frame_off == b->frame_off &&
		a->sealed_size == b->sealed_size && a->place == b->place && a->size == b->size;
}

struct fixture {
	char dir[64];
	struct index *ix;
	struct err err;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .dir = "/tmp/u-index-XXXXXX", .err = ERR_INIT };
	if (!mkdtemp(f->dir))
		abort();
	CHECK(index_create(f->dir, repo, &f->err) == 0);
	CHECK(index_open(&f->ix, f->dir, repo, &f->err) == 0);
}

static int remove_one(const char *name, void *data, struct err *err)
{
	char *path = xasprintf("%s/%s", (const char *)data, name);

	(void)err;
	unlink(path);
	sys_free(path);
	return 0;
}

static void teardown(struct fixture *f)
{
	index_close(f->ix);
	file_each(f->dir, remove_one, f->dir, &f->err);
	CHECK(rmdir(f->dir) == 0);
}

/* Rows [from, to) in one change. */
static int put_rows(struct index_add *a, uint64_t from, uint64_t to, unsigned int version,
		    struct err *err)
{
	int ret = 0;

	for (uint64_t nr = from; ret == 0 && nr < to; nr++) {
		struct oid id = id_of(nr);
		struct index_loc loc = loc_of(nr, version);
		if (nr == from || nr % 100 == 0) {
			struct index_pack p = pack_of(nr / 100 + version * 1000000u);
			ret = index_add_pack(a, &p, err);
		}
		if (ret == 0)
			ret = index_add_row(a, &id, &loc, err);
	}
	return ret;
}

static int add_rows(struct index *ix, uint64_t from, uint64_t to, unsigned int version,
		    struct err *err)
{
	struct index_add *a;
	int ret = index_add_begin(&a, ix, err);

	if (ret < 0)
		return ret;
	ret = put_rows(a, from, to, version, err);
	if (ret == 0)
		ret = index_add_commit(a, err);
	if (ret < 0)
		index_add_abort(a);
	return ret;
}

/* How many of the rows [from, to) are found as they were added. */
static uint64_t count_found(struct index *ix, uint64_t from, uint64_t to, unsigned int version)
{
	struct err err = ERR_INIT;
	struct index_loc got, want;
	uint64_t nr_found = 0, ordinal;

	for (uint64_t nr = from; nr < to; nr++) {
		struct oid id = id_of(nr);
		want = loc_of(nr, version);
		if (index_find(ix, &id, &got, &ordinal, &err) == 1 && loc_eq(&got, &want) &&
		    ordinal < index_ordinals(ix))
			nr_found++;
	}
	return nr_found;
}

static void test_rows_survive_their_encoding(void)
{
	const struct run_row rows[] = {
		{ 0, 0, 0, 0, 0, OBJ_BLOB },
		{ 0xfffffff, 0x1fffffff, 0x1ffffff, 0x1ffffff, 0x1ffffff, 15 },
		{ 0x8000001, 0x10000001, 0x1000001, 0x1000001, 0x1000001, 9 },
		{ 1, 2, 3, 4, 5, 6 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char p[17];
		struct run_row got;
		run_row_encode(p, &rows[i]);
		run_row_decode(p, &got);
		CHECK(memcmp(&got, &rows[i], sizeof(got)) == 0);
		CHECK(run_row_pack(p) == rows[i].pack);
		run_row_set_pack(p, 77);
		run_row_decode(p, &got);
		CHECK(got.pack == 77 && got.frame_off == rows[i].frame_off);
	}
}

static void test_an_empty_index_finds_nothing(void)
{
	struct fixture f;
	struct oid id = id_of(1);
	uint64_t rows = 1;

	setup(&f);
	CHECK(index_find(f.ix, &id, NULL, NULL, &f.err) == 0);
	CHECK(index_ordinals(f.ix) == 0);
	CHECK(index_check(f.ix, &rows, &f.err) == 0 && rows == 0);
	teardown(&f);
}

static void test_an_absent_index_is_said_so(void)
{
	struct index *ix = NULL;
	struct err err = ERR_INIT;

	CHECK(index_open(&ix, "/tmp/u-index-absent", repo, &err) == ERR_NOT_FOUND);
	CHECK(ix == NULL);
}

static void test_what_is_added_is_found_and_nothing_else(void)
{
	struct fixture f;

	setup(&f);
	CHECK(add_rows(f.ix, 0, 5000, 0, &f.err) == 0);
	CHECK(count_found(f.ix, 0, 5000, 0) == 5000);
	CHECK(count_found(f.ix, 5000, 20000, 0) == 0);
	CHECK(index_ordinals(f.ix) == 5000);
	CHECK(index_check(f.ix, NULL, &f.err) == 0);
	teardown(&f);
}

static void test_many_commits_merge_into_few_runs(void)
{
	struct fixture f;
	uint64_t nr = 0, rows = 0;

	setup(&f);
	for (unsigned int i = 0; i < 120; i++) {
		uint64_t n = i % 7 == 0 ? 9000 : 1 + i * 5;
		CHECK(add_rows(f.ix, nr, nr + n, 0, &f.err) == 0);
		nr += n;
	}
	CHECK(f.ix->set->current.nr_runs <= 12);
	CHECK(count_found(f.ix, 0, nr, 0) == nr);
	CHECK(index_check(f.ix, &rows, &f.err) == 0 && rows == nr);
	/* Levels rise with age, and at most three are alike. */
	for (size_t i = 3; i < f.ix->set->current.nr_runs; i++) {
		uint64_t newer = f.ix->set->current.runs[i - 3].rows;
		uint64_t older = f.ix->set->current.runs[i].rows;
		CHECK(older > 8192 && older >= newer);
	}
	teardown(&f);
}

static int count_file(const char *name, void *data, struct err *err)
{
	unsigned int *nr = data;

	(void)err;
	*nr += strncmp(name, "run-", 4) == 0 || strncmp(name, "tmp-", 4) == 0;
	return 0;
}

static void test_leftovers_of_a_crash_are_cleaned(void)
{
	struct fixture f;
	unsigned int nr = 0;

	setup(&f);
	const char *const names[] = {
		"run-0123456789abcdef0123456789abcdef",
		"tmp-0011223344556677",
	};
	for (int i = 0; i < 2; i++) {
		char *path = xasprintf("%s/%s", f.dir, names[i]);
		close(open(path, O_WRONLY | O_CREAT, 0600));
		sys_free(path);
	}
	for (int i = 0; i < 10; i++)
		CHECK(add_rows(f.ix, (uint64_t)i * 10, (uint64_t)i * 10 + 10, 0, &f.err) == 0);
	CHECK(file_each(f.dir, count_file, &nr, &f.err) == 0);
	CHECK(nr == f.ix->set->current.nr_runs);
	teardown(&f);
}

static void test_of_two_rows_for_an_id_the_newest_stands(void)
{
	struct fixture f;
	struct index_add *a;

	setup(&f);
	CHECK(add_rows(f.ix, 0, 1000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 500, 700, 1, &f.err) == 0);
	CHECK(count_found(f.ix, 500, 700, 1) == 200);
	CHECK(count_found(f.ix, 0, 500, 0) == 500 && count_found(f.ix, 700, 1000, 0) == 300);
	for (unsigned int i = 0; i < 8; i++)	/* now through merges */
		CHECK(add_rows(f.ix, 600, 650, 2 + i, &f.err) == 0);
	CHECK(count_found(f.ix, 600, 650, 9) == 50);
	CHECK(count_found(f.ix, 650, 700, 1) == 50);

	/* And within one change. */
	REQUIRE(index_add_begin(&a, f.ix, &f.err) == 0);
	CHECK(put_rows(a, 0, 300, 20, &f.err) == 0);
	CHECK(put_rows(a, 100, 200, 21, &f.err) == 0);
	CHECK(index_add_commit(a, &f.err) == 0);
	CHECK(count_found(f.ix, 100, 200, 21) == 100);
	CHECK(count_found(f.ix, 0, 100, 20) == 100 && count_found(f.ix, 200, 300, 20) == 100);
	CHECK(index_check(f.ix, NULL, &f.err) == 0);
	teardown(&f);
}

static void test_more_rows_than_memory_holds_are_spilled(void)
{
	struct fixture f;
	const uint64_t nr = 600000;

	setup(&f);
	CHECK(add_rows(f.ix, 0, nr, 0, &f.err) == 0);
	CHECK(f.ix->set->current.nr_runs == 1);
	CHECK(index_ordinals(f.ix) == nr);
	CHECK(count_found(f.ix, 0, nr, 0) == nr);
	CHECK(index_check(f.ix, NULL, &f.err) == 0);
	teardown(&f);
}

struct seen {
	unsigned char last[30];
	uint64_t nr;
	uint64_t wrong;
	uint64_t stop_at;
};

static int see(const unsigned char id30[30], const struct index_loc *loc, void *data,
	       struct err *err)
{
	struct seen *s = data;

	(void)err;
	if (s->nr > 0 && memcmp(s->last, id30, 30) >= 0)
		s->wrong++;
	if (loc->type == OBJ_NONE)
		s->wrong++;
	memcpy(s->last, id30, 30);
	s->nr++;
	return s->nr == s->stop_at ? 7 : 0;
}

static void test_walks_meet_each_id_once_in_order(void)
{
	struct fixture f;
	struct seen s = { .nr = 0 };

	setup(&f);
	CHECK(add_rows(f.ix, 0, 30000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 20000, 40000, 1, &f.err) == 0);
	CHECK(add_rows(f.ix, 0, 10, 2, &f.err) == 0);
	CHECK(index_each(f.ix, see, &s, &f.err) == 0);
	CHECK(s.nr == 40000 && s.wrong == 0);
	s = (struct seen){ .stop_at = 5 };
	CHECK(index_each(f.ix, see, &s, &f.err) == 7 && s.nr == 5);
	teardown(&f);
}

static void test_prefixes_of_any_length_find_what_they_fit(void)
{
	struct fixture f;
	struct oid id = id_of(77);

	setup(&f);
	CHECK(add_rows(f.ix, 0, 30000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 29000, 40000, 0, &f.err) == 0);
	for (unsigned int digits = 0; digits <= 64; digits++) {
		uint64_t want = 0;
		unsigned int n = digits < 60 ? digits : 60;
		for (uint64_t nr = 0; nr < 40000; nr++) {
			struct oid other = id_of(nr);
			char a[65], b[65];
			if (digits > 6) {
				want = 1;
				break;
			}
			hex_encode(a, other.b, 32);
			hex_encode(b, id.b, 32);
			want += strncmp(a, b, n) == 0;
		}
		struct seen s = { .nr = 0 };
		CHECK(index_prefix(f.ix, id.b, digits, see, &s, &f.err) == 0);
		CHECK(s.nr == want && s.wrong == 0);
	}
	teardown(&f);
}

static int count_packs(const struct index_pack *p, void *data, struct err *err)
{
	unsigned int *nr = data;

	(void)err;
	nr[p->published ? 1 : 0]++;
	return 0;
}

static void test_packs_are_known_and_published(void)
{
	struct fixture f;
	struct index *other = NULL;
	struct pack_id ids[3];
	unsigned int nr[2] = { 0, 0 };

	setup(&f);
	CHECK(index_open(&other, f.dir, repo, &f.err) == 0);
	CHECK(add_rows(f.ix, 0, 1000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 500, 2000, 0, &f.err) == 0);
	for (uint64_t i = 0; i < 3; i++)
		ids[i] = pack_of(i * 9).id;
	struct pack_id unknown = pack_of(30).id;
	CHECK(index_has_pack(f.ix, &ids[1]));
	CHECK(!index_has_pack(f.ix, &unknown));
	CHECK(!index_has_pack(other, &ids[1]));
	CHECK(index_each_pack(f.ix, count_packs, nr, &f.err) == 0);
	CHECK(nr[0] == 20 && nr[1] == 0);
	CHECK(index_publish(f.ix, ids, 3, 42, &f.err) == 0);
	nr[0] = nr[1] = 0;
	CHECK(index_each_pack(f.ix, count_packs, nr, &f.err) == 0);
	CHECK(nr[0] == 17 && nr[1] == 3);
	CHECK(index_log_seq(f.ix) == 42 && index_log_seq(other) == 0);
	CHECK(index_refresh(other, &f.err) == 0);
	CHECK(index_log_seq(other) == 42 && index_has_pack(other, &ids[1]));
	CHECK(count_found(other, 0, 2000, 0) == 2000);
	index_close(other);
	teardown(&f);
}

static void test_a_rebuilt_index_replaces_the_old_one(void)
{
	struct fixture f;
	struct index_add *a;
	struct pack_id ids[2] = { pack_of(10).id, pack_of(12).id };
	unsigned int nr[2] = { 0, 0 };

	setup(&f);
	CHECK(add_rows(f.ix, 0, 1000, 0, &f.err) == 0);
	char *path = xasprintf("%s/current", f.dir);
	CHECK(file_write(path, "damaged", 7, 0, 0600, &f.err) == 0);
	sys_free(path);
	CHECK(index_refresh(f.ix, &f.err) == ERR_CORRUPT);
	REQUIRE(index_replace_begin(&a, f.dir, repo, &f.err) == 0);
	CHECK(put_rows(a, 1000, 1500, 0, &f.err) == 0);
	CHECK(index_add_commit(a, &f.err) == 0);
	CHECK(index_refresh(f.ix, &f.err) == 0);
	CHECK(count_found(f.ix, 1000, 1500, 0) == 500 && count_found(f.ix, 0, 1000, 0) == 0);
	CHECK(index_log_seq(f.ix) == INDEX_LOG_SEQ_UNKNOWN);
	CHECK(index_each_pack(f.ix, count_packs, nr, &f.err) == 0 && nr[0] == 5 && nr[1] == 0);
	CHECK(index_publish(f.ix, ids, 2, 9, &f.err) == 0);
	nr[0] = nr[1] = 0;
	CHECK(index_each_pack(f.ix, count_packs, nr, &f.err) == 0 && nr[0] == 3 && nr[1] == 2);
	CHECK(index_log_seq(f.ix) == 9);
	unsigned int files = 0;
	CHECK(file_each(f.dir, count_file, &files, &f.err) == 0 && files == 1);

	/* Of nothing, too. */
	REQUIRE(index_replace_begin(&a, f.dir, repo, &f.err) == 0);
	CHECK(index_add_commit(a, &f.err) == 0);
	CHECK(index_refresh(f.ix, &f.err) == 0 && index_ordinals(f.ix) == 0);
	teardown(&f);
}

static void test_an_aborted_change_leaves_nothing(void)
{
	struct fixture f;
	struct index_add *a;
	unsigned int nr = 0;

	setup(&f);
	REQUIRE(index_add_begin(&a, f.ix, &f.err) == 0);
	CHECK(put_rows(a, 0, 400000, 0, &f.err) == 0);
	index_add_abort(a);
	CHECK(file_each(f.dir, count_file, &nr, &f.err) == 0);
	CHECK(nr == 0 && count_found(f.ix, 0, 100, 0) == 0);
	teardown(&f);
}

static void test_a_change_waits_for_the_lock_and_says_so(void)
{
	struct fixture f;
	struct lock lock = LOCK_INIT;

	setup(&f);
	CHECK(index_lock(&lock, f.dir, 0, &f.err) == 0);
	index_set_lock_wait(f.ix, 20);
	CHECK(add_rows(f.ix, 0, 10, 0, &f.err) == ERR_BUSY);
	lock_release(&lock);
	CHECK(add_rows(f.ix, 0, 10, 0, &f.err) == 0);
	teardown(&f);
}

static void test_ids_that_are_not_even_are_found_too(void)
{
	struct fixture f;
	struct index_add *a;
	struct index_pack p = pack_of(0);
	struct index_loc loc = loc_of(0, 0);
	struct oid id;
	uint64_t bad = 0;

	setup(&f);
	REQUIRE(index_add_begin(&a, f.ix, &f.err) == 0);
	CHECK(index_add_pack(a, &p, &f.err) == 0);
	for (uint32_t i = 0; i < 20000; i++) {
		memset(&id, i % 3 == 0 ? 0xff : 0, sizeof(id));
		id.b[26] = (unsigned char)(i >> 24);
		id.b[27] = (unsigned char)(i >> 16);
		id.b[28] = (unsigned char)(i >> 8);
		id.b[29] = (unsigned char)i;
		bad += index_add_row(a, &id, &loc, &f.err) != 0;
	}
	CHECK(index_add_commit(a, &f.err) == 0);
	for (uint32_t i = 0; i < 20000; i++) {
		memset(&id, i % 3 == 0 ? 0xff : 0, sizeof(id));
		id.b[26] = (unsigned char)(i >> 24);
		id.b[27] = (unsigned char)(i >> 16);
		id.b[28] = (unsigned char)(i >> 8);
		id.b[29] = (unsigned char)i;
		bad += index_find(f.ix, &id, &loc, NULL, &f.err) != 1;
		id.b[20] ^= 0x40;
		bad += index_find(f.ix, &id, &loc, NULL, &f.err) != 0;
	}
	CHECK(bad == 0);
	CHECK(index_check(f.ix, NULL, &f.err) == 0);
	teardown(&f);
}

static void test_places_out_of_range_are_refused(void)
{
	struct fixture f;
	struct index_add *a;
	struct index_pack p = pack_of(0);
	struct oid id = id_of(0);

	setup(&f);
	REQUIRE(index_add_begin(&a, f.ix, &f.err) == 0);
	CHECK(index_add_pack(a, &p, &f.err) == 0);
	for (int i = 0; i < 6; i++) {
		struct index_loc loc = loc_of(0, 0);
		loc.frame_off = i == 0 ? 1u << 29 : 0;
		loc.sealed_size = i == 1 ? 1u << 25 : 1;
		loc.place = i == 2 ? 1u << 25 : 1;
		loc.size = i == 3 ? 1u << 25 : 1;
		loc.type = i == 4 ? OBJ_NONE : OBJ_BLOB;
		if (i == 5)
			loc.frame_off = (uint32_t)p.size;
		CHECK(index_add_row(a, &id, &loc, &f.err) == ERR_CORRUPT);
	}
	index_add_abort(a);
	teardown(&f);
}

static void test_another_repository_is_refused(void)
{
	struct fixture f;
	struct index *ix = NULL;
	static const unsigned char other[32] = { 9 };

	setup(&f);
	CHECK(index_open(&ix, f.dir, other, &f.err) == ERR_CORRUPT);
	teardown(&f);
}

/* Tiny memory: everything is read by pread. */
static void test_little_memory_answers_the_same(void)
{
	struct fixture f;

	setup(&f);
	f.ix->memory = 8192;
	CHECK(add_rows(f.ix, 0, 20000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 20000, 20500, 0, &f.err) == 0);
	CHECK(f.ix->set->runs[1]->mem[RUN_LINES] == NULL);
	CHECK(count_found(f.ix, 0, 20500, 0) == 20500);
	CHECK(count_found(f.ix, 20500, 40000, 0) == 0);
	CHECK(count_found(f.ix, 0, 20500, 0) == 20500);
	teardown(&f);
}

struct finder {
	struct index *ix;
	uint64_t nr;
	atomic_bool *stop;
	atomic_uint wrong;
};

static void *find_loop(void *data)
{
	struct finder *f = data;

	do {
		if (count_found(f->ix, 0, f->nr, 0) != f->nr)
			atomic_fetch_add(&f->wrong, 1);
		if (count_found(f->ix, 1000000, 1000000 + f->nr, 0) != 0)
			atomic_fetch_add(&f->wrong, 1);
	} while (!atomic_load(f->stop));
	return NULL;
}

static void test_lookups_go_on_while_runs_are_switched(void)
{
	struct fixture f;
	struct sys_thread threads[2];
	atomic_bool stop = false;
	struct finder finder = { .nr = 2000, .stop = &stop };

	setup(&f);
	CHECK(add_rows(f.ix, 0, 2000, 0, &f.err) == 0);
	finder.ix = f.ix;
	for (int i = 0; i < 2; i++)
		CHECK(sys_thread_start(&threads[i], find_loop, &finder) == 0);
	for (uint64_t i = 0; i < 30; i++)
		CHECK(add_rows(f.ix, 5000 + i * 300, 5300 + i * 300, 0, &f.err) == 0);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		sys_thread_join(&threads[i]);
	CHECK(atomic_load(&finder.wrong) == 0);
	teardown(&f);
}

static void test_a_reader_keeps_runs_that_another_merged_away(void)
{
	struct fixture f;
	struct index *old = NULL;

	setup(&f);
	CHECK(add_rows(f.ix, 0, 3000, 0, &f.err) == 0);
	CHECK(index_open(&old, f.dir, repo, &f.err) == 0);
	for (uint64_t i = 1; i < 20; i++)
		CHECK(add_rows(f.ix, i * 3000, i * 3000 + 3000, 0, &f.err) == 0);
	CHECK(count_found(old, 0, 3000, 0) == 3000);
	CHECK(count_found(old, 3000, 6000, 0) == 0);
	CHECK(index_refresh(old, &f.err) == 0);
	CHECK(count_found(old, 0, 60000, 0) == 60000);
	index_close(old);
	teardown(&f);
}

/* Damage ---------------------------------------------------------------------------------- */

static int find_run_name(const char *name, void *data, struct err *err)
{
	(void)err;
	if (strncmp(name, "run-", 4) != 0)
		return 0;
	snprintf(data, 64, "%s", name);
	return 1;
}

/* 0: all answers right; 1: damage was noticed by somebody; -1: a wrong answer. */
static int answers_of(const char *dir, uint64_t nr, bool check)
{
	struct index *ix = NULL;
	struct err err = ERR_INIT;
	struct index_loc got, want;
	int ret = index_open(&ix, dir, repo, &err);
	bool noticed = ret < 0;

	if (ret < 0 && ret != ERR_CORRUPT && ret != ERR_NOT_FOUND)
		return -1;
	for (uint64_t i = 0; ret == 0 && i < 2 * nr; i++) {
		struct oid id = id_of(i);
		want = loc_of(i, 0);
		int found = index_find(ix, &id, &got, NULL, &err);
		if (found < 0 && found != ERR_CORRUPT)
			return -1;
		noticed |= found < 0;
		if (found >= 0 && (found != (i < nr) || (found && !loc_eq(&got, &want))))
			return -1;
	}
	if (ret == 0 && check) {
		int checked = index_check(ix, NULL, &err);
		if (checked < 0 && checked != ERR_CORRUPT)
			return -1;
		noticed |= checked < 0;
	}
	index_close(ix);
	return noticed;
}

static void damage_file(struct fixture *f, const char *name, uint64_t nr_rows, size_t step)
{
	char *path = xasprintf("%s/%s", f->dir, name);
	struct buf b = BUF_INIT;
	unsigned int wrong = 0, unnoticed = 0;

	CHECK(file_read(path, (size_t)1 << 24, &b, &f->err) == 0);
	for (size_t i = 0; i < b.len; i += step) {
		unsigned char bit = (unsigned char)(1u << i % 8);
		int fd = open(path, O_RDWR);
		unsigned char c = b.data[i] ^ bit;
		CHECK(pwrite(fd, &c, 1, (off_t)i) == 1);
		int ret = answers_of(f->dir, nr_rows, true);
		wrong += ret < 0;
		unnoticed += ret == 0;
		CHECK(pwrite(fd, &b.data[i], 1, (off_t)i) == 1);
		close(fd);
	}
	for (size_t n = 0; n < b.len; n += step * 3 + 1) {
		CHECK(truncate(path, (off_t)n) == 0);
		int ret = answers_of(f->dir, nr_rows, true);
		wrong += ret < 0;
		unnoticed += ret == 0;
		int fd = open(path, O_RDWR | O_TRUNC);
		CHECK(pwrite(fd, b.data, b.len, 0) == (ssize_t)b.len);
		close(fd);
	}
	CHECK(answers_of(f->dir, nr_rows, true) == 0);
	CHECK(wrong == 0);
	CHECK(unnoticed == 0);
	buf_release(&b);
	sys_free(path);
}

static void test_every_flipped_byte_and_cut_is_noticed(void)
{
	struct fixture f;
	char name[64] = "";

	setup(&f);
	CHECK(add_rows(f.ix, 0, 100, 0, &f.err) == 0);
	CHECK(index_publish(f.ix, NULL, 0, 3, &f.err) == 0);
	CHECK(file_each(f.dir, find_run_name, name, &f.err) == 1);
	damage_file(&f, "current", 100, 1);
	damage_file(&f, name, 100, 7);
	teardown(&f);
}

static void test_exchanged_pages_and_runs_are_noticed(void)
{
	struct fixture f;
	struct buf b = BUF_INIT;

	setup(&f);
	CHECK(add_rows(f.ix, 0, 1000, 0, &f.err) == 0);
	CHECK(add_rows(f.ix, 1000, 2000, 0, &f.err) == 0);
	struct run *const *runs = f.ix->set->runs;
	uint64_t first = runs[0]->shape.first[RUN_ROWS];
	CHECK(file_read(runs[0]->path, (size_t)1 << 24, &b, &f.err) == 0);
	/* two pages of rows of one run */
	int fd = open(runs[0]->path, O_RDWR);
	CHECK(pwrite(fd, b.data + first * RUN_PAGE, RUN_PAGE, (off_t)(first + 1) * RUN_PAGE) ==
	      RUN_PAGE);
	CHECK(pwrite(fd, b.data + (first + 1) * RUN_PAGE, RUN_PAGE, (off_t)first * RUN_PAGE) ==
	      RUN_PAGE);
	CHECK(answers_of(f.dir, 2000, true) == 1);
	CHECK(pwrite(fd, b.data, b.len, 0) == (ssize_t)b.len);
	CHECK(answers_of(f.dir, 2000, true) == 0);
	close(fd);
	/* one run in the other's place */
	CHECK(file_write(runs[1]->path, b.data, b.len, 0, 0600, &f.err) == 0);
	CHECK(answers_of(f.dir, 2000, true) == 1);
	/* none in its place */
	CHECK(unlink(runs[1]->path) == 0);
	CHECK(index_open(&(struct index *){ NULL }, f.dir, repo, &f.err) == ERR_CORRUPT);
	buf_release(&b);
	teardown(&f);
}

/* A right sum over wrong bytes: what the checks behind the sums are for. */
static void test_senseless_pages_with_right_sums_do_no_harm(void)
{
	struct fixture f;
	struct buf b = BUF_INIT;
	uint64_t seed = 1;

	setup(&f);
	CHECK(add_rows(f.ix, 0, 500, 0, &f.err) == 0);
	struct run *r = f.ix->set->runs[0];
	CHECK(file_read(r->path, (size_t)1 << 24, &b, &f.err) == 0);
	int fd = open(r->path, O_RDWR);
	for (int i = 0; i < 600; i++) {
		uint64_t page = 1 + mix(seed++) % (r->shape.first[RUN_SECTIONS] - 1);
		unsigned char *p = b.data + page * RUN_PAGE, saved[RUN_PAGE];
		memcpy(saved, p, RUN_PAGE);
		for (int k = 0; k < 3; k++, seed++)
			p[mix(seed) % 1000] = (unsigned char)(seed * 151);
		run_page_seal(p, r->id, page);
		CHECK(pwrite(fd, p, RUN_PAGE, (off_t)page * RUN_PAGE) == RUN_PAGE);

		struct index *ix = NULL;
		struct err err = ERR_INIT;
		struct seen s = { .nr = 0 };
		CHECK(index_open(&ix, f.dir, repo, &err) == 0);
		for (uint64_t nr = 0; nr < 1000; nr++) {
			struct oid id = id_of(nr);
			struct index_loc loc;
			int ret = index_find(ix, &id, &loc, NULL, &err);
			CHECK(ret >= 0 || ret == ERR_CORRUPT);
		}
		int ret = index_each(ix, see, &s, &err);
		CHECK(ret == 0 || ret == ERR_CORRUPT);
		ret = index_check(ix, NULL, &err);
		CHECK(ret == 0 || ret == ERR_CORRUPT);
		index_close(ix);
		memcpy(p, saved, RUN_PAGE);
		CHECK(pwrite(fd, p, RUN_PAGE, (off_t)page * RUN_PAGE) == RUN_PAGE);
	}
	close(fd);
	buf_release(&b);
	teardown(&f);
}

/* Changes that are broken off ----------------------------------------------------------------- */

struct copier { const char *from, *to; };

static int copy_one(const char *name, void *data, struct err *err)
{
	const struct copier *c = data;
	char *from = xasprintf("%s/%s", c->from, name), *to = xasprintf("%s/%s", c->to, name);
	struct buf b = BUF_INIT;
	int ret = file_read(from, (size_t)1 << 24, &b, err);

	if (ret == 0)
		ret = file_write(to, b.data ? b.data : (const void *)"", b.len, 0, 0600, err);
	buf_release(&b);
	sys_free(from);
	sys_free(to);
	return ret;
}

/* In a process of its own: add 100 rows, which makes four runs one, with `fault` armed. */
static int commit_with_fault(const char *dir, const char *fault, const char *mode)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct index *ix;
		struct err err = ERR_INIT;
		setenv("UB_TEST_FAULT", fault, 1);
		if (mode) {
			setenv("UB_TEST_POWERCUT", dir, 1);
			setenv("UB_TEST_POWERCUT_MODE", mode, 1);
			setenv("UB_TEST_POWERCUT_SEED", strchr(fault, '@') + 1, 1);
			setenv("UB_TEST_POWERCUT_EXIT", "1", 1);
		}
		char *fired = xasprintf("%s.fired", dir);
		setenv("UB_TEST_FIRED", fired, 1);
		sys_free(fired);
		fault_setup();
		int ret = index_open(&ix, dir, repo, &err);
		if (ret == 0) {
			ret = add_rows(ix, 300, 400, 0, &err);
			index_close(ix);
		}
		exit(ret == 0 ? 0 : 1);	/* through atexit(): the power cut is there */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What must hold whatever broke: the old state or the new one, and the next change succeeds. */
static void check_after(const char *dir, int status, const char *fault)
{
	struct index *ix = NULL;
	struct err err = ERR_INIT;
	unsigned int files = 0;
	uint64_t nr_new = 0;
	bool good = index_open(&ix, dir, repo, &err) == 0;

	if (good) {
		nr_new = count_found(ix, 300, 400, 0);
		good = count_found(ix, 0, 300, 0) == 300 && (nr_new == 0 || nr_new == 100) &&
			(status != 0 || nr_new == 100) && index_check(ix, NULL, &err) == 0;
		good = good && add_rows(ix, 300, 410, 0, &err) == 0 &&
			count_found(ix, 0, 410, 0) == 410;
		good = good && file_each(dir, count_file, &files, &err) == 0 &&
			files == ix->set->current.nr_runs;
	}
	if (!good)
		printf("# %s, status %d, %d new rows, %u files: %s\n", fault, status, (int)nr_new,
		       files, err.msg);
	CHECK(good);
	index_close(ix);
}

static void break_at_each_call(const struct fixture *base, const char *kind, const char *mode)
{
	unsigned int n;
	bool fired = true;

	for (n = 1; fired && n < 500; n++) {
		char dir[64] = "/tmp/u-index-XXXXXX";
		struct copier c = { base->dir, dir };
		struct err err = ERR_INIT;
		if (!mkdtemp(dir))
			abort();
		CHECK(file_each(base->dir, copy_one, &c, &err) == 0);
		char *fault = xasprintf("%s@%u", kind, n), *mark = xasprintf("%s.fired", dir);
		int status = commit_with_fault(dir, fault, mode);
		fired = access(mark, F_OK) == 0;
		unlink(mark);
		check_after(dir, status, fault);
		CHECK(fired || status == 0);
		file_each(dir, remove_one, dir, &err);
		CHECK(rmdir(dir) == 0);
		char *hold = xasprintf("%s.ub-hold", dir);
		file_each(hold, remove_one, hold, &err);
		rmdir(hold);
		sys_free(hold);
		sys_free(fault);
		sys_free(mark);
	}
	CHECK(n > 2);
}

static void test_a_merge_broken_off_leaves_the_old_or_the_new(void)
{
	static const char *const kinds[] = { "kill", "killin", "eio", "enospc", "short", "nosync",
					     "eintr" };
	struct fixture f;

	setup(&f);
	for (uint64_t i = 0; i < 3; i++)
		CHECK(add_rows(f.ix, i * 100, i * 100 + 100, 0, &f.err) == 0);
	CHECK(f.ix->set->current.nr_runs == 3);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		break_at_each_call(&f, kinds[i], NULL);
	break_at_each_call(&f, "powercut", "worst");
	break_at_each_call(&f, "powercut", "torn");
	teardown(&f);
}

struct adder {
	const char *dir;
	uint64_t from;
	atomic_uint *failed;
};

static void *add_loop(void *data)
{
	struct adder *a = data;
	struct index *ix;
	struct err err = ERR_INIT;

	if (index_open(&ix, a->dir, repo, &err) < 0) {
		atomic_fetch_add(a->failed, 1);
		return NULL;
	}
	for (uint64_t i = 0; i < 25; i++) {
		uint64_t from = a->from + i * 100;
		if (add_rows(ix, from, from + 100, 0, &err) < 0 ||
		    count_found(ix, from, from + 100, 0) != 100)
			atomic_fetch_add(a->failed, 1);
	}
	index_close(ix);
	return NULL;
}

static void test_two_who_add_at_once_lose_nothing(void)
{
	struct fixture f;
	struct sys_thread threads[2];
	atomic_uint failed = 0;

	setup(&f);
	struct adder adders[2] = { { f.dir, 0, &failed }, { f.dir, 2500, &failed } };
	for (int i = 0; i < 2; i++)
		CHECK(sys_thread_start(&threads[i], add_loop, &adders[i]) == 0);
	for (int i = 0; i < 2; i++)
		sys_thread_join(&threads[i]);
	CHECK(atomic_load(&failed) == 0);
	CHECK(index_refresh(f.ix, &f.err) == 0);
	CHECK(count_found(f.ix, 0, 5000, 0) == 5000);
	teardown(&f);
}

/* The frozen files, and the manual that explains them --------------------------------------- */

static const unsigned char vector_repo[32] = { 0x75, 0x62 };

static int print_row(const unsigned char id30[30], const struct index_loc *loc, void *data,
		     struct err *err)
{
	struct buf *out = data;
	char id[61], pack[65];

	(void)err;
	hex_encode(id, id30, 30);
	hex_encode(pack, loc->pack.b, 32);
	buf_printf(out, "%s %d %s %u %u %u %u\n", id, loc->type, pack, loc->frame_off,
		   loc->sealed_size, loc->place, loc->size);
	return 0;
}

static int print_pack(const struct index_pack *p, void *data, struct err *err)
{
	char pack[65];

	(void)err;
	hex_encode(pack, p->id.b, 32);
	buf_printf(data, "%s %d %" PRIu64 " %u %d\n", pack, p->kind, p->size, p->objects,
		   p->published);
	return 0;
}

static bool is_file_text(const char *path, const struct buf *text)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	bool same = file_read(path, (size_t)1 << 20, &b, &err) == 0 && buf_cmp(&b, text) == 0;

	buf_release(&b);
	return same;
}

static void test_the_vector_of_format_0_decodes(void)
{
	struct index *ix = NULL;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;
	uint64_t rows;
	struct oid id;

	REQUIRE(index_open(&ix, "t/vectors/index", vector_repo, &err) == 0);
	CHECK(index_log_seq(ix) == 12);
	CHECK(index_check(ix, &rows, &err) == 0 && rows == 4);
	CHECK(index_each(ix, print_row, &text, &err) == 0);
	CHECK(is_file_text("t/vectors/index/rows.txt", &text));
	buf_reset(&text);
	CHECK(index_each_pack(ix, print_pack, &text, &err) == 0);
	CHECK(is_file_text("t/vectors/index/packs.txt", &text));
	memset(id.b, 0x14, sizeof(id.b));
	CHECK(index_find(ix, &id, NULL, NULL, &err) == 1);
	id.b[7] = 0;
	CHECK(index_find(ix, &id, NULL, NULL, &err) == 0);
	buf_release(&text);
	index_close(ix);
}

/* The bytes of the manual's dumps ("<tab>0030  0c 00 ..."), each checked for its offset. */
static void read_dumps(struct buf *out)
{
	FILE *f = fopen("Documentation/ub-format-index.adoc", "r");
	char text[256];

	while (f && fgets(text, sizeof(text), f)) {
		unsigned int off;
		int at = 0;
		unsigned char c;
		if (sscanf(text, "\t%4x  %n", &off, &at) != 1 || at != 7)
			continue;
		while (hex_decode(&c, 1, text + at)) {
			buf_put_u8(out, c);
			at += 3;
		}
	}
	if (f)
		fclose(f);
}

static void test_the_example_in_the_manual_is_the_vector(void)
{
	struct index *ix = NULL;
	struct err err = ERR_INIT;
	struct buf dumps = BUF_INIT, want = BUF_INIT, run = BUF_INIT;

	read_dumps(&dumps);
	REQUIRE(index_open(&ix, "t/vectors/index", vector_repo, &err) == 0);
	CHECK(file_read("t/vectors/index/current", 4096, &want, &err) == 0);
	CHECK(file_read(ix->set->runs[0]->path, (size_t)1 << 20, &run, &err) == 0);
	buf_put(&want, run.data + 4096, 68);
	buf_put(&want, run.data + 12335, RUN_ROW_SIZE);
	CHECK(buf_cmp(&want, &dumps) == 0);
	buf_release(&dumps);
	buf_release(&want);
	buf_release(&run);
	index_close(ix);
}

UNIT_MAIN(test_rows_survive_their_encoding,
	  test_an_empty_index_finds_nothing,
	  test_an_absent_index_is_said_so,
	  test_what_is_added_is_found_and_nothing_else,
	  test_many_commits_merge_into_few_runs,
	  test_leftovers_of_a_crash_are_cleaned,
	  test_of_two_rows_for_an_id_the_newest_stands,
	  test_more_rows_than_memory_holds_are_spilled,
	  test_walks_meet_each_id_once_in_order,
	  test_prefixes_of_any_length_find_what_they_fit,
	  test_packs_are_known_and_published,
	  test_a_rebuilt_index_replaces_the_old_one,
	  test_an_aborted_change_leaves_nothing,
	  test_a_change_waits_for_the_lock_and_says_so,
	  test_ids_that_are_not_even_are_found_too,
	  test_places_out_of_range_are_refused,
	  test_another_repository_is_refused,
	  test_little_memory_answers_the_same,
	  test_lookups_go_on_while_runs_are_switched,
	  test_a_reader_keeps_runs_that_another_merged_away,
	  test_every_flipped_byte_and_cut_is_noticed,
	  test_exchanged_pages_and_runs_are_noticed,
	  test_senseless_pages_with_right_sums_do_no_harm,
	  test_a_merge_broken_off_leaves_the_old_or_the_new,
	  test_two_who_add_at_once_lose_nothing,
	  test_the_vector_of_format_0_decodes,
	  test_the_example_in_the_manual_is_the_vector)
