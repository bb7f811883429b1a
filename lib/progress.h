#ifndef LIB_PROGRESS_H
#define LIB_PROGRESS_H

/*
 * How far a long piece of work is, on standard error.
 *
 * A line on a terminal, only in the foreground, only after a second, always erased at the end;
 * with --progress also elsewhere, then as whole lines.  Under --json: lines of type "status".
 *
 *	committing: 1234 files, 1.2 GiB of 3.4 GiB (35%), 210.0 MiB/s, 0:41 left
 *
 * Any thread may call progress_add(); one prints, the others go on.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

enum progress_mode {
	PROGRESS_AUTO,		/* a terminal in the foreground */
	PROGRESS_OFF,
	PROGRESS_FORCED,
	PROGRESS_JSON,
};

struct progress {
	enum progress_mode mode;
	const char *title;	/* "checking packs" */
	uint64_t total;		/* 0: not known */
	const char *unit;	/* "bytes" are shown as sizes, all others as counts */
	bool is_active, is_shown;
	uint64_t start_ns;
	uint64_t done, files, next_ns;	/* atomic */
};

#define PROGRESS_INIT { PROGRESS_OFF, "", 0, "", false, false, 0, 0, 0, 0 }

void progress_begin(struct progress *p, enum progress_mode mode, const char *title, uint64_t total,
		    const char *unit);
void progress_add(struct progress *p, uint64_t amount);
/* Files that are done, beside the amount; shown with the next progress_add(). */
void progress_add_files(struct progress *p, uint64_t nr);
/* The total turns out later: before the first progress_add(). */
void progress_set_total(struct progress *p, uint64_t total);
/* Erases the line, so that something else can be said; progress_add() shows it again. */
void progress_hide(struct progress *p);
/* The same for good; may be called twice, or without a begin. */
void progress_end(struct progress *p);
/* What is shown after so long, as text or (PROGRESS_JSON) as a line of JSON; appended. */
void progress_put(const struct progress *p, uint64_t elapsed_ns, struct buf *out);

#endif
