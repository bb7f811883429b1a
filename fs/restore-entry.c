/*
 * One entry: what stands under its name, whether that may go, and the steps that files of all
 * types have in common: a temporary name, attributes, the rename, flags.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/restore-internal.h"

#define TMP_TRIES 64
#define SUFFIX_TRIES 1000

int restore_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = sys_openat(dirfd, name, flags, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* -- temporary names -- */

static char *put_hex(char *at, uint64_t v, unsigned int digits)
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned int i = 0; i < digits; i++)
		at[i] = hex[v >> 4 * (digits - 1 - i) & 15];
	return at + digits;
}

const char *restore_tmp(struct worker *w)
{
	char *at = w->tmp + sizeof(RESTORE_TMP_PREFIX) - 1;

	memcpy(w->tmp, RESTORE_TMP_PREFIX, sizeof(RESTORE_TMP_PREFIX));
	at = put_hex(at, (uint64_t)getpid(), 8);
	*at++ = '-';
	at = put_hex(at, w->nr, 2);
	at = put_hex(at, w->tmp_nr++, 10);
	*at = '\0';
	return w->tmp;
}

bool restore_is_tmp(const char *name)
{
	size_t n = sizeof(RESTORE_TMP_PREFIX) - 1;

	return strncmp(name, RESTORE_TMP_PREFIX, n) == 0 && strlen(name + n) == 21 &&
	       strspn(name + n, "0123456789abcdef-") == 21 && name[n + 8] == '-';
}

/* -- what may go -- */

static bool is_older(const struct file_stat *st, const struct tree_entry *e)
{
	uint32_t ns;
	int64_t s;

	if (!tree_entry_mtime(e, &s, &ns))
		return false;
	return st->mtime_s < s || (st->mtime_s == s && st->mtime_ns < ns);
}

bool restore_may_replace(struct worker *w, struct rdir *d, const struct tree_entry *e,
			 const struct there *there)
{
	switch (w->r->job->overwrite) {
	case RESTORE_KEEP:
		restore_tell(w, RESTORE_LEFT, d, e);
		return false;
	case RESTORE_NEVER:
		restore_tell(w, RESTORE_PASSED, d, e);
		return false;
	case RESTORE_IF_NEWER:
		if (is_older(&there->st, e))
			return true;
		restore_tell(w, RESTORE_PASSED, d, e);
		return false;
	default:
		return true;
	}
}

static bool is_empty(int dirfd, const char *name)
{
	_Alignas(struct sys_dirent) char room[4096];
	int fd = restore_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	bool any = false;
	ssize_t got = 0;

	while (fd >= 0 && !any && (got = sys_getdents(fd, room, sizeof(room))) > 0)
		for (ssize_t at = 0; at < got; ) {
			const struct sys_dirent *de = (const void *)(room + at);
			any = any || (strcmp(de->name, ".") != 0 && strcmp(de->name, "..") != 0);
			at += de->size;
		}
	if (fd >= 0)
		sys_close(fd);
	return fd >= 0 && got >= 0 && !any;
}

int restore_make_way(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     const struct there *there)
{
	bool is_plan = w->r->job->mode == RESTORE_PLAN, was_dir = there->st.type == ENTRY_DIR;
	const char *name = (const char *)e->name;

	if (!was_dir && e->type != ENTRY_DIR)
		return 0;	/* the rename does it */
	if (was_dir && !w->r->job->remove_extra && !is_empty(dirfd, name)) {
		restore_problem(w, d, e->name, e->name_len, "replace", ENOTEMPTY,
				"a folder stands in its place (--delete removes it)");
		return -1;
	}
	if (is_plan)
		return 0;
	if (was_dir)
		return restore_remove_tree(w, d, dirfd, name);
	if (sys_unlinkat(dirfd, name, 0) < 0) {
		restore_problem(w, d, e->name, e->name_len, "replace", errno, "");
		return -1;
	}
	return 0;
}

void restore_tell_made(struct worker *w, struct rdir *d, const struct tree_entry *e,
		       const struct there *there)
{
	enum restore_action action = RESTORE_REPLACED;

	if (!there->exists)
		action = RESTORE_CREATED;
	else if (there->st.type == ENTRY_FILE && e->type == ENTRY_FILE)
		action = RESTORE_UPDATED;
	restore_tell(w, action, d, e);
}

/* -- making -- */

int restore_new_file(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		     uint32_t *mode_out)
{
	uint32_t uid = w->r->uid, gid = w->r->gid;
	int fd = -1;

	attr_owner(w->writer, e, &uid, &gid);
	/* Until it has its owner it is nobody else's to read. */
	*mode_out = d->is_plain && uid == w->r->uid && gid == w->r->gid ? e->mode & 0777 : 0600;
	for (int i = 0; i < TMP_TRIES && fd < 0; i++) {
		fd = restore_openat(dirfd, restore_tmp(w), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
				    O_CLOEXEC, *mode_out);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		restore_problem(w, d, e->name, e->name_len, "make file", errno, "");
	else
		attr_set_first_flags(fd, e);
	*mode_out &= ~w->r->umask;
	return fd;
}

void restore_attrs(struct worker *w, struct rdir *d, int dirfd, const char *name, int fd,
		   const struct tree_entry *e, uint32_t mode)
{
	struct attr_place at = { dirfd, name, fd, w->r->uid, w->r->gid, mode, !d->inherits };
	struct file_stat st;

	if (!d->is_plain &&
	    file_stat_at(fd >= 0 ? fd : dirfd, fd >= 0 ? "" : name, &st) == 0) {
		at.uid = st.uid;
		at.gid = st.gid;
		at.mode = st.mode;
	}
	w->at = d;
	w->at_entry = e;
	attr_set(w->writer, &at, e, ATTR_PART_ALL, restore_attr_problem, w);
}

/* The file that stands there is immutable: not any more. */
static bool free_victim(int dirfd, const char *name)
{
	int fd = restore_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	uint32_t flags = 0;
	bool is_free = false;

	if (fd >= 0 && sys_get_flags(fd, &flags) == 0 && flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))
		is_free = sys_set_flags(fd, flags & ~(uint32_t)(FS_IMMUTABLE_FL |
								FS_APPEND_FL)) == 0;
	if (fd >= 0)
		sys_close(fd);
	return is_free;
}

void restore_put_in_place(struct worker *w, struct rdir *d, int dirfd, const char *tmp,
			  const struct tree_entry *e, int fd, const struct there *there)
{
	const char *name = (const char *)e->name;
	bool replaces = there->exists && there->st.type != ENTRY_DIR;
	int ret = 0;

	/* What was there must not be gone before what takes its place is on the disk. */
	if (replaces && fd >= 0)
		ret = sys_fsync(fd);
	if (ret == 0)
		ret = replaces ? sys_renameat(dirfd, tmp, dirfd, name) :
				 sys_rename_noreplaceat(dirfd, tmp, dirfd, name);
	if (ret < 0 && errno == EPERM && replaces && free_victim(dirfd, name))
		ret = sys_renameat(dirfd, tmp, dirfd, name);
	if (ret < 0) {
		int error = errno;
		sys_unlinkat(dirfd, tmp, 0);
		restore_problem(w, d, e->name, e->name_len, "put in place", error, "");
		return;
	}
	restore_tell_made(w, d, e, there);
	if (fd >= 0 && (attr_has_flags(e) || d->inherits)) {
		w->at = d;
		w->at_entry = e;
		attr_set_flags(fd, e, restore_attr_problem, w);
	}
}

/* -- what is there already -- */

static void say_parts(struct worker *w, struct rdir *d, const struct tree_entry *e,
		      unsigned int parts)
{
	static const char *const words[] = {
		"owner", "mode", "xattrs", "project", "time", "flags", "target", "device"
	};
	struct buf text = BUF_INIT;

	buf_put_str(&text, "differs:");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (parts & 1u << i)
			buf_printf(&text, " %s", words[i]);
	restore_problem(w, d, e->name, e->name_len, "verify", 0, buf_str(&text));
	buf_release(&text);
}

static void set_parts(struct worker *w, const struct attr_place *at, const struct tree_entry *e,
		      const struct tree_entry *now, unsigned int parts)
{
	uint64_t flags = 0;
	uint32_t real;

	tree_entry_varint(now, ATTR_FLAGS, &flags);
	bool is_locked = flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
	if (is_locked && sys_get_flags(at->fd, &real) == 0)
		sys_set_flags(at->fd, real & ~(uint32_t)(FS_IMMUTABLE_FL | FS_APPEND_FL));
	attr_set(w->writer, at, e, parts, restore_attr_problem, w);
	if (at->fd >= 0 && (parts & ATTR_PART_FLAGS || is_locked))
		attr_set_flags(at->fd, e, restore_attr_problem, w);
}

void restore_adjust(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e, int fd,
		    const struct file_stat *st)
{
	struct tree_entry now = { .name = e->name, .name_len = e->name_len, .type = e->type };
	struct attr_place at = { dirfd, (const char *)e->name, fd, st->uid, st->gid, st->mode,
				 false };
	struct err err = ERR_INIT;

	w->at = d;
	w->at_entry = e;
	if (attr_read(w->reader, dirfd, at.name, fd, st, NULL, &now, restore_attr_problem, w,
		      &err) < 0) {
		restore_problem(w, d, e->name, e->name_len, "look at it", err.sys_errno, err.msg);
		return;
	}
	unsigned int parts = attr_diff(w->writer, e, &now);
	if (parts == 0)
		restore_tell(w, RESTORE_SAME, d, e);
	else if (w->r->job->mode == RESTORE_VERIFY)
		say_parts(w, d, e, parts);
	else
		restore_tell(w, RESTORE_ADJUSTED, d, e);
	if (parts != 0 && w->r->job->mode == RESTORE_DO)
		set_parts(w, &at, e, &now, parts);
}

/* -- entries -- */

/* A name that folds onto another one: the file gets a suffix that nothing else has. */
static bool choose_suffix(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
			  struct there *there, struct buf *name)
{
	for (unsigned int i = 1; i < SUFFIX_TRIES; i++) {
		buf_reset(name);
		buf_put(name, e->name, e->name_len);
		buf_printf(name, "~%u", i);
		there->exists = file_stat_at(dirfd, buf_str(name), &there->st) == 0;
		if (!there->exists || !rdir_is_taken(w->r, d, buf_str(name)))
			break;
	}
	bool is_found = !there->exists || !rdir_is_taken(w->r, d, buf_str(name));
	struct buf text = BUF_INIT;
	buf_printf(&text, "this file system takes its name for another one's; restored as '%s'",
		   is_found ? buf_str(name) : "nothing");
	restore_problem(w, d, e->name, e->name_len, "name", EEXIST, buf_str(&text));
	buf_release(&text);
	return is_found;
}

static int look(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		struct there *there)
{
	there->exists = false;
	if (d->is_missing || (d->is_new && !d->is_folding))
		return 0;
	there->exists = file_stat_at(dirfd, (const char *)e->name, &there->st) == 0;
	if (there->exists || errno == ENOENT)
		return 0;
	restore_problem(w, d, e->name, e->name_len, "look at it", errno, "");
	return -1;
}

int restore_entry(struct worker *w, struct rdir *d, int dirfd, const struct tree_entry *e,
		  struct item **more, struct err *err)
{
	struct buf name = BUF_INIT;
	struct tree_entry other = *e;
	struct there there;
	int ret = 0;

	if (look(w, d, dirfd, e, &there) < 0)
		return 0;
	if (there.exists && rdir_is_taken(w->r, d, (const char *)e->name)) {
		if (!choose_suffix(w, d, dirfd, e, &there, &name))
			goto done;
		other.name = name.data;
		other.name_len = name.len;
		rdir_add_name(w->r, d, buf_str(&name), true);
	}
	rdir_add_name(w->r, d, (const char *)other.name, false);
	if (w->r->job->mode == RESTORE_VERIFY && !there.exists) {
		restore_problem(w, d, e->name, e->name_len, "verify", 0, "it is missing");
		goto done;
	}
	ret = attr_writer_load(w->writer, &other, err);
	if (ret < 0) {
		restore_damage(w, d, &other, ret, err);
		ret = 0;
		goto done;
	}
	if (other.type == ENTRY_FILE)
		ret = restore_file(w, d, dirfd, &other, &there, more, err);
	else
		restore_special(w, d, dirfd, &other, &there);
done:
	buf_release(&name);
	return ret;
}
