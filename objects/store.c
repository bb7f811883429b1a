/*
 * The store: reading objects by id.  Invariants of everything under it, the law of design and
 * format manual (ub-format-pack(5) and ub-format-index(5) repeat them as must and should):
 *
 *  1. An object that is read is the one that was asked for: its bytes hash to its id.
 *  2. A pack is never changed; its name is the hash of its bytes.
 *  3. Data packs are durable before meta packs that refer to them get their names, meta packs
 *     before the index names them, the index before a record does.
 *  4. An id in the index has its whole closure in the index.
 *  5. What a crash leaves is the old state or the new one; finished packs are adopted.
 *
 * Writing is session.c's, mending store-repair.c's.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "objects/store-internal.h"

#include "objects/store.h"

/* -- open and close -- */

const char *store_pack_dir(const struct store *st, enum pack_kind kind)
{
	return kind == PACK_DATA ? st->data_dir : st->meta_dir;
}

char *store_pack_file(const struct store *st, enum pack_kind kind, const struct pack_id *id)
{
	return path_join(store_pack_dir(st, kind), pack_hex(id).s);
}

static int open_index(struct store *st, struct err *err)
{
	int ret = index_open(&st->index, st->index_dir, keys_repo_id(st->keys), err);

	if ((ret != ERR_CORRUPT && ret != ERR_NOT_FOUND) || st->opts.keep_index)
		return ret;
	if (st->opts.read_only)
		return err_wrap(err, "the index must be rebuilt, and the repository is read-only");
	st->healed = xstrdup(err->msg);
	err_clear(err);
	struct store_rebuilt what;
	ret = store_index_rebuild(st, NULL, NULL, &what, err);
	if (ret < 0)
		return err_wrap(err, "rebuilding the index (%s)", st->healed);
	return 0;
}

int store_open(struct store **out, const struct store_paths *paths, const struct keys *keys,
	       const struct store_options *opts, struct err *err)
{
	struct store *st = xcalloc(1, sizeof(*st));

	st->opts = *opts;
	st->keys = keys;
	st->data_dir = path_join(paths->data, "packs/data");
	st->meta_dir = path_join(paths->meta, "packs/meta");
	st->index_dir = path_join(paths->meta, "index");
	st->tmp_dir = path_join(paths->repo, "tmp");
	sys_mutex_init(&st->lock);
	sys_mutex_init(&st->healing);
	sys_cond_init(&st->freed);
	int ret = open_index(st, err);
	if (ret < 0) {
		store_close(st);
		return ret;
	}
	*out = st;
	return 0;
}

static void frame_free(struct store *st, struct cached_frame *f)
{
	st->cached_size -= f->raw.len;
	buf_release(&f->raw);
	sys_free(f);
}

static void free_readers(struct idle_reader *r)
{
	while (r) {
		struct idle_reader *next = r->next;
		frame_reader_free(r->reader);
		sys_free(r);
		r = next;
	}
}

void store_close(struct store *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < STORE_CACHED_FRAMES; i++)
		if (st->frames[i])
			frame_free(st, st->frames[i]);
	for (size_t i = 0; i < STORE_OPEN_PACKS; i++)
		pack_close(st->packs[i].pack);
	free_readers(st->readers);
	free_readers(st->base_readers);
	index_close(st->index);
	sys_cond_destroy(&st->freed);
	sys_mutex_destroy(&st->lock);
	sys_mutex_destroy(&st->healing);
	sys_free(st->data_dir);
	sys_free(st->meta_dir);
	sys_free(st->index_dir);
	sys_free(st->tmp_dir);
	sys_free(st->healed);
	sys_free(st);
}

struct index *store_index(struct store *st)
{
	return st->index;
}

const struct keys *store_keys(struct store *st)
{
	return st->keys;
}

const struct store_options *store_opts(const struct store *st)
{
	return &st->opts;
}

struct chunker_params store_chunker_params(const struct store *st)
{
	const struct genesis *g = keys_genesis(st->keys);

	return (struct chunker_params){ g->chunk_min, g->chunk_avg, g->chunk_max };
}

const char *store_index_dir(const struct store *st)
{
	return st->index_dir;
}

const char *store_tmp_dir(const struct store *st)
{
	return st->tmp_dir;
}

const char *store_healed(const struct store *st)
{
	return st->healed;
}

/* -- packs and frames in use -- */

static int get_base(void *data, const struct oid *id, struct buf *out, struct err *err);

struct frame_bases store_bases(struct store *st)
{
	return (struct frame_bases){ get_base, st };
}

/* Those that read bases have none themselves: no chain is longer than two. */
static struct idle_reader *reader_take(struct store *st, bool is_base)
{
	struct idle_reader **list = is_base ? &st->base_readers : &st->readers;
	const struct frame_bases bases = store_bases(st);

	sys_lock(&st->lock);
	struct idle_reader *r = *list;
	if (r)
		*list = r->next;
	sys_unlock(&st->lock);
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		r->reader = frame_reader_new(is_base ? NULL : &bases);
	}
	return r;
}

static void reader_give(struct store *st, bool is_base, struct idle_reader *r)
{
	struct idle_reader **list = is_base ? &st->base_readers : &st->readers;

	sys_lock(&st->lock);
	r->next = *list;
	*list = r;
	sys_unlock(&st->lock);
}

/* Called with the lock: the slot that holds `id`, or NULL. */
static struct open_pack *find_open(struct store *st, const struct pack_id *id)
{
	for (size_t i = 0; i < STORE_OPEN_PACKS; i++)
		if (st->packs[i].pack && pack_id_eq(&st->packs[i].id, id))
			return &st->packs[i];
	return NULL;
}

/* Called with the lock: an empty slot, by closing the pack unused longest; waits if need be. */
static struct open_pack *empty_slot(struct store *st)
{
	for (;;) {
		struct open_pack *oldest = NULL;
		for (size_t i = 0; i < STORE_OPEN_PACKS; i++) {
			struct open_pack *op = &st->packs[i];
			if (op->users == 0 && (!oldest || !op->pack || op->used < oldest->used))
				oldest = op;
			if (oldest && !oldest->pack)
				return oldest;
		}
		if (oldest) {
			pack_close(oldest->pack);
			oldest->pack = NULL;
			return oldest;
		}
		sys_wait(&st->freed, &st->lock);
	}
}

int store_pack_take(struct store *st, const struct index_loc *loc, struct open_pack **out,
		    struct err *err)
{
	int ret = 0;

	sys_lock(&st->lock);
	struct open_pack *op = find_open(st, &loc->pack);
	if (!op) {
		op = empty_slot(st);
		char *path = store_pack_file(st, loc->kind, &loc->pack);
		ret = pack_open(&op->pack, path, st->keys, err);
		sys_free(path);
		op->id = loc->pack;
		if (ret == ERR_NOT_FOUND)
			err->code = ERR_CORRUPT;	/* the index promised it */
	}
	if (ret == 0) {
		op->users++;
		op->used = ++st->clock;
		*out = op;
	}
	sys_unlock(&st->lock);
	return ret < 0 ? (int)err->code : 0;
}

void store_pack_give(struct store *st, struct open_pack *op)
{
	sys_lock(&st->lock);
	op->users--;
	sys_broadcast(&st->freed);
	sys_unlock(&st->lock);
}

static int read_frame(struct store *st, const struct index_loc *loc, bool is_base, struct buf *out,
		      struct err *err)
{
	struct open_pack *op = NULL;
	int ret = store_pack_take(st, loc, &op, err);

	if (ret < 0)
		return ret;
	struct idle_reader *r = reader_take(st, is_base);
	ret = pack_read_frame(op->pack, r->reader, loc->frame_off, loc->sealed_size, out, err);
	reader_give(st, is_base, r);
	store_pack_give(st, op);
	return ret;
}

/* Called with the lock: room for one more frame, if the others are not all in use. */
static struct cached_frame **cache_slot(struct store *st, size_t size)
{
	for (;;) {
		struct cached_frame **oldest = NULL, **empty = NULL;
		for (size_t i = 0; i < STORE_CACHED_FRAMES; i++) {
			struct cached_frame **f = &st->frames[i];
			if (!*f)
				empty = f;
			else if ((*f)->users == 0 && (!oldest || (*f)->used < (*oldest)->used))
				oldest = f;
		}
		if (empty && st->cached_size + size <= STORE_CACHE_SIZE)
			return empty;
		if (!oldest)
			return NULL;
		frame_free(st, *oldest);
		*oldest = NULL;
	}
}

/* A frame of small objects, from memory or read and kept; NULL in `out`: kept nowhere, in `own`. */
static int frame_take(struct store *st, const struct index_loc *loc, struct cached_frame **out,
		      struct buf *own, struct err *err)
{
	*out = NULL;
	sys_lock(&st->lock);
	for (size_t i = 0; i < STORE_CACHED_FRAMES; i++) {
		struct cached_frame *f = st->frames[i];
		if (f && f->off == loc->frame_off && pack_id_eq(&f->pack, &loc->pack)) {
			f->users++;
			f->used = ++st->clock;
			*out = f;
			break;
		}
	}
	sys_unlock(&st->lock);
	if (*out)
		return 0;

	int ret = read_frame(st, loc, false, own, err);
	if (ret < 0)
		return ret;
	sys_lock(&st->lock);
	struct cached_frame **slot = cache_slot(st, own->len);
	if (slot) {
		struct cached_frame *f = xcalloc(1, sizeof(*f));
		f->pack = loc->pack;
		f->off = loc->frame_off;
		f->raw = (struct buf)BUF_INIT;
		buf_swap(&f->raw, own);
		f->users = 1;
		f->used = ++st->clock;
		st->cached_size += f->raw.len;
		*slot = f;
		*out = f;
	}
	sys_unlock(&st->lock);
	return 0;
}

static void frame_give(struct store *st, struct cached_frame *f)
{
	sys_lock(&st->lock);
	f->users--;
	sys_unlock(&st->lock);
}

/* -- objects -- */

/*
 * Damage met on the way: rebuilt once, by whoever meets it first.  Not under those who hold
 * ordinals.
 */
static int heal_index(struct store *st, struct err *err)
{
	struct store_rebuilt what;
	int ret = 0;

	sys_lock(&st->healing);
	if (!st->healed) {
		st->healed = xstrdup(err->msg);
		err_clear(err);
		ret = store_index_rebuild(st, NULL, NULL, &what, err);
	}
	sys_unlock(&st->healing);
	return ret;
}

int store_find(struct store *st, const struct oid *id, struct index_loc *loc, uint64_t *ordinal,
	       struct err *err)
{
	int ret = index_find(st->index, id, loc, ordinal, err);

	if (ret != ERR_CORRUPT || ordinal || st->opts.keep_index || st->opts.read_only)
		return ret;
	ret = heal_index(st, err);
	return ret < 0 ? ret : index_find(st->index, id, loc, ordinal, err);
}

int store_find_fresh(struct store *st, const struct oid *id, struct index_loc *loc, struct err *err)
{
	int ret = store_find(st, id, loc, NULL, err);

	if (ret != 0)
		return ret;
	ret = index_refresh(st->index, err);
	return ret < 0 ? ret : store_find(st, id, loc, NULL, err);
}

static int check_object(struct store *st, const struct oid *id, const struct index_loc *loc,
			const void *p, size_t n, struct err *err)
{
	struct oid real;

	keys_object_id(st->keys, (uint8_t)loc->type, p, n, real.b);
	if (oid_eq(&real, id))
		return 0;
	/* The index knows 30 bytes: a wrong digit in the last two is a wrong id, not damage. */
	if (memcmp(real.b, id->b, 30) == 0)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(id).s);
	return err_set(err, ERR_CORRUPT, "%s %s is damaged in pack '%s'", obj_type_name(loc->type),
		       oid_hex(id).s, pack_hex(&loc->pack).s);
}

/* Append the object's bytes to `out`, unchecked. */
static int read_bytes(struct store *st, const struct index_loc *loc, struct buf *out,
		      struct err *err)
{
	struct buf own = BUF_INIT;
	struct cached_frame *f = NULL;
	int ret;

	/* A large object has its frame to itself and would only push others out of memory. */
	if (loc->size >= SESSION_ALONE_SIZE && loc->place == 0) {
		size_t before = out->len;
		ret = read_frame(st, loc, false, out, err);
		if (ret == 0 && out->len - before == loc->size)
			return 0;
		if (ret == 0 && out->len - before > loc->size) {
			buf_truncate(out, before + loc->size);
			return 0;
		}
		buf_truncate(out, before);
		return ret < 0 ? ret : err_set(err, ERR_CORRUPT,
					       "a frame of pack '%s' is too short",
					       pack_hex(&loc->pack).s);
	}
	ret = frame_take(st, loc, &f, &own, err);
	if (ret < 0)
		goto done;
	const struct buf *raw = f ? &f->raw : &own;
	if (loc->place > raw->len || loc->size > raw->len - loc->place) {
		ret = err_set(err, ERR_CORRUPT, "a frame of pack '%s' is too short",
			      pack_hex(&loc->pack).s);
		goto done;
	}
	buf_put(out, raw->data + loc->place, loc->size);
done:
	if (f)
		frame_give(st, f);
	buf_release(&own);
	return ret;
}

/* A blob against which another one is coded; the frame it lies in is not coded so. */
static int get_base(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	struct store *st = data;
	struct buf frame = BUF_INIT;
	struct index_loc loc;
	int ret = store_find(st, id, &loc, NULL, err);

	if (ret == 0)
		ret = err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			      oid_hex(id).s);
	if (ret > 0)
		ret = read_frame(st, &loc, true, &frame, err);
	if (ret == 0 && (loc.type != OBJ_BLOB || loc.place > frame.len ||
			 loc.size > frame.len - loc.place))
		ret = err_set(err, ERR_CORRUPT, "a frame of pack '%s' is too short",
			      pack_hex(&loc.pack).s);
	if (ret == 0)
		ret = check_object(st, id, &loc, frame.data + loc.place, loc.size, err);
	if (ret == 0)
		buf_put(out, frame.data + loc.place, loc.size);
	buf_release(&frame);
	return ret;
}

int store_read_at(struct store *st, const struct oid *id, const struct index_loc *loc,
		  struct buf *out, struct err *err)
{
	size_t before = out->len;
	int ret = read_bytes(st, loc, out, err);

	if (ret < 0)
		return err_wrap(err, "object %s", oid_hex(id).s);
	ret = check_object(st, id, loc, out->data + before, out->len - before, err);
	if (ret < 0)
		buf_truncate(out, before);
	return ret;
}

int store_read(struct store *st, const struct oid *id, enum obj_type want, enum obj_type *type_out,
	       struct buf *out, struct err *err)
{
	struct index_loc loc;
	int ret = store_find_fresh(st, id, &loc, err);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(id).s);
	if (want != OBJ_NONE && loc.type != want)
		return err_set(err, ERR_FAILED, "object %s is a %s, not a %s", oid_hex(id).s,
			       obj_type_name(loc.type), obj_type_name(want));
	ret = store_read_at(st, id, &loc, out, err);
	if (ret == 0 && type_out)
		*type_out = loc.type;
	return ret;
}

int store_full_id(struct store *st, const unsigned char id30[30], const struct index_loc *loc,
		  struct oid *out, struct err *err)
{
	struct buf raw = BUF_INIT;
	int ret = read_bytes(st, loc, &raw, err);

	if (ret == 0) {
		keys_object_id(st->keys, (uint8_t)loc->type, raw.data, raw.len, out->b);
		if (memcmp(out->b, id30, 30) != 0)
			ret = err_set(err, ERR_CORRUPT, "an object is damaged in pack '%s'",
				      pack_hex(&loc->pack).s);
	}
	buf_release(&raw);
	return ret;
}

/* -- content -- */

#define LIST_DEPTH_MAX 8	/* 64^8 chunks: more than there can be */

struct content_out {
	struct store *st;
	int (*fn)(const void *p, size_t n, void *data, struct err *err);
	void *data;
	struct buf blob;
};

static int put_zeros(struct content_out *c, uint64_t n, struct err *err)
{
	static const unsigned char zeros[65536];
	int ret = 0;

	while (n > 0 && ret == 0) {
		size_t part = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);
		ret = c->fn(zeros, part, c->data, err);
		n -= part;
	}
	return ret;
}

static int put_object(struct content_out *c, const struct oid *id, enum obj_type want,
		      uint64_t expect, unsigned int depth, struct err *err);

static int put_list(struct content_out *c, const struct buf *raw, uint64_t expect,
		    unsigned int depth, struct err *err)
{
	struct list l = LIST_INIT;
	int ret = list_decode(&l, raw->data, raw->len, err);

	if (ret == 0 && expect != UINT64_MAX && l.size != expect)
		ret = err_set(err, ERR_CORRUPT, "stands for %" PRIu64 " bytes instead of %" PRIu64,
			      l.size, expect);
	for (size_t i = 0; i < l.nr && ret == 0; i++) {
		const struct list_entry *e = &l.entries[i];
		if (e->kind == LIST_ZERO)
			ret = put_zeros(c, e->size, err);
		else
			ret = put_object(c, &e->id, e->kind == LIST_BLOB ? OBJ_BLOB : OBJ_LIST,
					 e->size, depth + 1, err);
	}
	list_release(&l);
	return ret;
}

static int put_object(struct content_out *c, const struct oid *id, enum obj_type want,
		      uint64_t expect, unsigned int depth, struct err *err)
{
	struct buf raw = BUF_INIT;
	enum obj_type type;
	int ret;

	if (depth > LIST_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "list %s is nested too deeply", oid_hex(id).s);
	buf_reset(&c->blob);
	struct buf *into = want == OBJ_BLOB ? &c->blob : &raw;
	ret = store_read(c->st, id, want, &type, into, err);
	if (ret < 0)
		goto done;
	if (type == OBJ_BLOB && expect != UINT64_MAX && into->len != expect)
		ret = err_set(err, ERR_CORRUPT, "blob %s has %zu bytes instead of %" PRIu64,
			      oid_hex(id).s, into->len, expect);
	else if (type == OBJ_BLOB)
		ret = c->fn(into->data, into->len, c->data, err);
	else if (type == OBJ_LIST)
		ret = put_list(c, into, expect, depth, err);
	else
		ret = err_set(err, ERR_FAILED, "object %s is a %s, not content", oid_hex(id).s,
			      obj_type_name(type));
done:
	buf_release(&raw);
	return ret;
}

int store_read_content(struct store *st, const struct oid *id,
		       int (*fn)(const void *p, size_t n, void *data, struct err *err), void *data,
		       struct err *err)
{
	struct content_out c = { st, fn, data, BUF_INIT };
	int ret = put_object(&c, id, OBJ_NONE, UINT64_MAX, 0, err);

	buf_release(&c.blob);
	return ret;
}
