/*
 * A tree becomes an archive, entry by entry, in the order of a walk.  Content goes through as it
 * is read: memory does not depend on the sizes of files.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/store-view.h"

#include "fs/archive-internal.h"

struct writing {
	const struct archive_export *x;
	struct archive_lib lib;
	struct archive *a;
	struct archive_entry *ae;
	struct object_source source;
	struct archive_links *links;
	bool wants_utf8;		/* ... names only as text */
	bool has_links;			/* pax tar: knows hard links by name */
	struct buf xattrs, holes, path;
	struct err io;			/* why a write failed */
	struct hole_check { const unsigned char *p; size_t left; uint64_t at, start, end; } hole;
};

/* -- formats -- */

static const struct { const char *name, *format, *filter; } formats[] = {
	{ "tar", "pax", NULL },
	{ "tar.gz", "pax", "gzip" },
	{ "tgz", "pax", "gzip" },
	{ "tar.bz2", "pax", "bzip2" },
	{ "tar.xz", "pax", "xz" },
	{ "tar.zst", "pax", "zstd" },
	{ "zip", "zip", NULL },
	{ "cpio", "newc", NULL },
	{ "7zip", "7zip", NULL },
	{ "7z", "7zip", NULL },
};
enum { NR_FORMATS = sizeof(formats) / sizeof(formats[0]) };

static size_t format_find(const char *name)
{
	size_t i = 0;

	while (i < NR_FORMATS && strcmp(formats[i].name, name) != 0)
		i++;
	return i;
}

int archive_format_check(const char *format, struct err *err)
{
	if (format_find(format) < NR_FORMATS)
		return 0;
	return err_set(err, ERR_USAGE, "there is no format '%s': tar, tar.gz, tar.bz2, tar.xz, "
		       "tar.zst, zip, cpio, 7zip", format);
}

const char *archive_format_of(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < NR_FORMATS; i++) {
		size_t len = strlen(formats[i].name);
		if (n > len + 1 && path[n - len - 1] == '.' &&
		    strcmp(path + n - len, formats[i].name) == 0)
			return formats[i].name;
	}
	return NULL;
}

/* -- output -- */

static la_ssize_t on_write(struct archive *a, void *data, const void *p, size_t n)
{
	struct writing *w = data;

	if (sys_write_full(w->x->fd, p, n) == 0)
		return (la_ssize_t)n;
	err_sys(&w->io, "write the archive");
	w->lib.archive_set_error(a, w->io.sys_errno, "%s", w->io.msg);
	return ARCHIVE_FATAL;
}

/* ARCHIVE_WARN is about names that are not UTF-8, which go as they are. */
static int check(struct writing *w, la_ssize_t got, const char *what, struct err *err)
{
	if (got >= ARCHIVE_OK || got == ARCHIVE_WARN)
		return 0;
	if (w->io.code) {
		*err = w->io;
		return err->code;
	}
	return archive_lib_err(&w->lib, w->a, ERR_FAILED, what, err);
}

/* -- one entry -- */

static const unsigned int filetypes[] = {
	[ENTRY_FILE] = AE_IFREG, [ENTRY_DIR] = AE_IFDIR, [ENTRY_SYMLINK] = AE_IFLNK,
	[ENTRY_FIFO] = AE_IFIFO, [ENTRY_CHAR] = AE_IFCHR, [ENTRY_BLOCK] = AE_IFBLK,
};

static void put_text(struct writing *w, const struct tree_entry *e, enum attr_tag tag,
		     void (*fn)(struct archive_entry *ae, const char *text))
{
	const unsigned char *val;
	size_t n;

	if (!tree_entry_attr(e, tag, &val, &n))
		return;
	char *text = xstrndup((const char *)val, n);
	fn(w->ae, text);
	sys_free(text);
}

/* The bytes of an attribute that may have an object of its own; empty: it is absent. */
static int load(struct writing *w, const struct tree_entry *e, enum attr_tag here,
		enum attr_tag there, struct buf *out, struct err *err)
{
	const unsigned char *val;
	struct note note;
	struct oid id;
	size_t n;

	buf_reset(out);
	if (tree_entry_attr(e, here, &val, &n))
		buf_put(out, val, n);
	if (!tree_entry_id(e, there, &id))
		return 0;
	int ret = w->source.get(w->source.data, &id, OBJ_NOTE, out, err);
	if (ret == 0)
		ret = note_decode(&note, out->data, out->len, err);
	if (ret == 0)
		ret = note_check(&note, err);
	if (ret == 0) {
		size_t head = (size_t)(note.body - out->data);
		buf_truncate(out, head + note.body_len);
		buf_consume(out, head);
	}
	return ret;
}

static int put_holes(struct writing *w, const struct tree_entry *e, struct err *err)
{
	int ret = load(w, e, ATTR_HOLES, ATTR_HOLES_ID, &w->holes, err);
	const unsigned char *p = w->holes.data;
	size_t left = w->holes.len;
	uint64_t gap, len, at = 0;

	w->hole = (struct hole_check){ p, left, 0, UINT64_MAX, 0 };
	if (ret < 0 || left == 0)
		return ret;
	while ((ret = hole_next(&p, &left, &gap, &len, err)) > 0) {
		if (gap > 0)
			w->lib.archive_entry_sparse_add_entry(w->ae, (la_int64_t)at,
							      (la_int64_t)gap);
		at += gap + len;
	}
	if (ret == 0 && at < e->size)
		w->lib.archive_entry_sparse_add_entry(w->ae, (la_int64_t)at,
						      (la_int64_t)(e->size - at));
	else if (ret == 0)
		w->lib.archive_entry_sparse_add_entry(w->ae, (la_int64_t)e->size, 0);
	return ret;
}

/*
 * libarchive writes seconds, a dot and the fraction, whatever the sign: before 1970 that is another
 * time.  What lies within a second before it has no such form.
 */
static void put_mtime(struct writing *w, int64_t s, uint32_t ns)
{
	if (s < 0 && ns > 0 && w->has_links) {
		ns = s == -1 ? 0 : 1000000000 - ns;
		s += s == -1 ? 0 : 1;
	}
	w->lib.archive_entry_set_mtime(w->ae, (time_t)s, (long)ns);
}

static int describe(struct writing *w, const struct tree_entry *e, const char *leader,
		    struct err *err)
{
	uint64_t major, minor, id;
	int64_t s;
	uint32_t ns;

	w->lib.archive_entry_clear(w->ae);
	w->lib.archive_entry_copy_pathname(w->ae, buf_str(&w->path));
	w->lib.archive_entry_set_filetype(w->ae, filetypes[e->type]);
	w->lib.archive_entry_set_perm(w->ae, e->mode);
	w->lib.archive_entry_set_nlink(w->ae, 1);
	if (tree_entry_mtime(e, &s, &ns))
		put_mtime(w, s, ns);
	if (tree_entry_varint(e, ATTR_UID, &id))
		w->lib.archive_entry_set_uid(w->ae, (la_int64_t)id);
	if (tree_entry_varint(e, ATTR_GID, &id))
		w->lib.archive_entry_set_gid(w->ae, (la_int64_t)id);
	put_text(w, e, ATTR_OWNER, w->lib.archive_entry_copy_uname);
	put_text(w, e, ATTR_GROUP, w->lib.archive_entry_copy_gname);
	if (leader) {
		w->lib.archive_entry_copy_hardlink(w->ae, leader);
		w->lib.archive_entry_set_nlink(w->ae, 2);
		w->lib.archive_entry_set_size(w->ae, 0);
		return 0;
	}
	w->lib.archive_entry_set_size(w->ae, e->type == ENTRY_FILE ? (la_int64_t)e->size : 0);
	if (e->type == ENTRY_SYMLINK)
		put_text(w, e, ATTR_TARGET, w->lib.archive_entry_copy_symlink);
	if (tree_entry_device(e, &major, &minor)) {
		w->lib.archive_entry_set_rdevmajor(w->ae, (dev_t)major);
		w->lib.archive_entry_set_rdevminor(w->ae, (dev_t)minor);
	}
	int ret = load(w, e, ATTR_XATTRS, ATTR_XATTRS_ID, &w->xattrs, err);
	if (ret == 0)
		ret = archive_put_xattrs(&w->lib, w->ae, w->xattrs.data, w->xattrs.len, err);
	return ret < 0 ? ret : put_holes(w, e, err);
}

/* -- content -- */

static bool is_zero(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* The archive has no room for what stands where the map has a hole: it is not lost silently. */
static int check_holes(struct hole_check *h, const unsigned char *p, size_t n, struct err *err)
{
	uint64_t from = h->at, to = h->at + n, gap, len;

	h->at = to;
	for (;;) {
		while (h->start == UINT64_MAX || h->end <= from) {
			uint64_t last = h->start == UINT64_MAX ? 0 : h->end;
			if (h->left == 0)
				return 0;
			int ret = hole_next(&h->p, &h->left, &gap, &len, err);
			if (ret <= 0)
				return ret;
			h->start = last + gap;
			h->end = h->start + len;
		}
		uint64_t a = h->start > from ? h->start : from, b = h->end < to ? h->end : to;
		if (a >= b)
			return 0;
		if (!is_zero(p + (a - (to - n)), (size_t)(b - a)))
			return err_set(err, ERR_CORRUPT, "there is data where its map has a hole");
		from = b;
		if (from == to)
			return 0;
	}
}

static int put_data(const void *p, size_t n, void *data, struct err *err)
{
	struct writing *w = data;
	const unsigned char *at = p;
	int ret = w->holes.len > 0 ? check_holes(&w->hole, p, n, err) : 0;

	while (ret == 0 && n > 0) {
		la_ssize_t got = w->lib.archive_write_data(w->a, at, n);
		ret = check(w, got, "write the archive", err);
		if (ret < 0 || got <= 0)
			break;
		at += got;
		n -= (size_t)got;
	}
	return ret < 0 ? ret : interrupt_check(err);
}

static int put_entry(struct writing *w, const struct tree_entry *e, const char *leader,
		     struct err *err)
{
	int ret = describe(w, e, leader, err), got = ARCHIVE_OK;

	if (ret == 0)
		got = w->lib.archive_write_header(w->a, w->ae);
	if (got == ARCHIVE_FAILED) {
		w->x->problem(buf_str(&w->path), w->path.len, w->lib.archive_error_string(w->a),
			      w->x->data);
		return 0;
	}
	if (ret == 0)
		ret = check(w, got, "write the archive", err);
	if (ret == 0 && !leader && e->type == ENTRY_FILE)
		ret = store_read_entry(w->x->store, e, put_data, w, err);
	if (ret == 0)
		ret = check(w, w->lib.archive_write_finish_entry(w->a), "write the archive", err);
	return ret < 0 ? err_wrap(err, "'%s'", buf_str(&w->path)) : interrupt_check(err);
}

static int on_entry(const char *path, size_t n, const struct tree_entry *e, void *data,
		    struct err *err)
{
	struct writing *w = data;
	const char *leader = NULL;
	int ret = 0;

	if (e->type == ENTRY_SOCKET) {
		w->x->problem(path, n, "a socket, which archives do not have", w->x->data);
		return 0;
	}
	buf_reset(&w->path);
	buf_put(&w->path, path, n);
	if (w->wants_utf8 && mbstowcs(NULL, buf_str(&w->path), 0) == (size_t)-1) {
		w->x->problem(path, n, "its name is not UTF-8, and this format has no others",
			      w->x->data);
		return 0;
	}
	if (w->links && e->type != ENTRY_DIR)
		ret = archive_links_find(w->links, path, n, &leader, err);
	return ret < 0 ? ret : put_entry(w, e, leader, err);
}

static int open_archive(struct writing *w, size_t f, struct err *err)
{
	w->a = w->lib.archive_write_new();
	w->ae = w->lib.archive_entry_new();
	int ret = check(w, w->lib.archive_write_set_format_by_name(w->a, formats[f].format),
			formats[f].name, err);
	if (ret == 0 && formats[f].filter)
		ret = check(w, w->lib.archive_write_add_filter_by_name(w->a, formats[f].filter),
			    formats[f].name, err);
	/* No zeros at the end, which not every decompressor takes. */
	w->lib.archive_write_set_bytes_in_last_block(w->a, 1);
	if (ret == 0)
		ret = check(w, w->lib.archive_write_open(w->a, w, NULL, on_write, NULL),
			    formats[f].name, err);
	return ret;
}

static int write_all(struct writing *w, struct err *err)
{
	const struct archive_export *x = w->x;
	int ret = 0;

	if (x->commit && x->tree && w->has_links)
		ret = archive_links_load(&w->links, &w->source, x->commit, x->top,
					 store_tmp_dir(x->store), err);
	if (ret == 0 && x->tree)
		ret = dir_walk(&w->source, x->tree, on_entry, w, err);
	else if (ret == 0)
		ret = on_entry((const char *)x->entry->name, x->entry->name_len, x->entry, w, err);
	if (ret == 0)
		ret = check(w, w->lib.archive_write_close(w->a), "write the archive", err);
	return ret;
}

int archive_export(const struct archive_export *x, struct err *err)
{
	struct writing w = {
		.x = x, .source = store_source(x->store), .xattrs = BUF_INIT, .holes = BUF_INIT,
		.path = BUF_INIT, .io = ERR_INIT,
	};
	size_t f = format_find(x->format);
	int ret = archive_format_check(x->format, err);

	if (ret == 0)
		ret = archive_lib_begin(&w.lib, err);
	if (ret < 0)
		return ret;
	w.has_links = strcmp(formats[f].format, "pax") == 0;
	w.wants_utf8 = !w.has_links && strcmp(formats[f].format, "newc") != 0;
	ret = open_archive(&w, f, err);
	if (ret == 0)
		ret = write_all(&w, err);
	w.lib.archive_entry_free(w.ae);
	w.lib.archive_write_free(w.a);
	archive_links_free(w.links);
	archive_lib_end(&w.lib);
	buf_release(&w.xattrs);
	buf_release(&w.holes);
	buf_release(&w.path);
	return ret;
}
