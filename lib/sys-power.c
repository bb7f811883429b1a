/*
 * What a power cut loses, in the test build only.  Strict POSIX: nothing is durable until it is
 * synced, and no more than what was synced.
 *
 * 1. A file's bytes and size are durable after fsync or fdatasync of it.  Before, each 512-byte
 *    sector is the one of the last sync or the one of now, and so is the size.
 * 2. A name is durable after fsync of its folder.  The sync of the file does nothing for it.
 * 3. The operations of a folder become durable in any order, but for those on the same names; of
 *    a rename both names change or none.  A rename across two folders is an operation of each.
 * 4. A folder whose own name is lost is lost with all that is in it.
 *
 * A file that has unsynced bytes is kept open, with a copy of what it was when last synced.  A
 * file that loses its last name gets another one in "ROOT.ub-hold/", beside the tree, until
 * the folder is synced.  At the cut the operations that are lost are taken back, newest first,
 * through the open folders, so that renamed ones are found.
 *
 * A process starts with all on disk durable, or, where a state file is kept, with what the
 * processes before it left unsynced when they ended or were killed: the kernel outlives them.
 * Hard links, mmap and modes are not modelled.
 */
#ifdef UB_TEST

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys-internal.h"

enum { SECTOR = 512, ROOTS_MAX = 4, EXIT_MODEL = 99 };

struct power_dir {
	struct power_dir *next;
	dev_t dev;
	ino_t ino;
	int fd;
	unsigned int root;
	uint64_t ops_nr;	/* not yet durable */
	uint32_t number;	/* in the state file */
};

struct power_file {
	struct power_file *next;
	dev_t dev;
	ino_t ino;
	int fd;
	unsigned char *base;
	size_t base_size;
};

enum op_type { OP_ADD, OP_REMOVE, OP_RENAME, OP_MKDIR, OP_RMDIR };

struct op {
	struct op *older;
	enum op_type type;
	struct power_dir *dir;
	struct power_dir *victim;	/* OP_RMDIR: the folder that went, if known */
	char *name, *to_name;
	unsigned int hold;		/* what was replaced or removed; 0: nothing */
	mode_t mode;
	bool is_lost;			/* decided at the cut */
};

static struct {
	bool is_on;
	enum power_mode mode;
	uint64_t seed;
	char *roots[ROOTS_MAX];
	int hold_fd[ROOTS_MAX];		/* -1: not needed yet */
	unsigned int roots_nr;
	struct power_dir *dirs;
	struct power_file *files;
	struct op *newest;
	unsigned int holds;
	const char *state;		/* file that outlives the process, or NULL */
} model;

/* A test that runs on a broken model proves nothing: stop it. */
_Noreturn __attribute__((format(printf, 1, 2))) static void broken(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	dprintf(STDERR_FILENO, "ub: power-cut model: ");
	vdprintf(STDERR_FILENO, fmt, ap);
	dprintf(STDERR_FILENO, ": %s\n", strerror(saved));
	va_end(ap);
	_exit(EXIT_MODEL);
}

static void *must_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		broken("no memory");
	return p;
}

static char *must_dup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		broken("no memory");
	return p;
}

/* Which tree holds the open file; -1: none. */
static int root_of(int fd)
{
	char link[32], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -1;
	path[n] = '\0';
	for (unsigned int i = 0; i < model.roots_nr; i++) {
		size_t len = strlen(model.roots[i]);
		if (strncmp(path, model.roots[i], len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			return (int)i;
	}
	return -1;
}

/* Folders ------------------------------------------------------------------------------- */

static struct power_dir *find_dir(const struct stat *st)
{
	for (struct power_dir *d = model.dirs; d; d = d->next)
		if (d->dev == st->st_dev && d->ino == st->st_ino)
			return d;
	return NULL;
}

/* The folder behind `fd`, which this takes over; NULL when it is in no tree. */
static struct power_dir *adopt_dir(int fd)
{
	struct stat st;
	int root;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		broken("fstat");
	struct power_dir *d = find_dir(&st);
	if (d || (root = root_of(fd)) < 0) {
		close(fd);
		return d;
	}
	d = must_alloc(sizeof(*d));
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	d->fd = fd;
	d->root = (unsigned int)root;
	d->next = model.dirs;
	model.dirs = d;
	return d;
}

/* Split `path` into its folder and a name the caller frees. */
static struct power_dir *dir_of(int dirfd, const char *path, char **name_out)
{
	char *copy = must_dup(path);
	size_t n = strlen(copy);

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	char *slash = strrchr(copy, '/');
	*name_out = must_dup(slash ? slash + 1 : copy);
	if (slash)
		slash[slash == copy ? 1 : 0] = '\0';
	int fd = openat(dirfd, slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	struct power_dir *d = adopt_dir(fd);
	if (!d) {
		free(*name_out);
		*name_out = NULL;
	}
	return d;
}

/* A killed process leaves its own behind; with a state file the next one goes on with it. */
static void hold_path(unsigned int root, char out[PATH_MAX])
{
	if (model.state)
		snprintf(out, PATH_MAX, "%s.ub-hold", model.roots[root]);
	else
		snprintf(out, PATH_MAX, "%s.ub-hold.%d", model.roots[root], (int)getpid());
}

static int hold_dir(unsigned int root)
{
	char path[PATH_MAX];

	if (model.hold_fd[root] >= 0)
		return model.hold_fd[root];
	hold_path(root, path);
	if (mkdir(path, 0700) < 0 && (!model.state || errno != EEXIST))
		broken("mkdir '%s'", path);
	model.hold_fd[root] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (model.hold_fd[root] < 0)
		broken("open '%s'", path);
	return model.hold_fd[root];
}

static void hold_name(unsigned int hold, char out[16])
{
	snprintf(out, 16, "%u", hold);
}

/* Give what stands at `name` a second name.  0: nothing stands there, or a folder. */
static unsigned int hold(struct power_dir *d, const char *name)
{
	struct stat st;
	char held[16];

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		return 0;
	hold_name(++model.holds, held);
	if (linkat(d->fd, name, hold_dir(d->root), held, 0) < 0)
		broken("hold '%s'", name);
	return model.holds;
}

static void drop_hold(struct power_dir *d, unsigned int nr)
{
	char held[16];

	if (nr == 0)
		return;
	hold_name(nr, held);
	if (unlinkat(hold_dir(d->root), held, 0) < 0)
		broken("drop '%s'", held);
}

static struct op *log_op(enum op_type type, struct power_dir *d, char *take_name)
{
	struct op *op = must_alloc(sizeof(*op));

	op->type = type;
	op->dir = d;
	op->name = take_name;
	op->older = model.newest;
	model.newest = op;
	d->ops_nr++;
	return op;
}

static void free_op(struct op *op)
{
	free(op->name);
	free(op->to_name);
	free(op);
}

static void change_over(struct power_change *c)
{
	free(c->name);
	free(c->to_name);
	c->name = c->to_name = NULL;
}

static void begin(struct power_change *c)
{
	memset(c, 0, sizeof(*c));
}

void power_before_open(struct power_change *c, int dirfd, const char *path, int flags)
{
	struct stat st;

	begin(c);
	if (!model.is_on || !(flags & (O_CREAT | O_TRUNC)))
		return;
	c->dir = dir_of(dirfd, path, &c->name);
	if (!c->dir)
		return;
	c->is_new = fstatat(c->dir->fd, c->name, &st, 0) < 0;
	if (!c->is_new && flags & O_TRUNC) {
		int fd = openat(c->dir->fd, c->name, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			broken("open '%s'", c->name);
		power_before_data(fd);
		close(fd);
	}
}

void power_after_open(struct power_change *c, int fd)
{
	int saved = errno;

	/* A refused O_DIRECT leaves the file behind: look, instead of trusting `fd`. */
	if (c->dir && c->is_new && (fd >= 0 || faccessat(c->dir->fd, c->name, F_OK, 0) == 0)) {
		log_op(OP_ADD, c->dir, c->name);
		c->name = NULL;
	}
	change_over(c);
	errno = saved;
}

void power_before_rename(struct power_change *c, int from_fd, const char *from, int to_fd,
			 const char *to)
{
	struct stat st;

	begin(c);
	if (!model.is_on)
		return;
	c->dir = dir_of(from_fd, from, &c->name);
	c->to_dir = dir_of(to_fd, to, &c->to_name);
	if (!c->dir != !c->to_dir)
		broken("rename of '%s' into or out of a tree", from);
	if (!c->dir)
		return;
	c->to_hold = hold(c->to_dir, c->to_name);
	if (c->dir != c->to_dir) {
		if (fstatat(c->dir->fd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			broken("rename of folder '%s' to another folder", from);
		c->hold = hold(c->dir, c->name);
	}
}

void power_after_rename(struct power_change *c, bool is_done)
{
	int saved = errno;

	if (c->dir && !is_done) {
		drop_hold(c->dir, c->hold);
		drop_hold(c->to_dir, c->to_hold);
	} else if (c->dir && c->dir == c->to_dir) {
		struct op *op = log_op(OP_RENAME, c->dir, c->name);
		op->to_name = c->to_name;
		op->hold = c->to_hold;
		c->name = c->to_name = NULL;
	} else if (c->dir) {
		struct op *op = log_op(OP_ADD, c->to_dir, c->to_name);
		op->hold = c->to_hold;
		op = log_op(OP_REMOVE, c->dir, c->name);
		op->hold = c->hold;
		c->name = c->to_name = NULL;
	}
	change_over(c);
	errno = saved;
}

void power_before_unlink(struct power_change *c, int dirfd, const char *path)
{
	begin(c);
	if (!model.is_on)
		return;
	c->dir = dir_of(dirfd, path, &c->name);
	if (c->dir)
		c->hold = hold(c->dir, c->name);
}

void power_after_unlink(struct power_change *c, bool is_done)
{
	int saved = errno;

	if (c->dir && is_done) {
		log_op(OP_REMOVE, c->dir, c->name)->hold = c->hold;
		c->name = NULL;
	} else if (c->dir) {
		drop_hold(c->dir, c->hold);
	}
	change_over(c);
	errno = saved;
}

void power_before_mkdir(struct power_change *c, int dirfd, const char *path)
{
	begin(c);
	if (model.is_on)
		c->dir = dir_of(dirfd, path, &c->name);
}

void power_after_mkdir(struct power_change *c, bool is_done)
{
	int saved = errno;

	if (c->dir && is_done) {
		log_op(OP_MKDIR, c->dir, c->name);
		c->name = NULL;
	}
	change_over(c);
	errno = saved;
}

/* A name that appears at once: a link, a symbolic link, a fifo. */
void power_before_add(struct power_change *c, int dirfd, const char *path)
{
	begin(c);
	if (model.is_on)
		c->dir = dir_of(dirfd, path, &c->name);
}

void power_after_add(struct power_change *c, bool is_done)
{
	int saved = errno;

	if (c->dir && is_done) {
		log_op(OP_ADD, c->dir, c->name);
		c->name = NULL;
	}
	change_over(c);
	errno = saved;
}

/* syncfs: all that is in the tree of `fd`. */
void power_synced_all(int fd)
{
	int root = model.is_on ? root_of(fd) : -1;

	if (root < 0)
		return;
	for (struct power_dir *d = model.dirs; d; d = d->next)
		if (d->root == (unsigned int)root)
			power_synced(d->fd);
	for (struct power_file *f = model.files, *next; f; f = next) {
		next = f->next;
		if (root_of(f->fd) == root)
			power_synced(f->fd);
	}
}

void power_before_rmdir(struct power_change *c, int dirfd, const char *path)
{
	struct stat st;

	begin(c);
	if (!model.is_on)
		return;
	c->dir = dir_of(dirfd, path, &c->name);
	if (c->dir && fstatat(c->dir->fd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		c->mode = st.st_mode;
		c->victim = find_dir(&st);
	}
}

void power_after_rmdir(struct power_change *c, bool is_done)
{
	int saved = errno;

	if (c->dir && is_done) {
		struct op *op = log_op(OP_RMDIR, c->dir, c->name);
		op->mode = c->mode;
		op->victim = c->victim;
		c->name = NULL;
	}
	change_over(c);
	errno = saved;
}

/* Files --------------------------------------------------------------------------------- */

static struct power_file **find_file(int fd)
{
	struct stat st;
	struct power_file **at = &model.files;

	if (fstat(fd, &st) < 0)
		broken("fstat");
	while (*at && ((*at)->dev != st.st_dev || (*at)->ino != st.st_ino))
		at = &(*at)->next;
	return at;
}

static size_t read_all(int fd, unsigned char **out)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) < 0)
		broken("fstat");
	size_t size = (size_t)st.st_size;
	*out = must_alloc(size);
	while (done < size) {
		ssize_t got = pread(fd, *out + done, size - done, (off_t)done);
		if (got <= 0)
			broken("read");
		done += (size_t)got;
	}
	return size;
}

/* Packs are made without write permission. */
static int open_again(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && chmod(path, 0600) == 0) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		chmod(path, mode & 07777);
	}
	return fd;
}

void power_before_data(int fd)
{
	char link[32];
	struct stat st;
	int saved = errno;

	if (!model.is_on || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || root_of(fd) < 0 ||
	    *find_file(fd))
		goto done;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	struct power_file *f = must_alloc(sizeof(*f));
	f->fd = open_again(link, st.st_mode);
	if (f->fd < 0)
		broken("open a file again");
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->base_size = read_all(f->fd, &f->base);
	f->next = model.files;
	model.files = f;
done:
	errno = saved;
}

static void forget_file(struct power_file **at)
{
	struct power_file *f = *at;

	*at = f->next;
	close(f->fd);
	free(f->base);
	free(f);
}

void power_synced(int fd)
{
	struct stat st;
	int saved = errno;

	if (!model.is_on || fstat(fd, &st) < 0)
		goto done;
	if (!S_ISDIR(st.st_mode)) {
		struct power_file **at = find_file(fd);
		if (*at)
			forget_file(at);
		goto done;
	}
	struct power_dir *d = find_dir(&st);
	for (struct op **at = &model.newest; d && *at; ) {
		struct op *op = *at;
		if (op->dir != d) {
			at = &op->older;
			continue;
		}
		drop_hold(d, op->hold);
		*at = op->older;
		free_op(op);
	}
	if (d)
		d->ops_nr = 0;
done:
	errno = saved;
}

static bool keeps(enum power_mode mode)
{
	return mode == POWER_BEST || mode == POWER_LAST ||
	       (mode == POWER_TORN && fault_mix(&model.seed) & 1);
}

/* Rule 1. */
static void lose_data(struct power_file *f, enum power_mode mode)
{
	unsigned char *now;
	size_t now_size = read_all(f->fd, &now);
	size_t size = keeps(mode) ? now_size : f->base_size;

	if (mode == POWER_TORN && now_size > f->base_size && keeps(mode)) {
		/* The file grew piece by piece: any sector may have been its last. */
		size = f->base_size + fault_mix(&model.seed) % (now_size - f->base_size + 1);
		size -= size > f->base_size ? size % SECTOR : 0;
		if (size < f->base_size)
			size = f->base_size;
	}
	unsigned char *out = must_alloc(size);
	for (size_t off = 0; off < size; off += SECTOR) {
		size_t n = size - off < SECTOR ? size - off : SECTOR;
		bool is_kept = keeps(mode);
		const unsigned char *from = is_kept ? now : f->base;
		size_t from_size = is_kept ? now_size : f->base_size;
		if (off < from_size)
			memcpy(out + off, from + off, from_size - off < n ? from_size - off : n);
	}
	if (ftruncate(f->fd, 0) < 0)
		broken("truncate");
	for (size_t done = 0; done < size; ) {
		ssize_t put = pwrite(f->fd, out + done, size - done, (off_t)done);
		if (put <= 0)
			broken("write");
		done += (size_t)put;
	}
	free(out);
	free(now);
}

void power_drop(int fd)
{
	struct stat st;

	if (!model.is_on || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		return;
	struct power_file **at = find_file(fd);
	if (*at) {
		lose_data(*at, POWER_WORST);
		forget_file(at);
	}
}

/* The cut ------------------------------------------------------------------------------- */

static void remove_tree(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0)
		return;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		broken("remove '%s'", name);
	for (struct dirent *e; (e = readdir(d)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(fd, e->d_name);
	closedir(d);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		broken("remove folder '%s'", name);
}

static int put_back(struct power_dir *d, unsigned int nr, const char *name)
{
	char held[16];

	if (nr == 0)
		return 0;
	hold_name(nr, held);
	return linkat(hold_dir(d->root), held, d->fd, name, 0);
}

static int take_back(struct op *op)
{
	struct power_dir *d = op->dir;

	switch (op->type) {
	case OP_ADD:
		if (unlinkat(d->fd, op->name, 0) < 0)
			return -1;
		return put_back(d, op->hold, op->name);
	case OP_REMOVE:
		return put_back(d, op->hold, op->name);
	case OP_RENAME:
		if (renameat(d->fd, op->to_name, d->fd, op->name) < 0)
			return -1;
		return put_back(d, op->hold, op->to_name);
	case OP_MKDIR:
		remove_tree(d->fd, op->name);
		return 0;
	case OP_RMDIR:
		if (mkdirat(d->fd, op->name, op->mode & 07777) < 0)
			return -1;
		if (op->victim) {
			close(op->victim->fd);
			op->victim->fd = openat(d->fd, op->name,
						O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			return op->victim->fd < 0 ? -1 : 0;
		}
		return 0;
	}
	return -1;
}

/* A folder that is gone for good takes what was in it along. */
static bool is_gone(const struct power_dir *d)
{
	struct stat st;

	return fstat(d->fd, &st) < 0 || st.st_nlink == 0;
}

/* Does an operation change a name that one of `others` up to `end` of the same folder changes? */
static bool touches(const struct op *op, const struct op *others, const struct op *end,
		    bool are_lost)
{
	for (; others != end; others = others->older) {
		if (others->dir != op->dir || others == op || others->is_lost != are_lost)
			continue;
		const char *a[2] = { op->name, op->to_name };
		const char *b[2] = { others->name, others->to_name };
		for (int i = 0; i < 4; i++)
			if (a[i / 2] && b[i % 2] && strcmp(a[i / 2], b[i % 2]) == 0)
				return true;
	}
	return false;
}

/* Rule 3: what stands on a lost name is lost with it. */
static void lose_names(struct op *op)
{
	if (!op)
		return;
	lose_names(op->older);
	op->is_lost = (model.mode != POWER_NAMES && !keeps(model.mode)) ||
		      touches(op, op->older, NULL, true);
}

/* Of each folder the newest operation stays, and what it stands on. */
static void lose_all_but_last(void)
{
	for (struct op *op = model.newest; op; op = op->older) {
		bool is_newest = true;
		for (struct op *n = model.newest; n != op; n = n->older)
			is_newest = is_newest && n->dir != op->dir;
		op->is_lost = !is_newest && !touches(op, model.newest, op, false);
	}
}

static void remove_holds(void)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; i < model.roots_nr; i++) {
		hold_path(i, path);
		if (access(path, F_OK) == 0)
			remove_tree(AT_FDCWD, path);
		model.hold_fd[i] = -1;
	}
}

void power_cut(void)
{
	if (!model.is_on)
		return;
	if (model.mode == POWER_LAST)
		lose_all_but_last();
	else
		lose_names(model.newest);
	for (struct power_file *f = model.files; f; f = f->next)
		lose_data(f, model.mode);
	for (struct op *op = model.newest; op; op = op->older)
		if (op->is_lost && !is_gone(op->dir) && take_back(op) < 0)
			broken("take back '%s'", op->name);
	remove_holds();
	if (model.state)
		unlink(model.state);
	model.is_on = false;
}

/* From process to process --------------------------------------------------------------- */

static void put(FILE *f, const void *p, size_t n)
{
	if (n > 0 && fwrite(p, n, 1, f) != 1)
		broken("save the state");
}

static void put_name(FILE *f, const char *name)
{
	uint32_t n = name ? (uint32_t)strlen(name) + 1 : 0;

	put(f, &n, sizeof(n));
	put(f, name, n);
}

static void save_ops(FILE *f, const struct op *op)
{
	if (!op)
		return;
	save_ops(f, op->older);
	if (is_gone(op->dir))
		return;
	put(f, &op->type, sizeof(op->type));
	put(f, &op->dir->number, sizeof(op->dir->number));
	put(f, &op->hold, sizeof(op->hold));
	put(f, &op->mode, sizeof(op->mode));
	put_name(f, op->name);
	put_name(f, op->to_name);
}

static void save(void)
{
	uint32_t nr = 0, files = 0;
	FILE *f = fopen(model.state, "we");

	if (!f)
		broken("open '%s'", model.state);
	for (struct power_dir *d = model.dirs; d; d = d->next)
		if (!is_gone(d))
			d->number = nr++;
	for (struct power_file *p = model.files; p; p = p->next)
		files++;
	put(f, &model.holds, sizeof(model.holds));
	put(f, &nr, sizeof(nr));
	for (struct power_dir *d = model.dirs; d; d = d->next)
		if (!is_gone(d))
			put(f, d, sizeof(*d));
	put(f, &files, sizeof(files));
	for (struct power_file *p = model.files; p; p = p->next) {
		put(f, p, sizeof(*p));
		put(f, p->base, p->base_size);
	}
	save_ops(f, model.newest);
	if (fclose(f) != 0)
		broken("save the state");
}

void power_end(void)
{
	if (model.is_on && model.state)
		save();
	else if (model.is_on)
		remove_holds();
	model.is_on = false;
}

static void get(FILE *f, void *p, size_t n)
{
	if (n > 0 && fread(p, n, 1, f) != 1)
		broken("load the state");
}

static char *get_name(FILE *f)
{
	uint32_t n;

	get(f, &n, sizeof(n));
	char *name = n > 0 ? must_alloc(n) : NULL;
	get(f, name, n);
	return name;
}

static void load_ops(FILE *f, struct power_dir **dirs, uint32_t nr)
{
	enum op_type type;

	while (fread(&type, sizeof(type), 1, f) == 1) {
		uint32_t number;
		unsigned int held;
		mode_t mode;
		get(f, &number, sizeof(number));
		get(f, &held, sizeof(held));
		get(f, &mode, sizeof(mode));
		if (number >= nr)
			broken("load the state");
		struct op *op = log_op(type, dirs[number], get_name(f));
		op->to_name = get_name(f);
		op->hold = held;
		op->mode = mode;
	}
}

/* Open again what the state speaks of, wherever it is now. */
static int find_again(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	for (struct power_dir *d = model.dirs; type == FTW_D && d; d = d->next)
		if (d->fd < 0 && d->dev == st->st_dev && d->ino == st->st_ino)
			d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (struct power_file *f = model.files; type == FTW_F && f; f = f->next)
		if (f->fd < 0 && f->dev == st->st_dev && f->ino == st->st_ino)
			f->fd = open_again(path, st->st_mode);
	return 0;
}

static void find_all_again(void)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; i < model.roots_nr; i++) {
		nftw(model.roots[i], find_again, 16, FTW_PHYS);
		hold_path(i, path);
		nftw(path, find_again, 16, FTW_PHYS);
	}
	for (struct power_dir *d = model.dirs; d; d = d->next)
		if (d->fd < 0)
			broken("a folder of the state is gone");
	/* Files without a name died with the process that had them open. */
	for (struct power_file **at = &model.files; *at; ) {
		if ((*at)->fd >= 0)
			at = &(*at)->next;
		else
			forget_file(at);
	}
}

static void load(void)
{
	uint32_t nr, files;
	FILE *f = fopen(model.state, "re");

	if (!f && errno == ENOENT)
		return;
	if (!f)
		broken("open '%s'", model.state);
	get(f, &model.holds, sizeof(model.holds));
	get(f, &nr, sizeof(nr));
	struct power_dir **dirs = must_alloc(nr * sizeof(struct power_dir *));
	for (uint32_t i = 0; i < nr; i++) {
		dirs[i] = must_alloc(sizeof(struct power_dir));
		get(f, dirs[i], sizeof(struct power_dir));
		dirs[i]->fd = -1;
		dirs[i]->ops_nr = 0;
		dirs[i]->next = model.dirs;
		model.dirs = dirs[i];
	}
	get(f, &files, sizeof(files));
	for (uint32_t i = 0; i < files; i++) {
		struct power_file *p = must_alloc(sizeof(*p));
		get(f, p, sizeof(*p));
		p->fd = -1;
		p->base = must_alloc(p->base_size);
		get(f, p->base, p->base_size);
		p->next = model.files;
		model.files = p;
	}
	load_ops(f, dirs, nr);
	free(dirs);
	fclose(f);
	find_all_again();
}

void power_start(const char *roots, enum power_mode mode, uint64_t seed, const char *state)
{
	char *copy = must_dup(roots);

	memset(&model, 0, sizeof(model));
	for (char *rest = copy, *one; (one = strsep(&rest, ":")); ) {
		if (model.roots_nr == ROOTS_MAX)
			broken("too many trees");
		char *real = realpath(one, NULL);
		if (!real)
			broken("tree '%s'", one);
		model.hold_fd[model.roots_nr] = -1;
		model.roots[model.roots_nr++] = real;
	}
	free(copy);
	model.mode = mode;
	model.seed = seed;
	model.state = state;
	model.is_on = true;
	if (state)
		load();
}

#endif
