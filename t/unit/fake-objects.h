#ifndef T_UNIT_FAKE_OBJECTS_H
#define T_UNIT_FAKE_OBJECTS_H

/* Objects kept in memory under ids of a fixed key: sink and source for unit tests. */

#include <string.h>

#include "crypto/hash.h"
#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/builder.h"
#include "objects/dir.h"

struct fake_object { enum obj_type type; struct oid id; struct buf raw; };
struct fake_objects {
	struct fake_object *list;
	size_t nr, alloc;
	uint64_t puts;
};

static const unsigned char fake_key[HASH_SIZE] = "an id key and chunker key, fixed";

static inline int fake_put(void *data, enum obj_type type, const void *p, size_t n,
			   struct oid *id_out, struct err *err)
{
	struct fake_objects *f = data;

	if (object_check(type, p, n, err) < 0)
		return err->code;
	hash_keyed_tagged(id_out->b, fake_key, (uint8_t)type, p, n);
	f->puts++;
	for (size_t i = 0; i < f->nr; i++)
		if (oid_eq(&f->list[i].id, id_out))
			return 0;
	if (f->nr == f->alloc) {
		f->alloc = f->alloc ? 2 * f->alloc : 64;
		f->list = xrealloc(f->list, f->alloc * sizeof(*f->list));
	}
	struct fake_object *o = &f->list[f->nr++];
	o->type = type;
	o->id = *id_out;
	buf_init_max(&o->raw, SIZE_MAX);
	buf_put(&o->raw, p, n);
	return 0;
}

static inline int fake_get(void *data, const struct oid *id, enum obj_type type, struct buf *out,
			   struct err *err)
{
	struct fake_objects *f = data;

	for (size_t i = 0; i < f->nr; i++) {
		if (!oid_eq(&f->list[i].id, id))
			continue;
		if (f->list[i].type != type)
			return err_set(err, ERR_CORRUPT, "%s is of another type", oid_hex(id).s);
		buf_reset(out);
		buf_put_buf(out, &f->list[i].raw);
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "no object %s", oid_hex(id).s);
}

static inline struct object_sink fake_sink(struct fake_objects *f)
{
	return (struct object_sink){ .put = fake_put, .data = f, .cut_key = fake_key };
}

static inline struct object_source fake_source(struct fake_objects *f)
{
	return (struct object_source){ .get = fake_get, .data = f };
}

static inline void fake_release(struct fake_objects *f)
{
	for (size_t i = 0; i < f->nr; i++)
		buf_release(&f->list[i].raw);
	sys_free(f->list);
	memset(f, 0, sizeof(*f));
}

#endif
