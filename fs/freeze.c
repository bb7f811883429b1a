/*
 * Freezing sources.
 *
 *	record -> durable -> snapshot -> walk -> snapshot gone -> record gone
 *
 * A record is four lines: how, what was frozen, the snapshot's name, where it is read ("" until
 * that is known).  A lock beside it is held by the process that made it, as long as that lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/path.h"
#include "lib/run.h"
#include "lib/sys.h"
#include "fs/attr.h"
#include "fs/freeze-internal.h"

#include "fs/freeze.h"

#define RECORD_PREFIX "frozen-"
#define RECORD_MAX 65536
#define LOCK_TRIES 16

static const char *const modes[] = {
	[FREEZE_NONE] = "none", [FREEZE_BTRFS] = "btrfs", [FREEZE_COMMAND] = "command",
};

struct frozen {
	enum freeze_mode mode;
	char *what;			/* the subvolume's root, or the source */
	char *name, *path;		/* of the snapshot; where it is read, or "" */
	char *record, *lock_path;
	struct lock lock;
	struct frozen *next;
};

struct freeze {
	const struct freeze_options *o;
	struct frozen *all;
	struct waypoint **places;
	size_t nr_places;
	char **mounts;
	size_t nr_mounts;
};

static void frozen_free(struct frozen *z)
{
	lock_release(&z->lock);
	sys_free(z->what);
	sys_free(z->name);
	sys_free(z->path);
	sys_free(z->record);
	sys_free(z->lock_path);
	sys_free(z);
}

/* -- commands -- */

static char *environment(const char *name, const char *value)
{
	return xasprintf("%s=%s", name, value);
}

/* The last line that it prints goes to `line`, if that is wanted. */
static int run_hook(const struct freeze_options *o, const char *command, const struct frozen *z,
		    struct buf *line, struct err *err)
{
	char *env[] = {
		environment("UB_SOURCE", z->what), environment("UB_SNAPSHOT", z->name),
		environment("UB_SNAPSHOT_PATH", z->path), NULL,
	};
	const struct run_options options = {
		.command = command, .env = (const char *const *)env, .timeout_s = o->timeout_s,
		.has_pipe = line != NULL, .is_last = line == NULL,
	};
	char part[4096];
	ssize_t got;
	struct run r;
	int ret = run_begin(&r, &options, err);

	if (ret == 0) {
		while (line && line->len < RECORD_MAX &&
		       ((got = sys_read(r.fd, part, sizeof(part))) > 0 ||
			(got < 0 && errno == EINTR)))
			if (got > 0)
				buf_put(line, part, (size_t)got);
		ret = run_end(&r, &options, err);
	}
	while (line && line->len > 0 && line->data[line->len - 1] == '\n')
		buf_truncate(line, line->len - 1);
	for (size_t i = 0; env[i]; i++)
		sys_free(env[i]);
	return ret;
}

/* -- records -- */

static int write_record(const struct frozen *z, struct err *err)
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "%s\n%s\n%s\n%s\n", modes[z->mode], z->what, z->name, z->path);
	int ret = file_write(z->record, text.data, text.len, 0, 0600, err);
	buf_release(&text);
	return ret;
}

static char *next_line(char **at)
{
	char *line = *at, *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

/* NULL: it is none of ours. */
static struct frozen *read_record(const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	struct frozen *z = NULL;

	if (file_read(path, RECORD_MAX, &text, err) == 0) {
		char *copy = xstrdup(buf_str(&text)), *at = copy;
		const char *mode = next_line(&at), *what = next_line(&at), *name = next_line(&at);
		const char *where = next_line(&at);
		if (where && *what == '/' &&
		    strncmp(name, FREEZE_PREFIX, strlen(FREEZE_PREFIX)) == 0 &&
		    !strchr(name, '/')) {
			z = xcalloc(1, sizeof(*z));
			z->lock = (struct lock)LOCK_INIT;
			z->mode = strcmp(mode, modes[FREEZE_BTRFS]) == 0 ? FREEZE_BTRFS :
									   FREEZE_COMMAND;
			z->what = xstrdup(what);
			z->name = xstrdup(name);
			z->path = xstrdup(where);
			z->record = xstrdup(path);
			z->lock_path = xasprintf("%s.lock", path);
		}
		sys_free(copy);
	}
	buf_release(&text);
	return z;
}

/* -- making and removing -- */

static int remove_one(const struct freeze_options *o, const struct frozen *z, struct err *err)
{
	int ret;

	if (z->mode == FREEZE_BTRFS)
		ret = btrfs_remove(z->what, z->name, err);
	else if (o->remove)
		ret = run_hook(o, o->remove, z, NULL, err);
	else
		ret = err_set(err, ERR_FAILED, "the snapshot '%s' of '%s' cannot be removed: "
			      "snapshot.remove is not set", z->name, z->what);
	if (ret == 0)
		ret = file_remove(z->record, err);
	if (ret == 0)
		sys_unlink(z->lock_path);
	return ret;
}

static struct frozen *find_frozen(const struct freeze *f, const char *what)
{
	struct frozen *z = f->all;

	while (z && strcmp(z->what, what) != 0)
		z = z->next;
	return z;
}

/* Who cleans up may have taken a lock that nobody held yet for a dead one's, and removed it. */
static int take_lock(struct frozen *z, struct err *err)
{
	struct stat st;

	for (int i = 0; i < LOCK_TRIES; i++) {
		int ret = lock_take(&z->lock, z->lock_path, LOCK_EXCLUSIVE, 1000, "a snapshot",
				    err);
		if (ret < 0)
			return ret;
		if (sys_fstat(z->lock.fd, &st) < 0)
			return err_sys(err, "look at '%s'", z->lock_path);
		if (st.st_nlink > 0)
			return 0;
		lock_release(&z->lock);
	}
	return err_set(err, ERR_BUSY, "'%s' is removed again and again", z->lock_path);
}

static int make(struct freeze *f, struct frozen *z, struct err *err)
{
	struct buf line = BUF_INIT;
	int ret = take_lock(z, err);

	if (ret == 0)
		ret = write_record(z, err);
	if (ret == 0 && z->mode == FREEZE_BTRFS) {
		ret = btrfs_snapshot(z->what, z->name, err);
		sys_free(z->path);
		z->path = path_join(z->what, z->name);
	} else if (ret == 0) {
		ret = run_hook(f->o, f->o->create, z, &line, err);
		const char *last = strrchr(buf_str(&line), '\n');
		sys_free(z->path);
		z->path = xstrdup(last ? last + 1 : buf_str(&line));
		if (ret == 0 && *z->path != '/')
			ret = err_set(err, ERR_FAILED, "snapshot.create printed '%s', which is no "
				      "absolute path", z->path);
		if (ret == 0)
			ret = write_record(z, err);
	}
	buf_release(&line);
	return ret;
}

/* The snapshot that holds `what`, made unless it is there. */
static int freeze_one(struct freeze *f, const char *what, struct frozen **out, struct err *err)
{
	unsigned char raw[8];
	char hex[17];

	*out = find_frozen(f, what);
	if (*out)
		return 0;
	if (strchr(what, '\n'))
		return err_set(err, ERR_FAILED, "a path with a newline in it cannot be frozen");
	struct frozen *z = xcalloc(1, sizeof(*z));
	sys_random(raw, sizeof(raw));
	hex_encode(hex, raw, sizeof(raw));
	z->lock = (struct lock)LOCK_INIT;
	z->mode = f->o->mode;
	z->what = xstrdup(what);
	z->name = xasprintf("%s%s", FREEZE_PREFIX, hex);
	z->path = xstrdup("");
	z->record = xasprintf("%s/%s%s", f->o->state_dir, RECORD_PREFIX, hex);
	z->lock_path = xasprintf("%s.lock", z->record);
	z->next = f->all;
	f->all = z;
	*out = z;
	return make(f, z, err);
}

static int open_frozen(struct freeze *f, struct waypoint *p, const char *where,
		       const struct file_stat *live, struct err *err)
{
	struct file_stat st;

	p->frozen = sys_open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (p->frozen < 0 || file_stat_at(p->frozen, "", &st) < 0) {
		int ret = err_sys(err, "open the snapshot '%s'", where);
		if (p->frozen >= 0)
			sys_close(p->frozen);
		return ret;
	}
	p->is_frozen = true;
	p->live_dev = live->dev;
	f->places = xrealloc(f->places, (f->nr_places + 1) * sizeof(struct waypoint *));
	f->places[f->nr_places++] = p;
	return 0;
}

static int freeze_place(struct waypoint *p, void *data, struct err *err)
{
	struct freeze *f = data;
	char *path = waypoint_path(p), *what = NULL;
	int fd = sys_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), ret = 0;
	struct frozen *z = NULL;
	struct file_stat live;

	/* What is no folder, or not there, the walk has its own words for. */
	if (fd >= 0 && file_stat_at(fd, "", &live) == 0) {
		if (f->o->mode == FREEZE_BTRFS)
			ret = btrfs_find_root(fd, path, &what, err);
		else
			what = xstrdup(path);
		if (ret >= 0 && what)
			ret = freeze_one(f, what, &z, err);
		if (ret == 0 && z) {
			size_t n = strlen(what) > 1 ? strlen(what) : 0;
			char *where = xasprintf("%s%s", z->path,
						f->o->mode == FREEZE_BTRFS ? path + n : "");
			ret = open_frozen(f, p, where, &live, err);
			sys_free(where);
		}
	}
	if (fd >= 0)
		sys_close(fd);
	sys_free(what);
	sys_free(path);
	return ret < 0 ? ret : 0;
}

/* -- other mounts -- */

static int cmp_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The fifth field of a line of mountinfo, with its octal escapes undone. */
static char *mount_point(const char *line)
{
	struct buf out = BUF_INIT;

	for (int i = 0; i < 4 && line; i++) {
		line = strchr(line, ' ');
		line = line ? line + 1 : NULL;
	}
	for (const char *p = line; p && *p && *p != ' '; p++) {
		if (p[0] == '\\' && p[1] && p[2] && p[3]) {
			buf_put_u8(&out, (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 |
						   (p[3] - '0')));
			p += 3;
		} else {
			buf_put_u8(&out, (uint8_t)*p);
		}
	}
	char *path = out.len > 0 ? xstrdup(buf_str(&out)) : NULL;
	buf_release(&out);
	return path;
}

static void read_mounts(struct freeze *f)
{
	struct buf text = BUF_INIT;
	int fd = sys_open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
	char part[4096];
	ssize_t got;

	while (fd >= 0 && (got = sys_read(fd, part, sizeof(part))) > 0)
		buf_put(&text, part, (size_t)got);
	if (fd >= 0)
		sys_close(fd);
	char *copy = xstrdup(buf_str(&text)), *at = copy, *line;
	while ((line = next_line(&at))) {
		char *path = mount_point(line);
		if (!path)
			continue;
		f->mounts = xrealloc(f->mounts, (f->nr_mounts + 1) * sizeof(*f->mounts));
		f->mounts[f->nr_mounts++] = path;
	}
	if (f->nr_mounts > 0)
		qsort(f->mounts, f->nr_mounts, sizeof(*f->mounts), cmp_paths);
	sys_free(copy);
	buf_release(&text);
}

const char *const *freeze_mounts(const struct freeze *f, size_t *nr_out)
{
	*nr_out = f->nr_mounts;
	return (const char *const *)f->mounts;
}

/* -- all together -- */

int freeze_begin(struct freeze **out, const struct freeze_options *o, struct waypoint *root,
		 struct err *err)
{
	struct freeze *f = xcalloc(1, sizeof(*f));

	f->o = o;
	int ret = file_make_dirs(o->state_dir, 0700, err);
	if (ret == 0)
		ret = waypoint_each(root, freeze_place, f, err);
	if (ret < 0) {
		freeze_end(f);
		return ret;
	}
	read_mounts(f);
	*out = f;
	return 0;
}

void freeze_end(struct freeze *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->nr_places; i++) {
		sys_close(f->places[i]->frozen);
		f->places[i]->is_frozen = false;
	}
	while (f->all) {
		struct frozen *z = f->all;
		struct err err = ERR_INIT;
		f->all = z->next;
		if (remove_one(f->o, z, &err) < 0 && f->o->remark)
			f->o->remark(z->path, err.msg, f->o->data);
		frozen_free(z);
	}
	for (size_t i = 0; i < f->nr_mounts; i++)
		sys_free(f->mounts[i]);
	sys_free(f->mounts);
	sys_free(f->places);
	sys_free(f);
}

struct clean { const struct freeze_options *o; };

/* A lock without a record, which nobody holds. */
static void clean_lock(char *path)
{
	char *record = xstrndup(path, strlen(path) - 5);
	struct lock l = LOCK_INIT;
	struct err ignored = ERR_INIT;

	if (!file_exists(record) &&
	    lock_take(&l, path, LOCK_EXCLUSIVE, 0, "a snapshot", &ignored) == 0 &&
	    !file_exists(record))
		sys_unlink(path);
	lock_release(&l);
	sys_free(record);
}

/* A record whose lock nobody holds. */
static int clean_one(const char *name, void *data, struct err *err)
{
	const struct clean *c = data;
	size_t n = strlen(name);

	if (strncmp(name, RECORD_PREFIX, strlen(RECORD_PREFIX)) != 0)
		return 0;
	char *path = path_join(c->o->state_dir, name);
	if (n > 5 && strcmp(name + n - 5, ".lock") == 0) {
		clean_lock(path);
		sys_free(path);
		return 0;
	}
	struct err own = ERR_INIT;
	struct frozen *z = read_record(path, &own);
	int ret = z ? lock_take(&z->lock, z->lock_path, LOCK_EXCLUSIVE, 0, "a snapshot", &own) : 0;
	if (z && ret == 0)
		ret = remove_one(c->o, z, &own);
	if (ret < 0 && ret != ERR_BUSY && c->o->remark)
		c->o->remark(path, own.msg, c->o->data);
	if (z)
		frozen_free(z);
	sys_free(path);
	(void)err;
	return 0;
}

int freeze_clean(const struct freeze_options *o, struct err *err)
{
	struct clean c = { o };

	return file_exists(o->state_dir) ? file_each(o->state_dir, clean_one, &c, err) : 0;
}
