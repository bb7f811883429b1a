/*
 * A folder on its way: opened or made when its turn comes, its entries worked on in batches, by
 * several workers if it is large; finished when everything below it is.
 *
 *	waiting -> prepared -> walked, batch by batch -> below is at work -> finished
 *	        \-> dropped (damaged, in the way, guarded)
 *
 * Children hold their parents.  A folder whose descriptor was closed because many are open is
 * found again through its parent, and must be the same one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs/restore-internal.h"

#define LIFTED_FLAGS (FS_IMMUTABLE_FL | FS_APPEND_FL)
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* -- making and holding -- */

static void put(unsigned char **at, const unsigned char **p, size_t n)
{
	if (n > 0)
		memcpy(*at, *p, n);
	*p = *at;
	*at += n;
}

struct held_entry *held_entry_new(const struct tree_entry *e)
{
	size_t data = e->content == CONTENT_INLINE ? (size_t)e->size : 0;
	struct held_entry *h = xmalloc(sizeof(*h) + e->name_len + 1 + data + e->attrs_len);
	unsigned char *at = (unsigned char *)(h + 1);

	h->e = *e;
	put(&at, &h->e.name, e->name_len);
	*at++ = '\0';
	put(&at, &h->e.data, data);
	put(&at, &h->e.attrs, e->attrs_len);
	return h;
}

struct rdir *rdir_new_root(struct restore *r, int fd)
{
	struct rdir *d = xcalloc(1, sizeof(*d));

	d->fd = fd;
	d->is_missing = fd < 0;
	d->is_route = r->job->nr_paths > 0;
	d->hi = r->job->nr_paths;
	d->pending = 1;
	d->tree = r->job->tree;
	d->hash = path_hash_root();
	return d;
}

static void rdir_free(struct restore *r, struct rdir *d)
{
	if (d->fd >= 0) {
		sys_close(d->fd);
		if (d->parent) {
			sys_lock(&r->lock);
			r->open--;
			sys_unlock(&r->lock);
		}
	}
	hash_set_free(d->names);
	hash_set_free(d->exact);
	sys_free(d->entry);
	sys_free(d);
}

/* The one nearest to `d` that is closed while its parent is not.  Lock held. */
static struct rdir *first_closed(struct rdir *d)
{
	while (d->parent && d->parent->fd < 0)
		d = d->parent;
	return d;
}

/* Nobody needs it now, and it can be found again.  Lock held. */
static void close_spare(struct restore *r, struct rdir *d)
{
	if (d->users == 0 && d->parent && d->fd >= 0 && r->open > r->open_max) {
		sys_close(d->fd);
		d->fd = -1;
		r->open--;
	}
}

static int reopen(struct restore *r, struct rdir *d)
{
	struct file_stat st;
	int fd = restore_openat(d->parent->fd, (const char *)d->entry->e.name, OPEN_DIR, 0);

	if (fd < 0)
		return -1;
	if (file_stat_at(fd, "", &st) < 0 || st.dev != d->dev || st.ino != d->ino) {
		sys_close(fd);
		errno = ESTALE;
		return -1;
	}
	d->fd = fd;
	r->open++;
	close_spare(r, d->parent);
	return 0;
}

int rdir_use(struct restore *r, struct rdir *d)
{
	int ret = 0;

	/* Opening under the lock: it is rare, and nobody closes what leads there meanwhile. */
	sys_lock(&r->lock);
	while (d->fd < 0 && ret == 0)
		ret = d->parent ? reopen(r, first_closed(d)) : -1;
	if (ret == 0)
		d->users++;
	ret = ret == 0 ? d->fd : -1;
	sys_unlock(&r->lock);
	return ret;
}

void rdir_unuse(struct restore *r, struct rdir *d)
{
	sys_lock(&r->lock);
	d->users--;
	close_spare(r, d);
	sys_unlock(&r->lock);
}

void rdir_hold(struct restore *r, struct rdir *d)
{
	sys_lock(&r->lock);
	d->pending++;
	sys_unlock(&r->lock);
}

static bool let_go(struct restore *r, struct rdir *d)
{
	sys_lock(&r->lock);
	bool is_last = --d->pending == 0;
	sys_unlock(&r->lock);
	return is_last;
}

/* -- names -- */

void rdir_add_name(struct restore *r, struct rdir *d, const char *name, bool is_wanted)
{
	struct hash_set *set = is_wanted ? d->names : d->exact;

	if (!set)
		return;
	struct path_hash h = path_hash_add(&d->hash, name, strlen(name));
	sys_lock(&r->lock);
	if (!hash_set_add(set, &h))
		d->is_partial = true;
	sys_unlock(&r->lock);
}

bool rdir_is_taken(struct restore *r, struct rdir *d, const char *name)
{
	if (!d->exact)
		return false;
	struct path_hash h = path_hash_add(&d->hash, name, strlen(name));
	sys_lock(&r->lock);
	bool is_taken = !d->is_partial && !hash_set_has(d->exact, &h);
	sys_unlock(&r->lock);
	return is_taken;
}

/* -- what kind of folder it is -- */

/* Only where it is sure that they do not may names that fold be left out of account. */
static bool may_fold(int fd, uint32_t flags)
{
	uint64_t type = 0;

	if (flags & FS_CASEFOLD_FL || sys_fs_type(fd, &type) < 0)
		return true;
	return type != EXT4_SUPER_MAGIC && type != BTRFS_SUPER_MAGIC && type != TMPFS_MAGIC &&
	       type != OVERLAYFS_SUPER_MAGIC;
}

static bool has_default_acl(int fd)
{
	return sys_fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

/* Nobody may write to it, though whoever restores could allow it to himself. */
static void lift(struct restore *r, struct rdir *d, uint32_t flags)
{
	bool wants_mode = r->uid != 0 && d->uid == r->uid && (d->mode & 0700) != 0700;

	if (!wants_mode && !(flags & LIFTED_FLAGS))
		return;
	d->was_mode = d->mode;
	d->was_flags = flags;
	d->is_lifted = true;
	if (flags & LIFTED_FLAGS)
		sys_set_flags(d->fd, flags & ~(uint32_t)LIFTED_FLAGS);
	if (wants_mode)
		sys_fchmod(d->fd, d->mode | 0700);
}

static void put_back(struct rdir *d)
{
	if (!d->is_lifted || d->fd < 0)
		return;
	sys_fchmod(d->fd, d->was_mode);
	if (d->was_flags & LIFTED_FLAGS)
		sys_set_flags(d->fd, d->was_flags);
	d->is_lifted = false;
}

static void remember(struct rdir *d, const struct file_stat *st)
{
	d->dev = st->dev;
	d->ino = st->ino;
	d->uid = st->uid;
	d->gid = st->gid;
	d->mode = st->mode;
}

/* Sets of names, where they are wanted. */
static void begin_names(struct restore *r, struct rdir *d)
{
	if (r->job->remove_extra && !d->is_route && !d->is_new)
		d->names = hash_set_new();
	if (d->is_folding)
		d->exact = hash_set_new();
}

static void know_old(struct worker *w, struct rdir *d)
{
	struct restore *r = w->r;
	uint32_t flags = 0;

	if (sys_get_flags(d->fd, &flags) < 0)
		flags = 0;
	d->is_folding = may_fold(d->fd, flags);
	d->inherits = has_default_acl(d->fd) || flags & ATTR_FLAGS_KEPT & ~LIFTED_FLAGS;
	begin_names(r, d);
	if (r->job->mode != RESTORE_DO)
		return;
	lift(r, d, flags);
	restore_clean(w, d, d->fd);
}

/* What it inherited goes, so that nothing in it inherits any more. */
static void know_new(struct worker *w, struct rdir *d)
{
	struct restore *r = w->r;
	uint32_t flags;

	d->is_new = true;
	d->is_folding = d->parent->is_folding;
	if (d->parent->inherits && sys_get_flags(d->fd, &flags) == 0 && flags & ATTR_FLAGS_KEPT) {
		d->is_folding = flags & FS_CASEFOLD_FL || may_fold(d->fd, flags);
		sys_set_flags(d->fd, flags & ~ATTR_FLAGS_KEPT);
		sys_set_project(d->fd, 0);
	}
	if (d->parent->inherits)
		sys_fremovexattr(d->fd, "system.posix_acl_default");
	if (d->parent->inherits || d->mode != 0700) {
		if (d->parent->inherits)
			sys_fremovexattr(d->fd, "system.posix_acl_access");
		sys_fchmod(d->fd, 0700);
		d->mode = 0700;
	}
	d->is_plain = d->uid == r->uid && d->gid == r->gid;
	attr_set_first_flags(d->fd, &d->entry->e);
	begin_names(r, d);
}

/* -- opening and making -- */

enum found { FOUND_READY, FOUND_NOT, FOUND_FAILED };

static enum found fail(struct worker *w, struct rdir *d, const char *op)
{
	const struct tree_entry *e = &d->entry->e;

	restore_problem(w, d->parent, e->name, e->name_len, op, errno, "");
	return FOUND_FAILED;
}

static enum found take_fd(struct worker *w, struct rdir *d, int fd, bool is_made)
{
	struct restore *r = w->r;
	struct file_stat st;

	if (file_stat_at(fd, "", &st) < 0) {
		sys_close(fd);
		return fail(w, d, "look at it");
	}
	if (restore_is_guarded(r, st.dev, st.ino)) {
		sys_close(fd);
		return FOUND_FAILED;
	}
	remember(d, &st);
	sys_lock(&r->lock);
	d->fd = fd;
	d->users++;
	r->open++;
	sys_unlock(&r->lock);
	if (is_made)
		know_new(w, d);
	else
		know_old(w, d);
	rdir_unuse(r, d);
	return FOUND_READY;
}

static enum found open_old(struct worker *w, struct rdir *d, int dirfd)
{
	const char *name = (const char *)d->entry->e.name;
	int fd = restore_openat(dirfd, name, OPEN_DIR, 0);

	/* One's own folder that one locked oneself out of. */
	if (fd < 0 && errno == EACCES && w->r->uid != 0 && w->r->job->mode == RESTORE_DO) {
		struct attr_place at = { .dirfd = dirfd, .name = name, .fd = -1, .mode = 0 };
		struct tree_entry mine = { .type = ENTRY_DIR, .mode = 0700 };
		struct file_stat st;
		if (file_stat_at(dirfd, name, &st) == 0 && st.uid == w->r->uid) {
			w->at = d->parent;
			w->at_entry = &d->entry->e;
			attr_set(w->writer, &at, &mine, ATTR_PART_MODE, restore_attr_problem, w);
			fd = restore_openat(dirfd, name, OPEN_DIR, 0);
		}
	}
	return fd < 0 ? fail(w, d, "open") : take_fd(w, d, fd, false);
}

static enum found make_new(struct worker *w, struct rdir *d, int dirfd)
{
	const struct tree_entry *e = &d->entry->e;
	const char *name = (const char *)e->name;

	restore_tell(w, RESTORE_CREATED, d->parent, e);
	if (w->r->job->mode == RESTORE_PLAN) {
		d->is_missing = d->is_new = true;
		return FOUND_READY;
	}
	if (sys_mkdirat(dirfd, name, 0700) < 0)
		return fail(w, d, "make folder");
	int fd = restore_openat(dirfd, name, OPEN_DIR, 0);
	return fd < 0 ? fail(w, d, "open") : take_fd(w, d, fd, true);
}

static enum found find_or_make(struct worker *w, struct rdir *d, int dirfd)
{
	const struct tree_entry *e = &d->entry->e;
	const char *name = (const char *)e->name;
	struct there there = { false, { 0 } };

	if (!d->parent->is_new || d->parent->is_folding) {
		there.exists = file_stat_at(dirfd, name, &there.st) == 0;
		if (!there.exists && errno == ENOTSUP)
			return fail(w, d, "look at it");
		if (!there.exists && errno != ENOENT)
			return fail(w, d, "look at it");
	}
	if (there.exists && rdir_is_taken(w->r, d->parent, name)) {
		errno = 0;
		restore_problem(w, d->parent, e->name, e->name_len, "make folder", EEXIST,
				"this file system takes its name for another one's");
		return FOUND_FAILED;
	}
	if (there.exists && there.st.type == ENTRY_DIR)
		return open_old(w, d, dirfd);
	if (w->r->job->mode == RESTORE_VERIFY) {
		restore_problem(w, d->parent, e->name, e->name_len, "verify", 0,
				there.exists ? "it is no folder" : "it is missing");
		return FOUND_FAILED;
	}
	if (there.exists && (!restore_may_replace(w, d->parent, e, &there) ||
			     restore_make_way(w, d->parent, dirfd, e, &there) < 0))
		return FOUND_FAILED;
	return make_new(w, d, dirfd);
}

static enum found prepare(struct worker *w, struct rdir *d)
{
	struct restore *r = w->r;

	if (!d->parent) {
		struct file_stat st;
		if (d->is_missing)
			return FOUND_READY;
		if (file_stat_at(d->fd, "", &st) == 0)
			remember(d, &st);
		know_old(w, d);
		return FOUND_READY;
	}
	if (d->parent->is_missing) {
		restore_tell(w, RESTORE_CREATED, d->parent, &d->entry->e);
		d->is_missing = d->is_new = true;
		return FOUND_READY;
	}
	int dirfd = rdir_use(r, d->parent);
	if (dirfd < 0)
		return fail(w, d, "find the folder again");
	enum found found = find_or_make(w, d, dirfd);
	if (found == FOUND_READY) {
		rdir_add_name(r, d->parent, (const char *)d->entry->e.name, false);
	}
	rdir_unuse(r, d->parent);
	return found;
}

/* -- the end of a folder -- */

static void set_attrs(struct worker *w, struct rdir *d, int fd)
{
	const struct tree_entry *e = &d->entry->e;
	struct attr_place at = { d->parent->fd, (const char *)e->name, fd, d->uid, d->gid, d->mode,
				 true };
	struct err err = ERR_INIT;
	int ret = attr_writer_load(w->writer, e, &err);

	if (ret < 0) {
		restore_damage(w, d->parent, e, ret, &err);
		return;
	}
	w->at = d->parent;
	w->at_entry = e;
	if (d->is_new) {
		unsigned int parts = ATTR_PART_ALL;
		/* Only on the way to what is restored: whose it was is of no account. */
		if (d->is_route && w->r->uid != 0)
			parts &= ~(unsigned int)ATTR_PART_OWNER;
		attr_set(w->writer, &at, e, parts, restore_attr_problem, w);
		if (attr_has_flags(e))
			attr_set_flags(fd, e, restore_attr_problem, w);
		return;
	}
	struct file_stat st;
	if (file_stat_at(fd, "", &st) == 0)
		restore_adjust(w, d->parent, -1, e, fd, &st);
}

static void finish(struct worker *w, struct rdir *d)
{
	struct restore *r = w->r;
	bool is_ours = !d->is_route && r->job->overwrite != RESTORE_NEVER;

	if (d->is_missing)
		return;
	int fd = rdir_use(r, d);
	if (fd < 0) {
		restore_problem(w, d, "", 0, "find the folder again", errno, "");
		return;
	}
	if (r->job->remove_extra && !d->is_new && !d->is_route && r->job->mode != RESTORE_VERIFY)
		restore_remove_extra(w, d, fd);
	if (d->parent && (d->is_new || is_ours)) {
		set_attrs(w, d, fd);
		/* What the entry does not say stays as it was. */
		if (d->is_lifted && attr_has_flags(&d->entry->e))
			d->is_lifted = false;
	} else {
		put_back(d);
	}
	rdir_unuse(r, d);
}

void rdir_done(struct worker *w, struct rdir *d)
{
	while (d && let_go(w->r, d)) {
		struct rdir *parent = d->parent;
		if (restore_has_failed(w->r))
			put_back(d);
		else
			finish(w, d);
		rdir_free(w->r, d);
		d = parent;
	}
}

void rdir_drop(struct restore *r, struct rdir *d)
{
	while (d && let_go(r, d)) {
		struct rdir *parent = d->parent;
		put_back(d);
		rdir_free(r, d);
		d = parent;
	}
}

bool restore_is_guarded(const struct restore *r, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < r->job->nr_guards; i++)
		if (r->job->guards[i].dev == dev && r->job->guards[i].ino == ino)
			return true;
	return false;
}

/* -- walking -- */

struct item *rdir_child(struct worker *w, struct rdir *d, const struct tree_entry *e)
{
	struct rdir *c = xcalloc(1, sizeof(*c));
	struct item *it = xcalloc(1, sizeof(*it));

	c->parent = d;
	c->fd = -1;
	c->entry = held_entry_new(e);
	c->tree = e->id;
	c->pending = 1;
	if (w->r->wants_hash || w->r->job->remove_extra || d->exact)
		c->hash = path_hash_add(&d->hash, e->name, e->name_len);
	rdir_hold(w->r, d);
	it->dir = c;
	return it;
}

/* Copies of the next entries, so that others may go on with the folder.  1: there are more. */
static int fill_batch(struct batch *b, struct dir_reader *reader, struct err *err)
{
	uint64_t size = 0;
	size_t off = 0;
	int ret = 1;

	b->nr = 0;
	buf_reset(&b->bytes);
	while (b->nr < RESTORE_BATCH && size < RESTORE_BATCH_BYTES) {
		struct tree_entry *e = &b->entries[b->nr];
		ret = dir_next(reader, e, err);
		if (ret <= 0)
			break;
		buf_put(&b->bytes, e->name, e->name_len);
		buf_put_u8(&b->bytes, '\0');
		if (e->content == CONTENT_INLINE)
			buf_put(&b->bytes, e->data, (size_t)e->size);
		buf_put(&b->bytes, e->attrs, e->attrs_len);
		size += e->content == CONTENT_BLOB ? e->size : 0;
		b->nr++;
	}
	for (size_t i = 0; i < b->nr; i++) {
		struct tree_entry *e = &b->entries[i];
		e->name = b->bytes.data + off;
		off += e->name_len + 1;
		e->data = b->bytes.data + off;
		off += e->content == CONTENT_INLINE ? (size_t)e->size : 0;
		e->attrs = b->bytes.data + off;
		off += e->attrs_len;
	}
	return ret;
}

/* `more` in the order in which it was found, for restore_push(). */
static void append(struct item ***tail, struct item *more)
{
	**tail = more;
	while (**tail)
		*tail = &(**tail)->next;
}

static int do_entry(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		    struct item ***tail, struct err *err)
{
	struct item *more = NULL;
	int ret;

	rdir_add_name(w->r, d, (const char *)e->name, true);
	if (w->r->linked) {
		struct path_hash h = path_hash_add(&d->hash, e->name, e->name_len);
		if (hash_set_has(w->r->linked, &h))
			return 0;
	}
	if (e->type == ENTRY_DIR)
		more = rdir_child(w, d, e);
	else if ((ret = restore_entry(w, d, dirfd, e, &more, err)) < 0)
		return ret;
	append(tail, more);
	return 0;
}

static int do_batch(struct worker *w, struct rdir *d, struct item ***tail, struct err *err)
{
	int ret = 0, dirfd = d->is_missing ? -1 : rdir_use(w->r, d);

	if (dirfd < 0 && !d->is_missing) {
		restore_problem(w, d, "", 0, "find the folder again", errno, "");
		return 0;
	}
	for (size_t i = 0; i < w->batch.nr && ret == 0 && !restore_has_failed(w->r); i++)
		ret = do_entry(w, d, dirfd, &w->batch.entries[i], tail, err);
	if (!d->is_missing)
		rdir_unuse(w->r, d);
	return ret;
}

static int do_all(struct worker *w, struct item *it, struct err *err)
{
	struct rdir *d = it->dir;
	struct item *list = NULL, **tail = &list;
	int ret = fill_batch(&w->batch, it->reader, err);

	if (ret > 0) {
		rdir_hold(w->r, d);
		restore_push(w->r, it);
	} else {
		if (ret < 0) {
			d->is_partial = true;
			restore_damage(w, d, NULL, ret, err);
		}
		dir_close(it->reader);
		sys_free(it);
	}
	ret = do_batch(w, d, &tail, err);
	restore_push(w->r, list);
	rdir_done(w, d);
	return ret;
}

/* A folder of which only some entries are wanted: the next word of each path that leads there. */
static int do_route(struct worker *w, struct rdir *d, struct err *err)
{
	struct restore *r = w->r;
	struct item *list = NULL, **tail = &list;
	struct buf hold = BUF_INIT;
	int ret = 0, dirfd = d->is_missing ? -1 : rdir_use(r, d);

	for (size_t i = d->lo, next; i < d->hi && ret == 0; i = next) {
		const char *word = r->job->paths[i] + d->depth;
		size_t n = strcspn(word, "/");
		struct tree_entry found;
		for (next = i + 1; next < d->hi; next++)
			if (strncmp(r->job->paths[next] + d->depth, word, n) != 0 ||
			    (r->job->paths[next][d->depth + n] != '/'))
				break;
		ret = dir_find(&r->source, &d->tree, word, n, &found, &hold, err);
		if (ret <= 0) {
			if (ret < 0)
				restore_damage(w, d, NULL, ret, err);
			ret = 0;
			continue;
		}
		struct held_entry *e = held_entry_new(&found);
		ret = do_entry(w, d, dirfd, &e->e, &tail, err);
		if (ret == 0 && word[n] == '/' && list) {
			struct item *last = list;
			while (last->next)
				last = last->next;
			last->dir->is_route = true;
			last->dir->lo = i;
			last->dir->hi = next;
			last->dir->depth = d->depth + n + 1;
		}
		sys_free(e);
	}
	if (!d->is_missing)
		rdir_unuse(r, d);
	buf_release(&hold);
	restore_push(r, list);
	rdir_done(w, d);
	return ret;
}

int restore_dir_work(struct worker *w, struct item *it, struct err *err)
{
	struct rdir *d = it->dir;

	if (it->reader)
		return do_all(w, it, err);
	int ret = d->is_route ? 0 : dir_open(&it->reader, &w->r->source, &d->tree, err);
	if (ret < 0) {
		restore_damage(w, d->parent ? d->parent : d, d->entry ? &d->entry->e : NULL, ret,
			       err);
		d->is_missing = true;
		rdir_done(w, d);
		sys_free(it);
		return 0;
	}
	if (prepare(w, d) != FOUND_READY) {
		d->is_missing = true;
		dir_close(it->reader);
		rdir_done(w, d);
		sys_free(it);
		return 0;
	}
	if (d->is_route) {
		sys_free(it);
		return do_route(w, d, err);
	}
	return do_all(w, it, err);
}
