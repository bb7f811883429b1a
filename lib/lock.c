/*
 * Locks between processes.  Says who waits for what; never breaks a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "lib/sys.h"

#include "lib/lock.h"

enum { PAUSE_FIRST_MS = 5, PAUSE_MAX_MS = 200 };

static int open_lock_file(const char *path, enum lock_mode mode)
{
	int fd;

	do
		fd = sys_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	/* A reader of a repository that it may not write to locks what is there. */
	if (fd < 0 && mode == LOCK_SHARED && (errno == EROFS || errno == EACCES))
		fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	return fd;
}

/* Takes `fd` over, whatever comes of it. */
static int take_fd(struct lock *l, int fd, int op, const char *path, unsigned int wait_ms,
		   const char *what, struct err *err)
{
	uint64_t until = sys_monotonic_ns() + (uint64_t)wait_ms * 1000000u;
	unsigned int pause = PAUSE_FIRST_MS;

	while (sys_flock(fd, op | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) {
			int ret = err_sys(err, "lock '%s'", path);
			sys_close(fd);
			return ret;
		}
		uint64_t now = sys_monotonic_ns();
		if (now >= until) {
			sys_close(fd);
			return err_set(err, ERR_BUSY, "%s is in use by another process", what);
		}
		uint64_t left = (until - now) / 1000000u + 1;
		sys_sleep_ms(left < pause ? (unsigned int)left : pause);
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
	l->fd = fd;
	return 0;
}

int lock_take(struct lock *l, const char *path, enum lock_mode mode, unsigned int wait_ms,
	      const char *what, struct err *err)
{
	if (lock_is_held(l))
		BUG("lock '%s' taken twice", path);
	int fd = open_lock_file(path, mode);
	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	return take_fd(l, fd, mode == LOCK_SHARED ? LOCK_SH : LOCK_EX, path, wait_ms, what, err);
}

int lock_take_folder(struct lock *l, const char *dir, unsigned int wait_ms, const char *what,
		     struct err *err)
{
	int fd;

	do
		fd = sys_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(err, "open '%s'", dir);
	return take_fd(l, fd, LOCK_EX, dir, wait_ms, what, err);
}

void lock_release(struct lock *l)
{
	if (l->fd >= 0)
		sys_close(l->fd);
	l->fd = -1;
}

bool lock_is_held(const struct lock *l)
{
	return l->fd >= 0;
}
