/*
 * ub fsck: is the repository what it says, down to every byte of every pack?
 *
 * In this order: settings, keys, index (rebuilt when damaged), packs, histories, and whether all
 * that refs reach is there.  Goes on after damage as far as it can and names each finding.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/pool.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "objects/pack-verify.h"
#include "objects/store.h"
#include "objects/walk.h"
#include "refs/refs.h"
#include "builtin/catalogue.h"
#include "builtin/repo.h"

static const char fsck_usage[] = "ub fsck [--full]";

struct fsck {
	struct ub *ub;
	bool full;
	bool index_is_bad;		/* derived; made again */
	uint64_t healed, damaged, missing;
	uint64_t packs, objects, bytes;
	struct catalogue_reading *readings;
	size_t nr_readings;
	struct progress progress;
};

/* -- findings -- */

static void report(struct fsck *f, const char *kind, const struct oid *id, const char *path,
		   const char *what)
{
	struct buf line = BUF_INIT;
	struct json j;

	progress_hide(&f->progress);
	if (f->ub->json) {
		json_begin(&j, &line, "damage");
		json_str(&j, "kind", kind);
		if (id)
			json_str(&j, "oid", oid_hex(id).s);
		if (path)
			json_path(&j, "path", path, strlen(path));
		json_str(&j, "message", what);
		json_end(&j);
	} else {
		/* The sentence often names object or file itself: once is enough. */
		buf_printf(&line, "%s", kind);
		if (id && !strstr(what, oid_hex(id).s))
			buf_printf(&line, " object %s", oid_hex(id).s);
		if (path && !strstr(what, path))
			buf_printf(&line, " in '%s'", path);
		buf_printf(&line, ": %s\n", what);
	}
	out_buf(&f->ub->out, &line);
	buf_release(&line);
}

static void damaged(struct fsck *f, const struct oid *id, const char *path, const char *what)
{
	f->damaged++;
	report(f, "damaged", id, path, what);
}

static void missing(struct fsck *f, const struct oid *id, const char *path, const char *what)
{
	f->missing++;
	report(f, "missing", id, path, what);
}

/* Damage becomes a finding: 1.  What is not damage stays an error. */
static int absorb(struct fsck *f, int ret, struct err *err)
{
	if (ret != ERR_CORRUPT && ret != ERR_NOT_FOUND && ret != ERR_EOF)
		return ret;
	damaged(f, NULL, NULL, err->msg);
	err_clear(err);
	return 1;
}

/* -- keys -- */

static int check_keys(struct fsck *f, struct err *err)
{
	struct key_slot *slots = NULL;
	size_t nr = 0;
	int code;
	int ret = keys_slots(f->ub->keys, &slots, &nr, err);

	for (size_t i = 0; ret == 0 && i < nr; i++)
		if (slots[i].problem)
			damaged(f, NULL, NULL, slots[i].problem_text);
	sys_free(slots);
	for (size_t i = 0; ret == 0 && keys_problem(f->ub->keys, i, &code); i++)
		if (strstr(keys_problem(f->ub->keys, i, NULL), "slot-") == NULL)
			damaged(f, NULL, NULL, keys_problem(f->ub->keys, i, NULL));
	return ret;
}

/* -- packs -- */

struct finding {
	bool has_id;
	struct oid id;
	char *what;
	struct finding *next;
};

struct pack_item {
	enum pack_kind dir_kind;
	struct pack_id id;
	char *path;
	struct finding *findings, **tail;
	struct pack_check check;
	bool index_is_bad;
};

struct pack_list {
	struct fsck *f;
	struct { enum pack_kind kind; struct pack_id id; } *packs;
	size_t nr, alloc, next;
};

static int add_pack(enum pack_kind dir_kind, const struct pack_id *id, const char *path, void *data,
		    struct err *err)
{
	struct pack_list *l = data;

	(void)path;
	(void)err;
	if (l->nr == l->alloc) {
		l->alloc = l->alloc ? 2 * l->alloc : 64;
		l->packs = xrealloc(l->packs, l->alloc * sizeof(*l->packs));
	}
	l->packs[l->nr].kind = dir_kind;
	l->packs[l->nr++].id = *id;
	return 0;
}

static void note_bad(const char *path, const struct oid *id, const char *what, void *data)
{
	struct pack_item *item = data;
	struct finding *found = xcalloc(1, sizeof(*found));

	(void)path;
	if (id) {
		found->has_id = true;
		found->id = *id;
	}
	found->what = xstrdup(what);
	*item->tail = found;
	item->tail = &found->next;
}

static int next_pack(void *slot, void *data, struct err *err)
{
	struct pack_list *l = data;
	struct pack_item *item = slot;

	(void)err;
	if (l->next == l->nr)
		return 0;
	*item = (struct pack_item){
		.dir_kind = l->packs[l->next].kind, .id = l->packs[l->next].id,
	};
	item->tail = &item->findings;
	item->path = store_pack_file(l->f->ub->store, item->dir_kind, &item->id);
	item->check = (struct pack_check){
		.keys = l->f->ub->keys, .bases = store_bases(l->f->ub->store),
		.open_all = l->f->full, .bad = note_bad, .data = item,
	};
	l->next++;
	return 1;
}

/* Each object of a pack that the index names must be found, and here unless it is elsewhere too. */
static int check_rows(struct pack_list *l, struct pack_item *item, const struct pack_footer *footer,
		      struct err *err)
{
	struct index *ix = store_index(l->f->ub->store);
	const struct frame_object *o = footer->objects;
	int ret = 0;

	if (!index_has_pack(ix, &item->id))
		return 0;	/* a crash's leftover, adopted by the next writer */
	for (size_t i = 0; i < footer->nr_frames && ret >= 0; i++) {
		const struct pack_frame *frame = &footer->frames[i];
		uint32_t place = 0;
		for (uint32_t k = 0; k < frame->nr_objects && ret >= 0; k++, o++) {
			struct index_loc loc;
			ret = index_find(ix, &o->id, &loc, NULL, err);
			bool fits = ret == 1 && loc.type == o->type && loc.size == o->size &&
				    (!pack_id_eq(&loc.pack, &item->id) ||
				     loc.frame_off != frame->off || loc.place == place);
			if (ret >= 0 && !fits)
				item->index_is_bad = true;
			place += o->size;
		}
	}
	if (ret == ERR_CORRUPT) {
		item->index_is_bad = true;
		err_clear(err);
		ret = 0;
	}
	return ret < 0 ? ret : 0;
}

/* What frames are coded against must be here, and not coded so itself, which reading it tells. */
static int check_bases(struct pack_list *l, struct pack_item *item,
		       const struct pack_footer *footer, struct err *err)
{
	struct index *ix = store_index(l->f->ub->store);
	const struct frame_object *o = footer->objects;
	int ret = 0;

	for (size_t i = 0; i < footer->nr_frames && ret >= 0; i++) {
		const struct pack_frame *frame = &footer->frames[i];
		struct index_loc loc;
		if (frame->has_base)
			ret = index_find(ix, &frame->base, &loc, NULL, err);
		if (frame->has_base && ret == 0) {
			struct buf what = BUF_INIT;
			buf_printf(&what, "its base %s is not in this repository",
				   oid_hex(&frame->base).s);
			note_bad(item->path, &o->id, buf_str(&what), item);
			buf_release(&what);
		}
		o += frame->nr_objects;
	}
	return ret < 0 && ret != ERR_CORRUPT ? ret : (err_clear(err), 0);
}

static int check_pack(void *slot, void *data, struct err *err)
{
	struct pack_list *l = data;
	struct pack_item *item = slot;
	struct pack_footer footer = PACK_FOOTER_INIT;
	struct index_pack pack = { .kind = item->dir_kind };
	int ret = pack_check(&item->check, item->path, &item->id, &pack, &footer, err);

	if (ret >= 0 && (pack.kind == PACK_DATA) != (item->dir_kind == PACK_DATA))
		note_bad(item->path, NULL, "is in the wrong folder", item);
	if (ret >= 0)
		ret = check_rows(l, item, &footer, err);
	if (ret >= 0)
		ret = check_bases(l, item, &footer, err);
	pack_footer_release(&footer);
	return ret < 0 ? ret : 0;
}

static int tell_pack(void *slot, void *data, struct err *err)
{
	struct pack_list *l = data;
	struct pack_item *item = slot;

	(void)err;
	l->f->readings[l->f->nr_readings++] =
		(struct catalogue_reading){ item->id, item->findings != NULL };
	while (item->findings) {
		struct finding *found = item->findings;
		item->findings = found->next;
		damaged(l->f, found->has_id ? &found->id : NULL, item->path, found->what);
		sys_free(found->what);
		sys_free(found);
	}
	l->f->index_is_bad |= item->index_is_bad;
	l->f->packs++;
	l->f->objects += item->check.objects;
	progress_add(&l->f->progress, 1);
	sys_free(item->path);
	item->path = NULL;
	return 0;
}

static void release_pack(void *slot, void *data)
{
	struct pack_item *item = slot;

	(void)data;
	while (item->findings) {
		struct finding *found = item->findings;
		item->findings = found->next;
		sys_free(found->what);
		sys_free(found);
	}
	sys_free(item->path);
}

static int check_named_pack(const struct index_pack *p, void *data, struct err *err)
{
	struct fsck *f = data;
	char *path = store_pack_file(f->ub->store, p->kind, &p->id);

	(void)err;
	if (!file_exists(path)) {
		struct buf what = BUF_INIT;
		buf_printf(&what, "the pack is gone, and with it %" PRIu32 " objects", p->objects);
		missing(f, NULL, path, buf_str(&what));
		buf_release(&what);
	}
	f->bytes += p->size;
	sys_free(path);
	return 0;
}

static int check_packs(struct fsck *f, struct err *err)
{
	static const struct pool_ops ops = { next_pack, check_pack, tell_pack, release_pack };
	struct pack_list l = { .f = f };
	unsigned int workers = store_opts(f->ub->store)->workers;
	int ret = store_each_pack(f->ub->store, add_pack, &l, err);

	f->readings = xcalloc(l.nr + 1, sizeof(*f->readings));
	progress_begin(&f->progress, ub_progress(f->ub), "checking packs", l.nr, "packs");
	if (ret == 0)
		ret = pool_run(&ops, sizeof(struct pack_item), workers, workers + 1, &l, err);
	progress_end(&f->progress);
	if (ret == 0)
		ret = index_each_pack(store_index(f->ub->store), check_named_pack, f, err);
	sys_free(l.packs);
	return ret;
}

/* -- index -- */

/* Open the store; a damaged index is made again from the packs and counts as healed. */
static int open_index(struct fsck *f, struct err *err)
{
	uint64_t rows;
	int ret = repo_open_store(f->ub, REPO_KEEP_INDEX, err);

	if (ret == 0)
		ret = index_check(store_index(f->ub->store), &rows, err);
	if (ret != ERR_CORRUPT && ret != ERR_NOT_FOUND)
		return ret;
	f->healed++;
	report(f, "rebuilt", NULL, NULL, err->msg);
	err_clear(err);
	if (!f->ub->store)
		return repo_open_store(f->ub, 0, err);	/* rebuilds on the way */
	struct store_rebuilt what;
	return store_index_rebuild(f->ub->store, NULL, NULL, &what, err);
}

/* -- histories and what they reach -- */

static int bad_record(const char *path, const char *what, void *data, struct err *err)
{
	(void)err;
	damaged(data, NULL, path, what);
	return 0;
}

static int bad_object(const struct oid *id, int code, const char *what, void *data, struct err *err)
{
	(void)err;
	if (code == ERR_NOT_FOUND)
		missing(data, id, NULL, what);
	else
		damaged(data, id, NULL, what);
	return 0;
}

struct heads {
	struct oid *ids;
	size_t nr, alloc;
};

static int add_head(const struct ref *ref, void *data, struct err *err)
{
	struct heads *h = data;

	(void)err;
	if (h->nr == h->alloc) {
		h->alloc = h->alloc ? 2 * h->alloc : 16;
		h->ids = xrealloc(h->ids, h->alloc * sizeof(*h->ids));
	}
	h->ids[h->nr++] = ref->commit;
	return 0;
}

/* Others may write meanwhile: an index read after the refs knows all that they reach. */
static int check_reach(struct fsck *f, const struct heads *h, struct err *err)
{
	struct walk *walk;
	int ret = index_refresh(store_index(f->ub->store), err);

	if (ret < 0)
		return ret;
	walk = walk_new(f->ub->store, bad_object, f);
	for (size_t i = 0; i < h->nr && ret == 0; i++)
		ret = walk_from(walk, &h->ids[i], OBJ_COMMIT, err);
	walk_free(walk);
	return ret;
}

static int check_refs(struct fsck *f, struct err *err)
{
	struct heads h = { NULL, 0, 0 };
	uint64_t records = 0;
	int ret = absorb(f, repo_open_refs(f->ub, err), err);

	if (ret != 0)
		return ret < 0 ? ret : 0;
	ret = absorb(f, refs_verify(f->ub->refs, bad_record, f, &records, err), err);
	if (ret < 0)
		return ret;
	ret = absorb(f, refs_each(f->ub->refs, add_head, &h, err), err);
	if (ret >= 0)
		ret = absorb(f, check_reach(f, &h, err), err);
	sys_free(h.ids);
	return ret < 0 ? ret : 0;
}

/* -- all -- */

static void summary(struct fsck *f, uint64_t started)
{
	double seconds = (double)(sys_monotonic_ns() - started) / 1e9;
	struct ub *ub = f->ub;

	if (ub->json)
		out_printf(&ub->out, "{\"type\":\"summary\",\"ok\":%s,\"objects\":%" PRIu64
			   ",\"packs\":%" PRIu64 ",\"shards\":0,\"damaged\":%" PRIu64
			   ",\"missing\":%" PRIu64 ",\"healed\":%" PRIu64 ",\"bytes\":%" PRIu64
			   ",\"seconds\":%.3f}\n", f->damaged + f->missing ? "false" : "true",
			   f->objects, f->packs, f->damaged, f->missing, f->healed, f->bytes,
			   seconds);
	else
		ub_say(ub, "%" PRIu64 " packs, %" PRIu64 " objects: %" PRIu64 " damaged, %" PRIu64
		       " missing, %" PRIu64 " rebuilt",
		       f->packs, f->objects, f->damaged, f->missing, f->healed);
}

static int answer(const struct fsck *f)
{
	return f->damaged + f->missing > 0 ? EXIT_DAMAGED : f->healed > 0 ? EXIT_HEALED : 0;
}

static void note_run(struct fsck *f, uint64_t started)
{
	struct history_news news = {
		.run = repo_run("fsck", started, answer(f)),
		.readings = f->readings, .nr = f->nr_readings,
	};

	news.run.share = f->full ? CATALOGUE_SHARE_ALL : 0;
	news.run.objects = f->objects;
	news.run.bytes = f->bytes;
	news.run.damaged = f->damaged;
	news.run.missing = f->missing;
	repo_note_run(f->ub, &news);
}

static int run(struct fsck *f, struct err *err)
{
	int ret = absorb(f, repo_open_config(f->ub, 0, err), err);

	if (ret == 0)
		ret = absorb(f, repo_open_keys(f->ub, err), err);
	if (ret != 0)
		return ret;	/* without settings or keys nothing else can be looked at */
	ret = check_keys(f, err);
	if (ret == 0)
		ret = absorb(f, open_index(f, err), err);
	if (ret != 0)
		return ret;
	ret = check_packs(f, err);
	if (ret == 0 && f->index_is_bad) {
		struct store_rebuilt what;
		f->healed++;
		report(f, "rebuilt", NULL, NULL, "the index did not say what the packs hold");
		ret = store_index_rebuild(f->ub->store, NULL, NULL, &what, err);
	}
	if (ret == 0)
		ret = check_refs(f, err);
	return ret;
}

int cmd_fsck(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct fsck f = { .ub = ub };
	const struct opt opts[] = {
		OPT_FLAG(0, "full", &f.full, "open every object too"),
		OPT_END
	};
	uint64_t started = sys_monotonic_ns();
	int ret = ub_parse(ub, opts, fsck_usage, &argc, &argv, err);

	if (ret == 0 && argc > 0)
		ret = err_set(err, ERR_USAGE, "'ub fsck' takes no arguments");
	if (ret < 0)
		return ret;
	ret = run(&f, err);
	if (ret >= 0) {
		summary(&f, started);
		note_run(&f, started);
		ret = answer(&f);
	}
	sys_free(f.readings);
	return ret;
}
