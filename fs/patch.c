/*
 * Patches as git writes them, so that `git apply` and patch(1) read them.  The lines come from
 * fs/gitrepo.c; the head of each file, and what to do with what is no text, are decided here.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/treetext.h"
#include "fs/gitrepo.h"

#include "fs/patch.h"

enum { CONTEXT_LINES = 3 };

struct patcher {
	struct git_text *git;
	const struct content_source *side[2];
	struct buf content[2];
};

int patcher_open(struct patcher **out, const struct content_source *old,
		 const struct content_source *new, struct err *err)
{
	struct git_text *git = NULL;
	int ret = git_text_open(&git, err);

	if (ret < 0)
		return ret;
	struct patcher *p = xcalloc(1, sizeof(*p));
	p->git = git;
	p->side[0] = old;
	p->side[1] = new;
	buf_init_max(&p->content[0], SIZE_MAX);
	buf_init_max(&p->content[1], SIZE_MAX);
	*out = p;
	return 0;
}

void patcher_close(struct patcher *p)
{
	if (!p)
		return;
	git_text_close(p->git);
	buf_release(&p->content[0]);
	buf_release(&p->content[1]);
	sys_free(p);
}

/* -- content -- */

static bool has_content(const struct tree_entry *e)
{
	return e && (e->type == ENTRY_FILE || e->type == ENTRY_SYMLINK);
}

/* Nothing that a line could say: folders, fifos, sockets, devices. */
static bool is_mute(const struct change *c)
{
	return !has_content(c->old) && !has_content(c->new);
}

static const char *path_of(const struct change *c, int side, size_t *len)
{
	bool is_old = side == 0 && c->old_path;

	*len = is_old ? c->old_path_len : c->path_len;
	return is_old ? c->old_path : c->path;
}

/* A link's content is its target, as in git. */
static int load(struct patcher *p, const struct change *c, int side, struct err *err)
{
	const struct tree_entry *e = side == 0 ? c->old : c->new;
	struct buf *out = &p->content[side];
	const unsigned char *target;
	size_t n;

	buf_reset(out);
	if (!has_content(e))
		return 0;
	if (e->type == ENTRY_SYMLINK) {
		if (tree_entry_attr(e, ATTR_TARGET, &target, &n))
			buf_put(out, target, n);
		return 0;
	}
	if (e->size == 0)
		return 0;
	const char *path = path_of(c, side, &n);
	return p->side[side]->read(p->side[side]->data, path, n, e, out, err);
}

static bool is_too_large(const struct change *c)
{
	return (has_content(c->old) && c->old->size > PATCH_SIZE_MAX) ||
	       (has_content(c->new) && c->new->size > PATCH_SIZE_MAX);
}

/* Does a line differ?  A change of type alone takes all of the old away and puts the new in. */
static bool has_lines(const struct change *c)
{
	return !c->old || !c->new || c->difference & (ENTRY_DIFFERS_CONTENT | ENTRY_DIFFERS_TYPE);
}

static size_t count_lines(const struct buf *b)
{
	const unsigned char *p = b->data, *end = p + b->len;
	size_t nr = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		nr++;
	}
	return nr;
}

/* 1: too large, and nothing was called. */
static int compare(struct patcher *p, const struct change *c,
		   int (*fn)(enum git_line kind, const char *line, size_t n, void *data,
			     struct err *err), void *data, struct err *err)
{
	const struct buf *old = &p->content[0], *new = &p->content[1];
	int ret;

	if (is_too_large(c))
		return 1;
	ret = load(p, c, 0, err);
	if (ret == 0)
		ret = load(p, c, 1, err);
	if (ret == 0 && count_lines(old) + count_lines(new) > PATCH_LINES_MAX)
		return 1;
	if (ret == 0)
		ret = git_text_diff(p->git, old->data, old->len, new->data, new->len,
				    CONTEXT_LINES, fn, data, err);
	return ret;
}

/* -- a patch -- */

/* "a/PATH", quoted as a whole where it has to be. */
static void put_name(struct buf *out, const char *prefix, const char *path, size_t n)
{
	struct buf name = BUF_INIT;

	buf_put_str(&name, prefix);
	buf_put(&name, path, n);
	quote_put(out, name.data, name.len);
	buf_release(&name);
}

static void put_modes(const struct change *c, struct buf *out)
{
	if (!has_content(c->old))
		buf_printf(out, "new file mode %06o\n", (unsigned int)treetext_mode(c->new));
	else if (!has_content(c->new))
		buf_printf(out, "deleted file mode %06o\n", (unsigned int)treetext_mode(c->old));
	else if (treetext_mode(c->old) != treetext_mode(c->new))
		buf_printf(out, "old mode %06o\nnew mode %06o\n",
			   (unsigned int)treetext_mode(c->old),
			   (unsigned int)treetext_mode(c->new));
}

static void put_head(const struct change *c, struct buf *out)
{
	buf_put_str(out, "diff --git ");
	put_name(out, "a/", c->old_path ? c->old_path : c->path,
		 c->old_path ? c->old_path_len : c->path_len);
	buf_put_u8(out, ' ');
	put_name(out, "b/", c->path, c->path_len);
	buf_put_u8(out, '\n');
	put_modes(c, out);
	if (c->status == CHANGE_RENAMED) {
		buf_put_str(out, "similarity index 100%\nrename from ");
		quote_put(out, c->old_path, c->old_path_len);
		buf_put_str(out, "\nrename to ");
		quote_put(out, c->path, c->path_len);
		buf_put_u8(out, '\n');
	}
}

struct names { struct buf old, new; };
struct writer { const struct names *names; struct buf *out; bool any; };

static void put_differ(const struct names *names, const char *what, struct buf *out)
{
	buf_printf(out, "%s %s and %s differ\n", what, buf_str(&names->old), buf_str(&names->new));
}

static int put_line(enum git_line kind, const char *line, size_t n, void *data, struct err *err)
{
	struct writer *w = data;

	(void)err;
	if (kind == GIT_LINE_BINARY) {
		put_differ(w->names, "Binary files", w->out);
		return 0;
	}
	if (!w->any) {
		/* A blank in a name ends in a TAB, so that patch(1) sees where it ends. */
		bool old_blank = memchr(w->names->old.data, ' ', w->names->old.len) != NULL;
		bool new_blank = memchr(w->names->new.data, ' ', w->names->new.len) != NULL;
		buf_printf(w->out, "--- %s%s\n+++ %s%s\n", buf_str(&w->names->old),
			   old_blank ? "\t" : "", buf_str(&w->names->new), new_blank ? "\t" : "");
	}
	w->any = true;
	if (kind == GIT_LINE_SAME || kind == GIT_LINE_OLD || kind == GIT_LINE_NEW)
		buf_put_u8(w->out, (uint8_t)kind);
	buf_put(w->out, line, n);
	return 0;
}

static void fill_names(const struct change *c, struct names *names)
{
	if (has_content(c->old))
		put_name(&names->old, "a/", c->old_path ? c->old_path : c->path,
			 c->old_path ? c->old_path_len : c->path_len);
	else
		buf_put_str(&names->old, "/dev/null");
	if (has_content(c->new))
		put_name(&names->new, "b/", c->path, c->path_len);
	else
		buf_put_str(&names->new, "/dev/null");
}

static int put_one(struct patcher *p, const struct change *c, struct buf *out, struct err *err)
{
	struct names names = { BUF_INIT, BUF_INIT };
	struct writer w = { &names, out, false };
	int ret = 0;

	fill_names(c, &names);
	put_head(c, out);
	if (has_lines(c))
		ret = compare(p, c, put_line, &w, err);
	if (ret == 1) {
		put_differ(&names, "Large files", out);
		ret = 0;
	}
	buf_release(&names.old);
	buf_release(&names.new);
	return ret;
}

int patcher_put(struct patcher *p, const struct change *c, struct buf *out, struct err *err)
{
	if (is_mute(c))
		return 0;
	if (c->status == CHANGE_META && !(c->difference & ENTRY_DIFFERS_MODE))
		return 0;
	if (c->status != CHANGE_TYPE || !has_content(c->old) || !has_content(c->new))
		return put_one(p, c, out, err);
	/* A file that became a link, or the other way: one goes and one comes, as in git. */
	struct change gone = *c, come = *c;
	gone.new = come.old = NULL;
	int ret = put_one(p, &gone, out, err);
	return ret < 0 ? ret : put_one(p, &come, out, err);
}

/* -- counting -- */

static int count_line(enum git_line kind, const char *line, size_t n, void *data, struct err *err)
{
	struct change_lines *lines = data;

	(void)line;
	(void)n;
	(void)err;
	lines->is_binary |= kind == GIT_LINE_BINARY;
	lines->old += kind == GIT_LINE_OLD;
	lines->new += kind == GIT_LINE_NEW;
	return 0;
}

int patcher_count(struct patcher *p, const struct change *c, struct change_lines *out,
		  struct err *err)
{
	int ret;

	*out = (struct change_lines){ 0 };
	if (is_mute(c) || !has_lines(c))
		return 0;
	ret = compare(p, c, count_line, out, err);
	if (ret == 1) {
		out->is_binary = true;
		ret = 0;
	}
	if (out->is_binary) {
		out->old = has_content(c->old) ? c->old->size : 0;
		out->new = has_content(c->new) ? c->new->size : 0;
	}
	return ret;
}
