/* What a file carries, read from a real one: t2000 compares the rest with the disk. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "lib/sys.h"
#include "fs/attr.h"
#include "t/unit/fake-objects.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static struct fake_objects objects;
static unsigned int problems;

static void problem(const char *op, int error, const char *text, void *data)
{
	(void)data;
	problems++;
	printf("# %s: %d: %s\n", op, error, text);
}

static void test_crypto_starts(void)
{
	struct err err = ERR_INIT;

	CHECK(crypto_start(&err) == 0);
}

/* The value of an attribute of an entry, or NULL. */
static const unsigned char *find(const struct tree_entry *e, uint64_t want, size_t *len)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len;
	struct err err = ERR_INIT;
	uint64_t tag, last = 0;

	while (attr_next(&p, &left, &tag, &val, len, &err) == 1) {
		CHECK(tag > last);
		last = tag;
		if (tag == want)
			return val;
	}
	return NULL;
}

/* Read the attributes of SCRATCH/name, and see that trees take them. */
static void read_one(struct attr_reader *r, const char *name, const struct buf *holes,
		     struct tree_entry *e)
{
	struct err err = ERR_INIT;
	struct file_stat st;
	struct buf raw = BUF_INIT;
	int dir = open(scratch("."), O_RDONLY | O_DIRECTORY), fd = -1;

	memset(e, 0, sizeof(*e));
	REQUIRE(file_stat_at(dir, name, &st) == 0);
	if (st.type == ENTRY_FILE || st.type == ENTRY_DIR)
		fd = openat(dir, name, O_RDONLY);
	e->name = (const unsigned char *)name;
	e->name_len = strlen(name);
	e->type = st.type;
	if (st.type == ENTRY_DIR)
		e->content = CONTENT_TREE;
	problems = 0;
	CHECK(attr_read(r, dir, name, fd, &st, holes, e, problem, NULL, &err) == 0);
	if (holes)
		e->size = UINT64_C(1) << 40;
	tree_encode_entry(&raw, e);
	struct tree_entry back;
	if (!holes)
		CHECK(tree_decode_entry(raw.data, raw.len, &back, &err) == 1);
	buf_release(&raw);
	close(dir);
	if (fd >= 0)
		close(fd);
}

static void test_types_modes_and_targets(void)
{
	struct object_sink sink = fake_sink(&objects);
	struct attr_reader *r = attr_reader_new(&sink);
	struct tree_entry e;
	size_t n;

	REQUIRE(close(creat(scratch("file"), 0600)) == 0);
	REQUIRE(chmod(scratch("file"), 04751) == 0);
	read_one(r, "file", NULL, &e);
	CHECK(e.mode == 04751 && find(&e, ATTR_MTIME, &n) && find(&e, ATTR_UID, &n));
	CHECK(!find(&e, ATTR_TARGET, &n) && !find(&e, ATTR_DEVICE, &n));
	REQUIRE(symlink("where/to", scratch("link")) == 0);
	read_one(r, "link", NULL, &e);
	const unsigned char *p = find(&e, ATTR_TARGET, &n);
	CHECK(p && n == 8 && memcmp(p, "where/to", 8) == 0 && e.size == 8);
	REQUIRE(mkfifo(scratch("fifo"), 0640) == 0);
	read_one(r, "fifo", NULL, &e);
	CHECK(e.type == ENTRY_FIFO && e.mode == 0640);
	mkdir(scratch("dir"), 0711);
	read_one(r, "dir", NULL, &e);
	CHECK(e.type == ENTRY_DIR && e.mode == 0711);
	if (mknod(scratch("char"), S_IFCHR | 0600, 0x103) == 0) {
		read_one(r, "char", NULL, &e);
		CHECK(e.type == ENTRY_CHAR && find(&e, ATTR_DEVICE, &n));
	}
	CHECK(problems == 0);
	attr_reader_free(r);
}

static void test_times_before_1970_have_their_nanoseconds(void)
{
	struct object_sink sink = fake_sink(&objects);
	struct attr_reader *r = attr_reader_new(&sink);
	struct timespec times[2] = { { -7, 999999999 }, { -7, 999999999 } };
	struct tree_entry e;
	int64_t s = 0;
	uint32_t ns = 0;

	REQUIRE(utimensat(AT_FDCWD, scratch("file"), times, 0) == 0);
	read_one(r, "file", NULL, &e);
	CHECK(tree_entry_mtime(&e, &s, &ns) && s == -7 && ns == 999999999);
	attr_reader_free(r);
}

/* Where the file system has none the test says nothing. */
static void test_many_xattrs_are_an_object_of_their_own(void)
{
	struct object_sink sink = fake_sink(&objects);
	struct attr_reader *r = attr_reader_new(&sink);
	struct tree_entry e;
	size_t n;
	char value[1000];

	memset(value, 'v', sizeof(value));
	if (setxattr(scratch("file"), "user.b", "", 0, 0) == 0) {
		REQUIRE(setxattr(scratch("file"), "user.a", value, 10, 0) == 0);
		read_one(r, "file", NULL, &e);
		CHECK(find(&e, ATTR_XATTRS, &n) && !find(&e, ATTR_XATTRS_ID, &n));
		/* Together more than XATTRS_INLINE_MAX, on a file system that takes as much. */
		for (int i = 0; i < 5; i++) {
			char name[16];
			snprintf(name, sizeof(name), "user.%d", i);
			if (setxattr(scratch("file"), name, value, sizeof(value), 0) < 0)
				goto done;
		}
		objects.puts = 0;
		read_one(r, "file", NULL, &e);
		CHECK(!find(&e, ATTR_XATTRS, &n) && find(&e, ATTR_XATTRS_ID, &n));
		CHECK(objects.puts == 1 && problems == 0);
	}
done:
	attr_reader_free(r);
}

static void test_many_holes_are_an_object_of_their_own(void)
{
	struct object_sink sink = fake_sink(&objects);
	struct attr_reader *r = attr_reader_new(&sink);
	struct buf holes = BUF_INIT;
	struct tree_entry e;
	size_t n;

	for (unsigned int i = 0; i < HOLES_INLINE_MAX; i++)
		hole_put(&holes, 4096, 4096);
	read_one(r, "file", &holes, &e);
	CHECK(find(&e, ATTR_HOLES, &n) && !find(&e, ATTR_HOLES_ID, &n));
	hole_put(&holes, 4096, 4096);
	read_one(r, "file", &holes, &e);
	CHECK(!find(&e, ATTR_HOLES, &n) && find(&e, ATTR_HOLES_ID, &n));
	buf_release(&holes);
	attr_reader_free(r);
}

static void check_holes(const char *name, uint64_t size, size_t want)
{
	struct buf map = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t end = 0;
	size_t nr = 0;
	int fd = open(scratch(name), O_RDWR | O_CREAT, 0600);

	REQUIRE(fd >= 0 && lseek(fd, 5, SEEK_SET) == 5);
	CHECK(holes_read(fd, size, &map) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 0);
	if (map.len > 0)
		CHECK(holes_check(map.data, map.len, &nr, &end, &err) == 0 && end <= size);
	CHECK(nr == want);
	buf_release(&map);
	close(fd);
}

static void test_maps_of_holes(void)
{
	int fd = open(scratch("sparse"), O_RDWR | O_CREAT, 0600);

	REQUIRE(fd >= 0);
	check_holes("sparse", 0, 0);
	REQUIRE(ftruncate(fd, 1 << 20) == 0);
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_blocks == 0) {
		check_holes("sparse", 1 << 20, 1);
		check_holes("sparse", 1 << 19, 1);	/* it grew meanwhile */
		REQUIRE(pwrite(fd, "x", 1, 512 << 10) == 1);
		check_holes("sparse", 1 << 20, 2);
		check_holes("sparse", 2 << 20, 2);	/* or shrank */
		REQUIRE(pwrite(fd, "x", 1, 0) == 1 && pwrite(fd, "x", 1, (1 << 20) - 1) == 1);
		check_holes("sparse", 1 << 20, 2);
	}
	close(fd);
}

static void test_what_is_not_there_is_not_looked_at(void)
{
	struct file_stat st;
	int dir = open(scratch("."), O_RDONLY | O_DIRECTORY);

	CHECK(file_stat_at(dir, "nowhere", &st) == -1);
	CHECK(file_stat_at(dir, "", &st) == 0 && st.type == ENTRY_DIR);
	close(dir);
	fake_release(&objects);
}

UNIT_MAIN(test_crypto_starts, test_types_modes_and_targets,
	  test_times_before_1970_have_their_nanoseconds,
	  test_many_xattrs_are_an_object_of_their_own,
	  test_many_holes_are_an_object_of_their_own, test_maps_of_holes,
	  test_what_is_not_there_is_not_looked_at)
