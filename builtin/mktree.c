/*
 * ub mktree: a tree from what cat-tree prints.
 *
 * Sorted input of any length streams into pieces.  Input that is not sorted is gathered, encoded,
 * up to SORT_MAX, and sorted there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/store-view.h"
#include "builtin/ub.h"

static const char mktree_usage[] = "ub mktree [-z]";

#define SORT_MAX ((size_t)32 << 20)	/* of encoded entries and what sorts them */

struct making {
	struct ub *ub;
	struct session *session;
	struct tree_builder *builder;
	struct treetext text;
	struct treetext_store store;	/* what the store says */
	unsigned int flags;

	/* entries that wait for others that may sort before them */
	struct buf pending;
	size_t *offs, nr, alloc;
	bool is_streaming;		/* too many to wait: from here on they must be sorted */
	bool is_sorted;
	struct buf last;		/* name */
};

/* -- lines of standard input -- */

struct lines {
	struct buf in;
	size_t at;		/* consumed of `in` */
	uint64_t nr;
	bool is_eof;
	char stop;
};

/* 1 and a line, borrowed until the next call; 0 at the end. */
static int next_line(struct lines *l, const unsigned char **p, size_t *n, struct err *err)
{
	for (size_t scanned = l->at;;) {
		size_t left = l->in.len - scanned;
		const unsigned char *end =
			left > 0 ? memchr(l->in.data + scanned, l->stop, left) : NULL;
		if (end || (l->is_eof && l->in.len > l->at)) {
			*p = l->in.data + l->at;
			*n = end ? (size_t)(end - *p) : l->in.len - l->at;
			l->at += *n + (end != NULL);
			l->nr++;
			return 1;
		}
		if (l->is_eof)
			return 0;
		if (l->in.len - l->at > TREETEXT_LINE_MAX)
			return err_set(err, ERR_USAGE, "line %llu is longer than %zu bytes",
				       (unsigned long long)l->nr + 1, TREETEXT_LINE_MAX);
		buf_consume(&l->in, l->at);
		l->at = 0;
		scanned = l->in.len;
		size_t step = 65536;
		ssize_t got = sys_read(STDIN_FILENO, buf_extend(&l->in, step), step);
		if (got < 0)
			return err_sys(err, "read standard input");
		buf_truncate(&l->in, l->in.len - step + (size_t)got);
		l->is_eof = got == 0;
	}
}

/* -- where things come from and go to -- */

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	return session_put(((struct making *)data)->session, type, p, n, id_out, NULL, err);
}

/*
 * The index knows 30 bytes of an id.  A tree must not name an object that is not there, so the
 * last two are looked for in the object itself; lists were read on the way.
 */
static int find_exactly(void *data, const struct oid *id, enum obj_type *type_out,
			uint64_t *size_out, struct err *err)
{
	struct making *m = data;
	struct index_loc loc;
	struct oid full;
	int ret = m->store.find(m->store.data, id, type_out, size_out, err);

	if (ret != 1 || *type_out == OBJ_LIST)
		return ret;
	ret = store_find(m->ub->store, id, &loc, NULL, err);
	if (ret == 1) {
		ret = store_full_id(m->ub->store, id->b, &loc, &full, err);
		ret = ret < 0 ? ret : oid_eq(id, &full);
	}
	return ret;
}

static void blob_id(void *data, const void *p, size_t n, struct oid *out)
{
	struct making *m = data;

	m->store.blob_id(m->store.data, p, n, out);
}

static int get(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	struct making *m = data;

	return m->store.get(m->store.data, id, out, err);
}

/* -- order -- */

static struct tree_entry entry_at(const struct making *m, size_t off)
{
	struct tree_iter it = { .p = m->pending.data + off, .left = 1 };
	struct err err = ERR_INIT;
	struct tree_entry e;

	it.end = m->pending.data + m->pending.len;
	if (tree_iter_next(&it, &e, &err) != 1)
		BUG("an entry that was encoded here does not decode: %s", err.msg);
	return e;
}

/* An entry begins with the length of its name. */
static const unsigned char *name_at(const unsigned char *p, size_t *n)
{
	*n = p[0] & 0x7f;
	if (p[0] & 0x80) {
		*n |= (size_t)p[1] << 7;
		p++;
	}
	return p + 1;
}

static int cmp_pending(const void *a, const void *b, void *data)
{
	const unsigned char *base = data;
	size_t n, k;
	const unsigned char *p = name_at(base + *(const size_t *)a, &n);
	const unsigned char *q = name_at(base + *(const size_t *)b, &k);

	return name_cmp(p, n, q, k);
}

static int twice(const struct tree_entry *e, struct err *err)
{
	return err_set(err, ERR_USAGE, "'%.*s' stands twice", (int)e->name_len,
		       (const char *)e->name);
}

/* All that waits, in order, into the builder. */
static int flush_pending(struct making *m, struct err *err)
{
	int ret = 0;

	if (!m->is_sorted)
		qsort_r(m->offs, m->nr, sizeof(*m->offs), cmp_pending, m->pending.data);
	for (size_t i = 0; ret == 0 && i < m->nr; i++) {
		struct tree_entry e = entry_at(m, m->offs[i]);
		if (i > 0 && cmp_pending(&m->offs[i - 1], &m->offs[i], m->pending.data) == 0)
			ret = twice(&e, err);
		else
			ret = tree_builder_add(m->builder, &e, err);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	buf_release(&m->pending);
	sys_free(m->offs);
	m->offs = NULL;
	m->nr = m->alloc = 0;
	return ret;
}

static int add(struct making *m, const struct tree_entry *e, struct err *err)
{
	int c = m->last.len == 0 ? -1 : name_cmp(m->last.data, m->last.len, e->name, e->name_len);

	if (c == 0)
		return twice(e, err);
	if (c > 0 && m->is_streaming)
		return err_set(err, ERR_USAGE, "'%.*s' is out of order: more than %zu MiB must come "
			       "sorted by name (LC_ALL=C)", (int)e->name_len,
			       (const char *)e->name, SORT_MAX >> 20);
	m->is_sorted &= c < 0;
	buf_reset(&m->last);
	buf_put(&m->last, e->name, e->name_len);
	if (m->is_streaming)
		return tree_builder_add(m->builder, e, err);
	if (m->nr == m->alloc) {
		m->alloc = m->alloc ? 2 * m->alloc : 1024;
		m->offs = xrealloc(m->offs, m->alloc * sizeof(*m->offs));
	}
	m->offs[m->nr++] = m->pending.len;
	tree_encode_entry(&m->pending, e);
	if (m->pending.len + m->nr * sizeof(*m->offs) < SORT_MAX)
		return 0;
	if (!m->is_sorted)
		return err_set(err, ERR_USAGE, "more than %zu MiB must come sorted by name (LC_ALL=C)",
			       SORT_MAX >> 20);
	m->is_streaming = true;
	return flush_pending(m, err);
}

static int read_entries(struct making *m, struct lines *l, struct err *err)
{
	struct treetext_store st = { blob_id, find_exactly, get, m };
	const unsigned char *p = NULL;
	size_t n = 0;
	int ret;

	while ((ret = next_line(l, &p, &n, err)) == 1) {
		ret = treetext_parse(&m->text, p, n, m->flags, err);
		if (ret == 0)
			ret = treetext_resolve(&m->text, &st, err);
		if (ret == 0)
			ret = add(m, &m->text.e, err);
		if (ret < 0)
			return err_wrap(err, "line %llu", (unsigned long long)l->nr);
		ret = interrupt_check(err);
		if (ret < 0)
			return ret;
	}
	return ret;
}

int cmd_mktree(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct making m = { .ub = ub, .is_sorted = true, .pending = BUF_INIT, .last = BUF_INIT };
	struct lines lines = { .in = BUF_INIT, .stop = '\n' };
	bool nul = false;
	const struct opt opts[] = {
		OPT_FLAG('z', "null", &nul, "records end in NUL and names are not quoted"),
		OPT_END
	};
	struct oid id;
	int ret = opt_parse(opts, mktree_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc > 0)
		return err_set(err, ERR_USAGE, "entries come on standard input, not as arguments");
	if (nul) {
		m.flags = TREETEXT_RAW;
		lines.stop = '\0';
	}
	struct object_sink sink = { put, &m, keys_chunker_key(ub->keys) };
	m.store = store_treetext(ub->store);
	m.builder = tree_builder_new(&sink);
	treetext_init(&m.text);
	ret = session_begin(&m.session, ub->store, err);
	if (ret == 0)
		ret = read_entries(&m, &lines, err);
	if (ret == 0)
		ret = flush_pending(&m, err);
	if (ret == 0)
		ret = tree_builder_end(m.builder, &id, err);
	if (ret == 0)
		ret = session_commit(m.session, err);
	if (ret == 0)
		m.session = NULL;
	session_abort(m.session);
	if (ret == 0)
		out_printf(&ub->out, "%s\n", oid_hex(&id).s);
	treetext_release(&m.text);
	tree_builder_free(m.builder);
	buf_release(&m.pending);
	buf_release(&m.last);
	buf_release(&lines.in);
	sys_free(m.offs);
	return ret;
}
