/*
 * The catalogue, from hands that have its key: what SQLite finds in its pages is hostile.
 *
 * The input is edits to a sound database (offset u24, size u8 of which 4 bits count, bytes), whose
 * blocks are then sealed again.  Nothing may crash, hang or break a promise.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "lib/db.h"
#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/catalogue.h"
#include "t/unit/pack-keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 64
#define STRIDE (DB_BLOCK_SIZE + DB_SEAL_OVERHEAD)

static char dir[64], path[96], lock[112], journal[112];
static struct keys *keys;
static struct secret key;
static struct buf sound, plain;

static void must(int ret)
{
	if (ret < 0)
		abort();
}

static void clean_up(void)
{
	unlink(path);
	unlink(lock);
	unlink(journal);
	rmdir(dir);
}

static void fill(struct catalogue *c)
{
	struct catalogue_fact f = { .kind = CATALOGUE_ADDED, .type = 1, .size = 5 };
	struct buf names = BUF_INIT, facts = BUF_INIT;
	struct err err = ERR_INIT;
	int64_t sub;

	must(catalogue_begin(c, &err));
	for (unsigned char i = 1; i < 4; i++) {
		struct catalogue_commit k = { .device = i & 1 ? "a" : "b", .message = "m" };
		memset(k.id.b, i, OID_SIZE);
		must(catalogue_add_commit(c, &k, &err));
		must(catalogue_add_dir(c, i, "dir", 3, &sub, &err));
		buf_put(&names, "name", 5);
		catalogue_put_fact(&facts, &f);
		must(catalogue_add_batch(c, sub, k.nr, i, &names, &facts, &err));
		struct catalogue_run run = { .what = "commit", .message = "why",
					     .has_commit = i & 1 };
		struct catalogue_pack pack = { .kind = PACK_DATA, .size = i };
		memset(pack.id.b, i, sizeof(pack.id.b));
		must(catalogue_add_run(c, &run, &err));
		must(catalogue_add_pack(c, &pack, &err));
	}
	must(catalogue_commit(c, &err));
	buf_release(&names);
	buf_release(&facts);
}

static void block_ad(unsigned char ad[DB_AD_SIZE], uint64_t nr)
{
	memcpy(ad, sound.data + 16, DB_SALT_SIZE);
	put_u64le(ad + DB_SALT_SIZE, nr);
}

static void make_sound(void)
{
	struct catalogue *c = NULL;
	struct err err = ERR_INIT;
	unsigned char ad[DB_AD_SIZE];

	must(crypto_start(&err));
	snprintf(dir, sizeof(dir), "/tmp/fuzz-catalogue-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/c", dir);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	atexit(clean_up);
	keys = pack_keys(1, 1, 1);
	keys_cache_key(keys, KEY_USE_CATALOGUE, &key);
	must(catalogue_open(&c, path, keys, CATALOGUE_WRITE, 0, &err));
	fill(c);
	catalogue_close(c);
	sound = plain = (struct buf)BUF_INIT;
	must(file_read(path, (size_t)4 << 20, &sound, &err));
	for (uint64_t i = 0; HEADER + (i + 1) * STRIDE <= sound.len; i++) {
		block_ad(ad, i);
		must(unseal(buf_extend(&plain, DB_BLOCK_SIZE), key.data, ad, sizeof(ad),
			    sound.data + HEADER + i * STRIDE, STRIDE, &err));
	}
}

static void write_edited(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	unsigned char ad[DB_AD_SIZE];
	struct reader in;

	buf_put_buf(&b, &plain);
	reader_init(&in, data, size);
	while (reader_left(&in) > 4) {
		size_t off = reader_u16le(&in);
		off = (off | (size_t)reader_u8(&in) << 16) % b.len;
		size_t n = reader_u8(&in) & 15;
		const unsigned char *p = reader_bytes(&in, n);
		if (p && n <= b.len - off)
			memcpy(b.data + off, p, n);
	}
	buf_put(&out, sound.data, HEADER);
	for (uint64_t i = 0; i < b.len / DB_BLOCK_SIZE; i++) {
		block_ad(ad, i);
		seal(buf_extend(&out, STRIDE), key.data, ad, sizeof(ad),
		     b.data + i * DB_BLOCK_SIZE, DB_BLOCK_SIZE);
	}
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, out.data, out.len) != (ssize_t)out.len)
		abort();
	close(fd);
	buf_release(&b);
	buf_release(&out);
}

static int see_batch(const struct catalogue_batch *b, void *data, struct err *err)
{
	struct catalogue_fact *facts = NULL;
	struct buf dir_path = BUF_INIT;
	struct err ignored = ERR_INIT;

	(void)err;
	if (catalogue_facts(data, b, &facts, &ignored) == 0)
		sys_free(facts);
	catalogue_dir_path(data, b->dir, &dir_path, &ignored);
	buf_release(&dir_path);
	return 0;
}

static int see_row(struct catalogue_row *r, void *data, struct err *err)
{
	struct catalogue_batch b;
	int ret;

	while ((ret = catalogue_next_batch(r, &b, err)) == 1)
		see_batch(&b, data, err);
	return ret;
}

static int see_commit(const struct catalogue_commit *k, void *data, struct err *err)
{
	(void)data;
	(void)err;
	return strlen(k->device) + strlen(k->message) > (size_t)1 << 30;
}

static int see_run(const struct catalogue_run *r, void *data, struct err *err)
{
	(void)data;
	(void)err;
	return strlen(r->what) + strlen(r->message) > (size_t)1 << 30;
}

static int see_pack(const struct catalogue_pack *p, void *data, struct err *err)
{
	(void)data;
	(void)err;
	return p->id.b[0] == 1 && p->id.b[1] == 2 && p->id.b[2] == 3;
}

static void use(struct catalogue *c)
{
	struct catalogue_commit k;
	struct err err = ERR_INIT;
	struct oid id;
	int64_t found;

	catalogue_each_row(c, see_row, c, &err);
	catalogue_each_batch_in(c, 1, see_batch, c, &err);
	catalogue_each_batch_of(c, 2, see_batch, c, &err);
	catalogue_each_commit(c, see_commit, NULL, &err);
	catalogue_commit_by_nr(c, 2, &k, &err);
	memset(id.b, 2, OID_SIZE);
	catalogue_commit_by_id(c, &id, &k, &err);
	catalogue_line_end(c, "a", &k, &err);
	catalogue_dir_find(c, "dir/dir", 7, &found, &err);
	catalogue_each_run(c, see_run, NULL, &err);
	catalogue_each_pack(c, see_pack, NULL, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalogue *c = NULL;
	struct err err = ERR_INIT;

	if (!dir[0])
		make_sound();
	write_edited(data, size);
	if (catalogue_open(&c, path, keys, 0, 0, &err) == 0)
		use(c);
	catalogue_close(c);
	return 0;
}
