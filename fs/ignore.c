/*
 * Lists of patterns in .gitignore's grammar.
 *
 * A table has the patterns that are found by hashing: names and paths without wildcards, and the
 * endings of "*.o" and its like.  Of those with one key only the last counts, but for one that
 * asks for a folder; so each key keeps two.
 */
#include <stdint.h>
#include <string.h>

#include "lib/lines.h"
#include "lib/sys.h"
#include "fs/ignore-internal.h"

#include "fs/ignore.h"

#define LINE_SIZE_MAX 65536
#define ENDING_MAX 63

enum pattern_kind { PATTERN_NAME, PATTERN_PATH, PATTERN_ENDING, PATTERN_GLOB };

struct pattern {
	char *text;		/* as given */
	char *glob;		/* without !, slashes at the ends, and blanks behind */
	size_t len, line;
	enum pattern_kind kind;
	bool is_negative, wants_dir, is_anchored, folds_case;
	char first;		/* with which any path begins that fits, or 0 */
};

/* The last pattern of a key, and the last that does not ask for a folder; each plus 1, 0: none. */
struct slot { size_t any, not_dir; };

struct ignore_rules {
	char *name;
	struct pattern *v;
	size_t nr, alloc, lines;
	size_t *globs, nr_globs, alloc_globs;
	struct slot *slots;
	size_t nr_slots, nr_keys;
	bool has_names, has_paths;
	uint64_t endings;	/* bit N: there are some of N bytes */
};

struct ignore_rules *ignore_new(const char *name)
{
	struct ignore_rules *r = xcalloc(1, sizeof(*r));

	r->name = name ? xstrdup(name) : NULL;
	return r;
}

void ignore_free(struct ignore_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nr; i++) {
		sys_free(r->v[i].text);
		sys_free(r->v[i].glob);
	}
	sys_free(r->name);
	sys_free(r->globs);
	sys_free(r->slots);
	sys_free(r->v);
	sys_free(r);
}

bool ignore_is_empty(const struct ignore_rules *r)
{
	return r->nr == 0;
}

/* -- the table -- */

static uint64_t hash(enum pattern_kind kind, const char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) + (uint64_t)kind;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static const char *key_of(const struct pattern *p, size_t *n)
{
	*n = p->len - (p->kind == PATTERN_ENDING);
	return p->glob + (p->kind == PATTERN_ENDING);
}

/* The slot of a key, or the free one where it would stand. */
static struct slot *find_slot(const struct ignore_rules *r, enum pattern_kind kind,
			      const char *key, size_t n)
{
	size_t mask = r->nr_slots - 1;

	for (size_t i = (size_t)hash(kind, key, n) & mask;; i = (i + 1) & mask) {
		struct slot *s = &r->slots[i];
		if (s->any == 0)
			return s;
		const struct pattern *p = &r->v[s->any - 1];
		size_t len;
		const char *has = key_of(p, &len);
		if (p->kind == kind && len == n && memcmp(has, key, n) == 0)
			return s;
	}
}

static void grow_table(struct ignore_rules *r)
{
	struct slot *old = r->slots;
	size_t nr = r->nr_slots;

	r->nr_slots = nr ? 2 * nr : 16;
	r->slots = xcalloc(r->nr_slots, sizeof(*r->slots));
	for (size_t i = 0; i < nr; i++) {
		if (old[i].any == 0)
			continue;
		const struct pattern *p = &r->v[old[i].any - 1];
		size_t n;
		const char *key = key_of(p, &n);
		*find_slot(r, p->kind, key, n) = old[i];
	}
	sys_free(old);
}

static void put_in_table(struct ignore_rules *r, const struct pattern *p, size_t nr)
{
	size_t n;
	const char *key = key_of(p, &n);

	if (2 * (r->nr_keys + 1) > r->nr_slots)
		grow_table(r);
	struct slot *s = find_slot(r, p->kind, key, n);
	r->nr_keys += s->any == 0;
	s->any = nr + 1;
	if (!p->wants_dir)
		s->not_dir = nr + 1;
	r->has_names |= p->kind == PATTERN_NAME;
	r->has_paths |= p->kind == PATTERN_PATH;
	if (p->kind == PATTERN_ENDING)
		r->endings |= UINT64_C(1) << n;
}

/* -- filling -- */

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

static enum pattern_kind kind_of(const struct pattern *p)
{
	static const char specials[] = "*?[\\";

	if (p->folds_case)
		return PATTERN_GLOB;
	if (p->glob[strcspn(p->glob, specials)] == '\0')
		return p->is_anchored ? PATTERN_PATH : PATTERN_NAME;
	if (!p->is_anchored && p->glob[0] == '*' && p->len > 1 && p->len - 1 <= ENDING_MAX &&
	    p->glob[1 + strcspn(p->glob + 1, specials)] == '\0')
		return PATTERN_ENDING;
	return PATTERN_GLOB;
}

static void put(struct ignore_rules *r, struct pattern p)
{
	p.kind = kind_of(&p);
	if (!p.folds_case && !strchr("*?[\\", p.glob[0]))
		p.first = p.glob[0];
	if (r->nr == r->alloc) {
		r->alloc = r->alloc ? 2 * r->alloc : 8;
		r->v = xrealloc(r->v, r->alloc * sizeof(*r->v));
	}
	r->v[r->nr] = p;
	if (p.kind != PATTERN_GLOB) {
		put_in_table(r, &p, r->nr);
	} else {
		if (r->nr_globs == r->alloc_globs) {
			r->alloc_globs = r->alloc_globs ? 2 * r->alloc_globs : 8;
			r->globs = xrealloc(r->globs, r->alloc_globs * sizeof(*r->globs));
		}
		r->globs[r->nr_globs++] = r->nr;
	}
	r->nr++;
}

void ignore_add(struct ignore_rules *r, const char *line, bool folds_case)
{
	struct pattern p = { .folds_case = folds_case, .line = ++r->lines };
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
	p.len = strlen(p.glob);
	put(r, p);
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

/* -- asking -- */

/* The last pattern of a key that fits, plus 1, if it comes after `best`. */
static size_t look_up(const struct ignore_rules *r, enum pattern_kind kind, const char *key,
		      size_t n, bool is_dir, size_t best)
{
	const struct slot *s = find_slot(r, kind, key, n);
	size_t nr = is_dir ? s->any : s->not_dir;

	return nr > best ? nr : best;
}

static size_t look_up_all(const struct ignore_rules *r, const char *path, const char *name,
			  bool is_dir)
{
	size_t name_len = strlen(name), best = 0;

	if (r->has_names)
		best = look_up(r, PATTERN_NAME, name, name_len, is_dir, best);
	if (r->has_paths)
		best = look_up(r, PATTERN_PATH, path, (size_t)(name - path) + name_len, is_dir,
			       best);
	for (uint64_t left = r->endings; left; left &= left - 1) {
		size_t n = (size_t)__builtin_ctzll(left);
		if (n > name_len)
			break;
		best = look_up(r, PATTERN_ENDING, name + name_len - n, n, is_dir, best);
	}
	return best;
}

static bool fits(const struct pattern *p, const char *path, const char *name, bool is_dir)
{
	const char *subject = p->is_anchored ? path : name;

	if ((p->wants_dir && !is_dir) || (p->first && p->first != *subject))
		return false;
	return ignore_match(p->glob, subject, p->folds_case);
}

enum ignore_answer ignore_ask(const struct ignore_rules *r, const char *path, bool is_dir,
			      size_t *pattern_out)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t best = r->nr_keys > 0 ? look_up_all(r, path, name, is_dir) : 0;

	for (size_t i = r->nr_globs; i-- > 0 && r->globs[i] + 1 > best;)
		if (fits(&r->v[r->globs[i]], path, name, is_dir))
			best = r->globs[i] + 1;
	if (best == 0)
		return IGNORE_NO_RULE;
	*pattern_out = best - 1;
	return r->v[best - 1].is_negative ? IGNORE_TAKEN_IN : IGNORE_LEFT_OUT;
}

void ignore_put_rule(const struct ignore_rules *r, size_t pattern, struct buf *out)
{
	const struct pattern *p = &r->v[pattern];

	if (r->name)
		buf_printf(out, "%s:%zu:", r->name, p->line);
	buf_put_str(out, p->text);
}
