/*
 * The files of a log.  Reads and writes single records and lists; that they form a chain is
 * checked by refs/refs.c and refs/verify.c.
 *
 * 1. A record's file is complete and synced before it has its name (lib/file.h).
 * 2. Its folder, and the one before it, are synced before an append is reported done.
 * 3. A list is durable before the record that names it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/sys.h"

#include "refs/log.h"

enum { SEQ_DIGITS = 10, FOLDERS_MAX = 1 << 20 };

#define LIST_FILE_MAX (64 + (size_t)RECORD_APART_MAX * HASH_SIZE)

void log_device_id(struct device_id *out, const unsigned char pub[PUBKEY_SIZE])
{
	unsigned char hash[HASH_SIZE];

	hash_bytes(hash, pub, PUBKEY_SIZE);
	memcpy(out->b, hash, sizeof(out->b));
}

void log_entries_release(struct log_entries *l)
{
	sys_free(l->e);
	*l = (struct log_entries)LOG_ENTRIES_INIT;
}

static char *device_dir(const char *dir, const struct device_id *id)
{
	char hex[2 * DEVICE_ID_SIZE + 1];

	hex_encode(hex, id->b, sizeof(id->b));
	return xasprintf("%s/%s", dir, hex);
}

static char *folder_path(const char *dir, const struct device_id *id, uint64_t folder)
{
	char *device = device_dir(dir, id);
	char *path = xasprintf("%s/%" PRIu64, device, folder);

	sys_free(device);
	return path;
}

char *log_path(const char *dir, const struct device_id *id, const struct log_entry *e)
{
	char hex[2 * LOG_NAME_HASH + 1];
	char *folder = folder_path(dir, id, e->seq / LOG_FOLDER);

	hex_encode(hex, e->hash, sizeof(e->hash));
	char *path = xasprintf("%s/%0*" PRIu64 "-%s", folder, SEQ_DIGITS, e->seq, hex);
	sys_free(folder);
	return path;
}

char *log_list_path(const char *dir, const unsigned char hash[HASH_SIZE])
{
	char hex[2 * HASH_SIZE + 1];

	hex_encode(hex, hash, HASH_SIZE);
	return xasprintf("%s/lists/%s", dir, hex);
}

/* A decimal number in the one form it is written in: at least `min` digits, padded by zeros. */
static bool parse_number(const char *s, size_t n, size_t min, uint64_t *out)
{
	uint64_t v = 0;

	if (n < min || n > 19 || (n > min && s[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*out = v;
	return true;
}

/* -- listing -- */

struct each_device {
	int (*fn)(const struct device_id *id, void *data, struct err *err);
	void *data;
};

static int each_device_name(const char *name, void *data, struct err *err)
{
	const struct each_device *each = data;
	struct device_id id;

	if (!hex_decode(id.b, sizeof(id.b), name))
		return 0;
	return each->fn(&id, each->data, err);
}

int log_each_device(const char *dir, int (*fn)(const struct device_id *id, void *data,
		    struct err *err), void *data, struct err *err)
{
	struct each_device each = { fn, data };
	int ret = file_each(dir, each_device_name, &each, err);

	if (ret == ERR_NOT_FOUND && !file_exists(dir)) {
		err_clear(err);
		ret = 0;
	}
	return ret;
}

struct numbers { uint64_t *v; size_t nr, alloc; const char *path; };

static int add_number(const char *name, void *data, struct err *err)
{
	struct numbers *l = data;
	uint64_t v;

	if (!parse_number(name, strlen(name), 1, &v))
		return 0;
	if (l->nr >= FOLDERS_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' holds too many folders", l->path);
	if (l->nr == l->alloc) {
		l->alloc = l->alloc ? 2 * l->alloc : 16;
		l->v = xrealloc(l->v, l->alloc * sizeof(*l->v));
	}
	l->v[l->nr++] = v;
	return 0;
}

static int number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int log_folders(const char *dir, const struct device_id *id, uint64_t **out, size_t *nr_out,
		struct err *err)
{
	char *path = device_dir(dir, id);
	struct numbers l = { NULL, 0, 0, path };
	int ret = file_each(path, add_number, &l, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	}
	if (ret == 0) {
		if (l.nr > 1)
			qsort(l.v, l.nr, sizeof(*l.v), number_cmp);
		*out = l.v;
		*nr_out = l.nr;
		l.v = NULL;
	}
	sys_free(l.v);
	sys_free(path);
	return ret;
}

struct listing { struct log_entries *out; const char *path; uint64_t folder; };

static bool parse_name(const char *name, uint64_t folder, struct log_entry *out)
{
	const char *dash = strchr(name, '-');

	return dash && parse_number(name, (size_t)(dash - name), SEQ_DIGITS, &out->seq) &&
		out->seq / LOG_FOLDER == folder &&
		hex_decode(out->hash, sizeof(out->hash), dash + 1);
}

static int add_entry(const char *name, void *data, struct err *err)
{
	struct listing *l = data;
	struct log_entry e;

	if (!parse_name(name, l->folder, &e))
		return 0;	/* temporary, or not ours */
	struct log_entries *out = l->out;
	if (out->nr >= LOG_ENTRIES_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' holds too many records", l->path);
	if (out->nr == out->alloc) {
		out->alloc = out->alloc ? 2 * out->alloc : 64;
		out->e = xrealloc(out->e, out->alloc * sizeof(*out->e));
	}
	out->e[out->nr++] = e;
	return 0;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct log_entry *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

int log_list(const char *dir, const struct device_id *id, uint64_t folder,
	     struct log_entries *out, struct err *err)
{
	char *path = folder_path(dir, id, folder);
	struct listing l = { out, path, folder };

	out->nr = 0;
	int ret = file_each(path, add_entry, &l, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	}
	if (out->nr > 1)
		qsort(out->e, out->nr, sizeof(*out->e), entry_cmp);
	sys_free(path);
	return ret;
}

/* -- records -- */

static int check_record(const struct genesis *g, const struct device_id *id,
			const struct log_entry *e, const struct buf *raw, struct record *out,
			struct err *err)
{
	unsigned char hash[HASH_SIZE];
	struct device_id signer;

	/* First of all: a flipped bit is damage, and not a version of later days. */
	hash_bytes(hash, raw->data, raw->len);
	if (memcmp(hash, e->hash, sizeof(e->hash)) != 0)
		return err_set(err, ERR_CORRUPT, "the record is damaged: its hash is not in its"
			       " name");
	int ret = record_decode(g, raw->data, raw->len, out, err);
	if (ret < 0)
		return ret;
	log_device_id(&signer, out->device);
	if (memcmp(&signer, id, sizeof(signer)) != 0)
		return err_set(err, ERR_CORRUPT, "the record is another device's");
	if (out->seq != e->seq)
		return err_set(err, ERR_CORRUPT, "the record has number %" PRIu64, out->seq);
	return 0;
}

int log_read(const char *dir, const struct genesis *g, const struct device_id *id,
	     const struct log_entry *e, struct buf *raw, struct record *out, struct err *err)
{
	char *path = log_path(dir, id, e);

	buf_reset(raw);
	int ret = file_read(path, RECORD_MAX_SIZE, raw, err);
	if (ret == 0) {
		ret = check_record(g, id, e, raw, out, err);
		if (ret < 0)
			ret = err_wrap(err, "'%s'", path);
	}
	sys_free(path);
	return ret;
}

int log_append(const char *dir, const struct keys *k, struct record *r, struct buf *raw_out,
	       struct err *err)
{
	struct device_id id;
	struct log_entry e = { .seq = r->seq };
	char *path = NULL, *folder = NULL;
	int ret;

	buf_reset(raw_out);
	ret = record_encode(k, r, raw_out, err);
	if (ret < 0)
		goto done;
	log_device_id(&id, r->device);
	memcpy(e.hash, r->hash, sizeof(e.hash));
	folder = folder_path(dir, &id, r->seq / LOG_FOLDER);
	ret = file_make_dirs(folder, 0700, err);
	if (ret < 0)
		goto done;
	if (r->seq % LOG_FOLDER == 0 && r->seq > 0) {
		/* Whoever wrote the last record of that folder may have died before its sync. */
		char *before = folder_path(dir, &id, r->seq / LOG_FOLDER - 1);
		ret = file_sync_dir(before, err);
		sys_free(before);
		if (ret < 0)
			goto done;
	}
	path = log_path(dir, &id, &e);
	ret = file_write(path, raw_out->data, raw_out->len, FILE_NO_REPLACE, 0600, err);
done:
	sys_free(path);
	sys_free(folder);
	return ret;
}

/* -- lists -- */

int log_read_list(const char *dir, const struct genesis *g, const struct record *r,
		  unsigned char (**out)[HASH_SIZE], uint64_t *nr_out, struct err *err)
{
	struct buf raw = BUF_INIT;
	unsigned char hash[HASH_SIZE];
	char *path = NULL;
	int ret = 0;

	if (!r->list_is_apart) {
		*out = xmalloc((size_t)r->nr_list * HASH_SIZE + 1);
		if (r->nr_list > 0)
			memcpy(*out, r->list, (size_t)r->nr_list * HASH_SIZE);
		*nr_out = r->nr_list;
		return 0;
	}
	path = log_list_path(dir, r->list[0]);
	ret = file_read(path, LIST_FILE_MAX, &raw, err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_CORRUPT, "the list '%s' is missing", path);
	if (ret < 0)
		goto done;
	hash_bytes(hash, raw.data, raw.len);
	if (memcmp(hash, r->list[0], HASH_SIZE) != 0) {
		ret = err_set(err, ERR_CORRUPT, "'%s': the list is damaged: its hash is not its"
			      " name", path);
		goto done;
	}
	ret = list_file_decode(g->id, raw.data, raw.len, out, nr_out, err);
	if (ret == 0 && *nr_out != r->nr_list) {
		sys_free(*out);
		*out = NULL;
		ret = err_set(err, ERR_CORRUPT, "a list of %" PRIu64 " entries, not %" PRIu64,
			      *nr_out, r->nr_list);
	}
	if (ret < 0)
		ret = err_wrap(err, "'%s'", path);
done:
	buf_release(&raw);
	sys_free(path);
	return ret;
}

static int write_list_file(const char *dir, const struct keys *k, unsigned char (*list)[HASH_SIZE],
			   uint64_t nr, unsigned char hash_out[HASH_SIZE], struct err *err)
{
	struct buf raw = BUF_INIT;
	char *lists = xasprintf("%s/lists", dir);
	char *path = NULL;
	int ret;

	list_file_encode(keys_repo_id(k), list, nr, &raw, hash_out);
	ret = file_make_dirs(lists, 0700, err);
	if (ret < 0)
		goto done;
	path = log_list_path(dir, hash_out);
	/* One of that name may be there, not synced: replaced by the same bytes. */
	ret = file_write(path, raw.data, raw.len, 0, 0600, err);
done:
	sys_free(path);
	sys_free(lists);
	buf_release(&raw);
	return ret;
}

int log_write_list(const char *dir, const struct keys *k, struct record *r,
		   unsigned char (*list)[HASH_SIZE], uint64_t nr, struct err *err)
{
	unsigned char hash[HASH_SIZE];

	r->nr_list = nr;
	r->list_is_apart = nr > RECORD_LIST_MAX;
	if (r->list_is_apart) {
		int ret = write_list_file(dir, k, list, nr, hash, err);
		if (ret < 0)
			return ret;
	}
	size_t here = r->list_is_apart ? 1 : (size_t)nr;
	sys_free(r->list);
	r->list = xmalloc(here * HASH_SIZE + 1);
	if (here > 0)
		memcpy(r->list, r->list_is_apart ? (const void *)hash : (const void *)list,
		       here * HASH_SIZE);
	return 0;
}
