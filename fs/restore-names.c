/*
 * Sets of paths and names by hash: 16 bytes each instead of the words.  Two different ones of one
 * hash do not happen (128 bits of BLAKE3).
 */
#include <string.h>

#include "crypto/hash.h"

#include "fs/restore-internal.h"

struct hash_set {
	struct path_hash *slots;	/* open addressing; the zero hash is no entry */
	size_t nr, size;
};

struct path_hash path_hash_root(void)
{
	struct path_hash h;

	memset(h.b, 1, sizeof(h.b));
	return h;
}

struct path_hash path_hash_add(const struct path_hash *dir, const void *name, size_t n)
{
	unsigned char out[HASH_SIZE], small[512];
	struct path_hash h;

	if (n <= sizeof(small) - sizeof(dir->b)) {
		memcpy(small, dir->b, sizeof(dir->b));
		memcpy(small + sizeof(dir->b), name, n);
		hash_bytes(out, small, sizeof(dir->b) + n);
	} else {
		struct hasher hasher;
		hasher_init(&hasher);
		hasher_update(&hasher, dir->b, sizeof(dir->b));
		hasher_update(&hasher, name, n);
		hasher_final(&hasher, out);
	}
	memcpy(h.b, out, sizeof(h.b));
	return h;
}

struct path_hash path_hash_of(const void *path, size_t n)
{
	struct path_hash h = path_hash_root();
	const unsigned char *p = path, *end = p + n;

	while (p < end) {
		const unsigned char *slash = memchr(p, '/', (size_t)(end - p));
		const unsigned char *stop = slash ? slash : end;
		h = path_hash_add(&h, p, (size_t)(stop - p));
		p = stop + 1;
	}
	return h;
}

struct hash_set *hash_set_new(void)
{
	return xcalloc(1, sizeof(struct hash_set));
}

void hash_set_free(struct hash_set *s)
{
	if (!s)
		return;
	sys_free(s->slots);
	sys_free(s);
}

static bool is_empty(const struct path_hash *h)
{
	static const struct path_hash none;

	return memcmp(h, &none, sizeof(none)) == 0;
}

/* Where `h` is or would be.  A hash is as good as random already. */
static struct path_hash *find(const struct hash_set *s, const struct path_hash *h)
{
	uint64_t at;

	memcpy(&at, h->b, sizeof(at));
	for (size_t i = at & (s->size - 1); ; i = (i + 1) & (s->size - 1))
		if (is_empty(&s->slots[i]) || memcmp(&s->slots[i], h, sizeof(*h)) == 0)
			return &s->slots[i];
}

static void grow(struct hash_set *s)
{
	struct hash_set old = *s;

	s->size = old.size ? 2 * old.size : 64;
	s->slots = xcalloc(s->size, sizeof(*s->slots));
	for (size_t i = 0; i < old.size; i++)
		if (!is_empty(&old.slots[i]))
			*find(s, &old.slots[i]) = old.slots[i];
	sys_free(old.slots);
}

bool hash_set_add(struct hash_set *s, const struct path_hash *h)
{
	if (s->nr * 4 >= s->size * 3) {
		if (s->nr >= HASH_SET_MAX)
			return hash_set_has(s, h);
		grow(s);
	}
	struct path_hash *at = find(s, h);
	if (is_empty(at)) {
		*at = *h;
		s->nr++;
	}
	return true;
}

bool hash_set_has(const struct hash_set *s, const struct path_hash *h)
{
	return s && s->nr > 0 && !is_empty(find(s, h));
}

bool restore_is_selected(const struct restore_job *job, const void *path, size_t n)
{
	if (job->nr_paths == 0)
		return true;
	for (size_t i = 0; i < job->nr_paths; i++) {
		size_t len = strlen(job->paths[i]);
		if (n >= len && memcmp(path, job->paths[i], len) == 0 &&
		    (n == len || ((const char *)path)[len] == '/'))
			return true;
	}
	return false;
}
