#ifndef OBJECTS_CATALOGUE_INTERNAL_H
#define OBJECTS_CATALOGUE_INTERNAL_H

/* What the files of the catalogue share. */

#include "lib/db.h"
#include "lib/lock.h"
#include "objects/catalogue.h"

#define CATALOGUE_VERSION 4
#define CATALOGUE_FACT_SIZE 56
#define CATALOGUE_PART_SIZE 16
#define CATALOGUE_RUNS_MAX 10000	/* the oldest go */

enum catalogue_statement {
	STMT_COMMIT_BY_NR, STMT_COMMIT_BY_ID, STMT_LINE_END, STMT_ADD_COMMIT,
	STMT_DIR, STMT_FIND_DIR, STMT_ADD_DIR, STMT_ADD_NAMES, STMT_ADD_FACTS, STMT_ADD_PLACE,
	STMT_FACTS, STMT_ADD_RUN, STMT_DROP_RUNS, STMT_ADD_PACK, STMT_DROP_PACK, STMT_NOTE_READING,
	STMT_NR
};

struct catalogue_texts { struct buf device, message, parents; };
#define CATALOGUE_TEXTS_INIT { BUF_INIT, BUF_INIT, BUF_INIT }

/* Batches of one commit that are not written yet. */
struct catalogue_pending {
	int64_t commit_nr;
	struct buf parts, names, facts;
};
#define CATALOGUE_PENDING_INIT { 0, BUF_INIT, BUF_INIT, BUF_INIT }

struct catalogue {
	struct db *db;
	struct lock lock;
	struct secret key;
	struct db_stmt *stmt[STMT_NR];	/* prepared when first wanted */
	struct catalogue_pending pending;
	struct buf facts;		/* of the row that was last asked for */
	int64_t facts_nr;		/* 0: none */
	struct catalogue_texts texts;	/* of the commit that was last answered */
};

/* Prepared, reset, and not bound.  NULL: `err` says why. */
struct db_stmt *catalogue_stmt(struct catalogue *c, enum catalogue_statement nr, struct err *err);
int catalogue_damaged(struct err *err);
void catalogue_take_text(struct db_stmt *s, int nr, struct buf *out);
int catalogue_write_pending(struct catalogue *c, struct err *err);
void catalogue_drop_pending(struct catalogue *c);

#endif
