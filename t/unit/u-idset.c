/*
 * Sets of ids: what was added is there until it is removed, whatever else was.
 */
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/idset.h"
#include "t/unit/unit.h"

/* Few homes, so that ids collide, and wrap around the end of the table. */
static struct oid make_id(unsigned int i)
{
	struct oid id = { { 0 } };

	put_u64le(id.b, i % 7 ? i % 3 : UINT64_MAX - i % 2);
	put_u32le(id.b + 8, i + 1);
	return id;
}

static void test_an_empty_set_has_nothing(void)
{
	struct idset s = IDSET_INIT;
	struct oid id = make_id(1);

	CHECK(!idset_has(&s, &id));
	idset_remove(&s, &id);
	CHECK(s.nr == 0);
	idset_release(&s);
	idset_release(&s);
}

static void test_an_id_is_added_once(void)
{
	struct idset s = IDSET_INIT;
	struct oid id = make_id(1), other = make_id(4);

	CHECK(idset_add(&s, &id) && !idset_add(&s, &id));
	CHECK(idset_has(&s, &id) && !idset_has(&s, &other) && s.nr == 1);
	idset_remove(&s, &other);
	CHECK(idset_has(&s, &id) && s.nr == 1);
	idset_remove(&s, &id);
	CHECK(!idset_has(&s, &id) && s.nr == 0);
	CHECK(idset_add(&s, &id));
	idset_release(&s);
}

static void test_the_zero_id_is_never_there(void)
{
	struct idset s = IDSET_INIT;
	struct oid zero = { { 0 } }, id = make_id(1);

	idset_add(&s, &id);
	CHECK(!idset_has(&s, &zero));
	idset_remove(&s, &zero);
	CHECK(s.nr == 1 && idset_has(&s, &id));
	idset_release(&s);
}

enum { IDS = 600, STEPS = 40000 };

static void test_removal_loses_no_other(void)
{
	static bool is_in[IDS];
	struct idset s = IDSET_INIT;
	uint64_t x = 1;
	size_t nr = 0;

	for (unsigned int step = 0; step < STEPS; step++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		unsigned int i = (unsigned int)(x >> 33) % IDS;
		struct oid id = make_id(i);
		if (x >> 60 & 1) {
			CHECK(idset_add(&s, &id) == !is_in[i]);
			nr += !is_in[i];
			is_in[i] = true;
		} else {
			idset_remove(&s, &id);
			nr -= is_in[i];
			is_in[i] = false;
		}
		CHECK(s.nr == nr);
		if (step % 997 != 0)
			continue;
		for (unsigned int k = 0; k < IDS; k++) {
			id = make_id(k);
			CHECK(idset_has(&s, &id) == is_in[k]);
		}
	}
	CHECK(s.alloc <= 1024);
	idset_release(&s);
}

UNIT_MAIN(test_an_empty_set_has_nothing, test_an_id_is_added_once,
	  test_the_zero_id_is_never_there, test_removal_loses_no_other)
