/*
 * The table of `--stat`: a row for each file, as git draws it.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/quote.h"
#include "lib/sys.h"

#include "fs/patch.h"

void stat_table_release(struct stat_table *t)
{
	for (size_t i = 0; i < t->nr; i++)
		sys_free(t->rows[i].name);
	sys_free(t->rows);
	*t = (struct stat_table)STAT_TABLE_INIT;
}

bool stat_table_add(struct stat_table *t, const struct change *c, const struct change_lines *lines)
{
	struct buf name = BUF_INIT;

	if (c->old_path) {
		quote_put(&name, c->old_path, c->old_path_len);
		buf_put_str(&name, " => ");
	}
	quote_put(&name, c->path, c->path_len);
	if (!t->rows)
		t->rows = xcalloc(STAT_ROWS_MAX, sizeof(*t->rows));
	t->rows[t->nr].name = xstrdup(buf_str(&name));
	t->rows[t->nr++].lines = *lines;
	buf_release(&name);
	t->files++;
	if (!lines->is_binary) {
		t->added += lines->new;
		t->deleted += lines->old;
	}
	return t->nr == STAT_ROWS_MAX;
}

static unsigned int digits(uint64_t v)
{
	unsigned int n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* What is too long loses its front, up to a slash if there is one. */
static const char *shorten(const char *name, unsigned int width, const char **dots)
{
	size_t n = strlen(name);

	*dots = "";
	if (n <= width)
		return name;
	*dots = "...";
	const char *tail = name + n - (width - 3), *slash = strchr(tail, '/');
	return slash ? slash : tail;
}

/* Of `total` columns; what is not zero has at least one. */
static unsigned int scale(uint64_t v, uint64_t most, unsigned int total)
{
	if (most <= total || v == 0)
		return (unsigned int)v;
	return 1 + (unsigned int)((double)v * (total - 1) / (double)most);
}

static void put_marks(struct buf *out, char mark, unsigned int n)
{
	while (n-- > 0)
		buf_put_u8(out, (uint8_t)mark);
}

static void put_row(const struct stat_row *row, unsigned int name_width, unsigned int number_width,
		    unsigned int graph_width, uint64_t most, struct buf *out)
{
	const struct change_lines *l = &row->lines;
	const char *dots, *name = shorten(row->name, name_width, &dots);
	int pad = (int)(name_width - strlen(dots) - strlen(name));

	buf_printf(out, " %s%s%*s | ", dots, name, pad, "");
	if (l->is_binary) {
		buf_printf(out, "%*s %" PRIu64 " -> %" PRIu64 " bytes\n", (int)number_width, "Bin",
			   l->old, l->new);
		return;
	}
	buf_printf(out, "%*" PRIu64, (int)number_width, l->old + l->new);
	if (l->old + l->new > 0)
		buf_put_u8(out, ' ');
	unsigned int total = scale(l->old + l->new, most, graph_width);
	unsigned int plus = scale(l->new, most, graph_width);
	if (plus > total)
		plus = total;
	if (most > graph_width && l->old > 0 && plus == total && total > 1)
		plus--;
	put_marks(out, '+', plus);
	put_marks(out, '-', total - plus);
	buf_put_u8(out, '\n');
}

void stat_table_put_rows(struct stat_table *t, unsigned int columns, struct buf *out)
{
	unsigned int name_width = 0, number_width, graph_width;
	uint64_t most = 0;
	bool any_binary = false;

	for (size_t i = 0; i < t->nr; i++) {
		const struct change_lines *l = &t->rows[i].lines;
		size_t n = strlen(t->rows[i].name);
		name_width = n > name_width ? (unsigned int)n : name_width;
		any_binary |= l->is_binary;
		if (!l->is_binary && l->old + l->new > most)
			most = l->old + l->new;
	}
	number_width = digits(most);
	if (any_binary && number_width < 3)
		number_width = 3;
	/* " NAME | NUMBER GRAPH": the name may take five eighths, as in git. */
	if (name_width > columns * 5 / 8)
		name_width = columns * 5 / 8;
	graph_width = columns > name_width + number_width + 11 ?
		columns - name_width - number_width - 5 : 6;
	for (size_t i = 0; i < t->nr; i++) {
		put_row(&t->rows[i], name_width, number_width, graph_width, most, out);
		sys_free(t->rows[i].name);
	}
	t->nr = 0;
}

void stat_table_put_sum(const struct stat_table *t, struct buf *out)
{
	if (t->files == 0)
		return;
	buf_printf(out, " %" PRIu64 " file%s changed", t->files, t->files == 1 ? "" : "s");
	if (t->added > 0 || t->deleted == 0)
		buf_printf(out, ", %" PRIu64 " insertion%s(+)", t->added,
			   t->added == 1 ? "" : "s");
	if (t->deleted > 0 || t->added == 0)
		buf_printf(out, ", %" PRIu64 " deletion%s(-)", t->deleted,
			   t->deleted == 1 ? "" : "s");
	buf_put_u8(out, '\n');
}
