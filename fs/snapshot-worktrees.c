/*
 * The side list of git work trees: where each of them stood when it was backed up.
 *
 * Asking git costs about as much as `git status`, so it is asked only where something changed:
 * else what the snapshot before says still holds.  The text of a row is made by git_state_put().
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "fs/gitrepo.h"
#include "fs/rules.h"
#include "fs/snapshot-internal.h"

/* Linked: what .git says lies elsewhere, and may have changed without a trace here. */
static bool is_linked(const char *path)
{
	char *git = xasprintf("/%s/.git", path);
	struct stat st;
	bool is_file = sys_lstat(git, &st) == 0 && !S_ISDIR(st.st_mode);

	sys_free(git);
	return is_file;
}

/*
 * Is a path of the work tree left out, by git's rules as they are read here?  Libgit2 knows them
 * less well.
 */
struct asker { int fd; struct rules *top; const char *prefix; };

static bool is_ignored(const char *path, void *data)
{
	struct asker *a = data;
	struct rules *r = rules_ref(a->top);
	int fd = a->fd;
	bool is_out = false;

	for (size_t at = 0; path[at] && !is_out;) {
		size_t n = strcspn(path + at, "/"), end = at + n + (path[at + n] == '/');
		char *here = xasprintf("%s%.*s", a->prefix, (int)(at + n), path);
		char *name = xstrndup(path + at, n), *below = xasprintf("%s/", here);
		bool is_dir = path[at + n] == '/';
		struct buf rule = BUF_INIT;
		enum rules_answer answer = rules_ask(r, fd, NULL, here, is_dir, &rule);
		is_out = answer == RULES_DROP;
		int next = is_dir && !is_out ? sys_openat(fd, name, O_PATH | O_DIRECTORY |
							  O_NOFOLLOW | O_CLOEXEC, 0) : -1;
		if (next >= 0) {
			struct rules_folder f = {
				.fd = next, .path = below, .name = name,
				.only_tracked = answer == RULES_TRACKED ? buf_str(&rule) : NULL,
			};
			struct rules *deeper = rules_enter(r, &f);
			rules_release(r);
			r = deeper;
		}
		if (fd != a->fd)
			sys_close(fd);
		fd = next;
		buf_release(&rule);
		sys_free(below);
		sys_free(name);
		sys_free(here);
		at = end;
		if (next < 0)
			break;
	}
	if (fd >= 0 && fd != a->fd)
		sys_close(fd);
	rules_release(r);
	return is_out;
}

static void ask_git(const char *path, struct buf *out)
{
	static const struct rules_options only_git = {
		.artefacts = ARTEFACTS_NEVER, .drops_worktrees = true,
	};
	char *full = xasprintf("/%s", path), *prefix = xasprintf("%s/", path);
	struct asker a = { .prefix = prefix };
	struct rules *none = rules_new(&only_git);

	a.fd = sys_open(full, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	struct rules_folder f = { .fd = a.fd, .path = prefix, .name = "" };
	a.top = a.fd >= 0 ? rules_enter(none, &f) : rules_ref(none);
	git_state_put(full, is_ignored, &a, out);
	rules_release(a.top);
	rules_release(none);
	if (a.fd >= 0)
		sys_close(a.fd);
	sys_free(prefix);
	sys_free(full);
}

static int add(struct note_builder *b, const struct scan_row *r, const struct note_row *before,
	       struct err *err)
{
	char *path = xstrndup((const char *)r->path, r->path_len);
	struct note_row row = { .path = r->path, .path_len = r->path_len };
	struct buf state = BUF_INIT;

	if (before && !r->error && !is_linked(path)) {
		buf_put(&state, before->text, before->text_len);
	} else {
		ask_git(path, &state);
	}
	row.text = (const unsigned char *)buf_str(&state);
	row.text_len = state.len;
	int ret = note_builder_add(b, &row, err);
	buf_release(&state);
	sys_free(path);
	return ret < 0 ? ret : interrupt_check(err);
}

/* HEAD's rows up to this path: what was carried over stays.  `same`: the row of the path itself. */
static int pass(struct note_builder *b, struct kept_rows *k, const struct scan_row *row,
		bool *same, struct err *err)
{
	int ret = 0;

	*same = false;
	while (ret == 0 && k->has_row) {
		int c = row ? path_walk_cmp(k->row.path, k->row.path_len, row->path,
					    row->path_len) : -1;
		*same = c == 0;
		if (c >= 0)
			break;
		if (kept_is(k->in, k->row.path, k->row.path_len))
			ret = note_builder_add(b, &k->row, err);
		if (ret == 0)
			ret = kept_next(k, err);
	}
	return ret;
}

int snapshot_worktrees(const struct notes_input *in, struct commit *c, struct err *err)
{
	struct note_builder *b = note_builder_new(in->sink, NOTE_WORKTREES);
	const unsigned char *p;
	struct kept_rows k;
	bool same;
	size_t n;

	kept_init(&k, in, NOTE_WORKTREES);
	k.takes_all = true;
	int ret = kept_next(&k, err);
	while (ret == 0 && (ret = sorter_next(in->scan->worktrees, &p, &n, err)) > 0) {
		struct scan_row row;
		scan_row_parse(p, n, &row);
		ret = pass(b, &k, &row, &same, err);
		if (ret == 0)
			ret = add(b, &row, same ? &k.row : NULL, err);
		if (ret == 0 && same)
			ret = kept_next(&k, err);
	}
	if (ret == 0)
		ret = pass(b, &k, NULL, &same, err);
	if (ret == 0)
		ret = note_list_end(b, c, err);
	kept_release(&k);
	note_builder_free(b);
	return ret;
}
