/* Files of settings: what our reader takes for plain, libgit2 reads the same way. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dlfcn.h>
#include <git2/version.h>

#include "lib/config-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Started once and kept, for speed: each start counts. */
static void hold_libgit2(void)
{
	static bool held;
	void *handle;
	int (*init)(void);

	if (held)
		return;
	held = true;
	handle = dlopen("libgit2.so." LIBGIT2_SOVERSION, RTLD_LAZY);
	init = handle ? (int (*)(void))dlsym(handle, "git_libgit2_init") : NULL;
	if (!init || init() < 0)
		abort();
}

static bool same_str(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_list ours = CONFIG_LIST_INIT, theirs = CONFIG_LIST_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char path[64];
	FILE *f;

	hold_libgit2();
	snprintf(path, sizeof(path), "/dev/shm/fuzz-config-%d", (int)getpid());
	buf_put(&text, data, size);
	if (config_scan(path, &text, &ours)) {
		f = fopen(path, "wb");
		if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
			abort();
		if (config_git_read(path, &theirs, &err) < 0 || ours.nr != theirs.nr)
			abort();
		for (size_t i = 0; i < ours.nr; i++)
			if (!same_str(ours.v[i].key, theirs.v[i].key) ||
			    !same_str(ours.v[i].value, theirs.v[i].value))
				abort();
		unlink(path);
	}
	config_list_release(&ours);
	config_list_release(&theirs);
	buf_release(&text);
	return 0;
}
