#ifndef REFS_RECORD_H
#define REFS_RECORD_H

/*
 * One record of a device's log: a signed public part, a sealed part beside it.
 * See ub-format-record(5).  Encoding and checking only; files are refs/log.c's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "objects/oid.h"

enum record_kind {
	RECORD_ADVANCE = 1, RECORD_STORED = 2, RECORD_EXTEND = 3, RECORD_REPLACE = 4,
	RECORD_FORGET = 5, RECORD_TOMBSTONE = 6, RECORD_KEEP = 7, RECORD_DONE = 8,
	RECORD_JOIN = 9, RECORD_RETIRE = 10, RECORD_LAYOUT = 11, RECORD_KEYRING = 12,
	RECORD_CHECKPOINT = 13,
};

#define RECORD_LIST_MAX 64	/* above, the list is a file of its own, named by its hash */
#define RECORD_APART_MAX ((uint64_t)1 << 20)	/* entries of a list file */
#define RECORD_MAX_SIZE ((size_t)1 << 20)
#define RECORD_SEALED_MAX ((size_t)64 << 10)	/* plaintext of a sealed part */
#define RECORD_MARKS_MAX 1024
#define REF_NAME_MAX 255

enum record_auth { AUTH_NONE = 0, AUTH_OWNER = 1, AUTH_ADMIN = 2 };

struct record_mark {
	unsigned char device[PUBKEY_SIZE];
	uint64_t seq;
	unsigned char hash[HASH_SIZE];
};

struct record {
	enum record_kind kind;
	bool critical;
	unsigned char device[PUBKEY_SIZE];	/* who signs */
	uint64_t seq;				/* from 0 */
	unsigned char prev[HASH_SIZE];		/* hash of the record before; zeros for the first */
	unsigned char (*list)[HASH_SIZE];	/* packs, or what the kind says */
	uint64_t nr_list;
	bool list_is_apart;			/* then list[0] is the hash of the list file */
	struct record_mark *marks; size_t nr_marks;
	enum record_auth auth;
	struct buf sealed;			/* plaintext of the sealed part, once opened */
	bool is_opened;
	size_t body_off, body_size;		/* envelope and what it seals, in the bytes */
	unsigned char hash[HASH_SIZE];		/* of the whole record, as stored */
};
#define RECORD_INIT { .sealed = BUF_INIT }

/* Sealed part of an advance. */
struct advance {
	char *ref;		/* "main", "tags/v1" */
	struct oid commit;	/* zero: the ref is deleted */
	char *tag;		/* or NULL; kept for porcelain */
	int64_t time_s; uint32_t time_ns;
};
#define ADVANCE_INIT { NULL, { { 0 } }, NULL, 0, 0 }

/* Sealed part of a join. */
struct join {
	char *name;		/* of the device */
	int64_t time_s; uint32_t time_ns;
	char *host;
};
#define JOIN_INIT { NULL, 0, 0, NULL }

void record_release(struct record *r);
bool record_kind_is_known(unsigned int kind);
const char *record_kind_name(unsigned int kind);	/* "unknown" */

/*
 * Sign with the device key (and `auth`), seal `sealed`; `device`, `hash` and where the sealed
 * part stands are set in `r`.
 * ERR_NOT_FOUND: the admin key is asked for and not here.
 */
int record_encode(const struct keys *k, struct record *r, struct buf *out, struct err *err);
/*
 * Check magic, version, repository, signature(s), hash of the sealed part and who may write this
 * kind; no secrets needed.  ERR_CORRUPT; ERR_FORMAT: a version or critical field of later days.
 * An unknown kind is no error here: see record_kind_is_known().
 */
int record_decode(const struct genesis *g, const void *p, size_t n, struct record *out,
		  struct err *err);
/* Open the sealed part of what record_decode() gave.  `p`, `n`: the same bytes. */
int record_open(const struct keys *k, const void *p, size_t n, struct record *r, struct err *err);

void advance_release(struct advance *a);
void advance_encode(const struct advance *a, struct buf *out);
int advance_decode(struct advance *out, const void *p, size_t n, struct err *err);
void join_release(struct join *j);
void join_encode(const struct join *j, struct buf *out);
int join_decode(struct join *out, const void *p, size_t n, struct err *err);

/*
 * A list that stands in a file of its own: entries sorted, distinct.
 * `hash_out` is the file's name.
 */
void list_file_encode(const unsigned char repo_id[HASH_SIZE], unsigned char (*list)[HASH_SIZE],
		      uint64_t nr, struct buf *out, unsigned char hash_out[HASH_SIZE]);
/* `list_out` is sys_free()d by the caller. */
int list_file_decode(const unsigned char repo_id[HASH_SIZE], const void *p, size_t n,
		     unsigned char (**list_out)[HASH_SIZE], uint64_t *nr_out, struct err *err);

#endif
