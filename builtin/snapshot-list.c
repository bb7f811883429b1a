/*
 * The rows of a snapshot's side lists, for people and for scripts.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/quote.h"
#include "lib/sys.h"
#include "objects/store.h"

#include "builtin/snapshot.h"

static void put_row_json(const char *word, uint64_t kind, const struct note_row *row,
			 struct buf *line)
{
	const unsigned char *p = row->others, *path;
	size_t left = row->others_len, n;
	struct buf text = BUF_INIT;
	struct json j;

	json_begin(&j, line, word);
	json_path(&j, "path", (const char *)row->path, row->path_len);
	if (kind == NOTE_HARDLINKS) {
		json_array_begin(&j, "others");
		while (note_other_next(&p, &left, &path, &n) > 0) {
			buf_reset(&text);
			buf_put(&text, path, n);
			json_str(&j, NULL, buf_str(&text));
		}
		json_array_end(&j);
	}
	buf_reset(&text);
	buf_put(&text, row->text, row->text_len);
	if (kind == NOTE_BIRTHS)
		json_time(&j, "born", row->birth_s, row->birth_ns);
	if (kind == NOTE_UNREADABLE)
		json_u64(&j, "errno", row->error);
	if (kind == NOTE_UNREADABLE)
		json_str(&j, "operation", buf_str(&text));
	if (kind == NOTE_SKIPPED)
		json_str(&j, "rule", buf_str(&text));
	if (kind == NOTE_WORKTREES)
		json_str(&j, "state", buf_str(&text));
	json_end(&j);
	buf_release(&text);
}

static void put_name(struct buf *line, const unsigned char *p, size_t n, bool nul)
{
	if (nul)
		buf_put(line, p, n);
	else
		quote_put(line, p, n);
}

static void put_row_text(uint64_t kind, const struct note_row *row, bool nul, struct buf *line)
{
	const unsigned char *p = row->others, *path;
	size_t left = row->others_len, n;

	if (kind == NOTE_BIRTHS)
		buf_printf(line, "%" PRId64 ".%09" PRIu32 "\t", row->birth_s, row->birth_ns);
	if (kind == NOTE_UNREADABLE)
		buf_printf(line, "%s: ", sys_error_text((int)row->error));
	if (row->text_len > 0) {
		put_name(line, row->text, row->text_len, nul);
		buf_put_u8(line, '\t');
	}
	put_name(line, row->path, row->path_len, nul);
	while (note_other_next(&p, &left, &path, &n) > 0) {
		buf_put_u8(line, '\t');
		put_name(line, path, n, nul);
	}
	buf_put_u8(line, nul ? '\0' : '\n');
}

static int put_note(struct ub *ub, const char *word, const struct oid *id, bool nul,
		    struct err *err)
{
	struct buf raw = BUF_INIT, line = BUF_INIT;
	struct note_iter it;
	struct note_row row;
	struct note note;
	int ret = store_read(ub->store, id, OBJ_NOTE, NULL, &raw, err);

	if (ret == 0)
		ret = note_decode(&note, raw.data, raw.len, err);
	if (ret < 0)
		goto done;
	note_iter_init(&it, &note);
	while ((ret = note_iter_next(&it, &row, err)) > 0) {
		buf_reset(&line);
		if (ub->json)
			put_row_json(word, note.kind, &row, &line);
		else
			put_row_text(note.kind, &row, nul, &line);
		out_buf(&ub->out, &line);
	}
done:
	buf_release(&raw);
	buf_release(&line);
	return ret;
}

int snapshot_put_list(struct ub *ub, const struct commit *c, const char *word, bool nul,
		      struct err *err)
{
	uint64_t kind = snapshot_list_kind(word);
	int ret = 0;

	if (!kind)
		return err_set(err, ERR_USAGE, "--list: '%s' is none of hardlinks, births, "
			       "skipped, unreadable, absent, worktrees", word);
	for (size_t i = 0; i < c->nr_notes && ret == 0; i++)
		if (c->notes[i].kind == kind)
			ret = put_note(ub, word, &c->notes[i].id, nul, err);
	return ret;
}
