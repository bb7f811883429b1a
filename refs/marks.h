#ifndef REFS_MARKS_H
#define REFS_MARKS_H

/*
 * High-water marks: how far each log was seen, kept in the device's state folder, outside the
 * repository, so that a repository that was set back is noticed.  See ub-format-record(5).
 * After a power cut the marks before the last may be back; the next opening raises them again.
 */

#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "refs/record.h"

struct marks { struct record_mark *m; size_t nr, alloc; };	/* sorted by device */
#define MARKS_INIT { NULL, 0, 0 }

void marks_release(struct marks *m);
const struct record_mark *marks_find(const struct marks *m,
				     const unsigned char device[PUBKEY_SIZE]);
/* Raise a mark, never lower it; true if anything changed. */
bool marks_raise(struct marks *m, const struct record_mark *mark);

void marks_encode(const struct marks *m, const unsigned char repo_id[HASH_SIZE], struct buf *out);
int marks_decode(struct marks *out, const unsigned char repo_id[HASH_SIZE], const void *p, size_t n,
		 struct err *err);
/* No file: no marks.  ERR_CORRUPT names the file. */
int marks_read(struct marks *out, const char *state_dir, const unsigned char repo_id[HASH_SIZE],
	       struct err *err);
int marks_write(const struct marks *m, const char *state_dir,
		const unsigned char repo_id[HASH_SIZE], struct err *err);

#endif
