/*
 * Reading the logs: which devices there are, and what their refs stand at.  The invariants are in
 * refs.h; looking names up is refs/find.c's, writing refs/update.c's, the thorough check
 * refs/verify.c's.
 *
 * What is wrong with one log is noted with that log and does not keep the others from being used:
 *
 *	damaged or missing record	the records after it still count (they are signed); a ref
 *					that none of them moves is doubtful, and refused by name
 *	shorter than was seen		as if the missing records were damaged
 *	forked, differs from was seen	nothing from the fork on is used, and all refs are doubtful
 *
 * A log without a genuine join is not believed at all, unless it is one's own.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/refs-internal.h"

#include "refs/refs.h"

enum { CACHE_EVERY = 16 };	/* records read anew before the cache is written again */

/* -- one log -- */

struct log *log_new(const struct device_id *id)
{
	struct log *l = xcalloc(1, sizeof(*l));

	l->id = *id;
	return l;
}

static void free_refs(struct log *l)
{
	for (size_t i = 0; i < l->nr_refs; i++)
		sys_free(l->refs[i].name);
	sys_free(l->refs);
	l->refs = NULL;
	l->nr_refs = l->alloc_refs = 0;
}

static void free_problems(struct log *l)
{
	for (size_t i = 0; i < l->nr_problems; i++)
		sys_free(l->problems[i]);
	l->nr_problems = 0;
}

void log_free(struct log *l)
{
	if (!l)
		return;
	free_refs(l);
	free_problems(l);
	sys_free(l->name);
	sys_free(l);
}

void log_reset(struct log *l)
{
	free_refs(l);
	free_problems(l);
	l->is_joined = l->has_unknown = l->is_forked = false;
	l->next = l->cached_next = l->doubt = 0;
	l->tip_known = 0;
	memset(l->tip, 0, sizeof(l->tip));
}

struct log_label log_label(const struct log *l)
{
	struct log_label label;
	struct buf b = BUF_INIT;
	char hex[2 * DEVICE_ID_SIZE + 1];

	hex_encode(hex, l->id.b, sizeof(l->id.b));
	buf_printf(&b, "%s", l->name ? l->name : hex);
	size_t n = b.len < sizeof(label.s) ? b.len : sizeof(label.s) - 1;
	memcpy(label.s, b.data, n);
	label.s[n] = '\0';
	buf_release(&b);
	return label;
}

void log_problem(struct log *l, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (l->nr_problems == LOG_PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	l->problems[l->nr_problems++] = xstrdup(buf_str(&b));
	buf_release(&b);
}

void log_mark(const struct log *l, struct record_mark *out)
{
	memcpy(out->device, l->key, PUBKEY_SIZE);
	memcpy(out->hash, l->tip, HASH_SIZE);
	out->seq = l->next - 1;
}

static void raise_doubt(struct log *l, uint64_t to)
{
	if (to > l->doubt)
		l->doubt = to;
}

static void set_forked(struct log *l)
{
	l->is_forked = true;
	l->doubt = UINT64_MAX;
}

/* -- its refs -- */

static size_t ref_place(const struct log *l, const char *name)
{
	size_t low = 0, high = l->nr_refs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(l->refs[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct log_ref *log_find_ref(const struct log *l, const char *name)
{
	size_t i = ref_place(l, name);

	return i < l->nr_refs && strcmp(l->refs[i].name, name) == 0 ? &l->refs[i] : NULL;
}

static void drop_ref(struct log *l, const char *name)
{
	size_t i = ref_place(l, name);

	if (i == l->nr_refs || strcmp(l->refs[i].name, name) != 0)
		return;
	sys_free(l->refs[i].name);
	l->nr_refs--;
	memmove(l->refs + i, l->refs + i + 1, (l->nr_refs - i) * sizeof(*l->refs));
}

static struct log_ref *make_ref(struct log *l, const char *name)
{
	size_t i = ref_place(l, name);

	if (i < l->nr_refs && strcmp(l->refs[i].name, name) == 0)
		return &l->refs[i];
	if (l->nr_refs == l->alloc_refs) {
		l->alloc_refs = l->alloc_refs ? 2 * l->alloc_refs : 4;
		l->refs = xrealloc(l->refs, l->alloc_refs * sizeof(*l->refs));
	}
	memmove(l->refs + i + 1, l->refs + i, (l->nr_refs - i) * sizeof(*l->refs));
	l->nr_refs++;
	l->refs[i] = (struct log_ref){ .name = xstrdup(name) };
	return &l->refs[i];
}

static void apply_advance(struct log *l, const struct record *rec, const struct advance *a)
{
	if (oid_is_zero(&a->commit)) {
		drop_ref(l, a->ref);
		return;
	}
	struct log_ref *ref = make_ref(l, a->ref);
	ref->commit = a->commit;
	ref->time_s = a->time_s;
	ref->time_ns = a->time_ns;
	ref->seq = rec->seq;
	memcpy(ref->hash, rec->hash, HASH_SIZE);
}

/* -- taking in records -- */

static int apply_sealed(struct refs *r, struct log *l, const struct buf *raw, struct record *rec,
			struct err *err)
{
	struct advance a = ADVANCE_INIT;
	struct join j = JOIN_INIT;
	int ret;

	if (rec->kind != RECORD_ADVANCE && rec->kind != RECORD_JOIN)
		return 0;
	ret = record_open(r->keys, raw->data, raw->len, rec, err);
	if (ret < 0)
		return ret;
	if (rec->kind == RECORD_ADVANCE) {
		ret = advance_decode(&a, rec->sealed.data, rec->sealed.len, err);
		if (ret == 0)
			apply_advance(l, rec, &a);
	} else {
		ret = join_decode(&j, rec->sealed.data, rec->sealed.len, err);
		if (ret == 0) {
			sys_free(l->name);
			l->name = xstrdup(j.name);
		}
	}
	advance_release(&a);
	join_release(&j);
	return ret;
}

void log_apply(struct refs *r, struct log *l, const struct buf *raw, struct record *rec)
{
	struct err err = ERR_INIT;

	memcpy(l->key, rec->device, PUBKEY_SIZE);
	l->has_key = true;
	l->next = rec->seq + 1;
	memcpy(l->tip, rec->hash, HASH_SIZE);
	l->tip_known = HASH_SIZE;
	switch ((unsigned int)rec->kind) {
	case RECORD_JOIN: l->is_joined = true; break;	/* authorised, or it would not decode */
	case RECORD_ADVANCE: case RECORD_KEYRING: break;
	default: l->has_unknown |= rec->critical; break;
	}
	if (apply_sealed(r, l, raw, rec, &err) < 0) {
		log_problem(l, "record %" PRIu64 ": %s", rec->seq, err.msg);
		raise_doubt(l, rec->seq + 1);
	}
	for (size_t i = 0; l->is_own && i < rec->nr_marks; i++) {
		struct device_id id;
		log_device_id(&id, rec->marks[i].device);
		struct log *other = refs_log(r, &id);
		if (other && rec->marks[i].seq >= other->told_next)
			other->told_next = rec->marks[i].seq + 1;
	}
}

/* The records of one number: one, unless somebody meddled. */
struct group {
	const struct log_entry *e;
	size_t nr;
	size_t good;			/* genuine ones */
	struct buf raw;			/* of the first genuine one */
	struct record rec;
};

static void group_read(struct refs *r, struct log *l, struct group *g)
{
	struct buf raw = BUF_INIT;
	struct record rec = RECORD_INIT;

	for (size_t i = 0; i < g->nr; i++) {
		struct err err = ERR_INIT;
		int ret = log_read(r->dir, keys_genesis(r->keys), &l->id, &g->e[i], &raw, &rec,
				   &err);
		if (ret < 0) {
			log_problem(l, "%s", err.msg);
			l->has_unknown |= ret == ERR_FORMAT;
		} else if (g->good++ == 0) {
			buf_swap(&raw, &g->raw);
			struct record tmp = rec;
			rec = g->rec;
			g->rec = tmp;
		}
	}
	record_release(&rec);
	buf_release(&raw);
}

static void group_release(struct group *g)
{
	record_release(&g->rec);
	buf_release(&g->raw);
}

static void say_fork(struct refs *r, struct log *l, const struct log_entry *e)
{
	char *a = log_path(r->dir, &l->id, &e[0]), *b = log_path(r->dir, &l->id, &e[1]);

	log_problem(l, "the log is forked: '%s' and '%s' are both record %" PRIu64, a, b, e->seq);
	set_forked(l);
	sys_free(a);
	sys_free(b);
}

/* What was read before: still there, and alone? */
static void look_back(struct refs *r, struct log *l, struct group *g, bool *tip_seen)
{
	for (size_t i = 0; g->e->seq == l->next - 1 && i < g->nr; i++)
		if (memcmp(g->e[i].hash, l->tip, LOG_NAME_HASH) == 0)
			*tip_seen = true;
	if (g->nr > 1) {
		group_read(r, l, g);
		if (g->good > 1)
			say_fork(r, l, g->e);
	}
}

static void take_group(struct refs *r, struct log *l, struct group *g)
{
	uint64_t seq = g->e->seq;

	if (seq > l->next) {
		log_problem(l, "records %" PRIu64 " to %" PRIu64 " are missing", l->next, seq - 1);
		raise_doubt(l, seq);
		l->tip_known = 0;
	}
	group_read(r, l, g);
	if (g->good > 1) {
		say_fork(r, l, g->e);
	} else if (g->good == 0) {
		raise_doubt(l, seq + 1);
		l->next = seq + 1;
		memcpy(l->tip, g->e->hash, LOG_NAME_HASH);
		l->tip_known = g->nr == 1 ? LOG_NAME_HASH : 0;
	} else if (memcmp(g->rec.prev, l->tip, l->tip_known) != 0) {
		char *path = log_path(r->dir, &l->id, g->e);
		log_problem(l, "the log is forked: '%s' does not follow record %" PRIu64, path,
			    seq - 1);
		set_forked(l);
		sys_free(path);
	} else {
		log_apply(r, l, &g->raw, &g->rec);
	}
}

/*
 * 0, or 1: something is missing that may have been written while we looked, and `is_last` is not
 * set; look again.
 */
static int take_folder(struct refs *r, struct log *l, const struct log_entries *list,
		       bool *tip_seen, bool is_last)
{
	int ret = 0;

	for (size_t i = 0, nr; ret == 0 && i < list->nr && !l->is_forked; i += nr) {
		for (nr = 1; i + nr < list->nr && list->e[i + nr].seq == list->e[i].seq;)
			nr++;
		struct group g = { &list->e[i], nr, 0, BUF_INIT, RECORD_INIT };
		if (g.e->seq < l->next)
			look_back(r, l, &g, tip_seen);
		else if (g.e->seq > l->next && !is_last)
			ret = 1;
		else
			take_group(r, l, &g);
		group_release(&g);
	}
	return ret;
}

static int catch_up(struct refs *r, struct log *l, bool is_last, struct err *err)
{
	struct log_entries list = LOG_ENTRIES_INIT;
	uint64_t *folders = NULL, first = l->next > 0 ? (l->next - 1) / LOG_FOLDER : 0;
	bool tip_seen = l->next == 0;
	size_t nr;
	int ret;

	ret = log_folders(r->dir, &l->id, &folders, &nr, err);
	for (size_t i = 0; ret == 0 && i < nr && !l->is_forked; i++) {
		if (folders[i] < first)
			continue;
		if (!tip_seen && folders[i] > first)
			break;
		ret = log_list(r->dir, &l->id, folders[i], &list, err);
		if (ret == 0)
			ret = take_folder(r, l, &list, &tip_seen, is_last);
	}
	if (ret == 0 && !tip_seen && !l->is_forked)
		ret = 1;
	log_entries_release(&list);
	sys_free(folders);
	return ret;
}

int log_catch_up(struct refs *r, struct log *l, struct err *err)
{
	int ret;

	if (l->is_forked)
		return 0;
	ret = catch_up(r, l, false, err);
	if (ret == 1) {
		log_reset(l);
		ret = catch_up(r, l, true, err);
	}
	return ret < 0 ? ret : 0;
}

/* -- marks -- */

static void check_seen(struct log *l, const struct record_mark *mark, const unsigned char *hash,
		       size_t known)
{
	if (memcmp(mark->hash, hash, known) == 0)
		return;
	log_problem(l, "the log is forked: record %" PRIu64 " is not the one that was seen before",
		    mark->seq);
	set_forked(l);
}

int log_check_mark(struct refs *r, const struct record_mark *mark, struct err *err)
{
	struct log_entries list = LOG_ENTRIES_INIT;
	struct device_id id;
	int ret;

	log_device_id(&id, mark->device);
	struct log *l = refs_add_log(r, &id);
	if (l->next <= mark->seq && !l->is_forked) {
		log_problem(l, "the log was set back: it has %" PRIu64 " records, and %" PRIu64
			    " were seen before", l->next, mark->seq + 1);
		raise_doubt(l, mark->seq + 1);
		return 0;
	}
	if (l->is_forked)
		return 0;
	if (mark->seq == l->next - 1) {
		check_seen(l, mark, l->tip, l->tip_known);
		return 0;
	}
	ret = log_list(r->dir, &id, mark->seq / LOG_FOLDER, &list, err);
	for (size_t i = 0; ret == 0 && i < list.nr; i++)
		if (list.e[i].seq == mark->seq)
			check_seen(l, mark, list.e[i].hash, LOG_NAME_HASH);
	log_entries_release(&list);
	return ret;
}

void refs_save_marks(struct refs *r)
{
	struct marks now = MARKS_INIT;
	struct err err = ERR_INIT;

	if (r->marks_problem)
		return;
	for (size_t i = 0; i < r->nr; i++) {
		const struct log *l = r->logs[i];
		struct record_mark mark;
		if (l->next == 0 || l->nr_problems > 0 || !l->is_joined)
			continue;
		log_mark(l, &mark);
		r->marks_changed |= marks_raise(&r->marks, &mark);
	}
	if (!r->marks_changed)
		return;
	/* Others may have raised them since. */
	if (marks_read(&now, r->state_dir, keys_repo_id(r->keys), &err) == 0)
		for (size_t i = 0; i < now.nr; i++)
			marks_raise(&r->marks, &now.m[i]);
	if (marks_write(&r->marks, r->state_dir, keys_repo_id(r->keys), &err) == 0)
		r->marks_changed = false;
	marks_release(&now);
}

/* -- all logs -- */

static size_t log_place(const struct refs *r, const struct device_id *id)
{
	size_t low = 0, high = r->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(&r->logs[mid]->id, id, sizeof(*id)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct log *refs_log(struct refs *r, const struct device_id *id)
{
	size_t i = log_place(r, id);

	if (i < r->nr && memcmp(&r->logs[i]->id, id, sizeof(*id)) == 0)
		return r->logs[i];
	return NULL;
}

struct log *refs_add_log(struct refs *r, const struct device_id *id)
{
	struct log *l = refs_log(r, id);

	if (l)
		return l;
	if (r->nr == r->alloc) {
		r->alloc = r->alloc ? 2 * r->alloc : 4;
		r->logs = xrealloc(r->logs, r->alloc * sizeof(struct log *));
	}
	size_t i = log_place(r, id);
	memmove(r->logs + i + 1, r->logs + i, (r->nr - i) * sizeof(struct log *));
	r->logs[i] = l = log_new(id);
	r->nr++;
	return l;
}

static int add_device(const struct device_id *id, void *data, struct err *err)
{
	struct refs *r = data;

	if (r->nr >= RECORD_MARKS_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' holds too many logs", r->dir);
	refs_add_log(r, id);
	return 0;
}

static void find_own(struct refs *r)
{
	struct device_id id;

	r->own = NULL;
	if (!keys_has_device(r->keys))
		return;
	log_device_id(&id, keys_device_public(r->keys));
	struct log *l = refs_log(r, &id);
	if (!l)
		return;
	l->is_own = true;
	l->has_key = true;
	memcpy(l->key, keys_device_public(r->keys), PUBKEY_SIZE);
	if (!l->name)
		l->name = xstrdup(keys_device_name(r->keys));
	r->own = l;
}

static int read_marks(struct refs *r, struct err *err)
{
	int ret = marks_read(&r->marks, r->state_dir, keys_repo_id(r->keys), err);

	if (ret == ERR_CORRUPT || ret == ERR_FORMAT) {
		r->marks_problem = xasprintf("%s; without that file the logs are taken as they are",
					     err->msg);
		err_clear(err);
		ret = 0;
	}
	return ret;
}

static int read_all(struct refs *r, struct err *err)
{
	int ret;

	/* Marks and cache first: what they tell of is then surely there. */
	ret = read_marks(r, err);
	if (ret < 0)
		return ret;
	cache_read(r);
	ret = log_each_device(r->dir, add_device, r, err);
	if (ret < 0)
		return ret;
	find_own(r);
	/* One's own last: its marks are about the others. */
	for (size_t i = 0; ret == 0 && i < r->nr; i++)
		if (!r->logs[i]->is_own)
			ret = log_catch_up(r, r->logs[i], err);
	if (ret == 0 && r->own)
		ret = log_catch_up(r, r->own, err);
	for (size_t i = 0; ret == 0 && i < r->marks.nr; i++)
		ret = log_check_mark(r, &r->marks.m[i], err);
	if (ret < 0)
		return ret;
	find_own(r);
	for (size_t i = 0; i < r->nr; i++) {
		struct log *l = r->logs[i];
		if (!l->is_joined && l->nr_problems == 0 && l->next > 0)
			log_problem(l, "the log has no join and is not believed");
	}
	return 0;
}

static void save(struct refs *r)
{
	uint64_t fresh = 0;

	refs_save_marks(r);
	for (size_t i = 0; i < r->nr; i++)
		if (r->logs[i]->next > r->logs[i]->cached_next && r->logs[i]->nr_problems == 0)
			fresh += r->logs[i]->next - r->logs[i]->cached_next;
	if (fresh >= CACHE_EVERY)
		cache_write(r);
}

int refs_open(struct refs **out, const char *dir, const char *state_dir, const char *cache_path,
	      const struct keys *keys, struct err *err)
{
	struct refs *r = xcalloc(1, sizeof(*r));
	int ret;

	r->dir = xstrdup(dir);
	r->state_dir = xstrdup(state_dir);
	r->cache_path = cache_path ? xstrdup(cache_path) : NULL;
	r->keys = keys;
	ret = read_all(r, err);
	if (ret < 0) {
		refs_close(r);
		return ret;
	}
	save(r);
	*out = r;
	return 0;
}

void refs_close(struct refs *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nr; i++)
		log_free(r->logs[i]);
	sys_free(r->logs);
	marks_release(&r->marks);
	sys_free(r->marks_problem);
	sys_free(r->dir);
	sys_free(r->state_dir);
	sys_free(r->cache_path);
	sys_free(r);
}

bool refs_is_joined(const struct refs *r)
{
	return r->own && (r->own->next > 0 || r->own->nr_problems > 0);
}

int refs_each_problem(struct refs *r, int (*fn)(const char *device, bool own, const char *what,
		      void *data, struct err *err), void *data, struct err *err)
{
	int ret = 0;

	if (r->marks_problem)
		ret = fn(r->own ? log_label(r->own).s : "?", true, r->marks_problem, data, err);
	for (size_t i = 0; ret == 0 && i < r->nr; i++) {
		const struct log *l = r->logs[i];
		struct log_label label = log_label(l);
		for (size_t k = 0; ret == 0 && k < l->nr_problems; k++)
			ret = fn(label.s, l->is_own, l->problems[k], data, err);
	}
	return ret;
}
