#ifndef CRYPTO_SEAL_INTERNAL_H
#define CRYPTO_SEAL_INTERNAL_H

/* What crypto_start() calls: get the fast implementation and hold it against the reference. */

#include "lib/err.h"

int seal_start(struct err *err);

#endif
