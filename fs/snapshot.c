/*
 * From the walk to the ref.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "refs/newcommit.h"
#include "fs/statcache.h"
#include "fs/snapshot-internal.h"

#define REF "main"
#define RACES_MAX 10		/* other commits of this device that may come in between */

struct making {
	struct snapshot *out;
	const struct snapshot_options *o;
	struct session *session;
	struct scan scan;
	struct commit parent, commit;
	struct object_sink sink;
	struct stream_file stream;
	struct made_file *made;		/* one for each command */
};

/* -- the snapshot before -- */

static int find_main(const struct ref *ref, void *data, struct err *err)
{
	struct snapshot *out = data;

	(void)err;
	if (ref->is_own && strcmp(ref->name, REF) == 0) {
		out->has_parent = true;
		out->parent = ref->commit;
	}
	return 0;
}

static int read_parent(struct making *m, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = refs_each(m->o->refs, find_main, m->out, err);

	if (ret == 0 && m->out->has_parent)
		ret = store_read(m->o->scan.store, &m->out->parent, OBJ_COMMIT, NULL, &raw, err);
	if (ret == 0 && m->out->has_parent)
		ret = commit_decode(&m->parent, raw.data, raw.len, err);
	buf_release(&raw);
	return ret < 0 ? err_wrap(err, "the snapshot before") : 0;
}

/* -- where objects go -- */

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	struct making *m = data;

	if (m->session)
		return session_put(m->session, type, p, n, id_out, NULL, err);
	keys_object_id(store_keys(m->o->scan.store), (uint8_t)type, p, n, id_out->b);
	return 0;
}

static int count_pack(const struct index_pack *pack, void *data, struct err *err)
{
	struct snapshot *out = data;

	(void)err;
	out->bytes_stored += pack->size;
	return 0;
}

static int begin_session(struct making *m, struct err *err)
{
	int ret = session_begin(&m->session, m->o->scan.store, err);

	if (ret == 0)
		session_on_pack(m->session, count_pack, m->out);
	return ret;
}

/* -- walking -- */

struct absence {
	uint64_t wanted, absent, sources;	/* sources: of those that are absent */
	const struct waypoint *last;
};

static int count_absent(struct waypoint *p, void *data, struct err *err)
{
	struct absence *a = data;

	(void)err;
	a->wanted++;
	if (p->is_absent) {
		a->absent++;
		a->sources += p->is_source;
		a->last = p;
	}
	return 0;
}

/* A source that is absent is a disk that is not plugged in; another path may be a slip. */
static int all_absent(const struct absence *a, struct err *err)
{
	if (a->sources == 0 && a->wanted == 1) {
		char *path = waypoint_path(a->last);
		err_set(err, ERR_FAILED, "'%s' is not there: nothing is committed", path);
		sys_free(path);
		return err->code;
	}
	if (a->sources == 0)
		return err_set(err, ERR_FAILED, "none of the %" PRIu64 " paths is there: nothing "
			       "is committed", a->wanted);
	if (a->wanted == 1)
		return err_set(err, ERR_REFUSED, "the only source is not there: nothing is "
			       "committed");
	return err_set(err, ERR_REFUSED, "none of the %" PRIu64 " sources is there: nothing is "
		       "committed", a->wanted);
}

static int forget_absent(struct waypoint *p, void *data, struct err *err)
{
	(void)data;
	(void)err;
	p->is_absent = p->is_kept = false;
	return 0;
}

static int end_caches(struct making *m, struct err *err)
{
	int ret = 0;

	for (struct scan_cache *c = m->scan.caches; c && ret == 0; c = c->next) {
		if (c->writer)
			ret = statwriter_end(c->writer, c->root, err);
		c->has_failed |= ret < 0;
	}
	return ret;
}

static int walk(struct making *m, bool force, const char *cache_dir, struct err *err)
{
	struct scan_options o = m->o->scan;
	struct absence a = { 0, 0, 0, NULL };

	o.session = m->session;
	o.cache_dir = cache_dir;
	o.force |= force;
	o.has_old = m->out->has_parent;
	o.old_tree = m->parent.tree;
	int ret = waypoint_each(m->o->root, forget_absent, NULL, err);
	if (ret == 0)
		ret = scan_run(&m->scan, &o, m->o->root, err);
	if (ret == 0)
		ret = end_caches(m, err);
	if (ret == 0)
		ret = waypoint_each(m->o->root, count_absent, &a, err);
	m->out->absent = a.absent;
	if (ret == 0 && a.wanted > 0 && a.absent == a.wanted && m->o->stream_fd < 0)
		ret = all_absent(&a, err);
	return ret;
}

static bool cache_has_failed(const struct making *m)
{
	for (const struct scan_cache *c = m->scan.caches; c; c = c->next)
		if (c->is_lasting && c->has_failed)
			return true;
	return false;
}

/*
 * The stat cache may name objects of a pack that was lost.  Then all is read again, and what is
 * missing stored once more.  And where it lies the disk may be full: then it goes without.
 */
static int walk_surely(struct making *m, struct err *err)
{
	const char *cache_dir = m->o->scan.cache_dir;
	bool force = false;

	for (;;) {
		int ret = walk(m, force, cache_dir, err);
		if (ret == 0 || session_has_failed(m->session))
			return ret;
		if (cache_dir && cache_has_failed(m))
			cache_dir = NULL;
		else if (ret == ERR_NOT_FOUND && !force && !m->o->scan.force)
			force = true;
		else
			return ret;
		err_clear(err);
		scan_release(&m->scan);
	}
}

/* -- the commit -- */

static int source_cb(struct waypoint *p, void *data, struct err *err)
{
	struct commit *c = data;

	(void)err;
	if (!p->is_source)
		return 0;
	c->sources = xrealloc(c->sources, (c->nr_sources + 1) * sizeof(*c->sources));
	c->sources[c->nr_sources++] = waypoint_path(p);
	return 0;
}

/* All sources, wanted now or not. */
static void all_sources(const struct waypoint *p, struct commit *c)
{
	source_cb((struct waypoint *)p, c, NULL);
	for (const struct waypoint *child = p->child; child; child = child->next)
		all_sources(child, c);
}

static int cmp_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_same_tree(const struct making *m)
{
	return m->out->has_parent && oid_eq(&m->parent.tree, &m->scan.tree);
}

static int make_commit(struct making *m, struct err *err)
{
	const struct snapshot_options *o = m->o;
	struct commit *c = &m->commit;
	struct notes_input in = {
		.sink = &m->sink, .store = o->scan.store, .spill_dir = o->scan.spill_dir,
		.root = o->root, .scan = &m->scan, .is_partial = o->scan.is_partial,
		.parent = m->out->has_parent ? &m->parent : NULL,
		.keeps_births = is_same_tree(m) && !m->scan.has_changed,
		.left_out = o->left_out, .data = o->scan.data,
	};

	c->tree = m->scan.tree;
	newcommit_origin(c, o->device);
	newcommit_message(c, o->message, o->nr_message);
	int ret = newcommit_tags(c, o->tags, o->nr_tags, err);
	if (ret < 0)
		return ret;
	all_sources(o->root, c);
	if (c->nr_sources > 0)
		qsort(c->sources, c->nr_sources, sizeof(*c->sources), cmp_paths);
	c->files = m->scan.counts.files;
	c->dirs = m->scan.counts.dirs;
	c->others = m->scan.counts.others;
	c->bytes = m->scan.counts.bytes;
	ret = snapshot_notes(&in, c, err);
	c->incomplete = m->out->is_incomplete;
	for (size_t i = 0; i < c->nr_notes; i++)
		c->incomplete |= c->notes[i].kind == NOTE_UNREADABLE ||
				 c->notes[i].kind == NOTE_ABSENT;
	return ret;
}

/* Encode, with the parent of now, and store. */
static int put_commit(struct making *m, struct err *err)
{
	struct commit *c = &m->commit;
	struct buf raw = BUF_INIT;

	sys_free(c->parents);
	c->parents = NULL;
	c->nr_parents = 0;
	if (m->out->has_parent) {
		c->parents = xmalloc(sizeof(*c->parents));
		c->parents[0] = m->out->parent;
		c->nr_parents = 1;
	}
	int ret = commit_check(c, err);
	if (ret == 0) {
		commit_encode(c, &raw);
		ret = put(m, OBJ_COMMIT, raw.data, raw.len, &m->out->commit, err);
	}
	buf_release(&raw);
	return ret;
}

static int end_session(struct making *m, struct err *err)
{
	struct session_stats stats;

	session_stats(m->session, &stats);
	m->out->bytes_new += stats.bytes_new;
	int ret = session_commit(m->session, err);
	if (ret == 0)
		m->session = NULL;
	return ret;
}

static int move_tags(struct making *m, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < m->commit.nr_tags && ret == 0; i++) {
		char *name = xasprintf("tags/%s", m->commit.tags[i]);
		ret = refs_update(m->o->refs, m->o->scan.store, name, &m->out->commit, NULL,
				  m->o->lock_wait, err);
		sys_free(name);
	}
	return ret;
}

/* Does the tree have anything of the snapshot before that was not read now? */
static bool carries_over(const struct making *m)
{
	return m->o->scan.is_partial || m->scan.has_absent || m->o->stream_fd >= 0;
}

/*
 * Another commit of this device may have been faster: then ours comes after that one.  1: what was
 * carried over is to be carried over from there, so all is to be made once more.
 */
static int move_ref(struct making *m, struct err *err)
{
	for (int i = 0; i < RACES_MAX; i++) {
		struct oid old = m->out->has_parent ? m->out->parent : (struct oid){ { 0 } };
		int ret = refs_update(m->o->refs, m->o->scan.store, REF, &m->out->commit, &old,
				      m->o->lock_wait, err);
		if (ret != ERR_REFUSED)
			return ret < 0 ? ret : move_tags(m, err);
		struct oid before = m->out->parent;
		err_clear(err);
		ret = refs_each(m->o->refs, find_main, m->out, err);
		if (ret == 0 && oid_eq(&before, &m->out->parent))
			break;
		if (ret == 0 && carries_over(m))
			return 1;
		if (ret == 0)
			ret = begin_session(m, err);
		if (ret == 0)
			ret = put_commit(m, err);
		if (ret == 0)
			ret = end_session(m, err);
		if (ret < 0)
			return ret;
	}
	return err_set(err, ERR_BUSY, "the ref '" REF "' is being moved by others");
}

/* -- all together -- */

/* Where no list is made. */
static int tell_left_out(struct making *m, struct err *err)
{
	const unsigned char *p;
	struct scan_row row;
	int ret = 0;
	size_t n;

	while (m->o->left_out && (ret = sorter_next(m->scan.skipped, &p, &n, err)) > 0)
		if (scan_row_parse(p, n, &row))
			m->o->left_out((const char *)row.path, row.path_len, row.text,
				       m->o->scan.data);
	return ret < 0 ? ret : 0;
}

/* 0; 1: to be done again, on top of what another commit made meanwhile; negative. */
static int make_once(struct making *m, struct err *err)
{
	const struct snapshot_options *o = m->o;
	struct snapshot *out = m->out;
	struct err ignored = ERR_INIT;
	int ret = read_parent(m, err);

	/* About as much as last time. */
	if (ret == 0 && o->scan.progress)
		progress_set_total(o->scan.progress, m->parent.bytes);
	if (ret == 0 && !o->dry_run)
		ret = begin_session(m, err);
	if (ret == 0 && !o->dry_run)
		ret = snapshot_run_commands(o, &m->sink,
					    out->has_parent ? &m->parent.tree : NULL, m->made, err);
	if (ret == 0)
		ret = walk_surely(m, err);
	if (ret == 0 && o->stream_fd >= 0)
		ret = snapshot_stream(o, &m->sink, out->has_parent ? &m->parent.tree : NULL,
				      &m->stream, &m->scan, err);
	if (ret == 0 && !o->dry_run)
		ret = snapshot_count_commands(o, m->made, &m->scan, err);
	if (ret < 0)
		return ret;
	out->counts = m->scan.counts;
	out->tree = m->scan.tree;
	out->is_incomplete = m->scan.counts.errors > 0 || m->scan.has_absent;
	out->is_unchanged = is_same_tree(m);
	if (o->dry_run) {
		out->bytes_new = m->scan.counts.blobs_bytes;
		return tell_left_out(m, err);
	}
	if (out->is_unchanged && o->skip_if_unchanged) {
		scan_keep_caches(&m->scan, &ignored);	/* HEAD has all that it names */
		return 0;
	}
	ret = make_commit(m, err);
	if (ret == 0)
		ret = put_commit(m, err);
	if (ret == 0)
		ret = end_session(m, err);
	if (ret == 0)
		ret = move_ref(m, err);
	if (ret != 0)
		return ret;
	/* The stat cache comes last: what it says is known must be in a snapshot. */
	scan_keep_caches(&m->scan, &ignored);
	return 0;
}

static void forget(struct making *m)
{
	scan_release(&m->scan);
	commit_release(&m->parent);
	commit_release(&m->commit);
	m->parent = m->commit = (struct commit)COMMIT_INIT;
}

static int make(struct making *m, struct err *err)
{
	for (int i = 0; i < RACES_MAX; i++) {
		int ret = make_once(m, err);
		if (ret <= 0)
			return ret;
		forget(m);
	}
	return err_set(err, ERR_BUSY, "the ref '" REF "' is being moved by others");
}

int snapshot_make(struct snapshot *out, const struct snapshot_options *o, struct err *err)
{
	struct making m = {
		.out = out, .o = o, .parent = COMMIT_INIT, .commit = COMMIT_INIT,
		.stream = STREAM_FILE_INIT,
	};

	memset(out, 0, sizeof(*out));
	m.sink = (struct object_sink){ put, &m, keys_chunker_key(store_keys(o->scan.store)), NULL };
	m.made = xcalloc(o->nr_commands + 1, sizeof(*m.made));
	for (size_t i = 0; i < o->nr_commands; i++)
		m.made[i] = (struct made_file){ .file = STREAM_FILE_INIT, .entry = BUF_INIT };
	int ret = make(&m, err);
	if (ret < 0)
		out->commit = (struct oid){ { 0 } };
	session_abort(m.session);
	stream_file_release(&m.stream);
	for (size_t i = 0; i < o->nr_commands; i++) {
		made_file_release(&m.made[i]);
		o->commands[i].place->made = NULL;
	}
	sys_free(m.made);
	forget(&m);
	return ret;
}
