/*
 * Hard links, from the commit's side lists, which are read twice and never held: first for which
 * paths are links to one that comes before (the walk leaves them alone), then, when all files are
 * there, to make them.
 *
 * The first path of a group that is restored leads; what follows becomes a link to it.  Where the
 * leader is not what it should be (left alone, damaged) or the file system has no links, the next
 * path gets a file of its own and leads from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"

#include "fs/restore-internal.h"

#define STEP_MAX 2048		/* of a path that is opened at once */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LOCKED_FLAGS ((uint32_t)(FS_IMMUTABLE_FL | FS_APPEND_FL))

/* -- reading the notes -- */

typedef int row_fn(const struct note_row *row, void *data, struct err *err);

static int each_row(struct restore *r, uint64_t kind, row_fn *fn, void *data, struct err *err)
{
	const struct commit *c = r->job->commit;
	struct buf raw = BUF_INIT;
	int ret = 0;

	for (size_t i = 0; c && i < c->nr_notes && ret >= 0; i++) {
		struct note note;
		struct note_iter it;
		struct note_row row;

		if (c->notes[i].kind != kind)
			continue;
		ret = r->source.get(r->source.data, &c->notes[i].id, OBJ_NOTE, &raw, err);
		if (ret == 0)
			ret = note_decode(&note, raw.data, raw.len, err);
		if (ret == 0)
			ret = note_check(&note, err);
		if (ret < 0)
			break;
		note_iter_init(&it, &note);
		while ((ret = note_iter_next(&it, &row, err)) > 0)
			if ((ret = fn(&row, data, err)) < 0)
				break;
	}
	buf_release(&raw);
	return ret;
}

/* Paths of one group, rows that were split joined: who leads so far. */
struct group {
	struct buf first, leader;
	bool has_leader;
};

static void group_row(struct group *g, const struct note_row *row)
{
	if (g->first.len == row->path_len && g->first.len > 0 &&
	    memcmp(g->first.data, row->path, row->path_len) == 0)
		return;
	buf_reset(&g->first);
	buf_put(&g->first, row->path, row->path_len);
	g->has_leader = false;
}

static void group_release(struct group *g)
{
	buf_release(&g->first);
	buf_release(&g->leader);
}

/* `fn` is told of each path that is restored and follows; it may change the leader. */
static int each_follower(struct restore *r, struct group *g, const struct note_row *row,
			 int (*fn)(struct group *g, const unsigned char *path, size_t n, void *data,
				   struct err *err), void *data, struct err *err)
{
	const unsigned char *p = row->others, *path = row->path;
	size_t left = row->others_len, n = row->path_len;
	int ret = 0;

	group_row(g, row);
	/* The first path of a further part was there in the part before. */
	for (bool more = !g->has_leader || note_other_next(&p, &left, &path, &n) > 0;
	     more && ret == 0;
	     more = note_other_next(&p, &left, &path, &n) > 0) {
		if (!restore_is_selected(r->job, path, n))
			continue;
		if (g->has_leader) {
			ret = fn(g, path, n, data, err);
			continue;
		}
		buf_reset(&g->leader);
		buf_put(&g->leader, path, n);
		g->has_leader = true;
	}
	return ret;
}

/* -- before: who is not made by the walk -- */

struct loading {
	struct restore *r;
	struct group group;
	struct hash_set *set;
};

static int note_follower(struct group *g, const unsigned char *path, size_t n, void *data,
			 struct err *err)
{
	struct loading *l = data;
	struct path_hash h = path_hash_of(path, n);

	(void)g;
	(void)err;
	/* Beyond that they are made as files first: slower, and the same in the end. */
	hash_set_add(l->set, &h);
	return 0;
}

static int load_row(const struct note_row *row, void *data, struct err *err)
{
	struct loading *l = data;

	return each_follower(l->r, &l->group, row, note_follower, l, err);
}

int restore_links_load(struct restore *r, struct err *err)
{
	struct loading l = { r, { BUF_INIT, BUF_INIT, false }, NULL };
	bool any = false;
	int ret = 0;

	for (size_t i = 0; r->job->commit && i < r->job->commit->nr_notes; i++)
		any = any || r->job->commit->notes[i].kind == NOTE_HARDLINKS;
	if (!any)
		return 0;
	l.set = hash_set_new();
	ret = each_row(r, NOTE_HARDLINKS, load_row, &l, err);
	r->linked = l.set;
	r->wants_hash = true;
	group_release(&l.group);
	return ret < 0 ? err_wrap(err, "the hard links of the snapshot") : 0;
}

/* -- what was not stored -- */

static int load_kept(const struct note_row *row, void *data, struct err *err)
{
	struct restore *r = data;
	size_t skip = row->path_len > 0 && row->path[0] == '/';
	struct path_hash h = path_hash_of(row->path + skip, row->path_len - skip);

	if (!hash_set_add(r->kept, &h))
		return err_set(err, ERR_FAILED,
			       "too much was skipped in this snapshot to know what --delete "
			       "may remove");
	return 0;
}

int restore_kept_load(struct restore *r, struct err *err)
{
	static const enum note_kind kinds[] = { NOTE_SKIPPED, NOTE_UNREADABLE, NOTE_ABSENT };
	int ret = 0;

	if (!r->job->remove_extra || !r->job->commit)
		return 0;
	r->kept = hash_set_new();
	r->wants_hash = true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && ret == 0; i++)
		ret = each_row(r, kinds[i], load_kept, r, err);
	return ret;
}

/* -- after: making them -- */

/* A folder on the disk, found from the target; its time and flags are put back in the end. */
struct place {
	struct buf path;
	struct rdir *dir;		/* a stand-in, for what is told */
	int fd;
	struct file_stat st;
	uint32_t flags;
	bool is_changed;
};

struct making {
	struct restore *r;
	struct worker *w;
	struct rdir *root;
	struct group group;
	struct place leader, follower;
};

static void place_close(struct restore *r, struct place *p)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT }, { (time_t)p->st.mtime_s, (long)p->st.mtime_ns }
	};

	if (p->fd >= 0 && p->is_changed) {
		sys_futimens(p->fd, times);
		if (r->uid != 0 && (p->st.mode & 0300) != 0300)
			sys_fchmod(p->fd, p->st.mode);
		if (p->flags & LOCKED_FLAGS)
			sys_set_flags(p->fd, p->flags);
	}
	if (p->fd >= 0)
		sys_close(p->fd);
	p->fd = -1;
	p->is_changed = false;
	if (p->dir) {
		sys_free(p->dir->entry);
		sys_free(p->dir);
		p->dir = NULL;
	}
}

/* Something is about to be made there. */
static void place_change(struct restore *r, struct place *p)
{
	if (p->is_changed)
		return;
	p->is_changed = true;
	if (file_stat_at(p->fd, "", &p->st) < 0 || sys_get_flags(p->fd, &p->flags) < 0)
		p->flags = 0;
	if (p->flags & LOCKED_FLAGS)
		sys_set_flags(p->fd, p->flags & ~LOCKED_FLAGS);
	if (r->uid != 0 && (p->st.mode & 0300) != 0300)
		sys_fchmod(p->fd, p->st.mode | 0700);
}

/* Piece by piece: a path may be longer than the kernel takes at once. */
static int open_path(int rootfd, const unsigned char *path, size_t n)
{
	char step[STEP_MAX + 256];
	int fd = rootfd;

	for (size_t at = 0; at < n || fd == rootfd; ) {
		size_t len = n - at;
		if (len > STEP_MAX) {
			len = STEP_MAX;
			while (at + len < n && path[at + len] != '/' && len < sizeof(step) - 1)
				len++;
		}
		memcpy(step, path + at, len);
		step[len] = '\0';
		int next = sys_open_beneath(fd, len ? step : ".", OPEN_DIR, 0);
		if (fd != rootfd)
			sys_close(fd);
		if (next < 0)
			return -1;
		fd = next;
		at += len + 1;
	}
	return fd;
}

static int place_open(struct making *m, struct place *p, const unsigned char *path, size_t n)
{
	if (p->dir && p->path.len == n && (n == 0 || memcmp(p->path.data, path, n) == 0))
		return p->fd;
	place_close(m->r, p);
	buf_reset(&p->path);
	buf_put(&p->path, path, n);
	struct tree_entry e = { .name = p->path.data, .name_len = n, .type = ENTRY_DIR };
	p->dir = xcalloc(1, sizeof(*p->dir));
	p->dir->parent = m->root;
	p->dir->entry = n > 0 ? held_entry_new(&e) : NULL;
	p->dir->pending = 1;
	p->fd = m->root->fd < 0 ? -1 : open_path(m->root->fd, path, n);
	p->dir->fd = p->fd;
	p->dir->is_missing = p->fd < 0;
	return p->fd;
}

static size_t dir_length(const unsigned char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 0 ? n - 1 : 0;
}

/* The entry of a path, and its name. */
static int find_entry(struct making *m, const unsigned char *path, size_t n,
		      struct held_entry **out, struct err *err)
{
	struct oid at = m->r->job->tree;
	struct buf hold = BUF_INIT;
	struct tree_entry e;
	int ret = 1;

	for (size_t i = 0; ret > 0 && i < n; ) {
		const unsigned char *slash = memchr(path + i, '/', n - i);
		size_t len = slash ? (size_t)(slash - path) - i : n - i;
		ret = dir_find(&m->r->source, &at, path + i, len, &e, &hold, err);
		at = e.id;
		i += len + 1;
	}
	if (ret == 0)
		ret = err_set(err, ERR_CORRUPT, "a hard link is in no folder of the snapshot");
	if (ret > 0)
		*out = held_entry_new(&e);
	buf_release(&hold);
	return ret < 0 ? ret : 0;
}

static bool is_as_stored(const struct file_stat *st, const struct tree_entry *e)
{
	uint32_t ns;
	int64_t s;

	return st->type == e->type && (e->type != ENTRY_FILE || st->size == e->size) &&
	       (!tree_entry_mtime(e, &s, &ns) || (st->mtime_s == s && st->mtime_ns == ns));
}

/* As a file of its own, whatever its content. */
static int make_alone(struct making *m, const struct tree_entry *e, struct err *err)
{
	struct item *more = NULL;
	struct place *p = &m->follower;

	if (p->fd < 0) {
		restore_tell(m->w, RESTORE_CREATED, p->dir, e);
		return 0;
	}
	if (m->r->job->mode == RESTORE_DO)
		place_change(m->r, p);
	int ret = restore_entry(m->w, p->dir, p->fd, e, &more, err);
	if (more) {
		restore_push(m->r, more);
		restore_drain(m->w);
	}
	return ret;
}

static int link_over(struct making *m, const char *from, const char *name, bool exists)
{
	struct place *l = &m->leader, *f = &m->follower;

	if (!exists)
		return sys_linkat(l->fd, from, f->fd, name);
	if (sys_linkat(l->fd, from, f->fd, restore_tmp(m->w)) < 0)
		return -1;
	if (sys_renameat(f->fd, m->w->tmp, f->fd, name) == 0)
		return 0;
	int saved = errno;
	sys_unlinkat(f->fd, m->w->tmp, 0);
	errno = saved;
	return -1;
}

/*
 * Nothing may be linked to what is immutable, so for a moment it is not.  What takes the place of
 * another file is on the disk before.
 */
static int make_link(struct making *m, const char *from, const char *name, bool exists,
		     const struct tree_entry *e)
{
	uint32_t flags = 0;
	int fd = -1, ret = 0;

	place_change(m->r, &m->follower);
	if ((attr_has_flags(e) || exists) && e->type == ENTRY_FILE)
		fd = restore_openat(m->leader.fd, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
				    O_CLOEXEC, 0);
	if (fd >= 0 && attr_has_flags(e) && sys_get_flags(fd, &flags) == 0 &&
	    flags & LOCKED_FLAGS)
		sys_set_flags(fd, flags & ~LOCKED_FLAGS);
	if (fd >= 0 && exists)
		ret = sys_fsync(fd);
	if (ret == 0)
		ret = link_over(m, from, name, exists);
	int saved = errno;
	if (fd >= 0) {
		if (flags & LOCKED_FLAGS)
			sys_set_flags(fd, flags);
		sys_close(fd);
	}
	errno = saved;
	return ret;
}

static void lead(struct group *g, const unsigned char *path, size_t n)
{
	buf_reset(&g->leader);
	buf_put(&g->leader, path, n);
}

static int follow(struct making *m, struct group *g, const struct tree_entry *e,
		  const unsigned char *path, size_t n, struct err *err)
{
	struct place *f = &m->follower;
	struct there there = { false, { 0 } };
	struct file_stat st;
	char *from = xstrndup((const char *)g->leader.data + dir_length(g->leader.data,
			      g->leader.len) + (memchr(g->leader.data, '/', g->leader.len) != NULL),
			      NAME_LEN_MAX);
	int ret = 0;

	bool is_led = m->leader.fd >= 0 && file_stat_at(m->leader.fd, from, &st) == 0 &&
		      is_as_stored(&st, e);
	there.exists = f->fd >= 0 && file_stat_at(f->fd, (const char *)e->name, &there.st) == 0;
	if (m->r->job->mode == RESTORE_PLAN && !there.exists) {
		restore_tell(m->w, RESTORE_LINKED, f->dir, e);
	} else if (!is_led) {
		ret = make_alone(m, e, err);
		lead(g, path, n);
	} else if (there.exists && there.st.dev == st.dev && there.st.ino == st.ino) {
		restore_tell(m->w, RESTORE_SAME, f->dir, e);
	} else if (m->r->job->mode == RESTORE_VERIFY) {
		restore_problem(m->w, f->dir, e->name, e->name_len, "verify", 0,
				there.exists ? "it is no hard link to the others" :
				"it is missing");
	} else if (there.exists && (!restore_may_replace(m->w, f->dir, e, &there) ||
				    restore_make_way(m->w, f->dir, f->fd, e, &there) < 0)) {
		goto done;
	} else if (m->r->job->mode == RESTORE_PLAN ||
		   make_link(m, from, (const char *)e->name,
			     there.exists && there.st.type != ENTRY_DIR, e) == 0) {
		restore_tell(m->w, there.exists ? RESTORE_REPLACED : RESTORE_LINKED, f->dir, e);
	} else {
		if (errno != EMLINK)
			restore_problem(m->w, f->dir, e->name, e->name_len, "make hard link",
					errno, "");
		ret = make_alone(m, e, err);
		lead(g, path, n);
	}
done:
	sys_free(from);
	return ret;
}

static int make_follower(struct group *g, const unsigned char *path, size_t n, void *data,
			 struct err *err)
{
	struct making *m = data;
	struct held_entry *e = NULL;
	int ret = interrupt_check(err);

	if (ret == 0 && restore_has_failed(m->r)) {
		*err = m->r->err;
		ret = m->r->ret;
	}
	if (ret < 0)
		return ret;
	place_open(m, &m->follower, path, dir_length(path, n));
	ret = find_entry(m, path, n, &e, err);
	if (ret < 0) {
		restore_damage(m->w, m->follower.dir, NULL, ret, err);
		return 0;
	}
	if (m->follower.fd < 0 && m->r->job->mode != RESTORE_PLAN) {
		restore_problem(m->w, m->follower.dir, e->e.name, e->e.name_len, "make hard link",
				errno, "");
	} else {
		place_open(m, &m->leader, g->leader.data,
			   dir_length(g->leader.data, g->leader.len));
		ret = follow(m, g, &e->e, path, n, err);
	}
	sys_free(e);
	return ret;
}

static int make_row(const struct note_row *row, void *data, struct err *err)
{
	struct making *m = data;

	return each_follower(m->r, &m->group, row, make_follower, m, err);
}

int restore_links_make(struct restore *r, struct restore_stats *out, struct err *err)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	struct making m = { .r = r, .w = w };
	int ret = 0, fd = -1;

	m.group = (struct group){ BUF_INIT, BUF_INIT, false };
	m.leader = m.follower = (struct place){ .path = BUF_INIT, .fd = -1 };
	restore_worker_init(w, r, 0xff);
	if (r->job->target)
		fd = sys_open(r->job->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (r->job->target && fd < 0)
		ret = err_sys(err, "open the folder '%s'", r->job->target);
	m.root = rdir_new_root(r, fd);
	if (ret == 0)
		ret = each_row(r, NOTE_HARDLINKS, make_row, &m, err);
	if (ret == 0 && restore_has_failed(r)) {
		*err = r->err;
		ret = r->ret;
	}
	place_close(r, &m.leader);
	place_close(r, &m.follower);
	buf_release(&m.leader.path);
	buf_release(&m.follower.path);
	if (fd >= 0)
		sys_close(fd);
	sys_free(m.root);
	group_release(&m.group);
	restore_worker_release(w, out);
	sys_free(w);
	return ret;
}
