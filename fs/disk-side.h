#ifndef FS_DISK_SIDE_H
#define FS_DISK_SIDE_H

/*
 * The disk as a side of a comparison (fs/difftree.h): what is under backup, as a snapshot made now
 * would have it.  Content is read only when a difference hangs on it and the stat cache does not
 * know it.  One thread at a time.
 */

#include "fs/difftree.h"
#include "fs/scan.h"

struct disk_side;

/* `o` and `root` as for scan_run(), without a session; both are borrowed. */
int disk_side_open(struct disk_side **out, const struct scan_options *o, struct waypoint *root,
		   struct err *err);
struct diff_side disk_side(struct disk_side *d);
/* What was found along the way: errors, absent sources. */
const struct scan *disk_side_scan(const struct disk_side *d);
void disk_side_close(struct disk_side *d);

#endif
