/*
 * The keys of an opened repository: made, opened, used.
 *
 * 1. Genesis is written last: without it there is no repository, only leftovers.
 * 2. Master, keyring and device keys lie in guarded memory alone, and what works with them
 *    clears its stack; nothing of them is written but slots, keyring (both sealed) and the files
 *    of the state folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/bip39.h"
#include "crypto/kdf.h"
#include "crypto/passphrase.h"

#include "crypto/keys-internal.h"

#define GENESIS_NAME "genesis"
#define KEYRING_NAME "keyring"
#define DEVICE_NAME "device"
#define ADMIN_NAME "admin"

static struct keys *keys_new(const char *dir)
{
	struct keys *k = xcalloc(1, sizeof(*k));

	k->dir = xstrdup(dir);
	return k;
}

void keys_close(struct keys *k)
{
	if (!k)
		return;
	secret_release(&k->master);
	secret_release(&k->id_hasher);
	secret_release(&k->owner_key);
	keyring_release(&k->ring);
	device_release(&k->device);
	for (size_t i = 0; i < k->nr_problems; i++)
		sys_free(k->problems[i].message);
	sys_free(k->problems);
	sys_free(k->dir);
	sys_free(k->state_dir);
	sys_free(k);
}

static void set_state_dir(struct keys *k, const char *state_home)
{
	char hex[2 * HASH_SIZE + 1];

	hex_encode(hex, k->genesis.id, HASH_SIZE);
	k->state_dir = path_join(state_home, hex);
}

/* What follows from the keyring.  ERR_CORRUPT: it is not the one that genesis speaks of. */
static int derive(struct keys *k, struct err *err)
{
	unsigned char pub[PUBKEY_SIZE];

	_Static_assert(sizeof(struct hasher) <= 4096, "a hasher shares guarded pages");
	secret_init(&k->id_hasher, sizeof(struct hasher));
	hasher_init_keyed((struct hasher *)(void *)k->id_hasher.data,
			  k->ring.domains[0].id_key.data);
	sign_pair(&k->ring.owner_seed, pub, &k->owner_key);
	if (memcmp(pub, k->genesis.owner_key, PUBKEY_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "'%s/" KEYRING_NAME "' has another owner key than "
			       "the genesis record", k->dir);
	return 0;
}

#ifdef UB_TEST
static void test_line(int fd, const char *word, const struct secret *s)
{
	struct secret line = SECRET_INIT;

	if (!s->size)
		return;
	secret_init(&line, strlen(word) + 1 + 2 * s->size + 1);
	memcpy(line.data, word, strlen(word));
	hex_encode((char *)line.data + strlen(word) + 1, s->data, s->size);
	line.data[strlen(word)] = ' ';
	line.data[line.size - 1] = '\n';
	sys_write_full(fd, line.data, line.size);
	secret_release(&line);
}

/* UB_TEST_KEYS=FILE: all keys in hex, for tests that look where they must not be. */
static void test_dump(const struct keys *k, const struct secret *admin)
{
	const char *path = getenv("UB_TEST_KEYS");
	int fd = path ? sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	test_line(fd, "master", &k->master);
	for (size_t i = 0; i < k->ring.nr_epochs; i++) {
		test_line(fd, "wrap", &k->ring.epochs[i].wrap_key);
		test_line(fd, "wrap-seal", &k->ring.epochs[i].seal_key);
		test_line(fd, "box", &k->ring.epochs[i].box_secret);
	}
	for (size_t i = 0; i < k->ring.nr_domains; i++) {
		test_line(fd, "id", &k->ring.domains[i].id_key);
		test_line(fd, "chunker", &k->ring.domains[i].chunker_key);
	}
	test_line(fd, "cache", &k->ring.cache_secret);
	test_line(fd, "owner", &k->ring.owner_seed);
	test_line(fd, "device", &k->device.seed);
	test_line(fd, "device-slot", &k->device.slot_secret);
	if (admin)
		test_line(fd, "admin", admin);
	sys_close(fd);
}
#else
static void test_dump(const struct keys *k, const struct secret *admin)
{
	(void)k;
	(void)admin;
}
#endif

/* Creating ------------------------------------------------------------------------------- */

static int remove_in(const char *dir, const char *name, struct err *err)
{
	char *path = path_join(dir, name);
	int ret = file_remove(path, err);

	sys_free(path);
	return ret;
}

/* Genesis goes first, so that what dies here leaves leftovers again. */
static int clear_leftovers(const struct keys_create_args *args, struct err *err)
{
	char *genesis = path_join(args->dir, GENESIS_NAME);
	char **names = NULL;
	size_t nr = 0;
	int ret = 0;

	if (!args->replace_leftovers && file_exists(genesis)) {
		ret = err_set(err, ERR_REFUSED, "'%s' exists: there are keys already", genesis);
		goto done;
	}
	ret = file_remove(genesis, err);
	if (ret < 0)
		goto done;
	ret = slot_names(args->dir, &names, &nr, err);
	for (size_t i = 0; ret == 0 && i < nr; i++)
		ret = remove_in(args->dir, names[i], err);
	if (ret == 0)
		ret = remove_in(args->dir, KEYRING_NAME, err);
done:
	slot_names_free(names, nr);
	sys_free(genesis);
	return ret;
}

static int write_in(const char *dir, const char *name, const void *p, size_t n, mode_t mode,
		    struct err *err)
{
	char *path = path_join(dir, name);
	int ret = file_write(path, p, n, 0, mode, err);

	sys_free(path);
	return ret;
}

/* The genesis record of `args` and its encoding; the admin key's seed goes to `admin_out`. */
static int make_genesis(struct keys *k, const struct keys_create_args *args, struct buf *raw,
			struct secret *admin_out, struct err *err)
{
	struct genesis *g = &k->genesis;
	struct secret scratch = SECRET_INIT;
	int ret;

	g->version = FORMAT_VERSION;
	g->chunk_min = args->chunk_min;
	g->chunk_avg = args->chunk_avg;
	g->chunk_max = args->chunk_max;
	g->erasure_k = args->erasure_k;
	g->erasure_m = args->erasure_m;
	ret = genesis_check(g, err);
	if (ret < 0)
		return ret;
	sys_random(g->random, sizeof(g->random));
	secret_random(admin_out, KEY_SIZE);
	sign_pair(admin_out, g->admin_key, &scratch);
	secret_release(&scratch);
	sign_pair(&k->ring.owner_seed, g->owner_key, &scratch);
	secret_release(&scratch);
	genesis_encode(g, raw);
	hash_bytes(g->id, raw->data, raw->len);
	return 0;
}

static int write_state(struct keys *k, const struct secret *admin, struct err *err)
{
	struct secret raw = SECRET_INIT;
	int ret;

	ret = file_make_dirs(k->state_dir, 0700, err);
	if (ret < 0)
		return ret;
	ret = device_write(k->state_dir, &k->device, k->genesis.id, err);
	if (ret < 0)
		return ret;
	admin_encode(admin, k->genesis.id, &raw);
	ret = write_in(k->state_dir, ADMIN_NAME, raw.data, raw.size, 0600, err);
	secret_release(&raw);
	return ret;
}

static int write_slots(struct keys *k, const struct keys_create_args *args,
		       struct secret *words_out, struct err *err)
{
	unsigned char id[SLOT_ID_SIZE];
	struct kdf_cost cost = args->cost;
	int ret;

	if (!cost.mem_kib)
		kdf_cost_default(&cost);
	ret = slot_write_password(k->dir, k->genesis.id, &k->master, args->password, "", &cost, id,
				  err);
	if (ret < 0)
		return ret;
	ret = slot_write_recovery(k->dir, k->genesis.id, &k->master, words_out, id, err);
	if (ret < 0 || !args->with_device_slot)
		return ret;
	return slot_write_device(k->dir, k->genesis.id, &k->master, &k->device, err);
}

int keys_create(const struct keys_create_args *args, struct keys **out, struct secret *words_out,
		struct err *err)
{
	struct keys *k = keys_new(args->dir);
	struct secret admin = SECRET_INIT, words = SECRET_INIT;
	struct buf raw = BUF_INIT, ring = BUF_INIT;
	int ret;

	if (!device_name_is_valid(args->device_name)) {
		ret = err_set(err, ERR_USAGE, "'%s' cannot be a device's name", args->device_name);
		goto done;
	}
	keyring_generate(&k->ring);
	secret_random(&k->master, KEY_SIZE);
	ret = make_genesis(k, args, &raw, &admin, err);
	if (ret < 0)
		goto done;
	set_state_dir(k, args->state_home);
	device_generate(&k->device, args->device_name);
	k->has_device = true;
	ret = clear_leftovers(args, err);
	if (ret < 0)
		goto done;
	ret = write_slots(k, args, &words, err);
	if (ret < 0)
		goto done;
	ret = write_state(k, &admin, err);
	if (ret < 0)
		goto done;
	keyring_seal(&k->ring, k->genesis.id, &k->master, &ring);
	ret = write_in(k->dir, KEYRING_NAME, ring.data, ring.len, 0600, err);
	if (ret < 0)
		goto done;
	ret = write_in(k->dir, GENESIS_NAME, raw.data, raw.len, 0644, err);
	if (ret < 0)
		goto done;
	ret = derive(k, err);
	if (ret < 0)
		goto done;
	test_dump(k, &admin);
	secret_swap(words_out, &words);
	*out = k;
	k = NULL;
done:
	keys_close(k);
	secret_release(&words);
	secret_release(&admin);
	buf_release(&raw);
	buf_release(&ring);
	return ret;
}

/* Opening -------------------------------------------------------------------------------- */

/* Something is wrong, but there may be another way in. */
static void note(struct keys *k, const struct err *why)
{
	k->problems = xrealloc(k->problems, (k->nr_problems + 1) * sizeof(*k->problems));
	k->problems[k->nr_problems].code = why->code;
	k->problems[k->nr_problems].message = xstrdup(why->msg);
	k->nr_problems++;
}

const char *keys_problem(const struct keys *k, size_t i, int *code)
{
	if (i >= k->nr_problems)
		return NULL;
	if (code)
		*code = k->problems[i].code;
	return k->problems[i].message;
}

static int read_genesis(struct keys *k, const unsigned char *expect_id, struct err *err)
{
	char *path = path_join(k->dir, GENESIS_NAME);
	struct buf raw = BUF_INIT;
	unsigned char id[HASH_SIZE];
	int ret;

	ret = file_read(path, GENESIS_MAX_SIZE, &raw, err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_CORRUPT, "'%s' is missing", path);
	if (ret < 0)
		goto done;
	hash_bytes(id, raw.data, raw.len);
	if (expect_id && memcmp(id, expect_id, HASH_SIZE) != 0) {
		ret = err_set(err, ERR_CORRUPT, "'%s' is damaged or another repository's: its hash "
			      "is not the id that the configuration names", path);
		goto done;
	}
	ret = genesis_parse(raw.data, raw.len, &k->genesis, err);
	if (ret < 0)
		ret = err_wrap(err, "'%s'", path);
done:
	buf_release(&raw);
	sys_free(path);
	return ret;
}

/* Absent is fine; damage is a problem to be gone around. */
static int read_device(struct keys *k, struct err *err)
{
	char *path = path_join(k->state_dir, DEVICE_NAME);
	struct secret raw = SECRET_INIT;
	int ret;

	ret = secret_file_read(path, DEVICE_MAX_SIZE, true, &raw, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
		goto done;
	}
	if (ret == 0) {
		ret = device_parse(raw.data, raw.size, k->genesis.id, &k->device, err);
		if (ret < 0)
			err_wrap(err, "'%s'", path);
		else
			k->has_device = true;
	}
	if (ret == ERR_CORRUPT) {
		note(k, err);
		err_clear(err);
		ret = 0;
	}
done:
	secret_release(&raw);
	sys_free(path);
	return ret;
}

static int open_slot(struct keys *k, const struct slot *s, const struct secret *credential,
		     struct err *err)
{
	int ret = slot_unwrap(s, credential, &k->master, err);

	if (ret == 0) {
		k->is_opened_by_slot = true;
		memcpy(k->opened_by, s->id, SLOT_ID_SIZE);
	}
	return ret;
}

/* With the secret of this machine's slot: 1, or 0 with a problem noted. */
static int open_with_device(struct keys *k)
{
	char name[SLOT_NAME_SIZE];
	struct err err = ERR_INIT;
	struct slot s;
	int ret;

	memcpy(s.id, k->device.slot_id, SLOT_ID_SIZE);
	slot_file_name(&s, name);
	ret = slot_load(k->dir, name, k->genesis.id, &s, &err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(&err, ERR_KEY, "this machine's device slot, '%s/%s', was removed",
			      k->dir, name);
	if (ret == 0) {
		ret = open_slot(k, &s, &k->device.slot_secret, &err);
		if (ret == ERR_KEY)
			ret = err_set(&err, ERR_CORRUPT, "'%s/%s' does not open with the secret in "
				      "'%s/" DEVICE_NAME "'", k->dir, name, k->state_dir);
	}
	if (ret == 0)
		return 1;
	note(k, &err);
	return 0;
}

/*
 * Try the slots of one type.  1: opened; 0: not, `tried` counts those that were whole.
 * Slots that cannot be read are problems, and so is want of memory: another may want less.
 */
static int try_slots(struct keys *k, char **names, size_t nr, enum slot_type type,
		     const struct secret *credential, size_t *tried)
{
	for (size_t i = 0; i < nr; i++) {
		struct err err = ERR_INIT;
		struct slot s;
		int ret = slot_load(k->dir, names[i], k->genesis.id, &s, &err);
		if (ret == 0 && s.type != type)
			continue;
		if (ret == 0)
			ret = open_slot(k, &s, credential, &err);
		if (ret == 0)
			return 1;
		if (ret == ERR_KEY)
			(*tried)++;
		else
			note(k, &err);
	}
	return 0;
}

/* Why nothing opened: a wrong password if there was a slot to try it on, else the first problem. */
static int refuse(const struct keys *k, size_t tried, size_t first, struct err *err)
{
	if (tried)
		return err_set(err, ERR_KEY, "wrong password");
	if (k->nr_problems > first)
		return err_set(err, (enum err_code)k->problems[first].code, "%s",
			       k->problems[first].message);
	return err_set(err, ERR_KEY, "no key slot opens with a password");
}

static int open_with_password(struct keys *k, const struct secret *password, struct err *err)
{
	struct secret entropy = SECRET_INIT;
	struct err not_words = ERR_INIT;
	size_t nr = 0, tried = 0, first = k->nr_problems;
	char **names = NULL;
	int ret;

	ret = slot_names(k->dir, &names, &nr, err);
	if (ret < 0)
		goto done;
	if (bip39_parse(password->data, password->size, &entropy, &not_words) == 0 &&
	    try_slots(k, names, nr, SLOT_RECOVERY, &entropy, &tried) == 1)
		goto done;
	if (try_slots(k, names, nr, SLOT_PASSWORD, password, &tried) == 0)
		ret = refuse(k, tried, first, err);
done:
	secret_release(&entropy);
	slot_names_free(names, nr);
	return ret;
}

static int unlock(struct keys *k, const struct passphrase_source *src, struct err *err)
{
	struct secret password = SECRET_INIT;
	int ret;

	if (!src->file && k->has_device && k->device.has_slot && open_with_device(k) == 1)
		return 0;
	ret = passphrase_read(src, &password, err);
	if (ret == ERR_KEY && k->nr_problems) {
		struct err why = *err;
		ret = err_set(err, (enum err_code)k->problems[0].code, "%s; %s",
			      k->problems[0].message, why.msg);
	}
	if (ret == 0)
		ret = open_with_password(k, &password, err);
	secret_release(&password);
	return ret;
}

static int read_keyring(struct keys *k, struct err *err)
{
	char *path = path_join(k->dir, KEYRING_NAME);
	struct buf raw = BUF_INIT;
	int ret;

	ret = file_read(path, KEYRING_MAX_SIZE, &raw, err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_CORRUPT, "'%s' is missing", path);
	if (ret < 0)
		goto done;
	ret = keyring_open(raw.data, raw.len, k->genesis.id, &k->master, &k->ring, err);
	if (ret == ERR_KEY)	/* the slot was genuine, so it is not the key that is wrong */
		err->code = ERR_CORRUPT;
	if (ret < 0)
		ret = err_wrap(err, "'%s'", path);
done:
	buf_release(&raw);
	sys_free(path);
	return ret;
}

int keys_open(struct keys **out, const char *dir, const char *state_home,
	      const unsigned char *expect_id, const struct passphrase_source *src,
	      struct err *err)
{
	struct keys *k = keys_new(dir);
	int ret;

	ret = read_genesis(k, expect_id, err);
	if (ret < 0)
		goto done;
	set_state_dir(k, state_home);
	ret = read_device(k, err);
	if (ret < 0)
		goto done;
	ret = unlock(k, src, err);
	if (ret < 0)
		goto done;
	ret = read_keyring(k, err);
	if (ret < 0)
		goto done;
	ret = derive(k, err);
	if (ret < 0)
		goto done;
	test_dump(k, NULL);
	*out = k;
	k = NULL;
done:
	keys_close(k);
	return ret;
}

int keys_check_words(const char *dir, const unsigned char *expect_id, const struct secret *words,
		     struct err *err)
{
	struct keys *k = keys_new(dir);
	struct secret entropy = SECRET_INIT;
	char **names = NULL;
	size_t nr = 0, tried = 0;
	int ret;

	ret = bip39_parse(words->data, words->size, &entropy, err);
	if (ret < 0)
		goto done;
	ret = read_genesis(k, expect_id, err);
	if (ret < 0)
		goto done;
	ret = slot_names(dir, &names, &nr, err);
	if (ret < 0)
		goto done;
	if (try_slots(k, names, nr, SLOT_RECOVERY, &entropy, &tried) == 0) {
		ret = tried || !k->nr_problems ?
			err_set(err, ERR_KEY, "these words do not open this repository") :
			refuse(k, 0, 0, err);
		goto done;
	}
	ret = read_keyring(k, err);
done:
	slot_names_free(names, nr);
	secret_release(&entropy);
	keys_close(k);
	return ret;
}

bool keys_opened_by(const struct keys *k, unsigned char id_out[KEY_SLOT_ID_SIZE])
{
	if (k->is_opened_by_slot)
		memcpy(id_out, k->opened_by, SLOT_ID_SIZE);
	return k->is_opened_by_slot;
}

/* The device ----------------------------------------------------------------------------- */

bool keys_has_device(const struct keys *k)
{
	return k->has_device;
}

bool keys_device_name_is_valid(const char *name)
{
	return device_name_is_valid(name);
}

int keys_device_join(struct keys *k, const char *name, bool with_device_slot, struct err *err)
{
	struct device d = DEVICE_INIT;
	int ret;

	if (!device_name_is_valid(name))
		return err_set(err, ERR_USAGE, "'%s' cannot be a device's name", name);
	device_generate(&d, name);
	ret = file_make_dirs(k->state_dir, 0700, err);
	if (ret == 0 && with_device_slot)
		ret = slot_write_device(k->dir, k->genesis.id, &k->master, &d, err);
	if (ret == 0)
		ret = device_write(k->state_dir, &d, k->genesis.id, err);
	if (ret == 0) {
		device_swap(&k->device, &d);
		k->has_device = true;
		test_dump(k, NULL);
	}
	device_release(&d);
	return ret;
}

static const struct device *own_device(const struct keys *k)
{
	if (!k->has_device)
		BUG("there is no device key");
	return &k->device;
}

const char *keys_device_name(const struct keys *k)
{
	return own_device(k)->name;
}

const unsigned char *keys_device_public(const struct keys *k)
{
	return own_device(k)->pub;
}

void keys_device_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE])
{
	sign_bytes(&own_device(k)->sign_key, p, n, sig);
}

void keys_owner_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE])
{
	sign_bytes(&k->owner_key, p, n, sig);
}

int keys_admin_sign(const struct keys *k, const void *p, size_t n, unsigned char sig[SIG_SIZE],
		    struct err *err)
{
	char *path = path_join(k->state_dir, ADMIN_NAME);
	struct secret raw = SECRET_INIT, seed = SECRET_INIT, key = SECRET_INIT;
	unsigned char pub[PUBKEY_SIZE];
	int ret;

	ret = secret_file_read(path, DEVICE_MAX_SIZE, true, &raw, err);
	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_NOT_FOUND, "the admin key is not on this machine");
	if (ret < 0)
		goto done;
	ret = admin_parse(raw.data, raw.size, k->genesis.id, &seed, err);
	if (ret < 0) {
		ret = err_wrap(err, "'%s'", path);
		goto done;
	}
	sign_pair(&seed, pub, &key);
	if (memcmp(pub, k->genesis.admin_key, PUBKEY_SIZE) != 0) {
		ret = err_set(err, ERR_CORRUPT, "'%s' is not the admin key of this repository",
			      path);
		goto done;
	}
	sign_bytes(&key, p, n, sig);
done:
	secret_release(&raw);
	secret_release(&seed);
	secret_release(&key);
	sys_free(path);
	return ret;
}

/* Keys for others ------------------------------------------------------------------------ */

const struct genesis *keys_genesis(const struct keys *k)
{
	return &k->genesis;
}

const unsigned char *keys_repo_id(const struct keys *k)
{
	return k->genesis.id;
}

const char *keys_state_dir(const struct keys *k)
{
	return k->state_dir;
}

void keys_object_id(const struct keys *k, uint8_t type, const void *p, size_t n,
		    unsigned char out[HASH_SIZE])
{
	hash_from(out, (const struct hasher *)(const void *)k->id_hasher.data, &type, 1, p, n);
}

const unsigned char *keys_chunker_key(const struct keys *k)
{
	return k->ring.domains[0].chunker_key.data;
}

void keys_cache_key(const struct keys *k, enum key_use use, struct secret *out)
{
	static const enum kdf_context contexts[] = {
		[KEY_USE_REFS_CACHE] = KDF_CACHE_REFS,
		[KEY_USE_STAT_CACHE] = KDF_CACHE_STAT,
		[KEY_USE_CATALOGUE] = KDF_CACHE_CATALOGUE,
		[KEY_USE_BLOCK_CACHE] = KDF_CACHE_BLOCKS,
	};

	secret_release(out);
	secret_init(out, KEY_SIZE);
	kdf(out->data, contexts[use], k->ring.cache_secret.data, KEY_SIZE, NULL, 0, NULL, 0);
}
