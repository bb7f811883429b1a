/*
 * Looking names up: refs by what a person types, HEAD, and what a ref was in the past.  From the
 * logs as refs/refs.c has read them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "refs/refs-internal.h"

#include "refs/refs.h"

enum { DEVICE_PREFIX_MIN = 7 };	/* digits of a device's id that stand for it */

/* -- names -- */

bool ref_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > REF_NAME_MAX || name[n - 1] == '/' || name[n - 1] == '.' ||
	    strcmp(name, "@") == 0 || strcmp(name, "HEAD") == 0 || name[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];
		bool starts = i == 0 || name[i - 1] == '/';
		if (c < 0x20 || c == 0x7f || strchr(" ~^:?*[\\", c))
			return false;
		if (starts && (c == '.' || c == '/'))
			return false;
		if (c == '.' && name[i + 1] == '.')
			return false;
		if (c == '@' && name[i + 1] == '{')
			return false;
		if (strncmp(name + i, ".lock", 5) == 0 && (name[i + 5] == '/' || !name[i + 5]))
			return false;
	}
	return true;
}

static bool is_believed(const struct log *l)
{
	return l->is_joined || l->is_own;
}

static void fill(const struct log *l, const struct log_ref *ref, struct ref *out)
{
	*out = (struct ref){
		.device = l->name ? l->name : "?", .device_key = l->key, .name = ref->name,
		.commit = ref->commit, .time_s = ref->time_s, .time_ns = ref->time_ns,
		.seq = ref->seq, .is_own = l->is_own,
	};
}

static int log_name_cmp(const void *a, const void *b)
{
	const struct log *x = *(struct log *const *)a, *y = *(struct log *const *)b;
	int cmp = strcmp(log_label(x).s, log_label(y).s);

	return cmp ? cmp : memcmp(&x->id, &y->id, sizeof(x->id));
}

/* All logs by name, sys_free()d by the caller. */
static struct log **by_name(const struct refs *r)
{
	struct log **logs = xcalloc(r->nr + 1, sizeof(struct log *));

	if (r->nr > 0)
		memcpy(logs, r->logs, r->nr * sizeof(struct log *));
	qsort(logs, r->nr, sizeof(struct log *), log_name_cmp);
	return logs;
}

int refs_each(struct refs *r, int (*fn)(const struct ref *ref, void *data, struct err *err),
	      void *data, struct err *err)
{
	struct log **logs = by_name(r);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->nr; i++) {
		for (size_t k = 0; ret == 0 && is_believed(logs[i]) && k < logs[i]->nr_refs; k++) {
			struct ref ref;
			fill(logs[i], &logs[i]->refs[k], &ref);
			ret = fn(&ref, data, err);
		}
	}
	sys_free(logs);
	return ret;
}

int refs_each_log(struct refs *r, int (*fn)(const struct log_info *l, void *data, struct err *err),
		  void *data, struct err *err)
{
	struct log **logs = by_name(r);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->nr; i++) {
		struct log_label label = log_label(logs[i]);
		struct log_info info = { label.s, logs[i]->id.b, logs[i]->is_own };
		ret = fn(&info, data, err);
	}
	sys_free(logs);
	return ret;
}

/* Is this what a person may call the device: its name, or first digits of its id? */
static bool is_called(const struct log *l, const char *text, size_t n)
{
	char hex[2 * DEVICE_ID_SIZE + 1];

	if (l->name && strlen(l->name) == n && memcmp(l->name, text, n) == 0)
		return true;
	hex_encode(hex, l->id.b, sizeof(l->id.b));
	return n >= DEVICE_PREFIX_MIN && n < sizeof(hex) && memcmp(hex, text, n) == 0;
}

struct search {
	const struct log *log, *other, *doubtful;
	const struct log_ref *ref, *other_ref;
};

static void consider(struct search *s, const struct log *l, const char *name)
{
	const struct log_ref *ref = log_find_ref(l, name);

	if (!ref) {
		if (l->doubt > 0)
			s->doubtful = l;
		return;
	}
	if (!s->ref) {
		s->log = l;
		s->ref = ref;
	} else if (s->ref != ref && !oid_eq(&s->ref->commit, &ref->commit)) {
		s->other = l;
		s->other_ref = ref;
	}
}

/* A value that may be stale is named, never used silently. */
static int in_doubt(const struct log *l, const struct log_ref *ref, const char *name,
		    struct err *err)
{
	const char *why = l->nr_problems > 0 ? l->problems[0] : "records are missing";

	if (!ref)
		return err_set(err, ERR_CORRUPT, "'%s' may be in the damaged part of the log of"
			       " '%s': %s", name, log_label(l).s, why);
	return err_set(err, ERR_CORRUPT, "'%s' was last seen at %s, but may have moved since: the"
		       " log of '%s' is damaged: %s", name, oid_hex(&ref->commit).s,
		       log_label(l).s, why);
}

static int answer(const struct search *s, const char *name, struct ref *out, struct err *err)
{
	if (!s->ref && s->doubtful)
		return in_doubt(s->doubtful, NULL, name, err);
	if (!s->ref)
		return err_set(err, ERR_NOT_FOUND, "there is no ref '%s'", name);
	if (s->other) {
		char id[2][2 * DEVICE_ID_SIZE + 1];
		hex_encode(id[0], s->log->id.b, DEVICE_ID_SIZE);
		hex_encode(id[1], s->other->id.b, DEVICE_ID_SIZE);
		return err_set(err, ERR_AMBIGUOUS, "'%s' is ambiguous: '%s/%s' (device %.8s) and"
			       " '%s/%s' (device %.8s)", name, log_label(s->log).s, s->ref->name,
			       id[0], log_label(s->other).s, s->other_ref->name, id[1]);
	}
	if (s->ref->seq < s->log->doubt)
		return in_doubt(s->log, s->ref, name, err);
	fill(s->log, s->ref, out);
	return 0;
}

int refs_find(struct refs *r, const char *name, struct ref *out, struct err *err)
{
	struct search s = { NULL, NULL, NULL, NULL, NULL };
	const char *slash = strchr(name, '/');

	if (!ref_name_is_valid(name))
		return err_set(err, ERR_NOT_FOUND, "there is no ref '%s'", name);
	if (r->own)
		consider(&s, r->own, name);
	for (size_t i = 0; slash && i < r->nr; i++)
		if (is_believed(r->logs[i]) && is_called(r->logs[i], name, (size_t)(slash - name)))
			consider(&s, r->logs[i], slash + 1);
	for (size_t i = 0; strncmp(name, "tags/", 5) == 0 && i < r->nr; i++)
		if (is_believed(r->logs[i]))
			consider(&s, r->logs[i], name);
	return answer(&s, name, out, err);
}

static bool is_newer(const struct log_ref *a, const struct log_ref *b)
{
	return a->time_s != b->time_s ? a->time_s > b->time_s : a->time_ns > b->time_ns;
}

int refs_head(struct refs *r, struct ref *out, struct err *err)
{
	struct search s = { NULL, NULL, NULL, NULL, NULL };

	if (r->own)
		consider(&s, r->own, "main");
	for (size_t i = 0; (!s.log || s.log != r->own) && !s.doubtful && i < r->nr; i++) {
		const struct log *l = r->logs[i];
		const struct log_ref *ref = is_believed(l) ? log_find_ref(l, "main") : NULL;
		if (ref && (!s.ref || is_newer(ref, s.ref))) {
			s.log = l;
			s.ref = ref;
		}
	}
	if (!s.ref && !s.doubtful)
		return err_set(err, ERR_NOT_FOUND, "there is no snapshot yet: HEAD names nothing");
	return answer(&s, "HEAD", out, err);
}

/* -- the past -- */

static struct log *log_of(struct refs *r, const struct ref *ref)
{
	struct device_id id;

	log_device_id(&id, ref->device_key);
	return refs_log(r, &id);
}

/* One record on the way back, from its full hash; `hash` and `seq` become those before it. */
static int step_back(struct refs *r, struct log *l, uint64_t *seq,
		     unsigned char hash[HASH_SIZE], const char *name, struct advance *a,
		     bool *is_hit, struct err *err)
{
	struct log_entry e = { .seq = *seq };
	struct buf raw = BUF_INIT;
	struct record rec = RECORD_INIT;
	int ret;

	memcpy(e.hash, hash, LOG_NAME_HASH);
	*is_hit = false;
	ret = log_read(r->dir, keys_genesis(r->keys), &l->id, &e, &raw, &rec, err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_CORRUPT, "record %" PRIu64 " of '%s' is missing", *seq,
			      log_label(l).s);
	if (ret == 0 && memcmp(rec.hash, hash, HASH_SIZE) != 0)
		ret = err_set(err, ERR_CORRUPT, "record %" PRIu64 " of '%s' is not the one that the"
			      " next one follows", *seq, log_label(l).s);
	if (ret == 0 && rec.kind == RECORD_ADVANCE) {
		ret = record_open(r->keys, raw.data, raw.len, &rec, err);
		if (ret == 0)
			ret = advance_decode(a, rec.sealed.data, rec.sealed.len, err);
		*is_hit = ret == 0 && strcmp(a->ref, name) == 0;
	}
	if (ret == 0) {
		memcpy(hash, rec.prev, HASH_SIZE);
		*seq = rec.seq - 1;	/* past the join: never used */
	}
	record_release(&rec);
	buf_release(&raw);
	return ret;
}

int refs_history(struct refs *r, const struct ref *ref,
		 int (*fn)(const struct ref *was, void *data, struct err *err), void *data,
		 struct err *err)
{
	struct log *l = log_of(r, ref);
	struct log_ref *now = l ? log_find_ref(l, ref->name) : NULL;
	struct advance a = ADVANCE_INIT;
	unsigned char hash[HASH_SIZE];
	int ret = 0;

	if (!now)
		return err_set(err, ERR_NOT_FOUND, "there is no ref '%s/%s'", ref->device,
			       ref->name);
	uint64_t seq = now->seq;
	memcpy(hash, now->hash, HASH_SIZE);
	for (bool is_hit; ret == 0 && seq != UINT64_MAX;) {
		uint64_t at = seq;
		ret = step_back(r, l, &seq, hash, now->name, &a, &is_hit, err);
		if (ret == 0 && is_hit) {
			struct ref was;
			fill(l, now, &was);
			was.commit = a.commit;
			was.time_s = a.time_s;
			was.time_ns = a.time_ns;
			was.seq = at;
			ret = fn(&was, data, err);
		}
	}
	advance_release(&a);
	return ret;
}
