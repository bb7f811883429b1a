/* Frames: genuine by their seal, but with any contents. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "objects/pack.h"
#include "t/unit/pack-keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A pack of one frame that seals these bytes; what follows it is never opened. */
static int write_pack(const struct keys *keys, const uint8_t *data, size_t size)
{
	static const unsigned char rest[PACK_TRAILER_SIZE];
	struct hand_pack h = HAND_PACK_INIT;
	int fd = memfd_create("pack", MFD_CLOEXEC);

	hand_pack_header(&h, keys, PACK_DATA, false);
	hand_pack_part(&h, PART_FRAME, data, size);
	buf_put(&h.bytes, rest, sizeof(rest));
	if (fd < 0 || write(fd, h.bytes.data, h.bytes.len) != (ssize_t)h.bytes.len)
		abort();
	hand_pack_release(&h);
	return fd;
}

/* Any base will do. */
static int get_base(void *data, const struct oid *id, struct buf *out, struct err *err)
{
	(void)data;
	(void)err;
	for (int i = 0; i < 64; i++)
		buf_put(out, id->b, OID_SIZE);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keys *keys;
	const struct frame_bases bases = { get_base, NULL };
	struct frame_reader *fr = frame_reader_new(&bases);
	struct buf raw = BUF_INIT;
	struct err err = ERR_INIT;
	struct pack *p = NULL;
	char path[64];

	if (!keys) {
		if (crypto_start(&err) < 0)
			abort();
		keys = pack_keys(0x01, 7, 0x11);
	}
	int fd = write_pack(keys, data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (pack_open(&p, path, keys, &err) < 0)
		abort();
	int ret = pack_read_frame(p, fr, pack_header_size(p), size + SEAL_OVERHEAD, &raw, &err);
	if (ret == 0 && (size < FRAME_HEADER_SIZE || raw.len != get_u32le(data + 1) ||
			 data[0] > CODEC_ZSTD_PREFIX))
		abort();
	if (ret == 0 && data[0] == CODEC_RAW && raw.len > 0 &&
	    memcmp(raw.data, data + FRAME_HEADER_SIZE, raw.len) != 0)
		abort();
	if (ret != 0 && ((ret != ERR_CORRUPT && ret != ERR_FORMAT) || raw.len != 0))
		abort();
	pack_close(p);
	buf_release(&raw);
	frame_reader_free(fr);
	close(fd);
	return 0;
}
