/*
 * Looking for what is not backed up: first which parts there are, then how large each is.  Each
 * part gets its share of the time that is left, so that a huge one does not hide the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "fs/attr.h"

#include "fs/unprotected.h"

#define NAMES_BYTES ((size_t)32 << 10)
#define DEPTH_MAX 200		/* each level is an open folder */

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

struct search {
	struct unprotected_list *out;
	const struct scan_skip *skip;
	size_t nr_skip;
	const struct unprotected_limits *limits;
	uint64_t dev;
	/* of the part that is being measured */
	struct unprotected *part;
	uint64_t entries_left, until_ns;
};

static bool is_skipped(const struct search *s, const struct file_stat *st)
{
	for (size_t i = 0; i < s->nr_skip; i++)
		if (s->skip[i].dev == st->dev && s->skip[i].ino == st->ino)
			return true;
	return false;
}

/* -- names of a folder -- */

/* `fn` for each name but "." and ".."; non-zero stops and is returned.  -1: errno. */
static int each_name(int fd, int (*fn)(const char *name, void *data), void *data)
{
	char *buf = xmalloc(NAMES_BYTES);
	ssize_t got;
	int ret = 0;

	while (ret == 0 && (got = sys_getdents(fd, buf, NAMES_BYTES)) != 0) {
		if (got < 0) {
			ret = -1;
			break;
		}
		for (ssize_t at = 0; ret == 0 && at < got;) {
			const struct sys_dirent *d = (const void *)(buf + at);
			at += d->size;
			if (strcmp(d->name, ".") != 0 && strcmp(d->name, "..") != 0)
				ret = fn(d->name, data);
		}
	}
	sys_free(buf);
	return ret;
}

/* -- how large a part is -- */

struct level { struct search *s; int fd; unsigned int depth; };

static int measure_folder(struct search *s, int fd, unsigned int depth);

static void count(struct search *s, const struct file_stat *st)
{
	s->part->files++;
	if (st->type == ENTRY_FILE &&
	    __builtin_add_overflow(s->part->bytes, st->size, &s->part->bytes))
		s->part->bytes = UINT64_MAX;
}

/* 1: that is enough. */
static int measure_name(const char *name, void *data)
{
	const struct level *l = data;
	struct search *s = l->s;
	struct err ignored = ERR_INIT;
	struct file_stat st;

	if (s->entries_left == 0 || sys_monotonic_ns() >= s->until_ns ||
	    interrupt_check(&ignored) < 0) {
		s->part->is_complete = false;
		return 1;
	}
	s->entries_left--;
	if (file_stat_at(l->fd, name, &st) < 0) {
		s->part->is_complete &= errno == ENOENT;
		return 0;
	}
	if (st.dev != s->dev || is_skipped(s, &st))
		return 0;
	if (st.type != ENTRY_DIR) {
		count(s, &st);
		return 0;
	}
	int fd = l->depth < DEPTH_MAX ? sys_openat(l->fd, name, OPEN_FLAGS, 0) : -1;
	if (fd < 0) {
		s->part->is_complete &= l->depth < DEPTH_MAX && errno == ENOENT;
		return 0;
	}
	int ret = measure_folder(s, fd, l->depth + 1);
	sys_close(fd);
	return ret;
}

static int measure_folder(struct search *s, int fd, unsigned int depth)
{
	struct level l = { s, fd, depth };
	int ret = each_name(fd, measure_name, &l);

	if (ret < 0)
		s->part->is_complete = false;
	return ret > 0;
}

static void measure(struct search *s, struct unprotected *part)
{
	int fd = sys_open(part->path, OPEN_FLAGS, 0);

	s->part = part;
	if (fd < 0) {
		part->is_complete = false;
		return;
	}
	measure_folder(s, fd, 0);
	sys_close(fd);
}

/* -- which parts there are -- */

struct place {
	struct search *s;
	int fd;
	const char *path;
	const struct waypoint *waypoint;	/* sources may lie below; or NULL */
	struct err *err;
	int ret;
};

static int list_folder(struct search *s, const char *path, const struct waypoint *w,
		       struct err *err);

static void add_part(struct search *s, const char *path, const struct file_stat *st)
{
	struct unprotected_list *l = s->out;

	if (l->nr == s->limits->parts) {
		l->is_cut = true;
		return;
	}
	if (l->nr == l->alloc) {
		l->alloc = l->alloc ? 2 * l->alloc : 64;
		l->v = xrealloc(l->v, l->alloc * sizeof(*l->v));
	}
	struct unprotected *u = &l->v[l->nr++];
	*u = (struct unprotected){ .path = xstrdup(path), .is_complete = true };
	u->since_s = st->has_birth ? st->birth_s : st->mtime_s;
	u->since_ns = st->has_birth ? st->birth_ns : st->mtime_ns;
	if (st->type == ENTRY_FILE) {
		u->bytes = st->size;
		u->files = 1;
	}
}

static bool has_source(const struct waypoint *w)
{
	if (w->is_source)
		return true;
	for (const struct waypoint *c = w->child; c; c = c->next)
		if (has_source(c))
			return true;
	return false;
}

static int list_name(const char *name, void *data)
{
	struct place *p = data;
	struct search *s = p->s;
	const struct waypoint *w = waypoint_child(p->waypoint, name, strlen(name));
	struct file_stat st;

	if (w && w->is_source)
		return 0;
	if (file_stat_at(p->fd, name, &st) < 0 || st.dev != s->dev || is_skipped(s, &st))
		return 0;
	if (st.type != ENTRY_FILE && st.type != ENTRY_DIR)
		return 0;
	char *path = path_join(p->path, name);
	if (w && st.type == ENTRY_DIR && has_source(w)) {
		/* What lies beside the source; a folder that cannot be listed has no such. */
		struct err ignored = ERR_INIT;
		list_folder(s, path, w, &ignored);
	} else {
		add_part(s, path, &st);
	}
	sys_free(path);
	p->ret = interrupt_check(p->err);
	return p->ret < 0;
}

static int list_folder(struct search *s, const char *path, const struct waypoint *w,
		       struct err *err)
{
	struct place p = { .s = s, .path = path, .waypoint = w, .err = err };

	p.fd = sys_open(path, OPEN_FLAGS, 0);
	if (p.fd < 0)
		return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "'%s' is not there", path) :
					 err_sys(err, "open '%s'", path);
	if (each_name(p.fd, list_name, &p) < 0)
		p.ret = err_sys(err, "list '%s'", path);
	sys_close(p.fd);
	return p.ret;
}

/* -- all together -- */

static int cmp_parts(const void *a, const void *b)
{
	const struct unprotected *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->path, y->path);
}

/* Nothing but what belongs to ub, or empty folders. */
static void drop_empty(struct unprotected_list *l)
{
	size_t nr = 0;

	for (size_t i = 0; i < l->nr; i++) {
		if (l->v[i].files > 0 || !l->v[i].is_complete)
			l->v[nr++] = l->v[i];
		else
			sys_free(l->v[i].path);
	}
	l->nr = nr;
}

static void measure_all(struct search *s)
{
	uint64_t now = sys_monotonic_ns(), end = now + s->limits->time_ns;
	uint64_t entries = s->limits->entries;
	size_t left = 0;

	for (size_t i = 0; i < s->out->nr; i++)
		left += s->out->v[i].files == 0;
	for (size_t i = 0; i < s->out->nr; i++) {
		if (s->out->v[i].files > 0 || left == 0)
			continue;
		uint64_t share = entries / left;
		now = sys_monotonic_ns();
		s->entries_left = share;
		s->until_ns = now < end ? now + (end - now) / left : now;
		measure(s, &s->out->v[i]);
		entries -= share - s->entries_left;
		left--;
	}
}

/* The place of `home` among the sources; false: it is covered. */
static bool find_waypoint(const char *home, const struct waypoint *root,
			  const struct waypoint **out)
{
	const struct waypoint *w = root;

	for (const char *p = home; w && !w->is_source && *p;) {
		size_t n = strcspn(p, "/");
		if (n > 0)
			w = waypoint_child(w, p, n);
		p += n + (p[n] == '/');
	}
	*out = w;
	return !w || !w->is_source;
}

int unprotected_find(struct unprotected_list *out, const char *home, const struct waypoint *root,
		     const struct scan_skip *skip, size_t nr_skip,
		     const struct unprotected_limits *limits, struct err *err)
{
	struct search s = { .out = out, .skip = skip, .nr_skip = nr_skip, .limits = limits };
	const struct waypoint *w;
	struct file_stat st;
	char *real = sys_realpath(home);
	int ret = 0, fd = real ? sys_open(real, OPEN_FLAGS, 0) : -1;

	if (fd < 0 || file_stat_at(fd, "", &st) < 0)
		ret = errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "'%s' is not there", home) :
					err_sys(err, "look at '%s'", home);
	if (fd >= 0)
		sys_close(fd);
	if (ret == 0 && find_waypoint(real, root, &w)) {
		s.dev = st.dev;
		ret = list_folder(&s, real, w, err);
		if (ret == 0)
			measure_all(&s);
		drop_empty(out);
		if (out->nr > 0)
			qsort(out->v, out->nr, sizeof(*out->v), cmp_parts);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	sys_free(real);
	return ret;
}

void unprotected_list_release(struct unprotected_list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		sys_free(list->v[i].path);
	sys_free(list->v);
	*list = (struct unprotected_list)UNPROTECTED_LIST_INIT;
}
