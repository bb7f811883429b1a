/*
 * ub log: the snapshots there are, newest first.
 *
 * With paths, those in which something at one of them is not as in any parent.  What stands at a
 * path is found by going down to it alone, and compared by id.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "lib/interrupt.h"
#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "refs/date.h"
#include "refs/revlist.h"
#include "fs/follow.h"
#include "fs/touched.h"
#include "builtin/catalogue.h"
#include "builtin/changes.h"
#include "builtin/pager.h"
#include "builtin/repo.h"
#include "builtin/snapshot.h"

static const char log_usage[] =
	"ub log [-n N] [--oneline] [--stat] [--follow] [--since DATE] [--until DATE] [--all]"
	" [REV] [-- PATH...]\nub log --runs [-n N]";

struct logger {
	struct ub *ub;
	struct object_source source;
	struct ref_names names;
	struct path_set paths;
	unsigned int left;
	bool oneline, follow;
	struct changes_options changes;
	bool has_since, has_until;
	struct timespec since, until;
	struct buf text;
	bool any;
	unsigned int missing;
	/* From the catalogue, if it could be read: which need not be looked at. */
	struct timeline timeline;
	bool *touched;			/* by slot */
};

/* -- which -- */

static int cmp_time(const struct commit *c, const struct timespec *t)
{
	if (c->time_s != t->tv_sec)
		return c->time_s < t->tv_sec ? -1 : 1;
	return ((long)c->time_ns > t->tv_nsec) - ((long)c->time_ns < t->tv_nsec);
}

struct found { bool is_there; struct tree_entry e; struct buf hold; };

static int find_at(const struct logger *l, const struct oid *tree, const char *path,
		   struct found *out, struct err *err)
{
	int ret = dir_find_path(&l->source, tree, path, &out->e, &out->hold, err);

	out->is_there = ret == 0;
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	return ret;
}

/* Is anything at the paths another than in `parent`?  NULL: there was nothing.  1, 0, negative. */
static int differs(const struct logger *l, const struct oid *tree, const struct oid *parent,
		   struct err *err)
{
	struct found now = { .hold = BUF_INIT }, then = { .hold = BUF_INIT };
	int ret = 0;

	if (parent && oid_eq(tree, parent))
		return 0;
	if (l->paths.nr == 0 || l->paths.is_all)
		return 1;
	for (size_t i = 0; ret == 0 && i < l->paths.nr; i++) {
		ret = find_at(l, tree, l->paths.paths[i], &now, err);
		if (ret == 0 && parent)
			ret = find_at(l, parent, l->paths.paths[i], &then, err);
		if (ret == 0)
			ret = now.is_there != then.is_there ||
			      (now.is_there && entry_compare(&now.e, &then.e) != 0);
	}
	buf_release(&now.hold);
	buf_release(&then.hold);
	return ret;
}

/* A parent that is not here says nothing. */
static int read_parent(struct logger *l, const struct oid *id, struct commit *out, struct err *err)
{
	int ret = store_read_commit(l->ub->store, id, out, err);

	if (ret != ERR_NOT_FOUND)
		return ret < 0 ? ret : 1;
	err_clear(err);
	return 0;
}

static int is_wanted(struct logger *l, const struct commit *c, struct err *err)
{
	bool any_parent = false;
	int ret = 1;

	if (l->has_since && cmp_time(c, &l->since) < 0)
		return 0;
	if (l->has_until && cmp_time(c, &l->until) > 0)
		return 0;
	if (l->paths.nr == 0 && !l->paths.is_all)
		return 1;
	for (size_t i = 0; ret == 1 && i < c->nr_parents; i++) {
		struct commit parent = COMMIT_INIT;
		int got = read_parent(l, &c->parents[i], &parent, err);
		any_parent |= got == 1;
		if (got < 0)
			ret = got;
		else if (got == 1)
			ret = differs(l, &c->tree, &parent.tree, err);
		commit_release(&parent);
	}
	return any_parent || ret < 0 ? ret : differs(l, &c->tree, NULL, err);
}

/* -- printing -- */

static int print_changes(struct logger *l, const struct commit *c, struct err *err)
{
	struct commit parent = COMMIT_INIT;
	int got = 0, ret;

	if (c->nr_parents > 0)
		got = read_parent(l, &c->parents[0], &parent, err);
	if (got < 0)
		ret = got;
	else if (got == 0 && c->nr_parents > 0)
		ret = 0;	/* to what it would be compared is not here */
	else
		ret = changes_print_ids(l->ub, &l->changes, got ? &parent.tree : NULL, &c->tree,
					&l->paths, NULL, err);
	commit_release(&parent);
	return ret;
}

static const char *followed(const struct logger *l)
{
	return l->follow && l->paths.nr > 0 ? l->paths.paths[0] : NULL;
}

static int print(struct logger *l, const struct oid *id, const struct commit *c, struct err *err)
{
	struct ub *ub = l->ub;
	int ret = 0;

	buf_reset(&l->text);
	if (ub->json) {
		snapshot_put_json(&l->names, id, c, 0, followed(l), &l->text);
	} else if (l->oneline) {
		ret = snapshot_put_line(ub, &l->names, id, c, &l->text, err);
	} else {
		if (l->any)
			buf_put_u8(&l->text, '\n');
		snapshot_put_text(ub, &l->names, id, c, 0, followed(l), &l->text);
		if (l->changes.stat)
			buf_put_u8(&l->text, '\n');
	}
	l->any = true;
	out_buf(&ub->out, &l->text);
	if (ret == 0 && l->changes.stat && !ub->json)
		ret = print_changes(l, c, err);
	if (ret == 0 && out_failed(&ub->out))
		ret = out_flush(&ub->out, err);
	return ret;
}

/* -- from the catalogue -- */

struct reach { struct logger *l; const struct oid *start; };

static int find_touched(struct catalogue *c, void *data, struct err *err)
{
	struct reach *r = data;
	struct logger *l = r->l;
	int ret = timeline_read(&l->timeline, c, l->ub->refs, r->start, err);

	if (ret < 0)
		return ret;
	l->touched = xcalloc(l->timeline.nr + 1, sizeof(*l->touched));
	for (size_t i = 0; i < l->paths.nr && ret == 0; i++)
		ret = touched_mark(c, &l->timeline, l->paths.paths[i], l->touched, err);
	return ret;
}

static void forget_touched(struct logger *l)
{
	timeline_release(&l->timeline);
	sys_free(l->touched);
	l->touched = NULL;
}

/* `start` may be NULL. */
static int ask_catalogue(struct logger *l, const struct oid *start, struct err *err)
{
	struct reach r = { l, start };

	forget_touched(l);
	if (l->paths.nr == 0 || l->paths.is_all)
		return 0;
	int ret = repo_try_catalogue(l->ub, start, find_touched, &r, err);
	if (ret != 1)
		forget_touched(l);
	return ret < 0 ? ret : 0;
}

/* A snapshot that is known to be as its only parent where it matters. */
static bool can_pass_over(const struct logger *l, const struct oid *id)
{
	const struct timeline_slot *s = l->touched ? timeline_find(&l->timeline, id) : NULL;

	return s && s->follows && !l->touched[s - l->timeline.v];
}

static bool known(const struct oid *id, struct revlist_known *out, void *data)
{
	const struct logger *l = data;
	const struct timeline_slot *s = l->touched ? timeline_find(&l->timeline, id) : NULL;

	if (!s)
		return false;
	*out = (struct revlist_known){ s->time_s, s->time_ns, timeline_parents(&l->timeline, s),
				       s->nr_parents };
	return true;
}

/* -- following -- */

/* What came with a snapshot, and the one before it. */
struct came {
	struct logger *l;
	const struct oid *before;
	const char *path;
	const struct tree_entry *e;
	struct buf *from;
};

static int find_copied(struct catalogue *c, void *data, struct err *err)
{
	struct came *k = data;
	struct treetext_store text = store_treetext(k->l->ub->store);
	struct timeline t = TIMELINE_INIT;
	int ret = timeline_read(&t, c, k->l->ub->refs, k->before, err);

	buf_reset(k->from);
	if (ret == 0)
		ret = follow_copied(c, &t, k->before, &text, k->path, k->e, k->from, err);
	timeline_release(&t);
	return ret;
}

/* Where was what came at `path`?  1 and `from`, 0, or negative. */
static int find_earlier(struct logger *l, const struct commit *c, const struct oid *parent_tree,
			const char *path, struct buf *from, struct err *err)
{
	struct found now = { .hold = BUF_INIT }, then = { .hold = BUF_INIT };
	struct came came = { l, &c->parents[0], path, &now.e, from };
	int ret = find_at(l, &c->tree, path, &now, err);

	if (ret == 0)
		ret = find_at(l, parent_tree, path, &then, err);
	if (ret == 0 && now.is_there && !then.is_there) {
		ret = follow_moved(&l->source, parent_tree, &c->tree, path, &now.e, from, err);
		if (ret == 0)
			ret = repo_with_catalogue(l->ub, &c->parents[0], find_copied, &came, err);
	}
	buf_release(&now.hold);
	buf_release(&then.hold);
	return ret;
}

/* After a snapshot in which it came, go on with where it was before. */
static int follow(struct logger *l, const struct commit *c, struct err *err)
{
	struct commit parent = COMMIT_INIT;
	struct buf from = BUF_INIT;
	int ret = read_parent(l, &c->parents[0], &parent, err);

	for (size_t i = 0; ret == 1 && i < l->paths.nr; i++) {
		int got = find_earlier(l, c, &parent.tree, l->paths.paths[i], &from, err);
		if (got < 0)
			ret = got;
		if (got != 1)
			continue;
		path_set_release(&l->paths);
		path_set_add(&l->paths, buf_str(&from));
		got = ask_catalogue(l, &c->parents[0], err);
		ret = got < 0 ? got : ret;
		break;
	}
	commit_release(&parent);
	buf_release(&from);
	return ret < 0 ? ret : 0;
}

/* 1: that is enough. */
static int look_at(const struct revlist_item *item, void *data, struct err *err)
{
	struct logger *l = data;
	struct commit c = COMMIT_INIT;
	int ret;

	if (l->left == 0)
		return 1;
	if (can_pass_over(l, item->id))
		return interrupt_check(err);
	ret = store_read_commit(l->ub->store, item->id, &c, err);
	if (ret == 0)
		ret = is_wanted(l, &c, err);
	if (ret == 1) {
		l->left--;
		ret = print(l, item->id, &c, err);
		if (ret == 0 && l->follow && c.nr_parents > 0)
			ret = follow(l, &c, err);
	}
	commit_release(&c);
	return ret < 0 ? ret : interrupt_check(err);
}

static int on_missing(const struct revlist_item *item, void *data, struct err *err)
{
	struct logger *l = data;

	(void)err;
	ub_warn(l->ub, "snapshot %s is not in this repository", oid_hex(item->id).s);
	l->missing++;
	return 0;
}

/* -- what was asked for -- */

static int add_ref(const struct ref *ref, void *data, struct err *err)
{
	const struct rev rev = { .type = OBJ_COMMIT, .id = ref->commit };

	return revlist_add(data, &rev, false, err);
}

static int add_starts(struct logger *l, struct revlist *rl, const char *text, bool all,
		      struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct rev rev = { .type = OBJ_COMMIT };
	int ret = all ? refs_each(l->ub->refs, add_ref, rl, err) : 0;

	if (ret == 0 && (text || !all)) {
		ret = rev_read_commit(l->ub->refs, l->ub->store, text ? text : "HEAD", &rev.id, &c,
				      err);
		if (ret == 0)
			ret = revlist_add(rl, &rev, false, err);
		if (ret == 0)
			ret = ask_catalogue(l, &rev.id, err);
	} else if (ret == 0) {
		ret = ask_catalogue(l, NULL, err);
	}
	commit_release(&c);
	return ret;
}

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

/* -- what was run -- */

struct run_list {
	struct ub *ub;
	unsigned int left;
	struct buf line;
};

static void put_run_json(const struct catalogue_run *r, struct buf *out)
{
	struct json j;

	json_begin(&j, out, "run");
	json_str(&j, "command", r->what);
	json_time(&j, "time", r->time_s, r->time_ns);
	json_double(&j, "seconds", (double)r->ms / 1000);
	json_u64(&j, "exit", (uint64_t)r->status);
	if (r->has_commit)
		json_str(&j, "commit", oid_hex(&r->commit).s);
	else
		json_null(&j, "commit");
	json_double(&j, "share", (double)r->share / CATALOGUE_SHARE_ALL);
	json_u64(&j, "objects", r->objects);
	json_u64(&j, "bytes", r->bytes);
	json_u64(&j, "damaged", r->damaged);
	json_u64(&j, "missing", r->missing);
	json_str(&j, "message", r->message);
	json_end(&j);
}

static const char *outcome(const struct catalogue_run *r)
{
	switch (r->status) {
	case EXIT_DONE:
		return "done";
	case EXIT_PARTIAL:
		return "incomplete";
	case EXIT_HEALED:
		return "healed";
	case EXIT_DAMAGED:
		return "damage";
	default:
		return "failed";
	}
}

static void put_run_text(const struct catalogue_run *r, struct buf *out)
{
	time_t at = (time_t)r->time_s;
	char when[64] = "-";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(out, "%-19s  %-6s  %-10s  %10.3f s  %-7.7s  ", when, r->what, outcome(r),
		   (double)r->ms / 1000, r->has_commit ? oid_hex(&r->commit).s : "-");
	if (*r->message)
		quote_put_text(out, r->message, strlen(r->message));
	else
		buf_printf(out, "%" PRIu64 " %s, %s", r->objects,
			   strcmp(r->what, "commit") == 0 ? "files" : "objects",
			   number_human(r->bytes).s);
	if (r->damaged + r->missing > 0)
		buf_printf(out, ", %" PRIu64 " damaged, %" PRIu64 " missing", r->damaged,
			   r->missing);
	if (r->share < CATALOGUE_SHARE_ALL && strcmp(r->what, "verify") == 0)
		buf_printf(out, ", %.4g %% of the content", (double)r->share * 100 /
			   CATALOGUE_SHARE_ALL);
	buf_put_u8(out, '\n');
}

static int print_run(const struct catalogue_run *r, void *data, struct err *err)
{
	struct run_list *l = data;

	if (l->left == 0)
		return 1;
	l->left--;
	buf_reset(&l->line);
	if (l->ub->json)
		put_run_json(r, &l->line);
	else
		put_run_text(r, &l->line);
	out_buf(&l->ub->out, &l->line);
	return out_failed(&l->ub->out) ? out_flush(&l->ub->out, err) : 0;
}

static int print_runs(struct catalogue *c, void *data, struct err *err)
{
	int ret = catalogue_each_run(c, print_run, data, err);

	return ret < 0 ? ret : 0;
}

static int list_runs(const struct logger *l, int nr_args, bool is_limited, struct err *err)
{
	struct ub *ub = l->ub;
	struct run_list runs = { .ub = ub, .left = l->left, .line = BUF_INIT };

	if (nr_args > 0 || is_limited || l->oneline || l->changes.stat || l->follow)
		return err_set(err, ERR_USAGE, "--runs takes nothing but -n");
	pager_begin(ub);
	int ret = repo_read_notes(ub, repo_lock_wait(ub) * 1000, print_runs, &runs, err);
	buf_release(&runs.line);
	if (ret == ERR_CORRUPT) {
		ub_warn(ub, "%s: what was run is not known", err->msg);
		err_clear(err);
	}
	return ret < 0 ? (int)err->code : 0;
}

int cmd_log(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct logger l = { .ub = ub, .names = REF_NAMES_INIT, .paths = PATH_SET_INIT,
			    .left = UINT_MAX, .text = BUF_INIT, .timeline = TIMELINE_INIT };
	const char *since = NULL, *until = NULL;
	bool all = false, runs = false;
	const struct opt opts[] = {
		OPT_UINT('n', "max-count", &l.left, "N", "show at most so many"),
		OPT_FLAG(0, "oneline", &l.oneline, "show each on a line"),
		OPT_FLAG(0, "stat", &l.changes.stat, "show how many lines changed in each file"),
		OPT_FLAG(0, "follow", &l.follow, "go on where the path was before, by its content"),
		OPT_STR(0, "since", &since, "date", "only those made then or later"),
		OPT_STR(0, "until", &until, "date", "only those made then or earlier"),
		OPT_FLAG(0, "all", &all, "start from every ref"),
		OPT_FLAG(0, "runs", &runs, "show what was run instead: commits, checks"),
		OPT_END
	};
	struct revlist *rl = NULL;
	int nr_paths;
	char **named = ub_cut_paths(&argc, argv, &nr_paths);
	int ret = ub_parse(ub, opts, log_usage, &argc, &argv, err);

	if (ret == 0 && runs)
		return list_runs(&l, argc + nr_paths, since || until || all, err);
	if (ret == 0 && argc > 1)
		ret = err_set(err, ERR_USAGE, "one revision at a time; paths follow --");
	if (ret == 0 && l.follow && nr_paths != 1)
		ret = err_set(err, ERR_USAGE, "--follow takes one path, after --");
	if (ret == 0)
		ret = take_date(since, "--since", &l.has_since, &l.since, err);
	if (ret == 0)
		ret = take_date(until, "--until", &l.has_until, &l.until, err);
	if (ret == 0)
		ret = changes_take_paths(&l.paths, named, nr_paths, err);
	if (ret == 0)
		ret = ref_names_load(ub, &l.names, err);
	if (ret == 0)
		ret = revlist_new(&rl, ub->store, err);
	if (ret == 0) {
		l.source = store_source(ub->store);
		revlist_on_missing(rl, on_missing, &l);
		revlist_on_commit(rl, known, &l);
		ret = add_starts(&l, rl, argc > 0 ? argv[0] : NULL, all, err);
	}
	if (ret == 0) {
		pager_begin(ub);
		ret = revlist_run(rl, false, look_at, &l, err);
	}
	revlist_free(rl);
	forget_touched(&l);
	ref_names_release(&l.names);
	path_set_release(&l.paths);
	buf_release(&l.text);
	return ret < 0 ? ret : l.missing > 0 ? EXIT_PARTIAL : 0;
}
