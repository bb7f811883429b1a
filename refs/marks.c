/*
 * High-water marks: one small file, replaced whole.  What follows from a mark is decided in
 * refs/refs.c.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"

#include "refs/marks.h"

enum { MARKS_VERSION = 0, MARKS_MAX = 65536, MARK_SIZE = PUBKEY_SIZE + 8 + HASH_SIZE };

#define MARKS_FILE_MAX ((size_t)MARKS_MAX * MARK_SIZE + 128)

static const unsigned char marks_magic[8] = "UBMARKS";

void marks_release(struct marks *m)
{
	sys_free(m->m);
	*m = (struct marks)MARKS_INIT;
}

/* Where `device` stands or would stand. */
static size_t place(const struct marks *m, const unsigned char device[PUBKEY_SIZE])
{
	size_t low = 0, high = m->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(m->m[mid].device, device, PUBKEY_SIZE) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct record_mark *marks_find(const struct marks *m, const unsigned char device[PUBKEY_SIZE])
{
	size_t i = place(m, device);

	if (i < m->nr && memcmp(m->m[i].device, device, PUBKEY_SIZE) == 0)
		return &m->m[i];
	return NULL;
}

bool marks_raise(struct marks *m, const struct record_mark *mark)
{
	size_t i = place(m, mark->device);

	if (i < m->nr && memcmp(m->m[i].device, mark->device, PUBKEY_SIZE) == 0) {
		if (mark->seq <= m->m[i].seq)
			return false;
		m->m[i] = *mark;
		return true;
	}
	if (m->nr >= MARKS_MAX)
		return false;
	if (m->nr == m->alloc) {
		m->alloc = m->alloc ? 2 * m->alloc : 8;
		m->m = xrealloc(m->m, m->alloc * sizeof(*m->m));
	}
	memmove(m->m + i + 1, m->m + i, (m->nr - i) * sizeof(*m->m));
	m->m[i] = *mark;
	m->nr++;
	return true;
}

void marks_encode(const struct marks *m, const unsigned char repo_id[HASH_SIZE], struct buf *out)
{
	size_t at = out->len;
	unsigned char hash[HASH_SIZE];

	buf_put(out, marks_magic, sizeof(marks_magic));
	buf_put_u8(out, MARKS_VERSION);
	buf_put(out, repo_id, HASH_SIZE);
	buf_put_varint(out, m->nr);
	for (size_t i = 0; i < m->nr; i++) {
		buf_put(out, m->m[i].device, PUBKEY_SIZE);
		buf_put_u64le(out, m->m[i].seq);
		buf_put(out, m->m[i].hash, HASH_SIZE);
	}
	hash_bytes(hash, out->data + at, out->len - at);
	buf_put(out, hash, sizeof(hash));
}

static int read_marks(struct reader *rd, struct marks *m, struct err *err)
{
	uint64_t nr = reader_varint(rd);

	if (nr > MARKS_MAX || nr * MARK_SIZE > reader_left(rd))
		return err_set(err, ERR_CORRUPT, "the marks are cut short");
	for (uint64_t i = 0; i < nr; i++) {
		struct record_mark mark;
		reader_copy(rd, mark.device, PUBKEY_SIZE);
		mark.seq = reader_u64le(rd);
		reader_copy(rd, mark.hash, HASH_SIZE);
		if (m->nr > 0 && memcmp(m->m[m->nr - 1].device, mark.device, PUBKEY_SIZE) >= 0)
			return err_set(err, ERR_CORRUPT, "the marks are not in order");
		marks_raise(m, &mark);
	}
	return reader_end(rd, "the file of marks", err);
}

int marks_decode(struct marks *out, const unsigned char repo_id[HASH_SIZE], const void *p, size_t n,
		 struct err *err)
{
	struct marks m = MARKS_INIT;
	struct reader rd;
	unsigned char hash[HASH_SIZE];
	int ret;

	if (n < HASH_SIZE)
		return err_set(err, ERR_CORRUPT, "the marks are cut short");
	n -= HASH_SIZE;
	hash_bytes(hash, p, n);
	if (memcmp(hash, (const unsigned char *)p + n, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "the marks are damaged");
	reader_init(&rd, p, n);
	const unsigned char *magic = reader_bytes(&rd, sizeof(marks_magic));
	if (!magic || memcmp(magic, marks_magic, sizeof(marks_magic)) != 0)
		return err_set(err, ERR_CORRUPT, "not a file of marks");
	unsigned int version = reader_u8(&rd);
	if (reader_ok(&rd) && version != MARKS_VERSION)
		return err_set(err, ERR_FORMAT, "marks of version %u", version);
	const unsigned char *repo = reader_bytes(&rd, HASH_SIZE);
	if (repo && memcmp(repo, repo_id, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "marks of another repository");
	ret = read_marks(&rd, &m, err);
	if (ret == 0) {
		marks_release(out);
		*out = m;
		m = (struct marks)MARKS_INIT;
	}
	marks_release(&m);
	return ret;
}

int marks_read(struct marks *out, const char *state_dir, const unsigned char repo_id[HASH_SIZE],
	       struct err *err)
{
	struct buf raw = BUF_INIT;
	char *path = xasprintf("%s/marks", state_dir);
	int ret = file_read(path, MARKS_FILE_MAX, &raw, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		marks_release(out);
		ret = 0;
	} else if (ret == 0) {
		ret = marks_decode(out, repo_id, raw.data, raw.len, err);
		if (ret < 0)
			ret = err_wrap(err, "'%s'", path);
	}
	sys_free(path);
	buf_release(&raw);
	return ret;
}

int marks_write(const struct marks *m, const char *state_dir,
		const unsigned char repo_id[HASH_SIZE], struct err *err)
{
	struct buf raw = BUF_INIT;
	char *path = xasprintf("%s/marks", state_dir);

	marks_encode(m, repo_id, &raw);
	/* An older one only notices less. */
	int ret = file_write(path, raw.data, raw.len, FILE_LAZY, 0600, err);
	sys_free(path);
	buf_release(&raw);
	return ret;
}
