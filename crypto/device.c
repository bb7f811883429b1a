/*
 * The two files of a machine, outside the repository folder: its device key (with the device
 * slot's secret), and the admin key.  Both private: 0600 in a 0700 folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "lib/sys.h"

#include "crypto/keys-internal.h"

#define DEVICE_MAGIC "UBDEVIC"		/* and a NUL */
#define ADMIN_MAGIC "UBADMIN"

#define DEVICE_HAS_NO_SLOT 0
#define DEVICE_HAS_SLOT 1

void sign_pair(const struct secret *seed, unsigned char pub[PUBKEY_SIZE], struct secret *sign_key)
{
	secret_init(sign_key, crypto_sign_SECRETKEYBYTES);
	crypto_sign_seed_keypair(pub, sign_key->data, seed->data);
	secret_wipe_stack();
}

void sign_bytes(const struct secret *sign_key, const void *p, size_t n, unsigned char sig[SIG_SIZE])
{
	crypto_sign_detached(sig, NULL, p, n, sign_key->data);
	secret_wipe_stack();
}

bool sig_is_good(const unsigned char pub[PUBKEY_SIZE], const void *p, size_t n,
		 const unsigned char sig[SIG_SIZE])
{
	return crypto_sign_verify_detached(sig, p, n, pub) == 0;
}

void device_release(struct device *d)
{
	secret_release(&d->seed);
	secret_release(&d->sign_key);
	secret_release(&d->slot_secret);
	*d = (struct device)DEVICE_INIT;
}

void device_swap(struct device *a, struct device *b)
{
	struct device t = *a;

	*a = *b;
	*b = t;
}

bool device_name_is_valid(const char *name)
{
	return *name && strlen(name) <= DEVICE_NAME_MAX && !strpbrk(name, "/ \t~^:?*[\\@") &&
	       name[0] != '.' && name[0] != '-' && label_is_valid(name);
}

void device_generate(struct device *d, const char *name)
{
	if (!device_name_is_valid(name))
		BUG("a device called '%s'", name);
	memcpy(d->name, name, strlen(name) + 1);
	secret_random(&d->seed, KEY_SIZE);
	sign_pair(&d->seed, d->pub, &d->sign_key);
}

/* Magic, version, flags and repository; the cursor moves on. */
static unsigned char *put_head(unsigned char *p, const char *magic,
			       const unsigned char repo_id[HASH_SIZE])
{
	memcpy(p, magic, MAGIC_SIZE);
	p[MAGIC_SIZE] = FORMAT_VERSION;
	p[MAGIC_SIZE + 1] = 0;
	memcpy(p + MAGIC_SIZE + 2, repo_id, HASH_SIZE);
	return p + MAGIC_SIZE + 2 + HASH_SIZE;
}

void device_encode(const struct device *d, const unsigned char repo_id[HASH_SIZE],
		   struct secret *out)
{
	size_t name_size = strlen(d->name);
	size_t size = MAGIC_SIZE + 2 + HASH_SIZE + 1 + name_size + KEY_SIZE + 1 + SLOT_ID_SIZE +
		      KEY_SIZE + HASH_SIZE;
	unsigned char *p;

	secret_init(out, size);
	p = put_head(out->data, DEVICE_MAGIC, repo_id);
	*p++ = (unsigned char)name_size;	/* a varint of one byte: at most DEVICE_NAME_MAX */
	memcpy(p, d->name, name_size);
	p += name_size;
	memcpy(p, d->seed.data, KEY_SIZE);
	p += KEY_SIZE;
	*p++ = d->has_slot ? DEVICE_HAS_SLOT : DEVICE_HAS_NO_SLOT;
	if (d->has_slot) {
		memcpy(p, d->slot_id, SLOT_ID_SIZE);
		memcpy(p + SLOT_ID_SIZE, d->slot_secret.data, KEY_SIZE);
	}
	hash_bytes(out->data + size - HASH_SIZE, out->data, size - HASH_SIZE);
	secret_wipe_stack();
}

/* The head of either file. */
static int open_head(struct reader *r, const void *p, size_t n, const char *magic,
		     const unsigned char repo_id[HASH_SIZE], const char *what, struct err *err)
{
	unsigned char id[HASH_SIZE];
	int ret;

	if (n > DEVICE_MAX_SIZE)
		return err_set(err, ERR_CORRUPT, "%s has %zu bytes, too many", what, n);
	ret = head_check(r, p, n, magic, true, 0, NULL, what, err);
	secret_wipe_stack();
	if (ret < 0)
		return ret;
	reader_copy(r, id, HASH_SIZE);
	if (memcmp(id, repo_id, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "%s belongs to another repository", what);
	return 0;
}

int device_parse(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		 struct device *out, struct err *err)
{
	static const char what[] = "the device file";
	struct device d = DEVICE_INIT;
	struct reader r;
	size_t size;
	int ret;

	ret = open_head(&r, p, n, DEVICE_MAGIC, repo_id, what, err);
	if (ret < 0)
		return ret;
	const unsigned char *name = reader_lenbytes(&r, DEVICE_NAME_MAX, &size);
	if (name)
		memcpy(d.name, name, size);
	secret_init(&d.seed, KEY_SIZE);
	reader_copy(&r, d.seed.data, KEY_SIZE);
	uint8_t has_slot = reader_u8(&r);
	reader_copy(&r, d.slot_id, SLOT_ID_SIZE);
	secret_init(&d.slot_secret, KEY_SIZE);
	reader_copy(&r, d.slot_secret.data, KEY_SIZE);
	ret = reader_end(&r, what, err);
	if (ret < 0)
		goto done;
	d.has_slot = has_slot == DEVICE_HAS_SLOT;
	bool is_empty = sodium_is_zero(d.slot_id, SLOT_ID_SIZE) &&
			sodium_is_zero(d.slot_secret.data, KEY_SIZE);
	if (has_slot > DEVICE_HAS_SLOT || (!d.has_slot && !is_empty) || strlen(d.name) != size ||
	    !device_name_is_valid(d.name)) {
		ret = err_set(err, ERR_CORRUPT, "%s is malformed", what);
		goto done;
	}
	sign_pair(&d.seed, d.pub, &d.sign_key);
	device_swap(out, &d);
done:
	device_release(&d);
	return ret;
}

void admin_encode(const struct secret *seed, const unsigned char repo_id[HASH_SIZE],
		  struct secret *out)
{
	size_t size = MAGIC_SIZE + 2 + HASH_SIZE + KEY_SIZE + HASH_SIZE;
	unsigned char *p;

	secret_init(out, size);
	p = put_head(out->data, ADMIN_MAGIC, repo_id);
	memcpy(p, seed->data, KEY_SIZE);
	hash_bytes(p + KEY_SIZE, out->data, size - HASH_SIZE);
	secret_wipe_stack();
}

int admin_parse(const void *p, size_t n, const unsigned char repo_id[HASH_SIZE],
		struct secret *seed_out, struct err *err)
{
	static const char what[] = "the admin key file";
	struct secret seed = SECRET_INIT;
	struct reader r;
	int ret;

	ret = open_head(&r, p, n, ADMIN_MAGIC, repo_id, what, err);
	if (ret < 0)
		return ret;
	secret_init(&seed, KEY_SIZE);
	reader_copy(&r, seed.data, KEY_SIZE);
	ret = reader_end(&r, what, err);
	if (ret == 0)
		secret_swap(seed_out, &seed);
	secret_release(&seed);
	return ret;
}

int secret_file_read(const char *path, size_t max, bool is_private, struct secret *out,
		     struct err *err)
{
	struct secret all = SECRET_INIT;
	struct stat st;
	int fd, ret = 0;

	do
		fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND, "'%s' does not exist", path);
	if (fd < 0)
		return err_sys(err, "open '%s'", path);
	if (is_private) {
		if (sys_fstat(fd, &st) < 0) {
			ret = err_sys(err, "look at '%s'", path);
			goto done;
		}
		if (st.st_mode & 077) {
			ret = err_set(err, ERR_REFUSED, "others may read or write '%s'; make it "
				      "private (chmod 600)", path);
			goto done;
		}
	}
	secret_init(&all, max + 1);
	ssize_t n = sys_read_full(fd, all.data, max + 1);
	if (n < 0) {
		ret = err_sys(err, "read '%s'", path);
		goto done;
	}
	if ((size_t)n > max) {
		ret = err_set(err, ERR_CORRUPT, "'%s' has more than %zu bytes", path, max);
		goto done;
	}
	secret_release(out);
	secret_set(out, all.data, (size_t)n);
done:
	secret_release(&all);
	sys_close(fd);
	return ret;
}
