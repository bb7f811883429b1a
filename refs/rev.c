/*
 * Revisions: text to object.  A base (a ref, a tag, an oid), then steps (~N, ^N, @{...}), then a
 * path.  Reads the store; changes nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/path.h"
#include "lib/sys.h"
#include "objects/dir.h"
#include "objects/store-view.h"
#include "refs/date.h"

#include "refs/rev.h"

enum {
	CANDIDATES_MAX = 8,		/* named when a prefix is ambiguous */
	ID30_SIZE = 30,			/* bytes of an id that the index keeps */
	STEPS_MAX = 1000000,		/* of REV~N */
};

void rev_release(struct rev *r)
{
	sys_free(r->path);
	buf_release(&r->data);
	*r = (struct rev)REV_INIT;
}

struct parse {
	struct refs *refs;
	struct store *st;
	struct rev rev;
	struct ref ref;			/* that the base named */
	bool has_ref;
};

/* -- oids -- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hex(const char *s)
{
	for (; *s; s++)
		if (hex_value(*s) < 0)
			return false;
	return true;
}

struct candidates {
	struct store *st;
	const char *digits;
	struct oid ids[CANDIDATES_MAX];
	enum obj_type types[CANDIDATES_MAX];
	size_t nr;			/* may be one above the maximum: there are more */
};

static int add_candidate(const unsigned char id30[ID30_SIZE], const struct index_loc *loc,
			 void *data, struct err *err)
{
	struct candidates *c = data;
	struct oid id;

	if (c->nr == CANDIDATES_MAX) {
		c->nr++;
		return 1;
	}
	int ret = store_full_id(c->st, id30, loc, &id, err);
	if (ret < 0)
		return ret;
	struct oid_text text = oid_hex(&id);
	for (size_t i = 2 * ID30_SIZE; c->digits[i - 1] && c->digits[i]; i++)
		if (hex_value(c->digits[i]) != hex_value(text.s[i]))
			return 0;
	c->ids[c->nr] = id;
	c->types[c->nr++] = loc->type;
	return 0;
}

static int ambiguous(const struct candidates *c, struct err *err)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < c->nr && i < CANDIDATES_MAX; i++)
		buf_printf(&b, "%s%s %s", i ? ", " : "", oid_hex(&c->ids[i]).s,
			   obj_type_name(c->types[i]));
	if (c->nr > CANDIDATES_MAX)
		buf_put_str(&b, " and more");
	int ret = err_set(err, ERR_AMBIGUOUS, "more than one object starts so: %s", buf_str(&b));
	buf_release(&b);
	return ret;
}

static int find_prefix(struct parse *p, const char *digits, struct err *err)
{
	struct candidates c = { .st = p->st, .digits = digits };
	unsigned char prefix[OID_SIZE] = { 0 };
	size_t n = strlen(digits);
	char padded[OID_HEX_SIZE + 1] = "";

	memcpy(padded, digits, n);	/* so that add_candidate() may look past the end */
	c.digits = padded;
	for (size_t i = 0; i < n; i++)
		prefix[i / 2] |= (unsigned char)(hex_value(digits[i]) << (i % 2 ? 0 : 4));
	int ret = index_prefix(store_index(p->st), prefix, (unsigned int)n, add_candidate, &c, err);
	if (ret < 0)
		return ret;
	if (c.nr > 1)
		return ambiguous(&c, err);
	if (c.nr == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no ref, tag or object of that name");
	p->rev.id = c.ids[0];
	p->rev.type = c.types[0];
	return 0;
}

static int find_oid(struct parse *p, const char *digits, struct err *err)
{
	struct index_loc loc;
	size_t n = strlen(digits);

	if (n == 0 || n > OID_HEX_SIZE || !is_hex(digits))
		return err_set(err, ERR_NOT_FOUND, "there is no ref, tag or object of that name");
	if (n < OID_MIN_PREFIX)
		return err_set(err, ERR_NOT_FOUND, "there is no ref or tag of that name, and an"
			       " object is named by %d digits or more", OID_MIN_PREFIX);
	if (n < OID_HEX_SIZE)
		return find_prefix(p, digits, err);
	for (size_t i = 0; i < OID_SIZE; i++)
		p->rev.id.b[i] = (unsigned char)(hex_value(digits[2 * i]) << 4 |
						 hex_value(digits[2 * i + 1]));
	int ret = store_find(p->st, &p->rev.id, &loc, NULL, err);
	p->rev.type = ret > 0 ? loc.type : OBJ_NONE;
	return ret < 0 ? ret : 0;
}

/* -- the base -- */

static void take_ref(struct parse *p, const struct ref *ref)
{
	p->ref = *ref;
	p->has_ref = true;
	p->rev.id = ref->commit;
	p->rev.type = OBJ_COMMIT;
}

/* A ref or a tag; both, at different commits: ambiguous. */
static int find_ref(struct parse *p, const char *name, struct err *err)
{
	struct err tag_err = ERR_INIT;
	struct ref ref, tag;
	char *tag_name = xasprintf("tags/%s", name);
	int ret = refs_find(p->refs, name, &ref, err);
	int tag_ret = refs_find(p->refs, tag_name, &tag, &tag_err);

	if (ret == 0 && tag_ret == 0 && !oid_eq(&ref.commit, &tag.commit)) {
		ret = err_set(err, ERR_AMBIGUOUS, "there is a ref '%s/%s' and a tag '%s/%s'",
			      ref.device, ref.name, tag.device, tag.name);
	} else if (ret == 0) {
		take_ref(p, &ref);
	} else if (ret == ERR_NOT_FOUND && tag_ret == 0) {
		err_clear(err);
		take_ref(p, &tag);
		ret = 0;
	} else if (ret == ERR_NOT_FOUND) {
		*err = tag_err;
		ret = tag_ret;
	}
	sys_free(tag_name);
	return ret;
}

static int find_base(struct parse *p, const char *base, struct err *err)
{
	struct err hex_err = ERR_INIT;
	struct ref head;
	int ret;

	if (strcmp(base, "HEAD") == 0 || strcmp(base, "@") == 0 || !base[0]) {
		ret = refs_head(p->refs, &head, err);
		if (ret == 0)
			take_ref(p, &head);
		return ret;
	}
	if (strlen(base) == OID_HEX_SIZE && is_hex(base))
		return find_oid(p, base, err);
	ret = find_ref(p, base, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		if (strcmp(base, "latest") != 0)
			return find_oid(p, base, err);
		ret = refs_head(p->refs, &head, err);
		if (ret == 0)
			take_ref(p, &head);
		return ret;
	}
	/* A log in ruins must not keep objects from being named. */
	if (ret == ERR_CORRUPT && strlen(base) >= OID_MIN_PREFIX && is_hex(base) &&
	    find_oid(p, base, &hex_err) == 0) {
		err_clear(err);
		return 0;
	}
	return ret;
}

/* -- steps -- */

/* Digits up to the first other byte; `fallback` if there are none. */
static int read_count(const char **s, unsigned int fallback, unsigned int *out, struct err *err)
{
	unsigned int v = 0;

	if (**s < '0' || **s > '9') {
		*out = fallback;
		return 0;
	}
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		v = v * 10 + (unsigned int)(**s - '0');
		if (v > STEPS_MAX)
			return err_set(err, ERR_USAGE, "the number is too large");
	}
	*out = v;
	return 0;
}

static int want_commit(struct parse *p, struct err *err)
{
	if (p->rev.type == OBJ_COMMIT)
		return 0;
	if (p->rev.type == OBJ_NONE)
		return err_set(err, ERR_NOT_FOUND, "there is no object %s",
			       oid_hex(&p->rev.id).s);
	return err_set(err, ERR_FAILED, "%s is a %s, not a snapshot", oid_hex(&p->rev.id).s,
		       obj_type_name(p->rev.type));
}

/* To the `nr`th parent, from 1; 0 stays. */
static int step_parent(struct parse *p, unsigned int nr, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret = want_commit(p, err);

	if (ret < 0 || nr == 0)
		return ret;
	ret = store_read_commit(p->st, &p->rev.id, &c, err);
	if (ret == 0 && nr > c.nr_parents)
		ret = err_set(err, ERR_NOT_FOUND, c.nr_parents == 0 ? "%s has no parent" :
			      "%s has no such parent", oid_hex(&p->rev.id).s);
	if (ret == 0)
		p->rev.id = c.parents[nr - 1];
	commit_release(&c);
	return ret;
}

static int step_tilde(struct parse *p, unsigned int nr, struct err *err)
{
	int ret = want_commit(p, err);

	for (unsigned int i = 0; ret == 0 && i < nr; i++)
		ret = step_parent(p, 1, err);
	return ret;
}

static int step_type(struct parse *p, const char *type, size_t n, struct err *err)
{
	if (n == strlen("commit") && memcmp(type, "commit", n) == 0)
		return want_commit(p, err);
	if (n != strlen("tree") || memcmp(type, "tree", n) != 0)
		return err_set(err, ERR_USAGE, "^{%.*s} is not known: ^{tree} and ^{commit} are",
			       (int)n, type);
	struct oid tree;
	if (p->rev.type == OBJ_COMMIT)
		p->rev.commit = p->rev.id;
	int ret = rev_to_tree(p->st, &p->rev, &tree, err);
	if (ret == 0) {
		p->rev.id = tree;
		p->rev.type = OBJ_TREE;
	}
	return ret;
}

struct past {
	struct timespec when;
	bool by_count;
	unsigned int left;
	bool is_found;
	struct oid commit;
	int64_t oldest;
};

static int look_at_past(const struct ref *was, void *data, struct err *err)
{
	struct past *past = data;

	(void)err;
	past->oldest = was->time_s;
	if (past->by_count ? past->left-- > 0 : was->time_s > past->when.tv_sec ||
	    (was->time_s == past->when.tv_sec && (long)was->time_ns > past->when.tv_nsec))
		return 0;
	past->is_found = true;
	past->commit = was->commit;
	return 1;
}

static int no_value(const struct parse *p, const struct past *past, const char *what,
		    struct err *err)
{
	struct tm tm;
	char text[64] = "";
	time_t oldest = past->oldest;

	if (localtime_r(&oldest, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (past->is_found)
		return err_set(err, ERR_NOT_FOUND, "'%s/%s' did not exist at '%s'", p->ref.device,
			       p->ref.name, what);
	return err_set(err, ERR_NOT_FOUND, "'%s/%s' goes back to %s, not to '%s'", p->ref.device,
		       p->ref.name, text, what);
}

static int step_past(struct parse *p, const char *what, struct err *err)
{
	struct past past = { .by_count = false };
	struct timespec now;
	const char *end = what;
	int ret;

	if (!p->has_ref)
		return err_set(err, ERR_USAGE, "@{%s} follows the name of a ref", what);
	ret = read_count(&end, 0, &past.left, err);
	if (ret == 0 && end > what && !*end) {
		past.by_count = true;
	} else {
		err_clear(err);
		sys_now(&now);
		if (!date_parse(what, &now, &past.when))
			return err_set(err, ERR_USAGE, "'%s' is not a date: 2023-01-01,"
				       " '2023-01-01 12:30', 2.days.ago and yesterday are", what);
	}
	ret = refs_history(p->refs, &p->ref, look_at_past, &past, err);
	if (ret < 0)
		return ret;
	if (!past.is_found || oid_is_zero(&past.commit))
		return no_value(p, &past, what, err);
	p->rev.id = past.commit;
	p->rev.type = OBJ_COMMIT;
	return 0;
}

static int take_step(struct parse *p, const char **s, struct err *err)
{
	unsigned int nr;
	const char *end;
	int ret;

	if (strncmp(*s, "@{", 2) == 0 || strncmp(*s, "^{", 2) == 0) {
		const char *inner = *s + 2;
		end = strchr(inner, '}');
		if (!end)
			return err_set(err, ERR_USAGE, "'{' without '}'");
		if (**s == '^') {
			ret = step_type(p, inner, (size_t)(end - inner), err);
		} else {
			char *what = xstrndup(inner, (size_t)(end - inner));
			ret = step_past(p, what, err);
			sys_free(what);
		}
		*s = end + 1;
	} else if (**s == '~' || **s == '^') {
		char kind = *(*s)++;
		ret = read_count(s, 1, &nr, err);
		if (ret == 0)
			ret = kind == '~' ? step_tilde(p, nr, err) : step_parent(p, nr, err);
	} else {
		return err_set(err, ERR_USAGE, "'%s' is not understood", *s);
	}
	p->has_ref = false;		/* what was stepped from is no longer a ref */
	return ret;
}

/* -- paths -- */

/* From the snapshot's root; "./x" and "../x" from the current folder. */
static int full_path(const char *path, char **out, struct err *err)
{
	bool is_relative = strcmp(path, ".") == 0 || strcmp(path, "..") == 0 ||
		strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0;

	if (!is_relative) {
		*out = path_clean(path);
		return 0;
	}
	char *cwd = sys_realpath(".");
	if (!cwd)
		return err_sys(err, "find the current folder");
	*out = path_clean_at(cwd, path);
	sys_free(cwd);
	return 0;
}

static const uint32_t type_bits[] = {
	[ENTRY_FILE] = S_IFREG, [ENTRY_DIR] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
	[ENTRY_FIFO] = S_IFIFO, [ENTRY_SOCKET] = S_IFSOCK, [ENTRY_CHAR] = S_IFCHR,
	[ENTRY_BLOCK] = S_IFBLK,
};

static int take_target(struct parse *p, const struct tree_entry *e, struct err *err)
{
	const unsigned char *attrs = e->attrs, *val;
	size_t left = e->attrs_len, n;
	uint64_t tag;
	int ret;

	while ((ret = attr_next(&attrs, &left, &tag, &val, &n, err)) > 0)
		if (tag == ATTR_TARGET)
			buf_put(&p->rev.data, val, n);
	return ret;
}

static int take_entry(struct parse *p, const struct tree_entry *e, struct err *err)
{
	struct rev *r = &p->rev;
	int ret = 0;

	r->has_entry = true;
	r->mode = type_bits[e->type] | e->mode;
	r->size = e->size;
	r->id = e->id;
	buf_reset(&r->data);
	switch (e->content) {
	case CONTENT_BLOB: r->type = OBJ_BLOB; return 0;
	case CONTENT_LIST: r->type = OBJ_LIST; return 0;
	case CONTENT_TREE: r->type = OBJ_TREE; return 0;
	case CONTENT_INLINE: buf_put(&r->data, e->data, (size_t)e->size); break;
	case CONTENT_NONE: break;
	}
	if (e->type != ENTRY_FILE && e->type != ENTRY_SYMLINK) {
		r->type = OBJ_NONE;
		return 0;
	}
	if (e->type == ENTRY_SYMLINK)
		ret = take_target(p, e, err);
	r->is_inline = true;
	r->type = OBJ_BLOB;
	keys_object_id(store_keys(p->st), OBJ_BLOB, r->data.len ? r->data.data : (const void *)"",
		       r->data.len, r->id.b);
	return ret;
}

static int walk_path(struct parse *p, struct err *err)
{
	const struct object_source src = store_source(p->st);
	struct buf hold = BUF_INIT;
	struct tree_entry e;
	int ret = dir_find_path(&src, &p->rev.root, p->rev.path, &e, &hold, err);

	if (ret == 0)
		ret = take_entry(p, &e, err);
	buf_release(&hold);
	return ret;
}

static int take_path(struct parse *p, const char *path, struct err *err)
{
	int ret;

	if (p->rev.type == OBJ_COMMIT)
		p->rev.commit = p->rev.id;
	ret = rev_to_tree(p->st, &p->rev, &p->rev.root, err);
	if (ret < 0)
		return ret;
	ret = full_path(path, &p->rev.path, err);
	if (ret < 0)
		return ret;
	p->rev.id = p->rev.root;
	p->rev.type = OBJ_TREE;
	if (p->rev.path[0])
		ret = walk_path(p, err);
	size_t n = strlen(path);
	if (ret == 0 && n > 0 && path[n - 1] == '/' && p->rev.type != OBJ_TREE)
		ret = err_set(err, ERR_NOT_FOUND, "'%s' is not a folder in the snapshot",
			      p->rev.path);
	return ret;
}

int rev_to_tree(struct store *st, const struct rev *r, struct oid *tree_out, struct err *err)
{
	struct commit c = COMMIT_INIT;
	int ret;

	if (r->type == OBJ_TREE) {
		*tree_out = r->id;
		return 0;
	}
	if (r->type == OBJ_NONE)
		return err_set(err, ERR_NOT_FOUND, "there is no object %s", oid_hex(&r->id).s);
	if (r->type != OBJ_COMMIT)
		return err_set(err, ERR_FAILED, "%s is a %s, neither a snapshot nor a folder",
			       oid_hex(&r->id).s, obj_type_name(r->type));
	ret = store_read_commit(st, &r->id, &c, err);
	if (ret == 0)
		*tree_out = c.tree;
	commit_release(&c);
	return ret;
}

/* -- all of it -- */

/* Where the base ends: at the first step or at the path. */
static size_t base_length(const char *text)
{
	size_t i;

	for (i = 0; text[i] && !strchr("~^:", text[i]); i++)
		if (text[i] == '@' && text[i + 1] == '{')
			break;
	return i;
}

static int parse(struct parse *p, const char *text, struct err *err)
{
	size_t n = base_length(text);
	char *base = xstrndup(text, n);
	const char *s = text + n;
	int ret = *text ? find_base(p, base, err) :
		err_set(err, ERR_USAGE, "an empty name is no revision");

	sys_free(base);
	while (ret == 0 && *s && *s != ':')
		ret = take_step(p, &s, err);
	if (ret == 0 && p->rev.type == OBJ_COMMIT)
		p->rev.commit = p->rev.id;
	if (ret == 0 && *s == ':')
		ret = take_path(p, s + 1, err);
	return ret;
}

int rev_parse(struct refs *refs, struct store *st, const char *text, struct rev *out,
	      struct err *err)
{
	struct parse p = { .refs = refs, .st = st, .rev = REV_INIT };
	int ret = parse(&p, text, err);

	if (ret < 0) {
		rev_release(&p.rev);
		return err_wrap(err, "revision '%s'", text);
	}
	rev_release(out);
	*out = p.rev;
	return 0;
}

int rev_read_commit(struct refs *refs, struct store *st, const char *text, struct oid *id_out,
		    struct commit *out, struct err *err)
{
	struct rev rev = REV_INIT;
	int ret = rev_parse(refs, st, text, &rev, err);

	if (ret < 0)
		return ret;
	if (rev.type == OBJ_COMMIT)
		ret = store_read_commit(st, &rev.id, out, err);
	else if (rev.type == OBJ_NONE && !rev.has_entry)
		ret = err_set(err, ERR_NOT_FOUND, "there is no object %s", oid_hex(&rev.id).s);
	else
		ret = err_set(err, ERR_FAILED, "it is not a snapshot");
	if (ret < 0)
		err_wrap(err, "revision '%s'", text);
	*id_out = rev.id;
	rev_release(&rev);
	return ret;
}

static int count_two(const unsigned char id30[ID30_SIZE], const struct index_loc *loc, void *data,
		     struct err *err)
{
	(void)id30;
	(void)loc;
	(void)err;
	return ++*(unsigned int *)data > 1;
}

int rev_abbreviate(struct store *st, const struct oid *id, struct oid_text *out, struct err *err)
{
	*out = oid_hex(id);
	for (unsigned int n = OID_MIN_PREFIX; n <= 2 * ID30_SIZE; n++) {
		unsigned char prefix[OID_SIZE] = { 0 };
		unsigned int nr = 0;

		memcpy(prefix, id->b, (n + 1) / 2);
		if (n % 2)
			prefix[n / 2] &= 0xf0;
		int ret = index_prefix(store_index(st), prefix, n, count_two, &nr, err);
		if (ret < 0)
			return ret;
		if (nr > 1)
			continue;
		out->s[n] = '\0';
		break;
	}
	return 0;
}
