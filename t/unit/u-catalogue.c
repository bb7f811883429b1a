/* The catalogue: what is added is found again, whole or not at all; other keys know nothing. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"
#include "objects/catalogue.h"
#include "objects/pack.h"
#include "t/unit/pack-keys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static struct keys *keys, *other_keys;

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
	keys = pack_keys(1, 1, 1);
	other_keys = pack_keys(2, 1, 2);
	memset(other_keys->ring.cache_secret.data, 7, KEY_SIZE);
}

static struct catalogue_commit add(struct catalogue *c, const char *device, unsigned char id)
{
	struct catalogue_commit k = { .device = device, .message = "what\nfor", .time_s = -5,
				      .time_ns = 7, .files = 3, .is_linear = id > 1 };
	struct err err = ERR_INIT;

	memset(k.id.b, id, OID_SIZE);
	memset(k.tree.b, 100 + id, OID_SIZE);
	CHECK(catalogue_add_commit(c, &k, &err) == 0);
	return k;
}

static void add_batch(struct catalogue *c, int64_t dir, int64_t commit_nr, unsigned int nr)
{
	struct buf names = BUF_INIT, facts = BUF_INIT;
	struct err err = ERR_INIT;

	for (unsigned int i = 0; i < nr; i++) {
		struct catalogue_fact f = { .kind = CATALOGUE_ADDED, .type = 1, .mode = 0644,
					    .size = i, .mtime_s = -(int64_t)i, .mtime_ns = i };
		memset(f.id.b, (int)i, OID_SIZE);
		buf_printf(&names, "name-%09u.txt", i);
		buf_put_u8(&names, 0);
		catalogue_put_fact(&facts, &f);
	}
	CHECK(catalogue_add_batch(c, dir, commit_nr, nr, &names, &facts, &err) == 0);
	buf_release(&names);
	buf_release(&facts);
}

struct seen { uint64_t names; struct catalogue_batch last; };

static int see(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct seen *seen = data;

	(void)err;
	seen->names += b->count;
	seen->last = *b;
	return 0;
}

static int see_row(struct catalogue_row *r, void *data, struct err *err)
{
	struct catalogue_batch b;
	int ret;

	while ((ret = catalogue_next_batch(r, &b, err)) == 1)
		*(uint64_t *)data += b.count;
	return ret;
}

static int see_commit(const struct catalogue_commit *k, void *data, struct err *err)
{
	(void)err;
	*(int64_t *)data = *(int64_t *)data * 10 + k->nr;
	return 0;
}

static void check_reading(struct catalogue *c)
{
	struct catalogue_fact *facts = NULL;
	struct catalogue_commit k;
	struct seen seen = { 0 };
	struct buf path = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t names = 0;
	int64_t dir = 0, order = 0;

	CHECK(catalogue_each_row(c, see_row, &names, &err) == 0 && names == 1005);
	CHECK(catalogue_dir_find(c, "home/ann", 8, &dir, &err) == 0 && dir == 3);
	CHECK(catalogue_dir_path(c, dir, &path, &err) == 0);
	CHECK(strcmp(buf_str(&path), "home/ann") == 0);
	CHECK(catalogue_dir_find(c, "home/bob", 8, &dir, &err) == ERR_NOT_FOUND);
	err_clear(&err);
	CHECK(catalogue_dir_find(c, "", 0, &dir, &err) == 0 && dir == CATALOGUE_ROOT);
	CHECK(catalogue_each_batch_of(c, 3, see, &seen, &err) == 0 && seen.names == 1000);
	CHECK(catalogue_facts(c, &seen.last, &facts, &err) == 0);
	CHECK(facts && facts[999].size == 999 && facts[999].mtime_s == -999 &&
	      facts[999].mode == 0644);
	sys_free(facts);
	seen.last.count++;
	CHECK(catalogue_facts(c, &seen.last, &facts, &err) == ERR_CORRUPT);
	seen.names = 0;
	CHECK(catalogue_each_batch_in(c, 1, see, &seen, &err) == 0 && seen.names > 0);
	err_clear(&err);
	CHECK(catalogue_commit_by_nr(c, 3, &k, &err) == 0 && k.prev == 1 && k.line == 1);
	CHECK(k.is_linear && k.time_s == -5 && strcmp(k.message, "what\nfor") == 0);
	CHECK(catalogue_commit_by_id(c, &k.id, &k, &err) == 0 && k.nr == 3);
	CHECK(catalogue_commit_by_nr(c, 2, &k, &err) == 0 && k.prev == 0 && k.line == 2);
	CHECK(catalogue_commit_by_nr(c, 4, &k, &err) == ERR_NOT_FOUND);
	err_clear(&err);
	CHECK(catalogue_each_commit(c, see_commit, &order, &err) == 0 && order == 123);
	buf_release(&path);
}

static void test_what_is_added_is_found_again(void)
{
	const char *path = scratch("catalogue");
	struct catalogue *c = NULL, *other = NULL;
	struct err err = ERR_INIT;
	int64_t home = 0, ann = 0;

	CHECK(catalogue_open(&c, path, keys, 0, 0, &err) == ERR_NOT_FOUND);
	err_clear(&err);
	REQUIRE(catalogue_open(&c, path, keys, CATALOGUE_WRITE, 0, &err) == 0);
	CHECK(catalogue_open(&other, path, keys, 0, 0, &err) == ERR_BUSY);
	err_clear(&err);
	CHECK(catalogue_begin(c, &err) == 0);
	add(c, "laptop", 1);
	add(c, "server", 2);
	CHECK(add(c, "laptop", 3).prev == 1);
	CHECK(catalogue_add_dir(c, CATALOGUE_ROOT, "home", 4, &home, &err) == 0 && home == 2);
	CHECK(catalogue_add_dir(c, home, "ann", 3, &ann, &err) == 0);
	CHECK(catalogue_add_dir(c, home, "ann", 3, &ann, &err) == 0 && ann == 3);
	add_batch(c, ann, 1, 1000);
	add_batch(c, home, 3, 5);
	CHECK(catalogue_commit(c, &err) == 0);
	CHECK(catalogue_begin(c, &err) == 0);
	add(c, "laptop", 4);
	catalogue_abort(c);
	CHECK(catalogue_keep_reading(c, &err) == 0);
	REQUIRE(catalogue_open(&other, path, keys, 0, 0, &err) == 0);
	check_reading(c);
	check_reading(other);
	catalogue_close(c);
	catalogue_close(other);
	CHECK(catalogue_open(&c, path, other_keys, 0, 0, &err) == ERR_CORRUPT);
	err_clear(&err);
	CHECK(catalogue_open(&c, path, other_keys, CATALOGUE_WRITE | CATALOGUE_NEW, 0, &err) == 0);
	catalogue_close(c);
}

/* Takes the time that UNIT_SCAN says to look into; a million names by default are few. */
static void test_many_names_are_read_in_order(void)
{
	const char *path = scratch("many");
	unsigned int batches = getenv("UNIT_SCAN") ? 400 : 10;
	struct catalogue *c = NULL;
	struct err err = ERR_INIT;
	uint64_t names = 0;

	REQUIRE(catalogue_open(&c, path, keys, CATALOGUE_WRITE, 0, &err) == 0);
	CHECK(catalogue_begin(c, &err) == 0);
	for (unsigned int i = 0; i < batches; i++)
		add_batch(c, 1, i, 2500);
	CHECK(catalogue_commit(c, &err) == 0);
	catalogue_close(c);
	REQUIRE(catalogue_open(&c, path, keys, 0, 0, &err) == 0);
	uint64_t start = sys_monotonic_ns();
	CHECK(catalogue_each_row(c, see_row, &names, &err) == 0 && names == 2500ull * batches);
	if (getenv("UNIT_SCAN"))
		printf("# %.1f ms\n", (double)(sys_monotonic_ns() - start) / 1e6);
	catalogue_close(c);
}

static int see_run(const struct catalogue_run *r, void *data, struct err *err)
{
	struct catalogue_run *newest = data;

	(void)err;
	if (newest->nr == 0)
		*newest = *r;
	newest->objects++;
	return 0;
}

static int see_pack(const struct catalogue_pack *p, void *data, struct err *err)
{
	struct catalogue_pack *seen = data;

	(void)err;
	*seen = *p;
	return 0;
}

static void test_the_oldest_runs_go(void)
{
	struct catalogue_run r = { .what = "verify", .message = "", .time_s = -3, .time_ns = 7,
				   .status = 6, .share = 9, .bytes = UINT64_MAX, .missing = 2 };
	struct catalogue_run newest = { .nr = 0 };
	struct catalogue *c = NULL;
	struct err err = ERR_INIT;

	REQUIRE(catalogue_open(&c, NULL, keys, CATALOGUE_WRITE | CATALOGUE_IN_MEMORY, 0,
			       &err) == 0);
	CHECK(catalogue_begin(c, &err) == 0);
	for (int i = 0; i < 10003; i++)
		CHECK(catalogue_add_run(c, &r, &err) == 0);
	r.has_commit = true;
	memset(r.commit.b, 5, OID_SIZE);
	r.message = "why";
	CHECK(catalogue_add_run(c, &r, &err) == 0);
	CHECK(catalogue_commit(c, &err) == 0);
	CHECK(catalogue_each_run(c, see_run, &newest, &err) == 0);
	CHECK(newest.nr == 10004 && newest.objects == 10000 && newest.has_commit);
	CHECK(newest.time_s == -3 && newest.time_ns == 7 && newest.bytes == UINT64_MAX);
	CHECK(newest.status == 6 && newest.share == 9 && newest.missing == 2);
	CHECK(oid_eq(&newest.commit, &r.commit));
	catalogue_close(c);
}

static void test_packs_are_added_read_and_dropped(void)
{
	struct catalogue_pack p = { .kind = PACK_META, .size = 4096, .objects = 3 }, seen;
	struct catalogue_reading read = { .is_damaged = true };
	struct catalogue *c = NULL;
	struct err err = ERR_INIT;

	memset(p.id.b, 8, sizeof(p.id.b));
	read.id = p.id;
	REQUIRE(catalogue_open(&c, NULL, keys, CATALOGUE_WRITE | CATALOGUE_IN_MEMORY, 0,
			       &err) == 0);
	CHECK(catalogue_note_reading(c, &read, 9, &err) == 0);
	CHECK(catalogue_add_pack(c, &p, &err) == 0);
	CHECK(catalogue_each_pack(c, see_pack, &seen, &err) == 0);
	CHECK(seen.kind == PACK_META && seen.size == 4096 && seen.objects == 3);
	CHECK(seen.read_s == 0 && !seen.is_damaged && pack_id_eq(&seen.id, &p.id));
	CHECK(catalogue_note_reading(c, &read, 9, &err) == 0);
	CHECK(catalogue_each_pack(c, see_pack, &seen, &err) == 0);
	CHECK(seen.read_s == 9 && seen.is_damaged);
	CHECK(catalogue_drop_pack(c, &p.id, &err) == 0);
	seen.read_s = -1;
	CHECK(catalogue_each_pack(c, see_pack, &seen, &err) == 0 && seen.read_s == -1);
	catalogue_close(c);
}

static void test_the_last_gives_the_keys_back(void)
{
	keys_close(keys);
	keys_close(other_keys);
}

UNIT_MAIN(test_crypto_starts, test_what_is_added_is_found_again, test_many_names_are_read_in_order,
	  test_the_oldest_runs_go, test_packs_are_added_read_and_dropped,
	  test_the_last_gives_the_keys_back)
