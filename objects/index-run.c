/*
 * Reading one run: pages on demand, the lookup, the pack table.
 *
 * 1. No byte of a page is used before the page's sum was right once since the run was opened.
 * 2. Memory does not grow with use: a page is kept only where run_keep() set memory aside.
 * 3. A lookup that finds its row takes one read of at most a page, nearly always.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/buf.h"
#include "lib/sys.h"

#include "objects/index-internal.h"

/* Rows read on each side of where a row should lie; most lie there. */
enum { ROWS_AROUND = 6 };

/* From this size on a section is worth huge pages, which spare misses in the TLB. */
#define HUGE_SIZE ((size_t)4 << 20)

static int page_damaged(const struct run *r, uint64_t page, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "'%s': the page at %" PRIu64 " is damaged", r->path,
		       page * RUN_PAGE);
}

static int makes_no_sense(const struct run *r, const char *what, uint64_t nr, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "'%s': %s %" PRIu64 " makes no sense", r->path, what, nr);
}

static bool is_seen(const struct run *r, uint64_t page)
{
	return atomic_load_explicit(&r->seen[page / 64], memory_order_acquire) >> page % 64 & 1;
}

static void set_seen(struct run *r, uint64_t page)
{
	atomic_fetch_or_explicit(&r->seen[page / 64], (uint64_t)1 << page % 64,
				 memory_order_release);
}

static int read_at(const struct run *r, void *p, size_t n, uint64_t off, struct err *err)
{
	ssize_t got = sys_pread_full(r->fd, p, n, (off_t)off);

	if (got < 0)
		return err_sys(err, "read '%s'", r->path);
	if ((size_t)got != n)
		return err_set(err, ERR_CORRUPT, "'%s' ends early", r->path);
	return 0;
}

static int read_page(struct run *r, uint64_t page, unsigned char *p, struct err *err)
{
	int ret = read_at(r, p, RUN_PAGE, page * RUN_PAGE, err);

	if (ret < 0)
		return ret;
	return run_page_is_good(p, r->id, page) ? 0 : page_damaged(r, page, err);
}

/* Put a page into memory, once; the lock keeps two threads from writing it. */
static int load_page(struct run *r, enum run_section sec, uint64_t page, struct err *err)
{
	unsigned char *p = r->mem[sec] + (page - r->shape.first[sec]) * RUN_PAGE;
	int ret = 0;

	sys_lock(&r->load);
	if (!is_seen(r, page)) {
		ret = read_page(r, page, p, err);
		if (ret == 0)
			set_seen(r, page);
	}
	sys_unlock(&r->load);
	return ret;
}

/* `n` bytes at `off` of a page: borrowed from memory, or read into `tmp`, a page. */
static int page_get(struct run *r, enum run_section sec, uint64_t page, size_t off, size_t n,
		    unsigned char *tmp, const unsigned char **out, struct err *err)
{
	int ret;

	if (r->mem[sec]) {
		*out = r->mem[sec] + (page - r->shape.first[sec]) * RUN_PAGE + off;
		return is_seen(r, page) ? 0 : load_page(r, sec, page, err);
	}
	if (is_seen(r, page)) {
		*out = tmp;
		return read_at(r, tmp, n, page * RUN_PAGE + off, err);
	}
	ret = read_page(r, page, tmp, err);
	if (ret < 0)
		return ret;
	set_seen(r, page);
	*out = tmp + off;
	return 0;
}

static int retry_open(const char *path, int flags)
{
	int fd;

	do
		fd = sys_open(path, O_RDONLY | O_CLOEXEC | flags, 0);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int run_open(struct run **out, const char *path, const struct run_ref *ref,
	     const unsigned char *repo_id, struct err *err)
{
	unsigned char page[RUN_PAGE];
	struct stat st;
	struct run *r = xcalloc(1, sizeof(*r));
	int ret;

	atomic_init(&r->refs, 1);
	r->path = xstrdup(path);
	memcpy(r->id, ref->id, RUN_ID_SIZE);
	memcpy(r->repo_id, repo_id, sizeof(r->repo_id));
	sys_mutex_init(&r->load);

	/* No access times: they cost more than the lookup's own work, and only an owner may ask. */
	r->fd = retry_open(path, O_NOATIME);
	if (r->fd < 0 && errno == EPERM)
		r->fd = retry_open(path, 0);
	if (r->fd < 0) {
		ret = errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path) :
			err_sys(err, "open '%s'", path);
		goto done;
	}
	if (sys_fstat(r->fd, &st) < 0) {
		ret = err_sys(err, "stat '%s'", path);
		goto done;
	}
	ret = read_at(r, page, RUN_PAGE, 0, err);
	if (ret < 0)
		goto done;
	ret = run_header_parse(page, r->id, repo_id, &r->shape, path, err);
	if (ret < 0)
		goto done;
	r->sum = run_page_sum(page, r->id, 0);
	if (ref->sum != UINT64_MAX && (ref->sum != r->sum || ref->rows != r->shape.rows)) {
		ret = err_set(err, ERR_CORRUPT, "'%s' is not the run that 'current' names", path);
		goto done;
	}
	uint64_t pages = r->shape.first[RUN_SECTIONS];
	if ((uint64_t)st.st_size != pages * RUN_PAGE) {
		ret = err_set(err, ERR_CORRUPT, "'%s' has %" PRIu64 " bytes instead of %" PRIu64,
			      path, (uint64_t)st.st_size, pages * RUN_PAGE);
		goto done;
	}
	r->seen = xcalloc(pages / 64 + 1, sizeof(*r->seen));
	/* Lookups jump; reading ahead would only push other things out.  Advice may fail. */
	sys_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM);
	*out = r;
	r = NULL;
done:
	run_put(r);
	return ret;
}

struct run *run_get(struct run *r)
{
	atomic_fetch_add(&r->refs, 1);
	return r;
}

void run_put(struct run *r)
{
	if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	for (int i = 0; i < RUN_SECTIONS; i++)
		if (r->mem[i])
			sys_pages_free(r->mem[i], run_section_size(r, (enum run_section)i));
	if (r->fd >= 0)
		sys_close(r->fd);
	sys_mutex_destroy(&r->load);
	sys_free((void *)r->seen);
	sys_free(r->path);
	sys_free(r);
}

size_t run_section_size(const struct run *r, enum run_section sec)
{
	return (size_t)(r->shape.first[sec + 1] - r->shape.first[sec]) * RUN_PAGE;
}

void run_keep(struct run *r, enum run_section sec)
{
	size_t size = run_section_size(r, sec);

	if (size == 0 || r->mem[sec])
		return;
	r->mem[sec] = sys_pages(size);	/* NULL: then it is read each time */
	if (r->mem[sec] && size >= HUGE_SIZE)
		sys_madvise(r->mem[sec], size, MADV_HUGEPAGE);
}

static size_t line_place(uint64_t nr)
{
	return nr % RUN_LINES_PER_PAGE * FILTER_LINE_SIZE;
}

void run_prefetch(const struct run *r, uint64_t top)
{
	uint64_t nr = filter_line_of(top, r->shape.lines, NULL);

	if (r->mem[RUN_LINES])
		__builtin_prefetch(r->mem[RUN_LINES] + nr / RUN_LINES_PER_PAGE * RUN_PAGE +
				   line_place(nr));
}

/* A line, and behind it where the next one starts. */
static int get_line(struct run *r, uint64_t nr, unsigned char *tmp, const unsigned char **out,
		    struct err *err)
{
	return page_get(r, RUN_LINES, r->shape.first[RUN_LINES] + nr / RUN_LINES_PER_PAGE,
			line_place(nr), FILTER_LINE_SIZE + FILTER_START_SIZE, tmp, out, err);
}

static uint32_t start_of(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static int line_rows(const struct run *r, const unsigned char *line, uint64_t nr,
		     uint64_t *lo_out, uint64_t *hi_out, struct err *err)
{
	*lo_out = start_of(line);
	*hi_out = start_of(line + FILTER_LINE_SIZE);
	if (*lo_out > *hi_out || *hi_out > r->shape.rows)
		return makes_no_sense(r, "line", nr, err);
	return 0;
}

int run_line_rows(struct run *r, uint64_t top, uint64_t *lo_out, uint64_t *hi_out,
		  struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *line;
	uint64_t nr = filter_line_of(top, r->shape.lines, NULL);
	int ret = get_line(r, nr, tmp, &line, err);

	return ret < 0 ? ret : line_rows(r, line, nr, lo_out, hi_out, err);
}

/* As memcmp() of two ids' 30 bytes; `top` is the first 8 of `id`. */
static int cmp_id(const unsigned char *id, uint64_t top, const unsigned char *row)
{
	uint64_t other = filter_top(row);

	if (top != other)
		return top < other ? -1 : 1;
	return memcmp(id + 8, row + 8, RUN_KEY_SIZE - 8);
}

static int check_row(const struct run *r, const struct run_row *row, uint64_t nr, struct err *err)
{
	if (row->pack >= r->shape.packs || row->type == OBJ_NONE || row->type > OBJ_TYPE_MAX)
		return makes_no_sense(r, "row", nr, err);
	return 0;
}

/*
 * Look among the rows [*lo, *hi) that lie around `guess` and in one page with it.  1 found, 0
 * not: then *lo and *hi have shrunk to where it can still be.
 */
static int probe(struct run *r, const unsigned char *id, uint64_t top, uint64_t guess,
		 uint64_t *lo, uint64_t *hi, struct run_row *row_out, uint64_t *row_nr_out,
		 struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *rows;
	uint64_t page = guess / RUN_ROWS_PER_PAGE, in_page = page * RUN_ROWS_PER_PAGE;
	uint64_t a = in_page, b = in_page + RUN_ROWS_PER_PAGE;
	int ret;

	a = a > *lo ? a : *lo;
	b = b < *hi ? b : *hi;
	if (is_seen(r, r->shape.first[RUN_ROWS] + page)) {
		if (guess > a + ROWS_AROUND)
			a = guess - ROWS_AROUND;
		if (b > guess + ROWS_AROUND + 1)
			b = guess + ROWS_AROUND + 1;
	}
	ret = page_get(r, RUN_ROWS, r->shape.first[RUN_ROWS] + page,
		       (size_t)(a - in_page) * RUN_ROW_SIZE, (size_t)(b - a) * RUN_ROW_SIZE, tmp,
		       &rows, err);
	if (ret < 0)
		return ret;

	uint64_t from = a, to = b;
	while (from < to) {
		uint64_t mid = from + (to - from) / 2;
		const unsigned char *row = rows + (mid - a) * RUN_ROW_SIZE;
		int c = cmp_id(id, top, row);
		if (c == 0) {
			run_row_decode(row + RUN_KEY_SIZE, row_out);
			*row_nr_out = mid;
			ret = check_row(r, row_out, mid, err);
			return ret < 0 ? ret : 1;
		}
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	if (from > a)
		*lo = from;
	if (from < b)
		*hi = from;
	return 0;
}

int run_find(struct run *r, const unsigned char *id, uint64_t top, struct run_row *row_out,
	     uint64_t *row_nr_out, struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *line;
	uint64_t lo, hi, rest, nr = filter_line_of(top, r->shape.lines, &rest);
	int ret;

	ret = get_line(r, nr, tmp, &line, err);
	if (ret < 0 || !filter_has(line, id))
		return ret;
	ret = line_rows(r, line, nr, &lo, &hi, err);
	if (ret < 0 || lo == hi)
		return ret;

	/* Ids are evenly spread, so its place in the line's share tells the row within a few. */
	uint64_t guess = lo + (uint64_t)(((unsigned __int128)rest * (hi - lo)) >> 64);
	for (int i = 0;; i++) {
		uint64_t old_lo = lo, old_hi = hi;
		ret = probe(r, id, top, guess, &lo, &hi, row_out, row_nr_out, err);
		if (ret != 0 || lo == hi)
			return ret;
		/* Next door first; where ids are not even, halve. */
		if (i >= 2)
			guess = lo + (hi - lo) / 2;
		else if (hi < old_hi && lo == old_lo)
			guess = hi - lo > ROWS_AROUND ? hi - 1 - ROWS_AROUND : lo;
		else
			guess = hi - lo > ROWS_AROUND ? lo + ROWS_AROUND : hi - 1;
	}
}

static int pack_bytes(struct run *r, uint32_t ordinal, unsigned char *tmp,
		      const unsigned char **out, struct err *err)
{
	return page_get(r, RUN_PACKS, r->shape.first[RUN_PACKS] + ordinal / RUN_PACKS_PER_PAGE,
			ordinal % RUN_PACKS_PER_PAGE * (size_t)RUN_PACK_SIZE, RUN_PACK_SIZE, tmp,
			out, err);
}

int run_pack(struct run *r, uint32_t ordinal, struct index_pack *out, struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *p;
	int ret;

	ret = pack_bytes(r, ordinal, tmp, &p, err);
	if (ret < 0)
		return ret;
	return run_pack_decode(p, out) ? 0 : makes_no_sense(r, "pack", ordinal, err);
}

int run_find_pack(struct run *r, const struct pack_id *id, struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *p;
	uint32_t lo = 0, hi = r->shape.packs;
	int ret;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		ret = pack_bytes(r, mid, tmp, &p, err);
		if (ret < 0)
			return ret;
		int c = memcmp(id->b, p, sizeof(id->b));
		if (c == 0)
			return 1;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return 0;
}

int run_row_to_loc(struct run *r, const struct run_row *row, struct index_loc *out,
		   struct err *err)
{
	struct index_pack pack;
	int ret;

	if (row->pack >= r->shape.packs)
		return makes_no_sense(r, "a row's pack", row->pack, err);
	ret = run_pack(r, row->pack, &pack, err);
	if (ret < 0)
		return ret;
	if ((uint64_t)row->frame_off + row->sealed_size > pack.size)
		return makes_no_sense(r, "a row of pack", row->pack, err);
	out->pack = pack.id;
	out->kind = pack.kind;
	out->type = row->type;
	out->frame_off = row->frame_off;
	out->sealed_size = row->sealed_size;
	out->place = row->place;
	out->size = row->size;
	return 0;
}

/* What run_check() expects of the lines, made again from the rows. */
struct rebuilt {
	struct run *run;
	uint64_t nr;
	unsigned char line[FILTER_LINE_SIZE];
};

/* Compare lines up to `next`, which starts at row `start`. */
static int check_lines(struct rebuilt *x, uint64_t next, uint64_t start, struct err *err)
{
	unsigned char tmp[RUN_PAGE];
	const unsigned char *p;

	for (; x->nr < next; x->nr++) {
		int ret = get_line(x->run, x->nr, tmp, &p, err);
		if (ret < 0)
			return ret;
		if (memcmp(p, x->line, FILTER_LINE_SIZE) != 0 ||
		    start_of(p + FILTER_LINE_SIZE) != start)
			return makes_no_sense(x->run, "line", x->nr, err);
		memset(x->line, 0, sizeof(x->line));
		put_u32le(x->line, (uint32_t)start);
	}
	return 0;
}

static int check_packs(struct run *r, struct err *err)
{
	struct run_cursor c;
	struct index_pack pack;
	const unsigned char *p;
	int ret;

	run_cursor_init(&c, r, RUN_PACKS, 0, r->shape.packs, 0);
	for (;;) {
		ret = run_cursor_next(&c, &p, err);
		if (ret < 0 || !p)
			break;
		if (!run_pack_decode(p, &pack)) {
			ret = makes_no_sense(r, "pack", c.next - 1, err);
			break;
		}
	}
	run_cursor_release(&c);
	return ret;
}

static int check_rows(struct run *r, struct err *err)
{
	struct rebuilt x = { .run = r };
	struct run_cursor c;
	struct run_row row;
	struct index_loc loc;
	const unsigned char *p;
	int ret;

	run_cursor_init(&c, r, RUN_ROWS, 0, r->shape.rows, 0);
	for (;;) {
		ret = run_cursor_next(&c, &p, err);
		if (ret < 0 || !p)
			break;
		run_row_decode(p + RUN_KEY_SIZE, &row);
		ret = check_row(r, &row, c.next - 1, err);
		if (ret == 0)
			ret = run_row_to_loc(r, &row, &loc, err);
		uint64_t nr = filter_line_of(filter_top(p), r->shape.lines, NULL);
		if (ret == 0)
			ret = check_lines(&x, nr, c.next - 1, err);
		if (ret < 0)
			break;
		filter_add(x.line, p);
	}
	if (ret == 0)
		ret = check_lines(&x, r->shape.lines, r->shape.rows, err);
	run_cursor_release(&c);
	return ret;
}

/* Every page's sum, from the file, whatever was seen before. */
static int check_sums(struct run *r, struct err *err)
{
	enum { AT_ONCE = 32 };
	unsigned char *pages = xmalloc((size_t)AT_ONCE * RUN_PAGE);
	uint64_t nr = r->shape.first[RUN_SECTIONS];
	int ret = 0;

	for (uint64_t at = 0; ret == 0 && at < nr; at += AT_ONCE) {
		size_t n = nr - at < AT_ONCE ? (size_t)(nr - at) : AT_ONCE;
		ret = read_at(r, pages, n * RUN_PAGE, at * RUN_PAGE, err);
		for (size_t i = 0; ret == 0 && i < n; i++)
			if (!run_page_is_good(pages + i * RUN_PAGE, r->id, at + i))
				ret = page_damaged(r, at + i, err);
	}
	sys_free(pages);
	return ret;
}

int run_check(struct run *r, struct err *err)
{
	int ret = check_sums(r, err);

	if (ret == 0)
		ret = check_packs(r, err);
	if (ret == 0)
		ret = check_rows(r, err);
	return ret;
}
