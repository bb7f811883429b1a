/*
 * ub index: rebuild the object index from the packs, or check it.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "objects/store.h"
#include "builtin/catalogue.h"
#include "builtin/repo.h"

static const char index_usage[] = "ub index --rebuild\nub index --check";

static int say_bad(const char *path, const char *what, void *data, struct err *err)
{
	struct ub *ub = data;

	(void)path;
	(void)err;
	ub_warn(ub, "%s", what);
	return 0;
}

/* Where packs are damaged, what it says of the rest is all that there is. */
static int rebuild_catalogue(struct ub *ub, bool is_damaged, struct err *err)
{
	int ret = repo_rebuild_catalogue(ub, err);

	if (ret < 0 && is_damaged) {
		ub_warn(ub, "there is no catalogue: %s", err->msg);
		err_clear(err);
		return 0;
	}
	return ret;
}

static int rebuild(struct ub *ub, struct err *err)
{
	struct store_rebuilt what;
	int ret = repo_open(ub, NEEDS_REPO | WRITES, err);

	if (ret == 0)
		ret = store_index_rebuild(ub->store, say_bad, ub, &what, err);
	if (ret == 0)
		ret = rebuild_catalogue(ub, what.bad > 0, err);
	if (ret < 0)
		return ret;
	if (ub->json)
		out_printf(&ub->out, "{\"type\":\"summary\",\"ok\":%s,\"packs\":%" PRIu64
			   ",\"objects\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
			   what.bad ? "false" : "true", what.packs, what.objects, what.bad);
	else
		out_printf(&ub->out, "%" PRIu64 " packs, %" PRIu64 " objects\n", what.packs,
			   what.objects);
	if (what.bad > 0)
		ub_warn(ub, "%" PRIu64 " packs could not be read; 'ub fsck' says more", what.bad);
	return what.bad > 0 ? EXIT_DAMAGED : 0;
}

struct check {
	struct ub *ub;
	uint64_t missing;
};

/* A pack on disk that the index does not know is a crash's leftover, not damage; the other way
 * round it is. */
static int check_pack(const struct index_pack *p, void *data, struct err *err)
{
	struct check *c = data;
	char *path = store_pack_file(c->ub->store, p->kind, &p->id);

	(void)err;
	if (!file_exists(path)) {
		ub_warn(c->ub, "pack '%s' is missing", path);
		c->missing++;
	}
	sys_free(path);
	return 0;
}

static int check(struct ub *ub, struct err *err)
{
	struct check c = { ub, 0 };
	uint64_t rows = 0;
	int ret = repo_open(ub, NEEDS_REPO | REPO_KEEP_INDEX, err);

	if (ret == 0)
		ret = index_check(store_index(ub->store), &rows, err);
	if (ret == 0)
		ret = index_each_pack(store_index(ub->store), check_pack, &c, err);
	if (ret == ERR_NOT_FOUND)
		ret = err->code = ERR_CORRUPT;
	if (ret < 0)
		return ret;
	if (ub->json)
		out_printf(&ub->out, "{\"type\":\"summary\",\"ok\":%s,\"objects\":%" PRIu64
			   ",\"missing\":%" PRIu64 "}\n",
			   c.missing ? "false" : "true", rows, c.missing);
	else
		out_printf(&ub->out, "%" PRIu64 " objects\n", rows);
	return c.missing > 0 ? EXIT_DAMAGED : 0;
}

int cmd_index(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool wants_rebuild = false, wants_check = false;
	const struct opt opts[] = {
		OPT_FLAG(0, "rebuild", &wants_rebuild, "make the index again from the packs"),
		OPT_FLAG(0, "check", &wants_check, "read all of the index and look for its packs"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, index_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc > 0 || wants_rebuild + wants_check != 1)
		return err_set(err, ERR_USAGE, "'ub index' takes --rebuild or --check");
	return wants_rebuild ? rebuild(ub, err) : check(ub, err);
}
