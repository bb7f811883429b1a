/*
 * The optional attributes of a tree entry: fields of tag and value, and the rules for each.
 * Knows no file system; fs/ decides which attributes an entry gets.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "objects/object-internal.h"

#include "objects/object.h"

static bool get_attr(struct reader *r, uint64_t *tag, const unsigned char **val, size_t *val_len)
{
	*tag = reader_varint(r);
	*val = reader_lenbytes(r, SIZE_MAX, val_len);
	return reader_ok(r) && *tag != 0;
}

int attr_next(const unsigned char **p, size_t *left, uint64_t *tag, const unsigned char **val,
	      size_t *val_len, struct err *err)
{
	struct reader r;

	if (*left == 0)
		return 0;
	reader_init(&r, *p, *left);
	if (!get_attr(&r, tag, val, val_len))
		return err_set(err, ERR_CORRUPT, "attributes are cut short or malformed");
	*p = r.p;
	*left = reader_left(&r);
	return 1;
}

void attr_put(struct buf *out, uint64_t tag, const void *p, size_t n)
{
	buf_put_varint(out, tag);
	buf_put_lenbytes(out, p, n);
}

void attr_put_mtime(struct buf *out, int64_t s, uint32_t ns)
{
	unsigned char v[12];

	put_u64le(v, (uint64_t)s);
	put_u32le(v + 8, ns);
	attr_put(out, ATTR_MTIME, v, sizeof(v));
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

void attr_put_varint(struct buf *out, enum attr_tag tag, uint64_t v)
{
	buf_put_varint(out, tag);
	buf_put_varint(out, varint_size(v));
	buf_put_varint(out, v);
}

void attr_put_device(struct buf *out, uint64_t major, uint64_t minor)
{
	buf_put_varint(out, ATTR_DEVICE);
	buf_put_varint(out, varint_size(major) + varint_size(minor));
	buf_put_varint(out, major);
	buf_put_varint(out, minor);
}

bool tree_entry_attr(const struct tree_entry *e, enum attr_tag tag, const unsigned char **val,
		     size_t *val_len)
{
	struct reader r;
	uint64_t t;

	reader_init(&r, e->attrs, e->attrs_len);
	while (reader_left(&r) > 0 && get_attr(&r, &t, val, val_len))
		if (t == (uint64_t)tag)
			return true;
	*val = NULL;
	*val_len = 0;
	return false;
}

bool tree_entry_mtime(const struct tree_entry *e, int64_t *s, uint32_t *ns)
{
	const unsigned char *val;
	size_t n;

	if (!tree_entry_attr(e, ATTR_MTIME, &val, &n) || n != 12)
		return false;
	*s = (int64_t)get_u64le(val);
	*ns = get_u32le(val + 8);
	return true;
}

bool tree_entry_varint(const struct tree_entry *e, enum attr_tag tag, uint64_t *out)
{
	const unsigned char *val;
	struct reader r;
	size_t n;

	if (!tree_entry_attr(e, tag, &val, &n))
		return false;
	reader_init(&r, val, n);
	*out = reader_varint(&r);
	return reader_ok(&r);
}

bool tree_entry_device(const struct tree_entry *e, uint64_t *major, uint64_t *minor)
{
	const unsigned char *val;
	struct reader r;
	size_t n;

	if (!tree_entry_attr(e, ATTR_DEVICE, &val, &n))
		return false;
	reader_init(&r, val, n);
	*major = reader_varint(&r);
	*minor = reader_varint(&r);
	return reader_ok(&r);
}

bool tree_entry_id(const struct tree_entry *e, enum attr_tag tag, struct oid *out)
{
	const unsigned char *val;
	size_t n;

	if (!tree_entry_attr(e, tag, &val, &n) || n != OID_SIZE)
		return false;
	memcpy(out->b, val, OID_SIZE);
	return true;
}

int xattr_next(const unsigned char **p, size_t *left, const unsigned char **name,
	       size_t *name_len, const unsigned char **val, size_t *val_len, struct err *err)
{
	struct reader r;

	if (*left == 0)
		return 0;
	reader_init(&r, *p, *left);
	*name = reader_lenbytes(&r, XATTR_NAME_MAX, name_len);
	*val = reader_lenbytes(&r, SIZE_MAX, val_len);
	if (!reader_ok(&r) || *name_len == 0 || memchr(*name, 0, *name_len))
		return err_set(err, ERR_CORRUPT, "extended attributes are malformed");
	*p = r.p;
	*left = reader_left(&r);
	return 1;
}

void xattr_put(struct buf *out, const void *name, size_t name_len, const void *val, size_t val_len)
{
	buf_put_lenbytes(out, name, name_len);
	buf_put_lenbytes(out, val, val_len);
}

int xattrs_check(const unsigned char *p, size_t n, struct err *err)
{
	const unsigned char *name, *val, *prev = NULL;
	size_t name_len, val_len, prev_len = 0;
	int ret;

	if (n == 0)
		return err_set(err, ERR_CORRUPT, "no extended attributes where some are announced");
	while ((ret = xattr_next(&p, &n, &name, &name_len, &val, &val_len, err)) > 0) {
		if (prev && name_cmp(prev, prev_len, name, name_len) >= 0)
			return err_set(err, ERR_CORRUPT, "extended attributes are out of order");
		prev = name;
		prev_len = name_len;
	}
	return ret;
}

int hole_next(const unsigned char **p, size_t *left, uint64_t *gap, uint64_t *len, struct err *err)
{
	struct reader r;

	if (*left == 0)
		return 0;
	reader_init(&r, *p, *left);
	*gap = reader_varint(&r);
	*len = reader_varint(&r);
	if (!reader_ok(&r) || *len == 0)
		return err_set(err, ERR_CORRUPT, "hole map is malformed");
	*p = r.p;
	*left = reader_left(&r);
	return 1;
}

void hole_put(struct buf *out, uint64_t gap, uint64_t len)
{
	buf_put_varint(out, gap);
	buf_put_varint(out, len);
}

int holes_check(const unsigned char *p, size_t n, size_t *nr_out, uint64_t *end_out,
		struct err *err)
{
	uint64_t gap, len, end = 0;
	size_t nr = 0;
	int ret;

	while ((ret = hole_next(&p, &n, &gap, &len, err)) > 0) {
		if (nr > 0 && gap == 0)
			return err_set(err, ERR_CORRUPT, "hole map has two holes that touch");
		if (gap > CONTENT_SIZE_MAX - end || len > CONTENT_SIZE_MAX - end - gap)
			return err_set(err, ERR_CORRUPT, "hole map is too long for any file");
		end += gap + len;
		nr++;
	}
	if (ret == 0 && nr == 0)
		return err_set(err, ERR_CORRUPT, "no holes where some are announced");
	if (nr_out)
		*nr_out = nr;
	if (end_out)
		*end_out = end;
	return ret;
}

/* A number alone in its field. */
static int check_number(uint64_t tag, const unsigned char *val, size_t n, uint64_t min,
			uint64_t max, struct err *err)
{
	struct reader r;

	reader_init(&r, val, n);
	uint64_t v = reader_varint(&r);
	if (!reader_ok(&r) || reader_left(&r) > 0 || v < min || v > max)
		return err_set(err, ERR_CORRUPT, "attribute %llu is malformed",
			       (unsigned long long)tag);
	return 0;
}

static int check_text(uint64_t tag, const unsigned char *val, size_t n, size_t max,
		      struct err *err)
{
	if (n == 0 || n > max || memchr(val, 0, n))
		return err_set(err, ERR_CORRUPT, "attribute %llu is malformed",
			       (unsigned long long)tag);
	return 0;
}

static int check_mtime(const unsigned char *val, size_t n, struct err *err)
{
	if (n != 12 || get_u32le(val + 8) >= 1000000000)
		return err_set(err, ERR_CORRUPT, "modification time is malformed");
	return 0;
}

static int check_device(const struct tree_entry *e, const unsigned char *val, size_t n,
			struct err *err)
{
	struct reader r;

	if (e->type != ENTRY_CHAR && e->type != ENTRY_BLOCK)
		return err_set(err, ERR_CORRUPT, "device numbers on what is no device");
	reader_init(&r, val, n);
	uint64_t major = reader_varint(&r), minor = reader_varint(&r);
	if (!reader_ok(&r) || reader_left(&r) > 0 || major > UINT32_MAX || minor > UINT32_MAX)
		return err_set(err, ERR_CORRUPT, "device numbers are malformed");
	return 0;
}

static int check_holes(const struct tree_entry *e, const unsigned char *val, size_t n,
		       struct err *err)
{
	uint64_t end = 0;
	size_t nr = 0;
	int ret = holes_check(val, n, &nr, &end, err);

	if (ret < 0)
		return ret;
	if (nr > HOLES_INLINE_MAX || end > e->size)
		return err_set(err, ERR_CORRUPT, "hole map does not fit its file");
	return 0;
}

static int check_field(const struct tree_entry *e, uint64_t tag, const unsigned char *val, size_t n,
		       struct err *err)
{
	switch (tag) {
	case ATTR_MTIME:
		return check_mtime(val, n, err);
	case ATTR_UID:
	case ATTR_GID:
		return check_number(tag, val, n, 0, UINT32_MAX, err);
	case ATTR_OWNER:
	case ATTR_GROUP:
		return check_text(tag, val, n, OWNER_LEN_MAX, err);
	case ATTR_TARGET:
		if (e->type != ENTRY_SYMLINK || n != e->size)
			return err_set(err, ERR_CORRUPT, "link target does not fit its entry");
		return check_text(tag, val, n, TARGET_LEN_MAX, err);
	case ATTR_DEVICE:
		return check_device(e, val, n, err);
	case ATTR_XATTRS:
		if (n > XATTRS_INLINE_MAX)
			return err_set(err, ERR_CORRUPT, "extended attributes should be a note");
		return xattrs_check(val, n, err);
	case ATTR_FLAGS:
		return check_number(tag, val, n, 1, UINT64_MAX, err);
	case ATTR_PROJECT:
		return check_number(tag, val, n, 1, UINT32_MAX, err);
	case ATTR_HOLES:
	case ATTR_HOLES_ID:
		if (e->type != ENTRY_FILE)
			return err_set(err, ERR_CORRUPT, "hole map on what is no file");
		if (tag == ATTR_HOLES)
			return check_holes(e, val, n, err);
		/* fall through */
	case ATTR_XATTRS_ID:
		if (n != OID_SIZE)
			return err_set(err, ERR_CORRUPT, "attribute %llu is no id",
				       (unsigned long long)tag);
		return 0;
	}
	if (tag >= ATTR_CRITICAL)
		return err_set(err, ERR_FORMAT, "attribute %llu is not known and critical",
			       (unsigned long long)tag);
	return 0;
}

int attrs_check(const struct tree_entry *e, struct err *err)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len, n;
	uint64_t tag, prev = 0;
	bool has_target = false, has_device = false;
	int ret;

	if (left > ATTRS_LEN_MAX)
		return err_set(err, ERR_CORRUPT, "attributes of %zu bytes", left);
	while ((ret = attr_next(&p, &left, &tag, &val, &n, err)) > 0) {
		if (tag <= prev)
			return err_set(err, ERR_CORRUPT, "attributes are out of order");
		if ((tag == ATTR_XATTRS_ID && prev == ATTR_XATTRS) ||
		    (tag == ATTR_HOLES_ID && prev == ATTR_HOLES))
			return err_set(err, ERR_CORRUPT, "attribute %llu stands twice",
				       (unsigned long long)tag);
		ret = check_field(e, tag, val, n, err);
		if (ret < 0)
			return ret;
		has_target |= tag == ATTR_TARGET;
		has_device |= tag == ATTR_DEVICE;
		prev = tag;
	}
	if (ret < 0)
		return ret;
	if (e->type == ENTRY_SYMLINK && !has_target)
		return err_set(err, ERR_CORRUPT, "symbolic link without target");
	if ((e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK) && !has_device)
		return err_set(err, ERR_CORRUPT, "device without numbers");
	return 0;
}
