#ifndef FS_ATTR_H
#define FS_ATTR_H

/*
 * What a file carries beside its content: read from the disk into the attributes of a tree entry
 * (attr.c), and put back (attr-set.c).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/builder.h"
#include "objects/dir.h"
#include "objects/object.h"

/* One file as statx() shows it. */
struct file_stat {
	enum entry_type type;
	uint32_t mode;			/* 07777 */
	uint64_t size;			/* as the system says, of whatever type */
	int64_t mtime_s, ctime_s, birth_s;
	uint32_t mtime_ns, ctime_ns, birth_ns;
	bool has_birth;
	uint32_t uid, gid;
	uint64_t ino, dev;		/* dev: major << 32 | minor */
	uint32_t rdev_major, rdev_minor;
	uint64_t blocks;		/* of 512 bytes */
	uint32_t nlink;
	bool is_nodump;			/* chattr +d */
	uint64_t mount;			/* id of the mount, where the kernel tells; else 0 */
};

/*
 * `name` in `dirfd`, last link not followed; "" is what `dirfd` itself is.  0, or -1 and errno
 * (ENOTSUP: a type that trees do not know).
 */
int file_stat_at(int dirfd, const char *name, struct file_stat *out);

/* One thread's buffers, and the names of owners it has asked for. */
struct attr_reader;
/* `sink` stores what is too large for a tree; borrowed. */
struct attr_reader *attr_reader_new(const struct object_sink *sink);
void attr_reader_free(struct attr_reader *r);

/*
 * What could not be read of a file: `op` is the operation ("read xattr"), `error` an errno,
 * `text` the name of the attribute or "".  The rest of the file is gone on with.
 */
typedef void attr_problem_fn(const char *op, int error, const char *text, void *data);

/*
 * Fill in e->attrs and e->attrs_len (borrowed until the next call), with e->mode, and for links the
 * target and e->size.  `e` has name, type and content already, `fd` is the open file or folder,
 * -1 for what cannot be opened (links, fifos, sockets, devices).  `holes` is the encoded map,
 * empty or NULL: none.  Negative: storing failed, or a link could not be read (ERR_SYS).
 */
int attr_read(struct attr_reader *r, int dirfd, const char *name, int fd,
	      const struct file_stat *st, const struct buf *holes, struct tree_entry *e,
	      attr_problem_fn *problem, void *data, struct err *err);

/* Inode flags that people set (chattr), not those by which a file system speaks of itself. */
#define ATTR_FLAGS_KEPT 0x6283c4ffu

/*
 * The map of holes of an open file, encoded, into `out` (replaced).  Leaves the offset at 0.
 * `size`: where the file ends.  0, or -1 and errno.
 */
int holes_read(int fd, uint64_t size, struct buf *out);

/* -- putting back: attr-set.c; what differs: attr-diff.c -- */

/* Parts of what a file carries, in the order in which they are put back. */
enum attr_part {
	ATTR_PART_OWNER = 1u << 0,
	ATTR_PART_MODE = 1u << 1,
	ATTR_PART_XATTRS = 1u << 2,
	ATTR_PART_PROJECT = 1u << 3,
	ATTR_PART_MTIME = 1u << 4,
	ATTR_PART_FLAGS = 1u << 5,
	ATTR_PART_ALL = (1u << 6) - 1,
	/* told by attr_diff() alone: these make another file */
	ATTR_PART_TARGET = 1u << 6,
	ATTR_PART_DEVICE = 1u << 7,
};

/* One thread's buffers, and the ids of names it has asked for. */
struct attr_writer;
/*
 * `source` gives what is too large for a tree; borrowed.  `by_name`: an owner whose name is known
 * here gets the id of that name, whatever its number was.
 */
struct attr_writer *attr_writer_new(const struct object_source *source, bool by_name);
void attr_writer_free(struct attr_writer *w);
/*
 * Get ready for `e`: its extended attributes and its map of holes, from the store where they are
 * objects of their own.  ERR_CORRUPT, ERR_NOT_FOUND.  To be called before what follows.
 */
int attr_writer_load(struct attr_writer *w, const struct tree_entry *e, struct err *err);
/* The map of holes that was loaded; borrowed until the next load. */
const unsigned char *attr_writer_holes(const struct attr_writer *w, size_t *size_out);
/* Whose file this is to be; what the entry does not say is left as it is. */
void attr_owner(struct attr_writer *w, const struct tree_entry *e, uint32_t *uid, uint32_t *gid);

/* Where the file is, and what it is like so far. */
struct attr_place {
	int dirfd;
	const char *name;
	int fd;			/* open, or -1: links and specials, by their name */
	uint32_t uid, gid, mode;
	bool is_fresh;		/* just made: has no attributes that need to go first */
};

/*
 * Put `parts` of the loaded `e` back, all but flags.  What cannot be is told to `problem`, and the
 * rest goes on.
 */
void attr_set(struct attr_writer *w, const struct attr_place *at, const struct tree_entry *e,
	      unsigned int parts, attr_problem_fn *problem, void *data);
/* Flags that only an empty file or folder takes. */
void attr_set_first_flags(int fd, const struct tree_entry *e);
/* All flags; immutable ones let nothing be done after this. */
void attr_set_flags(int fd, const struct tree_entry *e, attr_problem_fn *problem, void *data);
bool attr_has_flags(const struct tree_entry *e);

/* The parts in which `now`, as attr_read() gave it, is not what the loaded `want` says. */
unsigned int attr_diff(struct attr_writer *w, const struct tree_entry *want,
		       const struct tree_entry *now);

#endif
