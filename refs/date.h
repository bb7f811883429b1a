#ifndef REFS_DATE_H
#define REFS_DATE_H

/*
 * Points in time as people type them, in local time unless a zone is given:
 *
 *	2023-01-01			midnight, as the day begins
 *	2023-01-01 12:30[:15[.5]]	or with T between; Z, +01:00 or +0100 may follow
 *	now, today, yesterday		today: as it begins; yesterday: 24 hours ago, as git has it
 *	2.days.ago, 3 hours ago		second(s) ... year(s), blanks or dots between
 *	last.week			one of the unit ago
 *	@1672531200			seconds since 1970, UTC
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/buf.h"

bool date_parse(const char *text, const struct timespec *now, struct timespec *out);
/* "2 hours ago" */
void date_put_age(struct buf *out, const struct timespec *now, int64_t then_s);

#endif
