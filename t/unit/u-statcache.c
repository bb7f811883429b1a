/* Files of the stat cache: what was put comes back, and what is damaged never does. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/sys.h"
#include "fs/statcache.h"
#include "t/unit/pack-keys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

#define SOURCE "/home/ann"

static struct keys *keys, *other_keys;

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
	keys = pack_keys(1, 1, 1);
	other_keys = pack_keys(2, 1, 2);
	memset(other_keys->ring.cache_secret.data, 7, KEY_SIZE);
}

static void put_entry(struct buf *out, unsigned int nr)
{
	unsigned char inline_data[8] = "content";
	char name[32];
	struct tree_entry e = {
		.type = ENTRY_FILE, .mode = 0644, .content = CONTENT_INLINE, .size = 7,
		.data = inline_data,
	};

	e.name_len = (size_t)snprintf(name, sizeof(name), "name-%06u", nr);
	e.name = (unsigned char *)name;
	tree_encode_entry(out, &e);
}

static void put_record(struct buf *out, unsigned int nr, unsigned int flags, uint64_t child)
{
	struct buf entry = BUF_INIT;

	put_entry(&entry, nr);
	struct statrecord r = {
		.flags = flags, .ino = nr * UINT64_C(0x100000001), .ctime_s = -(int64_t)nr,
		.ctime_ns = nr, .birth_s = INT64_MIN + nr, .birth_ns = 999999999, .child = child,
		.entry = entry.data, .entry_len = entry.len,
	};
	statrecord_put(out, &r);
	buf_release(&entry);
}

static void check_record(const unsigned char *p, size_t n, unsigned int nr, unsigned int flags,
			 uint64_t child)
{
	struct buf entry = BUF_INIT;
	struct statrecord r;
	struct statentry s;

	put_entry(&entry, nr);
	REQUIRE(statrecord_parse(p, n, &r));
	CHECK(r.flags == flags && r.ino == nr * UINT64_C(0x100000001));
	CHECK(r.ctime_s == -(int64_t)nr && r.ctime_ns == nr);
	CHECK(!(flags & STATRECORD_BIRTH) || r.birth_s == INT64_MIN + (int64_t)nr);
	CHECK(r.child == (flags & STATRECORD_CHILD ? child : STATCACHE_NONE));
	CHECK(r.entry_len == entry.len && memcmp(r.entry, entry.data, entry.len) == 0);
	CHECK(statentry_peek(r.entry, r.entry_len, &s) && s.type == ENTRY_FILE && s.size == 7);
	CHECK(s.name_len == 11 && !s.has_mtime);
	buf_release(&entry);
}

static void test_a_record_is_read_as_it_was_written(void)
{
	for (unsigned int flags = 0; flags < 8; flags++) {
		struct buf b = BUF_INIT;
		put_record(&b, 300, flags, 77);
		CHECK(b.len < 129 && b.data[0] == b.len - 1);
		check_record(b.data + 1, b.len - 1, 300, flags, 77);
		struct statrecord r;
		for (size_t n = 0; n < 15; n++)
			CHECK(!statrecord_parse(b.data + 1, n, &r));
		buf_release(&b);
	}
}

/* A folder of `parts` segments of `nr` records each, below a root record. */
static void write_cache(const char *path, const char *source, unsigned int parts, unsigned int nr)
{
	struct statwriter *w;
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT, table = BUF_INIT;
	uint64_t off, where;

	buf_init_max(&b, SIZE_MAX);
	REQUIRE(statwriter_open(&w, path, keys, source, &err) == 0);
	buf_put_varint(&table, parts);
	for (unsigned int i = 0; i < parts; i++) {
		buf_reset(&b);
		for (unsigned int k = 0; k < nr; k++)
			put_record(&b, i * nr + k, STATRECORD_CLEAN, 0);
		buf_put_u8(&b, 0);
		CHECK(statwriter_put(w, b.data, b.len, &off, &err) == 0);
		buf_put_u64le(&table, off);
	}
	where = off << 1;
	if (parts > 1) {
		CHECK(statwriter_put(w, table.data, table.len, &off, &err) == 0);
		where = off << 1 | 1;
	}
	buf_reset(&b);
	put_record(&b, 1, STATRECORD_CHILD | STATRECORD_BIRTH, where);
	buf_put_u8(&b, 0);
	CHECK(statwriter_put(w, b.data, b.len, &off, &err) == 0);
	CHECK(statwriter_end(w, off << 1, &err) == 0);
	struct statcache *c = NULL;
	CHECK(statwriter_reader(w, &c, &err) == 0 && statcache_root(c) == off << 1);
	statcache_close(c);
	CHECK(statwriter_commit(w, &err) == 0);
	statwriter_free(w);
	buf_release(&b);
	buf_release(&table);
}

/* How many records are found below the root; -1: the cache knows that it is damaged. */
static long read_cache(const char *path, const char *source, const struct keys *k, bool checks)
{
	struct statcursor cur = STATCURSOR_INIT;
	struct statcache *c = NULL;
	struct err err = ERR_INIT;
	struct statrecord root;
	const unsigned char *p;
	long nr = 0;
	size_t n;
	int ret;

	if (statcache_open(&c, path, k, source, &err) < 0)
		return -1;
	ret = statcursor_open(&cur, c, statcache_root(c), &err);
	if (ret == 0)
		ret = statcursor_next(&cur, &p, &n, &err);
	if (ret == 1 && statrecord_parse(p, n, &root)) {
		uint64_t child = root.child;
		statcursor_release(&cur);
		ret = statcursor_open(&cur, c, child, &err);
		while (ret == 0 && (ret = statcursor_next(&cur, &p, &n, &err)) == 1) {
			if (checks)
				check_record(p, n, (unsigned int)nr, STATRECORD_CLEAN, 0);
			nr++;
			ret = 0;
		}
	}
	statcursor_release(&cur);
	statcache_close(c);
	return ret < 0 ? -1 : nr;
}

static void test_segments_and_tables_come_back(void)
{
	const char *path = scratch("cache");

	write_cache(path, SOURCE, 1, 0);
	CHECK(read_cache(path, SOURCE, keys, true) == 0);
	write_cache(path, SOURCE, 1, 1);
	CHECK(read_cache(path, SOURCE, keys, true) == 1);
	write_cache(path, SOURCE, 1, 5000);
	CHECK(read_cache(path, SOURCE, keys, true) == 5000);
	write_cache(path, SOURCE, 40, 500);
	CHECK(read_cache(path, SOURCE, keys, true) == 20000);
}

static void test_another_source_and_other_keys_know_nothing(void)
{
	const char *path = scratch("cache");
	struct statcache *c;
	struct err err = ERR_INIT;

	write_cache(path, SOURCE, 1, 3);
	CHECK(statcache_open(&c, path, keys, "/home/bob", &err) == ERR_CORRUPT);
	CHECK(statcache_open(&c, path, keys, "/home/an", &err) == ERR_CORRUPT);
	CHECK(statcache_open(&c, path, other_keys, SOURCE, &err) == ERR_CORRUPT);
	CHECK(statcache_open(&c, scratch("none"), keys, SOURCE, &err) == ERR_NOT_FOUND);
	CHECK(read_cache(path, SOURCE, keys, true) == 3);
}

static void copy(const char *from, const char *to, size_t n, size_t flip)
{
	static unsigned char room[4 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t got = read(in, room, n < sizeof(room) ? n : sizeof(room));

	if (flip < (size_t)got)
		room[flip] ^= 0x10;
	if (got < 0 || write(out, room, (size_t)got) != got)
		abort();
	close(in);
	close(out);
}

static void test_no_flipped_bit_gives_another_record(void)
{
	const char *path = scratch("cache");
	struct stat st;

	write_cache(path, SOURCE, 3, 700);
	REQUIRE(stat(path, &st) == 0);
	for (size_t at = 0; at < (size_t)st.st_size; at += at < 200 ? 1 : 997) {
		const char *bad = scratch("bad");
		copy(path, bad, SIZE_MAX, at);
		long nr = read_cache(bad, SOURCE, keys, true);
		/* What is reserved in the header says nothing. */
		CHECK(nr == -1 || ((at >= 12 && at < 16) || (at >= 48 && at < 64)));
	}
}

static void test_a_file_cut_short_is_damaged(void)
{
	const char *path = scratch("cache");
	struct stat st;

	write_cache(path, SOURCE, 1, 50);
	REQUIRE(stat(path, &st) == 0);
	for (size_t n = 0; n < (size_t)st.st_size; n += 7) {
		const char *bad = scratch("bad");
		copy(path, bad, n, SIZE_MAX);
		CHECK(read_cache(bad, SOURCE, keys, false) == -1);
	}
}

/* A folder or a link in its place is no cache, and nothing waits for what a fifo may give. */
static void test_what_is_no_file_is_no_cache(void)
{
	struct statcache *c;
	struct err err = ERR_INIT;

	mkdir(scratch("folder"), 0700);
	CHECK(statcache_open(&c, scratch("folder"), keys, SOURCE, &err) < 0);
	err_clear(&err);
	REQUIRE(symlink("cache", scratch("a-link")) == 0);
	CHECK(statcache_open(&c, scratch("a-link"), keys, SOURCE, &err) < 0);
}

static void test_nothing_is_below_nowhere(void)
{
	struct statcursor cur = STATCURSOR_INIT;
	struct err err = ERR_INIT;
	const unsigned char *p;
	size_t n;

	CHECK(statcursor_open(&cur, NULL, 12, &err) == 0);
	CHECK(statcursor_next(&cur, &p, &n, &err) == 0);
	statcursor_release(&cur);
}

static void test_the_last_gives_the_keys_back(void)
{
	keys_close(keys);
	keys_close(other_keys);
}

UNIT_MAIN(test_crypto_starts, test_a_record_is_read_as_it_was_written,
	  test_segments_and_tables_come_back, test_another_source_and_other_keys_know_nothing,
	  test_no_flipped_bit_gives_another_record, test_a_file_cut_short_is_damaged,
	  test_what_is_no_file_is_no_cache, test_nothing_is_below_nowhere,
	  test_the_last_gives_the_keys_back)
