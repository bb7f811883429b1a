#ifndef LIB_INTERRUPT_H
#define LIB_INTERRUPT_H

/*
 * SIGINT and SIGTERM: the first asks, the second ends the process at once, and so do some
 * seconds in which nobody heard the first.  Ending at any moment is safe; being asked saves
 * work.  SIGPIPE and SIGXFSZ are ignored: a failed write says what a signal would.
 */

#include "lib/err.h"

void interrupt_setup(void);	/* once, from main() */

/* The calling thread only waits: signals go to one that works, whose calls then give EINTR. */
void interrupt_leave_to_others(void);

/* The work is over: SIGINT is for a child that has the terminal, and no grace runs out. */
void interrupt_leave_to_child(void);

/* 0, or ERR_INTERRUPTED.  For loops that can go on for long; any thread. */
int interrupt_check(struct err *err);

#endif
