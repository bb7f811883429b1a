/*
 * test-keys KEYS STATE PASSWORD-FILE ENVELOPE...: open the keys folder with the password and print
 * what a reader must come to: ids of objects, signatures, the keys in the envelopes.
 * test-keys --make KEYS STATE PASSWORD-FILE 1|2: an envelope of that type, on standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "crypto/keys-internal.h"
#include "crypto/passphrase.h"

static struct err err;

static int fail(void)
{
	fprintf(stderr, "test-keys: %s\n", err.msg);
	return 1;
}

static void print_hex(const char *what, const unsigned char *p, size_t n)
{
	printf("%s ", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	printf("\n");
}

static void print_derived(const struct keys *k)
{
	static const char *const uses[] = { "refs", "stat", "catalogue", "blocks" };
	unsigned char out[SIG_SIZE];

	print_hex("repository", keys_repo_id(k), HASH_SIZE);
	keys_object_id(k, 1, "hello\n", 6, out);
	print_hex("object-1-hello", out, HASH_SIZE);
	keys_object_id(k, 3, "", 0, out);
	print_hex("object-3-empty", out, HASH_SIZE);
	for (int i = 0; i < 4; i++) {
		struct secret key = SECRET_INIT;
		char what[32];
		keys_cache_key(k, (enum key_use)i, &key);
		snprintf(what, sizeof(what), "cache-%s", uses[i]);
		print_hex(what, key.data, key.size);
		secret_release(&key);
	}
	keys_owner_sign(k, "hello\n", 6, out);
	print_hex("owner-signs-hello", out, SIG_SIZE);
	if (!keys_has_device(k))
		return;
	printf("device %s\n", keys_device_name(k));
	print_hex("device-key", keys_device_public(k), PUBKEY_SIZE);
	keys_device_sign(k, "hello\n", 6, out);
	print_hex("device-signs-hello", out, SIG_SIZE);
}

static int print_envelope(const struct keys *k, const char *path)
{
	unsigned char salt[ENVELOPE_SALT_SIZE], part[KEY_SIZE];
	struct secret key = SECRET_INIT;
	struct buf raw = BUF_INIT;
	size_t used;

	if (file_read(path, ENVELOPE_MAX_SIZE, &raw, &err) < 0 ||
	    envelope_open(k, raw.data, raw.len, &key, salt, &used, &err) < 0)
		return fail();
	print_hex("envelope", key.data, key.size);
	envelope_part_key(&key, 193, part);
	print_hex("part-193", part, KEY_SIZE);
	secret_release(&key);
	buf_release(&raw);
	return 0;
}

static int make_envelope(const struct keys *k, const char *type)
{
	unsigned char salt[ENVELOPE_SALT_SIZE];
	struct secret key = SECRET_INIT;
	struct buf out = BUF_INIT;

	if (strcmp(type, "2") == 0)
		envelope_create_box(k, &out, &key, salt);
	else
		envelope_create(k, &out, &key, salt);
	fwrite(out.data, 1, out.len, stdout);
	secret_release(&key);
	buf_release(&out);
	return 0;
}

int main(int argc, char **argv)
{
	struct passphrase_source src = { NULL, true };
	bool make = argc > 1 && strcmp(argv[1], "--make") == 0;
	struct keys *k = NULL;
	int ret = 0;

	argc -= make;
	argv += make;
	if (argc < 4)
		return 2;
	src.file = argv[3];
	if (crypto_start(&err) < 0 || keys_open(&k, argv[1], argv[2], NULL, &src, &err) < 0)
		return fail();
	if (!make)
		print_derived(k);
	for (int i = 4; i < argc && ret == 0; i++)
		ret = make ? make_envelope(k, argv[i]) : print_envelope(k, argv[i]);
	keys_close(k);
	return ret;
}
