/*
 * ub show: a snapshot and what it changed; a folder's listing; a file's content.
 */
#include "objects/store-view.h"
#include "builtin/changes.h"
#include "builtin/pager.h"
#include "builtin/spot.h"
#include "builtin/snapshot.h"

static const char show_usage[] =
	"ub show [--name-status | --name-only | --stat | -p] [-M] [-z] [REV | REV:PATH]...\n"
	"ub show --list LIST [-z] [REV]...";

/* Against the first parent; the first snapshot of all against nothing.  Or EXIT_PARTIAL. */
static int show_changes(struct ub *ub, const struct changes_options *o, const struct commit *c,
			struct err *err)
{
	struct commit parent = COMMIT_INIT;
	int ret = 0;

	if (c->nr_parents > 0)
		ret = store_read_commit(ub->store, &c->parents[0], &parent, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ub_warn(ub, "snapshot %s, which came before, is not in this repository",
			oid_hex(&c->parents[0]).s);
		ret = EXIT_PARTIAL;
	} else if (ret == 0) {
		ret = changes_print_ids(ub, o, c->nr_parents > 0 ? &parent.tree : NULL, &c->tree,
					NULL, NULL, err);
	}
	commit_release(&parent);
	return ret;
}

static int show_commit(struct ub *ub, const struct changes_options *o, const struct oid *id,
		       struct err *err)
{
	struct ref_names names = REF_NAMES_INIT;
	struct commit c = COMMIT_INIT;
	struct buf text = BUF_INIT;
	int ret = store_read_commit(ub->store, id, &c, err);

	if (ret == 0)
		ret = ref_names_load(ub, &names, err);
	if (ret == 0) {
		if (ub->json)
			snapshot_put_json(&names, id, &c, SNAPSHOT_WHOLE, NULL, &text);
		else
			snapshot_put_text(ub, &names, id, &c, SNAPSHOT_WHOLE, NULL, &text);
		if (!ub->json)
			buf_put_u8(&text, '\n');
		out_buf(&ub->out, &text);
		ret = show_changes(ub, o, &c, err);
	}
	ref_names_release(&names);
	commit_release(&c);
	buf_release(&text);
	return ret;
}

static int show_spot(struct ub *ub, const struct changes_options *o, const char *text,
		      struct err *err)
{
	const struct list_options list = { .nul = o->nul };
	struct spot p = SPOT_INIT;
	int ret = spot_find(ub, text, &p, err);

	if (ret < 0)
		goto done;
	if (p.rev.type == OBJ_COMMIT)
		ret = show_commit(ub, o, &p.rev.id, err);
	else if (p.is_folder || ub->json || (p.has_entry && p.rev.type == OBJ_NONE))
		ret = spot_list(ub, &p, &list, err);
	else
		ret = spot_put_content(ub, &p, text, err);
done:
	spot_release(&p);
	return ret;
}

static int show_list(struct ub *ub, const char *list, bool nul, const char *text, struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct oid id;
	int ret = rev_read_commit(ub->refs, ub->store, text, &id, &c, err);

	if (ret == 0)
		ret = snapshot_put_list(ub, &c, list, nul, err);
	commit_release(&c);
	return ret;
}

int cmd_show(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct changes_options o = { 0 };
	const char *list = NULL;
	const struct opt opts[] = {
		OPT_FLAG(0, "name-status", &o.status, "show how each path changed (the default)"),
		OPT_FLAG(0, "name-only", &o.names, "show paths alone"),
		OPT_FLAG(0, "stat", &o.stat, "show how many lines changed in each file"),
		OPT_FLAG('p', "patch", &o.patch, "show the lines that changed"),
		OPT_FLAG('M', "find-renames", &o.renames, "show files that moved as such"),
		OPT_STR(0, "list", &list, "list",
			"show the rows of a side list: skipped, unreadable, worktrees, ..."),
		OPT_FLAG('z', "null", &o.nul, "end records with NUL and do not quote names"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, show_usage, &argc, &argv, err);

	if (ret == 0)
		ret = changes_check(&o, err);
	if (ret == 0)
		pager_begin(ub);
	if (ret == 0 && argc == 0)
		ret = list ? show_list(ub, list, o.nul, "HEAD", err) :
			     show_spot(ub, &o, "HEAD", err);
	bool partial = ret > 0;
	for (int i = 0; ret >= 0 && i < argc; i++) {
		ret = list ? show_list(ub, list, o.nul, argv[i], err) :
			     show_spot(ub, &o, argv[i], err);
		partial |= ret > 0;
	}
	return ret < 0 ? ret : partial ? EXIT_PARTIAL : 0;
}
