/*
 * Sources that are commands: what each prints is a file in the root of the snapshot.
 *
 * They run before the walk, so that what they print is no younger than the files that it reads,
 * and one after the other.  A command that fails has printed nothing that counts: what the
 * snapshot before has of it stays, and the new one says so.
 */
#include <errno.h>
#include <string.h>

#include "lib/run.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "fs/snapshot-internal.h"

void made_file_release(struct made_file *made)
{
	stream_file_release(&made->file);
	buf_release(&made->entry);
}

static bool same_content(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type != b->type || a->content != b->content || a->size != b->size)
		return false;
	if (a->content == CONTENT_INLINE)
		return memcmp(a->data, b->data, (size_t)a->size) == 0;
	return a->content == CONTENT_NONE || oid_eq(&a->id, &b->id);
}

/* What HEAD has of it: the same content keeps its time, and all else. */
static int compare(const struct snapshot_options *o, const struct oid *old_tree, const char *name,
		   struct made_file *m, struct err *err)
{
	struct object_source source = store_source(o->scan.store);
	struct buf hold = BUF_INIT;
	struct tree_entry old;
	int ret = old_tree ? dir_find(&source, old_tree, name, strlen(name), &old, &hold, err) : 0;

	m->has_old = ret > 0;
	if (ret > 0) {
		m->old_size = old.size;
		m->is_same = same_content(&old, &m->file.entry);
	}
	buf_release(&hold);
	if (ret >= 0 && !m->is_same) {
		struct tree_entry e = m->file.entry;
		e.name = (const unsigned char *)name;
		e.name_len = strlen(name);
		tree_encode_entry(&m->entry, &e);
	}
	return ret < 0 ? ret : 0;
}

/* 0, also when it fails, which is noted; negative: storing it failed, or we are interrupted. */
static int run(const struct snapshot_options *o, const struct snapshot_command *c,
	       const struct object_sink *sink, const struct oid *old_tree, struct made_file *m,
	       struct err *err)
{
	const struct run_options options = {
		.command = c->command, .timeout_s = o->timeout_s, .has_pipe = true,
	};
	struct run r;
	int ret = run_begin(&r, &options, &m->failed);

	m->is_done = true;
	if (ret < 0)
		return 0;
	ret = stream_read(o, sink, r.fd, c->name, &m->file, err);
	int ended = run_end(&r, &options, &m->failed);
	if (ended == ERR_INTERRUPTED)
		*err = m->failed;
	if (ret < 0 || ended == ERR_INTERRUPTED)
		return ret < 0 ? ret : ended;
	return ended < 0 ? 0 : compare(o, old_tree, c->name, m, err);
}

int snapshot_run_commands(const struct snapshot_options *o, const struct object_sink *sink,
			  const struct oid *old_tree, struct made_file *made, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < o->nr_commands && ret == 0; i++) {
		const struct snapshot_command *c = &o->commands[i];
		if (!made[i].is_done)
			ret = run(o, c, sink, old_tree, &made[i], err);
		c->place->made = made[i].entry.len > 0 ? &made[i].entry : NULL;
	}
	return ret;
}

static int note_failure(const struct snapshot_options *o, const struct snapshot_command *c,
			const struct made_file *m, struct scan *scan, struct err *err)
{
	struct scan_row row = {
		(const unsigned char *)c->name, strlen(c->name), ECHILD, "run its command",
	};
	struct buf b = BUF_INIT;

	scan->counts.errors++;
	scan_row_put(&b, &row);
	int ret = sorter_add(scan->unreadable, b.data, b.len, err);
	buf_release(&b);
	o->scan.problem(c->name, "run the command", ECHILD, m->failed.msg, o->scan.data);
	return ret;
}

int snapshot_count_commands(const struct snapshot_options *o, const struct made_file *made,
			    struct scan *scan, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < o->nr_commands && ret == 0; i++) {
		const struct made_file *m = &made[i];
		if (m->failed.code) {
			ret = note_failure(o, &o->commands[i], m, scan, err);
			continue;
		}
		scan->counts.bytes_read += m->file.entry.size;
		scan->counts.files_new += !m->has_old;
		scan->counts.files_changed += m->has_old && !m->is_same;
		scan->counts.files_unmodified += m->is_same;
		scan->has_changed |= !m->is_same;
	}
	return ret;
}
