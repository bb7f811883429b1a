/*
 * libarchive, loaded when it is needed: it brings XML, ICU and five compressors along, which all
 * other commands would wait for at their start.
 */
#include <dlfcn.h>

#include "fs/archive-internal.h"

#define ARCHIVE_SONAME "libarchive.so.13"

int archive_lib_begin(struct archive_lib *lib, struct err *err)
{
	/* Not closed again: loading twice would cost twice. */
	void *handle = dlopen(ARCHIVE_SONAME, RTLD_LAZY | RTLD_LOCAL);

	if (!handle)
		return err_set(err, ERR_FAILED, "cannot load libarchive: %s", dlerror());
#define LOOK_UP(name) \
	lib->name = (__typeof__(name) *)dlsym(handle, #name); \
	if (!lib->name) \
		return err_set(err, ERR_FAILED, "libarchive has no " #name);
	ARCHIVE_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	lib->was = (locale_t)0;
	lib->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (lib->locale)
		lib->was = uselocale(lib->locale);
	return 0;
}

void archive_lib_end(struct archive_lib *lib)
{
	if (!lib->locale)
		return;
	uselocale(lib->was);
	freelocale(lib->locale);
	lib->locale = (locale_t)0;
}

int archive_lib_err(const struct archive_lib *lib, struct archive *a, enum err_code code,
		    const char *what, struct err *err)
{
	const char *text = lib->archive_error_string(a);

	return err_set(err, code, "%s: %s", what, text ? text : "unknown error");
}
