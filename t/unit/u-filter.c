/*
 * The filter: never a wrong "absent", few wrong "maybe", lines in order.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "objects/filter.h"
#include "t/unit/unit.h"

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void id_of(uint64_t nr, unsigned char id[32])
{
	for (int i = 0; i < 4; i++)
		put_u64le(id + 8 * i, mix(nr * 4 + (uint64_t)i));
}

static void test_the_number_of_lines_gives_ten_bits_an_id(void)
{
	CHECK(filter_lines(0) == 1);
	CHECK(filter_lines(48) == 1);
	CHECK(filter_lines(49) == 2);
	CHECK(filter_lines(UINT32_MAX) == 89478486);
}

static void test_lines_rise_with_ids_and_stay_in_range(void)
{
	uint64_t rest, before = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t top = i * (UINT64_MAX / 999);
		uint64_t line = filter_line_of(top, 77, &rest);
		CHECK(line >= before && line < 77);
		before = line;
	}
	CHECK(filter_line_of(0, 77, NULL) == 0);
	CHECK(filter_line_of(UINT64_MAX, 77, NULL) == 76);
	filter_line_of((uint64_t)1 << 63, 1, &rest);
	CHECK(rest == (uint64_t)1 << 63);
}

static void test_what_was_added_is_never_called_absent(void)
{
	enum { IDS = 100000 };
	const uint64_t lines = filter_lines(IDS);
	unsigned char id[32];
	unsigned int missed = 0, maybe = 0;
	unsigned char (*filter)[FILTER_LINE_SIZE] = calloc(lines, FILTER_LINE_SIZE);

	for (uint64_t i = 0; i < IDS; i++) {
		id_of(i, id);
		filter_add(filter[filter_line_of(filter_top(id), lines, NULL)], id);
	}
	for (uint64_t i = 0; i < IDS; i++) {
		id_of(i, id);
		missed += !filter_has(filter[filter_line_of(filter_top(id), lines, NULL)], id);
		id_of(i + IDS, id);
		maybe += filter_has(filter[filter_line_of(filter_top(id), lines, NULL)], id);
	}
	CHECK(missed == 0);
	printf("# %.2f %% of absent ids pass\n", 100.0 * maybe / IDS);
	CHECK(maybe < IDS / 50);
	for (uint64_t i = 0; i < lines; i++)
		for (int k = 0; k < FILTER_START_SIZE; k++)
			CHECK(filter[i][k] == 0);
	free(filter);
}

UNIT_MAIN(test_the_number_of_lines_gives_ten_bits_an_id,
	  test_lines_rise_with_ids_and_stay_in_range,
	  test_what_was_added_is_never_called_absent)
