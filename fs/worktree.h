#ifndef FS_WORKTREE_H
#define FS_WORKTREE_H

/*
 * A git work tree, as far as a walk asks: the rules that its .git folder adds, and what git tracks.
 *
 * Nothing here trusts what it reads: where .git cannot be understood, that is doubtful, and
 * whoever asks leaves nothing out for it.  Only the index is read by libgit2, and only when
 * something is about to be left out.  No program is run, and no setting has an effect beyond
 * core.ignoreCase, core.bare and core.worktree.
 */

#include <stdbool.h>

#include "fs/ignore.h"

struct worktree;

/* `path` names the work tree in a remark: what is amiss, and that nothing is left out there. */
typedef void worktree_remark_fn(const char *path, const char *what, void *data);

/*
 * The work tree whose root is the open folder `dirfd` (O_PATH will do), which has an entry named
 * .git; `path` is what it is called in rules and remarks.  NULL: it is no root of one.
 */
struct worktree *worktree_open(int dirfd, const char *path, worktree_remark_fn *remark, void *data);
void worktree_close(struct worktree *t);
/* Is folder `name` in `dirfd` the root of one, be it a doubtful one? */
bool worktree_is_at(int dirfd, const char *name);
/* .git/info/exclude, anchored at the root; NULL: there is none. */
const struct ignore_rules *worktree_excludes(const struct worktree *t);
bool worktree_folds_case(const struct worktree *t);

enum worktree_tracks {
	TRACKS_NOT,
	TRACKS_IT,		/* a file, or a folder that is a submodule */
	TRACKS_BELOW,		/* something in the folder */
	TRACKS_UNKNOWN,		/* which was remarked upon, once */
};
/* `path` is relative to the root.  From any number of threads. */
enum worktree_tracks worktree_tracks(struct worktree *t, const char *path, bool is_dir);

#endif
