/*
 * test-pack: packs under the fixed keys of t/unit/pack-keys.h.
 *
 *	test-pack make DIR	what t/vectors/packs was made with: random bytes: UB_TEST_SEED
 *	test-pack list PACK	what is in a pack, each object's id checked
 *	test-pack keys		the fixed keys
 */
#include <inttypes.h>
#include <stdio.h>

#include "lib/file.h"
#include "objects/pack.h"
#include "t/unit/pack-keys.h"

static int fail(const struct err *err)
{
	fprintf(stderr, "test-pack: %s\n", err->msg);
	return err_exit_status(err);
}

static void print_hex(const char *what, const unsigned char *p)
{
	char hex[65];

	hex_encode(hex, p, 32);
	printf("%s %s\n", what, hex);
}

static int print_keys(const struct keys *k)
{
	print_hex("repository", keys_repo_id(k));
	printf("epoch %u\n", k->ring.epochs[0].number);
	print_hex("wrap", k->ring.epochs[0].wrap_key.data);
	print_hex("box", k->ring.epochs[0].box_secret.data);
	print_hex("id", k->ring.domains[0].id_key.data);
	return 0;
}

static const char *codec_name(enum codec codec)
{
	return codec == CODEC_RAW ? "raw" : codec == CODEC_ZSTD ? "zstd" : "unknown";
}

/* One frame's line and its objects'. */
static int list_frame(struct pack *p, struct frame_reader *fr, const struct keys *k,
		      const struct pack_frame *f, const struct frame_object *o, struct err *err)
{
	struct buf raw = BUF_INIT;
	struct oid id;
	uint32_t place = 0;
	int ret;

	printf("\tframe %" PRIu64 " %u %s %u\n", f->off, f->sealed_size, codec_name(f->codec),
	       f->raw_size);
	ret = pack_read_frame(p, fr, f->off, f->sealed_size, &raw, err);
	for (uint32_t i = 0; i < f->nr_objects && ret == 0; i++, o++) {
		keys_object_id(k, (uint8_t)o->type, raw.data + place, o->size, id.b);
		if (!oid_eq(&id, &o->id))
			ret = err_set(err, ERR_CORRUPT, "object %s has another id",
				      oid_hex(&o->id).s);
		printf("\t\t%s %s %u %u\n", oid_hex(&o->id).s, obj_type_name(o->type), place,
		       o->size);
		place += o->size;
	}
	buf_release(&raw);
	return ret;
}

static int list(const struct keys *k, const char *path)
{
	struct frame_reader *fr = frame_reader_new(NULL);
	struct pack_footer f = PACK_FOOTER_INIT;
	struct err err = ERR_INIT;
	struct pack *p = NULL;
	struct pack_id id;
	uint64_t size;
	int ret;

	ret = pack_hash_file(path, &id, &size, &err);
	if (ret == 0)
		ret = pack_open(&p, path, k, &err);
	if (ret == 0)
		ret = pack_read_footer(p, &f, &err);
	if (ret == 0)
		printf("%s %s %" PRIu64 "\n", pack_hex(&id).s, pack_kind_name(pack_kind(p)), size);
	const struct frame_object *o = f.objects;
	for (size_t i = 0; i < f.nr_frames && ret == 0; i++) {
		ret = list_frame(p, fr, k, &f.frames[i], o, &err);
		o += f.frames[i].nr_objects;
	}
	pack_footer_release(&f);
	frame_reader_free(fr);
	pack_close(p);
	return ret < 0 ? fail(&err) : 0;
}

/* -- making -- */

static int save(const char *dir, const char *name, const void *p, size_t n, struct err *err)
{
	char *path = xasprintf("%s/%s", dir, name);
	int ret = file_write(path, p, n, 0, 0644, err);

	sys_free(path);
	return ret;
}

/* The worked example: one blob, "hello", and no padding to speak of. */
static int make_hello(const struct keys *k, const char *dir, const char *name, bool is_box,
		      struct err *err)
{
	struct hand_pack h = HAND_PACK_INIT;
	struct buf f = BUF_INIT;
	unsigned char hash[32], id[32];

	hand_pack_header(&h, k, PACK_DATA, is_box);
	size_t header_size = h.bytes.len;
	hash_bytes(hash, h.bytes.data, header_size);
	hand_pack_part(&h, 1, "\0\5\0\0\0hello", 10);
	hand_pack_part(&h, 2, NULL, 0);
	keys_object_id(k, OBJ_BLOB, "hello", 5, id);
	buf_put_u8(&f, 0);
	buf_put_u8(&f, 0);
	buf_put(&f, hash, 32);
	buf_put_varint(&f, 1);
	buf_put_varint(&f, 50);
	buf_put_u8(&f, CODEC_RAW);
	buf_put_varint(&f, 5);
	buf_put_varint(&f, 1);
	buf_put_u8(&f, OBJ_BLOB);
	buf_put(&f, id, 32);
	buf_put_varint(&f, 5);
	buf_put_u32le(&f, 40);
	buf_put_varint(&f, 0);
	size_t footer_off = h.bytes.len;
	hand_pack_part(&h, 3, f.data, f.len);
	hand_pack_trailer(&h, header_size, footer_off, 1, 1);
	int ret = save(dir, name, h.bytes.data, h.bytes.len, err);
	buf_release(&f);
	hand_pack_release(&h);
	return ret;
}

/* A frame of `nr` objects of `size` bytes of text each, compressed where that helps. */
static int add_frame(struct pack_writer *w, const struct keys *k, unsigned int nr, size_t size,
		     unsigned int seed, struct err *err)
{
	struct compressor *c = compressor_new(COMPRESS_LEVEL_DEFAULT);
	struct buf raw = BUF_INIT, payload = BUF_INIT, sealed = BUF_INIT;
	struct frame_object *o = xcalloc(nr, sizeof(*o));
	uint64_t off;

	for (unsigned int i = 0; i < nr; i++) {
		size_t at = raw.len;
		for (size_t b = 0; b < size; b++)
			buf_put_u8(&raw, (uint8_t)('a' + (b / 9 + seed + i) % 26));
		o[i].type = (enum obj_type)(1 + (seed + i) % 5);
		o[i].size = (uint32_t)size;
		keys_object_id(k, (uint8_t)o[i].type, raw.data + at, size, o[i].id.b);
	}
	unsigned char *body = buf_extend(&payload, FRAME_HEADER_SIZE + raw.len) + FRAME_HEADER_SIZE;
	size_t n = compress(c, body, raw.data, raw.len);
	payload.data[0] = n ? CODEC_ZSTD : CODEC_RAW;
	put_u32le(payload.data + 1, (uint32_t)raw.len);
	if (n)
		buf_truncate(&payload, FRAME_HEADER_SIZE + n);
	else if (raw.len)
		memcpy(body, raw.data, raw.len);
	if (!pack_writer_reserve(w, payload.len, payload.data[0], (uint32_t)raw.len, NULL, o, nr,
				 &off))
		BUG("the pack is full");
	unsigned char *to = buf_extend(&sealed, payload.len + SEAL_OVERHEAD);
	pack_writer_seal(w, off, payload.data, payload.len, to);
	int ret = pack_writer_fill(w, off, sealed.data, sealed.len, err);
	sys_free(o);
	buf_release(&sealed);
	buf_release(&payload);
	buf_release(&raw);
	compressor_free(c);
	return ret;
}

static int make_mixed(const struct keys *k, const char *dir, const char *name, struct err *err)
{
	struct pack_pieces *pp = pack_pieces_new(2, 1 << 20);
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_writer *w;
	struct index_pack p;
	int ret;

	ret = pack_writer_open(&w, dir, PACK_MIXED, PACK_SIZE_DEFAULT, k, pp, err);
	if (ret < 0)
		goto done;
	ret = add_frame(w, k, 5, 700, 0, err);
	if (ret == 0)
		ret = add_frame(w, k, 1, 0, 5, err);
	if (ret == 0)
		ret = add_frame(w, k, 2, 3, 1, err);
	if (ret < 0) {
		pack_writer_abort(w);
		goto done;
	}
	ret = pack_writer_finish(w, false, &p, &f, err);
	if (ret == 0) {
		char *from = xasprintf("%s/%s", dir, pack_hex(&p.id).s);
		char *to = xasprintf("%s/%s", dir, name);
		if (rename(from, to) < 0)
			ret = err_sys(err, "rename '%s'", from);
		sys_free(from);
		sys_free(to);
	}
done:
	pack_footer_release(&f);
	pack_pieces_free(pp);
	return ret;
}

static int make(const struct keys *k, const char *dir)
{
	struct err err = ERR_INIT;
	int ret;

	ret = make_hello(k, dir, "v0-hello.pack", false, &err);
	if (ret == 0)
		ret = make_hello(k, dir, "v0-box.pack", true, &err);
	if (ret == 0)
		ret = make_mixed(k, dir, "v0-mixed.pack", &err);
	return ret < 0 ? fail(&err) : 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int ret = 2;

	if (crypto_start(&err) < 0)
		return fail(&err);
	struct keys *k = pack_keys(0x01, 7, 0x11);
	if (argc == 3 && strcmp(argv[1], "make") == 0)
		ret = make(k, argv[2]);
	else if (argc == 3 && strcmp(argv[1], "list") == 0)
		ret = list(k, argv[2]);
	else if (argc == 2 && strcmp(argv[1], "keys") == 0)
		ret = print_keys(k);
	else
		fprintf(stderr, "usage: test-pack make DIR | list PACK | keys\n");
	keys_close(k);
	return ret;
}
