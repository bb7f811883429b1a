/*
 * Workers over one source of work; the caller's thread is one of them.
 *
 * A slot is free, with a worker, or done and waiting for its turn to finish.  `head` is the
 * number of the item whose turn it is; whoever completes it finishes it and all done ones that
 * follow, under the lock.  A worker without a free slot waits; the slot of `head` is never
 * among those that wait, so it moves.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/sys.h"

#include "lib/pool.h"

enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_DONE };

struct slot {
	enum slot_state state;
	uint64_t seq;
	void *item;
};

struct pool {
	const struct pool_ops *ops;
	void *data;
	struct slot *slots;
	unsigned int slots_nr;
	uint64_t next_seq, head;
	bool is_drained;	/* `next` has no more */
	int ret;		/* the first error stops all */
	struct err *err;	/* the caller's; written once, under the lock */
	sys_mutex lock;
	sys_cond changed;
};

static void fail(struct pool *p, int ret, const struct err *err)
{
	if (p->ret == 0) {
		p->ret = ret;
		*p->err = *err;
	}
	sys_broadcast(&p->changed);
}

static struct slot *find_slot(struct pool *p, enum slot_state state, uint64_t seq)
{
	for (unsigned int i = 0; i < p->slots_nr; i++) {
		struct slot *s = &p->slots[i];
		if (s->state == state && (state == SLOT_FREE || s->seq == seq))
			return s;
	}
	return NULL;
}

/* A slot with a fresh item, or NULL when the work is over.  Lock held. */
static struct slot *take(struct pool *p, struct err *err)
{
	struct slot *s = NULL;

	while (p->ret == 0 && !p->is_drained) {
		s = find_slot(p, SLOT_FREE, 0);
		if (s)
			break;
		sys_wait(&p->changed, &p->lock);
	}
	if (p->ret != 0 || p->is_drained)
		return NULL;
	int ret = p->ops->next(s->item, p->data, err);
	if (ret <= 0) {
		p->is_drained = true;
		if (ret < 0)
			fail(p, ret, err);
		sys_broadcast(&p->changed);
		return NULL;
	}
	s->state = SLOT_BUSY;
	s->seq = p->next_seq++;
	return s;
}

/* Lock held. */
static void complete(struct pool *p, struct slot *s, struct err *err)
{
	s->state = SLOT_DONE;
	if (!p->ops->finish) {
		s->state = SLOT_FREE;
		sys_signal(&p->changed);
		return;
	}
	if (s->seq != p->head)
		return;
	while (p->ret == 0 && (s = find_slot(p, SLOT_DONE, p->head))) {
		int ret = p->ops->finish(s->item, p->data, err);
		if (ret < 0) {
			fail(p, ret, err);
			return;
		}
		s->state = SLOT_FREE;
		p->head++;
	}
	sys_broadcast(&p->changed);
}

static void *worker(void *data)
{
	struct pool *p = data;
	struct err err = ERR_INIT;
	struct slot *s;

	sys_lock(&p->lock);
	while ((s = take(p, &err))) {
		sys_unlock(&p->lock);
		int ret = p->ops->work(s->item, p->data, &err);
		sys_lock(&p->lock);
		if (ret < 0) {
			fail(p, ret, &err);
			break;
		}
		complete(p, s, &err);
	}
	sys_unlock(&p->lock);
	return NULL;
}

int pool_run(const struct pool_ops *ops, size_t item_size, unsigned int workers,
	     unsigned int slots, void *data, struct err *err)
{
	bool is_inline = workers <= 1 || sys_is_serial();
	struct pool p = { .ops = ops, .data = data, .err = err };

	if (is_inline)
		workers = slots = 1;
	p.slots_nr = slots < workers ? workers : slots;
	p.slots = xcalloc(p.slots_nr, sizeof(*p.slots));
	for (unsigned int i = 0; i < p.slots_nr; i++)
		p.slots[i].item = xcalloc(1, item_size);
	sys_mutex_init(&p.lock);
	sys_cond_init(&p.changed);

	/* Fewer threads than wished for is slower, not wrong. */
	struct sys_thread *threads = xcalloc(workers, sizeof(*threads));
	unsigned int started = 0;
	while (started + 1 < workers && sys_thread_start(&threads[started], worker, &p) == 0)
		started++;
	worker(&p);
	while (started > 0)
		sys_thread_join(&threads[--started]);

	for (unsigned int i = 0; i < p.slots_nr; i++) {
		if (ops->release)
			ops->release(p.slots[i].item, data);
		sys_free(p.slots[i].item);
	}
	sys_cond_destroy(&p.changed);
	sys_mutex_destroy(&p.lock);
	sys_free(threads);
	sys_free(p.slots);
	return p.ret;
}
