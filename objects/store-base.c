/*
 * Bases: stored blobs against which new ones are coded.
 *
 * A base is never itself coded against another one, so that whatever is read takes two frames at
 * most, and is in the index of this repository before anything is coded against it.
 */
#include <string.h>

#include "objects/store-internal.h"

/* The blob that was asked for is coded against this one. */
static int get(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	struct base_reader *b = data;
	const struct frame_bases bases = store_bases(b->st);
	int ret = bases.get(bases.data, id, out, err);

	if (ret == 0) {
		b->is_coded = true;
		b->id = *id;
		buf_reset(&b->raw);
		buf_put_buf(&b->raw, out);
	}
	return ret;
}

struct base_reader *base_reader_new(struct store *st)
{
	struct base_reader *b = xcalloc(1, sizeof(*b));
	const struct frame_bases bases = { get, b };

	b->st = st;
	b->reader = frame_reader_new(&bases);
	buf_init_max(&b->raw, FRAME_RAW_MAX);
	return b;
}

void base_reader_free(struct base_reader *b)
{
	if (!b)
		return;
	frame_reader_free(b->reader);
	buf_release(&b->raw);
	sys_free(b);
}

static int read_frame(struct base_reader *b, const struct oid *id, const struct index_loc *loc,
		      struct err *err)
{
	struct open_pack *op = NULL;
	struct buf raw = BUF_INIT;
	int ret = store_pack_take(b->st, loc, &op, err);

	if (ret < 0)
		return ret;
	b->is_coded = false;
	ret = pack_read_frame(op->pack, b->reader, loc->frame_off, loc->sealed_size, &raw, err);
	store_pack_give(b->st, op);
	if (ret == 0 && !b->is_coded) {
		b->id = *id;
		buf_swap(&b->raw, &raw);
	}
	buf_release(&raw);
	return ret;
}

int base_reader_read(struct base_reader *b, const struct oid *id)
{
	struct err err = ERR_INIT;
	struct index_loc loc;

	if (b->has && (oid_eq(&b->asked, id) || oid_eq(&b->id, id)))
		return 1;
	b->has = false;
	int ret = store_find(b->st, id, &loc, NULL, &err);
	/* Those that ride with others are small, and so is what is to be gained. */
	if (ret == 1 && (loc.type != OBJ_BLOB || loc.size < SESSION_ALONE_SIZE || loc.place != 0))
		ret = 0;
	if (ret == 1)
		ret = read_frame(b, id, &loc, &err);
	else if (ret == 0)
		return 0;
	if (ret < 0)
		return 0;	/* no base, then; whoever reads it will hear of it */
	b->asked = *id;
	b->has = true;
	return 1;
}
