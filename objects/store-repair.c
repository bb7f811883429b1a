/*
 * Mending what derives from packs: adoption of finished packs that a crash left out of the
 * index, and the rebuild of the index from nothing but footers.  Never changes a pack.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/interrupt.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "objects/idset.h"
#include "objects/store-internal.h"

#include "objects/store.h"

struct each_pack {
	const char *dir;
	enum pack_kind kind;
	int (*fn)(enum pack_kind, const struct pack_id *, const char *, void *, struct err *);
	void *data;
};

static int each_name(const char *name, void *data, struct err *err)
{
	struct each_pack *e = data;
	struct pack_id id;

	if (strlen(name) != 64 || !pack_parse_hex(&id, name))
		return 0;	/* temporary files; nothing else lives here */
	char *path = path_join(e->dir, name);
	int ret = e->fn(e->kind, &id, path, e->data, err);
	sys_free(path);
	return ret;
}

static int each_in(struct store *st, enum pack_kind kind,
		   int (*fn)(enum pack_kind, const struct pack_id *, const char *, void *,
			     struct err *), void *data, struct err *err)
{
	struct each_pack e = { store_pack_dir(st, kind), kind, fn, data };

	/* Copies leave out empty folders; one that should not be empty is missed by its packs. */
	return file_exists(e.dir) ? file_each(e.dir, each_name, &e, err) : 0;
}

int store_each_pack(struct store *st,
		    int (*fn)(enum pack_kind dir_kind, const struct pack_id *id, const char *path,
			      void *data, struct err *err), void *data, struct err *err)
{
	/* Against the order of writing: the data that a meta pack refers to are there as well. */
	int ret = each_in(st, PACK_META, fn, data, err);

	return ret != 0 ? ret : each_in(st, PACK_DATA, fn, data, err);
}

/* Who gave the packs their names may have died before the sync: store.c, 3. */
static int sync_packs(struct store *st, struct err *err)
{
	const char *const dirs[] = { st->data_dir, st->meta_dir };
	int ret = 0;

	for (int i = 0; i < 2 && ret == 0; i++) {
		char *path = path_join(dirs[i], ".");
		ret = file_sync_again(path, err);
		sys_free(path);
	}
	return ret;
}

/*
 * -- rebuild --
 *
 * Others may write meanwhile.  Packs are read without a lock, which takes the time it takes; then,
 * with the index lock, those that have come since.  What gets its name after that is put into the
 * new index by its writer.  A listing is complete for what was there when it began: once one of
 * the meta packs finds nothing new, all that they refer to is among what was found (session.c, 2).
 */

struct rebuild {
	struct store *st;
	struct index_add *add;
	struct idset seen;		/* names of packs, which are hashes as ids are */
	int (*bad)(const char *, const char *, void *, struct err *);
	void *data;
	struct store_rebuilt *out;
};

static int read_pack(struct store *st, const char *path, const struct pack_id *id,
		     struct index_pack *pack, struct pack_footer *f, struct err *err)
{
	struct pack *p = NULL;
	int ret = pack_open(&p, path, st->keys, err);

	if (ret == 0)
		ret = pack_read_footer(p, f, err);
	if (ret == 0)
		*pack = (struct index_pack){
			.id = *id, .kind = pack_kind(p), .size = pack_size(p),
			.objects = (uint32_t)f->nr_objects,
		};
	pack_close(p);
	return ret;
}

static bool is_genuine(const char *path, const struct pack_id *id)
{
	struct err ignored = ERR_INIT;
	struct pack_id real;
	uint64_t size;

	return pack_hash_file(path, &real, &size, &ignored) == 0 && pack_id_eq(&real, id);
}

static int rebuild_pack(enum pack_kind dir_kind, const struct pack_id *id, const char *path,
			void *data, struct err *err)
{
	struct rebuild *r = data;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct index_pack pack;
	struct oid name;

	memcpy(name.b, id->b, sizeof(name.b));
	if (!idset_add(&r->seen, &name))
		return 0;
	int ret = interrupt_check(err);
	if (ret == 0)
		ret = read_pack(r->st, path, id, &pack, &f, err);

	if (ret == 0 && (dir_kind == PACK_DATA) != (pack.kind == PACK_DATA))
		ret = err_set(err, ERR_CORRUPT, "pack '%s' is in the wrong folder", path);
	if (ret == 0) {
		ret = pack_add_rows(&pack, &f, r->add, err);
		r->out->packs++;
		r->out->objects += f.nr_objects;
	} else if (ret == ERR_FORMAT && is_genuine(path, id)) {
		/* Written by a later ub: not damage, and not to be left out of an index. */
	} else if (ret == ERR_CORRUPT || ret == ERR_FORMAT || ret == ERR_KEY) {
		r->out->bad++;
		struct err why = *err;
		err_clear(err);
		ret = r->bad ? r->bad(path, why.msg, r->data, err) : 0;
	}
	pack_footer_release(&f);
	return ret;
}

/* With the index lock: the packs that were named since they were listed. */
static int rebuild_rest(struct rebuild *r, struct err *err)
{
	size_t before;
	int ret;

	do {
		before = r->seen.nr;
		ret = each_in(r->st, PACK_META, rebuild_pack, r, err);
	} while (ret == 0 && r->seen.nr > before);
	return ret != 0 ? ret : each_in(r->st, PACK_DATA, rebuild_pack, r, err);
}

int store_index_rebuild(struct store *st,
			int (*bad)(const char *path, const char *what, void *data, struct err *err),
			void *data, struct store_rebuilt *out, struct err *err)
{
	struct rebuild r = { .st = st, .seen = IDSET_INIT, .bad = bad, .data = data, .out = out };

	*out = (struct store_rebuilt){ 0 };
	int ret = index_replace_begin(&r.add, st->index_dir, keys_repo_id(st->keys), err);
	if (ret < 0)
		return ret;
	ret = store_each_pack(st, rebuild_pack, &r, err);
	if (ret == 0)
		ret = index_add_lock(r.add, err);
	if (ret == 0)
		ret = rebuild_rest(&r, err);
	if (ret == 0)
		ret = sync_packs(st, err);
	if (ret == 0) {
		ret = index_add_commit(r.add, err);
		if (ret == 0)
			r.add = NULL;
	}
	index_add_abort(r.add);
	idset_release(&r.seen);
	if (ret < 0)
		return ret;
	if (st->index)
		return index_refresh(st->index, err);
	return index_open(&st->index, st->index_dir, keys_repo_id(st->keys), err);
}

/* -- adoption -- */

struct orphan {
	struct index_pack pack;
	struct pack_footer footer;
	bool *taken;		/* per object */
	size_t nr_taken;
};

struct adopt {
	struct store *st;
	struct orphan *orphans;
	size_t nr, alloc;
	struct idset ids;	/* adopted so far */
};

static int adopt_find(enum pack_kind dir_kind, const struct pack_id *id, const char *path,
		      void *data, struct err *err)
{
	struct adopt *a = data;
	struct orphan o = { .footer = PACK_FOOTER_INIT };
	struct pack_id real;
	uint64_t size;

	if (index_has_pack(a->st->index, id))
		return 0;
	int ret = interrupt_check(err);
	if (ret < 0)
		return ret;
	ret = read_pack(a->st, path, id, &o.pack, &o.footer, err);
	if (ret == 0 && (dir_kind == PACK_DATA) != (o.pack.kind == PACK_DATA))
		ret = err_set(err, ERR_CORRUPT, "pack '%s' is in the wrong folder", path);
	if (ret == 0)
		ret = pack_hash_file(path, &real, &size, err);
	if (ret < 0 || !pack_id_eq(&real, id)) {
		/* Damaged: fsck will say so; there is nothing in it to lean on. */
		pack_footer_release(&o.footer);
		if (ret < 0 && ret != ERR_CORRUPT && ret != ERR_FORMAT && ret != ERR_KEY &&
		    ret != ERR_NOT_FOUND)
			return ret;
		err_clear(err);
		return 0;
	}
	o.taken = xcalloc(o.footer.nr_objects + 1, sizeof(*o.taken));
	if (a->nr == a->alloc) {
		a->alloc = a->alloc ? 2 * a->alloc : 8;
		a->orphans = xrealloc(a->orphans, a->alloc * sizeof(*a->orphans));
	}
	a->orphans[a->nr++] = o;
	return 0;
}

static int ref_is_there(const struct object_ref *ref, void *data, struct err *err)
{
	struct adopt *a = data;

	if (idset_has(&a->ids, &ref->id))
		return 0;
	int ret = store_find(a->st, &ref->id, NULL, NULL, err);
	return ret < 0 ? ret : ret == 0 ? 1 : 0;
}

/* 1: something new was taken, 0: nothing. */
static int adopt_pass(struct adopt *a, struct orphan *o, struct err *err)
{
	const struct frame_object *obj = o->footer.objects;
	struct buf raw = BUF_INIT;
	size_t k = 0;
	int ret = 0, progress = 0;
	char *path = store_pack_file(a->st, o->pack.kind, &o->pack.id);
	struct frame_reader *fr = frame_reader_new(NULL);
	struct pack *p = NULL;

	ret = pack_open(&p, path, a->st->keys, err);
	for (size_t i = 0; i < o->footer.nr_frames && ret == 0; i++) {
		const struct pack_frame *f = &o->footer.frames[i];
		bool is_read = false;
		size_t place = 0;
		for (uint32_t n = 0; n < f->nr_objects && ret == 0; n++, k++) {
			const struct frame_object *it = &obj[k];
			size_t at = place;
			place += it->size;
			if (o->taken[k])
				continue;
			if (it->type != OBJ_BLOB) {
				if (!is_read) {
					buf_reset(&raw);
					ret = pack_read_frame(p, fr, f->off, f->sealed_size, &raw,
							      err);
					if (ret < 0)
						break;
					is_read = true;
				}
				ret = object_refs(it->type, raw.data + at, it->size, ref_is_there,
						  a, err);
				if (ret == 1 || ret == ERR_CORRUPT || ret == ERR_FORMAT) {
					/* A child is missing, or nobody knows. */
					err_clear(err);
					ret = 0;
					continue;
				}
				if (ret < 0)
					break;
			}
			o->taken[k] = true;
			o->nr_taken++;
			idset_add(&a->ids, &it->id);
			progress = 1;
		}
	}
	pack_close(p);
	frame_reader_free(fr);
	buf_release(&raw);
	sys_free(path);
	return ret < 0 ? ret : progress;
}

static int adopt_rows(struct adopt *a, struct index_add *add, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < a->nr && ret == 0; i++) {
		struct orphan *o = &a->orphans[i];
		const struct frame_object *it = o->footer.objects;
		const bool *taken = o->taken;
		if (o->nr_taken == 0)
			continue;
		ret = index_add_pack(add, &o->pack, err);
		for (size_t f = 0; f < o->footer.nr_frames && ret == 0; f++) {
			struct index_loc loc = {
				.pack = o->pack.id,
				.kind = o->pack.kind,
				.frame_off = (uint32_t)o->footer.frames[f].off,
				.sealed_size = o->footer.frames[f].sealed_size,
			};
			for (uint32_t n = 0; n < o->footer.frames[f].nr_objects && ret == 0; n++) {
				loc.type = it->type;
				loc.size = it->size;
				if (*taken)
					ret = index_add_row(add, &it->id, &loc, err);
				loc.place += it->size;
				it++;
				taken++;
			}
		}
	}
	return ret;
}

int store_adopt(struct store *st, struct err *err)
{
	struct adopt a = { .st = st, .ids = IDSET_INIT };
	struct index_add *add = NULL;
	int ret = index_refresh(st->index, err);

	if (ret == 0)
		ret = store_each_pack(st, adopt_find, &a, err);

	/* Children first whatever the order of the files: go round until nothing moves. */
	bool progress = ret == 0 && a.nr > 0;
	while (progress && ret >= 0) {
		progress = false;
		for (size_t i = 0; i < a.nr && ret >= 0; i++) {
			ret = adopt_pass(&a, &a.orphans[i], err);
			progress |= ret == 1;
		}
	}
	if (ret >= 0 && a.ids.nr > 0) {
		ret = sync_packs(st, err);
		if (ret == 0)
			ret = index_add_begin(&add, st->index, err);
		if (ret == 0)
			ret = adopt_rows(&a, add, err);
		if (ret == 0) {
			ret = index_add_commit(add, err);
			if (ret == 0)
				add = NULL;
		}
		if (ret < 0)
			index_add_abort(add);
	}
	for (size_t i = 0; i < a.nr; i++) {
		pack_footer_release(&a.orphans[i].footer);
		sys_free(a.orphans[i].taken);
	}
	sys_free(a.orphans);
	idset_release(&a.ids);
	return ret < 0 ? ret : 0;
}
