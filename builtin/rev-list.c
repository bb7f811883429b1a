/*
 * ub rev-list: list snapshots and what they reach.
 */
#include <string.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "refs/revlist.h"
#include "builtin/repo.h"

static const char rev_list_usage[] =
	"ub rev-list [--objects] [-z] [--all] REV... [--not REV...] [--missing-in REMOTE]";

/* Stands for --not among the arguments, where its place counts. */
static char not_mark[] = "^";

struct printer {
	struct ub *ub;
	bool nul, objects;
};

static int print(const struct revlist_item *item, void *data, struct err *err)
{
	const struct printer *p = data;
	struct out *out = &p->ub->out;
	struct buf line = BUF_INIT;

	if (p->ub->json) {
		struct json j;
		json_begin(&j, &line, "object");
		json_str(&j, "oid", oid_hex(item->id).s);
		json_str(&j, "object_type", obj_type_name(item->type));
		if (item->path)
			json_path(&j, "path", item->path, item->path_len);
		json_end(&j);
	} else {
		buf_put_str(&line, oid_hex(item->id).s);
		if (item->path) {
			buf_put_u8(&line, '\t');
			if (p->nul)
				buf_put(&line, item->path, item->path_len);
			else
				quote_put(&line, item->path, item->path_len);
		}
		buf_put_u8(&line, p->nul ? '\0' : '\n');
	}
	out_buf(out, &line);
	buf_release(&line);
	return out_failed(out) ? out_flush(out, err) : 0;
}

static int add(struct ub *ub, struct revlist *rl, const char *text, bool is_excluded, bool objects,
	       struct err *err)
{
	struct rev rev = REV_INIT;
	int ret;

	if (text[0] == '^') {
		is_excluded = !is_excluded;
		text++;
	}
	ret = rev_parse(ub->refs, ub->store, text, &rev, err);
	if (ret == 0 && rev.type == OBJ_NONE && !rev.has_entry)
		ret = err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			      oid_hex(&rev.id).s);
	if (ret == 0 && rev.type != OBJ_COMMIT && !objects)
		ret = err_set(err, ERR_USAGE, "'%s' is not a snapshot: --objects lists others",
			      text);
	if (ret == 0)
		ret = revlist_add(rl, &rev, is_excluded, err);
	rev_release(&rev);
	return ret;
}

struct all { struct ub *ub; struct revlist *rl; };

static int add_ref(const struct ref *ref, void *data, struct err *err)
{
	struct all *all = data;
	struct rev rev = { .type = OBJ_COMMIT, .id = ref->commit };

	return revlist_add(all->rl, &rev, false, err);
}

static int add_all(struct ub *ub, struct revlist *rl, int argc, char **argv, bool all_refs,
		   bool objects, struct err *err)
{
	struct all all = { ub, rl };
	bool is_excluded = false;
	int ret = all_refs ? refs_each(ub->refs, add_ref, &all, err) : 0;

	for (int i = 0; ret == 0 && i < argc; i++) {
		if (argv[i] == not_mark)
			is_excluded = !is_excluded;
		else
			ret = add(ub, rl, argv[i], is_excluded, objects, err);
	}
	return ret;
}

int cmd_rev_list(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct printer p = { .ub = ub };
	const char *missing_in = NULL;
	bool all = false, unused = false;
	struct revlist *rl = NULL;
	const struct opt opts[] = {
		OPT_FLAG(0, "objects", &p.objects, "list trees, files and notes too"),
		OPT_FLAG('z', NULL, &p.nul, "end records with NUL"),
		OPT_FLAG(0, "all", &all, "start from every ref"),
		OPT_FLAG(0, "not", &unused, "leave out what the REVs that follow reach"),
		OPT_STR(0, "missing-in", &missing_in, "REMOTE", "only what a remote lacks"),
		OPT_END
	};

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--not") == 0)
			argv[i] = not_mark;
	int ret = ub_parse(ub, opts, rev_list_usage, &argc, &argv, err);
	if (ret < 0)
		return ret;
	if (missing_in)
		return err_set(err, ERR_USAGE, "--missing-in: this ub knows no remotes yet, so"
			       " not '%s' either", missing_in);
	if (argc == 0 && !all)
		return err_set(err, ERR_USAGE, "which revision?");
	ret = revlist_new(&rl, ub->store, err);
	if (ret == 0)
		ret = add_all(ub, rl, argc, argv, all, p.objects, err);
	if (ret == 0)
		ret = revlist_run(rl, p.objects, print, &p, err);
	revlist_free(rl);
	return ret;
}
