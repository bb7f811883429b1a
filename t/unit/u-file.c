#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static int count_one(const char *name, void *data, struct err *err)
{
	(void)name;
	(void)err;
	++*(int *)data;
	return 0;
}

static int entries(const char *dir)
{
	struct err err = ERR_INIT;
	int n = 0;

	CHECK(file_each(dir, count_one, &n, &err) == 0);
	return n;
}

static const char *fresh_dir(const char *name)
{
	const char *dir = scratch(name);

	if (mkdir(dir, 0700) < 0)
		abort();
	return dir;
}

static void test_a_file_is_written_whole_and_read_back(void)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	const char *dir = fresh_dir("whole"), *path = scratch("whole/f");
	struct stat st;

	CHECK(file_write(path, "old", 3, 0, 0600, &err) == 0);
	CHECK(file_write(path, "newer", 5, 0, 0600, &err) == 0);
	CHECK(entries(dir) == 1);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	buf_put_str(&b, "kept:");
	CHECK(file_read(path, 5, &b, &err) == 0);
	CHECK(strcmp(buf_str(&b), "kept:newer") == 0);
	CHECK(file_write(scratch("whole/empty"), NULL, 0, 0, 0600, &err) == 0);
	buf_reset(&b);
	CHECK(file_read(scratch("whole/empty"), 0, &b, &err) == 0 && b.len == 0);
	buf_release(&b);
}

static void test_reading_is_bounded(void)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT, small;
	const char *path = scratch("bounded");

	CHECK(file_write(path, "12345", 5, 0, 0600, &err) == 0);
	CHECK(file_read(path, 4, &b, &err) == ERR_CORRUPT);
	CHECK(b.len == 0 && strstr(err.msg, "larger than 4 bytes"));
	CHECK(file_read("/dev/zero", 100000, &b, &err) == ERR_CORRUPT && b.len == 0);
	buf_init_max(&small, 3);
	CHECK(file_read(path, 5, &small, &err) == ERR_NOMEM);
	CHECK(file_read(scratch("absent"), 5, &b, &err) == ERR_NOT_FOUND);
	CHECK(file_read(scratch("bounded/x"), 5, &b, &err) == ERR_NOT_FOUND);
	CHECK(file_read(scratch(""), 5, &b, &err) == ERR_SYS && err.sys_errno == EISDIR);
	buf_release(&b);
	buf_release(&small);
}

static void test_a_taken_name_can_be_refused(void)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	const char *dir = fresh_dir("taken"), *path = scratch("taken/f");

	CHECK(file_write(path, "one", 3, FILE_NO_REPLACE, 0600, &err) == 0);
	CHECK(file_write(path, "two", 3, FILE_NO_REPLACE, 0600, &err) == ERR_REFUSED);
	CHECK(file_read(path, 3, &b, &err) == 0 && strcmp(buf_str(&b), "one") == 0);
	CHECK(entries(dir) == 1);
	buf_release(&b);
}

static void test_what_is_not_committed_leaves_nothing(void)
{
	struct err err = ERR_INIT;
	struct file_out f = FILE_OUT_INIT;
	const char *dir = fresh_dir("left");

	file_out_release(&f);
	CHECK(file_out_open(&f, scratch("left/f"), 0, 0600, &err) == 0);
	CHECK(file_out_write(&f, "x", 1, &err) == 0);
	CHECK(entries(dir) == 1);
	file_out_release(&f);
	CHECK(entries(dir) == 0);
	CHECK(file_out_open_in(&f, scratch("absent-dir"), 0, 0600, &err) == ERR_SYS);
	file_out_release(&f);
}

static void test_a_name_may_come_late(void)
{
	struct err err = ERR_INIT;
	struct file_out f = FILE_OUT_INIT;
	const char *dir = fresh_dir("late");

	CHECK(file_out_open_in(&f, dir, 0, 0600, &err) == 0);
	CHECK(file_out_write(&f, "12", 2, &err) == 0);
	CHECK(file_out_pwrite(&f, "0", 1, 0, &err) == 0);
	CHECK(file_out_sync(&f, &err) == 0);
	file_out_set_path(&f, scratch("late/wrong"));
	file_out_set_path(&f, scratch("late/name"));
	CHECK(file_out_rename(&f, &err) == 0);
	file_out_release(&f);
	CHECK(file_exists(scratch("late/name")) && entries(dir) == 1);
}

/* Aligned pieces, then an odd one: the same bytes with and without O_DIRECT. */
static void test_direct_writes_give_the_same_bytes(void)
{
	enum { PIECE = 8192 };
	struct err err = ERR_INIT;
	unsigned char *page = sys_pages(PIECE);

	REQUIRE(page != NULL);
	for (int i = 0; i < PIECE; i++)
		page[i] = (unsigned char)(i * 7 / 3);
	for (int odd = 0; odd < 2; odd++) {
		struct file_out f = FILE_OUT_INIT;
		struct buf b = BUF_INIT;
		const char *path = scratch("direct");
		CHECK(file_out_open(&f, path, FILE_DIRECT, 0600, &err) == 0);
		CHECK(file_out_write(&f, page, PIECE, &err) == 0);
		if (odd) {
			CHECK(file_out_write(&f, page + 1, 4096, &err) == 0);
			CHECK(!f.is_direct);
			CHECK(file_out_write(&f, page, 4095, &err) == 0);
		}
		CHECK(file_out_pwrite(&f, page, 512, 0, &err) == 0);
		CHECK(file_out_commit(&f, &err) == 0);
		CHECK(file_read(path, 100000, &b, &err) == 0);
		CHECK(b.len == (size_t)(odd ? PIECE + 8191 : PIECE));
		CHECK(memcmp(b.data, page, PIECE) == 0);
		CHECK(!odd || memcmp(b.data + PIECE, page + 1, 4096) == 0);
		buf_release(&b);
		file_out_release(&f);
	}
	sys_pages_free(page, PIECE);
}

static void test_folders_are_made_all_the_way(void)
{
	struct err err = ERR_INIT;

	CHECK(file_make_dirs(scratch("a/b/c/"), 0700, &err) == 0);
	CHECK(file_make_dirs(scratch("a/b/c"), 0700, &err) == 0);
	CHECK(file_exists(scratch("a/b/c")));
	CHECK(file_write(scratch("a/f"), "", 0, 0, 0600, &err) == 0);
	CHECK(file_make_dirs(scratch("a/f"), 0700, &err) == ERR_FAILED);
	CHECK(file_make_dirs(scratch("a/f/g"), 0700, &err) < 0);
	CHECK(file_make_dirs("/", 0700, &err) == 0);
}

static void test_removing_what_is_absent_is_fine(void)
{
	struct err err = ERR_INIT;
	const char *path = scratch("gone");

	CHECK(file_write(path, "", 0, 0, 0600, &err) == 0);
	CHECK(file_remove(path, &err) == 0 && !file_exists(path));
	CHECK(file_remove(path, &err) == 0);
	CHECK(file_remove(scratch("no/dir/here"), &err) == 0);
	CHECK(file_remove(scratch(""), &err) == ERR_SYS);
}

static void test_only_dead_temporary_files_are_cleaned(void)
{
	struct err err = ERR_INIT;
	struct file_out f = FILE_OUT_INIT;
	const char *dir = fresh_dir("clean"), *dead = scratch("clean/tmp-0123456789abcdef");

	CHECK(file_out_open(&f, scratch("clean/f"), 0, 0600, &err) == 0);
	close(open(dead, O_WRONLY | O_CREAT, 0600));
	CHECK(file_write(scratch("clean/not-tmp-1"), "", 0, 0, 0600, &err) == 0);
	CHECK(file_write(scratch("clean/tmp-mine"), "", 0, 0, 0600, &err) == 0);
	CHECK(mkdir(scratch("clean/tmp-00000000000000d1"), 0700) == 0);
	CHECK(symlink("not-tmp-1", scratch("clean/tmp-0000000000000011")) == 0);
	CHECK(file_clean_tmp(dir, &err) == 0);
	CHECK(!file_exists(dead) && file_exists(f.tmp));
	CHECK(file_exists(scratch("clean/not-tmp-1")));
	CHECK(file_exists(scratch("clean/tmp-00000000000000d1")));
	CHECK(file_exists(scratch("clean/tmp-mine")));
	CHECK(file_out_commit(&f, &err) == 0);
	CHECK(file_exists(scratch("clean/f")));
	CHECK(file_clean_tmp(scratch("clean/absent"), &err) == ERR_NOT_FOUND);
}

static int stop_at_second(const char *name, void *data, struct err *err)
{
	(void)name;
	if (++*(int *)data == 2)
		return err_set(err, ERR_BUSY, "enough");
	return 0;
}

static void test_each_stops_when_told(void)
{
	struct err err = ERR_INIT;
	const char *dir = fresh_dir("each");
	int n = 0;

	for (int i = 0; i < 5; i++) {
		char name[32];
		snprintf(name, sizeof(name), "each/%d", i);
		CHECK(file_write(scratch(name), "", 0, 0, 0600, &err) == 0);
	}
	CHECK(file_each(dir, stop_at_second, &n, &err) == ERR_BUSY && n == 2);
	CHECK(entries(dir) == 5);
}

static void rename_unsynced(void)
{
	struct err err = ERR_INIT;
	struct file_out f = FILE_OUT_INIT;

	if (!freopen("/dev/null", "w", stderr))
		exit(9);
	if (file_out_open(&f, scratch("unsynced"), 0, 0600, &err) < 0 ||
	    file_out_sync(&f, &err) < 0 || file_out_write(&f, "x", 1, &err) < 0)
		exit(9);
	file_out_rename(&f, &err);
}

static void test_giving_a_name_to_unsynced_bytes_is_a_bug(void)
{
	scratch("");
	CHECK(scratch_fork(rename_unsynced) == 128 + 6);
}

UNIT_MAIN(test_a_file_is_written_whole_and_read_back, test_reading_is_bounded,
	  test_a_taken_name_can_be_refused, test_what_is_not_committed_leaves_nothing,
	  test_a_name_may_come_late, test_direct_writes_give_the_same_bytes,
	  test_folders_are_made_all_the_way, test_removing_what_is_absent_is_fine,
	  test_only_dead_temporary_files_are_cleaned, test_each_stops_when_told,
	  test_giving_a_name_to_unsynced_bytes_is_a_bug)
