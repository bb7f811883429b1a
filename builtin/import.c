/*
 * ub import: what another program keeps becomes a snapshot.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "objects/store-view.h"
#include "refs/newcommit.h"
#include "refs/refs.h"
#include "fs/archive.h"
#include "builtin/git-exchange.h"
#include "builtin/repo.h"

static const char import_usage[] =
	"ub import [--prefix PATH] [--ref REF] [--tag TAG]... [-m MSG]... tar FILE\n"
	"ub import [--ref REF] git DIR";

struct import {
	struct ub *ub;
	const char *prefix, *ref, *time;
	uint64_t size_max;
	struct opt_list message, tags;
	char *own_ref;			/* what `ref` is when nobody said */
	struct session *session;
	struct commit commit;
	struct oid id;
	bool has_parent;
	struct oid parent;
	uint64_t left_out, doubts;
};

static void say(struct import *m, const char *what, const char *path, size_t n, const char *why)
{
	struct buf name = BUF_INIT;

	quote_put(&name, path, n < 1000 ? n : 1000);
	ub_warn(m->ub, "%s: %s: %s", what, buf_str(&name), why);
	buf_release(&name);
}

static void tell(const char *path, size_t n, const char *why, void *data)
{
	struct import *m = data;

	say(m, "left out", path, n, why);
	m->left_out++;
}

static void doubt(const char *path, size_t n, const char *why, void *data)
{
	struct import *m = data;

	say(m, "not whole", path, n, why);
	m->doubts++;
}

/* import/NAME: the file's name, as far as refs may have it. */
char *import_default_ref(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *ref = xasprintf("import/%s", strcmp(file, "-") == 0 ? "stdin" :
			      slash ? slash + 1 : file);

	for (char *p = ref + strlen("import/"); *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
			    *p))
			*p = *p == '.' && p[1] != '.' && p[-1] != '/' && p[1] ? '.' : '_';
	return ref;
}

static int find_tip(const struct ref *ref, void *data, struct err *err)
{
	struct import *m = data;

	(void)err;
	if (ref->is_own && strcmp(ref->name, m->ref) == 0) {
		m->has_parent = true;
		m->parent = ref->commit;
	}
	return 0;
}

static int make_words(struct import *m, const char *file, struct err *err)
{
	struct commit *c = &m->commit;
	char *device = repo_device_name(m->ub);

	newcommit_origin(c, device);
	sys_free(device);
	if (m->message.nr > 0) {
		newcommit_message(c, m->message.v, m->message.nr);
	} else {
		char *text = xasprintf("import of %s", strcmp(file, "-") == 0 ? "standard input" :
				       file);
		newcommit_message(c, (const char *const *)&text, 1);
		sys_free(text);
	}
	return newcommit_tags(c, m->tags.v, m->tags.nr, err);
}

/* The newest time in the archive, unless that is yet to come. */
static void set_time(struct import *m, const struct archive_import *a)
{
	struct commit *c = &m->commit;

	if (strcmp(m->time, "now") == 0 || a->newest_s == INT64_MIN || a->newest_s > c->time_s)
		return;
	c->time_s = a->newest_s;
	c->time_ns = a->newest_ns;
	c->time_offset = 0;
}

static int put_commit(struct import *m, struct err *err)
{
	struct commit *c = &m->commit;
	struct buf raw = BUF_INIT;

	if (m->has_parent) {
		c->parents = xmalloc(sizeof(*c->parents));
		c->parents[0] = m->parent;
		c->nr_parents = 1;
	}
	int ret = commit_check(c, err);
	if (ret == 0) {
		commit_encode(c, &raw);
		if (m->session)
			ret = session_put(m->session, OBJ_COMMIT, raw.data, raw.len, &m->id, NULL,
					  err);
		else
			keys_object_id(m->ub->keys, OBJ_COMMIT, raw.data, raw.len, m->id.b);
	}
	if (ret == 0 && m->session) {
		ret = session_commit(m->session, err);
		if (ret == 0)
			m->session = NULL;
	}
	buf_release(&raw);
	return ret;
}

static int move_refs(struct import *m, struct err *err)
{
	const struct oid none = { { 0 } };
	unsigned int wait = repo_lock_wait(m->ub);
	int ret = refs_update(m->ub->refs, m->ub->store, m->ref, &m->id,
			      m->has_parent ? &m->parent : &none, wait, err);

	for (size_t i = 0; i < m->commit.nr_tags && ret == 0; i++) {
		char *name = xasprintf("tags/%s", m->commit.tags[i]);
		ret = refs_update(m->ub->refs, m->ub->store, name, &m->id, NULL, wait, err);
		sys_free(name);
	}
	return ret;
}

static int import_archive(struct import *m, int fd, const char *file, struct err *err)
{
	struct ub *ub = m->ub;
	struct archive_import a = {
		.store = ub->store, .fd = fd, .prefix = m->prefix, .size_max = m->size_max,
		.name = strcmp(file, "-") == 0 ? "standard input" : file,
		.commit = &m->commit, .problem = tell, .doubt = doubt, .data = m,
	};
	int ret = refs_each(ub->refs, find_tip, m, err);

	if (ret == 0)
		ret = make_words(m, file, err);
	if (ret == 0 && !ub->dry_run)
		ret = session_begin(&m->session, ub->store, err);
	a.session = m->session;
	if (ret == 0)
		ret = archive_import(&a, err);
	if (ret < 0)
		return ret;
	if (a.stripped > 0)
		ub_say(ub, "leading slashes are left out of %" PRIu64 " names", a.stripped);
	set_time(m, &a);
	m->commit.incomplete = false;
	ret = put_commit(m, err);
	return ret < 0 || ub->dry_run ? ret : move_refs(m, err);
}

static void print(struct import *m)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (!m->ub->json) {
		out_printf(&m->ub->out, "%s\n", oid_hex(&m->id).s);
		return;
	}
	json_begin(&j, &line, "commit");
	json_str(&j, "oid", oid_hex(&m->id).s);
	json_str(&j, "tree", oid_hex(&m->commit.tree).s);
	json_str(&j, "ref", m->ref);
	json_time(&j, "time", m->commit.time_s, m->commit.time_ns);
	json_u64(&j, "files", m->commit.files);
	json_u64(&j, "dirs", m->commit.dirs);
	json_u64(&j, "others", m->commit.others);
	json_u64(&j, "bytes", m->commit.bytes);
	json_u64(&j, "left_out", m->left_out);
	json_end(&j);
	out_buf(&m->ub->out, &line);
	buf_release(&line);
}

static int run(struct import *m, const char *file, struct err *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd;

	if (!m->ref)
		m->ref = m->own_ref = import_default_ref(file);
	if (!ref_name_is_valid(m->ref))
		return err_set(err, ERR_USAGE, "'%s' is not a name that a ref may have", m->ref);
	if (strcmp(m->time, "now") != 0 && strcmp(m->time, "newest") != 0)
		return err_set(err, ERR_USAGE, "--time is now or newest, not '%s'", m->time);
	fd = is_stdin ? STDIN_FILENO : sys_open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(err, "open '%s'", file);
	int ret = import_archive(m, fd, file, err);
	if (!is_stdin)
		sys_close(fd);
	if (ret == 0)
		print(m);
	return ret == 0 && m->left_out + m->doubts > 0 ? EXIT_PARTIAL : ret;
}

int cmd_import(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct import m = {
		.ub = ub, .prefix = "", .time = "newest", .size_max = ARCHIVE_SIZE_MAX,
		.message = OPT_LIST_INIT, .tags = OPT_LIST_INIT, .commit = COMMIT_INIT,
	};
	const struct opt opts[] = {
		OPT_STR(0, "prefix", &m.prefix, "path", "put it all below this folder"),
		OPT_STR(0, "ref", &m.ref, "ref", "the ref to move, import/FILE if not given"),
		OPT_STR(0, "time", &m.time, "when", "of the snapshot: newest or now"),
		OPT_SIZE(0, "max-size", &m.size_max, "size", "how much content at most, 1T"),
		OPT_LIST('m', "message", &m.message, "msg", "a paragraph of the message"),
		OPT_LIST(0, "tag", &m.tags, "tag", "a word to find it by; may be repeated"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, import_usage, &argc, &argv, err);

	if (ret == 0 && argc != 2)
		ret = err_set(err, ERR_USAGE, "import takes a kind and a place: tar FILE, git DIR");
	if (ret == 0 && strcmp(argv[0], "git") == 0) {
		if (*m.prefix || m.message.nr + m.tags.nr > 0 || strcmp(m.time, "newest") != 0)
			ret = err_set(err, ERR_USAGE, "commits of git bring their own words: only "
				      "--ref goes with git");
		else
			ret = git_import_run(ub, argv[1], m.ref, err);
		goto done;
	}
	if (ret == 0 && strcmp(argv[0], "tar") != 0 && strcmp(argv[0], "archive") != 0)
		ret = err_set(err, ERR_USAGE, "there is no kind '%s': tar, git", argv[0]);
	if (ret == 0)
		ret = run(&m, argv[1], err);
done:
	session_abort(m.session);
	commit_release(&m.commit);
	opt_list_release(&m.message);
	opt_list_release(&m.tags);
	sys_free(m.own_ref);
	return ret;
}
