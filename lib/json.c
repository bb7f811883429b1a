/*
 * Writing JSON.  There is no reader: ub takes no JSON in.
 */

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"

size_t utf8_length(const unsigned char *p, size_t n)
{
	static const struct { unsigned char mask, lead; uint32_t min; } forms[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};

	for (size_t len = 1; len <= 4 && len <= n; len++) {
		uint32_t v;

		if ((p[0] & forms[len - 1].mask) != forms[len - 1].lead)
			continue;
		v = p[0] & (unsigned char)~forms[len - 1].mask;
		for (size_t i = 1; i < len; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			v = v << 6 | (p[i] & 0x3f);
		}
		if (v < forms[len - 1].min || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			return 0;
		return len;
	}
	return 0;
}

bool utf8_is_valid(const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n) {
		size_t len = utf8_length(p, n);

		if (!len)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

static void put_string(struct buf *out, const void *value, size_t n)
{
	const unsigned char *p = value;

	buf_put_u8(out, '"');
	while (n) {
		size_t len = utf8_length(p, n);

		if (!len) {
			buf_put_str(out, "\xef\xbf\xbd");
			len = 1;
		} else if (*p == '"' || *p == '\\') {
			buf_put_u8(out, '\\');
			buf_put_u8(out, *p);
		} else if (*p == '\n') {
			buf_put_str(out, "\\n");
		} else if (*p == '\t') {
			buf_put_str(out, "\\t");
		} else if (*p < 0x20 || *p == 0x7f) {
			buf_printf(out, "\\u%04x", *p);
		} else {
			buf_put(out, p, len);
		}
		p += len;
		n -= len;
	}
	buf_put_u8(out, '"');
}

static void put_name(struct json *j, const char *name)
{
	if (j->comma)
		buf_put_u8(j->out, ',');
	j->comma = true;
	if (name) {
		put_string(j->out, name, strlen(name));
		buf_put_u8(j->out, ':');
	}
}

void json_begin(struct json *j, struct buf *out, const char *type)
{
	j->out = out;
	j->comma = false;
	buf_put_u8(out, '{');
	if (type)
		json_str(j, "type", type);
}

void json_end(struct json *j)
{
	buf_put_str(j->out, "}\n");
}

void json_strn(struct json *j, const char *name, const void *value, size_t n)
{
	put_name(j, name);
	put_string(j->out, value, n);
}

void json_str(struct json *j, const char *name, const char *value)
{
	json_strn(j, name, value, strlen(value));
}

void json_u64(struct json *j, const char *name, uint64_t value)
{
	put_name(j, name);
	buf_printf(j->out, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *name, int64_t value)
{
	put_name(j, name);
	buf_printf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	put_name(j, name);
	buf_put_str(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
	put_name(j, name);
	buf_put_str(j->out, "null");
}

void json_double(struct json *j, const char *name, double value)
{
	if (!isfinite(value)) {
		json_null(j, name);
		return;
	}
	put_name(j, name);
	buf_printf(j->out, "%.3f", value);
}

void json_hex(struct json *j, const char *name, const void *data, size_t n)
{
	const unsigned char *p = data;

	put_name(j, name);
	buf_put_u8(j->out, '"');
	for (size_t i = 0; i < n; i++)
		buf_printf(j->out, "%02x", p[i]);
	buf_put_u8(j->out, '"');
}

static void put_base64(struct buf *out, const unsigned char *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n; n -= n < 3 ? n : 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16;

		if (n > 1)
			v |= (uint32_t)p[1] << 8;
		if (n > 2)
			v |= p[2];
		buf_put_u8(out, (uint8_t)digits[v >> 18]);
		buf_put_u8(out, (uint8_t)digits[v >> 12 & 63]);
		buf_put_u8(out, (uint8_t)(n > 1 ? digits[v >> 6 & 63] : '='));
		buf_put_u8(out, (uint8_t)(n > 2 ? digits[v & 63] : '='));
		if (n < 3)
			break;
	}
}

void json_b64(struct json *j, const char *name, const void *p, size_t n)
{
	put_name(j, name);
	buf_put_u8(j->out, '"');
	put_base64(j->out, p, n);
	buf_put_u8(j->out, '"');
}

void json_path(struct json *j, const char *name, const void *p, size_t n)
{
	json_strn(j, name, p, n);
	if (!utf8_is_valid(p, n)) {
		buf_printf(j->out, ",\"%s_b64\":\"", name);
		put_base64(j->out, p, n);
		buf_put_u8(j->out, '"');
	}
}

void time_put_rfc3339(struct buf *out, int64_t sec, uint32_t nsec)
{
	const int64_t first = -INT64_C(62167219200);	/* 0000-01-01 */
	const int64_t last = INT64_C(253402300799);	/* 9999-12-31T23:59:59 */
	time_t t = (time_t)(sec < first ? first : sec > last ? last : sec);
	struct tm tm;

	gmtime_r(&t, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (nsec)
		buf_printf(out, ".%09" PRIu32, nsec % 1000000000);
	buf_put_u8(out, 'Z');
}

void json_time(struct json *j, const char *name, int64_t sec, uint32_t nsec)
{
	put_name(j, name);
	buf_put_u8(j->out, '"');
	time_put_rfc3339(j->out, sec, nsec);
	buf_put_u8(j->out, '"');
}

void json_object_begin(struct json *j, const char *name)
{
	put_name(j, name);
	buf_put_u8(j->out, '{');
	j->comma = false;
}

void json_object_end(struct json *j)
{
	buf_put_u8(j->out, '}');
	j->comma = true;
}

void json_array_begin(struct json *j, const char *name)
{
	put_name(j, name);
	buf_put_u8(j->out, '[');
	j->comma = false;
}

void json_array_end(struct json *j)
{
	buf_put_u8(j->out, ']');
	j->comma = true;
}
