/*
 * ub diff: what differs between two snapshots, folders or files.
 */
#include <fcntl.h>
#include <string.h>

#include "lib/sys.h"
#include "objects/store-view.h"
#include "builtin/changes.h"
#include "builtin/pager.h"
#include "builtin/spot.h"
#include "builtin/walk-setup.h"

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
static void fill_single(const struct spot *p, const struct spot *shown_as, struct single *out)
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

static int find_size(struct ub *ub, struct spot *p, struct err *err)
{
	const struct treetext_store text = store_treetext(ub->store);
	enum obj_type type;

	if (p->has_entry || p->is_folder)
		return 0;
	int ret = text.find(text.data, &p->rev.id, &type, &p->rev.size, err);
	return ret < 0 ? ret : 0;
}

static int diff_spots(struct ub *ub, const struct changes_options *o, struct spot *old,
		       struct spot *new, const struct path_set *paths, bool *any, struct err *err)
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

/* The bytes of a file on the disk. */
static int read_disk(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		     struct buf *out, struct err *err)
{
	char *name = xstrndup(path, path_len);
	int root = sys_open("/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), ret = 0;
	int fd = sys_open_beneath(root, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	size_t room = (size_t)e->size + 1;

	(void)data;
	ssize_t got = fd < 0 ? -1 : sys_read_full(fd, buf_extend(out, room), room);
	if (got < 0)
		ret = err_sys(err, "read '/%s'", name);
	if (fd >= 0)
		buf_truncate(out, out->len - room + (got > 0 ? (size_t)got : 0));
	if (fd >= 0)
		sys_close(fd);
	sys_close(root);
	sys_free(name);
	return ret;
}

/* `old` against what is on the disk. */
static int diff_disk(struct ub *ub, const struct changes_options *o, struct spot *old,
		     const struct exclude_options *excludes, const struct path_set *paths,
		     bool *any, struct err *err)
{
	const struct object_source source = store_source(ub->store);
	struct tree_side tree = { &source, &old->tree };
	struct commit c = COMMIT_INIT;
	struct disk_side *disk = NULL;
	struct walk_setup walk;
	int ret = walk_setup_init(&walk, ub, excludes, err);

	if (ret == 0 && (oid_is_zero(&old->rev.commit) || old->rev.path))
		ret = err_set(err, ERR_USAGE, "only a whole snapshot can be compared with the disk;"
			      " paths follow --");
	if (ret == 0)
		ret = store_read_commit(ub->store, &old->rev.commit, &c, err);
	if (ret == 0)
		ret = walk_setup_disk(&walk, &c, false, &disk, err);
	if (ret == 0) {
		const struct diff_side sides[2] = { diff_side_tree(&tree), disk_side(disk) };
		const struct changes_side a = { &sides[0], changes_store_content(ub->store) };
		const struct changes_side b = { &sides[1], { read_disk, NULL } };
		ret = changes_print(ub, o, &a, &b, paths, any, err);
	}
	disk_side_close(disk);
	commit_release(&c);
	if (ret == 0 && walk.problems > 0)
		ret = EXIT_PARTIAL;
	walk_setup_release(&walk);
	return ret;
}

int cmd_diff(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct changes_options o = { 0 };
	struct exclude_options excludes = { 0 };
	const struct opt opts[] = {
		OPT_FLAG(0, "name-status", &o.status, "show how each path changed (the default)"),
		OPT_FLAG(0, "name-only", &o.names, "show paths alone"),
		OPT_FLAG(0, "stat", &o.stat, "show how many lines changed in each file"),
		OPT_FLAG('p', "patch", &o.patch, "show the lines that changed"),
		OPT_FLAG('M', "find-renames", &o.renames, "show files that moved as such"),
		OPT_FLAG('z', "null", &o.nul, "end records with NUL and do not quote names"),
		EXCLUDE_OPTIONS(&excludes),
		OPT_END
	};
	struct spot old = SPOT_INIT, new = SPOT_INIT;
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
		ret = spot_find(ub, argc > 0 ? argv[0] : "HEAD", &old, err);
	if (ret == 0 && argc == 2)
		ret = spot_find(ub, argv[1], &new, err);
	if (ret == 0 && nr_paths > 0 && (old.rev.path || new.rev.path))
		ret = err_set(err, ERR_USAGE, "-- PATH limits whole snapshots, not REV:PATH");
	if (ret == 0)
		pager_begin(ub);
	if (ret == 0 && argc < 2)
		ret = diff_disk(ub, &o, &old, &excludes, &paths, &any, err);
	else if (ret == 0)
		ret = diff_spots(ub, &o, &old, &new, &paths, &any, err);
	spot_release(&old);
	spot_release(&new);
	path_set_release(&paths);
	exclude_options_release(&excludes);
	return ret != 0 ? ret : any ? EXIT_FAILED : 0;
}
