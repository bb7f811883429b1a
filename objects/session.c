/*
 * Writing: objects in, packs out.
 *
 * Any thread puts objects.  A large one becomes a frame at once; small ones gather, per class,
 * until there is 1 MiB of them.  A frame is compressed, sealed, opened again, decompressed and
 * hashed (verify) by the thread that brought its last object.  The first 4 MiB of a session wait
 * in memory: if that is all, they become one mixed pack.
 *
 *	put -> gather -> frame -> stash (small session) or writer of its class -> closed pack
 *	    -> named pack -> rows in the index
 *
 *  1. Frames of meta objects are placed in the order in which their objects were taken on, which
 *     is children first: what a meta object refers to is in its own pack or in an earlier one.
 *  2. A meta pack gets its name after all meta packs before it and all data objects taken on
 *     before it was closed (store.c, 3).  So the packs that have names are, at every instant, a
 *     closed set: they can be adopted, or the index rebuilt from them, whoever dies when.
 *  3. Rows go to the index after the pack has its name, and with those of all earlier packs.
 *  4. After the first failure nothing more gets a name; what has one is adopted next time.
 *
 * Names for meta packs and rows for the index are given while the world is stopped: no thread is
 * inside session_put() but those that wait for it, which have placed all they had in hand.  That
 * happens once in 64 MiB of metadata, 1 GiB of data or 32768 small files.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/path.h"
#include "objects/idset.h"
#include "objects/store-internal.h"

#include "objects/store.h"

#define GATHER_SIZE ((size_t)1 << 20)
#define LANES 8
#define SMALL_SESSION ((size_t)4 << 20)
#define CHECKPOINT_ROWS 32768
#define CHECKPOINT_PACKS 16	/* what would have to be hashed again after a crash */
#define MARKER_TRIES 16
#define OVER_TRIES 16
#define OVER_TRIES_KEPT 1024
#define DATA_PIECE ((size_t)4 << 20)
#define META_PIECE ((size_t)1 << 20)

enum class { CLASS_DATA, CLASS_META, CLASS_NR };

/* Objects on their way into one frame. */
struct gather {
	unsigned int source;		/* of all in it: two never share a frame */
	struct buf raw;
	struct frame_object *objects;
	size_t nr, alloc;
};

/* A frame that is compressed but not sealed. */
struct frame {
	enum class class;
	enum codec codec;
	uint32_t raw_size;
	unsigned char *payload;		/* FRAME_HEADER_SIZE, then the bytes */
	size_t payload_size;
	struct frame_object *objects;
	size_t nr;
	bool has_base;			/* coded against this blob */
	struct oid base;
	bool has_turn;			/* of meta objects: waits for `turn` */
	uint64_t turn;
	struct frame *next;
};

struct frame_list {
	struct frame *head, **tail;
};

/* One thread's buffers. */
struct worker {
	struct compressor *compressor;
	bool shrinks;			/* the last frame did, well */
	struct base_reader *base;	/* or NULL */
	unsigned char *payload, *sealed, *raw;
	size_t payload_size, sealed_size, raw_size;
	struct gather gather;		/* swapped with a full one of the session */
	uint64_t turn;			/* of what is in `gather` */
	struct worker *next;
};

struct done_pack {
	struct index_pack pack;
	struct pack_footer footer;
	struct done_pack *next;
};

/* A meta pack that is whole and synced, and waits for its name. */
struct closed_pack {
	struct pack_writer *writer;
	struct closed_pack *next;
};

struct session {
	struct store *st;
	uint64_t full_size;
	struct lock alive;		/* held for the session's life; see begin_marker() */
	char *alive_path;
	struct pack_pieces *pieces[CLASS_NR];

	sys_mutex lock;			/* for all below */
	sys_cond changed;
	unsigned int active;		/* threads inside session_put() */
	bool barrier;			/* nobody enters */
	struct idset pending[OBJ_TYPE_MAX + 1];	/* taken on, not in the index yet; by type */
	struct idset present;		/* packs that were seen to be there */
	struct gather meta, lane[LANES];	/* data: of each lane */
	uint64_t next_turn, turn;	/* of meta frames: given out; to be placed next */
	struct pack_writer *writer[CLASS_NR];
	struct closed_pack *closed, **closed_tail;
	bool is_small;
	struct frame_list stash[CLASS_NR];
	size_t stash_size;
	struct done_pack *done;		/* named; for the next checkpoint */
	size_t done_rows, done_packs;
	bool has_named;			/* or tried to: the marker stays when all fails */
	struct worker *idle;
	uint64_t frames;		/* for commit.verify = sample */
	unsigned int over_tried, over_won;	/* against what is replaced, and did it pay? */
	struct session_stats stats;
	int (*on_pack)(const struct index_pack *pack, void *data, struct err *err);
	void *on_pack_data;
	struct err failed;		/* the first failure; sticks */
};

/* -- small parts -- */

static enum class class_of(enum obj_type type)
{
	return type == OBJ_BLOB ? CLASS_DATA : CLASS_META;
}

static void gather_add(struct gather *g, const struct oid *id, enum obj_type type, const void *p,
		       size_t n)
{
	if (g->nr == g->alloc) {
		g->alloc = g->alloc ? 2 * g->alloc : 64;
		g->objects = xrealloc(g->objects, g->alloc * sizeof(*g->objects));
	}
	g->objects[g->nr++] = (struct frame_object){ *id, type, (uint32_t)n };
	buf_put(&g->raw, p, n);
}

static void gather_reset(struct gather *g)
{
	g->nr = 0;
	buf_reset(&g->raw);
}

static void gather_release(struct gather *g)
{
	buf_release(&g->raw);
	sys_free(g->objects);
}

static void gather_swap(struct gather *a, struct gather *b)
{
	struct gather t = *a;

	*a = *b;
	*b = t;
}

static int room(unsigned char **p, size_t *have, size_t want, struct err *err)
{
	if (*have >= want)
		return 0;
	sys_pages_free(*p, *have);
	*have = 0;
	want = (want + 4095) / 4096 * 4096;
	*p = sys_pages(want);
	if (!*p)
		return err_set(err, ERR_NOMEM, "no memory for a frame of %zu bytes", want);
	*have = want;
	return 0;
}

static struct worker *worker_take(struct session *s)
{
	sys_lock(&s->lock);
	struct worker *w = s->idle;
	if (w)
		s->idle = w->next;
	sys_unlock(&s->lock);
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->compressor = compressor_new(s->st->opts.level);
		w->gather.raw = (struct buf)BUF_INIT;
	}
	return w;
}

static void worker_give(struct session *s, struct worker *w)
{
	sys_lock(&s->lock);
	w->next = s->idle;
	s->idle = w;
	sys_unlock(&s->lock);
}

/* What holds no frame in hand; so that closing a pack, with its padding, takes no more memory. */
static void worker_shrink(struct worker *w)
{
	sys_pages_free(w->sealed, w->sealed_size);
	sys_pages_free(w->raw, w->raw_size);
	w->sealed = w->raw = NULL;
	w->sealed_size = w->raw_size = 0;
	base_reader_free(w->base);
	w->base = NULL;
}

static void worker_free(struct worker *w)
{
	compressor_free(w->compressor);
	worker_shrink(w);
	sys_pages_free(w->payload, w->payload_size);
	gather_release(&w->gather);
	sys_free(w);
}

static void frame_free(struct frame *f)
{
	sys_free(f->payload);
	sys_free(f->objects);
	sys_free(f);
}

static int fail(struct session *s, const struct err *err)
{
	sys_lock(&s->lock);
	if (!s->failed.code)
		s->failed = *err;
	sys_broadcast(&s->changed);
	sys_unlock(&s->lock);
	return err->code;
}

/* -- begin -- */

struct dead {
	const char *dir;
	char **paths;
	size_t nr, alloc;
};

#define MARKER_PREFIX "session-"

static int find_marker(const char *name, void *data, struct err *err)
{
	struct dead *d = data;

	(void)err;
	if (strncmp(name, MARKER_PREFIX, strlen(MARKER_PREFIX)) != 0)
		return 0;
	if (d->nr == d->alloc) {
		d->alloc = d->alloc ? 2 * d->alloc : 8;
		d->paths = xrealloc(d->paths, d->alloc * sizeof(*d->paths));
	}
	d->paths[d->nr++] = path_join(d->dir, name);
	return 0;
}

/* What the index says already may be the work of a process that died before its sync. */
static int sync_index(struct store *st, struct err *err)
{
	char *path = path_join(st->index_dir, "current");
	int ret = file_sync_again(path, err);

	sys_free(path);
	return ret;
}

/*
 * A session leaves a locked file in tmp/ while it lives.  One that nobody holds belongs to a
 * process that died: what it finished is adopted before anything else is written.
 */
static int adopt_dead(struct store *st, struct err *err)
{
	struct dead d = { .dir = st->tmp_dir };
	bool has_adopted = false;
	int ret = file_each(st->tmp_dir, find_marker, &d, err);

	for (size_t i = 0; i < d.nr && ret == 0; i++) {
		struct lock l = LOCK_INIT;
		ret = lock_take(&l, d.paths[i], LOCK_EXCLUSIVE, 0, "a session", err);
		if (ret == ERR_BUSY) {
			err_clear(err);
			ret = 0;
			continue;
		}
		if (ret == 0 && !has_adopted) {
			ret = file_clean_tmp(st->data_dir, err);
			if (ret == 0)
				ret = file_clean_tmp(st->meta_dir, err);
			if (ret == 0)
				ret = store_adopt(st, err);
			if (ret == 0)
				ret = sync_index(st, err);
			has_adopted = true;
		}
		if (ret == 0)
			sys_unlink(d.paths[i]);
		lock_release(&l);
	}
	for (size_t i = 0; i < d.nr; i++)
		sys_free(d.paths[i]);
	sys_free(d.paths);
	return ret;
}

/* Another process that begins may take a marker that is not locked yet for a dead one's. */
static int try_marker(struct session *s, struct err *err)
{
	unsigned char raw[8];
	char hex[17];
	struct stat st;

	sys_random(raw, sizeof(raw));
	hex_encode(hex, raw, sizeof(raw));
	sys_free(s->alive_path);
	s->alive_path = xasprintf("%s/" MARKER_PREFIX "%s", s->st->tmp_dir, hex);
	int ret = lock_take(&s->alive, s->alive_path, LOCK_EXCLUSIVE, 0, "a session", err);
	if (ret == ERR_BUSY) {
		err_clear(err);
		return 0;
	}
	if (ret < 0)
		return ret;
	if (sys_fstat(s->alive.fd, &st) < 0)
		return err_sys(err, "stat '%s'", s->alive_path);
	if (st.st_nlink > 0)
		return 1;
	lock_release(&s->alive);
	return 0;
}

static int begin_marker(struct session *s, struct err *err)
{
	for (int i = 0; i < MARKER_TRIES; i++) {
		int ret = try_marker(s, err);
		if (ret == 1)
			return file_sync_dir(s->st->tmp_dir, err);
		if (ret < 0)
			return ret;
	}
	return err_set(err, ERR_FAILED, "cannot create a file in '%s': every name is taken",
		       s->st->tmp_dir);
}

int session_begin(struct session **out, struct store *st, struct err *err)
{
	struct session *s = xcalloc(1, sizeof(*s));
	int ret;

	s->st = st;
	s->full_size = pack_full_size(st->opts.pack_size, keys_genesis(st->keys)->erasure_k);
	s->alive = (struct lock)LOCK_INIT;
	s->is_small = true;
	s->closed_tail = &s->closed;
	for (int i = 0; i < CLASS_NR; i++)
		s->stash[i].tail = &s->stash[i].head;
	s->meta.raw = (struct buf)BUF_INIT;
	for (int i = 0; i < LANES; i++)
		s->lane[i].raw = (struct buf)BUF_INIT;
	sys_mutex_init(&s->lock);
	sys_cond_init(&s->changed);
	/* Copies of a repository leave out empty folders. */
	ret = file_make_dirs(st->tmp_dir, 0700, err);
	if (ret == 0)
		ret = file_make_dirs(st->data_dir, 0700, err);
	if (ret == 0)
		ret = file_make_dirs(st->meta_dir, 0700, err);
	if (ret == 0)
		ret = adopt_dead(st, err);
	if (ret == 0)
		ret = begin_marker(s, err);
	if (ret < 0) {
		session_abort(s);
		return ret;
	}
	/* One worker: large chunks, or little memory. */
	s->pieces[CLASS_DATA] = pack_pieces_new(st->opts.workers > 1 ? 4 : 2, DATA_PIECE);
	s->pieces[CLASS_META] = pack_pieces_new(3, META_PIECE);
	*out = s;
	return 0;
}

/* -- from frames to packs -- */

/* Give a closed pack its name; the next checkpoint takes its rows. */
static int name_pack(struct session *s, struct pack_writer *w, struct err *err)
{
	struct done_pack *d = xcalloc(1, sizeof(*d));

	sys_lock(&s->lock);
	s->has_named = true;
	sys_unlock(&s->lock);
	int ret = pack_writer_name(w, &d->pack, &d->footer, err);
	if (ret < 0) {
		sys_free(d);
		return ret;
	}
	sys_lock(&s->lock);
	d->next = s->done;
	s->done = d;
	s->done_rows += d->footer.nr_objects;
	s->done_packs++;
	s->stats.packs++;
	s->stats.bytes_stored += d->pack.size;
	sys_unlock(&s->lock);
	return 0;
}

static int finish_writer(struct session *s, struct pack_writer *w, bool full, struct err *err)
{
	int ret = pack_writer_close(w, full, err);

	if (ret == 0)
		return name_pack(s, w, err);
	pack_writer_abort(w);
	return ret;
}

/* A full meta pack: its name has to wait. */
static int close_meta(struct session *s, struct pack_writer *w, struct err *err)
{
	int ret = pack_writer_close(w, true, err);

	if (ret < 0) {
		pack_writer_abort(w);
		return ret;
	}
	struct closed_pack *c = xcalloc(1, sizeof(*c));
	c->writer = w;
	sys_lock(&s->lock);
	*s->closed_tail = c;
	s->closed_tail = &c->next;
	sys_unlock(&s->lock);
	return 0;
}

static int read_base(struct session *s, struct worker *w, const struct oid *id)
{
	if (!w->base)
		w->base = base_reader_new(s->st);
	return base_reader_read(w->base, id);
}

/* An opened payload, into w->raw. */
static int inflate(struct session *s, struct worker *w, const struct frame *f, struct err *err)
{
	const unsigned char *body = f->payload + FRAME_HEADER_SIZE;
	size_t size = f->payload_size - FRAME_HEADER_SIZE;
	struct oid id;

	if (f->codec != CODEC_ZSTD_PREFIX)
		return decompress(w->compressor, w->raw, f->raw_size, body, size, err);
	memcpy(id.b, body, FRAME_BASE_SIZE);
	if (!read_base(s, w, &id) || !oid_eq(&w->base->id, &id))
		return err_set(err, ERR_FAILED, "object %s, the base of another one, cannot be "
			       "read again", oid_hex(&id).s);
	return decompress_over(w->compressor, w->raw, f->raw_size, w->base->raw.data,
			       w->base->raw.len, body + FRAME_BASE_SIZE, size - FRAME_BASE_SIZE,
			       err);
}

/* Opens what was sealed into the place of the payload, which has done its duty. */
static int verify_frame(struct session *s, struct worker *w, struct pack_writer *pw, uint64_t off,
			const struct frame *f, struct err *err)
{
	const unsigned char *raw = f->payload + FRAME_HEADER_SIZE;
	size_t sealed = f->payload_size + SEAL_OVERHEAD;
	int ret = pack_writer_unseal(pw, off, w->sealed, sealed, f->payload, err);

	if (ret < 0)
		return ret;
	if (f->codec != CODEC_RAW) {
		ret = room(&w->raw, &w->raw_size, f->raw_size, err);
		if (ret == 0)
			ret = inflate(s, w, f, err);
		if (ret < 0)
			return ret;
		raw = w->raw;
	}
	for (size_t i = 0; i < f->nr; i++) {
		const struct frame_object *o = &f->objects[i];
		struct oid real;
		keys_object_id(s->st->keys, (uint8_t)o->type, raw, o->size, real.b);
		if (!oid_eq(&real, &o->id))
			return err_set(err, ERR_FAILED, "object %s did not come back from its seal "
				       "as it went in: memory or processor of this machine fails",
				       oid_hex(&o->id).s);
		raw += o->size;
	}
	return 0;
}

static bool wants_verify(struct session *s)
{
	unsigned int every = s->st->opts.verify;
	bool wants;

	sys_lock(&s->lock);
	wants = every <= 1 || s->frames % every == 0;
	s->frames++;
	sys_unlock(&s->lock);
	return wants;
}

/* Seal for the place that was reserved, check, hand over. */
static int place_frame(struct session *s, struct worker *w, struct pack_writer *pw, uint64_t off,
		       const struct frame *f, struct err *err)
{
	size_t sealed = f->payload_size + SEAL_OVERHEAD;
	int ret = room(&w->sealed, &w->sealed_size, sealed, err);

	if (ret == 0) {
		pack_writer_seal(pw, off, f->payload, f->payload_size, w->sealed);
		if (wants_verify(s))
			ret = verify_frame(s, w, pw, off, f, err);
	}
	if (ret < 0) {
		pack_writer_cancel(pw, err);
		return ret;
	}
	return pack_writer_fill(pw, off, w->sealed, sealed, err);
}

static int open_writer(struct session *s, enum class class, enum pack_kind kind, struct err *err)
{
	return pack_writer_open(&s->writer[class], store_pack_dir(s->st, kind), kind, s->full_size,
				s->st->keys, s->pieces[class], err);
}

/* Called with the lock. */
static int check_failed(const struct session *s, struct err *err)
{
	if (s->failed.code)
		*err = s->failed;
	return (int)s->failed.code;
}

/* Called with the lock: a place in the open pack of the class; 0: it is full. */
static int reserve(struct session *s, const struct frame *f, uint64_t *off_out, struct err *err)
{
	int ret = check_failed(s, err);

	if (ret == 0 && !s->writer[f->class])
		ret = open_writer(s, f->class, f->class == CLASS_DATA ? PACK_DATA : PACK_META, err);
	if (ret < 0 || !pack_writer_reserve(s->writer[f->class], f->payload_size, f->codec,
					    f->raw_size, f->has_base ? &f->base : NULL, f->objects,
					    f->nr, off_out))
		return ret;
	if (f->has_turn) {
		s->turn++;
		sys_broadcast(&s->changed);
	}
	return 1;
}

/* Into the pack of the frame's class; full packs are finished on the way. */
static int write_frame(struct session *s, struct worker *w, const struct frame *f, struct err *err)
{
	for (;;) {
		uint64_t off;
		sys_lock(&s->lock);
		int ret = reserve(s, f, &off, err);
		struct pack_writer *pw = s->writer[f->class];
		if (ret == 0)
			s->writer[f->class] = NULL;
		sys_unlock(&s->lock);
		if (ret == 1)
			return place_frame(s, w, pw, off, f, err);
		if (ret == 0) {
			worker_shrink(w);
			ret = f->class == CLASS_META ? close_meta(s, pw, err) :
						       finish_writer(s, pw, true, err);
		}
		if (ret < 0)
			return ret;
	}
}

/* Called with the lock. */
static void stash_frame(struct session *s, const struct frame *f)
{
	struct frame *copy = xcalloc(1, sizeof(*copy));
	struct frame_list *list = &s->stash[f->class];

	*copy = *f;
	copy->payload = xmalloc(f->payload_size);
	memcpy(copy->payload, f->payload, f->payload_size);
	copy->objects = xmalloc(f->nr * sizeof(*f->objects));
	memcpy(copy->objects, f->objects, f->nr * sizeof(*f->objects));
	copy->has_turn = false;
	copy->next = NULL;
	*list->tail = copy;
	list->tail = &copy->next;
	s->stash_size += f->payload_size;
	if (f->has_turn) {
		s->turn++;
		sys_broadcast(&s->changed);
	}
}

/* The session outgrows one mixed pack: what waited goes into the pack of its class. */
static int unstash(struct session *s, struct worker *w, enum class class, struct err *err)
{
	struct frame_list *list = &s->stash[class];
	int ret = 0;

	sys_lock(&s->lock);
	struct frame *f = list->head;
	list->head = NULL;
	list->tail = &list->head;
	sys_unlock(&s->lock);
	while (f) {
		struct frame *next = f->next;
		if (ret == 0)
			ret = write_frame(s, w, f, err);
		frame_free(f);
		f = next;
	}
	return ret;
}

static int take_frame(struct session *s, struct worker *w, const struct frame *f, struct err *err)
{
	sys_lock(&s->lock);
	while (f->has_turn && s->turn != f->turn && !s->failed.code)
		sys_wait(&s->changed, &s->lock);
	int ret = check_failed(s, err);
	bool stays = s->is_small && s->stash_size + f->payload_size <= SMALL_SESSION;
	if (ret == 0 && stays)
		stash_frame(s, f);
	else
		s->is_small = false;
	sys_unlock(&s->lock);
	if (ret < 0 || stays)
		return ret;
	ret = unstash(s, w, CLASS_DATA, err);
	/* In the order of turns: whose turn it is puts those before it first. */
	if (ret == 0 && f->has_turn)
		ret = unstash(s, w, CLASS_META, err);
	return ret < 0 ? ret : write_frame(s, w, f, err);
}

/* Alone: into `to`, which has room for n bytes.  Returns the size, and whether it shrank. */
static size_t code_alone(struct worker *w, unsigned char *to, const void *p, size_t n,
			 enum codec *codec_out)
{
	/* What shrank well is mostly followed by more of its kind: no need to ask. */
	size_t size = w->shrinks || compress_probe(w->compressor, p, n) ?
		      compress(w->compressor, to, p, n) : 0;

	w->shrinks = size > 0 && size < n - n / 4;
	*codec_out = size > 0 ? CODEC_ZSTD : CODEC_RAW;
	if (size == 0)
		memcpy(to, p, n);
	return size > 0 ? size : n;
}

/* Where it never pays, as in a file that is rewritten as a whole, it is tried now and then. */
static bool wants_over(struct session *s)
{
	sys_lock(&s->lock);
	if (s->over_tried >= OVER_TRIES_KEPT) {
		s->over_tried /= 2;
		s->over_won /= 2;
	}
	bool wants = s->over_tried < OVER_TRIES || s->over_won * 4 >= s->over_tried ||
		     s->over_tried % OVER_TRIES == 0;
	s->over_tried++;
	sys_unlock(&s->lock);
	return wants;
}

/*
 * Against the blob that it replaces, if that takes at most half of what it takes alone: 1 when it
 * is coded, either way, in w->payload.  Where next to nothing is left, nobody asks what it would be
 * alone.
 */
static int code_over(struct session *s, struct worker *w, const struct oid *over, const void *p,
		     size_t n, struct frame *f, struct err *err)
{
	unsigned char *body = w->payload + FRAME_HEADER_SIZE;
	enum codec codec;

	if (!over || !s->st->opts.delta || !wants_over(s))
		return 0;
	if (!read_base(s, w, over))
		return 0;
	size_t size = compress_over(w->compressor, body + FRAME_BASE_SIZE, w->base->raw.data,
				    w->base->raw.len, p, n);
	if (size == 0)
		return 0;
	size += FRAME_BASE_SIZE;
	if (size > n / 16) {
		int ret = room(&w->raw, &w->raw_size, n, err);
		if (ret < 0)
			return ret;
		size_t alone = code_alone(w, w->raw, p, n, &codec);
		if (size > alone / 2) {
			memcpy(body, w->raw, alone);
			f->codec = codec;
			f->payload_size = alone + FRAME_HEADER_SIZE;
			return 1;
		}
	}
	memcpy(body, w->base->id.b, FRAME_BASE_SIZE);
	f->has_base = true;
	f->base = w->base->id;
	f->codec = CODEC_ZSTD_PREFIX;
	f->payload_size = size + FRAME_HEADER_SIZE;
	sys_lock(&s->lock);
	s->over_won++;
	sys_unlock(&s->lock);
	return 1;
}

/* Compress objects that lie back to back at `p` into a frame and pass it on. */
static int make_frame(struct session *s, struct worker *w, enum class class, const struct oid *over,
		      const void *p, size_t n, struct frame_object *objects, size_t nr,
		      struct err *err)
{
	struct frame f = {
		.class = class, .raw_size = (uint32_t)n, .objects = objects, .nr = nr,
		.has_turn = class == CLASS_META, .turn = w->turn,
	};
	int ret = room(&w->payload, &w->payload_size, n + FRAME_HEADER_SIZE + FRAME_BASE_SIZE, err);

	if (ret == 0)
		ret = code_over(s, w, over, p, n, &f, err);
	if (ret == 0)
		f.payload_size = FRAME_HEADER_SIZE +
				 code_alone(w, w->payload + FRAME_HEADER_SIZE, p, n, &f.codec);
	if (ret < 0)
		return ret;
	w->payload[0] = (unsigned char)f.codec;
	put_u32le(w->payload + 1, (uint32_t)n);
	f.payload = w->payload;
	return take_frame(s, w, &f, err);
}

/* The worker's gather becomes a frame. */
static int flush_gather(struct session *s, struct worker *w, enum class class, struct err *err)
{
	struct gather *g = &w->gather;
	int ret = 0;

	if (g->nr > 0)
		ret = make_frame(s, w, class, NULL, g->raw.data, g->raw.len, g->objects, g->nr,
				 err);
	gather_reset(g);
	return ret;
}

/* Called with the lock, with the frame's last object taken on. */
static void take_turn(struct session *s, struct worker *w, enum class class)
{
	if (class == CLASS_META)
		w->turn = s->next_turn++;
}

static int flush_one(struct session *s, struct worker *w, enum class class, struct gather *g,
		     struct err *err)
{
	sys_lock(&s->lock);
	if (g->nr > 0) {
		gather_swap(g, &w->gather);
		take_turn(s, w, class);
	}
	sys_unlock(&s->lock);
	return flush_gather(s, w, class, err);
}

/* What little the lanes have left rides together.  Called with the lock. */
static void join_lanes(struct session *s, struct gather *into)
{
	for (struct gather *g = into + 1; g < s->lane + LANES; g++) {
		size_t at = 0;
		if (g->nr == 0 || into->nr == 0 || g->source != into->source ||
		    into->raw.len + g->raw.len > GATHER_SIZE ||
		    into->nr + g->nr > PACK_MAX_OBJECTS / 8)
			continue;
		for (size_t i = 0; i < g->nr; i++) {
			const struct frame_object *o = &g->objects[i];
			gather_add(into, &o->id, o->type, g->raw.data + at, o->size);
			at += o->size;
		}
		gather_reset(g);
	}
}

static int flush_session_gather(struct session *s, struct worker *w, enum class class,
				struct err *err)
{
	int ret = 0;

	if (class == CLASS_META)
		return flush_one(s, w, class, &s->meta, err);
	for (int i = 0; i < LANES && ret == 0; i++) {
		sys_lock(&s->lock);
		join_lanes(s, &s->lane[i]);
		sys_unlock(&s->lock);
		ret = flush_one(s, w, class, &s->lane[i], err);
	}
	return ret;
}

/* -- checkpoints -- */

/* Nobody but the caller inside.  False: another thread was first, and is done now. */
static bool stop_world(struct session *s)
{
	sys_lock(&s->lock);
	s->active--;
	sys_broadcast(&s->changed);
	if (s->barrier) {
		while (s->barrier)
			sys_wait(&s->changed, &s->lock);
		s->active++;
		sys_unlock(&s->lock);
		return false;
	}
	s->barrier = true;
	while (s->active > 0)
		sys_wait(&s->changed, &s->lock);
	s->active++;
	sys_unlock(&s->lock);
	return true;
}

static void start_world(struct session *s)
{
	sys_lock(&s->lock);
	s->barrier = false;
	sys_broadcast(&s->changed);
	sys_unlock(&s->lock);
}

/* Rows of all packs that have names into the index.  Alone inside. */
static int commit_rows(struct session *s, struct err *err)
{
	struct index_add *add = NULL;
	int ret;

	if (!s->done)
		return 0;
	ret = index_add_begin(&add, s->st->index, err);
	if (ret < 0)
		return ret;
	for (struct done_pack *d = s->done; d && ret == 0; d = d->next)
		ret = pack_add_rows(&d->pack, &d->footer, add, err);
	if (ret == 0)
		ret = index_add_commit(add, err);
	if (ret < 0) {
		index_add_abort(add);
		return ret;
	}
	while (s->done) {
		struct done_pack *d = s->done;
		s->done = d->next;
		if (s->on_pack && ret == 0)
			ret = s->on_pack(&d->pack, s->on_pack_data, err);
		for (size_t i = 0; i < d->footer.nr_objects; i++)
			idset_remove(&s->pending[d->footer.objects[i].type],
				     &d->footer.objects[i].id);
		pack_footer_release(&d->footer);
		sys_free(d);
	}
	s->done_rows = s->done_packs = 0;
	return ret;
}

static int finish_class(struct session *s, enum class class, struct err *err)
{
	struct pack_writer *pw = s->writer[class];

	s->writer[class] = NULL;
	return pw ? finish_writer(s, pw, false, err) : 0;
}

/* Meta packs in their order.  Alone inside, data packs are finished. */
static int name_closed(struct session *s, struct err *err)
{
	int ret = 0;

	while (s->closed && ret == 0) {
		struct closed_pack *c = s->closed;
		s->closed = c->next;
		ret = name_pack(s, c->writer, err);
		sys_free(c);
	}
	if (!s->closed)
		s->closed_tail = &s->closed;
	return ret;
}

static bool is_checkpoint_due(const struct session *s)
{
	return s->closed || s->done_rows >= CHECKPOINT_ROWS || s->done_packs >= CHECKPOINT_PACKS;
}

/* Every data object so far, then the closed meta packs, then the rows of all. */
static int checkpoint(struct session *s, struct err *err)
{
	if (!stop_world(s))
		return 0;
	sys_lock(&s->lock);
	int ret = check_failed(s, err);
	sys_unlock(&s->lock);
	if (ret == 0 && s->closed) {
		struct worker *w = worker_take(s);
		ret = flush_session_gather(s, w, CLASS_DATA, err);
		worker_give(s, w);
		if (ret == 0)
			ret = finish_class(s, CLASS_DATA, err);
		if (ret == 0)
			ret = name_closed(s, err);
	}
	if (ret == 0)
		ret = commit_rows(s, err);
	if (ret < 0)
		fail(s, err);	/* before anybody else goes on */
	start_world(s);
	return ret;
}

/* With nothing in hand. */
static int settle(struct session *s, struct err *err)
{
	sys_lock(&s->lock);
	bool is_due = is_checkpoint_due(s);
	sys_unlock(&s->lock);
	return is_due ? checkpoint(s, err) : 0;
}

/* -- put -- */

/*
 * 1 when the index names the object and its pack is there.  What lay in a pack that is gone counts
 * as absent: it is stored again, and the newer row is the one that is found.
 */
static int find_stored(struct session *s, const struct oid *id, bool fresh, struct index_loc *loc,
		       struct err *err)
{
	struct oid pack;
	int ret = fresh ? store_find_fresh(s->st, id, loc, err) :
			  store_find(s->st, id, loc, NULL, err);

	if (ret != 1)
		return ret;
	memcpy(pack.b, loc->pack.b, sizeof(pack.b));
	sys_lock(&s->lock);
	bool is_there = idset_has(&s->present, &pack);
	sys_unlock(&s->lock);
	if (is_there)
		return 1;
	char *path = store_pack_file(s->st, loc->kind, &loc->pack);
	is_there = file_exists(path);
	sys_free(path);
	if (is_there) {
		sys_lock(&s->lock);
		idset_add(&s->present, &pack);
		sys_unlock(&s->lock);
	}
	return is_there;
}

static int child_is_known(const struct object_ref *ref, void *data, struct err *err)
{
	struct session *s = data;
	bool has = false;

	sys_lock(&s->lock);
	for (int type = OBJ_BLOB; type <= OBJ_TYPE_MAX && !has; type++)
		if (ref->type == OBJ_NONE || (int)ref->type == type)
			has = idset_has(&s->pending[type], &ref->id);
	sys_unlock(&s->lock);
	if (has)
		return 0;
	struct index_loc loc;
	int ret = find_stored(s, &ref->id, true, &loc, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return err_set(err, ERR_NOT_FOUND, "object %s is not in this repository",
			       oid_hex(&ref->id).s);
	if (ref->type != OBJ_NONE && loc.type != ref->type)
		return err_set(err, ERR_FAILED, "object %s is a %s, not a %s", oid_hex(&ref->id).s,
			       obj_type_name(loc.type), obj_type_name(ref->type));
	if (loc.type == OBJ_BLOB && ref->size != UINT64_MAX && loc.size != ref->size)
		return err_set(err, ERR_FAILED, "object %s has %" PRIu32 " bytes, not %" PRIu64,
			       oid_hex(&ref->id).s, loc.size, ref->size);
	return 0;
}

/* A checkpoint that is due goes first, or packs would be closed faster than they are named. */
static int enter(struct session *s, struct err *err)
{
	sys_lock(&s->lock);
	while (s->barrier || (s->closed && s->active > 0 && !s->failed.code))
		sys_wait(&s->changed, &s->lock);
	int ret = check_failed(s, err);
	if (ret == 0)
		s->active++;
	sys_unlock(&s->lock);
	return ret;
}

static void leave(struct session *s)
{
	sys_lock(&s->lock);
	s->active--;
	sys_broadcast(&s->changed);
	sys_unlock(&s->lock);
}

static bool gather_is_full(const struct gather *g, unsigned int source, size_t n)
{
	return g->nr > 0 && (g->raw.len + n > GATHER_SIZE || g->nr >= PACK_MAX_OBJECTS / 8 ||
			     g->source != source);
}

/*
 * Gather a small object; a full gather becomes a frame.  An object is taken on and given its place
 * in the order in one step: whoever finds it among the pending may refer to it.
 */
static int put_small(struct session *s, struct session_lane lane, const struct oid *id,
		     enum obj_type type, const void *p, size_t n, bool *is_new_out,
		     struct err *err)
{
	enum class class = class_of(type);
	unsigned int source = class == CLASS_META ? 0 : lane.source;
	struct worker *w = NULL;
	int ret = 0;

	sys_lock(&s->lock);
	struct gather *g = class == CLASS_META ? &s->meta : &s->lane[lane.nr % LANES];
	bool is_full = gather_is_full(g, source, n);
	sys_unlock(&s->lock);
	if (is_full)
		w = worker_take(s);
	sys_lock(&s->lock);
	*is_new_out = idset_add(&s->pending[type], id);
	if (*is_new_out && w && gather_is_full(g, source, n)) {
		gather_swap(g, &w->gather);
		take_turn(s, w, class);
	}
	if (*is_new_out) {
		g->source = source;
		gather_add(g, id, type, p, n);
	}
	sys_unlock(&s->lock);
	if (w) {
		ret = flush_gather(s, w, class, err);
		worker_give(s, w);
	}
	return ret;
}

static int put_alone(struct session *s, const struct oid *over, const struct oid *id,
		     enum obj_type type, const void *p, size_t n, bool *is_new_out, struct err *err)
{
	struct frame_object object = { *id, type, (uint32_t)n };
	enum class class = class_of(type);
	struct worker *w = worker_take(s), *before = class == CLASS_META ? worker_take(s) : NULL;
	int ret = 0;

	sys_lock(&s->lock);
	*is_new_out = idset_add(&s->pending[type], id);
	/* Its children may wait in the gather. */
	if (*is_new_out && before && s->meta.nr > 0) {
		gather_swap(&s->meta, &before->gather);
		take_turn(s, before, class);
	}
	if (*is_new_out)
		take_turn(s, w, class);
	sys_unlock(&s->lock);
	if (before) {
		ret = flush_gather(s, before, class, err);
		worker_give(s, before);
	}
	if (ret == 0 && *is_new_out)
		ret = make_frame(s, w, class, over, p, n, &object, 1, err);
	worker_give(s, w);
	return ret;
}

/* Take it on, unless that has happened. */
static int put_new(struct session *s, struct session_lane lane, const struct oid *id,
		   enum obj_type type, const void *p, size_t n, bool *is_new_out, struct err *err)
{
	int ret = n < SESSION_ALONE_SIZE ? put_small(s, lane, id, type, p, n, is_new_out, err) :
					   put_alone(s, lane.over, id, type, p, n, is_new_out,
						     err);

	if (ret < 0)
		fail(s, err);
	return ret < 0 ? ret : settle(s, err);
}

int session_put(struct session *s, enum obj_type type, const void *p, size_t n, struct oid *id_out,
		bool *is_new_out, struct err *err)
{
	const struct session_lane lane = { 0, 0, NULL };

	return session_put_lane(s, lane, type, p, n, id_out, is_new_out, err);
}

int session_put_lane(struct session *s, struct session_lane lane, enum obj_type type,
		     const void *p, size_t n, struct oid *id_out, bool *is_new_out, struct err *err)
{
	bool is_new = false;
	int ret;

	if (n > OBJECT_MAX_SIZE)
		return err_set(err, ERR_FAILED, "an object of %zu bytes is too large", n);
	keys_object_id(s->st->keys, (uint8_t)type, p, n, id_out->b);
	ret = enter(s, err);
	if (ret < 0)
		return ret;
	struct index_loc loc;
	ret = find_stored(s, id_out, false, &loc, err);
	/* What is stored was checked when it was; this checks the rest, and its children. */
	if (ret == 0 && type != OBJ_BLOB)
		ret = object_refs(type, p, n, child_is_known, s, err);
	else if (ret == 1)
		goto counted;
	if (ret < 0)
		goto done;	/* the session goes on: nothing was taken on */

	ret = put_new(s, lane, id_out, type, p, n, &is_new, err);
counted:
	ret = ret < 0 ? ret : 0;
	sys_lock(&s->lock);
	s->stats.objects_new += is_new;
	s->stats.objects_old += !is_new;
	s->stats.bytes_in += n;
	s->stats.bytes_new += is_new ? n : 0;
	sys_unlock(&s->lock);
done:
	leave(s);
	if (is_new_out)
		*is_new_out = is_new;
	return ret;
}

int session_has(struct session *s, const struct oid *id, enum obj_type type, struct err *err)
{
	struct index_loc loc;
	int ret = enter(s, err);

	if (ret < 0)
		return ret;
	ret = find_stored(s, id, false, &loc, err);
	if (ret == 0) {
		sys_lock(&s->lock);
		ret = idset_has(&s->pending[type], id);
		sys_unlock(&s->lock);
	}
	leave(s);
	return ret;
}

int session_repack(struct session *s, const struct oid *id, enum obj_type type, const void *p,
		   size_t n, struct err *err)
{
	bool is_new;
	int ret = enter(s, err);

	if (ret < 0)
		return ret;
	ret = put_new(s, (struct session_lane){ 0, 0, NULL }, id, type, p, n, &is_new, err);
	leave(s);
	return ret;
}

void session_on_pack(struct session *s,
		     int (*fn)(const struct index_pack *pack, void *data, struct err *err),
		     void *data)
{
	s->on_pack = fn;
	s->on_pack_data = data;
}

/* -- the end -- */

/* Room for the stash in one pack, roughly: many tiny objects can fill it long before 4 MiB. */
static bool stash_fits(const struct session *s)
{
	uint64_t used = PACK_HEADER_MAX + PACK_TRAILER_SIZE + 4 * SEAL_OVERHEAD;
	size_t nr = 0;

	for (int i = 0; i < CLASS_NR; i++)
		for (const struct frame *f = s->stash[i].head; f; f = f->next) {
			used += f->payload_size + SEAL_OVERHEAD + 16 + 40 * f->nr;
			nr += f->nr;
		}
	return nr <= PACK_MAX_OBJECTS && used <= s->full_size;
}

static int write_mixed(struct session *s, struct worker *w, struct err *err)
{
	int ret = open_writer(s, CLASS_META, PACK_MIXED, err);

	for (int i = 0; i < CLASS_NR; i++)
		for (struct frame *f = s->stash[i].head; f && ret == 0; f = f->next) {
			uint64_t off;
			struct pack_writer *pw = s->writer[CLASS_META];
			if (!pack_writer_reserve(pw, f->payload_size, f->codec, f->raw_size,
						 f->has_base ? &f->base : NULL, f->objects, f->nr,
						 &off))
				BUG("a mixed pack is full");
			ret = place_frame(s, w, pw, off, f, err);
		}
	return ret < 0 ? ret : finish_class(s, CLASS_META, err);
}

/* All that was taken on into packs that have names. */
static int finish_packs(struct session *s, struct worker *w, struct err *err)
{
	int ret = flush_session_gather(s, w, CLASS_DATA, err);

	if (ret == 0)
		ret = flush_session_gather(s, w, CLASS_META, err);
	if (ret < 0)
		return ret;
	if (s->is_small && (s->stash[CLASS_DATA].head || s->stash[CLASS_META].head) &&
	    stash_fits(s))
		return write_mixed(s, w, err);
	for (int i = 0; i < CLASS_NR && ret == 0; i++)
		ret = unstash(s, w, (enum class)i, err);
	worker_shrink(w);
	if (ret == 0)
		ret = finish_class(s, CLASS_DATA, err);
	if (ret == 0)
		ret = name_closed(s, err);
	return ret < 0 ? ret : finish_class(s, CLASS_META, err);
}

static void frames_free(struct frame *f)
{
	while (f) {
		struct frame *next = f->next;
		frame_free(f);
		f = next;
	}
}

static void session_free(struct session *s)
{
	for (int i = 0; i < CLASS_NR; i++) {
		pack_writer_abort(s->writer[i]);
		frames_free(s->stash[i].head);
	}
	for (struct closed_pack *c = s->closed, *next; c; c = next) {
		next = c->next;
		pack_writer_abort(c->writer);
		sys_free(c);
	}
	gather_release(&s->meta);
	for (int i = 0; i < LANES; i++)
		gather_release(&s->lane[i]);
	for (int i = 0; i < CLASS_NR; i++)
		pack_pieces_free(s->pieces[i]);
	for (struct done_pack *d = s->done, *next; d; d = next) {
		next = d->next;
		pack_footer_release(&d->footer);
		sys_free(d);
	}
	for (struct worker *w = s->idle, *next; w; w = next) {
		next = w->next;
		worker_free(w);
	}
	for (int type = 0; type <= OBJ_TYPE_MAX; type++)
		idset_release(&s->pending[type]);
	idset_release(&s->present);
	lock_release(&s->alive);
	sys_free(s->alive_path);
	sys_cond_destroy(&s->changed);
	sys_mutex_destroy(&s->lock);
	sys_free(s);
}

int session_commit(struct session *s, struct err *err)
{
	struct worker *w = worker_take(s);
	int ret = enter(s, err);

	if (ret < 0)
		goto done;
	ret = finish_packs(s, w, err);
	if (ret == 0)
		ret = commit_rows(s, err);
	if (ret == 0 && s->stats.packs == 0)
		ret = sync_index(s->st, err);
	leave(s);
done:
	worker_give(s, w);
	if (ret < 0)
		return ret;
	/* All is done: a marker that stays, or comes back, only costs the next session a look. */
	sys_unlink(s->alive_path);
	session_free(s);
	return 0;
}

void session_abort(struct session *s)
{
	if (!s)
		return;
	/* The marker stays when packs got names, so that the next session adopts them. */
	if (!s->has_named && s->alive_path && lock_is_held(&s->alive))
		sys_unlink(s->alive_path);
	session_free(s);
}

void session_stats(const struct session *s, struct session_stats *out)
{
	*out = s->stats;
}

bool session_has_failed(struct session *s)
{
	if (!s)
		return false;
	sys_lock(&s->lock);
	bool has_failed = s->failed.code != 0;
	sys_unlock(&s->lock);
	return has_failed;
}
