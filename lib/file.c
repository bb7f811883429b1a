/*
 * Files that appear whole or not at all, and the small reads that go with them.
 *
 * 1. A name is given only to a file whose bytes are synced.
 * 2. A caller hears success only when the folder that holds the name is synced too.  (Not
 *    where the caller says that the old file would do as well; and scratch files, which nobody
 *    looks for after a crash, are exempt from 1 too.)
 * 3. A temporary file is locked by the process that writes it; one that is not locked is dead.
 * 4. A failed sync is final: the kernel may have dropped the bytes and call them clean, so a
 *    second sync would report what is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "lib/sys.h"

#include "lib/file.h"

enum { DIRECT_ALIGN = 4096, TMP_RANDOM = 8, TMP_TRIES = 16 };

/* The folder of `path`, to be given back with sys_free(). */
static char *dir_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n > 0 ? xstrndup(path, n) : xstrdup(".");
}

static int retry_open(const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = sys_open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static int retry_flock(int fd, int op)
{
	int ret;

	do
		ret = sys_flock(fd, op);
	while (ret < 0 && errno == EINTR);
	return ret;
}

/*
 * One attempt at a temporary file.  1: open and ours, 0: somebody cleaned it away between open
 * and lock, or the name was taken; try another.
 */
static int try_tmp(struct file_out *f, const char *dir, mode_t mode, struct err *err)
{
	unsigned char raw[TMP_RANDOM];
	char hex[2 * TMP_RANDOM + 1];
	struct stat st;

	sys_random(raw, sizeof(raw));
	hex_encode(hex, raw, sizeof(raw));
	f->tmp = xasprintf("%s/" FILE_TMP_PREFIX "%s", dir, hex);

	int flags = O_RDWR | O_CREAT | O_EXCL;
	f->is_direct = f->flags & FILE_DIRECT;
	f->fd = retry_open(f->tmp, f->is_direct ? flags | O_DIRECT : flags, mode);
	if (f->fd < 0 && f->is_direct && errno == EINVAL) {
		f->is_direct = false;
		/* The refused open may have made the file already. */
		f->fd = retry_open(f->tmp, O_RDWR | O_CREAT | O_NOFOLLOW, mode);
	}
	if (f->fd < 0) {
		int ret = errno == EEXIST ? 0 : err_sys(err, "create a file in '%s'", dir);
		sys_free(f->tmp);
		f->tmp = NULL;
		return ret;
	}
	if (retry_flock(f->fd, LOCK_EX | LOCK_NB) < 0) {
		int ret = errno == EWOULDBLOCK ? 0 : err_sys(err, "lock '%s'", f->tmp);
		file_out_release(f);
		return ret;
	}
	if (sys_fstat(f->fd, &st) < 0) {
		int ret = err_sys(err, "stat '%s'", f->tmp);
		file_out_release(f);
		return ret;
	}
	if (st.st_nlink == 0) {
		file_out_release(f);
		return 0;
	}
	return 1;
}

int file_out_open_in(struct file_out *f, const char *dir, unsigned int flags, mode_t mode,
		     struct err *err)
{
	*f = (struct file_out)FILE_OUT_INIT;
	for (int i = 0; i < TMP_TRIES; i++) {
		f->flags = flags;
		int ret = try_tmp(f, dir, mode, err);
		if (ret != 0)
			return ret < 0 ? ret : 0;
	}
	return err_set(err, ERR_FAILED, "cannot create a file in '%s': every name is taken", dir);
}

int file_out_open(struct file_out *f, const char *path, unsigned int flags, mode_t mode,
		  struct err *err)
{
	char *dir = dir_of(path);
	int ret = file_out_open_in(f, dir, flags, mode, err);

	sys_free(dir);
	if (ret == 0)
		file_out_set_path(f, path);
	return ret;
}

void file_out_set_path(struct file_out *f, const char *path)
{
	char *copy = xstrdup(path);

	sys_free(f->path);
	f->path = copy;
}

/* What a person would call it in a message. */
static const char *shown(const struct file_out *f)
{
	return f->path ? f->path : f->tmp;
}

static int drop_direct(struct file_out *f, struct err *err)
{
	if (sys_fcntl_setfl(f->fd, 0) < 0)
		return err_sys(err, "go on writing '%s'", shown(f));
	f->is_direct = false;
	return 0;
}

/* O_DIRECT wants all three aligned; the last, odd piece of a file goes through the cache. */
static int prepare(struct file_out *f, const void *p, size_t n, uint64_t off, struct err *err)
{
	f->is_synced = false;
	if (f->is_direct && ((uintptr_t)p | n | off) % DIRECT_ALIGN != 0)
		return drop_direct(f, err);
	return 0;
}

int file_out_write(struct file_out *f, const void *p, size_t n, struct err *err)
{
	int ret = prepare(f, p, n, 0, err);

	if (ret < 0)
		return ret;
	ret = sys_write_full(f->fd, p, n);
	if (ret < 0 && errno == EINVAL && f->is_direct) {
		ret = drop_direct(f, err);
		if (ret < 0)
			return ret;
		ret = sys_write_full(f->fd, p, n);
	}
	return ret < 0 ? err_sys(err, "write '%s'", shown(f)) : 0;
}

int file_out_pwrite(struct file_out *f, const void *p, size_t n, uint64_t off, struct err *err)
{
	int ret = prepare(f, p, n, off, err);

	if (ret < 0)
		return ret;
	ret = sys_pwrite_full(f->fd, p, n, (off_t)off);
	if (ret < 0 && errno == EINVAL && f->is_direct) {
		ret = drop_direct(f, err);
		if (ret < 0)
			return ret;
		ret = sys_pwrite_full(f->fd, p, n, (off_t)off);
	}
	return ret < 0 ? err_sys(err, "write '%s'", shown(f)) : 0;
}

int file_out_sync(struct file_out *f, struct err *err)
{
	if (f->fd < 0)
		BUG("sync of a file that is not open");
	if (!(f->flags & FILE_SCRATCH) && sys_fdatasync(f->fd) < 0) {
		int ret = err_sys(err, "sync '%s'", shown(f));
		file_out_release(f);
		return ret;
	}
	f->is_synced = true;
	return 0;
}

int file_sync_dir(const char *dir, struct err *err)
{
	int fd = retry_open(dir, O_RDONLY | O_DIRECTORY, 0);
	int ret = 0;

	if (fd < 0)
		return err_sys(err, "open '%s'", dir);
	if (sys_fsync(fd) < 0)
		ret = err_sys(err, "sync '%s'", dir);
	sys_close(fd);
	return ret;
}

static int sync_parent(const char *path, struct err *err)
{
	char *dir = dir_of(path);
	int ret = file_sync_dir(dir, err);

	sys_free(dir);
	return ret;
}

int file_out_rename(struct file_out *f, struct err *err)
{
	int ret;

	if (f->fd < 0 || !f->path || !f->is_synced)
		BUG("rename of a file that is not open, named and synced");
	if (f->flags & FILE_NO_REPLACE)
		ret = sys_rename_noreplace(f->tmp, f->path);
	else
		ret = sys_rename(f->tmp, f->path);
	if (ret < 0 && errno == EEXIST && f->flags & FILE_NO_REPLACE)
		return err_set(err, ERR_REFUSED, "'%s' exists already", f->path);
	if (ret < 0)
		return err_sys(err, "rename '%s' to '%s'", f->tmp, f->path);

	sys_free(f->tmp);
	f->tmp = NULL;
	if (!(f->flags & (FILE_SCRATCH | FILE_LAZY)))
		ret = sync_parent(f->path, err);
	file_out_release(f);
	return ret;
}

int file_out_commit(struct file_out *f, struct err *err)
{
	int ret = file_out_sync(f, err);

	return ret < 0 ? ret : file_out_rename(f, err);
}

void file_out_release(struct file_out *f)
{
	if (f->tmp)
		sys_unlink(f->tmp);	/* what stays is dead, and cleaned by file_clean_tmp() */
	if (f->fd >= 0)
		sys_close(f->fd);
	sys_free(f->tmp);
	sys_free(f->path);
	*f = (struct file_out)FILE_OUT_INIT;
}

static int too_large(const char *path, size_t max, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "'%s' is larger than %zu bytes", path, max);
}

/* Appends to `out`; the caller takes it back on failure. */
static int read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	struct stat st;

	if (sys_fstat(fd, &st) < 0)
		return err_sys(err, "stat '%s'", path);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return err_sys(err, "read '%s'", path);
	}
	size_t want = st.st_size > 0 ? (size_t)st.st_size : 0;
	size_t total = 0;
	for (;;) {
		/* One byte more than expected tells a file that grew from one that ended. */
		size_t room = (want > total ? want - total : 0) + 1;
		if (room > max - total + 1)
			return too_large(path, max, err);
		if (!buf_fits(out, room))
			return err_set(err, ERR_NOMEM, "'%s' does not fit its buffer", path);
		size_t at = out->len;
		unsigned char *p = buf_extend(out, room);
		ssize_t got = sys_read_full(fd, p, room);
		buf_truncate(out, at + (got > 0 ? (size_t)got : 0));
		if (got < 0)
			return err_sys(err, "read '%s'", path);
		total += (size_t)got;
		if (total > max)
			return too_large(path, max, err);
		if ((size_t)got < room)
			return 0;
		want = total + 4096 < max ? total + 4096 : max;
	}
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	size_t at = out->len;
	int fd = retry_open(path, O_RDONLY, 0);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	int ret = read_fd(fd, path, max, out, err);
	if (ret < 0)
		buf_truncate(out, at);
	sys_close(fd);
	return ret;
}

int file_write(const char *path, const void *p, size_t n, unsigned int flags, mode_t mode,
	       struct err *err)
{
	struct file_out f = FILE_OUT_INIT;
	int ret;

	ret = file_out_open(&f, path, flags, mode, err);
	if (ret < 0)
		goto done;
	ret = file_out_write(&f, p, n, err);
	if (ret < 0)
		goto done;
	ret = file_out_commit(&f, err);
done:
	file_out_release(&f);
	return ret;
}

/* A folder that is not ours to sync is not ours to have changed. */
__attribute__((noinline)) int file_sync_again(const char *path, struct err *err)
{
	int ret = sync_parent(path, err);

	if (ret < 0 && (err->sys_errno == EACCES || err->sys_errno == EPERM)) {
		err_clear(err);
		ret = 0;
	}
	return ret;
}

int file_remove(const char *path, struct err *err)
{
	if (sys_unlink(path) == 0)
		return sync_parent(path, err);
	if (errno == ENOTDIR)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, "remove '%s'", path);

	char *dir = dir_of(path);
	int ret = file_exists(dir) ? file_sync_again(path, err) : 0;
	sys_free(dir);
	return ret;
}

/* 1: it is there and a folder, 0: absent. */
static int is_dir(const char *path, struct err *err)
{
	struct stat st;

	if (sys_stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "stat '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED, "'%s' is not a folder", path);
	return 1;
}

int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	int ret = is_dir(path, err);

	if (ret < 0)
		return ret;
	if (ret == 1)
		return file_sync_again(path, err);
	char *dir = dir_of(path);
	ret = file_make_dirs(dir, mode, err);
	sys_free(dir);
	if (ret < 0)
		return ret;
	if (sys_mkdir(path, mode) < 0 && errno != EEXIST)
		return err_sys(err, "create the folder '%s'", path);
	return sync_parent(path, err);
}

void file_make_scratch_dirs(const char *path, mode_t mode)
{
	if (sys_mkdir(path, mode) == 0 || errno != ENOENT)
		return;
	char *dir = dir_of(path);
	if (strcmp(dir, path) != 0) {
		file_make_scratch_dirs(dir, mode);
		sys_mkdir(path, mode);
	}
	sys_free(dir);
}

bool file_exists(const char *path)
{
	struct stat st;

	return sys_lstat(path, &st) == 0;
}

int file_each(const char *dir, int (*fn)(const char *name, void *data, struct err *err), void *data,
	      struct err *err)
{
	DIR *d;
	int ret = 0;

	do
		d = sys_opendir(dir);
	while (!d && errno == EINTR);
	if (!d && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no folder '%s'", dir);
	if (!d)
		return err_sys(err, "open '%s'", dir);
	while (ret == 0) {
		struct dirent *e = sys_readdir(d);
		if (!e) {
			if (errno != 0)
				ret = err_sys(err, "read '%s'", dir);
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ret = fn(e->d_name, data, err);
	}
	sys_closedir(d);
	return ret;
}

bool file_is_tmp_name(const char *name)
{
	unsigned char raw[TMP_RANDOM];
	size_t n = strlen(FILE_TMP_PREFIX);

	return strncmp(name, FILE_TMP_PREFIX, n) == 0 && strlen(name) == n + 2 * TMP_RANDOM &&
	       hex_decode(raw, TMP_RANDOM, name + n);
}

static int clean_one(const char *name, void *data, struct err *err)
{
	const char *dir = data;

	(void)err;	/* what cannot be cleaned does no harm */
	if (!file_is_tmp_name(name))
		return 0;
	char *path = xasprintf("%s/%s", dir, name);
	int fd = retry_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd >= 0) {
		if (retry_flock(fd, LOCK_EX | LOCK_NB) == 0)
			sys_unlink(path);
		sys_close(fd);
	}
	sys_free(path);
	return 0;
}

int file_clean_tmp(const char *dir, struct err *err)
{
	char *copy = xstrdup(dir);
	int ret = file_each(dir, clean_one, copy, err);

	sys_free(copy);
	return ret;
}
