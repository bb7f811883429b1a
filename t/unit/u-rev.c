/*
 * Revisions and walks: what scripts cannot easily set up.
 */
#include <stdlib.h>

#include "refs/date.h"
#include "refs/rev.h"
#include "refs/revlist.h"
#include "t/unit/refs-repo.h"

static struct err err;

/* -- dates -- */

static bool gives(const char *text, int64_t expect)
{
	/* 2024-03-31 12:00:00 UTC */
	const struct timespec now = { 1711886400, 5 };
	struct timespec out;

	return date_parse(text, &now, &out) && out.tv_sec == expect;
}

static void test_dates(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	CHECK(gives("2024-03-31", 1711843200));
	CHECK(gives("2024-03-31 12:00", 1711886400));
	CHECK(gives("2024-03-31T12:00:01Z", 1711886401));
	CHECK(gives("2024-03-31t12:00:01.25z", 1711886401));
	CHECK(gives("2024-03-31 12:00 +0200", 1711886400 - 7200));
	CHECK(gives("2024-03-31 12:00:00-05:30", 1711886400 + 19800));
	CHECK(gives("1970-01-01", 0) && gives("1969-12-31 23:59:59Z", -1));
	CHECK(gives("2000-02-29Z", 0) == false && gives("2000-02-29 00:00Z", 951782400));
	CHECK(gives("now", 1711886400) && gives("today", 1711843200));
	CHECK(gives("yesterday", 1711886400 - 86400));
	CHECK(gives("2.days.ago", 1711886400 - 2 * 86400) && gives("2 days ago", 1711713600));
	CHECK(gives("an.hour.ago", 1711886400 - 3600) && gives("90.minutes.ago", 1711881000));
	CHECK(gives("1.month.ago", 1709208000));	/* 2024-02-29, the last there is */
	CHECK(gives("last.year", 1680264000) && gives("last week", 1711281600));
	CHECK(gives("@5", 5));
}

static void test_what_is_no_date(void)
{
	static const char *const bad[] = { "", " ", "2023", "2023-1-1", "2023-13-01", "2023-02-29",
		"2023-01-01x", "2023-01-01 ", "2023-01-01 12", "2023-01-01 24:00",
		"2023-01-01 12:60", "2023-01-01 12:00 +99:00", "2023-01-01 12:00Zx", "ago",
		"2.ago", "2.days", ".days.ago",
		"99999999999.days.ago", "2.days.ago.now", "@", "@x", "@99999999999999", "last",
		"last.last", "-2.days.ago", "0x2.days.ago", "1899-01-01" };
	const struct timespec now = { 1711886400, 0 };
	struct timespec out;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(!date_parse(bad[i], &now, &out));
		if (date_parse(bad[i], &now, &out))
			printf("# '%s'\n", bad[i]);
	}
}

/* -- prefixes -- */

struct short_id { uint32_t head; struct oid id; };

static int short_cmp(const void *a, const void *b)
{
	const struct short_id *x = a, *y = b;

	return (x->head > y->head) - (x->head < y->head);
}

static void test_a_prefix_of_two_objects_names_them(void)
{
	enum { NR = 100000 };	/* of 2^28 heads: about twenty are the same */
	struct short_id *ids = xcalloc(NR, sizeof(*ids));
	struct repo repo;
	struct session *s = NULL;
	struct rev rev = REV_INIT;
	int found = 0;

	repo_make(&repo, "prefix");
	REQUIRE(session_begin(&s, repo.store, &err) == 0);
	for (uint32_t i = 0; i < NR; i++) {
		unsigned char content[4];
		put_u32le(content, i);
		CHECK(session_put(s, OBJ_BLOB, content, 4, &ids[i].id, NULL, &err) == 0);
		const unsigned char *b = ids[i].id.b;
		ids[i].head = (uint32_t)b[0] << 20 | (uint32_t)b[1] << 12 | (uint32_t)b[2] << 4 |
			b[3] >> 4;
	}
	REQUIRE(session_commit(s, &err) == 0);
	qsort(ids, NR, sizeof(*ids), short_cmp);
	struct refs *r = repo_refs(&repo);
	for (int i = 1; i < NR; i++) {
		char text[8];
		if (ids[i].head != ids[i - 1].head)
			continue;
		found++;
		snprintf(text, sizeof(text), "%.7s", oid_hex(&ids[i].id).s);
		CHECK(rev_parse(r, repo.store, text, &rev, &err) == ERR_AMBIGUOUS);
		CHECK(strstr(err.msg, oid_hex(&ids[i].id).s));
		CHECK(strstr(err.msg, oid_hex(&ids[i - 1].id).s));
		/* One digit more, where that tells them apart. */
		char longer[OID_HEX_SIZE + 1];
		snprintf(longer, sizeof(longer), "%.16s", oid_hex(&ids[i].id).s);
		CHECK(rev_parse(r, repo.store, longer, &rev, &err) == 0);
		CHECK(oid_eq(&rev.id, &ids[i].id));
	}
	CHECK(found > 0);
	rev_release(&rev);
	refs_close(r);
	repo_release(&repo);
	sys_free(ids);
}

/* -- walks -- */

struct seen { uint64_t nr, blobs, deepest; };

static int count(const struct revlist_item *item, void *data, struct err *e)
{
	struct seen *s = data;
	uint64_t depth = 0;

	(void)e;
	s->nr++;
	s->blobs += item->type == OBJ_BLOB;
	for (size_t i = 0; i < item->path_len; i++)
		depth += item->path[i] == '/';
	if (depth > s->deepest)
		s->deepest = depth;
	return 0;
}

static struct oid put(struct session *s, enum obj_type type, const struct buf *b)
{
	struct oid id = { { 0 } };

	CHECK(session_put(s, type, b->data, b->len, &id, NULL, &err) == 0);
	return id;
}

/* A directory of `nr` files with long names around one folder, `below` in the middle. */
static struct oid wide_tree(struct session *s, int depth, int nr, const struct oid *below,
			    uint64_t *blobs)
{
	struct buf items = BUF_INIT, raw = BUF_INIT;
	char name[240];

	for (int i = 0; i < nr; i++) {
		bool is_dir = below && i == nr / 2;
		memset(name, 'x', sizeof(name));
		int n = snprintf(name, sizeof(name), "%05d", i);
		name[n] = 'x';
		struct tree_entry e = { .name = (const unsigned char *)name, .name_len = 230,
					.type = is_dir ? ENTRY_DIR : ENTRY_FILE, .mode = 0644 };
		if (is_dir) {
			e.content = CONTENT_TREE;
			e.id = *below;
		} else if (i % 100 == 0) {
			unsigned char content[80];
			memset(content, depth, sizeof(content));
			put_u32le(content, (uint32_t)i);
			struct buf b = { content, sizeof(content), sizeof(content), SIZE_MAX };
			e.content = CONTENT_BLOB;
			e.size = sizeof(content);
			e.id = put(s, OBJ_BLOB, &b);
			++*blobs;
		}
		tree_encode_entry(&items, &e);
	}
	tree_encode(&raw, 0, (uint64_t)nr, &items);
	struct oid id = put(s, OBJ_TREE, &raw);
	buf_release(&items);
	buf_release(&raw);
	return id;
}

static void test_a_deep_walk_lets_go_and_comes_back(void)
{
	enum { DEPTH = 120, WIDTH = 1000 };	/* 240 kB each, 29 MB in all */
	struct repo repo;
	struct session *s = NULL;
	struct revlist *rl = NULL;
	struct oid tree;
	uint64_t blobs = 0;

	repo_make(&repo, "deep");
	REQUIRE(session_begin(&s, repo.store, &err) == 0);
	for (int i = 0; i < DEPTH; i++) {
		struct oid next = wide_tree(s, i, WIDTH, i ? &tree : NULL, &blobs);
		tree = next;
	}
	REQUIRE(session_commit(s, &err) == 0);
	REQUIRE(revlist_new(&rl, repo.store, &err) == 0);
	struct rev rev = { .id = tree, .type = OBJ_TREE };
	CHECK(revlist_add(rl, &rev, false, &err) == 0);
	struct seen seen = { 0, 0, 0 };
	CHECK(revlist_run(rl, true, count, &seen, &err) == 0);
	CHECK(seen.blobs == blobs && seen.nr == blobs + DEPTH);
	CHECK(seen.deepest == DEPTH - 1);
	revlist_free(rl);
	repo_release(&repo);
}

static int stop(const struct revlist_item *item, void *data, struct err *e)
{
	(void)item;
	(void)data;
	return err_set(e, ERR_FAILED, "enough");
}

static void test_the_callback_can_stop_a_walk(void)
{
	struct repo repo;
	struct revlist *rl = NULL;

	repo_make(&repo, "stop");
	struct oid a = repo_commit(&repo, 1, NULL);
	REQUIRE(revlist_new(&rl, repo.store, &err) == 0);
	struct rev rev = { .id = a, .type = OBJ_COMMIT };
	CHECK(revlist_add(rl, &rev, false, &err) == 0);
	CHECK(revlist_run(rl, true, stop, NULL, &err) == ERR_FAILED);
	revlist_free(rl);
	repo_release(&repo);
}

static void test_many_snapshots_in_a_row(void)
{
	enum { NR = 40 };
	struct repo repo;
	struct revlist *rl = NULL;
	struct oid at;

	repo_make(&repo, "row");
	for (int i = 0; i < NR; i++) {
		/* Their clocks run backwards. */
		struct oid next = repo_commit(&repo, NR - i, i ? &at : NULL);
		at = next;
	}
	REQUIRE(revlist_new(&rl, repo.store, &err) == 0);
	struct rev rev = { .id = at, .type = OBJ_COMMIT };
	CHECK(revlist_add(rl, &rev, false, &err) == 0);
	struct seen seen = { 0, 0, 0 };
	CHECK(revlist_run(rl, false, count, &seen, &err) == 0);
	CHECK(seen.nr == NR);
	revlist_free(rl);
	repo_release(&repo);
}

UNIT_MAIN(test_dates,
	  test_what_is_no_date,
	  test_a_prefix_of_two_objects_names_them,
	  test_a_deep_walk_lets_go_and_comes_back,
	  test_the_callback_can_stop_a_walk,
	  test_many_snapshots_in_a_row)
