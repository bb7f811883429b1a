/*
 * What a restore in place replaces goes into a snapshot first.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "builtin/restore.h"

#define SAVING_BYTES_MAX ((size_t)8 << 20)

void restore_saving_add(struct restore_saving *s, const struct restore_event *e)
{
	if (e->action != RESTORE_UPDATED && e->action != RESTORE_REPLACED &&
	    e->action != RESTORE_DELETED)
		return;
	if (s->is_full || s->bytes + e->path_len + sizeof(char *) > SAVING_BYTES_MAX) {
		s->is_full = true;
		return;
	}
	if (s->nr == s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 16;
		s->paths = xrealloc(s->paths, s->alloc * sizeof(*s->paths));
	}
	s->paths[s->nr++] = xstrndup(e->path, e->path_len);
	s->bytes += e->path_len + sizeof(char *);
}

static int cmp_paths(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return path_walk_cmp(x, strlen(x), y, strlen(y));
}

int restore_saving_end(struct restore_saving *s, struct ub *ub, const struct restore_args *args,
		       struct err *err)
{
	if (s->nr == 0)
		return 0;
	if (s->is_full)
		return restore_save_first(ub, args->paths, args->nr_paths, err);
	qsort(s->paths, s->nr, sizeof(*s->paths), cmp_paths);
	return restore_save_first(ub, s->paths, s->nr, err);
}

void restore_saving_release(struct restore_saving *s)
{
	for (size_t i = 0; i < s->nr; i++)
		sys_free(s->paths[i]);
	sys_free(s->paths);
}

/*
 * TODO: make the snapshot, as `ub commit PATH...` does; no paths at all mean every source.  Settled
 * by fs/commit.h.
 */
int restore_save_first(struct ub *ub, char **paths, size_t nr, struct err *err)
{
	(void)ub;
	(void)paths;
	(void)nr;
	(void)err;
	return 0;
}
