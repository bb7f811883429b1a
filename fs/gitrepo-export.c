/*
 * Snapshots as commits of a git repository.
 *
 * What came from git goes back as it was, to the byte: then the commit has the id that it had. Else
 * the commit's author is who made the snapshot. git has no empty folders, no owners and times of
 * files, and of modes one bit: what has no form there at all is told and left out.
 *
 * Memory: caches of fixed size, beyond which things are written again, and the commits' ids.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "fs/gitrepo-internal.h"

#include "fs/gitrepo.h"

#define CACHE_SLOTS ((size_t)1 << 16)	/* a power of two */

/* What a blob, a list or a tree became; a tree of nothing: git has none. */
struct known { struct oid id; git_oid git; bool is_there, is_empty; };

struct done { struct oid id; git_oid git; };

struct exporter {
	struct git_export *g;
	struct git_lib lib;
	git_repository *repo;
	git_odb *odb;
	bool is_new;
	struct object_source source;
	struct known *cache;
	struct done *done;
	size_t nr_done, alloc_done;
};

static int fail(struct exporter *x, const char *what, struct err *err)
{
	return err_set(err, ERR_FAILED, "'%s': %s: %s", x->g->dir, what, git_lib_error(&x->lib));
}

static struct known *cache_slot(struct exporter *x, const struct oid *id)
{
	size_t h;

	memcpy(&h, id->b, sizeof(h));
	return &x->cache[h & (CACHE_SLOTS - 1)];
}

static const struct known *cache_find(struct exporter *x, const struct oid *id)
{
	const struct known *k = cache_slot(x, id);

	return k->is_there && oid_eq(&k->id, id) ? k : NULL;
}

static int write_object(struct exporter *x, git_object_t type, const void *p, size_t n,
			git_oid *out, struct err *err)
{
	return x->lib.git_odb_write(out, x->odb, p, n, type) < 0 ?
	       fail(x, "an object cannot be written", err) : 0;
}

/* -- files -- */

struct stream { struct exporter *x; git_odb_stream *out; };

static int write_part(const void *p, size_t n, void *data, struct err *err)
{
	struct stream *s = data;

	return s->x->lib.git_odb_stream_write(s->out, p, n) < 0 ?
	       fail(s->x, "a file cannot be written", err) : interrupt_check(err);
}

static int put_large(struct exporter *x, const struct tree_entry *e, git_oid *out, struct err *err)
{
	const struct known *k = cache_find(x, &e->id);
	struct stream s = { .x = x };

	if (k) {
		*out = k->git;
		return 0;
	}
	if (x->lib.git_odb_open_wstream(&s.out, x->odb, (git_object_size_t)e->size,
					GIT_OBJECT_BLOB) < 0)
		return fail(x, "a file cannot be written", err);
	int ret = store_read_content(x->g->store, &e->id, write_part, &s, err);
	if (ret == 0 && x->lib.git_odb_stream_finalize_write(out, s.out) < 0)
		ret = fail(x, "a file cannot be written", err);
	x->lib.git_odb_stream_free(s.out);
	if (ret == 0)
		*cache_slot(x, &e->id) = (struct known){ e->id, *out, true, false };
	return ret;
}

static int put_file(struct exporter *x, const struct tree_entry *e, git_oid *out, struct err *err)
{
	if (e->content == CONTENT_BLOB || e->content == CONTENT_LIST)
		return put_large(x, e, out, err);
	return write_object(x, GIT_OBJECT_BLOB, e->content == CONTENT_INLINE ? e->data :
			    (const void *)"", (size_t)e->size, out, err);
}

/* -- trees -- */

struct item { char *name; const char *mode; git_oid id; bool is_dir; };

/* git's order: a folder as if its name ended in a slash. */
static int cmp_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t n = strlen(x->name), m = strlen(y->name), least = n < m ? n : m;
	int c = memcmp(x->name, y->name, least);

	if (c != 0)
		return c;
	unsigned char p = (unsigned char)x->name[least], q = (unsigned char)y->name[least];
	p = !p && x->is_dir ? '/' : p;
	q = !q && y->is_dir ? '/' : q;
	return (p > q) - (p < q);
}

static void left_out(struct exporter *x, const char *name, const char *why)
{
	x->g->left_out++;
	x->g->problem(name, strlen(name), why, x->g->data);
}

static int put_tree(struct exporter *x, const struct oid *id, git_oid *out, bool *is_empty,
		    struct err *err);

/* 1: it is left out. */
static int take_entry(struct exporter *x, const struct tree_entry *e, struct item *it,
		      struct err *err)
{
	const unsigned char *target;
	bool is_empty = false;
	size_t n;
	int ret;

	if (strcasecmp(it->name, ".git") == 0) {
		left_out(x, it->name, "git has no such name");
		return 1;
	}
	switch (e->type) {
	case ENTRY_FILE:
		it->mode = e->mode & 0100 ? "100755" : "100644";
		return put_file(x, e, &it->id, err);
	case ENTRY_SYMLINK:
		it->mode = "120000";
		if (!tree_entry_attr(e, ATTR_TARGET, &target, &n))
			return 1;
		return write_object(x, GIT_OBJECT_BLOB, target, n, &it->id, err);
	case ENTRY_DIR:
		it->mode = "40000";
		it->is_dir = true;
		ret = put_tree(x, &e->id, &it->id, &is_empty, err);
		/* Nothing is said: of folders alone git keeps none. */
		return ret < 0 ? ret : is_empty;
	default:
		left_out(x, it->name, "git has files, folders and links alone");
		return 1;
	}
}

static int write_tree(struct exporter *x, struct item *items, size_t nr, git_oid *out,
		      struct err *err)
{
	struct buf raw = BUF_INIT;

	if (nr > 1)
		qsort(items, nr, sizeof(*items), cmp_items);
	for (size_t i = 0; i < nr; i++) {
		buf_printf(&raw, "%s %s", items[i].mode, items[i].name);
		buf_put_u8(&raw, 0);
		buf_put(&raw, items[i].id.id, GIT_OID_RAWSZ);
	}
	int ret = write_object(x, GIT_OBJECT_TREE, raw.data ? (void *)raw.data : (void *)"",
			       raw.len, out, err);
	buf_release(&raw);
	return ret;
}

static int put_tree(struct exporter *x, const struct oid *id, git_oid *out, bool *is_empty,
		    struct err *err)
{
	const struct known *k = cache_find(x, id);
	struct item *items = NULL;
	size_t nr = 0, alloc = 0;
	struct dir_reader *d = NULL;
	struct tree_entry e;
	int ret = interrupt_check(err);

	if (ret == 0 && k) {
		*out = k->git;
		*is_empty = k->is_empty;
		return 0;
	}
	if (ret == 0)
		ret = dir_open(&d, &x->source, id, err);
	while (ret == 0 && (ret = dir_next(d, &e, err)) > 0) {
		struct item it = { .name = xstrndup((const char *)e.name, e.name_len) };
		ret = take_entry(x, &e, &it, err);
		if (ret != 0) {
			sys_free(it.name);
			ret = ret == 1 ? 0 : ret;
			continue;
		}
		if (nr == alloc) {
			alloc = alloc ? 2 * alloc : 16;
			items = xrealloc(items, alloc * sizeof(*items));
		}
		items[nr++] = it;
	}
	dir_close(d);
	*is_empty = nr == 0;
	if (ret == 0)
		ret = write_tree(x, items, nr, out, err);
	for (size_t i = 0; i < nr; i++)
		sys_free(items[i].name);
	sys_free(items);
	if (ret == 0)
		*cache_slot(x, id) = (struct known){ *id, *out, true, *is_empty };
	return ret;
}

/* -- commits -- */

static const git_oid *find_done(const struct exporter *x, const struct oid *id)
{
	/* Parents are mostly the one before. */
	for (size_t i = x->nr_done; i-- > 0;)
		if (oid_eq(&x->done[i].id, id))
			return &x->done[i].git;
	return NULL;
}

/* What git said of it, if it came from there. */
static bool find_field(const struct commit *c, const unsigned char **p, size_t *n)
{
	const unsigned char *at = c->extra.data;
	size_t left = c->extra.len;
	struct err ignored = ERR_INIT;
	uint64_t tag;

	while (attr_next(&at, &left, &tag, p, n, &ignored) > 0)
		if (tag == COMMIT_FIELD_GIT)
			return true;
	return false;
}

/* Without what would end a name, or a line. */
static void put_name(struct buf *out, const char *s)
{
	for (; *s; s++)
		if (!strchr("<>\n", *s))
			buf_put_u8(out, (uint8_t)*s);
}

static void put_person(struct buf *out, const char *word, const struct commit *c)
{
	int minutes = c->time_offset / 60, m = minutes < 0 ? -minutes : minutes;

	buf_printf(out, "%s ", word);
	put_name(out, c->user && *c->user ? c->user : "unknown");
	buf_put_str(out, " <");
	put_name(out, c->user && *c->user ? c->user : "unknown");
	buf_put_u8(out, '@');
	put_name(out, c->host && *c->host ? c->host : "localhost");
	buf_printf(out, "> %lld %c%02d%02d\n", (long long)(c->time_s > 0 ? c->time_s : 0),
		   minutes < 0 ? '-' : '+', m / 60, m % 60);
}

static void put_rest(struct buf *out, const struct commit *c)
{
	const unsigned char *p;
	size_t n;

	if (find_field(c, &p, &n)) {
		buf_put(out, p, n);
		return;
	}
	put_person(out, "author", c);
	put_person(out, "committer", c);
	buf_put_u8(out, '\n');
	buf_put_str(out, c->message ? c->message : "");
}

static int write_commit(struct exporter *x, const struct commit *c, const git_oid *tree,
			git_oid *out, struct err *err)
{
	char hex[GIT_OID_HEXSZ + 1];
	struct buf raw = BUF_INIT;
	int ret = 0;

	buf_printf(&raw, "tree %s\n", x->lib.git_oid_tostr(hex, sizeof(hex), tree));
	for (size_t i = 0; i < c->nr_parents; i++) {
		const git_oid *parent = find_done(x, &c->parents[i]);
		/* One that is not in this repository: history begins after it. */
		if (parent)
			buf_printf(&raw, "parent %s\n",
				   x->lib.git_oid_tostr(hex, sizeof(hex), parent));
	}
	put_rest(&raw, c);
	ret = write_object(x, GIT_OBJECT_COMMIT, raw.data, raw.len, out, err);
	buf_release(&raw);
	return ret;
}

int git_export_commit(struct git_export *g, const struct oid *id, struct err *err)
{
	struct exporter *x = g->own;
	struct commit c = COMMIT_INIT;
	git_oid tree, made;
	bool is_empty = false;
	int ret = store_read_commit(g->store, id, &c, err);

	if (ret == 0)
		ret = put_tree(x, &c.tree, &tree, &is_empty, err);
	if (ret == 0)
		ret = write_commit(x, &c, &tree, &made, err);
	if (ret == 0) {
		if (x->nr_done == x->alloc_done) {
			x->alloc_done = x->alloc_done ? 2 * x->alloc_done : 256;
			x->done = xrealloc(x->done, x->alloc_done * sizeof(*x->done));
		}
		x->done[x->nr_done++] = (struct done){ *id, made };
		g->commits++;
	}
	commit_release(&c);
	return ret;
}

int git_export_ref(struct git_export *g, const char *name, const struct oid *id, char hex_out[65],
		   struct err *err)
{
	struct exporter *x = g->own;
	const git_oid *to = find_done(x, id);
	git_reference *ref = NULL;

	if (!to)
		return err_set(err, ERR_FAILED, "snapshot %s was not exported", oid_hex(id).s);
	if (x->lib.git_reference_create(&ref, x->repo, name, to, 1, NULL) < 0)
		return fail(x, "the branch cannot be made", err);
	if (x->is_new)
		x->lib.git_repository_set_head(x->repo, name);
	x->lib.git_oid_tostr(hex_out, GIT_OID_HEXSZ + 1, to);
	x->lib.git_reference_free(ref);
	return 0;
}

/* -- all together -- */

int git_export_begin(struct git_export *g, struct err *err)
{
	struct exporter *x = xcalloc(1, sizeof(*x));

	g->own = x;
	x->g = g;
	x->source = store_source(g->store);
	x->cache = xcalloc(CACHE_SLOTS, sizeof(*x->cache));
	int ret = git_lib_load(&x->lib, err);
	if (ret < 0) {
		sys_free(x->cache);
		sys_free(x);
		g->own = NULL;
		return ret;
	}
	x->is_new = x->lib.git_repository_open_ext(&x->repo, g->dir,
						   GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0;
	if ((x->is_new && x->lib.git_repository_init(&x->repo, g->dir, 1) < 0) ||
	    x->lib.git_repository_odb(&x->odb, x->repo) < 0)
		return fail(x, "it cannot be opened or made as a git repository", err);
	return 0;
}

void git_export_release(struct git_export *g)
{
	struct exporter *x = g->own;

	if (!x)
		return;
	if (x->odb)
		x->lib.git_odb_free(x->odb);
	if (x->repo)
		x->lib.git_repository_free(x->repo);
	sys_free(x->cache);
	sys_free(x->done);
	sys_free(x);
	g->own = NULL;
}
