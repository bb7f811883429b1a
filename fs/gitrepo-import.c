/*
 * A git repository as snapshots: commits in the order in which they were made, each with the tree,
 * the parents, the dates and the words that it has there.
 *
 * The same commit gives the same snapshot, whenever it is imported: nothing in it is of here but
 * the device. What git says beside tree and parents is kept as it is (COMMIT_FIELD_GIT), so that
 * an export gives the very same commit back.
 *
 * Memory: the ids of all commits; of trees and files a cache of fixed size, beyond which they are
 * read again.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/chunker.h"
#include "objects/content.h"
#include "objects/store.h"
#include "fs/gitrepo-internal.h"

#include "fs/gitrepo.h"

#define CACHE_SLOTS ((size_t)1 << 16)	/* a power of two */
#define DEPTH_MAX 2048

struct counts { uint64_t files, dirs, others, bytes; };

/* What a tree or a file of git's became. */
struct known {
	git_oid git;
	bool is_there;
	enum content_kind content;
	uint64_t size;
	struct oid id;
	struct counts counts;		/* of a tree, without itself */
};

struct made { git_oid git; struct oid id; };

struct importer {
	struct git_import *g;
	struct git_lib lib;
	git_repository *repo;
	git_odb *odb;
	struct object_sink sink;
	struct chunker_params params;
	struct known *cache;
	struct made *made;		/* commits, in an open table */
	size_t nr_made, nr_slots;
};

static int fail(struct importer *m, enum err_code code, const char *what, struct err *err)
{
	return err_set(err, code, "'%s': %s: %s", m->g->dir, what, git_lib_error(&m->lib));
}

static size_t hash_of(const git_oid *id)
{
	size_t h;

	memcpy(&h, id->id, sizeof(h));
	return h;
}

static struct known *cache_slot(struct importer *m, const git_oid *id)
{
	return &m->cache[hash_of(id) & (CACHE_SLOTS - 1)];
}

static const struct known *cache_find(struct importer *m, const git_oid *id)
{
	const struct known *k = cache_slot(m, id);

	return k->is_there && memcmp(k->git.id, id->id, GIT_OID_RAWSZ) == 0 ? k : NULL;
}

static struct made *made_slot(struct importer *m, const git_oid *id)
{
	size_t mask = m->nr_slots - 1;

	for (size_t i = hash_of(id) & mask;; i = (i + 1) & mask) {
		struct made *slot = &m->made[i];
		if (oid_is_zero(&slot->id) || memcmp(slot->git.id, id->id, GIT_OID_RAWSZ) == 0)
			return slot;
	}
}

static void made_add(struct importer *m, const git_oid *git, const struct oid *id)
{
	if (2 * (m->nr_made + 1) > m->nr_slots) {
		struct made *old = m->made;
		size_t nr = m->nr_slots;
		m->nr_slots = nr ? 2 * nr : 1024;
		m->made = xcalloc(m->nr_slots, sizeof(*m->made));
		for (size_t i = 0; i < nr; i++)
			if (!oid_is_zero(&old[i].id))
				*made_slot(m, &old[i].git) = old[i];
		sys_free(old);
	}
	*made_slot(m, git) = (struct made){ *git, *id };
	m->nr_made++;
}

/* -- files -- */

/* Content that lies in memory, cut as that of any file. */
static int put_pieces(struct importer *m, const unsigned char *p, size_t n, struct known *out,
		      struct err *err)
{
	struct chunker *cut = chunker_new(&m->params, m->sink.cut_key);
	struct list_builder *list = list_builder_new(&m->sink);
	uint64_t zeros = 0;
	int ret = 0;

	for (size_t off = 0; off < n && ret == 0;) {
		struct list_entry e = { .kind = LIST_BLOB };
		size_t size = 0;
		enum chunk_kind kind = chunker_next(cut, p + off, n - off, true, &size);
		if (kind == CHUNK_ZERO) {
			zeros += size;
		} else {
			struct list_entry gap = { .kind = LIST_ZERO, .size = zeros };
			if (zeros > 0)
				ret = list_builder_add(list, &gap, err);
			zeros = 0;
			e.size = size;
			if (ret == 0)
				ret = m->sink.put(m->sink.data, OBJ_BLOB, p + off, size, &e.id,
						  err);
			if (ret == 0)
				ret = list_builder_add(list, &e, err);
		}
		off += size;
	}
	struct list_entry gap = { .kind = LIST_ZERO, .size = zeros };
	if (ret == 0 && zeros > 0)
		ret = list_builder_add(list, &gap, err);
	if (ret == 0)
		ret = list_builder_end(list, &out->content, &out->id, &out->size, err);
	list_builder_free(list);
	chunker_free(cut);
	return ret;
}

static int put_blob(struct importer *m, const unsigned char *p, size_t n, struct known *out,
		    struct err *err)
{
	out->size = n;
	out->content = n == 0 ? CONTENT_NONE : n <= INLINE_MAX ? CONTENT_INLINE : CONTENT_BLOB;
	if (n <= INLINE_MAX)
		return 0;
	if (n < ZERO_MIN && n <= m->params.min)
		return m->sink.put(m->sink.data, OBJ_BLOB, p, n, &out->id, err);
	return put_pieces(m, p, n, out, err);
}

/* -- trees -- */

static void left_out(struct importer *m, const char *name, const char *why)
{
	m->g->left_out++;
	m->g->problem(name, strlen(name), why, m->g->data);
}

static bool is_hostile(const char *name)
{
	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, ".git") == 0 || strchr(name, '/') || strlen(name) > NAME_LEN_MAX;
}

struct item {
	struct tree_entry e;
	unsigned char data[INLINE_MAX];
	struct buf attrs;
	char *name;
};

static int cmp_items(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static int put_tree(struct importer *m, const git_oid *id, unsigned int depth, struct oid *out,
		    struct counts *counts, struct err *err);

/* A file or a link. */
static int take_blob(struct importer *m, const git_oid *id, bool is_link, struct item *it,
		     struct counts *counts, struct err *err)
{
	const struct known *k = is_link ? NULL : cache_find(m, id);
	git_blob *blob = NULL;
	struct known made = { .git = *id, .is_there = true };
	int ret = 0;

	it->e.mode = it->e.mode ? it->e.mode : 0644;
	if (!k || k->content == CONTENT_INLINE) {
		if (m->lib.git_blob_lookup(&blob, m->repo, id) < 0)
			return fail(m, ERR_CORRUPT, "a file cannot be read", err);
		const unsigned char *p = m->lib.git_blob_rawcontent(blob);
		size_t n = (size_t)m->lib.git_blob_rawsize(blob);
		if (is_link) {
			if (n == 0 || n > TARGET_LEN_MAX || memchr(p, 0, n)) {
				m->lib.git_blob_free(blob);
				return 1;
			}
			attr_put(&it->attrs, ATTR_TARGET, p, n);
			made.size = n;
		} else {
			ret = put_blob(m, p, n, &made, err);
			if (made.content == CONTENT_INLINE)
				memcpy(it->data, p, n);
			*cache_slot(m, id) = made;
		}
		m->lib.git_blob_free(blob);
		k = &made;
	}
	it->e.content = k->content;
	it->e.size = k->size;
	it->e.id = k->id;
	it->e.data = it->data;
	counts->files += !is_link;
	counts->others += is_link;
	counts->bytes += is_link ? 0 : k->size;
	return ret;
}

/* 1: it is left out. */
static int take_entry(struct importer *m, const git_tree_entry *ge, unsigned int depth,
		      struct item *it, struct counts *counts, struct err *err)
{
	const git_oid *id = m->lib.git_tree_entry_id(ge);
	const char *name = m->lib.git_tree_entry_name(ge);

	if (is_hostile(name)) {
		left_out(m, name, "git cannot have such a name, or ub not restore it");
		return 1;
	}
	it->name = xstrdup(name);
	it->e = (struct tree_entry){
		.name = (const unsigned char *)it->name, .name_len = strlen(name),
		.type = ENTRY_FILE,
	};
	switch (m->lib.git_tree_entry_filemode(ge)) {
	case GIT_FILEMODE_TREE:
		it->e.type = ENTRY_DIR;
		it->e.mode = 0755;
		it->e.content = CONTENT_TREE;
		counts->dirs++;
		return put_tree(m, id, depth + 1, &it->e.id, counts, err);
	case GIT_FILEMODE_LINK:
		it->e.type = ENTRY_SYMLINK;
		it->e.mode = 0777;
		int ret = take_blob(m, id, true, it, counts, err);
		if (ret == 1)
			left_out(m, name, "the target of the link cannot be one");
		return ret;
	case GIT_FILEMODE_COMMIT:
		left_out(m, name, "a submodule");
		return 1;
	case GIT_FILEMODE_BLOB_EXECUTABLE:
		it->e.mode = 0755;
		return take_blob(m, id, false, it, counts, err);
	default:
		return take_blob(m, id, false, it, counts, err);
	}
}

static int build_tree(struct importer *m, struct item *items, size_t nr, struct oid *out,
		      struct err *err)
{
	struct tree_builder *b = tree_builder_new(&m->sink);
	int ret = 0;

	/* git sorts folders as if they ended in a slash. */
	if (nr > 1)
		qsort(items, nr, sizeof(*items), cmp_items);
	for (size_t i = 0; i < nr && ret == 0; i++) {
		struct tree_entry *e = &items[i].e;
		e->data = items[i].data;
		e->attrs = items[i].attrs.data;
		e->attrs_len = items[i].attrs.len;
		ret = tree_builder_add(b, e, err);
	}
	if (ret == 0)
		ret = tree_builder_end(b, out, err);
	tree_builder_free(b);
	return ret;
}

static int put_tree(struct importer *m, const git_oid *id, unsigned int depth, struct oid *out,
		    struct counts *counts, struct err *err)
{
	const struct known *k = cache_find(m, id);
	struct known made = { .git = *id, .is_there = true, .content = CONTENT_TREE };
	git_tree *tree = NULL;
	size_t nr = 0;
	int ret = interrupt_check(err);

	if (ret == 0 && !k) {
		if (depth > DEPTH_MAX)
			return err_set(err, ERR_CORRUPT, "'%s': folders are nested too deep",
				       m->g->dir);
		if (m->lib.git_tree_lookup(&tree, m->repo, id) < 0)
			return fail(m, ERR_CORRUPT, "a folder cannot be read", err);
		size_t all = m->lib.git_tree_entrycount(tree);
		struct item *items = xcalloc(all + 1, sizeof(*items));
		for (size_t i = 0; i < all && ret == 0; i++) {
			struct item *it = &items[nr];
			it->attrs = (struct buf)BUF_INIT;
			ret = take_entry(m, m->lib.git_tree_entry_byindex(tree, i), depth, it,
					 &made.counts, err);
			if (ret == 0) {
				nr++;
			} else {
				sys_free(it->name);
				buf_release(&it->attrs);
				*it = (struct item){ .name = NULL };
			}
			ret = ret == 1 ? 0 : ret;
		}
		if (ret == 0)
			ret = build_tree(m, items, nr, &made.id, err);
		for (size_t i = 0; i < nr; i++) {
			sys_free(items[i].name);
			buf_release(&items[i].attrs);
		}
		sys_free(items);
		m->lib.git_tree_free(tree);
		*cache_slot(m, id) = made;
		cache_slot(m, id)->is_there = ret == 0;
		k = &made;
	}
	if (ret < 0)
		return ret;
	*out = k->id;
	counts->files += k->counts.files;
	counts->dirs += k->counts.dirs;
	counts->others += k->counts.others;
	counts->bytes += k->counts.bytes;
	return 0;
}

/* -- commits -- */

/* All of the commit but its tree and parents: what comes first in it. */
static const char *behind_parents(const char *raw, const char *end)
{
	while (raw < end && (strncmp(raw, "tree ", 5) == 0 || strncmp(raw, "parent ", 7) == 0)) {
		const char *stop = memchr(raw, '\n', (size_t)(end - raw));
		raw = stop ? stop + 1 : end;
	}
	return raw;
}

static int take_words(struct importer *m, git_commit *gc, struct commit *c, struct err *err)
{
	const git_signature *author = m->lib.git_commit_author(gc);
	const char *message = m->lib.git_commit_message_raw(gc);
	size_t n = strlen(message);
	git_odb_object *raw = NULL;

	c->device = xstrdup(m->g->device);
	c->user = xasprintf("%.400s <%.400s>", author->name, author->email);
	c->time_s = m->lib.git_commit_time(gc);
	c->time_offset = m->lib.git_commit_time_offset(gc) * 60;
	if (c->time_offset < -86399 || c->time_offset > 86399)
		c->time_offset = 0;
	if (n > COMMIT_MESSAGE_MAX)
		n = COMMIT_MESSAGE_MAX;
	c->message = xstrndup(message, n);
	if (m->lib.git_odb_read(&raw, m->odb, m->lib.git_commit_id(gc)) < 0)
		return fail(m, ERR_CORRUPT, "a commit cannot be read", err);
	const char *p = m->lib.git_odb_object_data(raw);
	const char *end = p + m->lib.git_odb_object_size(raw);
	p = behind_parents(p, end);
	if ((size_t)(end - p) < COMMIT_EXTRA_MAX / 2) {
		buf_put_varint(&c->extra, COMMIT_FIELD_GIT);
		buf_put_lenbytes(&c->extra, p, (size_t)(end - p));
	}
	m->lib.git_odb_object_free(raw);
	return 0;
}

static int take_parents(struct importer *m, git_commit *gc, struct commit *c, struct err *err)
{
	unsigned int nr = m->lib.git_commit_parentcount(gc);

	if (nr > COMMIT_PARENTS_MAX)
		return err_set(err, ERR_FAILED, "'%s': a commit has %u parents: %d are the most",
			       m->g->dir, nr, COMMIT_PARENTS_MAX);
	c->parents = xcalloc(nr + 1, sizeof(*c->parents));
	for (unsigned int i = 0; i < nr; i++) {
		const struct made *p = made_slot(m, m->lib.git_commit_parent_id(gc, i));
		if (oid_is_zero(&p->id))
			return err_set(err, ERR_CORRUPT, "'%s': the parent of a commit is missing",
				       m->g->dir);
		c->parents[c->nr_parents++] = p->id;
	}
	return 0;
}

static int take_commit(struct importer *m, const git_oid *id, struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct buf raw = BUF_INIT;
	struct counts counts = { 0 };
	git_commit *gc = NULL;
	struct oid made;

	if (m->lib.git_commit_lookup(&gc, m->repo, id) < 0)
		return fail(m, ERR_CORRUPT, "a commit cannot be read", err);
	int ret = take_parents(m, gc, &c, err);
	if (ret == 0)
		ret = put_tree(m, m->lib.git_commit_tree_id(gc), 0, &c.tree, &counts, err);
	if (ret == 0)
		ret = take_words(m, gc, &c, err);
	c.files = counts.files;
	c.dirs = counts.dirs;
	c.others = counts.others;
	c.bytes = counts.bytes;
	if (ret == 0)
		ret = commit_check(&c, err);
	if (ret == 0) {
		commit_encode(&c, &raw);
		ret = m->sink.put(m->sink.data, OBJ_COMMIT, raw.data, raw.len, &made, err);
	}
	if (ret == 0) {
		made_add(m, id, &made);
		m->g->commits++;
	}
	m->lib.git_commit_free(gc);
	commit_release(&c);
	buf_release(&raw);
	return ret;
}

static int take_commits(struct importer *m, struct err *err)
{
	git_revwalk *walk = NULL;
	git_oid id;
	int got, ret = 0;

	if (m->lib.git_revwalk_new(&walk, m->repo) < 0)
		return fail(m, ERR_FAILED, "its history cannot be read", err);
	m->lib.git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_REVERSE);
	if (m->lib.git_revwalk_push_glob(walk, "refs/heads/*") < 0 ||
	    m->lib.git_revwalk_push_glob(walk, "refs/tags/*") < 0)
		ret = fail(m, ERR_CORRUPT, "its branches cannot be read", err);
	while (ret == 0 && (got = m->lib.git_revwalk_next(&id, walk)) != GIT_ITEROVER)
		ret = got < 0 ? fail(m, ERR_CORRUPT, "its history cannot be read", err) :
				take_commit(m, &id, err);
	m->lib.git_revwalk_free(walk);
	return ret;
}

/* -- branches and tags -- */

int git_import_refs(struct git_import *g, struct err *err)
{
	struct importer *m = g->own;
	git_reference_iterator *it = NULL;
	git_reference *ref = NULL;
	int ret = 0;

	if (m->lib.git_reference_iterator_new(&it, m->repo) < 0)
		return fail(m, ERR_CORRUPT, "its branches cannot be read", err);
	while (ret == 0 && m->lib.git_reference_next(&ref, it) == 0) {
		const char *name = m->lib.git_reference_name(ref);
		git_object *to = NULL;
		if ((strncmp(name, "refs/heads/", 11) == 0 ||
		     strncmp(name, "refs/tags/", 10) == 0) &&
		    m->lib.git_reference_peel(&to, ref, GIT_OBJECT_COMMIT) == 0) {
			const struct made *c = made_slot(m, m->lib.git_object_id(to));
			if (!oid_is_zero(&c->id))
				ret = g->ref(name + 5, &c->id, g->data, err);
			m->lib.git_object_free(to);
		}
		m->lib.git_reference_free(ref);
	}
	m->lib.git_reference_iterator_free(it);
	return ret;
}

/* -- all together -- */

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	struct importer *m = data;

	if (m->g->session)
		return session_put(m->g->session, type, p, n, id_out, NULL, err);
	keys_object_id(store_keys(m->g->store), (uint8_t)type, p, n, id_out->b);
	return 0;
}

int git_import_commits(struct git_import *g, struct err *err)
{
	struct importer *m = xcalloc(1, sizeof(*m));

	g->own = m;
	m->g = g;
	int ret = git_lib_load(&m->lib, err);
	if (ret < 0)
		return ret;
	m->sink = (struct object_sink){ put, m, keys_chunker_key(store_keys(g->store)), NULL };
	m->params = store_chunker_params(g->store);
	m->cache = xcalloc(CACHE_SLOTS, sizeof(*m->cache));
	m->nr_slots = 1024;
	m->made = xcalloc(m->nr_slots, sizeof(*m->made));
	if (m->lib.git_repository_open_ext(&m->repo, g->dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) ||
	    m->lib.git_repository_odb(&m->odb, m->repo) < 0)
		return fail(m, ERR_FAILED, "it cannot be opened as a git repository", err);
	ret = take_commits(m, err);
	if (ret == 0 && g->commits == 0)
		ret = err_set(err, ERR_FAILED, "'%s' has no commits yet", g->dir);
	return ret;
}

void git_import_release(struct git_import *g)
{
	struct importer *m = g->own;

	if (!m)
		return;
	if (m->odb)
		m->lib.git_odb_free(m->odb);
	if (m->repo)
		m->lib.git_repository_free(m->repo);
	sys_free(m->cache);
	sys_free(m->made);
	sys_free(m);
	g->own = NULL;
}
