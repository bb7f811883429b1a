#ifndef LIB_JSON_H
#define LIB_JSON_H

/*
 * Writing JSON, one object a line.
 *
 *	struct json j;
 *	json_begin(&j, &line, "file");		{"type":"file"
 *	json_path(&j, "path", p, n);		,"path":"a/b"
 *	json_u64(&j, "size", 12);		,"size":12
 *	json_end(&j);				}\n
 *
 * The text is always valid UTF-8 and valid JSON: what is not UTF-8 in a string is shown as
 * U+FFFD, and json_path() then adds NAME_b64 with the exact bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct json {
	struct buf *out;
	bool comma;		/* something stands before, in the innermost object or array */
};

/* `type` NULL: no such field. */
void json_begin(struct json *j, struct buf *out, const char *type);
void json_end(struct json *j);

/* `name` NULL where the value is an array's element. */
void json_str(struct json *j, const char *name, const char *value);
void json_strn(struct json *j, const char *name, const void *value, size_t n);
void json_u64(struct json *j, const char *name, uint64_t value);
void json_i64(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
/* with three decimals; not finite: null */
void json_double(struct json *j, const char *name, double value);
/* bytes as hex */
void json_hex(struct json *j, const char *name, const void *p, size_t n);
/* bytes as base64 */
void json_b64(struct json *j, const char *name, const void *p, size_t n);
/* NAME, and NAME_b64 when the bytes are not UTF-8 */
void json_path(struct json *j, const char *name, const void *p, size_t n);
/* RFC 3339 in UTC, with nanoseconds where there are any */
void json_time(struct json *j, const char *name, int64_t sec, uint32_t nsec);
void json_object_begin(struct json *j, const char *name);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *name);
void json_array_end(struct json *j);

/* Length of the UTF-8 sequence at `p`, 1 to 4; 0: it is none (surrogates, long forms too). */
size_t utf8_length(const unsigned char *p, size_t n);
bool utf8_is_valid(const void *p, size_t n);
/* Years 0000 to 9999; beyond them the nearest of those. Appended to `out`. */
void time_put_rfc3339(struct buf *out, int64_t sec, uint32_t nsec);

#endif
