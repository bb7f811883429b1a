/* What progress shows. */
#include <string.h>

#include "lib/progress.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)
#define GIB (UINT64_C(1) << 30)

static bool shows(const struct progress *p, uint64_t elapsed_ns, const char *expect)
{
	struct buf out = BUF_INIT;

	progress_put(p, elapsed_ns, &out);
	bool is_so = strcmp(buf_str(&out), expect) == 0;
	if (!is_so)
		printf("# shows %s\n", buf_str(&out));
	buf_release(&out);
	return is_so;
}

static struct progress at(enum progress_mode mode, uint64_t files, uint64_t done, uint64_t total)
{
	struct progress p = PROGRESS_INIT;

	p.mode = mode;
	p.title = "committing";
	p.unit = "bytes";
	p.files = files;
	p.done = done;
	p.total = total;
	return p;
}

static void test_files_bytes_rate_and_what_is_left(void)
{
	struct progress p = at(PROGRESS_AUTO, 1234, GIB, 4 * GIB);

	CHECK(shows(&p, 10 * SECOND, "committing: 1234 files, 1.0 GiB of 4.0 GiB (25%), "
		    "102.4 MiB/s, 0:30 left"));
	CHECK(shows(&p, 4000 * SECOND, "committing: 1234 files, 1.0 GiB of 4.0 GiB (25%), "
		    "262.1 KiB/s, 3:20:00 left"));
	p.files = 1;
	CHECK(shows(&p, SECOND / 2, "committing: 1 file, 1.0 GiB of 4.0 GiB (25%)"));
}

static void test_without_a_total_there_is_no_end_in_sight(void)
{
	struct progress p = at(PROGRESS_AUTO, 2, GIB, 0);

	CHECK(shows(&p, 2 * SECOND, "committing: 2 files, 1.0 GiB, 512.0 MiB/s"));
	p.total = GIB - 1;
	CHECK(shows(&p, 2 * SECOND, "committing: 2 files, 1.0 GiB, 512.0 MiB/s"));
	p.total = 2 * GIB;
	p.done = 0;
	CHECK(shows(&p, 2 * SECOND, "committing: 2 files, 0 B of 2.0 GiB (0%), 0 B/s"));
}

static void test_json_has_the_promised_fields(void)
{
	struct progress p = at(PROGRESS_JSON, 7, 42, 100);

	CHECK(shows(&p, 42 * SECOND,
		    "{\"type\":\"status\",\"percent_done\":0.420,\"bytes_done\":42,"
		    "\"bytes_total\":100,\"files_done\":7,\"seconds_remaining\":58}\n"));
	p.total = 0;
	CHECK(shows(&p, 42 * SECOND,
		    "{\"type\":\"status\",\"bytes_done\":42,\"files_done\":7}\n"));
}

static void test_other_units_are_counts(void)
{
	struct progress p = at(PROGRESS_FORCED, 0, 3, 12);

	p.title = "checking packs";
	p.unit = "packs";
	CHECK(shows(&p, 5 * SECOND, "checking packs: 3 of 12 (25%)"));
}

static void test_what_is_off_counts_nothing(void)
{
	struct progress p;

	progress_begin(&p, PROGRESS_OFF, "committing", 0, "bytes");
	progress_add_files(&p, 1);
	progress_add(&p, 1);
	CHECK(p.files == 0 && p.done == 0 && !p.is_shown);
	progress_end(&p);
}

UNIT_MAIN(test_files_bytes_rate_and_what_is_left, test_without_a_total_there_is_no_end_in_sight,
	  test_json_has_the_promised_fields, test_other_units_are_counts,
	  test_what_is_off_counts_nothing)
