/*
 * Progress lines.  Failing to print one is nobody's problem.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/number.h"
#include "lib/sys.h"
#include "lib/progress.h"

#define FIRST_NS UINT64_C(1000000000)
#define EVERY_NS UINT64_C(250000000)

static const char erase[] = "\r\033[K";

static bool in_foreground(void)
{
	return isatty(STDERR_FILENO) && tcgetpgrp(STDERR_FILENO) == getpgrp();
}

void progress_begin(struct progress *p, enum progress_mode mode, const char *title, uint64_t total,
		    const char *unit)
{
	*p = (struct progress)PROGRESS_INIT;
	p->mode = mode;
	p->title = title;
	p->total = total;
	p->unit = unit;
	p->is_active = mode != PROGRESS_OFF && (mode != PROGRESS_AUTO || isatty(STDERR_FILENO));
	if (!p->is_active)
		return;
	p->start_ns = sys_monotonic_ns();
	p->next_ns = p->start_ns + (mode == PROGRESS_AUTO ? FIRST_NS : 0);
}

void progress_set_total(struct progress *p, uint64_t total)
{
	p->total = total;
}

static bool is_bytes(const struct progress *p)
{
	return strcmp(p->unit, "bytes") == 0;
}

static void put_amount(const struct progress *p, struct buf *out, uint64_t amount)
{
	if (is_bytes(p))
		buf_put_str(out, number_human(amount).s);
	else
		buf_printf(out, "%" PRIu64, amount);
}

/* What is to be done: nothing is known once more was done than there should be. */
static uint64_t total_of(const struct progress *p, uint64_t done)
{
	return done <= p->total ? p->total : 0;
}

/* Seconds to go if it goes on like this; false: not known. */
static bool find_left(const struct progress *p, uint64_t done, uint64_t elapsed_ns, uint64_t *out)
{
	uint64_t total = total_of(p, done);

	if (total == 0 || done == 0)
		return false;
	double left = (double)elapsed_ns / 1e9 * ((double)(total - done) / (double)done);
	if (left > 1e9)
		return false;
	*out = (uint64_t)left;
	return true;
}

/* ", 210.0 MiB/s, 0:41 left" */
static void put_speed(const struct progress *p, uint64_t done, uint64_t elapsed_ns,
		      struct buf *out)
{
	uint64_t left;

	if (elapsed_ns < FIRST_NS || !is_bytes(p))
		return;
	double rate = (double)done / ((double)elapsed_ns / 1e9);
	buf_printf(out, ", %s/s", number_human((uint64_t)rate).s);
	if (!find_left(p, done, elapsed_ns, &left))
		return;
	if (left >= 3600)
		buf_printf(out, ", %" PRIu64 ":%02" PRIu64, left / 3600, left / 60 % 60);
	else
		buf_printf(out, ", %" PRIu64, left / 60);
	buf_printf(out, ":%02" PRIu64 " left", left % 60);
}

static void put_text(const struct progress *p, uint64_t elapsed_ns, struct buf *out)
{
	uint64_t done = __atomic_load_n(&p->done, __ATOMIC_RELAXED);
	uint64_t files = __atomic_load_n(&p->files, __ATOMIC_RELAXED);
	uint64_t total = total_of(p, done);

	buf_printf(out, "%s: ", p->title);
	if (files > 0)
		buf_printf(out, "%" PRIu64 " %s, ", files, files == 1 ? "file" : "files");
	put_amount(p, out, done);
	if (total) {
		buf_put_str(out, " of ");
		put_amount(p, out, total);
		buf_printf(out, " (%u%%)", (unsigned int)(100 * ((double)done / (double)total)));
	}
	put_speed(p, done, elapsed_ns, out);
}

static void put_json(const struct progress *p, uint64_t elapsed_ns, struct buf *out)
{
	uint64_t done = __atomic_load_n(&p->done, __ATOMIC_RELAXED);
	uint64_t files = __atomic_load_n(&p->files, __ATOMIC_RELAXED);
	uint64_t total = total_of(p, done), left;
	char name[32];
	struct json j;

	json_begin(&j, out, "status");
	if (total)
		json_double(&j, "percent_done", (double)done / (double)total);
	snprintf(name, sizeof(name), "%s_done", p->unit);
	json_u64(&j, name, done);
	if (total) {
		snprintf(name, sizeof(name), "%s_total", p->unit);
		json_u64(&j, name, total);
	}
	if (files > 0)
		json_u64(&j, "files_done", files);
	if (find_left(p, done, elapsed_ns, &left))
		json_u64(&j, "seconds_remaining", left);
	json_end(&j);
}

void progress_put(const struct progress *p, uint64_t elapsed_ns, struct buf *out)
{
	if (p->mode == PROGRESS_JSON)
		put_json(p, elapsed_ns, out);
	else
		put_text(p, elapsed_ns, out);
}

void progress_add_files(struct progress *p, uint64_t nr)
{
	if (p->is_active)
		__atomic_add_fetch(&p->files, nr, __ATOMIC_RELAXED);
}

void progress_add(struct progress *p, uint64_t amount)
{
	uint64_t now, next;
	struct buf line = BUF_INIT;

	if (!p->is_active)
		return;
	__atomic_add_fetch(&p->done, amount, __ATOMIC_RELAXED);
	next = __atomic_load_n(&p->next_ns, __ATOMIC_RELAXED);
	now = sys_monotonic_ns();
	if (now < next || !__atomic_compare_exchange_n(&p->next_ns, &next, now + EVERY_NS, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	if (p->mode == PROGRESS_AUTO && !in_foreground())
		return;
	if (p->mode == PROGRESS_AUTO)
		buf_put_str(&line, erase);
	progress_put(p, now - p->start_ns, &line);
	if (p->mode == PROGRESS_FORCED)
		buf_put_u8(&line, '\n');
	__atomic_store_n(&p->is_shown, true, __ATOMIC_RELAXED);
	sys_write_full(STDERR_FILENO, line.data, line.len);
	buf_release(&line);
}

void progress_hide(struct progress *p)
{
	if (p->mode == PROGRESS_AUTO &&
	    __atomic_exchange_n(&p->is_shown, false, __ATOMIC_RELAXED) && in_foreground())
		sys_write_full(STDERR_FILENO, erase, sizeof(erase) - 1);
}

void progress_end(struct progress *p)
{
	progress_hide(p);
	p->is_active = false;
}
