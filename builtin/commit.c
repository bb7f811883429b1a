/*
 * ub commit: a snapshot of what is under backup.
 */
#include "builtin/make-snapshot.h"

static const char commit_usage[] =
	"ub commit [-m MSG]... [--tag TAG]... [-e PATTERN]... [PATH...]\n"
	"ub commit [-m MSG]... --files-from FILE\n"
	"ub commit [-m MSG]... --stdin [--stdin-filename PATH]\n"
	"ub commit [-m MSG]... --stdin-from-command [--stdin-filename PATH] -- COMMAND [ARG...]";

int cmd_commit(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct snapshot_request r = { 0 };
	const struct opt opts[] = {
		SNAPSHOT_OPTIONS(&r),
		OPT_LIST(0, "files-from", &r.files_from, "file",
			 "paths to commit, one a line; -: standard input"),
		OPT_LIST(0, "files-from-raw", &r.files_from_raw, "file", "the same, ended by NUL"),
		OPT_FLAG(0, "stdin", &r.from_stdin, "the content of standard input as a file"),
		OPT_FLAG(0, "stdin-from-command", &r.from_command,
			 "what a command prints as a file, if it succeeds"),
		OPT_STR(0, "stdin-filename", &r.stdin_name, "path", "where that file is to be"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, commit_usage, &argc, &argv, err);

	if (ret == 0)
		ret = snapshot_request_run(ub, &r, argc, argv, err);
	snapshot_request_release(&r);
	return ret;
}
