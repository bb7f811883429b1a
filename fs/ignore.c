/*
 * Matching of patterns in .gitignore's grammar.
 */
#include <ctype.h>
#include <string.h>

#include "lib/lines.h"
#include "lib/sys.h"

#include "fs/ignore.h"

#define LINE_SIZE_MAX 65536

struct pattern {
	char *text;		/* as given */
	char *glob;		/* without !, slashes at the ends, and blanks behind */
	bool is_negative, wants_dir, is_anchored, folds_case;
	bool is_literal;	/* nothing special in it */
};

struct ignore_rules {
	struct pattern *v;
	size_t nr, alloc;
};

struct ignore_rules *ignore_new(void)
{
	return xcalloc(1, sizeof(struct ignore_rules));
}

void ignore_free(struct ignore_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nr; i++) {
		sys_free(r->v[i].text);
		sys_free(r->v[i].glob);
	}
	sys_free(r->v);
	sys_free(r);
}

bool ignore_is_empty(const struct ignore_rules *r)
{
	return r->nr == 0;
}

/* Blanks at the end do not count, but for one behind a backslash. */
static size_t length_of(const char *line)
{
	size_t n = 0;

	for (size_t i = 0; line[i]; i++) {
		if (line[i] == '\\' && line[i + 1]) {
			i++;
			n = i + 1;
		} else if (line[i] != ' ') {
			n = i + 1;
		}
	}
	return n;
}

void ignore_add(struct ignore_rules *r, const char *line, bool folds_case)
{
	struct pattern p = { .folds_case = folds_case };
	size_t n = length_of(line);
	const char *s = line;

	if (n == 0 || *s == '#')
		return;
	if (*s == '!') {
		p.is_negative = true;
		s++;
		n--;
	}
	if (n > 0 && s[n - 1] == '/') {
		p.wants_dir = true;
		n--;
	}
	if (n > 0 && *s == '/') {
		p.is_anchored = true;
		s++;
		n--;
	}
	if (n == 0)
		return;
	if (memchr(s, '/', n))
		p.is_anchored = true;
	p.text = xstrdup(line);
	p.glob = xstrndup(s, n);
	p.is_literal = !folds_case && strcspn(p.glob, "*?[\\") == n;
	if (r->nr == r->alloc) {
		r->alloc = r->alloc ? 2 * r->alloc : 8;
		r->v = xrealloc(r->v, r->alloc * sizeof(*r->v));
	}
	r->v[r->nr++] = p;
}

int ignore_read(struct ignore_rules *r, int fd, const char *name, bool folds_case, struct err *err)
{
	struct lines lines;
	bool is_first = true;
	const char *p;
	size_t n;
	int ret;

	lines_init(&lines, fd, name, '\n', LINE_SIZE_MAX);
	while ((ret = lines_next(&lines, &p, &n, err)) > 0) {
		size_t skip = is_first && n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
		n -= n > skip && p[n - 1] == '\r';
		char *line = xstrndup(p + skip, n - skip);
		ignore_add(r, line, folds_case);
		sys_free(line);
		is_first = false;
	}
	lines_release(&lines);
	return ret;
}

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
 * Does `s` fit all of `p`?  Without going back over more than one star of each kind: the last
 * star is the one that is tried again, and when a "*" cannot give, the last "**" does.  So the time
 * is bounded by the product of the lengths, squared at worst.
 */
static bool match(const char *glob, const char *s, bool folds)
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

static bool fits(const struct pattern *p, const char *path, const char *name, bool is_dir)
{
	const char *subject = p->is_anchored ? path : name;

	if (p->wants_dir && !is_dir)
		return false;
	return p->is_literal ? strcmp(p->glob, subject) == 0 :
			       match(p->glob, subject, p->folds_case);
}

const char *ignore_find(const struct ignore_rules *r, const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = r->nr; i-- > 0;)
		if (fits(&r->v[i], path, name, is_dir))
			return r->v[i].is_negative ? NULL : r->v[i].text;
	return NULL;
}
