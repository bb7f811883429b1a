/*
 * ub commit-tree: a snapshot of a tree that is in the store.  Moves no ref; update-ref does.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/sys.h"
#include "objects/store-view.h"
#include "refs/newcommit.h"
#include "refs/rev.h"
#include "builtin/repo.h"

static const char commit_tree_usage[] =
	"ub commit-tree [-p COMMIT]... [--tag TAG]... -m MSG... TREE\n"
	"ub commit-tree [-p COMMIT]... [--tag TAG]... [-F FILE] TREE";

/* -- message and tags -- */

static int read_message(const char *path, struct buf *out, struct err *err)
{
	bool is_stdin = !path || !strcmp(path, "-");
	const char *name = is_stdin ? "standard input" : path;
	int fd = is_stdin ? STDIN_FILENO : sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	int ret = 0;

	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	size_t room = COMMIT_MESSAGE_MAX + 1;
	ssize_t got = sys_read_full(fd, buf_extend(out, room), room);
	if (got < 0)
		ret = err_sys(err, "read '%s'", name);
	else if ((size_t)got == room)
		ret = err_set(err, ERR_USAGE, "a message is at most %zu bytes long",
			      COMMIT_MESSAGE_MAX);
	buf_truncate(out, got > 0 ? (size_t)got : 0);
	if (ret == 0 && memchr(buf_str(out), 0, out->len))
		ret = err_set(err, ERR_USAGE, "the message has a NUL in it");
	if (!is_stdin)
		sys_close(fd);
	return ret;
}

/* Every -m is a paragraph. */
static int make_message(struct commit *c, const struct opt_list *paragraphs, const char *file,
			struct err *err)
{
	struct buf text = BUF_INIT;
	int ret = 0;

	if (paragraphs->nr > 0) {
		newcommit_message(c, paragraphs->v, paragraphs->nr);
		return 0;
	}
	ret = read_message(file, &text, err);
	if (ret == 0)
		c->message = xstrdup(buf_str(&text));
	buf_release(&text);
	return ret;
}

/* -- tree and parents -- */

/* The object itself is read: only then is it certain that the whole id is right. */
static int find_parent(struct ub *ub, const char *text, struct oid *out, struct err *err)
{
	struct rev rev = REV_INIT;
	struct buf raw = BUF_INIT;
	enum obj_type type;
	int ret = rev_parse(ub->refs, ub->store, text, &rev, err);

	if (ret == 0)
		ret = store_read(ub->store, &rev.id, OBJ_NONE, &type, &raw, err);
	if (ret == 0 && type != OBJ_COMMIT)
		ret = err_set(err, ERR_USAGE, "'%s' is a %s, not a commit", text,
			      obj_type_name(type));
	*out = rev.id;
	rev_release(&rev);
	buf_release(&raw);
	return ret;
}

static int add_parents(struct ub *ub, struct commit *c, const struct opt_list *list,
		       struct err *err)
{
	int ret = 0;

	c->parents = xcalloc(list->nr + 1, sizeof(*c->parents));
	for (size_t i = 0; ret == 0 && i < list->nr; i++) {
		struct oid id;
		ret = find_parent(ub, list->v[i], &id, err);
		for (size_t j = 0; ret == 0 && j < c->nr_parents; j++)
			if (oid_eq(&c->parents[j], &id))
				ret = err_set(err, ERR_USAGE, "parent %s is given twice",
					      oid_hex(&id).s);
		if (ret == 0)
			c->parents[c->nr_parents++] = id;
	}
	return ret;
}

static int count(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		 struct err *err)
{
	struct commit *c = data;

	(void)path;
	(void)path_len;
	if (e->type == ENTRY_FILE) {
		c->files++;
		if (__builtin_add_overflow(c->bytes, e->size, &c->bytes))
			c->bytes = UINT64_MAX;
	} else if (e->type == ENTRY_DIR) {
		c->dirs++;
	} else {
		c->others++;
	}
	return interrupt_check(err);
}

static int find_tree(struct ub *ub, struct commit *c, const char *text, struct err *err)
{
	struct object_source source = store_source(ub->store);
	struct rev rev = REV_INIT;
	int ret = rev_parse(ub->refs, ub->store, text, &rev, err);

	if (ret == 0)
		ret = rev_to_tree(ub->store, &rev, &c->tree, err);
	if (ret == 0)
		ret = dir_walk(&source, &c->tree, count, c, err);
	rev_release(&rev);
	return ret;
}

static int store_commit(struct ub *ub, const struct commit *c, struct oid *id_out, struct err *err)
{
	struct session *session = NULL;
	struct buf raw = BUF_INIT;
	int ret = commit_check(c, err);

	if (ret < 0)
		return ret;
	commit_encode(c, &raw);
	if (ub->dry_run) {
		keys_object_id(ub->keys, OBJ_COMMIT, raw.data, raw.len, id_out->b);
		goto done;
	}
	ret = session_begin(&session, ub->store, err);
	if (ret == 0)
		ret = session_put(session, OBJ_COMMIT, raw.data, raw.len, id_out, NULL, err);
	if (ret == 0)
		ret = session_commit(session, err);
	if (ret < 0)
		session_abort(session);
done:
	buf_release(&raw);
	return ret;
}

static void print(struct ub *ub, const struct commit *c, const struct oid *id)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (!ub->json) {
		out_printf(&ub->out, "%s\n", oid_hex(id).s);
		return;
	}
	json_begin(&j, &line, "commit");
	json_str(&j, "oid", oid_hex(id).s);
	json_str(&j, "tree", oid_hex(&c->tree).s);
	json_array_begin(&j, "parents");
	for (size_t i = 0; i < c->nr_parents; i++)
		json_str(&j, NULL, oid_hex(&c->parents[i]).s);
	json_array_end(&j);
	json_str(&j, "device", c->device);
	json_str(&j, "host", c->host);
	json_str(&j, "user", c->user);
	json_time(&j, "time", c->time_s, c->time_ns);
	json_str(&j, "message", c->message);
	json_array_begin(&j, "tags");
	for (size_t i = 0; i < c->nr_tags; i++)
		json_str(&j, NULL, c->tags[i]);
	json_array_end(&j);
	json_u64(&j, "files", c->files);
	json_u64(&j, "dirs", c->dirs);
	json_u64(&j, "others", c->others);
	json_u64(&j, "bytes", c->bytes);
	json_end(&j);
	out_buf(&ub->out, &line);
	buf_release(&line);
}

int cmd_commit_tree(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct opt_list parents = OPT_LIST_INIT, paragraphs = OPT_LIST_INIT, tags = OPT_LIST_INIT;
	struct commit c = COMMIT_INIT;
	const char *file = NULL;
	const struct opt opts[] = {
		OPT_LIST('p', "parent", &parents, "commit", "the snapshot before; may be repeated"),
		OPT_LIST('m', "message", &paragraphs, "msg", "a paragraph of the message"),
		OPT_STR('F', "file", &file, "file", "a file with the message; -: standard input"),
		OPT_LIST(0, "tag", &tags, "tag", "a word to find it by; may be repeated"),
		OPT_END
	};
	struct oid id;
	int ret = ub_parse(ub, opts, commit_tree_usage, &argc, &argv, err);

	if (ret == 0 && argc != 1)
		ret = err_set(err, ERR_USAGE, argc ? "one tree at a time" : "which tree?");
	if (ret == 0 && file && paragraphs.nr > 0)
		ret = err_set(err, ERR_USAGE, "-m and -F do not go together");
	if (ret == 0)
		ret = newcommit_tags(&c, tags.v, tags.nr, err);
	if (ret == 0)
		ret = make_message(&c, &paragraphs, file, err);
	if (ret == 0)
		ret = add_parents(ub, &c, &parents, err);
	if (ret == 0)
		ret = find_tree(ub, &c, argv[0], err);
	if (ret == 0) {
		char *device = repo_device_name(ub);
		newcommit_origin(&c, device);
		sys_free(device);
		ret = store_commit(ub, &c, &id, err);
	}
	if (ret == 0)
		print(ub, &c, &id);
	commit_release(&c);
	opt_list_release(&parents);
	opt_list_release(&paragraphs);
	opt_list_release(&tags);
	return ret;
}
