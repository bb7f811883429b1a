/*
 * ub key: what opens the repository, listed and changed.
 *
 * Needs the keys alone: it works while packs, index or logs are damaged.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"
#include "builtin/repo.h"

static const char key_usage[] =
	"ub key list\n"
	"ub key add [--label TEXT] [--kdf MEM:PASSES] [--new-password-file FILE]\n"
	"ub key add --device\n"
	"ub key remove SLOT\n"
	"ub key passwd [--kdf MEM:PASSES] [--new-password-file FILE] [SLOT]\n"
	"ub key recovery [--check]";

#define SLOT_HEX_SIZE (2 * KEY_SLOT_ID_SIZE + 1)
#define PREFIX_MIN 4		/* digits of a slot that are enough when they are unique */
#define WORDS_PER_LINE 6

struct key_args {
	const char *label, *kdf, *new_password_file;
	bool device, check;
	const char *slot;	/* as typed, or NULL */
};

static unsigned int wait_ms(struct ub *ub)
{
	unsigned int seconds = repo_lock_wait(ub);

	return seconds < UINT32_MAX / 1000 ? seconds * 1000 : UINT32_MAX;
}

static int open_keys(struct ub *ub, unsigned int flags, struct err *err)
{
	int ret = repo_open_config(ub, flags, err);

	return ret < 0 ? ret : repo_open_keys(ub, err);
}

static void print_id(struct ub *ub, const unsigned char id[KEY_SLOT_ID_SIZE])
{
	char hex[SLOT_HEX_SIZE];
	struct buf line = BUF_INIT;
	struct json j;

	hex_encode(hex, id, KEY_SLOT_ID_SIZE);
	if (ub->json) {
		json_begin(&j, &line, "slot");
		json_str(&j, "id", hex);
		json_end(&j);
	} else {
		buf_printf(&line, "%s\n", hex);
	}
	out_buf(&ub->out, &line);
	buf_release(&line);
}

/* -- list -- */

static void print_json(struct buf *line, const struct key_slot *s, const char *hex)
{
	struct json j;

	json_begin(&j, line, "slot");
	json_str(&j, "id", hex);
	if (s->problem) {
		json_str(&j, "problem", s->problem_text);
		json_end(&j);
		return;
	}
	json_str(&j, "slot_type", slot_type_word(s->type));
	json_time(&j, "created", (int64_t)s->created, 0);
	json_str(&j, "label", s->label);
	if (s->type == SLOT_PASSWORD) {
		json_u64(&j, "kdf_memory", (uint64_t)s->cost.mem_kib << 10);
		json_u64(&j, "kdf_passes", s->cost.passes);
	}
	json_bool(&j, "this_device", s->is_own);
	json_end(&j);
}

static void print_text(struct buf *line, const struct key_slot *s, const char *hex)
{
	time_t created = (time_t)s->created;
	char when[64] = "-";
	struct tm tm;

	if (s->problem) {
		buf_printf(line, "%s damaged - -\t%s\n", hex, s->problem_text);
		return;
	}
	if (localtime_r(&created, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", &tm);
	buf_printf(line, "%s %s %s ", hex, slot_type_word(s->type), when);
	if (s->type == SLOT_PASSWORD && s->cost.mem_kib % 1024 == 0)
		buf_printf(line, "%" PRIu32 "M:%" PRIu32, s->cost.mem_kib >> 10, s->cost.passes);
	else if (s->type == SLOT_PASSWORD)
		buf_printf(line, "%" PRIu32 "K:%" PRIu32, s->cost.mem_kib, s->cost.passes);
	else
		buf_put_str(line, "-");
	buf_printf(line, "\t%s%s\n", s->label, s->is_own ? " (this device)" : "");
}

static int list(struct ub *ub, const struct key_args *args, struct err *err)
{
	struct key_slot *slots = NULL;
	size_t nr = 0;
	int ret;

	(void)args;
	ret = open_keys(ub, 0, err);
	if (ret < 0)
		return ret;
	ret = keys_slots(ub->keys, &slots, &nr, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < nr; i++) {
		char hex[SLOT_HEX_SIZE];
		struct buf line = BUF_INIT;
		hex_encode(hex, slots[i].id, KEY_SLOT_ID_SIZE);
		if (ub->json)
			print_json(&line, &slots[i], hex);
		else
			print_text(&line, &slots[i], hex);
		out_buf(&ub->out, &line);
		buf_release(&line);
		if (slots[i].problem)
			ret = slots[i].problem == ERR_FORMAT && ret != EXIT_DAMAGED ?
				EXIT_FORMAT : EXIT_DAMAGED;
	}
	sys_free(slots);
	return ret;
}

/* -- naming a slot -- */

/* The one slot whose id begins as `text` does. */
static int find_slot(const struct key_slot *slots, size_t nr, const char *text,
		     const struct key_slot **out, struct err *err)
{
	size_t n = strlen(text), found = 0;

	if (n < PREFIX_MIN || n >= SLOT_HEX_SIZE || strspn(text, "0123456789abcdef") != n)
		return err_set(err, ERR_USAGE, "'%s' is not a key slot: %d to %d hex digits are "
			       "wanted, see 'ub key list'", text, PREFIX_MIN, SLOT_HEX_SIZE - 1);
	for (size_t i = 0; i < nr; i++) {
		char hex[SLOT_HEX_SIZE];
		hex_encode(hex, slots[i].id, KEY_SLOT_ID_SIZE);
		if (strncmp(hex, text, n) == 0) {
			*out = &slots[i];
			found++;
		}
	}
	if (found > 1)
		return err_set(err, ERR_AMBIGUOUS, "'%s' fits %zu key slots", text, found);
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "there is no key slot '%s'", text);
	return 0;
}

/* The password slot that opened the repository, else the only one there is. */
static int default_slot(const struct keys *k, const struct key_slot *slots, size_t nr,
			const struct key_slot **out, struct err *err)
{
	unsigned char opened_by[KEY_SLOT_ID_SIZE];
	bool is_known = keys_opened_by(k, opened_by);
	size_t passwords = 0;

	for (size_t i = 0; i < nr; i++) {
		if (slots[i].problem || slots[i].type != SLOT_PASSWORD)
			continue;
		*out = &slots[i];
		if (is_known && memcmp(slots[i].id, opened_by, KEY_SLOT_ID_SIZE) == 0)
			return 0;
		passwords++;
	}
	if (!passwords)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no password slot; 'ub key add' makes one");
	if (passwords > 1)
		return err_set(err, ERR_AMBIGUOUS, "there are %zu password slots; say which, see "
			       "'ub key list'", passwords);
	return 0;
}

static int choose_slot(struct ub *ub, const char *text, unsigned char id[KEY_SLOT_ID_SIZE],
		       struct err *err)
{
	const struct key_slot *found = NULL;
	struct key_slot *slots = NULL;
	size_t nr = 0;
	int ret;

	ret = keys_slots(ub->keys, &slots, &nr, err);
	if (ret < 0)
		return ret;
	ret = text ? find_slot(slots, nr, text, &found, err) :
		     default_slot(ub->keys, slots, nr, &found, err);
	if (ret == 0 && found)
		memcpy(id, found->id, KEY_SLOT_ID_SIZE);
	sys_free(slots);
	return ret;
}

/* -- passwords -- */

static int read_cost(struct ub *ub, const struct key_args *args, struct kdf_cost *cost,
		     struct err *err)
{
	kdf_cost_default(cost);
	if (!args->kdf)
		return 0;
	int ret = kdf_cost_parse(args->kdf, cost, err);
	if (ret == 0 && kdf_cost_is_weak(cost))
		ub_warn(ub, "warning: --kdf %s makes passwords cheap to try", args->kdf);
	return ret;
}

static int read_new_password(const struct key_args *args, struct secret *out, struct err *err)
{
	const struct passphrase_source src = { .file = args->new_password_file };

	return passphrase_read_new(&src, "UB_NEW_PASSWORD", out, err);
}

static int add_device(struct ub *ub, struct err *err)
{
	unsigned char id[KEY_SLOT_ID_SIZE];
	int ret;

	if (!keys_has_device(ub->keys))
		return err_set(err, ERR_REFUSED, "this machine is not a device of the repository "
			       "yet; it becomes one with the first command that writes");
	ret = keys_slot_add_device(ub->keys, wait_ms(ub), id, err);
	if (ret == 0)
		print_id(ub, id);
	return ret;
}

static int add(struct ub *ub, const struct key_args *args, struct err *err)
{
	const char *label = args->label ? args->label : "";
	unsigned char id[KEY_SLOT_ID_SIZE];
	struct secret password = SECRET_INIT;
	struct kdf_cost cost;
	int ret;

	if (!keys_label_is_valid(label))
		return err_set(err, ERR_USAGE, "--label: at most 64 bytes of UTF-8 without control "
			       "characters");
	ret = read_cost(ub, args, &cost, err);
	if (ret == 0)
		ret = open_keys(ub, WRITES, err);
	if (ret < 0)
		goto done;
	if (args->device) {
		ret = add_device(ub, err);
		goto done;
	}
	ret = read_new_password(args, &password, err);
	if (ret < 0)
		goto done;
	ret = keys_slot_add_password(ub->keys, &password, label, &cost, wait_ms(ub), id, err);
	if (ret == 0)
		print_id(ub, id);
done:
	secret_release(&password);
	return ret;
}

static void say_what_remains(struct ub *ub)
{
	ub_warn(ub, "whoever kept a copy of the old slot, and knows what opened it, can still open "
		"all that it opened: this repository, as it was and as it will be");
}

static int passwd(struct ub *ub, const struct key_args *args, struct err *err)
{
	unsigned char old[KEY_SLOT_ID_SIZE], id[KEY_SLOT_ID_SIZE];
	struct secret password = SECRET_INIT;
	struct kdf_cost cost;
	int ret;

	ret = read_cost(ub, args, &cost, err);
	if (ret == 0)
		ret = open_keys(ub, WRITES, err);
	if (ret == 0)
		ret = choose_slot(ub, args->slot, old, err);
	if (ret == 0)
		ret = read_new_password(args, &password, err);
	if (ret == 0)
		ret = keys_slot_passwd(ub->keys, old, &password, &cost, wait_ms(ub), id, err);
	if (ret == 0) {
		print_id(ub, id);
		say_what_remains(ub);
	}
	secret_release(&password);
	return ret;
}

static int remove_slot(struct ub *ub, const struct key_args *args, struct err *err)
{
	unsigned char id[KEY_SLOT_ID_SIZE];
	int ret;

	if (!args->slot)
		return err_set(err, ERR_USAGE, "which key slot? see 'ub key list'");
	ret = open_keys(ub, WRITES, err);
	if (ret == 0)
		ret = choose_slot(ub, args->slot, id, err);
	if (ret == 0)
		ret = keys_slot_remove(ub->keys, id, wait_ms(ub), err);
	if (ret == 0)
		say_what_remains(ub);
	return ret;
}

/* -- recovery words -- */

static int check_words(struct ub *ub, struct err *err)
{
	unsigned char id[HASH_SIZE];
	struct secret words = SECRET_INIT;
	char *dir = path_join(ub->repo_path, "keys");
	int ret;

	ret = repo_open_config(ub, 0, err);
	if (ret == 0)
		ret = repo_config_id(ub, id, err);
	if (ret == 0)
		ret = passphrase_read_words(&words, err);
	if (ret == 0)
		ret = keys_check_words(dir, id, &words, err);
	if (ret == 0)
		ub_say(ub, "these words open the repository");
	secret_release(&words);
	sys_free(dir);
	return ret;
}

/* From guarded memory straight to standard output, some to the line. */
static int print_words(struct ub *ub, const struct secret *words, const unsigned char *id,
		       struct err *err)
{
	const char *w = (const char *)words->data;
	char hex[SLOT_HEX_SIZE];
	int ret;

	hex_encode(hex, id, KEY_SLOT_ID_SIZE);
	if (ub->json)
		out_printf(&ub->out, "{\"type\":\"recovery\",\"id\":\"%s\",\"recovery_words\":\"",
			   hex);
	ret = out_flush(&ub->out, err);
	for (size_t nr = 1; ret == 0 && *w; nr++) {
		size_t n = strcspn(w, " ");
		bool is_last = !w[n];
		if (sys_write_full(ub->out.fd, w, n) < 0)
			return err_sys(err, "write the recovery words");
		if (!is_last || !ub->json)
			out_str(&ub->out, !ub->json && (is_last || nr % WORDS_PER_LINE == 0) ?
				"\n" : " ");
		ret = out_flush(&ub->out, err);
		w += n + !is_last;
	}
	if (ub->json)
		out_str(&ub->out, "\"}\n");
	return ret < 0 ? ret : out_flush(&ub->out, err);
}

/* The old words are given up only when the new ones have been shown. */
static int recovery(struct ub *ub, const struct key_args *args, struct err *err)
{
	unsigned char id[KEY_SLOT_ID_SIZE];
	struct secret words = SECRET_INIT;
	int ret;

	if (args->check)
		return check_words(ub, err);
	ret = open_keys(ub, WRITES, err);
	if (ret == 0)
		ret = keys_slot_add_recovery(ub->keys, wait_ms(ub), &words, id, err);
	if (ret == 0)
		ret = print_words(ub, &words, id, err);
	if (ret == 0)
		ret = keys_slot_retire_recovery(ub->keys, id, wait_ms(ub), err);
	if (ret == 0) {
		ub_say(ub, "write these words down and keep them away from this machine; they are "
		       "not shown again, and words from before no longer open the repository");
		say_what_remains(ub);
	}
	secret_release(&words);
	return ret;
}

/* -- the command -- */

static const struct verb {
	const char *name;
	int (*run)(struct ub *ub, const struct key_args *args, struct err *err);
	bool takes_slot, takes_password, takes_label, takes_check;
} verbs[] = {
	{ "list", list, false, false, false, false },
	{ "add", add, false, true, true, false },
	{ "remove", remove_slot, true, false, false, false },
	{ "passwd", passwd, true, true, false, false },
	{ "recovery", recovery, false, false, false, true },
};

static int check_args(const struct verb *v, const struct key_args *args, struct err *err)
{
	const char *wrong = NULL;

	if (!v->takes_password && args->kdf)
		wrong = "kdf";
	if (!v->takes_password && args->new_password_file)
		wrong = "new-password-file";
	if (!v->takes_label && args->label)
		wrong = "label";
	if (!v->takes_label && args->device)
		wrong = "device";
	if (!v->takes_check && args->check)
		wrong = "check";
	if (wrong)
		return err_set(err, ERR_USAGE, "'ub key %s' has no --%s", v->name, wrong);
	if (args->device && (args->kdf || args->new_password_file || args->label))
		return err_set(err, ERR_USAGE, "a device slot has neither password nor label");
	return 0;
}

int cmd_key(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct key_args args = { 0 };
	const struct opt opts[] = {
		OPT_STR(0, "label", &args.label, "text", "what the new slot is for"),
		OPT_STR(0, "kdf", &args.kdf, "mem:passes",
			"what a try of the password costs (256M:3)"),
		OPT_STR(0, "new-password-file", &args.new_password_file, "file",
			"read the new password here"),
		OPT_FLAG(0, "device", &args.device, "let this machine open it without a password"),
		OPT_FLAG(0, "check", &args.check, "try recovery words, read from standard input"),
		OPT_END
	};
	int ret = ub_parse(ub, opts, key_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (!argc)
		return err_set(err, ERR_USAGE,
			       "'ub key' what? list, add, remove, passwd or recovery");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		const struct verb *v = &verbs[i];
		if (strcmp(argv[0], v->name) != 0)
			continue;
		if (argc > 1 + v->takes_slot)
			return err_set(err, ERR_USAGE, "'ub key %s': '%s' is too much", v->name,
				       argv[1 + v->takes_slot]);
		args.slot = argc > 1 ? argv[1] : NULL;
		ret = check_args(v, &args, err);
		return ret < 0 ? ret : v->run(ub, &args, err);
	}
	return err_set(err, ERR_USAGE, "'%s' is not something that 'ub key' does", argv[0]);
}
