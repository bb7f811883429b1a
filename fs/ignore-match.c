/*
 * One pattern of .gitignore's grammar against one path.
 */
#include <ctype.h>
#include <string.h>

#include "fs/ignore-internal.h"

static unsigned char fold(unsigned char c, bool folds)
{
	return folds && c < 128 ? (unsigned char)tolower(c) : c;
}

static bool is_in_class(const char *name, size_t n, unsigned char c)
{
	static const struct { const char *name; int (*is)(int); } classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (strlen(classes[i].name) == n && strncmp(classes[i].name, name, n) == 0)
			return classes[i].is(c);
	return false;
}

/* A bracket expression at `p`, behind its "["; `*end` is behind its "]".  -1: it has no end. */
static int match_bracket(const char *p, unsigned char c, const char **end)
{
	bool is_not = *p == '!' || *p == '^', found = false;

	if (is_not)
		p++;
	for (bool is_first = true; *p != ']' || is_first; is_first = false) {
		if (*p == '\0')
			return -1;
		if (p[0] == '[' && p[1] == ':') {
			const char *stop = strstr(p + 2, ":]");
			if (stop) {
				found |= is_in_class(p + 2, (size_t)(stop - p - 2), c);
				p = stop + 2;
				continue;
			}
		}
		if (*p == '\\' && p[1])
			p++;
		unsigned char low = (unsigned char)*p++, high = low;
		if (p[0] == '-' && p[1] && p[1] != ']') {
			p++;
			if (*p == '\\' && p[1])
				p++;
			high = (unsigned char)*p++;
		}
		/* As in git, a range that runs backwards still has its first. */
		found |= c == low || (c >= low && c <= high);
	}
	*end = p + 1;
	return found != is_not;
}

/* Whatever the case: either may be in it; and for one that is not to be in it, neither. */
static int match_bracket_folded(const char *p, unsigned char c, const char **end)
{
	bool is_not = *p == '!' || *p == '^';
	int lower = match_bracket(p, (unsigned char)tolower(c), end);
	int upper = match_bracket(p, (unsigned char)toupper(c), end);

	return is_not ? (lower < upper ? lower : upper) : (lower > upper ? lower : upper);
}

/* "**" between slashes, at the beginning or at the end: whole names, any number of them. */
static bool is_deep(const char *glob, const char *p)
{
	return p[1] == '*' && (p == glob || p[-1] == '/') && (p[2] == '\0' || p[2] == '/');
}

/*
 * Never goes back over more than one star of each kind: the last star is the one that is tried
 * again, and when a "*" cannot give, the last "**" does.
 */
bool ignore_match(const char *glob, const char *s, bool folds)
{
	const char *p = glob;
	const char *star_p = NULL, *star_s = NULL;	/* "*": does not pass a slash */
	const char *deep_p = NULL, *deep_s = NULL;	/* "**" */

	for (;;) {
		const char *end = NULL;
		unsigned char c = (unsigned char)*s;
		bool fits = false;

		if (*p == '*' && is_deep(glob, p)) {
			if (p[2] == '\0')
				return c != '\0';
			p += 3;			/* no names at all, at first */
			deep_p = p;
			deep_s = s;
			star_p = NULL;
			continue;
		}
		if (*p == '*') {
			while (*p == '*')
				p++;
			star_p = p;
			star_s = s;
			continue;
		}
		if (*p == '\0' && c == '\0')
			return true;
		if (c != '\0' && *p == '?') {
			fits = c != '/';
			end = p + 1;
		} else if (c != '\0' && *p == '[') {
			int answer = folds ? match_bracket_folded(p + 1, c, &end) :
					     match_bracket(p + 1, c, &end);
			fits = answer > 0 && c != '/';
			if (answer < 0)
				return false;
		} else if (c != '\0' && *p) {
			if (*p == '\\' && !*++p)
				return false;	/* nothing is quoted: it fits nothing */
			fits = fold((unsigned char)*p, folds) == fold(c, folds);
			end = p + 1;
		}
		if (fits) {
			p = end;
			s++;
		} else if (star_p && *star_s && *star_s != '/') {
			s = ++star_s;
			p = star_p;
		} else if (deep_p && (deep_s = strchr(deep_s, '/'))) {
			s = ++deep_s;
			p = deep_p;
			star_p = NULL;
		} else {
			return false;
		}
	}
}
