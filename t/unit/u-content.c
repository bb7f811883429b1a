/*
 * Content: its id depends on the bytes alone, and what a failed read leaves does not matter.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/sys-internal.h"
#include "objects/content.h"
#include "t/unit/store-repo.h"

static const struct chunker_params params = { 64 << 10, 512 << 10, 1 << 20 };

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	return session_put(data, type, p, n, id_out, NULL, err);
}

/* Noise, text, runs of zeros long and short, single bytes between them. */
static size_t make_content(unsigned char *p, size_t size, uint64_t seed)
{
	size_t n = 0;

	for (uint64_t i = seed; n < size; i++) {
		size_t part = i % 5 == 0 ? (size_t)(256 << 10) + i % 3 * 77777 :
			      i % 5 == 1 ? 1 + i % 40 : i % 5 == 2 ? 200000 : 3000000;
		if (part > size - n)
			part = size - n;
		if (i % 5 == 0 || i % 5 == 4)
			memset(p + n, 0, part);
		else
			repo_fill(p + n, part, i * 7 + seed, i % 2);
		n += part;
	}
	return n;
}

static int open_file(const unsigned char *p, size_t n)
{
	int fd = open(scratch("bytes"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || sys_pwrite_full(fd, p, n, 0) < 0)
		abort();
	return fd;
}

struct compare { const unsigned char *p; size_t left; bool differs; };

static int compare(const void *p, size_t n, void *data, struct err *err)
{
	struct compare *c = data;

	(void)err;
	if (n > c->left || memcmp(p, c->p, n) != 0) {
		c->differs = true;
		return 0;
	}
	c->p += n;
	c->left -= n;
	return 0;
}

#define IN(file) (&(struct content_input){ .fd = (file), .name = "file" })

static void test_workers_and_batches_do_not_matter(void)
{
	static const size_t sizes[] = { 0, 1, 64, 65535, 1 << 20, 1300000, 9000000, 30000000 };
	unsigned char *p = xmalloc(30000000);
	struct err err = ERR_INIT;
	struct session *s = NULL;
	struct repo r;

	repo_init(&r, "content", (uint64_t)4 << 20);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	struct object_sink sink = { put, s, keys_chunker_key(r.keys), NULL };
	struct content_writer *cw = content_writer_new(&params, &sink);
	struct content all[sizeof(sizes) / sizeof(*sizes)];
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t n = make_content(p, sizes[i], i);
		int fd = open_file(p, n);
		for (unsigned int workers = 0; workers < 5; workers++) {
			struct content c = { 0 };
			lseek(fd, 0, SEEK_SET);
			int ret = workers == 0 ?
				  content_write(cw, IN(fd), &c, &err) :
				  content_write_parallel(cw, workers, IN(fd), &c, &err);
			CHECK(ret == 0 && c.size == n);
			CHECK((c.kind == CONTENT_NONE) == (n == 0));
			CHECK(!workers || oid_eq(&c.id, &all[i].id));
			all[i] = c;
		}
		close(fd);
	}
	REQUIRE(session_commit(s, &err) == 0);
	for (size_t i = 1; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct compare c = { p, make_content(p, sizes[i], i), false };
		CHECK(store_read_content(r.st, &all[i].id, compare, &c, &err) == 0);
		CHECK(!c.differs && c.left == 0);
	}
	content_writer_free(cw);
	content_writer_free(NULL);
	repo_check(&r);
	repo_release(&r);
	sys_free(p);
}

/* A pipe gives a few bytes at a time. */
static void test_short_reads_do_not_matter(void)
{
	enum { SIZE = 3000000 };
	unsigned char *p = xmalloc(SIZE);
	struct err err = ERR_INIT;
	struct session *s = NULL;
	struct content a, b;
	struct repo r;
	int fd[2];

	repo_init(&r, "pipe", (uint64_t)4 << 20);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	struct object_sink sink = { put, s, keys_chunker_key(r.keys), NULL };
	struct content_writer *cw = content_writer_new(&params, &sink);
	make_content(p, SIZE, 3);
	int file = open_file(p, SIZE);
	lseek(file, 0, SEEK_SET);
	CHECK(content_write(cw, IN(file), &a, &err) == 0);
	REQUIRE(pipe(fd) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (size_t n = 0; n < SIZE;) {
			size_t part = SIZE - n < 4093 ? SIZE - n : 4093;
			ssize_t wrote = write(fd[1], p + n, part);
			if (wrote < 0)
				_exit(1);
			n += (size_t)wrote;
		}
		_exit(0);
	}
	close(fd[1]);
	CHECK(content_write_parallel(cw, 3, IN(fd[0]), &b, &err) == 0);
	close(fd[0]);
	waitpid(pid, NULL, 0);
	CHECK(oid_eq(&a.id, &b.id) && a.size == b.size);
	close(file);
	content_writer_free(cw);
	session_abort(s);
	repo_release(&r);
	sys_free(p);
}

static void test_after_a_failed_read_the_next_file_is_whole(void)
{
	enum { SIZE = 9000000 };
	unsigned char *p = xmalloc(SIZE);
	struct err err = ERR_INIT;
	struct session *s = NULL;
	struct content a, b;
	struct repo r;

	repo_init(&r, "failed-read", (uint64_t)4 << 20);
	REQUIRE(session_begin(&s, r.st, &err) == 0);
	struct object_sink sink = { put, s, keys_chunker_key(r.keys), NULL };
	struct content_writer *cw = content_writer_new(&params, &sink);
	make_content(p, SIZE, 5);
	int fd = open_file(p, SIZE);
	lseek(fd, 0, SEEK_SET);
	CHECK(content_write(cw, IN(fd), &a, &err) == 0);
	for (unsigned int workers = 1; workers < 4; workers++) {
		lseek(fd, 0, SEEK_SET);
		setenv("UB_TEST_FAULT", "eio:read@3", 1);
		fault_setup();
		CHECK(content_write_parallel(cw, workers, IN(fd), &b, &err) == ERR_SYS);
		CHECK(err.sys_errno == EIO && strstr(err.msg, "file"));
		unsetenv("UB_TEST_FAULT");
		fault_setup();
		lseek(fd, 0, SEEK_SET);
		CHECK(content_write_parallel(cw, workers, IN(fd), &b, &err) == 0);
		CHECK(oid_eq(&a.id, &b.id));
	}
	CHECK(!session_has_failed(s));
	close(fd);
	content_writer_free(cw);
	REQUIRE(session_commit(s, &err) == 0);
	repo_check(&r);
	repo_release(&r);
	sys_free(p);
}

UNIT_MAIN(test_workers_and_batches_do_not_matter, test_short_reads_do_not_matter,
	  test_after_a_failed_read_the_next_file_is_whole)
