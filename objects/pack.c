/*
 * Small things about packs: names, kinds, sizes, associated data.
 */
#include <string.h>

#include "objects/pack-internal.h"

#include "objects/pack.h"

const char *pack_kind_name(enum pack_kind kind)
{
	switch (kind) {
	case PACK_DATA:
		return "data";
	case PACK_META:
		return "meta";
	case PACK_INDEX:
		return "index";
	case PACK_MIXED:
		return "mixed";
	}
	return "unknown";
}

struct oid_text pack_hex(const struct pack_id *id)
{
	struct oid_text t;

	hex_encode(t.s, id->b, sizeof(id->b));
	return t;
}

bool pack_parse_hex(struct pack_id *out, const char *hex)
{
	return strnlen(hex, 65) == 64 && hex_decode(out->b, sizeof(out->b), hex);
}

bool pack_id_eq(const struct pack_id *a, const struct pack_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Padmé: keep as many leading bits as the exponent has bits, round the rest up. */
static uint64_t padme(uint64_t n)
{
	if (n < 2)
		return n;
	unsigned int exponent = 63 - (unsigned int)__builtin_clzll(n);
	if (exponent < 2)
		return n;
	unsigned int keep = 32 - (unsigned int)__builtin_clz(exponent);
	unsigned int drop = exponent > keep ? exponent - keep : 0;
	return round_up(n, UINT64_C(1) << drop);
}

uint64_t pack_padded_size(uint64_t used, unsigned int k)
{
	uint64_t size = round_up(padme(used), PACK_ALIGN);

	if (size < PACK_SMALL_SIZE)
		return size;
	return round_up(padme(used), (uint64_t)k * PACK_ALIGN);
}

uint64_t pack_full_size(uint64_t wanted, unsigned int k)
{
	uint64_t slice = (uint64_t)k * PACK_ALIGN;

	return wanted / slice * slice;
}

void pack_ad(unsigned char ad[PACK_AD_SIZE], const unsigned char repo_id[32],
	     const unsigned char salt[ENVELOPE_SALT_SIZE], uint64_t place, enum pack_kind kind,
	     enum pack_part part)
{
	ad[0] = PACK_VERSION;
	memcpy(ad + 1, repo_id, 32);
	memcpy(ad + 33, salt, 32);
	put_u64le(ad + 65, place);
	ad[73] = (unsigned char)kind;
	ad[74] = (unsigned char)part;
}

int pack_add_rows(const struct index_pack *pack, const struct pack_footer *f,
		  struct index_add *add, struct err *err)
{
	const struct frame_object *o = f->objects;
	int ret = index_add_pack(add, pack, err);

	for (size_t i = 0; i < f->nr_frames && ret == 0; i++) {
		struct index_loc loc = {
			.pack = pack->id,
			.kind = pack->kind,
			.frame_off = (uint32_t)f->frames[i].off,
			.sealed_size = f->frames[i].sealed_size,
		};
		for (uint32_t k = 0; k < f->frames[i].nr_objects && ret == 0; k++, o++) {
			loc.type = o->type;
			loc.size = o->size;
			ret = index_add_row(add, &o->id, &loc, err);
			loc.place += o->size;
		}
	}
	return ret;
}
