/* Records of a file, however its bytes come. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/lines.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static int with(const void *p, size_t n)
{
	int fd = open(scratch("lines"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

/* `want`: the records, each ending in NUL, and an empty one behind them. */
static void check(const char *text, size_t n, char stop, size_t nr, const char *const *want)
{
	struct err err = ERR_INIT;
	struct lines l;
	const char *p;
	size_t len, i = 0;
	int fd = with(text, n), ret;

	lines_init(&l, fd, "it", stop, 4096);
	while ((ret = lines_next(&l, &p, &len, &err)) > 0) {
		REQUIRE(i < nr);
		CHECK(len == strlen(want[i]) && memcmp(p, want[i], len) == 0 && p[len] == '\0');
		i++;
	}
	CHECK(ret == 0 && i == nr);
	CHECK(lines_next(&l, &p, &len, &err) == 0);
	lines_release(&l);
	close(fd);
}

static void test_newlines_and_nuls_end_records(void)
{
	check("", 0, '\n', 0, NULL);
	check("a\n", 2, '\n', 1, (const char *[]){ "a" });
	check("a", 1, '\n', 1, (const char *[]){ "a" });
	check("a\n\nb\n", 5, '\n', 3, (const char *[]){ "a", "", "b" });
	check("\n", 1, '\n', 1, (const char *[]){ "" });
	check("a\nb\0c", 5, '\0', 2, (const char *[]){ "a\nb", "c" });
	check("a\r\nb\n", 5, '\n', 2, (const char *[]){ "a\r", "b" });
}

static void test_records_may_lie_across_reads(void)
{
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;
	struct lines l;
	const char *p;
	size_t n;

	buf_init_max(&text, SIZE_MAX);
	for (size_t i = 0; i < 3000; i++) {
		for (size_t k = 0; k < i % 97; k++)
			buf_put_u8(&text, (uint8_t)('a' + i % 26));
		if (i + 1 < 3000)
			buf_put_u8(&text, '\n');
	}
	int fd = with(text.data, text.len);
	lines_init(&l, fd, "it", '\n', 4096);
	for (size_t i = 0; i < 3000; i++) {
		REQUIRE(lines_next(&l, &p, &n, &err) == 1);
		CHECK(n == i % 97 && strspn(p, (char[]){ (char)('a' + i % 26), 0 }) == n);
	}
	CHECK(lines_next(&l, &p, &n, &err) == 0);
	lines_release(&l);
	buf_release(&text);
	close(fd);
}

static void test_a_line_without_end_is_refused(void)
{
	struct err err = ERR_INIT;
	char *text = xcalloc(1, 100000);
	struct lines l;
	const char *p;
	size_t n;

	memset(text, 'x', 100000);
	int fd = with(text, 100000);
	lines_init(&l, fd, "the list", '\n', 4096);
	CHECK(lines_next(&l, &p, &n, &err) == ERR_USAGE && strstr(err.msg, "the list"));
	lines_release(&l);
	close(fd);
	sys_free(text);
}

static void test_what_cannot_be_read_is_named(void)
{
	struct err err = ERR_INIT;
	struct lines l;
	const char *p;
	size_t n;

	lines_init(&l, -1, "nothing", '\n', 4096);
	CHECK(lines_next(&l, &p, &n, &err) == ERR_SYS && strstr(err.msg, "nothing"));
	lines_release(&l);
}

UNIT_MAIN(test_newlines_and_nuls_end_records, test_records_may_lie_across_reads,
	  test_a_line_without_end_is_refused, test_what_cannot_be_read_is_named)
