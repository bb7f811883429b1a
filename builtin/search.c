/*
 * ub search: which files there ever were, by name.
 *
 * Snapshots are compared with their parents, so that what never changed is seen once.  Each change
 * gives sightings: of what came, in the snapshot, and of what went, in the parent; what still
 * stands is seen once more in the newest snapshot of each ref.  Sorted, the sightings of one
 * version follow each other, and the earliest and the latest of them are its first and last
 * snapshot.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/quote.h"
#include "lib/regex.h"
#include "lib/sys.h"
#include "objects/sorter.h"
#include "objects/store-view.h"
#include "refs/date.h"
#include "refs/revlist.h"
#include "fs/difftree.h"
#include "builtin/pager.h"
#include "builtin/ub.h"

#define SORT_MEMORY ((size_t)16 << 20)

static const char search_usage[] =
	"ub search [--regex] [-i] [--at REV] [--since DATE] [--before DATE] [--size SIZE]"
	" [--type TYPE] [-l] [-z] PATTERN...";

enum seen_flags { SEEN_NOW = 1, SEEN_AT = 2 };	/* in a newest snapshot; in that of --at */

struct moment { int64_t s; uint32_t ns; struct oid commit; };

/* A version, and between which snapshots it was seen. */
struct version {
	struct buf key;			/* type, content: what makes it another version */
	uint64_t size;
	uint32_t mode;
	bool has_oid, has_mtime;
	struct oid oid;
	int64_t mtime_s; uint32_t mtime_ns;
	struct moment first, last;
	uint8_t seen;
};

struct pattern { struct regex *regex; bool is_whole; };

struct searcher {
	struct ub *ub;
	struct object_source source;
	struct treetext_store text;
	struct pattern *patterns;
	size_t nr_patterns;
	bool details, nul;
	bool has_since, has_before;
	struct timespec since, before;
	char type;			/* 0: any */
	int size_sign;			/* 0: exactly */
	bool has_size;
	uint64_t size;
	struct sorter *sorter;
	struct moment now;		/* of the snapshot that is compared */
	struct moment then;		/* of the parent */
	uint8_t seen;
	struct buf record, line, path;	/* `path`: that of the versions held */
	struct version *held;
	size_t nr_held, alloc_held;
	uint64_t printed;
	unsigned int missing;
};

/* -- which -- */

static bool fits_name(const struct searcher *s, const char *path, size_t n)
{
	const char *slash = memrchr(path, '/', n);
	const char *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < s->nr_patterns; i++) {
		const struct pattern *p = &s->patterns[i];
		const char *from = p->is_whole ? path : base;
		if (regex_match(p->regex, from, (size_t)(path + n - from)))
			return true;
	}
	return false;
}

static bool fits_terms(const struct searcher *s, const struct tree_entry *e)
{
	static const char types[] = "?fdlpscb";

	if (s->type && types[e->type] != s->type)
		return false;
	if (!s->has_size)
		return true;
	if (e->type != ENTRY_FILE)
		return false;
	return s->size_sign == 0 ? e->size == s->size :
	       s->size_sign > 0 ? e->size > s->size : e->size < s->size;
}

/* -- sightings -- */

static void put_moment(struct buf *out, const struct moment *m)
{
	buf_put_u64le(out, (uint64_t)m->s);
	buf_put_u32le(out, m->ns);
	buf_put(out, m->commit.b, OID_SIZE);
}

/* Record: path and key, each with its length before it, then the rest. */
static int add_sighting(struct searcher *s, const char *path, size_t n, const struct tree_entry *e,
			const struct moment *m, struct err *err)
{
	struct buf *r = &s->record;
	struct oid id = { { 0 } };
	bool has_oid = e->type != ENTRY_DIR && treetext_oid(e, &s->text, &id);
	uint64_t major = 0, minor = 0;
	int64_t sec = 0;
	uint32_t ns = 0;
	bool has_mtime = tree_entry_mtime(e, &sec, &ns);

	tree_entry_device(e, &major, &minor);
	buf_reset(r);
	buf_put_u32le(r, (uint32_t)n);
	buf_put(r, path, n);
	buf_put_u32le(r, 1 + 16 + OID_SIZE);
	buf_put_u8(r, (uint8_t)e->type);
	buf_put_u64le(r, major);
	buf_put_u64le(r, minor);
	buf_put(r, id.b, OID_SIZE);
	put_moment(r, m);
	buf_put_u64le(r, e->size);
	buf_put_u32le(r, treetext_mode(e));
	buf_put_u64le(r, (uint64_t)sec);
	buf_put_u32le(r, ns);
	buf_put_u8(r, has_oid);
	buf_put_u8(r, has_mtime);
	buf_put_u8(r, s->seen);
	return sorter_add(s->sorter, r->data, r->len, err);
}

/* By path, then by version. */
static int cmp_records(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	size_t a_path = get_u32le(a), b_path = get_u32le(b);
	int cmp = name_cmp(a + 4, a_path, b + 4, b_path);

	(void)a_len;
	(void)b_len;
	return cmp ? cmp : memcmp(a + 4 + a_path, b + 4 + b_path, 4 + 1 + 16 + OID_SIZE);
}

static int on_change(const struct change *c, void *data, struct err *err)
{
	struct searcher *s = data;
	int ret = interrupt_check(err);

	if (ret < 0 || !fits_name(s, c->path, c->path_len))
		return ret;
	if (c->new && fits_terms(s, c->new))
		ret = add_sighting(s, c->path, c->path_len, c->new, &s->now, err);
	if (ret == 0 && c->old && fits_terms(s, c->old))
		ret = add_sighting(s, c->path, c->path_len, c->old, &s->then, err);
	return ret;
}

static void set_moment(struct moment *m, const struct oid *id, const struct commit *c)
{
	*m = (struct moment){ c->time_s, c->time_ns, *id };
}

/* 1: compared with this parent; 0: it is not here. */
static int see_parent(struct searcher *s, const struct commit *c, const struct oid *parent,
		      struct err *err)
{
	struct commit p = COMMIT_INIT;
	int ret = store_read_commit(s->ub->store, parent, &p, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (ret == 0) {
		set_moment(&s->then, parent, &p);
		ret = difftree_ids(&s->source, &p.tree, &c->tree, NULL, on_change, s, err);
	}
	commit_release(&p);
	return ret < 0 ? ret : 1;
}

static int see_commit(const struct revlist_item *item, void *data, struct err *err)
{
	struct searcher *s = data;
	struct commit c = COMMIT_INIT;
	int got = 0, ret = store_read_commit(s->ub->store, item->id, &c, err);

	if (ret == 0)
		set_moment(&s->now, item->id, &c);
	for (size_t i = 0; ret == 0 && i < c.nr_parents; i++) {
		ret = see_parent(s, &c, &c.parents[i], err);
		got += ret == 1;
		ret = ret < 0 ? ret : 0;
	}
	if (ret == 0 && got == 0)
		ret = difftree_ids(&s->source, NULL, &c.tree, NULL, on_change, s, err);
	commit_release(&c);
	return ret;
}

/* All that is in one snapshot. */
static int see_whole(struct searcher *s, const struct oid *id, const struct commit *c, uint8_t seen,
		     struct err *err)
{
	int ret;

	set_moment(&s->now, id, c);
	s->seen = seen;
	ret = difftree_ids(&s->source, NULL, &c->tree, NULL, on_change, s, err);
	s->seen = 0;
	return ret;
}

struct tips { struct searcher *s; struct revlist *rl; };

static int see_tip(const struct ref *ref, void *data, struct err *err)
{
	struct tips *t = data;
	const struct rev rev = { .type = OBJ_COMMIT, .id = ref->commit };
	struct commit c = COMMIT_INIT;
	int ret = store_read_commit(t->s->ub->store, &ref->commit, &c, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);		/* the list of snapshots says so */
		ret = 0;
	} else if (ret == 0) {
		ret = see_whole(t->s, &ref->commit, &c, SEEN_NOW, err);
	}
	if (ret == 0)
		ret = revlist_add(t->rl, &rev, false, err);
	commit_release(&c);
	return ret;
}

static int on_missing(const struct revlist_item *item, void *data, struct err *err)
{
	struct searcher *s = data;

	(void)err;
	ub_warn(s->ub, "snapshot %s is not in this repository", oid_hex(item->id).s);
	s->missing++;
	return 0;
}

static int see_at(struct searcher *s, struct revlist *rl, const char *at, struct err *err)
{
	struct rev rev = { .type = OBJ_COMMIT };
	struct commit c = COMMIT_INIT;
	int ret = rev_read_commit(s->ub->refs, s->ub->store, at, &rev.id, &c, err);

	if (ret == 0)
		ret = see_whole(s, &rev.id, &c, SEEN_AT, err);
	if (ret == 0)
		ret = revlist_add(rl, &rev, false, err);
	commit_release(&c);
	return ret;
}

/* -- printing -- */

static void put_local(struct buf *out, int64_t s)
{
	time_t at = (time_t)s;
	char text[64] = "-";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	buf_printf(out, "%-16s  ", text);
}

static void put_json(struct searcher *s, const struct version *v)
{
	struct json j;

	json_begin(&j, &s->line, "file");
	json_path(&j, "path", s->path.data, s->path.len);
	json_u64(&j, "size", v->size);
	if (v->has_mtime)
		json_time(&j, "mtime", v->mtime_s, v->mtime_ns);
	else
		json_null(&j, "mtime");
	json_u64(&j, "mode", v->mode);
	if (v->has_oid)
		json_str(&j, "oid", oid_hex(&v->oid).s);
	else
		json_null(&j, "oid");
	json_str(&j, "first_commit", oid_hex(&v->first.commit).s);
	json_str(&j, "last_commit", oid_hex(&v->last.commit).s);
	json_time(&j, "first_time", v->first.s, v->first.ns);
	json_time(&j, "last_time", v->last.s, v->last.ns);
	json_end(&j);
}

static void put_text(struct searcher *s, const struct version *v)
{
	struct buf *out = &s->line;

	buf_put_str(out, v->seen & SEEN_NOW ? "  " : "- ");
	put_local(out, v->first.s);
	put_local(out, v->last.s);
	if (s->details) {
		buf_printf(out, "%.7s  %.7s  %06o  ", oid_hex(&v->first.commit).s,
			   oid_hex(&v->last.commit).s, v->mode);
		put_local(out, v->has_mtime ? v->mtime_s : 0);
	}
	buf_printf(out, "%12" PRIu64 "  ", v->size);
	if (s->nul)
		buf_put_buf(out, &s->path);
	else
		quote_put(out, s->path.data, s->path.len);
	buf_put_u8(out, s->nul ? '\0' : '\n');
}

static int cmp_moment(const struct moment *a, int64_t s, uint32_t ns)
{
	if (a->s != s)
		return a->s < s ? -1 : 1;
	return (a->ns > ns) - (a->ns < ns);
}

static bool is_shown(const struct searcher *s, const struct version *v, bool has_at)
{
	if (has_at && !(v->seen & SEEN_AT))
		return false;
	if (s->has_since && cmp_moment(&v->last, s->since.tv_sec, (uint32_t)s->since.tv_nsec) < 0)
		return false;
	return !s->has_before ||
	       cmp_moment(&v->first, s->before.tv_sec, (uint32_t)s->before.tv_nsec) < 0;
}

static int cmp_first(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	int cmp = cmp_moment(&x->first, y->first.s, y->first.ns);

	return cmp ? cmp : buf_cmp(&x->key, &y->key);
}

/* The versions of one path, oldest first. */
static int print_held(struct searcher *s, bool has_at, struct err *err)
{
	if (s->nr_held > 1)
		qsort(s->held, s->nr_held, sizeof(*s->held), cmp_first);
	for (size_t i = 0; i < s->nr_held; i++) {
		struct version *v = &s->held[i];
		if (is_shown(s, v, has_at)) {
			buf_reset(&s->line);
			if (s->ub->json)
				put_json(s, v);
			else
				put_text(s, v);
			out_buf(&s->ub->out, &s->line);
			s->printed++;
		}
		buf_release(&v->key);
	}
	s->nr_held = 0;
	return out_failed(&s->ub->out) ? out_flush(&s->ub->out, err) : interrupt_check(err);
}

static struct version *hold(struct searcher *s, const unsigned char *key, size_t n)
{
	struct version *v;

	if (s->nr_held > 0) {
		v = &s->held[s->nr_held - 1];
		if (v->key.len == n && memcmp(v->key.data, key, n) == 0)
			return v;
	}
	if (s->nr_held == s->alloc_held) {
		s->alloc_held = s->alloc_held ? 2 * s->alloc_held : 8;
		s->held = xrealloc(s->held, s->alloc_held * sizeof(*s->held));
	}
	v = &s->held[s->nr_held++];
	*v = (struct version){ .key = BUF_INIT };
	buf_put(&v->key, key, n);
	return v;
}

static bool is_later(const struct moment *a, const struct moment *b)
{
	int cmp = cmp_moment(a, b->s, b->ns);

	return cmp > 0 || (cmp == 0 && memcmp(a->commit.b, b->commit.b, OID_SIZE) > 0);
}

/* What add_sighting() wrote after the key, from `p` on. */
static void merge(struct version *v, const unsigned char *p)
{
	struct moment m = { (int64_t)get_u64le(p), get_u32le(p + 8), { { 0 } } };
	bool is_new = v->mode == 0;

	memcpy(m.commit.b, p + 12, OID_SIZE);
	p += 12 + OID_SIZE;
	if (is_new || is_later(&v->first, &m))
		v->first = m;
	if (is_new || !is_later(&v->last, &m)) {
		v->last = m;
		v->size = get_u64le(p);
		v->mode = get_u32le(p + 8);
		v->mtime_s = (int64_t)get_u64le(p + 12);
		v->mtime_ns = get_u32le(p + 20);
		v->has_oid = p[24];
		v->has_mtime = p[25];
		memcpy(v->oid.b, v->key.data + 17, OID_SIZE);
	}
	v->seen |= p[26];
}

static int print_all(struct searcher *s, bool has_at, struct err *err)
{
	const unsigned char *p;
	size_t n;
	int ret;

	while ((ret = sorter_next(s->sorter, &p, &n, err)) == 1) {
		size_t path_len = get_u32le(p);
		const unsigned char *key = p + 4 + path_len + 4;
		if (s->path.len != path_len || memcmp(s->path.data, p + 4, path_len) != 0) {
			ret = print_held(s, has_at, err);
			if (ret < 0)
				return ret;
			buf_reset(&s->path);
			buf_put(&s->path, p + 4, path_len);
		}
		merge(hold(s, key, get_u32le(key - 4)), key + get_u32le(key - 4));
	}
	return ret < 0 ? ret : print_held(s, has_at, err);
}

/* -- what was asked for -- */

static int take_date(const char *text, const char *option, bool *has_out, struct timespec *out,
		     struct err *err)
{
	struct timespec now;

	if (!text)
		return 0;
	sys_now(&now);
	*has_out = true;
	if (date_parse(text, &now, out))
		return 0;
	return err_set(err, ERR_USAGE, "%s: '%s' is not a date: 2023-01-01, '2023-01-01 12:30',"
		       " 2.days.ago and yesterday are", option, text);
}

static int take_size(struct searcher *s, const char *text, struct err *err)
{
	const char *p = text;

	if (!text)
		return 0;
	s->has_size = true;
	s->size_sign = *p == '+' ? 1 : *p == '-' ? -1 : 0;
	p += s->size_sign != 0;
	for (; *p >= '0' && *p <= '9' && s->size < UINT64_MAX / 10; p++)
		s->size = s->size * 10 + (uint64_t)(*p - '0');
	if (*p || p == text || p[-1] < '0' || p[-1] > '9')
		return err_set(err, ERR_USAGE, "--size: '%s' is not N, +N or -N, in bytes", text);
	return 0;
}

static int take_type(struct searcher *s, const char *text, struct err *err)
{
	if (!text)
		return 0;
	s->type = text[0];
	if (!text[0] || text[1] || !strchr("fdlpscb", text[0]))
		return err_set(err, ERR_USAGE, "--type: '%s' is none of f, d, l, p, s, c, b", text);
	return 0;
}

static int take_patterns(struct searcher *s, char **texts, int nr, unsigned int flags,
			 struct err *err)
{
	int ret = 0;

	if (nr == 0)
		return err_set(err, ERR_USAGE, "what is to be searched for?");
	s->patterns = xcalloc((size_t)nr, sizeof(*s->patterns));
	for (int i = 0; ret == 0 && i < nr; i++) {
		const char *text = texts[i];
		struct pattern *p = &s->patterns[s->nr_patterns++];
		p->is_whole = strchr(text, '/') != NULL || !(flags & REGEX_GLOB);
		if (flags & REGEX_GLOB && text[0] == '/')
			text++;
		ret = regex_new(&p->regex, text, flags, err);
		if (ret < 0)
			ret = err_wrap(err, "'%s'", texts[i]);
	}
	return ret;
}

static int search(struct searcher *s, const char *at, struct err *err)
{
	struct tips t = { .s = s };
	char *tmp_dir = path_join(s->ub->repo_path, "tmp");
	int ret = revlist_new(&t.rl, s->ub->store, err);

	s->source = store_source(s->ub->store);
	s->text = store_treetext(s->ub->store);
	s->sorter = sorter_new(tmp_dir, SORT_MEMORY, cmp_records);
	if (ret == 0) {
		revlist_on_missing(t.rl, on_missing, s);
		ret = refs_each(s->ub->refs, see_tip, &t, err);
	}
	if (ret == 0 && at)
		ret = see_at(s, t.rl, at, err);
	if (ret == 0)
		ret = revlist_run(t.rl, false, see_commit, s, err);
	if (ret == 0) {
		pager_begin(s->ub);
		ret = print_all(s, at != NULL, err);
	}
	revlist_free(t.rl);
	sorter_free(s->sorter);
	s->sorter = NULL;
	sys_free(tmp_dir);
	return ret;
}

static void release(struct searcher *s)
{
	for (size_t i = 0; i < s->nr_patterns; i++)
		regex_free(s->patterns[i].regex);
	for (size_t i = 0; i < s->nr_held; i++)
		buf_release(&s->held[i].key);
	sys_free(s->patterns);
	sys_free(s->held);
	buf_release(&s->record);
	buf_release(&s->line);
	buf_release(&s->path);
}

int cmd_search(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct searcher s = { .ub = ub, .record = BUF_INIT, .line = BUF_INIT, .path = BUF_INIT };
	const char *at = NULL, *since = NULL, *before = NULL, *size = NULL, *type = NULL;
	bool is_regex = false, folds = false;
	const struct opt opts[] = {
		OPT_FLAG(0, "regex", &is_regex, "patterns are extended regular expressions"),
		OPT_FLAG('i', "ignore-case", &folds, "a to z are as A to Z"),
		OPT_STR(0, "at", &at, "rev", "only versions that this snapshot has"),
		OPT_STR(0, "since", &since, "date", "only versions still there then or later"),
		OPT_STR(0, "before", &before, "date", "only versions there before then"),
		OPT_STR(0, "size", &size, "size", "only files of N bytes, +N: more, -N: less"),
		OPT_STR(0, "type", &type, "type",
			"only files (f), folders (d), links (l), p, s, c or b"),
		OPT_FLAG('l', "long", &s.details, "show snapshots, mode and time of change, too"),
		OPT_FLAG('z', "null", &s.nul, "end records with NUL and do not quote names"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, search_usage, &argc, &argv, err);

	if (ret == 0)
		ret = take_date(since, "--since", &s.has_since, &s.since, err);
	if (ret == 0)
		ret = take_date(before, "--before", &s.has_before, &s.before, err);
	if (ret == 0)
		ret = take_size(&s, size, err);
	if (ret == 0)
		ret = take_type(&s, type, err);
	if (ret == 0)
		ret = take_patterns(&s, argv, argc, (is_regex ? 0 : REGEX_GLOB) |
				    (folds ? REGEX_FOLDS : 0), err);
	if (ret == 0)
		ret = search(&s, at, err);
	release(&s);
	if (ret < 0)
		return ret;
	return s.missing > 0 ? EXIT_PARTIAL : s.printed > 0 ? EXIT_DONE : EXIT_FAILED;
}
