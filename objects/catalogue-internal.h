#ifndef OBJECTS_CATALOGUE_INTERNAL_H
#define OBJECTS_CATALOGUE_INTERNAL_H

/* What the files of the catalogue share. */

#include "lib/db.h"
#include "lib/lock.h"
#include "objects/catalogue.h"

#define CATALOGUE_VERSION 2
#define CATALOGUE_FACT_SIZE 56

enum catalogue_statement {
	STMT_COMMIT_BY_NR, STMT_COMMIT_BY_ID, STMT_LINE_END, STMT_ADD_COMMIT,
	STMT_DIR, STMT_FIND_DIR, STMT_ADD_DIR, STMT_ADD_NAMES, STMT_ADD_FACTS, STMT_FACTS,
	STMT_NR
};

struct catalogue_texts { struct buf device, message, parents; };
#define CATALOGUE_TEXTS_INIT { BUF_INIT, BUF_INIT, BUF_INIT }

struct catalogue {
	struct db *db;
	struct lock lock;
	struct secret key;
	struct db_stmt *stmt[STMT_NR];	/* prepared when first wanted */
	struct catalogue_texts texts;	/* of the commit that was last answered */
};

/* Prepared, reset, and not bound.  NULL: `err` says why. */
struct db_stmt *catalogue_stmt(struct catalogue *c, enum catalogue_statement nr, struct err *err);
int catalogue_damaged(struct err *err);

#endif
