/*
 * test-ignore RULES [fold]: of the paths on standard input, each ending in NUL, those that the file
 * of rules leaves out.  A path that ends in a slash is a folder.  What is in a folder that is left
 * out is left out too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/lines.h"
#include "lib/sys.h"
#include "fs/ignore.h"

static bool fits(const struct ignore_rules *r, const char *path, bool is_dir)
{
	size_t pattern;

	return ignore_ask(r, path, is_dir, &pattern) == IGNORE_LEFT_OUT;
}

static bool is_out(const struct ignore_rules *r, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool answer = fits(r, path, true);
		*slash = '/';
		if (answer || !slash[1])
			return answer;
	}
	return fits(r, path, false);
}

int main(int argc, char **argv)
{
	struct ignore_rules *r = ignore_new(NULL);
	struct err err = ERR_INIT;
	struct lines lines;
	const char *p;
	size_t n;
	int fd;

	if (argc < 2 || (fd = sys_open(argv[1], O_RDONLY | O_CLOEXEC, 0)) < 0 ||
	    ignore_read(r, fd, argv[1], argc > 2, &err) < 0)
		return 1;
	sys_close(fd);
	lines_init(&lines, STDIN_FILENO, "paths", '\0', 65536);
	while (lines_next(&lines, &p, &n, &err) > 0) {
		char *path = xstrdup(p);
		if (is_out(r, path))
			fwrite(p, 1, n + 1, stdout);
		sys_free(path);
	}
	lines_release(&lines);
	ignore_free(r);
	return err.code != 0;
}
