/* Packs as files: whatever the bytes are, an answer; only what the keys made opens. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "objects/pack.h"
#include "t/unit/pack-keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keys *keys;
	struct pack_footer f = PACK_FOOTER_INIT;
	struct err err = ERR_INIT;
	struct pack *p = NULL;
	char path[64];

	if (!keys) {
		if (crypto_start(&err) < 0)
			abort();
		keys = pack_keys(0x01, 7, 0x11);
	}
	int fd = memfd_create("pack", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int ret = pack_open(&p, path, keys, &err);
	if (ret == 0) {
		if (pack_size(p) != size || pack_header_size(p) > size)
			abort();
		ret = pack_read_footer(p, &f, &err);
		for (size_t i = 0; ret == 0 && i < f.nr_frames; i++) {
			struct frame_reader *fr = frame_reader_new(NULL);
			struct buf raw = BUF_INIT;
			ret = pack_read_frame(p, fr, f.frames[i].off, f.frames[i].sealed_size,
					      &raw, &err);
			buf_release(&raw);
			frame_reader_free(fr);
		}
	}
	if (ret != 0 && ret != ERR_CORRUPT && ret != ERR_FORMAT && ret != ERR_KEY)
		abort();
	if (ret != err.code)
		abort();
	pack_footer_release(&f);
	pack_close(p);
	close(fd);
	return 0;
}
