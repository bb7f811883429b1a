/*
 * The slots of a repository: listed, added, removed, replaced.
 *
 * 1. A new slot is durable before an old one is removed.
 * 2. There is always a slot that a person can open, by password or words, as far as files tell.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/bip39.h"

#include "crypto/keys-internal.h"

#define COST_MEM_LOWEST ((uint64_t)8 << 20)
#define COST_MEM_HIGHEST ((uint64_t)4 << 30)
#define COST_MEM_DEFAULT ((uint64_t)256 << 20)
#define COST_PASSES_HIGHEST 64
#define COST_PASSES_DEFAULT 3
#define COST_WEAK_KIB_PASSES ((uint64_t)128 << 10)

#define SLOTS_MAX 1000		/* files that are looked at */

void kdf_cost_default(struct kdf_cost *out)
{
	uint64_t mem = COST_MEM_DEFAULT;

	while (mem > COST_MEM_LOWEST && mem > sys_memory_size() / 4)
		mem /= 2;
	out->mem_kib = (uint32_t)(mem >> 10);
	out->passes = COST_PASSES_DEFAULT;
}

int kdf_cost_parse(const char *text, struct kdf_cost *out, struct err *err)
{
	const char *colon = strchr(text, ':');
	uint64_t mem = 0, passes = 0;
	bool good = false;

	if (colon) {
		char *first = xstrndup(text, (size_t)(colon - text));
		good = number_parse_size(first, &mem) && number_parse(colon + 1, &passes);
		sys_free(first);
	}
	if (!good)
		return err_set(err, ERR_USAGE, "'%s' is not MEM:PASSES, as in 256M:3", text);
	if (mem < COST_MEM_LOWEST || mem > COST_MEM_HIGHEST || !passes ||
	    passes > COST_PASSES_HIGHEST)
		return err_set(err, ERR_USAGE, "'%s' is out of bounds: from 8M:1 to 4G:%d", text,
			       COST_PASSES_HIGHEST);
	if (mem > sys_memory_size())
		return err_set(err, ERR_USAGE, "'%s' is more memory than this machine has", text);
	out->mem_kib = (uint32_t)(mem >> 10);
	out->passes = (uint32_t)passes;
	return 0;
}

bool kdf_cost_is_weak(const struct kdf_cost *cost)
{
	return (uint64_t)cost->mem_kib * cost->passes < COST_WEAK_KIB_PASSES;
}

const char *slot_type_word(enum slot_type type)
{
	switch (type) {
	case SLOT_PASSWORD:
		return "password";
	case SLOT_RECOVERY:
		return "recovery";
	case SLOT_DEVICE:
		return "device";
	}
	return "unknown";
}

bool keys_label_is_valid(const char *label)
{
	return label_is_valid(label);
}

int slot_load(const char *dir, const char *name, const unsigned char repo_id[HASH_SIZE],
	      struct slot *out, struct err *err)
{
	char *path = path_join(dir, name);
	struct buf raw = BUF_INIT;
	unsigned char id[SLOT_ID_SIZE];
	struct slot s = { .type = SLOT_PASSWORD };
	int ret;

	ret = file_read(path, SLOT_MAX_SIZE, &raw, err);
	if (ret < 0)
		goto done;
	ret = slot_parse(raw.data, raw.len, &s, err);
	if (ret == 0 && (!slot_name_is_valid(name, id) || memcmp(id, s.id, sizeof(id)) != 0))
		ret = err_set(err, ERR_CORRUPT, "the key slot belongs under another name");
	if (ret == 0 && memcmp(s.repo_id, repo_id, HASH_SIZE) != 0)
		ret = err_set(err, ERR_CORRUPT, "the key slot belongs to another repository");
	if (ret < 0) {
		ret = err_wrap(err, "'%s'", path);
		goto done;
	}
	*out = s;
done:
	buf_release(&raw);
	sys_free(path);
	return ret;
}

struct names {
	char **v;
	size_t nr;
};

static int collect(const char *name, void *data, struct err *err)
{
	struct names *names = data;

	if (!slot_name_is_valid(name, NULL))
		return 0;
	if (names->nr == SLOTS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d key slots", SLOTS_MAX);
	names->v = xrealloc(names->v, (names->nr + 1) * sizeof(*names->v));
	names->v[names->nr++] = xstrdup(name);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int slot_names(const char *dir, char ***out, size_t *nr_out, struct err *err)
{
	struct names names = { NULL, 0 };
	int ret;

	ret = file_each(dir, collect, &names, err);
	if (ret < 0) {
		slot_names_free(names.v, names.nr);
		return ret;
	}
	if (names.nr)
		qsort(names.v, names.nr, sizeof(*names.v), compare_names);
	*out = names.v;
	*nr_out = names.nr;
	return 0;
}

void slot_names_free(char **names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sys_free(names[i]);
	sys_free(names);
}

static int write_slot(const char *dir, struct slot *s, const struct secret *credential,
		      const struct secret *master, unsigned char id_out[SLOT_ID_SIZE],
		      struct err *err)
{
	struct buf raw = BUF_INIT;
	char name[SLOT_NAME_SIZE], *path = NULL;
	struct timespec now;
	int ret;

	sys_now(&now);
	s->created = (uint64_t)now.tv_sec;
	ret = slot_wrap(s, credential, master, err);
	if (ret < 0)
		goto done;
	slot_encode(s, &raw);
	slot_file_name(s, name);
	path = path_join(dir, name);
	ret = file_write(path, raw.data, raw.len, FILE_NO_REPLACE, 0600, err);
	if (ret == 0)
		memcpy(id_out, s->id, SLOT_ID_SIZE);
done:
	sys_free(path);
	buf_release(&raw);
	return ret;
}

static void begin_slot(struct slot *s, enum slot_type type, const char *label,
		       const unsigned char repo_id[HASH_SIZE])
{
	memset(s, 0, sizeof(*s));
	s->type = type;
	memcpy(s->repo_id, repo_id, HASH_SIZE);
	if (!label_is_valid(label))
		BUG("a slot labelled '%s'", label);
	memcpy(s->label, label, strlen(label) + 1);
}

int slot_write_password(const char *dir, const unsigned char repo_id[HASH_SIZE],
			const struct secret *master, const struct secret *password,
			const char *label, const struct kdf_cost *cost,
			unsigned char id_out[SLOT_ID_SIZE], struct err *err)
{
	struct slot s;

	begin_slot(&s, SLOT_PASSWORD, label, repo_id);
	s.kdf = SLOT_KDF_ARGON2ID13;
	s.mem_kib = cost->mem_kib;
	s.passes = cost->passes;
	return write_slot(dir, &s, password, master, id_out, err);
}

int slot_write_recovery(const char *dir, const unsigned char repo_id[HASH_SIZE],
			const struct secret *master, struct secret *words_out,
			unsigned char id_out[SLOT_ID_SIZE], struct err *err)
{
	struct secret entropy = SECRET_INIT;
	struct slot s;
	int ret;

	secret_random(&entropy, BIP39_ENTROPY_SIZE);
	begin_slot(&s, SLOT_RECOVERY, "", repo_id);
	ret = write_slot(dir, &s, &entropy, master, id_out, err);
	if (ret == 0)
		bip39_encode(entropy.data, words_out);
	secret_release(&entropy);
	return ret;
}

int slot_write_device(const char *dir, const unsigned char repo_id[HASH_SIZE],
		      const struct secret *master, struct device *d, struct err *err)
{
	struct slot s;
	int ret;

	secret_release(&d->slot_secret);
	secret_random(&d->slot_secret, KEY_SIZE);
	begin_slot(&s, SLOT_DEVICE, d->name, repo_id);
	ret = write_slot(dir, &s, &d->slot_secret, master, d->slot_id, err);
	d->has_slot = ret == 0;
	return ret;
}

int device_write(const char *state_dir, const struct device *d,
		 const unsigned char repo_id[HASH_SIZE], struct err *err)
{
	struct secret raw = SECRET_INIT;
	char *path = path_join(state_dir, "device");
	int ret;

	device_encode(d, repo_id, &raw);
	ret = file_write(path, raw.data, raw.size, 0, 0600, err);
	secret_release(&raw);
	sys_free(path);
	return ret;
}

static int compare_slots(const void *a, const void *b)
{
	const struct key_slot *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? -1 : 1;
	return memcmp(x->id, y->id, sizeof(x->id));
}

int keys_slots(const struct keys *k, struct key_slot **out, size_t *nr_out, struct err *err)
{
	struct key_slot *list;
	char **names = NULL;
	size_t nr = 0;
	int ret;

	ret = slot_names(k->dir, &names, &nr, err);
	if (ret < 0)
		return ret;
	list = xcalloc(nr ? nr : 1, sizeof(*list));
	for (size_t i = 0; i < nr; i++) {
		struct key_slot *s = &list[i];
		struct err why = ERR_INIT;
		struct slot slot = { .type = SLOT_PASSWORD };
		slot_name_is_valid(names[i], s->id);
		s->problem = slot_load(k->dir, names[i], k->genesis.id, &slot, &why);
		if (s->problem < 0) {
			size_t n = strnlen(why.msg, sizeof(s->problem_text) - 1);
			memcpy(s->problem_text, why.msg, n);
			continue;
		}
		s->type = slot.type;
		memcpy(s->label, slot.label, sizeof(s->label));
		s->created = slot.created;
		s->cost.mem_kib = slot.mem_kib;
		s->cost.passes = slot.passes;
		s->is_own = slot.type == SLOT_DEVICE && k->has_device && k->device.has_slot &&
			    memcmp(slot.id, k->device.slot_id, SLOT_ID_SIZE) == 0;
	}
	slot_names_free(names, nr);
	qsort(list, nr, sizeof(*list), compare_slots);
	*out = list;
	*nr_out = nr;
	return 0;
}

static int lock_slots(const struct keys *k, struct lock *lock, unsigned int wait_ms,
		      struct err *err)
{
	char *path = path_join(k->dir, "lock");
	int ret = lock_take(lock, path, LOCK_EXCLUSIVE, wait_ms, "the key slots", err);

	sys_free(path);
	return ret;
}

int keys_slot_add_password(const struct keys *k, const struct secret *password, const char *label,
			   const struct kdf_cost *cost, unsigned int wait_ms,
			   unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err)
{
	struct lock lock = LOCK_INIT;
	int ret;

	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret == 0)
		ret = slot_write_password(k->dir, k->genesis.id, &k->master, password, label, cost,
					  id_out, err);
	lock_release(&lock);
	return ret;
}

int keys_slot_add_device(struct keys *k, unsigned int wait_ms,
			 unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err)
{
	struct lock lock = LOCK_INIT;
	int ret;

	if (!k->has_device)
		return err_set(err, ERR_NOT_FOUND, "this machine has no device key yet");
	if (k->device.has_slot)
		return err_set(err, ERR_REFUSED, "this machine has a device slot already");
	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret < 0)
		return ret;
	ret = slot_write_device(k->dir, k->genesis.id, &k->master, &k->device, err);
	if (ret < 0)
		goto done;
	ret = device_write(k->state_dir, &k->device, k->genesis.id, err);
	if (ret < 0) {
		k->device.has_slot = false;
		goto done;
	}
	memcpy(id_out, k->device.slot_id, SLOT_ID_SIZE);
done:
	lock_release(&lock);
	return ret;
}

static int find_slot(const struct key_slot *list, size_t nr, const unsigned char *id,
		     const struct key_slot **out, struct err *err)
{
	char hex[2 * SLOT_ID_SIZE + 1];

	for (size_t i = 0; i < nr; i++) {
		if (memcmp(list[i].id, id, SLOT_ID_SIZE) == 0) {
			*out = &list[i];
			return 0;
		}
	}
	hex_encode(hex, id, SLOT_ID_SIZE);
	return err_set(err, ERR_NOT_FOUND, "there is no key slot %s", hex);
}

static bool opens_for_a_person(const struct key_slot *s)
{
	return !s->problem && s->type != SLOT_DEVICE;
}

/* The slot lock is held. */
static int remove_file(const struct keys *k, const unsigned char id[SLOT_ID_SIZE], struct err *err)
{
	char name[SLOT_NAME_SIZE];
	struct slot s;
	char *path;
	int ret;

	memcpy(s.id, id, SLOT_ID_SIZE);
	slot_file_name(&s, name);
	path = path_join(k->dir, name);
	ret = file_remove(path, err);
	sys_free(path);
	return ret;
}

static int remove_slot(struct keys *k, const unsigned char *id, struct err *err)
{
	const struct key_slot *doomed = NULL;
	struct key_slot *list = NULL;
	size_t nr = 0, others = 0;
	int ret;

	ret = keys_slots(k, &list, &nr, err);
	if (ret < 0)
		goto done;
	ret = find_slot(list, nr, id, &doomed, err);
	if (ret < 0)
		goto done;
	for (size_t i = 0; i < nr; i++)
		others += &list[i] != doomed && opens_for_a_person(&list[i]);
	if (!others && opens_for_a_person(doomed)) {
		ret = err_set(err, ERR_REFUSED, "this is the last key slot that a person can open, "
			      "by password or recovery words; add another first");
		goto done;
	}
	bool is_own = doomed->is_own;
	ret = remove_file(k, id, err);
	if (ret == 0 && is_own) {
		k->device.has_slot = false;
		ret = device_write(k->state_dir, &k->device, k->genesis.id, err);
	}
done:
	sys_free(list);
	return ret;
}

int keys_slot_remove(struct keys *k, const unsigned char id[KEY_SLOT_ID_SIZE],
		     unsigned int wait_ms, struct err *err)
{
	struct lock lock = LOCK_INIT;
	int ret;

	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret == 0)
		ret = remove_slot(k, id, err);
	lock_release(&lock);
	return ret;
}

int keys_slot_passwd(struct keys *k, const unsigned char id[KEY_SLOT_ID_SIZE],
		     const struct secret *password, const struct kdf_cost *cost,
		     unsigned int wait_ms, unsigned char id_out[KEY_SLOT_ID_SIZE],
		     struct err *err)
{
	struct lock lock = LOCK_INIT;
	const struct key_slot *old = NULL;
	struct key_slot *list = NULL;
	size_t nr = 0;
	int ret;

	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret < 0)
		goto done;
	ret = keys_slots(k, &list, &nr, err);
	if (ret < 0)
		goto done;
	ret = find_slot(list, nr, id, &old, err);
	if (ret < 0)
		goto done;
	if (old->problem) {
		ret = err_set(err, (enum err_code)old->problem, "%s", old->problem_text);
		goto done;
	}
	if (old->type != SLOT_PASSWORD) {
		ret = err_set(err, ERR_USAGE, "this is a %s slot, which has no password",
			      slot_type_word(old->type));
		goto done;
	}
	ret = slot_write_password(k->dir, k->genesis.id, &k->master, password, old->label, cost,
				  id_out, err);
	if (ret < 0)
		goto done;
	ret = remove_file(k, id, err);
done:
	sys_free(list);
	lock_release(&lock);
	return ret;
}

int keys_slot_add_recovery(const struct keys *k, unsigned int wait_ms, struct secret *words_out,
			   unsigned char id_out[KEY_SLOT_ID_SIZE], struct err *err)
{
	struct lock lock = LOCK_INIT;
	int ret;

	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret == 0)
		ret = slot_write_recovery(k->dir, k->genesis.id, &k->master, words_out, id_out,
					  err);
	lock_release(&lock);
	return ret;
}

int keys_slot_retire_recovery(const struct keys *k, const unsigned char keep[KEY_SLOT_ID_SIZE],
			      unsigned int wait_ms, struct err *err)
{
	struct lock lock = LOCK_INIT;
	const struct key_slot *kept = NULL;
	struct key_slot *list = NULL;
	size_t nr = 0;
	int ret;

	ret = lock_slots(k, &lock, wait_ms, err);
	if (ret < 0)
		goto done;
	ret = keys_slots(k, &list, &nr, err);
	if (ret < 0)
		goto done;
	ret = find_slot(list, nr, keep, &kept, err);
	/* A damaged slot may be of another type: it stays. */
	for (size_t i = 0; ret == 0 && i < nr; i++) {
		if (&list[i] != kept && !list[i].problem && list[i].type == SLOT_RECOVERY)
			ret = remove_file(k, list[i].id, err);
	}
done:
	sys_free(list);
	lock_release(&lock);
	return ret;
}
