/*
 * Names of archives: what comes out stays below the prefix, and is a path that trees can have.
 * The input is a prefix, a NUL, and a name.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "fs/archive-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_path(const unsigned char *p, size_t n)
{
	must(n > 0 && n <= PATH_LEN_MAX);
	for (size_t at = 0; at <= n; ) {
		const unsigned char *slash = memchr(p + at, '/', n - at);
		size_t len = slash ? (size_t)(slash - p) - at : n - at;
		must(len > 0 && len <= NAME_LEN_MAX);
		must(!(p[at] == '.' && (len == 1 || (len == 2 && p[at + 1] == '.'))));
		at += len + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size > 0 && memchr(data, 0, size) ?
		(size_t)((const uint8_t *)memchr(data, 0, size) - data) : 0;
	char *prefix = xstrndup((const char *)data, n);
	char *name = xstrndup((const char *)data + (n < size ? n + 1 : n),
			      n < size ? size - n - 1 : 0);
	struct buf out = BUF_INIT, again = BUF_INIT;
	const char *why = NULL;
	enum archive_path kind = archive_path_clean(prefix, name, &out, &why);

	if (kind == ARCHIVE_PATH_BAD)
		must(why != NULL);
	if (kind == ARCHIVE_PATH_GOOD || kind == ARCHIVE_PATH_STRIPPED) {
		check_path(out.data, out.len);
		must(archive_path_clean("", buf_str(&out), &again, &why) == ARCHIVE_PATH_GOOD);
		must(buf_cmp(&out, &again) == 0);
	}
	buf_release(&out);
	buf_release(&again);
	sys_free(prefix);
	sys_free(name);
	return 0;
}
