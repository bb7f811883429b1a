#ifndef T_UNIT_STORE_REPO_H
#define T_UNIT_STORE_REPO_H

/*
 * A store in a scratch folder, with packs as small as a test wants them, and content of a seed.
 */

#include <stdlib.h>

#include "lib/file.h"
#include "objects/pack-verify.h"
#include "objects/store-internal.h"
#include "objects/walk.h"
#include "t/unit/pack-keys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

struct repo {
	struct keys *keys;
	char *dir;
	struct store_paths paths;
	struct store_options opts;
	struct store *st;
	unsigned int bad;		/* findings of repo_check() */
};

static inline void repo_must(int ret, const struct err *err)
{
	if (ret < 0)
		BUG("%s", err->msg);
}

static inline void repo_open_again(struct repo *r)
{
	struct err err = ERR_INIT;

	store_close(r->st);
	r->st = NULL;
	repo_must(store_open(&r->st, &r->paths, r->keys, &r->opts, &err), &err);
}

static inline void repo_init(struct repo *r, const char *name, uint64_t pack_size)
{
	static const char *const dirs[] = { "packs/data", "packs/meta", "index", "tmp" };
	struct err err = ERR_INIT;

	*r = (struct repo){ .dir = xstrdup(scratch(name)) };
	repo_must(crypto_start(&err), &err);
	r->keys = pack_keys(0x01, 7, 0x11);
	r->paths = (struct store_paths){ r->dir, r->dir, r->dir };
	r->opts = (struct store_options){
		.level = 1, .workers = 3, .pack_size = pack_size, .verify = 1,
	};
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		char *path = xasprintf("%s/%s", r->dir, dirs[i]);
		repo_must(file_make_dirs(path, 0700, &err), &err);
		if (!strcmp(dirs[i], "index"))
			repo_must(index_create(path, keys_repo_id(r->keys), &err), &err);
		sys_free(path);
	}
	repo_open_again(r);
}

static inline void repo_release(struct repo *r)
{
	store_close(r->st);
	keys_close(r->keys);
	sys_free(r->dir);
}

static inline int repo_count_name(const char *name, void *data, struct err *err)
{
	(void)name;
	(void)err;
	++*(unsigned int *)data;
	return 0;
}

static inline unsigned int repo_files(const struct repo *r, const char *folder)
{
	char *path = xasprintf("%s/%s", r->dir, folder);
	struct err err = ERR_INIT;
	unsigned int nr = 0;

	repo_must(file_each(path, repo_count_name, &nr, &err), &err);
	sys_free(path);
	return nr;
}

/* -- is everything there? -- */

static inline int repo_bad_object(const struct oid *id, int code, const char *what, void *data,
				  struct err *err)
{
	struct repo *r = data;

	(void)code;
	(void)err;
	if (r->bad++ < 3)
		printf("# %s %s\n", oid_hex(id).s, what);
	return 0;
}

static inline void repo_bad_pack(const char *path, const struct oid *id, const char *what,
				 void *data)
{
	struct repo *r = data;

	(void)id;
	r->bad++;
	printf("# %s %s\n", path, what);
}

struct repo_walk { struct repo *r; struct walk *walk; uint64_t nr; };

static inline int repo_walk_row(const unsigned char id30[30], const struct index_loc *loc,
				void *data, struct err *err)
{
	struct repo_walk *w = data;
	struct oid id;
	int ret = store_full_id(w->r->st, id30, loc, &id, err);

	w->nr++;
	return ret < 0 ? ret : walk_from(w->walk, &id, OBJ_NONE, err);
}

static inline int repo_check_pack(enum pack_kind kind, const struct pack_id *id, const char *path,
				  void *data, struct err *err)
{
	struct repo *r = data;
	struct pack_check c = {
		.keys = r->keys, .open_all = true, .bad = repo_bad_pack, .data = r,
	};

	(void)kind;
	int ret = pack_check(&c, path, id, NULL, NULL, err);
	return ret < 0 ? ret : 0;
}

/* Every pack is whole, and every id of the index has its closure.  The number of ids. */
static inline uint64_t repo_check(struct repo *r)
{
	struct repo_walk w = { .r = r };
	struct err err = ERR_INIT;

	r->bad = 0;
	CHECK(store_each_pack(r->st, repo_check_pack, r, &err) == 0);
	CHECK(index_refresh(store_index(r->st), &err) == 0);
	CHECK(index_check(store_index(r->st), NULL, &err) == 0);
	w.walk = walk_new(r->st, repo_bad_object, r);
	CHECK(index_each(store_index(r->st), repo_walk_row, &w, &err) == 0);
	walk_free(w.walk);
	if (err.code)
		printf("# %s\n", err.msg);
	CHECK(r->bad == 0);
	return w.nr;
}

/* -- objects -- */

/* Noise of a seed, or text. */
static inline void repo_fill(unsigned char *p, size_t n, uint64_t seed, bool is_noise)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p[i] = is_noise ? (unsigned char)(x >> 56) :
				  (unsigned char)"0123456789 "[(x >> 40) % 11];
	}
	for (size_t i = 0; i < 8 && i < n; i++)
		p[i] = (unsigned char)(seed >> 8 * i);
}

/* A tree with one entry a child, and text of a seed in the names to give it size. */
static inline void repo_tree(struct buf *out, const struct oid *ids, const enum obj_type *types,
			     const uint64_t *sizes, size_t nr, uint64_t seed)
{
	struct buf items = BUF_INIT;

	for (size_t i = 0; i < nr; i++) {
		char name[160];
		snprintf(name, sizeof(name), "%08zu-%016llx-%016llx-%016llx-%016llx-%016llx", i,
			 (unsigned long long)(seed * 0x9e3779b97f4a7c15u),
			 (unsigned long long)(seed * 0xc2b2ae3d27d4eb4fu + i),
			 (unsigned long long)(seed * 0x165667b19e3779f9u + 7 * i),
			 (unsigned long long)((seed + i) * 0x27d4eb2f165667c5u),
			 (unsigned long long)((seed ^ i) * 0x94d049bb133111ebu));
		struct tree_entry e = {
			.name = (const unsigned char *)name, .name_len = strlen(name),
			.type = types[i] == OBJ_TREE ? ENTRY_DIR : ENTRY_FILE, .mode = 0644,
			.content = types[i] == OBJ_TREE ? CONTENT_TREE : CONTENT_BLOB,
			.size = sizes[i], .id = ids[i],
		};
		tree_encode_entry(&items, &e);
	}
	tree_encode(out, 0, nr, &items);
	buf_release(&items);
}

#endif
