/*
 * The seam, second part: what walking and rebuilding trees of files wants of the system.  As in
 * sys.c, each function is the call of its name; in the test build it can be broken first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/sys-internal.h"

#include "lib/sys.h"

#ifdef UB_TEST
#define LOOKS(call, fd, path) \
	do { \
		if (fault_is_on() && fault_looks(call, fd, path)) \
			return -1; \
	} while (0)
#define CHANGE(call, fd, path, wants_room, expr) \
	do { \
		if (fault_is_on()) { \
			int how_ = fault_change(call, fd, path, wants_room); \
			int ret_ = how_ < 0 ? -1 : (expr); \
			fault_changed(how_); \
			return ret_; \
		} \
	} while (0)
#else
#define LOOKS(call, fd, path) ((void)0)
#define CHANGE(call, fd, path, wants_room, expr) ((void)0)
#endif

int sys_statx(int dirfd, const char *name, int flags, unsigned int mask, struct statx *out)
{
	LOOKS("statx", dirfd, *name ? name : NULL);
	return statx(dirfd, name, flags, mask, out);
}

/* -- opening below a folder -- */

/* Kernels before 5.6: one name after the other, and none of them a link. */
static int open_by_steps(int dirfd, const char *path, int flags, mode_t mode)
{
	int at = dirfd, fd = -1;

	if (*path == '/') {
		errno = EXDEV;
		return -1;
	}
	for (const char *p = path; ; ) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(p, "/");
		const char *next = p + n + strspn(p + n, "/");
		bool is_last = *next == '\0';

		if (n > NAME_MAX || (n == 2 && memcmp(p, "..", 2) == 0)) {
			errno = n > NAME_MAX ? ENAMETOOLONG : EXDEV;
			fd = -1;
		} else {
			memcpy(name, p, n);
			name[n] = '\0';
			fd = openat(at, n ? name : ".", is_last ? flags | O_NOFOLLOW :
				    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mode);
		}
		if (at != dirfd) {
			int saved = errno;
			close(at);
			errno = saved;
		}
		if (fd < 0 || is_last)
			return fd;
		at = fd;
		p = next;
	}
}

int sys_plain_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	static atomic_bool is_missing;
	struct open_how how = {
		.flags = (unsigned int)flags, .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

#ifdef UB_TEST
	if (getenv("UB_TEST_NO_OPENAT2"))
		return open_by_steps(dirfd, path, flags, mode);
#endif
	if (atomic_load(&is_missing))
		return open_by_steps(dirfd, path, flags, mode);
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return (int)fd;
	if (errno == ENOSYS)
		atomic_store(&is_missing, true);
	return open_by_steps(dirfd, path, flags, mode);
}

int sys_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	FAULT(openat2, dirfd, path, flags, mode);
	return sys_plain_open_beneath(dirfd, path, flags, mode);
}

/* -- looking -- */

ssize_t sys_getdents(int fd, void *p, size_t n)
{
	LOOKS("getdents", fd, NULL);
	return (ssize_t)syscall(SYS_getdents64, fd, p, n);
}

off_t sys_lseek(int fd, off_t off, int whence)
{
	LOOKS("lseek", fd, NULL);
	return lseek(fd, off, whence);
}

ssize_t sys_readlinkat(int dirfd, const char *name, char *out, size_t size)
{
	LOOKS("readlink", dirfd, name);
	return readlinkat(dirfd, name, out, size);
}

ssize_t sys_flistxattr(int fd, char *out, size_t size)
{
	LOOKS("listxattr", fd, NULL);
	return flistxattr(fd, out, size);
}

ssize_t sys_llistxattr(const char *path, char *out, size_t size)
{
	LOOKS("listxattr", -1, path);
	return llistxattr(path, out, size);
}

ssize_t sys_fgetxattr(int fd, const char *name, void *out, size_t size)
{
	LOOKS("getxattr", fd, NULL);
	return fgetxattr(fd, name, out, size);
}

ssize_t sys_lgetxattr(const char *path, const char *name, void *out, size_t size)
{
	LOOKS("getxattr", -1, path);
	return lgetxattr(path, name, out, size);
}

int sys_get_flags(int fd, uint32_t *out)
{
	int flags = 0;

	LOOKS("getflags", fd, NULL);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	*out = (uint32_t)flags;
	return 0;
}

int sys_get_project(int fd, uint32_t *out)
{
	struct fsxattr fsx = { 0 };

	LOOKS("getproject", fd, NULL);
	if (ioctl(fd, FS_IOC_FSGETXATTR, &fsx) < 0)
		return -1;
	*out = fsx.fsx_projid;
	return 0;
}

int sys_fs_type(int fd, uint64_t *out)
{
	struct statfs st;

	LOOKS("statfs", fd, NULL);
	if (fstatfs(fd, &st) < 0)
		return -1;
	*out = (uint64_t)st.f_type;
	return 0;
}

mode_t sys_umask(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return mask;
}

/* -- changing -- */

int sys_mkdirat(int dirfd, const char *name, mode_t mode)
{
	FAULT(mkdirat, dirfd, name, mode);
	return mkdirat(dirfd, name, mode);
}

int sys_unlinkat(int dirfd, const char *name, int flags)
{
	FAULT(unlinkat, dirfd, name, flags);
	return unlinkat(dirfd, name, flags);
}

int sys_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	FAULT(renameat, from_fd, from, to_fd, to, true);
	return renameat(from_fd, from, to_fd, to);
}

int sys_rename_noreplaceat(int from_fd, const char *from, int to_fd, const char *to)
{
	FAULT(renameat, from_fd, from, to_fd, to, false);
	return sys_plain_rename_noreplace(from_fd, from, to_fd, to);
}

int sys_symlinkat(const char *target, int dirfd, const char *name)
{
	FAULT(symlinkat, target, dirfd, name);
	return symlinkat(target, dirfd, name);
}

int sys_linkat(int from_fd, const char *from, int to_fd, const char *to)
{
	FAULT(linkat, from_fd, from, to_fd, to);
	return linkat(from_fd, from, to_fd, to, 0);
}

int sys_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev)
{
	FAULT(mknodat, dirfd, name, mode, dev);
	return mknodat(dirfd, name, mode, dev);
}

int sys_fchownat(int dirfd, const char *name, uid_t uid, gid_t gid, int flags)
{
	CHANGE("chown", dirfd, *name ? name : NULL, false,
	       fchownat(dirfd, name, uid, gid, flags));
	return fchownat(dirfd, name, uid, gid, flags);
}

int sys_fchmod(int fd, mode_t mode)
{
	CHANGE("chmod", fd, NULL, false, fchmod(fd, mode));
	return fchmod(fd, mode);
}

int sys_utimensat(int dirfd, const char *name, const struct timespec times[2], int flags)
{
	CHANGE("utimens", dirfd, name, false, utimensat(dirfd, name, times, flags));
	return utimensat(dirfd, name, times, flags);
}

int sys_futimens(int fd, const struct timespec times[2])
{
	CHANGE("utimens", fd, NULL, false, futimens(fd, times));
	return futimens(fd, times);
}

int sys_fsetxattr(int fd, const char *name, const void *p, size_t n)
{
	CHANGE("setxattr", fd, NULL, true, fsetxattr(fd, name, p, n, 0));
	return fsetxattr(fd, name, p, n, 0);
}

int sys_lsetxattr(const char *path, const char *name, const void *p, size_t n)
{
	CHANGE("setxattr", -1, path, true, lsetxattr(path, name, p, n, 0));
	return lsetxattr(path, name, p, n, 0);
}

int sys_fremovexattr(int fd, const char *name)
{
	CHANGE("removexattr", fd, NULL, false, fremovexattr(fd, name));
	return fremovexattr(fd, name);
}

int sys_lremovexattr(const char *path, const char *name)
{
	CHANGE("removexattr", -1, path, false, lremovexattr(path, name));
	return lremovexattr(path, name);
}

int sys_btrfs_snapshot(int fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = fd, .flags = BTRFS_SUBVOL_RDONLY };

	snprintf(args.name, sizeof(args.name), "%s", name);
	CHANGE("btrfssnapshot", fd, NULL, true, ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, &args));
	return ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, &args);
}

int sys_btrfs_remove(int fd, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", name);
	CHANGE("btrfsremove", fd, NULL, false, ioctl(fd, BTRFS_IOC_SNAP_DESTROY, &args));
	return ioctl(fd, BTRFS_IOC_SNAP_DESTROY, &args);
}

int sys_set_flags(int fd, uint32_t flags)
{
	int value = (int)flags;

	CHANGE("setflags", fd, NULL, false, ioctl(fd, FS_IOC_SETFLAGS, &value));
	return ioctl(fd, FS_IOC_SETFLAGS, &value);
}

int sys_set_project(int fd, uint32_t project)
{
	struct fsxattr fsx = { 0 };

	if (ioctl(fd, FS_IOC_FSGETXATTR, &fsx) < 0)
		return -1;
	fsx.fsx_projid = project;
	CHANGE("setproject", fd, NULL, false, ioctl(fd, FS_IOC_FSSETXATTR, &fsx));
	return ioctl(fd, FS_IOC_FSSETXATTR, &fsx);
}

int sys_clone_range(int to, off_t to_off, int from, off_t from_off, off_t size)
{
	struct file_clone_range range = {
		.src_fd = from, .src_offset = (uint64_t)from_off, .src_length = (uint64_t)size,
		.dest_offset = (uint64_t)to_off,
	};

	CHANGE("clone", to, NULL, true, ioctl(to, FICLONERANGE, &range));
	return ioctl(to, FICLONERANGE, &range);
}

void sys_start_writing(int fd, off_t off, off_t size)
{
	int saved = errno;

	if (sync_file_range(fd, off, size, SYNC_FILE_RANGE_WRITE) < 0)
		errno = saved;
}

int sys_syncfs(int fd)
{
	FAULT(syncfs, fd);
	return syncfs(fd);
}

unsigned int sys_raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t was = limit.rlim_cur;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = was;
	}
	return limit.rlim_cur > 65536 ? 65536 : (unsigned int)limit.rlim_cur;
}
