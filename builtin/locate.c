/*
 * ub locate: where an object is stored.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/sys.h"
#include "objects/pack.h"
#include "objects/store.h"
#include "refs/rev.h"
#include "builtin/repo.h"

static const char locate_usage[] = "ub locate [--pack] OID...";

/* What the frame is coded against: 1, or 0: nothing, or the pack does not tell. */
static int find_base(struct ub *ub, const char *path, const struct index_loc *loc, struct oid *out)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	struct err ignored = ERR_INIT;
	struct pack *p = NULL;
	int ret = pack_open(&p, path, ub->keys, &ignored), found = 0;

	if (ret == 0)
		ret = pack_read_footer(p, &f, &ignored);
	for (size_t i = 0; ret == 0 && i < f.nr_frames && !found; i++)
		if (f.frames[i].off == loc->frame_off && f.frames[i].has_base) {
			*out = f.frames[i].base;
			found = 1;
		}
	pack_footer_release(&f);
	pack_close(p);
	return found;
}

static void print(struct ub *ub, const struct oid *id, const struct index_loc *loc, bool path_only)
{
	char *path = store_pack_file(ub->store, loc->kind, &loc->pack);
	struct oid base;
	struct buf line = BUF_INIT;
	struct json j;

	if (ub->json) {
		json_begin(&j, &line, "location");
		json_str(&j, "oid", oid_hex(id).s);
		json_str(&j, "object_type", obj_type_name(loc->type));
		json_str(&j, "pack", pack_hex(&loc->pack).s);
		json_str(&j, "pack_kind", pack_kind_name(loc->kind));
		json_u64(&j, "frame_offset", loc->frame_off);
		json_u64(&j, "frame_size", loc->sealed_size);
		json_u64(&j, "place", loc->place);
		json_u64(&j, "size", loc->size);
		if (find_base(ub, path, loc, &base))
			json_str(&j, "base", oid_hex(&base).s);
		json_path(&j, "path", path, strlen(path));
		json_end(&j);
	} else if (path_only) {
		buf_printf(&line, "%s\n", path);
	} else {
		buf_printf(&line,
			   "%s %s %s %s %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\t%s\n",
			   oid_hex(id).s, obj_type_name(loc->type), pack_hex(&loc->pack).s,
			   pack_kind_name(loc->kind), loc->frame_off, loc->sealed_size, loc->place,
			   loc->size, path);
	}
	out_buf(&ub->out, &line);
	buf_release(&line);
	sys_free(path);
}

int cmd_locate(struct ub *ub, int argc, char **argv, struct err *err)
{
	bool path_only = false;
	const struct opt opts[] = {
		OPT_FLAG(0, "pack", &path_only, "print the path of the pack alone"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, locate_usage, &argc, &argv, err);

	if (ret == 0 && argc == 0)
		ret = err_set(err, ERR_USAGE, "which object?");
	for (int i = 0; i < argc && ret == 0; i++) {
		struct rev rev = REV_INIT;
		struct index_loc loc;
		ret = rev_parse(ub->refs, ub->store, argv[i], &rev, err);
		if (ret == 0)
			ret = store_find_fresh(ub->store, &rev.id, &loc, err);
		if (ret == 1) {
			print(ub, &rev.id, &loc, path_only);
			ret = 0;
		} else if (ret == 0) {
			ret = err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
				      oid_hex(&rev.id).s);
		}
		rev_release(&rev);
	}
	return ret;
}
