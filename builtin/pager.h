#ifndef BUILTIN_PAGER_H
#define BUILTIN_PAGER_H

/* Output that may be long goes through a pager, on a terminal alone. */

#include "builtin/ub.h"

/*
 * From now on results go to $PAGER, else less, which ends by itself where all fits the screen.
 * Nothing happens under --json, where standard output is no terminal, or where PAGER is empty or
 * "cat"; nor where the pager cannot be started.
 */
void pager_begin(struct ub *ub);
/* All has been written: wait until it has been read.  Was there one? */
bool pager_end(struct ub *ub);

#endif
