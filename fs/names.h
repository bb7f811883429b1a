#ifndef FS_NAMES_H
#define FS_NAMES_H

/*
 * The names in an open folder, sorted bytewise, in bounded memory: what is more spills, sealed.
 */

#include "lib/err.h"

#define NAMES_MEMORY ((size_t)4 << 20)

struct names;

/* `spill_dir`: where to, if need be; borrowed. */
struct names *names_new(const char *spill_dir);
void names_free(struct names *n);
/*
 * All names but "." and ".."; reading starts where `fd` stands.  ERR_SYS: the folder could not be
 * read to its end; names_next() gives what came before that.
 */
int names_read(struct names *n, int fd, struct err *err);
/* 1 and the next name, borrowed until the next call, with its DT_*; 0 at the end. */
int names_next(struct names *n, const char **name, unsigned char *type, struct err *err);
/* Is it among those that names_read() found?  1, 0, or -1: they spilled, and nobody knows. */
int names_has(const struct names *n, const char *name);
/* The names in memory, from 0 on; NULL: that was the last.  None of those that spilled. */
const char *names_at(const struct names *n, size_t nr);

#endif
