#ifndef FS_RULES_INTERNAL_H
#define FS_RULES_INTERNAL_H

/* Names that rules know beside those of files of rules (rules-names.c). */

#include "fs/names.h"

/*
 * Is a folder of this name made by a build?  The name of the file beside it that says so, as a
 * pattern, in `marker_out`: "package.json".  With `names` NULL no file is asked for.
 */
bool artefact_is(const char *name, const struct names *names, const char **marker_out);
/* Does git leave such a file behind when it is interrupted?  `path` is relative to .git. */
bool git_temporary_is(const char *path, bool is_dir);

#endif
