/*
 * The file `current`: which runs there are, newest first, and which packs no record names yet.
 * Replaced whole, under the index lock; read without it.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

enum { SUM_SIZE = 8 };

static const unsigned char current_magic[8] = "UBIXCUR";

void current_release(struct current *c)
{
	sys_free(c->runs);
	sys_free(c->unpublished);
	*c = (struct current)CURRENT_INIT;
}

void current_copy(struct current *out, const struct current *c)
{
	*out = *c;
	out->runs = xcalloc(c->nr_runs + 1, sizeof(*out->runs));
	out->unpublished = xcalloc(c->nr_unpublished + 1, sizeof(*out->unpublished));
	for (size_t i = 0; i < c->nr_runs; i++)
		out->runs[i] = c->runs[i];
	for (size_t i = 0; i < c->nr_unpublished; i++)
		out->unpublished[i] = c->unpublished[i];
}

static int cmp_pack(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct pack_id));
}

bool current_is_unpublished(const struct current *c, const struct pack_id *id)
{
	if (c->log_seq == INDEX_LOG_SEQ_UNKNOWN)
		return true;
	return c->nr_unpublished > 0 && bsearch(id, c->unpublished, c->nr_unpublished,
						sizeof(*c->unpublished), cmp_pack) != NULL;
}

void current_set_unpublished(struct current *c, const struct pack_id *ids, size_t nr)
{
	struct pack_id *copy = nr > 0 ? xmalloc(nr * sizeof(*copy)) : NULL;
	size_t kept = 0;

	if (nr > 0) {
		memcpy(copy, ids, nr * sizeof(*copy));
		qsort(copy, nr, sizeof(*copy), cmp_pack);
	}
	for (size_t i = 0; i < nr; i++)
		if (kept == 0 || cmp_pack(&copy[kept - 1], &copy[i]) != 0)
			copy[kept++] = copy[i];
	sys_free(c->unpublished);
	c->unpublished = copy;
	c->nr_unpublished = kept;
}

void current_encode(struct buf *out, const struct current *c, const unsigned char *repo_id)
{
	size_t at = out->len;

	buf_put(out, current_magic, sizeof(current_magic));
	buf_put_u32le(out, INDEX_VERSION);
	buf_put_u32le(out, 0);		/* critical flags */
	buf_put(out, repo_id, 32);
	buf_put_u64le(out, c->log_seq);
	buf_put_u32le(out, (uint32_t)c->nr_runs);
	buf_put_u32le(out, (uint32_t)c->nr_unpublished);
	for (size_t i = 0; i < c->nr_runs; i++) {
		buf_put(out, c->runs[i].id, RUN_ID_SIZE);
		buf_put_u64le(out, c->runs[i].rows);
		buf_put_u64le(out, c->runs[i].sum);
	}
	for (size_t i = 0; i < c->nr_unpublished; i++)
		buf_put(out, c->unpublished[i].b, sizeof(c->unpublished[i].b));
	buf_put_u64le(out, hash_sum64(out->data + at, out->len - at));
}

/* What follows the head; the counts were compared with the size. */
static int parse_lists(struct current *c, struct reader *r, const char *what, struct err *err)
{
	for (size_t i = 0; i < c->nr_runs; i++) {
		reader_copy(r, c->runs[i].id, RUN_ID_SIZE);
		c->runs[i].rows = reader_u64le(r);
		c->runs[i].sum = reader_u64le(r);
		if (c->runs[i].rows > RUN_ROWS_MAX)
			return err_set(err, ERR_CORRUPT, "'%s': run %zu makes no sense", what, i);
	}
	for (size_t i = 0; i < c->nr_unpublished; i++) {
		reader_copy(r, c->unpublished[i].b, sizeof(c->unpublished[i].b));
		if (i > 0 && cmp_pack(&c->unpublished[i - 1], &c->unpublished[i]) >= 0)
			return err_set(err, ERR_CORRUPT, "'%s': packs are out of order", what);
	}
	return reader_end(r, what, err);
}

int current_parse(struct current *out, const void *p, size_t n, const unsigned char *repo_id,
		  const char *what, struct err *err)
{
	struct current c = CURRENT_INIT;
	unsigned char magic[8], repo[32];
	struct reader r;
	int ret;

	if (n < SUM_SIZE)
		return err_set(err, ERR_CORRUPT, "'%s' is cut short", what);
	uint64_t sum = get_u64le((const unsigned char *)p + n - SUM_SIZE);
	if (sum != hash_sum64(p, n - SUM_SIZE))
		return err_set(err, ERR_CORRUPT, "'%s' is damaged: its sum is wrong", what);
	reader_init(&r, p, n - SUM_SIZE);
	reader_copy(&r, magic, sizeof(magic));
	if (memcmp(magic, current_magic, sizeof(magic)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' is not the list of an index's runs", what);
	uint32_t version = reader_u32le(&r);
	uint32_t flags = reader_u32le(&r);
	if (version != INDEX_VERSION || flags != 0)
		return err_set(err, ERR_FORMAT, "'%s' has version %u and flags %x of the index, "
			       "which this ub does not know", what, version, flags);
	reader_copy(&r, repo, sizeof(repo));
	if (reader_ok(&r) && memcmp(repo, repo_id, sizeof(repo)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' belongs to another repository", what);
	c.log_seq = reader_u64le(&r);
	c.nr_runs = reader_u32le(&r);
	c.nr_unpublished = reader_u32le(&r);
	if (!reader_ok(&r) || c.nr_runs > CURRENT_RUNS_MAX ||
	    reader_left(&r) != c.nr_runs * (RUN_ID_SIZE + 16) +
	    (uint64_t)c.nr_unpublished * sizeof(struct pack_id))
		return err_set(err, ERR_CORRUPT, "'%s': the counts make no sense", what);
	c.runs = xcalloc(c.nr_runs + 1, sizeof(*c.runs));
	c.unpublished = xcalloc(c.nr_unpublished + 1, sizeof(*c.unpublished));
	c.sum = sum;
	ret = parse_lists(&c, &r, what, err);
	if (ret == 0) {
		current_release(out);
		*out = c;
		c = (struct current)CURRENT_INIT;
	}
	current_release(&c);
	return ret;
}

int current_read(struct current *out, const char *dir, const unsigned char *repo_id,
		 struct err *err)
{
	char *path = xasprintf("%s/current", dir);
	struct buf b = BUF_INIT;
	int ret;

	ret = file_read(path, CURRENT_MAX_SIZE, &b, err);
	if (ret == 0)
		ret = current_parse(out, b.data, b.len, repo_id, path, err);
	buf_release(&b);
	sys_free(path);
	return ret;
}

int current_write(struct current *c, const char *dir, const unsigned char *repo_id,
		  unsigned int flags, struct err *err)
{
	char *path = xasprintf("%s/current", dir);
	struct buf b = BUF_INIT;
	int ret;

	current_encode(&b, c, repo_id);
	if (b.len > CURRENT_MAX_SIZE)
		ret = err_set(err, ERR_FAILED, "more packs without a record than '%s' holds", path);
	else
		ret = file_write(path, b.data, b.len, flags, 0600, err);
	if (ret == 0)
		c->sum = get_u64le(b.data + b.len - SUM_SIZE);
	buf_release(&b);
	sys_free(path);
	return ret;
}
