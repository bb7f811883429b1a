/* Footers: what is accepted keeps every promise of its struct. */

#include <stdlib.h>
#include <string.h>

#include "objects/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pack_footer f = PACK_FOOTER_INIT;
	struct err err = ERR_INIT;
	unsigned char hash[32] = { 0 };
	size_t nr = 0;

	/* Always of the right header, else nothing below is ever reached. */
	if (size >= 34)
		memcpy(hash, data + 2, sizeof(hash));
	int ret = pack_footer_parse(data, size, 193, hash, &f, &err);
	if (ret != 0) {
		if ((ret != ERR_CORRUPT && ret != ERR_FORMAT) || err.code != ret || f.frames)
			abort();
		return 0;
	}
	uint64_t off = 193;
	for (size_t i = 0; i < f.nr_frames; i++) {
		const struct pack_frame *frame = &f.frames[i];
		uint64_t sum = 0;
		if (frame->off != off || frame->sealed_size < FRAME_OVERHEAD ||
		    frame->raw_size > FRAME_RAW_MAX || frame->nr_objects == 0)
			abort();
		for (uint32_t k = 0; k < frame->nr_objects; k++, nr++) {
			if (nr >= f.nr_objects || f.objects[nr].type < OBJ_BLOB ||
			    f.objects[nr].type > OBJ_TYPE_MAX)
				abort();
			sum += f.objects[nr].size;
		}
		if (sum != frame->raw_size)
			abort();
		off += frame->sealed_size;
	}
	if (nr != f.nr_objects || nr > PACK_MAX_OBJECTS)
		abort();
	pack_footer_release(&f);
	return 0;
}
