#ifndef REFS_REFS_INTERNAL_H
#define REFS_REFS_INTERNAL_H

/*
 * What is known of the logs once they are read; shared by refs.c (reading), update.c (writing),
 * cache.c and verify.c.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/err.h"
#include "objects/oid.h"
#include "refs/log.h"
#include "refs/marks.h"
#include "refs/record.h"

#define LOG_PROBLEMS_MAX 16

/* A ref as its newest advance left it. */
struct log_ref {
	char *name;
	struct oid commit;
	int64_t time_s; uint32_t time_ns;
	uint64_t seq;
	unsigned char hash[HASH_SIZE];		/* of that record */
};

struct log {
	struct device_id id;
	unsigned char key[PUBKEY_SIZE];
	bool has_key;				/* a genuine record told the key */
	bool is_own;
	bool is_joined;				/* a join was seen: the log is believed */
	bool has_unknown;			/* a critical record that this ub does not know */
	bool is_forked;				/* nothing after the fork is used */
	char *name;				/* of the device, or NULL */
	uint64_t next;				/* number of the next record; 0: there is none */
	unsigned char tip[HASH_SIZE];		/* hash of record next - 1 */
	size_t tip_known;			/* bytes of `tip`: all, or those of a name */
	uint64_t cached_next;			/* what the cache file holds */
	uint64_t told_next;			/* of this log, told by the marks of one's own */
	/*
	 * Records below this number are missing or damaged: a ref that was last seen to move
	 * before them may have moved since.
	 */
	uint64_t doubt;
	struct log_ref *refs;			/* by name */
	size_t nr_refs, alloc_refs;
	char *problems[LOG_PROBLEMS_MAX];
	size_t nr_problems;
};

struct refs {
	char *dir, *state_dir, *cache_path;	/* cache_path may be NULL */
	const struct keys *keys;		/* borrowed */
	struct log **logs;			/* by device id */
	size_t nr, alloc;
	struct log *own;			/* or NULL: this device has not joined */
	struct marks marks;
	bool marks_changed;
	char *marks_problem;			/* the file of marks is damaged */

	/* Of the newest keyring record that a check has met. */
	bool has_keyring;
	uint64_t generation;
	unsigned char keyring[HASH_SIZE];
};

/* -- refs.c -- */

struct log *log_new(const struct device_id *id);
void log_free(struct log *l);
void log_reset(struct log *l);			/* nothing read yet */
struct log *refs_log(struct refs *r, const struct device_id *id);	/* NULL: none */
struct log *refs_add_log(struct refs *r, const struct device_id *id);	/* found or made */
struct log_ref *log_find_ref(const struct log *l, const char *name);	/* or NULL */
/* What a person calls the device: its name, or the first digits of its id. */
struct log_label { char s[256]; };
struct log_label log_label(const struct log *l);
void log_problem(struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Take in what one genuine record says. `raw`: its bytes. */
void log_apply(struct refs *r, struct log *l, const struct buf *raw, struct record *rec);
/* Read what is new in a log since it was last read. */
int log_catch_up(struct refs *r, struct log *l, struct err *err);
/* Does the log hold what was seen of it? */
int log_check_mark(struct refs *r, const struct record_mark *mark, struct err *err);
/* The mark that stands for a log as read. */
void log_mark(const struct log *l, struct record_mark *out);
/* Keep marks; what fails is left for the next time, since no promise rests on it. */
void refs_save_marks(struct refs *r);

/* -- update.c -- */

/* REPO/keys/keyring: its hash, and the number of its generation. */
int refs_keyring_hash(const char *dir, unsigned char hash[HASH_SIZE], uint64_t *generation,
		      struct err *err);

/* -- cache.c -- */

/* Logs as the cache has them; damaged, foreign or absent: none. */
void cache_read(struct refs *r);
void cache_write(struct refs *r);

#endif
