/*
 * Open addressing with linear probing; removal closes the gap, so that there are no tombstones.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/idset.h"

/* Ids are keyed hashes: any eight bytes of them are as good as a hash. */
static size_t home_of(const struct idset *s, const struct oid *id)
{
	return (size_t)get_u64le(id->b) & (s->alloc - 1);
}

static struct oid *find(const struct idset *s, const struct oid *id)
{
	uint64_t want = get_u64le(id->b);

	for (size_t i = home_of(s, id);; i = (i + 1) & (s->alloc - 1)) {
		struct oid *at = &s->slots[i];
		uint64_t is = get_u64le(at->b);
		if ((is == want && oid_eq(at, id)) || (is == 0 && oid_is_zero(at)))
			return at;
	}
}

void idset_release(struct idset *s)
{
	sys_free(s->slots);
	*s = (struct idset)IDSET_INIT;
}

bool idset_has(const struct idset *s, const struct oid *id)
{
	return s->nr > 0 && !oid_is_zero(find(s, id));
}

bool idset_add(struct idset *s, const struct oid *id)
{
	if (4 * (s->nr + 1) > 3 * s->alloc) {
		struct idset bigger = { NULL, s->nr, s->alloc ? 2 * s->alloc : 256 };
		bigger.slots = xcalloc(bigger.alloc, sizeof(*bigger.slots));
		for (size_t i = 0; i < s->alloc; i++)
			if (!oid_is_zero(&s->slots[i]))
				*find(&bigger, &s->slots[i]) = s->slots[i];
		sys_free(s->slots);
		*s = bigger;
	}
	struct oid *at = find(s, id);
	if (!oid_is_zero(at))
		return false;
	*at = *id;
	s->nr++;
	return true;
}

void idset_remove(struct idset *s, const struct oid *id)
{
	if (!idset_has(s, id))
		return;
	size_t mask = s->alloc - 1, hole = (size_t)(find(s, id) - s->slots);
	for (size_t i = (hole + 1) & mask; !oid_is_zero(&s->slots[i]); i = (i + 1) & mask) {
		size_t home = home_of(s, &s->slots[i]);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			s->slots[hole] = s->slots[i];
			hole = i;
		}
	}
	memset(&s->slots[hole], 0, sizeof(s->slots[hole]));
	s->nr--;
}
