/*
 * Putting back what a file carries: owner, then mode (a change of owner clears setuid), then
 * extended attributes (ACLs change the mode, capabilities go with a change of owner), project,
 * time; flags last, when nothing more is to be done to the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"

#include "fs/attr-internal.h"
#include "fs/attr.h"

#define OWNERS 64		/* ids kept, by a hash of the name */
#define XATTR_LIST_MAX 65536
#define FIRST_FLAGS (FS_NOCOW_FL | FS_COMPR_FL | FS_CASEFOLD_FL)

struct owner_id {
	char *name;
	bool is_known;		/* the name has an id here */
	uint32_t id;
};

struct attr_writer {
	struct object_source source;
	bool by_name;
	struct owner_id users[OWNERS], groups[OWNERS];
	struct buf xattr_note, hole_note;
	struct attr_loaded loaded;
	char *names;		/* of attributes that are there */
};

struct attr_writer *attr_writer_new(const struct object_source *source, bool by_name)
{
	struct attr_writer *w = xcalloc(1, sizeof(*w));

	w->source = *source;
	w->by_name = by_name;
	buf_init_max(&w->xattr_note, SIZE_MAX);
	buf_init_max(&w->hole_note, SIZE_MAX);
	return w;
}

void attr_writer_free(struct attr_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < OWNERS; i++) {
		sys_free(w->users[i].name);
		sys_free(w->groups[i].name);
	}
	buf_release(&w->xattr_note);
	buf_release(&w->hole_note);
	sys_free(w->names);
	sys_free(w);
}

/* -- what stands elsewhere -- */

static int load(struct attr_writer *w, const struct tree_entry *e, enum attr_tag tag,
		enum attr_tag id_tag, enum note_kind kind, struct buf *hold,
		const unsigned char **p, size_t *n, struct err *err)
{
	struct note note;
	struct oid id;

	*p = NULL;
	*n = 0;
	if (tree_entry_attr(e, tag, p, n) || !tree_entry_id(e, id_tag, &id))
		return 0;
	int ret = w->source.get(w->source.data, &id, OBJ_NOTE, hold, err);
	if (ret == 0)
		ret = note_decode(&note, hold->data, hold->len, err);
	if (ret == 0 && note.kind != (uint64_t)kind)
		ret = err_set(err, ERR_CORRUPT, "not the note that the tree names");
	if (ret == 0)
		ret = note_check(&note, err);
	if (ret < 0)
		return err_wrap(err, "note %s", oid_hex(&id).s);
	*p = note.body;
	*n = note.body_len;
	return 0;
}

int attr_writer_load(struct attr_writer *w, const struct tree_entry *e, struct err *err)
{
	struct attr_loaded *l = &w->loaded;
	int ret = load(w, e, ATTR_XATTRS, ATTR_XATTRS_ID, NOTE_XATTRS, &w->xattr_note, &l->xattrs,
		       &l->xattrs_len, err);

	if (ret == 0)
		ret = load(w, e, ATTR_HOLES, ATTR_HOLES_ID, NOTE_HOLES, &w->hole_note, &l->holes,
			   &l->holes_len, err);
	return ret;
}

const unsigned char *attr_writer_holes(const struct attr_writer *w, size_t *size_out)
{
	*size_out = w->loaded.holes_len;
	return w->loaded.holes;
}

const struct attr_loaded *attr_writer_loaded(const struct attr_writer *w)
{
	return &w->loaded;
}

/* -- owners -- */

static bool ask_user(const char *name, uint32_t *out)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (getpwnam_r(name, &pw, room, sizeof(room), &found) != 0 || !found)
		return false;
	*out = found->pw_uid;
	return true;
}

static bool ask_group(const char *name, uint32_t *out)
{
	bool is_known = false;

	for (size_t size = 4096; size <= (size_t)1 << 20; size *= 4) {
		struct group gr, *found = NULL;
		char *room = xmalloc(size);
		int ret = getgrnam_r(name, &gr, room, size, &found);
		if (ret == 0 && found) {
			*out = found->gr_gid;
			is_known = true;
		}
		sys_free(room);
		if (ret != ERANGE)
			break;
	}
	return is_known;
}

static bool id_of(struct owner_id *cache, const unsigned char *name, size_t n,
		  bool (*ask)(const char *, uint32_t *), uint32_t *out)
{
	size_t slot = n;

	for (size_t i = 0; i < n; i++)
		slot = slot * 31 + name[i];
	struct owner_id *o = &cache[slot % OWNERS];
	if (!o->name || strlen(o->name) != n || memcmp(o->name, name, n) != 0) {
		sys_free(o->name);
		o->name = xstrndup((const char *)name, n);
		o->is_known = ask(o->name, &o->id);
	}
	if (o->is_known)
		*out = o->id;
	return o->is_known;
}

void attr_owner(struct attr_writer *w, const struct tree_entry *e, uint32_t *uid, uint32_t *gid)
{
	const unsigned char *name;
	uint64_t v;
	size_t n;

	if (tree_entry_varint(e, ATTR_UID, &v))
		*uid = (uint32_t)v;
	if (tree_entry_varint(e, ATTR_GID, &v))
		*gid = (uint32_t)v;
	if (w->by_name && tree_entry_attr(e, ATTR_OWNER, &name, &n))
		id_of(w->users, name, n, ask_user, uid);
	if (w->by_name && tree_entry_attr(e, ATTR_GROUP, &name, &n))
		id_of(w->groups, name, n, ask_group, gid);
}

static int chown_at(const struct attr_place *at, uint32_t uid, uint32_t gid)
{
	if (at->fd >= 0)
		return sys_fchownat(at->fd, "", uid, gid, AT_EMPTY_PATH);
	return sys_fchownat(at->dirfd, at->name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

/* False when the owner is not the one it should be. */
static bool set_owner(struct attr_writer *w, const struct attr_place *at,
		      const struct tree_entry *e, bool *was_called, attr_problem_fn *problem,
		      void *data)
{
	uint32_t uid = at->uid, gid = at->gid;

	attr_owner(w, e, &uid, &gid);
	*was_called = uid != at->uid || gid != at->gid;
	if (!*was_called || chown_at(at, uid, gid) == 0)
		return true;
	int error = errno;
	/* Who may not give files away may still give them to his own groups. */
	if (uid != at->uid && gid != at->gid)
		chown_at(at, (uint32_t)-1, gid);
	problem("set owner", error, "", data);
	return false;
}

/* -- mode -- */

static int chmod_at(const struct attr_place *at, uint32_t mode)
{

	if (at->fd >= 0)
		return sys_fchmod(at->fd, mode);
	int fd = sys_openat(at->dirfd, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	char *link = xasprintf("/proc/self/fd/%d", fd);
	int ret = sys_chmod(link, mode), saved = errno;
	sys_free(link);
	sys_close(fd);
	errno = saved;
	return ret;
}

/* -- extended attributes -- */

struct xattr_place {
	int fd;
	char *path;		/* where fd is -1 */
};

static int set_one(const struct xattr_place *p, const char *name, const void *val, size_t n)
{
	return p->fd >= 0 ? sys_fsetxattr(p->fd, name, val, n) :
			    sys_lsetxattr(p->path, name, val, n);
}

/* What the security module of this machine put there is its own affair. */
static bool stays(const char *name)
{
	return strncmp(name, "security.", 9) == 0 && strcmp(name, "security.capability") != 0;
}

static bool is_wanted(const struct attr_loaded *l, const char *name)
{
	const unsigned char *p = l->xattrs, *key, *val;
	size_t left = l->xattrs_len, key_len, val_len;
	struct err ignored = ERR_INIT;

	while (left > 0 && xattr_next(&p, &left, &key, &key_len, &val, &val_len, &ignored) > 0)
		if (key_len == strlen(name) && memcmp(key, name, key_len) == 0)
			return true;
	return false;
}

static void remove_others(struct attr_writer *w, const struct xattr_place *p,
			  attr_problem_fn *problem, void *data)
{
	if (!w->names)
		w->names = xmalloc(XATTR_LIST_MAX);
	ssize_t len = p->fd >= 0 ? sys_flistxattr(p->fd, w->names, XATTR_LIST_MAX) :
				   sys_llistxattr(p->path, w->names, XATTR_LIST_MAX);

	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(w->names + at) + 1) {
		const char *name = w->names + at;
		if (stays(name) || is_wanted(&w->loaded, name))
			continue;
		int ret = p->fd >= 0 ? sys_fremovexattr(p->fd, name) :
				       sys_lremovexattr(p->path, name);
		if (ret < 0 && errno != ENODATA)
			problem("remove xattr", errno, name, data);
	}
}

static void set_xattrs(struct attr_writer *w, const struct attr_place *at,
		       attr_problem_fn *problem, void *data)
{
	const struct attr_loaded *l = &w->loaded;
	const unsigned char *p = l->xattrs, *key, *val;
	size_t left = l->xattrs_len, key_len, val_len;
	struct xattr_place place = { at->fd, NULL };
	struct err ignored = ERR_INIT;
	char name[XATTR_NAME_MAX + 1];

	if (at->is_fresh && left == 0)
		return;
	if (at->fd < 0)
		place.path = xasprintf("/proc/self/fd/%d/%s", at->dirfd, at->name);
	if (!at->is_fresh)
		remove_others(w, &place, problem, data);
	while (left > 0 && xattr_next(&p, &left, &key, &key_len, &val, &val_len, &ignored) > 0) {
		memcpy(name, key, key_len);
		name[key_len] = '\0';
		if (set_one(&place, name, val, val_len) < 0)
			problem("set xattr", errno, name, data);
	}
	sys_free(place.path);
}

/* -- project, time -- */

static void set_project(const struct attr_place *at, const struct tree_entry *e,
			attr_problem_fn *problem, void *data)
{
	uint64_t project = 0;

	tree_entry_varint(e, ATTR_PROJECT, &project);
	if (at->fd < 0 || (project == 0 && at->is_fresh))
		return;
	if (sys_set_project(at->fd, (uint32_t)project) < 0 && project != 0)
		problem("set project", errno, "", data);
}

static void set_mtime(const struct attr_place *at, const struct tree_entry *e,
		      attr_problem_fn *problem, void *data)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0, 0 } };
	uint32_t ns;
	int64_t s;

	if (!tree_entry_mtime(e, &s, &ns))
		return;
	times[1].tv_sec = s;
	times[1].tv_nsec = ns;
	int ret = at->fd >= 0 ? sys_futimens(at->fd, times) :
		  sys_utimensat(at->dirfd, at->name, times, AT_SYMLINK_NOFOLLOW);
	if (ret < 0)
		problem("set time", errno, "", data);
}

/* -- all together -- */

void attr_set(struct attr_writer *w, const struct attr_place *at, const struct tree_entry *e,
	      unsigned int parts, attr_problem_fn *problem, void *data)
{
	bool is_owned = true, was_called = false;
	uint32_t mode = e->mode;

	if (parts & ATTR_PART_OWNER)
		is_owned = set_owner(w, at, e, &was_called, problem, data);
	/* Set for another owner these bits would lend somebody else's rights. */
	if (!is_owned)
		mode &= ~(uint32_t)(S_ISUID | S_ISGID);
	if (e->type != ENTRY_SYMLINK &&
	    ((parts & ATTR_PART_MODE && mode != at->mode) || (was_called && mode & 07000)) &&
	    chmod_at(at, mode) < 0)
		problem("set mode", errno, "", data);
	if (parts & ATTR_PART_XATTRS)
		set_xattrs(w, at, problem, data);
	if (parts & ATTR_PART_PROJECT)
		set_project(at, e, problem, data);
	if (parts & ATTR_PART_MTIME)
		set_mtime(at, e, problem, data);
}

/* -- flags -- */

static uint32_t wanted_flags(const struct tree_entry *e)
{
	uint64_t flags = 0;

	tree_entry_varint(e, ATTR_FLAGS, &flags);
	return (uint32_t)flags & ATTR_FLAGS_KEPT;
}

bool attr_has_flags(const struct tree_entry *e)
{
	return wanted_flags(e) != 0;
}

void attr_set_first_flags(int fd, const struct tree_entry *e)
{
	uint32_t now, flags = wanted_flags(e) & FIRST_FLAGS;

	/* What fails here is told when all are set. */
	if (flags && sys_get_flags(fd, &now) == 0 && (now & flags) != flags)
		sys_set_flags(fd, now | flags);
}

void attr_set_flags(int fd, const struct tree_entry *e, attr_problem_fn *problem, void *data)
{
	uint32_t now = 0, flags = wanted_flags(e);

	if (sys_get_flags(fd, &now) < 0) {
		if (flags)
			problem("set flags", errno, "", data);
		return;
	}
	if ((now & ATTR_FLAGS_KEPT) == flags)
		return;
	if (sys_set_flags(fd, (now & ~ATTR_FLAGS_KEPT) | flags) < 0)
		problem("set flags", errno, "", data);
}
