#ifndef REFS_REFS_H
#define REFS_REFS_H

/*
 * Names for snapshots.  A ref lives in its device's log: every change is a signed record, chained
 * to the one before.  `laptop/main` is ref `main` of device `laptop`; a ref without a device is
 * one's own.  Tags are refs named `tags/NAME`.
 *
 *  1. A record is durable before anything is said to be done.
 *  2. A record is never changed; a log only grows.
 *  3. What a record names (packs, commit) was durable and indexed before it.
 *  4. A log that is shorter than, or different from, what was seen before is named, never used
 *     silently.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "objects/store.h"

struct refs;

/* `dir` is REPO/refs, `state_dir` STATE/<repository id>.  Verifies the chains as far as not known
 * from the sealed cache (STATE side high-water marks; cache file REPO/index/refs-cache). */
int refs_open(struct refs **out, const char *dir, const char *state_dir, const char *cache_path,
	      const struct keys *keys, struct err *err);
void refs_close(struct refs *r);

/* `ub init`: the first two records of a new log, join and keyring. */
int refs_create(const char *dir, const char *state_dir, const struct keys *keys, struct err *err);
/* A further device (a copied folder, a lost state folder): its join record. */
int refs_join(struct refs *r, struct err *err);

struct ref {
	const char *device;	/* name; borrowed until refs_close() or refs_update() */
	const unsigned char *device_key;
	const char *name;	/* "main" */
	struct oid commit;
	int64_t time_s; uint32_t time_ns;
	uint64_t seq;
	bool is_own;
};

int refs_each(struct refs *r, int (*fn)(const struct ref *ref, void *data, struct err *err),
	      void *data, struct err *err);
/*
 * By name as typed: "main", "laptop/main", "tags/v1"; a device may also be called by seven digits
 * of its id or more.  ERR_NOT_FOUND; ERR_AMBIGUOUS; ERR_CORRUPT: the log is damaged where the ref
 * may have moved, and the sentence names its last known value.
 */
int refs_find(struct refs *r, const char *name, struct ref *out, struct err *err);
/* HEAD: own main, else the newest main known.  ERR_NOT_FOUND: no snapshot yet. */
int refs_head(struct refs *r, struct ref *out, struct err *err);
/* Values a ref had, newest first (REV@{...}). */
int refs_history(struct refs *r, const struct ref *ref,
		 int (*fn)(const struct ref *was, void *data, struct err *err), void *data,
		 struct err *err);

/*
 * Move own ref `name` to `commit` (zero: delete).  `old`: NULL, or what it must be now (zero: must
 * not exist), else ERR_REFUSED.  Takes the log lock (waits `wait_s`, then ERR_BUSY), re-reads the
 * log, names all packs of the index that no record names yet, appends, syncs, tells the index.
 * The commit must be in the store.
 */
/* A ref that stands at `commit` already is left alone, whatever `old` says. */
int refs_update(struct refs *r, struct store *st, const char *name, const struct oid *commit,
		const struct oid *old, unsigned int wait_s, struct err *err);

/*
 * What refs_open() found wrong without failing: a damaged record, a log that is shorter than or
 * different from what was seen, two records of one number.  `own`: of this device's log, which is
 * then not written to.  Commands warn with these; what is called `device` has no better name.
 */
int refs_each_problem(struct refs *r, int (*fn)(const char *device, bool own, const char *what,
		      void *data, struct err *err), void *data, struct err *err);
/* Has this device a log here? */
bool refs_is_joined(const struct refs *r);
/*
 * Every record of every log: names, chain, signatures, lists, joins, sealed parts, marks, and the
 * keyring file.  Findings go to `fn`, `path` names the file or folder; a non-zero answer stops.
 * Only what keeps the check from being made is an error.
 */
int refs_verify(struct refs *r, int (*fn)(const char *path, const char *what, void *data,
		struct err *err), void *data, uint64_t *records_out, struct err *err);
/* The logs there are, by name. */
struct log_info {
	const char *device;		/* its name, or its id; borrowed for the call */
	const unsigned char *id;	/* 16 bytes: the name of its folder */
	bool is_own;
};
int refs_each_log(struct refs *r, int (*fn)(const struct log_info *l, void *data, struct err *err),
		  void *data, struct err *err);
/* The same check of one log alone; `id`: of its device.  ERR_NOT_FOUND. */
int refs_verify_log(struct refs *r, const unsigned char id[16], int (*fn)(const char *path,
		    const char *what, void *data, struct err *err), void *data,
		    uint64_t *records_out, struct err *err);
/* What no single log has: the marks, and the keyring file, once every log was checked. */
int refs_verify_shared(struct refs *r, int (*fn)(const char *path, const char *what, void *data,
		       struct err *err), void *data, struct err *err);
/* Is this a name a ref may have? */
bool ref_name_is_valid(const char *name);

#endif
