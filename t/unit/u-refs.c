/*
 * Logs and refs over a real store: moving, history, damage, rollback, forks, marks, cache.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "refs/log.h"
#include "refs/marks.h"
#include "refs/refs.h"
#include "t/unit/refs-repo.h"

static struct err err;
static const struct oid zero;

/* -- helpers -- */

static int move(struct repo *repo, const char *name, const struct oid *to, const struct oid *old)
{
	struct refs *r = repo_refs(repo);

	err_clear(&err);
	int ret = refs_update(r, repo->store, name, to, old, 1, &err);
	refs_close(r);
	return ret;
}

static int find(struct repo *repo, const char *name, struct oid *out)
{
	struct refs *r = repo_refs(repo);
	struct ref ref;

	err_clear(&err);
	int ret = refs_find(r, name, &ref, &err);
	if (ret == 0)
		*out = ref.commit;
	refs_close(r);
	return ret;
}

/* Is `name` at `id`? */
static bool is_at(struct repo *repo, const char *name, const struct oid *id)
{
	struct oid found;

	return find(repo, name, &found) == 0 && oid_eq(&found, id);
}

static int count_problem(const char *device, bool own, const char *what, void *data,
			 struct err *e)
{
	(void)device;
	(void)own;
	(void)what;
	(void)e;
	++*(int *)data;
	return 0;
}

static int problems(struct repo *repo)
{
	struct refs *r = repo_refs(repo);
	int nr = 0;

	refs_each_problem(r, count_problem, &nr, &err);
	refs_close(r);
	return nr;
}

struct findings { int nr; char last[1024]; };

static int note_finding(const char *path, const char *what, void *data, struct err *e)
{
	struct findings *f = data;

	(void)e;
	f->nr++;
	snprintf(f->last, sizeof(f->last), "%.500s: %.500s", path, what);
	return 0;
}

static struct findings verify(struct repo *repo, uint64_t *records)
{
	struct refs *r = repo_refs(repo);
	struct findings f = { 0, "" };
	uint64_t nr = 0;

	CHECK(refs_verify(r, note_finding, &f, &nr, &err) == 0);
	if (records)
		*records = nr;
	refs_close(r);
	return f;
}

/* The record files of one's own log, first folder. */
struct files { char path[64][512]; int nr; };

static void record_files(struct repo *repo, struct files *out)
{
	struct device_id id;
	struct log_entries list = LOG_ENTRIES_INIT;

	log_device_id(&id, keys_device_public(repo->keys));
	CHECK(log_list(repo->refs, &id, 0, &list, &err) == 0);
	out->nr = 0;
	for (size_t i = 0; i < list.nr && i < 64; i++) {
		char *path = log_path(repo->refs, &id, &list.e[i]);
		snprintf(out->path[out->nr++], 512, "%s", path);
		sys_free(path);
	}
	log_entries_release(&list);
}

static void read_all(const char *path, struct buf *out)
{
	buf_reset(out);
	CHECK(file_read(path, 1 << 24, out, &err) == 0);
}

static void write_all(const char *path, const struct buf *b)
{
	CHECK(file_write(path, b->data, b->len, 0, 0600, &err) == 0);
}

static void drop_marks(struct repo *repo)
{
	char marks[512];

	snprintf(marks, sizeof(marks), "%s/marks", repo->state);
	unlink(marks);
}

/* -- tests -- */

static void test_a_new_log_has_join_and_keyring(void)
{
	struct repo repo;
	uint64_t records;
	struct oid id;

	repo_make(&repo, "new");
	CHECK(verify(&repo, &records).nr == 0);
	CHECK(records == 2);
	CHECK(refs_create(repo.refs, repo.state, repo.keys, &err) == 0);
	CHECK(verify(&repo, &records).nr == 0 && records == 2);
	CHECK(find(&repo, "main", &id) == ERR_NOT_FOUND);
	CHECK(problems(&repo) == 0);
	repo_release(&repo);
}

static void test_a_ref_moves_only_from_where_it_should_be(void)
{
	struct repo repo;
	uint64_t records;

	repo_make(&repo, "move");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, &b) == ERR_REFUSED);
	CHECK(move(&repo, "main", &a, &zero) == 0);
	CHECK(is_at(&repo, "main", &a) && is_at(&repo, "laptop/main", &a));
	CHECK(move(&repo, "main", &b, &zero) == ERR_REFUSED);
	CHECK(move(&repo, "main", &b, &a) == 0);
	CHECK(is_at(&repo, "main", &b));
	CHECK(verify(&repo, &records).nr == 0 && records == 4);
	CHECK(move(&repo, "main", &b, &a) == 0);	/* there already */
	CHECK(verify(&repo, &records).nr == 0 && records == 4);
	CHECK(move(&repo, "tags/v1", &a, NULL) == 0 && is_at(&repo, "tags/v1", &a));
	CHECK(move(&repo, "tags/v1", &zero, &a) == 0);
	CHECK(find(&repo, "tags/v1", &a) == ERR_NOT_FOUND);
	struct oid none = a;
	none.b[0] ^= 1;
	CHECK(move(&repo, "main", &none, NULL) == ERR_NOT_FOUND);
	CHECK(move(&repo, "a..b", &b, NULL) == ERR_USAGE);
	repo_release(&repo);
}

static int collect(const struct ref *was, void *data, struct err *e)
{
	struct buf *b = data;

	(void)e;
	buf_put(b, was->commit.b, OID_SIZE);
	return 0;
}

static void test_history_is_newest_first(void)
{
	struct repo repo;
	struct buf seen = BUF_INIT;
	struct ref ref;

	repo_make(&repo, "history");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0 && move(&repo, "other", &a, NULL) == 0 &&
	      move(&repo, "main", &b, NULL) == 0 && move(&repo, "main", &a, NULL) == 0);
	struct refs *r = repo_refs(&repo);
	REQUIRE(refs_find(r, "main", &ref, &err) == 0);
	CHECK(refs_history(r, &ref, collect, &seen, &err) == 0);
	REQUIRE(seen.len == 3 * OID_SIZE);
	CHECK(memcmp(seen.data, a.b, OID_SIZE) == 0);
	CHECK(memcmp(seen.data + OID_SIZE, b.b, OID_SIZE) == 0);
	CHECK(memcmp(seen.data + 2 * OID_SIZE, a.b, OID_SIZE) == 0);
	refs_close(r);
	buf_release(&seen);
	repo_release(&repo);
}

/*
 * Whatever is done to a record: `main` is at its true value or its name is refused, and the
 * check names the file.
 */
static void check_damaged(struct repo *repo, const char *path, const struct oid *tip)
{
	struct oid found;

	unlink(repo->cache);
	int ret = find(repo, "main", &found);
	CHECK(ret == ERR_CORRUPT || (ret == 0 && oid_eq(&found, tip)));
	struct findings f = verify(repo, NULL);
	CHECK(f.nr > 0 && strstr(f.last, path));
	CHECK(move(repo, "main", tip, NULL) == ERR_CORRUPT);
}

static void test_every_damaged_byte_is_named(void)
{
	struct repo repo;
	struct files files;
	struct buf good = BUF_INIT, bad = BUF_INIT;

	repo_make(&repo, "damage");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0 && move(&repo, "main", &b, NULL) == 0);
	record_files(&repo, &files);
	CHECK(files.nr == 4);
	for (int i = 0; i < files.nr; i++) {
		read_all(files.path[i], &good);
		for (size_t k = 0; k < good.len; k += 7) {
			buf_reset(&bad);
			buf_put_buf(&bad, &good);
			bad.data[k] ^= 1;
			write_all(files.path[i], &bad);
			check_damaged(&repo, files.path[i], &b);
		}
		buf_truncate(&bad, good.len / 2);
		write_all(files.path[i], &bad);
		check_damaged(&repo, files.path[i], &b);
		buf_truncate(&bad, 0);
		write_all(files.path[i], &bad);
		check_damaged(&repo, files.path[i], &b);
		write_all(files.path[i], &good);
	}
	CHECK(problems(&repo) == 0 && is_at(&repo, "main", &b));
	buf_release(&good);
	buf_release(&bad);
	repo_release(&repo);
}

static void test_a_shortened_log_is_named(void)
{
	struct repo repo;
	struct files files;
	struct oid found;

	repo_make(&repo, "rollback");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0 && move(&repo, "main", &b, NULL) == 0);
	record_files(&repo, &files);
	CHECK(unlink(files.path[files.nr - 1]) == 0);
	CHECK(find(&repo, "main", &found) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "set back") && strstr(err.msg, oid_hex(&a).s));
	CHECK(verify(&repo, NULL).nr == 1 && problems(&repo) == 1);
	CHECK(move(&repo, "main", &a, NULL) == ERR_CORRUPT);
	/* Without the marks nothing tells of it. */
	drop_marks(&repo);
	CHECK(is_at(&repo, "main", &a) && problems(&repo) == 0);
	repo_release(&repo);
}

static void test_a_gap_is_named_and_later_records_count(void)
{
	struct repo repo;
	struct files files;

	repo_make(&repo, "gap");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "other", &a, NULL) == 0 && move(&repo, "main", &a, NULL) == 0 &&
	      move(&repo, "main", &b, NULL) == 0);
	record_files(&repo, &files);
	unlink(files.path[2]);
	struct oid found;
	CHECK(is_at(&repo, "main", &b));
	CHECK(find(&repo, "other", &found) == ERR_CORRUPT);
	CHECK(verify(&repo, NULL).nr == 1);
	CHECK(move(&repo, "main", &a, NULL) == ERR_CORRUPT);
	repo_release(&repo);
}

static void test_a_fork_is_named(void)
{
	struct repo repo;
	struct files before, after;
	struct buf first = BUF_INIT;
	char marks[512];
	struct oid found;

	repo_make(&repo, "fork");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0);
	/* As if two copies of the folder had gone their own ways. */
	record_files(&repo, &before);
	read_all(before.path[2], &first);
	unlink(before.path[2]);
	snprintf(marks, sizeof(marks), "%s/marks", repo.state);
	unlink(marks);
	CHECK(move(&repo, "main", &b, NULL) == 0);
	record_files(&repo, &after);
	CHECK(after.nr == 3 && strcmp(after.path[2], before.path[2]) != 0);
	write_all(before.path[2], &first);
	CHECK(find(&repo, "main", &found) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "forked"));
	struct findings f = verify(&repo, NULL);
	CHECK(f.nr > 0 && strstr(f.last, "forked"));
	CHECK(move(&repo, "main", &a, NULL) == ERR_CORRUPT);
	/* Only the other one: not what was seen. */
	unlink(after.path[2]);
	CHECK(find(&repo, "main", &found) == ERR_CORRUPT);
	CHECK(verify(&repo, NULL).nr == 1);
	buf_release(&first);
	repo_release(&repo);
}

static void test_damaged_marks_stop_writing_alone(void)
{
	struct repo repo;
	struct buf good = BUF_INIT;
	char marks[512];

	repo_make(&repo, "marks");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0);
	snprintf(marks, sizeof(marks), "%s/marks", repo.state);
	read_all(marks, &good);
	for (size_t i = 0; i < good.len; i++) {
		good.data[i] ^= 1;
		write_all(marks, &good);
		CHECK(is_at(&repo, "main", &a));
		struct findings f = verify(&repo, NULL);
		CHECK(f.nr == 1 && strstr(f.last, marks));
		CHECK(move(&repo, "main", &b, NULL) == ERR_CORRUPT);
		good.data[i] ^= 1;
	}
	write_all(marks, &good);
	CHECK(move(&repo, "main", &b, NULL) == 0);
	buf_release(&good);
	repo_release(&repo);
}

static void test_the_cache_is_used_and_never_needed(void)
{
	struct repo repo;
	struct buf cache = BUF_INIT, bad = BUF_INIT;
	struct files files;

	repo_make(&repo, "cache");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	for (int i = 0; i < 20; i++)
		CHECK(move(&repo, "main", i % 2 ? &a : &b, NULL) == 0);
	REQUIRE(file_exists(repo.cache));
	CHECK(is_at(&repo, "main", &a) && problems(&repo) == 0);
	read_all(repo.cache, &cache);
	for (size_t i = 0; i < cache.len; i += 3) {
		buf_reset(&bad);
		buf_put_buf(&bad, &cache);
		bad.data[i] ^= 4;
		write_all(repo.cache, &bad);
		CHECK(is_at(&repo, "main", &a) && problems(&repo) == 0);
	}
	buf_truncate(&bad, 10);
	write_all(repo.cache, &bad);
	CHECK(is_at(&repo, "main", &a));
	/* A log that lost what the cache had seen, even if the marks are gone. */
	write_all(repo.cache, &cache);
	drop_marks(&repo);
	record_files(&repo, &files);
	for (int i = 5; i < files.nr; i++)
		unlink(files.path[i]);
	CHECK(problems(&repo) == 1);
	buf_release(&cache);
	buf_release(&bad);
	repo_release(&repo);
}

static void test_many_packs_go_into_a_list_apart(void)
{
	struct repo repo;
	struct index_add *add = NULL;
	char lists[400];
	struct buf raw = BUF_INIT;

	repo_make(&repo, "lists");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, NULL);
	REQUIRE(index_add_begin(&add, store_index(repo.store), &err) == 0);
	for (int i = 0; i < 100; i++) {
		struct index_pack p = { .kind = PACK_DATA, .size = 4096 };
		memset(p.id.b, i, sizeof(p.id.b));
		CHECK(index_add_pack(add, &p, &err) == 0);
	}
	REQUIRE(index_add_commit(add, &err) == 0);
	CHECK(move(&repo, "main", &a, NULL) == 0);
	snprintf(lists, sizeof(lists), "%s/lists", repo.refs);
	DIR *d = opendir(lists);
	REQUIRE(d != NULL);
	char path[700] = "";
	int nr = 0;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%.200s", lists, e->d_name);
			nr++;
		}
	closedir(d);
	CHECK(nr == 1 && verify(&repo, NULL).nr == 0);
	/* Named once: the next advance has nothing to add. */
	CHECK(move(&repo, "main", &b, NULL) == 0);
	read_all(path, &raw);
	/* The two commits may share a pack. */
	CHECK(raw.len == 50 + 102 * HASH_SIZE || raw.len == 50 + 101 * HASH_SIZE);
	for (size_t i = 0; i < raw.len; i += 97) {
		raw.data[i] ^= 1;
		write_all(path, &raw);
		struct findings f = verify(&repo, NULL);
		CHECK(f.nr == 1 && strstr(f.last, path));
		raw.data[i] ^= 1;
	}
	unlink(path);
	struct findings f = verify(&repo, NULL);
	CHECK(f.nr == 1 && strstr(f.last, path));
	buf_release(&raw);
	repo_release(&repo);
}

static int count_unpublished(const struct index_pack *p, void *data, struct err *e)
{
	(void)e;
	*(int *)data += !p->published;
	return 0;
}

static void test_packs_are_named_once_even_after_a_rebuild(void)
{
	struct repo repo;
	struct index *ix;
	int nr = 0;
	uint64_t records;

	repo_make(&repo, "publish");
	ix = store_index(repo.store);
	struct oid a = repo_commit(&repo, 1, NULL);
	CHECK(index_each_pack(ix, count_unpublished, &nr, &err) == 0 && nr == 1);
	CHECK(move(&repo, "main", &a, NULL) == 0);
	nr = 0;
	CHECK(index_each_pack(ix, count_unpublished, &nr, &err) == 0 && nr == 0);
	struct store_rebuilt done;
	CHECK(store_index_rebuild(repo.store, NULL, NULL, &done, &err) == 0);
	ix = store_index(repo.store);
	nr = 0;
	CHECK(index_each_pack(ix, count_unpublished, &nr, &err) == 0 && nr == 1);
	CHECK(move(&repo, "main", &a, NULL) == 0);	/* nothing to say: no record */
	CHECK(verify(&repo, &records).nr == 0 && records == 3);
	CHECK(move(&repo, "tags/x", &a, NULL) == 0);
	nr = 0;
	CHECK(index_each_pack(ix, count_unpublished, &nr, &err) == 0 && nr == 0);
	repo_release(&repo);
}

static void test_a_second_device_joins_and_is_told_apart(void)
{
	struct repo repo;
	struct oid found;
	struct ref head;

	repo_make(&repo, "join");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	CHECK(move(&repo, "main", &a, NULL) == 0 && move(&repo, "tags/v1", &a, NULL) == 0);
	REQUIRE(keys_device_join(repo.keys, "desk", false, &err) == 0);
	struct refs *r = repo_refs(&repo);
	CHECK(!refs_is_joined(r));
	CHECK(refs_update(r, repo.store, "main", &b, NULL, 1, &err) == ERR_NOT_FOUND);
	CHECK(refs_head(r, &head, &err) == 0 && oid_eq(&head.commit, &a) && !head.is_own);
	CHECK(refs_join(r, &err) == 0 && refs_is_joined(r));
	refs_close(r);
	CHECK(find(&repo, "main", &found) == ERR_NOT_FOUND);
	CHECK(is_at(&repo, "laptop/main", &a) && is_at(&repo, "tags/v1", &a));
	CHECK(move(&repo, "main", &b, NULL) == 0);
	CHECK(is_at(&repo, "main", &b) && is_at(&repo, "desk/main", &b));
	CHECK(move(&repo, "tags/v1", &a, NULL) == 0 && is_at(&repo, "tags/v1", &a));
	CHECK(move(&repo, "tags/v1", &b, NULL) == 0);
	CHECK(find(&repo, "tags/v1", &found) == ERR_AMBIGUOUS);
	CHECK(verify(&repo, NULL).nr == 0);
	repo_release(&repo);
}

/* Records of one's own log after those there are, not synced: a thousand of them is many. */
static void write_records(struct repo *repo, int nr, const struct oid *a, const struct oid *b)
{
	struct device_id id;
	struct log_entries list = LOG_ENTRIES_INIT;
	struct record rec = RECORD_INIT;
	struct buf raw = BUF_INIT;
	unsigned char prev[HASH_SIZE];
	char folder[512];

	log_device_id(&id, keys_device_public(repo->keys));
	CHECK(log_list(repo->refs, &id, 0, &list, &err) == 0 && list.nr == 2);
	CHECK(log_read(repo->refs, keys_genesis(repo->keys), &id, &list.e[1], &raw, &rec,
		       &err) == 0);
	memcpy(prev, rec.hash, HASH_SIZE);
	for (int i = 0; i < nr; i++) {
		struct advance adv = { .ref = (char *)"main", .commit = i % 2 ? *a : *b };
		record_release(&rec);
		rec.kind = RECORD_ADVANCE;
		rec.seq = (uint64_t)i + 2;
		memcpy(rec.prev, prev, HASH_SIZE);
		advance_encode(&adv, &rec.sealed);
		buf_reset(&raw);
		CHECK(record_encode(repo->keys, &rec, &raw, &err) == 0);
		memcpy(prev, rec.hash, HASH_SIZE);
		struct log_entry e = { .seq = rec.seq };
		memcpy(e.hash, rec.hash, LOG_NAME_HASH);
		char *path = log_path(repo->refs, &id, &e);
		snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
		mkdir(folder, 0700);
		FILE *f = fopen(path, "wb");
		CHECK(f && fwrite(raw.data, 1, raw.len, f) == raw.len && fclose(f) == 0);
		sys_free(path);
	}
	record_release(&rec);
	buf_release(&raw);
	log_entries_release(&list);
}

static void test_a_log_goes_on_in_the_next_folder(void)
{
	enum { NR = 2 * LOG_FOLDER - 3 };	/* so that the next update opens a third folder */
	struct repo repo;
	uint64_t records;
	struct buf seen = BUF_INIT;
	struct ref ref;

	repo_make(&repo, "folders");
	struct oid a = repo_commit(&repo, 1, NULL), b = repo_commit(&repo, 2, &a);
	write_records(&repo, NR, &a, &b);
	CHECK(is_at(&repo, "main", &b));
	CHECK(move(&repo, "main", &a, &b) == 0 && move(&repo, "main", &b, &a) == 0);
	CHECK(is_at(&repo, "main", &b) && problems(&repo) == 0);
	CHECK(verify(&repo, &records).nr == 0 && records == NR + 4);
	struct refs *r = repo_refs(&repo);
	CHECK(refs_find(r, "main", &ref, &err) == 0 && ref.seq == 2 * LOG_FOLDER);
	CHECK(refs_history(r, &ref, collect, &seen, &err) == 0);
	CHECK(seen.len == (NR + 2) * OID_SIZE);
	refs_close(r);
	buf_release(&seen);
	repo_release(&repo);
}

UNIT_MAIN(test_a_new_log_has_join_and_keyring,
	  test_a_ref_moves_only_from_where_it_should_be,
	  test_history_is_newest_first,
	  test_every_damaged_byte_is_named,
	  test_a_shortened_log_is_named,
	  test_a_gap_is_named_and_later_records_count,
	  test_a_fork_is_named,
	  test_damaged_marks_stop_writing_alone,
	  test_the_cache_is_used_and_never_needed,
	  test_many_packs_go_into_a_list_apart,
	  test_packs_are_named_once_even_after_a_rebuild,
	  test_a_second_device_joins_and_is_told_apart,
	  test_a_log_goes_on_in_the_next_folder)
