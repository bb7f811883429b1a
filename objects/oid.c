/*
 * Ids as bytes and text; the names of the types.  How an id is made: crypto/keyring.h.
 */
#include <string.h>

#include "lib/buf.h"

#include "objects/oid.h"

static const char *const type_names[OBJ_TYPE_MAX + 1] = {
	"none", "blob", "list", "tree", "commit", "note",
};

struct oid_text oid_hex(const struct oid *id)
{
	struct oid_text t;

	hex_encode(t.s, id->b, OID_SIZE);
	return t;
}

bool oid_parse(struct oid *out, const char *hex64)
{
	return strnlen(hex64, OID_HEX_SIZE) == OID_HEX_SIZE && hex_decode(out->b, OID_SIZE, hex64);
}

int oid_cmp(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, OID_SIZE);
}

bool oid_eq(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, OID_SIZE) == 0;
}

bool oid_is_zero(const struct oid *id)
{
	static const struct oid zero;

	return oid_eq(id, &zero);
}

const char *obj_type_name(enum obj_type type)
{
	return type >= OBJ_NONE && type <= OBJ_TYPE_MAX ? type_names[type] : "unknown";
}

enum obj_type obj_type_parse(const char *name)
{
	for (int i = OBJ_BLOB; i <= OBJ_TYPE_MAX; i++)
		if (!strcmp(name, type_names[i]))
			return (enum obj_type)i;
	return OBJ_NONE;
}
