/*
 * Choose the chunker's tables: try random ones over a corpus and print the best.
 *
 * usage: tables-chunker CORPUS-DIR SECONDS SEED      SEED 0: go on from the published ones
 *
 * The hash should hit at one byte in 256, and in pairs at one in 65536, in whatever data it
 * meets.  For each file of the corpus (a sample: 64 pieces of 64 KiB) it is counted how far the
 * two rates are off, in powers of two; tables are judged by their worst files.  Tables under
 * which a run of one byte, of any value, would hit are not tried, and such runs not counted.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "objects/chunker-internal.h"

#define PIECES 64
#define PIECE ((size_t)64 << 10)
#define MAX_FILES 64

static unsigned char *sample[MAX_FILES];
static char *names[MAX_FILES];
static size_t nr_files;
static double looked_at[MAX_FILES];	/* bytes whose window is not one byte repeated */

static void load(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t i;

	while (d && (e = readdir(d)) && nr_files < MAX_FILES) {
		char path[4096];
		off_t size;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.' || (fd = open(path, O_RDONLY)) < 0)
			continue;
		size = lseek(fd, 0, SEEK_END);
		names[nr_files] = strdup(e->d_name);
		sample[nr_files] = calloc(PIECES, PIECE);
		for (i = 0; i < PIECES; i++)
			if (pread(fd, sample[nr_files] + i * PIECE, PIECE,
				  (off_t)i * (size / PIECES)) < 0)
				perror(path);
		close(fd);
		for (i = 8; i <= PIECES * PIECE; i++) {
			uint64_t w;

			memcpy(&w, sample[nr_files] + i - 8, 8);
			looked_at[nr_files] += w != (w << 8 | w >> 56);
		}
		nr_files++;
	}
	if (d)
		closedir(d);
}

static uint64_t seed = 1;
static uint64_t next_random(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Anew, or from `old` with an entry or two changed. */
static bool make_tables(struct chunker_tables *t, const struct chunker_tables *old)
{
	bool used[256] = { false };
	size_t i;

	for (i = 0; i < 16; i++) {
		t->lo[i] = old ? old->lo[i] : (uint8_t)next_random();
		t->hi[i] = old ? old->hi[i] : (uint8_t)next_random();
	}
	for (i = 0; old && i <= next_random() % 2; i++) {
		uint64_t r = next_random();

		*(r & 16 ? &t->lo[r & 15] : &t->hi[r & 15]) = (uint8_t)(r >> 8);
	}
	for (i = 0; i < 256; i++)
		used[t->sum[i] = (uint8_t)(t->lo[i & 15] + t->hi[i >> 4])] = true;
	t->hit = old ? old->hit : (uint8_t)next_random();
	/* a run of one byte b hashes to 255 T[b], that is -T[b] */
	for (i = 0; i < 256 && used[(uint8_t)-t->hit]; i++)
		t->hit++;
	return i < 256;
}

/* How far one hit (unit: a factor of two) and a pair are off in each file. */
static double judge(const struct chunker_tables *t, double worst_allowed, bool is_loud)
{
	const struct chunker_kernel *k = chunker_kernel(0);
	double total = 0;
	size_t f, i, c;

	for (f = 0; f < nr_files; f++) {
		size_t one = 0, pair = 0;
		double off_one, off_pair;

		for (i = 0; i < PIECES; i++) {
			const unsigned char *p = sample[f] + i * PIECE;

			for (c = 256; (c = k->one(t, p, c, PIECE)) < PIECE; c++) {
				one++;
				pair += c >= 264 && k->one(t, p, c - 8, c - 7) == c - 8;
			}
		}
		off_one = log2(((double)one + .1) * 256 / looked_at[f]);
		off_pair = log2(((double)pair + .1) * 65536 / looked_at[f]);
		if (is_loud)
			printf("  %-16s one %+.2f pair %+.2f\n", names[f], off_one, off_pair);
		/* too few makes bad cuts, too many costs time; pairs vary by themselves */
		off_one = off_one < 0 ? -1.5 * off_one : off_one / 2;
		off_pair = off_pair < 0 ? -1.5 * off_pair : off_pair / 2;
		total += pow(off_one, 4) + pow(off_pair / 1.5, 4);
		if (total > worst_allowed)
			break;
	}
	return total;
}

static void print_bytes(const char *name, const uint8_t *p, size_t n)
{
	size_t i;

	printf("\t.%s = {", name);
	for (i = 0; i < n; i++)
		printf("%s0x%02x,", i % 8 ? " " : "\n\t\t", p[i]);
	printf("\n\t},\n");
}

/* As objects/chunker-tables.c has them. */
static void print_tables(const struct chunker_tables *t)
{
	print_bytes("lo", t->lo, 16);
	print_bytes("hi", t->hi, 16);
	printf("\t.hit = 0x%02x,\n", t->hit);
	print_bytes("sum", t->sum, 256);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 10);
	struct chunker_tables best, t;
	double score, low = 1e30;
	time_t fresh_until = end - (end - time(NULL)) * 2 / 3;
	size_t tried = 0;

	if (argc < 2)
		return 2;
	seed = argc > 3 ? (uint64_t)atoll(argv[3]) : 1;
	load(argv[1]);
	best = chunker_tables;
	if (seed == 0) {
		fresh_until = 0;
		low = judge(&best, low, true);
	}
	for (; time(NULL) < end; tried++) {
		/* a third of the time on new ones, the rest on the best so far */
		if (!make_tables(&t, time(NULL) < fresh_until ? NULL : &best))
			continue;
		score = judge(&t, low, false);
		if (score < low) {
			low = score;
			best = t;
			printf("%zu: %.2f\n", tried, low);
		}
	}
	judge(&best, 1e30, true);
	printf("tried %zu, score %.3f\n", tried, low);
	print_tables(&best);
	return 0;
}
