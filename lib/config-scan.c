/*
 * Plain files of settings: sections, names, values, quotes, comments.
 *
 * Every command reads settings, and starting libgit2 for it takes longer than all the rest of a
 * small command.  So what everybody writes is read here; at the first sign of anything else the
 * file is left to libgit2, which also words the errors.  A test holds the two against each other.
 */

#include <string.h>

#include "lib/sys.h"
#include "lib/config-internal.h"

struct scan {
	const char *p;
	unsigned int line;
	struct buf section;	/* as it begins a key: "core." or "remote.Name." */
	struct buf key, value, origin;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

static void put_lower(struct buf *out, char c)
{
	buf_put_u8(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
}

static void skip_blanks(struct scan *s)
{
	while (*s->p == ' ' || *s->p == '\t')
		s->p++;
}

static void skip_comment(struct scan *s)
{
	if (*s->p == '#' || *s->p == ';')
		while (*s->p && *s->p != '\n')
			s->p++;
}

/* [section] or [section "what stands between"], and nothing but a comment behind it. */
static bool scan_section(struct scan *s)
{
	buf_reset(&s->section);
	for (s->p++; is_name(*s->p); s->p++)
		put_lower(&s->section, *s->p);
	if (s->section.len == 0 || strncmp(buf_str(&s->section), "include", 7) == 0)
		return false;
	buf_put_u8(&s->section, '.');
	if (*s->p == ' ') {
		s->p++;
		if (*s->p++ != '"')
			return false;
		for (; *s->p && *s->p != '"'; s->p++) {
			if (*s->p == '\n' || *s->p == '\\')
				return false;
			buf_put_u8(&s->section, (uint8_t)*s->p);
		}
		if (*s->p++ != '"')
			return false;
		buf_put_u8(&s->section, '.');
	}
	if (*s->p++ != ']')
		return false;
	skip_blanks(s);
	skip_comment(s);
	return *s->p == '\n' || !*s->p;
}

/* Blanks at the end do not count, unless they are quoted. */
static bool scan_value(struct scan *s)
{
	bool quoted = false;
	size_t end = 0;

	buf_reset(&s->value);
	skip_blanks(s);
	for (; *s->p && *s->p != '\n'; s->p++) {
		char c = *s->p;

		if (c == '"') {
			quoted = !quoted;
			end = s->value.len;
			continue;
		}
		if (!quoted && (c == '#' || c == ';'))
			break;
		if (c == '\\') {
			static const char from[] = "nt\"\\", to[] = "\n\t\"\\";
			const char *at = *++s->p ? strchr(from, *s->p) : NULL;

			if (!at)
				return false;
			c = to[at - from];
			buf_put_u8(&s->value, (uint8_t)c);
			end = s->value.len;
			continue;
		}
		buf_put_u8(&s->value, (uint8_t)c);
		if (quoted || (c != ' ' && c != '\t'))
			end = s->value.len;
	}
	buf_truncate(&s->value, end);
	skip_comment(s);
	return !quoted;
}

static bool scan_setting(struct scan *s, const char *path, struct config_list *list)
{
	bool bare = true;

	if (s->section.len == 0)
		return false;
	buf_reset(&s->key);
	buf_put_buf(&s->key, &s->section);
	for (; is_name(*s->p); s->p++)
		put_lower(&s->key, *s->p);
	skip_blanks(s);
	if (*s->p == '=') {
		bare = false;
		s->p++;
		if (!scan_value(s))
			return false;
	} else {
		skip_comment(s);
	}
	if (*s->p && *s->p != '\n')
		return false;
	buf_reset(&s->origin);
	buf_printf(&s->origin, "%s:%u", path, s->line);
	config_list_add(list, buf_str(&s->key), bare ? NULL : buf_str(&s->value),
			buf_str(&s->origin));
	return true;
}

bool config_scan(const char *path, const struct buf *text, struct config_list *list)
{
	struct scan s = { buf_str(text), 1, BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
	size_t before = list->nr;
	bool plain = true;

	/* What counts as a blank among control characters is libgit2's business. */
	for (size_t i = 0; i < text->len && plain; i++)
		plain = text->data[i] >= ' ' || text->data[i] == '\t' || text->data[i] == '\n';
	while (plain && *s.p) {
		skip_blanks(&s);
		if (*s.p == '[')
			plain = scan_section(&s);
		else if (is_letter(*s.p))
			plain = scan_setting(&s, path, list);
		else
			skip_comment(&s);
		plain = plain && (*s.p == '\n' || !*s.p);
		s.p += plain && *s.p == '\n';
		s.line++;
	}
	if (!plain)
		config_list_truncate(list, before);
	buf_release(&s.section);
	buf_release(&s.key);
	buf_release(&s.value);
	buf_release(&s.origin);
	return plain;
}
