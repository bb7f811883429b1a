/* Numbers as people write and read them. */

#include "lib/number.h"
#include "t/unit/unit.h"

static void test_numbers_are_digits_that_fit(void)
{
	uint64_t v = 1;

	CHECK(number_parse("0", &v) && v == 0);
	CHECK(number_parse("18446744073709551615", &v) && v == UINT64_MAX);
	v = 5;
	CHECK(!number_parse("18446744073709551616", &v));
	CHECK(!number_parse("", &v) && !number_parse("-1", &v) && !number_parse("+1", &v));
	CHECK(!number_parse(" 1", &v) && !number_parse("1 ", &v) && !number_parse("0x1", &v));
	CHECK(v == 5);
}

static void test_sizes_take_one_unit(void)
{
	uint64_t v = 0;

	CHECK(number_parse_size("7", &v) && v == 7);
	CHECK(number_parse_size("1K", &v) && v == 1024);
	CHECK(number_parse_size("2m", &v) && v == 2 << 20);
	CHECK(number_parse_size("3G", &v) && v == UINT64_C(3) << 30);
	CHECK(number_parse_size("16777215T", &v) && v == UINT64_C(16777215) << 40);
	CHECK(!number_parse_size("16777216T", &v));
	CHECK(!number_parse_size("1KB", &v) && !number_parse_size("K", &v));
	CHECK(!number_parse_size("1.5G", &v) && !number_parse_size("1 K", &v));
}

static void test_sizes_for_people_are_short(void)
{
	CHECK(strcmp(number_human(0).s, "0 B") == 0);
	CHECK(strcmp(number_human(999).s, "999 B") == 0);
	CHECK(strcmp(number_human(1000).s, "1.0 KiB") == 0);
	CHECK(strcmp(number_human(1288490189).s, "1.2 GiB") == 0);
	CHECK(strcmp(number_human(UINT64_MAX).s, "16.0 EiB") == 0);
}

UNIT_MAIN(test_numbers_are_digits_that_fit, test_sizes_take_one_unit,
	  test_sizes_for_people_are_short)
