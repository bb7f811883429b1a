#ifndef FS_GITREPO_INTERNAL_H
#define FS_GITREPO_INTERNAL_H

/*
 * The functions of libgit2 that fs/gitrepo*.c call.  It is loaded when the first of them asks
 * (gitrepo-lib.c), since that takes milliseconds, and stays.
 */

#include <git2.h>

#include "lib/err.h"

#define GIT_LIB_FUNCTIONS(X) \
	X(git_blob_free) \
	X(git_blob_lookup) \
	X(git_blob_rawcontent) \
	X(git_blob_rawsize) \
	X(git_commit_author) \
	X(git_commit_free) \
	X(git_commit_id) \
	X(git_commit_lookup) \
	X(git_commit_message_raw) \
	X(git_commit_parent_id) \
	X(git_commit_parentcount) \
	X(git_commit_time) \
	X(git_commit_time_offset) \
	X(git_commit_tree_id) \
	X(git_diff_buffers) \
	X(git_diff_options_init) \
	X(git_error_last) \
	X(git_index_entrycount) \
	X(git_index_free) \
	X(git_index_get_byindex) \
	X(git_index_open) \
	X(git_libgit2_init) \
	X(git_libgit2_opts) \
	X(git_object_free) \
	X(git_object_id) \
	X(git_odb_exists) \
	X(git_odb_free) \
	X(git_odb_object_data) \
	X(git_odb_object_free) \
	X(git_odb_object_size) \
	X(git_odb_open_wstream) \
	X(git_odb_read) \
	X(git_odb_stream_finalize_write) \
	X(git_odb_stream_free) \
	X(git_odb_stream_write) \
	X(git_odb_write) \
	X(git_oid_tostr) \
	X(git_reference_create) \
	X(git_reference_free) \
	X(git_reference_iterator_free) \
	X(git_reference_iterator_new) \
	X(git_reference_lookup) \
	X(git_reference_name) \
	X(git_reference_name_to_id) \
	X(git_reference_next) \
	X(git_reference_peel) \
	X(git_reference_symbolic_target) \
	X(git_reference_type) \
	X(git_repository_free) \
	X(git_repository_init) \
	X(git_repository_odb) \
	X(git_repository_open_ext) \
	X(git_repository_set_head) \
	X(git_revwalk_free) \
	X(git_revwalk_new) \
	X(git_revwalk_next) \
	X(git_revwalk_push_glob) \
	X(git_revwalk_sorting) \
	X(git_status_foreach_ext) \
	X(git_status_options_init) \
	X(git_tree_entry_byindex) \
	X(git_tree_entry_filemode) \
	X(git_tree_entry_id) \
	X(git_tree_entry_name) \
	X(git_tree_entrycount) \
	X(git_tree_free) \
	X(git_tree_lookup)

struct git_lib {
#define GIT_LIB_MEMBER(name) __typeof__(name) *name;
	GIT_LIB_FUNCTIONS(GIT_LIB_MEMBER)
#undef GIT_LIB_MEMBER
};

/* ERR_FAILED: it cannot be loaded. */
int git_lib_load(struct git_lib *out, struct err *err);
/* What it says of its last failure in this thread. */
const char *git_lib_error(const struct git_lib *g);

#endif
