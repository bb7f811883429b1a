#ifndef LIB_POOL_H
#define LIB_POOL_H

/*
 * A pool of workers over one source of work.
 *
 * Each worker loops: `next` under the pool's lock gives it an item in its own memory (1: an item,
 * 0: no more, negative: error), `work` runs without the lock.  `finish`, if set, is called for
 * each item in the order `next` gave them out, under the pool's lock (ordered output).
 * The first error stops the rest and is what pool_run() returns.  With one worker, or when
 * sys_is_serial(), all runs in the caller's thread, in order.
 *
 * Lock order of the house, left before right:
 *	pool.lock -> session.lock -> pack_writer.lock -> index.lock -> cache.lock
 *	restore.telling -> restore.lock, which is held over no call into the store
 */

#include <stddef.h>

#include "lib/err.h"
#include "lib/sys.h"

struct pool_ops {
	/* `item` is the worker's own slot of `item_size` bytes, zeroed once at start. */
	int (*next)(void *item, void *data, struct err *err);
	int (*work)(void *item, void *data, struct err *err);
	int (*finish)(void *item, void *data, struct err *err);
	void (*release)(void *item, void *data);	/* once per slot, at the end */
};

/* `slots` >= workers: how many items may be in flight when finish must wait its turn. */
int pool_run(const struct pool_ops *ops, size_t item_size, unsigned int workers,
	     unsigned int slots, void *data, struct err *err);

#endif
