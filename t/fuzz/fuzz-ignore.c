/* Rules as people write them: flags, the rules line by line, NUL, a path. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "fs/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What all rules together say is what the last of them says that says anything. */
static enum ignore_answer ask_each(char *const *lines, size_t nr, const char *path, bool is_dir,
				   bool folds)
{
	for (size_t i = nr; i-- > 0;) {
		struct ignore_rules *one = ignore_new(NULL);
		size_t pattern;
		ignore_add(one, lines[i], folds);
		enum ignore_answer answer = ignore_ask(one, path, is_dir, &pattern);
		ignore_free(one);
		if (answer != IGNORE_NO_RULE)
			return answer;
	}
	return IGNORE_NO_RULE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 1 ? memchr(data + 1, 0, size - 1) : NULL;
	struct ignore_rules *all = ignore_new("rules");
	char *lines[64], *save = NULL;
	struct buf rule = BUF_INIT;
	size_t nr = 0, pattern;

	if (nul) {
		bool is_dir = data[0] & 1, folds = data[0] & 2;
		char *text = xstrdup((const char *)data + 1);
		char *path = xstrndup((const char *)nul + 1, size - (size_t)(nul + 1 - data));
		for (char *p = strtok_r(text, "\n", &save); p && nr < 64;
		     p = strtok_r(NULL, "\n", &save)) {
			lines[nr++] = p;
			ignore_add(all, p, folds);
		}
		enum ignore_answer answer = ignore_ask(all, path, is_dir, &pattern);
		if (answer != ask_each(lines, nr, path, is_dir, folds))
			abort();
		if (answer != IGNORE_NO_RULE)
			ignore_put_rule(all, pattern, &rule);
		sys_free(text);
		sys_free(path);
	}
	buf_release(&rule);
	ignore_free(all);
	return 0;
}
