/*
 * Histories from git, and to it.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/path.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "refs/refs.h"
#include "refs/rev.h"
#include "refs/revlist.h"
#include "fs/gitrepo.h"

#include "builtin/git-exchange.h"

static void tell(const char *path, size_t n, const char *why, void *data)
{
	struct buf name = BUF_INIT;

	quote_put(&name, path, n < 1000 ? n : 1000);
	ub_warn(data, "left out: %s: %s", buf_str(&name), why);
	buf_release(&name);
}

/* -- import -- */

struct importing { struct ub *ub; const char *ref; uint64_t refs; };

/* "heads/x" is REF/x, "tags/x" REF/tags/x; what refs cannot have becomes an underscore. */
static char *ref_of(const char *prefix, const char *name)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-/.";
	char *ref = xasprintf("%s/%s", prefix, strncmp(name, "heads/", 6) == 0 ? name + 6 : name);

	for (char *p = ref; !ref_name_is_valid(ref) && *p; p++)
		if (!strchr(fine, *p))
			*p = '_';
	return ref;
}

static void print_ref(struct ub *ub, const char *ref, const struct oid *id)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (ub->json) {
		json_begin(&j, &line, "ref");
		json_str(&j, "ref", ref);
		json_str(&j, "oid", oid_hex(id).s);
		json_end(&j);
	} else {
		buf_printf(&line, "%s %s\n", oid_hex(id).s, ref);
	}
	out_buf(&ub->out, &line);
	buf_release(&line);
}

static int take_ref(const char *name, const struct oid *commit, void *data, struct err *err)
{
	struct importing *m = data;
	char *ref = ref_of(m->ref, name);
	int ret = 0;

	if (!ref_name_is_valid(ref))
		ub_warn(m->ub, "left out: %s: not a name that a ref may have", name);
	else if (!m->ub->dry_run)
		ret = refs_update(m->ub->refs, m->ub->store, ref, commit, NULL,
				  repo_lock_wait(m->ub), err);
	if (ret == 0) {
		print_ref(m->ub, ref, commit);
		m->refs++;
	}
	sys_free(ref);
	return ret;
}

static void tell_import(const char *path, size_t n, const char *why, void *data)
{
	tell(path, n, why, ((struct importing *)data)->ub);
}

/* "a/shop/.git", "a/shop.git" and "a/shop/" are called import/shop. */
static char *default_ref(const char *dir)
{
	char *name = xstrdup(dir);
	size_t n = strlen(name);

	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	if (n > 4 && strcmp(name + n - 4, ".git") == 0)
		name[n -= 4] = '\0';
	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	char *ref = import_default_ref(name);
	sys_free(name);
	return ref;
}

int git_import_run(struct ub *ub, const char *dir, const char *ref, struct err *err)
{
	char *own_ref = ref ? NULL : default_ref(dir), *device = repo_device_name(ub);
	struct importing m = { .ub = ub, .ref = ref ? ref : own_ref };
	struct git_import g = {
		.store = ub->store, .dir = dir, .device = device, .problem = tell_import,
		.ref = take_ref, .data = &m,
	};
	int ret = ref_name_is_valid(m.ref) ? 0 :
		  err_set(err, ERR_USAGE, "'%s' is not a name that a ref may have", m.ref);

	if (ret == 0 && !ub->dry_run)
		ret = session_begin(&g.session, ub->store, err);
	if (ret == 0)
		ret = git_import_commits(&g, err);
	if (ret == 0 && g.session) {
		ret = session_commit(g.session, err);
		if (ret == 0)
			g.session = NULL;
	}
	if (ret == 0)
		ret = git_import_refs(&g, err);
	session_abort(g.session);
	git_import_release(&g);
	if (ret == 0)
		ub_say(ub, "%" PRIu64 " commits, %" PRIu64 " refs", g.commits, m.refs);
	sys_free(own_ref);
	sys_free(device);
	return ret == 0 && g.left_out > 0 ? EXIT_PARTIAL : ret;
}

/* -- export -- */

struct history { struct oid *ids; size_t nr, alloc; };

static int take_commit(const struct revlist_item *item, void *data, struct err *err)
{
	struct history *h = data;

	(void)err;
	if (item->type != OBJ_COMMIT)
		return 0;
	if (h->nr == h->alloc) {
		h->alloc = h->alloc ? 2 * h->alloc : 256;
		h->ids = xrealloc(h->ids, h->alloc * sizeof(*h->ids));
	}
	h->ids[h->nr++] = *item->id;
	return 0;
}

static int pass_over(const struct revlist_item *item, void *data, struct err *err)
{
	(void)err;
	ub_warn(data, "snapshot %s is not in this repository: history begins after it",
		oid_hex(item->id).s);
	return 0;
}

/* The branch that a revision becomes: a ref's last part, else main. */
static char *branch_of(struct ub *ub, const char *rev)
{
	const char *slash = strrchr(rev, '/'), *name = slash ? slash + 1 : rev;
	bool is_plain = *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_-.") == strlen(name) && ref_name_is_valid(name);

	(void)ub;
	return xasprintf("refs/heads/%s", is_plain && strcmp(name, "HEAD") != 0 &&
			 strcmp(name, "latest") != 0 ? name : "main");
}

static int list_history(struct ub *ub, const struct rev *rev, struct history *h, struct err *err)
{
	struct revlist *rl = NULL;
	int ret = revlist_new(&rl, ub->store, err);

	if (ret == 0) {
		revlist_on_missing(rl, pass_over, ub);
		ret = revlist_add(rl, rev, false, err);
	}
	if (ret == 0)
		ret = revlist_run(rl, false, take_commit, h, err);
	revlist_free(rl);
	return ret;
}

int git_export_run(struct ub *ub, const char *dir, const char *rev, struct err *err)
{
	struct git_export g = { .store = ub->store, .dir = dir, .problem = tell, .data = ub };
	struct rev r = { .type = OBJ_COMMIT };
	struct commit c = COMMIT_INIT;
	struct history h = { 0 };
	char *branch = branch_of(ub, rev), hex[65] = "";
	int ret = rev_read_commit(ub->refs, ub->store, rev, &r.id, &c, err);

	commit_release(&c);
	r.commit = r.id;
	if (ret == 0)
		ret = list_history(ub, &r, &h, err);
	if (ret == 0)
		ret = git_export_begin(&g, err);
	for (size_t i = h.nr; i > 0 && ret == 0; i--)
		ret = git_export_commit(&g, &h.ids[i - 1], err);
	if (ret == 0)
		ret = git_export_ref(&g, branch, &r.id, hex, err);
	git_export_release(&g);
	if (ret == 0)
		out_printf(&ub->out, "%s %s\n", hex, branch);
	if (ret == 0)
		ub_say(ub, "%" PRIu64 " commits", g.commits);
	sys_free(h.ids);
	sys_free(branch);
	return ret == 0 && g.left_out > 0 ? EXIT_PARTIAL : ret;
}
