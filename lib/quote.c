/*
 * C-style quoting of names.
 */

#include <string.h>

#include "lib/quote.h"

static const char escapes[] = "a\ab\bt\tn\nv\vf\fr\r\"\"\\\\";

static char escape_letter(unsigned char c)
{
	for (const char *e = escapes; *e; e += 2)
		if ((unsigned char)e[1] == c)
			return e[0];
	return 0;
}

static bool must_quote(unsigned char c)
{
	return c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
}

void quote_put(struct buf *out, const void *name, size_t n)
{
	const unsigned char *p = name;
	size_t i;

	for (i = 0; i < n && !must_quote(p[i]); i++)
		;
	if (i == n) {
		buf_put(out, p, n);
		return;
	}
	buf_put_u8(out, '"');
	for (i = 0; i < n; i++) {
		char letter = escape_letter(p[i]);

		if (letter) {
			buf_put_u8(out, '\\');
			buf_put_u8(out, (uint8_t)letter);
		} else if (must_quote(p[i])) {
			buf_printf(out, "\\%03o", p[i]);
		} else {
			buf_put_u8(out, p[i]);
		}
	}
	buf_put_u8(out, '"');
}

/* What the escape at `p` (behind the backslash) stands for; its length, or 0. */
static size_t read_escape(const unsigned char *p, size_t n, unsigned char *c)
{
	if (n == 0)
		return 0;
	for (const char *e = escapes; *e; e += 2) {
		if ((unsigned char)e[0] == *p) {
			*c = (unsigned char)e[1];
			return 1;
		}
	}
	if (n < 3 || p[0] < '0' || p[0] > '3' || p[1] < '0' || p[1] > '7' || p[2] < '0' ||
	    p[2] > '7')
		return 0;
	*c = (unsigned char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
	return 3;
}

int quote_read(const void *s, size_t n, struct buf *out, struct err *err)
{
	const unsigned char *p = s, *end = p + n;

	buf_reset(out);
	if (n == 0 || *p != '"') {
		buf_put(out, p, n);
		return 0;
	}
	for (p++; p < end && *p != '"'; p++) {
		unsigned char c = *p;

		if (c == '\\') {
			size_t len = read_escape(p + 1, (size_t)(end - p) - 1, &c);

			if (!len)
				return err_set(err, ERR_USAGE, "bad escape in a quoted name");
			p += len;
		}
		buf_put_u8(out, c);
	}
	if (p == end)
		return err_set(err, ERR_USAGE, "a quoted name is not closed");
	if (p + 1 != end)
		return err_set(err, ERR_USAGE, "something follows a quoted name");
	return 0;
}

void quote_put_text(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			buf_printf(out, "\\%03o", c);
		else
			buf_put_u8(out, c);
	}
}
