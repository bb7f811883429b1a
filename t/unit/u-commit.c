/* Commits: round trip of every field, limits, order, what is kept and what refused. */
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/object.h"
#include "t/unit/unit.h"

static char **words(size_t nr, const char *const *list)
{
	char **out = xcalloc(nr ? nr : 1, sizeof(*out));

	for (size_t i = 0; i < nr; i++)
		out[i] = xstrdup(list[i]);
	return out;
}

static void fill(struct commit *c)
{
	static const char *const tags[] = { "a", "b" };
	static const char *const sources[] = { "/etc", "/home/me" };

	memset(c->tree.b, 1, OID_SIZE);
	c->nr_parents = 2;
	c->parents = xcalloc(2, sizeof(*c->parents));
	memset(c->parents[1].b, 2, OID_SIZE);
	c->device = xstrdup("laptop");
	c->host = xstrdup("laptop.example");
	c->user = xstrdup("me");
	c->message = xstrdup("before the move\n\nAll of it.\n");
	c->time_s = -5;
	c->time_ns = 999999999;
	c->time_offset = -7200;
	c->tags = words(2, tags);
	c->nr_tags = 2;
	c->sources = words(2, sources);
	c->nr_sources = 2;
	c->files = 1000;
	c->dirs = 1;
	c->others = 2;
	c->bytes = UINT64_MAX;
	c->nr_notes = 3;
	c->notes = xcalloc(3, sizeof(*c->notes));
	for (size_t i = 0; i < 3; i++)
		c->notes[i] = (struct commit_note){ .kind = i / 2 + 1, .rows = 5 };
	c->incomplete = true;
	buf_put(&c->extra, "\1\2ab\x7f\0", 6);
}

static int decode(const struct buf *b)
{
	struct commit c = COMMIT_INIT;
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	int ret = commit_decode(&c, b->data, b->len, &err);

	if (ret == 0) {
		commit_encode(&c, &again);
		CHECK(buf_cmp(b, &again) == 0);
	} else {
		CHECK(ret == err.code && err.msg[0] && c.device == NULL);
	}
	commit_release(&c);
	buf_release(&again);
	return ret;
}

static int decode_commit(const struct commit *c)
{
	struct buf b = BUF_INIT;

	commit_encode(c, &b);
	int ret = decode(&b);
	buf_release(&b);
	return ret;
}

static void test_every_field_round_trips(void)
{
	struct commit c = COMMIT_INIT, d = COMMIT_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	fill(&c);
	CHECK(commit_check(&c, &err) == 0);
	commit_encode(&c, &b);
	CHECK(decode(&b) == 0);
	REQUIRE(commit_decode(&d, b.data, b.len, &err) == 0);
	CHECK(oid_eq(&c.tree, &d.tree) && d.nr_parents == 2);
	CHECK(oid_eq(&c.parents[1], &d.parents[1]));
	CHECK(!strcmp(d.device, "laptop") && !strcmp(d.host, "laptop.example"));
	CHECK(!strcmp(d.user, "me") && !strcmp(d.message, c.message));
	CHECK(d.time_s == -5 && d.time_ns == 999999999 && d.time_offset == -7200);
	CHECK(d.nr_tags == 2 && !strcmp(d.tags[1], "b"));
	CHECK(d.nr_sources == 2 && !strcmp(d.sources[1], "/home/me"));
	CHECK(d.files == 1000 && d.dirs == 1 && d.others == 2 && d.bytes == UINT64_MAX);
	CHECK(d.nr_notes == 3 && d.notes[2].kind == 2 && d.notes[2].rows == 5);
	CHECK(d.incomplete && buf_cmp(&c.extra, &d.extra) == 0);
	commit_release(&c);
	commit_release(&d);
	buf_release(&b);
}

static void test_a_bare_commit_round_trips(void)
{
	struct commit c = COMMIT_INIT;

	CHECK(decode_commit(&c) == 0);
}

static void test_every_truncation_is_refused(void)
{
	struct commit c = COMMIT_INIT;
	struct buf b = BUF_INIT, cut = BUF_INIT;

	fill(&c);
	buf_reset(&c.extra);
	commit_encode(&c, &b);
	for (size_t n = 0; n < b.len; n++) {
		buf_reset(&cut);
		buf_put(&cut, b.data, n);
		CHECK(decode(&cut) == ERR_CORRUPT);
	}
	commit_release(&c);
	buf_release(&b);
	buf_release(&cut);
}

static void test_no_flipped_bit_decodes_to_other_bytes(void)
{
	struct commit c = COMMIT_INIT;
	struct buf b = BUF_INIT;

	fill(&c);
	commit_encode(&c, &b);
	for (size_t i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (unsigned char)(1u << i % 8);
		decode(&b);
		b.data[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	commit_release(&c);
	buf_release(&b);
}

static void test_words_out_of_order_are_refused(void)
{
	static const char *const bad[][2] = { { "b", "a" }, { "a", "a" }, { "", "a" } };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < 3; i++) {
		struct commit c = COMMIT_INIT;
		c.tags = words(2, bad[i]);
		c.nr_tags = 2;
		CHECK(commit_check(&c, &err) == ERR_FAILED);
		CHECK(decode_commit(&c) == ERR_CORRUPT);
		c.sources = c.tags;
		c.nr_sources = 2;
		c.tags = NULL;
		c.nr_tags = 0;
		CHECK(decode_commit(&c) == ERR_CORRUPT);
		commit_release(&c);
	}
}

static void test_limits_are_kept(void)
{
	struct commit c = COMMIT_INIT;
	struct err err = ERR_INIT;

	c.nr_parents = COMMIT_PARENTS_MAX + 1;
	c.parents = xcalloc(c.nr_parents, sizeof(*c.parents));
	CHECK(commit_check(&c, &err) == ERR_FAILED);
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	c.nr_parents--;
	CHECK(decode_commit(&c) == 0);
	c.time_ns = 1000000000;
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	c.time_ns = 0;
	c.message = xmalloc(COMMIT_MESSAGE_MAX + 2);
	memset(c.message, 'm', COMMIT_MESSAGE_MAX + 1);
	c.message[COMMIT_MESSAGE_MAX + 1] = '\0';
	CHECK(commit_check(&c, &err) == ERR_FAILED);
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	c.message[COMMIT_MESSAGE_MAX] = '\0';
	CHECK(decode_commit(&c) == 0);
	c.message[COMMIT_WORD_MAX + 1] = '\0';
	c.host = c.message;
	c.message = NULL;
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	c.host[COMMIT_WORD_MAX] = '\0';
	CHECK(decode_commit(&c) == 0);
	commit_release(&c);
}

static void test_a_nul_in_a_word_is_refused(void)
{
	struct commit c = COMMIT_INIT;
	struct buf b = BUF_INIT;

	c.message = xstrdup("find me");
	commit_encode(&c, &b);
	unsigned char *at = memmem(b.data, b.len, "me", 2);
	REQUIRE(at);
	*at = '\0';
	CHECK(decode(&b) == ERR_CORRUPT);
	commit_release(&c);
	buf_release(&b);
}

static void test_notes_do_not_fall(void)
{
	struct commit c = COMMIT_INIT;

	c.nr_notes = 2;
	c.notes = xcalloc(2, sizeof(*c.notes));
	c.notes[0] = (struct commit_note){ .kind = 2, .rows = 1 };
	c.notes[1] = (struct commit_note){ .kind = 1, .rows = 1 };
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	c.notes[1].kind = 2;
	CHECK(decode_commit(&c) == 0);
	c.notes[1].kind = 4711;		/* of a later ub */
	CHECK(decode_commit(&c) == 0);
	c.notes[1].rows = 0;
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	commit_release(&c);
}

static void test_unknown_fields_are_kept_unless_critical(void)
{
	struct commit c = COMMIT_INIT;

	buf_put(&c.extra, "\5\1x\x7f\0", 5);
	CHECK(decode_commit(&c) == 0);
	buf_put(&c.extra, "\x80\1\1x", 4);
	CHECK(decode_commit(&c) == ERR_FORMAT);
	buf_reset(&c.extra);
	buf_put(&c.extra, "\5\0\4\0", 4);
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	buf_reset(&c.extra);
	buf_put(&c.extra, "\5\3x", 3);
	CHECK(decode_commit(&c) == ERR_CORRUPT);
	commit_release(&c);
}

static void test_unknown_version_and_flags_are_a_format_error(void)
{
	struct commit c = COMMIT_INIT;
	struct buf b = BUF_INIT;

	commit_encode(&c, &b);
	for (unsigned int i = 1; i < 256; i++) {
		b.data[0] = (unsigned char)i;
		CHECK(decode(&b) == ERR_FORMAT);
		b.data[0] = 0;
		b.data[1] = (unsigned char)i;
		CHECK(decode(&b) == (i == 2 ? 0 : ERR_FORMAT));
		b.data[1] = 0;
	}
	buf_release(&b);
}

UNIT_MAIN(test_every_field_round_trips, test_a_bare_commit_round_trips,
	  test_every_truncation_is_refused, test_no_flipped_bit_decodes_to_other_bytes,
	  test_words_out_of_order_are_refused, test_limits_are_kept,
	  test_a_nul_in_a_word_is_refused, test_notes_do_not_fall,
	  test_unknown_fields_are_kept_unless_critical,
	  test_unknown_version_and_flags_are_a_format_error)
