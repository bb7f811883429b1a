#include <sys/wait.h>

#include "lib/lock.h"
#include "lib/sys.h"
#include "t/unit/scratch.h"
#include "t/unit/unit.h"

static void test_one_excludes_all_others(void)
{
	struct lock a = LOCK_INIT, b = LOCK_INIT;
	struct err err = ERR_INIT;
	const char *path = scratch("lock");

	CHECK(!lock_is_held(&a));
	CHECK(lock_take(&a, path, LOCK_EXCLUSIVE, 0, "the store", &err) == 0);
	CHECK(lock_is_held(&a));
	CHECK(lock_take(&b, path, LOCK_EXCLUSIVE, 0, "the store", &err) == ERR_BUSY);
	CHECK(strstr(err.msg, "the store") != NULL);
	CHECK(lock_take(&b, path, LOCK_SHARED, 0, "the store", &err) == ERR_BUSY);
	lock_release(&a);
	lock_release(&a);
	CHECK(lock_take(&b, path, LOCK_SHARED, 0, "the store", &err) == 0);
	lock_release(&b);
}

static void test_many_share(void)
{
	struct lock a = LOCK_INIT, b = LOCK_INIT, c = LOCK_INIT;
	struct err err = ERR_INIT;
	const char *path = scratch("lock");

	CHECK(lock_take(&a, path, LOCK_SHARED, 0, "it", &err) == 0);
	CHECK(lock_take(&b, path, LOCK_SHARED, 0, "it", &err) == 0);
	CHECK(lock_take(&c, path, LOCK_EXCLUSIVE, 30, "it", &err) == ERR_BUSY);
	lock_release(&a);
	lock_release(&b);
	CHECK(lock_take(&c, path, LOCK_EXCLUSIVE, 0, "it", &err) == 0);
	lock_release(&c);
}

static void test_a_waiter_gets_its_turn_and_the_dead_hold_nothing(void)
{
	struct lock a = LOCK_INIT;
	struct err err = ERR_INIT;
	const char *path = scratch("lock");
	int ready[2];
	char byte;

	REQUIRE(pipe(ready) == 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int ret = lock_take(&a, path, LOCK_EXCLUSIVE, 0, "it", &err);
		if (ret < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		sys_sleep_ms(100);
		_exit(0);	/* dies with the lock in its hand */
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(lock_take(&a, path, LOCK_EXCLUSIVE, 10000, "it", &err) == 0);
	lock_release(&a);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void test_a_lock_that_cannot_be_opened_says_so(void)
{
	struct lock a = LOCK_INIT;
	struct err err = ERR_INIT;

	CHECK(lock_take(&a, scratch("no/such/lock"), LOCK_SHARED, 0, "it", &err) == ERR_SYS);
	CHECK(!lock_is_held(&a));
}

UNIT_MAIN(test_one_excludes_all_others, test_many_share,
	  test_a_waiter_gets_its_turn_and_the_dead_hold_nothing,
	  test_a_lock_that_cannot_be_opened_says_so)
