/*
 * ub diff: what differs between two snapshots, folders or files.
 */
#include <string.h>

#include "lib/sys.h"
#include "objects/store-view.h"
#include "builtin/changes.h"
#include "builtin/pager.h"
#include "builtin/place.h"

static const char diff_usage[] =
	"ub diff [--name-status | --name-only | --stat | -p] [-M] [-z] [REV [REV]] [-- PATH...]";

/* -- a single thing as a side: a folder that has nothing else in it -- */

struct single { struct tree_side tree; struct tree_entry e; };
struct single_dir { struct dir_reader *reader; bool is_ended; };

static int single_open(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		       void **dir_out, struct err *err)
{
	const struct single *s = data;
	struct single_dir *d = xcalloc(1, sizeof(*d));
	int ret = e ? dir_open(&d->reader, s->tree.source, &e->id, err) : 0;

	*dir_out = d;
	return ret < 0 ? err_wrap(err, "'%.*s'", (int)path_len, path) : 0;
}

static int single_next(void *data, void *dir, struct tree_entry *out, struct err *err)
{
	const struct single *s = data;
	struct single_dir *d = dir;

	if (d->reader)
		return dir_next(d->reader, out, err);
	if (d->is_ended)
		return 0;
	d->is_ended = true;
	*out = s->e;
	return 1;
}

static void single_close(void *data, void *dir)
{
	struct single_dir *d = dir;

	(void)data;
	dir_close(d->reader);
	sys_free(d);
}

static struct diff_side single_side(struct single *s)
{
	return (struct diff_side){ .open = single_open, .next = single_next,
				   .close = single_close, .data = s };
}

/* -- what is compared -- */

/* A file that was named by its id has no more than its content. */
static void fill_single(const struct place *p, const struct place *shown_as, struct single *out)
{
	const char *name = shown_as->rev.path ? shown_as->rev.path : "file";

	if (p->has_entry) {
		out->e = p->e;
	} else {
		out->e.type = p->is_folder ? ENTRY_DIR : ENTRY_FILE;
		out->e.content = p->is_folder ? CONTENT_TREE :
			p->rev.type == OBJ_LIST ? CONTENT_LIST : CONTENT_BLOB;
		out->e.id = p->is_folder ? p->tree : p->rev.id;
		out->e.size = p->rev.size;
	}
	out->e.name = (const unsigned char *)name;
	out->e.name_len = strlen(name);
}

static int find_size(struct ub *ub, struct place *p, struct err *err)
{
	const struct treetext_store text = store_treetext(ub->store);
	enum obj_type type;

	if (p->has_entry || p->is_folder)
		return 0;
	int ret = text.find(text.data, &p->rev.id, &type, &p->rev.size, err);
	return ret < 0 ? ret : 0;
}

static int diff_places(struct ub *ub, const struct changes_options *o, struct place *old,
		       struct place *new, const struct path_set *paths, bool *any, struct err *err)
{
	const struct object_source source = store_source(ub->store);
	const struct content_source content = changes_store_content(ub->store);
	struct single singles[2] = { { .tree = { &source, NULL } }, { .tree = { &source, NULL } } };

	if (old->is_folder && new->is_folder)
		return changes_print_ids(ub, o, &old->tree, &new->tree, paths, any, err);
	int ret = find_size(ub, old, err);
	if (ret == 0)
		ret = find_size(ub, new, err);
	if (ret < 0)
		return ret;
	fill_single(old, new, &singles[0]);
	fill_single(new, new, &singles[1]);
	const struct diff_side sides[2] = { single_side(&singles[0]), single_side(&singles[1]) };
	const struct changes_side a = { &sides[0], content }, b = { &sides[1], content };
	return changes_print(ub, o, &a, &b, paths, any, err);
}

/* `old` against what is on the disk. */
static int diff_disk(struct ub *ub, const struct changes_options *o, struct place *old,
		     const struct path_set *paths, bool *any, struct err *err)
{
	(void)ub;
	(void)o;
	(void)old;
	(void)paths;
	(void)any;
	return err_set(err, ERR_FAILED, "this ub cannot compare with the disk yet: name two"
		       " revisions");
}

int cmd_diff(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct changes_options o = { 0 };
	const struct opt opts[] = {
		OPT_FLAG(0, "name-status", &o.status, "show how each path changed (the default)"),
		OPT_FLAG(0, "name-only", &o.names, "show paths alone"),
		OPT_FLAG(0, "stat", &o.stat, "show how many lines changed in each file"),
		OPT_FLAG('p', "patch", &o.patch, "show the lines that changed"),
		OPT_FLAG('M', "find-renames", &o.renames, "show files that moved as such"),
		OPT_FLAG('z', "null", &o.nul, "end records with NUL and do not quote names"),
		OPT_END
	};
	struct place old = PLACE_INIT, new = PLACE_INIT;
	struct path_set paths = PATH_SET_INIT;
	bool any = false;
	int nr_paths;
	char **named = ub_cut_paths(&argc, argv, &nr_paths);
	int ret = ub_parse(ub, opts, diff_usage, &argc, &argv, err);

	if (ret == 0)
		ret = changes_check(&o, err);
	if (ret == 0 && argc > 2)
		ret = err_set(err, ERR_USAGE, "at most two revisions; paths follow --");
	if (ret == 0)
		ret = changes_take_paths(&paths, named, nr_paths, err);
	if (ret == 0)
		ret = place_find(ub, argc > 0 ? argv[0] : "HEAD", &old, err);
	if (ret == 0)
		pager_begin(ub);
	if (ret == 0 && argc < 2)
		ret = diff_disk(ub, &o, &old, &paths, &any, err);
	else if (ret == 0 && (ret = place_find(ub, argv[1], &new, err)) == 0)
		ret = diff_places(ub, &o, &old, &new, &paths, &any, err);
	place_release(&old);
	place_release(&new);
	path_set_release(&paths);
	return ret < 0 ? ret : any ? EXIT_FAILED : 0;
}
