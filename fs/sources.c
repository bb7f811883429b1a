/*
 * Sources and the tree of places above and below them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/path.h"
#include "lib/sys.h"
#include "objects/object.h"

#include "fs/sources.h"

struct waypoint *waypoint_new_root(void)
{
	struct waypoint *p = xcalloc(1, sizeof(*p));

	p->name = xstrdup("");
	return p;
}

void waypoint_free(struct waypoint *p)
{
	while (p) {
		struct waypoint *next = p->next;
		waypoint_free(p->child);
		sys_free(p->name);
		sys_free(p);
		p = next;
	}
}

struct waypoint *waypoint_child(const struct waypoint *p, const char *name, size_t n)
{
	for (struct waypoint *c = p ? p->child : NULL; c; c = c->next)
		if (strlen(c->name) == n && memcmp(c->name, name, n) == 0)
			return c;
	return NULL;
}

static struct waypoint *add_child(struct waypoint *p, const char *name, size_t n)
{
	struct waypoint *c = xcalloc(1, sizeof(*c)), **at = &p->child;

	c->name = xstrndup(name, n);
	c->parent = p;
	while (*at && strcmp((*at)->name, c->name) < 0)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
	return c;
}

int waypoint_add(struct waypoint *root, const char *path, struct waypoint **out, struct err *err)
{
	struct waypoint *p = root;

	if (*path != '/')
		return err_set(err, ERR_USAGE, "'%s' is not an absolute path", path);
	if (strlen(path) > PATH_LEN_MAX)
		return err_set(err, ERR_USAGE, "'%.100s...' is too long for a source", path);
	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");
		if (n == 2 && memcmp(s, "..", 2) == 0)
			return err_set(err, ERR_USAGE, "'%s' goes up through '..'", path);
		if (n > 0 && !(n == 1 && *s == '.')) {
			struct waypoint *c = waypoint_child(p, s, n);
			p = c ? c : add_child(p, s, n);
		}
		s += n + (s[n] == '/');
	}
	*out = p;
	return 0;
}

char *waypoint_path(const struct waypoint *p)
{
	char *path = NULL;

	if (!p->parent)
		return xstrdup("/");
	for (; p->parent; p = p->parent) {
		char *longer = path ? xasprintf("/%s%s", p->name, path) : xasprintf("/%s", p->name);
		sys_free(path);
		path = longer;
	}
	return path;
}

bool waypoint_is_covered(const struct waypoint *p)
{
	for (; p; p = p->parent)
		if (p->is_wanted)
			return true;
	return false;
}

int waypoint_each(struct waypoint *p, int (*fn)(struct waypoint *p, void *data, struct err *err),
	       void *data, struct err *err)
{
	int ret = p->is_wanted ? fn(p, data, err) : 0;

	for (struct waypoint *c = p->child; c && ret == 0; c = c->next)
		ret = waypoint_each(c, fn, data, err);
	return ret;
}

/* -- what people type -- */

/* "/a//b/./c/../d" -> "/a/b/d"; in place. */
static void normalise(char *path)
{
	char *out = path;

	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");
		if (n == 2 && memcmp(s, "..", 2) == 0) {
			while (out > path && *--out != '/')
				;
		} else if (n > 0 && !(n == 1 && *s == '.')) {
			*out++ = '/';
			memmove(out, s, n);
			out += n;
		}
		s += n + (s[n] == '/');
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

/* The longest part of `path` that is there, with links followed, and the rest as it is. */
static char *resolve_parents(const char *path)
{
	char *head = xstrdup(path);

	for (;;) {
		char *slash = strrchr(head, '/');
		if (!slash || slash == head) {
			sys_free(head);
			return xstrdup(path);
		}
		*slash = '\0';
		char *real = sys_realpath(head);
		if (real) {
			const char *rest = path + (slash - head);
			char *whole = xasprintf("%s%s", strcmp(real, "/") ? real : "", rest);
			sys_free(real);
			sys_free(head);
			return whole;
		}
	}
}

/* Absolute, else as it was typed. */
static char *make_absolute(const char *typed, struct err *err)
{
	if (!*typed) {
		err_set(err, ERR_USAGE, "an empty path names nothing");
		return NULL;
	}
	if (*typed == '/')
		return xstrdup(typed);
	char *cwd = sys_realpath(".");
	if (!cwd) {
		err_sys(err, "find the current folder");
		return NULL;
	}
	char *path = path_join(cwd, typed);
	sys_free(cwd);
	return path;
}

static char *resolve_above(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	char *real = resolve_parents(path);
	normalise(real);
	return real;
}

char *source_resolve(const char *typed, struct err *err)
{
	char *path = make_absolute(typed, err), *real = NULL;
	struct stat st;

	if (!path)
		return NULL;
	/* A ".." behind a link means what the system takes it for. */
	if (sys_stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		real = sys_realpath(path);
	if (!real)
		real = resolve_above(path);
	sys_free(path);
	return real;
}

char *source_resolve_itself(const char *typed, struct err *err)
{
	char *path = make_absolute(typed, err);
	char *real = path ? resolve_above(path) : NULL;

	sys_free(path);
	return real;
}
