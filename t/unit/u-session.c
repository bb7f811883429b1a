/*
 * Sessions: what any number of threads put is there after the commit, whole, and at no time does
 * the index hold an id without all it refers to.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/sys-internal.h"
#include "t/unit/store-repo.h"

#define TINY ((uint64_t)1 << 20)

static void arm(const char *fault)
{
	if (fault)
		setenv("UB_TEST_FAULT", fault, 1);
	else
		unsetenv("UB_TEST_FAULT");
	fault_setup();
}

/* -- one thread -- */

static void put_blob(struct session *s, size_t n, uint64_t seed, bool is_noise, struct oid *id)
{
	unsigned char *p = xmalloc(n + 1);
	struct err err = ERR_INIT;

	repo_fill(p, n, seed, is_noise);
	CHECK(session_put(s, OBJ_BLOB, p, n, id, NULL, &err) == 0);
	sys_free(p);
}

static void check_blob(struct repo *r, size_t n, uint64_t seed, bool is_noise, const struct oid *id)
{
	unsigned char *p = xmalloc(n + 1);
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	repo_fill(p, n, seed, is_noise);
	CHECK(store_read(r->st, id, OBJ_BLOB, NULL, &b, &err) == 0);
	CHECK(b.len == n && (n == 0 || memcmp(b.data, p, n) == 0));
	buf_release(&b);
	sys_free(p);
}

static const size_t sizes[] = {
	0, 1, 15, 16, 4096, SESSION_ALONE_SIZE - 1, SESSION_ALONE_SIZE, 300000, 524288,
};
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static void test_all_sizes_come_back(void)
{
	struct repo r;
	struct session *s = NULL;
	struct oid ids[2 * SIZES];
	struct err err = ERR_INIT;

	repo_init(&r, "sizes", TINY);
	for (int small = 0; small < 2; small++) {
		size_t nr = small ? 5 : SIZES;
		REQUIRE(session_begin(&s, r.st, &err) == 0);
		for (size_t i = 0; i < 2 * nr; i++)
			put_blob(s, sizes[i / 2], i + 1000 * small, i % 2, &ids[i]);
		REQUIRE(session_commit(s, &err) == 0);
		for (size_t i = 0; i < 2 * nr; i++)
			check_blob(&r, sizes[i / 2], i + 1000 * small, i % 2, &ids[i]);
	}
	CHECK(repo_files(&r, "tmp") == 0);
	repo_open_again(&r);
	repo_check(&r);
	repo_release(&r);
}

static void test_a_small_session_is_one_pack(void)
{
	struct repo r;
	struct session *s = NULL;
	struct oid ids[2], tree;
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	bool is_new = true;

	repo_init(&r, "small", PACK_SIZE_DEFAULT);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	put_blob(s, 100, 1, false, &ids[0]);
	put_blob(s, 200000, 2, true, &ids[1]);
	repo_tree(&raw, ids, (enum obj_type[]){ OBJ_BLOB, OBJ_BLOB },
		  (uint64_t[]){ 100, 200000 }, 2, 1);
	CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, NULL, &err) == 0);
	CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, &is_new, &err) == 0 && !is_new);
	REQUIRE(session_commit(s, &err) == 0);
	CHECK(repo_files(&r, "packs/meta") == 1 && repo_files(&r, "packs/data") == 0);
	CHECK(repo_check(&r) == 3);

	REQUIRE(session_begin(&s, r.st, &err) == 0);
	CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, &is_new, &err) == 0 && !is_new);
	REQUIRE(session_commit(s, &err) == 0);
	CHECK(repo_files(&r, "packs/meta") == 1);
	buf_release(&raw);
	repo_release(&r);
}

static void test_what_does_not_fit_its_children_is_refused(void)
{
	struct repo r;
	struct session *s = NULL;
	struct oid id, tree, absent = { { 1 } };
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	const enum obj_type blob = OBJ_BLOB, dir = OBJ_TREE;

	repo_init(&r, "children", TINY);
	for (int is_stored = 0; is_stored < 2; is_stored++) {
		REQUIRE(session_begin(&s, r.st, &err) == 0);
		put_blob(s, 100, 1, false, &id);
		if (is_stored) {
			buf_reset(&raw);
			repo_tree(&raw, &id, &blob, (uint64_t[]){ 101 }, 1, 1);
			CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, NULL,
					  &err) == ERR_FAILED);
		}
		buf_reset(&raw);
		repo_tree(&raw, &id, &dir, (uint64_t[]){ 0 }, 1, 1);
		CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, NULL, &err) < 0);
		buf_reset(&raw);
		repo_tree(&raw, &absent, &blob, (uint64_t[]){ 100 }, 1, 1);
		CHECK(session_put(s, OBJ_TREE, raw.data, raw.len, &tree, NULL,
				  &err) == ERR_NOT_FOUND);
		CHECK(session_put(s, OBJ_TREE, "rubbish", 7, &tree, NULL, &err) < 0);
		CHECK(!session_has_failed(s));
		REQUIRE(session_commit(s, &err) == 0);
		CHECK(repo_check(&r) == 1);
	}
	buf_release(&raw);
	repo_release(&r);
}

static void test_an_aborted_session_leaves_nothing(void)
{
	struct repo r;
	struct session *s = NULL;
	struct oid id;
	struct err err = ERR_INIT;

	repo_init(&r, "abort", TINY);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	put_blob(s, 100, 1, false, &id);
	put_blob(s, 400000, 2, true, &id);
	session_abort(s);
	CHECK(repo_files(&r, "packs/data") == 0 && repo_files(&r, "packs/meta") == 0);
	CHECK(repo_files(&r, "tmp") == 0 && repo_check(&r) == 0);
	session_abort(NULL);
	repo_release(&r);
}

static void test_tiny_objects_fill_packs_and_not_memory(void)
{
	enum { NR = 80000 };
	struct repo r;
	struct session *s = NULL;
	struct oid id;
	struct err err = ERR_INIT;

	repo_init(&r, "tiny", PACK_SIZE_DEFAULT);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	for (uint64_t i = 0; i < NR; i++) {
		int ret = session_put(s, OBJ_BLOB, &i, sizeof(i), &id, NULL, &err);
		REQUIRE(ret == 0);
	}
	REQUIRE(session_commit(s, &err) == 0);
	CHECK(repo_files(&r, "packs/data") >= 3);
	CHECK(repo_check(&r) == NR);
	repo_release(&r);
}

/* -- many threads -- */

struct putter {
	struct session *s;
	unsigned int number, rounds;
	size_t nr_trees;
	int ret;
};

/* Blobs small and large, trees over them, trees over the trees; some that all threads have. */
static void *put_much(void *data)
{
	struct putter *p = data;
	struct err err = ERR_INIT;
	struct buf raw = BUF_INIT;
	struct oid ids[24], above = { { 0 } };
	enum obj_type types[24];
	uint64_t sized[24];
	unsigned char *bytes = xmalloc(400000);

	for (unsigned int round = 0; round < p->rounds && p->ret == 0; round++) {
		uint64_t seed = round % 3 ? round * 100 + p->number : round * 100;
		size_t nr = 3 + seed % 20;
		for (size_t i = 0; i < nr && p->ret == 0; i++) {
			size_t n = 65 + (seed * 31 + i * 977) % 3000;
			if (i == 0 && round % 4 == 0)
				n = 150000 + seed % 1000;
			repo_fill(bytes, n, seed * 50 + i, i % 3);
			types[i] = OBJ_BLOB;
			sized[i] = n;
			p->ret = session_put(p->s, OBJ_BLOB, bytes, n, &ids[i], NULL, &err);
		}
		if (round > 0) {
			ids[nr] = above;
			types[nr] = OBJ_TREE;
			sized[nr++] = 0;
		}
		buf_reset(&raw);
		repo_tree(&raw, ids, types, sized, nr, seed);
		if (p->ret == 0)
			p->ret = session_put(p->s, OBJ_TREE, raw.data, raw.len, &above, NULL, &err);
		/* One that is large, and close behind what it refers to. */
		for (uint64_t k = 0; k < p->nr_trees && p->ret == 0; k++) {
			size_t copies = k % 5 == 4 ? 1024 : 2;
			struct oid *many = xcalloc(copies, sizeof(*many));
			enum obj_type *kinds = xcalloc(copies, sizeof(*kinds));
			uint64_t *zeros = xcalloc(copies, sizeof(*zeros));
			for (size_t c = 0; c < copies; c++) {
				many[c] = above;
				kinds[c] = OBJ_TREE;
			}
			buf_reset(&raw);
			repo_tree(&raw, many, kinds, zeros, copies, seed * 1000 + k);
			p->ret = session_put(p->s, OBJ_TREE, raw.data, raw.len, &above, NULL, &err);
			sys_free(many);
			sys_free(kinds);
			sys_free(zeros);
		}
	}
	if (p->ret < 0 && !session_has_failed(p->s))
		printf("# %s\n", err.msg);
	sys_free(bytes);
	buf_release(&raw);
	return NULL;
}

enum { THREADS = 5 };

/* Whether all went well. */
static bool put_by_all(struct session *s, unsigned int rounds, size_t nr_trees)
{
	struct putter p[THREADS];
	pthread_t threads[THREADS];
	bool good = true;

	for (unsigned int i = 0; i < THREADS; i++) {
		p[i] = (struct putter){ s, i, rounds, nr_trees, 0 };
		if (pthread_create(&threads[i], NULL, put_much, &p[i]) != 0)
			abort();
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		good &= p[i].ret == 0;
	}
	return good;
}

/* After each change of the index: is what it holds closed? */
struct watch { struct repo *r; unsigned int packs; };

static int look(const struct index_pack *pack, void *data, struct err *err)
{
	struct watch *w = data;
	struct repo other = *w->r;

	(void)pack;
	(void)err;
	if (w->packs++ % 4 != 0)
		return 0;
	other.st = NULL;
	repo_open_again(&other);
	repo_check(&other);
	store_close(other.st);
	return 0;
}

static void test_threads_put_and_the_index_is_closed_at_all_times(void)
{
	struct repo r;
	struct watch w = { &r, 0 };
	struct session *s = NULL;
	struct session_stats stats;
	struct err err = ERR_INIT;

	repo_init(&r, "threads", TINY);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	session_on_pack(s, look, &w);
	CHECK(put_by_all(s, 12, 15));
	session_stats(s, &stats);
	REQUIRE(session_commit(s, &err) == 0);
	CHECK(repo_files(&r, "packs/meta") > 4);
	CHECK(repo_check(&r) == stats.objects_new);
	CHECK(w.packs == repo_files(&r, "packs/meta") + repo_files(&r, "packs/data"));
	repo_release(&r);
}

/* The packs that have names are closed too: the index is made again from them alone. */
static void check_rebuilt(struct repo *r)
{
	struct store_rebuilt what;
	struct err err = ERR_INIT;

	CHECK(store_index_rebuild(r->st, NULL, NULL, &what, &err) == 0 && what.bad == 0);
	repo_check(r);
}

static struct repo killed;

static void put_until_killed(void)
{
	struct session *s = NULL;
	struct err err = ERR_INIT;

	repo_open_again(&killed);
	if (session_begin(&s, killed.st, &err) < 0)
		abort();
	put_by_all(s, 200, 15);
	session_commit(s, &err);
}

static void test_what_a_kill_leaves_is_closed_and_adopted(void)
{
	struct err err = ERR_INIT;
	struct session *s = NULL;

	repo_init(&killed, "killed", TINY);
	for (unsigned int ms = 5; ms < 1000; ms *= 4) {
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			put_until_killed();
			_exit(0);
		}
		usleep(ms * 1000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		repo_open_again(&killed);
		repo_check(&killed);
		if (ms % 2)
			check_rebuilt(&killed);
		REQUIRE(session_begin(&s, killed.st, &err) == 0);
		REQUIRE(session_commit(s, &err) == 0);
		CHECK(repo_files(&killed, "tmp") == 0);
		repo_check(&killed);
	}
	check_rebuilt(&killed);
	REQUIRE(session_begin(&s, killed.st, &err) == 0);
	CHECK(put_by_all(s, 6, 10));
	REQUIRE(session_commit(s, &err) == 0);
	repo_check(&killed);
	repo_release(&killed);
}

/* -- failures, with all threads at it -- */

static void test_a_failure_in_the_middle_stops_all_threads(void)
{
	static const char *const kinds[] = {
		"enospc:pwrite@%u+", "eio:fdatasync@%u", "eio:pwrite@%u", "eio:rename@%u",
		"eio:fsync@%u", "enospc:openat@%u+", "nomem:mmap@%u",
	};
	struct repo r;
	struct err err = ERR_INIT;

	repo_init(&r, "failures", TINY);
	for (unsigned int i = 0; i < 2 * sizeof(kinds) / sizeof(*kinds); i++) {
		struct session *s = NULL;
		char fault[64];
		snprintf(fault, sizeof(fault), kinds[i / 2], 4 + i % 2 * 5);
		repo_open_again(&r);
		REQUIRE(session_begin(&s, r.st, &err) == 0);
		arm(fault);
		bool good = put_by_all(s, 6, 15) && session_commit(s, &err) == 0;
		if (!good)
			session_abort(s);
		arm(NULL);
		CHECK(!good || repo_files(&r, "tmp") == 0);
		repo_open_again(&r);
		repo_check(&r);
		if (i % 4 == 1)
			check_rebuilt(&r);
	}
	struct session *s = NULL;
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	CHECK(put_by_all(s, 6, 15));
	REQUIRE(session_commit(s, &err) == 0);
	repo_check(&r);
	repo_release(&r);
}

/* -- two at once -- */

static struct repo shared;

static void *rebuild_again_and_again(void *data)
{
	struct err err = ERR_INIT;
	struct repo mine = shared;
	atomic_bool *stop = data;

	mine.st = NULL;
	repo_open_again(&mine);
	while (!atomic_load(stop)) {
		struct store_rebuilt what;
		CHECK(store_index_rebuild(mine.st, NULL, NULL, &what, &err) == 0);
		repo_check(&mine);
	}
	store_close(mine.st);
	return NULL;
}

static void test_a_rebuild_drops_nothing_that_others_write(void)
{
	struct err err = ERR_INIT;
	struct session_stats stats;
	uint64_t objects = 0;
	atomic_bool stop = false;
	pthread_t thread;

	repo_init(&shared, "rebuild", TINY);
	REQUIRE(pthread_create(&thread, NULL, rebuild_again_and_again, &stop) == 0);
	for (unsigned int i = 0; i < 4; i++) {
		struct session *s = NULL;
		struct putter p = { .number = 7 + 10 * i, .rounds = 5, .nr_trees = 20 };
		REQUIRE(session_begin(&s, shared.st, &err) == 0);
		p.s = s;
		put_much(&p);
		CHECK(p.ret == 0);
		session_stats(s, &stats);
		objects += stats.objects_new;
		CHECK(session_commit(s, &err) == 0);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	CHECK(repo_check(&shared) == objects);
	repo_release(&shared);
}

UNIT_MAIN(test_all_sizes_come_back, test_a_small_session_is_one_pack,
	  test_what_does_not_fit_its_children_is_refused, test_an_aborted_session_leaves_nothing,
	  test_tiny_objects_fill_packs_and_not_memory,
	  test_threads_put_and_the_index_is_closed_at_all_times,
	  test_what_a_kill_leaves_is_closed_and_adopted,
	  test_a_failure_in_the_middle_stops_all_threads,
	  test_a_rebuild_drops_nothing_that_others_write)
