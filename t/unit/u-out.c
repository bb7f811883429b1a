/* Buffered standard output. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/out.h"
#include "t/unit/unit.h"

static void test_everything_arrives_in_order(void)
{
	struct out o = OUT_INIT(-1);
	struct err err = ERR_INIT;
	static char big[70000], got[80000];
	int fd[2];

	REQUIRE(pipe(fd) == 0 && fcntl(fd[1], F_SETPIPE_SZ, 1 << 18) > 0);
	o.fd = fd[1];
	memset(big, 'x', sizeof(big));
	out_str(&o, "a");
	out_printf(&o, "%d", 12);
	out_put(&o, big, sizeof(big));
	out_str(&o, "end");
	CHECK(out_flush(&o, &err) == 0);
	close(fd[1]);
	CHECK(read(fd[0], got, sizeof(got)) == 3 + 70000 + 3);
	CHECK(memcmp(got, "a12x", 4) == 0 && memcmp(got + 70003, "end", 3) == 0);
	close(fd[0]);
	out_release(&o);
}

static void test_a_failure_is_kept_until_asked(void)
{
	struct out o = OUT_INIT(open("/dev/full", O_WRONLY));
	struct err err = ERR_INIT;

	REQUIRE(o.fd >= 0);
	o.is_direct = true;
	out_str(&o, "x");
	CHECK(out_failed(&o));
	out_str(&o, "y");
	CHECK(out_flush(&o, &err) == ERR_NO_SPACE);
	CHECK(strstr(err.msg, "write to standard output"));
	close(o.fd);
	out_release(&o);
}

UNIT_MAIN(test_everything_arrives_in_order, test_a_failure_is_kept_until_asked)
