/*
 * A snapshot for people and for scripts.  What differs to the one before is builtin/changes.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/number.h"
#include "lib/quote.h"
#include "lib/sys.h"
#include "refs/refs.h"
#include "refs/rev.h"

#include "builtin/snapshot.h"

/* -- names -- */

static const char tag_prefix[] = "tags/";

static int add_name(const struct ref *ref, void *data, struct err *err)
{
	struct ref_names *names = data;
	size_t n = strlen(tag_prefix);

	(void)err;
	if (names->nr == names->alloc) {
		names->alloc = names->alloc ? 2 * names->alloc : 16;
		names->v = xrealloc(names->v, names->alloc * sizeof(*names->v));
	}
	struct ref_name *r = &names->v[names->nr++];
	*r = (struct ref_name){ .id = ref->commit };
	r->is_tag = strncmp(ref->name, tag_prefix, n) == 0;
	if (r->is_tag && ref->is_own)
		r->name = xstrdup(ref->name + n);
	else
		r->name = xasprintf("%s/%s", ref->device, ref->name + (r->is_tag ? n : 0));
	return 0;
}

/* By snapshot; HEAD first, refs before tags. */
static int cmp_names(const void *a, const void *b)
{
	const struct ref_name *x = a, *y = b;
	int c = oid_cmp(&x->id, &y->id);

	if (c != 0)
		return c;
	if (x->is_head != y->is_head)
		return x->is_head ? -1 : 1;
	if (x->is_tag != y->is_tag)
		return x->is_tag ? 1 : -1;
	return strcmp(x->name, y->name);
}

int ref_names_load(struct ub *ub, struct ref_names *out, struct err *err)
{
	struct ref head;
	int ret = refs_each(ub->refs, add_name, out, err);

	if (ret < 0)
		return ret;
	if (refs_head(ub->refs, &head, err) == 0) {
		char *name = xasprintf("%s/%s", head.device, head.name);
		for (size_t i = 0; i < out->nr; i++)
			out->v[i].is_head = !out->v[i].is_tag && !strcmp(out->v[i].name, name);
		sys_free(name);
	}
	err_clear(err);		/* no HEAD: nothing is marked as such */
	if (out->nr > 0)
		qsort(out->v, out->nr, sizeof(*out->v), cmp_names);
	return 0;
}

void ref_names_release(struct ref_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		sys_free(names->v[i].name);
	sys_free(names->v);
	*names = (struct ref_names)REF_NAMES_INIT;
}

/* The first name of `id`; those that follow it have the same id. */
static size_t first_name(const struct ref_names *names, const struct oid *id)
{
	size_t low = 0, high = names->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (oid_cmp(&names->v[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

#define EACH_NAME(i, names, id) \
	for (size_t i = first_name(names, id); \
	     i < (names)->nr && oid_eq(&(names)->v[i].id, id); i++)

/* " (HEAD -> laptop/main, tag: v1)", or nothing. */
static void put_names(const struct ref_names *names, const struct oid *id, struct buf *out)
{
	const char *before = " (";

	EACH_NAME(i, names, id) {
		const struct ref_name *r = &names->v[i];
		buf_printf(out, "%s%s%s", before, r->is_head ? "HEAD -> " : r->is_tag ? "tag: " :
			   "", r->name);
		before = ", ";
	}
	if (*before == ',')
		buf_put_u8(out, ')');
}

/* -- text -- */

static void put_message(struct buf *out, const char *message)
{
	while (*message) {
		size_t n = strcspn(message, "\n");
		if (n > 0) {
			buf_put_str(out, "    ");
			quote_put_text(out, message, n);
		}
		buf_put_u8(out, '\n');
		message += n;
		message += *message == '\n';
	}
}

static void put_field(struct buf *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_printf(out, "%-8s", name);
	quote_put_text(out, value, strlen(value));
	buf_put_u8(out, '\n');
}

static void put_date(struct buf *out, const struct commit *c)
{
	time_t at = (time_t)c->time_s;
	char text[80];
	struct tm tm;

	if (localtime_r(&at, &tm) && strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y %z", &tm))
		buf_printf(out, "Date:   %s\n", text);
	else
		buf_printf(out, "Date:   @%" PRId64 "\n", c->time_s);
}

static void put_count(struct buf *out, uint64_t nr, const char *one, const char *many)
{
	buf_printf(out, "%" PRIu64 " %s", nr, nr == 1 ? one : many);
}

static void put_counts(const struct ub *ub, struct buf *out, const struct commit *c)
{
	buf_put_str(out, "Counts: ");
	put_count(out, c->files, "file", "files");
	buf_put_str(out, ", ");
	put_count(out, c->dirs, "folder", "folders");
	if (c->others > 0) {
		buf_put_str(out, ", ");
		put_count(out, c->others, "other", "others");
	}
	buf_put_str(out, ", ");
	if (ub->out.is_direct)
		buf_put_str(out, number_human(c->bytes).s);
	else
		put_count(out, c->bytes, "byte", "bytes");
	buf_put_u8(out, '\n');
}

static void put_words(struct buf *out, const char *field, char *const *words, size_t nr)
{
	if (nr == 0)
		return;
	buf_printf(out, "%-8s", field);
	for (size_t i = 0; i < nr; i++) {
		if (i > 0)
			buf_put_str(out, ", ");
		quote_put(out, words[i], strlen(words[i]));
	}
	buf_put_u8(out, '\n');
}

static const struct { enum note_kind kind; const char *word, *one, *many; } lists[] = {
	{ NOTE_HARDLINKS, "hardlinks", "group of hard links", "groups of hard links" },
	{ NOTE_BIRTHS, "births", "time of birth", "times of birth" },
	{ NOTE_SKIPPED, "skipped", "skipped", "skipped" },
	{ NOTE_UNREADABLE, "unreadable", "unreadable", "unreadable" },
	{ NOTE_ABSENT, "absent", "absent source", "absent sources" },
	{ NOTE_WORKTREES, "worktrees", "git work tree", "git work trees" },
};
enum { NR_LISTS = sizeof(lists) / sizeof(lists[0]) };

uint64_t snapshot_count_rows(const struct commit *c, enum note_kind kind)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < c->nr_notes; i++)
		if (c->notes[i].kind == (uint64_t)kind)
			rows += c->notes[i].rows;
	return rows;
}

uint64_t snapshot_list_kind(const char *word)
{
	for (size_t i = 0; i < NR_LISTS; i++)
		if (strcmp(lists[i].word, word) == 0)
			return lists[i].kind;
	return 0;
}

static void put_lists(struct buf *out, const struct commit *c)
{
	const char *before = "Lists:  ";

	for (size_t i = 0; i < NR_LISTS; i++) {
		uint64_t rows = snapshot_count_rows(c, lists[i].kind);
		if (rows == 0)
			continue;
		buf_put_str(out, before);
		put_count(out, rows, lists[i].one, lists[i].many);
		before = ", ";
	}
	if (*before == ',')
		buf_put_u8(out, '\n');
}

void snapshot_put_text(struct ub *ub, const struct ref_names *names, const struct oid *id,
		       const struct commit *c, unsigned int flags, const char *path,
		       struct buf *out)
{
	buf_printf(out, "commit %s", oid_hex(id).s);
	put_names(names, id, out);
	buf_put_u8(out, '\n');
	if (c->nr_parents > 1) {
		buf_put_str(out, "Merge: ");
		for (size_t i = 0; i < c->nr_parents; i++)
			buf_printf(out, " %.7s", oid_hex(&c->parents[i]).s);
		buf_put_u8(out, '\n');
	}
	put_field(out, "Device:", c->device);
	put_field(out, "Host:", c->host);
	put_field(out, "Author:", c->user);
	put_date(out, c);
	put_words(out, "Tags:", c->tags, c->nr_tags);
	if (flags & SNAPSHOT_WHOLE)
		put_words(out, "Source:", c->sources, c->nr_sources);
	put_counts(ub, out, c);
	if (flags & SNAPSHOT_WHOLE)
		put_lists(out, c);
	if (path)
		put_field(out, "Path:", path);
	if (c->incomplete)
		put_field(out, "State:", "incomplete: something could not be read");
	if (c->message[0]) {
		buf_put_u8(out, '\n');
		put_message(out, c->message);
	}
}

int snapshot_put_line(struct ub *ub, const struct ref_names *names, const struct oid *id,
		      const struct commit *c, struct buf *out, struct err *err)
{
	struct oid_text text;
	int ret = rev_abbreviate(ub->store, id, &text, err);

	if (ret < 0)
		return ret;
	buf_put_str(out, text.s);
	put_names(names, id, out);
	if (c->incomplete)
		buf_put_str(out, " (incomplete)");
	buf_put_u8(out, ' ');
	quote_put_text(out, c->message, strcspn(c->message, "\n"));
	buf_put_u8(out, '\n');
	return 0;
}

/* -- JSON -- */

static int cmp_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What it was tagged with when it was made, and the tags that name it. */
static void put_json_tags(struct json *j, const struct ref_names *names, const struct oid *id,
			  const struct commit *c)
{
	const char **words = xcalloc(c->nr_tags + names->nr + 1, sizeof(*words));
	size_t nr = 0;

	for (size_t i = 0; i < c->nr_tags; i++)
		words[nr++] = c->tags[i];
	EACH_NAME(i, names, id)
		if (names->v[i].is_tag)
			words[nr++] = names->v[i].name;
	qsort(words, nr, sizeof(*words), cmp_words);
	json_array_begin(j, "tags");
	for (size_t i = 0; i < nr; i++)
		if (i == 0 || strcmp(words[i - 1], words[i]) != 0)
			json_str(j, NULL, words[i]);
	json_array_end(j);
	sys_free(words);
}

static void put_json_refs(struct json *j, const struct ref_names *names, const struct oid *id)
{
	size_t first = first_name(names, id);

	if (first < names->nr && oid_eq(&names->v[first].id, id) && !names->v[first].is_tag)
		json_str(j, "ref", names->v[first].name);
	else
		json_null(j, "ref");
	json_array_begin(j, "refs");
	EACH_NAME(i, names, id)
		if (!names->v[i].is_tag)
			json_str(j, NULL, names->v[i].name);
	json_array_end(j);
}

static void put_json_whole(struct json *j, const struct commit *c)
{
	json_array_begin(j, "sources");
	for (size_t i = 0; i < c->nr_sources; i++)
		json_str(j, NULL, c->sources[i]);
	json_array_end(j);
	json_object_begin(j, "lists");
	for (size_t i = 0; i < NR_LISTS; i++)
		json_u64(j, lists[i].word, snapshot_count_rows(c, lists[i].kind));
	json_object_end(j);
}

void snapshot_put_json(const struct ref_names *names, const struct oid *id,
		       const struct commit *c, unsigned int flags, const char *path,
		       struct buf *out)
{
	struct json j;

	json_begin(&j, out, "commit");
	json_str(&j, "oid", oid_hex(id).s);
	json_str(&j, "tree", oid_hex(&c->tree).s);
	json_array_begin(&j, "parents");
	for (size_t i = 0; i < c->nr_parents; i++)
		json_str(&j, NULL, oid_hex(&c->parents[i]).s);
	json_array_end(&j);
	put_json_refs(&j, names, id);
	json_str(&j, "device", c->device);
	json_str(&j, "host", c->host);
	json_str(&j, "user", c->user);
	json_time(&j, "time", c->time_s, c->time_ns);
	json_str(&j, "message", c->message);
	put_json_tags(&j, names, id, c);
	json_u64(&j, "files", c->files);
	json_u64(&j, "dirs", c->dirs);
	json_u64(&j, "others", c->others);
	json_u64(&j, "bytes", c->bytes);
	json_bool(&j, "incomplete", c->incomplete);
	if (path)
		json_path(&j, "path", path, strlen(path));
	if (flags & SNAPSHOT_WHOLE)
		put_json_whole(&j, c);
	json_end(&j);
}
