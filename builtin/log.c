/*
 * ub log: the snapshots there are, newest first.
 *
 * With paths, those in which something at one of them is not as in any parent.  Where a snapshot
 * has one parent, and that is the one before it in its line, the catalogue tells; else what stands
 * at a path is found by going down to it alone, and compared by id.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "refs/date.h"
#include "refs/revlist.h"
#include "fs/history-path.h"
#include "builtin/catalogue.h"
#include "builtin/changes.h"
#include "builtin/pager.h"
#include "builtin/snapshot.h"

static const char log_usage[] =
	"ub log [-n N] [--oneline] [--stat] [--since DATE] [--until DATE] [--all] [--follow] [REV]"
	" [-- PATH...]";

struct logger {
	struct ub *ub;
	struct object_source source;
	struct ref_names names;
	struct path_set paths;
	bool follows;
	struct catalogue *catalogue;	/* NULL: it is not to be had, or not wanted */
	struct history_marks marks;	/* of the paths */
	unsigned int left;
	bool oneline;
	struct changes_options changes;
	bool has_since, has_until;
	struct timespec since, until;
	struct buf text;
	bool any;
	unsigned int missing;
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

/* What the catalogue says: 1, 0, or -1: it cannot tell. */
static int ask_catalogue(struct logger *l, const struct oid *id, const struct commit *c)
{
	struct err ignored = ERR_INIT;
	struct catalogue_commit k;

	if (!l->catalogue || l->paths.is_all ||
	    catalogue_commit_by_id(l->catalogue, id, &k, &ignored) < 0)
		return -1;
	if (!(c->nr_parents == 1 && k.is_linear) && !(c->nr_parents == 0 && k.prev == 0))
		return -1;
	return history_marks_has(&l->marks, k.nr);
}

static int is_wanted(struct logger *l, const struct oid *id, const struct commit *c,
		     struct err *err)
{
	bool any_parent = false;
	int ret = 1;

	if (l->has_since && cmp_time(c, &l->since) < 0)
		return 0;
	if (l->has_until && cmp_time(c, &l->until) > 0)
		return 0;
	if (l->paths.nr == 0 && !l->paths.is_all)
		return 1;
	int told = ask_catalogue(l, id, c);
	if (told >= 0)
		return told;
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

static int print(struct logger *l, const struct oid *id, const struct commit *c, struct err *err)
{
	struct ub *ub = l->ub;
	int ret = 0;

	buf_reset(&l->text);
	if (ub->json) {
		snapshot_put_json(&l->names, id, c, 0, &l->text);
	} else if (l->oneline) {
		ret = snapshot_put_line(ub, &l->names, id, c, &l->text, err);
	} else {
		if (l->any)
			buf_put_u8(&l->text, '\n');
		snapshot_put_text(ub, &l->names, id, c, 0, &l->text);
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

/* -- where a file came from -- */

static int mark_paths(struct logger *l, struct err *err)
{
	int ret = 0;

	history_marks_release(&l->marks);
	for (size_t i = 0; i < l->paths.nr && ret == 0; i++)
		ret = history_mark(l->catalogue, l->paths.paths[i], &l->marks, err);
	return ret;
}

struct origin { struct logger *l; const struct oid *tree; char *path; };

/* Was it there in the snapshot before? */
static int take_origin(const char *path, void *data, struct err *err)
{
	struct origin *o = data;
	struct found there = { .hold = BUF_INIT };
	int ret = find_at(o->l, o->tree, path, &there, err);

	if (ret == 0 && there.is_there) {
		o->path = xstrdup(path);
		ret = 1;
	}
	buf_release(&there.hold);
	return ret;
}

/* The path was added here: from now on what it was before. */
static int follow(struct logger *l, const struct oid *id, const struct commit *c, struct err *err)
{
	struct commit parent = COMMIT_INIT;
	struct origin o = { .l = l, .tree = &parent.tree };
	struct catalogue_commit k;
	int ret = c->nr_parents == 1 ? read_parent(l, &c->parents[0], &parent, err) : 0;

	if (ret == 1)
		ret = catalogue_commit_by_id(l->catalogue, id, &k, err);
	else
		goto done;
	if (ret == 0)
		ret = history_origins(l->catalogue, l->paths.paths[0], k.nr, take_origin, &o, err);
	if (ret == 1) {
		path_set_release(&l->paths);
		path_set_add(&l->paths, o.path);
		ret = mark_paths(l, err);
	}
done:
	sys_free(o.path);
	commit_release(&parent);
	return ret < 0 ? ret : 0;
}

/*
 * The snapshots that --follow and paths ask for.  Without the catalogue paths are looked up in each
 * snapshot, and what is damaged is made again.
 */
static int open_catalogue(struct logger *l, struct err *err)
{
	if (l->paths.nr == 0 || l->paths.is_all)
		return 0;
	int ret = repo_open_catalogue(l->ub, &l->catalogue, err);
	if (ret == 0)
		ret = mark_paths(l, err);
	if (ret == ERR_CORRUPT) {
		ub_warn(l->ub, "%s: the catalogue is made again", err->msg);
		err_clear(err);
		catalogue_close(l->catalogue);
		l->catalogue = NULL;
		ret = repo_rebuild_catalogue(l->ub, err);
		if (ret == 0)
			ret = repo_open_catalogue(l->ub, &l->catalogue, err);
		if (ret == 0)
			ret = mark_paths(l, err);
	}
	if (ret == 0 || l->follows)
		return ret;
	catalogue_close(l->catalogue);
	l->catalogue = NULL;
	err_clear(err);
	return 0;
}

/* 1: that is enough. */
static int look_at(const struct revlist_item *item, void *data, struct err *err)
{
	struct logger *l = data;
	struct commit c = COMMIT_INIT;
	int ret;

	if (l->left == 0)
		return 1;
	ret = store_read_commit(l->ub->store, item->id, &c, err);
	if (ret == 0)
		ret = is_wanted(l, item->id, &c, err);
	if (ret == 1) {
		l->left--;
		ret = print(l, item->id, &c, err);
		if (ret == 0 && l->follows)
			ret = follow(l, item->id, &c, err);
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

int cmd_log(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct logger l = { .ub = ub, .names = REF_NAMES_INIT, .paths = PATH_SET_INIT,
			    .left = UINT_MAX, .text = BUF_INIT };
	const char *since = NULL, *until = NULL;
	bool all = false;
	const struct opt opts[] = {
		OPT_UINT('n', "max-count", &l.left, "N", "show at most so many"),
		OPT_FLAG(0, "oneline", &l.oneline, "show each on a line"),
		OPT_FLAG(0, "stat", &l.changes.stat, "show how many lines changed in each file"),
		OPT_STR(0, "since", &since, "date", "only those made then or later"),
		OPT_STR(0, "until", &until, "date", "only those made then or earlier"),
		OPT_FLAG(0, "all", &all, "start from every ref"),
		OPT_FLAG(0, "follow", &l.follows, "go on with what a file was before it moved"),
		OPT_END
	};
	struct revlist *rl = NULL;
	int nr_paths;
	char **named = ub_cut_paths(&argc, argv, &nr_paths);
	int ret = ub_parse(ub, opts, log_usage, &argc, &argv, err);

	if (ret == 0 && argc > 1)
		ret = err_set(err, ERR_USAGE, "one revision at a time; paths follow --");
	if (ret == 0)
		ret = take_date(since, "--since", &l.has_since, &l.since, err);
	if (ret == 0)
		ret = take_date(until, "--until", &l.has_until, &l.until, err);
	if (ret == 0)
		ret = changes_take_paths(&l.paths, named, nr_paths, err);
	if (ret == 0 && l.follows && (l.paths.nr != 1 || l.paths.is_all))
		ret = err_set(err, ERR_USAGE, "--follow wants one path");
	if (ret == 0)
		ret = open_catalogue(&l, err);
	if (ret == 0)
		ret = ref_names_load(ub, &l.names, err);
	if (ret == 0)
		ret = revlist_new(&rl, ub->store, err);
	if (ret == 0) {
		l.source = store_source(ub->store);
		revlist_on_missing(rl, on_missing, &l);
		ret = add_starts(&l, rl, argc > 0 ? argv[0] : NULL, all, err);
	}
	if (ret == 0) {
		pager_begin(ub);
		ret = revlist_run(rl, false, look_at, &l, err);
	}
	revlist_free(rl);
	ref_names_release(&l.names);
	path_set_release(&l.paths);
	catalogue_close(l.catalogue);
	history_marks_release(&l.marks);
	buf_release(&l.text);
	return ret < 0 ? ret : l.missing > 0 ? EXIT_PARTIAL : 0;
}
