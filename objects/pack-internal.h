#ifndef OBJECTS_PACK_INTERNAL_H
#define OBJECTS_PACK_INTERNAL_H

/* What the reader and the writer of packs share: header layout and associated data. */

#include "objects/pack.h"

#define PACK_MAGIC "UBPACK\0\0"
#define PACK_FIXED_HEADER 48	/* magic 8, version, flags, kind, 0, u32 header size, repo id 32 */
#define PACK_AD_SIZE 75

#define FIELD_BASES 1		/* of a footer: number of a frame, id of its base, rising */

/* Associated data of every sealed part: version | repo id | salt | place | kind | part. */
void pack_ad(unsigned char ad[PACK_AD_SIZE], const unsigned char repo_id[32],
	     const unsigned char salt[ENVELOPE_SALT_SIZE], uint64_t place, enum pack_kind kind,
	     enum pack_part part);

#endif
