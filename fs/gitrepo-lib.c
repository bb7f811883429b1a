/*
 * Loading libgit2 (see lib/config-git.c, which has a few functions of its own).
 */
#include <dlfcn.h>
#include <string.h>

#include "fs/gitrepo-internal.h"

int git_lib_load(struct git_lib *out, struct err *err)
{
	/* Not closed, nor shut down, again: doing it twice would cost twice. */
	void *handle = dlopen("libgit2.so." LIBGIT2_SOVERSION, RTLD_LAZY | RTLD_LOCAL);

	if (!handle)
		return err_set(err, ERR_FAILED, "cannot load libgit2: %s", dlerror());
	memset(out, 0, sizeof(*out));
#define LOOK_UP(name) \
	out->name = (__typeof__(name) *)dlsym(handle, #name); \
	if (!out->name) \
		return err_set(err, ERR_FAILED, "libgit2 has no " #name);
	GIT_LIB_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	if (out->git_libgit2_init() < 0)
		return err_set(err, ERR_FAILED, "cannot start libgit2");
	/* Whose a repository is does not matter: nothing that it says is done. */
	out->git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	return 0;
}

const char *git_lib_error(const struct git_lib *g)
{
	const git_error *e = g->git_error_last();

	return e && e->message ? e->message : "unknown error";
}
