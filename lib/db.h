#ifndef LIB_DB_H
#define LIB_DB_H

/*
 * A database in one file of which nothing lies on disk in clear: SQLite over sealed blocks.
 *
 * The file and its rollback journal (PATH-journal) are
 *
 *	header	magic 8, version u32, zero u32, salt 16, zeros up to 64
 *	blocks	DB_BLOCK_SIZE bytes each, sealed with the salt and their number; the last one of a
 *		journal may be shorter
 *
 * Locks between processes are the caller's, around all use of a handle.  A handle belongs to one
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DB_BLOCK_SIZE ((size_t)32 << 10)
#define DB_SALT_SIZE 16
#define DB_AD_SIZE (DB_SALT_SIZE + 8)	/* the salt, u64 number of the block */
#define DB_SEAL_OVERHEAD 40
#define DB_CACHE_SIZE ((size_t)8 << 20)

/* How blocks are sealed: `out` gets DB_SEAL_OVERHEAD bytes more, or fewer.  `data` is borrowed. */
struct db_seal {
	void (*seal)(unsigned char *out, const unsigned char ad[DB_AD_SIZE], const void *in,
		     size_t size, void *data);
	/* ERR_CORRUPT: not genuine. */
	int (*unseal)(unsigned char *out, const unsigned char ad[DB_AD_SIZE],
		      const unsigned char *in, size_t size, void *data, struct err *err);
	void *data;
	char magic[8];
	uint32_t version;		/* of files that are made */
};

/* As a path, with `create`: a database that is in no file and ends with the handle. */
#define DB_IN_MEMORY ":memory:"

struct db;
/*
 * ERR_NOT_FOUND: there is none, and it is not to be made.  ERR_CORRUPT: damaged, or of an older
 * version.  ERR_FORMAT: of a newer one.  What a process that died left half done is undone.
 */
int db_open(struct db **out, const char *path, const struct db_seal *seal, bool create,
	    struct err *err);
void db_close(struct db *db);
/* Remove the file and its journal; absent is fine. */
int db_remove(const char *path, struct err *err);
/* Did a process die while it wrote?  Then db_check() is due. */
bool db_is_unclean(const struct db *db);
/* Reads all of it: ERR_CORRUPT. */
int db_check(struct db *db, struct err *err);

/* Statements without results, separated by semicolons. */
int db_exec(struct db *db, const char *sql, struct err *err);

struct db_stmt;
int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
void db_stmt_close(struct db_stmt *s);	/* NULL is fine */
/* Parameters count from 1; bytes are borrowed until db_reset(). */
void db_bind_i64(struct db_stmt *s, int nr, int64_t v);
void db_bind_bytes(struct db_stmt *s, int nr, const void *p, size_t n);
/* 1: a row; 0: no more; negative. */
int db_step(struct db_stmt *s, struct err *err);
/* Step a statement that has no rows, and reset it. */
int db_run(struct db_stmt *s, struct err *err);
void db_reset(struct db_stmt *s);
/* Columns count from 0; bytes are borrowed until the next step. */
int64_t db_column_i64(struct db_stmt *s, int nr);
const void *db_column_bytes(struct db_stmt *s, int nr, size_t *size_out);
int64_t db_last_row(struct db *db);

#endif
