/*
 * Verification of content: the packs, one frame after the other.
 *
 * After the walk `reached` holds a bit for each row that is wanted.  A pack's footer says what is
 * in each frame; frames with nothing wanted are passed over.  The bit of what has been looked at
 * goes, so that in the end the bits that are left are those of objects that no footer led to (a
 * pack that is gone, or whose header or footer is damaged): these are read one by one, by what the
 * index says.  What is hurt gets a bit of its own, and a second walk finds the paths to it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/interrupt.h"
#include "lib/pool.h"
#include "objects/verify-internal.h"

#include "objects/verify.h"

#define REASONS_MAX 65536	/* what else is hurt is told without its own sentence */
#define BATCH_MAX 65536

struct bad_pack {
	struct bad_pack *next;
	struct pack_id id;
	enum pack_kind kind;
	char *what;
};

/* -- bits -- */

int bits_init(struct bits *b, uint64_t nr, struct err *err)
{
	size_t size = (size_t)(nr / 64 + 1) * sizeof(*b->words);

	b->words = sys_malloc(size);
	if (!b->words)
		return err_set(err, ERR_NOMEM, "no memory to mark %" PRIu64 " objects", nr);
	memset((void *)b->words, 0, size);
	b->nr = nr;
	return 0;
}

void bits_release(struct bits *b)
{
	sys_free((void *)b->words);
	*b = (struct bits){ NULL, 0 };
}

bool bits_test(const struct bits *b, uint64_t i)
{
	return i < b->nr &&
	       (atomic_load_explicit(&b->words[i / 64], memory_order_relaxed) >> i % 64 & 1) != 0;
}

bool bits_set(struct bits *b, uint64_t i)
{
	uint64_t bit = (uint64_t)1 << i % 64;

	return !(atomic_fetch_or_explicit(&b->words[i / 64], bit, memory_order_relaxed) & bit);
}

bool bits_clear(struct bits *b, uint64_t i)
{
	uint64_t bit = (uint64_t)1 << i % 64;

	return i < b->nr &&
	       (atomic_fetch_and_explicit(&b->words[i / 64], ~bit, memory_order_relaxed) & bit);
}

/* -- findings -- */

bool verify_is_damage(int ret, const struct err *err)
{
	if (ret == ERR_CORRUPT || ret == ERR_FORMAT || ret == ERR_KEY || ret == ERR_NOT_FOUND)
		return true;
	if (ret != ERR_SYS)
		return false;
	switch (err->sys_errno) {
	case EIO: case ENXIO: case ENODATA: case EBADMSG: case EUCLEAN: case EREMOTEIO:
	case ESTALE: case ETIMEDOUT: case EACCES: case EPERM: case ENOENT: case ENOTDIR:
	case EISDIR: case ELOOP:
		return true;
	default:
		return false;
	}
}

int verify_tell(struct verify *v, const struct oid *id, enum obj_type type,
		const struct index_loc *loc, const unsigned char *path, size_t path_len,
		const char *what, struct err *err)
{
	char *pack = loc ? store_pack_file(v->st, loc->kind, &loc->pack) : NULL;
	struct verify_finding f = {
		.is_missing = !pack || !file_exists(pack), .id = id, .type = type, .path = path,
		.path_len = path_len, .pack = pack, .what = what,
	};
	struct oid name;

	if (loc) {
		memcpy(name.b, loc->pack.b, sizeof(name.b));
		idset_add(&v->told_packs, &name);
	}
	if (f.is_missing)
		v->totals->missing++;
	else
		v->totals->damaged++;
	progress_hide(&v->progress);
	int ret = v->opts->found(&f, v->opts->data, err);
	sys_free(pack);
	return ret;
}

static void add_bad_pack(struct verify *v, enum pack_kind kind, const struct pack_id *id,
			 const char *what)
{
	struct bad_pack *b = xcalloc(1, sizeof(*b));

	b->kind = kind;
	b->id = *id;
	b->what = xstrdup(what);
	sys_lock(&v->lock);
	b->next = v->bad_packs;
	v->bad_packs = b;
	sys_unlock(&v->lock);
}

/* Called with the lock. */
static const char *keep_text(struct verify *v, const char *what)
{
	if (v->nr_texts > 0 && strcmp(v->texts[v->nr_texts - 1], what) == 0)
		return v->texts[v->nr_texts - 1];
	if (v->nr_texts % 64 == 0)
		v->texts = xrealloc(v->texts, (v->nr_texts + 64) * sizeof(*v->texts));
	v->texts[v->nr_texts] = xstrdup(what);
	return v->texts[v->nr_texts++];
}

int verify_add_hurt(struct verify *v, uint64_t ordinal, const char *what, struct err *err)
{
	int ret = 0;

	sys_lock(&v->lock);
	if (v->hurt.nr == 0)
		ret = bits_init(&v->hurt, v->reached.nr, err);
	if (ret == 0 && bits_set(&v->hurt, ordinal)) {
		v->nr_hurt++;
		if (v->nr_reasons < REASONS_MAX) {
			if (v->nr_reasons % 64 == 0)
				v->reasons = xrealloc(v->reasons, (v->nr_reasons + 64) *
						      sizeof(*v->reasons));
			v->reasons[v->nr_reasons++] =
				(struct reason){ ordinal, keep_text(v, what) };
		}
	}
	sys_unlock(&v->lock);
	return ret;
}

static int reason_cmp(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

const char *verify_reason(const struct verify *v, uint64_t ordinal)
{
	const struct reason key = { ordinal, NULL };
	const struct reason *r = v->nr_reasons == 0 ? NULL :
		bsearch(&key, v->reasons, v->nr_reasons, sizeof(key), reason_cmp);

	return r ? r->what : "cannot be read";
}

/* -- plans: a pack whose frames are being given out -- */

struct plan {
	struct pack_id id;
	char *path;
	struct pack *pack;
	struct pack_footer footer;
	size_t frame, object;		/* the next to be given out */
	atomic_uint users;
};

static void plan_put(struct plan *p)
{
	if (!p || atomic_fetch_sub(&p->users, 1) > 1)
		return;
	pack_close(p->pack);
	pack_footer_release(&p->footer);
	sys_free(p->path);
	sys_free(p);
}

/* A later ub's pack is whole and yet not to be read: no damage. */
static bool is_foreign(const char *path, const struct pack_id *id)
{
	struct err ignored = ERR_INIT;
	struct pack_id real;
	uint64_t size;

	return pack_hash_file(path, &real, &size, &ignored) == 0 && pack_id_eq(&real, id);
}

/* A pack that cannot be opened is put on the list: 0 and no plan. */
static int plan_make(struct verify *v, enum pack_kind kind, const struct pack_id *id,
		     struct plan **out, struct err *err)
{
	struct plan *p = xcalloc(1, sizeof(*p));

	p->id = *id;
	p->path = store_pack_file(v->st, kind, id);
	p->users = 1;
	int ret = pack_open(&p->pack, p->path, v->st->keys, err);
	if (ret == 0)
		ret = pack_read_footer(p->pack, &p->footer, err);
	if (ret == 0) {
		*out = p;
		return 0;
	}
	if (verify_is_damage(ret, err) && !(ret == ERR_FORMAT && is_foreign(p->path, id))) {
		add_bad_pack(v, kind, id, err->msg);
		err_clear(err);
		ret = 0;
	}
	plan_put(p);
	return ret;
}

/* -- frames -- */

#define NOT_WANTED UINT64_MAX

struct packs {
	struct verify *v;
	struct { enum pack_kind kind; struct pack_id id; } *list;
	size_t nr, next;
	struct plan *plan;
};

struct item {
	struct plan *plan;
	const struct pack_frame *frame;
	const struct frame_object *objects;
	/* These stay: */
	struct frame_reader *fr;
	uint64_t *ordinals;		/* of each object, or NOT_WANTED */
	size_t alloc;
};

/* A draw that depends on nothing but seed and place. */
static bool is_sampled(const struct verify *v, const struct plan *p, const struct pack_frame *f)
{
	uint64_t x = v->opts->seed ^ get_u64le(p->id.b) ^ (f->off * UINT64_C(0x9e3779b97f4a7c15));

	if (v->opts->sample >= VERIFY_SAMPLE_ALL)
		return true;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % VERIFY_SAMPLE_ALL < v->opts->sample;
}

/* The next frame of the plan, or false.  What the walk has opened is passed over. */
static bool next_frame(struct plan *p, struct item *item)
{
	while (p->frame < p->footer.nr_frames) {
		const struct pack_frame *f = &p->footer.frames[p->frame++];
		const struct frame_object *o = p->footer.objects + p->object;
		p->object += f->nr_objects;
		item->frame = f;
		item->objects = o;
		for (uint32_t i = 0; i < f->nr_objects; i++)
			if (verify_is_leaf(o[i].type))
				return true;
	}
	return false;
}

static int next_item(void *slot, void *data, struct err *err)
{
	struct packs *packs = data;
	struct item *item = slot;
	int ret;

	for (;;) {
		if (packs->plan && next_frame(packs->plan, item)) {
			atomic_fetch_add(&packs->plan->users, 1);
			item->plan = packs->plan;
			return 1;
		}
		plan_put(packs->plan);
		packs->plan = NULL;
		if (packs->next == packs->nr)
			return 0;
		size_t i = packs->next++;
		ret = interrupt_check(err);
		if (ret == 0)
			ret = plan_make(packs->v, packs->list[i].kind, &packs->list[i].id,
					&packs->plan, err);
		if (ret < 0)
			return ret;
	}
}

/* Is this where the index finds the object, and has the walk reached it?  1, 0 or negative. */
static int is_wanted(struct verify *v, const struct item *it, const struct frame_object *o,
		     uint32_t place, uint64_t *ordinal, struct err *err)
{
	struct index_loc loc;

	if (!verify_is_leaf(o->type))
		return 0;
	int ret = index_find(store_index(v->st), &o->id, &loc, ordinal, err);
	if (ret < 0) {
		if (ret == ERR_CORRUPT)
			v->index_is_bad = true;
		return ret;
	}
	return ret == 1 && bits_test(&v->reached, *ordinal) && loc.frame_off == it->frame->off &&
	       loc.place == place && loc.size == o->size && pack_id_eq(&loc.pack, &it->plan->id);
}

/* How many objects of the frame are wanted: their ordinals, for the others NOT_WANTED. */
static int want_objects(struct verify *v, struct item *it, struct err *err)
{
	const uint32_t nr = it->frame->nr_objects;
	uint32_t place = 0;
	int wanted = 0;

	if (it->alloc < nr) {
		it->alloc = nr;
		it->ordinals = xrealloc(it->ordinals, nr * sizeof(*it->ordinals));
	}
	for (uint32_t i = 0; i < nr; i++) {
		int ret = is_wanted(v, it, &it->objects[i], place, &it->ordinals[i], err);
		if (ret < 0)
			return ret;
		if (ret == 0)
			it->ordinals[i] = NOT_WANTED;
		wanted += ret;
		place += it->objects[i].size;
	}
	return wanted;
}

static void skip_frame(struct verify *v, const struct item *it)
{
	for (uint32_t i = 0; i < it->frame->nr_objects; i++)
		if (it->ordinals[i] != NOT_WANTED && bits_clear(&v->reached, it->ordinals[i])) {
			v->skipped++;
			progress_add(&v->progress, it->objects[i].size);
		}
}

/* All that is wanted of a frame is hurt. */
static int hurt_frame(struct verify *v, const struct item *it, const char *what, struct err *err)
{
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < it->frame->nr_objects; i++) {
		if (it->ordinals[i] == NOT_WANTED || !bits_clear(&v->reached, it->ordinals[i]))
			continue;
		v->checked++;
		ret = verify_add_hurt(v, it->ordinals[i], what, err);
	}
	return ret;
}

static int check_objects(struct verify *v, const struct item *it, const unsigned char *raw,
			 struct err *err)
{
	uint64_t checked = 0, bytes = 0;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < it->frame->nr_objects; i++) {
		const struct frame_object *o = &it->objects[i];
		struct oid real;
		if (it->ordinals[i] != NOT_WANTED && bits_clear(&v->reached, it->ordinals[i])) {
			keys_object_id(v->st->keys, (uint8_t)o->type, raw, o->size, real.b);
			if (!oid_eq(&real, &o->id))
				ret = verify_add_hurt(v, it->ordinals[i],
					       "its bytes do not hash to its id", err);
			checked++;
			bytes += o->size;
		}
		raw += o->size;
	}
	v->checked += checked;
	v->objects += checked;
	v->bytes += bytes;
	progress_add(&v->progress, bytes);
	return ret;
}

static int open_frame(struct verify *v, struct item *it, struct err *err)
{
	const unsigned char *raw = NULL;
	size_t size = 0;

	const struct frame_bases bases = store_bases(v->st);

	if (!it->fr)
		it->fr = frame_reader_new(&bases);
	int ret = pack_view_frame(it->plan->pack, it->fr, it->frame->off, it->frame->sealed_size,
				  &raw, &size, err);
	if (ret == 0 && size != it->frame->raw_size)
		ret = err_set(err, ERR_CORRUPT, "pack '%s', frame at %" PRIu64 ": %zu bytes "
			      "instead of %" PRIu32, it->plan->path, it->frame->off, size,
			      it->frame->raw_size);
	if (ret == 0)
		return check_objects(v, it, raw, err);
	/* A frame that is genuine and of an unknown format is a later ub's. */
	if (ret == ERR_FORMAT || !verify_is_damage(ret, err))
		return ret;
	struct err why = *err;
	err_clear(err);
	return hurt_frame(v, it, why.msg, err);
}

static int check_frame(void *slot, void *data, struct err *err)
{
	struct packs *packs = data;
	struct item *it = slot;
	int ret = interrupt_check(err);

	if (ret == 0)
		ret = want_objects(packs->v, it, err);
	if (ret > 0 && is_sampled(packs->v, it->plan, it->frame))
		ret = open_frame(packs->v, it, err);
	else if (ret > 0)
		skip_frame(packs->v, it);
	plan_put(it->plan);
	it->plan = NULL;
	return ret < 0 ? ret : 0;
}

static void release_item(void *slot, void *data)
{
	struct item *it = slot;

	(void)data;
	plan_put(it->plan);
	frame_reader_free(it->fr);
	sys_free(it->ordinals);
}

/* -- whole packs, with --deep -- */

struct whole { size_t i; bool is_damaged; };

static int next_whole(void *slot, void *data, struct err *err)
{
	struct packs *packs = data;

	if (packs->next == packs->nr)
		return 0;
	*(struct whole *)slot = (struct whole){ packs->next++, false };
	int ret = interrupt_check(err);
	return ret < 0 ? ret : 1;
}

static int check_whole(void *slot, void *data, struct err *err)
{
	struct packs *packs = data;
	struct whole *w = slot;
	const size_t i = w->i;
	char *path = store_pack_file(packs->v->st, packs->list[i].kind, &packs->list[i].id);
	struct pack_id real;
	uint64_t size = 0;
	int ret = pack_hash_file(path, &real, &size, err);

	if (ret == 0 && !pack_id_eq(&real, &packs->list[i].id))
		ret = err_set(err, ERR_CORRUPT, "its bytes do not hash to its name");
	if (verify_is_damage(ret, err)) {
		add_bad_pack(packs->v, packs->list[i].kind, &packs->list[i].id, err->msg);
		w->is_damaged = true;
		err_clear(err);
		ret = 0;
	}
	progress_add(&packs->v->progress, size);
	sys_free(path);
	return ret;
}

static int tell_whole(void *slot, void *data, struct err *err)
{
	struct packs *packs = data;
	const struct verify_options *o = packs->v->opts;
	const struct whole *w = slot;

	(void)err;
	if (o->hashed)
		o->hashed(&packs->list[w->i].id, w->is_damaged, o->data);
	return 0;
}

/* -- what no footer led to -- */

struct row { unsigned char id30[30]; struct index_loc loc; uint64_t ordinal; };

struct left {
	struct verify *v;
	struct row *rows;
	size_t nr;
};

static int row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int ret = memcmp(x->loc.pack.b, y->loc.pack.b, sizeof(x->loc.pack.b));

	if (ret != 0)
		return ret;
	if (x->loc.frame_off != y->loc.frame_off)
		return x->loc.frame_off < y->loc.frame_off ? -1 : 1;
	return (x->loc.place > y->loc.place) - (x->loc.place < y->loc.place);
}

static int check_row(struct verify *v, const struct row *row, struct err *err)
{
	struct oid full;
	int ret = interrupt_check(err);

	if (ret == 0)
		ret = store_full_id(v->st, row->id30, &row->loc, &full, err);
	bits_clear(&v->reached, row->ordinal);
	progress_add(&v->progress, row->loc.size);
	if (ret == 0) {
		v->objects++;
		v->bytes += row->loc.size;
	} else if (ret != ERR_FORMAT && verify_is_damage(ret, err)) {
		struct err why = *err;
		err_clear(err);
		ret = verify_add_hurt(v, row->ordinal, why.msg, err);
	}
	return ret;
}

static int check_rows(struct left *l, struct err *err)
{
	int ret = 0;

	if (l->nr > 1)
		qsort(l->rows, l->nr, sizeof(*l->rows), row_cmp);
	for (size_t i = 0; ret == 0 && i < l->nr; i++)
		ret = check_row(l->v, &l->rows[i], err);
	l->nr = 0;
	return ret;
}

static int find_left(const unsigned char id30[30], const struct index_loc *loc, void *data,
		     struct err *err)
{
	struct left *l = data;
	struct row row = { .loc = *loc };
	struct oid id = { { 0 } };

	if (!verify_is_leaf(loc->type))
		return 0;
	memcpy(id.b, id30, 30);
	memcpy(row.id30, id30, 30);
	int ret = index_find(store_index(l->v->st), &id, &row.loc, &row.ordinal, err);
	if (ret <= 0 || !bits_test(&l->v->reached, row.ordinal))
		return ret < 0 ? ret : 0;
	l->rows[l->nr++] = row;
	return l->nr == BATCH_MAX ? check_rows(l, err) : 0;
}

static int check_left(struct verify *v, struct err *err)
{
	struct left l = { .v = v };

	if (v->checked + v->skipped >= v->wanted)
		return 0;
	l.rows = sys_malloc(BATCH_MAX * sizeof(*l.rows));
	if (!l.rows)
		return err_set(err, ERR_NOMEM, "no memory for %d objects", BATCH_MAX);
	int ret = index_each(store_index(v->st), find_left, &l, err);
	if (ret == 0)
		ret = check_rows(&l, err);
	sys_free(l.rows);
	return ret;
}

/* -- all -- */

static size_t add_packs(struct packs *packs, const struct idset *set, enum pack_kind kind)
{
	for (size_t i = 0; i < set->alloc; i++) {
		if (oid_is_zero(&set->slots[i]))
			continue;
		packs->list[packs->nr].kind = kind;
		memcpy(packs->list[packs->nr++].id.b, set->slots[i].b, OID_SIZE);
	}
	return packs->nr;
}

static int check_packs(struct verify *v, struct err *err)
{
	static const struct pool_ops frames = { next_item, check_frame, NULL, release_item };
	static const struct pool_ops whole = { next_whole, check_whole, tell_whole, NULL };
	struct packs packs = { .v = v };
	unsigned int workers = store_opts(v->st)->workers;

	packs.list = xcalloc(v->data_packs.nr + v->meta_packs.nr + 1, sizeof(*packs.list));
	add_packs(&packs, &v->meta_packs, PACK_META);
	v->totals->packs = add_packs(&packs, &v->data_packs, PACK_DATA);
	progress_begin(&v->progress, v->opts->progress, "checking content", v->wanted_bytes,
		       "bytes");
	int ret = pool_run(&frames, sizeof(struct item), workers, workers, &packs, err);
	plan_put(packs.plan);
	if (ret == 0)
		ret = check_left(v, err);
	progress_end(&v->progress);
	packs.next = 0;
	if (ret == 0 && v->opts->deep) {
		progress_begin(&v->progress, v->opts->progress, "hashing packs", 0, "bytes");
		ret = pool_run(&whole, sizeof(struct whole), workers, workers, &packs, err);
		progress_end(&v->progress);
	}
	sys_free(packs.list);
	return ret;
}

/* Packs that are bad although nothing that was looked for in them is hurt. */
static int tell_packs(struct verify *v, struct err *err)
{
	int ret = 0;

	for (const struct bad_pack *b = v->bad_packs; ret == 0 && b; b = b->next) {
		const struct index_loc loc = { .pack = b->id, .kind = b->kind };
		struct oid name;
		memcpy(name.b, b->id.b, sizeof(name.b));
		if (!idset_has(&v->told_packs, &name))
			ret = verify_tell(v, NULL, OBJ_NONE, &loc, NULL, 0, b->what, err);
	}
	return ret;
}

static int tell_all(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	struct buf what = BUF_INIT;
	int ret = 0;

	if (v->nr_hurt + v->odd > 0) {
		if (v->nr_reasons > 1)
			qsort(v->reasons, v->nr_reasons, sizeof(*v->reasons), reason_cmp);
		ret = verify_name(v, roots, nr, err);
	}
	/* Folders that could be read a moment ago cannot be read now. */
	if (ret == 0 && v->nr_hurt > 0) {
		buf_printf(&what, "%" PRIu64 " more objects are damaged, and the way to them is "
			   "not found again", v->nr_hurt);
		ret = verify_tell(v, NULL, OBJ_NONE, NULL, NULL, 0, buf_str(&what), err);
		buf_release(&what);
	}
	return ret == 0 ? tell_packs(v, err) : ret;
}

static int run_once(struct verify *v, const struct verify_root *roots, size_t nr, struct err *err)
{
	int ret = bits_init(&v->reached, index_ordinals(store_index(v->st)), err);

	if (ret == 0)
		ret = verify_walk(v, roots, nr, err);
	if (ret == 0)
		ret = check_packs(v, err);
	if (ret == 0)
		ret = tell_all(v, roots, nr, err);
	v->totals->objects = v->objects;
	v->totals->bytes = v->bytes;
	return ret;
}

static void release(struct verify *v)
{
	bits_release(&v->reached);
	bits_release(&v->hurt);
	idset_release(&v->data_packs);
	idset_release(&v->meta_packs);
	idset_release(&v->told);
	idset_release(&v->told_packs);
	while (v->bad_packs) {
		struct bad_pack *b = v->bad_packs;
		v->bad_packs = b->next;
		sys_free(b->what);
		sys_free(b);
	}
	for (size_t i = 0; i < v->nr_texts; i++)
		sys_free(v->texts[i]);
	sys_free(v->texts);
	sys_free(v->reasons);
	sys_mutex_destroy(&v->lock);
}

int verify_run(struct store *st, const struct verify_root *roots, size_t nr,
	       const struct verify_options *opts, struct verify_totals *out, struct err *err)
{
	bool rebuilt = false;

	for (;;) {
		struct verify v = { .st = st, .opts = opts, .totals = out,
				    .progress = PROGRESS_INIT };
		*out = (struct verify_totals){ .index_was_rebuilt = rebuilt };
		sys_mutex_init(&v.lock);
		int ret = run_once(&v, roots, nr, err);
		bool again = ret == ERR_CORRUPT && v.index_is_bad && !rebuilt &&
			     !store_opts(st)->read_only;
		progress_end(&v.progress);
		release(&v);
		if (!again)
			return ret;
		/* Damage of the index is mended on the way; ordinals are others then. */
		struct store_rebuilt what;
		err_clear(err);
		rebuilt = true;
		ret = store_index_rebuild(st, NULL, NULL, &what, err);
		if (ret < 0)
			return ret;
	}
}
