#ifndef OBJECTS_CONTENT_H
#define OBJECTS_CONTENT_H

/*
 * Content of files into objects: cut, put, listed.  The id depends on the bytes alone: not on
 * holes, on the sizes of reads or on the number of workers.
 */

#include "lib/err.h"
#include "objects/builder.h"
#include "objects/chunker.h"
#include "objects/object.h"

struct content {
	enum content_kind kind;		/* CONTENT_NONE: empty; else _BLOB or _LIST */
	struct oid id;
	uint64_t size;
};

/*
 * One thread's means to cut and put files, one after the other.  `sink->put` is called from
 * several threads only by content_write_parallel().  `sink` is borrowed.
 */
struct content_writer;
struct content_writer *content_writer_new(const struct chunker_params *params,
					  const struct object_sink *sink);
void content_writer_free(struct content_writer *cw);

/* All of `fd` from where it stands; `name` for messages. */
int content_write(struct content_writer *cw, int fd, const char *name, struct content *out,
		  struct err *err);
/* The same by several workers: one cuts at a time, all hash, compress and seal. */
int content_write_parallel(struct content_writer *cw, unsigned int workers, int fd,
			   const char *name, struct content *out, struct err *err);

#endif
