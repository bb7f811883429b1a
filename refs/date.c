/*
 * Reading dates.  Strict: what is not wholly understood is no date, and is not guessed at.
 */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "refs/date.h"

enum { YEAR_MIN = 1900, YEAR_MAX = 9999, NS_DIGITS = 9, AGO_MAX = 1000000 };

/* Exactly `n` digits; `*s` moves past them. */
static bool digits(const char **s, int n, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		v = v * 10 + ((*s)[i] - '0');
	}
	*s += n;
	*out = v;
	return true;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* Seconds of a broken-down time that is UTC: days of the civil calendar, no leap seconds. */
static int64_t utc_seconds(const struct tm *tm)
{
	int64_t y = tm->tm_year + 1900, m = tm->tm_mon + 1, d = tm->tm_mday;

	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	int64_t days = era * 146097 + doe - 719468;
	return days * 86400 + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_day(const char **s, struct tm *tm)
{
	int year, month, day;

	if (!digits(s, 4, &year) || !skip(s, '-') || !digits(s, 2, &month) || !skip(s, '-') ||
	    !digits(s, 2, &day))
		return false;
	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 ||
	    day > month_days(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool parse_fraction(const char **s, long *ns_out)
{
	long ns = 0;
	int n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++, n++)
		if (n < NS_DIGITS)
			ns = ns * 10 + (**s - '0');
	for (int i = n; i < NS_DIGITS; i++)
		ns *= 10;
	*ns_out = ns;
	return n > 0;
}

static bool parse_clock(const char **s, struct tm *tm, long *ns_out)
{
	if (!digits(s, 2, &tm->tm_hour) || !skip(s, ':') || !digits(s, 2, &tm->tm_min))
		return false;
	if (skip(s, ':')) {
		if (!digits(s, 2, &tm->tm_sec))
			return false;
		if (skip(s, '.') && !parse_fraction(s, ns_out))
			return false;
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

/* Z, +HH:MM, +HHMM; `*east_out` in seconds. */
static bool parse_zone(const char **s, int *east_out)
{
	int hours, minutes;

	while (skip(s, ' '))
		;
	if (skip(s, 'Z') || skip(s, 'z')) {
		*east_out = 0;
		return true;
	}
	int sign = **s == '-' ? -1 : 1;
	if (!skip(s, '+') && !skip(s, '-'))
		return false;
	if (!digits(s, 2, &hours))
		return false;
	skip(s, ':');
	if (!digits(s, 2, &minutes) || hours > 15 || minutes > 59)
		return false;
	*east_out = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool to_local(struct tm *tm, struct timespec *out)
{
	tm->tm_isdst = -1;
	time_t t = mktime(tm);

	/* -1 is one second before 1970, too. */
	if (t == (time_t)-1 && tm->tm_year != 69 && tm->tm_year != 70)
		return false;
	out->tv_sec = t;
	return true;
}

static bool parse_absolute(const char *s, struct timespec *out)
{
	struct tm tm = { 0 };
	int east;

	out->tv_nsec = 0;
	if (!parse_day(&s, &tm))
		return false;
	if (*s == '\0')
		return to_local(&tm, out);
	if (!skip(&s, 'T') && !skip(&s, 't') && !skip(&s, ' ') && !skip(&s, '.'))
		return false;
	if (!parse_clock(&s, &tm, &out->tv_nsec))
		return false;
	if (*s == '\0')
		return to_local(&tm, out);
	if (!parse_zone(&s, &east) || *s)
		return false;
	out->tv_sec = utc_seconds(&tm) - east;
	return true;
}

/* A word up to a blank, dot, dash or the end; further separators are passed over. */
static size_t next_word(const char **s, const char **word)
{
	size_t n = strcspn(*s, " .-_");

	*word = *s;
	*s += n;
	*s += strspn(*s, " .-_");
	return n;
}

static bool is_word(const char *word, size_t n, const char *what)
{
	return strlen(what) == n && memcmp(word, what, n) == 0;
}

/* `nr` of a unit, in singular or plural, before `now`. */
static bool go_back(const struct timespec *now, int nr, const char *unit, size_t n,
		    struct timespec *out)
{
	static const struct { const char *name; int64_t seconds; int months; } units[] = {
		{ "second", 1, 0 }, { "sec", 1, 0 }, { "s", 1, 0 }, { "minute", 60, 0 },
		{ "min", 60, 0 }, { "hour", 3600, 0 }, { "h", 3600, 0 }, { "day", 86400, 0 },
		{ "d", 86400, 0 }, { "week", 7 * 86400, 0 }, { "w", 7 * 86400, 0 },
		{ "month", 0, 1 }, { "year", 0, 12 }, { "y", 0, 12 },
	};

	if (n > 1 && unit[n - 1] == 's')
		n--;
	*out = *now;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!is_word(unit, n, units[i].name))
			continue;
		if (units[i].months == 0) {
			out->tv_sec -= units[i].seconds * nr;
			return true;
		}
		struct tm tm;
		if (!localtime_r(&now->tv_sec, &tm))
			return false;
		int months = tm.tm_year * 12 + tm.tm_mon - nr * units[i].months;
		if (months < 0)
			return false;
		tm.tm_year = months / 12;
		tm.tm_mon = months % 12;
		int last = month_days(tm.tm_year + 1900, tm.tm_mon + 1);
		if (tm.tm_mday > last)
			tm.tm_mday = last;
		return to_local(&tm, out);
	}
	return false;
}

static bool parse_count(const char *word, size_t n, int *out)
{
	int v = 0;

	if (is_word(word, n, "a") || is_word(word, n, "an") || is_word(word, n, "one")) {
		*out = 1;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '9' || v > AGO_MAX)
			return false;
		v = v * 10 + (word[i] - '0');
	}
	*out = v;
	return n > 0 && v <= AGO_MAX;
}

static bool midnight(const struct timespec *now, struct timespec *out)
{
	struct tm tm;

	if (!localtime_r(&now->tv_sec, &tm))
		return false;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	out->tv_nsec = 0;
	return to_local(&tm, out);
}

static bool parse_relative(const char *s, const struct timespec *now, struct timespec *out)
{
	const char *word, *unit;
	int nr;

	s += strspn(s, " ");
	size_t n = next_word(&s, &word);
	if (!*s && is_word(word, n, "now")) {
		*out = *now;
		return true;
	}
	if (!*s && is_word(word, n, "today"))
		return midnight(now, out);
	if (!*s && is_word(word, n, "yesterday"))
		return go_back(now, 1, "day", 3, out);
	bool is_last = is_word(word, n, "last");
	if (is_last)
		nr = 1;
	else if (!parse_count(word, n, &nr))
		return false;
	n = next_word(&s, &unit);
	if (!go_back(now, nr, unit, n, out))
		return false;
	if (is_last)
		return !*s;
	n = next_word(&s, &word);
	return is_word(word, n, "ago") && !*s;
}

static bool parse_seconds(const char *s, struct timespec *out)
{
	int64_t v = 0;
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 12 || s[n])
		return false;
	for (; *s; s++)
		v = v * 10 + (*s - '0');
	*out = (struct timespec){ v, 0 };
	return true;
}

bool date_parse(const char *text, const struct timespec *now, struct timespec *out)
{
	if (text[0] == '@')
		return parse_seconds(text + 1, out);
	return parse_absolute(text, out) || parse_relative(text, now, out);
}

/* -- and the other way -- */

void date_put_age(struct buf *out, const struct timespec *now, int64_t then_s)
{
	static const struct { int64_t seconds; const char *one; } units[] = {
		{ 365 * 86400, "year" }, { 30 * 86400, "month" }, { 7 * 86400, "week" },
		{ 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" },
	};
	int64_t age;

	if (__builtin_sub_overflow((int64_t)now->tv_sec, then_s, &age) || age < 0) {
		buf_put_str(out, "by a clock that is ahead");
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		int64_t nr = age / units[i].seconds;
		if (nr == 0)
			continue;
		buf_printf(out, "%" PRId64 " %s%s ago", nr, units[i].one, nr == 1 ? "" : "s");
		return;
	}
	buf_put_str(out, "just now");
}
