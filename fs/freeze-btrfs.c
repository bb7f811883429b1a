/*
 * Snapshots of btrfs subvolumes, by ioctl.  A snapshot lies in the root of its own subvolume, which
 * is the one place of which we know that it is on the same file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>

#include "lib/sys.h"
#include "fs/attr.h"

#include "fs/freeze-internal.h"

#define ROOT_INODE 256		/* of each subvolume */

static bool is_btrfs(int fd)
{
	uint64_t type;

	return sys_fs_type(fd, &type) == 0 && type == BTRFS_SUPER_MAGIC;
}

int btrfs_find_root(int fd, const char *path, char **root_out, struct err *err)
{
	char *root = xstrdup(path);
	struct file_stat st;

	if (!is_btrfs(fd)) {
		sys_free(root);
		return 0;
	}
	for (;;) {
		int at = sys_open(root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		int ret = at < 0 || file_stat_at(at, "", &st) < 0 || !is_btrfs(at) ?
			  err_sys(err, "find the subvolume of '%s'", path) : 0;
		if (at >= 0)
			sys_close(at);
		if (ret < 0) {
			sys_free(root);
			return ret;
		}
		if (st.ino == ROOT_INODE)
			break;
		char *slash = strrchr(root, '/');
		if (slash == root)
			slash++;
		if (!*slash)
			break;
		*slash = '\0';
	}
	*root_out = root;
	return 1;
}

int btrfs_snapshot(const char *root, const char *name, struct err *err)
{
	int fd = sys_open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "open '%s'", root);
	int ret = sys_btrfs_snapshot(fd, name) < 0 ?
		  err_sys(err, "take a snapshot of '%s'", root) : 0;
	sys_close(fd);
	return ret;
}

int btrfs_remove(const char *root, const char *name, struct err *err)
{
	int fd = sys_open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct file_stat st;

	if (fd < 0)
		return err_sys(err, "open '%s'", root);
	/* The mount point alone, while the disk is not there: the snapshot is, wherever that is. */
	if (!is_btrfs(fd) || file_stat_at(fd, "", &st) < 0 || st.ino != ROOT_INODE) {
		sys_close(fd);
		return err_set(err, ERR_FAILED, "'%s' is no subvolume now", root);
	}
	int ret = sys_btrfs_remove(fd, name) < 0 && errno != ENOENT ?
		  err_sys(err, "remove the snapshot '%s/%s'", root, name) : 0;
	sys_close(fd);
	return ret;
}
