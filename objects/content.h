#ifndef OBJECTS_CONTENT_H
#define OBJECTS_CONTENT_H

/*
 * Content of files into objects: cut, put, listed.  The id depends on the bytes alone: not on
 * holes, on the sizes of reads or on the number of workers.
 */

#include "lib/err.h"
#include "objects/builder.h"
#include "objects/chunker.h"
#include "objects/dir.h"
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

struct content_input {
	int fd;
	const char *name;		/* for messages */
	/*
	 * The encoded map of a file's holes, empty for none.  With one, the file is read from its
	 * beginning, and where the map says so it is not read at all.
	 */
	const unsigned char *holes;
	size_t holes_len;
	/* What was read of a pipe already; not with a map of holes. */
	const unsigned char *head;
	size_t head_len;
	/* What the file had in it before, if `old` is set: what is new goes to put_over(). */
	const struct object_source *old;
	enum content_kind old_kind;
	struct oid old_id;
	uint64_t old_size;
};

/* All of the input, from where it stands. */
int content_write(struct content_writer *cw, const struct content_input *in, struct content *out,
		  struct err *err);
/* The same by several workers: one cuts at a time, all hash, compress and seal. */
int content_write_parallel(struct content_writer *cw, unsigned int workers,
			   const struct content_input *in, struct content *out, struct err *err);
/* Was it the input that the last one failed on, and not where the pieces go? */
bool content_read_failed(const struct content_writer *cw);

#endif
