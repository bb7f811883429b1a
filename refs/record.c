/*
 * Records: bytes to struct and back, signatures, sealed parts.  Canonical: one struct has one
 * public part, and whatever is not exactly that is refused.  Knows nothing of files or chains;
 * that is refs/log.c.
 */
#include <inttypes.h>
#include <string.h>

#include "crypto/seal.h"
#include "lib/reader.h"
#include "lib/sys.h"
#include "refs/refs.h"

#include "refs/record.h"

enum {
	RECORD_VERSION = 0,
	RECORD_FLAG_CRITICAL = 1,
	FIELDS_MAX = 64, FIELD_MAX_SIZE = 4096,
	NAME_MAX_SIZE = 255, TAG_MAX_SIZE = 4096,
	NS_PER_S = 1000000000,
};

static const unsigned char record_magic[8] = "UBRECRD";
static const unsigned char list_magic[8] = "UBLIST\0";
/* What is signed starts with what it is, its NUL included. */
static const char sign_context[] = "ub record";
static const char auth_context[] = "ub record auth";
static const char seal_context[] = "ub record sealed";	/* without the NUL */

static const char *const kind_names[] = {
	[RECORD_ADVANCE] = "advance", [RECORD_STORED] = "stored", [RECORD_EXTEND] = "extend",
	[RECORD_REPLACE] = "replace", [RECORD_FORGET] = "forget",
	[RECORD_TOMBSTONE] = "tombstone", [RECORD_KEEP] = "keep", [RECORD_DONE] = "done",
	[RECORD_JOIN] = "join", [RECORD_RETIRE] = "retire", [RECORD_LAYOUT] = "layout",
	[RECORD_KEYRING] = "keyring", [RECORD_CHECKPOINT] = "checkpoint",
};

bool record_kind_is_known(unsigned int kind)
{
	return kind < sizeof(kind_names) / sizeof(kind_names[0]) && kind_names[kind];
}

const char *record_kind_name(unsigned int kind)
{
	return record_kind_is_known(kind) ? kind_names[kind] : "unknown";
}

void record_release(struct record *r)
{
	sys_free(r->list);
	sys_free(r->marks);
	buf_release(&r->sealed);
	*r = (struct record)RECORD_INIT;
}

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* -- the rules that both directions hold to -- */

static int check_kind(const struct record *r, struct err *err)
{
	switch (r->kind) {
	case RECORD_JOIN:
		if (r->auth == AUTH_NONE)
			return err_set(err, ERR_CORRUPT, "a join without the owner's signature");
		break;
	case RECORD_KEYRING: case RECORD_RETIRE: case RECORD_LAYOUT: case RECORD_FORGET:
	case RECORD_TOMBSTONE:
		if (r->auth != AUTH_ADMIN)
			return err_set(err, ERR_CORRUPT, "a %s record without the admin's"
				       " signature", record_kind_name(r->kind));
		break;
	default:
		break;
	}
	if ((r->kind == RECORD_JOIN) != (r->seq == 0))
		return err_set(err, ERR_CORRUPT, "a %s record has number %" PRIu64,
			       record_kind_name(r->kind), r->seq);
	if (is_zero(r->prev, HASH_SIZE) != (r->seq == 0))
		return err_set(err, ERR_CORRUPT, "record %" PRIu64 " %s a record before it", r->seq,
			       r->seq == 0 ? "names" : "does not name");
	return 0;
}

static int check_list(const struct record *r, struct err *err)
{
	if (r->list_is_apart ? r->nr_list <= RECORD_LIST_MAX || r->nr_list > RECORD_APART_MAX :
			       r->nr_list > RECORD_LIST_MAX)
		return err_set(err, ERR_CORRUPT, "a list of %" PRIu64 " entries in the wrong form",
			       r->nr_list);
	if (r->list_is_apart || r->kind != RECORD_ADVANCE)
		return 0;
	for (uint64_t i = 1; i < r->nr_list; i++)
		if (memcmp(r->list[i - 1], r->list[i], HASH_SIZE) >= 0)
			return err_set(err, ERR_CORRUPT, "the list is not in order");
	return 0;
}

static int check_marks(const struct record *r, struct err *err)
{
	if (r->nr_marks > RECORD_MARKS_MAX)
		return err_set(err, ERR_CORRUPT, "%zu marks", r->nr_marks);
	for (size_t i = 0; i < r->nr_marks; i++) {
		if (i > 0 && memcmp(r->marks[i - 1].device, r->marks[i].device, PUBKEY_SIZE) >= 0)
			return err_set(err, ERR_CORRUPT, "the marks are not in order");
		if (memcmp(r->marks[i].device, r->device, PUBKEY_SIZE) == 0)
			return err_set(err, ERR_CORRUPT, "a log marks itself");
	}
	return 0;
}

static int check_all(const struct record *r, struct err *err)
{
	int ret = check_kind(r, err);

	if (ret == 0)
		ret = check_list(r, err);
	return ret < 0 ? ret : check_marks(r, err);
}

/* -- encoding -- */

static void sealed_ad(struct buf *ad, const unsigned char repo_id[HASH_SIZE],
		      const unsigned char salt[ENVELOPE_SALT_SIZE])
{
	buf_put_str(ad, seal_context);
	buf_put(ad, repo_id, HASH_SIZE);
	buf_put(ad, salt, ENVELOPE_SALT_SIZE);
}

/* The size of what follows its length goes to `body_size_out`. */
static void put_sealed(const struct keys *k, const struct buf *plain, struct buf *out,
		       size_t *body_size_out)
{
	struct buf body = BUF_INIT, ad = BUF_INIT;
	struct secret key = SECRET_INIT;
	unsigned char salt[ENVELOPE_SALT_SIZE], part[KEY_SIZE];

	envelope_create(k, &body, &key, salt);
	envelope_part_key(&key, 0, part);
	sealed_ad(&ad, keys_repo_id(k), salt);
	seal(buf_extend(&body, plain->len + SEAL_OVERHEAD), part, ad.data, ad.len, plain->data,
	     plain->len);
	secret_wipe(part, sizeof(part));
	secret_release(&key);
	buf_put_varint(out, body.len);
	buf_put_buf(out, &body);
	*body_size_out = body.len;
	buf_release(&ad);
	buf_release(&body);
}

static void put_public(const struct record *r, const unsigned char repo_id[HASH_SIZE],
		       const unsigned char sealed_hash[HASH_SIZE], struct buf *out)
{
	buf_put(out, record_magic, sizeof(record_magic));
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u8(out, r->critical ? RECORD_FLAG_CRITICAL : 0);
	buf_put_u8(out, (uint8_t)r->kind);
	buf_put(out, repo_id, HASH_SIZE);
	buf_put(out, r->device, PUBKEY_SIZE);
	buf_put_u64le(out, r->seq);
	buf_put(out, r->prev, HASH_SIZE);
	buf_put(out, sealed_hash, HASH_SIZE);
	buf_put_u8(out, r->list_is_apart);
	buf_put_varint(out, r->nr_list);
	uint64_t here = r->list_is_apart ? 1 : r->nr_list;
	for (uint64_t i = 0; i < here; i++)
		buf_put(out, r->list[i], HASH_SIZE);
	buf_put_varint(out, r->nr_marks);
	for (size_t i = 0; i < r->nr_marks; i++) {
		buf_put(out, r->marks[i].device, PUBKEY_SIZE);
		buf_put_u64le(out, r->marks[i].seq);
		buf_put(out, r->marks[i].hash, HASH_SIZE);
	}
	buf_put_varint(out, 0);		/* extension fields */
}

/* context NUL || bytes so far */
static void signed_bytes(struct buf *out, const char *context, const void *p, size_t n)
{
	buf_reset(out);
	buf_put(out, context, strlen(context) + 1);
	buf_put(out, p, n);
}

static int put_auth(const struct keys *k, const struct record *r, struct buf *out,
		    struct err *err)
{
	struct buf msg = BUF_INIT;
	unsigned char sig[SIG_SIZE];
	int ret = 0;

	signed_bytes(&msg, auth_context, out->data, out->len);
	if (r->auth == AUTH_OWNER)
		keys_owner_sign(k, msg.data, msg.len, sig);
	else if (r->auth == AUTH_ADMIN)
		ret = keys_admin_sign(k, msg.data, msg.len, sig, err);
	buf_put_u8(out, (uint8_t)r->auth);
	if (ret == 0 && r->auth != AUTH_NONE)
		buf_put(out, sig, sizeof(sig));
	buf_release(&msg);
	return ret;
}

int record_encode(const struct keys *k, struct record *r, struct buf *out, struct err *err)
{
	struct buf sealed = BUF_INIT, raw = BUF_INIT, msg = BUF_INIT;
	unsigned char sealed_hash[HASH_SIZE], sig[SIG_SIZE];
	int ret;

	if (r->sealed.len > RECORD_SEALED_MAX)
		return err_set(err, ERR_FAILED, "what a record seals is too long: %zu bytes",
			       r->sealed.len);
	memcpy(r->device, keys_device_public(k), PUBKEY_SIZE);
	ret = check_all(r, err);
	if (ret < 0)
		BUG("a record against the rules: %s", err->msg);
	put_sealed(k, &r->sealed, &sealed, &r->body_size);
	hash_bytes(sealed_hash, sealed.data, sealed.len);
	put_public(r, keys_repo_id(k), sealed_hash, &raw);
	ret = put_auth(k, r, &raw, err);
	if (ret < 0)
		goto done;
	signed_bytes(&msg, sign_context, raw.data, raw.len);
	keys_device_sign(k, msg.data, msg.len, sig);
	buf_put(&raw, sig, sizeof(sig));
	buf_put_buf(&raw, &sealed);
	hash_bytes(r->hash, raw.data, raw.len);
	r->body_off = raw.len - r->body_size;
	buf_put_buf(out, &raw);
done:
	buf_release(&msg);
	buf_release(&raw);
	buf_release(&sealed);
	return ret;
}

/* -- decoding -- */

static int read_head(struct reader *rd, const struct genesis *g, struct record *r,
		     struct err *err)
{
	const unsigned char *magic = reader_bytes(rd, sizeof(record_magic));

	if (!magic || memcmp(magic, record_magic, sizeof(record_magic)) != 0)
		return err_set(err, ERR_CORRUPT, "not a record");
	unsigned int version = reader_u8(rd), flags = reader_u8(rd);
	if (reader_ok(rd) && version != RECORD_VERSION)
		return err_set(err, ERR_FORMAT, "a record of version %u", version);
	if (reader_ok(rd) && flags & ~(unsigned int)RECORD_FLAG_CRITICAL)
		return err_set(err, ERR_FORMAT, "a record with unknown flags 0x%x", flags);
	r->critical = flags & RECORD_FLAG_CRITICAL;
	r->kind = reader_u8(rd);
	const unsigned char *repo = reader_bytes(rd, HASH_SIZE);
	if (repo && memcmp(repo, g->id, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "a record of another repository");
	reader_copy(rd, r->device, PUBKEY_SIZE);
	r->seq = reader_u64le(rd);
	reader_copy(rd, r->prev, HASH_SIZE);
	return 0;
}

static int read_list(struct reader *rd, struct record *r, struct err *err)
{
	unsigned int form = reader_u8(rd);

	if (form > 1)
		return err_set(err, ERR_CORRUPT, "a list of form %u", form);
	r->list_is_apart = form == 1;
	r->nr_list = reader_varint(rd);
	if (r->nr_list > (form == 1 ? RECORD_APART_MAX : RECORD_LIST_MAX))
		return err_set(err, ERR_CORRUPT, "a list of %" PRIu64 " entries", r->nr_list);
	size_t here = form == 1 ? 1 : (size_t)r->nr_list;
	const unsigned char *p = reader_bytes(rd, here * HASH_SIZE);
	if (p && here > 0) {
		r->list = xmalloc(here * HASH_SIZE);
		memcpy(r->list, p, here * HASH_SIZE);
	}
	return 0;
}

static int read_marks(struct reader *rd, struct record *r, struct err *err)
{
	uint64_t nr = reader_varint(rd);

	if (nr > RECORD_MARKS_MAX)
		return err_set(err, ERR_CORRUPT, "%" PRIu64 " marks", nr);
	if (nr == 0 || reader_left(rd) < nr * (PUBKEY_SIZE + 8 + HASH_SIZE)) {
		if (nr > 0)
			reader_fail(rd);
		return 0;
	}
	r->marks = xcalloc((size_t)nr, sizeof(*r->marks));
	r->nr_marks = (size_t)nr;
	for (size_t i = 0; i < nr; i++) {
		reader_copy(rd, r->marks[i].device, PUBKEY_SIZE);
		r->marks[i].seq = reader_u64le(rd);
		reader_copy(rd, r->marks[i].hash, HASH_SIZE);
	}
	return 0;
}

/* None are known yet: optional ones are passed over (the stored bytes keep them). */
static int read_fields(struct reader *rd, struct err *err)
{
	uint64_t nr = reader_varint(rd), last = 0;

	if (nr > FIELDS_MAX)
		return err_set(err, ERR_CORRUPT, "%" PRIu64 " extension fields", nr);
	for (uint64_t i = 0; i < nr && reader_ok(rd); i++) {
		uint64_t tag = reader_varint(rd);
		size_t size;
		reader_lenbytes(rd, FIELD_MAX_SIZE, &size);
		if (!reader_ok(rd))
			break;
		if (tag <= last)
			return err_set(err, ERR_CORRUPT, "extension fields are not in order");
		if (tag >= FIELD_CRITICAL)
			return err_set(err, ERR_FORMAT, "an unknown critical field %" PRIu64, tag);
		last = tag;
	}
	return 0;
}

static int cut_short(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "the record is cut short");
}

/* Everything up to the sealed part; `start` is where the record starts. */
static int read_signed(struct reader *rd, const unsigned char *start, const struct genesis *g,
		       struct record *r, unsigned char sealed_hash[HASH_SIZE], struct err *err)
{
	struct buf msg = BUF_INIT;
	int ret;

	ret = read_head(rd, g, r, err);
	if (ret < 0)
		goto done;
	reader_copy(rd, sealed_hash, HASH_SIZE);
	ret = read_list(rd, r, err);
	if (ret == 0)
		ret = read_marks(rd, r, err);
	if (ret == 0)
		ret = read_fields(rd, err);
	if (ret < 0)
		goto done;
	size_t public_size = (size_t)(rd->p - start);
	unsigned int who = reader_u8(rd);
	const unsigned char *auth = who ? reader_bytes(rd, SIG_SIZE) : NULL;
	size_t signed_size = reader_ok(rd) ? (size_t)(rd->p - start) : 0;
	const unsigned char *sig = reader_bytes(rd, SIG_SIZE);
	if (!reader_ok(rd)) {
		ret = cut_short(err);
		goto done;
	}
	if (who > AUTH_ADMIN) {
		ret = err_set(err, ERR_CORRUPT, "signed by %u, which is nobody", who);
		goto done;
	}
	r->auth = who;
	signed_bytes(&msg, sign_context, start, signed_size);
	if (!sig_is_good(r->device, msg.data, msg.len, sig)) {
		ret = err_set(err, ERR_CORRUPT, "the device's signature is not genuine");
		goto done;
	}
	if (auth) {
		signed_bytes(&msg, auth_context, start, public_size);
		const unsigned char *pub = who == AUTH_OWNER ? g->owner_key : g->admin_key;
		if (!sig_is_good(pub, msg.data, msg.len, auth))
			ret = err_set(err, ERR_CORRUPT, "the %s's signature is not genuine",
				      who == AUTH_OWNER ? "owner" : "admin");
	}
done:
	buf_release(&msg);
	return ret;
}

/* The sealed part: shape and hash. */
static int read_sealed(struct reader *rd, const unsigned char *start,
		       const unsigned char hash[HASH_SIZE], struct record *r, struct err *err)
{
	const unsigned char *sealed = rd->p;
	unsigned char found[HASH_SIZE];
	size_t size, used;

	const unsigned char *body = reader_lenbytes(rd, RECORD_MAX_SIZE, &size);
	int ret = reader_end(rd, "the record", err);
	if (ret < 0)
		return ret;
	hash_bytes(found, sealed, (size_t)(rd->end - sealed));
	if (memcmp(found, hash, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "the sealed part is not the one that was signed");
	ret = envelope_check(body, size, &used, err);
	if (ret < 0)
		return ret;
	if (size - used < SEAL_OVERHEAD || size - used - SEAL_OVERHEAD > RECORD_SEALED_MAX)
		return err_set(err, ERR_CORRUPT, "a sealed part of %zu bytes", size);
	r->body_off = (size_t)(body - start);
	r->body_size = size;
	return 0;
}

static int parse(const struct genesis *g, const void *p, size_t n, struct record *r,
		 struct err *err)
{
	struct reader rd;
	unsigned char sealed_hash[HASH_SIZE];
	int ret;

	if (n > RECORD_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "a record of %zu bytes", n);
	reader_init(&rd, p, n);
	ret = read_signed(&rd, p, g, r, sealed_hash, err);
	if (ret == 0)
		ret = check_all(r, err);
	if (ret == 0)
		ret = read_sealed(&rd, p, sealed_hash, r, err);
	if (ret == 0)
		hash_bytes(r->hash, p, n);
	return ret;
}

int record_decode(const struct genesis *g, const void *p, size_t n, struct record *out,
		  struct err *err)
{
	struct record r = RECORD_INIT;
	int ret;

	ret = parse(g, p, n, &r, err);
	if (ret == 0) {
		record_release(out);
		*out = r;
		r = (struct record)RECORD_INIT;
	}
	record_release(&r);
	return ret;
}

int record_open(const struct keys *k, const void *p, size_t n, struct record *r, struct err *err)
{
	struct buf plain = BUF_INIT, ad = BUF_INIT;
	struct secret key = SECRET_INIT;
	unsigned char salt[ENVELOPE_SALT_SIZE], part[KEY_SIZE];
	size_t size = r->body_size, used;
	int ret;

	if (size == 0 || r->body_off + size != n)
		BUG("opening a record that is not the one that was decoded");
	const unsigned char *body = (const unsigned char *)p + r->body_off;
	ret = envelope_open(k, body, size, &key, salt, &used, err);
	if (ret < 0)
		goto done;
	envelope_part_key(&key, 0, part);
	sealed_ad(&ad, keys_repo_id(k), salt);
	unsigned char *to = buf_extend(&plain, size - used - SEAL_OVERHEAD);
	ret = unseal(to, part, ad.data, ad.len, body + used, size - used, err);
	secret_wipe(part, sizeof(part));
	if (ret < 0)
		goto done;
	buf_swap(&r->sealed, &plain);
	r->is_opened = true;
done:
	secret_release(&key);
	buf_release(&ad);
	buf_release(&plain);
	return ret;
}

/* -- sealed parts -- */

/* A text without NUL, to be given back with sys_free(); NULL and failed otherwise. */
static char *read_text(struct reader *rd, size_t max)
{
	size_t n;
	const unsigned char *p = reader_lenbytes(rd, max, &n);

	if (!p || memchr(p, '\0', n)) {
		reader_fail(rd);
		return NULL;
	}
	return xstrndup((const char *)p, n);
}

static void put_text(struct buf *out, const char *s)
{
	buf_put_lenbytes(out, s ? s : "", s ? strlen(s) : 0);
}

static void read_time(struct reader *rd, int64_t *s_out, uint32_t *ns_out)
{
	*s_out = (int64_t)reader_u64le(rd);
	*ns_out = reader_u32le(rd);
	if (*ns_out >= NS_PER_S)
		reader_fail(rd);
}

void advance_release(struct advance *a)
{
	sys_free(a->ref);
	sys_free(a->tag);
	*a = (struct advance)ADVANCE_INIT;
}

void advance_encode(const struct advance *a, struct buf *out)
{
	put_text(out, a->ref);
	buf_put(out, a->commit.b, OID_SIZE);
	put_text(out, a->tag);
	buf_put_u64le(out, (uint64_t)a->time_s);
	buf_put_u32le(out, a->time_ns);
}

int advance_decode(struct advance *out, const void *p, size_t n, struct err *err)
{
	struct advance a = ADVANCE_INIT;
	struct reader rd;
	int ret;

	reader_init(&rd, p, n);
	a.ref = read_text(&rd, REF_NAME_MAX);
	reader_copy(&rd, a.commit.b, OID_SIZE);
	a.tag = read_text(&rd, TAG_MAX_SIZE);
	read_time(&rd, &a.time_s, &a.time_ns);
	ret = reader_end(&rd, "what an advance seals", err);
	if (ret == 0 && !ref_name_is_valid(a.ref))
		ret = err_set(err, ERR_CORRUPT, "an advance of a ref that cannot be");
	if (ret == 0) {
		if (a.tag[0] == '\0') {
			sys_free(a.tag);
			a.tag = NULL;
		}
		advance_release(out);
		*out = a;
		a = (struct advance)ADVANCE_INIT;
	}
	advance_release(&a);
	return ret;
}

void join_release(struct join *j)
{
	sys_free(j->name);
	sys_free(j->host);
	*j = (struct join)JOIN_INIT;
}

void join_encode(const struct join *j, struct buf *out)
{
	put_text(out, j->name);
	buf_put_u64le(out, (uint64_t)j->time_s);
	buf_put_u32le(out, j->time_ns);
	put_text(out, j->host);
}

int join_decode(struct join *out, const void *p, size_t n, struct err *err)
{
	struct join j = JOIN_INIT;
	struct reader rd;
	int ret;

	reader_init(&rd, p, n);
	j.name = read_text(&rd, NAME_MAX_SIZE);
	read_time(&rd, &j.time_s, &j.time_ns);
	j.host = read_text(&rd, NAME_MAX_SIZE);
	ret = reader_end(&rd, "what a join seals", err);
	if (ret == 0 && j.name[0] == '\0')
		ret = err_set(err, ERR_CORRUPT, "a join without a name");
	if (ret == 0) {
		join_release(out);
		*out = j;
		j = (struct join)JOIN_INIT;
	}
	join_release(&j);
	return ret;
}

/* -- lists apart -- */

void list_file_encode(const unsigned char repo_id[HASH_SIZE], unsigned char (*list)[HASH_SIZE],
		      uint64_t nr, struct buf *out, unsigned char hash_out[HASH_SIZE])
{
	size_t at = out->len;

	buf_put(out, list_magic, sizeof(list_magic));
	buf_put_u8(out, RECORD_VERSION);
	buf_put_u8(out, 0);
	buf_put(out, repo_id, HASH_SIZE);
	buf_put_u64le(out, nr);
	buf_put(out, list, (size_t)nr * HASH_SIZE);
	hash_bytes(hash_out, out->data + at, out->len - at);
}

int list_file_decode(const unsigned char repo_id[HASH_SIZE], const void *p, size_t n,
		     unsigned char (**list_out)[HASH_SIZE], uint64_t *nr_out, struct err *err)
{
	struct reader rd;

	reader_init(&rd, p, n);
	const unsigned char *magic = reader_bytes(&rd, sizeof(list_magic));
	if (!magic || memcmp(magic, list_magic, sizeof(list_magic)) != 0)
		return err_set(err, ERR_CORRUPT, "not a list");
	unsigned int version = reader_u8(&rd), flags = reader_u8(&rd);
	if (reader_ok(&rd) && (version != RECORD_VERSION || flags != 0))
		return err_set(err, ERR_FORMAT, "a list of version %u, flags 0x%x", version, flags);
	const unsigned char *repo = reader_bytes(&rd, HASH_SIZE);
	if (repo && memcmp(repo, repo_id, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "a list of another repository");
	uint64_t nr = reader_u64le(&rd);
	if (nr > RECORD_APART_MAX || (reader_ok(&rd) && nr <= RECORD_LIST_MAX))
		return err_set(err, ERR_CORRUPT, "a list of %" PRIu64 " entries", nr);
	const unsigned char *e = reader_bytes(&rd, (size_t)nr * HASH_SIZE);
	int ret = reader_end(&rd, "the list", err);
	if (ret < 0)
		return ret;
	for (uint64_t i = 1; i < nr; i++)
		if (memcmp(e + (i - 1) * HASH_SIZE, e + i * HASH_SIZE, HASH_SIZE) >= 0)
			return err_set(err, ERR_CORRUPT, "the list is not in order");
	*list_out = xmalloc((size_t)nr * HASH_SIZE);
	memcpy(*list_out, e, (size_t)nr * HASH_SIZE);
	*nr_out = nr;
	return 0;
}
