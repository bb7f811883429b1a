#ifndef LIB_LOCK_H
#define LIB_LOCK_H

/*
 * Advisory locks between processes: flock on a file of its own, so that a dead process holds
 * nothing.  The lock file stays; it is empty and means nothing by itself.
 */

#include <stdbool.h>

#include "lib/err.h"

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock { int fd; };
#define LOCK_INIT { -1 }

/* Wait up to `wait_ms` (polling with growing pauses); then ERR_BUSY, naming `what`. */
int lock_take(struct lock *l, const char *path, enum lock_mode mode, unsigned int wait_ms,
	      const char *what, struct err *err);
/*
 * The same, exclusive, on a folder itself: nothing is left in it.  For short changes to a file that
 * is replaced, where people look; not every network's file system can.
 */
int lock_take_folder(struct lock *l, const char *dir, unsigned int wait_ms, const char *what,
		     struct err *err);
void lock_release(struct lock *l);
bool lock_is_held(const struct lock *l);

#endif
