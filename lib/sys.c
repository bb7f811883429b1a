/*
 * The seam's plain half: each function is the system call of its name and nothing more.  What
 * the tests may break passes FAULT() first, which is empty outside the test build; the breaking
 * itself is in sys-fault.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys-internal.h"

#include "lib/sys.h"

enum { STACK_SIZE = 16 << 20 };	/* only what is touched costs memory */

int sys_open(const char *path, int flags, mode_t mode)
{
	FAULT(openat, AT_FDCWD, path, flags, mode);
	return open(path, flags, mode);
}

int sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	FAULT(openat, dirfd, path, flags, mode);
	return openat(dirfd, path, flags, mode);
}

int sys_close(int fd)
{
	FAULT(close, fd);
	return close(fd);
}

ssize_t sys_read(int fd, void *p, size_t n)
{
	FAULT(read, fd, p, n);
	return read(fd, p, n);
}

ssize_t sys_pread(int fd, void *p, size_t n, off_t off)
{
	FAULT(pread, fd, p, n, off);
	return pread(fd, p, n, off);
}

ssize_t sys_write(int fd, const void *p, size_t n)
{
	FAULT(write, fd, p, n);
	return write(fd, p, n);
}

ssize_t sys_pwrite(int fd, const void *p, size_t n, off_t off)
{
	FAULT(pwrite, fd, p, n, off);
	return pwrite(fd, p, n, off);
}

int sys_fsync(int fd)
{
	FAULT(fsync, fd);
	return fsync(fd);
}

int sys_fdatasync(int fd)
{
	FAULT(fdatasync, fd);
	return fdatasync(fd);
}

int sys_ftruncate(int fd, off_t size)
{
	FAULT(ftruncate, fd, size);
	return ftruncate(fd, size);
}

int sys_fallocate(int fd, int mode, off_t off, off_t size)
{
	FAULT(fallocate, fd, mode, off, size);
	return fallocate(fd, mode, off, size);
}

int sys_fstat(int fd, struct stat *st)
{
	FAULT(fstat, fd, st);
	return fstat(fd, st);
}

int sys_fcntl_setfl(int fd, int flags)
{
	FAULT(fcntl_setfl, fd, flags);
	return fcntl(fd, F_SETFL, flags);
}

int sys_stat(const char *path, struct stat *st)
{
	FAULT(stat, path, st);
	return stat(path, st);
}

int sys_lstat(const char *path, struct stat *st)
{
	FAULT(lstat, path, st);
	return lstat(path, st);
}

int sys_rename(const char *from, const char *to)
{
	FAULT(rename, from, to);
	return rename(from, to);
}

int sys_rename_noreplace(const char *from, const char *to)
{
	FAULT(rename_noreplace, from, to);
	return sys_plain_rename_noreplace(AT_FDCWD, from, AT_FDCWD, to);
}

/* Some file systems do not know the flag; link() refuses a taken name just as atomically. */
int sys_plain_rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return -1;
	return unlinkat(from_fd, from, 0);
}

int sys_unlink(const char *path)
{
	FAULT(unlink, path);
	return unlink(path);
}

int sys_mkdir(const char *path, mode_t mode)
{
	FAULT(mkdir, path, mode);
	return mkdir(path, mode);
}

int sys_rmdir(const char *path)
{
	FAULT(rmdir, path);
	return rmdir(path);
}

int sys_chmod(const char *path, mode_t mode)
{
	FAULT(chmod, path, mode);
	return chmod(path, mode);
}

int sys_access(const char *path, int mode)
{
	FAULT(access, path, mode);
	return access(path, mode);
}

DIR *sys_opendir(const char *path)
{
	FAULT(opendir, path);
	return opendir(path);
}

struct dirent *sys_readdir(DIR *d)
{
	FAULT(readdir, d);
	errno = 0;
	return readdir(d);
}

int sys_closedir(DIR *d)
{
	return closedir(d);
}

int sys_flock(int fd, int op)
{
	FAULT(flock, fd, op);
	return flock(fd, op);
}

char *sys_realpath(const char *path)
{
	FAULT(realpath, path);
	return realpath(path, NULL);
}

ssize_t sys_readlink(const char *path, char *out, size_t size)
{
	FAULT(readlink, path, out, size);
	return readlink(path, out, size);
}

/* Advice is never needed for a right answer: no fault here. */
int sys_fadvise(int fd, off_t off, off_t size, int advice)
{
	int ret = posix_fadvise(fd, off, size, advice);

	if (ret == 0)
		return 0;
	errno = ret;
	return -1;
}

int sys_pipe(int fd[2])
{
	FAULT(pipe, fd);
	return pipe2(fd, O_CLOEXEC);
}

void *sys_mmap(size_t size, int prot, int flags, int fd, off_t off)
{
	FAULT(mmap, size, prot, flags, fd, off);
	return mmap(NULL, size, prot, flags, fd, off);
}

int sys_munmap(void *p, size_t size)
{
	return munmap(p, size);
}

int sys_madvise(void *p, size_t size, int advice)
{
	return madvise(p, size, advice);
}

ssize_t sys_read_full(int fd, void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = sys_read(fd, (char *)p + done, n - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t sys_pread_full(int fd, void *p, size_t n, off_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = sys_pread(fd, (char *)p + done, n - done, off + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* A write that takes nothing and gives no error would loop for ever. */
static int took_nothing(void)
{
	errno = EIO;
	return -1;
}

int sys_write_full(int fd, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = sys_write(fd, (const char *)p + done, n - done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		if (put == 0)
			return took_nothing();
		done += (size_t)put;
	}
	return 0;
}

int sys_pwrite_full(int fd, const void *p, size_t n, off_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = sys_pwrite(fd, (const char *)p + done, n - done, off + (off_t)done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		if (put == 0)
			return took_nothing();
		done += (size_t)put;
	}
	return 0;
}

void sys_now(struct timespec *out)
{
	FAULT_TAKEN(now, out);
	clock_gettime(CLOCK_REALTIME, out);
}

uint64_t sys_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void sys_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

_Noreturn static void die(const char *sentence)
{
	ssize_t ignored = write(STDERR_FILENO, sentence, strlen(sentence));

	(void)ignored;
	_exit(EXIT_FAILED);
}

void sys_random(void *p, size_t n)
{
	FAULT_TAKEN(random, p, n);
	for (size_t done = 0; done < n; ) {
		ssize_t got = getrandom((char *)p + done, n - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("ub: the system gives no random bytes\n");
		done += (size_t)got;
	}
}

void *sys_malloc(size_t n)
{
	FAULT(malloc, n ? n : 1);
	return malloc(n ? n : 1);
}

void sys_free(void *p)
{
	free(p);
}

_Noreturn static void die_nomem(void)
{
	die("ub: out of memory\n");
}

void *xmalloc(size_t n)
{
	void *p = sys_malloc(n);

	if (!p)
		die_nomem();
	return p;
}

void *xcalloc(size_t nr, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(nr, size, &n))
		die_nomem();
	void *p = xmalloc(n);
	memset(p, 0, n);
	return p;
}

static void *sys_realloc(void *p, size_t n)
{
	FAULT(realloc, p, n);
	return realloc(p, n);
}

void *xrealloc(void *p, size_t n)
{
	void *q = sys_realloc(p, n ? n : 1);

	if (!q)
		die_nomem();
	return q;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	n = strnlen(s, n);
	char *p = xmalloc(n + 1);
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		BUG("bad format '%s'", fmt);
	char *s = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *sys_pages(size_t n)
{
	void *p = sys_mmap(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, n, MADV_DONTDUMP);	/* plaintext passes through these */
	return p;
}

void sys_pages_free(void *p, size_t n)
{
	if (p && munmap(p, n) < 0)
		BUG("munmap of %zu bytes: %s", n, strerror(errno));
}

int sys_thread_start(struct sys_thread *t, void *(*run)(void *), void *data)
{
	FAULT_ERRNO(thread_start);
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	pthread_attr_t attr;

	t->stack_size = guard + STACK_SIZE;
	t->stack = mmap(NULL, t->stack_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (t->stack == MAP_FAILED)
		return errno;
	madvise(t->stack, t->stack_size, MADV_DONTDUMP);
	int ret = mprotect(t->stack, guard, PROT_NONE) < 0 ? errno : pthread_attr_init(&attr);
	if (ret == 0) {
		ret = pthread_attr_setstack(&attr, (char *)t->stack + guard, STACK_SIZE);
		if (ret == 0)
			ret = pthread_create(&t->id, &attr, run, data);
		pthread_attr_destroy(&attr);
	}
	if (ret != 0)
		munmap(t->stack, t->stack_size);
	return ret;
}

/* A lock that fails is a lock used wrongly. */
static void must(int ret, const char *what)
{
	if (ret != 0)
		BUG("%s: %s", what, strerror(ret));
}

void *sys_thread_join(struct sys_thread *t)
{
	void *out = NULL;

	must(pthread_join(t->id, &out), "pthread_join");
	munmap(t->stack, t->stack_size);
	return out;
}

void sys_mutex_init(sys_mutex *m)
{
	must(pthread_mutex_init(m, NULL), "pthread_mutex_init");
}

void sys_mutex_destroy(sys_mutex *m)
{
	must(pthread_mutex_destroy(m), "pthread_mutex_destroy");
}

void sys_lock(sys_mutex *m)
{
	must(pthread_mutex_lock(m), "pthread_mutex_lock");
}

void sys_unlock(sys_mutex *m)
{
	must(pthread_mutex_unlock(m), "pthread_mutex_unlock");
}

void sys_cond_init(sys_cond *c)
{
	must(pthread_cond_init(c, NULL), "pthread_cond_init");
}

void sys_cond_destroy(sys_cond *c)
{
	must(pthread_cond_destroy(c), "pthread_cond_destroy");
}

void sys_wait(sys_cond *c, sys_mutex *m)
{
	must(pthread_cond_wait(c, m), "pthread_cond_wait");
}

void sys_signal(sys_cond *c)
{
	must(pthread_cond_signal(c), "pthread_cond_signal");
}

void sys_broadcast(sys_cond *c)
{
	must(pthread_cond_broadcast(c), "pthread_cond_broadcast");
}

bool sys_is_serial(void)
{
	return FAULT_IS_ARMED();
}

unsigned int sys_cpu_count(void)
{
	cpu_set_t set;
	int nr = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		nr = CPU_COUNT(&set);
	return nr > 0 ? (unsigned int)nr : 1;
}

uint64_t sys_memory_size(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

void sys_harden(void)
{
	struct rlimit none = { 0, 0 };

	if (FAULT_WANTS_CORE())
		return;
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}
