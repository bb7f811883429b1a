/*
 * ub init: make a repository.
 *
 * While the file init-unfinished stands there is no repository, for no command: what it stands
 * beside was left by an interrupted init and is thrown away by the next one.  It goes last, after
 * the recovery words were printed, so that there is no repository whose words nobody saw.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/file.h"
#include "lib/number.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"
#include "objects/chunker.h"
#include "objects/index.h"
#include "objects/pack.h"
#include "refs/refs.h"
#include "builtin/repo.h"

static const char init_usage[] =
	"ub init [--meta DIR] [--data DIR] [--chunk-size MIN:AVG:MAX] [--pack-size N] "
	"[--erasure K+M] [--survive 1|2] [--kdf MEM:PASSES] [--device NAME] [--no-device-key] "
	"[DIR]";

struct init {
	const char *chunk_size, *erasure, *kdf, *device, *meta, *data, *clouds;
	uint64_t pack_size;
	unsigned int survive;
	bool no_device_key, no_cloud_password;
	struct keys_create_args args;
	char *meta_path, *data_path;	/* absolute; NULL: in the repository */
};

/* -- arguments -- */

static int parse_chunk_size(const char *text, struct keys_create_args *a, struct err *err)
{
	uint32_t *const into[] = { &a->chunk_min, &a->chunk_avg, &a->chunk_max };
	char *copy = xstrdup(text), *rest = copy;
	int ret = 0;

	for (int i = 0; i < 3 && ret == 0; i++) {
		char *part = strsep(&rest, ":");
		uint64_t v = 0;
		if (!part || !number_parse_size(part, &v) || v > UINT32_MAX)
			ret = err_set(err, ERR_USAGE, "--chunk-size wants MIN:AVG:MAX, as in "
				      "256K:1M:4M, not '%s'", text);
		else
			*into[i] = (uint32_t)v;
	}
	if (ret == 0 && rest)
		ret = err_set(err, ERR_USAGE, "--chunk-size wants MIN:AVG:MAX, not '%s'", text);
	sys_free(copy);
	return ret;
}

static int parse_erasure(const char *text, struct keys_create_args *a, struct err *err)
{
	char *copy = xstrdup(text), *plus = strchr(copy, '+');
	uint64_t k = 0, m = 0;
	bool good = false;

	if (plus) {
		*plus = '\0';
		good = number_parse(copy, &k) && number_parse(plus + 1, &m) && k >= 1 &&
		       m >= 1 && k + m <= 32;
	}
	sys_free(copy);
	if (!good)
		return err_set(err, ERR_USAGE,
			       "--erasure wants DATA+PARITY, at most 32 in all, as in "
			       "10+4, not '%s'", text);
	a->erasure_k = (uint8_t)k;
	a->erasure_m = (uint8_t)m;
	return 0;
}

static int check_args(struct init *in, struct err *err)
{
	struct keys_create_args *a = &in->args;
	int ret = 0;

	*a = (struct keys_create_args){
		.chunk_min = 256 << 10, .chunk_avg = 1 << 20, .chunk_max = 4 << 20,
		.erasure_k = 10, .erasure_m = 4, .with_device_slot = !in->no_device_key,
	};
	kdf_cost_default(&a->cost);
	if (in->clouds)
		return err_set(err, ERR_USAGE,
			       "--clouds: this ub has no remotes yet; add them to the "
			       "repository later");
	if (in->survive > 2)
		return err_set(err, ERR_USAGE, "--survive wants 1 or 2, not %u", in->survive);
	if (in->chunk_size)
		ret = parse_chunk_size(in->chunk_size, a, err);
	if (ret == 0) {
		struct chunker_params p = { a->chunk_min, a->chunk_avg, a->chunk_max };
		ret = chunker_params_check(&p, err);
	}
	if (ret == 0 && in->erasure)
		ret = parse_erasure(in->erasure, a, err);
	if (ret == 0 && in->kdf)
		ret = kdf_cost_parse(in->kdf, &a->cost, err);
	if (ret < 0)
		return ret;
	/* As the settings have it: what init makes, every command opens. */
	uint64_t least = 2 * (uint64_t)a->chunk_max;
	if (least < PACK_SMALL_SIZE)
		least = PACK_SMALL_SIZE;
	if (in->pack_size == 0)
		in->pack_size = PACK_SIZE_DEFAULT;
	if (in->pack_size > PACK_SIZE_MAX || in->pack_size < least)
		return err_set(err, ERR_USAGE, "--pack-size must be between %" PRIu64 " (twice the "
			       "largest chunk, and 4 MiB) and %" PRIu64, least, PACK_SIZE_MAX);
	if (in->device && !keys_device_name_is_valid(in->device))
		return err_set(err, ERR_USAGE, "--device '%s': at most 64 bytes of UTF-8, without "
			       "blanks, '/', ':', '@', '~', '^'", in->device);
	return 0;
}

/* -- folders -- */

static int remove_entry(const char *name, void *data, struct err *err);

static int remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (sys_lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode)) {
		if (sys_unlink(path) < 0)
			return err_sys(err, "remove '%s'", path);
		return 0;
	}
	int ret = file_each(path, remove_entry, (void *)path, err);
	if (ret == 0 && sys_rmdir(path) < 0)
		ret = err_sys(err, "remove the folder '%s'", path);
	return ret;
}

static int remove_entry(const char *name, void *data, struct err *err)
{
	char *path = path_join(data, name);
	int ret = remove_tree(path, err);

	sys_free(path);
	return ret;
}

static int refuse_entry(const char *name, void *data, struct err *err)
{
	/* The very first file of an init that died. */
	if (file_is_tmp_name(name))
		return 0;
	return err_set(err, ERR_REFUSED, "folder '%s' is not empty (it has '%s')",
		       (const char *)data,
		       name);
}

static int refuse_pack(const char *name, void *data, struct err *err)
{
	(void)name;
	return err_set(err, ERR_REFUSED,
		       "the making of '%s' was interrupted, and yet it holds packs: "
		       "remove its file '" REPO_UNFINISHED "' if it is a repository of yours",
		       (const char *)data);
}

/* An init that did not finish left no packs: what has some is not thrown away. */
static int check_leftovers(const char *dir, struct err *err)
{
	char *packs = path_join(dir, "packs/meta");
	int ret = file_each(packs, refuse_pack, (void *)dir, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		ret = 0;
	}
	sys_free(packs);
	return ret;
}

/* Absent, empty, or nothing but an init that did not finish. */
static int check_folder(const char *dir, bool is_again, struct err *err)
{
	char *config = path_join(dir, "config");
	int ret = 0;

	if (is_again)
		ret = check_leftovers(dir, err);
	else if (file_exists(config)) {
		/* Its init may have died before its last sync. */
		ret = file_sync_again(config, err);
		if (ret == 0)
			ret = err_set(err, ERR_REFUSED, "'%s' is a repository already", dir);
	} else if (file_exists(dir))
		ret = file_each(dir, refuse_entry, (void *)dir, err);
	sys_free(config);
	return ret;
}

static int claim_folder(const char *dir, bool is_again, struct err *err)
{
	char *mark = path_join(dir, REPO_UNFINISHED), *refs = path_join(dir, "refs");
	int ret = file_make_dirs(dir, 0700, err);

	if (ret == 0)
		ret = file_clean_tmp(dir, err);
	/* Again too: the sync of the mark may be what was missing. */
	if (ret == 0)
		ret = file_write(mark, "", 0, 0, 0600, err);
	if (ret == 0 && is_again)
		ret = remove_tree(refs, err);	/* logs of a device that was never heard of */
	sys_free(mark);
	sys_free(refs);
	return ret;
}

static int make_folder(const char *dir, const char *name, struct err *err)
{
	char *path = path_join(dir, name);
	int ret = file_make_dirs(path, 0700, err);

	sys_free(path);
	return ret;
}

/* A folder on another disk: made if need be, absolute, not part of another repository. */
static int claim_other(const char *dir, char **out, struct err *err)
{
	int ret = file_make_dirs(dir, 0700, err);

	if (ret < 0)
		return ret;
	*out = sys_realpath(dir);
	if (!*out)
		return err_sys(err, "find the folder '%s'", dir);
	if (strchr(*out, '\n'))
		return err_set(err, ERR_USAGE, "folder '%s' has a line break in its name", dir);
	return 0;
}

static int mark_other(const char *dir, const struct keys *keys, bool is_again, struct err *err)
{
	char *path = path_join(dir, REPO_MARKER);
	char line[2 * HASH_SIZE + 2];

	hex_encode(line, keys_repo_id(keys), HASH_SIZE);
	line[2 * HASH_SIZE] = '\n';
	int ret = file_write(path, line, 2 * HASH_SIZE + 1, is_again ? 0 : FILE_NO_REPLACE, 0600,
			     err);
	if (ret == ERR_REFUSED)
		ret = err_set(err, ERR_REFUSED, "folder '%s' belongs to a repository already", dir);
	sys_free(path);
	return ret;
}

/* -- the settings -- */

static void put_quoted(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "\t%s = \"", key);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, (uint8_t)*c);
	}
	buf_put_str(b, "\"\n");
}

static int write_config(struct ub *ub, const struct init *in, const struct keys *keys,
			bool is_again, struct err *err)
{
	struct buf b = BUF_INIT;
	char id[2 * HASH_SIZE + 1], *path = path_join(ub->repo_path, "config");

	hex_encode(id, keys_repo_id(keys), HASH_SIZE);
	buf_printf(&b, "[core]\n\tformat = %d\n\tid = %s\n", REPO_FORMAT, id);
	if (in->pack_size != PACK_SIZE_DEFAULT)
		buf_printf(&b, "[pack]\n\tsize = %" PRIu64 "\n", in->pack_size);
	if (in->meta_path || in->data_path)
		buf_put_str(&b, "[store]\n");
	if (in->meta_path)
		put_quoted(&b, "meta", in->meta_path);
	if (in->data_path)
		put_quoted(&b, "data", in->data_path);
	if (in->survive)
		buf_printf(&b, "[layout]\n\tsurvive = %u\n", in->survive);
	int ret = file_write(path, b.data, b.len, is_again ? 0 : FILE_NO_REPLACE, 0600, err);
	buf_release(&b);
	sys_free(path);
	return ret;
}

/* -- the work -- */

static int make_parts(struct ub *ub, struct init *in, bool is_again, struct secret *words,
		      struct err *err)
{
	const char *repo = ub->repo_path;
	const char *meta = in->meta_path ? in->meta_path : repo;
	const char *data = in->data_path ? in->data_path : repo;
	char *keys_dir = path_join(repo, "keys"), *refs_dir = path_join(repo, "refs");
	char *index_dir = path_join(meta, "index"), *state = path_state_home();
	struct keys *keys = NULL;
	int ret = 0;

	if (!state)
		ret = err_set(err, ERR_FAILED, "neither XDG_STATE_HOME nor HOME is set");
	if (ret == 0)
		ret = make_folder(repo, "keys", err);
	if (ret == 0)
		ret = make_folder(repo, "refs", err);
	if (ret == 0)
		ret = make_folder(repo, "tmp", err);
	if (ret == 0)
		ret = make_folder(meta, "packs/meta", err);
	if (ret == 0)
		ret = make_folder(meta, "index", err);
	if (ret == 0)
		ret = make_folder(data, "packs/data", err);
	if (ret < 0)
		goto done;

	in->args.dir = keys_dir;
	in->args.state_home = state;
	in->args.replace_leftovers = is_again;
	ret = keys_create(&in->args, &keys, words, err);
	if (ret == 0 && in->meta_path)
		ret = mark_other(meta, keys, is_again, err);
	if (ret == 0 && in->data_path && (!in->meta_path || strcmp(meta, data) != 0))
		ret = mark_other(data, keys, is_again, err);
	if (ret == 0)
		ret = index_create(index_dir, keys_repo_id(keys), err);
	if (ret == 0)
		ret = refs_create(refs_dir, keys_state_dir(keys), keys, err);
	if (ret == 0)
		ret = write_config(ub, in, keys, is_again, err);
	if (ret == 0)
		ub->keys = keys;
done:
	if (ret < 0)
		keys_close(keys);
	sys_free(keys_dir);
	sys_free(refs_dir);
	sys_free(index_dir);
	sys_free(state);
	return ret;
}

/* The words go from guarded memory straight to standard output. */
static int show(struct ub *ub, const struct secret *words, struct err *err)
{
	char id[2 * HASH_SIZE + 1];
	struct buf line = BUF_INIT;
	struct json j;

	hex_encode(id, keys_repo_id(ub->keys), HASH_SIZE);
	if (ub->json) {
		json_begin(&j, &line, "repository");
		json_str(&j, "id", id);
		json_path(&j, "path", ub->repo_path, strlen(ub->repo_path));
		json_str(&j, "device", keys_device_name(ub->keys));
		buf_put_str(&line, ",\"recovery_words\":\"");
	} else {
		buf_printf(&line, "made repository %s\nin %s, for device '%s'\n\n"
			   "Recovery words: they open the repository when the password is lost.\n"
			   "Write them down and keep them away from this machine; they are not "
			   "shown again.\n\n    ", id, ub->repo_path, keys_device_name(ub->keys));
	}
	out_buf(&ub->out, &line);
	buf_release(&line);
	int ret = out_flush(&ub->out, err);
	if (ret < 0)
		return ret;
	/* `words` ends in a NUL; six of them a line. */
	const char *w = (const char *)words->data;
	size_t start = 0, nr = 0, n = strlen(w);
	for (size_t i = 0; i <= n && !ub->json && !out_failed(&ub->out); i++) {
		if (i < n && w[i] != ' ')
			continue;
		if (++nr % 6 == 0 || i == n) {
			if (sys_write_full(STDOUT_FILENO, w + start, i - start) < 0)
				return err_sys(err, "write the recovery words");
			out_str(&ub->out, i == n ? "\n\n" : "\n    ");
			ret = out_flush(&ub->out, err);
			if (ret < 0)
				return ret;
			start = i + 1;
		}
	}
	if (ub->json) {
		if (sys_write_full(STDOUT_FILENO, w, n) < 0)
			return err_sys(err, "write the recovery words");
		out_str(&ub->out, "\"}\n");
	} else {
		out_str(&ub->out, "`ub key recovery --check` tries them.\n");
	}
	return out_flush(&ub->out, err);
}

int cmd_init(struct ub *ub, int argc, char **argv, struct err *err)
{
	struct init in = { 0 };
	struct secret words = SECRET_INIT, password = SECRET_INIT;
	char *device = NULL, *mark = NULL;
	const struct opt opts[] = {
		OPT_STR(0, "meta", &in.meta, "dir",
			"keep small packs and the index here (a fast disk)"),
		OPT_STR(0, "data", &in.data, "dir", "keep data packs here (a big disk)"),
		OPT_STR(0, "chunk-size", &in.chunk_size, "min:avg:max",
			"how large chunks are, for the repository's life (256K:1M:4M)"),
		OPT_SIZE(0, "pack-size", &in.pack_size, "size", "how large a full pack is (64M)"),
		OPT_STR(0, "erasure", &in.erasure, "k+m",
			"data and parity shards of a pack (10+4)"),
		OPT_UINT(0, "survive", &in.survive, "n",
			 "how many remotes may be lost, once there are any"),
		OPT_STR(0, "clouds", &in.clouds, "url,...", NULL),
		OPT_STR(0, "kdf", &in.kdf, "mem:passes",
			"what a try of the password costs (256M:3)"),
		OPT_STR(0, "device", &in.device, "name", "name of this device (the host's)"),
		OPT_FLAG(0, "no-device-key", &in.no_device_key,
			 "ask for the password each time: leave no key on this machine"),
		OPT_FLAG(0, "no-cloud-password", &in.no_cloud_password, NULL),
		OPT_END
	};
	int ret = ub_parse(ub, opts, init_usage, &argc, &argv, err);

	if (ret < 0)
		return ret;
	if (argc > 1)
		return err_set(err, ERR_USAGE, "'ub init' takes one folder, not '%s' too", argv[1]);
	if (argc == 1) {
		sys_free(ub->repo_path);
		ub->repo_path = xstrdup(argv[0]);
	}
	ret = check_args(&in, err);
	if (ret < 0)
		return ret;
	/* A setting that no command would take is better heard of now. */
	ret = config_open(NULL, &ub->config, err);
	if (ret == 0)
		ret = config_check(ub->config, err);
	if (ret < 0)
		return ret;
	device = in.device ? xstrdup(in.device) : repo_default_device();
	in.args.device_name = device;
	if (kdf_cost_is_weak(&in.args.cost))
		ub_warn(ub, "warning: --kdf %s makes passwords cheap to try", in.kdf);

	/* Refuse before asking for a password, leave a trace only after. */
	mark = path_join(ub->repo_path, REPO_UNFINISHED);
	bool is_again = file_exists(mark);
	struct passphrase_source src = { .file = ub->password_file };
	ret = check_folder(ub->repo_path, is_again, err);
	if (ret == 0)
		ret = passphrase_read_new(&src, "UB_PASSWORD", &password, err);
	if (ret == 0)
		ret = claim_folder(ub->repo_path, is_again, err);
	if (ret < 0)
		goto done;
	char *real = sys_realpath(ub->repo_path);
	if (real) {
		sys_free(ub->repo_path);
		ub->repo_path = real;
	}
	if (ret == 0 && in.meta)
		ret = claim_other(in.meta, &in.meta_path, err);
	if (ret == 0 && in.data)
		ret = claim_other(in.data, &in.data_path, err);
	if (ret < 0)
		goto done;
	in.args.password = &password;
	ret = make_parts(ub, &in, is_again, &words, err);
	if (ret == 0)
		ret = show(ub, &words, err);
	if (ret == 0)
		ret = file_remove(mark, err);
done:
	secret_release(&words);
	secret_release(&password);
	sys_free(in.meta_path);
	sys_free(in.data_path);
	sys_free(device);
	sys_free(mark);
	return ret;
}
