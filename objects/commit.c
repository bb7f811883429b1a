/*
 * Commits: one snapshot, its place in history and what was noted while it was made.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/object-internal.h"

#include "objects/object.h"

enum commit_flags { COMMIT_INCOMPLETE = 1u << 1 };

static void free_strings(char **list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sys_free(list[i]);
	sys_free(list);
}

void commit_release(struct commit *c)
{
	sys_free(c->parents);
	sys_free(c->device);
	sys_free(c->host);
	sys_free(c->user);
	sys_free(c->message);
	free_strings(c->tags, c->nr_tags);
	free_strings(c->sources, c->nr_sources);
	sys_free(c->notes);
	buf_release(&c->extra);
	*c = (struct commit)COMMIT_INIT;
}

static int check_word(const char *what, const char *s, size_t max, struct err *err)
{
	if (s && strlen(s) > max)
		return err_set(err, ERR_FAILED, "%s of a commit is longer than %zu bytes", what,
			       max);
	return 0;
}

static int check_words(const char *what, char *const *list, size_t nr, size_t nr_max, size_t max,
		       struct err *err)
{
	int ret = 0;

	if (nr > nr_max)
		return err_set(err, ERR_FAILED, "a commit with more than %zu %ss", nr_max, what);
	for (size_t i = 0; ret == 0 && i < nr; i++) {
		ret = check_word(what, list[i], max, err);
		if (ret == 0 && list[i][0] == '\0')
			ret = err_set(err, ERR_FAILED, "an empty %s", what);
		else if (ret == 0 && i > 0 && strcmp(list[i - 1], list[i]) >= 0)
			ret = err_set(err, ERR_FAILED, "%ss out of order: '%s' after '%s'", what,
				      list[i], list[i - 1]);
	}
	return ret;
}

static int check_fields(const struct buf *extra, struct err *err)
{
	const unsigned char *p = extra->data, *val;
	size_t left = extra->len, n;
	uint64_t tag, prev = 0;
	int ret;

	if (left > COMMIT_EXTRA_MAX)
		return err_set(err, ERR_CORRUPT, "commit with %zu bytes of fields", left);
	while ((ret = attr_next(&p, &left, &tag, &val, &n, err)) > 0) {
		if (tag <= prev)
			return err_set(err, ERR_CORRUPT, "fields of the commit are out of order");
		if (tag >= ATTR_CRITICAL)
			return err_set(err, ERR_FORMAT,
				       "field %llu of the commit is not known and critical",
				       (unsigned long long)tag);
		prev = tag;
	}
	return ret;
}

int commit_check(const struct commit *c, struct err *err)
{
	int ret;

	if (c->nr_parents > COMMIT_PARENTS_MAX)
		return err_set(err, ERR_FAILED, "a commit with more than %d parents",
			       COMMIT_PARENTS_MAX);
	if (c->time_ns >= 1000000000)
		return err_set(err, ERR_FAILED, "time of the commit has %u ns", c->time_ns);
	if ((ret = check_word("device", c->device, COMMIT_WORD_MAX, err)) < 0 ||
	    (ret = check_word("host", c->host, COMMIT_WORD_MAX, err)) < 0 ||
	    (ret = check_word("user", c->user, COMMIT_WORD_MAX, err)) < 0 ||
	    (ret = check_word("message", c->message, COMMIT_MESSAGE_MAX, err)) < 0 ||
	    (ret = check_words("tag", c->tags, c->nr_tags, COMMIT_TAGS_MAX, COMMIT_WORD_MAX,
			       err)) < 0 ||
	    (ret = check_words("source", c->sources, c->nr_sources, COMMIT_SOURCES_MAX,
			       PATH_LEN_MAX, err)) < 0)
		return ret;
	if (c->nr_notes > COMMIT_NOTES_MAX)
		return err_set(err, ERR_FAILED, "a commit with more than %d notes",
			       COMMIT_NOTES_MAX);
	for (size_t i = 0; i < c->nr_notes; i++)
		if (c->notes[i].kind == 0 || c->notes[i].rows == 0 ||
		    (i > 0 && c->notes[i].kind < c->notes[i - 1].kind))
			return err_set(err, ERR_FAILED, "note %zu of a commit is out of order", i);
	return check_fields(&c->extra, err);
}

static void put_word(struct buf *out, const char *s)
{
	buf_put_lenbytes(out, s ? s : "", s ? strlen(s) : 0);
}

static void put_words(struct buf *out, char *const *list, size_t nr)
{
	buf_put_varint(out, nr);
	for (size_t i = 0; i < nr; i++)
		put_word(out, list[i]);
}

void commit_encode(const struct commit *c, struct buf *out)
{
	object_put_head(out, c->incomplete ? COMMIT_INCOMPLETE : 0);
	buf_put(out, c->tree.b, OID_SIZE);
	buf_put_varint(out, c->nr_parents);
	for (size_t i = 0; i < c->nr_parents; i++)
		buf_put(out, c->parents[i].b, OID_SIZE);
	buf_put_u64le(out, (uint64_t)c->time_s);
	buf_put_u32le(out, c->time_ns);
	buf_put_u32le(out, (uint32_t)c->time_offset);
	put_word(out, c->device);
	put_word(out, c->host);
	put_word(out, c->user);
	put_word(out, c->message);
	put_words(out, c->tags, c->nr_tags);
	put_words(out, c->sources, c->nr_sources);
	buf_put_varint(out, c->files);
	buf_put_varint(out, c->dirs);
	buf_put_varint(out, c->others);
	buf_put_varint(out, c->bytes);
	buf_put_varint(out, c->nr_notes);
	for (size_t i = 0; i < c->nr_notes; i++) {
		buf_put_varint(out, c->notes[i].kind);
		buf_put_varint(out, c->notes[i].rows);
		buf_put(out, c->notes[i].id.b, OID_SIZE);
	}
	buf_put_buf(out, &c->extra);
}

static char *get_word(struct reader *r, size_t max)
{
	size_t n;
	const unsigned char *p = reader_lenbytes(r, max, &n);

	if (p && memchr(p, 0, n)) {
		reader_fail(r);
		p = NULL;
	}
	return xstrndup(p ? (const char *)p : "", p ? n : 0);
}

/* A count of things that take `size` bytes or more each, so that memory is bounded by the input. */
static size_t get_count(struct reader *r, size_t max, size_t size)
{
	uint64_t nr = reader_varint(r);

	if (nr > max || nr > reader_left(r) / size) {
		reader_fail(r);
		nr = 0;
	}
	return (size_t)nr;
}

static void get_words(struct reader *r, char ***list_out, size_t *nr_out, size_t nr_max, size_t max)
{
	size_t nr = get_count(r, nr_max, 2);

	if (nr == 0)
		return;
	*list_out = xcalloc(nr, sizeof(**list_out));
	while (reader_ok(r) && *nr_out < nr)
		(*list_out)[(*nr_out)++] = get_word(r, max);
}

static void get_ids(struct reader *r, struct commit *c)
{
	reader_copy(r, c->tree.b, OID_SIZE);
	c->nr_parents = get_count(r, COMMIT_PARENTS_MAX, OID_SIZE);
	if (c->nr_parents > 0)
		c->parents = xcalloc(c->nr_parents, sizeof(*c->parents));
	for (size_t i = 0; i < c->nr_parents; i++)
		reader_copy(r, c->parents[i].b, OID_SIZE);
}

static void get_notes(struct reader *r, struct commit *c)
{
	c->nr_notes = get_count(r, COMMIT_NOTES_MAX, OID_SIZE + 2);
	if (c->nr_notes > 0)
		c->notes = xcalloc(c->nr_notes, sizeof(*c->notes));
	for (size_t i = 0; i < c->nr_notes; i++) {
		c->notes[i].kind = reader_varint(r);
		c->notes[i].rows = reader_varint(r);
		reader_copy(r, c->notes[i].id.b, OID_SIZE);
	}
}

int commit_decode(struct commit *out, const void *p, size_t n, struct err *err)
{
	struct commit c = COMMIT_INIT;
	struct reader r;
	uint8_t flags;

	reader_init(&r, p, n);
	int ret = object_head(&r, "commit", COMMIT_INCOMPLETE, &flags, err);
	if (ret < 0)
		goto done;
	c.incomplete = flags & COMMIT_INCOMPLETE;
	get_ids(&r, &c);
	c.time_s = (int64_t)reader_u64le(&r);
	c.time_ns = reader_u32le(&r);
	c.time_offset = (int32_t)reader_u32le(&r);
	c.device = get_word(&r, COMMIT_WORD_MAX);
	c.host = get_word(&r, COMMIT_WORD_MAX);
	c.user = get_word(&r, COMMIT_WORD_MAX);
	c.message = get_word(&r, COMMIT_MESSAGE_MAX);
	get_words(&r, &c.tags, &c.nr_tags, COMMIT_TAGS_MAX, COMMIT_WORD_MAX);
	get_words(&r, &c.sources, &c.nr_sources, COMMIT_SOURCES_MAX, PATH_LEN_MAX);
	c.files = reader_varint(&r);
	c.dirs = reader_varint(&r);
	c.others = reader_varint(&r);
	c.bytes = reader_varint(&r);
	get_notes(&r, &c);
	if (reader_ok(&r) && reader_left(&r) <= COMMIT_EXTRA_MAX)
		buf_put(&c.extra, r.p, reader_left(&r));
	else
		reader_fail(&r);
	reader_bytes(&r, reader_left(&r));
	ret = reader_end(&r, "commit", err);
	if (ret < 0)
		goto done;
	ret = commit_check(&c, err);
	if (ret < 0) {
		if (ret == ERR_FAILED)
			ret = err->code = ERR_CORRUPT;
		goto done;
	}
	struct commit t = *out;
	*out = c;
	c = t;
done:
	commit_release(&c);
	return ret;
}
