#ifndef FS_ARCHIVE_INTERNAL_H
#define FS_ARCHIVE_INTERNAL_H

/*
 * What the files of archives share.
 *
 *	archive.c		libarchive, loaded when it is needed
 *	archive-acl.c		ACLs and extended attributes, both ways
 *	archive-write.c		a tree becomes an archive
 *	archive-links.c		which paths of a snapshot are hard links to which
 *	archive-read.c		an archive's entries become records
 *	archive-content.c	the content of one entry becomes objects
 *	archive-path.c		names of an archive become paths below the root, or nothing
 *	archive-tree.c		records in any order become a tree
 */

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "objects/builder.h"
#include "objects/dir.h"
#include "objects/sorter.h"
#include "objects/store.h"
#include "fs/archive.h"

#define ARCHIVE_FUNCTIONS(X) \
	X(archive_format) \
	X(archive_error_string) \
	X(archive_set_error) \
	X(archive_write_new) \
	X(archive_write_free) \
	X(archive_write_close) \
	X(archive_write_set_format_by_name) \
	X(archive_write_add_filter_by_name) \
	X(archive_write_set_bytes_in_last_block) \
	X(archive_write_open) \
	X(archive_write_header) \
	X(archive_write_data) \
	X(archive_write_finish_entry) \
	X(archive_read_new) \
	X(archive_read_free) \
	X(archive_read_support_filter_bzip2) \
	X(archive_read_support_filter_compress) \
	X(archive_read_support_filter_gzip) \
	X(archive_read_support_filter_lz4) \
	X(archive_read_support_filter_lzip) \
	X(archive_read_support_filter_lzma) \
	X(archive_read_support_filter_rpm) \
	X(archive_read_support_filter_uu) \
	X(archive_read_support_filter_xz) \
	X(archive_read_support_filter_zstd) \
	X(archive_read_support_format_7zip) \
	X(archive_read_support_format_ar) \
	X(archive_read_support_format_cab) \
	X(archive_read_support_format_cpio) \
	X(archive_read_support_format_iso9660) \
	X(archive_read_support_format_lha) \
	X(archive_read_support_format_rar) \
	X(archive_read_support_format_rar5) \
	X(archive_read_support_format_tar) \
	X(archive_read_support_format_warc) \
	X(archive_read_support_format_xar) \
	X(archive_read_support_format_zip) \
	X(archive_read_set_callback_data) \
	X(archive_read_set_read_callback) \
	X(archive_read_set_seek_callback) \
	X(archive_read_set_skip_callback) \
	X(archive_read_open1) \
	X(archive_read_next_header) \
	X(archive_read_data_block) \
	X(archive_entry_new) \
	X(archive_entry_free) \
	X(archive_entry_clear) \
	X(archive_entry_acl_add_entry) \
	X(archive_entry_acl_next) \
	X(archive_entry_acl_reset) \
	X(archive_entry_copy_gname) \
	X(archive_entry_copy_hardlink) \
	X(archive_entry_copy_pathname) \
	X(archive_entry_copy_symlink) \
	X(archive_entry_copy_uname) \
	X(archive_entry_filetype) \
	X(archive_entry_gid) \
	X(archive_entry_gname) \
	X(archive_entry_hardlink) \
	X(archive_entry_mtime) \
	X(archive_entry_mtime_is_set) \
	X(archive_entry_mtime_nsec) \
	X(archive_entry_pathname) \
	X(archive_entry_perm) \
	X(archive_entry_rdevmajor) \
	X(archive_entry_rdevminor) \
	X(archive_entry_set_filetype) \
	X(archive_entry_set_gid) \
	X(archive_entry_set_mtime) \
	X(archive_entry_set_nlink) \
	X(archive_entry_set_perm) \
	X(archive_entry_set_rdevmajor) \
	X(archive_entry_set_rdevminor) \
	X(archive_entry_set_size) \
	X(archive_entry_set_uid) \
	X(archive_entry_size) \
	X(archive_entry_sparse_add_entry) \
	X(archive_entry_sparse_next) \
	X(archive_entry_sparse_reset) \
	X(archive_entry_symlink) \
	X(archive_entry_uid) \
	X(archive_entry_uname) \
	X(archive_entry_xattr_add_entry) \
	X(archive_entry_xattr_next) \
	X(archive_entry_xattr_reset)

struct archive_lib {
#define MEMBER(name) __typeof__(name) *name;
	ARCHIVE_FUNCTIONS(MEMBER)
#undef MEMBER
	locale_t locale, was;
};

/*
 * Load libarchive, and let this thread's names be UTF-8 until archive_lib_end(): what is not is
 * carried as the bytes that it is.
 */
int archive_lib_begin(struct archive_lib *lib, struct err *err);
void archive_lib_end(struct archive_lib *lib);
/* What libarchive says of `a`: "WHAT: SENTENCE". */
int archive_lib_err(const struct archive_lib *lib, struct archive *a, enum err_code code,
		    const char *what, struct err *err);

/* -- attributes -- */

/* Add the pairs of ATTR_XATTRS; ACLs among them become those of the entry. */
int archive_put_xattrs(const struct archive_lib *lib, struct archive_entry *ae,
		       const unsigned char *p, size_t n, struct err *err);
/* The other way, sorted, as ATTR_XATTRS has them; `out` is replaced. */
void archive_get_xattrs(const struct archive_lib *lib, struct archive_entry *ae, struct buf *out);

/* -- names -- */

enum archive_path {
	ARCHIVE_PATH_GOOD,
	ARCHIVE_PATH_STRIPPED,		/* good, once its leading slashes are gone */
	ARCHIVE_PATH_ROOT,		/* the root itself: ".", "/" */
	ARCHIVE_PATH_BAD,		/* leads out, is empty, or too long: `why` */
};
/*
 * `name` as a path without "." and doubled slashes, below `prefix` ("": the root), into `out`,
 * which is replaced.
 */
enum archive_path archive_path_clean(const char *prefix, const char *name, struct buf *out,
				     const char **why);

/* -- hard links of a snapshot -- */

struct archive_links;
/*
 * From the side lists of `c`, of what stands below `top` ("": all): paths relative to there.
 * `dir`: where to spill.
 */
int archive_links_load(struct archive_links **out, const struct object_source *src,
		       const struct commit *c, const char *top, const char *dir, struct err *err);
void archive_links_free(struct archive_links *l);	/* NULL is fine */
/*
 * Asked in the order of a walk: 1 and the path that comes before and is the same file (borrowed
 * until the next call), else 0.
 */
int archive_links_find(struct archive_links *l, const char *path, size_t n, const char **out,
		       struct err *err);

/* -- from records to a tree -- */

struct archive_tree {
	struct sorter *in;		/* by what the content is of, then by number */
	const struct object_sink *sink;
	const char *dir;		/* where to spill */
	uint64_t nr;
	struct buf record;
	/* out */
	struct oid tree;
	struct commit *commit;		/* gets counts and hard links */
	void (*problem)(const char *path, size_t n, const char *why, void *data);
	void *data;
};
void archive_tree_init(struct archive_tree *t, const struct object_sink *sink, const char *dir,
		       struct commit *commit);
void archive_tree_release(struct archive_tree *t);
/* `e` has no name; a hard link to `target` has no `e`. */
int archive_tree_add(struct archive_tree *t, const char *path, size_t n,
		     const struct tree_entry *e, const char *target, size_t target_len,
		     struct err *err);
/* All were added: t->tree. */
int archive_tree_end(struct archive_tree *t, struct err *err);

/* -- content -- */

struct archive_input {
	const struct archive_lib *lib;
	struct archive *a;
	const struct object_sink *sink;
	struct chunker_params params;
	uint64_t left;			/* bytes that may still come */
	struct buf data;		/* inline content */
};
/* The content of the entry at hand: type, size, content of `e`, which borrows from in->data. */
int archive_read_content(struct archive_input *in, uint64_t size, struct tree_entry *e,
			 struct err *err);

#endif
