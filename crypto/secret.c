/*
 * Memory for keys.
 *
 * Secrets of up to a page lie in arenas, each one guarded, locked allocation of libsodium's that
 * is left out of core images, handed out in grains of 64 bytes; larger ones get their own.
 * The arenas are the one thing here that all threads share: they have a lock.
 */
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys.h"
#include "crypto/seal-internal.h"

#include "crypto/secret.h"

#define GRAIN 64
#define ARENA_GRAINS 255		/* and libsodium's canary: four pages */
#define SMALL_MAX 4096

struct arena {
	struct arena *next;
	unsigned char *base;
	unsigned char used[ARENA_GRAINS];
};

static struct arena *arenas;
static sys_mutex arenas_lock = SYS_MUTEX_INIT;

static unsigned char *locked_memory(size_t size)
{
	unsigned char *p = sodium_malloc(size);

	if (!p) {
		static const char sentence[] = "ub: out of memory for keys\n";
		sys_write_full(STDERR_FILENO, sentence, sizeof(sentence) - 1);
		_exit(EXIT_FAILED);
	}
	return p;
}

static size_t grains(size_t size)
{
	return (size + GRAIN - 1) / GRAIN;
}

/* `nr` free grains in a row, marked as used; NULL when there are none. */
static unsigned char *arena_take(struct arena *a, size_t nr)
{
	size_t run = 0;

	for (size_t i = 0; i < ARENA_GRAINS; i++) {
		run = a->used[i] ? 0 : run + 1;
		if (run == nr) {
			size_t first = i + 1 - nr;
			memset(a->used + first, 1, nr);
			return a->base + first * GRAIN;
		}
	}
	return NULL;
}

static unsigned char *small_take(size_t nr)
{
	unsigned char *p = NULL;

	sys_lock(&arenas_lock);
	for (struct arena *a = arenas; a && !p; a = a->next)
		p = arena_take(a, nr);
	if (!p) {
		struct arena *a = xcalloc(1, sizeof(*a));
		a->base = locked_memory((size_t)ARENA_GRAINS * GRAIN);
		a->next = arenas;
		arenas = a;
		p = arena_take(a, nr);
	}
	sys_unlock(&arenas_lock);
	return p;
}

static void small_give(unsigned char *p, size_t nr)
{
	sys_lock(&arenas_lock);
	for (struct arena *a = arenas; a; a = a->next) {
		if (p < a->base || p >= a->base + (size_t)ARENA_GRAINS * GRAIN)
			continue;
		memset(a->used + (size_t)(p - a->base) / GRAIN, 0, nr);
		sys_unlock(&arenas_lock);
		return;
	}
	BUG("a secret that is in no arena");
}

void secret_init(struct secret *s, size_t size)
{
	s->size = size;
	if (!size)
		s->data = NULL;
	else if (size <= SMALL_MAX)
		s->data = small_take(grains(size));
	else
		s->data = locked_memory(size);
	if (size)
		memset(s->data, 0, size);
}

void secret_random(struct secret *s, size_t size)
{
	secret_init(s, size);
	sys_random(s->data, size);
}

void secret_set(struct secret *s, const void *p, size_t size)
{
	secret_init(s, size);
	if (size)
		memcpy(s->data, p, size);
}

void secret_release(struct secret *s)
{
	if (s->data && s->size <= SMALL_MAX) {
		sodium_memzero(s->data, s->size);
		small_give(s->data, grains(s->size));
	} else if (s->data) {
		sodium_free(s->data);		/* zeroes */
	}
	s->data = NULL;
	s->size = 0;
}

void secret_swap(struct secret *a, struct secret *b)
{
	struct secret t = *a;

	*a = *b;
	*b = t;
}

bool secret_is_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}

void secret_wipe(void *p, size_t size)
{
	if (size)
		sodium_memzero(p, size);
}

void secret_wipe_stack(void)
{
	sodium_stackzero(32768);
}

int crypto_start(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, ERR_FAILED, "cannot start libsodium");
	return seal_start(err);
}
