/*
 * The bytes of a run: pages with their sums, the header, rows and pack entries.  Opens no file.
 */
#include <string.h>

#include "crypto/hash.h"
#include "lib/buf.h"
#include "lib/reader.h"

#include "objects/index-internal.h"

#define SUM_SIZE 7
#define SUM_MASK (((uint64_t)1 << 56) - 1)

static const unsigned char run_magic[8] = "UBIXRUN";

/* Spreads run and page number over 64 bits, so that a page in another's place has a wrong sum. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t run_page_sum(const unsigned char *page, const unsigned char *run_id, uint64_t page_nr)
{
	uint64_t place = mix(mix(get_u64le(run_id)) ^ page_nr);

	return (hash_sum64(page, RUN_PAYLOAD) ^ place) & SUM_MASK;
}

void run_page_seal(unsigned char *page, const unsigned char *run_id, uint64_t page_nr)
{
	unsigned char sum[8];

	put_u64le(sum, run_page_sum(page, run_id, page_nr));
	memcpy(page + RUN_PAYLOAD, sum, SUM_SIZE);
}

bool run_page_is_good(const unsigned char *page, const unsigned char *run_id, uint64_t page_nr)
{
	unsigned char sum[8] = { 0 };

	memcpy(sum, page + RUN_PAYLOAD, SUM_SIZE);
	return get_u64le(sum) == run_page_sum(page, run_id, page_nr);
}

static uint64_t pages_for(uint64_t items, unsigned int per_page)
{
	return items / per_page + (items % per_page != 0);
}

void run_shape_place(struct run_shape *s)
{
	s->first[RUN_LINES] = 1;
	s->first[RUN_PACKS] = s->first[RUN_LINES] + pages_for(s->lines, RUN_LINES_PER_PAGE);
	s->first[RUN_ROWS] = s->first[RUN_PACKS] + pages_for(s->packs, RUN_PACKS_PER_PAGE);
	s->first[RUN_SECTIONS] = s->first[RUN_ROWS] + pages_for(s->rows, RUN_ROWS_PER_PAGE);
}

void run_header_encode(unsigned char page[RUN_PAGE], const unsigned char *run_id,
		       const unsigned char *repo_id, const struct run_shape *s)
{
	struct buf b = BUF_INIT;

	buf_put(&b, run_magic, sizeof(run_magic));
	buf_put_u32le(&b, INDEX_VERSION);
	buf_put_u32le(&b, 0);		/* critical flags */
	buf_put(&b, repo_id, 32);
	buf_put(&b, run_id, RUN_ID_SIZE);
	buf_put_u64le(&b, s->rows);
	buf_put_u32le(&b, s->packs);
	buf_put_u64le(&b, s->lines);
	for (int i = 0; i <= RUN_SECTIONS; i++)
		buf_put_u64le(&b, s->first[i]);
	memset(page, 0, RUN_PAGE);
	memcpy(page, b.data, b.len);
	run_page_seal(page, run_id, 0);
	buf_release(&b);
}

int run_header_parse(const unsigned char page[RUN_PAGE], const unsigned char *run_id,
		     const unsigned char *repo_id, struct run_shape *out, const char *what,
		     struct err *err)
{
	unsigned char magic[8], repo[32], id[RUN_ID_SIZE];
	struct run_shape s = { 0 }, placed;
	struct reader r;

	/* The sum stands in the same place in every version; so damage is told from news. */
	if (!run_page_is_good(page, run_id, 0))
		return err_set(err, ERR_CORRUPT, "'%s': the header is damaged", what);
	reader_init(&r, page, RUN_PAYLOAD);
	reader_copy(&r, magic, sizeof(magic));
	if (memcmp(magic, run_magic, sizeof(magic)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' is not a run of an index", what);
	uint32_t version = reader_u32le(&r);
	uint32_t flags = reader_u32le(&r);
	if (version != INDEX_VERSION || flags != 0)
		return err_set(err, ERR_FORMAT, "'%s' has version %u and flags %x of the index, "
			       "which this ub does not know", what, version, flags);
	reader_copy(&r, repo, sizeof(repo));
	reader_copy(&r, id, sizeof(id));
	if (memcmp(repo, repo_id, sizeof(repo)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' belongs to another repository", what);
	s.rows = reader_u64le(&r);
	s.packs = reader_u32le(&r);
	s.lines = reader_u64le(&r);
	for (int i = 0; i <= RUN_SECTIONS; i++)
		s.first[i] = reader_u64le(&r);
	bool is_sound = reader_ok(&r) && memcmp(id, run_id, sizeof(id)) == 0 &&
		s.rows <= RUN_ROWS_MAX && s.packs <= RUN_PACKS_MAX &&
		s.lines > 0 &&
		s.lines <= filter_lines(RUN_ROWS_MAX) && (s.rows == 0 || s.packs > 0);
	while (is_sound && reader_left(&r) > 0)
		is_sound = reader_u8(&r) == 0;
	placed = s;
	if (is_sound)
		run_shape_place(&placed);
	if (!is_sound || memcmp(placed.first, s.first, sizeof(s.first)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s': the header makes no sense", what);
	*out = s;
	return 0;
}

/* 136 bits, low first: pack 28, frame offset 29, sealed 25, place 25, size 25, type 4. */
void run_row_encode(unsigned char *p, const struct run_row *row)
{
	uint64_t low = row->pack | (uint64_t)row->frame_off << 28 |
		(uint64_t)row->sealed_size << 57;
	uint64_t high = row->sealed_size >> 7 | (uint64_t)row->place << 18 |
		(uint64_t)row->size << 43;

	put_u64le(p, low);
	put_u64le(p + 8, high);
	p[16] = (unsigned char)(row->size >> 21 | (unsigned int)row->type << 4);
}

static uint32_t bits(uint64_t v, unsigned int nr)
{
	return (uint32_t)(v & (((uint64_t)1 << nr) - 1));
}

void run_row_decode(const unsigned char *p, struct run_row *out)
{
	uint64_t low = filter_u64le(p), high = filter_u64le(p + 8);

	out->pack = bits(low, 28);
	out->frame_off = bits(low >> 28, 29);
	out->sealed_size = bits(low >> 57, 7) | bits(high, 18) << 7;
	out->place = bits(high >> 18, 25);
	out->size = bits(high >> 43, 21) | bits(p[16], 4) << 21;
	out->type = (enum obj_type)(p[16] >> 4);
}

uint32_t run_row_pack(const unsigned char *p)
{
	return bits(get_u32le(p), 28);
}

void run_row_set_pack(unsigned char *p, uint32_t pack)
{
	put_u32le(p, (get_u32le(p) & 0xf0000000u) | pack);
}

void run_pack_encode(unsigned char p[RUN_PACK_SIZE], const struct index_pack *pack)
{
	memcpy(p, pack->id.b, 32);
	p[32] = (unsigned char)pack->kind;
	put_u64le(p + 33, pack->size);
	put_u32le(p + 41, pack->objects);
}

bool run_pack_decode(const unsigned char p[RUN_PACK_SIZE], struct index_pack *out)
{
	memcpy(out->id.b, p, 32);
	out->kind = (enum pack_kind)p[32];
	out->size = filter_u64le(p + 33);
	out->objects = get_u32le(p + 41);
	out->published = false;
	return p[32] >= PACK_DATA && p[32] <= PACK_MIXED;
}

char *run_path(const char *dir, const unsigned char *run_id)
{
	char hex[2 * RUN_ID_SIZE + 1];

	hex_encode(hex, run_id, RUN_ID_SIZE);
	return xasprintf("%s/run-%s", dir, hex);
}
