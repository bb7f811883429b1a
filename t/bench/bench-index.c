/*
 * How fast, how large, how much memory: the object index with many ids.
 *
 *	bench-index DIR [ids] [threads] [lookups a thread]
 *
 * Builds an index of `ids` in DIR/index (an hour's commits would make more runs: the last tenth
 * comes in small changes), then looks up present and absent ids, half each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/sys.h"
#include "objects/index.h"

enum { THREADS_MAX = 16, OBJECTS_PER_PACK = 256 };

static const unsigned char repo[32] = { 7 };

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void id_of(uint64_t nr, unsigned char out[32])
{
	uint64_t a[4];

	for (int i = 0; i < 4; i++)
		a[i] = mix(nr * 4 + (uint64_t)i);
	memcpy(out, a, sizeof(a));
}

static double seconds_since(uint64_t start)
{
	return (double)(sys_monotonic_ns() - start) / 1e9;
}

static long peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void die(const struct err *err)
{
	fprintf(stderr, "bench-index: %s\n", err->msg);
	exit(1);
}

static void add(struct index *ix, uint64_t from, uint64_t to)
{
	struct err err = ERR_INIT;
	struct index_add *a;

	if (index_add_begin(&a, ix, &err) < 0)
		die(&err);
	for (uint64_t nr = from; nr < to; nr++) {
		struct index_loc loc = { .type = OBJ_BLOB, .frame_off = (uint32_t)(nr & 0xffffff),
					 .sealed_size = 1000, .size = 1100 };
		struct oid id;
		if (nr == from || nr % OBJECTS_PER_PACK == 0) {
			struct index_pack p = { .kind = PACK_DATA, .size = 64 << 20,
						.objects = OBJECTS_PER_PACK, .published = true };
			id_of(nr / OBJECTS_PER_PACK + ((uint64_t)1 << 50), p.id.b);
			if (index_add_pack(a, &p, &err) < 0)
				die(&err);
		}
		id_of(nr, id.b);
		if (index_add_row(a, &id, &loc, &err) < 0)
			die(&err);
	}
	if (index_add_commit(a, &err) < 0)
		die(&err);
}

struct work {
	struct index *ix;
	uint64_t ids, nr, seed;
	uint64_t wrong;
	bool want_loc;
};

static void *look_up(void *data)
{
	struct work *w = data;
	struct err err = ERR_INIT;
	struct index_loc loc;
	struct oid id;

	for (uint64_t i = 0; i < w->nr; i++) {
		uint64_t r = mix(w->seed + i);
		bool is_present = r >> 63;
		uint64_t nr = r % w->ids + (is_present ? 0 : w->ids);
		id_of(nr, id.b);
		int ret = index_find(w->ix, &id, w->want_loc ? &loc : NULL, NULL, &err);
		w->wrong += ret != is_present;
	}
	return NULL;
}

static void run(struct index *ix, uint64_t ids, unsigned int threads, uint64_t nr, bool want_loc,
		const char *title)
{
	struct sys_thread t[THREADS_MAX];
	struct work w[THREADS_MAX];
	uint64_t wrong = 0, start = sys_monotonic_ns();
	double cpu_start = cpu_seconds();

	for (unsigned int i = 0; i < threads; i++) {
		w[i] = (struct work){ ix, ids, nr, (uint64_t)i << 40, 0, want_loc };
		if (sys_thread_start(&t[i], look_up, &w[i]) != 0)
			exit(1);
	}
	for (unsigned int i = 0; i < threads; i++) {
		sys_thread_join(&t[i]);
		wrong += w[i].wrong;
	}
	double s = seconds_since(start), cpu = cpu_seconds() - cpu_start;
	double m = (double)(nr * threads) / 1e6;
	printf("%-28s %6.2f M lookups/s (%u threads, half absent; %.2f M a CPU second)%s\n", title,
	       m / s, threads, m / cpu, wrong ? "  WRONG ANSWERS" : "");
	if (wrong)
		exit(1);
}

static int add_size(const char *name, void *data, struct err *err)
{
	uint64_t *sizes = data;
	struct stat st;
	char *path = xasprintf("%s/%s", (const char *)(uintptr_t)sizes[2], name);

	(void)err;
	if (sys_stat(path, &st) == 0)
		sizes[0] += (uint64_t)st.st_size;
	sizes[1] += strncmp(name, "run-", 4) == 0;
	sys_free(path);
	return 0;
}

static void show_size(const char *dir, uint64_t ids)
{
	uint64_t sizes[3] = { 0, 0, (uintptr_t)dir };
	struct err err = ERR_INIT;

	if (file_each(dir, add_size, sizes, &err) < 0)
		die(&err);
	printf("%-28s %6.2f bytes an id, %" PRIu64 " runs\n", "on disk",
	       (double)sizes[0] / (double)ids, sizes[1]);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct index *ix;
	uint64_t start, rows, ids = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	uint64_t nr = argc > 4 ? strtoull(argv[4], NULL, 10) : ids / 2;
	unsigned int threads = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : 2;

	if (argc < 2 || ids < 1000 || threads < 1 || threads > THREADS_MAX)
		return 2;
	char *dir = xasprintf("%s/index", argv[1]);
	if (index_create(dir, repo, &err) < 0 || index_open(&ix, dir, repo, &err) < 0)
		die(&err);

	start = sys_monotonic_ns();
	add(ix, 0, ids);
	printf("%-28s %6.2f s for %" PRIu64 " ids, one change\n", "add, sort, merge, sync",
	       seconds_since(start), ids);
	show_size(dir, ids);
	printf("%-28s %6.1f MB\n", "peak memory so far", (double)peak_kib() * 1024 / 1e6);

	run(ix, ids, threads, nr, true, "first, checking sums");
	run(ix, ids, threads, nr, true, "warm, with places");
	run(ix, ids, threads, nr, false, "warm, only whether");
	printf("%-28s %6.1f MB\n", "peak memory so far", (double)peak_kib() * 1024 / 1e6);

	start = sys_monotonic_ns();
	for (uint64_t i = 0; i < 40; i++)
		add(ix, 2 * ids + i * ids / 1000, 2 * ids + (i + 1) * ids / 1000);
	printf("%-28s %6.2f s for 40 of %" PRIu64 "\n", "further changes",
	       seconds_since(start), ids / 1000);
	show_size(dir, ids + ids / 25);
	run(ix, ids, threads, nr, true, "warm, over these runs");

	start = sys_monotonic_ns();
	if (index_check(ix, &rows, &err) < 0)
		die(&err);
	printf("%-28s %6.2f s\n", "check of all", seconds_since(start));
	index_close(ix);

	start = sys_monotonic_ns();
	if (index_open(&ix, dir, repo, &err) < 0)
		die(&err);
	struct oid id;
	id_of(1, id.b);
	if (index_find(ix, &id, NULL, NULL, &err) != 1)
		return 1;
	printf("%-28s %6.3f ms\n", "open and find one", seconds_since(start) * 1e3);
	index_close(ix);
	printf("%-28s %6.1f MB\n", "peak memory", (double)peak_kib() * 1024 / 1e6);
	sys_free(dir);
	return 0;
}
