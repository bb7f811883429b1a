/*
 * The chain of rules of a walk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/sys.h"
#include "fs/attr.h"
#include "fs/rules-internal.h"

#include "fs/rules.h"

/* A folder that adds nothing has the link of the one above. */
struct rules {
	atomic_uint refs;
	struct rules *above;
	const struct rules_options *o;
	size_t prefix;			/* of a path: its part below this folder */
	struct ignore_rules *ubignore, *gitignore;
	struct worktree *root_of;	/* a work tree begins here */
	struct worktree *tree;		/* in which the folder is; borrowed from further up */
	size_t tree_prefix;
	size_t git_prefix;		/* not 0: in .git, and what is below it */
	char *only_tracked;
	const char *marker;		/* what has all else left out */
	bool is_empty;			/* nothing here or above can leave anything out */
};

static struct rules *link_new(struct rules *above)
{
	struct rules *r = xcalloc(1, sizeof(*r));

	atomic_init(&r->refs, 1);
	if (above) {
		r->above = rules_ref(above);
		r->o = above->o;
		r->tree = above->tree;
		r->tree_prefix = above->tree_prefix;
	}
	return r;
}

struct rules *rules_new(const struct rules_options *o)
{
	struct rules *r = link_new(NULL);

	r->o = o;
	r->is_empty = !o->typed && o->artefacts != ARTEFACTS_ALWAYS;
	return r;
}

struct rules *rules_ref(struct rules *r)
{
	atomic_fetch_add(&r->refs, 1);
	return r;
}

void rules_release(struct rules *r)
{
	while (r && atomic_fetch_sub(&r->refs, 1) == 1) {
		struct rules *above = r->above;
		ignore_free(r->ubignore);
		ignore_free(r->gitignore);
		worktree_close(r->root_of);
		sys_free(r->only_tracked);
		sys_free(r);
		r = above;
	}
}

bool rules_is_worktree(const struct rules *r, size_t path_len)
{
	return r->root_of != NULL && r->prefix == path_len;
}

bool rules_is_empty(const struct rules *r)
{
	return r->is_empty;
}

/* -- entering a folder -- */

static bool has(const struct rules_folder *f, const char *name)
{
	int answer = f->names ? names_has(f->names, name) : -1;
	struct file_stat st;

	return answer < 0 ? file_stat_at(f->fd, name, &st) == 0 : answer > 0;
}

static char *path_of(const struct rules_folder *f)
{
	size_t n = strlen(f->path);

	return n == 0 ? xstrdup("") : xasprintf("/%.*s", (int)(n - 1), f->path);
}

/* A file of rules; NULL: there is none, or none that can be read, which is remarked upon. */
static struct ignore_rules *read_rules(const struct rules_options *o, const struct rules_folder *f,
				       const char *name, bool folds_case)
{
	int fd = sys_openat(f->fd, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	char *folder = path_of(f), *path = xasprintf("%s/%s", folder, name);
	struct ignore_rules *r = NULL;
	struct err err = ERR_INIT;
	struct file_stat st;

	if (fd < 0) {
		/* A link is not followed, as git does not. */
		if (errno != ENOENT && errno != ELOOP)
			err_sys(&err, "open '%s'", path);
	} else if (file_stat_at(fd, "", &st) == 0 && st.type == ENTRY_FILE) {
		r = ignore_new(path);
		ignore_read(r, fd, path, folds_case, &err);
	}
	if (err.code) {
		struct buf what = BUF_INIT;
		buf_printf(&what, "nothing is left out by its %s, which cannot be read: %s", name,
			   err.msg);
		if (o->remark)
			o->remark(folder, buf_str(&what), o->data);
		buf_release(&what);
	}
	if (r && (err.code || ignore_is_empty(r))) {
		ignore_free(r);
		r = NULL;
	}
	if (fd >= 0)
		sys_close(fd);
	sys_free(folder);
	sys_free(path);
	return r;
}

/* Does a file that is there begin as it should? */
static bool has_header(int dirfd, const struct rules_marker *m)
{
	size_t n = m->header ? strlen(m->header) : 0, done = 0;
	char head[256];
	ssize_t got = 0;

	if (n == 0)
		return true;
	int fd = sys_openat(dirfd, m->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	if (fd < 0 || n > sizeof(head)) {
		if (fd >= 0)
			sys_close(fd);
		return false;
	}
	while (done < n && (got = sys_read(fd, head + done, n - done)) > 0)
		done += (size_t)got;
	sys_close(fd);
	return done == n && memcmp(head, m->header, n) == 0;
}

static const char *find_marker(const struct rules_options *o, const struct rules_folder *f)
{
	for (size_t i = 0; f->names && i < o->nr_markers; i++)
		if (has(f, o->markers[i].name) && has_header(f->fd, &o->markers[i]))
			return o->markers[i].name;
	return NULL;
}

static struct rules *enter_git(struct rules *above, const struct rules_folder *f)
{
	struct rules *r = link_new(above);

	r->git_prefix = strlen(f->path);
	return r;
}

static void enter_worktree(struct rules *r, const struct rules_folder *f)
{
	char *path = path_of(f);

	r->root_of = worktree_open(f->fd, path, r->o->remark, r->o->data);
	if (r->root_of) {
		r->tree = r->root_of;
		r->tree_prefix = strlen(f->path);
	}
	sys_free(path);
}

struct rules *rules_enter(struct rules *above, const struct rules_folder *f)
{
	const struct rules_options *o = above->o;

	if (above->git_prefix)
		return rules_ref(above);
	if (strcmp(f->name, ".git") == 0 && has(f, "HEAD"))
		return enter_git(above, f);
	bool begins_tree = has(f, ".git");
	bool has_ub = has(f, ".ubignore"), has_git = has(f, ".gitignore");
	const char *marker = find_marker(o, f);
	if (!begins_tree && !has_ub && !(has_git && above->tree) && !marker && !f->only_tracked &&
	    !above->only_tracked && !above->marker)
		return rules_ref(above);
	struct rules *r = link_new(above);
	r->prefix = strlen(f->path);
	r->marker = marker;
	if (begins_tree)
		enter_worktree(r, f);
	if (has_ub)
		r->ubignore = read_rules(o, f, ".ubignore", false);
	if (has_git && r->tree && !o->no_gitignore)
		r->gitignore = read_rules(o, f, ".gitignore", worktree_folds_case(r->tree));
	if (f->only_tracked && !r->root_of)
		r->only_tracked = xstrdup(f->only_tracked);
	r->is_empty = above->is_empty && !r->tree && !r->ubignore && !r->marker;
	return r;
}

/* -- asking -- */

static enum ignore_answer ask(const struct ignore_rules *rules, const char *path, bool is_dir,
			      struct buf *rule)
{
	size_t pattern;
	enum ignore_answer answer = rules ? ignore_ask(rules, path, is_dir, &pattern) :
					    IGNORE_NO_RULE;

	if (answer == IGNORE_LEFT_OUT) {
		buf_reset(rule);
		ignore_put_rule(rules, pattern, rule);
	}
	return answer;
}

/* What the user says himself, whatever git says. */
static enum ignore_answer ask_user(const struct rules *r, const char *path, bool is_dir,
				   struct buf *rule)
{
	enum ignore_answer answer = ask(r->o->typed, path, is_dir, rule);

	for (; r && answer == IGNORE_NO_RULE; r = r->above)
		answer = ask(r->ubignore, path + r->prefix, is_dir, rule);
	return answer;
}

static enum ignore_answer ask_git(const struct rules *r, const char *path, bool is_dir,
				  struct buf *rule)
{
	const struct worktree *tree = r->tree;
	const char *inside = path + r->tree_prefix;
	enum ignore_answer answer = IGNORE_NO_RULE;

	if (r->only_tracked) {
		buf_reset(rule);
		buf_put_str(rule, r->only_tracked);
		return IGNORE_LEFT_OUT;
	}
	for (; r && r->tree == tree && answer == IGNORE_NO_RULE; r = r->above)
		answer = ask(r->gitignore, path + r->prefix, is_dir, rule);
	if (answer == IGNORE_NO_RULE)
		answer = ask(worktree_excludes(tree), inside, is_dir, rule);
	return answer;
}

static enum rules_answer unless_tracked(const struct rules *r, int dirfd, const char *path,
					const char *name, bool is_dir, bool takes_part)
{
	switch (worktree_tracks(r->tree, path + r->tree_prefix, is_dir)) {
	case TRACKS_NOT:
		return is_dir && !r->o->drops_worktrees && worktree_is_at(dirfd, name) ?
		       RULES_KEEP : RULES_DROP;
	case TRACKS_BELOW:
		return takes_part ? RULES_TRACKED : RULES_KEEP;
	default:
		return RULES_KEEP;
	}
}

static enum rules_answer ask_artefact(const struct rules *r, int dirfd, const struct names *names,
				      const char *path, const char *name, struct buf *rule)
{
	bool always = r->o->artefacts == ARTEFACTS_ALWAYS;
	const char *marker;

	if (r->o->artefacts == ARTEFACTS_NEVER || (!always && (!r->tree || !names)) ||
	    !artefact_is(name, always ? NULL : names, &marker))
		return RULES_KEEP;
	buf_reset(rule);
	if (always)
		buf_printf(rule, "a build artefact");
	else
		buf_printf(rule, "a build artefact beside %s", marker);
	return r->tree ? unless_tracked(r, dirfd, path, name, true, false) :
	       worktree_is_at(dirfd, name) ? RULES_KEEP : RULES_DROP;
}

enum rules_answer rules_ask(struct rules *r, int dirfd, const struct names *names,
			    const char *path, bool is_dir, struct buf *rule)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	enum rules_answer answer = RULES_KEEP;

	if (r->git_prefix) {
		if (!git_temporary_is(path + r->git_prefix, is_dir))
			return RULES_KEEP;
		buf_reset(rule);
		buf_put_str(rule, "a temporary file of git");
		return RULES_DROP;
	}
	if (r->marker && strcmp(name, r->marker) != 0) {
		buf_reset(rule);
		buf_printf(rule, "a folder with %s", r->marker);
		return RULES_DROP;
	}
	switch (ask_user(r, path, is_dir, rule)) {
	case IGNORE_LEFT_OUT: return RULES_DROP;
	case IGNORE_TAKEN_IN: return RULES_KEEP;
	default: break;
	}
	if (strcmp(name, ".git") == 0)
		return RULES_KEEP;
	if (r->tree && !r->o->no_gitignore && ask_git(r, path, is_dir, rule) == IGNORE_LEFT_OUT)
		answer = unless_tracked(r, dirfd, path, name, is_dir, true);
	if (answer == RULES_KEEP && is_dir)
		answer = ask_artefact(r, dirfd, names, path, name, rule);
	return answer;
}
