/*
 * Sets of paths.  Sorted so that what stands below a path follows it directly, they are searched
 * by halves: a set may be long.
 */
#include <string.h>

#include "lib/path.h"
#include "lib/sys.h"
#include "objects/object.h"

#include "fs/pathset.h"

void path_set_release(struct path_set *set)
{
	for (size_t i = 0; i < set->nr; i++)
		sys_free(set->paths[i]);
	sys_free(set->paths);
	*set = (struct path_set)PATH_SET_INIT;
}

/* The first that is not before `path`. */
static size_t lower_bound(const struct path_set *set, const char *path, size_t n)
{
	size_t low = 0, high = set->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (path_walk_cmp(set->paths[mid], strlen(set->paths[mid]), path, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Is `path` the folder `above`, or something in it? */
static bool is_below(const char *path, size_t n, const char *above, size_t above_len)
{
	return n >= above_len && memcmp(path, above, above_len) == 0 &&
	       (n == above_len || path[above_len] == '/');
}

enum path_match path_set_match(const struct path_set *set, const char *path, size_t n)
{
	if (set->is_all || set->nr == 0)
		return PATH_IN;
	size_t at = lower_bound(set, path, n);
	if (at < set->nr) {
		size_t len = strlen(set->paths[at]);
		if (is_below(set->paths[at], len, path, n))
			return len == n ? PATH_IN : PATH_ABOVE;
	}
	if (at > 0 && is_below(path, n, set->paths[at - 1], strlen(set->paths[at - 1])))
		return PATH_IN;
	return PATH_OUT;
}

void path_set_add(struct path_set *set, const char *path)
{
	char *clean = path_clean(path);
	size_t n = strlen(clean), at, end;

	if (n == 0)
		set->is_all = true;
	if (n == 0 || (set->nr > 0 && path_set_match(set, clean, n) == PATH_IN)) {
		sys_free(clean);
		return;
	}
	at = end = lower_bound(set, clean, n);
	while (end < set->nr && is_below(set->paths[end], strlen(set->paths[end]), clean, n))
		sys_free(set->paths[end++]);
	size_t tail = set->nr - end;
	set->paths = xrealloc(set->paths, (set->nr + 1) * sizeof(*set->paths));
	memmove(set->paths + at + 1, set->paths + end, tail * sizeof(*set->paths));
	set->paths[at] = clean;
	set->nr = at + 1 + tail;
}
