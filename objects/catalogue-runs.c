/*
 * What the catalogue knows of commands and packs: what was run and how it ended, which packs
 * there are, and when each was last read to its end.
 */
#include <string.h>

#include "objects/catalogue.h"

#include "objects/catalogue-internal.h"

/* -- runs -- */

int catalogue_add_run(struct catalogue *c, const struct catalogue_run *r, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_ADD_RUN, err);

	if (!s)
		return err->code;
	const int64_t numbers[] = {
		[2] = r->time_s, r->time_ns, (int64_t)r->ms, r->status, r->share,
		(int64_t)r->objects, (int64_t)r->bytes, (int64_t)r->damaged, (int64_t)r->missing,
	};
	for (int i = 2; i <= 10; i++)
		db_bind_i64(s, i, numbers[i]);
	db_bind_bytes(s, 1, r->what, strlen(r->what));
	db_bind_bytes(s, 11, r->commit.b, r->has_commit ? OID_SIZE : 0);
	db_bind_bytes(s, 12, r->message, strlen(r->message));
	int ret = db_run(s, err);
	int64_t old = db_last_row(c->db) - CATALOGUE_RUNS_MAX;
	s = ret < 0 || old <= 0 ? NULL : catalogue_stmt(c, STMT_DROP_RUNS, err);
	if (!s)
		return ret < 0 || old > 0 ? (int)err->code : 0;
	db_bind_i64(s, 1, old);
	return db_run(s, err);
}

static int take_run(struct db_stmt *s, struct buf *what, struct buf *message,
		    struct catalogue_run *out, struct err *err)
{
	size_t n;
	const void *id = db_column_bytes(s, 11, &n);

	if (n != 0 && n != OID_SIZE)
		return catalogue_damaged(err);
	*out = (struct catalogue_run){
		.nr = db_column_i64(s, 0), .time_s = db_column_i64(s, 2),
		.time_ns = (uint32_t)db_column_i64(s, 3), .ms = (uint64_t)db_column_i64(s, 4),
		.status = (int)db_column_i64(s, 5), .share = (uint32_t)db_column_i64(s, 6),
		.objects = (uint64_t)db_column_i64(s, 7), .bytes = (uint64_t)db_column_i64(s, 8),
		.damaged = (uint64_t)db_column_i64(s, 9), .missing = (uint64_t)db_column_i64(s, 10),
		.has_commit = n > 0,
	};
	if (n > 0)
		memcpy(out->commit.b, id, n);
	catalogue_take_text(s, 1, what);
	catalogue_take_text(s, 12, message);
	out->what = buf_str(what);
	out->message = buf_str(message);
	return 0;
}

int catalogue_each_run(struct catalogue *c,
		       int (*fn)(const struct catalogue_run *r, void *data, struct err *err),
		       void *data, struct err *err)
{
	struct buf what = BUF_INIT, message = BUF_INIT;
	struct catalogue_run r;
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT * FROM runs ORDER BY nr DESC", &s, err);

	while (ret == 0 && (ret = db_step(s, err)) > 0) {
		ret = take_run(s, &what, &message, &r, err);
		if (ret == 0)
			ret = fn(&r, data, err);
		if (ret != 0)
			break;
	}
	db_stmt_close(s);
	buf_release(&what);
	buf_release(&message);
	return ret;
}

/* -- packs -- */

int catalogue_add_pack(struct catalogue *c, const struct catalogue_pack *p, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_ADD_PACK, err);

	if (!s)
		return err->code;
	db_bind_bytes(s, 1, p->id.b, sizeof(p->id.b));
	db_bind_i64(s, 2, p->kind);
	db_bind_i64(s, 3, (int64_t)p->size);
	db_bind_i64(s, 4, (int64_t)p->objects);
	db_bind_i64(s, 5, p->read_s);
	db_bind_i64(s, 6, p->is_damaged);
	return db_run(s, err);
}

int catalogue_drop_pack(struct catalogue *c, const struct pack_id *id, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_DROP_PACK, err);

	if (!s)
		return err->code;
	db_bind_bytes(s, 1, id->b, sizeof(id->b));
	return db_run(s, err);
}

int catalogue_note_reading(struct catalogue *c, const struct catalogue_reading *r, int64_t when_s,
			   struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_NOTE_READING, err);

	if (!s)
		return err->code;
	db_bind_i64(s, 1, when_s);
	db_bind_i64(s, 2, r->is_damaged);
	db_bind_bytes(s, 3, r->id.b, sizeof(r->id.b));
	return db_run(s, err);
}

static int take_pack(struct db_stmt *s, struct catalogue_pack *out, struct err *err)
{
	size_t n;
	const void *id = db_column_bytes(s, 0, &n);

	if (n != sizeof(out->id.b))
		return catalogue_damaged(err);
	memcpy(out->id.b, id, n);
	out->kind = (enum pack_kind)db_column_i64(s, 1);
	out->size = (uint64_t)db_column_i64(s, 2);
	out->objects = (uint64_t)db_column_i64(s, 3);
	out->read_s = db_column_i64(s, 4);
	out->is_damaged = db_column_i64(s, 5) != 0;
	return 0;
}

int catalogue_each_pack(struct catalogue *c,
			int (*fn)(const struct catalogue_pack *p, void *data, struct err *err),
			void *data, struct err *err)
{
	struct catalogue_pack p;
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT * FROM packs ORDER BY id", &s, err);

	while (ret == 0 && (ret = db_step(s, err)) > 0) {
		ret = take_pack(s, &p, err);
		if (ret == 0)
			ret = fn(&p, data, err);
		if (ret != 0)
			break;
	}
	db_stmt_close(s);
	return ret;
}
