/*
 * A file whose content is one piece: in the tree, or a blob.  The object is read and known to be
 * good before anything is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/restore-internal.h"

/* -- holes -- */

static void next_hole(struct hole_cursor *c)
{
	struct err ignored = ERR_INIT;
	uint64_t gap, len;

	c->start = c->end = UINT64_MAX;
	if (c->left > 0 && hole_next(&c->p, &c->left, &gap, &len, &ignored) > 0) {
		c->start = c->last + gap;
		c->end = c->last = c->start + len;
	}
}

void hole_cursor_init(struct hole_cursor *c, const unsigned char *map, size_t n)
{
	*c = (struct hole_cursor){ .p = map, .left = n };
	next_hole(c);
}

static bool is_zero(const unsigned char *p, uint64_t n)
{
	return !p || (p[0] == 0 && memcmp(p, p + 1, (size_t)n - 1) == 0);
}

static int write_data(int fd, const unsigned char *p, uint64_t n, uint64_t off)
{
	static const unsigned char zeros[65536];

	if (p)
		return sys_pwrite_full(fd, p, (size_t)n, (off_t)off);
	for (uint64_t part; n > 0; n -= part, off += part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		if (sys_pwrite_full(fd, zeros, (size_t)part, (off_t)off) < 0)
			return -1;
	}
	return 0;
}

int restore_write(int fd, struct hole_cursor *holes, const unsigned char *p, uint64_t n,
		  uint64_t off, uint64_t *written)
{
	while (n > 0) {
		while (holes->end <= off && holes->start != UINT64_MAX)
			next_hole(holes);
		bool is_hole = holes->start <= off;
		uint64_t stop = is_hole ? holes->end : holes->start;
		uint64_t part = stop - off < n ? stop - off : n;
		/* The map says how the file lay, not what it holds. */
		bool is_data = !is_hole || !is_zero(p, part);
		if (is_data && write_data(fd, p, part, off) < 0)
			return -1;
		*written += is_data ? part : 0;
		if (p)
			p += part;
		off += part;
		n -= part;
	}
	return 0;
}

/* -- what is there -- */

static bool is_quick_same(struct worker *w, const struct tree_entry *e, const struct file_stat *st)
{
	uint32_t ns;
	int64_t s;

	return w->r->job->overwrite == RESTORE_IF_CHANGED && w->r->job->mode != RESTORE_VERIFY &&
	       tree_entry_mtime(e, &s, &ns) && st->mtime_s == s && st->mtime_ns == ns;
}

/* Is this what the file holds?  Its size is right. */
static bool is_same_content(struct worker *w, int fd, const struct tree_entry *e)
{
	struct oid id;

	buf_reset(&w->old);
	unsigned char *p = buf_extend(&w->old, (size_t)e->size);
	if (w->r->job->mode == RESTORE_VERIFY)
		sys_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);	/* from the disk */
	if (sys_pread_full(fd, p, (size_t)e->size, 0) != (ssize_t)e->size)
		return false;
	if (e->content == CONTENT_INLINE)
		return memcmp(p, e->data, (size_t)e->size) == 0;
	keys_object_id(store_keys(w->r->job->store), OBJ_BLOB, p, (size_t)e->size, id.b);
	return oid_eq(&id, &e->id);
}

enum seen { SEEN_SAME, SEEN_OTHER, SEEN_LATER };

/* Looks at the content of the file that is there; the same: the rest is made so, too. */
static enum seen look_into(struct worker *w, struct rdir *d, int dirfd,
			   const struct tree_entry *e, const struct there *there)
{
	int fd;

	if (there->st.size != e->size)
		return SEEN_OTHER;
	fd = restore_openat(dirfd, (const char *)e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
			    O_NOCTTY | O_CLOEXEC, 0);
	if (fd < 0 && w->r->job->mode == RESTORE_VERIFY) {
		restore_problem(w, d, e->name, e->name_len, "verify", errno, "");
		return SEEN_SAME;
	}
	if (fd < 0)
		return SEEN_OTHER;
	enum seen seen = SEEN_SAME;
	if (!is_quick_same(w, e, &there->st) && e->content != CONTENT_NONE) {
		if (e->content == CONTENT_LIST)
			seen = SEEN_LATER;
		else if (!is_same_content(w, fd, e))
			seen = SEEN_OTHER;
	}
	if (seen == SEEN_SAME)
		restore_adjust(w, d, dirfd, e, fd, &there->st);
	sys_close(fd);
	return seen;
}

/* -- making -- */

static int get_content(struct worker *w, struct rdir *d, const struct tree_entry *e,
		       const unsigned char **out)
{
	struct err err = ERR_INIT;

	*out = e->data;
	if (e->content != CONTENT_BLOB)
		return 0;
	buf_reset(&w->blob);
	int ret = store_read(w->r->job->store, &e->id, OBJ_BLOB, NULL, &w->blob, &err);
	if (ret == 0 && w->blob.len != e->size)
		ret = err_set(&err, ERR_CORRUPT, "blob %s has another size than its file",
			      oid_hex(&e->id).s);
	if (ret < 0)
		restore_damage(w, d, e, ret, &err);
	*out = w->blob.data;
	return ret;
}

static int write_all(struct worker *w, int fd, const unsigned char *p, uint64_t n)
{
	struct hole_cursor holes;
	size_t size;
	const unsigned char *map = attr_writer_holes(w->writer, &size);

	if (n == 0)
		return 0;
	if (size == 0) {
		w->stats.bytes_written += n;
		return sys_write_full(fd, p, (size_t)n);
	}
	hole_cursor_init(&holes, map, size);
	if (sys_ftruncate(fd, (off_t)n) < 0)
		return -1;
	return restore_write(fd, &holes, p, n, 0, &w->stats.bytes_written);
}

static void make(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		 const struct there *there)
{
	const unsigned char *p;
	uint32_t mode;

	if (get_content(w, d, e, &p) < 0)
		return;
	int fd = restore_new_file(w, d, dirfd, e, &mode);
	if (fd < 0)
		return;
	if (write_all(w, fd, p, e->size) < 0) {
		int error = errno;
		sys_close(fd);
		sys_unlinkat(dirfd, w->tmp, 0);
		restore_problem(w, d, e->name, e->name_len, "write", error, "");
		return;
	}
	progress_add_files(&w->r->progress, 1);
	progress_add(&w->r->progress, e->size);
	restore_attrs(w, d, dirfd, w->tmp, fd, e, mode);
	if (there->exists && restore_make_way(w, d, dirfd, e, there) < 0)
		sys_unlinkat(dirfd, w->tmp, 0);
	else
		restore_put_in_place(w, d, dirfd, w->tmp, e, fd, there);
	sys_close(fd);
}

int restore_file(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		 struct there *there, struct item **more, struct err *err)
{
	enum restore_mode mode = w->r->job->mode;
	bool is_file = there->exists && there->st.type == ENTRY_FILE;
	enum seen seen = SEEN_OTHER;

	(void)err;
	if (is_file && mode != RESTORE_VERIFY && (w->r->job->overwrite == RESTORE_NEVER ||
	     w->r->job->overwrite == RESTORE_IF_NEWER) && !restore_may_replace(w, d, e, there))
		return 0;
	if (is_file)
		seen = look_into(w, d, dirfd, e, there);
	if (seen == SEEN_SAME) {
		progress_add_files(&w->r->progress, 1);
		progress_add(&w->r->progress, e->size);
		return 0;
	}
	if (seen == SEEN_LATER) {
		*more = rlarge_new(w, d, e, there);
		return 0;
	}
	if (mode == RESTORE_VERIFY) {
		restore_problem(w, d, e->name, e->name_len, "verify", 0,
				is_file ? "its content differs" : "it is no file");
		return 0;
	}
	if (there->exists && !restore_may_replace(w, d, e, there))
		return 0;
	if (mode == RESTORE_PLAN) {
		if (!there->exists || restore_make_way(w, d, dirfd, e, there) == 0)
			restore_tell_made(w, d, e, there);
		return 0;
	}
	if (e->content == CONTENT_LIST) {
		*more = rlarge_new(w, d, e, there);
		return 0;
	}
	make(w, d, dirfd, e, there);
	return 0;
}
