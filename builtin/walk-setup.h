#ifndef BUILTIN_WALK_SETUP_H
#define BUILTIN_WALK_SETUP_H

/*
 * What every walk of the disk is told, whatever it is for: where to begin, what stays out, where
 * the stat cache is.
 */

#include "fs/disk-side.h"
#include "fs/snapshot.h"
#include "builtin/source-list.h"

/* -e, --iexclude, --exclude-file and their like */
struct exclude_options {
	struct opt_list patterns, folded, files, if_present;
	const char *larger_than;
	bool caches, nodump, no_gitignore;
};
#define EXCLUDE_OPTIONS(e) \
	OPT_LIST('e', "exclude", &(e)->patterns, "pattern", \
		 "leave out what fits, in .gitignore's grammar, anchored at /"), \
	OPT_LIST(0, "iexclude", &(e)->folded, "pattern", "the same, whatever the case"), \
	OPT_LIST(0, "exclude-file", &(e)->files, "file", "patterns, one a line"), \
	OPT_LIST(0, "exclude-if-present", &(e)->if_present, "name[:header]", \
		 "leave out what is in a folder with such a file, which begins so"), \
	OPT_STR(0, "exclude-larger-than", &(e)->larger_than, "size", \
		"leave out files of more bytes"), \
	OPT_FLAG(0, "exclude-caches", &(e)->caches, "leave out what CACHEDIR.TAG marks"), \
	OPT_FLAG(0, "exclude-nodump", &(e)->nodump, "leave out what chattr +d marks"), \
	OPT_FLAG(0, "no-gitignore", &(e)->no_gitignore, "do not leave out what git ignores")
void exclude_options_release(struct exclude_options *e);

struct walk_setup {
	struct ub *ub;
	struct waypoint *root;
	struct rules_options rules;
	struct ignore_rules *typed;
	struct rules_marker *markers;
	char **marker_text;		/* what they borrow from */
	struct scan_skip *skip;
	size_t nr_skip;
	char *cache_dir;
	uint64_t problems;		/* said so far */
	struct buf left_out;		/* lines about the first that were */
	uint64_t nr_left_out;
	struct snapshot_command *commands;	/* sources that are commands */
	size_t nr_commands;
	struct progress progress;
};

/* `e` may be NULL.  After a failure, too, it is to be released. */
int walk_setup_init(struct walk_setup *w, struct ub *ub, const struct exclude_options *e,
		    struct err *err);
void walk_setup_release(struct walk_setup *w);
/* All but what a commit alone has; problems are said as they come. */
void walk_setup_fill(struct walk_setup *w, struct scan_options *o);

/*
 * The disk beside a snapshot: this device's sources, and those that `c` (may be NULL) names.
 * `old_tree` stands for what is absent.
 */
int walk_setup_disk(struct walk_setup *w, const struct commit *c, bool force,
		    struct disk_side **out, struct err *err);
/* What a snapshot made now after `c` would have: of this device's sources alone. */
int walk_setup_next(struct walk_setup *w, const struct commit *c, struct disk_side **out,
		    struct err *err);
/*
 * After a walk: sources among `paths` (may be NULL) that are not there are named, with `what` that
 * means, and count as problems.
 */
void walk_setup_say_absent(struct walk_setup *w, const struct path_set *paths, const char *what);

#endif
