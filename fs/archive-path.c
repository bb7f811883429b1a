/*
 * Names of an archive, of whoever wrote it: made into paths that stay below the root.
 */
#include <string.h>

#include "fs/archive-internal.h"

#define DEPTH_MAX 2048		/* folders in folders */

static const char *add_parts(const char *s, struct buf *out, size_t *depth)
{
	while (*s) {
		size_t n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.')
			return "it leads out by '..'";
		if (n > NAME_LEN_MAX)
			return "a name in it is too long";
		if (n > 0 && !(n == 1 && s[0] == '.')) {
			if (out->len + n + 1 > PATH_LEN_MAX)
				return "it is too long";
			if (++*depth > DEPTH_MAX)
				return "it is too deep";
			if (out->len > 0)
				buf_put_u8(out, '/');
			buf_put(out, s, n);
		}
		s += n;
		s += *s == '/';
	}
	return NULL;
}

enum archive_path archive_path_clean(const char *prefix, const char *name, struct buf *out,
				     const char **why)
{
	size_t depth = 0;

	buf_reset(out);
	*why = add_parts(prefix, out, &depth);
	size_t before = out->len;
	if (!*why && !*name)
		*why = "it has no name";
	if (!*why)
		*why = add_parts(name, out, &depth);
	if (*why)
		return ARCHIVE_PATH_BAD;
	if (out->len == before)
		return ARCHIVE_PATH_ROOT;
	return name[0] == '/' ? ARCHIVE_PATH_STRIPPED : ARCHIVE_PATH_GOOD;
}
