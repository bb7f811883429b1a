/* Sealed databases: what was committed is there, nothing in clear, damage is seen. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/db.h"
#include "lib/file.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

#define SECRET "a-name-in-clear"

/* No cipher: bytes are turned over, and the block's number and a sum stand before them. */
static void turn(unsigned char *out, const unsigned char ad[DB_AD_SIZE], const void *in,
		 size_t size, void *data)
{
	const unsigned char *p = in;
	unsigned char sum = 0;

	(void)data;
	memset(out, 0, DB_SEAL_OVERHEAD);
	memcpy(out, ad, DB_AD_SIZE);
	for (size_t i = 0; i < size; i++) {
		out[DB_SEAL_OVERHEAD + i] = p[i] ^ 0xa5;
		sum = (unsigned char)(sum * 3 + p[i]);
	}
	out[DB_AD_SIZE] = sum;
}

static int turn_back(unsigned char *out, const unsigned char ad[DB_AD_SIZE],
		     const unsigned char *in, size_t size, void *data, struct err *err)
{
	unsigned char sum = 0;

	(void)data;
	for (size_t i = DB_SEAL_OVERHEAD; i < size; i++) {
		out[i - DB_SEAL_OVERHEAD] = in[i] ^ 0xa5;
		sum = (unsigned char)(sum * 3 + out[i - DB_SEAL_OVERHEAD]);
	}
	if (memcmp(in, ad, DB_AD_SIZE) != 0 || in[DB_AD_SIZE] != sum)
		return err_set(err, ERR_CORRUPT, "not genuine");
	return 0;
}

static const struct db_seal how = {
	.seal = turn, .unseal = turn_back, .magic = "testdb\r\n", .version = 3,
};

static int64_t count(struct db *db, struct err *err)
{
	struct db_stmt *s = NULL;
	int64_t nr = -1;

	if (db_prepare(db, "SELECT count(*) FROM t", &s, err) == 0 && db_step(s, err) == 1)
		nr = db_column_i64(s, 0);
	db_stmt_close(s);
	return nr;
}

static void fill(struct db *db, int nr, size_t size)
{
	struct buf row = BUF_INIT;
	struct err err = ERR_INIT;
	struct db_stmt *s = NULL;

	while (row.len < size)
		buf_put_str(&row, SECRET);
	CHECK(db_prepare(db, "INSERT INTO t(b) VALUES(?)", &s, &err) == 0);
	for (int i = 0; i < nr; i++) {
		db_bind_bytes(s, 1, row.data, row.len);
		CHECK(db_run(s, &err) == 0);
	}
	db_stmt_close(s);
	buf_release(&row);
}

static bool is_in_clear(const char *path)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	CHECK(file_read(path, (size_t)64 << 20, &b, &err) == 0);
	bool found = memmem(b.data, b.len, SECRET, strlen(SECRET)) != NULL ||
		     memmem(b.data, b.len, "SQLite", 6) != NULL;
	buf_release(&b);
	return found;
}

static void test_what_was_committed_is_there(void)
{
	char *path = xstrdup(scratch("db-a"));
	char *journal = xasprintf("%s-journal", path);
	struct err err = ERR_INIT;
	struct db *db = NULL;

	CHECK(db_open(&db, path, &how, false, &err) == ERR_NOT_FOUND);
	err_clear(&err);
	CHECK(db_open(&db, path, &how, true, &err) == 0);
	CHECK(db_exec(db, "CREATE TABLE t(nr INTEGER PRIMARY KEY, b BLOB)", &err) == 0);
	CHECK(db_exec(db, "BEGIN", &err) == 0);
	fill(db, 500, 70000);			/* more than the cache: it spills */
	CHECK(db_exec(db, "COMMIT", &err) == 0);
	CHECK(count(db, &err) == 500);
	CHECK(db_exec(db, "BEGIN; UPDATE t SET b = x'00' WHERE nr % 2", &err) == 0);
	fill(db, 300, 70000);
	CHECK(file_exists(journal) && !is_in_clear(journal));
	CHECK(db_exec(db, "ROLLBACK", &err) == 0);
	CHECK(count(db, &err) == 500 && db_check(db, &err) == 0);
	db_close(db);
	CHECK(!file_exists(journal) && !is_in_clear(path));
	CHECK(db_open(&db, path, &how, false, &err) == 0);
	CHECK(!db_is_unclean(db) && count(db, &err) == 500 && db_check(db, &err) == 0);
	CHECK(db_exec(db, "DELETE FROM t WHERE nr > 3; VACUUM", &err) == 0);
	CHECK(count(db, &err) == 3);
	db_close(db);
	CHECK(db_remove(path, &err) == 0 && !file_exists(path));
	sys_free(journal);
	sys_free(path);
}

static void test_a_copy_of_a_half_written_one_is_rolled_back(void)
{
	char *path = xstrdup(scratch("db-b")), *cmd;
	struct err err = ERR_INIT;
	struct db *db = NULL;

	CHECK(db_open(&db, path, &how, true, &err) == 0);
	CHECK(db_exec(db, "CREATE TABLE t(nr INTEGER PRIMARY KEY, b BLOB)", &err) == 0);
	fill(db, 50, 70000);
	CHECK(db_exec(db, "BEGIN; UPDATE t SET b = zeroblob(70001)", &err) == 0);
	fill(db, 400, 70000);
	cmd = xasprintf("cp %s %s2 && cp %s-journal %s2-journal", path, path, path, path);
	CHECK(system(cmd) == 0);
	db_close(db);
	sys_free(cmd);
	cmd = xasprintf("%s2", path);
	CHECK(db_open(&db, cmd, &how, false, &err) == 0);
	CHECK(db_is_unclean(db) && count(db, &err) == 50 && db_check(db, &err) == 0);
	db_close(db);
	sys_free(cmd);
	sys_free(path);
}

static void write_at(const char *path, off_t off, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && pwrite(fd, bytes, n, off) == (ssize_t)n);
	close(fd);
}

static void test_damage_and_other_versions_are_seen(void)
{
	char *path = xstrdup(scratch("db-c"));
	struct err err = ERR_INIT;
	struct db *db = NULL;

	CHECK(db_open(&db, path, &how, true, &err) == 0);
	CHECK(db_exec(db, "CREATE TABLE t(nr INTEGER PRIMARY KEY, b BLOB)", &err) == 0);
	fill(db, 50, 70000);
	db_close(db);
	write_at(path, 64 + 32808 * 30 + 500, "damage", 6);
	CHECK(db_open(&db, path, &how, false, &err) == 0);
	CHECK(db_check(db, &err) == ERR_CORRUPT);
	err_clear(&err);
	db_close(db);
	write_at(path, 8, "\2", 1);
	CHECK(db_open(&db, path, &how, false, &err) == ERR_CORRUPT);
	err_clear(&err);
	write_at(path, 8, "\4", 1);
	CHECK(db_open(&db, path, &how, false, &err) == ERR_FORMAT);
	err_clear(&err);
	write_at(path, 0, "X", 1);
	CHECK(db_open(&db, path, &how, false, &err) == ERR_CORRUPT);
	sys_free(path);
}

UNIT_MAIN(test_what_was_committed_is_there, test_a_copy_of_a_half_written_one_is_rolled_back,
	  test_damage_and_other_versions_are_seen)
