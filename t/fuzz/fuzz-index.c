/*
 * The index's files, from hostile hands.
 *
 * First byte 0: the rest is `current`; 1: the same, given a right sum.  Else: edits to a sound
 * run (offset u24, size u8 of which 4 bits count, bytes), whose pages then get right sums, so
 * that what stands behind the sums is reached.  Nothing may crash, hang or break a promise.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/index-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 300, PACKS = 5 };

static const unsigned char repo[32] = { 5 };
static char dir[64];
static struct buf sound;
static struct run_ref sound_ref;

static void id_of(uint64_t nr, unsigned char id[32])
{
	hash_bytes(id, &nr, sizeof(nr));
}

static int cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static void clean_up(void)
{
	rmdir(dir);
}

static void must(int ret)
{
	if (ret < 0)
		abort();
}

static void make_sound_run(void)
{
	static unsigned char ids[ROWS][32], packs[PACKS][32];
	struct run_writer w = RUN_WRITER_INIT;
	struct err err = ERR_INIT;

	snprintf(dir, sizeof(dir), "/tmp/fuzz-index-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	atexit(clean_up);
	for (uint64_t i = 0; i < ROWS; i++)
		id_of(i, ids[i]);
	for (uint64_t i = 0; i < PACKS; i++)
		id_of(i + 1000, packs[i]);
	qsort(ids, ROWS, 32, cmp_id);
	qsort(packs, PACKS, 32, cmp_id);
	must(run_writer_begin(&w, dir, repo, ROWS, &err));
	for (int i = 0; i < PACKS; i++) {
		struct index_pack p = { .kind = PACK_DATA, .size = 1 << 20, .objects = 60 };
		unsigned char entry[RUN_PACK_SIZE];
		memcpy(p.id.b, packs[i], 32);
		run_pack_encode(entry, &p);
		must(run_writer_pack(&w, entry, &err));
	}
	for (uint32_t i = 0; i < ROWS; i++) {
		struct run_row row = { i % PACKS, i * 100, 100, i, i + 1, OBJ_BLOB };
		unsigned char p[RUN_ROW_SIZE];
		memcpy(p, ids[i], RUN_KEY_SIZE);
		run_row_encode(p + RUN_KEY_SIZE, &row);
		must(run_writer_row(&w, p, &err));
	}
	must(run_writer_finish(&w, &err));
	sound = (struct buf)BUF_INIT;
	must(file_read(w.file.tmp, (size_t)1 << 20, &sound, &err));
	sound_ref = run_writer_ref(&w);
	sound_ref.sum = UINT64_MAX;
	run_writer_release(&w);
}

static void try_current(const uint8_t *data, size_t size, bool with_sum)
{
	struct current c = CURRENT_INIT;
	struct buf in = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	buf_put(&in, data, size);
	if (with_sum)
		buf_put_u64le(&in, hash_sum64(in.data ? in.data : repo, in.len));
	int ret = current_parse(&c, in.data, in.len, repo, "current", &err);
	if (ret == 0) {
		current_encode(&again, &c, repo);
		if (buf_cmp(&again, &in) != 0)
			abort();
	} else if (ret != ERR_CORRUPT && ret != ERR_FORMAT) {
		abort();
	}
	current_release(&c);
	buf_release(&in);
	buf_release(&again);
}

static void use_run(struct run *r)
{
	struct run *both[2] = { r, r };
	struct run_writer w = RUN_WRITER_INIT;
	struct err err = ERR_INIT;
	struct run_row row;
	struct index_loc loc;
	unsigned char id[32];
	uint64_t row_nr;
	int ret;

	for (uint64_t i = 0; i < ROWS * 2; i += 3) {
		id_of(i, id);
		ret = run_find(r, id, filter_top(id), &row, &row_nr, &err);
		if (ret == 1 && row_nr >= r->shape.rows)
			abort();
		if (ret == 1)
			ret = run_row_to_loc(r, &row, &loc, &err);
		if (ret < 0 && ret != ERR_CORRUPT)
			abort();
	}
	id_of(1002, id);
	ret = run_find_pack(r, (const struct pack_id *)(const void *)id, &err);
	if (ret < 0 && ret != ERR_CORRUPT)
		abort();
	ret = run_check(r, &err);
	if (ret < 0 && ret != ERR_CORRUPT)
		abort();
	if (r->shape.rows < 10000 && r->shape.packs < 10000) {
		ret = run_writer_begin(&w, dir, repo, 2 * r->shape.rows, &err);
		if (ret == 0)
			ret = run_merge_into(&w, both, 2, &err);
		if (ret < 0 && ret != ERR_CORRUPT)
			abort();
		run_writer_release(&w);
	}
}

static void try_run(const uint8_t *data, size_t size)
{
	struct buf file = BUF_INIT;
	struct run *r = NULL;
	struct err err = ERR_INIT;
	struct reader in;
	char *path = xasprintf("%s/run", dir);

	buf_put_buf(&file, &sound);
	reader_init(&in, data, size);
	while (reader_left(&in) > 4) {
		size_t off = reader_u16le(&in);
		off = (off | (size_t)reader_u8(&in) << 16) % file.len;
		size_t n = reader_u8(&in) & 15;
		const unsigned char *p = reader_bytes(&in, n);
		if (p && n <= file.len - off)
			memcpy(file.data + off, p, n);
	}
	for (size_t i = 0; i < file.len / RUN_PAGE; i++)
		run_page_seal(file.data + i * RUN_PAGE, sound_ref.id, i);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len)
		abort();
	close(fd);
	int ret = run_open(&r, path, &sound_ref, repo, &err);
	if (ret == 0) {
		if (size % 2)
			run_keep(r, RUN_LINES);
		use_run(r);
	} else if (ret != ERR_CORRUPT && ret != ERR_FORMAT) {
		abort();
	}
	run_put(r);
	unlink(path);
	sys_free(path);
	buf_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (!dir[0])
		make_sound_run();
	if (data[0] < 2)
		try_current(data + 1, size - 1, data[0] == 1);
	else
		try_run(data + 1, size - 1);
	return 0;
}
