/*
 * Names of a folder.  A record is the type and the name with its NUL.  Most folders are small:
 * their records are sorted in place; what passes NAMES_MEMORY goes through objects/sorter.c.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/sys.h"
#include "objects/sorter.h"

#include "fs/names.h"

#define READ_SIZE ((size_t)32 << 10)

struct names {
	const char *spill_dir;
	struct buf records;
	const char **sorted;		/* each record's name */
	size_t nr, next;
	struct sorter *sorter;		/* or NULL */
};

struct names *names_new(const char *spill_dir)
{
	struct names *n = xcalloc(1, sizeof(*n));

	n->spill_dir = spill_dir;
	buf_init_max(&n->records, SIZE_MAX);
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	buf_release(&n->records);
	sys_free(n->sorted);
	sorter_free(n->sorter);
	sys_free(n);
}

static int cmp_records(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	(void)a_len;
	(void)b_len;
	return strcmp((const char *)a + 1, (const char *)b + 1);
}

static int cmp_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What was gathered goes into a sorter. */
static int spill(struct names *n, struct err *err)
{
	int ret = 0;

	if (!n->sorter)
		n->sorter = sorter_new(n->spill_dir, NAMES_MEMORY, cmp_records);
	for (size_t at = 0; at < n->records.len && ret == 0; n->nr--) {
		const char *record = (const char *)n->records.data + at;
		size_t size = strlen(record + 1) + 2;
		ret = sorter_add(n->sorter, record, size, err);
		at += size;
	}
	buf_reset(&n->records);
	return ret;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int read_all(struct names *n, int fd, struct err *err)
{
	_Alignas(struct sys_dirent) char room[READ_SIZE];
	ssize_t got;
	int ret = 0;

	while (ret == 0 && (got = sys_getdents(fd, room, sizeof(room))) != 0) {
		if (got < 0)
			return err_sys(err, "read the folder");
		for (ssize_t at = 0; at < got;) {
			const struct sys_dirent *d = (const struct sys_dirent *)(room + at);
			at += d->size;
			if (is_dots(d->name))
				continue;
			buf_put_u8(&n->records, d->type);
			buf_put(&n->records, d->name, strlen(d->name) + 1);
			n->nr++;
		}
		if (n->records.len > NAMES_MEMORY)
			ret = spill(n, err);
	}
	return ret;
}

static void sort(struct names *n)
{
	const char *p = (const char *)n->records.data;

	n->sorted = xmalloc(n->nr * sizeof(*n->sorted));
	for (size_t i = 0; i < n->nr; i++) {
		n->sorted[i] = p + 1;
		p += strlen(p + 1) + 2;
	}
	qsort(n->sorted, n->nr, sizeof(*n->sorted), cmp_names);
}

int names_read(struct names *n, int fd, struct err *err)
{
	struct err spilling = ERR_INIT;
	int ret = read_all(n, fd, err);

	if (n->sorter && spill(n, ret < 0 ? &spilling : err) < 0)
		return ret < 0 ? ret : (int)err->code;
	if (!n->sorter && n->nr > 0)
		sort(n);
	return ret;
}

int names_next(struct names *n, const char **name, unsigned char *type, struct err *err)
{
	const unsigned char *record;
	size_t size;

	if (n->sorter) {
		int ret = sorter_next(n->sorter, &record, &size, err);
		if (ret <= 0)
			return ret;
	} else {
		if (n->next == n->nr)
			return 0;
		record = (const unsigned char *)n->sorted[n->next++] - 1;
	}
	*type = record[0];
	*name = (const char *)record + 1;
	return 1;
}

int names_has(const struct names *n, const char *name)
{
	if (n->sorter)
		return -1;
	return n->nr > 0 &&
	       bsearch(&name, n->sorted, n->nr, sizeof(*n->sorted), cmp_names) != NULL;
}

const char *names_at(const struct names *n, size_t nr)
{
	return !n->sorter && nr < n->nr ? n->sorted[nr] : NULL;
}
