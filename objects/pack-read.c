/*
 * Reading packs: header, frames by offset, footer.  Every byte that is used has passed the seal;
 * whether an object is the one wanted is for the caller, who knows the id.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/pack-internal.h"

#include "objects/pack.h"

struct pack {
	int fd;
	char *path;
	enum pack_kind kind;
	uint64_t size;
	uint32_t header_size;
	unsigned char repo_id[32], salt[ENVELOPE_SALT_SIZE], header_hash[32];
	struct secret key;
};

struct frame_reader {
	struct compressor *compressor;
	struct frame_bases bases;
	struct buf base;
	unsigned char *sealed, *payload, *raw;
	size_t sealed_size, payload_size, raw_size;	/* as allocated */
};

static int read_at(const struct pack *p, void *out, size_t n, uint64_t off, struct err *err)
{
	ssize_t got = sys_pread_full(p->fd, out, n, (off_t)off);

	if (got < 0)
		return err_sys(err, "read pack '%s' at %" PRIu64, p->path, off);
	if ((size_t)got < n)
		return err_set(err, ERR_CORRUPT, "pack '%s' ends at %" PRIu64
			       ", inside what is at %" PRIu64, p->path, off + (uint64_t)got, off);
	return 0;
}

/* The fixed part; `size_out` is the whole header's. */
static int header_parse(struct pack *p, const struct keys *keys, const unsigned char *raw,
			size_t n, struct err *err)
{
	struct reader r;

	reader_init(&r, raw, n);
	const unsigned char *magic = reader_bytes(&r, 8);
	uint8_t version = reader_u8(&r), flags = reader_u8(&r), kind = reader_u8(&r);
	uint8_t zero = reader_u8(&r);
	p->header_size = reader_u32le(&r);
	reader_copy(&r, p->repo_id, 32);
	if (!reader_ok(&r) || memcmp(magic, PACK_MAGIC, 8) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' is not a pack", p->path);
	if (version != PACK_VERSION || flags != 0)
		return err_set(err, ERR_FORMAT, "pack '%s' has format %u, flags %u, which this ub "
			       "does not know", p->path, version, flags);
	if (kind < PACK_DATA || kind > PACK_MIXED || zero != 0 || p->header_size > n ||
	    p->header_size < PACK_FIXED_HEADER)
		return err_set(err, ERR_CORRUPT, "pack '%s' has a damaged header", p->path);
	if (memcmp(p->repo_id, keys_repo_id(keys), 32) != 0)
		return err_set(err, ERR_CORRUPT, "pack '%s' belongs to another repository",
			       p->path);
	p->kind = (enum pack_kind)kind;

	size_t used = 0;
	int ret = envelope_open(keys, raw + PACK_FIXED_HEADER, p->header_size - PACK_FIXED_HEADER,
				&p->key, p->salt, &used, err);
	if (ret < 0)
		return err_wrap(err, "pack '%s'", p->path);
	if (used != p->header_size - PACK_FIXED_HEADER)
		return err_set(err, ERR_CORRUPT, "pack '%s' has a damaged header", p->path);
	hash_bytes(p->header_hash, raw, p->header_size);
	return 0;
}

int pack_open(struct pack **out, const char *path, const struct keys *keys, struct err *err)
{
	struct pack *p = xcalloc(1, sizeof(*p));
	unsigned char raw[PACK_HEADER_MAX];
	struct stat st;
	int ret;

	p->path = xstrdup(path);
	p->fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (p->fd < 0) {
		ret = errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "pack '%s' is missing", path) :
					err_sys(err, "open pack '%s'", path);
		goto fail;
	}
	if (sys_fstat(p->fd, &st) < 0) {
		ret = err_sys(err, "stat pack '%s'", path);
		goto fail;
	}
	p->size = (uint64_t)st.st_size;
	size_t want = p->size < sizeof(raw) ? (size_t)p->size : sizeof(raw);
	ret = read_at(p, raw, want, 0, err);
	if (ret < 0)
		goto fail;
	ret = header_parse(p, keys, raw, want, err);
	if (ret < 0)
		goto fail;
	if (p->size < p->header_size + PACK_TRAILER_SIZE) {
		ret = err_set(err, ERR_CORRUPT, "pack '%s' is cut short", path);
		goto fail;
	}
	*out = p;
	return 0;
fail:
	pack_close(p);
	return ret;
}

void pack_close(struct pack *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		sys_close(p->fd);
	secret_release(&p->key);
	sys_free(p->path);
	sys_free(p);
}

enum pack_kind pack_kind(const struct pack *p)
{
	return p->kind;
}

uint64_t pack_size(const struct pack *p)
{
	return p->size;
}

uint32_t pack_header_size(const struct pack *p)
{
	return p->header_size;
}

/* -- frames -- */

struct frame_reader *frame_reader_new(const struct frame_bases *bases)
{
	struct frame_reader *fr = xcalloc(1, sizeof(*fr));

	if (bases)
		fr->bases = *bases;
	buf_init_max(&fr->base, FRAME_RAW_MAX);

	fr->compressor = compressor_new(COMPRESS_LEVEL_DEFAULT);
	return fr;
}

void frame_reader_free(struct frame_reader *fr)
{
	if (!fr)
		return;
	compressor_free(fr->compressor);
	buf_release(&fr->base);
	sys_pages_free(fr->sealed, fr->sealed_size);
	sys_pages_free(fr->payload, fr->payload_size);
	sys_pages_free(fr->raw, fr->raw_size);
	sys_free(fr);
}

static int need(unsigned char **p, size_t *have, size_t want, struct err *err)
{
	if (*have >= want)
		return 0;
	sys_pages_free(*p, *have);
	*have = 0;
	want = (want + 65535) / 65536 * 65536;
	*p = sys_pages(want);
	if (!*p)
		return err_set(err, ERR_NOMEM, "no memory for a frame of %zu bytes", want);
	*have = want;
	return 0;
}

static int unseal_part(const struct pack *p, uint64_t off, enum pack_part part,
		       const unsigned char *sealed, size_t size, unsigned char *out,
		       struct err *err)
{
	unsigned char ad[PACK_AD_SIZE], key[KEY_SIZE];

	pack_ad(ad, p->repo_id, p->salt, off, p->kind, part);
	envelope_part_key(&p->key, off, key);
	int ret = unseal(out, key, ad, sizeof(ad), sealed, size, err);
	secret_wipe(key, sizeof(key));
	return ret;
}

/* An opened frame: its codec, and its bytes in the reader's memory. */
struct opened {
	uint8_t codec;
	size_t raw_size, size;
	const unsigned char *body;
	struct oid base;
};

static int open_frame(struct pack *p, struct frame_reader *fr, uint64_t off, size_t sealed_size,
		      struct opened *out, struct err *err)
{
	if (sealed_size < FRAME_OVERHEAD || sealed_size > FRAME_RAW_MAX + FRAME_OVERHEAD ||
	    off < p->header_size || off > p->size || sealed_size > p->size - off)
		return err_set(err, ERR_CORRUPT, "a frame of %zu bytes at %" PRIu64
			       " does not fit into pack '%s'", sealed_size, off, p->path);
	int ret = need(&fr->sealed, &fr->sealed_size, sealed_size, err);
	if (ret == 0)
		ret = need(&fr->payload, &fr->payload_size, sealed_size, err);
	if (ret == 0)
		ret = read_at(p, fr->sealed, sealed_size, off, err);
	if (ret < 0)
		return ret;
	ret = unseal_part(p, off, PART_FRAME, fr->sealed, sealed_size, fr->payload, err);
	if (ret < 0)
		return err_wrap(err, "pack '%s', frame at %" PRIu64, p->path, off);

	*out = (struct opened){
		.codec = fr->payload[0], .raw_size = get_u32le(fr->payload + 1),
		.size = sealed_size - FRAME_OVERHEAD, .body = fr->payload + FRAME_HEADER_SIZE,
	};
	if (out->raw_size > FRAME_RAW_MAX)
		return err_set(err, ERR_CORRUPT, "pack '%s', frame at %" PRIu64 ": %zu bytes is "
			       "too large", p->path, off, out->raw_size);
	if (out->codec > CODEC_ZSTD_PREFIX)
		return err_set(err, ERR_FORMAT, "pack '%s', frame at %" PRIu64 ": codec %u is not "
			       "known to this ub", p->path, off, out->codec);
	if (out->codec == CODEC_ZSTD_PREFIX) {
		if (out->size < FRAME_BASE_SIZE)
			return err_set(err, ERR_CORRUPT, "pack '%s', frame at %" PRIu64
				       " is too short to name its base", p->path, off);
		memcpy(out->base.b, out->body, FRAME_BASE_SIZE);
		out->body += FRAME_BASE_SIZE;
		out->size -= FRAME_BASE_SIZE;
	}
	if (out->codec == CODEC_RAW && out->raw_size != out->size)
		return err_set(err, ERR_CORRUPT, "pack '%s', frame at %" PRIu64
			       ": sizes disagree", p->path, off);
	return 0;
}

static int get_base(struct frame_reader *fr, const struct oid *id, struct err *err)
{
	if (!fr->bases.get)
		return err_set(err, ERR_CORRUPT, "it is coded against another object, which may "
			       "not be here");
	buf_reset(&fr->base);
	int ret = fr->bases.get(fr->bases.data, id, &fr->base, err);
	if (ret < 0) {
		ret = err_wrap(err, "its base %s", oid_hex(id).s);
		/* It was there when this was written. */
		if (ret == ERR_NOT_FOUND)
			ret = err->code = ERR_CORRUPT;
	}
	return ret;
}

static int inflate_frame(struct pack *p, struct frame_reader *fr, uint64_t off,
			 const struct opened *o, unsigned char *to, struct err *err)
{
	int ret = o->codec == CODEC_ZSTD_PREFIX ? get_base(fr, &o->base, err) : 0;

	if (ret == 0 && o->codec == CODEC_ZSTD_PREFIX)
		ret = decompress_over(fr->compressor, to, o->raw_size, fr->base.data, fr->base.len,
				      o->body, o->size, err);
	else if (ret == 0)
		ret = decompress(fr->compressor, to, o->raw_size, o->body, o->size, err);

	return ret < 0 ? err_wrap(err, "pack '%s', frame at %" PRIu64, p->path, off) : 0;
}

int pack_read_frame(struct pack *p, struct frame_reader *fr, uint64_t off, size_t sealed_size,
		    struct buf *out, struct err *err)
{
	struct opened o;
	size_t before = out->len;
	int ret = open_frame(p, fr, off, sealed_size, &o, err);

	if (ret < 0)
		return ret;
	if (!buf_fits(out, o.raw_size))
		return err_set(err, ERR_CORRUPT, "pack '%s', frame at %" PRIu64 ": %zu bytes is "
			       "too large", p->path, off, o.raw_size);
	if (o.codec == CODEC_RAW) {
		buf_put(out, o.body, o.size);
		return 0;
	}
	ret = inflate_frame(p, fr, off, &o, buf_extend(out, o.raw_size), err);
	if (ret < 0)
		buf_truncate(out, before);
	return ret;
}

int pack_view_frame(struct pack *p, struct frame_reader *fr, uint64_t off, size_t sealed_size,
		    const unsigned char **raw_out, size_t *size_out, struct err *err)
{
	struct opened o;
	int ret = open_frame(p, fr, off, sealed_size, &o, err);

	if (ret == 0 && o.codec != CODEC_RAW) {
		ret = need(&fr->raw, &fr->raw_size, o.raw_size, err);
		if (ret == 0)
			ret = inflate_frame(p, fr, off, &o, fr->raw, err);
		o.body = fr->raw;
	}
	if (ret < 0)
		return ret;
	*raw_out = o.body;
	*size_out = o.raw_size;
	return 0;
}

/* -- the footer -- */

void pack_footer_release(struct pack_footer *f)
{
	sys_free(f->frames);
	sys_free(f->objects);
	*f = (struct pack_footer)PACK_FOOTER_INIT;
}

static int parse_objects(struct reader *r, const struct pack_frame *frame,
			 struct pack_footer *out, struct err *err)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < frame->nr_objects; i++) {
		struct frame_object *o = &out->objects[out->nr_objects++];
		uint8_t type = reader_u8(r);
		reader_copy(r, o->id.b, OID_SIZE);
		uint64_t size = reader_varint(r);
		sum += size;
		if (!reader_ok(r) || type < OBJ_BLOB || type > OBJ_TYPE_MAX ||
		    size > OBJECT_MAX_SIZE || sum > frame->raw_size)
			return err_set(err, ERR_CORRUPT, "footer: object %zu is malformed",
				       out->nr_objects - 1);
		o->type = (enum obj_type)type;
		o->size = (uint32_t)size;
	}
	if (sum != frame->raw_size)
		return err_set(err, ERR_CORRUPT, "footer: the frame at %" PRIu64
			       " is not filled by its objects", frame->off);
	return 0;
}

static bool parse_bases(const unsigned char *p, size_t n, struct pack_footer *f)
{
	struct reader r;
	uint64_t next = 0;

	reader_init(&r, p, p ? n : 0);
	while (p && reader_ok(&r) && reader_left(&r) > 0) {
		uint64_t nr = reader_varint(&r);
		if (!reader_ok(&r) || nr < next || nr >= f->nr_frames)
			return false;
		f->frames[nr].has_base = true;
		reader_copy(&r, f->frames[nr].base.b, OID_SIZE);
		next = nr + 1;
	}
	return p && n > 0 && reader_ok(&r);
}

/* Whatever is coded against a base names it, and is one blob alone. */
static int check_bases(const struct pack_footer *f, struct err *err)
{
	const struct frame_object *o = f->objects;

	for (size_t i = 0; i < f->nr_frames; i++) {
		const struct pack_frame *frame = &f->frames[i];
		if (frame->has_base != (frame->codec == CODEC_ZSTD_PREFIX) ||
		    (frame->has_base && (frame->nr_objects != 1 || o->type != OBJ_BLOB ||
					 oid_eq(&o->id, &frame->base))))
			return err_set(err, ERR_CORRUPT, "footer: the frame at %" PRIu64
				       " and its base do not fit", frame->off);
		o += frame->nr_objects;
	}
	return 0;
}

int pack_footer_parse(const void *p, size_t n, uint64_t first_off,
		      const unsigned char header_hash[32], struct pack_footer *out, struct err *err)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	size_t alloc_frames = 0, alloc_objects = 0;
	struct reader r;
	int ret;

	reader_init(&r, p, n);
	uint8_t version = reader_u8(&r), flags = reader_u8(&r);
	const unsigned char *bound = reader_bytes(&r, 32);
	uint64_t nr_frames = reader_varint(&r);
	if (!reader_ok(&r))
		return err_set(err, ERR_CORRUPT, "footer is cut short");
	if (version != PACK_VERSION || flags != 0)
		return err_set(err, ERR_FORMAT, "footer has format %u, flags %u, which this ub "
			       "does not know", version, flags);
	if (memcmp(bound, header_hash, 32) != 0)
		return err_set(err, ERR_CORRUPT, "footer belongs to another header");

	uint64_t off = first_off;
	for (uint64_t i = 0; i < nr_frames; i++) {
		struct pack_frame frame = { 0 };
		uint64_t sealed = reader_varint(&r);
		uint8_t codec = reader_u8(&r);
		uint64_t raw = reader_varint(&r), nr = reader_varint(&r);
		if (!reader_ok(&r) || sealed < FRAME_OVERHEAD ||
		    sealed > FRAME_RAW_MAX + FRAME_OVERHEAD || raw > FRAME_RAW_MAX || nr == 0 ||
		    nr > PACK_MAX_OBJECTS || f.nr_objects + nr > PACK_MAX_OBJECTS ||
		    (codec == CODEC_RAW && raw != sealed - FRAME_OVERHEAD)) {
			ret = err_set(err, ERR_CORRUPT, "footer: frame %" PRIu64 " is malformed",
				      i);
			goto fail;
		}
		frame.off = off;
		frame.sealed_size = (uint32_t)sealed;
		frame.raw_size = (uint32_t)raw;
		frame.codec = (enum codec)codec;
		frame.nr_objects = (uint32_t)nr;
		off += sealed;
		if (f.nr_frames == alloc_frames) {
			alloc_frames = alloc_frames ? 2 * alloc_frames : 64;
			f.frames = xrealloc(f.frames, alloc_frames * sizeof(*f.frames));
		}
		f.frames[f.nr_frames++] = frame;
		while (f.nr_objects + nr > alloc_objects) {
			alloc_objects = alloc_objects ? 2 * alloc_objects : 256;
			f.objects = xrealloc(f.objects, alloc_objects * sizeof(*f.objects));
		}
		ret = parse_objects(&r, &frame, &f, err);
		if (ret < 0)
			goto fail;
	}
	f.padding = reader_u32le(&r);
	uint64_t nr_extra = reader_varint(&r), last = 0;
	for (uint64_t i = 0; i < nr_extra && reader_ok(&r); i++) {
		size_t size;
		uint64_t tag = reader_varint(&r);
		const unsigned char *value = reader_lenbytes(&r, n, &size);
		if (tag <= last || (tag == FIELD_BASES && !parse_bases(value, size, &f)))
			reader_fail(&r);
		last = tag;
		if (reader_ok(&r) && tag >= FIELD_CRITICAL) {
			ret = err_set(err, ERR_FORMAT, "footer has field %" PRIu64
				      ", which this ub does not know", tag);
			goto fail;
		}
	}
	ret = reader_end(&r, "footer", err);
	if (ret == 0)
		ret = check_bases(&f, err);
	if (ret < 0)
		goto fail;
	*out = f;
	return 0;
fail:
	pack_footer_release(&f);
	return ret;
}

int pack_read_footer(struct pack *p, struct pack_footer *out, struct err *err)
{
	unsigned char sealed[PACK_TRAILER_SIZE], t[PACK_TRAILER_PLAIN];
	struct buf raw = BUF_INIT, plain = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	uint64_t at = p->size - PACK_TRAILER_SIZE;
	int ret;

	ret = read_at(p, sealed, sizeof(sealed), at, err);
	if (ret < 0)
		goto done;
	ret = unseal_part(p, at, PART_TRAILER, sealed, sizeof(sealed), t, err);
	if (ret < 0) {
		ret = err_wrap(err, "pack '%s', trailer", p->path);
		goto done;
	}
	uint32_t nr_frames = get_u32le(t + 4), nr_objects = get_u32le(t + 20);
	uint64_t off = get_u64le(t + 8), size = get_u64le(t + 24);
	size_t sealed_size = get_u32le(t + 16);
	if (t[0] != PACK_VERSION || t[1] != 0) {
		ret = err_set(err, ERR_FORMAT, "pack '%s' has a trailer that this ub does not know",
			      p->path);
		goto done;
	}
	if (size != p->size || off < p->header_size || off > at ||
	    sealed_size > PACK_FOOTER_MAX + SEAL_OVERHEAD || sealed_size < SEAL_OVERHEAD ||
	    off + sealed_size != at || memcmp(t + 32, p->header_hash, 32) != 0) {
		ret = err_set(err, ERR_CORRUPT, "pack '%s' has a trailer that does not fit it",
			      p->path);
		goto done;
	}
	ret = read_at(p, buf_extend(&raw, sealed_size), sealed_size, off, err);
	if (ret < 0)
		goto done;
	size_t plain_size = sealed_size - SEAL_OVERHEAD;
	ret = unseal_part(p, off, PART_FOOTER, raw.data, raw.len, buf_extend(&plain, plain_size),
			  err);
	if (ret == 0)
		ret = pack_footer_parse(plain.data, plain.len, p->header_size, p->header_hash, &f,
					err);
	if (ret < 0) {
		ret = err_wrap(err, "pack '%s', footer", p->path);
		goto done;
	}
	uint64_t end = f.nr_frames > 0 ? f.frames[f.nr_frames - 1].off +
					 f.frames[f.nr_frames - 1].sealed_size : p->header_size;
	if (f.nr_frames != nr_frames || f.nr_objects != nr_objects || end + f.padding != off) {
		ret = err_set(err, ERR_CORRUPT, "pack '%s': footer and trailer disagree", p->path);
		goto done;
	}
	*out = f;
	f = (struct pack_footer)PACK_FOOTER_INIT;
done:
	pack_footer_release(&f);
	buf_release(&raw);
	buf_release(&plain);
	return ret;
}

int pack_hash_file(const char *path, struct pack_id *out, uint64_t *size_out, struct err *err)
{
	const size_t step = (size_t)1 << 20;
	unsigned char *piece = sys_pages(step);
	struct hasher h;
	uint64_t off = 0;
	int ret = 0;

	if (!piece)
		return err_set(err, ERR_NOMEM, "no memory to read '%s'", path);
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0) {
		ret = errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "pack '%s' is missing", path) :
					err_sys(err, "open pack '%s'", path);
		goto done;
	}
	hasher_init(&h);
	for (;;) {
		ssize_t got = sys_pread_full(fd, piece, step, (off_t)off);
		if (got < 0) {
			ret = err_sys(err, "read pack '%s' at %" PRIu64, path, off);
			goto done;
		}
		hasher_update(&h, piece, (size_t)got);
		off += (uint64_t)got;
		if ((size_t)got < step)
			break;
	}
	hasher_final(&h, out->b);
	*size_out = off;
done:
	if (fd >= 0)
		sys_close(fd);
	sys_pages_free(piece, step);
	return ret;
}
