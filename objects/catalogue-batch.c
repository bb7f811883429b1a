/*
 * Directories of the catalogue, and the batches of what changed in them.
 */
#include <string.h>

#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/catalogue.h"
#include "objects/object.h"

#include "objects/catalogue-internal.h"

#define PATH_MAX_BYTES 65535	/* as of any path; ends what goes round in circles */

/* -- directories -- */

static int dir_row(struct catalogue *c, int64_t dir, int64_t *parent, struct buf *name,
		   struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_DIR, err);
	size_t n;

	if (!s)
		return err->code;
	db_bind_i64(s, 1, dir);
	int ret = db_step(s, err);
	if (ret > 0) {
		const void *p = db_column_bytes(s, 1, &n);
		*parent = db_column_i64(s, 0);
		buf_reset(name);
		buf_put(name, p, n);
	}
	db_reset(s);
	return ret > 0 ? 0 : ret < 0 ? ret : catalogue_damaged(err);
}

static void put_before(struct buf *path, const struct buf *name, size_t start)
{
	size_t had = path->len - start, extra = name->len + (had > 0);

	buf_extend(path, extra);
	unsigned char *p = path->data + start;
	memmove(p + extra, p, had);
	memcpy(p, name->data, name->len);
	if (had > 0)
		p[name->len] = '/';
}

int catalogue_dir_path(struct catalogue *c, int64_t dir, struct buf *out, struct err *err)
{
	struct buf name = BUF_INIT;
	size_t start = out->len;
	int ret = 0;

	while (dir != CATALOGUE_ROOT && ret == 0) {
		ret = dir_row(c, dir, &dir, &name, err);
		if (ret == 0 && (name.len == 0 || name.len + out->len - start > PATH_MAX_BYTES))
			ret = catalogue_damaged(err);
		if (ret == 0)
			put_before(out, &name, start);
	}
	buf_release(&name);
	return ret;
}

/* 1 and its id, or 0. */
static int find_dir(struct catalogue *c, int64_t parent, const char *name, size_t name_len,
		    int64_t *out, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_FIND_DIR, err);

	if (!s)
		return err->code;
	db_bind_i64(s, 1, parent);
	db_bind_bytes(s, 2, name, name_len);
	int ret = db_step(s, err);
	if (ret > 0)
		*out = db_column_i64(s, 0);
	db_reset(s);
	return ret;
}

int catalogue_dir_find(struct catalogue *c, const char *path, size_t path_len, int64_t *dir_out,
		       struct err *err)
{
	const char *p = path, *end = path + path_len;
	int64_t dir = CATALOGUE_ROOT;

	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t n = (size_t)((slash ? slash : end) - p);
		int ret = find_dir(c, dir, p, n, &dir, err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			return err_set(err, ERR_NOT_FOUND, "the catalogue has no folder '%.*s'",
				       (int)path_len, path);
		p += n + (slash != NULL);
	}
	*dir_out = dir;
	return 0;
}

int catalogue_each_subdir(struct catalogue *c, int64_t dir,
			  int (*fn)(int64_t sub, const char *name, size_t name_len, void *data,
				    struct err *err), void *data, struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT id, name FROM dirs WHERE parent = ? ORDER BY name", &s,
			     err);

	if (ret == 0)
		db_bind_i64(s, 1, dir);
	while (ret == 0 && (ret = db_step(s, err)) > 0) {
		size_t n;
		const char *name = db_column_bytes(s, 1, &n);
		ret = fn(db_column_i64(s, 0), name, n, data, err);
		if (ret != 0)
			break;
	}
	db_stmt_close(s);
	return ret;
}

int catalogue_add_dir(struct catalogue *c, int64_t parent, const char *name, size_t name_len,
		      int64_t *dir_out, struct err *err)
{
	int ret = find_dir(c, parent, name, name_len, dir_out, err);
	struct db_stmt *s = ret == 0 ? catalogue_stmt(c, STMT_ADD_DIR, err) : NULL;

	if (ret != 0)
		return ret < 0 ? ret : 0;
	if (!s)
		return err->code;
	db_bind_i64(s, 1, parent);
	db_bind_bytes(s, 2, name, name_len);
	ret = db_run(s, err);
	*dir_out = db_last_row(c->db);
	return ret;
}

/* -- batches -- */

static int each_batch(struct db_stmt *s,
		      int (*fn)(const struct catalogue_batch *b, void *data, struct err *err),
		      void *data, struct err *err)
{
	struct catalogue_batch b;
	int ret;

	while ((ret = db_step(s, err)) > 0) {
		int64_t count = db_column_i64(s, 3);
		b.nr = db_column_i64(s, 0);
		b.dir = db_column_i64(s, 1);
		b.commit_nr = db_column_i64(s, 2);
		b.count = (uint32_t)count;
		b.names = db_column_bytes(s, 4, &b.names_size);
		/* Whether there are as many as it says, who looks at each sees. */
		bool ok = count == b.count && b.names_size > 0 &&
			b.names[b.names_size - 1] == '\0';
		ret = ok ? fn(&b, data, err) : catalogue_damaged(err);
		if (ret != 0)
			return ret;
	}
	return ret;
}

#define BATCH_COLUMNS "nr, dir, commit_nr, count, names"

int catalogue_each_batch(struct catalogue *c,
			 int (*fn)(const struct catalogue_batch *b, void *data, struct err *err),
			 void *data, struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT " BATCH_COLUMNS " FROM names ORDER BY nr", &s, err);

	if (ret == 0)
		ret = each_batch(s, fn, data, err);
	db_stmt_close(s);
	return ret;
}

int catalogue_each_batch_of(struct catalogue *c, int64_t dir,
			    int (*fn)(const struct catalogue_batch *b, void *data,
				      struct err *err), void *data, struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT " BATCH_COLUMNS " FROM names WHERE dir = ? ORDER BY nr",
			     &s, err);

	if (ret == 0) {
		db_bind_i64(s, 1, dir);
		ret = each_batch(s, fn, data, err);
	}
	db_stmt_close(s);
	return ret;
}

int catalogue_add_batch(struct catalogue *c, int64_t dir, int64_t commit_nr, uint32_t count,
			const struct buf *names, const struct buf *facts, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_ADD_NAMES, err);

	if (!s)
		return err->code;
	db_bind_i64(s, 1, dir);
	db_bind_i64(s, 2, commit_nr);
	db_bind_i64(s, 3, count);
	db_bind_bytes(s, 4, names->data, names->len);
	int ret = db_run(s, err);
	s = ret < 0 ? NULL : catalogue_stmt(c, STMT_ADD_FACTS, err);
	if (!s)
		return err->code;
	db_bind_i64(s, 1, db_last_row(c->db));
	db_bind_bytes(s, 2, facts->data, facts->len);
	return db_run(s, err);
}

/* -- facts -- */

enum { FACT_KIND = 3, FACT_HAS_MTIME = 4, FACT_HAS_ID = 8 };

void catalogue_put_fact(struct buf *out, const struct catalogue_fact *f)
{
	buf_put_u8(out, (uint8_t)(f->kind | (f->has_mtime ? FACT_HAS_MTIME : 0) |
				  (f->has_id ? FACT_HAS_ID : 0)));
	buf_put_u8(out, f->type);
	buf_put_u16le(out, f->mode);
	buf_put_u32le(out, f->mtime_ns);
	buf_put_u64le(out, f->size);
	buf_put_u64le(out, (uint64_t)f->mtime_s);
	buf_put(out, f->id.b, OID_SIZE);
}

static bool take_fact(struct reader *r, struct catalogue_fact *out)
{
	unsigned int flags = reader_u8(r);

	out->kind = flags & FACT_KIND;
	out->has_mtime = flags & FACT_HAS_MTIME;
	out->has_id = flags & FACT_HAS_ID;
	out->type = reader_u8(r);
	out->mode = reader_u16le(r);
	out->mtime_ns = reader_u32le(r);
	out->size = reader_u64le(r);
	out->mtime_s = (int64_t)reader_u64le(r);
	reader_copy(r, out->id.b, OID_SIZE);
	return reader_ok(r) && out->kind != 0 && out->type >= ENTRY_FILE && out->type <= ENTRY_BLOCK;
}

int catalogue_facts(struct catalogue *c, int64_t nr, uint32_t count, struct catalogue_fact **out,
		    struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_FACTS, err);
	struct catalogue_fact *facts = NULL;
	struct reader r;
	size_t n = 0;

	if (!s)
		return err->code;
	db_bind_i64(s, 1, nr);
	int ret = db_step(s, err);
	const void *p = ret > 0 ? db_column_bytes(s, 0, &n) : NULL;
	if (ret == 0 || (ret > 0 && n / CATALOGUE_FACT_SIZE != count) || n % CATALOGUE_FACT_SIZE)
		ret = catalogue_damaged(err);
	if (ret > 0) {
		facts = xcalloc(count > 0 ? count : 1, sizeof(*facts));
		reader_init(&r, p, n);
		for (uint32_t i = 0; i < count && ret > 0; i++)
			if (!take_fact(&r, &facts[i]))
				ret = catalogue_damaged(err);
	}
	db_reset(s);
	if (ret < 0) {
		sys_free(facts);
		return ret;
	}
	*out = facts;
	return 0;
}
