/*
 * The thorough check of the logs, which trusts neither the cache nor what was read on opening.
 * Leftovers of a crash (temporary files, lists that no record names) are no findings.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "refs/refs-internal.h"

#include "refs/refs.h"

struct verify {
	struct refs *r;
	const struct device_id *id;
	int (*fn)(const char *path, const char *what, void *data, struct err *err);
	void *data;
	uint64_t records;

	/* of the log at hand */
	uint64_t next;
	unsigned char tip[HASH_SIZE];
	size_t tip_known;
	const struct record_mark *mark;		/* what was seen of it, or NULL */
	bool mark_seen;
};

static int finding(struct verify *v, const char *path, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int finding(struct verify *v, const char *path, struct err *err, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	int ret = v->fn(path, buf_str(&b), v->data, err);
	buf_release(&b);
	return ret;
}

/* -- one record -- */

static int check_list(struct verify *v, const struct record *rec, const char *path, struct err *err)
{
	struct err e = ERR_INIT;
	unsigned char (*list)[HASH_SIZE] = NULL;
	uint64_t nr;
	int ret = log_read_list(v->r->dir, keys_genesis(v->r->keys), rec, &list, &nr, &e);

	sys_free(list);
	if (ret == 0)
		return 0;
	char *list_path = rec->list_is_apart ? log_list_path(v->r->dir, rec->list[0]) :
		xstrdup(path);
	ret = finding(v, list_path, err, "%s", e.msg);
	sys_free(list_path);
	return ret;
}

static void note_keyring(struct refs *r, const struct record *rec)
{
	uint64_t generation = get_u64le(rec->sealed.data);

	if (r->has_keyring && generation < r->generation)
		return;
	r->has_keyring = true;
	r->generation = generation;
	memcpy(r->keyring, rec->list[0], HASH_SIZE);
}

static int open_sealed(struct verify *v, const struct buf *raw, struct record *rec, struct err *err)
{
	struct advance a = ADVANCE_INIT;
	struct join j = JOIN_INIT;
	int ret = record_open(v->r->keys, raw->data, raw->len, rec, err);

	if (ret < 0)
		return ret;
	switch ((unsigned int)rec->kind) {
	case RECORD_ADVANCE:
		ret = advance_decode(&a, rec->sealed.data, rec->sealed.len, err);
		break;
	case RECORD_JOIN:
		ret = join_decode(&j, rec->sealed.data, rec->sealed.len, err);
		break;
	case RECORD_KEYRING:
		if (rec->sealed.len != sizeof(uint64_t) || rec->nr_list != 1) {
			ret = err_set(err, ERR_CORRUPT, "a keyring record that is malformed");
		} else {
			note_keyring(v->r, rec);
		}
		break;
	default:
		break;
	}
	advance_release(&a);
	join_release(&j);
	return ret;
}

static int check_chain(struct verify *v, const struct record *rec, const char *path,
		       struct err *err)
{
	int ret = 0;

	if (memcmp(rec->prev, v->tip, v->tip_known) != 0)
		ret = finding(v, path, err, "the log is forked: this record does not follow"
			      " record %" PRIu64, rec->seq - 1);
	if (v->mark && v->mark->seq == rec->seq && memcmp(v->mark->hash, rec->hash, HASH_SIZE) == 0)
		v->mark_seen = true;
	memcpy(v->tip, rec->hash, HASH_SIZE);
	v->tip_known = HASH_SIZE;
	return ret;
}

static int check_record(struct verify *v, const struct log_entry *e, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf raw = BUF_INIT;
	struct record rec = RECORD_INIT;
	char *path = log_path(v->r->dir, v->id, e);
	int ret = log_read(v->r->dir, keys_genesis(v->r->keys), v->id, e, &raw, &rec, &why);

	if (ret < 0) {
		memcpy(v->tip, e->hash, LOG_NAME_HASH);
		v->tip_known = LOG_NAME_HASH;
		/* Damaged, but the one that was seen: one finding is enough. */
		if (v->mark && v->mark->seq == e->seq &&
		    memcmp(v->mark->hash, e->hash, LOG_NAME_HASH) == 0)
			v->mark_seen = true;
		ret = finding(v, path, err, "%s", why.msg);
		goto done;
	}
	v->records++;
	ret = check_chain(v, &rec, path, err);
	if (ret == 0)
		ret = check_list(v, &rec, path, err);
	if (ret == 0 && open_sealed(v, &raw, &rec, &why) < 0)
		ret = finding(v, path, err, "%s", why.msg);
done:
	sys_free(path);
	record_release(&rec);
	buf_release(&raw);
	return ret;
}

/* -- one log -- */

static int check_gap(struct verify *v, uint64_t seq, const char *dir, struct err *err)
{
	if (seq <= v->next)
		return 0;
	v->tip_known = 0;
	return finding(v, dir, err, "records %" PRIu64 " to %" PRIu64 " are missing", v->next,
		       seq - 1);
}

static int check_folder(struct verify *v, uint64_t folder, const char *dir, struct err *err)
{
	struct log_entries list = LOG_ENTRIES_INIT;
	int ret = log_list(v->r->dir, v->id, folder, &list, err);

	if (ret == ERR_CORRUPT) {
		struct err why = *err;
		err_clear(err);
		ret = finding(v, dir, err, "%s", why.msg);
	}
	for (size_t i = 0; ret == 0 && i < list.nr; i++) {
		if (i > 0 && list.e[i].seq == list.e[i - 1].seq) {
			char *path = log_path(v->r->dir, v->id, &list.e[i]);
			ret = finding(v, path, err, "the log is forked: there are two records %"
				      PRIu64, list.e[i].seq);
			sys_free(path);
			continue;
		}
		ret = check_gap(v, list.e[i].seq, dir, err);
		v->next = list.e[i].seq + 1;
		if (ret == 0)
			ret = check_record(v, &list.e[i], err);
	}
	log_entries_release(&list);
	return ret;
}

static int check_mark(struct verify *v, const char *dir, struct err *err)
{
	if (!v->mark || v->mark_seen)
		return 0;
	if (v->mark->seq >= v->next)
		return finding(v, dir, err, "the log was set back: it has %" PRIu64 " records,"
			       " and %" PRIu64 " were seen before", v->next, v->mark->seq + 1);
	return finding(v, dir, err, "the log is forked: record %" PRIu64 " is not the one that was"
		       " seen before", v->mark->seq);
}

static const struct record_mark *find_mark(const struct refs *r, const struct device_id *id)
{
	for (size_t i = 0; i < r->marks.nr; i++) {
		struct device_id of;
		log_device_id(&of, r->marks.m[i].device);
		if (memcmp(&of, id, sizeof(of)) == 0)
			return &r->marks.m[i];
	}
	return NULL;
}

static int check_log(struct verify *v, const struct device_id *id, struct err *err)
{
	uint64_t *folders = NULL;
	size_t nr = 0;
	char hex[2 * DEVICE_ID_SIZE + 1];

	hex_encode(hex, id->b, sizeof(id->b));
	char *dir = xasprintf("%s/%s", v->r->dir, hex);
	v->id = id;
	v->next = 0;
	memset(v->tip, 0, sizeof(v->tip));
	v->tip_known = 0;
	v->mark = find_mark(v->r, id);
	v->mark_seen = false;
	int ret = log_folders(v->r->dir, id, &folders, &nr, err);
	for (size_t i = 0; ret == 0 && i < nr; i++)
		ret = check_folder(v, folders[i], dir, err);
	if (ret == 0)
		ret = check_mark(v, dir, err);
	sys_free(folders);
	sys_free(dir);
	return ret;
}

/* -- all -- */

static int check_keyring(struct verify *v, struct err *err)
{
	struct err why = ERR_INIT;
	unsigned char hash[HASH_SIZE];
	uint64_t generation;
	int ret = 0;

	if (!v->r->has_keyring)
		return 0;
	char *path = xasprintf("%s/../keys/keyring", v->r->dir);
	if (refs_keyring_hash(v->r->dir, hash, &generation, &why) < 0)
		ret = finding(v, path, err, "%s", why.msg);
	else if (memcmp(hash, v->r->keyring, HASH_SIZE) != 0)
		ret = finding(v, path, err, "the keyring is not the one that the logs name");
	sys_free(path);
	return ret;
}

int refs_verify_log(struct refs *r, const unsigned char id[16], int (*fn)(const char *path,
		    const char *what, void *data, struct err *err), void *data,
		    uint64_t *records_out, struct err *err)
{
	struct verify v = { .r = r, .fn = fn, .data = data };
	struct device_id device;

	memcpy(device.b, id, sizeof(device.b));
	if (!refs_log(r, &device))
		return err_set(err, ERR_NOT_FOUND, "there is no such log");
	int ret = check_log(&v, &device, err);
	*records_out = v.records;
	return ret;
}

int refs_verify_shared(struct refs *r, int (*fn)(const char *path, const char *what, void *data,
		       struct err *err), void *data, struct err *err)
{
	struct verify v = { .r = r, .fn = fn, .data = data };
	int ret = 0;

	if (r->marks_problem) {
		char *path = xasprintf("%s/marks", r->state_dir);
		ret = finding(&v, path, err, "%s", r->marks_problem);
		sys_free(path);
	}
	return ret == 0 ? check_keyring(&v, err) : ret;
}

int refs_verify(struct refs *r, int (*fn)(const char *path, const char *what, void *data,
		struct err *err), void *data, uint64_t *records_out, struct err *err)
{
	uint64_t all = 0, records;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->nr; i++) {
		ret = refs_verify_log(r, r->logs[i]->id.b, fn, data, &records, err);
		all += records;
	}
	if (records_out)
		*records_out = all;
	return ret == 0 ? refs_verify_shared(r, fn, data, err) : ret;
}
