/*
 * Checking one pack, and saying which of its objects are hit.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/sys.h"

#include "objects/pack-verify.h"

static bool is_damage(int ret)
{
	return ret == ERR_CORRUPT || ret == ERR_FORMAT || ret == ERR_KEY || ret == ERR_NOT_FOUND;
}

static void tell(struct pack_check *c, const char *path, const struct oid *id, const char *what)
{
	c->bad(path, id, what, c->data);
}

/* 1: an object of the frame is damaged, and told. */
static int check_frame(struct pack_check *c, struct pack *p, struct frame_reader *fr,
		       const char *path, const struct pack_frame *f, const struct frame_object *o,
		       struct buf *raw, struct err *err)
{
	int bad = 0;

	buf_reset(raw);
	int ret = pack_read_frame(p, fr, f->off, f->sealed_size, raw, err);
	if (ret == 0 && raw->len != f->raw_size)
		ret = err_set(err, ERR_CORRUPT, "the frame at %" PRIu64
			      " opens to %zu bytes instead of %" PRIu32, f->off, raw->len,
			      f->raw_size);
	if (ret < 0 && !is_damage(ret))
		return ret;
	for (uint32_t i = 0; ret < 0 && i < f->nr_objects; i++)
		tell(c, path, &o[i].id, err->msg);
	if (ret < 0) {
		err_clear(err);
		return 1;
	}
	size_t place = 0;
	for (uint32_t i = 0; i < f->nr_objects; i++) {
		struct oid real;
		keys_object_id(c->keys, (uint8_t)o[i].type, raw->data + place, o[i].size, real.b);
		place += o[i].size;
		c->objects++;
		if (!oid_eq(&real, &o[i].id)) {
			tell(c, path, &o[i].id, "its bytes do not hash to its id");
			bad = 1;
		}
	}
	c->bytes += raw->len;
	return bad;
}

static int check_frames(struct pack_check *c, struct pack *p, const char *path,
			const struct pack_footer *f, struct err *err)
{
	struct frame_reader *fr = frame_reader_new(&c->bases);
	const struct frame_object *o = f->objects;
	struct buf raw = BUF_INIT;
	int ret = 0, bad = 0;

	for (size_t i = 0; i < f->nr_frames && ret >= 0; i++) {
		ret = interrupt_check(err);
		if (ret == 0)
			ret = check_frame(c, p, fr, path, &f->frames[i], o, &raw, err);
		bad |= ret == 1;
		o += f->frames[i].nr_objects;
	}
	frame_reader_free(fr);
	buf_release(&raw);
	return ret < 0 ? ret : bad;
}

int pack_check(struct pack_check *c, const char *path, const struct pack_id *id,
	       struct index_pack *pack_out, struct pack_footer *footer_out, struct err *err)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack *p = NULL;
	struct pack_id real;
	uint64_t size = 0;
	bool is_whole = false;
	int bad = 0;
	int ret = pack_hash_file(path, &real, &size, err);

	if (ret < 0)
		goto done;
	is_whole = pack_id_eq(&real, id);
	ret = pack_open(&p, path, c->keys, err);
	if (ret == 0)
		ret = pack_read_footer(p, &f, err);
	if (ret == 0 && pack_out)
		*pack_out = (struct index_pack){
			.id = *id, .kind = pack_kind(p), .size = pack_size(p),
			.objects = (uint32_t)f.nr_objects,
		};
	if (ret == 0 && (c->open_all || !is_whole))
		bad = ret = check_frames(c, p, path, &f, err);
	if (ret >= 0 && !is_whole && !bad) {
		tell(c, path, NULL, "its bytes do not hash to its name");
		bad = 1;
	}
	if (ret >= 0 && !c->open_all && is_whole)
		c->objects += f.nr_objects;
done:
	/* A whole pack of an unknown format is a later ub's, not damage: exit 14. */
	if (ret < 0 && is_damage(ret) && !(ret == ERR_FORMAT && is_whole)) {
		tell(c, path, NULL, err->msg);
		err_clear(err);
		bad = 1;
		ret = 0;
	}
	pack_close(p);
	if (footer_out && ret >= 0) {
		pack_footer_release(footer_out);
		*footer_out = f;
	} else {
		pack_footer_release(&f);
	}
	return ret < 0 ? ret : bad;
}
