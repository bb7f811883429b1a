/*
 * ub mktree: a tree from what cat-tree prints.
 *
 * Lines may come in any order and number: entries are sorted in bounded memory, and go from there
 * into the pieces of the directory.
 */
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/entry-sort.h"
#include "objects/store-view.h"
#include "builtin/ub.h"

static const char mktree_usage[] = "ub mktree [-z]";

struct making {
	struct ub *ub;
	struct session *session;
	struct tree_builder *builder;
	struct treetext text;
	struct treetext_store store;	/* what the store says */
	struct entry_sort *sort;
	unsigned int flags;
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
	struct making *m = data;

	if (m->session)
		return session_put(m->session, type, p, n, id_out, NULL, err);
	keys_object_id(m->ub->keys, (uint8_t)type, p, n, id_out->b);	/* --dry-run */
	return 0;
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

/* -- entries -- */

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
		if (ret < 0)
			return err_wrap(err, "line %llu", (unsigned long long)l->nr);
		ret = entry_sort_add(m->sort, &m->text.e, err);
		if (ret == 0)
			ret = interrupt_check(err);
		if (ret < 0)
			return ret;
	}
	return ret;
}

/* All entries, in order, into the builder. */
static int build(struct making *m, struct oid *id_out, struct err *err)
{
	struct buf last = BUF_INIT;
	struct tree_entry e;
	int ret;

	while ((ret = entry_sort_next(m->sort, &e, err)) == 1) {
		if (last.len > 0 && name_cmp(last.data, last.len, e.name, e.name_len) == 0)
			ret = err_set(err, ERR_USAGE, "'%.*s' stands twice", (int)e.name_len,
				      (const char *)e.name);
		else
			ret = tree_builder_add(m->builder, &e, err);
		buf_reset(&last);
		buf_put(&last, e.name, e.name_len);
		if (ret == 0)
			ret = interrupt_check(err);
		if (ret < 0)
			break;
	}
	buf_release(&last);
	return ret < 0 ? ret : tree_builder_end(m->builder, id_out, err);
}

static void print(struct ub *ub, const struct oid *id)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (!ub->json) {
		out_printf(&ub->out, "%s\n", oid_hex(id).s);
		return;
	}
	json_begin(&j, &line, "tree");
	json_str(&j, "oid", oid_hex(id).s);
	json_end(&j);
	out_buf(&ub->out, &line);
	buf_release(&line);
}

int cmd_mktree(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct making m = { .ub = ub };
	struct lines lines = { .in = BUF_INIT, .stop = '\n' };
	bool nul = false;
	const struct opt opts[] = {
		OPT_FLAG('z', "null", &nul, "records end in NUL and names are not quoted"),
		OPT_END
	};
	struct oid id;
	int ret = ub_parse(ub, opts, mktree_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc > 0)
		return err_set(err, ERR_USAGE, "entries come on standard input, not as arguments");
	if (nul) {
		m.flags = TREETEXT_RAW;
		lines.stop = '\0';
	}
	struct object_sink sink = { put, &m, keys_chunker_key(ub->keys), NULL };
	m.store = store_treetext(ub->store);
	char *tmp_dir = path_join(ub->repo_path, "tmp");
	m.builder = tree_builder_new(&sink);
	m.sort = entry_sort_new(tmp_dir, ENTRY_SORT_MEMORY);
	treetext_init(&m.text);
	if (!ub->dry_run)
		ret = session_begin(&m.session, ub->store, err);
	if (ret == 0)
		ret = read_entries(&m, &lines, err);
	if (ret == 0)
		ret = build(&m, &id, err);
	if (ret == 0 && m.session) {
		ret = session_commit(m.session, err);
		if (ret == 0)
			m.session = NULL;
	}
	session_abort(m.session);
	if (ret == 0)
		print(ub, &id);
	treetext_release(&m.text);
	tree_builder_free(m.builder);
	entry_sort_free(m.sort);
	buf_release(&lines.in);
	sys_free(tmp_dir);
	return ret;
}
