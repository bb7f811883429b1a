/*
 * The seam's breaking half, in the test build only: numbers the calls and makes some of them
 * fail, tear, lie or kill the process.
 *
 *	UB_TEST_FAULT=KIND[:CALL]@N[+][,...]	break the N-th call that KIND can break (and that is
 *				called CALL); with + also every one after it.  N = 0 only counts.
 *	UB_TEST_FIRED=FILE	when it fires, say there what fired, the number that kill and
 *				powercut know the call by, and where it was called from
 *	UB_TEST_COUNT=FILE	at exit, how many calls the first fault could have broken
 *	UB_TEST_TRACE=FILE	a line for each call
 *	UB_TEST_SEED=N		sys_random() is a fixed stream
 *	UB_TEST_NOW=SEC[.NS]	sys_now() stands still
 *	UB_TEST_CORE=1		sys_harden() does nothing
 *	UB_TEST_NOSYNC=1	syncs are not passed on: no power fails in most tests
 *	UB_TEST_POWERCUT=DIR[:DIR...]	model what a power cut would lose in these trees
 *	UB_TEST_POWERCUT_MODE=worst|torn|last|names|best
 *	UB_TEST_POWERCUT_SEED=N	what `torn` tears
 *	UB_TEST_POWERCUT_STATE=FILE	what one process leaves unsynced the next one starts with
 *	UB_TEST_POWERCUT_EXIT=1	the power fails when the process ends; its exit status stands
 *
 * Kinds: see kinds[].  Each counts only calls that it can break, so a loop over N is dense.
 */
#ifdef UB_TEST

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys.h"

#include "lib/sys-internal.h"

/* What a call is, for the kinds to choose from. */
enum {
	CALL_FILE = 1u << 0,	/* may answer EIO */
	CALL_CHANGE = 1u << 1,	/* changes what is on disk */
	CALL_SPACE = 1u << 2,	/* may want room on the disk */
	CALL_SYNC = 1u << 3,
	CALL_DATA = 1u << 4,	/* moves two bytes or more */
	CALL_STORE = 1u << 5,	/* writes them */
	CALL_SLOW = 1u << 6,	/* may be interrupted */
	CALL_ALLOC = 1u << 7,
};

enum action { ACT_GO, ACT_FAIL, ACT_SHORT, ACT_SKIP, ACT_DROP, ACT_DIE_IN, ACT_DIE_AFTER,
	      ACT_DIE, ACT_CUT };

static const struct kind {
	const char *name;
	unsigned int any, all;	/* one of `any` and each of `all` */
	enum action action;
	int error;
} kinds[] = {
	{ "enospc", CALL_SPACE, 0, ACT_FAIL, ENOSPC },
	{ "eio", CALL_FILE, 0, ACT_FAIL, EIO },
	{ "short", CALL_DATA, 0, ACT_SHORT, 0 },
	{ "eintr", CALL_SLOW, 0, ACT_FAIL, EINTR },
	{ "nosync", CALL_SYNC, 0, ACT_DROP, EIO },
	{ "nomem", CALL_ALLOC, 0, ACT_FAIL, ENOMEM },
	{ "kill", CALL_CHANGE | CALL_SYNC, 0, ACT_DIE, 0 },
	{ "killbefore", CALL_CHANGE | CALL_SYNC, 0, ACT_DIE, 0 },
	{ "killin", CALL_STORE, CALL_DATA, ACT_DIE_IN, 0 },
	{ "killafter", CALL_CHANGE | CALL_SYNC, 0, ACT_DIE_AFTER, 0 },
	{ "skipsync", CALL_SYNC, 0, ACT_SKIP, 0 },
	{ "powercut", CALL_CHANGE | CALL_SYNC, 0, ACT_CUT, 0 },
};

enum { FAULTS_MAX = 4, EXIT_BAD_SPEC = 99 };

struct fault {
	const struct kind *kind;
	char call[24];		/* "" = any */
	uint64_t at;
	bool from_there_on;
	atomic_ullong count;
};

/* The test build's one global: what is armed. */
static struct {
	bool is_on, is_armed, wants_core, no_sync, has_seed, has_now, has_power;
	bool cuts_at_exit, has_exit;
	struct fault faults[FAULTS_MAX];
	unsigned int faults_nr;
	atomic_ullong calls, changes, random_calls;
	uint64_t seed;
	struct timespec now;
	const char *fired, *count, *trace;
} state;

bool fault_is_on(void)
{
	return state.is_on;
}

bool fault_is_armed(void)
{
	return state.is_armed;
}

bool fault_wants_core(void)
{
	return state.wants_core;
}

uint64_t fault_mix(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Setting up ---------------------------------------------------------------------------- */

_Noreturn static void bad_spec(const char *spec)
{
	dprintf(STDERR_FILENO, "ub: UB_TEST_FAULT: cannot understand '%s'\n", spec);
	_exit(EXIT_BAD_SPEC);
}

static void parse_fault(const char *spec, struct fault *f)
{
	size_t n = strcspn(spec, ":@");
	const char *p = spec + n;

	f->kind = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, spec, n) == 0)
			f->kind = &kinds[i];
	f->call[0] = '\0';
	if (*p == ':') {
		n = strcspn(++p, "@");
		if (n == 0 || n >= sizeof(f->call))
			bad_spec(spec);
		memcpy(f->call, p, n);
		f->call[n] = '\0';
		p += n;
	}
	if (!f->kind || *p++ != '@' || *p < '0' || *p > '9')
		bad_spec(spec);
	char *end;
	f->at = strtoull(p, &end, 10);
	f->from_there_on = *end == '+';
	if (end[f->from_there_on] != '\0')
		bad_spec(spec);
	atomic_store(&f->count, 0);
}

static void parse_faults(const char *value)
{
	char copy[256];

	if (strlen(value) >= sizeof(copy))
		bad_spec(value);
	memcpy(copy, value, strlen(value) + 1);
	for (char *rest = copy, *one; (one = strsep(&rest, ",")); ) {
		if (state.faults_nr == FAULTS_MAX)
			bad_spec(value);
		parse_fault(one, &state.faults[state.faults_nr++]);
	}
}

static void say(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(EXIT_BAD_SPEC);
	close(fd);
}

static void at_exit(int status, void *data)
{
	char text[32];

	(void)data;
	if (!state.is_on)
		return;
	if (state.count) {
		snprintf(text, sizeof(text), "%llu\n", state.faults_nr > 0 ?
			 atomic_load(&state.faults[0].count) : atomic_load(&state.calls));
		say(state.count, text);
	}
	if (state.has_power && state.cuts_at_exit) {
		fflush(NULL);
		power_cut();
		_exit(status);
	}
	if (state.has_power)
		power_end();
}

static const char *get(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return NULL;
	state.is_on = true;
	return value;
}

/* The stream of one command differs from that of the next: `init` and `hash-object` under one
 * seed must not draw the same keys. */
static uint64_t seed_of_command(uint64_t seed)
{
	char line[256];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	const char *word = line + strlen(line) + 1;
	if (word >= line + n || *word == '-')
		return seed;
	for (; *word; word++)
		seed = fault_mix(&seed) ^ (unsigned char)*word;
	return seed;
}

static enum power_mode power_mode(const char *word)
{
	static const char *const words[] = { "worst", "torn", "last", "names", "best" };

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum power_mode)i;
	if (word)
		bad_spec(word);
	return POWER_WORST;
}

void fault_setup(void)
{
	const char *value, *seed;

	state.is_on = state.has_seed = state.has_now = state.has_power = false;
	state.faults_nr = 0;
	atomic_store(&state.calls, 0);
	atomic_store(&state.changes, 0);
	atomic_store(&state.random_calls, 0);

	if ((value = get("UB_TEST_FAULT")))
		parse_faults(value);
	state.fired = get("UB_TEST_FIRED");
	state.count = get("UB_TEST_COUNT");
	state.trace = get("UB_TEST_TRACE");
	state.cuts_at_exit = get("UB_TEST_POWERCUT_EXIT") != NULL;
	if ((value = get("UB_TEST_SEED"))) {
		state.seed = seed_of_command(strtoull(value, NULL, 10));
		state.has_seed = true;
	}
	if ((value = get("UB_TEST_NOW"))) {
		char *end;
		state.now.tv_sec = strtoll(value, &end, 10);
		state.now.tv_nsec = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
		state.has_now = true;
	}
	seed = get("UB_TEST_POWERCUT_SEED");
	if ((value = get("UB_TEST_POWERCUT"))) {
		power_start(value, power_mode(get("UB_TEST_POWERCUT_MODE")),
			    seed ? strtoull(seed, NULL, 10) : 0, get("UB_TEST_POWERCUT_STATE"));
		state.has_power = true;
	}
	state.no_sync = get("UB_TEST_NOSYNC") != NULL;
	state.wants_core = get("UB_TEST_CORE") != NULL;
	state.is_armed = state.faults_nr > 0 || state.count || state.trace || state.has_power;
	if ((state.count || state.has_power) && !state.has_exit) {
		on_exit(at_exit, NULL);
		state.has_exit = true;
	}
}

__attribute__((constructor)) static void setup_before_main(void)
{
	fault_setup();
}

/* Firing -------------------------------------------------------------------------------- */

static const char *path_of(int fd, const char *path, char *out, size_t size)
{
	char link[32];

	if (path)
		return path;
	if (fd < 0)
		return "-";
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

static void say_fired(const struct fault *f, uint64_t n, const char *call, int fd,
		      const char *path)
{
	char text[4096], link[2048];
	void *frames[24];

	if (!state.fired)
		return;
	snprintf(text, sizeof(text), "%s@%llu %s %s (change %llu)\n", f->kind->name,
		 (unsigned long long)n, call, path_of(fd, path, link, sizeof(link)),
		 atomic_load(&state.changes));
	say(state.fired, text);
	int out = open(state.fired, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (out >= 0) {
		backtrace_symbols_fd(frames, backtrace(frames, 24), out);
		close(out);
	}
}

_Noreturn static void die_now(void)
{
	power_end();
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static bool kind_fits(const struct fault *f, const char *call, unsigned int is)
{
	if (!(is & f->kind->any) || (is & f->kind->all) != f->kind->all)
		return false;
	if (!f->call[0] || strcmp(f->call, call) == 0)
		return true;
	return strcmp(f->call, "sync") == 0 && is & CALL_SYNC;
}

static bool fires(struct fault *f, uint64_t n)
{
	if (f->at == 0)
		return false;
	if (!f->from_there_on)
		return n == f->at;
	/* Interrupted for ever would be a loop: every other call gets through. */
	return n >= f->at && (f->kind->error != EINTR || (n - f->at) % 2 == 0);
}

/* What becomes of this call; ACT_FAIL and ACT_DROP have set errno. */
static enum action point(const char *call, unsigned int is, int fd, const char *path)
{
	char text[4096], link[2048];
	uint64_t nr = atomic_fetch_add(&state.calls, 1) + 1;
	enum action action = ACT_GO;
	int saved = errno;

	if (is & (CALL_CHANGE | CALL_SYNC))
		atomic_fetch_add(&state.changes, 1);
	if (state.trace) {
		snprintf(text, sizeof(text), "%llu %s %s\n", (unsigned long long)nr, call,
			 path_of(fd, path, link, sizeof(link)));
		say(state.trace, text);
	}
	for (unsigned int i = 0; i < state.faults_nr; i++) {
		struct fault *f = &state.faults[i];
		if (!kind_fits(f, call, is))
			continue;
		uint64_t n = atomic_fetch_add(&f->count, 1) + 1;
		if (!fires(f, n))
			continue;
		say_fired(f, n, call, fd, path);
		action = f->kind->action;
		if (action == ACT_DIE)
			die_now();
		if (action == ACT_CUT) {
			fflush(NULL);
			power_cut();
			_exit(137);
		}
		saved = f->kind->error;
	}
	errno = saved;
	return action;
}

/* A call is over; some do not live to hear it. */
static void after(enum action action)
{
	if (action == ACT_DIE_AFTER || action == ACT_DIE_IN)
		die_now();
}

/* Half, and where it can be a whole number of blocks, that: O_DIRECT tears at blocks. */
static size_t half(size_t n)
{
	return n >= 8192 ? n / 2 & ~(size_t)4095 : n / 2;
}

static unsigned int data_is(size_t n)
{
	return CALL_FILE | CALL_SLOW | (n >= 2 ? CALL_DATA : 0);
}

/* The calls ----------------------------------------------------------------------------- */

int fault_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	bool may_change = flags & (O_CREAT | O_TRUNC);
	enum action a = point("open", CALL_FILE | CALL_SLOW |
			      (may_change ? CALL_CHANGE | CALL_SPACE : 0), -1, path);
	struct power_change c;

	if (a == ACT_FAIL)
		return -1;
	power_before_open(&c, dirfd, path, flags);
	int fd = openat(dirfd, path, flags, mode);
	power_after_open(&c, fd);
	after(a);
	return fd;
}

int fault_close(int fd)
{
	enum action a = point("close", CALL_FILE, fd, NULL);
	int saved = errno, ret = close(fd);

	if (a == ACT_FAIL) {
		errno = saved;
		return -1;
	}
	return ret;
}

ssize_t fault_read(int fd, void *p, size_t n)
{
	enum action a = point("read", data_is(n), fd, NULL);

	return a == ACT_FAIL ? -1 : read(fd, p, a == ACT_SHORT ? half(n) : n);
}

ssize_t fault_pread(int fd, void *p, size_t n, off_t off)
{
	enum action a = point("pread", data_is(n), fd, NULL);

	return a == ACT_FAIL ? -1 : pread(fd, p, a == ACT_SHORT ? half(n) : n, off);
}

/* What goes to a terminal or a pipe changes nothing that is kept. */
static unsigned int store_is(int fd, size_t n)
{
	return data_is(n) | CALL_SPACE | (fd > STDERR_FILENO ? CALL_CHANGE | CALL_STORE : 0);
}

ssize_t fault_write(int fd, const void *p, size_t n)
{
	enum action a = point("write", store_is(fd, n), fd, NULL);

	if (a == ACT_FAIL)
		return -1;
	power_before_data(fd);
	ssize_t ret = write(fd, p, a == ACT_SHORT || a == ACT_DIE_IN ? half(n) : n);
	after(a);
	return ret;
}

ssize_t fault_pwrite(int fd, const void *p, size_t n, off_t off)
{
	enum action a = point("pwrite", store_is(fd, n), fd, NULL);

	if (a == ACT_FAIL)
		return -1;
	power_before_data(fd);
	ssize_t ret = pwrite(fd, p, a == ACT_SHORT || a == ACT_DIE_IN ? half(n) : n, off);
	after(a);
	return ret;
}

static int do_sync(const char *call, int fd, int (*sync)(int))
{
	enum action a = point(call, CALL_FILE | CALL_SPACE | CALL_SYNC, fd, NULL);

	if (a == ACT_SKIP)
		return 0;
	if (a == ACT_FAIL || a == ACT_DROP) {
		int saved = errno;
		power_drop(fd);
		errno = saved;
		return -1;
	}
	/* Where the model decides what is durable, the disk need not be asked. */
	int ret = state.has_power || state.no_sync ? 0 : sync(fd);
	if (ret == 0)
		power_synced(fd);
	after(a);
	return ret;
}

int fault_fsync(int fd)
{
	return do_sync("fsync", fd, fsync);
}

int fault_fdatasync(int fd)
{
	return do_sync("fdatasync", fd, fdatasync);
}

int fault_ftruncate(int fd, off_t size)
{
	enum action a = point("ftruncate", CALL_FILE | CALL_CHANGE | CALL_SPACE, fd, NULL);

	if (a == ACT_FAIL)
		return -1;
	power_before_data(fd);
	int ret = ftruncate(fd, size);
	after(a);
	return ret;
}

int fault_fallocate(int fd, int mode, off_t off, off_t size)
{
	enum action a = point("fallocate", CALL_FILE | CALL_CHANGE | CALL_SPACE | CALL_SLOW, fd,
			      NULL);

	if (a == ACT_FAIL)
		return -1;
	power_before_data(fd);
	int ret = fallocate(fd, mode, off, size);
	after(a);
	return ret;
}

int fault_fstat(int fd, struct stat *st)
{
	return point("fstat", CALL_FILE, fd, NULL) == ACT_FAIL ? -1 : fstat(fd, st);
}

int fault_fcntl_setfl(int fd, int flags)
{
	return point("fcntl", CALL_FILE, fd, NULL) == ACT_FAIL ? -1 : fcntl(fd, F_SETFL, flags);
}

int fault_stat(const char *path, struct stat *st)
{
	return point("stat", CALL_FILE, -1, path) == ACT_FAIL ? -1 : stat(path, st);
}

int fault_lstat(const char *path, struct stat *st)
{
	return point("lstat", CALL_FILE, -1, path) == ACT_FAIL ? -1 : lstat(path, st);
}

int fault_renameat(int from_fd, const char *from, int to_fd, const char *to, bool replaces)
{
	enum action a = point("rename", CALL_FILE | CALL_CHANGE | CALL_SPACE, -1, to);
	struct power_change c;

	if (a == ACT_FAIL)
		return -1;
	power_before_rename(&c, from_fd, from, to_fd, to);
	int ret = replaces ? renameat(from_fd, from, to_fd, to) :
			     sys_plain_rename_noreplace(from_fd, from, to_fd, to);
	power_after_rename(&c, ret == 0);
	after(a);
	return ret;
}

int fault_rename(const char *from, const char *to)
{
	return fault_renameat(AT_FDCWD, from, AT_FDCWD, to, true);
}

int fault_rename_noreplace(const char *from, const char *to)
{
	return fault_renameat(AT_FDCWD, from, AT_FDCWD, to, false);
}

int fault_unlinkat(int dirfd, const char *name, int flags)
{
	bool is_dir = flags & AT_REMOVEDIR;
	enum action a = point(is_dir ? "rmdir" : "unlink", CALL_FILE | CALL_CHANGE, -1, name);
	struct power_change c;

	if (a == ACT_FAIL)
		return -1;
	if (is_dir)
		power_before_rmdir(&c, dirfd, name);
	else
		power_before_unlink(&c, dirfd, name);
	int ret = unlinkat(dirfd, name, flags);
	if (is_dir)
		power_after_rmdir(&c, ret == 0);
	else
		power_after_unlink(&c, ret == 0);
	after(a);
	return ret;
}

int fault_unlink(const char *path)
{
	return fault_unlinkat(AT_FDCWD, path, 0);
}

int fault_rmdir(const char *path)
{
	return fault_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int fault_mkdirat(int dirfd, const char *name, mode_t mode)
{
	enum action a = point("mkdir", CALL_FILE | CALL_CHANGE | CALL_SPACE, -1, name);
	struct power_change c;

	if (a == ACT_FAIL)
		return -1;
	power_before_mkdir(&c, dirfd, name);
	int ret = mkdirat(dirfd, name, mode);
	power_after_mkdir(&c, ret == 0);
	after(a);
	return ret;
}

int fault_mkdir(const char *path, mode_t mode)
{
	return fault_mkdirat(AT_FDCWD, path, mode);
}

int fault_chmod(const char *path, mode_t mode)
{
	enum action a = point("chmod", CALL_FILE | CALL_CHANGE, -1, path);

	if (a == ACT_FAIL)
		return -1;
	int ret = chmod(path, mode);
	after(a);
	return ret;
}

int fault_access(const char *path, int mode)
{
	return point("access", CALL_FILE, -1, path) == ACT_FAIL ? -1 : access(path, mode);
}

DIR *fault_opendir(const char *path)
{
	return point("opendir", CALL_FILE | CALL_SLOW, -1, path) == ACT_FAIL ? NULL : opendir(path);
}

struct dirent *fault_readdir(DIR *d)
{
	if (point("readdir", CALL_FILE, dirfd(d), NULL) == ACT_FAIL)
		return NULL;
	errno = 0;
	return readdir(d);
}

int fault_flock(int fd, int op)
{
	return point("flock", CALL_FILE | CALL_SLOW, fd, NULL) == ACT_FAIL ? -1 : flock(fd, op);
}

char *fault_realpath(const char *path)
{
	return point("realpath", CALL_FILE, -1, path) == ACT_FAIL ? NULL : realpath(path, NULL);
}

ssize_t fault_readlink(const char *path, char *out, size_t size)
{
	return point("readlink", CALL_FILE, -1, path) == ACT_FAIL ? -1 : readlink(path, out, size);
}

int fault_pipe(int fd[2])
{
	return point("pipe", CALL_FILE, -1, NULL) == ACT_FAIL ? -1 : pipe2(fd, O_CLOEXEC);
}

void *fault_mmap(size_t size, int prot, int flags, int fd, off_t off)
{
	if (point("mmap", CALL_ALLOC, -1, NULL) == ACT_FAIL)
		return MAP_FAILED;
	return mmap(NULL, size, prot, flags, fd, off);
}

/* What sys-tree.c passes: the calls themselves are made there. */
bool fault_looks(const char *call, int fd, const char *path)
{
	return point(call, CALL_FILE, fd, path) == ACT_FAIL;
}

int fault_change(const char *call, int fd, const char *path, bool wants_room)
{
	enum action a = point(call, CALL_FILE | CALL_CHANGE | (wants_room ? CALL_SPACE : 0), fd,
			      path);

	return a == ACT_FAIL ? -1 : (int)a;
}

void fault_changed(int how)
{
	after((enum action)how);
}

int fault_openat2(int dirfd, const char *path, int flags, mode_t mode)
{
	bool may_change = flags & (O_CREAT | O_TRUNC);
	enum action a = point("open", CALL_FILE | CALL_SLOW |
			      (may_change ? CALL_CHANGE | CALL_SPACE : 0), -1, path);
	struct power_change c;

	if (a == ACT_FAIL)
		return -1;
	power_before_open(&c, dirfd, path, flags);
	int fd = sys_plain_open_beneath(dirfd, path, flags, mode);
	power_after_open(&c, fd);
	after(a);
	return fd;
}

static int do_add(const char *call, int dirfd, const char *name, struct power_change *c)
{
	enum action a = point(call, CALL_FILE | CALL_CHANGE | CALL_SPACE, -1, name);

	if (a == ACT_FAIL)
		return -1;
	power_before_add(c, dirfd, name);
	return (int)a;
}

static int done_add(int how, int ret, struct power_change *c)
{
	power_after_add(c, ret == 0);
	after((enum action)how);
	return ret;
}

int fault_symlinkat(const char *target, int dirfd, const char *name)
{
	struct power_change c;
	int a = do_add("symlink", dirfd, name, &c);

	return a < 0 ? -1 : done_add(a, symlinkat(target, dirfd, name), &c);
}

int fault_linkat(int from_fd, const char *from, int to_fd, const char *to)
{
	struct power_change c;
	int a = do_add("link", to_fd, to, &c);

	return a < 0 ? -1 : done_add(a, linkat(from_fd, from, to_fd, to, 0), &c);
}

int fault_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev)
{
	struct power_change c;
	int a = do_add("mknod", dirfd, name, &c);

	return a < 0 ? -1 : done_add(a, mknodat(dirfd, name, mode, dev), &c);
}

int fault_syncfs(int fd)
{
	enum action a = point("syncfs", CALL_FILE | CALL_SPACE | CALL_SYNC, fd, NULL);

	if (a == ACT_SKIP)
		return 0;
	if (a == ACT_FAIL || a == ACT_DROP)
		return -1;
	int ret = state.has_power || state.no_sync ? 0 : syncfs(fd);
	if (ret == 0)
		power_synced_all(fd);
	after(a);
	return ret;
}

void *fault_malloc(size_t n)
{
	return point("malloc", CALL_ALLOC, -1, NULL) == ACT_FAIL ? NULL : malloc(n);
}

void *fault_realloc(void *p, size_t n)
{
	return point("realloc", CALL_ALLOC, -1, NULL) == ACT_FAIL ? NULL : realloc(p, n);
}

int fault_thread_start(void)
{
	return point("thread", CALL_ALLOC, -1, NULL) == ACT_FAIL ? -1 : 0;
}

bool fault_now(struct timespec *out)
{
	if (state.has_now)
		*out = state.now;
	return state.has_now;
}

bool fault_random(void *p, size_t n)
{
	if (!state.has_seed)
		return false;
	uint64_t s = atomic_fetch_add(&state.random_calls, 1);
	s = fault_mix(&s) ^ state.seed;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = fault_mix(&s);
		memcpy((char *)p + i, &word, n - i < 8 ? n - i : 8);
	}
	return true;
}

#endif
