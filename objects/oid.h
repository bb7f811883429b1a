#ifndef OBJECTS_OID_H
#define OBJECTS_OID_H

/* Object ids and object types. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OID_SIZE 32
#define OID_HEX_SIZE 64
#define OID_MIN_PREFIX 7	/* digits a person may abbreviate to */

struct oid { unsigned char b[OID_SIZE]; };
struct oid_text { char s[OID_HEX_SIZE + 1]; };

enum obj_type {
	OBJ_NONE = 0,
	OBJ_BLOB = 1,
	OBJ_LIST = 2,
	OBJ_TREE = 3,
	OBJ_COMMIT = 4,
	OBJ_NOTE = 5,
	OBJ_TYPE_MAX = 5,
};

#define OBJECT_MAX_SIZE ((size_t)16 << 20)	/* plaintext of one object */

struct oid_text oid_hex(const struct oid *id);
/* Exactly 64 digits, then NUL or anything. */
bool oid_parse(struct oid *out, const char *hex64);
int oid_cmp(const struct oid *a, const struct oid *b);
bool oid_eq(const struct oid *a, const struct oid *b);
bool oid_is_zero(const struct oid *id);
const char *obj_type_name(enum obj_type type);
enum obj_type obj_type_parse(const char *name);		/* OBJ_NONE if unknown */

#endif
