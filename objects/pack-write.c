/*
 * Writing packs.  Frames are sealed by workers in any order, each for a place it has reserved;
 * the bytes meet in pieces of a few MiB, which are hashed and written in order.
 *
 *  1. A pack's name is the hash of exactly the bytes that were written.
 *  2. The name appears only after the file's data are synced; the folder is synced before
 *     pack_writer_finish() returns.
 *  3. A piece is written once, when every byte of it has been filled.
 *
 * Life of a piece:  free -> filling (in `w->live`) -> full -> written, in order -> free
 *
 * Does not compress, does not know what ids mean, does not touch the index.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "objects/pack-internal.h"

#include "objects/pack.h"

struct piece {
	struct piece *next;		/* in a free list, a writer's live list, or the I/O queue */
	struct pack_writer *owner;
	uint64_t number;		/* place in the file / piece size */
	size_t filled, wanted;		/* bytes; wanted < size only for the last piece */
	unsigned char *data;
};

struct pack_pieces {
	sys_mutex lock;
	sys_cond changed;		/* a piece came free, was written, or work was queued */
	struct piece *free;
	struct piece *queue_head, **queue_tail;
	struct pack_writer *writers;	/* all that are open */
	unsigned int nr, nr_free, max;
	size_t size;
	struct sys_thread thread;
	bool has_thread, stop;
	bool is_writing;		/* without a thread: somebody empties the queue */
};

struct pack_writer {
	struct file_out file;
	enum pack_kind kind;
	const struct keys *keys;
	struct secret key;
	unsigned char salt[ENVELOPE_SALT_SIZE], header_hash[32];
	char *dir;
	uint64_t full_size;
	uint64_t allocated;		/* what fallocate has set aside */
	struct index_pack made;		/* once it is closed */
	uint32_t padding;

	/* under pieces->lock, as all that follows */
	uint64_t off;			/* next free place */
	bool is_full;			/* a frame was refused for want of bytes */
	struct pack_frame *frames;
	size_t nr_frames, alloc_frames;
	struct frame_object *objects;
	size_t nr_objects, alloc_objects;

	struct pack_pieces *pieces;
	struct pack_writer *next;	/* in pieces->writers */
	struct buf header;		/* goes to the disk with the first frame */
	struct piece *live;		/* by number, rising */
	uint64_t next_number;		/* of the piece to hash and write next */
	bool has_begun;			/* has had a piece */
	unsigned int in_flight;		/* reservations not yet filled or cancelled */
	unsigned int in_io;		/* pieces queued or being written */
	uint64_t written;		/* bytes */
	struct hasher hash;
	struct err io_err;		/* the first failure; nothing more is written after it */
};

/* -- pieces -- */

static void *io_thread(void *data);

struct pack_pieces *pack_pieces_new(unsigned int max, size_t size)
{
	struct pack_pieces *pp = xcalloc(1, sizeof(*pp));

	sys_mutex_init(&pp->lock);
	sys_cond_init(&pp->changed);
	pp->queue_tail = &pp->queue_head;
	pp->max = max;
	pp->size = size;
	pp->has_thread = !sys_is_serial() && sys_thread_start(&pp->thread, io_thread, pp) == 0;
	return pp;
}

void pack_pieces_free(struct pack_pieces *pp)
{
	if (!pp)
		return;
	if (pp->has_thread) {
		sys_lock(&pp->lock);
		pp->stop = true;
		sys_broadcast(&pp->changed);
		sys_unlock(&pp->lock);
		sys_thread_join(&pp->thread);
	}
	for (struct piece *p = pp->free, *next; p; p = next) {
		next = p->next;
		sys_pages_free(p->data, pp->size);
		sys_free(p);
	}
	sys_cond_destroy(&pp->changed);
	sys_mutex_destroy(&pp->lock);
	sys_free(pp);
}

static void put_free(struct pack_pieces *pp, struct piece *p)
{
	p->next = pp->free;
	pp->free = p;
	pp->nr_free++;
}

/* Called with the lock, gives it up while writing. */
static void write_piece(struct pack_pieces *pp, struct piece *p)
{
	struct pack_writer *w = p->owner;
	bool is_good = w->io_err.code == 0;
	struct err err = ERR_INIT;

	sys_unlock(&pp->lock);
	if (is_good) {
		hasher_update(&w->hash, p->data, p->wanted);
		file_out_pwrite(&w->file, p->data, p->wanted, p->number * pp->size, &err);
	}
	sys_lock(&pp->lock);
	if (err.code && !w->io_err.code)
		w->io_err = err;
	w->written += p->wanted;
	w->in_io--;
	put_free(pp, p);
	sys_broadcast(&pp->changed);
}

/* Called with the lock. */
static void write_queue(struct pack_pieces *pp)
{
	while (pp->queue_head) {
		struct piece *p = pp->queue_head;
		pp->queue_head = p->next;
		if (!pp->queue_head)
			pp->queue_tail = &pp->queue_head;
		write_piece(pp, p);
	}
}

static void *io_thread(void *data)
{
	struct pack_pieces *pp = data;

	sys_lock(&pp->lock);
	for (;;) {
		write_queue(pp);
		if (pp->stop)
			break;
		sys_wait(&pp->changed, &pp->lock);
	}
	sys_unlock(&pp->lock);
	return NULL;
}

/*
 * May `w` take a free piece for `number`?  One that runs ahead must leave a piece for each pack
 * whose next piece to be written is still to be had: else those who fill that one would wait for
 * ever for pieces that can't be written before it.  A pack counts from its first piece on, which
 * it therefore takes only when it is nobody's due.
 */
static bool may_take(struct pack_pieces *pp, const struct pack_writer *w, uint64_t number)
{
	unsigned int left = pp->nr_free + (pp->max - pp->nr), owed = 0;
	bool is_next = number == w->next_number;

	if (is_next && w->has_begun)
		return left > 0;
	for (const struct pack_writer *o = pp->writers; o; o = o->next) {
		if (o == w ? is_next : !o->has_begun)
			continue;
		owed += !o->live || o->live->number != o->next_number;
	}
	return left > owed;
}

/* The piece `number` of `w`, made if it is not there; NULL: the writer has failed. */
static struct piece *find_piece(struct pack_writer *w, uint64_t number)
{
	struct pack_pieces *pp = w->pieces;

	for (;;) {
		struct piece **at = &w->live;
		while (*at && (*at)->number < number)
			at = &(*at)->next;
		if (*at && (*at)->number == number)
			return *at;
		if (w->io_err.code)
			return NULL;
		struct piece *p = pp->free;
		if (!may_take(pp, w, number)) {
			sys_wait(&pp->changed, &pp->lock);
			continue;
		}
		if (p) {
			pp->free = p->next;
			pp->nr_free--;
		} else {
			p = xcalloc(1, sizeof(*p));
			p->data = sys_pages(pp->size);
			if (!p->data) {
				sys_free(p);
				err_set(&w->io_err, ERR_NOMEM, "no memory for %zu bytes of a pack",
					pp->size);
				return NULL;
			}
			pp->nr++;
		}
		p->owner = w;
		p->number = number;
		p->filled = 0;
		p->wanted = pp->size;
		p->next = *at;
		*at = p;
		w->has_begun = true;
		return p;
	}
}

/* Hand over, in order, what is full.  Called with the lock. */
static void submit_full(struct pack_writer *w)
{
	struct pack_pieces *pp = w->pieces;

	while (w->live && w->live->number == w->next_number && w->live->filled == w->live->wanted) {
		struct piece *p = w->live;
		w->live = p->next;
		w->next_number++;
		w->in_io++;
		p->next = NULL;
		*pp->queue_tail = p;
		pp->queue_tail = &p->next;
	}
	if (pp->has_thread) {
		sys_broadcast(&pp->changed);
	} else if (!pp->is_writing) {
		/* One at a time, since the hash wants the pieces in order. */
		pp->is_writing = true;
		write_queue(pp);
		pp->is_writing = false;
	}
}

/* Copy bytes to their place.  A range is filled from its lowest piece up, so that whoever waits
 * for a free piece never holds up the piece that would come free. */
static int fill(struct pack_writer *w, uint64_t off, const unsigned char *p, size_t n,
		struct err *err)
{
	struct pack_pieces *pp = w->pieces;
	int ret = 0;

	sys_lock(&pp->lock);
	while (n > 0) {
		struct piece *piece = find_piece(w, off / pp->size);
		if (!piece) {
			*err = w->io_err;
			ret = err->code;
			break;
		}
		size_t at = off % pp->size;
		size_t part = pp->size - at < n ? pp->size - at : n;
		sys_unlock(&pp->lock);
		memcpy(piece->data + at, p, part);
		sys_lock(&pp->lock);
		piece->filled += part;
		submit_full(w);
		off += part;
		p += part;
		n -= part;
	}
	sys_unlock(&pp->lock);
	return ret;
}

/* -- a pack -- */

static void writer_free(struct pack_writer *w)
{
	struct pack_pieces *pp = w->pieces;

	/* Others may still seal for this pack; then give back what is left. */
	sys_lock(&pp->lock);
	if (!w->io_err.code)
		err_set(&w->io_err, ERR_FAILED, "given up");
	sys_broadcast(&pp->changed);
	while (w->in_flight > 0 || w->in_io > 0)
		sys_wait(&pp->changed, &pp->lock);
	while (w->live) {
		struct piece *p = w->live;
		w->live = p->next;
		put_free(pp, p);
	}
	struct pack_writer **at = &pp->writers;
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	sys_broadcast(&pp->changed);
	sys_unlock(&pp->lock);

	file_out_release(&w->file);
	secret_release(&w->key);
	buf_release(&w->header);
	sys_free(w->frames);
	sys_free(w->objects);
	sys_free(w->dir);
	sys_free(w);
}

int pack_writer_open(struct pack_writer **out, const char *dir, enum pack_kind kind,
		     uint64_t full_size, const struct keys *keys, struct pack_pieces *pieces,
		     struct err *err)
{
	struct pack_writer *w = xcalloc(1, sizeof(*w));
	struct buf header = BUF_INIT;
	int ret;

	w->header = (struct buf)BUF_INIT;
	w->file = (struct file_out)FILE_OUT_INIT;
	w->kind = kind;
	w->keys = keys;
	w->full_size = full_size;
	w->pieces = pieces;
	w->dir = xstrdup(dir);
	hasher_init(&w->hash);

	buf_put(&header, PACK_MAGIC, 8);
	buf_put_u8(&header, PACK_VERSION);
	buf_put_u8(&header, 0);
	buf_put_u8(&header, (uint8_t)kind);
	buf_put_u8(&header, 0);
	buf_put_u32le(&header, 0);
	buf_put(&header, keys_repo_id(keys), 32);
	envelope_create(keys, &header, &w->key, w->salt);
	put_u32le(header.data + 12, (uint32_t)header.len);
	hash_bytes(w->header_hash, header.data, header.len);
	w->off = header.len;

	ret = file_out_open_in(&w->file, dir, FILE_DIRECT, 0444, err);
	if (ret < 0)
		goto done;
	/* Set aside in one piece what will be filled; where that can't be had, do without. */
	if (kind == PACK_DATA) {
		if (sys_fallocate(w->file.fd, 0, 0, (off_t)full_size) == 0)
			w->allocated = full_size;
		else if (sys_ftruncate(w->file.fd, 0) < 0) {
			ret = err_sys(err, "empty a pack in '%s'", dir);
			goto done;
		}
	}
	buf_swap(&w->header, &header);
	sys_lock(&pieces->lock);
	w->next = pieces->writers;
	pieces->writers = w;
	sys_unlock(&pieces->lock);
done:
	buf_release(&header);
	if (ret < 0)
		writer_free(w);
	else
		*out = w;
	return ret;
}

/* Bytes of footer, sealed, once `frames` and `objects` are in: an upper bound. */
static size_t footer_bound(size_t nr_frames, size_t nr_objects)
{
	return 64 + nr_frames * (4 + 1 + 4 + 3 + 3 + OID_SIZE) + nr_objects * (1 + 32 + 4) +
	       SEAL_OVERHEAD;
}

bool pack_writer_reserve(struct pack_writer *w, size_t payload_size, enum codec codec,
			 uint32_t raw_size, const struct oid *base,
			 const struct frame_object *objects, size_t nr, uint64_t *off_out)
{
	size_t sealed = payload_size + SEAL_OVERHEAD;
	bool fits;

	sys_lock(&w->pieces->lock);
	uint64_t end = w->off + sealed + SEAL_OVERHEAD +
		       footer_bound(w->nr_frames + 1, w->nr_objects + nr) + PACK_TRAILER_SIZE;
	/* A frame always fits into an empty pack: sizes are checked when a repository is made. */
	fits = w->nr_frames == 0 ||
	       (end <= w->full_size && w->nr_objects + nr <= PACK_MAX_OBJECTS);
	w->is_full |= end > w->full_size;
	if (fits) {
		if (w->nr_frames == w->alloc_frames) {
			w->alloc_frames = w->alloc_frames ? 2 * w->alloc_frames : 64;
			w->frames = xrealloc(w->frames, w->alloc_frames * sizeof(*w->frames));
		}
		w->frames[w->nr_frames++] = (struct pack_frame){
			.off = w->off,
			.sealed_size = (uint32_t)sealed,
			.raw_size = raw_size,
			.codec = codec,
			.nr_objects = (uint32_t)nr,
			.has_base = base != NULL,
		};
		if (base)
			w->frames[w->nr_frames - 1].base = *base;
		while (w->nr_objects + nr > w->alloc_objects) {
			w->alloc_objects = w->alloc_objects ? 2 * w->alloc_objects : 256;
			w->objects = xrealloc(w->objects, w->alloc_objects * sizeof(*w->objects));
		}
		memcpy(w->objects + w->nr_objects, objects, nr * sizeof(*objects));
		w->nr_objects += nr;
		*off_out = w->off;
		w->off += sealed;
		w->in_flight++;
	}
	sys_unlock(&w->pieces->lock);
	return fits;
}

static void seal_part(struct pack_writer *w, uint64_t off, enum pack_part part, const void *p,
		      size_t n, unsigned char *sealed)
{
	unsigned char ad[PACK_AD_SIZE], key[KEY_SIZE];

	pack_ad(ad, keys_repo_id(w->keys), w->salt, off, w->kind, part);
	envelope_part_key(&w->key, off, key);
	seal(sealed, key, ad, sizeof(ad), p, n);
	secret_wipe(key, sizeof(key));
}

void pack_writer_seal(struct pack_writer *w, uint64_t off, const void *payload, size_t size,
		      unsigned char *sealed)
{
	seal_part(w, off, PART_FRAME, payload, size, sealed);
}

int pack_writer_unseal(struct pack_writer *w, uint64_t off, const unsigned char *sealed,
		       size_t size, unsigned char *out, struct err *err)
{
	unsigned char ad[PACK_AD_SIZE], key[KEY_SIZE];

	pack_ad(ad, keys_repo_id(w->keys), w->salt, off, w->kind, PART_FRAME);
	envelope_part_key(&w->key, off, key);
	int ret = unseal(out, key, ad, sizeof(ad), sealed, size, err);
	secret_wipe(key, sizeof(key));
	return ret;
}

/* One reservation less; with a reason, the pack is lost. */
static void landed(struct pack_writer *w, const struct err *why)
{
	struct pack_pieces *pp = w->pieces;

	sys_lock(&pp->lock);
	if (why && !w->io_err.code)
		w->io_err = *why;
	w->in_flight--;
	sys_broadcast(&pp->changed);
	sys_unlock(&pp->lock);
}

int pack_writer_fill(struct pack_writer *w, uint64_t off, const unsigned char *sealed, size_t size,
		     struct err *err)
{
	int ret = 0;

	if (off == w->header.len)
		ret = fill(w, 0, w->header.data, w->header.len, err);
	if (ret == 0)
		ret = fill(w, off, sealed, size, err);
	landed(w, NULL);
	return ret;
}

void pack_writer_cancel(struct pack_writer *w, const struct err *why)
{
	landed(w, why);
}

size_t pack_writer_objects(const struct pack_writer *w)
{
	return w->nr_objects;
}

uint64_t pack_writer_used(const struct pack_writer *w)
{
	return w->off;
}

/* The extension fields: which frames are coded against what. */
static void footer_bases(const struct pack_writer *w, struct buf *out)
{
	struct buf rows = BUF_INIT;

	for (size_t i = 0; i < w->nr_frames; i++)
		if (w->frames[i].has_base) {
			buf_put_varint(&rows, i);
			buf_put(&rows, w->frames[i].base.b, OID_SIZE);
		}
	buf_put_varint(out, rows.len > 0);
	if (rows.len > 0) {
		buf_put_varint(out, FIELD_BASES);
		buf_put_lenbytes(out, rows.data, rows.len);
	}
	buf_release(&rows);
}

static void footer_encode(const struct pack_writer *w, uint32_t padding, struct buf *out)
{
	const struct frame_object *o = w->objects;

	buf_put_u8(out, PACK_VERSION);
	buf_put_u8(out, 0);
	buf_put(out, w->header_hash, 32);
	buf_put_varint(out, w->nr_frames);
	for (size_t i = 0; i < w->nr_frames; i++) {
		const struct pack_frame *f = &w->frames[i];
		buf_put_varint(out, f->sealed_size);
		buf_put_u8(out, (uint8_t)f->codec);
		buf_put_varint(out, f->raw_size);
		buf_put_varint(out, f->nr_objects);
		for (uint32_t k = 0; k < f->nr_objects; k++, o++) {
			buf_put_u8(out, (uint8_t)o->type);
			buf_put(out, o->id.b, OID_SIZE);
			buf_put_varint(out, o->size);
		}
	}
	buf_put_u32le(out, padding);
	footer_bases(w, out);
}

/* The length of the file, and with it the padding that fills it up. */
static uint64_t plan_end(struct pack_writer *w, bool full, uint32_t *padding_out,
			 struct buf *footer)
{
	unsigned int k = keys_genesis(w->keys)->erasure_k;

	footer_encode(w, 0, footer);	/* for its length alone */
	uint64_t used = w->off + footer->len + SEAL_OVERHEAD + PACK_TRAILER_SIZE;
	uint64_t least = used + SEAL_OVERHEAD;
	/* Many tiny objects end a pack long before its bytes do: it is not blown up for them. */
	bool is_full = full && w->is_full && least <= w->full_size;
	uint64_t size = is_full ? w->full_size : pack_padded_size(least, k);

	*padding_out = (uint32_t)(size - used);
	buf_reset(footer);
	footer_encode(w, *padding_out, footer);
	return size;
}

/* Zeros, sealed where they lie: there may be as many as a frame has bytes. */
static int fill_padding(struct pack_writer *w, size_t sealed_size, struct err *err)
{
	unsigned char *p = sys_pages(sealed_size);

	if (!p)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes of padding", sealed_size);
	seal_part(w, w->off, PART_PADDING, p + SEAL_NONCE_SIZE, sealed_size - SEAL_OVERHEAD, p);
	int ret = fill(w, w->off, p, sealed_size, err);
	sys_pages_free(p, sealed_size);
	return ret;
}

static int seal_and_fill(struct pack_writer *w, uint64_t off, enum pack_part part, const void *p,
			 size_t n, struct err *err)
{
	struct buf sealed = BUF_INIT;

	seal_part(w, off, part, p, n, buf_extend(&sealed, n + SEAL_OVERHEAD));
	int ret = fill(w, off, sealed.data, sealed.len, err);
	buf_release(&sealed);
	return ret;
}

/* The last piece ends where the file does; then wait until all is written. */
static int drain(struct pack_writer *w, uint64_t size, struct err *err)
{
	struct pack_pieces *pp = w->pieces;
	int ret = 0;

	sys_lock(&pp->lock);
	if (size % pp->size) {
		struct piece *last = find_piece(w, size / pp->size);
		if (last)
			last->wanted = size % pp->size;
	}
	submit_full(w);
	while (w->written < size && !w->io_err.code)
		sys_wait(&pp->changed, &pp->lock);
	if (w->io_err.code) {
		*err = w->io_err;
		ret = err->code;
	}
	w->has_begun = false;		/* wants no more pieces */
	sys_broadcast(&pp->changed);
	sys_unlock(&pp->lock);
	return ret;
}

int pack_writer_close(struct pack_writer *w, bool full, struct err *err)
{
	struct buf footer = BUF_INIT;
	unsigned char trailer[PACK_TRAILER_PLAIN] = { PACK_VERSION };
	uint32_t padding = 0;
	int ret;

	uint64_t size = plan_end(w, full, &padding, &footer);
	uint64_t footer_off = w->off + padding;
	if (w->nr_frames == 0) {
		ret = fill(w, 0, w->header.data, w->header.len, err);
		if (ret < 0)
			goto done;
	}
	ret = fill_padding(w, padding, err);
	if (ret < 0)
		goto done;
	ret = seal_and_fill(w, footer_off, PART_FOOTER, footer.data, footer.len, err);
	if (ret < 0)
		goto done;

	put_u32le(trailer + 4, (uint32_t)w->nr_frames);
	put_u64le(trailer + 8, footer_off);
	put_u32le(trailer + 16, (uint32_t)(footer.len + SEAL_OVERHEAD));
	put_u32le(trailer + 20, (uint32_t)w->nr_objects);
	put_u64le(trailer + 24, size);
	memcpy(trailer + 32, w->header_hash, 32);
	ret = seal_and_fill(w, size - PACK_TRAILER_SIZE, PART_TRAILER, trailer, sizeof(trailer),
			    err);
	if (ret < 0)
		goto done;
	ret = drain(w, size, err);
	if (ret < 0)
		goto done;
	if (w->allocated > size && sys_ftruncate(w->file.fd, (off_t)size) < 0) {
		ret = err_sys(err, "cut a pack in '%s' to its size", w->dir);
		goto done;
	}

	w->padding = padding;
	w->made = (struct index_pack){
		.kind = w->kind, .size = size, .objects = (uint32_t)w->nr_objects,
	};
	hasher_final(&w->hash, w->made.id.b);
	char *path = xasprintf("%s/%s", w->dir, pack_hex(&w->made.id).s);
	file_out_set_path(&w->file, path);
	sys_free(path);
	ret = file_out_sync(&w->file, err);
done:
	buf_release(&footer);
	return ret;
}

int pack_writer_name(struct pack_writer *w, struct index_pack *out, struct pack_footer *contents,
		     struct err *err)
{
	int ret = file_out_rename(&w->file, err);

	if (ret == 0) {
		*out = w->made;
		*contents = (struct pack_footer){
			.frames = w->frames, .nr_frames = w->nr_frames,
			.objects = w->objects, .nr_objects = w->nr_objects, .padding = w->padding,
		};
		w->frames = NULL;
		w->objects = NULL;
	}
	writer_free(w);
	return ret;
}

int pack_writer_finish(struct pack_writer *w, bool full, struct index_pack *out,
		       struct pack_footer *contents, struct err *err)
{
	int ret = pack_writer_close(w, full, err);

	if (ret == 0)
		return pack_writer_name(w, out, contents, err);
	writer_free(w);
	return ret;
}

void pack_writer_abort(struct pack_writer *w)
{
	if (w)
		writer_free(w);
}
