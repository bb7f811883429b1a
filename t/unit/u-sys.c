/*
 * The seam, and what breaks it: each fault in a child process with an environment of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib/file.h"
#include "lib/sys.h"
#include "lib/sys-internal.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static char tree[256];		/* a fresh folder for each child */

static const char *in_tree(const char *name)
{
	static char path[8][512];
	static unsigned int turn;
	char *out = path[turn++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", tree, name);
	return out;
}

static void fresh_tree(void)
{
	static int nr;
	char name[32];

	snprintf(name, sizeof(name), "tree%d", nr++);
	snprintf(tree, sizeof(tree), "%s", scratch(name));
	if (mkdir(tree, 0700) < 0)
		abort();
}

static void clear_env(void)
{
	static const char *const names[] = {
		"UB_TEST_FAULT", "UB_TEST_FIRED", "UB_TEST_COUNT", "UB_TEST_TRACE", "UB_TEST_SEED",
		"UB_TEST_NOW", "UB_TEST_CORE", "UB_TEST_POWERCUT", "UB_TEST_POWERCUT_MODE",
		"UB_TEST_POWERCUT_EXIT", "UB_TEST_POWERCUT_SEED", "UB_TEST_POWERCUT_STATE",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* Run fn() with a fault; the model covers the tree when `mode` is set. */
static int run(void (*fn)(void), const char *fault, const char *mode, int seed)
{
	char text[16];

	clear_env();
	if (fault)
		setenv("UB_TEST_FAULT", fault, 1);
	if (mode) {
		setenv("UB_TEST_POWERCUT", tree, 1);
		setenv("UB_TEST_POWERCUT_MODE", mode, 1);
		setenv("UB_TEST_POWERCUT_EXIT", "1", 1);
	}
	if (seed) {
		snprintf(text, sizeof(text), "%d", seed);
		setenv(mode ? "UB_TEST_POWERCUT_SEED" : "UB_TEST_SEED", text, 1);
	}
	setenv("UB_TEST_FIRED", in_tree("../fired"), 1);
	unlink(in_tree("../fired"));
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		fault_setup();
		fn();
		exit(0);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	clear_env();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool has_fired(void)
{
	return access(in_tree("../fired"), F_OK) == 0;
}

/* The bytes of a file; "(absent)" when there is none. */
static const char *content(const char *name)
{
	static char bytes[4][20000];
	static unsigned int turn;
	char *out = bytes[turn++ % 4];
	int fd = open(in_tree(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, sizeof(bytes[0]) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return "(absent)";
	out[n] = '\0';
	return out;
}

static void put(const char *name, const char *bytes)
{
	int fd = open(in_tree(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		abort();
	close(fd);
}

/* Plain behaviour ----------------------------------------------------------------------- */

static void test_memory_is_there_or_the_process_is_not(void)
{
	char *s = xasprintf("%s-%d", "x", 7);

	CHECK(strcmp(s, "x-7") == 0);
	s = xrealloc(s, 1000);
	CHECK(strcmp(s, "x-7") == 0);
	sys_free(s);
	s = xstrndup("abcdef", 3);
	CHECK(strcmp(s, "abc") == 0);
	sys_free(s);
	s = xcalloc(3, 5);
	CHECK(s[0] == 0 && s[14] == 0);
	sys_free(s);
	sys_free(xmalloc(0));
	sys_free(NULL);
	s = sys_pages(10000);
	CHECK(s && (uintptr_t)s % 4096 == 0 && s[9999] == 0);
	sys_pages_free(s, 10000);
	sys_pages_free(NULL, 0);
}

static void *add_up(void *data)
{
	/* uses a good part of the stack */
	volatile char room[500000];

	for (size_t i = 0; i < sizeof(room); i += 4096)
		room[i] = 1;
	return (char *)data + room[4096];
}

static void test_threads_have_room_and_answer(void)
{
	struct sys_thread t[4];
	char base[4];

	for (int i = 0; i < 4; i++)
		REQUIRE(sys_thread_start(&t[i], add_up, base + i) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(sys_thread_join(&t[i]) == base + i + 1);
}

static void test_time_and_randomness_move(void)
{
	struct timespec a;
	unsigned char x[16], y[16];
	uint64_t start = sys_monotonic_ns();

	sys_now(&a);
	CHECK(a.tv_sec > 1500000000);
	sys_sleep_ms(2);
	CHECK(sys_monotonic_ns() - start >= 2000000);
	sys_random(x, sizeof(x));
	sys_random(y, sizeof(y));
	CHECK(memcmp(x, y, sizeof(x)) != 0);
	CHECK(sys_cpu_count() >= 1 && sys_memory_size() > 1 << 20);
}

static void harden(void)
{
	struct rlimit limit;

	sys_harden();
	exit(getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur != 0 || limit.rlim_max != 0);
}

static void test_no_core_image_is_left(void)
{
	fresh_tree();
	CHECK(run(harden, NULL, NULL, 0) == 0);
}

/* Faults -------------------------------------------------------------------------------- */

static void write_twice(void)
{
	int fd = sys_open(in_tree("f"), O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		exit(errno);
	if (sys_write_full(fd, "0123456789", 10) < 0 || sys_write_full(fd, "abcdefghij", 10) < 0)
		exit(errno);
	if (sys_fsync(fd) < 0)
		exit(errno);
	if (sys_close(fd) < 0)
		exit(errno);
	char back[20];
	fd = sys_open(in_tree("f"), O_RDONLY, 0);
	if (fd < 0 || sys_read_full(fd, back, 20) != 20)
		exit(errno);
	if (memcmp(back, "0123456789abcdefghij", 20) != 0)
		exit(200);
	sys_close(fd);
}

static void test_a_fault_hits_the_call_it_names(void)
{
	static const struct {
		const char *fault, *left;
		int status;
	} t[] = {
		{ "enospc:write@1", "", ENOSPC },
		{ "enospc:write@2", "0123456789", ENOSPC },
		{ "enospc@1", "(absent)", ENOSPC },
		{ "enospc@2+", "", ENOSPC },
		{ "eio:fsync@1", "0123456789abcdefghij", EIO },
		{ "eio:close@1", "0123456789abcdefghij", EIO },
		{ "eio:read@1", "0123456789abcdefghij", EIO },
		{ "nosync@1", "0123456789abcdefghij", EIO },
		{ "short:write@1", "0123456789abcdefghij", 0 },
		{ "short@1+", "0123456789abcdefghij", 0 },
		{ "eintr:write@1+", "0123456789abcdefghij", 0 },
		{ "eintr:read@1", "0123456789abcdefghij", 0 },
		{ "kill:write@2", "0123456789", 137 },
		{ "killbefore:write@1", "", 137 },
		{ "killin:write@2", "0123456789abcde", 137 },
		{ "killafter:write@2", "0123456789abcdefghij", 137 },
		{ "kill:sync@1", "0123456789abcdefghij", 137 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fresh_tree();
		int status = run(write_twice, t[i].fault, NULL, 0);
		if (status != t[i].status || strcmp(content("f"), t[i].left) != 0 || !has_fired())
			printf("# %s: %d, '%s'\n", t[i].fault, status, content("f"));
		CHECK(status == t[i].status);
		CHECK(strcmp(content("f"), t[i].left) == 0);
		CHECK(has_fired());
	}
}

static void test_a_loop_ends_when_nothing_fires(void)
{
	static const char *const kinds[] = { "enospc", "eio", "short", "kill", "killafter",
					     "killin", "skipsync", "nosync", "powercut" };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		int n = 1;
		for (; n < 100; n++) {
			char fault[32];
			fresh_tree();
			snprintf(fault, sizeof(fault), "%s@%d", kinds[k], n);
			int status = run(write_twice, fault, NULL, 0);
			if (!has_fired()) {
				CHECK(status == 0);
				break;
			}
		}
		CHECK(n > 1 && n < 20);
	}
}

static void test_a_word_that_is_no_fault_is_refused(void)
{
	static const char *const bad[] = { "", "eio", "eio@", "eio@x", "nonsense@1", "eio@1x",
					   "eio:@1", "eio@1,", "eio@1,x" };

	fresh_tree();
	for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int saved = dup(2), null = open("/dev/null", O_WRONLY);
		dup2(null, 2);
		CHECK(run(write_twice, bad[i], NULL, 0) == 99);
		dup2(saved, 2);
		close(saved);
		close(null);
	}
	CHECK(run(write_twice, bad[0], NULL, 0) == 0);
}

static void allocate(void)
{
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, 2);
	void *p = sys_malloc(10);
	if (!p)
		exit(77);
	sys_free(p);
	sys_free(xmalloc(10));
	exit(0);
}

static void test_memory_fails_as_told(void)
{
	fresh_tree();
	CHECK(run(allocate, "nomem@1", NULL, 0) == 77);
	CHECK(run(allocate, "nomem@2", NULL, 0) == 1);
	CHECK(run(allocate, "nomem@3", NULL, 0) == 0 && !has_fired());
}

static void count_calls(void)
{
	setenv("UB_TEST_COUNT", in_tree("count"), 1);
	setenv("UB_TEST_TRACE", in_tree("trace"), 1);
	fault_setup();
	if (!sys_is_serial())
		exit(1);
	write_twice();
}

static void test_calls_are_counted_and_told(void)
{
	fresh_tree();
	CHECK(run(count_calls, "short@0", NULL, 0) == 0);
	CHECK(strcmp(content("count"), "3\n") == 0);
	CHECK(strncmp(content("trace"), "1 open ", 7) == 0);
	CHECK(strstr(content("trace"), "\n2 write "));
	CHECK(!has_fired());
}

static void draw(void)
{
	unsigned char x[20];
	struct timespec now;
	char hex[41];

	setenv("UB_TEST_NOW", "1234567890.5", 1);
	fault_setup();
	sys_random(x, 12);
	sys_random(x + 12, 8);
	for (int i = 0; i < 20; i++)
		snprintf(hex + 2 * i, 3, "%02x", x[i]);
	sys_now(&now);
	if (now.tv_sec != 1234567890 || now.tv_nsec != 5 || sys_is_serial())
		exit(1);
	put("drawn", hex);
}

static void test_a_seed_gives_the_same_stream(void)
{
	char first[64];

	fresh_tree();
	CHECK(run(draw, NULL, NULL, 7) == 0);
	snprintf(first, sizeof(first), "%s", content("drawn"));
	CHECK(run(draw, NULL, NULL, 7) == 0);
	CHECK(strcmp(first, content("drawn")) == 0);
	CHECK(run(draw, NULL, NULL, 8) == 0);
	CHECK(strcmp(first, content("drawn")) != 0);
}

/* The power ----------------------------------------------------------------------------- */

static void must(bool is_so)
{
	if (!is_so)
		exit(55);
}

static void sync_file(const char *name)
{
	int fd = sys_open(in_tree(name), O_RDONLY | O_CLOEXEC, 0);

	must(fd >= 0 && sys_fsync(fd) == 0);
	sys_close(fd);
}

static void store(const char *name, const char *bytes, bool is_synced)
{
	int fd = sys_open(in_tree(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && sys_write_full(fd, bytes, strlen(bytes)) == 0);
	if (is_synced)
		must(sys_fdatasync(fd) == 0);
	sys_close(fd);
}

static void nothing_synced(void)
{
	store("new", "bytes", false);
	store("old", "changed", false);
	must(sys_unlink(in_tree("doomed")) == 0);
	must(sys_mkdir(in_tree("dir"), 0700) == 0);
	store("dir/inner", "x", true);
	sync_file("dir");
	must(sys_rename(in_tree("a"), in_tree("b")) == 0);
	must(sys_rmdir(in_tree("empty")) == 0);
}

static void old_state(void)
{
	fresh_tree();
	put("old", "as it was");
	put("doomed", "still here");
	put("a", "A");
	put("b", "B");
	mkdir(in_tree("empty"), 0700);
}

static void test_at_worst_what_was_not_synced_is_lost(void)
{
	old_state();
	CHECK(run(nothing_synced, NULL, "worst", 0) == 0);
	CHECK(strcmp(content("new"), "(absent)") == 0);
	CHECK(strcmp(content("old"), "as it was") == 0);
	CHECK(strcmp(content("doomed"), "still here") == 0);
	CHECK(access(in_tree("dir"), F_OK) < 0);
	CHECK(strcmp(content("a"), "A") == 0 && strcmp(content("b"), "B") == 0);
	CHECK(access(in_tree("empty"), F_OK) == 0);
}

static void test_at_best_nothing_is_lost(void)
{
	old_state();
	CHECK(run(nothing_synced, NULL, "best", 0) == 0);
	CHECK(strcmp(content("new"), "bytes") == 0);
	CHECK(strcmp(content("old"), "changed") == 0);
	CHECK(strcmp(content("doomed"), "(absent)") == 0);
	CHECK(strcmp(content("dir/inner"), "x") == 0);
	CHECK(strcmp(content("a"), "(absent)") == 0 && strcmp(content("b"), "A") == 0);
}

static void all_synced(void)
{
	nothing_synced();
	sync_file("new");
	sync_file("old");
	sync_file("dir");
	sync_file(".");
}

static void test_what_was_synced_stays(void)
{
	old_state();
	CHECK(run(all_synced, NULL, "worst", 0) == 0);
	CHECK(strcmp(content("new"), "bytes") == 0);
	CHECK(strcmp(content("old"), "changed") == 0);
	CHECK(strcmp(content("doomed"), "(absent)") == 0);
	CHECK(strcmp(content("dir/inner"), "x") == 0);
	CHECK(strcmp(content("b"), "A") == 0);
}

static void name_without_bytes(void)
{
	store("f.tmp", "bytes", false);
	must(sys_rename(in_tree("f.tmp"), in_tree("f")) == 0);
	sync_file(".");
}

static void bytes_without_name(void)
{
	store("f.tmp", "bytes", true);
	must(sys_rename(in_tree("f.tmp"), in_tree("f")) == 0);
}

static void nothing_synced_at_all(void)
{
	store("f.tmp", "others", false);
	must(sys_rename(in_tree("f.tmp"), in_tree("f")) == 0);
}

static void test_bytes_and_names_are_synced_apart(void)
{
	fresh_tree();
	CHECK(run(name_without_bytes, NULL, "worst", 0) == 0);
	CHECK(strcmp(content("f"), "") == 0);
	fresh_tree();
	CHECK(run(bytes_without_name, NULL, "names", 0) == 0);
	CHECK(strcmp(content("f"), "bytes") == 0);
	CHECK(run(nothing_synced_at_all, NULL, "names", 0) == 0);
	CHECK(strcmp(content("f"), "") == 0);
	fresh_tree();
	CHECK(run(bytes_without_name, NULL, "worst", 0) == 0);
	CHECK(strcmp(content("f"), "(absent)") == 0 && strcmp(content("f.tmp"), "(absent)") == 0);
}

static void write_file(void)
{
	struct err err = ERR_INIT;

	must(file_write(in_tree("f"), "new bytes", 9, 0, 0600, &err) == 0);
}

/* file_write() under each fault: the old file or the new one, and the new one after success. */
static void test_a_written_file_is_the_old_or_the_new_one(void)
{
	static const char *const kinds[] = { "powercut", "kill", "killin", "enospc", "eio",
					     "nosync", "short", "eintr", "nomem" };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (int n = 1, fired = 1; fired && n < 100; n++) {
			for (int seed = 0; seed < 4; seed++) {
				char fault[32];
				fresh_tree();
				put("f", "old");
				snprintf(fault, sizeof(fault), "%s@%d", kinds[k], n);
				int saved = dup(2), null = open("/dev/null", O_WRONLY);
				dup2(null, 2);
				int status = run(write_file, fault, seed ? "torn" : "worst", seed);
				dup2(saved, 2);
				close(saved);
				close(null);
				bool is_new = strcmp(content("f"), "new bytes") == 0;
				CHECK(is_new || strcmp(content("f"), "old") == 0);
				CHECK(status != 0 || is_new);
				CHECK(status != 99);
				fired = has_fired();
			}
		}
	}
}

static void test_each_sync_of_a_written_file_is_needed(void)
{
	int n = 1;

	for (; n < 10; n++) {
		char fault[32];
		fresh_tree();
		put("f", "old");
		snprintf(fault, sizeof(fault), "skipsync@%d", n);
		CHECK(run(write_file, fault, "worst", 0) == 0);
		if (!has_fired())
			break;
		CHECK(strcmp(content("f"), "new bytes") != 0);
	}
	CHECK(n == 3);
}

static void three_names(void)
{
	store("1", "x", true);
	store("2", "x", true);
	store("3", "x", true);
	must(sys_rename(in_tree("3"), in_tree("4")) == 0);
}

static void test_names_are_lost_in_any_order_but_their_own(void)
{
	int seen[8] = { 0 }, moved = 0;

	for (int seed = 1; seed < 100; seed++) {
		fresh_tree();
		CHECK(run(three_names, NULL, "torn", seed) == 0);
		bool one = strcmp(content("1"), "x") == 0, two = strcmp(content("2"), "x") == 0;
		bool three = strcmp(content("3"), "x") == 0, four = strcmp(content("4"), "x") == 0;
		CHECK(!three || !four);
		seen[one | two << 1 | (three || four) << 2]++;
		moved += four;
	}
	for (int i = 0; i < 8; i++)
		CHECK(seen[i] > 0);
	CHECK(moved > 0);
	fresh_tree();
	CHECK(run(three_names, NULL, "last", 0) == 0);
	CHECK(strcmp(content("1"), "(absent)") == 0 && strcmp(content("2"), "(absent)") == 0);
	CHECK(strcmp(content("4"), "x") == 0);
}

enum { SECTORS = 8, SECTOR_SIZE = 512 };

static void overwrite_sectors(void)
{
	char bytes[SECTORS * SECTOR_SIZE];

	memset(bytes, 'n', sizeof(bytes));
	int fd = sys_open(in_tree("f"), O_WRONLY | O_CLOEXEC, 0);
	must(fd >= 0 && sys_pwrite_full(fd, bytes, sizeof(bytes), 0) == 0);
	must(sys_close(fd) == 0);
}

static void test_data_tears_at_sectors(void)
{
	int mixed = 0, all_old = 0, all_new = 0;

	for (int seed = 1; seed < 200; seed++) {
		char old[SECTORS * SECTOR_SIZE + 1];
		int news = 0;
		fresh_tree();
		memset(old, 'o', sizeof(old) - 1);
		old[sizeof(old) - 1] = '\0';
		put("f", old);
		CHECK(run(overwrite_sectors, NULL, "torn", seed) == 0);
		const char *now = content("f");
		REQUIRE(strlen(now) == sizeof(old) - 1);
		for (int s = 0; s < SECTORS; s++) {
			const char *p = now + s * SECTOR_SIZE;
			for (int i = 1; i < SECTOR_SIZE; i++)
				CHECK(p[i] == p[0]);
			news += p[0] == 'n';
		}
		mixed += news > 0 && news < SECTORS;
		all_old += news == 0;
		all_new += news == SECTORS;
	}
	CHECK(mixed > 20 && all_old > 0 && all_new > 0);
}

static void cut_of_folders_that_move(void)
{
	must(sys_mkdir(in_tree("d"), 0700) == 0);
	sync_file(".");
	store("d/kept", "1", true);
	sync_file("d");
	store("d/lost", "2", true);
	must(sys_rename(in_tree("d"), in_tree("e")) == 0);
	sync_file(".");
	must(sys_rename(in_tree("e/kept"), in_tree("moved")) == 0);
}

static void test_folders_are_found_after_they_moved(void)
{
	fresh_tree();
	CHECK(run(cut_of_folders_that_move, NULL, "worst", 0) == 0);
	CHECK(strcmp(content("e/kept"), "1") == 0);
	CHECK(strcmp(content("e/lost"), "(absent)") == 0);
	CHECK(strcmp(content("moved"), "(absent)") == 0);
	CHECK(access(in_tree("d"), F_OK) < 0);
}

static void nosync_then_cut(void)
{
	int fd = sys_open(in_tree("f"), O_WRONLY | O_CLOEXEC, 0);

	must(fd >= 0 && sys_write_full(fd, "new", 3) == 0);
	must(sys_fsync(fd) < 0 && errno == EIO);
	must(sys_fsync(fd) == 0);	/* says yes, and the bytes are gone */
	sys_close(fd);
}

static void test_a_sync_after_a_failed_one_lies(void)
{
	fresh_tree();
	put("f", "old");
	CHECK(run(nosync_then_cut, "nosync@1", "worst", 0) == 0);
	CHECK(strcmp(content("f"), "old") == 0);
}

static void use_a_folder_of_the_dead(void)
{
	struct err err = ERR_INIT;

	must(sys_mkdir(in_tree("d"), 0700) == 0);	/* and here its process died */
	must(file_make_dirs(in_tree("d"), 0700, &err) == 0);
	must(file_write(in_tree("d/f"), "x", 1, 0, 0600, &err) == 0);
}

static void remove_what_the_dead_removed(void)
{
	struct err err = ERR_INIT;

	must(sys_unlink(in_tree("gone")) == 0);		/* and here its process died */
	must(file_remove(in_tree("gone"), &err) == 0);
}

static void test_what_the_dead_left_unsynced_is_synced(void)
{
	for (int skip = 0; skip <= 1; skip++) {
		const char *fault = skip ? "skipsync@1" : NULL;
		fresh_tree();
		put("gone", "back again");
		CHECK(run(use_a_folder_of_the_dead, fault, "worst", 0) == 0);
		CHECK(strcmp(content("d/f"), skip ? "(absent)" : "x") == 0);
		CHECK(run(remove_what_the_dead_removed, fault, "worst", 0) == 0);
		CHECK(strcmp(content("gone"), skip ? "back again" : "(absent)") == 0);
	}
}

/* Three processes, then the power fails: the kernel has outlived the first two. */
static void keep_state(void)
{
	setenv("UB_TEST_POWERCUT", tree, 1);
	setenv("UB_TEST_POWERCUT_STATE", in_tree("../state"), 1);
	fault_setup();
}

static void first_of_three(void)
{
	keep_state();
	store("a", "unsynced", false);
	store("b", "unsynced", false);
	store("old", "changed", false);
	must(sys_unlink(in_tree("doomed")) == 0);
	must(sys_mkdir(in_tree("dir"), 0700) == 0);
	store("dir/f", "x", true);
	must(sys_rename(in_tree("c"), in_tree("d")) == 0);
	must(sys_access(in_tree("d"), F_OK) == 0);
	store("last", "never written", true);
}

static void second_of_three(void)
{
	keep_state();
	sync_file("a");
	sync_file("dir");
}

static void sync_tree(void)
{
	keep_state();
	sync_file(".");
}

static void third_of_three(void)
{
	setenv("UB_TEST_POWERCUT_EXIT", "1", 1);
	keep_state();
}

static void test_what_one_process_leaves_the_next_one_loses(void)
{
	for (int syncs = 0; syncs <= 1; syncs++) {
		fresh_tree();
		put("old", "as it was");
		put("doomed", "still here");
		put("c", "C");
		put("d", "D");
		CHECK(run(first_of_three, "kill:open@5", NULL, 0) == 137);
		CHECK(strcmp(content("d"), "C") == 0);
		CHECK(run(second_of_three, NULL, NULL, 0) == 0);
		CHECK(!syncs || run(sync_tree, NULL, NULL, 0) == 0);
		CHECK(access(in_tree("../state"), F_OK) == 0);
		CHECK(run(third_of_three, NULL, NULL, 0) == 0);
		CHECK(access(in_tree("../state"), F_OK) < 0);
		CHECK(strcmp(content("old"), "as it was") == 0);
		CHECK(strcmp(content("a"), syncs ? "unsynced" : "(absent)") == 0);
		CHECK(strcmp(content("b"), syncs ? "" : "(absent)") == 0);
		CHECK(strcmp(content("doomed"), syncs ? "(absent)" : "still here") == 0);
		CHECK(strcmp(content("dir/f"), syncs ? "x" : "(absent)") == 0);
		CHECK(strcmp(content("d"), syncs ? "C" : "D") == 0);
		CHECK(strcmp(content("last"), "(absent)") == 0);
	}
}

UNIT_MAIN(test_memory_is_there_or_the_process_is_not, test_threads_have_room_and_answer,
	  test_time_and_randomness_move, test_no_core_image_is_left,
	  test_a_fault_hits_the_call_it_names, test_a_loop_ends_when_nothing_fires,
	  test_a_word_that_is_no_fault_is_refused, test_memory_fails_as_told,
	  test_calls_are_counted_and_told, test_a_seed_gives_the_same_stream,
	  test_at_worst_what_was_not_synced_is_lost, test_at_best_nothing_is_lost,
	  test_what_was_synced_stays, test_bytes_and_names_are_synced_apart,
	  test_a_written_file_is_the_old_or_the_new_one, test_each_sync_of_a_written_file_is_needed,
	  test_names_are_lost_in_any_order_but_their_own, test_data_tears_at_sectors,
	  test_folders_are_found_after_they_moved, test_a_sync_after_a_failed_one_lies,
	  test_what_the_dead_left_unsynced_is_synced,
	  test_what_one_process_leaves_the_next_one_loses)
