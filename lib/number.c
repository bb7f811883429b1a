/*
 * Numbers as people write and read them.  No signs, no blanks, no other bases: what is not
 * plainly a number is refused.
 */

#include <stdio.h>
#include <string.h>

#include "lib/number.h"

static const char *parse_digits(const char *s, uint64_t *out)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*out = v;
	return s;
}

bool number_parse(const char *s, uint64_t *out)
{
	uint64_t v;

	s = parse_digits(s, &v);
	if (!s || *s)
		return false;
	*out = v;
	return true;
}

bool number_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KkMmGgTt";
	unsigned int shift = 0;
	uint64_t v;

	s = parse_digits(s, &v);
	if (!s)
		return false;
	if (*s) {
		const char *unit = strchr(units, *s);

		if (!unit || s[1])
			return false;
		shift = 10 * ((unsigned int)(unit - units) / 2 + 1);
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

struct number_text number_human(uint64_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct number_text t;
	double v = (double)size;
	size_t unit = 0;

	while (v >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(t.s, sizeof(t.s), "%u B", (unsigned int)size);
	else
		snprintf(t.s, sizeof(t.s), "%.1f %s", v, units[unit]);
	return t;
}
