/*
 * The walk: each object once, and what is missing, of another type or of another size is told
 * each time it matters.
 */
#include "t/unit/store-repo.h"

struct seen { unsigned int missing, damaged; struct oid last; };

static int note_bad(const struct oid *id, int code, const char *what, void *data, struct err *err)
{
	struct seen *s = data;

	(void)what;
	(void)err;
	if (code == ERR_NOT_FOUND)
		s->missing++;
	else
		s->damaged++;
	s->last = *id;
	return 0;
}

static struct seen walk_all(struct repo *r, const struct oid *id, enum obj_type type)
{
	struct seen s = { 0 };
	struct err err = ERR_INIT;
	struct walk *w = walk_new(r->st, note_bad, &s);

	CHECK(walk_from(w, id, type, &err) == 0);
	CHECK(walk_from(w, id, type, &err) == 0);
	walk_free(w);
	walk_free(NULL);
	return s;
}

/* session_repack() asks nobody for children: the way to a tree that is wrong. */
static void put_raw(struct session *s, struct repo *r, enum obj_type type, const struct buf *raw,
		    struct oid *id)
{
	struct err err = ERR_INIT;

	keys_object_id(r->keys, (uint8_t)type, raw->data, raw->len, id->b);
	CHECK(session_repack(s, id, type, raw->data, raw->len, &err) == 0);
}

static void put_tree(struct session *s, struct repo *r, const struct oid *ids,
		     const enum obj_type *types, const uint64_t *sizes, size_t nr, uint64_t seed,
		     struct oid *id)
{
	struct buf raw = BUF_INIT;

	repo_tree(&raw, ids, types, sizes, nr, seed);
	put_raw(s, r, OBJ_TREE, &raw, id);
	buf_release(&raw);
}

static void test_what_trees_say_must_be_so(void)
{
	static const enum obj_type blobs[] = { OBJ_BLOB, OBJ_BLOB };
	static const enum obj_type trees[] = { OBJ_TREE, OBJ_TREE };
	struct repo r;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	struct buf bytes = BUF_INIT;
	struct oid blob, absent = { { 9 } }, good, size, type, gone, top, both[2];

	repo_init(&r, "walk", PACK_SIZE_DEFAULT);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	repo_fill(buf_extend(&bytes, 1000), 1000, 1, true);
	put_raw(s, &r, OBJ_BLOB, &bytes, &blob);
	both[0] = both[1] = blob;
	put_tree(s, &r, both, blobs, (uint64_t[]){ 1000, 1000 }, 2, 1, &good);
	put_tree(s, &r, both, blobs, (uint64_t[]){ 1000, 1001 }, 2, 2, &size);
	put_tree(s, &r, both, trees, (uint64_t[]){ 0, 0 }, 2, 3, &type);
	both[1] = absent;
	put_tree(s, &r, both, blobs, (uint64_t[]){ 1000, 1000 }, 2, 4, &gone);
	both[0] = good;
	both[1] = type;
	put_tree(s, &r, both, trees, (uint64_t[]){ 0, 0 }, 2, 5, &top);
	REQUIRE(session_commit(s, &err) == 0);

	struct seen seen = walk_all(&r, &good, OBJ_TREE);
	CHECK(seen.missing == 0 && seen.damaged == 0);
	seen = walk_all(&r, &size, OBJ_TREE);
	CHECK(seen.damaged == 1 && oid_eq(&seen.last, &blob));
	/* Though the blob was seen before, as what it is. */
	seen = walk_all(&r, &top, OBJ_TREE);
	CHECK(seen.damaged == 2 && oid_eq(&seen.last, &blob));
	seen = walk_all(&r, &gone, OBJ_TREE);
	CHECK(seen.missing == 1 && oid_eq(&seen.last, &absent));
	seen = walk_all(&r, &absent, OBJ_COMMIT);
	CHECK(seen.missing == 2);
	seen = walk_all(&r, &good, OBJ_COMMIT);
	CHECK(seen.damaged == 2);
	buf_release(&bytes);
	repo_release(&r);
}

static void test_what_lists_say_must_be_so(void)
{
	struct repo r;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	struct buf bytes = BUF_INIT, raw = BUF_INIT;
	struct oid blob, inner, outer;

	repo_init(&r, "lists", PACK_SIZE_DEFAULT);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	repo_fill(buf_extend(&bytes, 1000), 1000, 1, true);
	put_raw(s, &r, OBJ_BLOB, &bytes, &blob);
	for (uint64_t wrong = 0; wrong < 2; wrong++)
		for (uint64_t above = 0; above < 2; above++) {
			struct list l = LIST_INIT;
			list_append(&l, &(struct list_entry){ LIST_BLOB, 1000, blob });
			list_append(&l, &(struct list_entry){ LIST_BLOB, 1000 + wrong, blob });
			buf_reset(&raw);
			list_encode(&l, &raw);
			put_raw(s, &r, OBJ_LIST, &raw, &inner);
			l.nr = 0;
			uint64_t size = l.size + above;
			l.size = 0;
			list_append(&l, &(struct list_entry){ LIST_LIST, size, inner });
			buf_reset(&raw);
			list_encode(&l, &raw);
			put_raw(s, &r, OBJ_LIST, &raw, &outer);
			list_release(&l);
			REQUIRE(session_commit(s, &err) == 0);
			struct seen seen = walk_all(&r, &outer, OBJ_LIST);
			CHECK((seen.damaged > 0) == (wrong || above));
			REQUIRE(session_begin(&s, r.st, &err) == 0);
		}
	session_abort(s);
	buf_release(&raw);
	buf_release(&bytes);
	repo_release(&r);
}

static void *walk_deep(void *data)
{
	enum { DEEP = 4000, TOO_DEEP = 4200 };
	static const enum obj_type tree = OBJ_TREE;
	struct repo r;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	struct oid id, deep = { { 0 } };

	(void)data;
	repo_init(&r, "deep", PACK_SIZE_DEFAULT);
	repo_must(session_begin(&s, r.st, &err), &err);
	put_tree(s, &r, NULL, NULL, NULL, 0, 1, &id);
	for (unsigned int i = 0; i < TOO_DEEP; i++) {
		if (i == DEEP)
			deep = id;
		struct oid below = id;
		put_tree(s, &r, &below, &tree, (uint64_t[]){ 0 }, 1, i, &id);
	}
	repo_must(session_commit(s, &err), &err);
	struct seen seen = walk_all(&r, &deep, OBJ_TREE);
	CHECK(seen.damaged == 0 && seen.missing == 0);
	seen = walk_all(&r, &id, OBJ_TREE);
	CHECK(seen.damaged == 1);
	repo_release(&r);
	return NULL;
}

/* On a stack such as commands have. */
static void test_deep_folders_are_walked_and_too_deep_ones_told(void)
{
	struct sys_thread t;

	REQUIRE(sys_thread_start(&t, walk_deep, NULL) == 0);
	sys_thread_join(&t);
}

/* Objects that come while a walk lives are looked at too. */
static void test_the_index_may_grow(void)
{
	struct repo r;
	struct session *s = NULL;
	struct err err = ERR_INIT;
	struct seen seen = { 0 };
	struct buf bytes = BUF_INIT;
	struct oid blob, tree, absent = { { 7 } }, both[2];

	repo_init(&r, "grow", PACK_SIZE_DEFAULT);
	struct walk *w = walk_new(r.st, note_bad, &seen);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	repo_fill(buf_extend(&bytes, 1000), 1000, 1, true);
	put_raw(s, &r, OBJ_BLOB, &bytes, &blob);
	both[0] = blob;
	both[1] = absent;
	put_tree(s, &r, both, (enum obj_type[]){ OBJ_BLOB, OBJ_BLOB },
		 (uint64_t[]){ 1000, 1000 }, 2, 1, &tree);
	REQUIRE(session_commit(s, &err) == 0);
	CHECK(walk_from(w, &tree, OBJ_TREE, &err) == 0);
	CHECK(seen.missing == 1 && seen.damaged == 0);
	walk_free(w);
	buf_release(&bytes);
	repo_release(&r);
}

UNIT_MAIN(test_what_trees_say_must_be_so, test_what_lists_say_must_be_so,
	  test_deep_folders_are_walked_and_too_deep_ones_told, test_the_index_may_grow)
