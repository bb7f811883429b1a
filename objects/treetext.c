/*
 * Tree entries as text.  Printing cannot fail; reading takes keys in any order, refuses what it
 * does not know, and leaves the rules of entries to tree_entry_check().
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/quote.h"
#include "lib/sys.h"

#include "objects/treetext.h"

/* The file types of a mode, as every Unix has them. */
enum {
	MODE_FIFO = 0010000, MODE_CHAR = 0020000, MODE_DIR = 0040000, MODE_BLOCK = 0060000,
	MODE_FILE = 0100000, MODE_SYMLINK = 0120000, MODE_SOCKET = 0140000, MODE_TYPE = 0170000,
};

static const struct { uint32_t mode; const char *word; } types[] = {
	[ENTRY_FILE] = { MODE_FILE, "blob" },
	[ENTRY_DIR] = { MODE_DIR, "tree" },
	[ENTRY_SYMLINK] = { MODE_SYMLINK, "blob" },
	[ENTRY_FIFO] = { MODE_FIFO, "fifo" },
	[ENTRY_SOCKET] = { MODE_SOCKET, "socket" },
	[ENTRY_CHAR] = { MODE_CHAR, "char" },
	[ENTRY_BLOCK] = { MODE_BLOCK, "block" },
};

static const struct { const char *key; uint64_t tag; } keys[] = {
	{ "mtime", ATTR_MTIME }, { "uid", ATTR_UID }, { "gid", ATTR_GID },
	{ "owner", ATTR_OWNER }, { "group", ATTR_GROUP }, { "target", ATTR_TARGET },
	{ "dev", ATTR_DEVICE }, { "xattrs-id", ATTR_XATTRS_ID }, { "flags", ATTR_FLAGS },
	{ "holes", ATTR_HOLES }, { "holes-id", ATTR_HOLES_ID }, { "project", ATTR_PROJECT },
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* -- printing -- */

uint32_t treetext_mode(const struct tree_entry *e)
{
	return types[e->type].mode | e->mode;
}

const char *treetext_type(const struct tree_entry *e)
{
	return e->content == CONTENT_LIST ? "list" : types[e->type].word;
}

bool treetext_oid(const struct tree_entry *e, const struct treetext_store *st, struct oid *out)
{
	const unsigned char *target;
	size_t n;

	switch (e->content) {
	case CONTENT_BLOB:
	case CONTENT_LIST:
	case CONTENT_TREE:
		*out = e->id;
		return true;
	case CONTENT_INLINE:
		st->blob_id(st->data, e->data, (size_t)e->size, out);
		return true;
	case CONTENT_NONE:
		break;
	}
	if (e->type == ENTRY_FILE) {
		st->blob_id(st->data, "", 0, out);
		return true;
	}
	if (e->type != ENTRY_SYMLINK || !tree_entry_attr(e, ATTR_TARGET, &target, &n))
		return false;
	st->blob_id(st->data, target, n, out);
	return true;
}

/* These stand for themselves in a value: letters, digits and "._/:+,@-". */
static bool is_plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '+' && c <= ':') ||
	       c == '@' || c == '_';
}

static void put_encoded(struct buf *out, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		if (is_plain(p[i])) {
			buf_put_u8(out, p[i]);
			continue;
		}
		buf_put_u8(out, '%');
		buf_put_u8(out, (uint8_t)digits[p[i] >> 4]);
		buf_put_u8(out, (uint8_t)digits[p[i] & 15]);
	}
}

static void put_hex(struct buf *out, const unsigned char *p, size_t n)
{
	char hex[3];

	for (size_t i = 0; i < n; i++) {
		hex_encode(hex, p + i, 1);
		buf_put_str(out, hex);
	}
}

static void put_xattrs(struct buf *out, const unsigned char *p, size_t n)
{
	const unsigned char *name, *val;
	size_t name_len, val_len;
	struct err ignored = ERR_INIT;

	while (xattr_next(&p, &n, &name, &name_len, &val, &val_len, &ignored) > 0) {
		buf_put_str(out, " xattr.");
		put_encoded(out, name, name_len);
		buf_put_u8(out, '=');
		put_encoded(out, val, val_len);
	}
}

static void put_holes(struct buf *out, const unsigned char *p, size_t n)
{
	struct err ignored = ERR_INIT;
	const char *comma = "";
	uint64_t gap, len;

	while (hole_next(&p, &n, &gap, &len, &ignored) > 0) {
		buf_printf(out, "%s%" PRIu64 "+%" PRIu64, comma, gap, len);
		comma = ",";
	}
}

static void put_field(struct buf *out, const struct tree_entry *e, uint64_t tag,
		      const unsigned char *val, size_t n)
{
	uint64_t v = 0, w = 0;

	if (tag == ATTR_XATTRS) {
		put_xattrs(out, val, n);
		return;
	}
	const char *key = NULL;
	for (size_t i = 0; i < NR(keys) && !key; i++)
		if (keys[i].tag == tag)
			key = keys[i].key;
	if (key)
		buf_printf(out, " %s=", key);
	else
		buf_printf(out, " attr.%" PRIu64 "=", tag);
	switch (tag) {
	case ATTR_MTIME:
		buf_printf(out, "%" PRId64 ".%09" PRIu32, (int64_t)get_u64le(val),
			   get_u32le(val + 8));
		break;
	case ATTR_UID:
	case ATTR_GID:
	case ATTR_PROJECT:
		tree_entry_varint(e, (enum attr_tag)tag, &v);
		buf_printf(out, "%" PRIu64, v);
		break;
	case ATTR_FLAGS:
		tree_entry_varint(e, ATTR_FLAGS, &v);
		buf_printf(out, "0x%" PRIx64, v);
		break;
	case ATTR_DEVICE:
		tree_entry_device(e, &v, &w);
		buf_printf(out, "%" PRIu64 ",%" PRIu64, v, w);
		break;
	case ATTR_HOLES:
		put_holes(out, val, n);
		break;
	case ATTR_OWNER:
	case ATTR_GROUP:
	case ATTR_TARGET:
		put_encoded(out, val, n);
		break;
	default:	/* ids, and what this ub does not know */
		put_hex(out, val, n);
	}
}

static void put_fields(struct buf *out, const struct tree_entry *e)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len, n;
	struct err ignored = ERR_INIT;
	uint64_t tag;

	while (attr_next(&p, &left, &tag, &val, &n, &ignored) > 0)
		put_field(out, e, tag, val, n);
	if (e->content == CONTENT_INLINE) {
		buf_put_str(out, " data=");
		put_encoded(out, e->data, (size_t)e->size);
	}
}

void treetext_put(struct buf *out, const struct tree_entry *e, const void *path, size_t path_len,
		  unsigned int flags, const struct treetext_store *st)
{
	struct oid id;

	buf_printf(out, "%06o %s ", treetext_mode(e), treetext_type(e));
	if (treetext_oid(e, st, &id))
		buf_put_str(out, oid_hex(&id).s);
	else
		buf_put_u8(out, '-');
	if (e->type == ENTRY_FILE || e->type == ENTRY_SYMLINK)
		buf_printf(out, " %" PRIu64, e->size);
	else
		buf_put_str(out, " -");
	if (flags & TREETEXT_LONG)
		put_fields(out, e);
	buf_put_u8(out, '\t');
	if (!path) {
		path = e->name;
		path_len = e->name_len;
	}
	if (flags & TREETEXT_RAW)
		buf_put(out, path, path_len);
	else
		quote_put(out, path, path_len);
}

/* -- reading -- */

struct treetext_xattr { size_t name_off, name_len, val_off, val_len; };

void treetext_init(struct treetext *t)
{
	memset(t, 0, sizeof(*t));
	buf_init_max(&t->name, SIZE_MAX);
	buf_init_max(&t->values, SIZE_MAX);
	buf_init_max(&t->data, SIZE_MAX);
	buf_init_max(&t->attrs, SIZE_MAX);
}

void treetext_release(struct treetext *t)
{
	sys_free(t->xattrs);
	buf_release(&t->name);
	buf_release(&t->values);
	buf_release(&t->data);
	buf_release(&t->attrs);
	treetext_init(t);
}

static void treetext_reset(struct treetext *t)
{
	memset(&t->e, 0, sizeof(t->e));
	memset(t->field, 0, sizeof(t->field));
	t->has_oid = t->has_size = t->has_data = t->has_target = false;
	t->type = OBJ_NONE;
	t->nr_xattrs = 0;
	buf_reset(&t->name);
	buf_reset(&t->values);
	buf_reset(&t->data);
	buf_reset(&t->attrs);
}

/* A run of bytes of the line. */
struct word { const char *p; size_t n; };

static bool word_is(struct word w, const char *s)
{
	return w.n == strlen(s) && memcmp(w.p, s, w.n) == 0;
}

/* The next word, up to `sep` or the end; false at the end. */
static bool next_word(struct word *rest, char sep, struct word *out)
{
	if (!rest->p)
		return false;
	const char *at = rest->n > 0 ? memchr(rest->p, sep, rest->n) : NULL;
	out->p = rest->p;
	out->n = at ? (size_t)(at - rest->p) : rest->n;
	rest->n -= out->n + (at != NULL);
	rest->p = at ? at + 1 : NULL;
	return true;
}

static bool parse_number(struct word w, unsigned int base, uint64_t *out)
{
	uint64_t v = 0;

	if (w.n == 0)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		char c = w.p[i];
		unsigned int digit = c >= '0' && c <= '9' ? (unsigned int)(c - '0') :
				     c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10) : 99;
		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

static bool parse_oid(struct word w, struct oid *out)
{
	return w.n == OID_HEX_SIZE && oid_parse(out, w.p);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_value(struct buf *out, struct word w)
{
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] != '%') {
			buf_put_u8(out, (uint8_t)w.p[i]);
			continue;
		}
		if (w.n - i < 3 || hex_value(w.p[i + 1]) < 0 || hex_value(w.p[i + 2]) < 0)
			return false;
		buf_put_u8(out, (uint8_t)(hex_value(w.p[i + 1]) << 4 | hex_value(w.p[i + 2])));
		i += 2;
	}
	return true;
}

/* "S.NNNNNNNNN" or "S" */
static bool parse_time(struct buf *out, struct word w)
{
	bool negative = w.n > 0 && w.p[0] == '-';
	struct word rest = { w.p + negative, w.n - negative }, part;
	uint64_t s, ns = 0;

	if (!next_word(&rest, '.', &part) || !parse_number(part, 10, &s) ||
	    s > (uint64_t)INT64_MAX + negative)
		return false;
	if (rest.p && (rest.n != 9 || !parse_number(rest, 10, &ns)))
		return false;
	buf_put_u64le(out, negative ? 0 - s : s);
	buf_put_u32le(out, (uint32_t)ns);
	return true;
}

static bool parse_device(struct buf *out, struct word w)
{
	struct word major, rest = w;
	uint64_t v, m;

	if (!next_word(&rest, ',', &major) || !rest.p || !parse_number(major, 10, &v) ||
	    !parse_number(rest, 10, &m))
		return false;
	buf_put_varint(out, v);
	buf_put_varint(out, m);
	return true;
}

static bool parse_holes(struct buf *out, struct word w)
{
	struct word rest = w, pair, gap;
	uint64_t g, l;

	while (next_word(&rest, ',', &pair)) {
		if (!next_word(&pair, '+', &gap) || !pair.p || !parse_number(gap, 10, &g) ||
		    !parse_number(pair, 10, &l))
			return false;
		hole_put(out, g, l);
	}
	return true;
}

static bool parse_hex(struct buf *out, struct word w)
{
	if (w.n % 2)
		return false;
	return hex_decode(buf_extend(out, w.n / 2), w.n / 2, w.p);
}

static bool parse_value(struct buf *out, uint64_t tag, struct word w)
{
	uint64_t v;

	switch (tag) {
	case ATTR_MTIME:
		return parse_time(out, w);
	case ATTR_DEVICE:
		return parse_device(out, w);
	case ATTR_HOLES:
		return parse_holes(out, w);
	case ATTR_OWNER:
	case ATTR_GROUP:
	case ATTR_TARGET:
		return decode_value(out, w);
	case ATTR_XATTRS_ID:
	case ATTR_HOLES_ID:
		return parse_hex(out, w);
	case ATTR_FLAGS:
		if (w.n < 2 || memcmp(w.p, "0x", 2) != 0 ||
		    !parse_number((struct word){ w.p + 2, w.n - 2 }, 16, &v))
			return false;
		break;
	default:
		if (!parse_number(w, 10, &v))
			return false;
	}
	buf_put_varint(out, v);
	return true;
}

static int bad(struct word w, struct err *err)
{
	return err_set(err, ERR_USAGE, "'%.*s' is malformed", w.n < 200 ? (int)w.n : 200, w.p);
}

static int add_xattr(struct treetext *t, struct word key, struct word value, struct err *err)
{
	struct treetext_xattr x = { .name_off = t->values.len };

	bool good = decode_value(&t->values, key);
	x.name_len = t->values.len - x.name_off;
	x.val_off = t->values.len;
	if (!good || !decode_value(&t->values, value))
		return bad(key, err);
	x.val_len = t->values.len - x.val_off;
	size_t at = t->nr_xattrs;
	for (; at > 0; at--) {
		struct treetext_xattr *y = &t->xattrs[at - 1];
		int c = name_cmp(t->values.data + x.name_off, x.name_len,
				 t->values.data + y->name_off, y->name_len);
		if (c > 0)
			break;
		if (c == 0)
			return err_set(err, ERR_USAGE, "'xattr.%.*s' stands twice",
				       key.n < 200 ? (int)key.n : 200, key.p);
	}
	if (t->nr_xattrs == t->alloc_xattrs) {
		t->alloc_xattrs = t->alloc_xattrs ? 2 * t->alloc_xattrs : 8;
		t->xattrs = xrealloc(t->xattrs, t->alloc_xattrs * sizeof(*t->xattrs));
	}
	memmove(t->xattrs + at + 1, t->xattrs + at, (t->nr_xattrs - at) * sizeof(*t->xattrs));
	t->xattrs[at] = x;
	t->nr_xattrs++;
	return 0;
}

/* Which field is meant; 0: none.  attr.N has its bytes in hex. */
static uint64_t find_tag(struct word key, bool *is_hex)
{
	struct word number = { key.p + 5, key.n - 5 };
	uint64_t tag;

	*is_hex = false;
	for (size_t i = 0; i < NR(keys); i++)
		if (word_is(key, keys[i].key))
			return keys[i].tag;
	*is_hex = true;
	if (key.n > 5 && memcmp(key.p, "attr.", 5) == 0 && parse_number(number, 10, &tag))
		return tag;
	return 0;
}

/* "KEY=VALUE" */
static int parse_field(struct treetext *t, struct word w, struct err *err)
{
	struct word value = w, key;

	if (!next_word(&value, '=', &key) || !value.p)
		return bad(w, err);
	if (t->values.len > ATTRS_LEN_MAX)
		return err_set(err, ERR_USAGE, "attributes are too long");
	if (key.n > 6 && memcmp(key.p, "xattr.", 6) == 0)
		return add_xattr(t, (struct word){ key.p + 6, key.n - 6 }, value, err);
	if (word_is(key, "data")) {
		if (t->has_data || !decode_value(&t->data, value))
			return bad(w, err);
		t->has_data = true;
		return 0;
	}
	bool is_hex;
	uint64_t tag = find_tag(key, &is_hex);
	if (tag >= ATTR_CRITICAL)
		return err_set(err, ERR_FORMAT, "'%.*s' is not known and critical",
			       key.n < 200 ? (int)key.n : 200, key.p);
	if (tag == 0 || t->field[tag].is_set)
		return bad(w, err);
	size_t off = t->values.len;
	bool good = is_hex ? parse_hex(&t->values, value) : parse_value(&t->values, tag, value);
	if (!good)
		return bad(w, err);
	t->field[tag].is_set = true;
	t->field[tag].off = off;
	t->field[tag].len = t->values.len - off;
	t->has_target |= tag == ATTR_TARGET;
	return 0;
}

static int parse_mode(struct treetext *t, struct word mode, struct word type, struct err *err)
{
	uint64_t v;

	if (!parse_number(mode, 8, &v) || v > 0177777)
		return bad(mode, err);
	t->e.mode = (uint32_t)v & 07777;
	for (unsigned int i = ENTRY_FILE; i <= ENTRY_BLOCK; i++)
		if (types[i].mode == (v & MODE_TYPE))
			t->e.type = (enum entry_type)i;
	if (t->e.type == 0)
		return bad(mode, err);
	bool is_list = t->e.type == ENTRY_FILE && word_is(type, "list");
	if (!is_list && !word_is(type, types[t->e.type].word))
		return err_set(err, ERR_USAGE, "mode %.*s is not that of a '%.*s'", (int)mode.n,
			       mode.p, type.n < 200 ? (int)type.n : 200, type.p);
	if (t->e.type <= ENTRY_SYMLINK)
		t->type = is_list ? OBJ_LIST : t->e.type == ENTRY_DIR ? OBJ_TREE : OBJ_BLOB;
	return 0;
}

static int parse_size(struct treetext *t, struct word w, struct err *err)
{
	if (word_is(w, "-"))
		return 0;
	if (!parse_number(w, 10, &t->e.size) || t->e.size > CONTENT_SIZE_MAX ||
	    (t->e.type != ENTRY_FILE && t->e.type != ENTRY_SYMLINK))
		return bad(w, err);
	t->has_size = true;
	return 0;
}

static int parse_name(struct treetext *t, struct word name, unsigned int flags, struct err *err)
{
	if (flags & TREETEXT_RAW) {
		buf_put(&t->name, name.p, name.n);
	} else {
		int ret = quote_read(name.p, name.n, &t->name, err);
		if (ret < 0)
			return ret;
	}
	t->e.name = t->name.data;
	t->e.name_len = t->name.len;
	return 0;
}

int treetext_parse(struct treetext *t, const void *line, size_t n, unsigned int flags,
		   struct err *err)
{
	struct word rest = { line, n }, head, mode, type, oid, w;
	int ret;

	treetext_reset(t);
	if (n > TREETEXT_LINE_MAX)
		return err_set(err, ERR_USAGE, "the line is longer than %zu bytes",
			       TREETEXT_LINE_MAX);
	if (!next_word(&rest, '\t', &head) || !rest.p)
		return err_set(err, ERR_USAGE, "no TAB before a name");
	ret = parse_name(t, rest, flags, err);
	if (ret < 0)
		return ret;
	if (!next_word(&head, ' ', &mode) || !next_word(&head, ' ', &type) ||
	    !next_word(&head, ' ', &oid))
		return err_set(err, ERR_USAGE, "not 'MODE TYPE OID SIZE<TAB>NAME'");
	ret = parse_mode(t, mode, type, err);
	if (ret < 0)
		return ret;
	t->has_oid = !word_is(oid, "-");
	if (t->has_oid && !parse_oid(oid, &t->oid))
		return bad(oid, err);
	for (bool first = true; next_word(&head, ' ', &w); first = false) {
		bool is_size = first && (w.n == 0 || !memchr(w.p, '=', w.n));
		ret = is_size ? parse_size(t, w, err) : parse_field(t, w, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* -- from a line to an entry -- */

/* The bytes in t->data are the content: do size and id agree with the line? */
static int check_bytes(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	struct oid id;

	if (t->has_size && t->e.size != t->data.len)
		return err_set(err, ERR_USAGE, "the content has %zu bytes, not %" PRIu64,
			       t->data.len, t->e.size);
	t->e.size = t->data.len;
	st->blob_id(st->data, t->data.data ? t->data.data : (const unsigned char *)"", t->data.len,
		    &id);
	if (t->has_oid && !oid_eq(&id, &t->oid))
		return err_set(err, ERR_USAGE, "the content has id %s, not %s", oid_hex(&id).s,
			       oid_hex(&t->oid).s);
	return 0;
}

static int missing(const struct oid *id, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "no object %s", oid_hex(id).s);
}

/* `want` must be there; lists pass where blobs are asked for, since hash-object prints both. */
static int find_object(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	enum obj_type type;
	uint64_t size;

	if (!t->has_oid)
		return err_set(err, ERR_USAGE, "no id");
	int ret = st->find(st->data, &t->oid, &type, &size, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return missing(&t->oid, err);
	if (type != t->type &&
	    !(type == OBJ_LIST && t->type == OBJ_BLOB && t->e.type == ENTRY_FILE))
		return err_set(err, ERR_USAGE, "object %s is a %s, not a %s", oid_hex(&t->oid).s,
			       obj_type_name(type), obj_type_name(t->type));
	t->type = type;
	if (type == OBJ_TREE)
		return 0;
	if (t->has_size && t->e.size != size)
		return err_set(err, ERR_USAGE, "object %s has %" PRIu64 " bytes, not %" PRIu64,
			       oid_hex(&t->oid).s, size, t->e.size);
	t->has_size = true;
	t->e.size = size;
	return 0;
}

/* Bytes that must stand in the tree and not in the line: from the store. */
static int fetch_bytes(struct treetext *t, const struct treetext_store *st, uint64_t max,
		       struct err *err)
{
	if (t->e.size > max)
		return err_set(err, ERR_USAGE, "%" PRIu64 " bytes are too many", t->e.size);
	return st->get(st->data, &t->oid, &t->data, err);
}

static int resolve_file(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	bool is_empty = t->has_size && t->e.size == 0;
	int ret = 0;

	if (!t->has_data && !is_empty) {
		ret = find_object(t, st, err);
		if (ret == 0 && t->e.size > INLINE_MAX) {
			t->e.content = t->type == OBJ_LIST ? CONTENT_LIST : CONTENT_BLOB;
			t->e.id = t->oid;
			return 0;
		}
		if (ret == 0)
			ret = fetch_bytes(t, st, INLINE_MAX, err);
	}
	if (ret == 0)
		ret = check_bytes(t, st, err);
	t->e.content = t->e.size > 0 ? CONTENT_INLINE : CONTENT_NONE;
	t->e.data = t->data.data;
	return ret;
}

static int resolve_link(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	int ret = 0;

	if (t->has_target) {
		buf_put(&t->data, t->values.data + t->field[ATTR_TARGET].off,
			t->field[ATTR_TARGET].len);
	} else {
		ret = find_object(t, st, err);
		if (ret == 0)
			ret = fetch_bytes(t, st, TARGET_LEN_MAX, err);
	}
	if (ret == 0)
		ret = check_bytes(t, st, err);
	if (ret < 0)
		return ret;
	t->field[ATTR_TARGET].is_set = true;
	t->field[ATTR_TARGET].off = t->values.len;
	t->field[ATTR_TARGET].len = t->data.len;
	buf_put_buf(&t->values, &t->data);
	return 0;
}

static int find_note(const struct treetext *t, uint64_t tag, const struct treetext_store *st,
		     struct err *err)
{
	enum obj_type type;
	uint64_t size;
	struct oid id;

	if (!t->field[tag].is_set || t->field[tag].len != OID_SIZE)
		return 0;	/* a length that is wrong is for tree_entry_check() */
	memcpy(id.b, t->values.data + t->field[tag].off, OID_SIZE);
	int ret = st->find(st->data, &id, &type, &size, err);
	if (ret == 0)
		return missing(&id, err);
	if (ret > 0 && type != OBJ_NOTE)
		return err_set(err, ERR_USAGE, "object %s is a %s, not a note", oid_hex(&id).s,
			       obj_type_name(type));
	return ret < 0 ? ret : 0;
}

static int put_attrs(struct treetext *t, struct err *err)
{
	if (t->nr_xattrs > 0) {
		if (t->field[ATTR_XATTRS].is_set)
			return err_set(err, ERR_USAGE, "extended attributes stand twice");
		size_t off = t->values.len;
		for (size_t i = 0; i < t->nr_xattrs; i++) {
			const struct treetext_xattr x = t->xattrs[i];
			buf_reserve(&t->values, x.name_len + x.val_len + 20);
			xattr_put(&t->values, t->values.data + x.name_off, x.name_len,
				  t->values.data + x.val_off, x.val_len);
		}
		t->field[ATTR_XATTRS].is_set = true;
		t->field[ATTR_XATTRS].off = off;
		t->field[ATTR_XATTRS].len = t->values.len - off;
	}
	for (uint64_t tag = 1; tag < ATTR_CRITICAL; tag++)
		if (t->field[tag].is_set)
			attr_put(&t->attrs, tag, t->values.data + t->field[tag].off,
				 t->field[tag].len);
	t->e.attrs = t->attrs.data;
	t->e.attrs_len = t->attrs.len;
	return 0;
}

static int resolve(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	int ret = 0;

	if (t->has_data && t->e.type != ENTRY_FILE)
		return err_set(err, ERR_USAGE, "content on what is no file");
	if (t->e.type == ENTRY_FILE) {
		ret = resolve_file(t, st, err);
	} else if (t->e.type == ENTRY_SYMLINK) {
		ret = resolve_link(t, st, err);
	} else if (t->e.type == ENTRY_DIR) {
		t->e.content = CONTENT_TREE;
		t->e.id = t->oid;
		ret = find_object(t, st, err);
	} else if (t->has_oid) {
		ret = err_set(err, ERR_USAGE, "an id on what has no content");
	}
	if (ret == 0)
		ret = find_note(t, ATTR_XATTRS_ID, st, err);
	if (ret == 0)
		ret = find_note(t, ATTR_HOLES_ID, st, err);
	return ret < 0 ? ret : put_attrs(t, err);
}

int treetext_resolve(struct treetext *t, const struct treetext_store *st, struct err *err)
{
	int ret = resolve(t, st, err);

	if (ret < 0)
		return err_wrap(err, "'%.*s'", (int)t->e.name_len, (const char *)t->e.name);
	ret = tree_entry_check(&t->e, err);
	if (ret == ERR_CORRUPT)
		ret = err->code = ERR_USAGE;
	return ret;
}
