/*
 * SQLite behind a small wrapper, and the file system it is given: blocks that are sealed before
 * they reach the disk, all calls through the seam.
 *
 * A file of that system keeps one block in hand for writes that are no whole block (a journal's).
 * A block that is torn by a crash cannot be opened: ERR_CORRUPT, and the caller makes it all again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/sys.h"

#include "lib/db.h"

#define HEADER_SIZE 64
#define STRIDE (DB_BLOCK_SIZE + DB_SEAL_OVERHEAD)

struct db {
	sqlite3 *handle;
	sqlite3_vfs vfs;
	char name[32];			/* of the vfs */
	char *path, *journal;
	struct db_seal seal;
	struct err fault;		/* what the file system met last */
	bool is_unclean;
	bool is_registered;
};

struct db_stmt { sqlite3_stmt *handle; struct db *db; };

/* -- files -- */

struct block_file {
	sqlite3_file base;		/* first: SQLite knows this part */
	struct db *db;
	const char *path;
	int fd;
	bool has_header;
	uint64_t size;			/* logical, what is in hand included */
	unsigned char salt[DB_SALT_SIZE];
	uint64_t held;			/* number of the block in hand, or NONE */
	bool is_dirty;
	unsigned char *block, *sealed;
};
#define NONE UINT64_MAX

static int io_failed(struct block_file *f, int code, const char *what)
{
	bool is_full = errno == ENOSPC || errno == EDQUOT;

	err_sys(&f->db->fault, "%s '%s'", what, f->path);
	return is_full ? SQLITE_FULL : code;
}

static uint64_t block_off(uint64_t nr)
{
	return HEADER_SIZE + nr * STRIDE;
}

static size_t block_len(const struct block_file *f, uint64_t nr)
{
	uint64_t start = nr * DB_BLOCK_SIZE;

	if (f->size <= start)
		return 0;
	return f->size - start < DB_BLOCK_SIZE ? (size_t)(f->size - start) : DB_BLOCK_SIZE;
}

static void block_ad(const struct block_file *f, uint64_t nr, unsigned char ad[DB_AD_SIZE])
{
	memcpy(ad, f->salt, DB_SALT_SIZE);
	put_u64le(ad + DB_SALT_SIZE, nr);
}

static int write_header(struct block_file *f)
{
	unsigned char head[HEADER_SIZE] = { 0 };

	sys_random(f->salt, sizeof(f->salt));
	memcpy(head, f->db->seal.magic, 8);
	put_u32le(head + 8, f->db->seal.version);
	memcpy(head + 16, f->salt, DB_SALT_SIZE);
	if (sys_pwrite_full(f->fd, head, sizeof(head), 0) < 0)
		return io_failed(f, SQLITE_IOERR_WRITE, "write");
	f->has_header = true;
	return SQLITE_OK;
}

static int put_block(struct block_file *f, uint64_t nr, const void *p, size_t n)
{
	unsigned char ad[DB_AD_SIZE];
	int rc = f->has_header ? SQLITE_OK : write_header(f);

	if (rc != SQLITE_OK)
		return rc;
	block_ad(f, nr, ad);
	f->db->seal.seal(f->sealed, ad, p, n, f->db->seal.data);
	if (sys_pwrite_full(f->fd, f->sealed, n + DB_SEAL_OVERHEAD, (off_t)block_off(nr)) < 0)
		return io_failed(f, SQLITE_IOERR_WRITE, "write");
	return SQLITE_OK;
}

static int get_block(struct block_file *f, uint64_t nr, unsigned char *out, size_t n)
{
	unsigned char ad[DB_AD_SIZE];
	ssize_t got = sys_pread_full(f->fd, f->sealed, n + DB_SEAL_OVERHEAD,
				     (off_t)block_off(nr));

	if (got < 0)
		return io_failed(f, SQLITE_IOERR_READ, "read");
	block_ad(f, nr, ad);
	if ((size_t)got == n + DB_SEAL_OVERHEAD &&
	    f->db->seal.unseal(out, ad, f->sealed, (size_t)got, f->db->seal.data,
			       &f->db->fault) == 0)
		return SQLITE_OK;
	err_set(&f->db->fault, ERR_CORRUPT, "'%s' is damaged in block %llu", f->path,
		(unsigned long long)nr);
	return SQLITE_CORRUPT;
}

static int flush(struct block_file *f)
{
	if (!f->is_dirty)
		return SQLITE_OK;
	int rc = put_block(f, f->held, f->block, block_len(f, f->held));
	f->is_dirty = rc != SQLITE_OK;
	return rc;
}

/* Take a block in hand. */
static int hold(struct block_file *f, uint64_t nr)
{
	if (f->held == nr)
		return SQLITE_OK;
	int rc = flush(f);
	if (rc != SQLITE_OK)
		return rc;
	size_t n = block_len(f, nr);
	f->held = NONE;
	memset(f->block, 0, DB_BLOCK_SIZE);
	if (n > 0)
		rc = get_block(f, nr, f->block, n);
	if (rc == SQLITE_OK)
		f->held = nr;
	return rc;
}

static int vfs_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 off)
{
	struct block_file *f = (struct block_file *)file;
	uint64_t at = (uint64_t)off;
	unsigned char *p = out;
	size_t left = (size_t)amount;

	while (left > 0 && at < f->size) {
		uint64_t nr = at / DB_BLOCK_SIZE;
		size_t in = (size_t)(at % DB_BLOCK_SIZE), have = block_len(f, nr) - in;
		size_t n = left < have ? left : have;
		bool is_whole = in == 0 && n == DB_BLOCK_SIZE && f->held != nr;
		int rc = is_whole ? get_block(f, nr, p, n) : hold(f, nr);
		if (rc != SQLITE_OK)
			return rc;
		if (!is_whole)
			memcpy(p, f->block + in, n);
		p += n;
		at += n;
		left -= n;
	}
	if (left == 0)
		return SQLITE_OK;
	memset(p, 0, left);
	return SQLITE_IOERR_SHORT_READ;
}

/* Blocks before the one that is written were whole: what lies between is zeros. */
static int fill_up(struct block_file *f, uint64_t to)
{
	while (f->size < to) {
		uint64_t nr = f->size / DB_BLOCK_SIZE;
		int rc = hold(f, nr);
		if (rc != SQLITE_OK)
			return rc;
		uint64_t end = (nr + 1) * DB_BLOCK_SIZE;
		f->size = end < to ? end : to;
		f->is_dirty = true;
	}
	return SQLITE_OK;
}

static int write_part(struct block_file *f, uint64_t nr, size_t in, const void *p, size_t n)
{
	uint64_t end = nr * DB_BLOCK_SIZE + in + n;

	if (n == DB_BLOCK_SIZE) {
		if (f->held == nr) {
			f->held = NONE;
			f->is_dirty = false;
		}
		int rc = put_block(f, nr, p, n);
		if (rc == SQLITE_OK && end > f->size)
			f->size = end;
		return rc;
	}
	int rc = hold(f, nr);
	if (rc != SQLITE_OK)
		return rc;
	memcpy(f->block + in, p, n);
	f->is_dirty = true;
	if (end > f->size)
		f->size = end;
	return SQLITE_OK;
}

static int vfs_write(sqlite3_file *file, const void *in, int amount, sqlite3_int64 off)
{
	struct block_file *f = (struct block_file *)file;
	uint64_t at = (uint64_t)off;
	const unsigned char *p = in;
	size_t left = (size_t)amount;
	int rc = fill_up(f, at);

	while (left > 0 && rc == SQLITE_OK) {
		size_t start = (size_t)(at % DB_BLOCK_SIZE), n = DB_BLOCK_SIZE - start;
		if (n > left)
			n = left;
		rc = write_part(f, at / DB_BLOCK_SIZE, start, p, n);
		p += n;
		at += n;
		left -= n;
	}
	return rc;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct block_file *f = (struct block_file *)file;
	uint64_t nr = (uint64_t)size / DB_BLOCK_SIZE;

	if ((uint64_t)size >= f->size)
		return SQLITE_OK;
	if (size % (sqlite3_int64)DB_BLOCK_SIZE != 0) {
		int rc = hold(f, nr);
		if (rc != SQLITE_OK)
			return rc;
		f->is_dirty = true;
	} else if (f->held != NONE && f->held >= nr) {
		f->held = NONE;
		f->is_dirty = false;
	}
	f->size = (uint64_t)size;
	if (sys_ftruncate(f->fd, size == 0 ? 0 : (off_t)block_off(nr)) < 0)
		return io_failed(f, SQLITE_IOERR_TRUNCATE, "truncate");
	f->has_header = f->has_header && size != 0;
	return flush(f);
}

static int vfs_sync(sqlite3_file *file, int flags)
{
	struct block_file *f = (struct block_file *)file;
	int rc = flush(f);

	(void)flags;
	if (rc == SQLITE_OK && sys_fdatasync(f->fd) < 0)
		rc = io_failed(f, SQLITE_IOERR_FSYNC, "sync");
	return rc;
}

static int vfs_close(sqlite3_file *file)
{
	struct block_file *f = (struct block_file *)file;
	int rc = flush(f);

	if (f->fd >= 0)
		sys_close(f->fd);
	f->fd = -1;
	sys_free(f->block);
	sys_free(f->sealed);
	f->block = f->sealed = NULL;
	return rc;
}

static int vfs_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((struct block_file *)file)->size;
	return SQLITE_OK;
}

/* The caller of db_open() holds a lock already. */
static int vfs_lock(sqlite3_file *file, int mode)
{
	(void)file;
	(void)mode;
	return SQLITE_OK;
}

static int vfs_is_reserved(sqlite3_file *file, int *out)
{
	(void)file;
	*out = 0;
	return SQLITE_OK;
}

static int vfs_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int vfs_characteristics(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 1, .xClose = vfs_close, .xRead = vfs_read, .xWrite = vfs_write,
	.xTruncate = vfs_truncate, .xSync = vfs_sync, .xFileSize = vfs_file_size,
	.xLock = vfs_lock, .xUnlock = vfs_lock, .xCheckReservedLock = vfs_is_reserved,
	.xFileControl = vfs_control, .xSectorSize = vfs_sector_size,
	.xDeviceCharacteristics = vfs_characteristics,
};

/* -- the file system -- */

/* Which file it is, from its header: of an empty file nothing is asked. */
static int read_header(struct block_file *f)
{
	const struct db_seal *seal = &f->db->seal;
	unsigned char head[HEADER_SIZE];
	struct stat st;

	if (sys_fstat(f->fd, &st) < 0)
		return io_failed(f, SQLITE_IOERR_FSTAT, "look at");
	if (st.st_size == 0)
		return SQLITE_OK;
	ssize_t got = sys_pread_full(f->fd, head, sizeof(head), 0);
	if (got < 0)
		return io_failed(f, SQLITE_IOERR_READ, "read");
	if (got < HEADER_SIZE || memcmp(head, seal->magic, 8) != 0) {
		err_set(&f->db->fault, ERR_CORRUPT, "'%s' is damaged", f->path);
		return SQLITE_CORRUPT;
	}
	uint32_t version = get_u32le(head + 8);
	if (version != seal->version) {
		err_set(&f->db->fault, version > seal->version ? ERR_FORMAT : ERR_CORRUPT,
			"'%s' is of %s version (%u)", f->path,
			version > seal->version ? "a newer" : "an older", version);
		return SQLITE_CANTOPEN;
	}
	memcpy(f->salt, head + 16, DB_SALT_SIZE);
	f->has_header = true;
	uint64_t bytes = (uint64_t)st.st_size - HEADER_SIZE;
	f->size = bytes / STRIDE * DB_BLOCK_SIZE;
	if (bytes % STRIDE > DB_SEAL_OVERHEAD)
		f->size += bytes % STRIDE - DB_SEAL_OVERHEAD;
	return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		    int *flags_out)
{
	struct block_file *f = (struct block_file *)file;
	struct db *db = vfs->pAppData;

	memset(f, 0, sizeof(*f));
	f->db = db;
	f->fd = -1;
	f->held = NONE;
	/* What is temporary is kept in memory: there are no other files. */
	if (!name || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)))
		return SQLITE_CANTOPEN;
	f->path = flags & SQLITE_OPEN_MAIN_DB ? db->path : db->journal;
	int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (flags & SQLITE_OPEN_CREATE ? O_CREAT : 0);
	f->fd = sys_open(f->path, how, 0600);
	if (f->fd < 0)
		return io_failed(f, SQLITE_CANTOPEN, "open");
	int rc = read_header(f);
	if (rc != SQLITE_OK) {
		sys_close(f->fd);
		return rc;
	}
	f->block = xmalloc(DB_BLOCK_SIZE);
	f->sealed = xmalloc(STRIDE);
	f->base.pMethods = &file_methods;
	if (flags_out)
		*flags_out = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	struct db *db = vfs->pAppData;

	if (sys_unlink(name) < 0) {
		if (errno == ENOENT)
			return SQLITE_IOERR_DELETE_NOENT;
		err_sys(&db->fault, "remove '%s'", name);
		return SQLITE_IOERR_DELETE;
	}
	if (sync_dir && file_sync_again(name, &db->fault) < 0)
		return SQLITE_IOERR_DIR_FSYNC;
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct stat st;

	(void)vfs;
	(void)flags;
	*out = sys_stat(name, &st) == 0 && st.st_size > 0;
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	size_t n = strlen(name) + 1;

	(void)vfs;
	if (n > (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	sys_random(out, (size_t)n);
	return n;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	sys_sleep_ms((unsigned int)us / 1000 + 1);
	return us;
}

static int vfs_now(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	struct timespec now;

	(void)vfs;
	sys_now(&now);
	*out = INT64_C(210866760000000) + (int64_t)now.tv_sec * 1000;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	(void)size;
	(void)out;
	return 0;
}

static int register_vfs(struct db *db)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char nr[8];

	sys_random(nr, sizeof(nr));
	memcpy(db->name, "ub-", 3);
	for (size_t i = 0; i < sizeof(nr); i++) {
		db->name[3 + 2 * i] = digits[nr[i] >> 4];
		db->name[4 + 2 * i] = digits[nr[i] & 15];
	}
	db->vfs = (sqlite3_vfs){
		.iVersion = 2, .szOsFile = sizeof(struct block_file), .mxPathname = 4096,
		.zName = db->name, .pAppData = db, .xOpen = vfs_open, .xDelete = vfs_delete,
		.xAccess = vfs_access, .xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness, .xSleep = vfs_sleep,
		.xGetLastError = vfs_last_error, .xCurrentTimeInt64 = vfs_now,
	};
	int rc = sqlite3_vfs_register(&db->vfs, 0);
	db->is_registered = rc == SQLITE_OK;
	return rc;
}

/* -- errors -- */

static int fail(struct db *db, int rc, struct err *err)
{
	if (db->fault.code != ERR_NONE) {
		*err = db->fault;
		err_clear(&db->fault);
		return err->code;
	}
	int primary = rc & 0xff;
	enum err_code code = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ? ERR_CORRUPT :
		primary == SQLITE_NOMEM ? ERR_NOMEM : primary == SQLITE_FULL ? ERR_NO_SPACE :
		ERR_FAILED;
	return err_set(err, code, "'%s': %s", db->path,
		       db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

/* -- databases -- */

/* No lookaside of what others left: the page size is fixed before anything is read. */
static const char setup[] =
	"PRAGMA page_size=32768; PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;"
	"PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
	"PRAGMA cell_size_check=ON";

int db_open(struct db **out, const char *path, const struct db_seal *seal, bool create,
	    struct err *err)
{
	struct db *db = xcalloc(1, sizeof(*db));
	struct stat st;
	int ret = 0;

	db->path = xstrdup(path);
	db->journal = xasprintf("%s-journal", path);
	db->seal = *seal;
	db->is_unclean = strcmp(path, DB_IN_MEMORY) != 0 && sys_stat(db->journal, &st) == 0;
	if (!create && !file_exists(path))
		ret = err_set(err, ERR_NOT_FOUND, "there is no '%s'", path);
	int rc = ret < 0 ? SQLITE_OK : register_vfs(db);
	if (ret == 0 && rc == SQLITE_OK)
		rc = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE |
				     (create ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX,
				     db->name);
	if (rc != SQLITE_OK)
		ret = fail(db, rc, err);
	if (ret == 0)
		ret = db_exec(db, setup, err);
	/* What only reads mostly reads on: the same few pages of memory, again and again. */
	if (ret == 0 && !create)
		ret = db_exec(db, "PRAGMA cache_size=-1024", err);
	if (ret < 0) {
		db_close(db);
		return ret;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	sqlite3_close_v2(db->handle);
	if (db->is_registered)
		sqlite3_vfs_unregister(&db->vfs);
	sys_free(db->path);
	sys_free(db->journal);
	sys_free(db);
}

int db_remove(const char *path, struct err *err)
{
	char *journal = xasprintf("%s-journal", path);
	int ret = file_remove(journal, err);

	if (ret == 0)
		ret = file_remove(path, err);
	sys_free(journal);
	return ret;
}

bool db_is_unclean(const struct db *db)
{
	return db->is_unclean;
}

int db_check(struct db *db, struct err *err)
{
	struct db_stmt *s = NULL;
	size_t n = 0;
	int ret = db_prepare(db, "PRAGMA quick_check(1)", &s, err);

	if (ret == 0)
		ret = db_step(s, err);
	if (ret > 0) {
		const char *text = db_column_bytes(s, 0, &n);
		ret = n == 2 && memcmp(text, "ok", 2) == 0 ? 0 :
			err_set(err, ERR_CORRUPT, "'%s' is damaged", db->path);
	}
	db_stmt_close(s);
	return ret;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc, err);
}

int64_t db_last_row(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

/* -- statements -- */

int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
	sqlite3_stmt *handle = NULL;
	int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);

	if (rc != SQLITE_OK)
		return fail(db, rc, err);
	*out = xmalloc(sizeof(**out));
	**out = (struct db_stmt){ handle, db };
	return 0;
}

void db_stmt_close(struct db_stmt *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->handle);
	sys_free(s);
}

void db_bind_i64(struct db_stmt *s, int nr, int64_t v)
{
	if (sqlite3_bind_int64(s->handle, nr, v) != SQLITE_OK)
		BUG("parameter %d", nr);
}

void db_bind_bytes(struct db_stmt *s, int nr, const void *p, size_t n)
{
	if (sqlite3_bind_blob64(s->handle, nr, n > 0 ? p : "", n, SQLITE_STATIC) != SQLITE_OK)
		BUG("parameter %d of %zu bytes", nr, n);
}

int db_step(struct db_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s->handle);

	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : fail(s->db, rc, err);
}

int db_run(struct db_stmt *s, struct err *err)
{
	int ret = db_step(s, err);

	db_reset(s);
	return ret < 0 ? ret : 0;
}

void db_reset(struct db_stmt *s)
{
	sqlite3_reset(s->handle);
	sqlite3_clear_bindings(s->handle);
}

int64_t db_column_i64(struct db_stmt *s, int nr)
{
	return sqlite3_column_int64(s->handle, nr);
}

const void *db_column_bytes(struct db_stmt *s, int nr, size_t *size_out)
{
	const void *p = sqlite3_column_blob(s->handle, nr);

	*size_out = (size_t)sqlite3_column_bytes(s->handle, nr);
	return p ? p : "";
}
