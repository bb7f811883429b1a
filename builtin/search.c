/*
 * ub search: which files there ever were, by name.
 *
 * What fits is found in the catalogue before anything is printed: if that is damaged, it is made
 * again and all is looked for anew.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/quote.h"
#include "lib/regex.h"
#include "lib/sys.h"
#include "objects/treetext.h"
#include "refs/date.h"
#include "refs/rev.h"
#include "fs/namesearch.h"
#include "builtin/catalogue.h"
#include "builtin/pager.h"
#include "builtin/ub.h"

static const char search_usage[] =
	"ub search [--regex] [-i] [--at REV] [--since DATE] [--before DATE] [--size SIZE]"
	" [--type TYPE] [-l] [-z] PATTERN...";

struct searcher {
	struct ub *ub;
	struct namesearch_options what;
	struct namesearch *names;
	struct timeline timeline;
	char *tmp_dir;
	bool details, nul;
	bool has_since, has_before, has_at;
	struct timespec since, before;
	struct oid at;
	struct buf line;
	uint64_t printed;
	unsigned int missing;
};

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

static uint32_t full_mode(const struct catalogue_fact *f)
{
	const struct tree_entry e = { .type = f->type, .mode = f->mode };

	return treetext_mode(&e);
}

static void put_json(struct searcher *s, const struct namesearch_version *v)
{
	const struct timeline_slot *first = v->span.first, *last = v->span.last;
	const struct catalogue_fact *f = &v->fact;
	struct json j;

	json_begin(&j, &s->line, "file");
	json_path(&j, "path", v->path, v->path_len);
	json_u64(&j, "size", f->size);
	if (f->has_mtime)
		json_time(&j, "mtime", f->mtime_s, f->mtime_ns);
	else
		json_null(&j, "mtime");
	json_u64(&j, "mode", full_mode(f));
	if (f->has_id && f->type != ENTRY_DIR)
		json_str(&j, "oid", oid_hex(&f->id).s);
	else
		json_null(&j, "oid");
	json_str(&j, "first_commit", oid_hex(&first->id).s);
	json_str(&j, "last_commit", oid_hex(&last->id).s);
	json_time(&j, "first_time", first->time_s, first->time_ns);
	json_time(&j, "last_time", last->time_s, last->time_ns);
	json_end(&j);
}

static void put_text(struct searcher *s, const struct namesearch_version *v)
{
	const struct timeline_slot *first = v->span.first, *last = v->span.last;
	struct buf *out = &s->line;

	buf_put_str(out, v->span.has_tip ? "  " : "- ");
	put_local(out, first->time_s);
	put_local(out, last->time_s);
	if (s->details) {
		buf_printf(out, "%.7s  %.7s  %06o  ", oid_hex(&first->id).s, oid_hex(&last->id).s,
			   full_mode(&v->fact));
		put_local(out, v->fact.has_mtime ? v->fact.mtime_s : 0);
	}
	buf_printf(out, "%12" PRIu64 "  ", v->fact.size);
	if (s->nul)
		buf_put(out, v->path, v->path_len);
	else
		quote_put(out, v->path, v->path_len);
	buf_put_u8(out, s->nul ? '\0' : '\n');
}

static bool is_before(const struct timeline_slot *slot, const struct timespec *t)
{
	return slot->time_s != t->tv_sec ? slot->time_s < t->tv_sec :
					   (long)slot->time_ns < t->tv_nsec;
}

static bool is_shown(const struct searcher *s, const struct namesearch_version *v)
{
	if (s->has_at && !v->span.has_at)
		return false;
	if (s->has_since && is_before(v->span.last, &s->since))
		return false;
	return !s->has_before || is_before(v->span.first, &s->before);
}

static int print(const struct namesearch_version *v, void *data, struct err *err)
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
	return out_failed(&s->ub->out) ? out_flush(&s->ub->out, err) : interrupt_check(err);
}

/* -- searching -- */

static void forget(struct searcher *s)
{
	namesearch_free(s->names);
	s->names = NULL;
	timeline_release(&s->timeline);
}

/* All that the catalogue is for. */
static int find(struct catalogue *c, void *data, struct err *err)
{
	struct searcher *s = data;

	forget(s);
	int ret = timeline_read(&s->timeline, c, s->ub->refs, s->has_at ? &s->at : NULL, err);
	if (ret < 0)
		return ret;
	s->names = namesearch_new(c, &s->timeline, &s->what, s->tmp_dir);
	return namesearch_scan(s->names, err);
}

static void warn_of_missing(struct searcher *s)
{
	const struct buf *ids = &s->timeline.missing;

	for (size_t at = 0; at < ids->len; at += OID_SIZE) {
		struct oid id;
		memcpy(id.b, ids->data + at, OID_SIZE);
		ub_warn(s->ub, "snapshot %s is not in this repository", oid_hex(&id).s);
		s->missing++;
	}
}

static int search(struct searcher *s, const char *at, struct err *err)
{
	struct commit commit = COMMIT_INIT;
	int ret = 0;

	s->has_at = at != NULL;
	s->tmp_dir = path_join(s->ub->repo_path, "tmp");
	if (at)
		ret = rev_read_commit(s->ub->refs, s->ub->store, at, &s->at, &commit, err);
	commit_release(&commit);
	if (ret == 0)
		ret = repo_with_catalogue(s->ub, at ? &s->at : NULL, find, s, err);
	if (ret < 0)
		return ret;
	warn_of_missing(s);
	pager_begin(s->ub);
	return namesearch_each(s->names, print, s, err);
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

static int take_size(struct namesearch_options *what, const char *text, struct err *err)
{
	const char *p = text;

	if (!text)
		return 0;
	what->has_size = true;
	what->size_sign = *p == '+' ? 1 : *p == '-' ? -1 : 0;
	p += what->size_sign != 0;
	for (; *p >= '0' && *p <= '9' && what->size < UINT64_MAX / 10; p++)
		what->size = what->size * 10 + (uint64_t)(*p - '0');
	if (*p || p == text || p[-1] < '0' || p[-1] > '9')
		return err_set(err, ERR_USAGE, "--size: '%s' is not N, +N or -N, in bytes", text);
	return 0;
}

static int take_type(struct namesearch_options *what, const char *text, struct err *err)
{
	static const char types[] = "?fdlpscb";		/* by enum entry_type */
	const char *p = text && text[0] && !text[1] ? strchr(types + 1, text[0]) : NULL;

	if (p)
		what->type = (uint8_t)(p - types);
	if (text && !p)
		return err_set(err, ERR_USAGE, "--type: '%s' is none of f, d, l, p, s, c, b", text);
	return 0;
}

static int take_patterns(struct namesearch_options *what, char **texts, int nr, unsigned int flags,
			 struct err *err)
{
	int ret = 0;

	if (nr == 0)
		return err_set(err, ERR_USAGE, "what is to be searched for?");
	what->patterns = xcalloc((size_t)nr, sizeof(*what->patterns));
	for (int i = 0; ret == 0 && i < nr; i++) {
		const char *text = texts[i];
		struct namesearch_pattern *p = &what->patterns[what->nr_patterns++];
		p->is_whole = strchr(text, '/') != NULL || !(flags & REGEX_GLOB);
		if (flags & REGEX_GLOB && text[0] == '/')
			text++;
		ret = regex_new(&p->regex, text, flags, err);
		if (ret < 0)
			ret = err_wrap(err, "'%s'", texts[i]);
	}
	return ret;
}

static void release(struct searcher *s)
{
	forget(s);
	for (size_t i = 0; i < s->what.nr_patterns; i++)
		regex_free(s->what.patterns[i].regex);
	sys_free(s->what.patterns);
	sys_free(s->tmp_dir);
	buf_release(&s->line);
}

int cmd_search(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct searcher s = { .ub = ub, .timeline = TIMELINE_INIT, .line = BUF_INIT };
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
		ret = take_size(&s.what, size, err);
	if (ret == 0)
		ret = take_type(&s.what, type, err);
	if (ret == 0)
		ret = take_patterns(&s.what, argv, argc, (is_regex ? 0 : REGEX_GLOB) |
				    (folds ? REGEX_FOLDS : 0), err);
	if (ret == 0)
		ret = search(&s, at, err);
	release(&s);
	if (ret < 0)
		return ret;
	return s.missing > 0 ? EXIT_PARTIAL : s.printed > 0 ? EXIT_DONE : EXIT_FAILED;
}
