/*
 * Packs: what the writer writes the reader reads, and nothing else is ever read as a pack.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/sys-internal.h"
#include "objects/pack-internal.h"
#include "t/unit/pack-keys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

#define PIECE ((size_t)1 << 20)

static void start(void)
{
	struct err err = ERR_INIT;

	if (crypto_start(&err) < 0)
		BUG("%s", err.msg);
}

static struct keys *own_keys(void)
{
	start();
	return pack_keys(0x01, 7, 0x11);
}

/* -- sizes -- */

static void test_sizes_are_few_and_never_too_small(void)
{
	uint64_t distinct = 0, last = 0;

	for (uint64_t used = 300; used < (uint64_t)512 << 20; used += used / 97 + 1) {
		uint64_t size = pack_padded_size(used, 10);
		CHECK(size >= used);
		CHECK(size % PACK_ALIGN == 0);
		CHECK(size - used <= used / 8 + 10 * (uint64_t)PACK_ALIGN);
		CHECK(size < PACK_SMALL_SIZE || size % (10 * (uint64_t)PACK_ALIGN) == 0);
		CHECK(size >= last);
		distinct += size != last;
		last = size;
	}
	CHECK(distinct < 500);
}

static void test_sizes_are_those_of_the_manual(void)
{
	static const struct { uint64_t used, k, size; } t[] = {
		{ 1, 10, 4096 }, { 4096, 10, 4096 }, { 4097, 10, 8192 }, { 100000, 10, 102400 },
		{ 1000000, 10, 1015808 }, { 4194303, 10, 4218880 }, { 4194304, 10, 4218880 },
		{ 4194304, 4, 4194304 }, { 5000000, 10, 5120000 }, { 60000001, 10, 60825600 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		uint64_t size = pack_padded_size(t[i].used, (unsigned int)t[i].k);
		if (size != t[i].size)
			printf("# %zu: %llu\n", i, (unsigned long long)size);
		CHECK(size == t[i].size);
	}
	CHECK(pack_full_size(PACK_SIZE_DEFAULT, 10) == 67092480);
	CHECK(pack_full_size(PACK_SIZE_MAX, 10) == 536862720);
	CHECK(pack_full_size(PACK_SIZE_DEFAULT, 1) == PACK_SIZE_DEFAULT);
}

/* -- a pack with a bit of everything -- */

/* Content that can be told apart: of a seed, compressible or not. */
static void fill_with(unsigned char *p, size_t n, unsigned int seed, bool is_random)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p[i] = is_random ? (unsigned char)(x >> 56)
				 : (unsigned char)("abc "[i / 7 % 4] + seed);
	}
}

/* Frame number `i` of a test: how large, how many objects. */
struct plan { size_t raw_size; unsigned int nr; bool is_random; };

static struct frame_object *plan_objects(const struct keys *k, const struct plan *plan,
					 unsigned int seed, unsigned char *raw)
{
	struct frame_object *o = xcalloc(plan->nr, sizeof(*o));
	size_t at = 0;

	fill_with(raw, plan->raw_size, seed, plan->is_random);
	for (unsigned int i = 0; i < plan->nr; i++) {
		size_t size = i + 1 < plan->nr ? plan->raw_size / plan->nr : plan->raw_size - at;
		o[i].type = (enum obj_type)(OBJ_BLOB + i % OBJ_TYPE_MAX);
		o[i].size = (uint32_t)size;
		keys_object_id(k, (uint8_t)o[i].type, raw + at, size, o[i].id.b);
		at += size;
	}
	return o;
}

/* Compress, reserve, seal, open again, fill.  `off_out`: the frame's place; 1: the pack is full. */
static int put_frame(struct pack_writer *w, const struct keys *k, const struct plan *plan,
		     unsigned int seed, uint64_t *off_out, struct err *err)
{
	unsigned char *raw = xmalloc(plan->raw_size + 1);
	unsigned char *payload = xmalloc(plan->raw_size + FRAME_HEADER_SIZE);
	unsigned char *sealed = xmalloc(plan->raw_size + FRAME_OVERHEAD);
	unsigned char *again = xmalloc(plan->raw_size + FRAME_HEADER_SIZE);
	struct frame_object *o = plan_objects(k, plan, seed, raw);
	struct compressor *c = compressor_new(1);
	int ret;

	size_t n = plan->raw_size >= 64 ? compress(c, payload + FRAME_HEADER_SIZE, raw,
						   plan->raw_size) : 0;
	payload[0] = n ? CODEC_ZSTD : CODEC_RAW;
	put_u32le(payload + 1, (uint32_t)plan->raw_size);
	if (!n) {
		n = plan->raw_size;
		memcpy(payload + FRAME_HEADER_SIZE, raw, n);
	}
	n += FRAME_HEADER_SIZE;
	if (!pack_writer_reserve(w, n, payload[0], (uint32_t)plan->raw_size, NULL, o, plan->nr,
				 off_out)) {
		ret = 1;
		goto done;
	}
	pack_writer_seal(w, *off_out, payload, n, sealed);
	ret = pack_writer_unseal(w, *off_out, sealed, n + SEAL_OVERHEAD, again, err);
	CHECK(ret == 0 && memcmp(again, payload, n) == 0);
	ret = pack_writer_fill(w, *off_out, sealed, n + SEAL_OVERHEAD, err);
done:
	compressor_free(c);
	sys_free(o);
	sys_free(again);
	sys_free(sealed);
	sys_free(payload);
	sys_free(raw);
	return ret;
}

static const struct plan small[] = {
	{ 300, 3, true }, { 0, 1, false }, { 2000, 1, false }, { 100, 1, true }, { 100, 1, true },
};
#define SMALL_NR (sizeof(small) / sizeof(*small))

/* The writer says the same of its pack as the reader. */
static int finish(struct pack_writer *w, bool full, struct index_pack *out, struct err *err)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	int ret = pack_writer_finish(w, full, out, &f, err);
	size_t nr = 0;

	for (size_t i = 0; i < f.nr_frames; i++)
		nr += f.frames[i].nr_objects;
	CHECK(ret < 0 || (nr == f.nr_objects && nr == out->objects));
	pack_footer_release(&f);
	return ret;
}

/* Write a pack of these frames into the scratch folder; 0 or the error. */
static int write_pack(const struct keys *k, enum pack_kind kind, const struct plan *plan, size_t nr,
		      uint64_t full_size, bool full, struct index_pack *out, struct err *err)
{
	struct pack_pieces *pp = pack_pieces_new(4, PIECE);
	struct pack_writer *w;
	uint64_t off;

	int ret = pack_writer_open(&w, scratch("."), kind, full_size, k, pp, err);
	for (size_t i = 0; ret == 0 && i < nr; i++) {
		ret = put_frame(w, k, &plan[i], (unsigned int)i, &off, err);
		if (ret != 0) {
			pack_writer_abort(w);
			goto done;
		}
	}
	if (ret == 0)
		ret = finish(w, full, out, err);
done:
	pack_pieces_free(pp);
	return ret;
}

/* What is at `path` is a pack of exactly these frames. */
static int check_pack(const char *path, const struct keys *k, const struct plan *plan, size_t nr,
		      struct err *err)
{
	struct pack *p = NULL;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct frame_reader *fr = frame_reader_new(NULL);
	struct buf raw = BUF_INIT;
	int ret;

	ret = pack_open(&p, path, k, err);
	if (ret == 0)
		ret = pack_read_footer(p, &f, err);
	if (ret < 0)
		goto done;
	const struct frame_object *o = f.objects;
	for (size_t i = 0; i < f.nr_frames; i++) {
		const struct pack_frame *frame = &f.frames[i];
		buf_reset(&raw);
		ret = pack_read_frame(p, fr, frame->off, frame->sealed_size, &raw, err);
		if (ret < 0)
			goto done;
		CHECK(raw.len == frame->raw_size);
		size_t at = 0;
		for (uint32_t n = 0; n < frame->nr_objects; n++, o++) {
			struct oid id;
			CHECK(at + o->size <= raw.len);
			keys_object_id(k, (uint8_t)o->type, raw.data + at, o->size, id.b);
			CHECK(oid_eq(&id, &o->id));
			at += o->size;
		}
		if (i < nr) {
			unsigned char *want = xmalloc(plan[i].raw_size + 1);
			fill_with(want, plan[i].raw_size, (unsigned int)i, plan[i].is_random);
			CHECK(raw.len == plan[i].raw_size);
			CHECK(raw.len == 0 || memcmp(want, raw.data, raw.len) == 0);
			CHECK(frame->nr_objects == plan[i].nr);
			sys_free(want);
		}
	}
	CHECK(f.nr_frames == nr);
done:
	buf_release(&raw);
	frame_reader_free(fr);
	pack_footer_release(&f);
	pack_close(p);
	return ret;
}

static const char *pack_path(const struct pack_id *id)
{
	return scratch(pack_hex(id).s);
}

static void test_what_is_written_is_read(void)
{
	static const struct plan large[] = {
		{ 4 << 20, 1, true }, { 3 << 20, 1, false }, { 256 << 10, 700, false },
		{ 1, 1, true },
	};
	static const enum pack_kind kinds[] = { PACK_DATA, PACK_META, PACK_MIXED };
	struct keys *k = own_keys();
	struct err err = ERR_INIT;
	struct index_pack p;

	for (size_t i = 0; i < 3; i++) {
		struct pack_id id;
		uint64_t size;
		struct pack *pack;
		REQUIRE(write_pack(k, kinds[i], i ? small : large, i ? SMALL_NR : 4,
				   PACK_SIZE_DEFAULT, false, &p, &err) == 0);
		CHECK(check_pack(pack_path(&p.id), k, i ? small : large, i ? SMALL_NR : 4,
				 &err) == 0);
		CHECK(pack_hash_file(pack_path(&p.id), &id, &size, &err) == 0);
		CHECK(pack_id_eq(&id, &p.id) && size == p.size && p.kind == kinds[i]);
		CHECK(pack_open(&pack, pack_path(&p.id), k, &err) == 0);
		CHECK(pack_kind(pack) == kinds[i] && pack_size(pack) == size);
		CHECK(pack_header_size(pack) == 193);
		pack_close(pack);
		CHECK(size % (size < PACK_SMALL_SIZE ? 4096 : 40960) == 0);
		CHECK(!i || size == 4096);
	}
	CHECK(err.code == 0);
	keys_close(k);
}

static void test_a_full_pack_has_exactly_its_size(void)
{
	static const struct plan plan = { 100 << 10, 1, true };
	uint64_t full_size = pack_full_size(8 << 20, 10), off;
	struct pack_pieces *pp = pack_pieces_new(4, PIECE);
	struct keys *k = own_keys();
	struct err err = ERR_INIT;
	struct index_pack p;
	struct pack_writer *w;
	unsigned int nr = 0;

	REQUIRE(pack_writer_open(&w, scratch("."), PACK_DATA, full_size, k, pp, &err) == 0);
	int ret;
	while ((ret = put_frame(w, k, &plan, nr, &off, &err)) == 0)
		nr++;
	CHECK(ret == 1 && nr > 60);
	CHECK(pack_writer_objects(w) == nr && pack_writer_used(w) < full_size);
	REQUIRE(finish(w, true, &p, &err) == 0);
	CHECK(p.size == full_size && p.objects == nr);
	struct plan *all = xcalloc(nr, sizeof(*all));
	for (unsigned int i = 0; i < nr; i++)
		all[i] = plan;
	CHECK(check_pack(pack_path(&p.id), k, all, nr, &err) == 0);
	sys_free(all);
	pack_pieces_free(pp);
	keys_close(k);
}

static void test_a_pack_of_many_objects_is_not_blown_up(void)
{
	static const struct plan plan = { 4096, 4096, false };
	struct pack_pieces *pp = pack_pieces_new(4, PIECE);
	struct keys *k = own_keys();
	struct err err = ERR_INIT;
	struct index_pack p;
	struct pack_writer *w;
	uint64_t off;
	int ret = 0;

	REQUIRE(pack_writer_open(&w, scratch("."), PACK_META, PACK_SIZE_DEFAULT, k, pp, &err) == 0);
	for (unsigned int i = 0; i < PACK_MAX_OBJECTS / 4096; i++)
		ret |= put_frame(w, k, &plan, i, &off, &err);
	CHECK(ret == 0 && put_frame(w, k, &plan, 99, &off, &err) == 1);
	REQUIRE(finish(w, true, &p, &err) == 0);
	CHECK(p.objects == PACK_MAX_OBJECTS && p.size < 2 << 20);
	pack_pieces_free(pp);
	keys_close(k);
}

static void test_one_frame_fits_any_pack(void)
{
	static const struct plan plan = { 3 << 20, 1, true };
	struct keys *k = own_keys();
	struct err err = ERR_INIT;
	struct index_pack p;

	REQUIRE(write_pack(k, PACK_DATA, &plan, 1, 40960, true, &p, &err) == 0);
	CHECK(p.size == pack_padded_size(p.size, 10) && p.size > 3 << 20);
	CHECK(check_pack(pack_path(&p.id), k, &plan, 1, &err) == 0);
	keys_close(k);
}

static void test_a_pack_of_nothing_can_be_read(void)
{
	struct keys *k = own_keys();
	struct err err = ERR_INIT;
	struct index_pack p;

	REQUIRE(write_pack(k, PACK_META, NULL, 0, PACK_SIZE_DEFAULT, false, &p, &err) == 0);
	CHECK(p.size == 4096 && p.objects == 0);
	CHECK(check_pack(pack_path(&p.id), k, NULL, 0, &err) == 0);
	keys_close(k);
}

/* -- workers -- */

struct work {
	struct pack_writer *w;
	const struct keys *k;
	unsigned int seed, turns;
	int ret;
};

static void *work(void *data)
{
	struct work *job = data;
	struct err err = ERR_INIT;
	uint64_t off;

	for (unsigned int i = 0; i < job->turns && job->ret == 0; i++) {
		struct plan plan = { 1 + (job->seed + i) * 7919 % 30000, 1 + i % 5, i % 2 };
		job->ret = put_frame(job->w, job->k, &plan, job->seed + i, &off, &err);
	}
	return NULL;
}

/* Few small pieces, so that workers wait for one another all the time.  Hangs if they wait in
 * a ring. */
static void run_workers(unsigned int nr_packs, unsigned int per_pack, unsigned int pieces,
			size_t piece_size)
{
	struct keys *k = own_keys();
	struct pack_pieces *pp = pack_pieces_new(pieces, piece_size);
	struct pack_writer *w[4];
	struct work jobs[16];
	pthread_t threads[16];
	struct err err = ERR_INIT;

	for (unsigned int i = 0; i < nr_packs; i++)
		REQUIRE(pack_writer_open(&w[i], scratch("."), PACK_META, PACK_SIZE_MAX, k, pp,
					 &err) == 0);
	unsigned int nr = nr_packs * per_pack;
	for (unsigned int i = 0; i < nr; i++) {
		jobs[i] = (struct work){ w[i % nr_packs], k, i * 1000, 60, 0 };
		REQUIRE(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
	}
	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(threads[i], NULL);
		CHECK(jobs[i].ret == 0);
	}
	for (unsigned int i = 0; i < nr_packs; i++) {
		struct index_pack p;
		struct pack_id id;
		uint64_t size;
		REQUIRE(finish(w[i], false, &p, &err) == 0);
		CHECK(pack_hash_file(pack_path(&p.id), &id, &size, &err) == 0);
		CHECK(pack_id_eq(&id, &p.id) && size == p.size);
		struct pack *pack;
		struct pack_footer f = PACK_FOOTER_INIT;
		struct frame_reader *fr = frame_reader_new(NULL);
		struct buf raw = BUF_INIT;
		REQUIRE(pack_open(&pack, pack_path(&p.id), k, &err) == 0);
		REQUIRE(pack_read_footer(pack, &f, &err) == 0);
		CHECK(f.nr_frames == 60 * per_pack);
		const struct frame_object *o = f.objects;
		for (size_t j = 0; j < f.nr_frames; j++) {
			struct oid oid;
			size_t at = 0;
			buf_reset(&raw);
			REQUIRE(pack_read_frame(pack, fr, f.frames[j].off,
						f.frames[j].sealed_size, &raw, &err) == 0);
			for (uint32_t n = 0; n < f.frames[j].nr_objects; n++, o++) {
				keys_object_id(k, (uint8_t)o->type, raw.data + at, o->size, oid.b);
				CHECK(oid_eq(&oid, &o->id));
				at += o->size;
			}
		}
		buf_release(&raw);
		frame_reader_free(fr);
		pack_footer_release(&f);
		pack_close(pack);
	}
	pack_pieces_free(pp);
	keys_close(k);
}

static void test_workers_seal_in_any_order(void)
{
	run_workers(1, 4, 8, 65536);
}

static void test_packs_share_few_pieces_without_waiting_in_a_ring(void)
{
	for (unsigned int pieces = 5; pieces < 8; pieces++)
		run_workers(4, 4, pieces, 4096);
}

/* -- failure -- */

static int count_one(const char *name, void *data, struct err *err)
{
	(void)err;
	*(int *)data += strncmp(name, FILE_TMP_PREFIX, strlen(FILE_TMP_PREFIX)) == 0;
	return 0;
}

static int leftovers(void)
{
	struct err err = ERR_INIT;
	int nr = 0;

	CHECK(file_each(scratch("."), count_one, &nr, &err) == 0);
	return nr;
}

static void test_a_cancelled_frame_gives_the_pack_up(void)
{
	static const struct plan plan = { 1000, 1, true };
	struct pack_pieces *pp = pack_pieces_new(2, PIECE);
	struct frame_object o = { .type = OBJ_BLOB, .size = 10 };
	struct keys *k = own_keys();
	struct err err = ERR_INIT, why = ERR_INIT;
	struct index_pack p;
	struct pack_writer *w;
	uint64_t off;

	REQUIRE(pack_writer_open(&w, scratch("."), PACK_DATA, 40960, k, pp, &err) == 0);
	CHECK(put_frame(w, k, &plan, 1, &off, &err) == 0);
	CHECK(pack_writer_reserve(w, 15, CODEC_RAW, 10, NULL, &o, 1, &off));
	err_set(&why, ERR_CORRUPT, "bad memory");
	pack_writer_cancel(w, &why);
	CHECK(finish(w, false, &p, &err) == ERR_CORRUPT);
	CHECK(strcmp(err.msg, "bad memory") == 0);
	CHECK(leftovers() == 0);

	REQUIRE(pack_writer_open(&w, scratch("."), PACK_DATA, 40960, k, pp, &err) == 0);
	CHECK(put_frame(w, k, &plan, 1, &off, &err) == 0);
	pack_writer_abort(w);
	CHECK(leftovers() == 0);
	pack_writer_abort(NULL);
	pack_pieces_free(pp);
	keys_close(k);
}

static void remove_packs(void)
{
	if (system("cd \"$UB_UNIT_SCRATCH\" && rm -f [0-9a-f]*[0-9a-f]") != 0)
		CHECK(!"rm");
}

static int count_pack(const char *name, void *data, struct err *err)
{
	struct pack_id id, found;
	uint64_t size;

	if (!pack_parse_hex(&id, name))
		return 0;
	CHECK(pack_hash_file(scratch(name), &found, &size, err) == 0 && pack_id_eq(&id, &found));
	++*(int *)data;
	return 0;
}

/* Break each call in turn: what has a pack's name is that pack, and success means it is there. */
static void test_a_broken_call_leaves_no_half_pack(void)
{
	static const char *const kinds[] = { "eio", "enospc", "short", "eintr" };
	struct keys *k = own_keys();

	setenv("UB_UNIT_SCRATCH", scratch("."), 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int ret = -1;
		bool is_past = false;
		for (int n = 1; !is_past && n < 200; n++) {
			struct err err = ERR_INIT;
			struct index_pack p;
			char spec[64];
			int nr = 0;
			remove_packs();
			snprintf(spec, sizeof(spec), "%s@%d", kinds[i], n);
			setenv("UB_TEST_FAULT", spec, 1);
			fault_setup();
			ret = write_pack(k, PACK_DATA, small, SMALL_NR, 40960, false, &p, &err);
			unsetenv("UB_TEST_FAULT");
			fault_setup();
			CHECK(ret == err.code);
			CHECK(leftovers() == 0);
			CHECK(file_each(scratch("."), count_pack, &nr, &err) == 0);
			CHECK(ret < 0 || nr == 1);
			if (ret == 0)
				CHECK(check_pack(pack_path(&p.id), k, small, SMALL_NR, &err) == 0);
			/* eintr and short writes are gone on with, so success proves nothing. */
			is_past = ret == 0 && (i < 2 || n > 40);
		}
		CHECK(ret == 0);
	}
	remove_packs();
	keys_close(k);
}

/* -- damage -- */

static bool is_refusal(int ret)
{
	return ret == ERR_CORRUPT || ret == ERR_FORMAT || ret == ERR_KEY;
}

/* A new file: to cut an old one short makes some file systems sync it. */
static void write_bytes(const char *path, const void *p, size_t n)
{
	remove(path);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
		abort();
}

/* Read all of what these bytes are as a pack. */
static int read_bytes(const struct keys *k, const void *p, size_t n, struct err *err)
{
	const char *path = scratch("bytes");

	write_bytes(path, p, n);
	return check_pack(path, k, small, SMALL_NR, err);
}

/* The small pack: its bytes, id and footer. */
static void small_pack(const struct keys *k, struct buf *bytes, struct pack_id *id,
		       struct pack_footer *f)
{
	struct err err = ERR_INIT;
	struct index_pack p;
	struct pack *pack;

	if (write_pack(k, PACK_META, small, SMALL_NR, 40960, false, &p, &err) < 0 ||
	    file_read(pack_path(&p.id), 1 << 20, bytes, &err) < 0 ||
	    pack_open(&pack, pack_path(&p.id), k, &err) < 0 ||
	    pack_read_footer(pack, f, &err) < 0)
		BUG("%s", err.msg);
	pack_close(pack);
	*id = p.id;
}

static void test_every_flipped_byte_is_found(void)
{
	struct keys *k = own_keys();
	struct buf b = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_id id, found;
	struct err err = ERR_INIT;

	small_pack(k, &b, &id, &f);
	const struct pack_frame *last = &f.frames[f.nr_frames - 1];
	size_t pad = last->off + last->sealed_size, pad_end = pad + f.padding;
	CHECK(read_bytes(k, b.data, b.len, &err) == 0);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= (unsigned char)(1u << i % 8);
		hash_bytes(found.b, b.data, b.len);
		CHECK(!pack_id_eq(&found, &id));
		if (i < pad || i >= pad_end) {
			int ret = read_bytes(k, b.data, b.len, &err);
			if (!is_refusal(ret))
				printf("# byte %zu: %d\n", i, ret);
			CHECK(is_refusal(ret));
		}
		b.data[i] ^= (unsigned char)(1u << i % 8);
	}
	pack_footer_release(&f);
	buf_release(&b);
	keys_close(k);
}

static void test_every_other_length_is_refused(void)
{
	struct keys *k = own_keys();
	struct buf b = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_id id;
	struct err err = ERR_INIT;

	small_pack(k, &b, &id, &f);
	for (size_t n = 0; n < b.len; n++)
		CHECK(read_bytes(k, b.data, n, &err) == ERR_CORRUPT);
	buf_put_zeros(&b, 4096);
	CHECK(read_bytes(k, b.data, b.len - 4095, &err) == ERR_CORRUPT);
	CHECK(read_bytes(k, b.data, b.len, &err) == ERR_CORRUPT);
	pack_footer_release(&f);
	buf_release(&b);
	keys_close(k);
}

static void test_zeroed_parts_are_refused(void)
{
	struct keys *k = own_keys();
	struct buf b = BUF_INIT, z = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_id id;
	struct err err = ERR_INIT;

	small_pack(k, &b, &id, &f);
	const struct pack_frame *last = &f.frames[f.nr_frames - 1];
	size_t pad = last->off + last->sealed_size, pad_end = pad + f.padding;
	for (size_t i = 0; i + 64 <= b.len; i += 32) {
		if (i >= pad && i + 64 <= pad_end)
			continue;
		buf_reset(&z);
		buf_put_buf(&z, &b);
		memset(z.data + i, 0, 64);
		CHECK(is_refusal(read_bytes(k, z.data, z.len, &err)));
	}
	pack_footer_release(&f);
	buf_release(&z);
	buf_release(&b);
	keys_close(k);
}

static void swap_ranges(unsigned char *p, unsigned char *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char t = p[i];
		p[i] = q[i];
		q[i] = t;
	}
}

static void test_swapped_parts_are_refused(void)
{
	struct keys *k = own_keys();
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT, g = PACK_FOOTER_INIT;
	struct pack_id id;
	struct err err = ERR_INIT;

	/* Two packs of the same frames: what is swapped fits to the byte. */
	small_pack(k, &a, &id, &f);
	small_pack(k, &b, &id, &g);
	REQUIRE(a.len == b.len && f.nr_frames == g.nr_frames);
	CHECK(f.frames[3].sealed_size == f.frames[4].sealed_size);
	swap_ranges(a.data + f.frames[3].off, a.data + f.frames[4].off, f.frames[3].sealed_size);
	CHECK(read_bytes(k, a.data, a.len, &err) == ERR_CORRUPT);
	swap_ranges(a.data + f.frames[3].off, a.data + f.frames[4].off, f.frames[3].sealed_size);
	CHECK(read_bytes(k, a.data, a.len, &err) == 0);

	for (size_t i = 0; i < f.nr_frames; i++) {
		size_t n = f.frames[i].sealed_size, off = f.frames[i].off;
		CHECK(off == g.frames[i].off && n == g.frames[i].sealed_size);
		swap_ranges(a.data + off, b.data + off, n);
		CHECK(read_bytes(k, a.data, a.len, &err) == ERR_CORRUPT);
		CHECK(read_bytes(k, b.data, b.len, &err) == ERR_CORRUPT);
		swap_ranges(a.data + off, b.data + off, n);
	}
	size_t header = f.frames[0].off;
	swap_ranges(a.data, b.data, header);
	CHECK(read_bytes(k, a.data, a.len, &err) == ERR_CORRUPT);
	swap_ranges(a.data, b.data, header);
	size_t trailer = a.len - PACK_TRAILER_SIZE;
	swap_ranges(a.data + trailer, b.data + trailer, PACK_TRAILER_SIZE);
	CHECK(read_bytes(k, a.data, a.len, &err) == ERR_CORRUPT);
	pack_footer_release(&f);
	pack_footer_release(&g);
	buf_release(&a);
	buf_release(&b);
	keys_close(k);
}

static void test_other_keys_open_nothing(void)
{
	struct keys *k = own_keys(), *other_repo = pack_keys(0x02, 7, 0x11);
	struct keys *other_epoch = pack_keys(0x01, 8, 0x11), *wrong = pack_keys(0x01, 7, 0x12);
	struct buf b = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_id id;
	struct err err = ERR_INIT;

	small_pack(k, &b, &id, &f);
	CHECK(read_bytes(other_repo, b.data, b.len, &err) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "another repository"));
	CHECK(read_bytes(other_epoch, b.data, b.len, &err) == ERR_KEY);
	CHECK(read_bytes(wrong, b.data, b.len, &err) == ERR_CORRUPT);
	CHECK(check_pack(scratch("no such pack"), k, NULL, 0, &err) == ERR_NOT_FOUND);
	uint64_t size;
	CHECK(pack_hash_file(scratch("no such pack"), &id, &size, &err) == ERR_NOT_FOUND);
	pack_footer_release(&f);
	buf_release(&b);
	keys_close(k);
	keys_close(other_repo);
	keys_close(other_epoch);
	keys_close(wrong);
}

static void test_later_formats_are_told_from_damage(void)
{
	struct keys *k = own_keys();
	struct buf b = BUF_INIT;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct pack_id id;
	struct err err = ERR_INIT;

	small_pack(k, &b, &id, &f);
	b.data[8] = 1;
	CHECK(read_bytes(k, b.data, b.len, &err) == ERR_FORMAT);
	b.data[8] = 0;
	b.data[9] = 1;
	CHECK(read_bytes(k, b.data, b.len, &err) == ERR_FORMAT);
	b.data[9] = 0;
	b.data[10] = 5;
	CHECK(read_bytes(k, b.data, b.len, &err) == ERR_CORRUPT);
	pack_footer_release(&f);
	buf_release(&b);
	keys_close(k);
}

/* -- by hand, from the manual -- */

/* A pack of one frame, whose sealed bytes are `payload`; what the footer says is given. */
static void hand_made(struct hand_pack *h, const struct keys *k, bool is_box, const void *payload,
		      size_t size, uint8_t codec, uint64_t raw_size, uint64_t object_size,
		      const struct buf *fields)
{
	struct buf f = BUF_INIT;
	unsigned char hash[32], id[32] = { 0xaa };

	hand_pack_header(h, k, PACK_DATA, is_box);
	size_t header_size = h->bytes.len;
	hash_bytes(hash, h->bytes.data, header_size);
	hand_pack_part(h, 1, payload, size);
	hand_pack_part(h, 2, NULL, 0);
	buf_put_u8(&f, 0);
	buf_put_u8(&f, 0);
	buf_put(&f, hash, 32);
	buf_put_varint(&f, 1);
	buf_put_varint(&f, size + SEAL_OVERHEAD);
	buf_put_u8(&f, codec);
	buf_put_varint(&f, raw_size);
	buf_put_varint(&f, 1);
	buf_put_u8(&f, OBJ_BLOB);
	buf_put(&f, id, 32);
	buf_put_varint(&f, object_size);
	buf_put_u32le(&f, SEAL_OVERHEAD);
	buf_put_buf(&f, fields);
	uint64_t footer_off = h->bytes.len;
	hand_pack_part(h, 3, f.data, f.len);
	hand_pack_trailer(h, header_size, footer_off, 1, 1);
	buf_release(&f);
}

/* Open it, read its footer and its frame. */
static int read_hand_made(const struct hand_pack *h, const struct keys *k, struct buf *raw,
			  struct err *err)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	struct frame_reader *fr = frame_reader_new(NULL);
	struct pack *p = NULL;
	const char *path = scratch("bytes");

	write_bytes(path, h->bytes.data, h->bytes.len);
	buf_reset(raw);
	int ret = pack_open(&p, path, k, err);
	if (ret == 0)
		ret = pack_read_footer(p, &f, err);
	if (ret == 0)
		ret = pack_read_frame(p, fr, f.frames[0].off, f.frames[0].sealed_size, raw, err);
	pack_footer_release(&f);
	frame_reader_free(fr);
	pack_close(p);
	return ret;
}

static void test_a_pack_made_from_the_manual_is_read(void)
{
	struct keys *k = own_keys();
	struct buf fields = BUF_INIT, raw = BUF_INIT;
	struct err err = ERR_INIT;

	buf_put_varint(&fields, 0);
	for (int is_box = 0; is_box < 2; is_box++) {
		struct hand_pack h = HAND_PACK_INIT;
		hand_made(&h, k, is_box, "\0\5\0\0\0hello", 10, 0, 5, 5, &fields);
		CHECK(read_hand_made(&h, k, &raw, &err) == 0);
		CHECK(raw.len == 5 && memcmp(raw.data, "hello", 5) == 0);
		hand_pack_release(&h);
	}
	buf_release(&fields);
	buf_release(&raw);
	keys_close(k);
}

static void test_genuine_but_malformed_parts_are_refused(void)
{
	static const struct {
		const char *payload;
		size_t size;
		uint8_t codec;
		uint64_t raw_size, object_size;
		int want;
	} t[] = {
		{ "\0\5\0\0\0hello", 10, 0, 5, 5, 0 },
		{ "\0\4\0\0\0hello", 10, 0, 5, 5, ERR_CORRUPT },	/* sizes disagree */
		{ "\0\6\0\0\0hello", 10, 0, 5, 5, ERR_CORRUPT },
		{ "\1\5\0\0\0hello", 10, 1, 5, 5, ERR_CORRUPT },	/* not zstd */
		{ "\1\0\0\0\2hello", 10, 1, 5, 5, ERR_CORRUPT },	/* 32 MiB */
		{ "\3\5\0\0\0hello", 10, 3, 5, 5, ERR_FORMAT },		/* a later codec */
		{ "\2\5\0\0\0hello", 10, 2, 5, 5, ERR_CORRUPT },	/* without a base */
		{ "\0\0\0", 3, 1, 5, 5, ERR_CORRUPT },			/* cut short */
		{ "\0\5\0\0\0hello", 10, 0, 6, 6, ERR_CORRUPT },	/* footer: raw size */
		{ "\0\5\0\0\0hello", 10, 0, 5, 4, ERR_CORRUPT },	/* objects do not fill it */
		{ "\0\5\0\0\0hello", 10, 0, 5, 6, ERR_CORRUPT },
		{ "\1\5\0\0\0hello", 10, 1, (16 << 20) + 1, (16 << 20) + 1, ERR_CORRUPT },
	};
	struct keys *k = own_keys();
	struct buf fields = BUF_INIT, raw = BUF_INIT;

	buf_put_varint(&fields, 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct hand_pack h = HAND_PACK_INIT;
		struct err err = ERR_INIT;
		hand_made(&h, k, false, t[i].payload, t[i].size, t[i].codec, t[i].raw_size,
			  t[i].object_size, &fields);
		int ret = read_hand_made(&h, k, &raw, &err);
		if (ret != t[i].want)
			printf("# %zu: %d, %s\n", i, ret, err.msg);
		CHECK(ret == t[i].want && (ret == 0 || raw.len == 0));
		hand_pack_release(&h);
	}
	buf_release(&fields);
	buf_release(&raw);
	keys_close(k);
}

static void test_unknown_fields_are_kept_unless_critical(void)
{
	static const struct { const char *bytes; size_t size; int want; } t[] = {
		{ "\1\5\3abc", 6, 0 },
		{ "\2\5\3abc\x7f\0", 8, 0 },
		{ "\1\x80\1\3abc", 7, ERR_FORMAT },
		{ "\1\5\4abc", 6, ERR_CORRUPT },
		{ "\1\5\3abcd", 7, ERR_CORRUPT },
		{ "\x81\0\5\3abc", 7, ERR_CORRUPT },	/* not the shortest form of 1 */
		{ "\2\5\3abc", 6, ERR_CORRUPT },
		{ "\2\5\0\4\0", 5, ERR_CORRUPT },	/* not rising */
		{ "\1\0\0", 3, ERR_CORRUPT },
	};
	struct keys *k = own_keys();
	struct buf raw = BUF_INIT;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct hand_pack h = HAND_PACK_INIT;
		struct buf fields = BUF_INIT;
		struct err err = ERR_INIT;
		buf_put(&fields, t[i].bytes, t[i].size);
		hand_made(&h, k, false, "\0\5\0\0\0hello", 10, 0, 5, 5, &fields);
		int ret = read_hand_made(&h, k, &raw, &err);
		if (ret != t[i].want)
			printf("# %zu: %d, %s\n", i, ret, err.msg);
		CHECK(ret == t[i].want);
		buf_release(&fields);
		hand_pack_release(&h);
	}
	buf_release(&raw);
	keys_close(k);
}

UNIT_MAIN(test_sizes_are_few_and_never_too_small, test_sizes_are_those_of_the_manual,
	  test_what_is_written_is_read, test_a_full_pack_has_exactly_its_size,
	  test_a_pack_of_many_objects_is_not_blown_up, test_one_frame_fits_any_pack,
	  test_a_pack_of_nothing_can_be_read,
	  test_workers_seal_in_any_order, test_packs_share_few_pieces_without_waiting_in_a_ring,
	  test_a_cancelled_frame_gives_the_pack_up, test_a_broken_call_leaves_no_half_pack,
	  test_every_flipped_byte_is_found, test_every_other_length_is_refused,
	  test_zeroed_parts_are_refused, test_swapped_parts_are_refused,
	  test_other_keys_open_nothing, test_later_formats_are_told_from_damage,
	  test_a_pack_made_from_the_manual_is_read, test_genuine_but_malformed_parts_are_refused,
	  test_unknown_fields_are_kept_unless_critical)
