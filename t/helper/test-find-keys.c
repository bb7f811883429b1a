/*
 * test-find-keys KEYS FILE...: is one of the keys that UB_TEST_KEYS=KEYS wrote in one of the
 * files?  Looked for are halves of keys, as bytes and in hex.  Status 1 and a line for each
 * that is found, 0 when none is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"

#define HALF 16

struct key {
	char name[32];
	char hex[4 * HALF + 1];
	unsigned char raw[2 * HALF];
};

static int nr_found;

static void look_for(const char *path, const void *p, size_t n, const char *name, const void *what,
		     size_t size)
{
	const char *at = memmem(p, n, what, size);

	if (!at)
		return;
	printf("%s: %s at %zu\n", path, name, (size_t)(at - (const char *)p));
	nr_found++;
}

static void look_in(const char *path, const struct key *keys, size_t nr)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		exit(2);
	}
	size_t n = (size_t)st.st_size;
	void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (!n)
		return;
	if (p == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	for (size_t i = 0; i < nr; i++) {
		look_for(path, p, n, keys[i].name, keys[i].raw, HALF);
		look_for(path, p, n, keys[i].name, keys[i].raw + HALF, HALF);
		look_for(path, p, n, keys[i].name, keys[i].hex, 2 * HALF);
		look_for(path, p, n, keys[i].name, keys[i].hex + 2 * HALF, 2 * HALF);
	}
	munmap(p, n);
}

int main(int argc, char **argv)
{
	static struct key keys[64];
	size_t nr = 0;
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;

	while (f && nr < 64 && fscanf(f, "%31s %64s", keys[nr].name, keys[nr].hex) == 2) {
		if (!hex_decode(keys[nr].raw, sizeof(keys[nr].raw), keys[nr].hex))
			return 2;
		nr++;
	}
	if (nr < 8) {
		fprintf(stderr, "there are no keys in '%s'\n", argc > 1 ? argv[1] : "");
		return 2;
	}
	fclose(f);
	for (int i = 2; i < argc; i++)
		look_in(argv[i], keys, nr);
	return nr_found != 0;
}
