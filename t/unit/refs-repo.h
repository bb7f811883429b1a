#ifndef T_UNIT_REFS_REPO_H
#define T_UNIT_REFS_REPO_H

/*
 * A small repository for the tests of refs/: keys, an empty index, a store, a log.
 */

#include "lib/file.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"
#include "objects/store.h"
#include "refs/refs.h"

#include "t/unit/scratch.h"
#include "t/unit/unit.h"

struct repo {
	char top[256], refs[300], state_home[300], state[400], cache[300];
	struct keys *keys;
	struct store *store;
};

static inline void repo_die(const char *what, const struct err *err)
{
	printf("not ok - %s: %s\n", what, err->msg);
	exit(1);
}

static inline int repo_keys(const char *top, const char *state_home, const char *device,
			    struct keys **out, struct err *err)
{
	struct secret password = SECRET_INIT, words = SECRET_INIT;
	char dir[300];

	snprintf(dir, sizeof(dir), "%s/keys", top);
	struct keys_create_args args = {
		.dir = dir, .state_home = state_home, .device_name = device,
		.password = &password, .cost = { 8192, 1 },
		.chunk_min = 256 << 10, .chunk_avg = 1 << 20, .chunk_max = 4 << 20,
		.erasure_k = 10, .erasure_m = 4, .with_device_slot = true,
	};
	int ret = file_make_dirs(dir, 0700, err);
	secret_set(&password, "correct horse", 13);
	if (ret == 0)
		ret = keys_create(&args, out, &words, err);
	secret_release(&password);
	secret_release(&words);
	return ret;
}

/* Keys of a new repository in SCRATCH/`name`, its log not yet made. */
static inline void repo_init(struct repo *repo, const char *name)
{
	struct err err = ERR_INIT;

	memset(repo, 0, sizeof(*repo));
	if (crypto_start(&err) < 0)
		repo_die("crypto", &err);
	snprintf(repo->top, sizeof(repo->top), "%s", scratch(name));
	snprintf(repo->refs, sizeof(repo->refs), "%s/refs", repo->top);
	snprintf(repo->cache, sizeof(repo->cache), "%s/index/refs-cache", repo->top);
	snprintf(repo->state_home, sizeof(repo->state_home), "%s-state", repo->top);
	if (repo_keys(repo->top, repo->state_home, "laptop", &repo->keys, &err) < 0)
		repo_die("keys", &err);
	snprintf(repo->state, sizeof(repo->state), "%s", keys_state_dir(repo->keys));
}

/* The same with store and log. */
static inline void repo_make(struct repo *repo, const char *name)
{
	struct err err = ERR_INIT;
	char dir[320];

	repo_init(repo, name);
	snprintf(dir, sizeof(dir), "%s/index", repo->top);
	if (file_make_dirs(dir, 0700, &err) < 0 ||
	    index_create(dir, keys_repo_id(repo->keys), &err) < 0)
		repo_die("index", &err);
	for (int i = 0; i < 3; i++) {
		snprintf(dir, sizeof(dir), "%s/%s", repo->top,
			 i == 0 ? "packs/data" : i == 1 ? "packs/meta" : "tmp");
		if (file_make_dirs(dir, 0700, &err) < 0)
			repo_die("folders", &err);
	}
	struct store_paths paths = { repo->top, repo->top, repo->top };
	struct store_options opts = {
		.level = 1, .workers = 1, .pack_size = 64 << 20, .verify = 1,
	};
	if (store_open(&repo->store, &paths, repo->keys, &opts, &err) < 0)
		repo_die("store", &err);
	if (refs_create(repo->refs, repo->state, repo->keys, &err) < 0)
		repo_die("refs", &err);
}

static inline void repo_release(struct repo *repo)
{
	store_close(repo->store);
	keys_close(repo->keys);
}

static inline struct refs *repo_refs(const struct repo *repo)
{
	struct refs *r = NULL;
	struct err err = ERR_INIT;

	if (refs_open(&r, repo->refs, repo->state, repo->cache, repo->keys, &err) < 0)
		repo_die("refs_open", &err);
	return r;
}

/* A commit of an empty tree; `nr` makes it another one. */
static inline struct oid repo_commit(struct repo *repo, int nr, const struct oid *parent)
{
	struct err err = ERR_INIT;
	struct session *s = NULL;
	struct buf raw = BUF_INIT, items = BUF_INIT;
	struct oid id;
	char text[32];

	snprintf(text, sizeof(text), "number %d", nr);
	struct commit c = { .device = text, .host = text, .user = text, .message = text,
			    .time_s = nr, .extra = BUF_INIT };
	struct oid p;
	if (parent) {
		p = *parent;
		c.parents = &p;
		c.nr_parents = 1;
	}
	if (session_begin(&s, repo->store, &err) < 0)
		repo_die("session", &err);
	tree_encode(&raw, 0, 0, &items);
	if (session_put(s, OBJ_TREE, raw.data, raw.len, &c.tree, NULL, &err) < 0)
		repo_die("tree", &err);
	buf_reset(&raw);
	commit_encode(&c, &raw);
	if (session_put(s, OBJ_COMMIT, raw.data, raw.len, &id, NULL, &err) < 0 ||
	    session_commit(s, &err) < 0)
		repo_die("commit", &err);
	buf_release(&raw);
	return id;
}

#endif
