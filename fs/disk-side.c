/*
 * A walk that is pulled: folders and windows are those of the scan, taken one after the other by
 * whoever compares.
 */
#include <string.h>

#include "lib/interrupt.h"
#include "fs/scan-internal.h"

#include "fs/disk-side.h"

/* An open folder on the way down. */
struct level {
	struct level *above;
	struct folder *folder;
	struct window *window;		/* NULL: the next is to be cut */
	size_t next;			/* entry of the window */
	struct folder *child;		/* opened to be looked at; walked if it is opened again */
};

struct disk_side {
	struct scanner s;
	struct scan out;
	struct scan_options o;
	struct scan_worker w;
	struct waypoint *root;
	struct level *top;
	struct folder *anchor;		/* the root once more, for paths */
};

int disk_side_open(struct disk_side **out, const struct scan_options *o, struct waypoint *root,
		   struct err *err)
{
	struct disk_side *d = xcalloc(1, sizeof(*d));

	(void)err;
	d->o = *o;
	d->root = root;
	scanner_begin(&d->s, &d->out, &d->o);
	scan_worker_init(&d->w, &d->s, 0);
	*out = d;
	return 0;
}

void disk_side_close(struct disk_side *d)
{
	if (!d)
		return;
	while (d->top) {
		struct level *l = d->top;
		d->top = l->above;
		sys_free(l);
	}
	scan_worker_release(&d->w);
	scanner_end(&d->s);
	scan_release(&d->out);
	sys_free(d);
}

const struct scan *disk_side_scan(const struct disk_side *d)
{
	return &d->out;
}

static int open_dir(void *data, const char *path, size_t path_len, const struct tree_entry *e,
		    void **dir_out, struct err *err)
{
	struct disk_side *d = data;
	struct level *l = xcalloc(1, sizeof(*l));

	(void)path;
	(void)path_len;
	if (!e) {
		l->folder = scan_open_root(&d->s, d->root, err);
	} else {
		/* What next() has just given. */
		l->folder = d->top->child;
		d->top->child = NULL;
	}
	if (!l->folder) {
		sys_free(l);
		return e ? err_set(err, ERR_FAILED, "a folder is compared twice") : (int)err->code;
	}
	l->above = d->top;
	d->top = l;
	*dir_out = l;
	return 0;
}

static void close_dir(void *data, void *dir)
{
	struct disk_side *d = data;
	struct level *l = dir;

	if (l->child)
		scan_folder_free(l->child);
	if (l->window)
		scan_window_free(l->window);
	scan_folder_free(l->folder);
	d->top = l->above;
	sys_free(l);
}

/* The next entry of the folder, of whatever kind; NULL in `out` at the end. */
static int next_entry(struct disk_side *d, struct level *l, struct scan_entry **out,
		      struct err *err)
{
	*out = NULL;
	for (;;) {
		if (l->window && l->next < l->window->nr) {
			*out = &l->window->entries[l->next++];
			return 0;
		}
		if (l->window && l->window->is_last)
			return 0;
		struct window *before = l->window;
		int ret = scan_cut_window(&d->w, l->folder, &l->window, err);
		if (ret < 0)
			return ret;
		l->next = 0;
		if (before)
			scan_window_free(before);
	}
}

/* 1, or 0: it is not in the snapshot that would be made. */
static int look(struct disk_side *d, struct level *l, struct scan_entry *se, struct tree_entry *out,
		struct err *err)
{
	struct window *win = l->window;
	bool is_known;
	int ret;

	if (se->state == ENTRY_STATE_KEPT)
		return tree_decode_entry(win->text.data + se->old.off, se->old.len, out, err);
	if (se->state == ENTRY_STATE_FILE)
		return scan_look(&d->w, win, se, out, &is_known, err);
	ret = scan_open_folder(&d->w, win, l->next - 1, &l->child, err);
	if (ret == 0 && se->state == ENTRY_STATE_KEPT)
		return tree_decode_entry(win->text.data + se->old.off, se->old.len, out, err);
	if (ret <= 0)
		return ret;
	const struct folder_result *r = l->child->result;
	*out = (struct tree_entry){
		.name = win->text.data + se->name,
		.name_len = strlen((const char *)win->text.data + se->name),
		.type = ENTRY_DIR, .mode = r->mode,
		.attrs = r->attrs.data, .attrs_len = r->attrs.len,
	};
	return 1;
}

static int next(void *data, void *dir, struct tree_entry *out, struct err *err)
{
	struct disk_side *d = data;
	struct level *l = dir;
	int ret = interrupt_check(err);

	while (ret == 0) {
		if (l->child)
			scan_folder_free(l->child);
		l->child = NULL;
		struct scan_entry *se;
		ret = next_entry(d, l, &se, err);
		if (ret < 0 || !se)
			return ret;
		ret = look(d, l, se, out, err);
	}
	return ret;
}

/*
 * Mostly of the entry that the innermost folder has just given; when renames are looked for, of one
 * that was passed long ago.
 */
static int resolve(void *data, const char *path, size_t path_len, struct tree_entry *e,
		   struct err *err)
{
	struct disk_side *d = data;

	if (!d->anchor)
		d->anchor = scan_open_root(&d->s, d->root, err);
	if (!d->anchor)
		return err->code;
	char *name = xstrndup(path, path_len);
	int ret = scan_read(&d->w, d->anchor, name, e, err);
	sys_free(name);
	if (ret > 0)
		d->out.counts.bytes_read += e->size;
	return ret < 0 ? ret : !ret;
}

struct diff_side disk_side(struct disk_side *d)
{
	return (struct diff_side){
		.open = open_dir, .next = next, .close = close_dir, .resolve = resolve, .data = d,
	};
}
