/*
 * What a restore in place replaces goes into a snapshot first.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys.h"
#include "builtin/make-snapshot.h"
#include "builtin/repo.h"
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

/* As arguments of a commit: absolute, and as they are (no path begins with a dash). */
static char **as_arguments(char **paths, size_t nr)
{
	char **argv = xcalloc(nr + 1, sizeof(*argv));

	for (size_t i = 0; i < nr; i++)
		argv[i] = xasprintf("/%s", paths[i]);
	return argv;
}

/* What the commit prints is said along the way here; under --json and -q it is not said. */
static int commit_quietly(struct ub *ub, struct snapshot_request *r, int argc, char **argv,
			  struct err *err)
{
	struct out result = ub->out;
	struct err ignored = ERR_INIT;

	ub->out = (struct out)OUT_INIT(STDERR_FILENO);
	int ret = snapshot_request_run(ub, r, argc, argv, err);
	if (ub->json || ub->quiet)
		out_drop(&ub->out);
	out_flush(&ub->out, &ignored);
	out_release(&ub->out);
	ub->out = result;
	return ret;
}

int restore_save_first(struct ub *ub, char **paths, size_t nr, struct err *err)
{
	struct snapshot_request r = { .skip_if_unchanged = true };
	char **argv = as_arguments(paths, nr);
	int ret = repo_need_write(ub, err);

	opt_list_add(&r.message, "before a restore");
	if (ret == 0)
		ret = commit_quietly(ub, &r, (int)nr, argv, err);
	if (ret > 0)
		ret = err_set(err, ERR_REFUSED,
			      "not all of what would be replaced could be saved first");
	else if (ret < 0)
		ret = err_wrap(err, "saving what would be replaced");
	for (size_t i = 0; i < nr; i++)
		sys_free(argv[i]);
	sys_free(argv);
	snapshot_request_release(&r);
	return ret;
}
