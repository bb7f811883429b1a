/*
 * Patterns into programs: regular expressions by descent, shell patterns from left to right.
 *
 * Jumps are relative, so a part that is repeated is copied as it stands, and a step put in front
 * of a part leaves it whole.
 */
#include <ctype.h>
#include <string.h>

#include "lib/json.h"
#include "lib/regex-internal.h"
#include "lib/regex.h"
#include "lib/sys.h"

#define DEPTH_MAX 100
#define REPEAT_MAX 255

struct parser {
	struct regex_program *out;
	const unsigned char *p;		/* NUL at the end */
	unsigned int flags, depth;
	struct err *err;
};

/* -- steps -- */

/* Room for `nr` steps at `at`. */
static int make_room(struct parser *ps, size_t at, size_t nr)
{
	struct regex_program *g = ps->out;

	if (g->nr + nr > REGEX_STEPS_MAX)
		return err_set(ps->err, ERR_USAGE, "the pattern is too large: repeated parts"
			       " count as often as they are repeated");
	if (g->nr + nr > g->alloc) {
		g->alloc = (g->nr + nr) * 2;
		g->v = xrealloc(g->v, g->alloc * sizeof(*g->v));
	}
	if (g->nr > at)
		memmove(g->v + at + nr, g->v + at, (g->nr - at) * sizeof(*g->v));
	if (nr > 0)
		memset(g->v + at, 0, nr * sizeof(*g->v));
	g->nr += nr;
	return 0;
}

static int insert(struct parser *ps, size_t at, enum regex_op op, int to, int other)
{
	int ret = make_room(ps, at, 1);

	if (ret == 0)
		ps->out->v[at] = (struct regex_step){ .op = op, .to = to, .other = other };
	return ret;
}

static int append(struct parser *ps, enum regex_op op, int to, int other)
{
	return insert(ps, ps->out->nr, op, to, other);
}

static int append_set(struct parser *ps, const struct regex_set *set)
{
	int ret = append(ps, REGEX_SET, 0, 0);

	if (ret == 0)
		ps->out->v[ps->out->nr - 1].set = *set;
	return ret;
}

static int length_since(const struct parser *ps, size_t at)
{
	return (int)(ps->out->nr - at);
}

/* What stands from `at` on, or what was from `mid` on. */
static int join_branches(struct parser *ps, size_t at, size_t mid)
{
	int ret = insert(ps, mid, REGEX_JUMP, length_since(ps, mid) + 1, 0);

	return ret < 0 ? ret : insert(ps, at, REGEX_SPLIT, 1, (int)(mid - at) + 2);
}

static int make_optional(struct parser *ps, size_t at)
{
	return insert(ps, at, REGEX_SPLIT, 1, length_since(ps, at) + 1);
}

static int make_star(struct parser *ps, size_t at)
{
	int len = length_since(ps, at);
	int ret = insert(ps, at, REGEX_SPLIT, 1, len + 2);

	return ret < 0 ? ret : append(ps, REGEX_JUMP, -(len + 1), 0);
}

/* -- sets of bytes -- */

static void set_add(struct parser *ps, struct regex_set *s, unsigned int c)
{
	s->bits[c >> 6] |= (uint64_t)1 << (c & 63);
	if (!(ps->flags & REGEX_FOLDS) || c >= 0x80 || !isalpha((int)c))
		return;
	c ^= 0x20;
	s->bits[c >> 6] |= (uint64_t)1 << (c & 63);
}

static void set_add_range(struct parser *ps, struct regex_set *s, unsigned int a, unsigned int b)
{
	for (unsigned int c = a; c <= b; c++)
		set_add(ps, s, c);
}

static int append_range(struct parser *ps, unsigned int a, unsigned int b)
{
	struct regex_set s = { { 0 } };

	set_add_range(ps, &s, a, b);
	return append_set(ps, &s);
}

/* The bytes of `s` below 0x80, or any one character or byte above. */
static int append_wide(struct parser *ps, const struct regex_set *s)
{
	static const struct { unsigned char first, last, follow; } heads[] = {
		{ 0xf0, 0xf4, 3 }, { 0xe0, 0xef, 2 }, { 0xc2, 0xdf, 1 },
	};
	struct regex_set one = *s;
	size_t at = ps->out->nr;
	int ret;

	one.bits[2] = one.bits[3] = UINT64_MAX;
	ret = append_set(ps, &one);
	for (size_t i = 0; ret == 0 && i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t mid = ps->out->nr;
		ret = append_range(ps, heads[i].first, heads[i].last);
		for (unsigned int k = 0; ret == 0 && k < heads[i].follow; k++)
			ret = append_range(ps, 0x80, 0xbf);
		if (ret == 0)
			ret = join_branches(ps, at, mid);
	}
	return ret;
}

static int append_any(struct parser *ps, bool has_slash)
{
	struct regex_set s = { { UINT64_MAX, UINT64_MAX, 0, 0 } };

	if (!has_slash)
		s.bits['/' >> 6] &= ~((uint64_t)1 << ('/' & 63));
	return append_wide(ps, &s);
}

static const struct { const char *name; int (*is)(int); } classes[] = {
	{ "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum }, { "upper", isupper },
	{ "lower", islower }, { "space", isspace }, { "blank", isblank }, { "punct", ispunct },
	{ "print", isprint }, { "graph", isgraph }, { "cntrl", iscntrl }, { "xdigit", isxdigit },
};

/* "[:alpha:]" at the cursor: 1; 0: it is none. */
static int take_class(struct parser *ps, struct regex_set *s)
{
	const char *name = (const char *)ps->p + 2;
	const char *end;

	if (ps->p[0] != '[' || ps->p[1] != ':' || !(end = strstr(name, ":]")))
		return 0;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strlen(classes[i].name) != (size_t)(end - name) ||
		    strncmp(classes[i].name, name, (size_t)(end - name)) != 0)
			continue;
		for (unsigned int c = 0; c < 0x80; c++)
			if (classes[i].is((int)c))
				set_add(ps, s, c);
		ps->p = (const unsigned char *)end + 2;
		return 1;
	}
	return err_set(ps->err, ERR_USAGE, "there is no class '[:%.*s:]'", (int)(end - name), name);
}

/* `\d` and its like; false: `c` stands for itself. */
static bool take_shorthand(struct parser *ps, unsigned int c, struct regex_set *s)
{
	int (*is)(int) = c == 'd' || c == 'D' ? isdigit : c == 's' || c == 'S' ? isspace :
			 c == 'w' || c == 'W' ? isalnum : NULL;

	if (!is)
		return false;
	for (unsigned int b = 0; b < 0x80; b++) {
		bool in = is((int)b) || (is == isalnum && b == '_');
		if (in == (islower((int)c) != 0))
			set_add(ps, s, b);
	}
	return true;
}

static int no_end(struct parser *ps)
{
	return err_set(ps->err, ERR_USAGE, "a '[' in the pattern has no ']'");
}

/* One member: 1 and a byte to begin a range with; 0: it was more than one; negative. */
static int take_member(struct parser *ps, struct regex_set *s, unsigned int *out)
{
	bool escapes = ps->flags & REGEX_GLOB && *ps->p == '\\' && ps->p[1];
	int ret = take_class(ps, s);

	if (ret != 0)
		return ret < 0 ? ret : 0;
	ps->p += escapes;
	*out = *ps->p++;
	return *out ? 1 : no_end(ps);
}

static int take_members(struct parser *ps, struct regex_set *s, bool *wide_out)
{
	bool first = true;
	unsigned int a, b = 0;
	int ret = 0;

	for (; ret >= 0 && (first || *ps->p != ']'); first = false) {
		if (!*ps->p)
			return no_end(ps);
		size_t n = *ps->p >= 0x80 ? utf8_length(ps->p, strlen((const char *)ps->p)) : 0;
		if (n > 1) {
			*wide_out = true;	/* put in by append_members() */
			ps->p += n;
			continue;
		}
		ret = take_member(ps, s, &a);
		if (ret != 1)
			continue;
		b = a;
		if (ps->p[0] == '-' && ps->p[1] && ps->p[1] != ']') {
			ps->p++;
			ret = take_member(ps, s, &b);
		}
		if (ret == 0 || (ret > 0 && (b < a || (a < 0x80 && b >= 0x80))))
			return err_set(ps->err, ERR_USAGE, "a range in the pattern goes backwards,"
				       " or beyond ASCII");
		set_add_range(ps, s, a, b);
	}
	return ret < 0 ? ret : 0;
}

/* The characters beyond ASCII from `p` to `end`, each as one more branch of what is at `at`. */
static int append_members(struct parser *ps, size_t at, const unsigned char *p,
			  const unsigned char *end)
{
	int ret = 0;

	while (ret == 0 && p < end) {
		size_t n = *p >= 0x80 ? utf8_length(p, (size_t)(end - p)) : 0;
		size_t mid = ps->out->nr;
		for (size_t i = 0; n > 1 && ret == 0 && i < n; i++)
			ret = append_range(ps, p[i], p[i]);
		if (n > 1 && ret == 0)
			ret = join_branches(ps, at, mid);
		p += n > 1 ? n : 1;
	}
	return ret;
}

/* After its '['. */
static int parse_set(struct parser *ps)
{
	struct regex_set s = { { 0 } };
	bool is_not = *ps->p == '^' || (ps->flags & REGEX_GLOB && *ps->p == '!');
	bool has_wide = false;
	size_t at = ps->out->nr;
	const unsigned char *from = ps->p += is_not;
	int ret = take_members(ps, &s, &has_wide);

	if (ret < 0)
		return ret;
	if (is_not && has_wide)
		return err_set(ps->err, ERR_USAGE, "[^...] takes characters of ASCII alone");
	if (is_not)
		for (size_t i = 0; i < 4; i++)
			s.bits[i] = ~s.bits[i];
	if (ps->flags & REGEX_GLOB)
		s.bits['/' >> 6] &= ~((uint64_t)1 << ('/' & 63));
	ret = is_not ? append_wide(ps, &s) : append_set(ps, &s);
	if (ret == 0 && has_wide)
		ret = append_members(ps, at, from, ps->p);
	ps->p++;
	return ret;
}

/* -- regular expressions -- */

static int parse_branches(struct parser *ps);

static int parse_escape(struct parser *ps)
{
	struct regex_set s = { { 0 } };
	unsigned int c = *ps->p;

	if (!c)
		return err_set(ps->err, ERR_USAGE, "the pattern ends in a '\\'");
	ps->p++;
	if (take_shorthand(ps, c, &s))
		return isupper((int)c) ? append_wide(ps, &s) : append_set(ps, &s);
	if (c < 0x80 && isalnum((int)c))
		return err_set(ps->err, ERR_USAGE, "'\\%c' has no meaning in a pattern", (int)c);
	return append_range(ps, c, c);
}

static int parse_group(struct parser *ps)
{
	int ret;

	if (++ps->depth > DEPTH_MAX)
		return err_set(ps->err, ERR_USAGE, "more than %d groups in each other", DEPTH_MAX);
	ret = parse_branches(ps);
	if (ret == 0 && *ps->p++ != ')')
		ret = err_set(ps->err, ERR_USAGE, "a '(' in the pattern has no ')'");
	ps->depth--;
	return ret;
}

/* A character, whole: what follows repeats all of its bytes. */
static int parse_char(struct parser *ps)
{
	size_t n = utf8_length(ps->p, strlen((const char *)ps->p));
	int ret = 0;

	for (n = n ? n : 1; ret == 0 && n > 0; n--, ps->p++)
		ret = append_range(ps, *ps->p, *ps->p);
	return ret;
}

static int parse_atom(struct parser *ps)
{
	switch (*ps->p) {
	case '(': ps->p++; return parse_group(ps);
	case '[': ps->p++; return parse_set(ps);
	case '.': ps->p++; return append_any(ps, true);
	case '^': ps->p++; return append(ps, REGEX_BEGIN, 0, 0);
	case '$': ps->p++; return append(ps, REGEX_END, 0, 0);
	case '\\': ps->p++; return parse_escape(ps);
	case '*': case '+': case '?': case '{':
		return err_set(ps->err, ERR_USAGE, "nothing stands before a '%c' of the pattern",
			       *ps->p);
	default: return parse_char(ps);
	}
}

static int parse_count(struct parser *ps, unsigned int *out)
{
	if (!isdigit(*ps->p))
		return err_set(ps->err, ERR_USAGE,
			       "a '{' in the pattern is not {N}, {N,} or {N,M}");
	for (*out = 0; isdigit(*ps->p) && *out <= REPEAT_MAX; ps->p++)
		*out = *out * 10 + *ps->p - '0';
	if (*out > REPEAT_MAX)
		return err_set(ps->err, ERR_USAGE, "a part is repeated at most %d times",
			       REPEAT_MAX);
	return 0;
}

/* Another copy of `nr` steps. */
static int append_copy(struct parser *ps, const struct regex_step *part, size_t nr)
{
	size_t at = ps->out->nr;
	int ret = make_room(ps, at, nr);

	if (ret == 0 && nr > 0)
		memcpy(ps->out->v + at, part, nr * sizeof(*part));
	return ret;
}

static int repeat(struct parser *ps, size_t at, unsigned int min, unsigned int max, bool endless)
{
	size_t nr = ps->out->nr - at;
	struct regex_step *part = xmalloc((nr + 1) * sizeof(*part));
	int ret = 0;

	if (nr > 0)
		memcpy(part, ps->out->v + at, nr * sizeof(*part));
	ps->out->nr = at;
	for (unsigned int i = 0; ret == 0 && i < min; i++)
		ret = append_copy(ps, part, nr);
	for (unsigned int i = min; ret == 0 && (endless ? i == min : i < max); i++) {
		at = ps->out->nr;
		ret = append_copy(ps, part, nr);
		if (ret == 0)
			ret = endless ? make_star(ps, at) : make_optional(ps, at);
	}
	sys_free(part);
	return ret;
}

static int parse_bounds(struct parser *ps, size_t at)
{
	unsigned int min, max;
	bool endless = false;
	int ret = parse_count(ps, &min);

	if (ret < 0)
		return ret;
	max = min;
	if (*ps->p == ',') {
		ps->p++;
		endless = *ps->p == '}';
		ret = endless ? 0 : parse_count(ps, &max);
	}
	if (ret == 0 && (*ps->p++ != '}' || max < min))
		ret = err_set(ps->err, ERR_USAGE, "a '{' in the pattern is not {N}, {N,} or {N,M}");
	return ret < 0 ? ret : repeat(ps, at, min, max, endless);
}

static int parse_repeats(struct parser *ps, size_t at)
{
	int ret = 0;

	while (ret == 0) {
		switch (*ps->p) {
		case '*': ps->p++; ret = repeat(ps, at, 0, 0, true); break;
		case '+': ps->p++; ret = repeat(ps, at, 1, 0, true); break;
		case '?': ps->p++; ret = make_optional(ps, at); break;
		case '{': ps->p++; ret = parse_bounds(ps, at); break;
		default: return 0;
		}
	}
	return ret;
}

static int parse_branch(struct parser *ps)
{
	int ret = 0;

	while (ret == 0 && *ps->p && *ps->p != '|' && (*ps->p != ')' || ps->depth == 0)) {
		size_t at = ps->out->nr;
		ret = parse_atom(ps);
		if (ret == 0)
			ret = parse_repeats(ps, at);
	}
	return ret;
}

static int parse_branches(struct parser *ps)
{
	size_t at = ps->out->nr;
	int ret = parse_branch(ps);

	while (ret == 0 && *ps->p == '|') {
		size_t mid = ps->out->nr;
		ps->p++;
		ret = parse_branch(ps);
		if (ret == 0)
			ret = join_branches(ps, at, mid);
	}
	return ret;
}

/* -- shell patterns -- */

static int parse_stars(struct parser *ps)
{
	bool crosses = ps->p[1] == '*';
	size_t at = ps->out->nr;
	int ret;

	while (*ps->p == '*')
		ps->p++;
	ret = append_any(ps, crosses);
	if (ret == 0)
		ret = make_star(ps, at);
	if (ret == 0 && crosses && *ps->p == '/') {	/* also no folder at all */
		ps->p++;
		ret = append_range(ps, '/', '/');
		if (ret == 0)
			ret = make_optional(ps, at);
	}
	return ret;
}

static int parse_glob(struct parser *ps)
{
	int ret = append(ps, REGEX_BEGIN, 0, 0);

	while (ret == 0 && *ps->p) {
		switch (*ps->p) {
		case '*': ret = parse_stars(ps); break;
		case '?': ps->p++; ret = append_any(ps, false); break;
		case '[': ps->p++; ret = parse_set(ps); break;
		case '\\': ps->p += ps->p[1] != '\0'; /* fall through */
		default: ret = parse_char(ps);
		}
	}
	return ret < 0 ? ret : append(ps, REGEX_END, 0, 0);
}

int regex_parse(struct regex_program *out, const char *pattern, unsigned int flags,
		struct err *err)
{
	struct parser ps = { .out = out, .p = (const unsigned char *)pattern, .flags = flags,
			     .err = err };
	int ret;

	if (strlen(pattern) > REGEX_PATTERN_MAX)
		return err_set(err, ERR_USAGE, "the pattern has more than %d bytes",
			       REGEX_PATTERN_MAX);
	ret = flags & REGEX_GLOB ? parse_glob(&ps) : parse_branches(&ps);
	return ret < 0 ? ret : append(&ps, REGEX_DONE, 0, 0);
}
