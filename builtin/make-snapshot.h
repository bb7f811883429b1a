#ifndef BUILTIN_MAKE_SNAPSHOT_H
#define BUILTIN_MAKE_SNAPSHOT_H

/* What `ub commit` and `ub backup` share: from what was typed to a snapshot and what is said. */

#include "builtin/walk-setup.h"

struct snapshot_request {
	struct opt_list message, tags;
	struct exclude_options excludes;
	bool one_fs, force, skip_if_unchanged;
	bool no_hooks;
	bool all_sources;		/* PATHs are added, and everything is committed */
	bool adds_nothing;		/* PATHs do not become sources */
	bool from_stdin, from_command;
	const char *stdin_name;
	struct opt_list files_from, files_from_raw;
};

/* The options that both have; OPT_END not among them. */
#define SNAPSHOT_OPTIONS(r) \
	OPT_LIST('m', "message", &(r)->message, "msg", "a paragraph of the message"), \
	OPT_LIST(0, "tag", &(r)->tags, "tag", "a word to find it by; may be repeated"), \
	EXCLUDE_OPTIONS(&(r)->excludes), \
	OPT_FLAG('x', "one-file-system", &(r)->one_fs, "stay on the file system of each source"), \
	OPT_FLAG(0, "force", &(r)->force, "read every file, whatever the stat cache says"), \
	OPT_FLAG(0, "skip-if-unchanged", &(r)->skip_if_unchanged, \
		 "no snapshot when nothing changed"), \
	OPT_FLAG(0, "no-hooks", &(r)->no_hooks, "run no hook")

/* 0, EXIT_PARTIAL, or negative. */
int snapshot_request_run(struct ub *ub, struct snapshot_request *r, int argc, char **argv,
			 struct err *err);
void snapshot_request_release(struct snapshot_request *r);

#endif
