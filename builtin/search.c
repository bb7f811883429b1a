/*
 * ub search: which files there ever were, by name; fs/history-search.h finds them.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/path.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/treetext.h"
#include "refs/date.h"
#include "refs/rev.h"
#include "fs/history-search.h"
#include "builtin/catalogue.h"
#include "builtin/pager.h"
#include "builtin/repo.h"

static const char search_usage[] =
	"ub search [--regex] [-i] [--at REV] [--since DATE] [--before DATE] [--size SIZE]"
	" [--type TYPE] [-l] [-z] PATTERN...";

struct searcher {
	struct ub *ub;
	struct history_pattern *patterns;
	size_t nr_patterns;
	bool details, nul;
	bool has_since, has_before;
	struct timespec since, before;
	char type;			/* 0: any */
	int size_sign;			/* 0: exactly */
	bool has_size, has_at;
	uint64_t size;
	struct buf line;
	uint64_t printed;
};

/* -- which -- */

static bool fits_terms(const struct searcher *s, const struct history_version *v)
{
	static const char types[] = "?fdlpscb";

	if (s->type && types[v->type] != s->type)
		return false;
	if (!s->has_size)
		return true;
	if (v->type != ENTRY_FILE)
		return false;
	return s->size_sign == 0 ? v->size == s->size :
	       s->size_sign > 0 ? v->size > s->size : v->size < s->size;
}

static int cmp_time(const struct history_moment *m, const struct timespec *t)
{
	if (m->s != t->tv_sec)
		return m->s < t->tv_sec ? -1 : 1;
	return ((long)m->ns > t->tv_nsec) - ((long)m->ns < t->tv_nsec);
}

static bool is_shown(const struct searcher *s, const struct history_version *v)
{
	return fits_terms(s, v) && (!s->has_at || v->is_at) &&
	       (!s->has_since || cmp_time(&v->last, &s->since) >= 0) &&
	       (!s->has_before || cmp_time(&v->first, &s->before) < 0);
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

static uint32_t mode_of(const struct history_version *v)
{
	const struct tree_entry e = { .type = v->type, .mode = v->mode };

	return treetext_mode(&e);
}

static void put_json(struct searcher *s, const struct history_version *v)
{
	struct json j;

	json_begin(&j, &s->line, "file");
	json_path(&j, "path", v->path, v->path_len);
	json_u64(&j, "size", v->size);
	if (v->has_mtime)
		json_time(&j, "mtime", v->mtime_s, v->mtime_ns);
	else
		json_null(&j, "mtime");
	json_u64(&j, "mode", mode_of(v));
	if (v->has_id)
		json_str(&j, "oid", oid_hex(&v->id).s);
	else
		json_null(&j, "oid");
	json_str(&j, "first_commit", oid_hex(&v->first.commit).s);
	json_str(&j, "last_commit", oid_hex(&v->last.commit).s);
	json_time(&j, "first_time", v->first.s, v->first.ns);
	json_time(&j, "last_time", v->last.s, v->last.ns);
	json_end(&j);
}

static void put_text(struct searcher *s, const struct history_version *v)
{
	struct buf *out = &s->line;

	buf_put_str(out, v->is_now ? "  " : "- ");
	put_local(out, v->first.s);
	put_local(out, v->last.s);
	if (s->details) {
		buf_printf(out, "%.7s  %.7s  %06o  ", oid_hex(&v->first.commit).s,
			   oid_hex(&v->last.commit).s, mode_of(v));
		put_local(out, v->has_mtime ? v->mtime_s : 0);
	}
	buf_printf(out, "%12" PRIu64 "  ", v->size);
	if (s->nul)
		buf_put(out, v->path, v->path_len);
	else
		quote_put(out, v->path, v->path_len);
	buf_put_u8(out, s->nul ? '\0' : '\n');
}

static int print(const struct history_version *v, void *data, struct err *err)
{
	struct searcher *s = data;

	if (!is_shown(s, v))
		return 0;
	buf_reset(&s->line);
	if (s->ub->json)
		put_json(s, v);
	else
		put_text(s, v);
	out_buf(&s->ub->out, &s->line);
	s->printed++;
	return out_failed(&s->ub->out) ? out_flush(&s->ub->out, err) : 0;
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

/* The longest run of a glob that stands for itself; NULL: there is none of two bytes. */
static char *literal_of(const char *glob)
{
	const char *best = NULL;
	size_t best_len = 1;

	/* What is in brackets stands for one byte. */
	if (strpbrk(glob, "[]\\"))
		return NULL;
	for (const char *p = glob; *p;) {
		size_t n = strcspn(p, "*?");
		if (n > best_len) {
			best = p;
			best_len = n;
		}
		p += n + (p[n] != '\0');
	}
	return best ? xstrndup(best, best_len) : NULL;
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
		struct history_pattern *p = &s->patterns[s->nr_patterns++];
		p->is_whole = strchr(text, '/') != NULL || !(flags & REGEX_GLOB);
		if (flags & REGEX_GLOB && text[0] == '/')
			text++;
		if (!p->is_whole && !(flags & REGEX_FOLDS))
			p->literal = literal_of(text);
		ret = regex_new(&p->regex, text, flags, err);
		if (ret < 0)
			ret = err_wrap(err, "'%s'", texts[i]);
	}
	return ret;
}

static int search_once(struct searcher *s, const char *at, struct err *err)
{
	struct history_search q = {
		.patterns = s->patterns, .nr_patterns = s->nr_patterns, .refs = s->ub->refs,
		.has_at = at != NULL, .spill_dir = store_tmp_dir(s->ub->store),
	};
	struct catalogue *c = NULL;
	struct commit commit = COMMIT_INIT;
	int ret = at ? rev_read_commit(s->ub->refs, s->ub->store, at, &q.at, &commit, err) : 0;

	s->has_at = at != NULL;
	commit_release(&commit);
	if (ret == 0)
		ret = repo_open_catalogue(s->ub, &c, err);
	if (ret == 0)
		ret = history_search(c, &q, print, s, err);
	catalogue_close(c);
	return ret;
}

static int search(struct searcher *s, const char *at, struct err *err)
{
	pager_begin(s->ub);
	int ret = search_once(s, at, err);
	/* Damage that shows only now. */
	if (ret == ERR_CORRUPT && s->printed == 0) {
		ub_warn(s->ub, "%s: the catalogue is made again", err->msg);
		err_clear(err);
		ret = repo_rebuild_catalogue(s->ub, err);
		if (ret == 0)
			ret = search_once(s, at, err);
	}
	return ret;
}

static void release(struct searcher *s)
{
	for (size_t i = 0; i < s->nr_patterns; i++) {
		regex_free(s->patterns[i].regex);
		sys_free((char *)s->patterns[i].literal);
	}
	sys_free(s->patterns);
	buf_release(&s->line);
}

int cmd_search(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct searcher s = { .ub = ub, .line = BUF_INIT };
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
	return s.printed > 0 ? EXIT_DONE : EXIT_FAILED;
}
