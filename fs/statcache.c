/*
 * Files of the stat cache: blocks at known places, opened when they are wanted and kept a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "crypto/seal.h"

#include "fs/statcache.h"

#define MAGIC "ubstat\r\n"
#define VERSION 0
#define HEADER_SIZE 64
#define SALT_SIZE 32
#define BLOCK_SIZE ((size_t)64 << 10)
#define BLOCK_SEALED (BLOCK_SIZE + SEAL_OVERHEAD)
#define BLOCKS_KEPT 64
#define PULL_SIZE ((size_t)4 << 10)
#define TRAILER_MAX (PATH_LEN_MAX + 64)
#define RECORD_MAX ((size_t)64 << 10)

/* -- records -- */

void statrecord_put(struct buf *out, const struct statrecord *r)
{
	unsigned char head[64];
	struct buf fields = { head, 0, sizeof(head), SIZE_MAX };

	buf_put_u8(&fields, (uint8_t)r->flags);
	buf_put_varint(&fields, r->ino);
	buf_put_u64le(&fields, (uint64_t)r->ctime_s);
	buf_put_u32le(&fields, r->ctime_ns);
	if (r->flags & STATRECORD_BIRTH) {
		buf_put_u64le(&fields, (uint64_t)r->birth_s);
		buf_put_u32le(&fields, r->birth_ns);
	}
	if (r->flags & STATRECORD_CHILD)
		buf_put_u64le(&fields, r->child);
	buf_put_varint(out, fields.len + r->entry_len);
	buf_put(out, fields.data, fields.len);
	buf_put(out, r->entry, r->entry_len);
}

bool statrecord_parse(const void *p, size_t n, struct statrecord *out)
{
	struct reader r;

	memset(out, 0, sizeof(*out));
	reader_init(&r, p, n);
	out->flags = reader_u8(&r);
	out->ino = reader_varint(&r);
	out->ctime_s = (int64_t)reader_u64le(&r);
	out->ctime_ns = reader_u32le(&r);
	if (out->flags & STATRECORD_BIRTH) {
		out->birth_s = (int64_t)reader_u64le(&r);
		out->birth_ns = reader_u32le(&r);
	}
	out->child = out->flags & STATRECORD_CHILD ? reader_u64le(&r) : STATCACHE_NONE;
	out->entry_len = reader_left(&r);
	out->entry = reader_bytes(&r, out->entry_len);
	return reader_ok(&r) && out->entry_len > 0;
}

bool statentry_peek(const unsigned char *p, size_t n, struct statentry *out)
{
	struct reader r;
	size_t left;

	memset(out, 0, sizeof(*out));
	reader_init(&r, p, n);
	out->name = reader_lenbytes(&r, NAME_LEN_MAX, &out->name_len);
	out->type = (enum entry_type)reader_u8(&r);
	reader_varint(&r);
	uint8_t content = reader_u8(&r);
	if (out->type == ENTRY_FILE || out->type == ENTRY_SYMLINK)
		out->size = reader_varint(&r);
	if (content == CONTENT_INLINE)
		reader_bytes(&r, (size_t)out->size);
	else if (content != CONTENT_NONE)
		reader_bytes(&r, OID_SIZE);
	reader_lenbytes(&r, ATTRS_LEN_MAX, &left);
	if (!reader_ok(&r) || left < 14)
		return reader_ok(&r);
	const unsigned char *attrs = r.p - left;
	if (attrs[0] == ATTR_MTIME && attrs[1] == 12) {
		out->has_mtime = true;
		out->mtime_s = (int64_t)get_u64le(attrs + 2);
		out->mtime_ns = get_u32le(attrs + 10);
	}
	return true;
}

/* -- what both halves share -- */

static void block_ad(unsigned char ad[SALT_SIZE + 8], const unsigned char salt[SALT_SIZE],
		     uint64_t nr)
{
	memcpy(ad, salt, SALT_SIZE);
	put_u64le(ad + SALT_SIZE, nr);
}

#define TRAILER_NR UINT64_MAX		/* the trailer is sealed as this block */

static int damaged(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "the stat cache is damaged");
}

/* -- reading -- */

struct block {
	uint64_t nr;
	uint64_t used;		/* clock; 0: empty */
	size_t size;
	unsigned char *data;
};

struct statcache {
	int fd;
	bool owns_fd;
	struct secret key;
	unsigned char salt[SALT_SIZE];
	uint64_t size;		/* of the plaintext in blocks */
	uint64_t root;
	sys_mutex lock;		/* for all below */
	uint64_t clock;
	struct block blocks[BLOCKS_KEPT];
	unsigned char sealed[BLOCK_SEALED];
};

void statcache_close(struct statcache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < BLOCKS_KEPT; i++)
		sys_free(c->blocks[i].data);
	if (c->owns_fd && c->fd >= 0)
		sys_close(c->fd);
	secret_release(&c->key);
	sys_mutex_destroy(&c->lock);
	sys_free(c);
}

uint64_t statcache_root(const struct statcache *c)
{
	return c->root;
}

static int read_exactly(int fd, void *p, size_t n, uint64_t off, struct err *err)
{
	ssize_t got = sys_pread_full(fd, p, n, (off_t)off);

	if (got < 0)
		return err_sys(err, "read the stat cache");
	return (size_t)got == n ? 0 : damaged(err);
}

static int read_trailer(struct statcache *c, uint64_t file_size, const char *source,
			struct err *err)
{
	unsigned char tail[4], ad[SALT_SIZE + 8], *sealed = NULL, *plain = NULL;
	struct reader r;
	size_t n;
	int ret = read_exactly(c->fd, tail, sizeof(tail), file_size - sizeof(tail), err);

	if (ret < 0)
		return ret;
	size_t size = get_u32le(tail);
	if (size <= SEAL_OVERHEAD || size > TRAILER_MAX + SEAL_OVERHEAD ||
	    size > file_size - HEADER_SIZE - sizeof(tail))
		return damaged(err);
	sealed = xmalloc(size);
	plain = xmalloc(size);
	ret = read_exactly(c->fd, sealed, size, file_size - sizeof(tail) - size, err);
	block_ad(ad, c->salt, TRAILER_NR);
	if (ret == 0 && unseal(plain, c->key.data, ad, sizeof(ad), sealed, size, err) < 0)
		ret = damaged(err);
	if (ret < 0)
		goto done;
	reader_init(&r, plain, size - SEAL_OVERHEAD);
	const unsigned char *path = reader_lenbytes(&r, PATH_LEN_MAX, &n);
	c->root = reader_u64le(&r);
	if (!reader_ok(&r) || n != strlen(source) || memcmp(path, source, n) != 0) {
		ret = err_set(err, ERR_CORRUPT, "the stat cache is of another source");
		goto done;
	}
	uint64_t blocks = file_size - HEADER_SIZE - sizeof(tail) - size;
	c->size = blocks / BLOCK_SEALED * BLOCK_SIZE;
	if (blocks % BLOCK_SEALED > SEAL_OVERHEAD)
		c->size += blocks % BLOCK_SEALED - SEAL_OVERHEAD;
done:
	sys_free(sealed);
	sys_free(plain);
	return ret;
}

/* Takes `fd` over when it succeeds, if `owns_fd`. */
static int open_fd(struct statcache **out, int fd, bool owns_fd, const struct keys *keys,
		   const char *source, struct err *err)
{
	struct statcache *c = xcalloc(1, sizeof(*c));
	unsigned char head[HEADER_SIZE];
	struct stat st;
	int ret = 0;

	c->fd = fd;
	sys_mutex_init(&c->lock);
	keys_cache_key(keys, KEY_USE_STAT_CACHE, &c->key);
	if (sys_fstat(fd, &st) < 0)
		ret = err_sys(err, "look at the stat cache");
	else if (st.st_size < HEADER_SIZE + 4 || !S_ISREG(st.st_mode))
		ret = damaged(err);
	if (ret == 0)
		ret = read_exactly(fd, head, sizeof(head), 0, err);
	if (ret == 0 && (memcmp(head, MAGIC, 8) != 0 || get_u32le(head + 8) != VERSION))
		ret = damaged(err);
	if (ret == 0) {
		memcpy(c->salt, head + 16, SALT_SIZE);
		ret = read_trailer(c, (uint64_t)st.st_size, source, err);
	}
	if (ret < 0) {
		statcache_close(c);
		return ret;
	}
	c->owns_fd = owns_fd;
	*out = c;
	return 0;
}

int statcache_open(struct statcache **out, const char *path, const struct keys *keys,
		   const char *source, struct err *err)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no stat cache '%s'", path);
	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	int ret = open_fd(out, fd, true, keys, source, err);
	if (ret < 0)
		sys_close(fd);
	return ret < 0 ? err_wrap(err, "'%s'", path) : 0;
}

/* Called with the lock: the block, opened. */
static int find_block(struct statcache *c, uint64_t nr, struct block **out, struct err *err)
{
	struct block *b = &c->blocks[0];
	unsigned char ad[SALT_SIZE + 8];

	for (size_t i = 0; i < BLOCKS_KEPT; i++) {
		struct block *one = &c->blocks[i];
		if (one->used && one->nr == nr) {
			one->used = ++c->clock;
			*out = one;
			return 0;
		}
		if (one->used < b->used)
			b = one;
	}
	uint64_t left = c->size - nr * BLOCK_SIZE;
	size_t size = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
	if (!b->data)
		b->data = xmalloc(BLOCK_SIZE);
	b->used = 0;
	int ret = read_exactly(c->fd, c->sealed, size + SEAL_OVERHEAD,
			       HEADER_SIZE + nr * BLOCK_SEALED, err);
	block_ad(ad, c->salt, nr);
	if (ret == 0 && unseal(b->data, c->key.data, ad, sizeof(ad), c->sealed,
			       size + SEAL_OVERHEAD, err) < 0)
		ret = damaged(err);
	if (ret < 0)
		return ret;
	b->nr = nr;
	b->size = size;
	b->used = ++c->clock;
	*out = b;
	return 0;
}

/* Append up to `n` bytes from `off` on to `out`, at least one. */
static int pull(struct statcache *c, uint64_t off, size_t n, struct buf *out, struct err *err)
{
	struct block *b;

	if (off >= c->size)
		return damaged(err);
	sys_lock(&c->lock);
	int ret = find_block(c, off / BLOCK_SIZE, &b, err);
	if (ret == 0) {
		size_t at = (size_t)(off % BLOCK_SIZE);
		buf_put(out, b->data + at, b->size - at < n ? b->size - at : n);
	}
	sys_unlock(&c->lock);
	return ret;
}

void statcursor_release(struct statcursor *cur)
{
	buf_release(&cur->held);
	cur->cache = NULL;
}

static void go_to(struct statcursor *cur, uint64_t off)
{
	buf_reset(&cur->held);
	cur->at = 0;
	cur->off = off;
}

/* `n` bytes from where the cursor stands are in memory. */
static int want(struct statcursor *cur, size_t n, struct err *err)
{
	if (cur->held.len - cur->at < n) {
		buf_consume(&cur->held, cur->at);
		cur->at = 0;
	}
	while (cur->held.len < n) {
		size_t before = cur->held.len;
		size_t most = PULL_SIZE > n ? PULL_SIZE : n;
		int ret = pull(cur->cache, cur->off, most, &cur->held, err);
		if (ret < 0)
			return ret;
		cur->off += cur->held.len - before;
	}
	return 0;
}

static int get_varint(struct statcursor *cur, uint64_t *out, struct err *err)
{
	*out = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		int ret = want(cur, 1, err);
		if (ret < 0)
			return ret;
		unsigned char c = cur->held.data[cur->at++];
		*out |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return 0;
	}
	return damaged(err);
}

/* The next segment of a folder of several. */
static int next_part(struct statcursor *cur, struct err *err)
{
	go_to(cur, cur->table + 8 * cur->part++);
	int ret = want(cur, 8, err);
	if (ret == 0)
		go_to(cur, get_u64le(cur->held.data + cur->at));
	return ret;
}

int statcursor_open(struct statcursor *cur, struct statcache *c, uint64_t where, struct err *err)
{
	cur->cache = where == STATCACHE_NONE ? NULL : c;
	cur->parts = cur->part = 0;
	if (!cur->cache)
		return 0;
	go_to(cur, where >> 1);
	if (!(where & 1))
		return 0;
	int ret = get_varint(cur, &cur->parts, err);
	cur->table = cur->off - (cur->held.len - cur->at);
	return ret < 0 || cur->parts == 0 ? ret : next_part(cur, err);
}

int statcursor_next(struct statcursor *cur, const unsigned char **p, size_t *n, struct err *err)
{
	uint64_t size;

	if (!cur->cache)
		return 0;
	for (;;) {
		int ret = get_varint(cur, &size, err);
		if (ret < 0)
			return ret;
		if (size > 0)
			break;
		if (cur->part == cur->parts) {
			cur->cache = NULL;
			return 0;
		}
		ret = next_part(cur, err);
		if (ret < 0)
			return ret;
	}
	if (size > RECORD_MAX)
		return damaged(err);
	int ret = want(cur, (size_t)size, err);
	if (ret < 0)
		return ret;
	*p = cur->held.data + cur->at;
	*n = (size_t)size;
	cur->at += (size_t)size;
	return 1;
}

/* -- writing -- */

struct statwriter {
	struct file_out file;
	const struct keys *keys;
	char *source;
	struct secret key;
	unsigned char salt[SALT_SIZE];
	sys_mutex lock;		/* for all below */
	struct buf block;
	uint64_t nr;		/* of blocks written */
	unsigned char sealed[BLOCK_SEALED];
};

void statwriter_free(struct statwriter *w)
{
	if (!w)
		return;
	file_out_release(&w->file);
	buf_release(&w->block);
	secret_release(&w->key);
	sys_mutex_destroy(&w->lock);
	sys_free(w->source);
	sys_free(w);
}

int statwriter_open(struct statwriter **out, const char *path, const struct keys *keys,
		    const char *source, struct err *err)
{
	struct statwriter *w = xcalloc(1, sizeof(*w));
	unsigned char head[HEADER_SIZE] = MAGIC;

	w->file = (struct file_out)FILE_OUT_INIT;
	w->keys = keys;
	w->source = xstrdup(source);
	buf_init_max(&w->block, SIZE_MAX);
	sys_mutex_init(&w->lock);
	keys_cache_key(keys, KEY_USE_STAT_CACHE, &w->key);
	sys_random(w->salt, SALT_SIZE);
	put_u32le(head + 8, VERSION);
	put_u32le(head + 12, 0);
	memcpy(head + 16, w->salt, SALT_SIZE);
	int ret = file_out_open(&w->file, path, FILE_SCRATCH, 0600, err);
	if (ret == 0)
		ret = file_out_write(&w->file, head, sizeof(head), err);
	if (ret < 0) {
		statwriter_free(w);
		return ret;
	}
	*out = w;
	return 0;
}

/* Called with the lock. */
static int write_block(struct statwriter *w, size_t size, struct err *err)
{
	unsigned char ad[SALT_SIZE + 8];

	block_ad(ad, w->salt, w->nr++);
	seal(w->sealed, w->key.data, ad, sizeof(ad), w->block.data, size);
	int ret = file_out_write(&w->file, w->sealed, size + SEAL_OVERHEAD, err);
	buf_consume(&w->block, size);
	return ret;
}

int statwriter_put(struct statwriter *w, const void *p, size_t n, uint64_t *off_out,
		   struct err *err)
{
	int ret = 0;

	sys_lock(&w->lock);
	*off_out = w->nr * BLOCK_SIZE + w->block.len;
	buf_put(&w->block, p, n);
	while (ret == 0 && w->block.len >= BLOCK_SIZE)
		ret = write_block(w, BLOCK_SIZE, err);
	sys_unlock(&w->lock);
	return ret;
}

int statwriter_end(struct statwriter *w, uint64_t root, struct err *err)
{
	unsigned char ad[SALT_SIZE + 8], tail[4], *sealed;
	struct buf plain = BUF_INIT;
	int ret = w->block.len > 0 ? write_block(w, w->block.len, err) : 0;

	if (ret < 0)
		return ret;
	buf_put_lenbytes(&plain, w->source, strlen(w->source));
	buf_put_u64le(&plain, root);
	sealed = xmalloc(plain.len + SEAL_OVERHEAD);
	block_ad(ad, w->salt, TRAILER_NR);
	seal(sealed, w->key.data, ad, sizeof(ad), plain.data, plain.len);
	put_u32le(tail, (uint32_t)(plain.len + SEAL_OVERHEAD));
	ret = file_out_write(&w->file, sealed, plain.len + SEAL_OVERHEAD, err);
	if (ret == 0)
		ret = file_out_write(&w->file, tail, sizeof(tail), err);
	sys_free(sealed);
	buf_release(&plain);
	return ret;
}

int statwriter_reader(struct statwriter *w, struct statcache **out, struct err *err)
{
	/* The writer's own descriptor may be for writing alone. */
	int fd = sys_open(w->file.tmp, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "open '%s'", w->file.tmp);
	int ret = open_fd(out, fd, true, w->keys, w->source, err);
	if (ret < 0)
		sys_close(fd);
	return ret;
}

int statwriter_commit(struct statwriter *w, struct err *err)
{
	return file_out_commit(&w->file, err);
}
