/*
 * What has to go: what the snapshot does not have, a folder where a file is to stand, temporaries
 * of a run that is dead.  Never into another file system, never into a guarded folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs/restore-internal.h"

#define DENTS_SIZE ((size_t)32 << 10)
#define DEPTH_MAX 100		/* folders held open on the way down; deeper ones are moved up */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Calls `fn` for each name in the folder; it may remove the name.  0, or -1 and errno. */
static int each_name(int fd, int (*fn)(const char *name, void *data), void *data)
{
	char *room = xmalloc(DENTS_SIZE);
	ssize_t got = -1;
	int ret = 0;

	if (sys_lseek(fd, 0, SEEK_SET) < 0)
		goto done;
	while (ret == 0 && (got = sys_getdents(fd, room, DENTS_SIZE)) > 0) {
		for (ssize_t at = 0; at < got && ret == 0; ) {
			const struct sys_dirent *de = (const void *)(room + at);
			at += de->size;
			if (strcmp(de->name, ".") != 0 && strcmp(de->name, "..") != 0)
				ret = fn(de->name, data);
		}
	}
done:
	sys_free(room);
	return got < 0 || ret < 0 ? -1 : 0;
}

/* -- trees -- */

struct removal {
	struct worker *w;
	struct rdir *dir;
	int top_fd, fd;
	const char *top;		/* the name it began with */
	unsigned int depth;
	uint64_t dev;
	bool has_failed;
};

static int remove_one(const char *name, void *data);

static int fail(struct removal *m, const char *text)
{
	m->has_failed = true;
	restore_problem(m->w, m->dir, m->top, strlen(m->top), "delete", errno, text);
	return -1;
}

/* Deeper than that: out of the tree and under a name of its own, to be removed from there. */
static int move_up(struct removal *m, const char *name)
{
	struct removal again = *m;

	for (int i = 0; i < 64; i++) {
		if (sys_rename_noreplaceat(m->fd, name, m->top_fd, restore_tmp(m->w)) == 0)
			break;
		if (errno != EEXIST)
			return fail(m, name);
	}
	char *moved = xstrdup(m->w->tmp);
	again.depth = 0;
	again.fd = m->top_fd;
	int ret = remove_one(moved, &again);
	m->has_failed |= again.has_failed;
	sys_free(moved);
	return ret;
}

static int remove_dir(struct removal *m, const char *name)
{
	struct removal below = *m;
	struct file_stat st;
	int fd = restore_openat(m->fd, name, OPEN_DIR, 0);

	if (fd < 0)
		return fail(m, name);
	if (file_stat_at(fd, "", &st) < 0 || st.dev != m->dev ||
	    restore_is_guarded(m->w->r, st.dev, st.ino)) {
		sys_close(fd);
		errno = EBUSY;
		return fail(m, "another file system, or a folder of ub's, is in it");
	}
	below.fd = fd;
	below.depth++;
	int ret = each_name(fd, remove_one, &below);
	if (ret < 0 && !below.has_failed)
		fail(&below, name);
	m->has_failed |= below.has_failed;
	sys_close(fd);
	if (ret == 0 && sys_unlinkat(m->fd, name, AT_REMOVEDIR) < 0)
		return fail(m, name);
	return ret;
}

static int remove_one(const char *name, void *data)
{
	struct removal *m = data;

	if (sys_unlinkat(m->fd, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(m, name);
	int saved = errno;
	struct file_stat st;
	if (file_stat_at(m->fd, name, &st) < 0 || st.type != ENTRY_DIR) {
		errno = saved;
		return fail(m, name);
	}
	return m->depth >= DEPTH_MAX ? move_up(m, name) : remove_dir(m, name);
}

int restore_remove_tree(struct worker *w, struct rdir *d, int dirfd, const char *name)
{
	struct removal m = { .w = w, .dir = d, .top_fd = dirfd, .fd = dirfd, .top = name };
	struct file_stat st;

	if (file_stat_at(dirfd, "", &st) < 0)
		return fail(&m, "");
	m.dev = st.dev;
	return remove_one(name, &m);
}

/* -- what the snapshot does not have -- */

struct extra {
	struct worker *w;
	struct rdir *dir;
	int dirfd;
};

static int remove_extra(const char *name, void *data)
{
	struct extra *x = data;
	struct restore *r = x->w->r;
	struct path_hash h = path_hash_add(&x->dir->hash, name, strlen(name));
	struct file_stat st;

	if (restore_has_failed(r))
		return -1;
	if (hash_set_has(x->dir->names, &h) || hash_set_has(r->kept, &h))
		return 0;
	if (file_stat_at(x->dirfd, name, &st) < 0) {
		if (errno != ENOENT)
			restore_problem(x->w, x->dir, name, strlen(name), "delete", errno, "");
		return 0;
	}
	if (restore_is_guarded(r, st.dev, st.ino))
		return 0;
	if (r->job->mode == RESTORE_DO &&
	    restore_remove_tree(x->w, x->dir, x->dirfd, name) < 0)
		return 0;
	restore_tell_named(x->w, RESTORE_DELETED, x->dir, name, st.type,
			   st.type == ENTRY_FILE ? st.size : 0);
	return 0;
}

void restore_remove_extra(struct worker *w, struct rdir *d, int dirfd)
{
	struct extra x = { w, d, dirfd };

	if (d->is_partial || !d->names)
		return;
	if (each_name(dirfd, remove_extra, &x) < 0 && !restore_has_failed(w->r))
		restore_problem(w, d, "", 0, "list", errno, "");
}

/* -- leftovers -- */

struct cleaning {
	struct worker *w;
	struct rdir *dir;
	int dirfd;
	bool is_alone;
};

static int clean_one(const char *name, void *data)
{
	struct cleaning *c = data;

	rdir_add_name(c->w->r, c->dir, name, false);
	if (c->is_alone && restore_is_tmp(name))
		restore_remove_tree(c->w, c->dir, c->dirfd, name);
	return 0;
}

void restore_clean(struct worker *w, struct rdir *d, int dirfd)
{
	struct cleaning c = { w, d, dirfd, false };

	/* Who works in a folder holds it locked as long as it is open: then the names are his. */
	c.is_alone = sys_flock(dirfd, LOCK_EX | LOCK_NB) == 0;
	if (each_name(dirfd, clean_one, &c) < 0)
		restore_problem(w, d, "", 0, "list", errno, "");
}
