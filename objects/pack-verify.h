#ifndef OBJECTS_PACK_VERIFY_H
#define OBJECTS_PACK_VERIFY_H

/* Is a pack what its name and its contents say? */

#include "objects/pack.h"

struct pack_check {
	const struct keys *keys;
	struct frame_bases bases;	/* of frames that are coded against another object */
	bool open_all;		/* every object, not only what damage makes suspect */
	/* What is wrong: `id` is the damaged object, or NULL when it is the pack that is. */
	void (*bad)(const char *path, const struct oid *id, const char *what, void *data);
	void *data;
	/* counted */
	uint64_t objects, bytes;
};

/*
 * Hash the file and compare with `id`; read header and footer; with open_all, or when the hash is
 * wrong, open every frame and hash every object.  0: sound, 1: damaged and told, or an error that
 * is not damage (ERR_SYS ...).  `footer_out` (may be NULL) is filled when it could be read.
 */
int pack_check(struct pack_check *c, const char *path, const struct pack_id *id,
	       struct index_pack *pack_out, struct pack_footer *footer_out, struct err *err);

#endif
