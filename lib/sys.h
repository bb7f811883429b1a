#ifndef LIB_SYS_H
#define LIB_SYS_H

/*
 * The seam: the one way to files, time, randomness, threads and memory.
 *
 * Each function is the system call of its name: same arguments, same answer, errno set.  In a
 * test build (UB_TEST) every call is numbered and can be made to fail, tear, lie or kill the
 * process; see sys-fault.c.  Nothing outside lib/sys*.c calls the system itself
 * (`make check` looks), so that what the tests break is all there is to break.
 */

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* Files */
int sys_open(const char *path, int flags, mode_t mode);
int sys_openat(int dirfd, const char *path, int flags, mode_t mode);
int sys_close(int fd);
ssize_t sys_read(int fd, void *p, size_t n);
ssize_t sys_pread(int fd, void *p, size_t n, off_t off);
ssize_t sys_write(int fd, const void *p, size_t n);
ssize_t sys_pwrite(int fd, const void *p, size_t n, off_t off);
int sys_fsync(int fd);
int sys_fdatasync(int fd);
int sys_ftruncate(int fd, off_t size);
int sys_fallocate(int fd, int mode, off_t off, off_t size);
int sys_fstat(int fd, struct stat *st);
int sys_fcntl_setfl(int fd, int flags);	/* F_SETFL; to turn O_DIRECT off for a last piece */
int sys_stat(const char *path, struct stat *st);
int sys_lstat(const char *path, struct stat *st);
int sys_rename(const char *from, const char *to);
/* renameat2(RENAME_NOREPLACE); EEXIST when `to` is there. */
int sys_rename_noreplace(const char *from, const char *to);
int sys_unlink(const char *path);
int sys_mkdir(const char *path, mode_t mode);
int sys_rmdir(const char *path);
int sys_chmod(const char *path, mode_t mode);
int sys_access(const char *path, int mode);
DIR *sys_opendir(const char *path);
struct dirent *sys_readdir(DIR *d);	/* NULL with errno 0 at the end */
int sys_closedir(DIR *d);
int sys_flock(int fd, int op);
char *sys_realpath(const char *path);	/* sys_free() it */
ssize_t sys_readlink(const char *path, char *out, size_t size);
int sys_fadvise(int fd, off_t off, off_t size, int advice);
int sys_pipe(int fd[2]);
void *sys_mmap(size_t size, int prot, int flags, int fd, off_t off);	/* MAP_FAILED */
int sys_munmap(void *p, size_t size);
int sys_madvise(void *p, size_t size, int advice);

/*
 * Trees of files, below open folders; sys-tree.c.  A name in an `at` call may be "" with
 * AT_EMPTY_PATH where the system call knows it.
 */
struct statx;
int sys_statx(int dirfd, const char *name, int flags, unsigned int mask, struct statx *out);
/*
 * openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS): no component of `path`
 * may be a symbolic link or lead above `dirfd`.  Old kernels: name by name, with O_NOFOLLOW.
 * ELOOP, EXDEV or ENOTDIR: something stood in the way.
 */
int sys_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* Raw getdents64: bytes of struct sys_dirent records, 0 at the end. */
struct sys_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short size;		/* of this record */
	unsigned char type;		/* DT_* */
	char name[];
};
ssize_t sys_getdents(int fd, void *p, size_t n);
off_t sys_lseek(int fd, off_t off, int whence);
ssize_t sys_readlinkat(int dirfd, const char *name, char *out, size_t size);
int sys_mkdirat(int dirfd, const char *name, mode_t mode);
int sys_unlinkat(int dirfd, const char *name, int flags);
int sys_renameat(int from_fd, const char *from, int to_fd, const char *to);
int sys_rename_noreplaceat(int from_fd, const char *from, int to_fd, const char *to);
int sys_symlinkat(const char *target, int dirfd, const char *name);
int sys_linkat(int from_fd, const char *from, int to_fd, const char *to);
int sys_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev);
int sys_fchownat(int dirfd, const char *name, uid_t uid, gid_t gid, int flags);
int sys_fchmod(int fd, mode_t mode);
int sys_utimensat(int dirfd, const char *name, const struct timespec times[2], int flags);
int sys_futimens(int fd, const struct timespec times[2]);
/* Extended attributes: of an open file, or (the l calls) of a path whose last link stands. */
ssize_t sys_flistxattr(int fd, char *out, size_t size);
ssize_t sys_llistxattr(const char *path, char *out, size_t size);
ssize_t sys_fgetxattr(int fd, const char *name, void *out, size_t size);
ssize_t sys_lgetxattr(const char *path, const char *name, void *out, size_t size);
int sys_fsetxattr(int fd, const char *name, const void *p, size_t n);
int sys_lsetxattr(const char *path, const char *name, const void *p, size_t n);
int sys_fremovexattr(int fd, const char *name);
int sys_lremovexattr(const char *path, const char *name);
/* FS_IOC_GETFLAGS and _SETFLAGS; project ids of FS_IOC_FSGETXATTR. */
int sys_get_flags(int fd, uint32_t *out);
int sys_set_flags(int fd, uint32_t flags);
int sys_get_project(int fd, uint32_t *out);
int sys_set_project(int fd, uint32_t project);
/* FICLONERANGE */
int sys_clone_range(int to, off_t to_off, int from, off_t from_off, off_t size);
int sys_syncfs(int fd);
/* Begin to write these bytes to the disk, and do not wait: a hint, which cannot fail. */
void sys_start_writing(int fd, off_t off, off_t size);
/* What kind of file system: f_type of statfs(). */
int sys_fs_type(int fd, uint64_t *out);
/* The bits that new files are made without.  Not for when threads run that make files. */
mode_t sys_umask(void);
/* The most files that may be open at once, after the soft limit was raised to the hard one. */
unsigned int sys_raise_open_files(void);

/* Read until `n` bytes, end of file or an error; EINTR and short reads are gone on with. */
ssize_t sys_read_full(int fd, void *p, size_t n);
ssize_t sys_pread_full(int fd, void *p, size_t n, off_t off);
/* Write all; 0 or -1. */
int sys_write_full(int fd, const void *p, size_t n);
int sys_pwrite_full(int fd, const void *p, size_t n, off_t off);

/* Time and randomness */
void sys_now(struct timespec *out);	/* CLOCK_REALTIME; in a test build UB_TEST_NOW=sec[.ns] */
uint64_t sys_monotonic_ns(void);
void sys_sleep_ms(unsigned int ms);
/* Fill with random bytes, or end the process: nothing good can follow.  In a test build
 * UB_TEST_SEED=N makes them a fixed stream, so that vectors and fault loops repeat. */
void sys_random(void *p, size_t n);

/* Memory.  x*: failing ends the process with a sentence.  sys_*: NULL, for what may be large. */
void *xmalloc(size_t n);
void *xcalloc(size_t nr, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *sys_malloc(size_t n);
void sys_free(void *p);
/* Page-aligned memory for O_DIRECT and large buffers, by mmap, so that freeing gives it back. */
void *sys_pages(size_t n);
void sys_pages_free(void *p, size_t n);

/* Threads.  Stacks lie in memory that is left out of core images. */
struct sys_thread { pthread_t id; void *stack; size_t stack_size; };
int sys_thread_start(struct sys_thread *t, void *(*run)(void *), void *data);	/* 0 or errno */
void *sys_thread_join(struct sys_thread *t);
typedef pthread_mutex_t sys_mutex;
typedef pthread_cond_t sys_cond;
#define SYS_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define SYS_COND_INIT PTHREAD_COND_INITIALIZER
void sys_mutex_init(sys_mutex *m);
void sys_mutex_destroy(sys_mutex *m);
void sys_lock(sys_mutex *m);
void sys_unlock(sys_mutex *m);
void sys_cond_init(sys_cond *c);
void sys_cond_destroy(sys_cond *c);
void sys_wait(sys_cond *c, sys_mutex *m);
void sys_signal(sys_cond *c);
void sys_broadcast(sys_cond *c);

/* True when calls must come in one order (a fault is armed): pools then run everything inline. */
bool sys_is_serial(void);
/* Number of usable processors. */
unsigned int sys_cpu_count(void);
/* The text of an errno; borrowed, and valid for good. */
const char *sys_error_text(int error);
/* The machine's name, cut to `size`; "localhost" if it has none. */
void sys_hostname(char *out, size_t size);
/* Bytes of physical memory. */
uint64_t sys_memory_size(void);

/* Run `command` with the shell, its standard input empty; its output is read from the descriptor
 * returned, then sys_wait_child() gives its status as waitpid() does.  -1 with errno. */
int sys_spawn_read(const char *command, pid_t *pid_out);
/* The same without a shell: argv[0] is looked up in PATH. */
int sys_spawn_read_argv(char *const *argv, pid_t *pid_out);
/* The other way round: what is written to the descriptor is its standard input. */
int sys_spawn_write(const char *command, pid_t *pid_out);
int sys_wait_child(pid_t pid, int *status_out);
/* For so long at most: 1: it ended; 0: it has not, or a signal came; -1. */
int sys_wait_child_for(pid_t pid, int ms, int *status_out);
/*
 * `command` of the shell as the leader of a process group of its own, with this environment, its
 * standard input empty, no other descriptor open; what it prints comes from `*fd_out`, or goes to
 * our standard error if that is NULL.
 */
int sys_spawn_group(const char *command, char *const *env, int *fd_out, pid_t *pid_out);
/* `pid` negative: a process group. */
int sys_kill(pid_t pid, int signal);
bool sys_is_terminal(int fd);
/* Wait until `fd` can be read, or for `ms`: false when it cannot yet.  A signal ends the wait. */
bool sys_wait_readable(int fd, int ms);
/* Turn a terminal's echo on or off: 1 or 0, what it was, or -1. */
int sys_terminal_echo(int fd, bool on);

/* A standard descriptor that the caller closed would become the next file that is opened: what is
 * said would go into a pack.  It is held by one that fails with EBADF. */
void sys_hold_standard_fds(void);
/* No core image, no ptrace by others; called first by main(). */
void sys_harden(void);

#endif
