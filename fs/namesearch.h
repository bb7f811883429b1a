#ifndef FS_NAMESEARCH_H
#define FS_NAMESEARCH_H

/*
 * Names of all snapshots that fit patterns, from the catalogue: each version (path, type, content)
 * once, with the first and the last snapshot that has it.
 *
 *	ns = namesearch_new(c, &timeline, &options, tmp_dir)
 *	namesearch_scan(ns, err)			all that needs the catalogue
 *	namesearch_each(ns, fn, data, err)		sorted by path, then by first snapshot
 */

#include "lib/regex.h"
#include "objects/object.h"
#include "fs/timeline.h"

/* Fits the name, or with `is_whole` the path. */
struct namesearch_pattern { struct regex *regex; bool is_whole; };

struct namesearch_options {
	struct namesearch_pattern *patterns;	/* one of them has to fit; borrowed */
	size_t nr_patterns;
	uint8_t type;			/* enum entry_type; 0: any */
	bool has_size;			/* then only files */
	int size_sign;			/* 0: of just `size` bytes; 1: of more; -1: of fewer */
	uint64_t size;
};

struct namesearch_version {
	const char *path;		/* borrowed for the call */
	size_t path_len;
	struct catalogue_fact fact;	/* as last seen */
	struct timeline_span span;
};

struct namesearch;

/* All is borrowed.  `tmp_dir`: where to spill. */
struct namesearch *namesearch_new(struct catalogue *c, const struct timeline *t,
				  const struct namesearch_options *o, const char *tmp_dir);
void namesearch_free(struct namesearch *ns);
/* ERR_CORRUPT: the catalogue is to be made again. */
int namesearch_scan(struct namesearch *ns, struct err *err);
/* Once.  A non-zero answer stops and is returned. */
int namesearch_each(struct namesearch *ns,
		    int (*fn)(const struct namesearch_version *v, void *data, struct err *err),
		    void *data, struct err *err);

#endif
