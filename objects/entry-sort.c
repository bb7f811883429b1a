/*
 * Sorting the entries of a directory.  They are kept encoded; an encoded entry begins with its
 * name.  Full memory is sorted and written as a run: blocks of whole entries, each sealed, with
 * its sealed size (u32) in front.  In the end the runs and what is in memory are merged.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/sys.h"
#include "crypto/seal.h"
#include "crypto/secret.h"

#include "objects/entry-sort.h"

#define RUNS_MAX 256
#define BLOCK_SIZE ((size_t)64 << 10)	/* ends with the entry that reaches it */
#define BLOCK_MAX (BLOCK_SIZE + ((size_t)32 << 10))

/* Where the merge stands in one run, or in memory. */
struct run {
	uint64_t off, end;	/* in the file: blocks still to come */
	uint64_t nr;		/* of the next block, for the seal */
	struct buf block;
	size_t at;		/* in the block: the entry that is next */
};

struct entry_sort {
	const char *dir;
	size_t memory;
	struct buf held;	/* encoded entries */
	size_t *offs, nr, alloc, next;
	bool is_sorted, is_merging;
	struct buf last;	/* name */
	struct file_out file;
	uint64_t file_size;
	struct secret key;
	struct run *runs;
	size_t nr_runs;
	struct run *current;	/* whose entry was given out; NULL: none, or one in memory */
	bool is_held;		/* the one in memory was */
	struct buf raw, sealed;
};

struct entry_sort *entry_sort_new(const char *dir, size_t memory)
{
	struct entry_sort *s = xcalloc(1, sizeof(*s));

	s->dir = dir;
	s->memory = memory;
	s->is_sorted = true;
	s->file = (struct file_out)FILE_OUT_INIT;
	buf_init_max(&s->held, SIZE_MAX);
	buf_init_max(&s->last, SIZE_MAX);
	buf_init_max(&s->raw, SIZE_MAX);
	buf_init_max(&s->sealed, SIZE_MAX);
	return s;
}

void entry_sort_free(struct entry_sort *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr_runs; i++)
		buf_release(&s->runs[i].block);
	sys_free(s->runs);
	sys_free(s->offs);
	buf_release(&s->held);
	buf_release(&s->last);
	buf_release(&s->raw);
	buf_release(&s->sealed);
	file_out_release(&s->file);
	secret_release(&s->key);
	sys_free(s);
}

static struct tree_entry decode(const struct buf *b, size_t off, size_t *end_out)
{
	struct tree_iter it = { .p = b->data + off, .end = b->data + b->len, .left = 1 };
	struct err err = ERR_INIT;
	struct tree_entry e;

	if (tree_iter_next(&it, &e, &err) != 1)
		BUG("an entry that was encoded here does not decode: %s", err.msg);
	if (end_out)
		*end_out = (size_t)(it.p - b->data);
	return e;
}

/* An encoded entry begins with the length of its name, one byte or two. */
static const unsigned char *name_at(const unsigned char *p, size_t *n)
{
	*n = p[0] & 0x7f;
	if (p[0] & 0x80) {
		*n |= (size_t)p[1] << 7;
		p++;
	}
	return p + 1;
}

static int cmp_entries(const unsigned char *a, const unsigned char *b)
{
	size_t n, m;
	const unsigned char *p = name_at(a, &n), *q = name_at(b, &m);

	return name_cmp(p, n, q, m);
}

static int cmp_held(const void *a, const void *b, void *data)
{
	const unsigned char *base = data;

	return cmp_entries(base + *(const size_t *)a, base + *(const size_t *)b);
}

static void sort_held(struct entry_sort *s)
{
	if (!s->is_sorted)
		qsort_r(s->offs, s->nr, sizeof(*s->offs), cmp_held, s->held.data);
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

static int put_block(struct entry_sort *s, struct run *r, struct err *err)
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

static int open_file(struct entry_sort *s, struct err *err)
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
static int spill(struct entry_sort *s, struct err *err)
{
	int ret = s->runs ? 0 : open_file(s, err);

	if (ret < 0)
		return ret;
	if (s->nr_runs == RUNS_MAX)
		return err_set(err, ERR_FAILED, "a directory of too many entries to sort");
	struct run *r = &s->runs[s->nr_runs++];
	r->off = r->end = s->file_size;
	buf_init_max(&r->block, SIZE_MAX);
	sort_held(s);
	for (size_t i = 0; i < s->nr && ret == 0; i++) {
		size_t end;
		decode(&s->held, s->offs[i], &end);
		buf_put(&s->raw, s->held.data + s->offs[i], end - s->offs[i]);
		if (s->raw.len >= BLOCK_SIZE || i + 1 == s->nr)
			ret = put_block(s, r, err);
	}
	r->nr = 0;
	s->nr = 0;
	buf_reset(&s->held);
	return ret;
}

int entry_sort_add(struct entry_sort *s, const struct tree_entry *e, struct err *err)
{
	if (s->is_merging)
		BUG("an entry is added to a sort that has ended");
	if (s->nr > 0 && name_cmp(s->last.data, s->last.len, e->name, e->name_len) > 0)
		s->is_sorted = false;
	buf_reset(&s->last);
	buf_put(&s->last, e->name, e->name_len);
	if (s->nr == s->alloc) {
		s->alloc = s->alloc ? 2 * s->alloc : 64;
		s->offs = xrealloc(s->offs, s->alloc * sizeof(*s->offs));
	}
	s->offs[s->nr++] = s->held.len;
	tree_encode_entry(&s->held, e);
	return s->held.len + s->nr * sizeof(*s->offs) < s->memory ? 0 : spill(s, err);
}

/* -- merging -- */

static int damaged(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "what was spilled to sort a directory has changed");
}

/* The next block of `r`: 1, or 0 when there is none. */
static int next_block(struct entry_sort *s, struct run *r, struct err *err)
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

static int begin_merge(struct entry_sort *s, struct err *err)
{
	int ret = 0;

	s->is_merging = true;
	sort_held(s);
	for (size_t i = 0; i < s->nr_runs && ret >= 0; i++)
		ret = next_block(s, &s->runs[i], err);
	return ret;
}

/* Behind the entry that was given out. */
static int step(struct entry_sort *s, struct err *err)
{
	struct run *r = s->current;

	if (s->is_held)
		s->next++;
	s->is_held = false;
	s->current = NULL;
	if (!r)
		return 0;
	decode(&r->block, r->at, &r->at);
	return r->at < r->block.len ? 0 : next_block(s, r, err);
}

int entry_sort_next(struct entry_sort *s, struct tree_entry *out, struct err *err)
{
	const unsigned char *least = NULL;
	int ret = s->is_merging ? step(s, err) : begin_merge(s, err);

	if (ret < 0)
		return ret;
	if (s->next < s->nr) {
		least = s->held.data + s->offs[s->next];
		s->is_held = true;
	}
	for (size_t i = 0; i < s->nr_runs; i++) {
		struct run *r = &s->runs[i];
		if (r->at == r->block.len)
			continue;
		if (least && cmp_entries(least, r->block.data + r->at) <= 0)
			continue;
		least = r->block.data + r->at;
		s->current = r;
		s->is_held = false;
	}
	if (s->current)
		*out = decode(&s->current->block, s->current->at, NULL);
	else if (s->is_held)
		*out = decode(&s->held, s->offs[s->next], NULL);
	return least != NULL;
}
