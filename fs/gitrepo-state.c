/*
 * Where a git work tree stands, as libgit2 sees it, loaded when it is asked for.
 *
 * Nothing is written, and no program that the repository names is run: libgit2 has no hooks, and
 * of filters only its own.
 */
#include <string.h>

#include "lib/sys.h"
#include "fs/gitrepo-internal.h"

#include "fs/gitrepo.h"

static const unsigned int staged = GIT_STATUS_INDEX_NEW | GIT_STATUS_INDEX_MODIFIED |
	GIT_STATUS_INDEX_DELETED | GIT_STATUS_INDEX_RENAMED | GIT_STATUS_INDEX_TYPECHANGE;
static const unsigned int modified = GIT_STATUS_WT_MODIFIED | GIT_STATUS_WT_DELETED |
	GIT_STATUS_WT_TYPECHANGE | GIT_STATUS_WT_RENAMED | GIT_STATUS_WT_UNREADABLE;

struct found {
	unsigned int flags;
	bool (*is_ignored)(const char *path, void *data);
	void *data;
};

static int on_status(const char *path, unsigned int flags, void *data)
{
	struct found *f = data;

	if ((flags & ~f->flags & GIT_STATUS_WT_NEW) && f->is_ignored(path, f->data))
		flags &= ~(unsigned int)GIT_STATUS_WT_NEW;
	f->flags |= flags;
	return 0;
}

static void put_flags(unsigned int flags, struct buf *out)
{
	static const struct {
		const unsigned int *mask;
		unsigned int flag;
		const char *word;
	} v[] = {
		{ &staged, 0, "staged" }, { &modified, 0, "modified" },
		{ NULL, GIT_STATUS_WT_NEW, "untracked" },
		{ NULL, GIT_STATUS_CONFLICTED, "conflicted" },
	};
	const char *before = "";

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		if (!(flags & (v[i].mask ? *v[i].mask : v[i].flag)))
			continue;
		buf_printf(out, "%s%s", before, v[i].word);
		before = ",";
	}
	if (!*before)
		buf_put_str(out, "clean");
}

static void put_head(const struct git_lib *g, git_repository *repo, struct buf *out)
{
	char hex[GIT_OID_HEXSZ + 1];
	git_reference *head = NULL;
	git_oid id;

	if (g->git_reference_name_to_id(&id, repo, "HEAD") == 0)
		buf_put_str(out, g->git_oid_tostr(hex, sizeof(hex), &id));
	else
		buf_put_str(out, "-");
	const char *to = NULL;
	if (g->git_reference_lookup(&head, repo, "HEAD") == 0 &&
	    g->git_reference_type(head) == GIT_REFERENCE_SYMBOLIC)
		to = g->git_reference_symbolic_target(head);
	if (to && strncmp(to, "refs/heads/", 11) == 0)
		to += 11;
	buf_printf(out, " %s ", to ? to : "-");
	g->git_reference_free(head);
}

void git_state_put(const char *path, bool (*is_ignored)(const char *path, void *data), void *data,
		   struct buf *out)
{
	struct found found = { 0, is_ignored, data };
	struct err ignored = ERR_INIT;
	struct git_lib g;
	git_repository *repo = NULL;
	git_status_options o;

	if (git_lib_load(&g, &ignored) < 0 ||
	    g.git_repository_open_ext(&repo, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0) {
		buf_put_str(out, "- - unknown");
		return;
	}
	put_head(&g, repo, out);
	g.git_status_options_init(&o, GIT_STATUS_OPTIONS_VERSION);
	o.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
	o.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
	if (g.git_status_foreach_ext(repo, &o, on_status, &found) < 0)
		buf_put_str(out, "unknown");
	else
		put_flags(found.flags, out);
	g.git_repository_free(repo);
}
