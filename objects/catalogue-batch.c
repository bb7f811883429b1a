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

int catalogue_next_batch(struct catalogue_row *r, struct catalogue_batch *out, struct err *err)
{
	size_t left = r->names_size - (size_t)(r->next - r->names);

	if (r->parts_size == 0)
		return left > 0 ? catalogue_damaged(err) : 0;
	if (r->parts_size < CATALOGUE_PART_SIZE)
		return catalogue_damaged(err);
	*out = (struct catalogue_batch){
		.nr = r->nr, .first = r->first, .commit_nr = r->commit_nr,
		.dir = (int64_t)get_u64le(r->parts), .count = get_u32le(r->parts + 8),
		.names = r->next, .names_size = get_u32le(r->parts + 12),
	};
	/* Whether there are as many names as it says, who looks at each sees. */
	if (out->names_size == 0 || out->names_size > left || out->count > out->names_size ||
	    out->names[out->names_size - 1] != '\0' || out->count > UINT32_MAX - r->first)
		return catalogue_damaged(err);
	r->parts += CATALOGUE_PART_SIZE;
	r->parts_size -= CATALOGUE_PART_SIZE;
	r->next += out->names_size;
	r->first += out->count;
	return 1;
}

static int each_row(struct db_stmt *s,
		    int (*fn)(struct catalogue_row *r, void *data, struct err *err), void *data,
		    struct err *err)
{
	struct catalogue_row r;
	int ret;

	while ((ret = db_step(s, err)) > 0) {
		r.nr = db_column_i64(s, 0);
		r.commit_nr = db_column_i64(s, 1);
		r.parts = db_column_bytes(s, 2, &r.parts_size);
		r.names = r.next = db_column_bytes(s, 3, &r.names_size);
		r.first = 0;
		ret = fn(&r, data, err);
		if (ret != 0)
			return ret;
	}
	return ret;
}

#define ROW_COLUMNS "n.nr, n.commit_nr, n.parts, n.names"

int catalogue_each_row(struct catalogue *c,
		       int (*fn)(struct catalogue_row *r, void *data, struct err *err), void *data,
		       struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT " ROW_COLUMNS " FROM names n ORDER BY nr", &s, err);

	if (ret == 0)
		ret = each_row(s, fn, data, err);
	db_stmt_close(s);
	return ret;
}

struct picking {
	int64_t dir;			/* 0: any */
	int (*fn)(const struct catalogue_batch *b, void *data, struct err *err);
	void *data;
};

static int pick(struct catalogue_row *r, void *data, struct err *err)
{
	struct picking *p = data;
	struct catalogue_batch b;
	int ret;

	while ((ret = catalogue_next_batch(r, &b, err)) == 1) {
		ret = p->dir == 0 || p->dir == b.dir ? p->fn(&b, p->data, err) : 0;
		if (ret != 0)
			return ret;
	}
	return ret;
}

static int pick_batches(struct catalogue *c, const char *sql, int64_t key, struct picking *p,
			struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, sql, &s, err);

	if (ret == 0) {
		db_bind_i64(s, 1, key);
		ret = each_row(s, pick, p, err);
	}
	db_stmt_close(s);
	return ret;
}

int catalogue_each_batch_of(struct catalogue *c, int64_t dir,
			    int (*fn)(const struct catalogue_batch *b, void *data,
				      struct err *err), void *data, struct err *err)
{
	struct picking p = { dir, fn, data };

	return pick_batches(c, "SELECT " ROW_COLUMNS " FROM places p JOIN names n ON n.nr = p.nr"
			    " WHERE p.dir = ? ORDER BY p.nr", dir, &p, err);
}

int catalogue_each_batch_in(struct catalogue *c, int64_t commit_nr,
			    int (*fn)(const struct catalogue_batch *b, void *data,
				      struct err *err), void *data, struct err *err)
{
	struct picking p = { 0, fn, data };

	return pick_batches(c, "SELECT " ROW_COLUMNS " FROM names n WHERE n.commit_nr = ?"
			    " ORDER BY n.nr", commit_nr, &p, err);
}

/* -- writing -- */

/* What of a page is left for names and parts: a search reads pages one after the other. */
#define ROW_SIZE (DB_BLOCK_SIZE - 100)

void catalogue_drop_pending(struct catalogue *c)
{
	buf_reset(&c->pending.parts);
	buf_reset(&c->pending.names);
	buf_reset(&c->pending.facts);
}

static int add_places(struct catalogue *c, int64_t nr, struct err *err)
{
	const struct buf *parts = &c->pending.parts;
	int ret = 0;

	for (size_t at = 0; at < parts->len && ret == 0; at += CATALOGUE_PART_SIZE) {
		struct db_stmt *s = catalogue_stmt(c, STMT_ADD_PLACE, err);
		if (!s)
			return err->code;
		db_bind_i64(s, 1, (int64_t)get_u64le(parts->data + at));
		db_bind_i64(s, 2, nr);
		ret = db_run(s, err);
	}
	return ret;
}

int catalogue_write_pending(struct catalogue *c, struct err *err)
{
	struct catalogue_pending *p = &c->pending;

	if (p->names.len == 0)
		return 0;
	struct db_stmt *s = catalogue_stmt(c, STMT_ADD_NAMES, err);
	if (!s)
		return err->code;
	db_bind_i64(s, 1, p->commit_nr);
	db_bind_bytes(s, 2, p->parts.data, p->parts.len);
	db_bind_bytes(s, 3, p->names.data, p->names.len);
	int ret = db_run(s, err);
	int64_t nr = db_last_row(c->db);
	s = ret < 0 ? NULL : catalogue_stmt(c, STMT_ADD_FACTS, err);
	if (!s)
		return err->code;
	db_bind_i64(s, 1, nr);
	db_bind_bytes(s, 2, p->facts.data, p->facts.len);
	ret = db_run(s, err);
	if (ret == 0)
		ret = add_places(c, nr, err);
	catalogue_drop_pending(c);
	return ret;
}

/* How many of the first names fit into `room`, and their size. */
static uint32_t count_fitting(const char *names, size_t size, size_t room, size_t *size_out)
{
	const char *p = names, *end = names + size, *nul;
	uint32_t nr = 0;

	for (; p < end && (nul = memchr(p, '\0', (size_t)(end - p))) != NULL; p = nul + 1) {
		if ((size_t)(nul + 1 - names) > room)
			break;
		nr++;
	}
	*size_out = (size_t)(p - names);
	return nr;
}

/* Rows are filled up: a batch may lie in two of them. */
int catalogue_add_batch(struct catalogue *c, int64_t dir, int64_t commit_nr, uint32_t count,
			const struct buf *names, const struct buf *facts, struct err *err)
{
	struct catalogue_pending *p = &c->pending;
	const unsigned char *fact = facts->data;
	size_t at = 0, n;
	int ret = p->commit_nr != commit_nr ? catalogue_write_pending(c, err) : 0;

	p->commit_nr = commit_nr;
	while (ret == 0 && count > 0) {
		size_t used = p->names.len + p->parts.len + CATALOGUE_PART_SIZE;
		const char *from = (const char *)names->data + at;
		uint32_t nr = used >= ROW_SIZE ? 0 :
			count_fitting(from, names->len - at, ROW_SIZE - used, &n);
		if (nr == 0 && p->names.len == 0)
			BUG("a name of more than a page");
		if (nr == 0) {
			ret = catalogue_write_pending(c, err);
			continue;
		}
		buf_put_u64le(&p->parts, (uint64_t)dir);
		buf_put_u32le(&p->parts, nr);
		buf_put_u32le(&p->parts, (uint32_t)n);
		buf_put(&p->names, from, n);
		buf_put(&p->facts, fact, nr * (size_t)CATALOGUE_FACT_SIZE);
		fact += nr * (size_t)CATALOGUE_FACT_SIZE;
		at += n;
		count -= nr;
	}
	return ret;
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
	return reader_ok(r) && out->kind != 0 && out->type >= ENTRY_FILE &&
	       out->type <= ENTRY_BLOCK;
}

/* A row is asked for as often as it has batches: it is read once. */
static int load_facts(struct catalogue *c, int64_t nr, struct err *err)
{
	struct db_stmt *s = c->facts_nr == nr ? NULL : catalogue_stmt(c, STMT_FACTS, err);
	size_t n;

	if (c->facts_nr == nr)
		return 0;
	if (!s)
		return err->code;
	db_bind_i64(s, 1, nr);
	c->facts_nr = 0;
	int ret = db_step(s, err);
	if (ret > 0) {
		const void *p = db_column_bytes(s, 0, &n);
		buf_reset(&c->facts);
		buf_put(&c->facts, p, n);
		c->facts_nr = nr;
	}
	db_reset(s);
	return ret > 0 ? 0 : ret < 0 ? ret : catalogue_damaged(err);
}

int catalogue_facts(struct catalogue *c, const struct catalogue_batch *b,
		    struct catalogue_fact **out, struct err *err)
{
	struct reader r;
	int ret = load_facts(c, b->nr, err);

	if (ret < 0)
		return ret;
	if (c->facts.len / CATALOGUE_FACT_SIZE < (uint64_t)b->first + b->count)
		return catalogue_damaged(err);
	struct catalogue_fact *facts = xcalloc(b->count > 0 ? b->count : 1, sizeof(*facts));
	reader_init(&r, c->facts.data + (size_t)b->first * CATALOGUE_FACT_SIZE,
		    (size_t)b->count * CATALOGUE_FACT_SIZE);
	for (uint32_t i = 0; i < b->count; i++) {
		if (!take_fact(&r, &facts[i])) {
			sys_free(facts);
			return catalogue_damaged(err);
		}
	}
	*out = facts;
	return 0;
}
