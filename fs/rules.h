#ifndef FS_RULES_H
#define FS_RULES_H

/*
 * What a walk leaves out, and why.
 *
 * Rules go down with the walk: each folder has those of the folder above it and its own, in a
 * chain that nobody changes and any thread may read.  In the order in which they are asked, the
 * first that has something to say decides:
 *
 *	1. what was typed: --exclude and its like, anchored at the root
 *	2. .ubignore of the folder, then of those above it
 *	3. in a git work tree, unless git tracks the path: .gitignore of the folder, then of those
 *	   above it as far as the work tree goes, then its .git/info/exclude
 *	4. in a git work tree, unless git tracks something in it: a folder of build artefacts
 *
 * A .git folder is taken whole but for what git leaves lying there when it is interrupted.  A
 * folder that is a git work tree itself is not left out for the rules of the one around it.
 */

#include "fs/ignore.h"
#include "fs/names.h"
#include "fs/worktree.h"

enum rules_artefacts { ARTEFACTS_MARKED, ARTEFACTS_ALWAYS, ARTEFACTS_NEVER };

/* A file that, if it is there and begins so, has all else in its folder left out. */
struct rules_marker { const char *name, *header; };

struct rules_options {
	const struct ignore_rules *typed;	/* NULL: nothing was */
	const struct rules_marker *markers;
	size_t nr_markers;
	bool no_gitignore, no_nodump;
	bool drops_worktrees;			/* that lie in another and are ignored there */
	enum rules_artefacts artefacts;
	bool has_size_max;
	uint64_t size_max;			/* of a file */
	worktree_remark_fn *remark;		/* by one thread at a time */
	void *data;
};

#define CACHEDIR_TAG "CACHEDIR.TAG"
#define CACHEDIR_HEADER "Signature: 8a477f597d28d172789f06886806bc55"

/* Those in force in one folder. */
struct rules;

/* In force nowhere yet; `o` is borrowed until all is released. */
struct rules *rules_new(const struct rules_options *o);
struct rules *rules_ref(struct rules *r);
void rules_release(struct rules *r);

/* A folder that the walk comes to. */
struct rules_folder {
	int fd;
	const char *path;		/* from the root, with a slash behind; "" for the root */
	const char *name;
	const struct names *names;	/* NULL: it is not listed, only passed */
	const char *only_tracked;	/* the rule, if RULES_TRACKED was the answer; else NULL */
};
/* The rules in it, of those of the folder above; to be released. */
struct rules *rules_enter(struct rules *above, const struct rules_folder *f);
/* Is the folder with these rules, `path_len` bytes with its slash, the root of a work tree? */
bool rules_is_worktree(const struct rules *r, size_t path_len);
/* Can any name be left out?  If not, there is no need to ask. */
bool rules_is_empty(const struct rules *r);

enum rules_answer {
	RULES_KEEP, RULES_DROP,
	RULES_TRACKED,		/* a folder: only what git tracks in it stays */
};
/*
 * `path` of something in the folder `dirfd` with these rules, whose names are `names` (or NULL);
 * `rule` gets the rule, unless it stays.
 */
enum rules_answer rules_ask(struct rules *r, int dirfd, const struct names *names,
			    const char *path, bool is_dir, struct buf *rule);

#endif
