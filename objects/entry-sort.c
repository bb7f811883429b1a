/*
 * Sorting the entries of a directory: records that are encoded entries, by their names.
 */
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/sorter.h"

#include "objects/entry-sort.h"

struct entry_sort {
	struct sorter *sorter;
	struct buf raw;
};

/* An encoded entry begins with the length of its name, one byte or two. */
static const unsigned char *name_at(const unsigned char *p, size_t *n)
{
	*n = p[0] & 0x7f;
	if (p[0] & 0x80) {
		*n |= (size_t)p[1] << 7;
		p++;
	}
	return p + 1;
}

static int cmp_entries(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	size_t n, m;
	const unsigned char *p = name_at(a, &n), *q = name_at(b, &m);

	(void)a_len;
	(void)b_len;
	return name_cmp(p, n, q, m);
}

struct entry_sort *entry_sort_new(const char *dir, size_t memory)
{
	struct entry_sort *s = xcalloc(1, sizeof(*s));

	s->sorter = sorter_new(dir, memory, cmp_entries);
	buf_init_max(&s->raw, SIZE_MAX);
	return s;
}

void entry_sort_free(struct entry_sort *s)
{
	if (!s)
		return;
	sorter_free(s->sorter);
	buf_release(&s->raw);
	sys_free(s);
}

int entry_sort_add(struct entry_sort *s, const struct tree_entry *e, struct err *err)
{
	buf_reset(&s->raw);
	tree_encode_entry(&s->raw, e);
	return sorter_add(s->sorter, s->raw.data, s->raw.len, err);
}

int entry_sort_next(struct entry_sort *s, struct tree_entry *out, struct err *err)
{
	const unsigned char *p;
	size_t n;
	int ret = sorter_next(s->sorter, &p, &n, err);

	return ret > 0 ? tree_decode_entry(p, n, out, err) : ret;
}
