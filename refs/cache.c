/*
 * The refs cache: what the logs came to when they were last read, sealed, so that opening costs
 * only the records that are new.  Derived: damaged, foreign or absent, it is as if it were not
 * there.  Only logs without problems are kept, so what was damaged is looked at again each time.
 *
 *	"UBREFSC\0" | u8 version | u8 flags 0 | repository id 32 | sealed (ad: all before)
 */
#include <string.h>

#include "crypto/seal.h"
#include "lib/file.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "refs/refs-internal.h"
#include "refs/refs.h"

enum { CACHE_VERSION = 0, CACHE_JOINED = 1, CACHE_UNKNOWN = 2, CACHE_HEAD = 8 + 2 + HASH_SIZE };

#define CACHE_FILE_MAX ((size_t)16 << 20)

static const unsigned char cache_magic[8] = "UBREFSC";

static void put_head(struct buf *b, const struct keys *k)
{
	buf_put(b, cache_magic, sizeof(cache_magic));
	buf_put_u8(b, CACHE_VERSION);
	buf_put_u8(b, 0);
	buf_put(b, keys_repo_id(k), HASH_SIZE);
}

/* -- writing -- */

static bool is_kept(const struct log *l)
{
	return l->next > 0 && l->nr_problems == 0 && l->is_joined && l->name;
}

static void put_ref(struct buf *b, const struct log_ref *ref)
{
	buf_put_lenbytes(b, ref->name, strlen(ref->name));
	buf_put(b, ref->commit.b, OID_SIZE);
	buf_put_u64le(b, (uint64_t)ref->time_s);
	buf_put_u32le(b, ref->time_ns);
	buf_put_u64le(b, ref->seq);
	buf_put(b, ref->hash, HASH_SIZE);
}

static void put_log(struct buf *b, const struct log *l)
{
	buf_put(b, l->key, PUBKEY_SIZE);
	buf_put_lenbytes(b, l->name, strlen(l->name));
	buf_put_u8(b, CACHE_JOINED | (l->has_unknown ? CACHE_UNKNOWN : 0));
	buf_put_u64le(b, l->next);
	buf_put(b, l->tip, HASH_SIZE);
	buf_put_u64le(b, l->told_next);
	buf_put_varint(b, l->nr_refs);
	for (size_t i = 0; i < l->nr_refs; i++)
		put_ref(b, &l->refs[i]);
}

void cache_write(struct refs *r)
{
	struct buf plain = BUF_INIT, out = BUF_INIT;
	struct secret key = SECRET_INIT;
	struct err err = ERR_INIT;
	uint64_t nr = 0;

	if (!r->cache_path)
		return;
	for (size_t i = 0; i < r->nr; i++)
		nr += is_kept(r->logs[i]);
	buf_put_varint(&plain, nr);
	for (size_t i = 0; i < r->nr; i++)
		if (is_kept(r->logs[i]))
			put_log(&plain, r->logs[i]);
	if (plain.len > CACHE_FILE_MAX - CACHE_HEAD - SEAL_OVERHEAD)
		goto done;
	put_head(&out, r->keys);
	keys_cache_key(r->keys, KEY_USE_REFS_CACHE, &key);
	buf_reserve(&out, plain.len + SEAL_OVERHEAD);
	unsigned char *to = buf_extend(&out, plain.len + SEAL_OVERHEAD);
	seal(to, key.data, out.data, CACHE_HEAD, plain.data, plain.len);
	/* No promise rests on it: what fails is left for the next time. */
	if (file_write(r->cache_path, out.data, out.len, FILE_LAZY, 0600, &err) == 0)
		for (size_t i = 0; i < r->nr; i++)
			if (is_kept(r->logs[i]))
				r->logs[i]->cached_next = r->logs[i]->next;
done:
	secret_release(&key);
	buf_release(&out);
	buf_release(&plain);
}

/* -- reading -- */

static char *get_text(struct reader *rd, size_t max)
{
	size_t n;
	const unsigned char *p = reader_lenbytes(rd, max, &n);

	if (!p || n == 0 || memchr(p, '\0', n)) {
		reader_fail(rd);
		return NULL;
	}
	return xstrndup((const char *)p, n);
}

static void get_ref(struct reader *rd, struct log *l)
{
	struct log_ref ref = { .name = get_text(rd, REF_NAME_MAX) };

	reader_copy(rd, ref.commit.b, OID_SIZE);
	ref.time_s = (int64_t)reader_u64le(rd);
	ref.time_ns = reader_u32le(rd);
	ref.seq = reader_u64le(rd);
	reader_copy(rd, ref.hash, HASH_SIZE);
	if (!reader_ok(rd) || (l->nr_refs > 0 &&
			       strcmp(l->refs[l->nr_refs - 1].name, ref.name) >= 0)) {
		reader_fail(rd);
		sys_free(ref.name);
		return;
	}
	if (l->nr_refs == l->alloc_refs) {
		l->alloc_refs = l->alloc_refs ? 2 * l->alloc_refs : 4;
		l->refs = xrealloc(l->refs, l->alloc_refs * sizeof(*l->refs));
	}
	l->refs[l->nr_refs++] = ref;
}

static void get_log(struct reader *rd, struct refs *r)
{
	unsigned char key[PUBKEY_SIZE];
	struct device_id id;

	reader_copy(rd, key, sizeof(key));
	char *name = get_text(rd, UINT8_MAX);
	unsigned int flags = reader_u8(rd);
	uint64_t next = reader_u64le(rd);
	if (!reader_ok(rd) || next == 0) {
		reader_fail(rd);
		sys_free(name);
		return;
	}
	log_device_id(&id, key);
	struct log *l = refs_add_log(r, &id);
	sys_free(l->name);
	l->name = name;
	memcpy(l->key, key, sizeof(key));
	l->has_key = true;
	l->is_joined = flags & CACHE_JOINED;
	l->has_unknown = flags & CACHE_UNKNOWN;
	l->next = l->cached_next = next;
	reader_copy(rd, l->tip, HASH_SIZE);
	l->tip_known = HASH_SIZE;
	l->told_next = reader_u64le(rd);
	uint64_t nr = reader_varint(rd);
	for (uint64_t i = 0; i < nr && reader_ok(rd); i++)
		get_ref(rd, l);
}

static bool parse(struct refs *r, const struct buf *plain)
{
	struct reader rd;
	struct err err = ERR_INIT;

	reader_init(&rd, plain->data, plain->len);
	uint64_t nr = reader_varint(&rd);
	for (uint64_t i = 0; i < nr && reader_ok(&rd); i++)
		get_log(&rd, r);
	return reader_end(&rd, "the cache", &err) == 0;
}

static void forget_all(struct refs *r)
{
	for (size_t i = 0; i < r->nr; i++)
		log_free(r->logs[i]);
	r->nr = 0;
}

void cache_read(struct refs *r)
{
	struct buf raw = BUF_INIT, plain = BUF_INIT, head = BUF_INIT;
	struct secret key = SECRET_INIT;
	struct err err = ERR_INIT;

	if (!r->cache_path || file_read(r->cache_path, CACHE_FILE_MAX, &raw, &err) < 0)
		goto done;
	put_head(&head, r->keys);
	if (raw.len < CACHE_HEAD + SEAL_OVERHEAD || memcmp(raw.data, head.data, CACHE_HEAD) != 0)
		goto done;
	keys_cache_key(r->keys, KEY_USE_REFS_CACHE, &key);
	size_t sealed = raw.len - CACHE_HEAD;
	unsigned char *to = buf_extend(&plain, sealed - SEAL_OVERHEAD);
	if (unseal(to, key.data, raw.data, CACHE_HEAD, raw.data + CACHE_HEAD, sealed, &err) < 0)
		goto done;
	if (!parse(r, &plain))
		forget_all(r);
	/* It is as good as a mark: sealed by somebody who had seen these records. */
	for (size_t i = 0; i < r->nr; i++) {
		struct record_mark mark;
		log_mark(r->logs[i], &mark);
		r->marks_changed |= marks_raise(&r->marks, &mark);
	}
done:
	secret_release(&key);
	buf_release(&head);
	buf_release(&plain);
	buf_release(&raw);
}
