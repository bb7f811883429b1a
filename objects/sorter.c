/*
 * Sorting records.  Full memory is sorted and written as a run: blocks of whole records, each
 * sealed, with its sealed size (u32) in front.  In the end the runs and what is in memory are
 * merged.  A record is a varint length and its bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "crypto/seal.h"
#include "crypto/secret.h"

#include "objects/sorter.h"

#define RUNS_MAX 256
#define BLOCK_SIZE ((size_t)64 << 10)	/* ends with the record that reaches it */
#define BLOCK_MAX (BLOCK_SIZE + SORTER_RECORD_MAX + 16)

/* Where the merge stands in one run, or in memory. */
struct run {
	uint64_t off, end;	/* in the file: blocks still to come */
	uint64_t nr;		/* of the next block, for the seal */
	struct buf block;
	size_t at;		/* in the block: the record that is next */
};

struct sorter {
	const char *dir;
	size_t memory;
	sorter_cmp_fn *cmp;
	struct buf held;	/* records */
	size_t *offs, nr, alloc, next;
	bool is_sorted, is_merging;
	size_t last;		/* where the record stands that was added last */
	struct file_out file;
	uint64_t file_size;
	struct secret key;
	struct run *runs;
	size_t nr_runs;
	struct run *current;	/* whose record was given out; NULL: none, or one in memory */
	bool is_held;		/* the one in memory was */
	struct buf raw, sealed;
};

struct sorter *sorter_new(const char *dir, size_t memory, sorter_cmp_fn *cmp)
{
	struct sorter *s = xcalloc(1, sizeof(*s));

	s->dir = dir;
	s->memory = memory;
	s->cmp = cmp;
	s->is_sorted = true;
	s->file = (struct file_out)FILE_OUT_INIT;
	buf_init_max(&s->held, SIZE_MAX);
	buf_init_max(&s->raw, SIZE_MAX);
	buf_init_max(&s->sealed, SIZE_MAX);
	return s;
}

void sorter_free(struct sorter *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr_runs; i++)
		buf_release(&s->runs[i].block);
	sys_free(s->runs);
	sys_free(s->offs);
	buf_release(&s->held);
	buf_release(&s->raw);
	buf_release(&s->sealed);
	file_out_release(&s->file);
	secret_release(&s->key);
	sys_free(s);
}

void sorter_reset(struct sorter *s)
{
	if (s->nr_runs > 0)
		BUG("a sorter that has spilled is not used again");
	buf_reset(&s->held);
	s->nr = s->next = 0;
	s->is_sorted = true;
	s->is_merging = s->is_held = false;
}

static const unsigned char *record_at(const struct buf *b, size_t off, size_t *n, size_t *end)
{
	struct reader r;

	reader_init(&r, b->data + off, b->len - off);
	const unsigned char *p = reader_lenbytes(&r, SIZE_MAX, n);
	if (!p)
		BUG("a record that was written here cannot be read");
	if (end)
		*end = b->len - reader_left(&r);
	return p;
}

static int cmp_at(const struct sorter *s, const struct buf *a, size_t a_off, const struct buf *b,
		  size_t b_off)
{
	size_t n, m;
	const unsigned char *p = record_at(a, a_off, &n, NULL);
	const unsigned char *q = record_at(b, b_off, &m, NULL);

	return s->cmp(p, n, q, m);
}

static int cmp_held(const void *a, const void *b, void *data)
{
	const struct sorter *s = data;

	return cmp_at(s, &s->held, *(const size_t *)a, &s->held, *(const size_t *)b);
}

static void sort_held(struct sorter *s)
{
	if (!s->is_sorted)
		qsort_r(s->offs, s->nr, sizeof(*s->offs), cmp_held, s);
	s->is_sorted = true;
	s->next = 0;
}

/* -- runs -- */

/* A block is sealed together with its place: run and number. */
static void block_ad(unsigned char ad[16], uint64_t run, uint64_t nr)
{
	put_u64le(ad, run);
	put_u64le(ad + 8, nr);
}

static int put_block(struct sorter *s, struct run *r, struct err *err)
{
	unsigned char ad[16];
	size_t size = s->raw.len + SEAL_OVERHEAD;

	block_ad(ad, (uint64_t)(r - s->runs), r->nr++);
	buf_reset(&s->sealed);
	buf_put_u32le(&s->sealed, (uint32_t)size);
	seal(buf_extend(&s->sealed, size), s->key.data, ad, sizeof(ad), s->raw.data, s->raw.len);
	buf_reset(&s->raw);
	r->end += s->sealed.len;
	s->file_size += s->sealed.len;
	return file_out_write(&s->file, s->sealed.data, s->sealed.len, err);
}

static int open_file(struct sorter *s, struct err *err)
{
	int ret = file_out_open_in(&s->file, s->dir, FILE_SCRATCH, 0600, err);

	if (ret < 0)
		return ret;
	sys_unlink(s->file.tmp);	/* nothing is left when this process dies */
	secret_random(&s->key, SEAL_KEY_SIZE);
	s->runs = xcalloc(RUNS_MAX, sizeof(*s->runs));
	return 0;
}

/* Write what is held as one more run. */
static int spill(struct sorter *s, struct err *err)
{
	int ret = s->runs ? 0 : open_file(s, err);

	if (ret < 0)
		return ret;
	if (s->nr_runs == RUNS_MAX)
		return err_set(err, ERR_FAILED, "too much to sort");
	struct run *r = &s->runs[s->nr_runs++];
	r->off = r->end = s->file_size;
	buf_init_max(&r->block, SIZE_MAX);
	sort_held(s);
	for (size_t i = 0; i < s->nr && ret == 0; i++) {
		size_t n, end;
		record_at(&s->held, s->offs[i], &n, &end);
		buf_put(&s->raw, s->held.data + s->offs[i], end - s->offs[i]);
		if (s->raw.len >= BLOCK_SIZE || i + 1 == s->nr)
			ret = put_block(s, r, err);
	}
	r->nr = 0;
	s->nr = 0;
	buf_reset(&s->held);
	return ret;
}

int sorter_add(struct sorter *s, const void *p, size_t n, struct err *err)
{
	if (s->is_merging)
		BUG("a record is added to a sort that has ended");
	if (n > SORTER_RECORD_MAX)
		BUG("a record of %zu bytes is sorted", n);
	size_t off = s->held.len;
	buf_put_lenbytes(&s->held, p, n);
	if (s->nr > 0 && s->is_sorted && cmp_at(s, &s->held, s->last, &s->held, off) > 0)
		s->is_sorted = false;
	s->last = off;
	if (s->nr == s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 64;
		s->offs = xrealloc(s->offs, s->alloc * sizeof(*s->offs));
	}
	s->offs[s->nr++] = off;
	return s->held.len + s->nr * sizeof(*s->offs) < s->memory ? 0 : spill(s, err);
}

/* -- merging -- */

static int damaged(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "what was spilled to be sorted has changed");
}

/* The next block of `r`: 1, or 0 when there is none. */
static int next_block(struct sorter *s, struct run *r, struct err *err)
{
	unsigned char head[4], ad[16];

	r->at = 0;
	buf_reset(&r->block);
	if (r->off == r->end)
		return 0;
	ssize_t got = sys_pread_full(s->file.fd, head, sizeof(head), (off_t)r->off);
	if (got < 0)
		return err_sys(err, "read what was spilled");
	size_t size = get_u32le(head);
	if (got != sizeof(head) || size < SEAL_OVERHEAD || size > BLOCK_MAX + SEAL_OVERHEAD)
		return damaged(err);
	buf_reset(&s->sealed);
	got = sys_pread_full(s->file.fd, buf_extend(&s->sealed, size), size, (off_t)r->off + 4);
	if (got < 0)
		return err_sys(err, "read what was spilled");
	if ((size_t)got != size)
		return damaged(err);
	block_ad(ad, (uint64_t)(r - s->runs), r->nr++);
	r->off += 4 + size;
	if (unseal(buf_extend(&r->block, size - SEAL_OVERHEAD), s->key.data, ad, sizeof(ad),
		   s->sealed.data, size, err) < 0)
		return damaged(err);
	return 1;
}

static int begin_merge(struct sorter *s, struct err *err)
{
	int ret = 0;

	s->is_merging = true;
	sort_held(s);
	for (size_t i = 0; i < s->nr_runs && ret >= 0; i++)
		ret = next_block(s, &s->runs[i], err);
	return ret;
}

/* Behind the record that was given out. */
static int step(struct sorter *s, struct err *err)
{
	struct run *r = s->current;
	size_t n;

	if (s->is_held)
		s->next++;
	s->is_held = false;
	s->current = NULL;
	if (!r)
		return 0;
	record_at(&r->block, r->at, &n, &r->at);
	return r->at < r->block.len ? 0 : next_block(s, r, err);
}

int sorter_next(struct sorter *s, const unsigned char **p, size_t *n, struct err *err)
{
	const struct buf *least = NULL;
	size_t off = 0;
	int ret = s->is_merging ? step(s, err) : begin_merge(s, err);

	if (ret < 0)
		return ret;
	if (s->next < s->nr) {
		least = &s->held;
		off = s->offs[s->next];
		s->is_held = true;
	}
	for (size_t i = 0; i < s->nr_runs; i++) {
		struct run *r = &s->runs[i];
		if (r->at == r->block.len)
			continue;
		if (least && cmp_at(s, least, off, &r->block, r->at) <= 0)
			continue;
		least = &r->block;
		off = r->at;
		s->current = r;
		s->is_held = false;
	}
	if (!least)
		return 0;
	*p = record_at(least, off, n, NULL);
	return 1;
}
