/*
 * An archive becomes a tree: its headers are read in order, content is stored as it comes, and
 * what is known of each entry goes to a sorter.
 *
 * Formats and filters are named one by one: libarchive's mtree would read files of this machine
 * that the archive names, and some filters run programs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "objects/content.h"

#include "fs/archive-internal.h"

#define READ_SIZE ((size_t)64 << 10)

struct reading {
	struct archive_import *m;
	struct archive_lib lib;
	struct archive_input in;
	struct object_sink sink;
	struct archive_tree tree;
	struct buf path, target, attrs, xattrs, holes;
	unsigned char *block;
	uint64_t entries;
};

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	struct archive_import *m = data;

	if (m->session)
		return session_put(m->session, type, p, n, id_out, NULL, err);
	keys_object_id(store_keys(m->store), (uint8_t)type, p, n, id_out->b);
	return 0;
}

/* -- input -- */

static la_ssize_t on_read(struct archive *a, void *data, const void **p)
{
	struct reading *r = data;
	ssize_t got;

	do
		got = sys_read(r->m->fd, r->block, READ_SIZE);
	while (got < 0 && errno == EINTR);
	*p = r->block;
	if (got < 0)
		r->lib.archive_set_error(a, errno, "%s", sys_error_text(errno));
	return got < 0 ? ARCHIVE_FATAL : got;
}

static la_int64_t on_skip(struct archive *a, void *data, la_int64_t n)
{
	struct reading *r = data;

	(void)a;
	off_t at = sys_lseek(r->m->fd, 0, SEEK_CUR), end;
	if (at < 0 || (end = sys_lseek(r->m->fd, 0, SEEK_END)) < 0)
		return 0;
	/* Not past the end: that would hide that the rest is missing. */
	if (n > end - at)
		n = end - at;
	return sys_lseek(r->m->fd, at + n, SEEK_SET) < 0 ? 0 : n;
}

static la_int64_t on_seek(struct archive *a, void *data, la_int64_t off, int whence)
{
	struct reading *r = data;
	off_t at = sys_lseek(r->m->fd, off, whence);

	if (at < 0)
		r->lib.archive_set_error(a, errno, "%s", sys_error_text(errno));
	return at < 0 ? ARCHIVE_FATAL : at;
}

static void support_all(struct archive_lib *l, struct archive *a)
{
	l->archive_read_support_filter_bzip2(a);
	l->archive_read_support_filter_compress(a);
	l->archive_read_support_filter_gzip(a);
	l->archive_read_support_filter_lz4(a);
	l->archive_read_support_filter_lzip(a);
	l->archive_read_support_filter_lzma(a);
	l->archive_read_support_filter_rpm(a);
	l->archive_read_support_filter_uu(a);
	l->archive_read_support_filter_xz(a);
	l->archive_read_support_filter_zstd(a);
	l->archive_read_support_format_7zip(a);
	l->archive_read_support_format_ar(a);
	l->archive_read_support_format_cab(a);
	l->archive_read_support_format_cpio(a);
	l->archive_read_support_format_iso9660(a);
	l->archive_read_support_format_lha(a);
	l->archive_read_support_format_rar(a);
	l->archive_read_support_format_rar5(a);
	l->archive_read_support_format_tar(a);
	l->archive_read_support_format_warc(a);
	l->archive_read_support_format_xar(a);
	l->archive_read_support_format_zip(a);
}

static int open_archive(struct reading *r, struct err *err)
{
	struct archive *a = r->lib.archive_read_new();

	r->in.a = a;
	support_all(&r->lib, a);
	r->lib.archive_read_set_callback_data(a, r);
	r->lib.archive_read_set_read_callback(a, on_read);
	if (sys_lseek(r->m->fd, 0, SEEK_CUR) >= 0) {
		r->lib.archive_read_set_skip_callback(a, on_skip);
		r->lib.archive_read_set_seek_callback(a, on_seek);
	}
	if (r->lib.archive_read_open1(a) < ARCHIVE_WARN)
		return archive_lib_err(&r->lib, a, ERR_CORRUPT, "it is no archive", err);
	return 0;
}

/* -- one entry -- */

static bool type_of(unsigned int filetype, enum entry_type *out)
{
	switch (filetype) {
	case AE_IFREG: *out = ENTRY_FILE; return true;
	case AE_IFDIR: *out = ENTRY_DIR; return true;
	case AE_IFLNK: *out = ENTRY_SYMLINK; return true;
	case AE_IFIFO: *out = ENTRY_FIFO; return true;
	case AE_IFSOCK: *out = ENTRY_SOCKET; return true;
	case AE_IFCHR: *out = ENTRY_CHAR; return true;
	case AE_IFBLK: *out = ENTRY_BLOCK; return true;
	default: return false;
	}
}

static int put_side(struct reading *r, enum note_kind kind, const struct buf *body,
		    enum attr_tag tag, struct err *err)
{
	struct note note = { kind, body->data, body->len };
	struct buf raw = BUF_INIT;
	struct oid id;

	note_encode(&note, &raw);
	int ret = put(r->m, OBJ_NOTE, raw.data, raw.len, &id, err);
	if (ret == 0)
		attr_put(&r->attrs, tag, id.b, OID_SIZE);
	buf_release(&raw);
	return ret;
}

static int put_xattrs(struct reading *r, struct archive_entry *ae, struct err *err)
{
	archive_get_xattrs(&r->lib, ae, &r->xattrs);
	if (r->xattrs.len == 0)
		return 0;
	if (r->xattrs.len > NOTE_BODY_MAX) {
		r->m->problem((const char *)r->path.data, r->path.len,
			      "its extended attributes are too large", r->m->data);
		return 0;
	}
	if (r->xattrs.len > XATTRS_INLINE_MAX)
		return put_side(r, NOTE_XATTRS, &r->xattrs, ATTR_XATTRS_ID, err);
	attr_put(&r->attrs, ATTR_XATTRS, r->xattrs.data, r->xattrs.len);
	return 0;
}

/* From where data is to where it is not; what makes no sense is no map. */
static int put_holes(struct reading *r, struct archive_entry *ae, uint64_t size, struct err *err)
{
	uint64_t at = 0, gap = 0;
	la_int64_t off, len;
	size_t nr = 0;

	buf_reset(&r->holes);
	if (r->lib.archive_entry_sparse_reset(ae) == 0)
		return 0;
	while (r->lib.archive_entry_sparse_next(ae, &off, &len) == ARCHIVE_OK) {
		if (off < 0 || len < 0 || (uint64_t)off < at || (uint64_t)off > size ||
		    (uint64_t)len > size - (uint64_t)off)
			return 0;
		if ((uint64_t)off > at) {
			hole_put(&r->holes, gap, (uint64_t)off - at);
			gap = 0;
		}
		gap += (uint64_t)len;
		at = (uint64_t)off + (uint64_t)len;
	}
	if (at < size)
		hole_put(&r->holes, gap, size - at);
	if (r->holes.len == 0 || r->holes.len > NOTE_BODY_MAX ||
	    holes_check(r->holes.data, r->holes.len, &nr, NULL, err) < 0) {
		err_clear(err);
		return 0;
	}
	if (nr > HOLES_INLINE_MAX)
		return put_side(r, NOTE_HOLES, &r->holes, ATTR_HOLES_ID, err);
	attr_put(&r->attrs, ATTR_HOLES, r->holes.data, r->holes.len);
	return 0;
}

static void put_owner(struct reading *r, const char *name, enum attr_tag tag)
{
	size_t n = name ? strlen(name) : 0;

	if (n > 0 && n <= OWNER_LEN_MAX)
		attr_put(&r->attrs, tag, name, n);
}

static void put_mtime(struct reading *r, struct archive_entry *ae)
{
	struct archive_import *m = r->m;

	if (!r->lib.archive_entry_mtime_is_set(ae))
		return;
	int64_t s = r->lib.archive_entry_mtime(ae);
	long nsec = r->lib.archive_entry_mtime_nsec(ae);
	uint32_t ns = nsec >= 0 && nsec < 1000000000 ? (uint32_t)nsec : 0;
	/* libarchive reads a fraction as going up, also before 1970, where it goes down. */
	if (s < 0 && s > INT64_MIN && ns > 0 &&
	    (r->lib.archive_format(r->in.a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR) {
		ns = 1000000000 - ns;
		s--;
	}
	attr_put_mtime(&r->attrs, s, ns);
	if (s > m->newest_s || (s == m->newest_s && ns > m->newest_ns)) {
		m->newest_s = s;
		m->newest_ns = ns;
	}
}

/* Numbers rise. */
static int put_attrs(struct reading *r, struct archive_entry *ae, struct tree_entry *e,
		     struct err *err)
{
	const char *target = r->lib.archive_entry_symlink(ae);
	int64_t uid = r->lib.archive_entry_uid(ae), gid = r->lib.archive_entry_gid(ae);

	buf_reset(&r->attrs);
	put_mtime(r, ae);
	if (uid >= 0)
		attr_put_varint(&r->attrs, ATTR_UID, (uint64_t)uid);
	if (gid >= 0)
		attr_put_varint(&r->attrs, ATTR_GID, (uint64_t)gid);
	put_owner(r, r->lib.archive_entry_uname(ae), ATTR_OWNER);
	put_owner(r, r->lib.archive_entry_gname(ae), ATTR_GROUP);
	if (e->type == ENTRY_SYMLINK) {
		e->size = strlen(target);
		attr_put(&r->attrs, ATTR_TARGET, target, (size_t)e->size);
	}
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK)
		attr_put_device(&r->attrs, (uint64_t)r->lib.archive_entry_rdevmajor(ae),
				(uint64_t)r->lib.archive_entry_rdevminor(ae));
	int ret = put_xattrs(r, ae, err);
	if (ret == 0 && e->type == ENTRY_FILE)
		ret = put_holes(r, ae, e->size, err);
	e->attrs = r->attrs.data;
	e->attrs_len = r->attrs.len;
	return ret;
}

static int problem(struct reading *r, const char *name, const char *why)
{
	r->m->problem(name ? name : "", name ? strlen(name) : 0, why, r->m->data);
	return 0;
}

/* A hard link; content that comes with one is that of all. */
static int add_link(struct reading *r, struct archive_entry *ae, const char *name,
		    struct err *err)
{
	struct tree_entry e = { .type = ENTRY_FILE };
	int64_t size = r->lib.archive_entry_size(ae);
	const char *why;
	int ret = 0;

	if (archive_path_clean(r->m->prefix, r->lib.archive_entry_hardlink(ae), &r->target,
			       &why) > ARCHIVE_PATH_STRIPPED)
		return problem(r, name, "a hard link to what is not in the archive");
	if (size > 0) {
		e.mode = r->lib.archive_entry_perm(ae) & 07777;
		ret = archive_read_content(&r->in, (uint64_t)size, &e, err);
		if (ret == 0)
			ret = put_attrs(r, ae, &e, err);
		if (ret == 0)
			ret = archive_tree_add(&r->tree, (char *)r->target.data, r->target.len,
					       &e, NULL, 0, err);
	}
	if (ret == 0)
		ret = archive_tree_add(&r->tree, (char *)r->path.data, r->path.len, NULL,
				       (char *)r->target.data, r->target.len, err);
	return ret;
}

static int add_entry(struct reading *r, struct archive_entry *ae, const char *name,
		     struct err *err)
{
	struct tree_entry e = { .mode = r->lib.archive_entry_perm(ae) & 07777 };
	const char *target = r->lib.archive_entry_symlink(ae);
	int64_t size = r->lib.archive_entry_size(ae);
	int ret = 0;

	if (!type_of(r->lib.archive_entry_filetype(ae), &e.type))
		return problem(r, name, "it is of a type that nobody knows");
	if (e.type == ENTRY_SYMLINK && (!target || !*target || strlen(target) > TARGET_LEN_MAX))
		return problem(r, name, "a symbolic link without a target that can be");
	if (e.type == ENTRY_FILE)
		ret = archive_read_content(&r->in, size > 0 ? (uint64_t)size : 0, &e, err);
	if (ret == 0)
		ret = put_attrs(r, ae, &e, err);
	if (ret == 0)
		ret = archive_tree_add(&r->tree, (char *)r->path.data, r->path.len, &e, NULL, 0,
				       err);
	return ret;
}

static int take(struct reading *r, struct archive_entry *ae, struct err *err)
{
	const char *name = r->lib.archive_entry_pathname(ae), *why = NULL;
	enum archive_path kind;
	int ret;

	if (++r->entries > ARCHIVE_ENTRIES_MAX)
		return err_set(err, ERR_REFUSED, "there are more entries than can be");
	kind = archive_path_clean(r->m->prefix, name ? name : "", &r->path, &why);
	if (kind == ARCHIVE_PATH_BAD)
		return problem(r, name, why);
	r->m->stripped += kind == ARCHIVE_PATH_STRIPPED;
	if (kind == ARCHIVE_PATH_ROOT && (r->path.len == 0 ||
	    r->lib.archive_entry_filetype(ae) != AE_IFDIR))
		return 0;
	ret = r->lib.archive_entry_hardlink(ae) ? add_link(r, ae, name, err) :
						  add_entry(r, ae, name, err);
	return ret < 0 ? err_wrap(err, "'%.200s'", name) : 0;
}

static void doubt(struct reading *r, struct archive_entry *ae)
{
	const char *name = r->lib.archive_entry_pathname(ae);
	const char *why = r->lib.archive_error_string(r->in.a);

	if (!name)
		name = "";
	/* A name that is not UTF-8 is taken as it is, whatever libarchive says of it. */
	if (mbstowcs(NULL, name, 0) == (size_t)-1)
		return;
	r->m->doubt(name, strlen(name), why ? why : "unknown", r->m->data);
}

static int read_all(struct reading *r, struct err *err)
{
	struct archive_entry *ae;
	int ret = open_archive(r, err);

	while (ret == 0) {
		int got = r->lib.archive_read_next_header(r->in.a, &ae);
		if (got == ARCHIVE_EOF)
			break;
		if (got == ARCHIVE_RETRY)
			continue;
		if (got < ARCHIVE_WARN)
			return archive_lib_err(&r->lib, r->in.a, ERR_CORRUPT,
					       "damaged, or no archive", err);
		if (got == ARCHIVE_WARN)
			doubt(r, ae);
		ret = take(r, ae, err);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	if (ret == 0 && r->entries == 0)
		ret = err_set(err, ERR_CORRUPT, "there is nothing in it");
	return ret;
}

int archive_import(struct archive_import *m, struct err *err)
{
	struct reading r = {
		.m = m, .path = BUF_INIT, .target = BUF_INIT, .attrs = BUF_INIT,
		.xattrs = BUF_INIT, .holes = BUF_INIT,
	};
	int ret = archive_lib_begin(&r.lib, err);

	if (ret < 0)
		return ret;
	m->newest_s = INT64_MIN;
	r.sink = (struct object_sink){ put, m, keys_chunker_key(store_keys(m->store)), NULL };
	r.block = xmalloc(READ_SIZE);
	r.in = (struct archive_input){
		.lib = &r.lib, .sink = &r.sink, .params = store_chunker_params(m->store),
		.left = m->size_max, .data = BUF_INIT,
	};
	archive_tree_init(&r.tree, &r.sink, store_tmp_dir(m->store), m->commit);
	r.tree.problem = m->problem;
	r.tree.data = m->data;
	ret = read_all(&r, err);
	if (r.in.a)
		r.lib.archive_read_free(r.in.a);
	archive_lib_end(&r.lib);
	if (ret == 0)
		ret = archive_tree_end(&r.tree, err);
	m->commit->tree = r.tree.tree;
	m->entries = r.entries;
	archive_tree_release(&r.tree);
	sys_free(r.block);
	buf_release(&r.in.data);
	buf_release(&r.path);
	buf_release(&r.target);
	buf_release(&r.attrs);
	buf_release(&r.xattrs);
	buf_release(&r.holes);
	return ret < 0 ? err_wrap(err, "'%s'", m->name) : 0;
}
