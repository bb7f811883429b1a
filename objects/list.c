/*
 * Lists: the content of a file that is more than one blob.  One object at a time; how lists nest
 * is objects/builder.c.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "objects/object-internal.h"

#include "objects/object.h"

void list_release(struct list *l)
{
	sys_free(l->entries);
	*l = (struct list)LIST_INIT;
}

void list_append(struct list *l, const struct list_entry *e)
{
	if (l->nr == l->alloc) {
		l->alloc = l->alloc ? 2 * l->alloc : 16;
		l->entries = xrealloc(l->entries, l->alloc * sizeof(*l->entries));
	}
	l->entries[l->nr++] = *e;
	l->size += e->size;
}

void list_encode(const struct list *l, struct buf *out)
{
	object_put_head(out, 0);
	buf_put_varint(out, l->nr);
	for (size_t i = 0; i < l->nr; i++) {
		const struct list_entry *e = &l->entries[i];

		buf_put_u8(out, (uint8_t)e->kind);
		buf_put_varint(out, e->size);
		if (e->kind != LIST_ZERO)
			buf_put(out, e->id.b, OID_SIZE);
	}
}

/* May `e` follow what is in `l`? */
static int check_entry(const struct list *l, const struct list_entry *e, struct err *err)
{
	const struct list_entry *prev = l->nr > 0 ? &l->entries[l->nr - 1] : NULL;

	if (e->size == 0 || e->size > CONTENT_SIZE_MAX - l->size)
		return err_set(err, ERR_CORRUPT, "list entry %zu has an impossible size", l->nr);
	if (e->kind == LIST_BLOB && e->size > OBJECT_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "list entry %zu is a blob of %llu bytes", l->nr,
			       (unsigned long long)e->size);
	if (e->kind == LIST_ZERO && e->size < ZERO_MIN)
		return err_set(err, ERR_CORRUPT, "list entry %zu is a zero run too short", l->nr);
	if (prev && e->kind == LIST_ZERO && prev->kind == LIST_ZERO)
		return err_set(err, ERR_CORRUPT, "list entries %zu and %zu are both zero runs",
			       l->nr - 1, l->nr);
	if (prev && (e->kind == LIST_LIST) != (prev->kind == LIST_LIST))
		return err_set(err, ERR_CORRUPT, "list entry %zu is of another level", l->nr);
	return 0;
}

int list_decode(struct list *out, const void *p, size_t n, struct err *err)
{
	struct list l = LIST_INIT;
	struct reader r;
	uint8_t flags;

	reader_init(&r, p, n);
	int ret = object_head(&r, "list", 0, &flags, err);
	if (ret < 0)
		goto done;
	uint64_t nr = reader_varint(&r);
	if (reader_ok(&r) && (nr < 1 || nr > PIECE_MAX)) {
		ret = err_set(err, ERR_CORRUPT, "list of %llu entries", (unsigned long long)nr);
		goto done;
	}
	for (uint64_t i = 0; reader_ok(&r) && i < nr; i++) {
		struct list_entry e = { 0 };
		uint8_t kind = reader_u8(&r);

		e.size = reader_varint(&r);
		if (kind != LIST_ZERO)
			reader_copy(&r, e.id.b, OID_SIZE);
		if (!reader_ok(&r))
			break;
		if (kind < LIST_BLOB || kind > LIST_LIST) {
			ret = err_set(err, ERR_CORRUPT, "list entry %llu is of unknown kind %u",
				      (unsigned long long)i, kind);
			goto done;
		}
		e.kind = (enum list_kind)kind;
		ret = check_entry(&l, &e, err);
		if (ret < 0)
			goto done;
		list_append(&l, &e);
	}
	ret = reader_end(&r, "list", err);
	if (ret < 0)
		goto done;
	struct list t = *out;
	*out = l;
	l = t;
done:
	list_release(&l);
	return ret;
}
