/* Revisions and dates as people type them, over a small repository. */

#include <stdlib.h>

#include "refs/date.h"
#include "refs/rev.h"
#include "t/unit/refs-repo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void setup(struct repo *repo, struct refs **refs)
{
	struct err err = ERR_INIT;

	repo_make(repo, "revision");
	struct oid a = repo_commit(repo, 1, NULL), b = repo_commit(repo, 2, &a);
	struct refs *r = repo_refs(repo);
	if (refs_update(r, repo->store, "main", &a, NULL, 1, &err) < 0 ||
	    refs_update(r, repo->store, "main", &b, NULL, 1, &err) < 0 ||
	    refs_update(r, repo->store, "tags/v1", &a, NULL, 1, &err) < 0)
		repo_die("refs", &err);
	*refs = r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct repo repo;
	static struct refs *refs;
	const struct timespec now = { 1700000000, 0 };
	struct rev rev = REV_INIT;
	struct err err = ERR_INIT;
	struct timespec out;

	if (!refs)
		setup(&repo, &refs);
	char *text = xstrndup((const char *)data, size);
	if (date_parse(text, &now, &out) && (out.tv_nsec < 0 || out.tv_nsec > 999999999))
		abort();
	int ret = rev_parse(refs, repo.store, text, &rev, &err);
	if (ret != err.code || (ret < 0 && !err.msg[0]))
		abort();
	if (ret == 0 && rev.path && (rev.path[0] == '/' || strstr(rev.path, "//")))
		abort();
	rev_release(&rev);
	if (ref_name_is_valid(text) && strlen(text) > 255)
		abort();
	sys_free(text);
	return 0;
}
