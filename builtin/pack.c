/*
 * ub pack: which packs hold these objects; new packs for what is in none; a look into packs.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "objects/idset.h"
#include "objects/pack-verify.h"
#include "objects/store.h"
#include "builtin/repo.h"

static const char pack_usage[] =
	"ub pack [-z] [--repack] < OIDS\n"
	"ub pack --list PACK\n"
	"ub pack --verify PACK";

/* -- one pack -- */

/* A path, or the name of a pack that is here. */
static int find_pack(struct ub *ub, const char *name, char **path_out, struct pack_id *id_out,
		     struct err *err)
{
	static const enum pack_kind kinds[] = { PACK_DATA, PACK_META };
	const char *base = strrchr(name, '/');

	base = base ? base + 1 : name;
	if (!pack_parse_hex(id_out, base) || strlen(base) != 64)
		return err_set(err, ERR_USAGE, "'%s' is not the name of a pack", name);
	if (base != name) {
		*path_out = xstrdup(name);
		return 0;
	}
	for (size_t i = 0; i < 2; i++) {
		char *path = store_pack_file(ub->store, kinds[i], id_out);
		if (file_exists(path)) {
			*path_out = path;
			return 0;
		}
		sys_free(path);
	}
	return err_set(err, ERR_NOT_FOUND, "there is no pack '%s' here", name);
}

static void put_object(struct ub *ub, const struct frame_object *o, const struct pack_frame *f,
		       uint32_t place)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (ub->json) {
		json_begin(&j, &line, "object");
		json_str(&j, "oid", oid_hex(&o->id).s);
		json_str(&j, "object_type", obj_type_name(o->type));
		json_u64(&j, "size", o->size);
		json_u64(&j, "frame_offset", f->off);
		json_u64(&j, "frame_size", f->sealed_size);
		json_u64(&j, "place", place);
		if (f->has_base)
			json_str(&j, "base", oid_hex(&f->base).s);
		json_end(&j);
	} else {
		buf_printf(&line, "%s %s %" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRIu32 "%s%s\n",
			   oid_hex(&o->id).s, obj_type_name(o->type), o->size, f->off,
			   f->sealed_size, place, f->has_base ? " " : "",
			   f->has_base ? oid_hex(&f->base).s : "");
	}
	out_buf(&ub->out, &line);
	buf_release(&line);
}

static int list_pack(struct ub *ub, const char *name, struct err *err)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack *p = NULL;
	struct pack_id id;
	char *path = NULL;
	int ret = find_pack(ub, name, &path, &id, err);

	if (ret == 0)
		ret = pack_open(&p, path, ub->keys, err);
	if (ret == 0)
		ret = pack_read_footer(p, &f, err);
	const struct frame_object *o = f.objects;
	for (size_t i = 0; ret == 0 && i < f.nr_frames; i++) {
		uint32_t place = 0;
		for (uint32_t k = 0; k < f.frames[i].nr_objects; k++, o++) {
			put_object(ub, o, &f.frames[i], place);
			place += o->size;
		}
	}
	pack_footer_release(&f);
	pack_close(p);
	sys_free(path);
	return ret;
}

static void say_bad(const char *path, const struct oid *id, const char *what, void *data)
{
	struct ub *ub = data;

	if (id)
		ub_warn(ub, "object %s in '%s': %s", oid_hex(id).s, path, what);
	else
		ub_warn(ub, "'%s': %s", path, what);
}

static int verify_pack(struct ub *ub, const char *name, struct err *err)
{
	struct pack_check c = {
		.keys = ub->keys, .bases = store_bases(ub->store), .open_all = true, .bad = say_bad,
		.data = ub,
	};
	struct pack_id id;
	char *path = NULL;
	int ret = find_pack(ub, name, &path, &id, err);

	if (ret == 0)
		ret = pack_check(&c, path, &id, NULL, NULL, err);
	if (ret == 0 && ub->json)
		out_printf(&ub->out, "{\"type\":\"pack\",\"pack\":\"%s\",\"objects\":%" PRIu64
			   ",\"bytes\":%" PRIu64 "}\n", pack_hex(&id).s, c.objects, c.bytes);
	else if (ret == 0)
		out_printf(&ub->out, "%s %" PRIu64 " objects %" PRIu64 " bytes\n", pack_hex(&id).s,
			   c.objects, c.bytes);
	sys_free(path);
	return ret == 1 ? EXIT_DAMAGED : ret;
}

/* -- objects from standard input -- */

struct packing {
	struct ub *ub;
	bool nul, repack;
	struct buf in;
	bool is_eof;
	struct session *session;
	struct pack_id last;	/* the pack printed last: runs of objects share one */
	bool has_last;
	struct idset seen;	/* names of the packs printed, which are hashes as ids are */
};

static int next_line(struct packing *p, struct buf *line, struct err *err)
{
	char stop = p->nul ? '\0' : '\n';

	for (;;) {
		unsigned char *end = p->in.len > 0 ? memchr(p->in.data, stop, p->in.len) : NULL;
		if (end || (p->is_eof && p->in.len > 0)) {
			size_t n = end ? (size_t)(end - p->in.data) : p->in.len;
			buf_reset(line);
			buf_put(line, p->in.data, n);
			buf_consume(&p->in, end ? n + 1 : n);
			return 1;
		}
		if (p->is_eof)
			return 0;
		if (p->in.len > 65536)
			return err_set(err, ERR_USAGE, "a line on standard input is too long");
		ssize_t got = sys_read(STDIN_FILENO, buf_extend(&p->in, 16384), 16384);
		buf_truncate(&p->in, p->in.len - 16384 + (got > 0 ? (size_t)got : 0));
		if (got < 0)
			return err_sys(err, "read ids from standard input");
		p->is_eof = got == 0;
	}
}

/* Packs are few next to objects. */
static bool is_printed(struct packing *p, const struct pack_id *id)
{
	struct oid name;

	memcpy(name.b, id->b, sizeof(name.b));
	return !idset_add(&p->seen, &name);
}

/* 1, or 0: it was printed before. */
static int put_pack(struct packing *p, const struct pack_id *id, enum pack_kind kind)
{
	struct buf line = BUF_INIT;
	struct json j;

	if (p->has_last && pack_id_eq(&p->last, id))
		return 0;
	p->last = *id;
	p->has_last = true;
	if (is_printed(p, id))
		return 0;
	if (p->ub->json) {
		json_begin(&j, &line, "pack");
		json_str(&j, "pack", pack_hex(id).s);
		json_str(&j, "pack_kind", pack_kind_name(kind));
		json_end(&j);
	} else {
		buf_printf(&line, "%s%c", pack_hex(id).s, p->nul ? '\0' : '\n');
	}
	out_buf(&p->ub->out, &line);
	buf_release(&line);
	return 1;
}

/* A pack, and those that hold what frames of it are coded against, which are not coded so. */
static int put_with_bases(struct packing *p, const struct index_loc *loc, struct err *err)
{
	char *path = store_pack_file(p->ub->store, loc->kind, &loc->pack);
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack *pack = NULL;
	int ret = put_pack(p, &loc->pack, loc->kind);

	if (ret > 0)
		ret = pack_open(&pack, path, p->ub->keys, err);
	if (ret == 0 && pack)
		ret = pack_read_footer(pack, &f, err);
	for (size_t i = 0; ret == 0 && i < f.nr_frames; i++) {
		struct index_loc base;
		if (!f.frames[i].has_base)
			continue;
		ret = store_find_fresh(p->ub->store, &f.frames[i].base, &base, err);
		if (ret == 0)
			ret = err_set(err, ERR_CORRUPT, "object %s, the base of another one, is "
				      "not in this repository", oid_hex(&f.frames[i].base).s);
		if (ret > 0) {
			put_pack(p, &base.pack, base.kind);
			ret = 0;
		}
	}
	pack_footer_release(&f);
	pack_close(pack);
	sys_free(path);
	return ret;
}

static int take_object(struct packing *p, const struct buf *line, struct err *err)
{
	struct index_loc loc;
	struct buf raw = BUF_INIT;
	enum obj_type type;
	struct oid id;
	int ret;

	/* Readers of ids stop at the first blank: what rev-list --objects prints can be piped. */
	const char *text = buf_str(line);
	if (!oid_parse(&id, text) || (text[64] && !strchr(" \t", text[64])))
		return err_set(err, ERR_USAGE, "'%s' does not begin with an object id", text);
	ret = store_find_fresh(p->ub->store, &id, &loc, err);
	if (ret == 0)
		ret = err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			      oid_hex(&id).s);
	if (ret == 1 && p->repack) {
		ret = store_read(p->ub->store, &id, OBJ_NONE, &type, &raw, err);
		if (ret == 0)
			ret = session_repack(p->session, &id, type, raw.data, raw.len, err);
	} else if (ret == 1) {
		ret = put_with_bases(p, &loc, err);
	}
	buf_release(&raw);
	return ret;
}

static int put_new_pack(const struct index_pack *pack, void *data, struct err *err)
{
	(void)err;
	put_pack(data, &pack->id, pack->kind);
	return 0;
}

static int pack_objects(struct packing *p, struct err *err)
{
	struct buf line = BUF_INIT;
	int ret = 0;

	if (p->repack) {
		ret = repo_need_write(p->ub, err);
		if (ret == 0)
			ret = session_begin(&p->session, p->ub->store, err);
		if (ret == 0)
			session_on_pack(p->session, put_new_pack, p);
	}
	while (ret == 0) {
		ret = next_line(p, &line, err);
		if (ret <= 0)
			break;
		ret = line.len > 0 ? take_object(p, &line, err) : 0;
	}
	if (ret == 0 && p->session) {
		ret = session_commit(p->session, err);
		if (ret == 0)
			p->session = NULL;
	}
	session_abort(p->session);
	buf_release(&line);
	buf_release(&p->in);
	idset_release(&p->seen);
	if (ret < 0)
		out_drop(&p->ub->out);
	return ret;
}

int cmd_pack(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct packing p = { .ub = ub, .in = BUF_INIT, .seen = IDSET_INIT };
	bool list = false, verify = false;
	const struct opt opts[] = {
		OPT_FLAG('z', "null", &p.nul, "lines end in NUL, in and out"),
		OPT_FLAG(0, "repack", &p.repack,
			 "write all objects to new packs, wherever they are"),
		OPT_FLAG(0, "list", &list, "list the objects of a pack"),
		OPT_FLAG(0, "verify", &verify, "hash a pack and open all its objects"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, pack_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc != (list || verify) || (list && verify) ||
	    ((list || verify) && (p.nul || p.repack)))
		return err_set(err, ERR_USAGE,
			       "'ub pack' reads ids from standard input, or takes one "
			       "of --list PACK and --verify PACK");
	if (list)
		return list_pack(ub, argv[0], err);
	if (verify)
		return verify_pack(ub, argv[0], err);
	return pack_objects(&p, err);
}
