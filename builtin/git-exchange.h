#ifndef BUILTIN_GIT_EXCHANGE_H
#define BUILTIN_GIT_EXCHANGE_H

/* ub import git DIR, ub export git DIR [REV]: what both commands have on the side of git. */

#include "builtin/repo.h"

/* `ref` NULL: import/ and the folder's name.  EXIT_PARTIAL: something was left out. */
int git_import_run(struct ub *ub, const char *dir, const char *ref, struct err *err);
int git_export_run(struct ub *ub, const char *dir, const char *rev, struct err *err);

/* import/NAME, as far as refs may have that; sys_free() it. */
char *import_default_ref(const char *file);

#endif
