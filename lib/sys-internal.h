#ifndef LIB_SYS_INTERNAL_H
#define LIB_SYS_INTERNAL_H

/*
 * Between sys.c, sys-fault.c and sys-power.c: the hook that each call passes.  Outside the test
 * build (UB_TEST) all of it is nothing.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* RENAME_NOREPLACE, or what does the same where a file system does not know it. */
int sys_plain_rename_noreplace(int from_fd, const char *from, int to_fd, const char *to);
int sys_plain_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

#ifndef UB_TEST

#define FAULT(call, ...) ((void)0)
#define FAULT_TAKEN(call, ...) ((void)0)
#define FAULT_ERRNO(call) ((void)0)
#define FAULT_IS_ARMED() false
#define FAULT_WANTS_CORE() false

#else

/* The call is done, or broken, by sys-fault.c when anything is armed. */
#define FAULT(call, ...) \
	do { \
		if (fault_is_on()) \
			return fault_##call(__VA_ARGS__); \
	} while (0)
#define FAULT_TAKEN(call, ...) \
	do { \
		if (fault_is_on() && fault_##call(__VA_ARGS__)) \
			return; \
	} while (0)
/* The call fails, or goes on as ever; its answer is an errno. */
#define FAULT_ERRNO(call) \
	do { \
		if (fault_is_on() && fault_##call() < 0) \
			return errno; \
	} while (0)
#define FAULT_IS_ARMED() fault_is_armed()
#define FAULT_WANTS_CORE() fault_wants_core()

/* Read UB_TEST_* from the environment; done before main(), again by unit tests. */
void fault_setup(void);
bool fault_is_on(void);		/* any UB_TEST_* is set */
bool fault_is_armed(void);	/* calls must come in one order */
bool fault_wants_core(void);

int fault_openat(int dirfd, const char *path, int flags, mode_t mode);
int fault_close(int fd);
ssize_t fault_read(int fd, void *p, size_t n);
ssize_t fault_pread(int fd, void *p, size_t n, off_t off);
ssize_t fault_write(int fd, const void *p, size_t n);
ssize_t fault_pwrite(int fd, const void *p, size_t n, off_t off);
int fault_fsync(int fd);
int fault_fdatasync(int fd);
int fault_ftruncate(int fd, off_t size);
int fault_fallocate(int fd, int mode, off_t off, off_t size);
int fault_fstat(int fd, struct stat *st);
int fault_fcntl_setfl(int fd, int flags);
int fault_stat(const char *path, struct stat *st);
int fault_lstat(const char *path, struct stat *st);
int fault_rename(const char *from, const char *to);
int fault_rename_noreplace(const char *from, const char *to);
int fault_unlink(const char *path);
int fault_mkdir(const char *path, mode_t mode);
int fault_rmdir(const char *path);
int fault_chmod(const char *path, mode_t mode);
int fault_access(const char *path, int mode);
DIR *fault_opendir(const char *path);
struct dirent *fault_readdir(DIR *d);
int fault_flock(int fd, int op);
char *fault_realpath(const char *path);
ssize_t fault_readlink(const char *path, char *out, size_t size);
int fault_pipe(int fd[2]);
void *fault_mmap(size_t size, int prot, int flags, int fd, off_t off);
/* A call of sys-tree.c that only looks, changes something in place, or makes a name. */
bool fault_looks(const char *call, int fd, const char *path);	/* true: it fails, errno is set */
int fault_change(const char *call, int fd, const char *path, bool wants_room);
void fault_changed(int how);
int fault_openat2(int dirfd, const char *path, int flags, mode_t mode);
int fault_renameat(int from_fd, const char *from, int to_fd, const char *to, bool replaces);
int fault_unlinkat(int dirfd, const char *name, int flags);
int fault_mkdirat(int dirfd, const char *name, mode_t mode);
int fault_symlinkat(const char *target, int dirfd, const char *name);
int fault_linkat(int from_fd, const char *from, int to_fd, const char *to);
int fault_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev);
int fault_syncfs(int fd);
void *fault_malloc(size_t n);
void *fault_realloc(void *p, size_t n);
int fault_thread_start(void);	/* -1: fails */
bool fault_now(struct timespec *out);
bool fault_random(void *p, size_t n);

/*
 * The power-cut model (sys-power.c): which of the changes under its trees would be gone if the
 * power failed now.  All do nothing until power_start().
 */
enum power_mode {
	POWER_WORST,	/* everything that was not synced is lost */
	POWER_TORN,	/* the seed decides, sector by sector and operation by operation */
	POWER_LAST,	/* of each folder all but the newest operation is lost; no bytes are */
	POWER_NAMES,	/* all unsynced bytes are lost, and no name */
	POWER_BEST,	/* nothing is lost */
};

/* What a change has to remember from before it. */
struct power_change {
	struct power_dir *dir, *to_dir;
	struct power_dir *victim;
	char *name, *to_name;
	unsigned int hold, to_hold;
	mode_t mode;
	bool is_new;
};

void power_start(const char *roots, enum power_mode mode, uint64_t seed, const char *state);
void power_before_open(struct power_change *c, int dirfd, const char *path, int flags);
void power_after_open(struct power_change *c, int fd);
void power_before_data(int fd);
void power_before_rename(struct power_change *c, int from_fd, const char *from, int to_fd,
			 const char *to);
void power_after_rename(struct power_change *c, bool is_done);
void power_before_unlink(struct power_change *c, int dirfd, const char *path);
void power_after_unlink(struct power_change *c, bool is_done);
void power_before_mkdir(struct power_change *c, int dirfd, const char *path);
void power_after_mkdir(struct power_change *c, bool is_done);
void power_before_rmdir(struct power_change *c, int dirfd, const char *path);
void power_after_rmdir(struct power_change *c, bool is_done);
void power_before_add(struct power_change *c, int dirfd, const char *path);
void power_after_add(struct power_change *c, bool is_done);
void power_synced(int fd);
void power_synced_all(int fd);
/* A failed sync: what was not synced of this file is gone now. */
void power_drop(int fd);
/* The end of a process, with the power on: nothing is undone. */
void power_end(void);
/* Lose what the mode says.  The process must end at once. */
void power_cut(void);
uint64_t fault_mix(uint64_t *state);	/* next number of a stream */

#endif
#endif
