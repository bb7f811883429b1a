#include <stdatomic.h>

#include "lib/pool.h"
#include "t/unit/unit.h"

enum { ITEMS = 5000 };

struct job {
	int next, finished, fail_next, fail_work, fail_finish;
	bool is_ordered;
	atomic_int worked, released;
};

struct item {
	int nr, square;
	bool was_used;
};

static int job_next(void *item, void *data, struct err *err)
{
	struct job *j = data;
	struct item *it = item;

	if (j->next == j->fail_next)
		return err_set(err, ERR_CORRUPT, "next %d", j->next);
	if (j->next == ITEMS)
		return 0;
	it->nr = j->next++;
	it->was_used = true;
	return 1;
}

static int job_work(void *item, void *data, struct err *err)
{
	struct job *j = data;
	struct item *it = item;

	if (it->nr == j->fail_work)
		return err_set(err, ERR_CORRUPT, "work %d", it->nr);
	/* uneven, so that items overtake each other */
	volatile int spin = it->nr % 7 * 300;
	while (spin > 0)
		spin--;
	it->square = it->nr * it->nr;
	atomic_fetch_add(&j->worked, 1);
	return 0;
}

static int job_finish(void *item, void *data, struct err *err)
{
	struct job *j = data;
	const struct item *it = item;

	if (it->nr == j->fail_finish)
		return err_set(err, ERR_CORRUPT, "finish %d", it->nr);
	if (it->nr != j->finished || it->square != it->nr * it->nr)
		j->is_ordered = false;
	j->finished++;
	return 0;
}

static void job_release(void *item, void *data)
{
	struct job *j = data;

	(void)item;
	atomic_fetch_add(&j->released, 1);
}

static const struct pool_ops ordered = { job_next, job_work, job_finish, job_release };
static const struct pool_ops unordered = { job_next, job_work, NULL, job_release };

static int run(struct job *j, const struct pool_ops *ops, unsigned int workers,
	       unsigned int slots, struct err *err)
{
	j->is_ordered = true;
	return pool_run(ops, sizeof(struct item), workers, slots, j, err);
}

#define JOB_INIT { .fail_next = -1, .fail_work = -1, .fail_finish = -1 }

static void test_items_finish_in_order(void)
{
	for (unsigned int workers = 0; workers <= 5; workers++) {
		for (unsigned int slots = 1; slots <= 16; slots *= 4) {
			struct job j = JOB_INIT;
			struct err err = ERR_INIT;
			CHECK(run(&j, &ordered, workers, slots, &err) == 0);
			CHECK(j.is_ordered && j.finished == ITEMS);
			CHECK(atomic_load(&j.worked) == ITEMS);
			unsigned int want = workers <= 1 ? 1 : slots < workers ? workers : slots;
			CHECK(atomic_load(&j.released) == (int)want);
		}
	}
}

static void test_without_finish_all_is_worked(void)
{
	for (unsigned int workers = 1; workers <= 4; workers++) {
		struct job j = JOB_INIT;
		struct err err = ERR_INIT;
		CHECK(run(&j, &unordered, workers, workers, &err) == 0);
		CHECK(atomic_load(&j.worked) == ITEMS);
	}
}

static void test_the_first_error_stops_the_rest(void)
{
	for (unsigned int workers = 1; workers <= 4; workers++) {
		struct job a = JOB_INIT, b = JOB_INIT, c = JOB_INIT;
		struct err err = ERR_INIT;

		a.fail_next = 1000;
		CHECK(run(&a, &ordered, workers, 8, &err) == ERR_CORRUPT);
		CHECK(strcmp(err.msg, "next 1000") == 0 && a.finished <= 1000);
		b.fail_work = 1000;
		CHECK(run(&b, &ordered, workers, 8, &err) == ERR_CORRUPT);
		CHECK(strcmp(err.msg, "work 1000") == 0 && b.finished <= 1000);
		CHECK(b.next < 1020);
		c.fail_finish = 1000;
		CHECK(run(&c, &ordered, workers, 8, &err) == ERR_CORRUPT);
		CHECK(strcmp(err.msg, "finish 1000") == 0 && c.finished == 1000);
		CHECK(atomic_load(&c.released) > 0);
	}
}

static void test_no_work_is_no_trouble(void)
{
	struct job j = JOB_INIT;
	struct err err = ERR_INIT;

	j.next = ITEMS;
	CHECK(run(&j, &ordered, 4, 4, &err) == 0);
	CHECK(j.finished == 0);
}

UNIT_MAIN(test_items_finish_in_order, test_without_finish_all_is_worked,
	  test_the_first_error_stops_the_rest, test_no_work_is_no_trouble)
