/* Lists, directories and side lists in pieces: order, nesting, and what one insert rewrites. */
#include <stdlib.h>

#include "objects/builder.h"
#include "t/unit/fake-objects.h"
#include "t/unit/unit.h"

/* -- lists -- */

static struct list_entry blob_entry(uint64_t i, uint64_t size)
{
	struct list_entry e = { .kind = LIST_BLOB, .size = size };

	hash_keyed_tagged(e.id.b, fake_key, OBJ_BLOB, &i, sizeof(i));
	return e;
}

static enum content_kind build_list(struct fake_objects *f, uint64_t nr, uint64_t insert_at,
				    struct oid *id, uint64_t *size)
{
	struct object_sink sink = fake_sink(f);
	struct list_builder *b = list_builder_new(&sink);
	struct err err = ERR_INIT;
	enum content_kind kind;

	for (uint64_t i = 0; i < nr; i++) {
		struct list_entry e = blob_entry(i, 1000 + i);
		if (i == insert_at) {
			struct list_entry x = blob_entry(1u << 30, 5);
			CHECK(list_builder_add(b, &x, &err) == 0);
		}
		CHECK(list_builder_add(b, &e, &err) == 0);
	}
	CHECK(list_builder_end(b, &kind, id, size, &err) == 0);
	list_builder_free(b);
	return kind;
}

/* All blobs below `id`, in order, must be 0, 1, 2 ... */
static uint64_t walk_list(struct fake_objects *f, const struct oid *id, uint64_t next,
			  uint64_t size)
{
	struct buf raw = BUF_INIT;
	struct list l = LIST_INIT;
	struct err err = ERR_INIT;

	CHECK(fake_get(f, id, OBJ_LIST, &raw, &err) == 0);
	CHECK(list_decode(&l, raw.data, raw.len, &err) == 0);
	CHECK(l.size == size);
	for (size_t i = 0; i < l.nr; i++) {
		struct list_entry want = blob_entry(next, 1000 + next);
		if (l.entries[i].kind == LIST_LIST) {
			next = walk_list(f, &l.entries[i].id, next, l.entries[i].size);
			continue;
		}
		CHECK(oid_eq(&l.entries[i].id, &want.id) && l.entries[i].size == want.size);
		next++;
	}
	list_release(&l);
	buf_release(&raw);
	return next;
}

static void test_content_of_no_blob_one_blob_and_more(void)
{
	struct fake_objects f = { 0 };
	struct list_entry e = blob_entry(0, 1000);
	uint64_t size;
	struct oid id;

	CHECK(build_list(&f, 0, UINT64_MAX, &id, &size) == CONTENT_NONE && size == 0);
	CHECK(build_list(&f, 1, UINT64_MAX, &id, &size) == CONTENT_BLOB && size == 1000);
	CHECK(oid_eq(&id, &e.id) && f.puts == 0);
	CHECK(build_list(&f, 2, UINT64_MAX, &id, &size) == CONTENT_LIST && size == 2001);
	CHECK(f.puts == 1);
	fake_release(&f);
}

static void test_long_lists_nest_and_keep_their_order(void)
{
	static const uint64_t counts[] = { 63, 64, 65, 1023, 1024, 1025, 5000, 100000, 300000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct fake_objects f = { 0 };
		uint64_t nr = counts[i], size;
		struct oid id;

		CHECK(build_list(&f, nr, UINT64_MAX, &id, &size) == CONTENT_LIST);
		CHECK(size == 1000 * nr + nr * (nr - 1) / 2);
		CHECK(walk_list(&f, &id, 0, size) == nr);
		CHECK(f.puts == f.nr);
		fake_release(&f);
	}
}

static void test_one_insert_rewrites_one_piece_of_each_level(void)
{
	struct fake_objects f = { 0 };
	uint64_t size;
	struct oid id;

	build_list(&f, 100000, UINT64_MAX, &id, &size);
	CHECK(f.nr > 200);
	for (uint64_t at = 1; at < 100000; at += 9999) {
		size_t before = f.nr;
		build_list(&f, 100000, at, &id, &size);
		CHECK(f.nr - before <= 6);
	}
	fake_release(&f);
}

static void test_zero_runs_are_merged(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct list_builder *b = list_builder_new(&sink);
	struct list_entry zero = { .kind = LIST_ZERO, .size = ZERO_MIN / 2 };
	struct list_entry blob = blob_entry(1, 10);
	struct err err = ERR_INIT;
	struct buf raw = BUF_INIT;
	struct list l = LIST_INIT;
	enum content_kind kind;
	uint64_t size;
	struct oid id;

	for (int i = 0; i < 4; i++)
		CHECK(list_builder_add(b, &zero, &err) == 0);
	CHECK(list_builder_add(b, &blob, &err) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(list_builder_add(b, &zero, &err) == 0);
	CHECK(list_builder_end(b, &kind, &id, &size, &err) == 0);
	CHECK(kind == CONTENT_LIST && size == 3 * ZERO_MIN + 10);
	CHECK(fake_get(&f, &id, OBJ_LIST, &raw, &err) == 0);
	CHECK(list_decode(&l, raw.data, raw.len, &err) == 0);
	CHECK(l.nr == 3 && l.entries[0].size == 2 * ZERO_MIN && l.entries[2].size == ZERO_MIN);
	list_release(&l);
	list_builder_free(b);

	b = list_builder_new(&sink);
	CHECK(list_builder_add(b, &zero, &err) == 0);
	CHECK(list_builder_end(b, &kind, &id, &size, &err) == ERR_FAILED);
	list_builder_free(b);

	b = list_builder_new(&sink);
	zero.size = INT64_MAX;
	CHECK(list_builder_add(b, &zero, &err) == 0);
	CHECK(list_builder_add(b, &blob, &err) == ERR_FAILED);
	list_builder_free(b);
	buf_release(&raw);
	fake_release(&f);
}

static void test_a_zero_run_alone_is_a_list(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct list_builder *b = list_builder_new(&sink);
	struct list_entry zero = { .kind = LIST_ZERO, .size = 1ull << 40 };
	struct err err = ERR_INIT;
	enum content_kind kind;
	uint64_t size;
	struct oid id;

	CHECK(list_builder_add(b, &zero, &err) == 0);
	CHECK(list_builder_end(b, &kind, &id, &size, &err) == 0);
	CHECK(kind == CONTENT_LIST && size == 1ull << 40 && f.nr == 1);
	list_builder_free(b);
	fake_release(&f);
}

/* -- directories -- */

static void entry_of(struct tree_entry *e, char name[32], unsigned char data[8], uint64_t i)
{
	memset(e, 0, sizeof(*e));
	e->name_len = (size_t)snprintf(name, 32, "file-%08llu", (unsigned long long)i);
	e->name = (unsigned char *)name;
	e->type = ENTRY_FILE;
	e->mode = 0644;
	e->content = CONTENT_INLINE;
	put_u64le(data, i);
	e->data = data;
	e->size = 8;
}

static void build_tree(struct fake_objects *f, uint64_t nr, uint64_t change_at, uint64_t without,
		       struct oid *id)
{
	struct object_sink sink = fake_sink(f);
	struct tree_builder *b = tree_builder_new(&sink);
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e;
	char name[32];

	for (uint64_t i = 0; i < nr; i++) {
		entry_of(&e, name, data, i);
		if (i == change_at)
			e.mode = 0600;
		if (i != without)
			CHECK(tree_builder_add(b, &e, &err) == 0);
	}
	CHECK(tree_builder_end(b, id, &err) == 0);
	tree_builder_free(b);
}

static void check_directory(struct fake_objects *f, const struct oid *id, uint64_t nr)
{
	struct object_source src = fake_source(f);
	struct dir_reader *d = NULL;
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e, want;
	uint64_t i = 0;
	char name[32];
	int ret;

	REQUIRE(dir_open(&d, &src, id, &err) == 0);
	CHECK(dir_count(d) == nr);
	while ((ret = dir_next(d, &e, &err)) > 0) {
		entry_of(&want, name, data, i++);
		CHECK(name_cmp(e.name, e.name_len, want.name, want.name_len) == 0);
		CHECK(e.size == 8 && memcmp(e.data, data, 8) == 0);
	}
	CHECK(ret == 0 && i == nr);
	dir_close(d);
}

static void test_directories_of_any_size_round_trip(void)
{
	static const uint64_t counts[] = { 0, 1, 63, 64, 65, 1024, 1025, 1026, 20000, 300000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct fake_objects f = { 0 };
		struct oid id;

		build_tree(&f, counts[i], UINT64_MAX, UINT64_MAX, &id);
		check_directory(&f, &id, counts[i]);
		CHECK(f.puts == f.nr);
		fake_release(&f);
	}
}

static void test_names_are_found_in_any_piece(void)
{
	struct fake_objects f = { 0 };
	struct object_source src = fake_source(&f);
	struct buf hold = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e, want;
	char name[32];
	struct oid id;

	build_tree(&f, 20000, UINT64_MAX, 4711, &id);
	for (uint64_t i = 0; i < 20010; i += 7) {
		entry_of(&want, name, data, i);
		int ret = dir_find(&src, &id, name, want.name_len, &e, &hold, &err);
		CHECK(ret == (i < 20000 && i != 4711));
		CHECK(ret == 0 || memcmp(e.data, data, 8) == 0);
	}
	CHECK(dir_find(&src, &id, "a", 1, &e, &hold, &err) == 0);
	CHECK(dir_find(&src, &id, "file-00000000x", 14, &e, &hold, &err) == 0);
	buf_release(&hold);
	fake_release(&f);
}

static void test_one_change_rewrites_one_piece_of_each_level(void)
{
	struct fake_objects f = { 0 };
	struct oid id;

	build_tree(&f, 100000, UINT64_MAX, UINT64_MAX, &id);
	for (uint64_t at = 5; at < 100000; at += 9998) {
		size_t before = f.nr;
		build_tree(&f, 100000, at, UINT64_MAX, &id);
		CHECK(f.nr - before <= 3);
		before = f.nr;
		build_tree(&f, 100000, UINT64_MAX, at, &id);
		CHECK(f.nr - before <= 8);
	}
	fake_release(&f);
}

static void test_names_that_do_not_rise_are_refused_by_name(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct tree_builder *b = tree_builder_new(&sink);
	struct err err = ERR_INIT;
	struct tree_entry e = { .type = ENTRY_FIFO };

	e.name = (const unsigned char *)"b";
	e.name_len = 1;
	CHECK(tree_builder_add(b, &e, &err) == 0);
	CHECK(tree_builder_add(b, &e, &err) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "'b' after 'b'"));
	e.name = (const unsigned char *)"a";
	CHECK(tree_builder_add(b, &e, &err) == ERR_CORRUPT);
	CHECK(strstr(err.msg, "'a' after 'b'"));
	tree_builder_free(b);
	fake_release(&f);
}

static void test_order_is_watched_across_pieces(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct tree_builder *b = tree_builder_new(&sink);
	struct err err = ERR_INIT;
	unsigned char data[8];
	struct tree_entry e;
	char name[32];

	for (uint64_t i = 0; i < 1024; i++) {
		entry_of(&e, name, data, i);
		CHECK(tree_builder_add(b, &e, &err) == 0);
		CHECK(tree_builder_add(b, &e, &err) == ERR_CORRUPT);
	}
	tree_builder_free(b);
	fake_release(&f);
}

static void test_long_names_and_attributes_keep_pieces_small(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct object_source src = fake_source(&f);
	struct tree_builder *b = tree_builder_new(&sink);
	struct err err = ERR_INIT;
	unsigned char name[NAME_LEN_MAX], value[4000];
	struct tree_entry e = { .type = ENTRY_FIFO, .name = name, .name_len = sizeof(name) };
	struct buf attrs = BUF_INIT, xattrs = BUF_INIT;
	struct dir_reader *d = NULL;
	struct oid id;

	memset(name, 'n', sizeof(name));
	memset(value, 'v', sizeof(value));
	xattr_put(&xattrs, "user.x", 6, value, sizeof(value));
	attr_put(&attrs, ATTR_XATTRS, xattrs.data, xattrs.len);
	attr_put(&attrs, 100, value, sizeof(value));
	e.attrs = attrs.data;
	e.attrs_len = attrs.len;
	for (unsigned int i = 0; i < 3000; i++) {
		name[0] = (unsigned char)('a' + i / 676);
		name[1] = (unsigned char)('a' + i / 26 % 26);
		name[NAME_LEN_MAX - 1] = (unsigned char)('a' + i % 26);
		CHECK(tree_builder_add(b, &e, &err) == 0);
	}
	CHECK(tree_builder_end(b, &id, &err) == 0);
	for (size_t i = 0; i < f.nr; i++)
		CHECK(f.list[i].raw.len < PIECE_BYTES_MAX + 17000);
	REQUIRE(dir_open(&d, &src, &id, &err) == 0);
	CHECK(dir_count(d) == 3000);
	while (dir_next(d, &e, &err) > 0)
		CHECK(e.attrs_len == attrs.len);
	CHECK(err.code == 0);
	dir_close(d);
	tree_builder_free(b);
	buf_release(&attrs);
	buf_release(&xattrs);
	fake_release(&f);
}

/* Swap two pieces of a directory, each valid by itself. */
static void test_a_piece_that_is_not_the_named_one_is_found(void)
{
	struct fake_objects f = { 0 };
	struct object_source src = fake_source(&f);
	struct dir_reader *d = NULL;
	struct err err = ERR_INIT;
	struct tree_entry e;
	struct oid id;
	int ret = 0;

	build_tree(&f, 3000, UINT64_MAX, UINT64_MAX, &id);
	REQUIRE(f.nr > 3);
	buf_swap(&f.list[0].raw, &f.list[1].raw);
	REQUIRE(dir_open(&d, &src, &id, &err) == 0);
	while ((ret = dir_next(d, &e, &err)) > 0)
		;
	CHECK(ret == ERR_CORRUPT);
	dir_close(d);
	fake_release(&f);
}

/* The path, but of the many files only the last. */
static int show_path(const char *path, size_t n, const struct tree_entry *e, void *data,
		     struct err *err)
{
	struct buf *seen = data;

	(void)err;
	CHECK(n == strlen(path));
	if (e->type == ENTRY_DIR || strncmp(path, "d/file", 6) != 0 ||
	    !strcmp(path + n - 4, "1999"))
		buf_printf(seen, "%s ", path);
	return !strcmp(path, "skip") ? DIR_WALK_SKIP : 0;
}

static void test_a_walk_shows_directories_before_what_is_in_them(void)
{
	static const struct { const char *name; int sub; } top[] = {
		{ "d", 0 }, { "e", 1 }, { "skip", 0 }, { "z", 2 },
	};
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct object_source src = fake_source(&f);
	struct tree_builder *b = tree_builder_new(&sink);
	struct err err = ERR_INIT;
	struct buf seen = BUF_INIT;
	struct oid sub[3], id;

	build_tree(&f, 2000, UINT64_MAX, UINT64_MAX, &sub[0]);
	build_tree(&f, 1, UINT64_MAX, UINT64_MAX, &sub[1]);
	build_tree(&f, 0, UINT64_MAX, UINT64_MAX, &sub[2]);
	for (size_t i = 0; i < 4; i++) {
		struct tree_entry e = { .type = ENTRY_DIR, .content = CONTENT_TREE };
		e.name = (const unsigned char *)top[i].name;
		e.name_len = strlen(top[i].name);
		e.id = sub[top[i].sub];
		CHECK(tree_builder_add(b, &e, &err) == 0);
	}
	CHECK(tree_builder_end(b, &id, &err) == 0);
	CHECK(dir_walk(&src, &id, show_path, &seen, &err) == 0);
	CHECK(!strcmp(buf_str(&seen), "d d/file-00001999 e e/file-00000000 skip z "));
	if (strcmp(buf_str(&seen), "d d/file-00001999 e e/file-00000000 skip z ") != 0)
		printf("# %s\n", buf_str(&seen));
	tree_builder_free(b);
	buf_release(&seen);
	fake_release(&f);
}

/* -- side lists -- */

static void build_births(struct fake_objects *f, uint64_t nr, uint64_t without, size_t *notes_out)
{
	struct object_sink sink = fake_sink(f);
	struct note_builder *b = note_builder_new(&sink, NOTE_BIRTHS);
	const struct commit_note *notes;
	struct err err = ERR_INIT;
	uint64_t rows = 0;
	char path[64];

	for (uint64_t i = 0; i < nr; i++) {
		struct note_row row = { .path = (unsigned char *)path, .birth_s = (int64_t)i };
		row.path_len = (size_t)snprintf(path, sizeof(path), "home/x/%08llu",
						(unsigned long long)i);
		if (i != without)
			CHECK(note_builder_add(b, &row, &err) == 0);
	}
	CHECK(note_builder_end(b, &notes, notes_out, &err) == 0);
	for (size_t i = 0; i < *notes_out; i++) {
		CHECK(notes[i].kind == NOTE_BIRTHS);
		rows += notes[i].rows;
	}
	CHECK(rows == nr - (without < nr));
	note_builder_free(b);
}

static void test_a_new_row_rewrites_one_note(void)
{
	struct fake_objects f = { 0 };
	size_t notes;

	build_births(&f, 0, UINT64_MAX, &notes);
	CHECK(notes == 0 && f.nr == 0);
	build_births(&f, 100000, UINT64_MAX, &notes);
	CHECK(notes > 5 && notes < 200);
	for (uint64_t at = 0; at < 100000; at += 9997) {
		size_t before = f.nr;
		build_births(&f, 100000, at, &notes);
		CHECK(f.nr - before <= 4);
	}
	fake_release(&f);
}

static void test_rows_out_of_order_are_refused(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct note_builder *b = note_builder_new(&sink, NOTE_SKIPPED);
	struct err err = ERR_INIT;
	struct note_row row = { .text = (const unsigned char *)"*.o", .text_len = 3 };
	static const char *const rise[] = { "a", "a/b", "a/b/c", "a-b", "b" };

	for (size_t i = 0; i < 5; i++) {
		row.path = (const unsigned char *)rise[i];
		row.path_len = strlen(rise[i]);
		CHECK(note_builder_add(b, &row, &err) == 0);
		CHECK(note_builder_add(b, &row, &err) == ERR_CORRUPT);
	}
	row.path = (const unsigned char *)"a/c";
	row.path_len = 3;
	CHECK(note_builder_add(b, &row, &err) == ERR_CORRUPT);
	note_builder_free(b);
	fake_release(&f);
}

static void test_a_huge_group_of_hard_links_is_split(void)
{
	struct fake_objects f = { 0 };
	struct object_sink sink = fake_sink(&f);
	struct note_builder *b = note_builder_new(&sink, NOTE_HARDLINKS);
	const struct commit_note *notes;
	struct err err = ERR_INIT;
	struct buf others = BUF_INIT, raw = BUF_INIT;
	struct note_row row = { .path = (const unsigned char *)"a", .path_len = 1 };
	uint64_t seen = 0, rows = 0;
	size_t nr;

	for (unsigned int i = 0; i < 65000; i++) {
		char path[128];
		int n = snprintf(path, sizeof(path), "b/%0100u", i);
		buf_put_lenbytes(&others, path, (size_t)n);
	}
	row.others = others.data;
	row.others_len = others.len;
	row.nr_others = 65000;
	CHECK(note_builder_add(b, &row, &err) == 0);
	CHECK(note_builder_end(b, &notes, &nr, &err) == 0);
	CHECK(nr > 1);
	for (size_t i = 0; i < nr; i++) {
		struct note_iter it;
		struct note note;

		CHECK(fake_get(&f, &notes[i].id, OBJ_NOTE, &raw, &err) == 0);
		CHECK(note_decode(&note, raw.data, raw.len, &err) == 0);
		note_iter_init(&it, &note);
		while (note_iter_next(&it, &row, &err) > 0) {
			CHECK(row.path_len == 1);
			seen += row.nr_others;
			rows++;
		}
	}
	CHECK(seen == 65000 && rows > 20);
	note_builder_free(b);
	buf_release(&others);
	buf_release(&raw);
	fake_release(&f);
}

UNIT_MAIN(test_content_of_no_blob_one_blob_and_more, test_long_lists_nest_and_keep_their_order,
	  test_one_insert_rewrites_one_piece_of_each_level, test_zero_runs_are_merged,
	  test_a_zero_run_alone_is_a_list, test_directories_of_any_size_round_trip,
	  test_names_are_found_in_any_piece, test_one_change_rewrites_one_piece_of_each_level,
	  test_names_that_do_not_rise_are_refused_by_name, test_order_is_watched_across_pieces,
	  test_long_names_and_attributes_keep_pieces_small,
	  test_a_piece_that_is_not_the_named_one_is_found,
	  test_a_walk_shows_directories_before_what_is_in_them, test_a_new_row_rewrites_one_note,
	  test_rows_out_of_order_are_refused, test_a_huge_group_of_hard_links_is_split)
