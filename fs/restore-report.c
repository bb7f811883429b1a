/*
 * What is told of a restore: one at a time, with the path put together only now.
 */
#include <errno.h>
#include <string.h>

#include "fs/restore-internal.h"

/* Iterative: a path may have thousands of folders. */
void restore_path(const struct rdir *d, const void *name, size_t n, struct buf *out)
{
	size_t len = n;

	for (const struct rdir *up = d; up && up->entry; up = up->parent)
		len += up->entry->e.name_len + 1;
	buf_reset(out);
	unsigned char *p = buf_extend(out, len) + len;
	p -= n;
	memcpy(p, name, n);
	for (const struct rdir *up = d; up && up->entry; up = up->parent) {
		*--p = '/';
		p -= up->entry->e.name_len;
		memcpy(p, up->entry->e.name, up->entry->e.name_len);
	}
	/* The target itself, or a folder: no slash at the end. */
	if (n == 0 && out->len > 0)
		buf_truncate(out, out->len - 1);
}

static void count(struct restore_stats *s, enum restore_action action, enum entry_type type)
{
	uint64_t *counters[] = {
		[RESTORE_CREATED] = &s->created, [RESTORE_UPDATED] = &s->updated,
		[RESTORE_REPLACED] = &s->replaced, [RESTORE_LINKED] = &s->linked,
		[RESTORE_ADJUSTED] = &s->adjusted, [RESTORE_SAME] = &s->same,
		[RESTORE_DELETED] = &s->deleted, [RESTORE_LEFT] = &s->left,
		[RESTORE_PASSED] = &s->passed,
	};

	if (type == ENTRY_DIR && (action == RESTORE_SAME || action == RESTORE_ADJUSTED))
		return;
	++*counters[action];
	if (action <= RESTORE_LINKED && type != ENTRY_DIR)
		s->files_restored++;
}

static void tell(struct worker *w, enum restore_action action, const struct rdir *d,
		 const void *name, size_t n, enum entry_type type, uint64_t size)
{
	struct restore *r = w->r;

	count(&w->stats, action, type);
	if (!r->job->event || action == RESTORE_SAME)
		return;
	sys_lock(&r->telling);
	restore_path(d, name, n, &r->path);
	progress_hide(&r->progress);
	r->job->event(&(struct restore_event){
		.action = action, .path = buf_str(&r->path), .path_len = r->path.len,
		.type = type, .size = size,
	}, r->job->data);
	sys_unlock(&r->telling);
}

void restore_tell(struct worker *w, enum restore_action action, const struct rdir *d,
		  const struct tree_entry *e)
{
	if (e->type == ENTRY_FILE && (action == RESTORE_CREATED || action == RESTORE_UPDATED ||
				      action == RESTORE_REPLACED))
		w->stats.bytes_planned += e->size;
	tell(w, action, d, e->name, e->name_len, e->type, e->type == ENTRY_FILE ? e->size : 0);
}

void restore_tell_named(struct worker *w, enum restore_action action, const struct rdir *d,
			const char *name, enum entry_type type, uint64_t size)
{
	tell(w, action, d, name, strlen(name), type, size);
}

static void tell_problem(struct worker *w, const struct rdir *d, const void *name, size_t n,
			 struct restore_problem *p)
{
	struct restore *r = w->r;

	w->stats.problems++;
	w->stats.damaged += p->is_damage;
	sys_lock(&r->telling);
	restore_path(d, name, n, &r->path);
	p->path = buf_str(&r->path);
	p->path_len = r->path.len;
	progress_hide(&r->progress);
	r->job->problem(p, r->job->data);
	sys_unlock(&r->telling);
}

/* Trying the next file would only fail in the same way. */
static bool ends_all(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS;
}

void restore_problem(struct worker *w, const struct rdir *d, const void *name, size_t n,
		     const char *op, int error, const char *text)
{
	struct restore_problem p = { .op = op, .error = error, .text = text };

	if (ends_all(error)) {
		struct err err = ERR_INIT;
		struct buf path = BUF_INIT;
		restore_path(d, name, n, &path);
		errno = error;
		int ret = err_sys(&err, "restore '%s'", buf_str(&path));
		restore_fail(w->r, ret, &err);
		buf_release(&path);
		return;
	}
	tell_problem(w, d, name, n, &p);
}

void restore_attr_problem(const char *op, int error, const char *text, void *data)
{
	struct worker *w = data;
	const struct tree_entry *e = w->at_entry;

	restore_problem(w, w->at, e ? e->name : (const void *)"", e ? e->name_len : 0, op, error,
			text);
}

void restore_damage(struct worker *w, const struct rdir *d, const struct tree_entry *e, int ret,
		    struct err *err)
{
	struct restore_problem p = { .op = "read from the repository", .is_damage = true };
	struct err why = *err;

	if (ret != ERR_CORRUPT && ret != ERR_NOT_FOUND && ret != ERR_FORMAT &&
	    !(ret == ERR_SYS && err->sys_errno == EIO)) {
		restore_fail(w->r, ret, err);
		return;
	}
	p.text = why.msg;
	tell_problem(w, d, e ? e->name : (const void *)"", e ? e->name_len : 0, &p);
	err_clear(err);
}
