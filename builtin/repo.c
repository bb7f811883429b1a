/*
 * Opening and closing a repository.  Knows where its parts lie, not what they are.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/file.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "crypto/keys.h"
#include "crypto/passphrase.h"
#include "objects/pack.h"
#include "objects/store.h"
#include "refs/refs.h"

#include "builtin/repo.h"

#define WORKERS_MAX 64
#define VERIFY_SAMPLE 16	/* commit.verify = sample: one frame of so many */

char *repo_default_device(void)
{
	char host[256] = "";

	sys_hostname(host, sizeof(host));
	host[strcspn(host, ".")] = '\0';
	host[48] = '\0';
	for (char *c = host; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || *c == '-' || *c == '_'))
			*c = '-';
	return xstrdup(keys_device_name_is_valid(host) ? host : "device");
}

char *repo_device_name(struct ub *ub)
{
	return keys_has_device(ub->keys) ? xstrdup(keys_device_name(ub->keys)) :
					   repo_default_device();
}

unsigned int repo_lock_wait(struct ub *ub)
{
	struct err ignored = ERR_INIT;
	uint64_t seconds = 60;

	config_get_uint(ub->config, "core.lockWait", &seconds, &ignored);
	return (unsigned int)seconds;
}

/* -- settings -- */

static int check_owner(struct ub *ub, struct err *err)
{
	struct stat st;

	if (sys_stat(ub->repo_path, &st) < 0)
		return err_sys(err, "look at the repository '%s'", ub->repo_path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_FAILED,
			       "repository '%s' belongs to user %u, not to you (%u): "
			       "files written now would be out of its owner's reach", ub->repo_path,
			       (unsigned int)st.st_uid, (unsigned int)geteuid());
	if (sys_access(ub->repo_path, W_OK) < 0)
		return err_sys(err, "write to the repository '%s'", ub->repo_path);
	return 0;
}

static int check_format(struct ub *ub, const char *path, struct err *err)
{
	struct buf value = BUF_INIT;
	int ret = config_get_str(ub->config, "core.format", &value, err);

	if (ret == ERR_NOT_FOUND)
		ret = err_set(err, ERR_CORRUPT, "'%s' does not say the format of the repository "
			      "(core.format)", path);
	else if (ret == 0 && strcmp(buf_str(&value), "0") != 0)
		ret = err_set(err, ERR_FORMAT,
			      "repository '%s' has format '%s', which this ub does "
			      "not know", ub->repo_path, buf_str(&value));
	buf_release(&value);
	return ret;
}

int repo_open_config(struct ub *ub, unsigned int flags, struct err *err)
{
	char *path = path_join(ub->repo_path, "config");
	struct stat st;
	int ret;

	if (sys_stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			ret = err_set(err, ERR_NO_REPO, "there is no repository at '%s'; 'ub init' "
				      "makes one", ub->repo_path);
		else
			ret = err_sys(err, "open the repository '%s'", ub->repo_path);
		goto done;
	}
	sys_free(path);
	path = path_join(ub->repo_path, REPO_UNFINISHED);
	if (file_exists(path)) {
		ret = err_set(err, ERR_NO_REPO,
			      "the making of repository '%s' was interrupted; 'ub "
			      "init' starts it again", ub->repo_path);
		goto done;
	}
	sys_free(path);
	path = path_join(ub->repo_path, "config");
	ret = flags & WRITES ? check_owner(ub, err) : 0;
	if (ret == 0 && !ub->config)
		ret = config_open(path, &ub->config, err);
	if (ret == 0)
		ret = check_format(ub, path, err);
	if (ret == 0)
		ret = config_check(ub->config, err);
done:
	sys_free(path);
	return ret;
}

int repo_config_id(struct ub *ub, unsigned char *id, struct err *err)
{
	struct buf value = BUF_INIT;
	int ret = config_get_str(ub->config, "core.id", &value, err);

	if (ret == ERR_NOT_FOUND || (ret == 0 && (value.len != 2 * HASH_SIZE ||
						  !hex_decode(id, HASH_SIZE, buf_str(&value)))))
		ret = err_set(err, ERR_CORRUPT, "'%s/config' does not say the repository's id "
			      "(core.id)", ub->repo_path);
	buf_release(&value);
	return ret;
}

/* -- keys -- */

int repo_open_keys(struct ub *ub, struct err *err)
{
	struct passphrase_source src = { .file = ub->password_file };
	unsigned char id[HASH_SIZE];
	char *dir = path_join(ub->repo_path, "keys");
	char *state = path_state_home();
	int ret = repo_config_id(ub, id, err);

	if (ret == 0 && !state)
		ret = err_set(err, ERR_FAILED, "neither XDG_STATE_HOME nor HOME is set");
	if (ret == 0)
		ret = keys_open(&ub->keys, dir, state, id, &src, err);
	for (size_t i = 0; ret == 0 && keys_problem(ub->keys, i, NULL); i++)
		ub_warn(ub, "warning: %s", keys_problem(ub->keys, i, NULL));
	sys_free(dir);
	sys_free(state);
	return ret;
}

/* -- store -- */

/* A folder elsewhere must be the one that init marked: an unmounted disk is not an empty store. */
static int find_folder(struct ub *ub, const char *key, char **out, struct err *err)
{
	struct buf value = BUF_INIT, marker = BUF_INIT;
	char *path = NULL, id[2 * HASH_SIZE + 1];
	int ret = config_get_str(ub->config, key, &value, err);

	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		*out = xstrdup(ub->repo_path);
		ret = 0;
		goto done;
	}
	if (ret < 0)
		goto done;
	path = path_join(buf_str(&value), REPO_MARKER);
	ret = file_read(path, 256, &marker, err);
	if (ret == ERR_NOT_FOUND) {
		ret = err_set(err, ERR_FAILED,
			      "the folder '%s' (%s) is not there, not mounted, or not "
			      "this repository's", buf_str(&value), key);
		goto done;
	}
	hex_encode(id, keys_repo_id(ub->keys), HASH_SIZE);
	if (ret == 0 && (marker.len != 65 || memcmp(marker.data, id, 64) != 0))
		ret = err_set(err, ERR_CORRUPT,
			      "the folder '%s' (%s) belongs to another repository, or "
			      "its file '" REPO_MARKER "' is damaged", buf_str(&value), key);
	if (ret == 0)
		*out = xstrdup(buf_str(&value));
done:
	sys_free(path);
	buf_release(&value);
	buf_release(&marker);
	return ret;
}

static int read_options(struct ub *ub, struct store_options *o, struct err *err)
{
	struct buf verify = BUF_INIT;
	uint64_t level = 0, memory = 0, pack_size = 0;
	int ret = config_get_uint(ub->config, "core.compression", &level, err);

	if (ret == 0)
		ret = config_get_size(ub->config, "core.memory", &memory, err);
	if (ret == 0)
		ret = config_get_size(ub->config, "pack.size", &pack_size, err);
	if (ret == 0)
		ret = config_get_str(ub->config, "commit.verify", &verify, err);
	if (ret == 0)
		ret = config_get_bool(ub->config, "core.delta", &o->delta, err);
	if (ret < 0)
		goto done;

	uint64_t chunk_max = keys_genesis(ub->keys)->chunk_max;
	if (pack_size < 2 * chunk_max) {
		ret = err_set(err, ERR_USAGE, "pack.size is %" PRIu64 ", but must be twice the "
			      "largest chunk (%" PRIu64 ") or more", pack_size, chunk_max);
		goto done;
	}
	/* A worker holds five chunks: input, rest, payload, sealed, opened; and what zstd wants. */
	uint64_t worker = 5 * chunk_max + compressor_memory((int)level);
	uint64_t fixed = (uint64_t)48 << 20;
	uint64_t fit = memory > fixed ? (memory - fixed) / worker : 1;
	o->workers = sys_cpu_count() < WORKERS_MAX ? sys_cpu_count() : WORKERS_MAX;
	if (o->workers > fit)
		o->workers = fit > 0 ? (unsigned int)fit : 1;
	o->level = (int)level;
	o->pack_size = pack_size;
	o->verify = strcmp(buf_str(&verify), "sample") == 0 ? VERIFY_SAMPLE : 1;
	o->read_only = sys_access(ub->repo_path, W_OK) < 0;
done:
	buf_release(&verify);
	return ret;
}

int repo_open_store(struct ub *ub, unsigned int flags, struct err *err)
{
	struct store_paths paths = { .repo = ub->repo_path };
	struct store_options opts = { 0 };
	int ret = find_folder(ub, "store.meta", &paths.meta, err);

	if (ret == 0)
		ret = find_folder(ub, "store.data", &paths.data, err);
	if (ret == 0)
		ret = read_options(ub, &opts, err);
	if (ret < 0)
		goto done;
	opts.keep_index = flags & REPO_KEEP_INDEX;
	ret = store_open(&ub->store, &paths, ub->keys, &opts, err);
	if (ret == 0)
		index_set_lock_wait(store_index(ub->store), 1000 * repo_lock_wait(ub));
	if (ret == 0 && store_healed(ub->store))
		ub_warn(ub, "warning: the index was damaged and has been rebuilt (%s)",
			store_healed(ub->store));
done:
	sys_free(paths.meta);
	sys_free(paths.data);
	return ret;
}

/* -- refs -- */

char *repo_refs_cache_path(struct ub *ub)
{
	return path_join(store_index_dir(ub->store), "refs-cache");
}

static int warn_of_log(const char *device, bool own, const char *what, void *data, struct err *err)
{
	(void)own;
	(void)err;
	ub_warn(data, "warning: the log of '%s': %s", device, what);
	return 0;
}

int repo_open_refs(struct ub *ub, struct err *err)
{
	char *dir = path_join(ub->repo_path, "refs"), *cache = repo_refs_cache_path(ub);
	int ret = refs_open(&ub->refs, dir, keys_state_dir(ub->keys), cache, ub->keys, err);

	if (ret == 0)
		ret = refs_each_problem(ub->refs, warn_of_log, ub, err);
	sys_free(dir);
	sys_free(cache);
	return ret;
}

/* The folder was copied here, or this machine's state folder is gone: a device of its own. */
static int same_name(const struct log_info *l, void *data, struct err *err)
{
	(void)err;
	return l->device && strcmp(l->device, data) == 0;
}

/* The host's name, with a number where a device has it: two of one name make refs ambiguous. */
static char *free_device_name(struct ub *ub, struct err *err)
{
	char *base = repo_default_device(), *name = xstrdup(base);

	for (unsigned int n = 2;
	     n < 1000 && refs_each_log(ub->refs, same_name, name, err) == 1; n++) {
		sys_free(name);
		name = xasprintf("%s-%u", base, n);
	}
	sys_free(base);
	return name;
}

static int join(struct ub *ub, struct err *err)
{
	char *name = free_device_name(ub, err);
	int ret = keys_device_join(ub->keys, name, false, err);

	if (ret == 0)
		ret = refs_join(ub->refs, err);
	if (ret == 0)
		ub_say(ub, "this machine was not known to the repository and joined it as '%s'",
		       name);
	sys_free(name);
	return ret;
}

int repo_open(struct ub *ub, unsigned int flags, struct err *err)
{
	int ret = repo_open_config(ub, flags, err);

	if (ret == 0)
		ret = repo_open_keys(ub, err);
	if (ret == 0)
		ret = repo_open_store(ub, flags, err);
	if (ret == 0)
		ret = repo_open_refs(ub, err);
	if (ret == 0 && flags & WRITES)
		ret = repo_need_write(ub, err);
	return ret;
}

int repo_need_write(struct ub *ub, struct err *err)
{
	int ret = check_owner(ub, err);

	if (ret == 0 && !keys_has_device(ub->keys))
		ret = join(ub, err);
	else if (ret == 0 && !refs_is_joined(ub->refs))
		ret = refs_join(ub->refs, err);		/* a join that was cut short */
	return ret;
}

int repo_close(struct ub *ub, struct err *err)
{
	(void)err;
	refs_close(ub->refs);
	store_close(ub->store);
	keys_close(ub->keys);
	config_free(ub->config);
	ub->refs = NULL;
	ub->store = NULL;
	ub->keys = NULL;
	ub->config = NULL;
	return 0;
}
