/*
 * What is still to be done: a stack, so that what lies near is done together and the rest waits
 * unread.  A folder or a large file that is not at its end is put back before its part is worked
 * on, for the others to go on with.
 *
 * Over when the stack is empty and nobody works on something that may add to it.
 */
#include "lib/interrupt.h"

#include "fs/restore-internal.h"

void restore_push(struct restore *r, struct item *list)
{
	struct item *last = list;

	if (!list)
		return;
	while (last->next)
		last = last->next;
	sys_lock(&r->lock);
	last->next = r->stack;
	r->stack = list;
	sys_broadcast(&r->changed);
	sys_unlock(&r->lock);
}

void restore_fail(struct restore *r, int ret, const struct err *err)
{
	sys_lock(&r->lock);
	if (r->ret == 0) {
		r->ret = ret;
		r->err = *err;
	}
	sys_broadcast(&r->changed);
	sys_unlock(&r->lock);
}

bool restore_has_failed(struct restore *r)
{
	sys_lock(&r->lock);
	bool has = r->ret < 0;
	sys_unlock(&r->lock);
	return has;
}

static struct item *take(struct restore *r)
{
	struct item *it = NULL;

	sys_lock(&r->lock);
	while (r->ret == 0 && !r->stack && r->busy > 0)
		sys_wait(&r->changed, &r->lock);
	if (r->ret == 0 && r->stack) {
		it = r->stack;
		r->stack = it->next;
		it->next = NULL;
		r->busy++;
	}
	sys_unlock(&r->lock);
	return it;
}

static void give(struct restore *r)
{
	sys_lock(&r->lock);
	if (--r->busy == 0 && !r->stack)
		sys_broadcast(&r->changed);
	sys_unlock(&r->lock);
}

static void release(struct worker *w)
{
	attr_reader_free(w->reader);
	attr_writer_free(w->writer);
	buf_release(&w->batch.bytes);
	buf_release(&w->blob);
	buf_release(&w->old);
	buf_release(&w->now);
}

/* Ids only: what is there is compared, never stored. */
static int id_of(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
		 struct err *err)
{
	struct restore *r = data;

	(void)err;
	keys_object_id(store_keys(r->job->store), (uint8_t)type, p, n, id_out->b);
	return 0;
}

void restore_worker_init(struct worker *w, struct restore *r, unsigned int nr)
{
	struct object_sink sink = { .put = id_of, .data = r };

	w->r = r;
	w->nr = nr;
	w->reader = attr_reader_new(&sink);
	w->writer = attr_writer_new(&r->source, r->job->by_name);
	buf_init_max(&w->batch.bytes, SIZE_MAX);
	buf_init_max(&w->blob, SIZE_MAX);
	buf_init_max(&w->old, SIZE_MAX);
	buf_init_max(&w->now, SIZE_MAX);
}

void restore_worker_release(struct worker *w, struct restore_stats *stats)
{
	const uint64_t *from = (const uint64_t *)&w->stats;
	uint64_t *to = (uint64_t *)stats;

	for (size_t i = 0; i < sizeof(*stats) / sizeof(uint64_t); i++)
		to[i] += from[i];
	release(w);
}

static void *work(void *data)
{
	struct worker *w = data;
	struct err err = ERR_INIT;
	struct item *it;

	while ((it = take(w->r))) {
		int ret = interrupt_check(&err);
		if (ret < 0)
			restore_push(w->r, it);		/* given back with the rest */
		else if (it->large)
			ret = restore_large_work(w, it, &err);
		else
			ret = restore_dir_work(w, it, &err);
		if (ret < 0)
			restore_fail(w->r, ret, &err);
		give(w->r);
	}
	return NULL;
}

/* After a failure: what nobody will do. */
static void drop_rest(struct restore *r)
{
	while (r->stack) {
		struct item *it = r->stack;
		r->stack = it->next;
		if (it->large)
			rlarge_abort(r, it->large);
		dir_close(it->reader);
		rdir_drop(r, it->dir);
		sys_free(it);
	}
}

void restore_drain(struct worker *w)
{
	work(w);
	drop_rest(w->r);
}

int restore_work(struct restore *r, unsigned int workers, struct restore_stats *stats)
{
	struct worker *w;
	unsigned int started = 0;

	if (sys_is_serial() || workers == 0)
		workers = 1;
	struct sys_thread *threads = xcalloc(workers, sizeof(*threads));
	w = xcalloc(workers, sizeof(*w));
	for (unsigned int i = 0; i < workers; i++)
		restore_worker_init(&w[i], r, i);
	/* Fewer threads than wished for is slower, not wrong. */
	while (started + 1 < workers &&
	       sys_thread_start(&threads[started], work, &w[started + 1]) == 0)
		started++;
	work(&w[0]);
	while (started > 0)
		sys_thread_join(&threads[--started]);
	drop_rest(r);
	for (unsigned int i = 0; i < workers; i++)
		restore_worker_release(&w[i], stats);
	sys_free(threads);
	sys_free(w);
	return r->ret;
}
