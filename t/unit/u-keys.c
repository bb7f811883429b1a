/*
 * Keys of a repository: made, opened in every way, their slots changed, their files damaged.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/bip39.h"
#include "crypto/keys-internal.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"

#include "t/unit/unit.h"

static char top[256], keys_dir[300], state_home[300], pw_file[300], bad_file[300];
static struct secret words;
static struct err err;

static const struct passphrase_source no_source = { NULL, true };
static const struct passphrase_source good = { pw_file, true };
static const struct passphrase_source bad = { bad_file, true };

static void write_text(const char *path, const char *text)
{
	CHECK(file_write(path, text, strlen(text), 0, 0600, &err) == 0);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(top, sizeof(top), "%s/u-keys-XXXXXX", tmp ? tmp : "/tmp");
	if (crypto_start(&err) < 0 || !mkdtemp(top))
		exit(1);
	snprintf(keys_dir, sizeof(keys_dir), "%s/keys", top);
	snprintf(state_home, sizeof(state_home), "%s/state", top);
	snprintf(pw_file, sizeof(pw_file), "%s/pw", top);
	snprintf(bad_file, sizeof(bad_file), "%s/bad", top);
	mkdir(keys_dir, 0700);
	write_text(pw_file, "correct horse\n");
	write_text(bad_file, "wrong horse\n");
	unsetenv("UB_PASSWORD");
	unsetenv("UB_PASSWORD_FILE");
	unsetenv("UB_PASSWORD_COMMAND");
	unsetenv("UB_PASSWORD_FD");
}

static int create(bool with_device_slot, bool replace, struct keys **out)
{
	struct secret password = SECRET_INIT;
	struct keys_create_args args = {
		.dir = keys_dir, .state_home = state_home, .device_name = "laptop",
		.password = &password, .cost = { 8192, 1 },
		.chunk_min = 256 << 10, .chunk_avg = 1 << 20, .chunk_max = 4 << 20,
		.erasure_k = 10, .erasure_m = 4,
		.with_device_slot = with_device_slot, .replace_leftovers = replace,
	};
	int ret;

	secret_set(&password, "correct horse", 13);
	ret = keys_create(&args, out, &words, &err);
	secret_release(&password);
	return ret;
}

static int open_with(const struct passphrase_source *src, struct keys **out)
{
	*out = NULL;
	err_clear(&err);
	return keys_open(out, keys_dir, state_home, NULL, src, &err);
}

/* Does `src` open it?  0 or the code. */
static int try_open(const struct passphrase_source *src)
{
	struct keys *k;
	int ret = open_with(src, &k);

	keys_close(k);
	return ret;
}

static void test_create_and_open_in_every_way(void)
{
	struct keys *k = NULL, *again;
	unsigned char a[32], b[32], sig[SIG_SIZE], id[8];

	setup();
	REQUIRE(create(true, false, &k) == 0);
	keys_object_id(k, 1, "abc", 3, a);
	keys_device_sign(k, "abc", 3, sig);
	CHECK(strcmp(keys_device_name(k), "laptop") == 0);
	CHECK(sig_is_good(keys_device_public(k), "abc", 3, sig));
	CHECK(!sig_is_good(keys_device_public(k), "abd", 3, sig));
	keys_owner_sign(k, "abc", 3, sig);
	CHECK(sig_is_good(keys_genesis(k)->owner_key, "abc", 3, sig));
	CHECK(keys_admin_sign(k, "abc", 3, sig, &err) == 0);
	CHECK(sig_is_good(keys_genesis(k)->admin_key, "abc", 3, sig));
	CHECK(!keys_opened_by(k, id));

	REQUIRE(open_with(&no_source, &again) == 0);	/* the device slot */
	keys_object_id(again, 1, "abc", 3, b);
	CHECK(memcmp(a, b, 32) == 0);
	hash_keyed_tagged(b, again->ring.domains[0].id_key.data, 1, "abc", 3);
	CHECK(memcmp(a, b, 32) == 0);
	keys_object_id(again, 2, "abc", 3, b);
	CHECK(memcmp(a, b, 32) != 0);
	CHECK(keys_opened_by(again, id));
	CHECK(!keys_problem(again, 0, NULL));
	keys_close(again);

	CHECK(try_open(&good) == 0);
	CHECK(try_open(&bad) == ERR_KEY);	/* although the device slot would open */
	CHECK(strcmp(err.msg, "wrong password") == 0);
	CHECK(create(true, false, &again) == ERR_REFUSED);
	keys_close(k);
}

static void test_recovery_words_open_too(void)
{
	struct passphrase_source src = { bad_file, true };

	CHECK(file_write(bad_file, words.data, words.size - 1, 0, 0600, &err) == 0);
	CHECK(try_open(&src) == 0);
	CHECK(keys_check_words(keys_dir, NULL, &words, &err) == 0);
	struct secret other = SECRET_INIT;
	unsigned char entropy[32] = { 1 };
	bip39_encode(entropy, &other);
	CHECK(keys_check_words(keys_dir, NULL, &other, &err) == ERR_KEY);
	secret_release(&other);
	write_text(bad_file, "wrong horse");
}

static void test_the_environment_is_asked_in_order(void)
{
	struct keys *k;
	char text[400];

	REQUIRE(open_with(&good, &k) == 0);
	char *device = path_join(keys_state_dir(k), "device");
	char *aside = path_join(top, "aside");
	CHECK(rename(device, aside) == 0);
	CHECK(try_open(&no_source) == ERR_KEY);
	setenv("UB_PASSWORD_FD", "77", 1);
	CHECK(try_open(&no_source) == ERR_SYS);
	snprintf(text, sizeof(text), "cat '%s'", pw_file);
	setenv("UB_PASSWORD_COMMAND", text, 1);
	CHECK(try_open(&no_source) == 0);
	setenv("UB_PASSWORD_COMMAND", "echo x; exit 3", 1);
	CHECK(try_open(&no_source) == ERR_KEY);
	setenv("UB_PASSWORD_FILE", pw_file, 1);
	CHECK(try_open(&no_source) == 0);
	setenv("UB_PASSWORD", "wrong", 1);
	CHECK(try_open(&no_source) == ERR_KEY);
	setenv("UB_PASSWORD", "", 1);
	CHECK(try_open(&no_source) == ERR_KEY && strstr(err.msg, "empty"));
	setenv("UB_PASSWORD", "correct horse", 1);
	CHECK(try_open(&no_source) == 0);
	CHECK(try_open(&bad) == ERR_KEY);
	unsetenv("UB_PASSWORD");
	unsetenv("UB_PASSWORD_FILE");
	unsetenv("UB_PASSWORD_COMMAND");
	int fd = open(pw_file, O_RDONLY);
	snprintf(text, sizeof(text), "%d", fd);
	setenv("UB_PASSWORD_FD", text, 1);
	CHECK(try_open(&no_source) == 0);
	close(fd);
	unsetenv("UB_PASSWORD_FD");
	CHECK(rename(aside, device) == 0);
	CHECK(try_open(&no_source) == 0);
	sys_free(device);
	sys_free(aside);
	keys_close(k);
}

static void test_slots_are_added_changed_and_removed(void)
{
	struct secret other = SECRET_INIT, fresh = SECRET_INIT;
	struct kdf_cost cost = { 8192, 1 };
	unsigned char id[8], new_id[8], pw_id[8] = { 0 };
	struct key_slot *list;
	struct keys *k;
	size_t nr;

	secret_set(&other, "second", 6);
	REQUIRE(open_with(&no_source, &k) == 0);
	CHECK(keys_slot_add_password(k, &other, "for the safe", &cost, 0, id, &err) == 0);
	write_text(bad_file, "second");
	CHECK(try_open(&bad) == 0);
	secret_release(&other);
	secret_set(&other, "third", 5);
	CHECK(keys_slot_passwd(k, id, &other, &cost, 0, new_id, &err) == 0);
	CHECK(try_open(&bad) == ERR_KEY);
	write_text(bad_file, "third");
	CHECK(try_open(&bad) == 0);
	CHECK(keys_slot_remove(k, id, 0, &err) == ERR_NOT_FOUND);
	CHECK(keys_slots(k, &list, &nr, &err) == 0 && nr == 4);
	for (size_t i = 0; i < nr; i++) {
		CHECK(!list[i].problem);
		if (list[i].type == SLOT_PASSWORD && memcmp(list[i].id, new_id, 8) != 0)
			memcpy(pw_id, list[i].id, 8);
		if (memcmp(list[i].id, new_id, 8) == 0)
			CHECK(strcmp(list[i].label, "for the safe") == 0);
		if (list[i].type == SLOT_DEVICE)
			CHECK(list[i].is_own && strcmp(list[i].label, "laptop") == 0);
	}
	sys_free(list);
	CHECK(keys_slot_add_recovery(k, 0, &fresh, id, &err) == 0);
	CHECK(keys_check_words(keys_dir, NULL, &words, &err) == 0);
	CHECK(keys_slot_retire_recovery(k, id, 0, &err) == 0);
	CHECK(keys_check_words(keys_dir, NULL, &words, &err) == ERR_KEY);
	CHECK(keys_check_words(keys_dir, NULL, &fresh, &err) == 0);
	secret_swap(&words, &fresh);
	CHECK(keys_slot_remove(k, new_id, 0, &err) == 0);
	CHECK(keys_slot_remove(k, id, 0, &err) == 0);
	CHECK(keys_slot_remove(k, pw_id, 0, &err) == ERR_REFUSED);
	CHECK(keys_slots(k, &list, &nr, &err) == 0 && nr == 2);
	for (size_t i = 0; i < nr; i++)
		if (list[i].type == SLOT_DEVICE)
			CHECK(keys_slot_remove(k, list[i].id, 0, &err) == 0);
	sys_free(list);
	CHECK(try_open(&no_source) == ERR_KEY);
	CHECK(keys_slot_add_device(k, 0, id, &err) == 0);
	CHECK(try_open(&no_source) == 0);
	CHECK(keys_slot_add_recovery(k, 0, &words, id, &err) == 0);
	secret_release(&fresh);
	secret_release(&other);
	keys_close(k);
}

static void test_a_copied_folder_joins_anew(void)
{
	struct keys *k;
	unsigned char sig[SIG_SIZE];
	char *old = path_join(top, "state"), *aside = path_join(top, "state-aside");

	CHECK(rename(old, aside) == 0);
	CHECK(try_open(&no_source) == ERR_KEY);
	REQUIRE(open_with(&good, &k) == 0);
	CHECK(!keys_has_device(k));
	CHECK(keys_admin_sign(k, "x", 1, sig, &err) == ERR_NOT_FOUND);
	CHECK(keys_device_join(k, "bad/name", true, &err) == ERR_USAGE);
	CHECK(keys_device_join(k, "desk", true, &err) == 0);
	CHECK(keys_has_device(k) && strcmp(keys_device_name(k), "desk") == 0);
	keys_close(k);
	CHECK(try_open(&no_source) == 0);
	sys_free(old);
	sys_free(aside);
}


/* Each byte of the file, changed: what does opening say? */
static void flip_all(const char *dir, const char *name, const struct passphrase_source *src,
		     bool may_open)
{
	char *path = path_join(dir, name);
	struct buf raw = BUF_INIT;
	struct stat st;

	REQUIRE(file_read(path, 1 << 16, &raw, &err) == 0 && stat(path, &st) == 0);
	for (size_t i = 0; i <= raw.len; i++) {
		struct keys *k;
		size_t n = i < raw.len ? raw.len : raw.len / 2;
		if (i < raw.len)
			raw.data[i] ^= 0x10;
		int fd = open(path, O_WRONLY | O_TRUNC);
		CHECK(write(fd, raw.data, n) == (ssize_t)n);
		close(fd);
		int ret = open_with(src, &k);
		if (may_open && ret == 0) {
			int code = 0;
			const char *what = keys_problem(k, 0, &code);
			CHECK(what && strstr(what, name) && code == ERR_CORRUPT);
		} else {
			CHECK(ret == ERR_CORRUPT);
			CHECK(strstr(err.msg, name));
		}
		keys_close(k);
		if (i < raw.len)
			raw.data[i] ^= 0x10;
	}
	int fd = open(path, O_WRONLY | O_TRUNC);
	CHECK(write(fd, raw.data, raw.len) == (ssize_t)raw.len);
	close(fd);
	buf_release(&raw);
	sys_free(path);
}

static void test_each_damaged_byte_is_named(void)
{
	struct keys *k;
	struct key_slot *list;
	unsigned char id[32];
	size_t nr;

	REQUIRE(open_with(&no_source, &k) == 0);
	memcpy(id, keys_repo_id(k), 32);
	flip_all(keys_dir, "keyring", &no_source, false);
	flip_all(keys_state_dir(k), "device", &no_source, false);
	flip_all(keys_state_dir(k), "device", &good, true);
	CHECK(keys_slots(k, &list, &nr, &err) == 0);
	for (size_t i = 0; i < nr; i++) {
		char name[SLOT_NAME_SIZE];
		struct slot s;
		memcpy(s.id, list[i].id, 8);
		slot_file_name(&s, name);
		if (list[i].is_own)
			flip_all(keys_dir, name, &no_source, false);
		if (list[i].type == SLOT_PASSWORD)
			flip_all(keys_dir, name, &good, false);
	}
	sys_free(list);

	char *path = path_join(keys_dir, "genesis");
	struct buf raw = BUF_INIT;
	REQUIRE(file_read(path, 4096, &raw, &err) == 0);
	for (size_t i = 0; i < raw.len; i++) {
		struct keys *again = NULL;
		raw.data[i] ^= 1;
		CHECK(file_write(path, raw.data, raw.len, 0, 0644, &err) == 0);
		int ret = keys_open(&again, keys_dir, state_home, id, &no_source, &err);
		CHECK(ret == ERR_CORRUPT && strstr(err.msg, "keys/genesis"));
		raw.data[i] ^= 1;
	}
	CHECK(file_write(path, raw.data, raw.len, 0, 0644, &err) == 0);
	CHECK(try_open(&no_source) == 0);
	buf_release(&raw);
	sys_free(path);
	keys_close(k);
}

static void test_a_file_that_others_read_is_refused(void)
{
	struct keys *k;

	REQUIRE(open_with(&no_source, &k) == 0);
	char *device = path_join(keys_state_dir(k), "device");
	CHECK(chmod(device, 0640) == 0);
	CHECK(try_open(&no_source) == ERR_REFUSED);
	CHECK(try_open(&good) == ERR_REFUSED);
	CHECK(chmod(device, 0600) == 0);
	CHECK(try_open(&no_source) == 0);
	sys_free(device);
	keys_close(k);
}

static void test_leftovers_of_a_killed_init_are_replaced(void)
{
	struct keys *k = NULL;
	char *path = path_join(keys_dir, "genesis");
	struct key_slot *list;
	size_t nr;

	CHECK(file_remove(path, &err) == 0);
	REQUIRE(create(false, false, &k) == 0);
	CHECK(keys_slots(k, &list, &nr, &err) == 0 && nr == 2);
	sys_free(list);
	keys_close(k);
	CHECK(try_open(&no_source) == ERR_KEY);
	REQUIRE(create(true, true, &k) == 0);
	keys_close(k);
	CHECK(try_open(&no_source) == 0);
	sys_free(path);
	secret_release(&words);
	char command[400];
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	CHECK(system(command) == 0);
}

UNIT_MAIN(test_create_and_open_in_every_way,
	  test_recovery_words_open_too,
	  test_the_environment_is_asked_in_order,
	  test_slots_are_added_changed_and_removed,
	  test_a_copied_folder_joins_anew,
	  test_each_damaged_byte_is_named,
	  test_a_file_that_others_read_is_refused,
	  test_leftovers_of_a_killed_init_are_replaced)
