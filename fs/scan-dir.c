/*
 * Folders of a walk: opened, cut into windows of names in step with the stat cache and with HEAD,
 * and put together again as trees.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/path.h"
#include "lib/reader.h"
#include "crypto/hash.h"
#include "fs/freeze.h"
#include "fs/scan-internal.h"

/* -- paths -- */

void scan_folder_path(const struct folder *f, struct buf *out)
{
	if (!f->parent)
		return;
	scan_folder_path(f->parent, out);
	buf_put_str(out, f->name);
	buf_put_u8(out, '/');
}

const char *scan_path(struct scan_worker *w, const struct folder *f, const char *name)
{
	buf_reset(&w->path);
	scan_folder_path(f, &w->path);
	buf_put_str(&w->path, name);
	return buf_str(&w->path);
}

/* -- making and freeing -- */

static struct folder *folder_new(struct scanner *s, struct folder *parent)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	f->task.kind = TASK_FOLDER;
	f->parent = parent;
	f->scanner = s;
	f->fd = -1;
	f->cursor = (struct statcursor)STATCURSOR_INIT;
	buf_init_max(&f->record_name, SIZE_MAX);
	f->result = xcalloc(1, sizeof(*f->result));
	buf_init_max(&f->result->attrs, SIZE_MAX);
	f->result->where = STATCACHE_NONE;
	sys_lock(&s->lock);
	f->all.next = s->folders;
	if (s->folders)
		s->folders->all.prev = f;
	s->folders = f;
	sys_unlock(&s->lock);
	return f;
}

static void result_free(struct folder_result *r)
{
	if (r)
		buf_release(&r->attrs);
	sys_free(r);
}

void scan_folder_free(struct folder *f)
{
	struct scanner *s = f->scanner;

	sys_lock(&s->lock);
	if (f->all.prev)
		f->all.prev->all.next = f->all.next;
	else
		s->folders = f->all.next;
	if (f->all.next)
		f->all.next->all.prev = f->all.prev;
	sys_unlock(&s->lock);
	if (f->fd >= 0)
		sys_close(f->fd);
	names_free(f->names);
	rules_release(f->rules);
	statcursor_release(&f->cursor);
	buf_release(&f->record_name);
	dir_close(f->old);
	tree_builder_free(f->builder);
	result_free(f->result);
	sys_free(f->parts);
	sys_free(f->name);
	sys_free(f);
}

static struct window *window_new(struct folder *f)
{
	struct scanner *s = f->scanner;
	struct window *win = xcalloc(1, sizeof(*win));

	win->task.kind = TASK_WINDOW;
	win->folder = f;
	win->scanner = s;
	buf_init_max(&win->text, UINT32_MAX);
	sys_lock(&s->lock);
	win->all.next = s->windows;
	if (s->windows)
		s->windows->all.prev = win;
	s->windows = win;
	sys_unlock(&s->lock);
	return win;
}

void scan_window_free(struct window *win)
{
	struct scanner *s = win->scanner;

	sys_lock(&s->lock);
	if (win->all.prev)
		win->all.prev->all.next = win->all.next;
	else
		s->windows = win->all.next;
	if (win->all.next)
		win->all.next->all.prev = win->all.prev;
	sys_unlock(&s->lock);
	for (size_t i = 0; i < win->nr; i++)
		result_free(win->entries[i].result);
	for (size_t i = 0; i < win->batches; i++) {
		buf_release(&win->batch[i].items);
		buf_release(&win->batch[i].records);
	}
	sys_free(win->batch);
	sys_free(win->entries);
	buf_release(&win->text);
	sys_free(win);
}

/* -- the stat cache of a source -- */

static char *cache_path(const struct scanner *s, const char *source)
{
	unsigned char sum[8];
	char hex[17], *name, *path;

	/* Names of sources are not told by names of files. */
	struct oid id;
	keys_object_id(s->keys, OBJ_NOTE, source, strlen(source), id.b);
	memcpy(sum, id.b, sizeof(sum));
	hex_encode(hex, sum, sizeof(sum));
	name = xasprintf("stat-%s", hex);
	path = path_join(s->o->cache_dir, name);
	sys_free(name);
	return path;
}

static const struct waypoint *top_source(const struct waypoint *p)
{
	const struct waypoint *top = NULL;

	for (; p; p = p->parent)
		if (p->is_source)
			top = p;
	return top;
}

/* Find the record of `name` where the cursor stands: 1 and its place, 0. */
static int find_record(struct statcache *c, uint64_t where, const char *name,
		       struct statrecord *out, struct buf *hold, struct err *err)
{
	struct statcursor cur = STATCURSOR_INIT;
	const unsigned char *p;
	struct tree_entry e;
	size_t n;
	int ret = statcursor_open(&cur, c, where, err);

	while (ret == 0 && (ret = statcursor_next(&cur, &p, &n, err)) > 0) {
		if (!statrecord_parse(p, n, out) ||
		    tree_decode_entry(out->entry, out->entry_len, &e, err) < 0) {
			ret = err_set(err, ERR_CORRUPT, "the stat cache is damaged");
			break;
		}
		/* The record of "/" has a name that nobody gave it; it is the only one there. */
		if (!*name || name_cmp(e.name, e.name_len, name, strlen(name)) == 0) {
			buf_reset(hold);
			buf_put(hold, p, n);
			statrecord_parse(hold->data, n, out);
			break;
		}
		ret = 0;
	}
	statcursor_release(&cur);
	return ret;
}

/* The record of `place` in the stat cache of the source that holds it. */
static int descend(struct statcache *c, const struct waypoint *top, const struct waypoint *place,
		   struct statrecord *out, struct buf *hold, struct err *err)
{
	int ret;

	if (place == top)
		return find_record(c, statcache_root(c), place->name, out, hold, err);
	ret = descend(c, top, place->parent, out, hold, err);
	return ret > 0 ? find_record(c, out->child, place->name, out, hold, err) : ret;
}

/*
 * A wanted place begins here: its stat cache, and the record in it (in `hold`: 1, or 0).  Whatever
 * is wrong with the cache, the walk goes on without it.
 */
static int open_cache(struct scanner *s, struct waypoint *place, struct scan_cache **out,
		      struct buf *hold)
{
	const struct waypoint *top = top_source(place);
	struct scan_cache *c = xcalloc(1, sizeof(*c));
	struct statrecord record;
	struct err err = ERR_INIT;
	int ret = 0;

	c->place = place;
	c->source = waypoint_path(top ? top : place);
	c->root = STATCACHE_NONE;
	char *path = s->o->cache_dir && top ? cache_path(s, c->source) : NULL;
	if (path && statcache_open(&c->old, path, s->keys, c->source, &err) == 0)
		ret = descend(c->old, top, place, &record, hold, &err);
	err_clear(&err);
	c->is_lasting = path && top == place && s->o->session &&
			statwriter_open(&c->writer, path, s->keys, c->source, &err) == 0;
	sys_free(path);
	/* Without a lasting one, side lists are made from one that goes. */
	if (!c->is_lasting && s->o->session) {
		path = path_join(s->o->spill_dir, "stat");
		if (statwriter_open(&c->writer, path, s->keys, c->source, &err) < 0)
			c->writer = NULL;
		sys_free(path);
	}
	sys_lock(&s->side);
	c->nr = s->out->caches ? s->out->caches->nr + 1 : 1;
	c->next = s->out->caches;
	s->out->caches = c;
	sys_unlock(&s->side);
	*out = c;
	return ret > 0;
}

int scan_cache_put(struct scan_cache *c, const struct buf *b, uint64_t *off_out, struct err *err)
{
	int ret = statwriter_put(c->writer, b->data, b->len, off_out, err);

	if (ret < 0)
		c->has_failed = true;
	return ret;
}

/* -- what comes next, of each of the sides -- */

static int next_disk_name(struct folder *f, struct err *err)
{
	int ret = f->names ? names_next(f->names, &f->disk_name, &f->disk_type, err) : 0;

	if (ret <= 0)
		f->disk_name = NULL;
	return ret < 0 ? ret : 0;
}

/* A stat cache that turns out to be damaged knows nothing more. */
static void next_record(struct folder *f)
{
	struct err err = ERR_INIT;
	struct statrecord r;
	struct statentry e;

	f->record = NULL;
	if (statcursor_next(&f->cursor, &f->record, &f->record_len, &err) <= 0) {
		f->record = NULL;
		if (err.code)
			f->has_changed = true;
		return;
	}
	if (!statrecord_parse(f->record, f->record_len, &r) ||
	    !statentry_peek(r.entry, r.entry_len, &e)) {
		f->record = NULL;
		f->has_changed = true;
		return;
	}
	buf_reset(&f->record_name);
	buf_put(&f->record_name, e.name, e.name_len);
}

static int next_old(struct folder *f, struct err *err)
{
	int ret = f->old ? dir_next(f->old, &f->old_entry, err) : 0;

	f->has_old_entry = ret > 0;
	return ret < 0 ? err_wrap(err, "the snapshot before") : 0;
}

static int open_old(struct scanner *s, struct folder *f, const struct oid *tree, struct err *err)
{
	int ret = dir_open(&f->old, &s->source, tree, err);

	return ret < 0 ? err_wrap(err, "the snapshot before") : next_old(f, err);
}

/* -- opening -- */

static int open_at(int dirfd, const char *name, int flags)
{
	int fd = sys_openat(dirfd, name, flags | O_NOATIME, 0);

	/* Only a file's owner may leave its access time alone. */
	if (fd < 0 && errno == EPERM)
		fd = sys_openat(dirfd, name, flags, 0);
	return fd;
}

struct folder *scan_open_root(struct scanner *s, struct waypoint *root, struct err *err)
{
	struct folder *f = folder_new(s, NULL);
	int ret = 0;

	f->name = xstrdup("");
	f->place = root;
	f->next_place = root->child;
	f->is_listed = root->is_wanted;
	f->is_keeping = s->o->is_partial && !root->is_wanted;
	f->fd = root->is_frozen ? open_at(root->frozen, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) :
		sys_open("/", f->is_listed ? O_RDONLY | O_DIRECTORY | O_CLOEXEC :
			 O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (f->fd < 0 || file_stat_at(f->fd, "", &f->st) < 0) {
		err_sys(err, "open '/'");
		scan_folder_free(f);
		return NULL;
	}
	f->live_dev = root->is_frozen ? root->live_dev : 0;
	f->root_dev = f->st.dev;
	if (f->is_listed) {
		struct buf hold = BUF_INIT;
		struct statrecord record;
		if (open_cache(s, root, &f->cache, &hold) &&
		    statrecord_parse(hold.data, hold.len, &record)) {
			/* One that cannot be read knows nothing. */
			if (statcursor_open(&f->cursor, f->cache->old, record.child, err) < 0)
				err_clear(err);
			next_record(f);
		}
		buf_release(&hold);
		f->names = names_new(s->o->spill_dir);
		ret = names_read(f->names, f->fd, err);
		if (ret == 0)
			ret = next_disk_name(f, err);
	}
	if (ret == 0 && s->o->has_old)
		ret = open_old(s, f, &s->o->old_tree, err);
	if (ret < 0) {
		scan_folder_free(f);
		return NULL;
	}
	struct rules_folder rf = { .fd = f->fd, .path = "", .name = "", .names = f->names };
	f->rules = rules_enter(s->rules, &rf);
	return f;
}

/* File systems that hold what the kernel makes up. */
static bool is_pseudo(int fd)
{
	static const uint32_t magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
		BPF_FS_MAGIC, PSTOREFS_MAGIC, EFIVARFS_MAGIC, SELINUX_MAGIC, BINFMTFS_MAGIC,
		NSFS_MAGIC, 0x62656570 /* configfs */, 0x65735543 /* fusectl */,
		0x19800202 /* mqueue */, 0x67596969 /* rpc_pipefs */, 0x6e667364 /* nfsd */,
	};
	uint64_t type;

	if (sys_fs_type(fd, &type) < 0)
		return false;
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if (type == magics[i])
			return true;
	return false;
}

/* Why the folder's content stays out of the snapshot, or NULL; `drops`: the folder too. */
static const char *skip_rule(struct scanner *s, const struct folder *f, bool *drops)
{
	bool is_source = f->place && f->place->is_wanted;

	*drops = !f->place;
	if (s->rules_options.no_nodump && f->st.is_nodump && !is_source && f->is_listed)
		return "nodump";
	*drops = true;
	uint64_t dev = f->live_dev ? f->live_dev : f->st.dev;
	for (size_t i = 0; i < s->o->nr_skip; i++)
		if (s->o->skip[i].dev == dev && s->o->skip[i].ino == f->st.ino)
			return s->o->skip[i].rule;
	/* Another commit's, or one that is yet to be removed: a second copy of all. */
	if (!f->place && strncmp(f->name, FREEZE_PREFIX, strlen(FREEZE_PREFIX)) == 0 &&
	    (f->st.ino == 256 || f->st.ino == 2))
		return "a snapshot that ub made";
	*drops = false;
	if (is_source || !f->is_listed || f->st.dev == f->parent->st.dev)
		return NULL;
	if (s->o->one_fs && f->st.dev != f->root_dev)
		return "another file system";
	return is_pseudo(f->fd) ? "a file system of the kernel" : NULL;
}

/* A place that is not there: HEAD's stays, and what lies below it counts as absent as well. */
static int mark_absent(struct waypoint *p, void *data, struct err *err)
{
	(void)err;
	p->is_absent = true;
	p->is_kept = *(bool *)data;
	return 0;
}

static void place_missing(struct scan_worker *w, struct folder *f, struct scan_entry *e,
			  struct err *err)
{
	bool is_kept = e->old.len > 0;

	sys_lock(&w->s->side);
	waypoint_each(e->place, mark_absent, &is_kept, err);
	w->s->out->has_absent = true;
	sys_unlock(&w->s->side);
	e->state = is_kept ? ENTRY_STATE_KEPT : ENTRY_STATE_DROPPED;
	f->has_changed = true;
}

/* The entry was a folder, and cannot be opened: said, and dropped or kept as HEAD has it. */
static int cannot_open(struct scan_worker *w, struct window *win, size_t i, struct folder *f,
		       int error, struct err *err)
{
	struct scan_entry *e = &win->entries[i];
	const char *name = (const char *)win->text.data + e->name;

	if (e->place)
		place_missing(w, win->folder, e, err);
	else
		e->state = ENTRY_STATE_DROPPED;
	if (error)
		scan_problem(w, scan_path(w, win->folder, name), "open", error, "");
	win->folder->has_changed = true;
	scan_folder_free(f);
	return 0;
}

static bool has_name(const struct folder *f, const char *name)
{
	return names_has(f->names, name) == 1;
}

/* The rules that are in force in it. */
static void enter_rules(struct scan_worker *w, const struct scan_entry *e, struct folder *f)
{
	struct folder *up = f->parent;
	struct rules_folder rf = {
		.fd = f->fd, .name = f->name, .names = f->names,
	};
	struct buf path = BUF_INIT;

	scan_folder_path(f, &path);
	rf.path = buf_str(&path);
	/* By which rule? */
	if (e->is_for_tracked &&
	    rules_ask(up->rules, up->fd, up->names, scan_path(w, up, f->name), true, &w->rule) ==
	    RULES_TRACKED)
		rf.only_tracked = buf_str(&w->rule);
	f->rules = rules_enter(up->rules, &rf);
	f->is_git = f->names && has_name(f, "HEAD") && has_name(f, "objects") &&
		    has_name(f, "refs");
	buf_release(&path);
}

static int begin_listing(struct scan_worker *w, struct folder *f, struct err *err)
{
	int ret = 0;

	if (!f->is_listed || f->is_left_out)
		return 0;
	f->names = names_new(w->s->o->spill_dir);
	ret = names_read(f->names, f->fd, err);
	if (ret == ERR_SYS) {
		/* What was read so far is not lost. */
		struct buf path = BUF_INIT;
		scan_folder_path(f, &path);
		if (path.len > 0)
			buf_truncate(&path, path.len - 1);
		scan_problem(w, buf_str(&path), "read folder", err->sys_errno, "");
		buf_release(&path);
		f->has_changed = true;
		f->is_doubtful = true;
		err_clear(err);
		ret = 0;
	}
	return ret < 0 ? ret : next_disk_name(f, err);
}

/* An empty folder where files were, and another one than then: its disk is not there. */
static bool is_unplugged(const struct folder *f, const struct scan_entry *e,
			 const struct statrecord *r)
{
	return e->place && e->place->is_wanted && e->place->is_source && !f->disk_name &&
	       f->record && r->ino != f->st.ino && e->old.len > 0;
}

static int cmp_path(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

/*
 * In what is frozen: a folder on which another file system is mounted, or in whose place another
 * subvolume of btrfs stands, which a snapshot shows as an empty folder of this number.
 */
static bool is_elsewhere(const struct scanner *s, const struct folder *f, const char *path)
{
	enum { NOT_IN_SNAPSHOT = 2 };

	return f->st.ino == NOT_IN_SNAPSHOT ||
	       (s->o->nr_mounts > 0 && bsearch(path, s->o->mounts, s->o->nr_mounts,
					       sizeof(*s->o->mounts), cmp_path));
}

/* Open it and look at it: 0, or -1 and errno. */
static int open_folder(struct scanner *s, struct folder *f, const char *name)
{
	int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, listing = O_RDONLY | O_NONBLOCK | flags;
	const struct folder *up = f->parent;

	if (f->place && f->place->is_frozen) {
		f->fd = open_at(f->place->frozen, ".", listing);
		f->live_dev = f->place->live_dev;
	} else {
		f->fd = f->is_listed ? open_at(up->fd, name, listing) :
				       sys_openat(up->fd, name, O_PATH | flags, 0);
		f->live_dev = up->live_dev;
	}
	if (f->fd < 0 || file_stat_at(f->fd, "", &f->st) < 0)
		return -1;
	if (!f->live_dev || (f->place && f->place->is_frozen))
		return 0;
	struct buf path = BUF_INIT;
	buf_put_u8(&path, '/');
	scan_folder_path(f, &path);
	buf_truncate(&path, path.len - 1);
	int ret = 0;
	if (is_elsewhere(s, f, buf_str(&path))) {
		sys_close(f->fd);
		f->live_dev = 0;
		f->fd = open_at(AT_FDCWD, buf_str(&path), listing);
		ret = f->fd < 0 ? -1 : file_stat_at(f->fd, "", &f->st);
	}
	buf_release(&path);
	return ret;
}

int scan_open_folder(struct scan_worker *w, struct window *win, size_t i, struct folder **out,
		     struct err *err)
{
	struct scanner *s = w->s;
	struct scan_entry *e = &win->entries[i];
	const char *name = (const char *)win->text.data + e->name;
	struct folder *up = win->folder, *f = folder_new(s, up);
	struct statrecord record;
	bool has_record = e->cached.len > 0 &&
			  statrecord_parse(win->text.data + e->cached.off, e->cached.len, &record);
	bool drops = false;
	int ret = 0;

	f->window = win;
	f->entry = i;
	f->name = xstrdup(name);
	f->place = e->place;
	f->next_place = e->place ? e->place->child : NULL;
	f->is_listed = up->is_listed || (e->place && e->place->is_wanted);
	f->is_keeping = s->o->is_partial && !f->is_listed;
	f->cache = e->cache ? e->cache : f->is_listed ? up->cache : NULL;
	if (open_folder(s, f, name) < 0)
		return cannot_open(w, win, i, f, errno, err);
	f->root_dev = e->place && e->place->is_wanted ? f->st.dev : up->root_dev;

	const char *rule = skip_rule(s, f, &drops);
	if (rule) {
		ret = scan_skipped(w, scan_path(w, up, name), rule, err);
		if (ret < 0 || drops) {
			e->state = ENTRY_STATE_DROPPED;
			if (e->cached.len > 0)
				up->has_changed = true;
			if (e->place)
				place_missing(w, up, e, err);
			scan_folder_free(f);
			return ret;
		}
	}
	f->is_left_out = rule || e->is_left_out ||
			 (up->is_left_out && !(e->place && e->place->is_wanted));
	/* A stat cache that cannot be read knows nothing. */
	if (has_record && f->cache &&
	    statcursor_open(&f->cursor, f->cache->old, record.child, err) < 0) {
		err_clear(err);
		statcursor_release(&f->cursor);
	}
	next_record(f);
	ret = begin_listing(w, f, err);
	if (ret == 0 && has_record && is_unplugged(f, e, &record))
		return cannot_open(w, win, i, f, 0, err);
	if (ret == 0)
		enter_rules(w, e, f);
	if (ret == 0)
		ret = scan_folder_attrs(w, f, has_record ? &record : NULL, err);
	struct tree_entry known;
	if (ret == 0 && has_record && (record.flags & STATRECORD_CLEAN) &&
	    tree_decode_entry(record.entry, record.entry_len, &known, err) == 1 &&
	    known.content == CONTENT_TREE && f->is_listed) {
		f->has_known_tree = true;
		f->known_tree = known.id;
	}
	struct tree_entry old;
	/* What the stat cache was made with need not be looked up in HEAD. */
	if (ret == 0 && e->old.len > 0 &&
	    tree_decode_entry(win->text.data + e->old.off, e->old.len, &old, err) == 1 &&
	    old.content == CONTENT_TREE &&
	    (f->is_keeping || f->place || !f->has_known_tree || !oid_eq(&old.id, &f->known_tree)))
		ret = open_old(s, f, &old.id, err);
	if (ret < 0) {
		scan_folder_free(f);
		return ret;
	}
	*out = f;
	return 1;
}

/* -- windows -- */

static struct span put_text(struct window *win, const void *p, size_t n)
{
	struct span span = { (uint32_t)win->text.len, (uint32_t)n };

	buf_put(&win->text, p, n);
	return span;
}

static int cmp_name(const char *a, const unsigned char *b, size_t n)
{
	return name_cmp(a, strlen(a), b, n);
}

/* The least of the names that stand next: disk, places, and what HEAD has and is to stay. */
static const char *least_name(const struct folder *f, struct buf *hold)
{
	const char *name = f->disk_name;

	if (f->next_place && (!name || strcmp(f->next_place->name, name) < 0))
		name = f->next_place->name;
	if (f->is_keeping && f->has_old_entry &&
	    (!name || cmp_name(name, f->old_entry.name, f->old_entry.name_len) > 0)) {
		buf_reset(hold);
		buf_put(hold, f->old_entry.name, f->old_entry.name_len);
		name = buf_str(hold);
	}
	return name;
}

/* In step: what the stat cache and HEAD know of this name. */
static int match_known(struct folder *f, struct window *win, struct scan_entry *e,
		       const char *name, struct err *err)
{
	int ret = 0, c = 1;

	while (f->record && (c = cmp_name(name, f->record_name.data, f->record_name.len)) > 0) {
		f->has_changed = true;
		next_record(f);
	}
	if (f->record && c == 0) {
		e->cached = put_text(win, f->record, f->record_len);
		e->was_there = true;
		next_record(f);
	}
	while (ret == 0 && f->has_old_entry &&
	       (c = cmp_name(name, f->old_entry.name, f->old_entry.name_len)) > 0)
		ret = next_old(f, err);
	if (ret == 0 && f->has_old_entry && c == 0) {
		struct span span = { (uint32_t)win->text.len, 0 };
		tree_encode_entry(&win->text, &f->old_entry);
		span.len = (uint32_t)(win->text.len - span.off);
		e->old = span;
		e->was_there = true;
		ret = next_old(f, err);
	}
	return ret;
}

/* What is at a name: a folder?  -1 and errno. */
static int look(const struct folder *f, const char *name, unsigned char type, bool *is_dir)
{
	struct file_stat st;

	if (type != DT_UNKNOWN) {
		*is_dir = type == DT_DIR;
		return 0;
	}
	if (file_stat_at(f->fd, name, &st) < 0)
		return -1;
	*is_dir = st.type == ENTRY_DIR;
	return 0;
}

/* Places below an entry that are to be read: else the entry is HEAD's, or nothing at all. */
static bool has_wanted(const struct waypoint *p)
{
	if (p->is_wanted)
		return true;
	for (const struct waypoint *c = p->child; c; c = c->next)
		if (has_wanted(c))
			return true;
	return false;
}

/* 1: by a rule it stays out, or what git does not track of it; 0: it stays. */
static int apply_rules(struct scan_worker *w, struct folder *f, const char *name, bool is_dir,
		       bool *is_for_tracked, struct err *err)
{
	*is_for_tracked = false;
	if (rules_is_empty(f->rules))
		return 0;
	const char *path = scan_path(w, f, name);
	switch (rules_ask(f->rules, f->fd, f->names, path, is_dir, &w->rule)) {
	case RULES_KEEP:
		return 0;
	case RULES_TRACKED:
		*is_for_tracked = true;
		return 0;
	default:
		break;
	}
	int ret = scan_skipped(w, path, buf_str(&w->rule), err);
	return ret < 0 ? ret : 1;
}

/* A place in the walk's way. */
static int classify_place(struct scan_worker *w, struct folder *f, struct window *win,
			  struct scan_entry *e, const char *name, struct err *err)
{
	struct buf hold = BUF_INIT;
	bool is_dir = false;

	if (look(f, name, DT_UNKNOWN, &is_dir) < 0) {
		int error = errno;
		place_missing(w, f, e, err);
		if (error != ENOENT && error != ENOTDIR)
			scan_problem(w, scan_path(w, f, name), "look at", error, "");
		return 0;
	}
	e->state = is_dir ? ENTRY_STATE_FOLDER : ENTRY_STATE_FILE;
	if (!is_dir && !e->place->is_wanted) {
		place_missing(w, f, e, err);	/* a file stands where it was on the way */
		if (f->is_listed && !f->is_left_out)
			e->state = ENTRY_STATE_FILE;
		return 0;
	}
	if (e->place->is_wanted && !f->is_listed) {
		if (open_cache(w->s, e->place, &e->cache, &hold))
			e->cached = put_text(win, hold.data, hold.len);
		buf_release(&hold);
	}
	if (e->place->is_wanted || !f->is_listed || f->is_left_out)
		return 0;
	/* On the way to a source, and perhaps itself to be left out. */
	int ret = apply_rules(w, f, name, is_dir, &e->is_for_tracked, err);
	e->is_left_out = ret > 0;
	return ret < 0 ? ret : 0;
}

static int classify(struct scan_worker *w, struct folder *f, struct window *win,
		    struct scan_entry *e, const char *name, unsigned char type, bool is_on_disk,
		    struct err *err)
{
	bool is_dir = false;

	if (e->place && e->place->is_made) {
		if (e->place->made)
			e->old = put_text(win, e->place->made->data, e->place->made->len);
		e->state = e->old.len > 0 ? ENTRY_STATE_KEPT : ENTRY_STATE_DROPPED;
		e->place = NULL;
		return 0;
	}
	if (e->place && has_wanted(e->place))
		return classify_place(w, f, win, e, name, err);
	e->place = NULL;
	if (!is_on_disk) {
		e->state = e->old.len > 0 && f->is_keeping ? ENTRY_STATE_KEPT : ENTRY_STATE_DROPPED;
		return 0;
	}
	/* What cannot be looked at is met again by scan_batch(), which says so. */
	look(f, name, type, &is_dir);
	e->state = is_dir ? ENTRY_STATE_FOLDER : ENTRY_STATE_FILE;
	int ret = apply_rules(w, f, name, is_dir, &e->is_for_tracked, err);
	if (ret > 0)
		e->state = ENTRY_STATE_DROPPED;
	return ret < 0 ? ret : 0;
}

static int add_name(struct scan_worker *w, struct folder *f, struct window *win, const char *name,
		    struct err *err)
{
	struct scan_entry e = { .state = ENTRY_STATE_DROPPED };
	unsigned char type = f->disk_type;
	bool is_on_disk = f->disk_name && strcmp(f->disk_name, name) == 0;
	size_t before = win->text.len;

	e.name = put_text(win, name, strlen(name) + 1).off;
	if (f->next_place && strcmp(f->next_place->name, name) == 0) {
		e.place = f->next_place;
		f->next_place = f->next_place->next;
	}
	int ret = match_known(f, win, &e, name, err);
	if (ret == 0)
		ret = classify(w, f, win, &e, name, type, is_on_disk, err);
	if (ret == 0 && is_on_disk)
		ret = next_disk_name(f, err);
	if (ret < 0)
		return ret;
	if (e.state == ENTRY_STATE_DROPPED) {
		f->has_changed |= e.cached.len > 0;
		buf_truncate(&win->text, before);
		return 0;
	}
	if (win->nr == win->alloc) {
		win->alloc = win->alloc ? 2 * win->alloc : 16;
		win->entries = xrealloc(win->entries, win->alloc * sizeof(*win->entries));
	}
	win->entries[win->nr++] = e;
	win->pending += e.state == ENTRY_STATE_FOLDER;
	return 0;
}

int scan_cut_window(struct scan_worker *w, struct folder *f, struct window **out, struct err *err)
{
	struct window *win = window_new(f);
	struct buf name = BUF_INIT, hold = BUF_INIT;
	const char *least = NULL;
	int ret = 0;

	while (ret == 0 && win->nr < WINDOW_NAMES && (least = least_name(f, &hold))) {
		/* What refers to objects is read before them: they are there before it. */
		bool is_objects = f->is_git && strcmp(least, "objects") == 0;
		if (is_objects && win->nr > 0)
			break;
		buf_reset(&name);
		buf_put_str(&name, least);
		ret = add_name(w, f, win, buf_str(&name), err);
		win->is_held = is_objects && win->nr > 0;
		if (win->is_held)
			break;
	}
	win->is_last = !least || !least_name(f, &hold);
	if (win->is_last && f->record)
		f->has_changed = true;		/* what stood behind the last name is gone */
	win->batches = win->batches_left = (win->nr + BATCH_NAMES - 1) / BATCH_NAMES;
	win->batch = xcalloc(win->batches + 1, sizeof(*win->batch));
	for (size_t i = 0; i < win->batches; i++) {
		buf_init_max(&win->batch[i].items, SIZE_MAX);
		buf_init_max(&win->batch[i].records, SIZE_MAX);
	}
	buf_release(&name);
	buf_release(&hold);
	if (ret < 0)
		return ret;		/* the window is freed with all others */
	*out = win;
	return 0;
}

/* -- putting together -- */

static int add_item(struct folder *f, const unsigned char *p, size_t n, struct err *err)
{
	struct tree_entry e;
	int ret = p ? tree_decode_entry(p, n, &e, err) : ERR_CORRUPT;

	if (ret < 0)
		BUG("an entry that was made here is none: %s", err->msg);
	return tree_builder_add(f->builder, &e, err);
}

static int add_items(struct folder *f, const struct window *win, struct err *err)
{
	struct reader r = { 0 };
	int ret = 0;

	for (size_t i = 0; i < win->nr && ret == 0; i++) {
		const struct scan_entry *e = &win->entries[i];
		if (i % BATCH_NAMES == 0)
			reader_init(&r, win->batch[i / BATCH_NAMES].items.data,
				    win->batch[i / BATCH_NAMES].items.len);
		if (e->is_known) {
			struct statrecord record;
			statrecord_parse(win->text.data + e->cached.off, e->cached.len, &record);
			ret = add_item(f, record.entry, record.entry_len, err);
		} else if (e->has_item) {
			size_t n;
			const unsigned char *p = reader_lenbytes(&r, SIZE_MAX, &n);
			ret = add_item(f, p, n, err);
		}
	}
	return ret;
}

/* What the stat cache will say of the window. */
static void gather_records(const struct window *win, struct buf *out)
{
	struct reader r = { 0 };

	buf_reset(out);
	for (size_t i = 0; i < win->nr; i++) {
		const struct scan_entry *e = &win->entries[i];
		if (i % BATCH_NAMES == 0)
			reader_init(&r, win->batch[i / BATCH_NAMES].records.data,
				    win->batch[i / BATCH_NAMES].records.len);
		if (e->is_known) {
			buf_put_lenbytes(out, win->text.data + e->cached.off, e->cached.len);
		} else if (e->has_item) {
			size_t n;
			const unsigned char *p = reader_lenbytes(&r, SIZE_MAX, &n);
			if (n > 0)
				buf_put_lenbytes(out, p, n);
		}
	}
	buf_put_u8(out, 0);
}

static int put_records(struct folder *f, const struct window *win, struct buf *scratch,
		       struct err *err)
{
	uint64_t off;

	if (!f->cache || !f->cache->writer || !f->is_listed)
		return 0;
	gather_records(win, scratch);
	int ret = scan_cache_put(f->cache, scratch, &off, err);
	if (f->nr_parts == f->alloc_parts) {
		f->alloc_parts = f->alloc_parts ? 2 * f->alloc_parts : 1;
		f->parts = xrealloc(f->parts, f->alloc_parts * sizeof(*f->parts));
	}
	f->parts[f->nr_parts++] = off;
	return ret;
}

/* 1: the tree that the stat cache knows is the one, and stored. */
static int is_known_tree(struct scanner *s, const struct folder *f, struct err *err)
{
	struct index_loc loc;

	if (f->has_changed || !f->has_known_tree || s->o->force)
		return 0;
	return s->o->session ? session_has(s->o->session, &f->known_tree, OBJ_TREE, err) :
			       store_find(s->o->store, &f->known_tree, &loc, NULL, err);
}

int scan_emit_window(struct scan_worker *w, struct window *win, struct err *err)
{
	struct folder *f = win->folder;
	int ret = put_records(f, win, &w->scratch, err);

	if (ret == 0 && win->seq == 0 && win->is_last) {
		ret = is_known_tree(w->s, f, err);
		if (ret > 0) {
			f->result->tree = f->known_tree;
			f->is_known = true;
			return 0;
		}
	}
	if (ret == 0 && !f->builder)
		f->builder = tree_builder_new(&w->sink);
	return ret < 0 ? ret : add_items(f, win, err);
}

/* Where the folder's segment or segments are. */
static int end_records(struct folder *f, struct buf *scratch, uint64_t *where, struct err *err)
{
	uint64_t off;

	if (f->nr_parts <= 1) {
		*where = f->nr_parts ? f->parts[0] << 1 : STATCACHE_NONE;
		return 0;
	}
	buf_reset(scratch);
	buf_put_varint(scratch, f->nr_parts);
	for (size_t i = 0; i < f->nr_parts; i++)
		buf_put_u64le(scratch, f->parts[i]);
	int ret = scan_cache_put(f->cache, scratch, &off, err);
	*where = off << 1 | 1;
	return ret;
}

/* The root has no entry of its own in any tree: its record is made here. */
static int end_root(struct scan_worker *w, struct folder *f, struct err *err)
{
	struct scanner *s = w->s;
	uint64_t off;

	s->out->tree = f->result->tree;
	if (!f->is_listed || !f->cache || !f->cache->writer)
		return 0;
	struct tree_entry e = {
		.name = (const unsigned char *)"root", .name_len = 4, .type = ENTRY_DIR,
		.content = CONTENT_TREE, .id = f->result->tree,
	};
	struct statrecord r = { .child = f->result->where, .flags = STATRECORD_CHILD };
	struct buf entry = BUF_INIT;
	tree_encode_entry(&entry, &e);
	r.entry = entry.data;
	r.entry_len = entry.len;
	buf_reset(&w->scratch);
	statrecord_put(&w->scratch, &r);
	buf_put_u8(&w->scratch, 0);
	int ret = scan_cache_put(f->cache, &w->scratch, &off, err);
	f->cache->root = off << 1;
	buf_release(&entry);
	return ret;
}

int scan_finish_folder(struct scan_worker *w, struct folder *f, struct err *err)
{
	int ret = 0;

	if (f->is_listed)
		ret = end_records(f, &w->scratch, &f->result->where, err);
	if (ret == 0 && !f->is_known)
		ret = tree_builder_end(f->builder, &f->result->tree, err);
	if (ret < 0)
		return ret;
	if (f->parent && f->is_listed) {
		const char *path = scan_path(w, f->parent, f->name);
		if (rules_is_worktree(f->rules, strlen(path) + 1))
			ret = scan_worktree(w, path, f->has_changed, err);
	}
	if (ret < 0)
		return ret;
	/* On the way to a source nothing is known; its tree tells whether it changed. */
	if (f->has_changed && f->is_listed) {
		sys_lock(&w->s->side);
		w->s->out->has_changed = true;
		sys_unlock(&w->s->side);
	}
	if (!f->window)
		return end_root(w, f, err);
	struct scan_entry *e = &f->window->entries[f->entry];
	e->result = f->result;
	e->result->st = f->st;
	/* What was carried over has no record: whoever comes next is not to take this tree. */
	e->result->is_clean &= !f->has_kept;
	e->state = ENTRY_STATE_WALKED;
	f->result = NULL;
	return 0;
}
