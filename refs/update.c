/*
 * Writing one's own log: join, keyring, advance.  Under the log's lock, from a log that was read
 * to its end, and never on top of damage.
 *
 * 1. A record is durable before its ref is said to have moved.
 * 2. The packs an advance names were durable and in the index before.
 * 3. What follows the record (the index's note of published packs, marks, cache) can be made up
 *    for later: it fails without a word, and the next update sees to it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/index.h"
#include "refs/refs-internal.h"

#include "refs/refs.h"

enum {
	CREATE_WAIT_MS = 60000,
	KEYRING_MAX_SIZE = 1 << 20,
	CACHE_EVERY = 16,		/* records written before the cache is */
	MS_PER_S = 1000,
};

/* -- one record -- */

static int take_lock(struct refs *r, struct lock *lock, unsigned int wait_ms, struct err *err)
{
	char *path = xasprintf("%s/lock", r->dir);
	int ret = lock_take(lock, path, LOCK_EXCLUSIVE, wait_ms, "the log of this device", err);

	sys_free(path);
	return ret;
}

/* One's own log, made if it is not there. */
static struct log *own_log(struct refs *r)
{
	struct device_id id;

	log_device_id(&id, keys_device_public(r->keys));
	struct log *l = refs_add_log(r, &id);
	l->is_own = l->has_key = true;
	memcpy(l->key, keys_device_public(r->keys), PUBKEY_SIZE);
	if (!l->name)
		l->name = xstrdup(keys_device_name(r->keys));
	return l;
}

/* One's own log to its end; refuses to go on where something is wrong with it. */
static int ready_to_write(struct refs *r, struct err *err)
{
	if (!keys_has_device(r->keys))
		return err_set(err, ERR_NOT_FOUND, "this machine has no device key here");
	if (!r->own)
		r->own = own_log(r);
	int ret = log_catch_up(r, r->own, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < r->nr; i++)
		if (r->logs[i]->has_unknown)
			return err_set(err, ERR_FORMAT, "the log of '%s' holds a record that only a"
				       " later ub understands: update ub to write here",
				       log_label(r->logs[i]).s);
	if (r->marks_problem)
		return err_set(err, ERR_CORRUPT, "%s", r->marks_problem);
	if (r->own->nr_problems > 0)
		return err_set(err, ERR_CORRUPT, "the log of this device, '%s', is damaged: %s",
			       log_label(r->own).s, r->own->problems[0]);
	return 0;
}

static int mark_cmp(const void *a, const void *b)
{
	const struct record_mark *x = a, *y = b;

	return memcmp(x->device, y->device, PUBKEY_SIZE);
}

/* Marks of logs that have grown since one's own log last told. */
static void add_marks(struct refs *r, struct record *rec)
{
	for (size_t i = 0; i < r->nr && rec->nr_marks < RECORD_MARKS_MAX; i++) {
		const struct log *l = r->logs[i];
		if (l->is_own || l->nr_problems > 0 || !l->is_joined || l->next <= l->told_next)
			continue;
		rec->marks = xrealloc(rec->marks, (rec->nr_marks + 1) * sizeof(*rec->marks));
		log_mark(l, &rec->marks[rec->nr_marks++]);
	}
	if (rec->nr_marks > 1)
		qsort(rec->marks, rec->nr_marks, sizeof(*rec->marks), mark_cmp);
}

/* `rec` says kind, auth, list and what is sealed; the rest follows from the log. */
static int append(struct refs *r, struct record *rec, struct err *err)
{
	struct log *l = r->own;
	struct buf raw = BUF_INIT;
	int ret;

	rec->seq = l->next;
	memcpy(rec->prev, l->tip, HASH_SIZE);
	if (rec->kind != RECORD_JOIN)
		add_marks(r, rec);
	ret = log_append(r->dir, r->keys, rec, &raw, err);
	if (ret == 0)
		log_apply(r, l, &raw, rec);
	buf_release(&raw);
	return ret;
}

static void save_derived(struct refs *r)
{
	refs_save_marks(r);
	if (r->own->next - r->own->cached_next >= CACHE_EVERY)
		cache_write(r);
}

/* -- join, keyring -- */

static int append_join(struct refs *r, struct err *err)
{
	struct record rec = RECORD_INIT;
	char host[256];
	struct timespec now;
	char *name = xstrdup(keys_device_name(r->keys));

	sys_hostname(host, sizeof(host));
	sys_now(&now);
	rec.kind = RECORD_JOIN;
	rec.critical = true;
	rec.auth = AUTH_OWNER;
	struct join j = { name, now.tv_sec, (uint32_t)now.tv_nsec, host };
	join_encode(&j, &rec.sealed);
	int ret = append(r, &rec, err);
	sys_free(name);
	record_release(&rec);
	return ret;
}

/* REPO/keys/keyring beside REPO/refs: its hash and the number of its generation. */
int refs_keyring_hash(const char *dir, unsigned char hash[HASH_SIZE], uint64_t *generation,
		      struct err *err)
{
	struct buf raw = BUF_INIT;
	struct reader rd;
	char *path = xasprintf("%s/../keys/keyring", dir);
	int ret = file_read(path, KEYRING_MAX_SIZE, &raw, err);

	if (ret < 0)
		goto done;
	/* magic, version, flags, repository id; see ub-format-keys(5) */
	reader_init(&rd, raw.data, raw.len);
	reader_bytes(&rd, 8 + 1 + 1 + HASH_SIZE);
	*generation = reader_u64le(&rd);
	if (!reader_ok(&rd))
		ret = err_set(err, ERR_CORRUPT, "'%s' is cut short", path);
	hash_bytes(hash, raw.data, raw.len);
done:
	sys_free(path);
	buf_release(&raw);
	return ret;
}

static int append_keyring(struct refs *r, struct err *err)
{
	struct record rec = RECORD_INIT;
	unsigned char hash[1][HASH_SIZE];
	uint64_t generation;
	int ret;

	ret = refs_keyring_hash(r->dir, hash[0], &generation, err);
	if (ret < 0)
		goto done;
	rec.kind = RECORD_KEYRING;
	rec.critical = true;
	rec.auth = AUTH_ADMIN;
	buf_put_u64le(&rec.sealed, generation);
	ret = log_write_list(r->dir, r->keys, &rec, hash, 1, err);
	if (ret == 0)
		ret = append(r, &rec, err);
done:
	record_release(&rec);
	return ret;
}

int refs_join(struct refs *r, struct err *err)
{
	struct lock lock = LOCK_INIT;
	int ret;

	ret = file_make_dirs(r->dir, 0700, err);
	if (ret == 0)
		ret = take_lock(r, &lock, CREATE_WAIT_MS, err);
	if (ret == 0)
		ret = ready_to_write(r, err);
	if (ret == 0 && r->own->next == 0)
		ret = append_join(r, err);
	if (ret == 0)
		save_derived(r);
	lock_release(&lock);
	return ret;
}

int refs_create(const char *dir, const char *state_dir, const struct keys *keys, struct err *err)
{
	struct refs *r = NULL;
	struct lock lock = LOCK_INIT;
	int ret;

	ret = file_make_dirs(dir, 0700, err);
	if (ret == 0)
		ret = refs_open(&r, dir, state_dir, NULL, keys, err);
	if (ret == 0)
		ret = take_lock(r, &lock, CREATE_WAIT_MS, err);
	if (ret == 0)
		ret = ready_to_write(r, err);
	/* An interrupted init has written none, one or both. */
	if (ret == 0 && r->own->next == 0)
		ret = append_join(r, err);
	if (ret == 0 && r->own->next == 1)
		ret = append_keyring(r, err);
	if (ret == 0)
		save_derived(r);
	lock_release(&lock);
	refs_close(r);
	return ret;
}

/* -- which packs no record names yet -- */

/* Ids of packs, one after another, sorted. */
struct packs {
	struct buf ids;
	const struct packs *named;	/* left out, when gathering */
};
#define PACKS_INIT { BUF_INIT, NULL }

static int hash_cmp(const void *a, const void *b)
{
	return memcmp(a, b, HASH_SIZE);
}

static size_t packs_nr(const struct packs *p)
{
	return p->ids.len / HASH_SIZE;
}

static void packs_sort(struct packs *p)
{
	if (packs_nr(p) > 1)
		qsort(p->ids.data, packs_nr(p), HASH_SIZE, hash_cmp);
}

static bool packs_has(const struct packs *p, const void *id)
{
	return packs_nr(p) > 0 && bsearch(id, p->ids.data, packs_nr(p), HASH_SIZE, hash_cmp);
}

/* What the advances of a log name, from record `from` on. */
static int add_named(struct refs *r, struct log *l, uint64_t from, struct packs *out,
		     struct err *err)
{
	struct log_entries list = LOG_ENTRIES_INIT;
	struct record rec = RECORD_INIT;
	struct buf raw = BUF_INIT;
	int ret = 0;

	if (from >= l->next)
		return 0;
	for (uint64_t f = from / LOG_FOLDER; ret == 0 && f * LOG_FOLDER < l->next; f++) {
		ret = log_list(r->dir, &l->id, f, &list, err);
		for (size_t i = 0; ret == 0 && i < list.nr; i++) {
			unsigned char (*ids)[HASH_SIZE] = NULL;
			uint64_t nr;
			if (list.e[i].seq < from || list.e[i].seq >= l->next)
				continue;
			ret = log_read(r->dir, keys_genesis(r->keys), &l->id, &list.e[i], &raw,
				       &rec, err);
			if (ret < 0 || rec.kind != RECORD_ADVANCE)
				continue;
			ret = log_read_list(r->dir, keys_genesis(r->keys), &rec, &ids, &nr, err);
			if (ret == 0)
				buf_put(&out->ids, ids, (size_t)nr * HASH_SIZE);
			sys_free(ids);
		}
	}
	record_release(&rec);
	buf_release(&raw);
	log_entries_release(&list);
	return ret;
}

/* What records name beyond what the index knows of: after a crash, or after a rebuild. */
static int find_named(struct refs *r, const struct index *ix, struct packs *out, struct err *err)
{
	uint64_t seq = index_log_seq(ix);
	int ret = 0;

	if (seq < r->own->next) {
		ret = add_named(r, r->own, seq + 1, out, err);
	} else {
		for (size_t i = 0; ret >= 0 && i < r->nr; i++) {
			ret = add_named(r, r->logs[i], 0, out, err);
			if (ret < 0 && !r->logs[i]->is_own) {
				/* Another's damaged log: naming a pack twice does no harm. */
				err_clear(err);
				ret = 0;
			}
		}
	}
	packs_sort(out);
	return ret;
}

static int add_unnamed(const struct index_pack *p, void *data, struct err *err)
{
	struct packs *out = data;

	(void)err;
	if (!p->published && !packs_has(out->named, p->id.b))
		buf_put(&out->ids, p->id.b, HASH_SIZE);
	return 0;
}

/* -- moving a ref -- */

static int append_advance(struct refs *r, const char *name, const struct oid *commit,
			  unsigned char (*packs)[HASH_SIZE], uint64_t nr, struct err *err)
{
	struct record rec = RECORD_INIT;
	struct timespec now;
	char *ref = xstrdup(name);

	sys_now(&now);
	rec.kind = RECORD_ADVANCE;
	rec.critical = true;
	struct advance a = { ref, *commit, NULL, now.tv_sec, (uint32_t)now.tv_nsec };
	advance_encode(&a, &rec.sealed);
	int ret = log_write_list(r->dir, r->keys, &rec, packs, nr, err);
	if (ret == 0)
		ret = append(r, &rec, err);
	sys_free(ref);
	record_release(&rec);
	return ret;
}

/* More packs than one list holds go ahead of the change, in records that change nothing. */
static int append_all(struct refs *r, const char *name, const struct oid *now,
		      const struct oid *commit, struct packs *fresh, struct err *err)
{
	unsigned char (*ids)[HASH_SIZE] = (void *)fresh->ids.data;
	uint64_t nr = packs_nr(fresh), done = 0;
	int ret = 0;

	for (; ret == 0 && nr - done > RECORD_APART_MAX; done += RECORD_APART_MAX)
		ret = append_advance(r, name, now, ids + done, RECORD_APART_MAX, err);
	if (ret == 0)
		ret = append_advance(r, name, commit, ids ? ids + done : NULL, nr - done, err);
	return ret;
}

/* What is as it should be may have been brought about by a process that died before its sync. */
static int sync_tip(struct refs *r, struct err *err)
{
	struct log_entry tip = { .seq = r->own->next > 0 ? r->own->next - 1 : 0 };
	char *path = log_path(r->dir, &r->own->id, &tip);
	int ret = file_sync_again(path, err);

	sys_free(path);
	return ret;
}

static int sync_index(const char *dir, struct err *err)
{
	char *path = xasprintf("%s/current", dir);
	int ret = file_sync_again(path, err);

	sys_free(path);
	return ret;
}

static int advance(struct refs *r, struct store *st, const char *name, const struct oid *now,
		   const struct oid *commit, struct err *err)
{
	struct packs named = PACKS_INIT, fresh = { BUF_INIT, &named };
	struct index *ix = store_index(st);
	struct err later = ERR_INIT;
	int ret;

	ret = index_refresh(ix, err);
	if (ret == 0)
		ret = find_named(r, ix, &named, err);
	if (ret == 0)
		ret = index_each_pack(ix, add_unnamed, &fresh, err);
	if (ret < 0)
		goto done;
	packs_sort(&fresh);
	if (oid_eq(now, commit) && packs_nr(&fresh) == 0) {
		ret = sync_tip(r, err);
		goto done;	/* as it is asked for already */
	}
	ret = sync_index(store_index_dir(st), err);
	if (ret == 0)
		ret = append_all(r, name, now, commit, &fresh, err);
	if (ret < 0)
		goto done;
	/* Durable.  Nothing below can take that back. */
	buf_put_buf(&named.ids, &fresh.ids);
	index_publish(ix, (const void *)named.ids.data, packs_nr(&named), r->own->next - 1, &later);
	save_derived(r);
done:
	buf_release(&named.ids);
	buf_release(&fresh.ids);
	return ret;
}

static int check_commit(struct store *st, const struct oid *commit, struct err *err)
{
	struct index_loc loc;
	int ret;

	if (oid_is_zero(commit))
		return 0;
	ret = store_find_fresh(st, commit, &loc, err);
	if (ret == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no object %s", oid_hex(commit).s);
	if (ret > 0 && loc.type != OBJ_COMMIT)
		return err_set(err, ERR_FAILED, "%s is a %s, and a ref names commits",
			       oid_hex(commit).s, obj_type_name(loc.type));
	return ret < 0 ? ret : 0;
}

static int check_old(const char *name, const struct oid *now, const struct oid *old,
		     const struct oid *commit, struct err *err)
{
	/* Where the ref should go it stands already: the same command was run before. */
	if (!old || oid_eq(now, old) || oid_eq(now, commit))
		return 0;
	if (oid_is_zero(old))
		return err_set(err, ERR_REFUSED, "the ref '%s' exists already, at %s", name,
			       oid_hex(now).s);
	if (oid_is_zero(now))
		return err_set(err, ERR_REFUSED, "there is no ref '%s', which should be at %s",
			       name, oid_hex(old).s);
	return err_set(err, ERR_REFUSED, "the ref '%s' is at %s, not at %s", name, oid_hex(now).s,
		       oid_hex(old).s);
}

int refs_update(struct refs *r, struct store *st, const char *name, const struct oid *commit,
		const struct oid *old, unsigned int wait_s, struct err *err)
{
	struct lock lock = LOCK_INIT;
	struct oid now = { { 0 } };
	int ret;

	if (!ref_name_is_valid(name))
		return err_set(err, ERR_USAGE, "'%s' is not a name that a ref may have", name);
	if (!refs_is_joined(r))
		return err_set(err, ERR_NOT_FOUND, "this device has not joined the repository");
	unsigned int wait_ms = wait_s < UINT32_MAX / MS_PER_S ? wait_s * MS_PER_S : UINT32_MAX;
	ret = take_lock(r, &lock, wait_ms, err);
	if (ret == 0)
		ret = ready_to_write(r, err);
	if (ret == 0)
		ret = check_commit(st, commit, err);
	if (ret < 0)
		goto done;
	const struct log_ref *ref = log_find_ref(r->own, name);
	if (ref)
		now = ref->commit;
	ret = check_old(name, &now, old, commit, err);
	if (ret == 0 && oid_is_zero(&now) && oid_is_zero(commit))
		ret = sync_tip(r, err);
	else if (ret == 0)
		ret = advance(r, st, name, &now, commit, err);
done:
	lock_release(&lock);
	return ret;
}
