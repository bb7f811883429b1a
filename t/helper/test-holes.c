/*
 * test-holes FILE...: where each file has data, as the file system tells: NAME OFF+LENGTH ...
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int print(const char *name)
{
	int fd = open(name, O_RDONLY);
	off_t at = 0;

	if (fd < 0) {
		perror(name);
		return 1;
	}
	printf("%s", name);
	for (off_t end; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(fd, at, SEEK_HOLE);
		printf(" %lld+%lld", (long long)at, (long long)(end - at));
	}
	putchar('\n');
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	int ret = 0;

	for (int i = 1; i < argc; i++)
		ret |= print(argv[i]);
	return ret;
}
