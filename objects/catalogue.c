/*
 * The catalogue's file: opening, sealing, transactions, the statements that others run.
 */
#include <string.h>
#include <sys/file.h>

#include "lib/sys.h"
#include "crypto/seal.h"
#include "objects/catalogue.h"

#include "objects/catalogue-internal.h"

/* Names and facts lie apart: a search reads all names and hardly any facts. */
static const char schema[] =
	"BEGIN;"
	"CREATE TABLE commits(nr INTEGER PRIMARY KEY, id BLOB UNIQUE, time INTEGER, ns INTEGER,"
	" zone INTEGER, line INTEGER, prev INTEGER, linear INTEGER, incomplete INTEGER,"
	" files INTEGER, dirs INTEGER, bytes INTEGER, tree BLOB, device BLOB, message BLOB,"
	" parents BLOB);"
	"CREATE INDEX commits_device ON commits(device, nr);"
	"CREATE TABLE dirs(id INTEGER PRIMARY KEY, parent INTEGER, name BLOB,"
	" UNIQUE(parent, name));"
	"INSERT INTO dirs VALUES(1, 0, X'');"
	"CREATE TABLE names(nr INTEGER PRIMARY KEY, commit_nr INTEGER, parts BLOB, names BLOB);"
	"CREATE INDEX names_commit ON names(commit_nr, nr);"
	"CREATE TABLE places(dir INTEGER, nr INTEGER, PRIMARY KEY(dir, nr)) WITHOUT ROWID;"
	"CREATE TABLE facts(nr INTEGER PRIMARY KEY, facts BLOB);"
	"CREATE TABLE runs(nr INTEGER PRIMARY KEY, what BLOB, time INTEGER, ns INTEGER, ms INTEGER,"
	" status INTEGER, share INTEGER, objects INTEGER, bytes INTEGER, damaged INTEGER,"
	" missing INTEGER, id BLOB, message BLOB);"
	"CREATE TABLE packs(id BLOB PRIMARY KEY, kind INTEGER, bytes INTEGER, objects INTEGER,"
	" read INTEGER, damaged INTEGER) WITHOUT ROWID;"
	"PRAGMA user_version=4;"
	"COMMIT";

#define COMMIT_COLUMNS "nr, id, time, ns, zone, line, prev, linear, incomplete," \
	" files, dirs, bytes," \
	" tree, device, message, parents"

static const char *const statements[STMT_NR] = {
	[STMT_COMMIT_BY_NR] = "SELECT " COMMIT_COLUMNS " FROM commits WHERE nr = ?",
	[STMT_COMMIT_BY_ID] = "SELECT " COMMIT_COLUMNS " FROM commits WHERE id = ?",
	[STMT_LINE_END] = "SELECT " COMMIT_COLUMNS
		" FROM commits WHERE device = ? ORDER BY nr DESC LIMIT 1",
	[STMT_ADD_COMMIT] = "INSERT INTO commits VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_DIR] = "SELECT parent, name FROM dirs WHERE id = ?",
	[STMT_FIND_DIR] = "SELECT id FROM dirs WHERE parent = ? AND name = ?",
	[STMT_ADD_DIR] = "INSERT INTO dirs(parent, name) VALUES(?, ?)",
	[STMT_ADD_NAMES] = "INSERT INTO names(commit_nr, parts, names) VALUES(?,?,?)",
	[STMT_ADD_FACTS] = "INSERT INTO facts VALUES(?, ?)",
	[STMT_ADD_PLACE] = "INSERT OR IGNORE INTO places VALUES(?, ?)",
	[STMT_FACTS] = "SELECT facts FROM facts WHERE nr = ?",
	[STMT_ADD_RUN] = "INSERT INTO runs VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
	[STMT_DROP_RUNS] = "DELETE FROM runs WHERE nr <= ?",
	[STMT_ADD_PACK] = "INSERT INTO packs VALUES(?,?,?,?,?,?)",
	[STMT_DROP_PACK] = "DELETE FROM packs WHERE id = ?",
	[STMT_NOTE_READING] = "UPDATE packs SET read = ?, damaged = ? WHERE id = ?",
};

struct db_stmt *catalogue_stmt(struct catalogue *c, enum catalogue_statement nr, struct err *err)
{
	if (!c->stmt[nr] && db_prepare(c->db, statements[nr], &c->stmt[nr], err) < 0)
		return NULL;
	db_reset(c->stmt[nr]);
	return c->stmt[nr];
}

int catalogue_damaged(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "the catalogue is damaged");
}

static void release_texts(struct catalogue_texts *t)
{
	buf_release(&t->device);
	buf_release(&t->message);
	buf_release(&t->parents);
}

static void seal_block(unsigned char *out, const unsigned char ad[DB_AD_SIZE], const void *in,
		       size_t size, void *data)
{
	const struct secret *key = data;

	seal(out, key->data, ad, DB_AD_SIZE, in, size);
}

static int unseal_block(unsigned char *out, const unsigned char ad[DB_AD_SIZE],
			const unsigned char *in, size_t size, void *data, struct err *err)
{
	const struct secret *key = data;

	return unseal(out, key->data, ad, DB_AD_SIZE, in, size, err);
}

static int read_version(struct catalogue *c, int64_t *out, struct err *err)
{
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "PRAGMA user_version", &s, err);

	if (ret == 0)
		ret = db_step(s, err);
	*out = ret > 0 ? db_column_i64(s, 0) : 0;
	db_stmt_close(s);
	return ret < 0 ? ret : 0;
}

static int open_db(struct catalogue *c, const char *path, unsigned int flags, struct err *err)
{
	const struct db_seal how = {
		.seal = seal_block, .unseal = unseal_block, .data = &c->key,
		.magic = "ubcat\r\n", .version = CATALOGUE_VERSION,
	};
	int64_t version = 0;
	int ret = flags & CATALOGUE_NEW ? db_remove(path, err) : 0;

	if (ret == 0)
		ret = db_open(&c->db, path, &how, flags & CATALOGUE_WRITE, err);
	if (ret == 0 && db_is_unclean(c->db) && !(flags & CATALOGUE_WRITE))
		ret = err_set(err, ERR_CORRUPT, "'%s' was left half written", path);
	if (ret == 0)
		ret = read_version(c, &version, err);
	if (ret == 0 && db_is_unclean(c->db))
		ret = db_check(c->db, err);
	if (ret == 0 && version == 0 && flags & CATALOGUE_WRITE)
		return db_exec(c->db, schema, err);
	if (ret == 0 && version != CATALOGUE_VERSION)
		ret = catalogue_damaged(err);
	return ret;
}

int catalogue_open(struct catalogue **out, const char *path, const struct keys *keys,
		   unsigned int flags, unsigned int wait_ms, struct err *err)
{
	struct catalogue *c = xcalloc(1, sizeof(*c));
	bool in_memory = flags & CATALOGUE_IN_MEMORY;
	char *lock = in_memory ? NULL : xasprintf("%s.lock", path);
	int ret = 0;

	c->lock = (struct lock)LOCK_INIT;
	c->texts = (struct catalogue_texts)CATALOGUE_TEXTS_INIT;
	c->facts = (struct buf)BUF_INIT;
	c->pending = (struct catalogue_pending)CATALOGUE_PENDING_INIT;
	keys_cache_key(keys, KEY_USE_CATALOGUE, &c->key);
	if (!in_memory)
		ret = lock_take(&c->lock, lock,
				flags & CATALOGUE_WRITE ? LOCK_EXCLUSIVE : LOCK_SHARED, wait_ms,
				"the catalogue", err);
	if (ret == 0)
		ret = open_db(c, in_memory ? DB_IN_MEMORY : path, flags, err);
	if (ret == 0 && !(flags & CATALOGUE_WRITE))
		ret = db_exec(c->db, "BEGIN", err);
	sys_free(lock);
	if (ret < 0) {
		catalogue_close(c);
		return ret;
	}
	*out = c;
	return 0;
}

void catalogue_close(struct catalogue *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < STMT_NR; i++)
		db_stmt_close(c->stmt[i]);
	db_close(c->db);
	lock_release(&c->lock);
	secret_release(&c->key);
	release_texts(&c->texts);
	buf_release(&c->facts);
	buf_release(&c->pending.parts);
	buf_release(&c->pending.names);
	buf_release(&c->pending.facts);
	sys_free(c);
}

int catalogue_keep_reading(struct catalogue *c, struct err *err)
{
	if (c->lock.fd >= 0 && sys_flock(c->lock.fd, LOCK_SH) < 0)
		return err_sys(err, "share the lock of the catalogue");
	return db_exec(c->db, "BEGIN", err);
}

int catalogue_begin(struct catalogue *c, struct err *err)
{
	return db_exec(c->db, "BEGIN IMMEDIATE", err);
}

int catalogue_commit(struct catalogue *c, struct err *err)
{
	int ret = catalogue_write_pending(c, err);

	return ret < 0 ? ret : db_exec(c->db, "COMMIT", err);
}

void catalogue_abort(struct catalogue *c)
{
	struct err ignored = ERR_INIT;

	catalogue_drop_pending(c);
	db_exec(c->db, "ROLLBACK", &ignored);
}

/* -- commits -- */

static bool take_id(struct db_stmt *s, int nr, struct oid *out)
{
	size_t n;
	const void *p = db_column_bytes(s, nr, &n);

	if (n != OID_SIZE)
		return false;
	memcpy(out->b, p, n);
	return true;
}

void catalogue_take_text(struct db_stmt *s, int nr, struct buf *out)
{
	size_t n;
	const void *p = db_column_bytes(s, nr, &n);

	buf_reset(out);
	buf_put(out, p, n);
}

static int take_commit(struct db_stmt *s, struct catalogue_texts *t, struct catalogue_commit *out,
		       struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->nr = db_column_i64(s, 0);
	out->time_s = db_column_i64(s, 2);
	out->time_ns = (uint32_t)db_column_i64(s, 3);
	out->time_offset = (int32_t)db_column_i64(s, 4);
	out->line = db_column_i64(s, 5) ? db_column_i64(s, 5) : out->nr;
	out->prev = db_column_i64(s, 6);
	out->is_linear = db_column_i64(s, 7) != 0;
	out->incomplete = db_column_i64(s, 8) != 0;
	out->files = (uint64_t)db_column_i64(s, 9);
	out->dirs = (uint64_t)db_column_i64(s, 10);
	out->bytes = (uint64_t)db_column_i64(s, 11);
	if (!take_id(s, 1, &out->id) || !take_id(s, 12, &out->tree))
		return catalogue_damaged(err);
	catalogue_take_text(s, 13, &t->device);
	catalogue_take_text(s, 14, &t->message);
	catalogue_take_text(s, 15, &t->parents);
	out->device = buf_str(&t->device);
	out->message = buf_str(&t->message);
	/* Ids are bytes: they lie anywhere. */
	out->parents = (const struct oid *)t->parents.data;
	out->nr_parents = t->parents.len / OID_SIZE;
	return 0;
}

/* The one row of `s`: 1, or 0. */
static int one_commit(struct catalogue *c, struct db_stmt *s, struct catalogue_commit *out,
		      struct err *err)
{
	int ret = db_step(s, err);

	if (ret > 0 && take_commit(s, &c->texts, out, err) < 0)
		ret = err->code;
	db_reset(s);
	return ret;
}

int catalogue_commit_by_nr(struct catalogue *c, int64_t nr, struct catalogue_commit *out,
			   struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_COMMIT_BY_NR, err);

	if (!s)
		return err->code;
	db_bind_i64(s, 1, nr);
	int ret = one_commit(c, s, out, err);
	return ret > 0 ? 0 : ret < 0 ? ret :
		err_set(err, ERR_NOT_FOUND, "the catalogue has no snapshot %lld", (long long)nr);
}

int catalogue_commit_by_id(struct catalogue *c, const struct oid *id,
			   struct catalogue_commit *out, struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_COMMIT_BY_ID, err);

	if (!s)
		return err->code;
	db_bind_bytes(s, 1, id->b, OID_SIZE);
	int ret = one_commit(c, s, out, err);
	return ret > 0 ? 0 : ret < 0 ? ret :
		err_set(err, ERR_NOT_FOUND, "the catalogue has no snapshot %s", oid_hex(id).s);
}

int catalogue_line_end(struct catalogue *c, const char *device, struct catalogue_commit *out,
		       struct err *err)
{
	struct db_stmt *s = catalogue_stmt(c, STMT_LINE_END, err);

	if (!s)
		return err->code;
	db_bind_bytes(s, 1, device, strlen(device));
	return one_commit(c, s, out, err);
}

int catalogue_each_commit(struct catalogue *c,
			  int (*fn)(const struct catalogue_commit *k, void *data, struct err *err),
			  void *data, struct err *err)
{
	struct catalogue_texts texts = CATALOGUE_TEXTS_INIT;
	struct catalogue_commit k;
	struct db_stmt *s = NULL;
	int ret = db_prepare(c->db, "SELECT " COMMIT_COLUMNS " FROM commits ORDER BY nr", &s, err);

	while (ret == 0 && (ret = db_step(s, err)) > 0) {
		ret = take_commit(s, &texts, &k, err);
		if (ret == 0)
			ret = fn(&k, data, err);
		if (ret != 0)
			break;
	}
	db_stmt_close(s);
	release_texts(&texts);
	return ret;
}

int catalogue_add_commit(struct catalogue *c, struct catalogue_commit *k, struct err *err)
{
	struct catalogue_commit last;
	int ret = catalogue_line_end(c, k->device, &last, err);
	struct db_stmt *s = ret < 0 ? NULL : catalogue_stmt(c, STMT_ADD_COMMIT, err);

	if (!s)
		return err->code;
	const int64_t numbers[] = {
		[3] = k->time_s, k->time_ns, k->time_offset, ret > 0 ? last.line : 0,
		ret > 0 ? last.nr : 0, k->is_linear, k->incomplete, (int64_t)k->files,
		(int64_t)k->dirs, (int64_t)k->bytes,
	};
	for (int i = 3; i <= 12; i++)
		db_bind_i64(s, i, numbers[i]);
	db_bind_bytes(s, 2, k->id.b, OID_SIZE);
	db_bind_bytes(s, 13, k->tree.b, OID_SIZE);
	db_bind_bytes(s, 14, k->device, strlen(k->device));
	db_bind_bytes(s, 15, k->message, strlen(k->message));
	db_bind_bytes(s, 16, k->parents, k->nr_parents * OID_SIZE);
	k->prev = numbers[7];
	k->line = numbers[6];
	ret = db_run(s, err);
	k->nr = db_last_row(c->db);
	if (k->line == 0)
		k->line = k->nr;
	return ret;
}
