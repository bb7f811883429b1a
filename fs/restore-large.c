/*
 * A file whose content is a list: its chunks are taken one after the other by any worker, and read,
 * compared or written by several at once.
 *
 *	compare -> (all the same) the rest is adjusted
 *	        \-> write -> attributes, rename
 *
 * Only who holds the file's item moves the place in the list; the item goes back on the stack
 * before the chunk is worked on.  Of what is there, chunks that are right are kept: the file
 * is cloned where the file system can, else they are copied from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fs/restore-internal.h"

#define LIST_DEPTH 9
#define COMPARE_PIECE ((size_t)1 << 20)

struct rlarge {
	struct item *item;
	struct rdir *dir;
	struct held_entry *entry;
	struct there there;
	bool is_writing;		/* else comparing */
	bool is_begun, is_cloned;
	int dirfd, fd, old_fd;
	char tmp[64];
	uint32_t mode;

	/* place in the list: of whoever holds the item */
	struct list lists[LIST_DEPTH];
	size_t at[LIST_DEPTH];
	unsigned int depth;
	uint64_t off;
	unsigned char *map;
	size_t map_size;
	struct hole_cursor holes;

	/* under restore.lock */
	unsigned int pending;		/* chunks at work, and the walk itself */
	bool is_over;			/* the rest does not matter: failed, or it differs */
	bool differs, has_failed;
};

struct chunk {
	bool is_zero;
	struct oid id;
	uint64_t off, size;
	struct hole_cursor holes;
};

struct item *rlarge_new(struct worker *w, struct rdir *d, const struct tree_entry *e,
			const struct there *there)
{
	struct rlarge *f = xcalloc(1, sizeof(*f));
	bool is_same_size = there->exists && there->st.type == ENTRY_FILE &&
			    there->st.size == e->size;

	f->item = xcalloc(1, sizeof(*f->item));
	f->item->dir = f->dir = d;
	f->item->large = f;
	f->entry = held_entry_new(e);
	f->there = *there;
	f->is_writing = !is_same_size;
	f->fd = f->old_fd = f->dirfd = -1;
	rdir_hold(w->r, d);
	return f->item;
}

static void rlarge_free(struct restore *r, struct rlarge *f)
{
	for (unsigned int i = 0; i < LIST_DEPTH; i++)
		list_release(&f->lists[i]);
	if (f->fd >= 0)
		sys_close(f->fd);
	if (f->old_fd >= 0)
		sys_close(f->old_fd);
	if (f->dirfd >= 0)
		rdir_unuse(r, f->dir);
	sys_free(f->map);
	sys_free(f->entry);
	sys_free(f);
}

/* The item and the hold on the folder are the caller's. */
void rlarge_abort(struct restore *r, struct rlarge *f)
{
	if (f->fd >= 0 && f->tmp[0])
		sys_unlinkat(f->dirfd, f->tmp, 0);
	rlarge_free(r, f);
}

/* -- the list -- */

static int push_list(struct worker *w, struct rlarge *f, const struct oid *id, uint64_t expect,
		     struct err *err)
{
	struct list *l = &f->lists[f->depth];

	if (f->depth == LIST_DEPTH)
		return err_set(err, ERR_CORRUPT, "list %s is nested too deeply", oid_hex(id).s);
	buf_reset(&w->blob);
	int ret = store_read(w->r->job->store, id, OBJ_LIST, NULL, &w->blob, err);
	if (ret == 0)
		ret = list_decode(l, w->blob.data, w->blob.len, err);
	if (ret == 0 && l->size != expect)
		ret = err_set(err, ERR_CORRUPT, "stands for %" PRIu64 " bytes instead of %" PRIu64,
			      l->size, expect);
	if (ret < 0)
		return err_wrap(err, "list %s", oid_hex(id).s);
	f->at[f->depth++] = 0;
	return 0;
}

/* 1 and the next chunk, 0 at the end, negative. */
static int next_chunk(struct worker *w, struct rlarge *f, struct chunk *c, struct err *err)
{
	while (f->depth > 0) {
		struct list *l = &f->lists[f->depth - 1];
		if (f->at[f->depth - 1] == l->nr) {
			f->depth--;
			continue;
		}
		const struct list_entry *e = &l->entries[f->at[f->depth - 1]++];
		if (e->kind == LIST_LIST) {
			int ret = push_list(w, f, &e->id, e->size, err);
			if (ret < 0)
				return ret;
			continue;
		}
		*c = (struct chunk){ e->kind == LIST_ZERO, e->id, f->off, e->size, f->holes };
		f->off += e->size;
		return 1;
	}
	return 0;
}

static int rewind_list(struct worker *w, struct rlarge *f, struct err *err)
{
	f->depth = 0;
	f->off = 0;
	hole_cursor_init(&f->holes, f->map, f->map_size);
	return push_list(w, f, &f->entry->e.id, f->entry->e.size, err);
}

/* -- begin -- */

static void open_old(struct rlarge *f)
{
	if (f->old_fd < 0 && f->there.exists && f->there.st.type == ENTRY_FILE)
		f->old_fd = restore_openat(f->dirfd, (const char *)f->entry->e.name, O_RDONLY |
					   O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}

static int begin_writing(struct worker *w, struct rlarge *f)
{
	const struct tree_entry *e = &f->entry->e;

	f->fd = restore_new_file(w, f->dir, f->dirfd, e, &f->mode);
	if (f->fd < 0)
		return -1;
	memcpy(f->tmp, w->tmp, sizeof(f->tmp));
	open_old(f);
	f->is_cloned = f->old_fd >= 0 && sys_clone_range(f->fd, 0, f->old_fd, 0, 0) == 0;
	/* A clone's holes are not the map's. */
	if (f->is_cloned && f->map_size > 0) {
		sys_ftruncate(f->fd, 0);
		f->is_cloned = false;
	}
	if (sys_ftruncate(f->fd, (off_t)e->size) == 0)
		return 0;
	restore_problem(w, f->dir, e->name, e->name_len, "write", errno, "");
	return -1;
}

/* Negative: the file fails, which has been told. */
static int begin(struct worker *w, struct rlarge *f)
{
	const struct tree_entry *e = &f->entry->e;
	struct err err = ERR_INIT;

	f->is_begun = true;
	f->pending = 1;
	if (f->dirfd < 0)
		f->dirfd = rdir_use(w->r, f->dir);
	if (f->dirfd < 0) {
		restore_problem(w, f->dir, e->name, e->name_len, "find the folder again", errno,
				"");
		return -1;
	}
	int ret = attr_writer_load(w->writer, e, &err);
	if (ret == 0 && !f->map) {
		const unsigned char *map = attr_writer_holes(w->writer, &f->map_size);
		f->map = xmalloc(f->map_size + 1);
		if (f->map_size > 0)
			memcpy(f->map, map, f->map_size);
	}
	if (ret == 0)
		ret = rewind_list(w, f, &err);
	if (ret < 0) {
		restore_damage(w, f->dir, e, ret, &err);
		return ret;
	}
	if (f->is_writing)
		return begin_writing(w, f);
	open_old(f);
	if (f->old_fd < 0)
		f->is_over = f->differs = true;
	else if (w->r->job->mode == RESTORE_VERIFY)
		sys_fadvise(f->old_fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

/* -- one chunk -- */

static bool is_all_zero(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* A run of zeros is read only where the file has data. */
static bool has_zeros(struct worker *w, int fd, const struct chunk *c)
{
	uint64_t at = c->off, end = c->off + c->size;

	buf_reset(&w->old);
	unsigned char *p = buf_extend(&w->old, COMPARE_PIECE);
	while (at < end) {
		off_t data = sys_lseek(fd, (off_t)at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return true;
		if (data >= 0 && (uint64_t)data > at)
			at = (uint64_t)data;
		if (at >= end)
			return true;
		size_t n = end - at < COMPARE_PIECE ? (size_t)(end - at) : COMPARE_PIECE;
		if (sys_pread_full(fd, p, n, (off_t)at) != (ssize_t)n || !is_all_zero(p, n))
			return false;
		at += n;
	}
	return true;
}

/* Is the chunk there?  Its bytes are then in w->old, unless it is zeros. */
static bool is_there(struct worker *w, int fd, const struct chunk *c)
{
	struct oid id;

	if (c->is_zero)
		return has_zeros(w, fd, c);
	buf_reset(&w->old);
	unsigned char *p = buf_extend(&w->old, (size_t)c->size);
	if (sys_pread_full(fd, p, (size_t)c->size, (off_t)c->off) != (ssize_t)c->size)
		return false;
	keys_object_id(store_keys(w->r->job->store), OBJ_BLOB, p, (size_t)c->size, id.b);
	return oid_eq(&id, &c->id);
}

static void set_over(struct restore *r, struct rlarge *f, bool has_failed)
{
	sys_lock(&r->lock);
	f->is_over = true;
	if (has_failed)
		f->has_failed = true;
	else
		f->differs = true;
	sys_unlock(&r->lock);
}

static int get_blob(struct worker *w, struct rlarge *f, const struct chunk *c)
{
	struct err err = ERR_INIT;

	buf_reset(&w->blob);
	int ret = store_read(w->r->job->store, &c->id, OBJ_BLOB, NULL, &w->blob, &err);
	if (ret == 0 && w->blob.len != c->size)
		ret = err_set(&err, ERR_CORRUPT, "blob %s has another size than its list says",
			      oid_hex(&c->id).s);
	if (ret == 0)
		return 0;
	/* One file, told once. */
	sys_lock(&w->r->lock);
	bool is_first = !f->has_failed;
	f->has_failed = f->is_over = true;
	sys_unlock(&w->r->lock);
	if (is_first)
		restore_damage(w, f->dir, &f->entry->e, ret, &err);
	return ret;
}

static void write_chunk(struct worker *w, struct rlarge *f, struct chunk *c)
{
	const struct tree_entry *e = &f->entry->e;
	const unsigned char *p = NULL;
	bool is_old = f->old_fd >= 0 && c->off + c->size <= f->there.st.size &&
		      is_there(w, f->old_fd, c);

	progress_add(&w->r->progress, c->size);
	if (is_old && f->is_cloned)
		return;
	if (is_old && !c->is_zero)
		p = w->old.data;
	else if (!c->is_zero) {
		if (get_blob(w, f, c) < 0)
			return;
		p = w->blob.data;
	}
	if (restore_write(f->fd, &c->holes, p, c->size, c->off, &w->stats.bytes_written) == 0) {
		/* The disk works along, instead of when all is there. */
		sys_start_writing(f->fd, (off_t)c->off, (off_t)c->size);
		return;
	}
	int error = errno;
	set_over(w->r, f, true);
	restore_problem(w, f->dir, e->name, e->name_len, "write", error, "");
}

/* -- the end -- */

static void put_in_place(struct worker *w, struct rlarge *f)
{
	const struct tree_entry *e = &f->entry->e;
	struct err err = ERR_INIT;
	int ret = attr_writer_load(w->writer, e, &err);

	if (ret < 0) {
		restore_damage(w, f->dir, e, ret, &err);
		sys_unlinkat(f->dirfd, f->tmp, 0);
		return;
	}
	restore_attrs(w, f->dir, f->dirfd, f->tmp, f->fd, e, f->mode);
	if (f->there.exists && restore_make_way(w, f->dir, f->dirfd, e, &f->there) < 0)
		sys_unlinkat(f->dirfd, f->tmp, 0);
	else
		restore_put_in_place(w, f->dir, f->dirfd, f->tmp, e, f->fd, &f->there);
}

/* What is there differs: true if it is to be written. */
static bool wants_writing(struct worker *w, struct rlarge *f)
{
	const struct tree_entry *e = &f->entry->e;

	if (w->r->job->mode == RESTORE_VERIFY) {
		restore_problem(w, f->dir, e->name, e->name_len, "verify", 0,
				"its content differs");
		return false;
	}
	if (!restore_may_replace(w, f->dir, e, &f->there))
		return false;
	if (w->r->job->mode == RESTORE_DO)
		return true;
	restore_tell_made(w, f->dir, e, &f->there);
	return false;
}

static void adjust(struct worker *w, struct rlarge *f)
{
	const struct tree_entry *e = &f->entry->e;
	struct err err = ERR_INIT;
	int ret = attr_writer_load(w->writer, e, &err);

	if (ret < 0)
		restore_damage(w, f->dir, e, ret, &err);
	else
		restore_adjust(w, f->dir, f->dirfd, e, f->old_fd, &f->there.st);
}

/* All chunks are done, by nobody any more. */
static void finish(struct worker *w, struct rlarge *f)
{
	struct rdir *d = f->dir;
	bool has_ended = restore_has_failed(w->r) || f->has_failed;

	if (!has_ended && !f->is_writing && f->differs && wants_writing(w, f)) {
		f->is_writing = true;
		f->is_begun = f->is_over = f->differs = false;
		restore_push(w->r, f->item);
		return;
	}
	if (has_ended) {
		if (f->fd >= 0)
			sys_unlinkat(f->dirfd, f->tmp, 0);
	} else if (f->is_writing) {
		put_in_place(w, f);
	} else if (!f->differs) {
		adjust(w, f);
	}
	sys_free(f->item);
	rlarge_free(w->r, f);
	rdir_done(w, d);
}

static void let_go(struct worker *w, struct rlarge *f)
{
	sys_lock(&w->r->lock);
	bool is_last = --f->pending == 0;
	sys_unlock(&w->r->lock);
	if (!is_last)
		return;
	progress_add_files(&w->r->progress, 1);
	finish(w, f);
}

int restore_large_work(struct worker *w, struct item *it, struct err *err)
{
	struct rlarge *f = it->large;
	struct chunk c;
	int ret = 0;

	(void)err;
	if (!f->is_begun && begin(w, f) < 0)
		set_over(w->r, f, true);
	sys_lock(&w->r->lock);
	bool is_over = f->is_over || w->r->ret < 0;
	sys_unlock(&w->r->lock);
	if (!is_over) {
		struct err why = ERR_INIT;
		ret = next_chunk(w, f, &c, &why);
		if (ret < 0) {
			set_over(w->r, f, true);
			restore_damage(w, f->dir, &f->entry->e, ret, &why);
		}
	}
	if (ret <= 0) {
		let_go(w, f);
		return 0;
	}
	sys_lock(&w->r->lock);
	f->pending++;
	sys_unlock(&w->r->lock);
	restore_push(w->r, it);
	if (f->is_writing)
		write_chunk(w, f, &c);
	else if (!is_there(w, f->old_fd, &c))
		set_over(w->r, f, false);
	let_go(w, f);
	return 0;
}
