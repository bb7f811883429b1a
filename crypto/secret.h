#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

/*
 * Memory for keys: locked, between guard pages, left out of core images, zeroed on release.
 * Small secrets share guarded pages (an arena), so a thousand of them do not cost a thousand
 * mlocks.
 */

#include <stdbool.h>
#include <stddef.h>

struct secret { unsigned char *data; size_t size; };
#define SECRET_INIT { NULL, 0 }

/* These three overwrite `s`, which holds nothing yet; running out of memory ends the process. */
void secret_init(struct secret *s, size_t size);	/* zero bytes */
void secret_random(struct secret *s, size_t size);
void secret_set(struct secret *s, const void *p, size_t size);
void secret_release(struct secret *s);
void secret_swap(struct secret *a, struct secret *b);
bool secret_is_equal(const void *a, const void *b, size_t size);	/* constant time */
void secret_wipe(void *p, size_t size);				/* memory that is not a secret's */
/* Clear what calls that have returned left on this thread's stack. */
void secret_wipe_stack(void);

/* crypto_start() once per process before anything else in crypto/; 0 or ERR_FAILED. */
struct err;
int crypto_start(struct err *err);

#endif
