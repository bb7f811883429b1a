#ifndef BUILTIN_UB_H
#define BUILTIN_UB_H

/*
 * What commands share.  A command is a function
 *
 *	int cmd_cat_tree(struct ub *ub, int argc, char **argv, struct err *err)
 *
 * that begins with ub_parse(), puts its result into ub->out, and returns 0, a positive exit
 * status that its manual names, or a negative code with `err` filled.  It prints no errors and
 * does not exit: builtin/ub.c does.
 */

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "lib/out.h"
#include "lib/progress.h"

struct keys;
struct refs;
struct store;
struct config;

enum command_group { PORCELAIN, PLUMBING };

enum command_flags {
	NEEDS_REPO = 1u << 0,		/* ub_parse() opens the repository */
	WRITES = 1u << 1,		/* ... for writing */
	HAS_JSON = 1u << 2,
	HAS_DRY_RUN = 1u << 3,
	NO_REPO = 1u << 4,		/* goes on where nothing says which repository is meant */
};

struct ub {
	/* from the command line, before or after the verb */
	char *repo_path;	/* --repo, UB_DIR, XDG; NULL after ub_parse() only with NO_REPO */
	const char *password_file;	/* --password-file, or NULL */
	bool json, quiet, no_progress, progress, dry_run;
	int verbose;
	const struct command *command;
	struct out out;			/* standard output */
	struct pager *pager;		/* where it goes instead, see builtin/pager.h; or NULL */

	/* set by repo_open(), NULL before */
	struct config *config;
	struct keys *keys;
	struct store *store;
	struct refs *refs;
};

struct command {
	const char *name;
	int (*run)(struct ub *ub, int argc, char **argv, struct err *err);
	enum command_group group;
	unsigned int flags;
	const char *summary;
};

/* All of builtin/commands.def, in its order; a NULL name ends it. */
extern const struct command commands[];
const struct command *command_find(const char *name);

/*
 * Parse the command's options and the common ones, answer -h, refuse --json and --dry-run where
 * commands.def does not have them, find the repository, and open it where commands.def says so.
 * Afterwards argv[0] is the first of argc arguments.
 */
int ub_parse(struct ub *ub, const struct opt *opts, const char *usage, int *argc, char ***argv,
	     struct err *err);

/*
 * For commands of the form `REV... -- PATH...`, before ub_parse(): cut off what follows "--", and
 * answer it.
 */
char **ub_cut_paths(int *argc, char **argv, int *nr_out);

/* A sentence on standard error, "ub: ...", unless -q: said along the way, not a failure. */
void ub_say(const struct ub *ub, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, also under -q: something the person must know. */
void ub_warn(const struct ub *ub, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* How this run shows progress: for progress_begin(). */
enum progress_mode ub_progress(const struct ub *ub);
/* Grouped list of commands: what `ub help` and `ub -h` print. */
void ub_overview(struct buf *out);

#define COMMAND(name, fn, group, flags, summary) \
	int cmd_##fn(struct ub *ub, int argc, char **argv, struct err *err);
#include "builtin/commands.def"
#undef COMMAND

#endif
