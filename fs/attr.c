/*
 * Reading what a file carries.  Order of the fields: that of enum attr_tag.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/stat.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"

#include "fs/attr.h"

#define OWNERS 64		/* names kept, by the low bits of the id */
#define XATTR_LIST_FEW 512
#define XATTR_LIST_MAX 65536	/* of the kernel: XATTR_LIST_MAX, XATTR_SIZE_MAX */
#define XATTR_VALUE_MAX 65536

struct owner {
	bool is_known;
	uint32_t id;
	char *name;		/* NULL: it has none */
};

struct xattr {
	size_t name, value;	/* in `names`, in `values` */
	size_t value_len;
};

struct attr_reader {
	struct object_sink sink;
	struct owner users[OWNERS], groups[OWNERS];
	char *names;
	unsigned char *value;
	struct xattr *xattrs;
	size_t nr_xattrs, alloc_xattrs;
	struct buf values, pairs, note, attrs;
	char *target;
};

struct attr_reader *attr_reader_new(const struct object_sink *sink)
{
	struct attr_reader *r = xcalloc(1, sizeof(*r));

	r->sink = *sink;
	r->names = xmalloc(XATTR_LIST_MAX);
	r->value = xmalloc(XATTR_VALUE_MAX);
	r->target = xmalloc(TARGET_LEN_MAX + 1);
	buf_init_max(&r->values, SIZE_MAX);
	buf_init_max(&r->pairs, SIZE_MAX);
	buf_init_max(&r->note, SIZE_MAX);
	buf_init_max(&r->attrs, SIZE_MAX);
	return r;
}

void attr_reader_free(struct attr_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < OWNERS; i++) {
		sys_free(r->users[i].name);
		sys_free(r->groups[i].name);
	}
	sys_free(r->names);
	sys_free(r->value);
	sys_free(r->target);
	sys_free(r->xattrs);
	buf_release(&r->values);
	buf_release(&r->pairs);
	buf_release(&r->note);
	buf_release(&r->attrs);
	sys_free(r);
}

/* -- stat -- */

static bool type_of(uint16_t mode, enum entry_type *out)
{
	switch (mode & S_IFMT) {
	case S_IFREG: *out = ENTRY_FILE; return true;
	case S_IFDIR: *out = ENTRY_DIR; return true;
	case S_IFLNK: *out = ENTRY_SYMLINK; return true;
	case S_IFIFO: *out = ENTRY_FIFO; return true;
	case S_IFSOCK: *out = ENTRY_SOCKET; return true;
	case S_IFCHR: *out = ENTRY_CHAR; return true;
	case S_IFBLK: *out = ENTRY_BLOCK; return true;
	default: return false;
	}
}

int file_stat_at(int dirfd, const char *name, struct file_stat *out)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);
	struct statx sx;

	if (sys_statx(dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &sx) < 0)
		return -1;
	memset(out, 0, sizeof(*out));
	if (!type_of(sx.stx_mode, &out->type)) {
		errno = ENOTSUP;
		return -1;
	}
	out->mode = sx.stx_mode & 07777;
	out->size = sx.stx_size;
	out->mtime_s = sx.stx_mtime.tv_sec;
	out->mtime_ns = sx.stx_mtime.tv_nsec;
	out->ctime_s = sx.stx_ctime.tv_sec;
	out->ctime_ns = sx.stx_ctime.tv_nsec;
	out->has_birth = sx.stx_mask & STATX_BTIME;
	out->birth_s = sx.stx_btime.tv_sec;
	out->birth_ns = sx.stx_btime.tv_nsec;
	out->uid = sx.stx_uid;
	out->gid = sx.stx_gid;
	out->ino = sx.stx_ino;
	out->dev = (uint64_t)sx.stx_dev_major << 32 | sx.stx_dev_minor;
	out->rdev_major = sx.stx_rdev_major;
	out->rdev_minor = sx.stx_rdev_minor;
	out->blocks = sx.stx_blocks;
	out->nlink = sx.stx_nlink;
	out->is_nodump = sx.stx_attributes & STATX_ATTR_NODUMP;
	out->mount = sx.stx_mask & STATX_MNT_ID ? sx.stx_mnt_id : 0;
	return 0;
}

/* -- owners -- */

static bool name_fits(const char *name)
{
	return name && *name && strlen(name) <= OWNER_LEN_MAX;
}

static char *ask_user(uint32_t id)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (getpwuid_r(id, &pw, room, sizeof(room), &found) != 0 || !found)
		return NULL;
	return name_fits(found->pw_name) ? xstrdup(found->pw_name) : NULL;
}

/* A group may have a thousand members, all of which come along. */
static char *ask_group(uint32_t id)
{
	char *name = NULL;

	for (size_t size = 4096; size <= (size_t)1 << 20; size *= 4) {
		struct group gr, *found = NULL;
		char *room = xmalloc(size);
		int ret = getgrgid_r(id, &gr, room, size, &found);
		if (ret == 0 && found && name_fits(found->gr_name))
			name = xstrdup(found->gr_name);
		sys_free(room);
		if (ret != ERANGE)
			break;
	}
	return name;
}

static const char *owner_name(struct owner *cache, uint32_t id, char *(*ask)(uint32_t))
{
	struct owner *o = &cache[id % OWNERS];

	if (!o->is_known || o->id != id) {
		sys_free(o->name);
		o->name = ask(id);
		o->id = id;
		o->is_known = true;
	}
	return o->name;
}

/* -- extended attributes -- */

/* Links and what may not be opened are named through their folder. */
struct place {
	int fd;			/* or -1 */
	char *path;
};

static ssize_t list_up_to(const struct place *p, char *out, size_t size)
{
	return p->fd >= 0 ? sys_flistxattr(p->fd, out, size) : sys_llistxattr(p->path, out, size);
}

/* The kernel takes as much memory as is asked for: most files have none, or a few. */
static ssize_t list_names(const struct place *p, char *out)
{
	ssize_t len = list_up_to(p, out, XATTR_LIST_FEW);

	return len < 0 && errno == ERANGE ? list_up_to(p, out, XATTR_LIST_MAX) : len;
}

static ssize_t get_value(const struct place *p, const char *name, void *out, size_t size)
{
	return p->fd >= 0 ? sys_fgetxattr(p->fd, name, out, size) :
			    sys_lgetxattr(p->path, name, out, size);
}

static int cmp_xattrs(const void *a, const void *b, void *data)
{
	const char *names = data;

	return strcmp(names + ((const struct xattr *)a)->name,
		      names + ((const struct xattr *)b)->name);
}

static void add_xattr(struct attr_reader *r, size_t name, size_t len)
{
	if (r->nr_xattrs == r->alloc_xattrs) {
		r->alloc_xattrs = r->alloc_xattrs ? 2 * r->alloc_xattrs : 8;
		r->xattrs = xrealloc(r->xattrs, r->alloc_xattrs * sizeof(*r->xattrs));
	}
	r->xattrs[r->nr_xattrs++] = (struct xattr){ name, r->values.len, len };
	buf_put(&r->values, r->value, len);
}

/* The pairs, encoded, in r->pairs. */
static void read_xattrs(struct attr_reader *r, const struct place *p, attr_problem_fn *problem,
			void *data)
{
	ssize_t len = list_names(p, r->names);

	r->nr_xattrs = 0;
	buf_reset(&r->values);
	buf_reset(&r->pairs);
	if (len < 0 && errno != ENOTSUP && errno != ENODATA)
		problem("list xattrs", errno, "", data);
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(r->names + at) + 1) {
		const char *name = r->names + at;
		ssize_t got = get_value(p, name, r->value, XATTR_VALUE_MAX);
		if (got >= 0 && strlen(name) <= XATTR_NAME_MAX && *name)
			add_xattr(r, (size_t)at, (size_t)got);
		else if (got < 0 && errno != ENODATA)
			problem("read xattr", errno, name, data);
	}
	if (r->nr_xattrs > 1)
		qsort_r(r->xattrs, r->nr_xattrs, sizeof(*r->xattrs), cmp_xattrs, r->names);
	for (size_t i = 0; i < r->nr_xattrs; i++) {
		const struct xattr *x = &r->xattrs[i];
		const char *name = r->names + x->name;
		xattr_put(&r->pairs, name, strlen(name), r->values.data + x->value, x->value_len);
	}
}

/* -- all together -- */

static int put_note(struct attr_reader *r, uint64_t kind, const struct buf *body, struct oid *id,
		    struct err *err)
{
	struct note n = { .kind = kind, .body = body->data, .body_len = body->len };

	buf_reset(&r->note);
	note_encode(&n, &r->note);
	return r->sink.put(r->sink.data, OBJ_NOTE, r->note.data, r->note.len, id, err);
}

static int put_xattrs(struct attr_reader *r, attr_problem_fn *problem, void *data, struct err *err)
{
	struct oid id;

	if (r->pairs.len == 0)
		return 0;
	if (r->pairs.len <= XATTRS_INLINE_MAX) {
		attr_put(&r->attrs, ATTR_XATTRS, r->pairs.data, r->pairs.len);
		return 0;
	}
	if (r->pairs.len > NOTE_BODY_MAX) {
		problem("store xattrs", E2BIG, "", data);
		return 0;
	}
	int ret = put_note(r, NOTE_XATTRS, &r->pairs, &id, err);
	if (ret == 0)
		attr_put(&r->attrs, ATTR_XATTRS_ID, id.b, OID_SIZE);
	return ret;
}

static int put_holes(struct attr_reader *r, const struct buf *holes, attr_problem_fn *problem,
		     void *data, struct err *err)
{
	struct oid id;
	size_t nr = 0;

	if (!holes || holes->len == 0)
		return 0;
	int ret = holes_check(holes->data, holes->len, &nr, NULL, err);
	if (ret < 0)
		BUG("a map of holes that was made here is none: %s", err->msg);
	if (nr <= HOLES_INLINE_MAX) {
		attr_put(&r->attrs, ATTR_HOLES, holes->data, holes->len);
		return 0;
	}
	if (holes->len > NOTE_BODY_MAX) {
		problem("store the map of holes", E2BIG, "", data);
		return 0;
	}
	ret = put_note(r, NOTE_HOLES, holes, &id, err);
	if (ret == 0)
		attr_put(&r->attrs, ATTR_HOLES_ID, id.b, OID_SIZE);
	return ret;
}

static void put_flags(struct attr_reader *r, int fd, const struct file_stat *st, struct buf *out,
		      uint32_t *project)
{
	uint32_t flags = 0;

	(void)r;
	*project = 0;
	if (fd < 0 || (st->type != ENTRY_FILE && st->type != ENTRY_DIR))
		return;
	/* A file system without them says so with one of several errors. */
	if (sys_get_flags(fd, &flags) < 0)
		return;
	if (flags & ATTR_FLAGS_KEPT)
		attr_put_varint(out, ATTR_FLAGS, flags & ATTR_FLAGS_KEPT);
	if (sys_get_project(fd, project) < 0)
		*project = 0;
}

static int put_target(struct attr_reader *r, int dirfd, const char *name, struct tree_entry *e,
		      struct err *err)
{
	ssize_t n = sys_readlinkat(dirfd, name, r->target, TARGET_LEN_MAX + 1);

	if (n < 0)
		return err_sys(err, "read the link");
	if (n == 0 || n > TARGET_LEN_MAX) {
		errno = n ? ENAMETOOLONG : EINVAL;
		return err_sys(err, "read the link");
	}
	e->size = (uint64_t)n;
	attr_put(&r->attrs, ATTR_TARGET, r->target, (size_t)n);
	return 0;
}

int attr_read(struct attr_reader *r, int dirfd, const char *name, int fd,
	      const struct file_stat *st, const struct buf *holes, struct tree_entry *e,
	      attr_problem_fn *problem, void *data, struct err *err)
{
	const char *user = owner_name(r->users, st->uid, ask_user);
	const char *group = owner_name(r->groups, st->gid, ask_group);
	struct place place = { fd, NULL };
	uint32_t project;
	int ret = 0;

	buf_reset(&r->attrs);
	e->mode = st->mode;
	attr_put_mtime(&r->attrs, st->mtime_s, st->mtime_ns);
	attr_put_varint(&r->attrs, ATTR_UID, st->uid);
	attr_put_varint(&r->attrs, ATTR_GID, st->gid);
	if (user)
		attr_put(&r->attrs, ATTR_OWNER, user, strlen(user));
	if (group)
		attr_put(&r->attrs, ATTR_GROUP, group, strlen(group));
	if (e->type == ENTRY_SYMLINK)
		ret = put_target(r, dirfd, name, e, err);
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK)
		attr_put_device(&r->attrs, st->rdev_major, st->rdev_minor);
	if (fd < 0)
		place.path = xasprintf("/proc/self/fd/%d/%s", dirfd, name);
	if (ret == 0) {
		read_xattrs(r, &place, problem, data);
		ret = put_xattrs(r, problem, data, err);
	}
	if (ret == 0) {
		put_flags(r, fd, st, &r->attrs, &project);
		ret = put_holes(r, holes, problem, data, err);
	}
	if (ret == 0 && project)
		attr_put_varint(&r->attrs, ATTR_PROJECT, project);
	if (ret == 0 && r->attrs.len > ATTRS_LEN_MAX)
		BUG("%zu bytes of attributes", r->attrs.len);
	e->attrs = r->attrs.data;
	e->attrs_len = r->attrs.len;
	sys_free(place.path);
	return ret;
}

int holes_read(int fd, uint64_t size, struct buf *out)
{
	uint64_t at = 0, last = 0;		/* `last`: where the hole before ended */
	uint64_t start = 0, len = 0;		/* a hole that may still grow */

	buf_reset(out);
	while (at < size) {
		off_t hole = sys_lseek(fd, (off_t)at, SEEK_HOLE);
		if (hole < 0 && errno != ENXIO && errno != EINVAL && errno != EOPNOTSUPP)
			return -1;
		if (hole < 0 || (uint64_t)hole >= size)
			break;
		off_t data = sys_lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return -1;
		uint64_t end = data < 0 || (uint64_t)data > size ? size : (uint64_t)data;
		/* In a file that changes meanwhile holes may be empty, or touch. */
		if (len > 0 && (uint64_t)hole != start + len) {
			hole_put(out, start - last, len);
			last = start + len;
			len = 0;
		}
		if (len == 0)
			start = (uint64_t)hole;
		len = end - start;
		at = end > at ? end : at + 1;
	}
	if (len > 0)
		hole_put(out, start - last, len);
	return sys_lseek(fd, 0, SEEK_SET) < 0 ? -1 : 0;
}
