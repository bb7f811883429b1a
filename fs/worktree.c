/*
 * Finding git's folder of a work tree, and asking its index.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/sys.h"
#include "fs/attr.h"
#include "fs/gitrepo.h"

#include "fs/worktree.h"

#define FILE_MAX ((size_t)1 << 20)

struct worktree {
	char *path;
	worktree_remark_fn *remark;
	void *data;
	const char *doubt;		/* why nothing is to be left out; NULL: there is none */
	int git_fd, common_fd;
	struct ignore_rules *excludes;
	bool folds_case;

	sys_mutex lock;			/* for what follows */
	bool is_loaded, has_remarked;
	struct git_names tracked;
};

/* -- reading what is in .git -- */

/* A small file: 0, or -1: it is not there or not to be read. */
static int read_at(int dirfd, const char *name, struct buf *out)
{
	int fd = sys_openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	struct file_stat st;
	char part[4096];
	ssize_t got = -1;

	buf_reset(out);
	if (fd < 0)
		return -1;
	if (file_stat_at(fd, "", &st) == 0 && st.type == ENTRY_FILE && st.size <= FILE_MAX)
		while ((got = sys_read(fd, part, sizeof(part))) > 0 && out->len <= FILE_MAX)
			buf_put(out, part, (size_t)got);
	sys_close(fd);
	return got == 0 ? 0 : -1;
}

/* Without the newline that ends it. */
static int read_line_at(int dirfd, const char *name, struct buf *out)
{
	if (read_at(dirfd, name, out) < 0)
		return -1;
	while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		buf_truncate(out, out->len - 1);
	return 0;
}

static int open_dir_at(int dirfd, const char *name)
{
	return sys_openat(dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

static bool is_there(int dirfd, const char *name)
{
	struct file_stat st;

	return file_stat_at(dirfd, name, &st) == 0;
}

static bool is_dir_at(int dirfd, const char *name)
{
	int fd = open_dir_at(dirfd, name);

	if (fd >= 0)
		sys_close(fd);
	return fd >= 0;
}

/* A branch, or the id of a commit. */
static bool is_head(const char *text, size_t n)
{
	if (n >= 5 && memcmp(text, "ref: ", 5) == 0)
		return true;
	return (n == 40 || n == 64) && strspn(text, "0123456789abcdef") == n;
}

/* .git of a folder, be it a folder or a file that names one: open, or -1; `doubt`: why. */
static int open_git(int dirfd, const char **doubt)
{
	static const char word[] = "gitdir:";
	int fd = open_dir_at(dirfd, ".git");
	struct buf line = BUF_INIT;

	*doubt = NULL;
	if (fd >= 0) {
		/* An empty folder, or another's, is nothing to git. */
		if (is_there(fd, "HEAD") || is_dir_at(fd, "objects") || is_dir_at(fd, "refs"))
			return fd;
		sys_close(fd);
		return -1;
	}
	if (errno != ENOTDIR && errno != ELOOP) {
		if (errno != ENOENT)
			*doubt = ".git cannot be opened";
		return -1;
	}
	if (read_line_at(dirfd, ".git", &line) < 0 || line.len < sizeof(word) - 1 ||
	    memcmp(line.data, word, sizeof(word) - 1) != 0) {
		*doubt = ".git is not what git writes";
	} else {
		const char *to = buf_str(&line) + sizeof(word) - 1;
		fd = open_dir_at(dirfd, to + strspn(to, " "));
		if (fd < 0)
			*doubt = ".git names a folder that is not there";
	}
	buf_release(&line);
	return fd;
}

/* -- its settings -- */

struct settings { bool is_bare, folds_case; char *worktree; };

static bool is_true(const char *value)
{
	return !value || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
	       strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

/* In place: the value without blanks, quotes and comments around it; NULL: there is none. */
static char *trim_value(char *p)
{
	p += strspn(p, " \t");
	if (*p != '=')
		return NULL;
	p++;
	p += strspn(p, " \t");
	if (*p == '"') {
		p++;
		p[strcspn(p, "\"")] = '\0';
		return p;
	}
	size_t n = strcspn(p, "#;");
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
		n--;
	p[n] = '\0';
	return p;
}

static void take_setting(struct settings *s, char *line)
{
	size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
	char *value = trim_value(line + n);

	if (n == 10 && strncasecmp(line, "ignorecase", n) == 0) {
		s->folds_case = is_true(value);
	} else if (n == 4 && strncasecmp(line, "bare", n) == 0) {
		s->is_bare = is_true(value);
	} else if (n == 8 && strncasecmp(line, "worktree", n) == 0 && value) {
		sys_free(s->worktree);
		s->worktree = xstrdup(value);
	}
}

/* What of [core] matters here.  Includes have no effect. */
static void read_settings(int common_fd, struct settings *s)
{
	struct buf text = BUF_INIT;
	bool is_core = false;

	memset(s, 0, sizeof(*s));
	if (read_at(common_fd, "config", &text) == 0) {
		char *all = xstrdup(buf_str(&text));
		for (char *p = all, *next; p; p = next) {
			next = strchr(p, '\n');
			if (next)
				*next++ = '\0';
			p += strspn(p, " \t");
			if (*p == '[')
				is_core = strncasecmp(p, "[core]", 6) == 0;
			else if (is_core)
				take_setting(s, p);
		}
		sys_free(all);
	}
	buf_release(&text);
}

/* Does core.worktree say that the work tree is this folder? */
static bool is_worktree(int git_fd, const char *worktree, int dirfd)
{
	int fd = open_dir_at(git_fd, worktree);
	struct file_stat a, b;
	bool is_same = fd >= 0 && file_stat_at(fd, "", &a) == 0 &&
		       file_stat_at(dirfd, "", &b) == 0 && a.dev == b.dev && a.ino == b.ino;

	if (fd >= 0)
		sys_close(fd);
	return is_same;
}

/* -- opening -- */

static const char *check_head(int git_fd, int common_fd)
{
	struct buf line = BUF_INIT;
	const char *doubt = NULL;

	if (read_line_at(git_fd, "HEAD", &line) < 0 || !is_head(buf_str(&line), line.len))
		doubt = ".git/HEAD is damaged";
	else if (!is_dir_at(common_fd, "objects") || !is_dir_at(common_fd, "refs"))
		doubt = ".git is not whole";
	buf_release(&line);
	return doubt;
}

static void read_excludes(struct worktree *t)
{
	int fd = sys_openat(t->common_fd, "info/exclude",
			    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	struct err err = ERR_INIT;

	if (fd < 0)
		return;
	char *name = xasprintf("%s/.git/info/exclude", t->path);
	t->excludes = ignore_new(name);
	/* One that cannot be read leaves nothing out. */
	if (ignore_read(t->excludes, fd, name, t->folds_case, &err) < 0) {
		ignore_free(t->excludes);
		t->excludes = NULL;
	}
	sys_free(name);
	sys_close(fd);
}

/* False: git has no work tree here. */
static bool look_inside(struct worktree *t, int dirfd)
{
	struct buf line = BUF_INIT;
	struct settings s;
	bool is_linked = read_line_at(t->git_fd, "commondir", &line) == 0;
	bool is_here = true;

	t->common_fd = open_dir_at(t->git_fd, is_linked ? buf_str(&line) : ".");
	buf_release(&line);
	if (t->common_fd < 0) {
		t->doubt = ".git names a folder that is not there";
		return true;
	}
	read_settings(t->common_fd, &s);
	t->folds_case = s.folds_case;
	if (!is_linked && s.worktree)
		is_here = is_worktree(t->git_fd, s.worktree, dirfd);
	else if (!is_linked && s.is_bare)
		is_here = false;
	sys_free(s.worktree);
	t->doubt = check_head(t->git_fd, t->common_fd);
	if (is_here && !t->doubt)
		read_excludes(t);
	return is_here;
}

struct worktree *worktree_open(int dirfd, const char *path, worktree_remark_fn *remark, void *data)
{
	struct worktree *t;
	const char *doubt;
	int git_fd = open_git(dirfd, &doubt);

	if (git_fd < 0 && !doubt)
		return NULL;
	t = xcalloc(1, sizeof(*t));
	t->path = xstrdup(path);
	t->remark = remark;
	t->data = data;
	t->doubt = doubt;
	t->git_fd = git_fd;
	t->common_fd = -1;
	sys_mutex_init(&t->lock);
	if (git_fd >= 0 && !look_inside(t, dirfd)) {
		worktree_close(t);
		return NULL;
	}
	return t;
}

void worktree_close(struct worktree *t)
{
	if (!t)
		return;
	if (t->git_fd >= 0)
		sys_close(t->git_fd);
	if (t->common_fd >= 0)
		sys_close(t->common_fd);
	ignore_free(t->excludes);
	git_names_release(&t->tracked);
	sys_mutex_destroy(&t->lock);
	sys_free(t->path);
	sys_free(t);
}

bool worktree_is_at(int dirfd, const char *name)
{
	int fd = sys_openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	const char *doubt = NULL;
	int git_fd = fd >= 0 ? open_git(fd, &doubt) : -1;

	if (git_fd >= 0)
		sys_close(git_fd);
	if (fd >= 0)
		sys_close(fd);
	return git_fd >= 0 || doubt;
}

const struct ignore_rules *worktree_excludes(const struct worktree *t)
{
	return t->excludes;
}

bool worktree_folds_case(const struct worktree *t)
{
	return t->folds_case;
}

/* -- what is tracked -- */

/*
 * libgit2 opens by path; this one leads to the very folder that is open, and not to what may
 * have taken its name meanwhile.
 */
static const char *read_index(struct worktree *t)
{
	struct err err = ERR_INIT;
	struct file_stat a, b;

	if (file_stat_at(t->git_fd, "index", &a) < 0)
		return errno == ENOENT ? NULL : ".git/index cannot be read";
	char *path = xasprintf("/proc/self/fd/%d/index", t->git_fd);
	const char *doubt = NULL;
	if (file_stat_at(AT_FDCWD, path, &b) < 0 || a.ino != b.ino ||
	    git_names_read(&t->tracked, path, &err) < 0)
		doubt = ".git/index cannot be read";
	sys_free(path);
	return doubt;
}

/* The first tracked path that is not less. */
static size_t find(const struct git_names *names, const char *path, size_t n)
{
	size_t from = 0, to = names->nr;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (strncmp(git_names_at(names, mid), path, n) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static enum worktree_tracks look_up(const struct git_names *names, const char *path, bool is_dir)
{
	size_t n = strlen(path), at = find(names, path, n + 1);

	if (at < names->nr && strcmp(git_names_at(names, at), path) == 0)
		return TRACKS_IT;
	if (!is_dir)
		return TRACKS_NOT;
	char *below = xasprintf("%s/", path);
	at = find(names, below, n + 1);
	bool has = at < names->nr && strncmp(git_names_at(names, at), below, n + 1) == 0;
	sys_free(below);
	return has ? TRACKS_BELOW : TRACKS_NOT;
}

enum worktree_tracks worktree_tracks(struct worktree *t, const char *path, bool is_dir)
{
	sys_lock(&t->lock);
	if (!t->doubt && !t->is_loaded) {
		t->doubt = read_index(t);
		t->is_loaded = true;
	}
	const char *doubt = t->doubt;
	bool remarks = doubt && !t->has_remarked;
	t->has_remarked |= remarks;
	sys_unlock(&t->lock);
	if (remarks && t->remark) {
		char *what = xasprintf("nothing is left out here by git's rules: %s", doubt);
		t->remark(t->path, what, t->data);
		sys_free(what);
	}
	return doubt ? TRACKS_UNKNOWN : look_up(&t->tracked, path, is_dir);
}
