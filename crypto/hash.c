/*
 * BLAKE3, through the upstream library; nobody else includes its header.
 *
 * The library leaves keys in stack frames that it has returned from, so whoever hashes under a
 * key clears the stack below afterwards.
 */
#include <blake3.h>
#include <sodium.h>
#include <string.h>

#include "lib/buf.h"
#include "crypto/secret.h"

#include "crypto/hash.h"

_Static_assert(sizeof(blake3_hasher) <= sizeof(((struct hasher *)0)->opaque), "struct hasher");
_Static_assert(BLAKE3_OUT_LEN == HASH_SIZE && BLAKE3_KEY_LEN == HASH_SIZE, "HASH_SIZE");

/* What the library may use below us: shallow for one compression, a recursion for long input. */
#define STACK_SHALLOW 2048
#define STACK_DEEP 24576

static blake3_hasher *inner(struct hasher *h)
{
	return (blake3_hasher *)(void *)h->opaque;
}

static const blake3_hasher *inner_const(const struct hasher *h)
{
	return (const blake3_hasher *)(const void *)h->opaque;
}

/*
 * Vector registers hold the key, too, and whoever saves them next puts it on the stack: the
 * dynamic linker does, when a library's function is called for the first time.
 */
static void burn_registers(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
				 "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
				 "xmm13", "xmm14", "xmm15");
#endif
}

static void burn_stack(size_t hashed)
{
	burn_registers();
	sodium_stackzero(hashed <= BLAKE3_CHUNK_LEN ? STACK_SHALLOW : STACK_DEEP);
}

void hasher_init(struct hasher *h)
{
	blake3_hasher_init(inner(h));
}

void hasher_init_keyed(struct hasher *h, const unsigned char key[HASH_SIZE])
{
	blake3_hasher_init_keyed(inner(h), key);
	burn_stack(0);
}

void hasher_update(struct hasher *h, const void *p, size_t n)
{
	if (n)
		blake3_hasher_update(inner(h), p, n);
}

void hasher_final(const struct hasher *h, unsigned char out[HASH_SIZE])
{
	blake3_hasher_finalize(inner_const(h), out, HASH_SIZE);
}

void hasher_wipe(struct hasher *h)
{
	secret_wipe(h, sizeof(*h));
	sodium_stackzero(STACK_DEEP);
}

void hash_bytes(unsigned char out[HASH_SIZE], const void *p, size_t n)
{
	struct hasher h;

	hasher_init(&h);
	hasher_update(&h, p, n);
	hasher_final(&h, out);
}

void hash_from(unsigned char out[HASH_SIZE], const struct hasher *start, const void *head,
	       size_t head_size, const void *p, size_t n)
{
	struct hasher h;

	memcpy(h.opaque, start->opaque, sizeof(blake3_hasher));
	hasher_update(&h, head, head_size);
	hasher_update(&h, p, n);
	hasher_final(&h, out);
	secret_wipe(h.opaque, sizeof(blake3_hasher));
	burn_stack(n);
}

void hash_keyed(unsigned char out[HASH_SIZE], const unsigned char key[HASH_SIZE], const void *p,
		size_t n)
{
	struct hasher h;

	hasher_init_keyed(&h, key);
	hasher_update(&h, p, n);
	hasher_final(&h, out);
	secret_wipe(h.opaque, sizeof(blake3_hasher));
	burn_stack(n);
}

void hash_keyed_tagged(unsigned char out[HASH_SIZE], const unsigned char key[HASH_SIZE],
		       uint8_t tag, const void *p, size_t n)
{
	struct hasher h;

	hasher_init_keyed(&h, key);
	hasher_update(&h, &tag, 1);
	hasher_update(&h, p, n);
	hasher_final(&h, out);
	secret_wipe(h.opaque, sizeof(blake3_hasher));
	burn_stack(n);
}

void hash_derive(unsigned char out[HASH_SIZE], const char *context, const struct hash_part *parts,
		 size_t nr)
{
	struct hasher h;
	size_t total = 0;

	blake3_hasher_init_derive_key(inner(&h), context);
	for (size_t i = 0; i < nr; i++) {
		hasher_update(&h, parts[i].p, parts[i].n);
		total += parts[i].n;
	}
	hasher_final(&h, out);
	secret_wipe(h.opaque, sizeof(blake3_hasher));
	burn_stack(total);
}

uint64_t hash_sum64(const void *p, size_t n)
{
	unsigned char out[HASH_SIZE];

	hash_bytes(out, p, n);
	return get_u64le(out);
}
