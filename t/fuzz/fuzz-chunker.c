/*
 * Any bytes, read in any steps, are cut alike by every kernel.
 *
 * Pieces are hundreds of KiB long, so the input is a program that makes the data: 8-byte orders
 * of what to append (bytes of the input, repeated; zeros; a pattern; random bytes), and the
 * steps to read in.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "crypto/secret.h"
#include "objects/chunker-internal.h"
#include "objects/chunker.h"

#define SIZE_MAX_MADE ((size_t)6 << 20)
#define MAX_PIECES 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t append(unsigned char *out, size_t n, const uint8_t *order, const uint8_t *data,
		     size_t size)
{
	size_t len = (size_t)order[1] | (size_t)order[2] << 8 | (size_t)(order[3] & 31) << 16;
	size_t period = 1 + ((size_t)order[4] | (size_t)order[5] << 8), i;
	uint64_t x = 1 + order[6];

	len = len < SIZE_MAX_MADE - n ? len : SIZE_MAX_MADE - n;
	for (i = 0; i < len; i++) {
		switch (order[0] % 4) {
		case 0:
			out[n + i] = data[(order[6] + i % period) % size];
			break;
		case 1:
			out[n + i] = 0;
			break;
		case 2:
			out[n + i] = (unsigned char)(i < period ? i * order[7] :
						     out[n + i - period]);
			break;
		default:
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			out[n + i] = (unsigned char)(x >> (order[7] & 31));
		}
	}
	return len;
}

struct pieces { size_t nr; enum chunk_kind kind[MAX_PIECES]; size_t size[MAX_PIECES]; };

static void cut(const struct chunker *c, const unsigned char *p, size_t n, size_t step,
		struct pieces *out)
{
	size_t off = 0, have = 0, size;
	enum chunk_kind kind;

	out->nr = 0;
	while ((kind = chunker_next(c, p + off, have, off + have == n, &size)) != CHUNK_END) {
		if (kind == CHUNK_MORE) {
			if (have >= chunker_window(c) || off + have == n || size <= have)
				abort();
			have += step < n - off - have ? step : n - off - have;
			continue;
		}
		if (size == 0 || size > have || (kind == CHUNK_DATA && size > 1u << 20))
			abort();
		if (kind == CHUNK_ZERO && out->nr && out->kind[out->nr - 1] == CHUNK_ZERO) {
			out->size[out->nr - 1] += size;
		} else {
			if (out->nr == MAX_PIECES)
				abort();
			out->kind[out->nr] = kind;
			out->size[out->nr++] = size;
		}
		off += size;
		have -= size;
	}
	if (off != n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct chunker_params params = { 64u << 10, 512u << 10, 1u << 20 };
	static struct pieces first, other;
	static bool is_started;
	unsigned char *p, key[32] = "fuzz";
	const struct chunker_kernel *k;
	struct err err = ERR_INIT;
	size_t n = 0, i;

	if (size < 8)
		return 0;
	if (!is_started && crypto_start(&err) < 0)
		abort();
	is_started = true;
	p = malloc(SIZE_MAX_MADE);
	for (i = 1; 8 * i + 8 <= size && i < 64; i++)
		n += append(p + 0, n, data + 8 * i, data, size);
	/* exactly as much as there is, so that a look past the end is seen */
	p = realloc(p, n ? n : 1);
	for (i = 0; (k = chunker_kernel(i)); i++) {
		struct chunker *c = chunker_new_with(&params, key, &chunker_tables, k);

		cut(c, p, n, i ? (size_t)1 << 20 : 65536 + (data[0] | (size_t)data[1] << 8),
		    i ? &other : &first);
		if (i && (first.nr != other.nr ||
			  memcmp(first.kind, other.kind, first.nr * sizeof(first.kind[0])) ||
			  memcmp(first.size, other.size, first.nr * sizeof(first.size[0]))))
			abort();
		chunker_free(c);
	}
	free(p);
	return 0;
}
