/*
 * In what a file on the disk is not what its entry says, content aside.
 */
#include <string.h>

#include "fs/attr-internal.h"
#include "fs/attr.h"

static bool is_same_field(const struct tree_entry *a, const struct tree_entry *b, enum attr_tag tag)
{
	const unsigned char *pa = NULL, *pb = NULL;
	size_t na = 0, nb = 0;

	if (tree_entry_attr(a, tag, &pa, &na) != tree_entry_attr(b, tag, &pb, &nb))
		return false;
	return na == nb && (na == 0 || memcmp(pa, pb, na) == 0);
}

static uint64_t number(const struct tree_entry *e, enum attr_tag tag)
{
	uint64_t v = 0;

	tree_entry_varint(e, tag, &v);
	return v;
}

static bool is_same_owner(struct attr_writer *w, const struct tree_entry *want,
			  const struct tree_entry *now)
{
	uint32_t uid = (uint32_t)number(now, ATTR_UID), gid = (uint32_t)number(now, ATTR_GID);

	attr_owner(w, want, &uid, &gid);
	return uid == number(now, ATTR_UID) && gid == number(now, ATTR_GID);
}

/* Larger ones are objects, and equal if their ids are. */
static bool is_same_xattrs(const struct tree_entry *want, const struct tree_entry *now)
{
	return is_same_field(want, now, ATTR_XATTRS) && is_same_field(want, now, ATTR_XATTRS_ID);
}

unsigned int attr_diff(struct attr_writer *w, const struct tree_entry *want,
		       const struct tree_entry *now)
{
	unsigned int parts = 0;
	uint32_t ns;
	int64_t s;

	if (!is_same_owner(w, want, now))
		parts |= ATTR_PART_OWNER;
	if (want->type != ENTRY_SYMLINK && want->mode != now->mode)
		parts |= ATTR_PART_MODE;
	if (!is_same_xattrs(want, now))
		parts |= ATTR_PART_XATTRS;
	if (number(want, ATTR_PROJECT) != number(now, ATTR_PROJECT))
		parts |= ATTR_PART_PROJECT;
	if (tree_entry_mtime(want, &s, &ns) && !is_same_field(want, now, ATTR_MTIME))
		parts |= ATTR_PART_MTIME;
	if ((number(want, ATTR_FLAGS) & ATTR_FLAGS_KEPT) != number(now, ATTR_FLAGS))
		parts |= ATTR_PART_FLAGS;
	if (!is_same_field(want, now, ATTR_TARGET))
		parts |= ATTR_PART_TARGET;
	if (!is_same_field(want, now, ATTR_DEVICE))
		parts |= ATTR_PART_DEVICE;
	return parts;
}
