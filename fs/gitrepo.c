/*
 * Text diffs by libgit2.  No repository of git's is opened and none of its settings read.
 */
#include "lib/sys.h"
#include "fs/gitrepo-internal.h"

#include "fs/gitrepo.h"

struct git_text { struct git_lib lib; };

int git_text_open(struct git_text **out, struct err *err)
{
	struct git_text *g = xcalloc(1, sizeof(*g));
	int ret = git_lib_load(&g->lib, err);

	if (ret < 0)
		sys_free(g);
	else
		*out = g;
	return ret;
}

void git_text_close(struct git_text *g)
{
	sys_free(g);
}

struct lines {
	int (*fn)(enum git_line kind, const char *line, size_t n, void *data, struct err *err);
	void *data;
	struct err *err;
	int ret;
};

static int give(struct lines *l, enum git_line kind, const char *line, size_t n)
{
	l->ret = l->fn(kind, line, n, l->data, l->err);
	return l->ret < 0 ? GIT_EUSER : 0;
}

static int on_binary(const git_diff_delta *delta, const git_diff_binary *binary, void *data)
{
	(void)delta;
	(void)binary;
	return give(data, GIT_LINE_BINARY, "", 0);
}

static int on_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *data)
{
	(void)delta;
	return give(data, GIT_LINE_HUNK, hunk->header, hunk->header_len);
}

static int on_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
		   const git_diff_line *line, void *data)
{
	enum git_line kind;

	(void)delta;
	(void)hunk;
	switch (line->origin) {
	case GIT_DIFF_LINE_CONTEXT:
		kind = GIT_LINE_SAME;
		break;
	case GIT_DIFF_LINE_ADDITION:
		kind = GIT_LINE_NEW;
		break;
	case GIT_DIFF_LINE_DELETION:
		kind = GIT_LINE_OLD;
		break;
	default:
		kind = GIT_LINE_NO_NEWLINE;
		break;
	}
	return give(data, kind, line->content, line->content_len);
}

int git_text_diff(struct git_text *g, const void *old, size_t old_size, const void *new,
		  size_t new_size, unsigned int context,
		  int (*fn)(enum git_line kind, const char *line, size_t n, void *data,
			    struct err *err), void *data, struct err *err)
{
	struct lines lines = { fn, data, err, 0 };
	git_diff_options opts;

	if (g->lib.git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION) < 0)
		return err_set(err, ERR_FAILED, "libgit2 is of another version");
	opts.context_lines = context;
	int ret = g->lib.git_diff_buffers(old_size ? old : "", old_size, "a", new_size ? new : "",
				      new_size, "b", &opts, NULL, on_binary, on_hunk, on_line,
				      &lines);
	if (lines.ret < 0)
		return lines.ret;
	return ret < 0 ? err_set(err, ERR_FAILED, "libgit2 cannot compare: %s",
				 git_lib_error(&g->lib)) : 0;
}
