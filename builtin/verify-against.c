/*
 * The disk read again, whatever the stat cache says of it, and compared with a snapshot.  That the
 * snapshot itself can be read is for `ub verify` to find out before.
 */
#include "objects/store-view.h"
#include "builtin/changes.h"
#include "builtin/walk-setup.h"

#include "builtin/verify-against.h"

struct comparison {
	struct ub *ub;
	struct walk_setup walk;
	struct verify_against *out;
	struct buf line;
};

static int take_change(const struct change *c, void *data, struct err *err)
{
	static const struct changes_options o = { 0 };
	struct comparison *k = data;

	k->out->different++;
	progress_hide(&k->walk.progress);
	buf_reset(&k->line);
	changes_put(k->ub, &o, c, &k->line);
	out_buf(&k->ub->out, &k->line);
	return out_failed(&k->ub->out) ? out_flush(&k->ub->out, err) : 0;
}

static int compare(struct comparison *k, const struct commit *c, const struct path_set *paths,
		   struct err *err)
{
	const struct object_source source = store_source(k->ub->store);
	struct tree_side tree = { &source, &c->tree };
	struct disk_side *disk = NULL;
	int ret = walk_setup_disk(&k->walk, c, true, &disk, err);

	if (ret == 0) {
		const struct diff_side old = diff_side_tree(&tree), new = disk_side(disk);
		progress_begin(&k->walk.progress, ub_progress(k->ub), "comparing", c->bytes,
			       "bytes");
		ret = difftree(&old, &new, paths, take_change, k, err);
		progress_end(&k->walk.progress);
		k->out->bytes = disk_side_scan(disk)->counts.bytes_read;
	}
	disk_side_close(disk);
	if (ret == 0)
		walk_setup_say_absent(&k->walk, paths, "it was not compared");
	return ret;
}

int verify_against(struct ub *ub, const struct oid *commit, const struct path_set *paths,
		   struct verify_against *out, struct err *err)
{
	struct comparison k = { .ub = ub, .out = out, .line = BUF_INIT };
	struct commit c = COMMIT_INIT;
	int ret = walk_setup_init(&k.walk, ub, NULL, err);

	if (ret == 0)
		ret = store_read_commit(ub->store, commit, &c, err);
	if (ret == 0)
		ret = compare(&k, &c, paths, err);
	out->problems = k.walk.problems;
	walk_setup_release(&k.walk);
	commit_release(&c);
	buf_release(&k.line);
	return ret;
}
