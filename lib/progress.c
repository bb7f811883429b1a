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

static void put_amount(const struct progress *p, struct buf *out, uint64_t amount)
{
	if (strcmp(p->unit, "bytes") == 0)
		buf_put_str(out, number_human(amount).s);
	else
		buf_printf(out, "%" PRIu64, amount);
}

static void put_text(struct progress *p, struct buf *out, uint64_t done)
{
	if (p->mode == PROGRESS_AUTO)
		buf_put_str(out, "\r\033[K");
	buf_printf(out, "%s: ", p->title);
	put_amount(p, out, done);
	if (p->total) {
		buf_put_str(out, " of ");
		put_amount(p, out, p->total);
		buf_printf(out, " (%u%%)",
			   (unsigned int)(100 * ((double)done / (double)p->total)));
	}
	if (p->mode == PROGRESS_FORCED)
		buf_put_u8(out, '\n');
}

static void put_json(const struct progress *p, struct buf *out, uint64_t done, uint64_t now)
{
	char name[32];
	struct json j;

	json_begin(&j, out, "status");
	if (p->total)
		json_double(&j, "percent_done", (double)done / (double)p->total);
	snprintf(name, sizeof(name), "%s_done", p->unit);
	json_u64(&j, name, done);
	if (p->total) {
		snprintf(name, sizeof(name), "%s_total", p->unit);
		json_u64(&j, name, p->total);
	}
	if (p->total && done && done <= p->total)
		json_u64(&j, "seconds_remaining",
			 (uint64_t)((double)(now - p->start_ns) / 1e9 *
				    ((double)(p->total - done) / (double)done)));
	json_end(&j);
}

void progress_add(struct progress *p, uint64_t amount)
{
	uint64_t done, now, next;
	struct buf line = BUF_INIT;

	if (!p->is_active)
		return;
	done = __atomic_add_fetch(&p->done, amount, __ATOMIC_RELAXED);
	next = __atomic_load_n(&p->next_ns, __ATOMIC_RELAXED);
	now = sys_monotonic_ns();
	if (now < next || !__atomic_compare_exchange_n(&p->next_ns, &next, now + EVERY_NS, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	if (p->mode == PROGRESS_AUTO && !in_foreground())
		return;
	if (p->mode == PROGRESS_JSON)
		put_json(p, &line, done, now);
	else
		put_text(p, &line, done);
	__atomic_store_n(&p->is_shown, true, __ATOMIC_RELAXED);
	sys_write_full(STDERR_FILENO, line.data, line.len);
	buf_release(&line);
}

void progress_hide(struct progress *p)
{
	static const char erase[] = "\r\033[K";

	if (p->mode == PROGRESS_AUTO &&
	    __atomic_exchange_n(&p->is_shown, false, __ATOMIC_RELAXED) && in_foreground())
		sys_write_full(STDERR_FILENO, erase, sizeof(erase) - 1);
}

void progress_end(struct progress *p)
{
	progress_hide(p);
	p->is_active = false;
}
