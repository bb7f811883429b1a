/*
 * How fast the chunker is and how it cuts.
 *
 * usage: bench-chunker                    GB/s of each kernel, whole chunker, in memory
 *        bench-chunker FILE...            the figures of ub-chunking(7): sizes, forced cuts, edits
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sys.h"
#include "crypto/secret.h"
#include "crypto/hash.h"
#include "objects/chunker-internal.h"
#include "objects/chunker.h"

#define SIZE ((size_t)32 << 20)
#define KEYS 4

static const struct chunker_params params = CHUNKER_PARAMS_DEFAULT;

static void key_of(unsigned char key[32], int i)
{
	memset(key, 17 + i, 32);
}

static size_t cut_all(const struct chunker *c, const unsigned char *p, size_t n)
{
	size_t off = 0, size, nr = 0;

	while (chunker_next(c, p + off, n - off, true, &size) != CHUNK_END) {
		off += size;
		nr++;
	}
	return nr;
}

static double gb_per_second(const struct chunker *c, const unsigned char *p, size_t n, size_t *nr)
{
	uint64_t best = UINT64_MAX, start;
	int i;

	for (i = 0; i < 5; i++) {
		start = sys_monotonic_ns();
		*nr = cut_all(c, p, n);
		start = sys_monotonic_ns() - start;
		best = start < best ? start : best;
	}
	return (double)n / (double)best;
}

static void fill_random(unsigned char *p, size_t n)
{
	uint64_t x = 88172645463325252u;
	size_t i;

	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (unsigned char)(x >> 32);
	}
}

static void fill_text(unsigned char *p, size_t n)
{
	static const char *const words[] = { "the", "order", "was", "shipped", "to", "a",
		"street", "and", "paid", "in", "time", "by", "invoice", "number", "which", "is" };
	size_t i = 0, k, len;
	unsigned char r[4096];

	while (i < n) {
		fill_random(r, sizeof(r));
		for (k = 0; k < sizeof(r) && i < n; k++) {
			len = (size_t)snprintf((char *)p + i, n - i, "%s %zu\n", words[r[k] % 16],
					       i % 9973);
			i += len < n - i ? len : n - i;
		}
	}
}

/* The byte after p[-7..-1] with which the hash is `want`, if there is one. */
static bool byte_for(const unsigned char *p, uint8_t want, unsigned int from, unsigned char *out)
{
	uint32_t h = 0;
	int j;
	unsigned int k;

	for (j = -7; j < 0; j++)
		h = 2 * h + chunker_tables.sum[p[j]];
	for (k = 0; k < 256; k++)
		if ((uint8_t)(2 * h + chunker_tables.sum[(k + from) & 255]) == want) {
			*out = (unsigned char)(k + from);
			return true;
		}
	return false;
}

/*
 * What the author of a hostile file can do without the key: as many hits as possible, in windows
 * that are all new (`period` 0), or that come back after `period` bytes.  `hits` says at which
 * of 16 bytes in turn there shall be one.
 */
static void fill_worst(unsigned char *p, size_t n, uint32_t hits, size_t period)
{
	size_t i;

	fill_random(p, n);
	for (i = 64; i < n; i++) {
		if (period && i >= 4096 + period)
			p[i] = p[i - period];
		else if (hits >> (i % 16) & 1)
			while (!byte_for(p + i, chunker_tables.hit, p[i], p + i))
				p[i - 1] = (unsigned char)(p[i - 1] + 1);
	}
}

static void speed(void)
{
	unsigned char *p = sys_pages(SIZE), key[32];
	static const char *const titles[] = {
		"random", "text", "zeros", "zeros, 255 KiB runs", "hostile: pairs, all new",
		"hostile: pairs, period 48", "hostile: pairs, period 3000",
		"hostile: hits, period 16", "hostile: hits, period 48",
		"hostile: hits, period 6000"
	};
	const struct chunker_kernel *k;
	struct chunker *c;
	size_t i, t, nr = 0;

	key_of(key, 0);
	for (t = 0; t < sizeof(titles) / sizeof(titles[0]); t++) {
		switch (t) {
		case 0: fill_random(p, SIZE); break;
		case 1: fill_text(p, SIZE); break;
		case 2: memset(p, 0, SIZE); break;
		case 3:
			for (i = 0; i < SIZE; i += 255 << 10)
				p[i] = 1;
			break;
		case 4: fill_worst(p, SIZE, 0xaaaa, 0); break;
		case 5: fill_worst(p, SIZE, 0xaaaa, 48); break;
		case 6: fill_worst(p, SIZE, 0xaaaa, 3000); break;
		case 7: fill_worst(p, SIZE, 0x00aa, 16); break;
		case 8: fill_worst(p, SIZE, 0x00aa, 48); break;
		case 9: fill_worst(p, SIZE, 0x00aa, 6000); break;
		}
		printf("%-28s", titles[t]);
		for (i = 0; (k = chunker_kernel(i)); i++) {
			c = chunker_new_with(&params, key, &chunker_tables, k);
			printf("  %s %6.2f", k->name, gb_per_second(c, p, SIZE, &nr));
			chunker_free(c);
		}
		printf("  GB/s, %zu pieces\n", nr);
		fflush(stdout);
	}
	sys_pages_free(p, SIZE);
}

struct cuts { size_t nr, *end; unsigned char (*id)[HASH_SIZE]; };

static void list_cuts(const struct chunker *c, const unsigned char *p, size_t n, struct cuts *cuts,
		      double *sum, double *square, double *forced, double *data, size_t *nr)
{
	size_t off = 0, size;
	enum chunk_kind kind;

	cuts->nr = 0;
	while ((kind = chunker_next(c, p + off, n - off, true, &size)) != CHUNK_END) {
		if (kind == CHUNK_DATA) {
			hash_bytes(cuts->id[cuts->nr], p + off, size);
			cuts->end[cuts->nr++] = size;
			if (sum && off + size < n) {
				*sum += (double)size;
				*square += (double)size * (double)size;
				*forced += size == params.max ? (double)size : 0;
				*data += (double)size;
				++*nr;
			}
		}
		off += size;
	}
}

static void figures(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct cuts a, b;
	unsigned char *p, *q, key[32];
	double sum = 0, square = 0, forced = 0, data = 0, added = 0, mean;
	size_t nr = 0, n, i, j, k;
	struct stat st;
	int fd = sys_open(path, O_RDONLY, 0);

	if (fd < 0 || sys_fstat(fd, &st) < 0) {
		perror(path);
		exit(1);
	}
	n = (size_t)st.st_size;
	p = sys_pages(n);
	q = sys_pages(n + 100);
	if (!p || !q || sys_read_full(fd, p, n) != (ssize_t)n)
		exit(1);
	sys_close(fd);
	a.end = xcalloc(n / 1000 + 1, sizeof(size_t));
	b.end = xcalloc(n / 1000 + 1, sizeof(size_t));
	a.id = xcalloc(n / 1000 + 1, HASH_SIZE);
	b.id = xcalloc(n / 1000 + 1, HASH_SIZE);
	for (i = 0; i < KEYS; i++) {
		struct chunker *c;

		key_of(key, (int)i);
		c = chunker_new(&params, key);
		list_cuts(c, p, n, &a, &sum, &square, &forced, &data, &nr);
		/* 100 bytes put in after a third */
		memcpy(q, p, n / 3);
		memset(q + n / 3, 'x', 100);
		memcpy(q + n / 3 + 100, p + n / 3, n - n / 3);
		list_cuts(c, q, n + 100, &b, NULL, NULL, NULL, NULL, NULL);
		for (j = 0; j < b.nr; j++) {
			for (k = 0; k < a.nr; k++)
				if (memcmp(a.id[k], b.id[j], HASH_SIZE) == 0)
					break;
			added += k == a.nr ? (double)b.end[j] : 0;
		}
		chunker_free(c);
	}
	mean = nr ? sum / (double)nr : 0;
	printf("%-16s %6.0f %6.0f %6.1f %8.2f\n", name, mean / 1024,
	       nr ? sqrt(fabs(square / (double)nr - mean * mean)) / 1024 : 0,
	       data > 0 ? 100 * forced / data : 0, added / KEYS / (1 << 20));
	fflush(stdout);
	sys_pages_free(p, n);
	sys_pages_free(q, n + 100);
	sys_free(a.end);
	sys_free(b.end);
	sys_free(a.id);
	sys_free(b.id);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int i;

	if (crypto_start(&err) < 0)
		return 1;
	if (argc < 2) {
		speed();
		return 0;
	}
	printf("%-16s %6s %6s %6s %8s\n", "", "mean", "dev.", "forced", "edit");
	printf("%-16s %6s %6s %6s %8s\n", "", "KiB", "KiB", "%", "MiB");
	for (i = 1; i < argc; i++)
		figures(argv[i]);
	return 0;
}
