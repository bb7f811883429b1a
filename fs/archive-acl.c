/*
 * Extended attributes of an archive's entry.  Linux has POSIX ACLs as attributes in a form of its
 * own, archives as text: so those are translated.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"

#include "fs/archive-internal.h"

#define ACL_VERSION 2u
#define ACL_ENTRY 8		/* bytes of one: u16 tag, u16 permissions, u32 id */
#define ACL_NO_ID UINT32_MAX

static const char acl_access[] = "system.posix_acl_access";
static const char acl_default[] = "system.posix_acl_default";

/* The kernel's tags, in the order that it wants, and libarchive's. */
static const struct { uint16_t tag; int type; } acl_tags[] = {
	{ 0x01, ARCHIVE_ENTRY_ACL_USER_OBJ }, { 0x02, ARCHIVE_ENTRY_ACL_USER },
	{ 0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ }, { 0x08, ARCHIVE_ENTRY_ACL_GROUP },
	{ 0x10, ARCHIVE_ENTRY_ACL_MASK }, { 0x20, ARCHIVE_ENTRY_ACL_OTHER },
};
enum { NR_TAGS = sizeof(acl_tags) / sizeof(acl_tags[0]) };

static int type_of(uint16_t tag)
{
	for (size_t i = 0; i < NR_TAGS; i++)
		if (acl_tags[i].tag == tag)
			return acl_tags[i].type;
	return 0;
}

/* False: it is no ACL as the kernel writes them. */
static bool put_acl(const struct archive_lib *lib, struct archive_entry *ae, int which,
		    const unsigned char *p, size_t n)
{
	if (n < 4 || (n - 4) % ACL_ENTRY != 0 || get_u32le(p) != ACL_VERSION)
		return false;
	for (size_t i = 4; i < n; i += ACL_ENTRY)
		if (!type_of(get_u16le(p + i)) || get_u16le(p + i + 2) > 7)
			return false;
	for (size_t i = 4; i < n; i += ACL_ENTRY) {
		uint32_t id = get_u32le(p + i + 4);
		lib->archive_entry_acl_add_entry(ae, which, get_u16le(p + i + 2),
						 type_of(get_u16le(p + i)),
						 id == ACL_NO_ID ? -1 : (int)id, NULL);
	}
	return true;
}

static bool is_named(const unsigned char *name, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(name, want, n) == 0;
}

int archive_put_xattrs(const struct archive_lib *lib, struct archive_entry *ae,
		       const unsigned char *p, size_t n, struct err *err)
{
	const unsigned char *name, *val;
	size_t name_len, val_len;
	int ret;

	while ((ret = xattr_next(&p, &n, &name, &name_len, &val, &val_len, err)) > 0) {
		if (is_named(name, name_len, acl_access) &&
		    put_acl(lib, ae, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, val, val_len))
			continue;
		if (is_named(name, name_len, acl_default) &&
		    put_acl(lib, ae, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, val, val_len))
			continue;
		char *text = xstrndup((const char *)name, name_len);
		lib->archive_entry_xattr_add_entry(ae, text, val, val_len);
		sys_free(text);
	}
	return ret;
}

/* -- reading -- */

struct pair {
	char *name;
	struct buf value;
};

static int cmp_pairs(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static int cmp_acl(const void *a, const void *b)
{
	const unsigned char *p = a, *q = b;

	if (get_u16le(p) != get_u16le(q))
		return get_u16le(p) < get_u16le(q) ? -1 : 1;
	uint32_t x = get_u32le(p + 4), y = get_u32le(q + 4);
	return (x > y) - (x < y);
}

/* Empty when there is none beside what the mode says. */
static void get_acl(const struct archive_lib *lib, struct archive_entry *ae, int which,
		    struct buf *out)
{
	int type, permset, tag, id;
	bool is_more = false;
	const char *name;

	if (lib->archive_entry_acl_reset(ae, which) == 0)
		return;
	buf_put_u32le(out, ACL_VERSION);
	while (lib->archive_entry_acl_next(ae, which, &type, &permset, &tag, &id, &name) ==
	       ARCHIVE_OK) {
		for (size_t i = 0; i < NR_TAGS; i++) {
			if (acl_tags[i].type != tag)
				continue;
			bool has_id = tag == ARCHIVE_ENTRY_ACL_USER ||
				      tag == ARCHIVE_ENTRY_ACL_GROUP;
			buf_put_u16le(out, acl_tags[i].tag);
			buf_put_u16le(out, (uint16_t)(permset & 7));
			buf_put_u32le(out, has_id ? (uint32_t)id : ACL_NO_ID);
			is_more |= has_id || tag == ARCHIVE_ENTRY_ACL_MASK;
		}
	}
	if (!is_more && which == ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
		buf_reset(out);
	else if (out->len > 4)
		qsort(out->data + 4, (out->len - 4) / ACL_ENTRY, ACL_ENTRY, cmp_acl);
	else
		buf_reset(out);
}

static void add_pair(struct pair **v, size_t *nr, const char *name, const void *p, size_t n)
{
	for (size_t i = 0; i < *nr; i++)
		if (strcmp((*v)[i].name, name) == 0)
			return;
	*v = xrealloc(*v, (*nr + 1) * sizeof(**v));
	(*v)[*nr] = (struct pair){ xstrdup(name), BUF_INIT };
	buf_put(&(*v)[*nr].value, p, n);
	++*nr;
}

#define PAIRS_MAX 4096

void archive_get_xattrs(const struct archive_lib *lib, struct archive_entry *ae, struct buf *out)
{
	struct buf acl = BUF_INIT;
	struct pair *v = NULL;
	const char *name;
	const void *p;
	size_t nr = 0, n;

	buf_reset(out);
	get_acl(lib, ae, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &acl);
	if (acl.len > 0)
		add_pair(&v, &nr, acl_access, acl.data, acl.len);
	buf_reset(&acl);
	get_acl(lib, ae, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, &acl);
	if (acl.len > 0)
		add_pair(&v, &nr, acl_default, acl.data, acl.len);
	lib->archive_entry_xattr_reset(ae);
	while (nr < PAIRS_MAX &&
	       lib->archive_entry_xattr_next(ae, &name, &p, &n) == ARCHIVE_OK) {
		size_t len = name ? strlen(name) : 0;
		if (len > 0 && len <= XATTR_NAME_MAX)
			add_pair(&v, &nr, name, p, n);
	}
	if (nr > 0)
		qsort(v, nr, sizeof(*v), cmp_pairs);
	for (size_t i = 0; i < nr; i++) {
		xattr_put(out, v[i].name, strlen(v[i].name), v[i].value.data, v[i].value.len);
		sys_free(v[i].name);
		buf_release(&v[i].value);
	}
	sys_free(v);
	buf_release(&acl);
}
