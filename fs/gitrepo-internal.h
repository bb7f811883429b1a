#ifndef FS_GITREPO_INTERNAL_H
#define FS_GITREPO_INTERNAL_H

/*
 * The functions of libgit2 that fs/gitrepo*.c call.  It is loaded when the first of them asks
 * (gitrepo-lib.c), since that takes milliseconds, and stays.
 */

#include <git2.h>

#include "lib/err.h"

#define GIT_LIB_FUNCTIONS(X) \
	X(git_diff_buffers) \
	X(git_diff_options_init) \
	X(git_error_last) \
	X(git_index_entrycount) \
	X(git_index_free) \
	X(git_index_get_byindex) \
	X(git_index_open) \
	X(git_libgit2_init) \
	X(git_libgit2_opts) \
	X(git_oid_tostr) \
	X(git_reference_free) \
	X(git_reference_lookup) \
	X(git_reference_name_to_id) \
	X(git_reference_symbolic_target) \
	X(git_reference_type) \
	X(git_repository_free) \
	X(git_repository_open_ext) \
	X(git_status_foreach_ext) \
	X(git_status_options_init)

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
