#ifndef FS_STATCACHE_H
#define FS_STATCACHE_H

/*
 * The stat cache: what a source looked like when it was last read, so that what has not changed
 * need not be read again.  One file for each source and device; of no value to anybody else, and
 * without loss when it is gone.
 *
 * It is a tree of folders, each a segment of records sorted by name that is walked in step with
 * the folder on disk.  Segments of what lies in a folder stand before its own, whose records say
 * where.  All of it lies in sealed blocks of 64 KiB (names are plaintext too).
 *
 *	header		magic 8, version u32, zero u32, salt 32, zeros up to 64
 *	blocks		65536 bytes each, sealed; the last one shorter
 *	trailer		sealed: lenbytes source, u64 where the root is
 *	u32		sealed size of the trailer
 *
 *	segment		records; a zero byte
 *	record		varint size; u8 flags; varint inode; i64 s, u32 ns of ctime; with a flag
 *			i64 s, u32 ns of birth; of folders u64 where its segment is; the encoded
 *			tree entry
 *	table		varint number, u64 each: the segments of a folder that has several
 *	where		twice the offset, plus one if it is a table's
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "objects/object.h"

#define STATCACHE_NONE UINT64_MAX	/* where nothing is */

enum statrecord_flags {
	STATRECORD_CLEAN = 1u << 0,	/* whoever looks the same is the same */
	STATRECORD_BIRTH = 1u << 1,
	STATRECORD_CHILD = 1u << 2,
};

struct statrecord {
	unsigned int flags;
	uint64_t ino;
	int64_t ctime_s, birth_s;
	uint32_t ctime_ns, birth_ns;
	uint64_t child;			/* of a folder: where its segment is */
	const unsigned char *entry;	/* the encoded tree entry; borrowed */
	size_t entry_len;
};

/* What tells a file from the one that was; of an encoded entry that was checked when made. */
struct statentry {
	const unsigned char *name;	/* borrowed */
	size_t name_len;
	enum entry_type type;
	uint64_t size;
	bool has_mtime;
	int64_t mtime_s;
	uint32_t mtime_ns;
};

void statrecord_put(struct buf *out, const struct statrecord *r);
/* One record without its size in front.  False: it is none. */
bool statrecord_parse(const void *p, size_t n, struct statrecord *out);
bool statentry_peek(const unsigned char *p, size_t n, struct statentry *out);

/* -- reading; safe from any thread -- */

struct statcache;
/* ERR_NOT_FOUND; ERR_CORRUPT: not whole, or of another source; ERR_SYS. */
int statcache_open(struct statcache **out, const char *path, const struct keys *keys,
		   const char *source, struct err *err);
void statcache_close(struct statcache *c);
uint64_t statcache_root(const struct statcache *c);

/* One folder's records, in order. */
struct statcursor {
	struct statcache *cache;	/* NULL: nothing is known */
	uint64_t off;			/* of what follows `held` */
	struct buf held;
	size_t at;
	uint64_t table, parts, part;	/* of a folder of several segments */
};
#define STATCURSOR_INIT { NULL, 0, BUF_INIT, 0, 0, 0, 0 }

/* `where` may be STATCACHE_NONE, `c` NULL: then there is nothing. */
int statcursor_open(struct statcursor *cur, struct statcache *c, uint64_t where, struct err *err);
void statcursor_release(struct statcursor *cur);
/* 1 and the bytes of a record, borrowed until the next call; 0 at the end. */
int statcursor_next(struct statcursor *cur, const unsigned char **p, size_t *n, struct err *err);

/* -- writing; put is safe from any thread -- */

struct statwriter;
int statwriter_open(struct statwriter **out, const char *path, const struct keys *keys,
		    const char *source, struct err *err);
/* Append a segment or table, and say at which offset. */
int statwriter_put(struct statwriter *w, const void *p, size_t n, uint64_t *off_out,
		   struct err *err);
/* All is put: afterwards it can be read through its temporary name. */
int statwriter_end(struct statwriter *w, uint64_t root, struct err *err);
int statwriter_reader(struct statwriter *w, struct statcache **out, struct err *err);
/* Put it in place of the one before. */
int statwriter_commit(struct statwriter *w, struct err *err);
void statwriter_free(struct statwriter *w);

#endif
