/*
 * What has no content: symbolic links, fifos, sockets, devices.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/restore-internal.h"

static int make_node(struct worker *w, int dirfd, const struct tree_entry *e, const char *tmp)
{
	static const mode_t types[] = {
		[ENTRY_FIFO] = S_IFIFO, [ENTRY_SOCKET] = S_IFSOCK, [ENTRY_CHAR] = S_IFCHR,
		[ENTRY_BLOCK] = S_IFBLK,
	};
	uint64_t major = 0, minor = 0;
	const unsigned char *target;
	size_t n;

	if (e->type == ENTRY_SYMLINK) {
		if (!tree_entry_attr(e, ATTR_TARGET, &target, &n))
			BUG("a link without a target");
		buf_reset(&w->now);
		buf_put(&w->now, target, n);
		return sys_symlinkat(buf_str(&w->now), dirfd, tmp);
	}
	tree_entry_device(e, &major, &minor);
	return sys_mknodat(dirfd, tmp, types[e->type] | 0600,
			   makedev((unsigned int)major, (unsigned int)minor));
}

/* Is what is there the same thing, as far as it cannot be changed? */
static bool is_same(struct worker *w, int dirfd, const struct tree_entry *e,
		    const struct file_stat *st)
{
	uint64_t major = 0, minor = 0;
	const unsigned char *target;
	size_t n;

	if (st->type != e->type)
		return false;
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK)
		return tree_entry_device(e, &major, &minor) && major == st->rdev_major &&
		       minor == st->rdev_minor;
	if (e->type != ENTRY_SYMLINK)
		return true;
	buf_reset(&w->now);
	char *p = (char *)buf_extend(&w->now, TARGET_LEN_MAX + 1);
	ssize_t got = sys_readlinkat(dirfd, (const char *)e->name, p, TARGET_LEN_MAX + 1);
	return tree_entry_attr(e, ATTR_TARGET, &target, &n) && got == (ssize_t)n &&
	       memcmp(p, target, n) == 0;
}

static void make(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		 const struct there *there)
{
	int ret = -1;

	for (int i = 0; i < 64 && ret < 0; i++) {
		ret = make_node(w, dirfd, e, restore_tmp(w));
		if (ret < 0 && errno != EEXIST)
			break;
	}
	if (ret < 0) {
		restore_problem(w, d, e->name, e->name_len, e->type == ENTRY_SYMLINK ?
				"make link" : "make special file", errno, "");
		return;
	}
	restore_attrs(w, d, dirfd, w->tmp, -1, e, 0600 & ~w->r->umask);
	if (there->exists && restore_make_way(w, d, dirfd, e, there) < 0)
		sys_unlinkat(dirfd, w->tmp, 0);
	else
		restore_put_in_place(w, d, dirfd, w->tmp, e, -1, there);
}

void restore_special(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     struct there *there)
{
	enum restore_mode mode = w->r->job->mode;

	if (there->exists && is_same(w, dirfd, e, &there->st)) {
		if (mode != RESTORE_VERIFY && w->r->job->overwrite == RESTORE_NEVER)
			restore_tell(w, RESTORE_PASSED, d, e);
		else
			restore_adjust(w, d, dirfd, e, -1, &there->st);
		return;
	}
	if (mode == RESTORE_VERIFY) {
		restore_problem(w, d, e->name, e->name_len, "verify", 0, "it is something else");
		return;
	}
	if (there->exists && !restore_may_replace(w, d, e, there))
		return;
	if (mode == RESTORE_DO)
		make(w, d, dirfd, e, there);
	else if (!there->exists || restore_make_way(w, d, dirfd, e, there) == 0)
		restore_tell_made(w, d, e, there);
}
