/*
 * What the index of a git work tree names, read by libgit2, loaded when it is asked for.
 *
 * Only the index file is opened, no repository: so nothing in its settings has an effect.  What
 * libgit2 holds of it, some hundred bytes a path, is gone before this returns.
 */
#include <string.h>

#include "lib/sys.h"
#include "fs/gitrepo-internal.h"

#include "fs/gitrepo.h"

static int copy(const struct git_lib *g, git_index *index, struct git_names *out,
		struct err *err)
{
	size_t nr = g->git_index_entrycount(index);
	struct buf text = BUF_INIT;

	buf_init_max(&text, UINT32_MAX);
	uint32_t *off = xcalloc(nr + 1, sizeof(*off));
	for (size_t i = 0; i < nr; i++) {
		const git_index_entry *e = g->git_index_get_byindex(index, i);
		off[i] = (uint32_t)text.len;
		buf_put(&text, e->path, strlen(e->path) + 1);
		/* A foreign file need not be sorted, and is asked by halving. */
		if (i > 0 && strcmp((char *)text.data + off[i - 1], e->path) > 0) {
			buf_release(&text);
			sys_free(off);
			return err_set(err, ERR_CORRUPT, "the index is not sorted");
		}
	}
	*out = (struct git_names){ text, off, nr };
	return 0;
}

int git_names_read(struct git_names *out, const char *path, struct err *err)
{
	struct git_lib g;
	git_index *index = NULL;
	int ret = git_lib_load(&g, err);

	if (ret < 0)
		return ret;
	if (g.git_index_open(&index, path) < 0) {
		ret = err_set(err, ERR_CORRUPT, "libgit2 cannot read the index: %s",
			      git_lib_error(&g));
	} else {
		ret = copy(&g, index, out, err);
		g.git_index_free(index);
	}
	return ret;
}

void git_names_release(struct git_names *names)
{
	buf_release(&names->text);
	sys_free(names->off);
	memset(names, 0, sizeof(*names));
}
