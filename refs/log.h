#ifndef REFS_LOG_H
#define REFS_LOG_H

/*
 * The files of a log: which records there are, reading one, appending one, lists apart.
 *
 *	REFS/<32 hex of the device id>/<seq / 1024>/<seq, ten digits>-<16 hex of the record's hash>
 *	REFS/lists/<64 hex of the list's hash>
 *
 * Every file is named by the hash of its bytes, so damage is found before anything is parsed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "refs/record.h"

#define LOG_FOLDER 1024			/* records of one folder */
#define DEVICE_ID_SIZE 16		/* of the hash of the device's public key */
#define LOG_NAME_HASH 8			/* bytes of a record's hash in its name */
#define LOG_ENTRIES_MAX (8 * LOG_FOLDER)	/* names looked at in one folder */

struct device_id { unsigned char b[DEVICE_ID_SIZE]; };

void log_device_id(struct device_id *out, const unsigned char pub[PUBKEY_SIZE]);

/* What a file name says of a record. */
struct log_entry {
	uint64_t seq;
	unsigned char hash[LOG_NAME_HASH];
};
struct log_entries { struct log_entry *e; size_t nr, alloc; };
#define LOG_ENTRIES_INIT { NULL, 0, 0 }
void log_entries_release(struct log_entries *l);

/* Folders of devices; a non-zero answer stops.  Other names are passed over. */
int log_each_device(const char *dir, int (*fn)(const struct device_id *id, void *data,
		    struct err *err), void *data, struct err *err);
/* Numbers of a log's folders, rising, sys_free()d by the caller. */
int log_folders(const char *dir, const struct device_id *id, uint64_t **out, size_t *nr_out,
		struct err *err);
/* The records of one folder by number, then hash; none if there is no folder. */
int log_list(const char *dir, const struct device_id *id, uint64_t folder,
	     struct log_entries *out, struct err *err);
/* To be given back with sys_free(). */
char *log_path(const char *dir, const struct device_id *id, const struct log_entry *e);
/*
 * Read and check one record: the hash in its name, signatures, device and number.
 * Errors name the file.  ERR_NOT_FOUND: no such file.
 */
int log_read(const char *dir, const struct genesis *g, const struct device_id *id,
	     const struct log_entry *e, struct buf *raw, struct record *out, struct err *err);
/* Encode and write a record that says all but its device; `raw_out` gets its bytes. */
int log_append(const char *dir, const struct keys *k, struct record *r, struct buf *raw_out,
	       struct err *err);

/* The entries a record lists, wherever they stand; sys_free()d by the caller. */
int log_read_list(const char *dir, const struct genesis *g, const struct record *r,
		  unsigned char (**out)[HASH_SIZE], uint64_t *nr_out, struct err *err);
/* Give `r` this sorted list; a long one is written to its own file. */
int log_write_list(const char *dir, const struct keys *k, struct record *r,
		   unsigned char (*list)[HASH_SIZE], uint64_t nr, struct err *err);
char *log_list_path(const char *dir, const unsigned char hash[HASH_SIZE]);

#endif
