/*
 * One entry of a folder: known from the stat cache, or read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/reader.h"
#include "fs/scan-internal.h"

#define READ_TWICE 2		/* a file that changes meanwhile is read again, once */
#define HOLE_MIN 512		/* no file system has smaller blocks */
#define BIG_FILE ((uint64_t)32 << 20)	/* from here on helpers are worth their start */

/*
 * A file that was changed a moment ago may be changed again without looking any different: its
 * clock ticks every 10 ms at worst.  Whoever knows only whole seconds (old disks) is believed
 * after two.
 */
#define TICK_NS INT64_C(20000000)
#define SECONDS_NS INT64_C(2100000000)
#define WAIT_MS_MAX 100

/* Nanoseconds until the file's last change is past; 0: it is. */
static int64_t until_clean(const struct file_stat *st)
{
	bool has_seconds = st->ctime_ns == 0 && st->mtime_ns == 0;
	int64_t slack = has_seconds ? SECONDS_NS : TICK_NS;
	struct timespec now;

	sys_now(&now);
	int64_t age_s = now.tv_sec - st->ctime_s;
	if (age_s > 10)
		return 0;
	if (age_s < -10)
		return INT64_MAX;
	int64_t age = age_s * 1000000000 + (now.tv_nsec - (int64_t)st->ctime_ns);
	return age > slack ? 0 : slack - age + 1000000;
}

bool scan_is_clean(const struct file_stat *st)
{
	return until_clean(st) == 0;
}

/* Wait for it to be past, if that is soon, and not for too many files. */
static void wait_until_clean(struct scan_worker *w, const struct file_stat *st)
{
	struct scanner *s = w->s;
	int64_t ns = until_clean(st);
	bool waits;

	if (ns == 0 || ns > 2 * TICK_NS)
		return;
	uint64_t ms = (uint64_t)ns / 1000000 + 1;
	sys_lock(&s->side);
	waits = s->waited_ms + ms <= WAIT_MS_MAX;
	s->waited_ms += waits ? ms : 0;
	sys_unlock(&s->side);
	if (waits)
		sys_sleep_ms((unsigned int)ms);
}

/* -- what is known -- */

static bool looks_same(const struct file_stat *a, const struct file_stat *b)
{
	return a->type == b->type && a->size == b->size && a->mtime_s == b->mtime_s &&
	       a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
	       a->ctime_ns == b->ctime_ns && a->ino == b->ino;
}

static bool is_known(const struct file_stat *st, const struct statrecord *r,
		     const struct statentry *e)
{
	return r->flags & STATRECORD_CLEAN && r->ino == st->ino && r->ctime_s == st->ctime_s &&
	       r->ctime_ns == st->ctime_ns && e->type == st->type &&
	       (e->type != ENTRY_FILE || e->size == st->size) && e->has_mtime &&
	       e->mtime_s == st->mtime_s && e->mtime_ns == st->mtime_ns;
}

/* Does the record of the stat cache still hold?  Both are filled in if there is one. */
static bool find_known(const struct scan_worker *w, const struct window *win,
		       const struct scan_entry *se, const struct file_stat *st,
		       struct statrecord *r, struct statentry *e)
{
	return se->cached.len > 0 && !w->s->o->force &&
	       statrecord_parse(win->text.data + se->cached.off, se->cached.len, r) &&
	       statentry_peek(r->entry, r->entry_len, e) && is_known(st, r, e);
}

/* Of a source itself: a segment of its own, which is the root. */
static void put_source_record(struct scan_worker *w, const struct scan_entry *e, const void *p,
			      size_t n)
{
	struct err err = ERR_INIT;
	uint64_t off;

	if (!e->cache->writer)
		return;
	buf_reset(&w->scratch);
	buf_put_lenbytes(&w->scratch, p, n);
	buf_put_u8(&w->scratch, 0);
	if (scan_cache_put(e->cache, &w->scratch, &off, &err) == 0)
		e->cache->root = off << 1;
}

static void put_record(struct scan_worker *w, struct batch *b, const struct scan_entry *e,
		       const struct file_stat *st, bool is_clean, uint64_t where,
		       const void *entry, size_t entry_len)
{
	struct statrecord r = {
		.flags = (is_clean ? STATRECORD_CLEAN : 0) |
			 (st->has_birth ? STATRECORD_BIRTH : 0) |
			 (where != STATCACHE_NONE ? STATRECORD_CHILD : 0),
		.ino = st->ino, .ctime_s = st->ctime_s, .ctime_ns = st->ctime_ns,
		.birth_s = st->birth_s, .birth_ns = st->birth_ns, .child = where,
		.entry = entry, .entry_len = entry_len,
	};

	size_t before = b->records.len;
	statrecord_put(&b->records, &r);
	if (e->cache) {
		struct reader in;
		size_t n;
		reader_init(&in, b->records.data + before, b->records.len - before);
		const unsigned char *p = reader_lenbytes(&in, SIZE_MAX, &n);
		put_source_record(w, e, p, n);
	}
}

static int note_link(struct scan_worker *w, const struct folder *f, const char *name,
		     const struct file_stat *st, struct err *err)
{
	unsigned char head[16];
	struct buf record = BUF_INIT;

	for (int i = 0; i < 8; i++) {
		head[i] = (unsigned char)(st->dev >> (56 - 8 * i));
		head[8 + i] = (unsigned char)(st->ino >> (56 - 8 * i));
	}
	buf_put(&record, head, sizeof(head));
	buf_put_str(&record, scan_path(w, f, name));
	sys_lock(&w->s->side);
	int ret = sorter_add(w->s->out->links, record.data, record.len, err);
	sys_unlock(&w->s->side);
	buf_release(&record);
	return ret;
}

static void count(struct scan_worker *w, enum entry_type type, uint64_t size)
{
	struct scan_counts *c = &w->counts;

	if (type == ENTRY_FILE) {
		c->files++;
		if (__builtin_add_overflow(c->bytes, size, &c->bytes))
			c->bytes = UINT64_MAX;
	} else if (type == ENTRY_DIR) {
		c->dirs++;
	} else {
		c->others++;
	}
}

/* -- problems of one file -- */

struct file_at {
	struct scan_worker *w;
	const struct folder *folder;
	const char *name;
	bool has_problem;		/* not to be taken for known next time */
	struct tree_entry was;		/* what was known of it; borrowed from the window */
};

static void attr_problem(const char *op, int error, const char *text, void *data)
{
	struct file_at *at = data;

	at->has_problem = true;
	char *path = xstrdup(scan_path(at->w, at->folder, at->name));

	scan_problem(at->w, path, op, error, text);
	sys_free(path);
}

static void file_problem(struct file_at *at, const char *op, int error)
{
	attr_problem(op, error, "", at);
}

/* -- content -- */

/* As much as a small file has, in one read: 0, or -1 and errno. */
static int read_small(struct scan_worker *w, int fd, size_t size, size_t *got_out)
{
	size_t done = 0;

	if (!w->small)
		w->small = xmalloc(ZERO_MIN + 1);
	while (done <= size) {
		ssize_t got = sys_pread(fd, w->small + done, size + 1 - done, (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		done += (size_t)got;
		if (got == 0 || done == size)
			break;
	}
	*got_out = done;
	return 0;
}

static int put_small(struct scan_worker *w, const struct tree_entry *was, size_t size,
		     struct tree_entry *e, struct err *err)
{
	e->size = size;
	e->content = size == 0 ? CONTENT_NONE : size <= INLINE_MAX ? CONTENT_INLINE : CONTENT_BLOB;
	e->data = w->small;
	if (e->content != CONTENT_BLOB)
		return 0;
	if (size >= SESSION_ALONE_SIZE && was->content == CONTENT_BLOB)
		return w->sink.put_over(w->sink.data, &was->id, w->small, size, &e->id, err);
	return w->sink.put(w->sink.data, OBJ_BLOB, w->small, size, &e->id, err);
}

/* A piece of a large file; from any thread. */
static int put_piece(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
		     struct err *err)
{
	struct scan_worker *w = ((struct large_reader *)data)->worker;

	if (w->s->o->progress && type == OBJ_BLOB) {
		__atomic_add_fetch(&w->shown, n, __ATOMIC_RELAXED);
		progress_add(w->s->o->progress, n);
	}
	return w->sink.put(w->sink.data, type, p, n, id_out, err);
}

/* These are done, with so many bytes; of some of them progress was told before. */
static void show_done(struct scan_worker *w, uint64_t files, uint64_t bytes)
{
	uint64_t shown = __atomic_exchange_n(&w->shown, 0, __ATOMIC_RELAXED);

	if (!w->s->o->progress)
		return;
	progress_add_files(w->s->o->progress, files);
	progress_add(w->s->o->progress, bytes > shown ? bytes - shown : 0);
}

static int put_piece_over(void *data, const struct oid *over, const void *p, size_t n,
			  struct oid *id_out, struct err *err)
{
	struct scan_worker *w = ((struct large_reader *)data)->worker;

	if (w->s->o->progress) {
		__atomic_add_fetch(&w->shown, n, __ATOMIC_RELAXED);
		progress_add(w->s->o->progress, n);
	}
	return w->sink.put_over(w->sink.data, over, p, n, id_out, err);
}

/*
 * Large files take memory: as many are read at once as `workers` says, or one that is big, by as
 * many threads.  There is one worker more: it has the small files, where what takes long is to
 * wait for the disk.
 */
static struct large_reader *take_reader(struct scan_worker *w, bool with_helpers)
{
	struct scanner *s = w->s;
	unsigned int most = s->o->workers > 0 ? s->o->workers : 1;

	sys_lock(&s->lock);
	while (s->is_big_busy || s->nr_reading == most)
		sys_wait(&s->changed, &s->lock);
	s->nr_reading++;
	s->is_big_busy = with_helpers;
	while (with_helpers && s->nr_reading > 1)
		sys_wait(&s->changed, &s->lock);
	struct large_reader *r = s->idle;
	if (r)
		s->idle = r->next;
	sys_unlock(&s->lock);
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		r->pieces = (struct object_sink){ put_piece, r, w->sink.cut_key, put_piece_over };
		r->writer = content_writer_new(&s->params, &r->pieces);
	}
	r->worker = w;
	return r;
}

static void give_reader(struct large_reader *r, bool with_helpers)
{
	struct scanner *s = r->worker->s;

	sys_lock(&s->lock);
	if (with_helpers)
		s->is_big_busy = false;
	s->nr_reading--;
	r->next = s->idle;
	s->idle = r;
	sys_broadcast(&s->changed);
	sys_unlock(&s->lock);
}

void scan_free_readers(struct scanner *s)
{
	while (s->idle) {
		struct large_reader *r = s->idle;
		s->idle = r->next;
		content_writer_free(r->writer);
		sys_free(r);
	}
}

static int put_large(struct file_at *at, int fd, uint64_t size, struct tree_entry *e,
		     bool *read_failed, struct err *err)
{
	struct scan_worker *w = at->w;
	unsigned int workers = w->s->o->workers;
	struct content_input in = {
		.fd = fd, .name = at->name, .holes = w->holes.data, .holes_len = w->holes.len,
		.old_kind = at->was.content, .old_id = at->was.id, .old_size = at->was.size,
	};
	struct content c;
	bool with_helpers = size >= BIG_FILE && workers > 1;

	if (at->was.content == CONTENT_BLOB || at->was.content == CONTENT_LIST)
		in.old = &w->s->source;
	sys_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	struct large_reader *r = take_reader(w, with_helpers);
	int ret = with_helpers ? content_write_parallel(r->writer, workers, &in, &c, err) :
				 content_write(r->writer, &in, &c, err);
	*read_failed = content_read_failed(r->writer);
	give_reader(r, with_helpers);
	if (ret < 0)
		return ret;
	e->size = c.size;
	e->content = c.kind;
	e->id = c.id;
	return 0;
}

/* A list of few bytes has none; what is small is always small. */
static bool is_small(const struct scanner *s, uint64_t size)
{
	return size < ZERO_MIN && size <= s->params.min;
}

/*
 * A hole begins at a multiple of a block, which has 512 bytes at least, and reads as zeros as far
 * as the block or the file goes: asking for the holes of most small files can be spared.
 */
static bool may_have_holes(const unsigned char *p, size_t n)
{
	static const unsigned char zeros[HOLE_MIN];

	for (size_t at = 0; at < n; at += HOLE_MIN)
		if (p[at] == 0 &&
		    memcmp(p + at, zeros, n - at < HOLE_MIN ? n - at : HOLE_MIN) == 0)
			return true;
	return false;
}

/* False: that failed, and was said. */
static bool find_holes(struct file_at *at, int fd, const struct file_stat *st)
{
	if (holes_read(fd, st->size, &at->w->holes) == 0)
		return true;
	file_problem(at, "find holes", errno);
	return false;
}

/*
 * Read all of an open file.  1: done; 0: it could not be read, which was said; negative: what was
 * read could not be stored.
 */
static int read_content(struct file_at *at, int fd, const struct file_stat *st,
			struct tree_entry *e, struct err *err)
{
	struct scan_worker *w = at->w;
	size_t got = 0;

	buf_reset(&w->holes);
	if (is_small(w->s, st->size)) {
		if (read_small(w, fd, (size_t)st->size, &got) < 0) {
			file_problem(at, "read", errno);
			return 0;
		}
		if (may_have_holes(w->small, got) && !find_holes(at, fd, st))
			return 0;
		int ret = put_small(w, &at->was, got, e, err);
		return ret < 0 ? ret : 1;
	}
	if (!find_holes(at, fd, st))
		return 0;
	bool read_failed;
	int ret = put_large(at, fd, st->size, e, &read_failed, err);
	if (ret == ERR_SYS && read_failed) {
		file_problem(at, "read", err->sys_errno);
		err_clear(err);
		return 0;
	}
	if (ret < 0)
		return ret;
	/* Small after all: it shrank. */
	if (e->size > 0 && e->size <= INLINE_MAX) {
		if (read_small(w, fd, INLINE_MAX, &got) < 0) {
			file_problem(at, "read", errno);
			return 0;
		}
		return put_small(w, &at->was, got, e, err) < 0 ? (int)err->code : 1;
	}
	return 1;
}

/* A map that does not fit what was read is of a file that changed. */
static void fit_holes(struct scan_worker *w, const struct tree_entry *e)
{
	struct err err = ERR_INIT;
	uint64_t end = 0;

	if (w->holes.len > 0 && (holes_check(w->holes.data, w->holes.len, NULL, &end, &err) < 0 ||
				 end > e->size))
		buf_reset(&w->holes);
}

/* As open(), but the file's access time stays if that can be.  `name` may be a path. */
static int open_file(const struct folder *f, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int (*open_at)(int, const char *, int, mode_t) = strchr(name, '/') ? sys_open_beneath :
									      sys_openat;
	int fd = open_at(f->fd, name, flags | O_NOATIME, 0);

	if (fd < 0 && errno == EPERM)
		fd = open_at(f->fd, name, flags, 0);
	return fd;
}

/* 1: `e` is whole; 0: it could not be read, which was said. */
static int read_file(struct file_at *at, struct file_stat *st, struct tree_entry *e,
		     bool *is_clean, struct err *err)
{
	struct scan_worker *w = at->w;
	struct file_stat after;
	int fd = open_file(at->folder, at->name), ret = 0;

	if (fd < 0) {
		file_problem(at, "open", errno);
		return 0;
	}
	for (int i = 0; i < READ_TWICE; i++) {
		ret = read_content(at, fd, st, e, err);
		if (ret <= 0)
			break;
		w->counts.bytes_read += e->size;
		if (file_stat_at(fd, "", &after) < 0) {
			file_problem(at, "look at", errno);
			ret = 0;
			break;
		}
		bool is_same = looks_same(st, &after) && e->size == st->size;
		if (after.type != ENTRY_FILE) {
			file_problem(at, "read", EAGAIN);
			ret = 0;
			break;
		}
		*st = after;
		if (is_same)
			break;
		if (i + 1 == READ_TWICE) {
			file_problem(at, "changed while it was read", EBUSY);
			*is_clean = false;
		} else {
			*is_clean = scan_is_clean(st);
		}
	}
	if (ret > 0) {
		fit_holes(w, e);
		ret = attr_read(w->attrs, at->folder->fd, at->name, fd, st, &w->holes, e,
				attr_problem, at, err);
		ret = ret < 0 ? ret : 1;
	}
	sys_close(fd);
	return ret;
}

/* What cannot be opened, or need not be. */
static int read_special(struct file_at *at, const struct file_stat *st, struct tree_entry *e,
			struct err *err)
{
	int ret = attr_read(at->w->attrs, at->folder->fd, at->name, -1, st, NULL, e, attr_problem,
			    at, err);

	if (ret == ERR_SYS && !session_has_failed(at->w->s->o->session)) {
		file_problem(at, "read", err->sys_errno);
		err_clear(err);
		return 0;
	}
	return ret < 0 ? ret : 1;
}

/* -- entries -- */

/* By which rule is a file left out for what it is, whatever its name?  NULL: by none. */
static const char *rule_for(struct scan_worker *w, const struct scan_entry *se,
			    const struct file_stat *st)
{
	const struct rules_options *o = &w->s->rules_options;

	if (se->place)
		return NULL;
	if (o->no_nodump && st->is_nodump)
		return "nodump";
	if (!o->has_size_max || st->type != ENTRY_FILE || st->size <= o->size_max)
		return NULL;
	buf_reset(&w->rule);
	buf_printf(&w->rule, "larger than %" PRIu64 " bytes", o->size_max);
	return buf_str(&w->rule);
}

static void put_item(struct batch *b, const void *entry, size_t n)
{
	buf_put_lenbytes(&b->items, entry, n);
}

/* What was read, into the batch; and was it new, or other than before? */
static void put_entry(struct scan_worker *w, struct window *win, struct batch *b,
		      struct scan_entry *se, const struct tree_entry *e,
		      const struct file_stat *st, bool is_clean, uint64_t where)
{
	struct buf raw = BUF_INIT;
	const char *name = (const char *)win->text.data + se->name;
	bool is_same = false;
	struct statrecord r;

	tree_encode_entry(&raw, e);
	se->has_item = true;
	put_item(b, raw.data, raw.len);
	put_record(w, b, se, st, is_clean, where, raw.data, raw.len);
	if (se->cached.len > 0 &&
	    statrecord_parse(win->text.data + se->cached.off, se->cached.len, &r))
		is_same = r.entry_len == raw.len && memcmp(r.entry, raw.data, raw.len) == 0;
	else if (se->old.len > 0)
		is_same = se->old.len == raw.len &&
			  memcmp(win->text.data + se->old.off, raw.data, raw.len) == 0;
	if (e->type != ENTRY_DIR) {
		w->counts.files_new += !se->was_there;
		w->counts.files_changed += se->was_there && !is_same;
		w->counts.files_unmodified += is_same;
	}
	if (!is_same && w->s->o->changed && e->type != ENTRY_DIR) {
		const char *path = scan_path(w, win->folder, name);
		sys_lock(&w->s->side);
		w->s->o->changed(path, !se->was_there, w->s->o->data);
		sys_unlock(&w->s->side);
	}
	buf_release(&raw);
}

/* What the stat cache, else HEAD, has there. */
static void find_was(const struct window *win, const struct scan_entry *se, struct tree_entry *out)
{
	struct err ignored = ERR_INIT;
	struct statrecord r;
	int ret = 0;

	if (se->cached.len > 0 &&
	    statrecord_parse(win->text.data + se->cached.off, se->cached.len, &r))
		ret = tree_decode_entry(r.entry, r.entry_len, out, &ignored);
	else if (se->old.len > 0)
		ret = tree_decode_entry(win->text.data + se->old.off, se->old.len, out, &ignored);
	if (ret != 1)
		*out = (struct tree_entry){ .content = CONTENT_NONE };
}

static int do_file(struct scan_worker *w, struct window *win, struct batch *b,
		   struct scan_entry *se, struct err *err)
{
	struct folder *f = win->folder;
	const char *name = (const char *)win->text.data + se->name;
	struct file_at at = { .w = w, .folder = f, .name = name };
	struct file_stat st;
	struct statrecord r;
	struct statentry known;
	struct tree_entry e;
	int ret;

	if (file_stat_at(f->fd, name, &st) < 0) {
		file_problem(&at, errno == ENOENT ? "vanished" : "look at", errno);
		f->has_changed = true;
		return 0;
	}
	if (st.type == ENTRY_DIR) {
		file_problem(&at, "became a folder", EAGAIN);
		f->has_changed = true;
		return 0;
	}
	const char *rule = rule_for(w, se, &st);
	if (rule) {
		f->has_changed |= se->cached.len > 0;
		return scan_skipped(w, scan_path(w, f, name), rule, err);
	}
	if (find_known(w, win, se, &st, &r, &known)) {
		se->is_known = true;
		if (se->cache)
			put_source_record(w, se, win->text.data + se->cached.off, se->cached.len);
		count(w, known.type, known.size);
		w->counts.files_unmodified++;
		return st.nlink > 1 ? note_link(w, f, name, &st, err) : 0;
	}
	wait_until_clean(w, &st);
	bool is_clean = scan_is_clean(&st);
	if (!is_clean && file_stat_at(f->fd, name, &st) == 0)
		is_clean = scan_is_clean(&st);
	e = (struct tree_entry){
		.name = (const unsigned char *)name, .name_len = strlen(name), .type = st.type,
	};
	f->has_changed = true;
	if (st.type == ENTRY_DIR)
		return 0;
	find_was(win, se, &at.was);
	ret = st.type == ENTRY_FILE ? read_file(&at, &st, &e, &is_clean, err) :
				      read_special(&at, &st, &e, err);
	if (ret <= 0)
		return ret;
	is_clean &= !at.has_problem;
	put_entry(w, win, b, se, &e, &st, is_clean, STATCACHE_NONE);
	count(w, e.type, e.size);
	return st.nlink > 1 ? note_link(w, f, name, &st, err) : 0;
}

/* A folder that was walked: its attributes and its tree. */
static void do_folder(struct scan_worker *w, struct window *win, struct batch *b,
		      struct scan_entry *se)
{
	struct folder *f = win->folder;
	struct folder_result *r = se->result;
	const char *name = (const char *)win->text.data + se->name;
	struct tree_entry e = {
		.name = (const unsigned char *)name, .name_len = strlen(name), .type = ENTRY_DIR,
		.mode = r->mode, .content = CONTENT_TREE, .id = r->tree,
		.attrs = r->attrs.data, .attrs_len = r->attrs.len,
	};
	struct statrecord known;
	struct tree_entry was;
	struct err err = ERR_INIT;

	put_entry(w, win, b, se, &e, &r->st, r->is_clean, r->where);
	count(w, e.type, e.size);
	if (!r->is_cached || se->cached.len == 0 ||
	    !statrecord_parse(win->text.data + se->cached.off, se->cached.len, &known) ||
	    tree_decode_entry(known.entry, known.entry_len, &was, &err) != 1 ||
	    !oid_eq(&was.id, &r->tree))
		f->has_changed = true;
}

static int count_kept(const char *path, size_t path_len, const struct tree_entry *e, void *data,
		      struct err *err)
{
	(void)path;
	(void)path_len;
	count(data, e->type, e->size);
	return interrupt_check(err);
}

/* As HEAD has it. */
static int do_kept(struct scan_worker *w, struct window *win, struct batch *b,
		   struct scan_entry *se, struct err *err)
{
	const unsigned char *p = win->text.data + se->old.off;
	struct tree_entry e;
	int ret = tree_decode_entry(p, se->old.len, &e, err);

	if (ret < 0)
		return ret;
	win->folder->has_kept = true;
	se->has_item = true;
	put_item(b, p, se->old.len);
	buf_put_u8(&b->records, 0);	/* nothing is known of it */
	count(w, e.type, e.size);
	if (e.content != CONTENT_TREE)
		return 0;
	return dir_walk(&w->s->source, &e.id, count_kept, w, err);
}

int scan_batch(struct scan_worker *w, struct window *win, size_t nr, struct err *err)
{
	struct batch *b = &win->batch[nr];
	uint64_t files = w->counts.files, bytes = w->counts.bytes;
	size_t end = (nr + 1) * BATCH_NAMES < win->nr ? (nr + 1) * BATCH_NAMES : win->nr;
	int ret = 0;

	for (size_t i = nr * BATCH_NAMES; i < end && ret == 0; i++) {
		struct scan_entry *e = &win->entries[i];
		const struct scan_cache *source = e->cache ? e->cache : win->folder->cache;
		w->lane.source = source ? source->nr : 0;
		if (e->state == ENTRY_STATE_FILE)
			ret = do_file(w, win, b, e, err);
		else if (e->state == ENTRY_STATE_WALKED)
			do_folder(w, win, b, e);
		else if (e->state == ENTRY_STATE_KEPT)
			ret = do_kept(w, win, b, e, err);
		if (ret == 0)
			ret = interrupt_check(err);
	}
	show_done(w, w->counts.files - files, w->counts.bytes - bytes);
	return ret;
}

/* -- one file for a comparison -- */

/* Its attributes, with the map of its holes. */
static int look_inside(struct file_at *at, const struct file_stat *st, struct tree_entry *e,
		       struct err *err)
{
	struct scan_worker *w = at->w;
	int fd = open_file(at->folder, at->name), ret = 0;

	if (fd < 0) {
		file_problem(at, "open", errno);
		return 0;
	}
	buf_reset(&w->holes);
	if (st->size > 0 && holes_read(fd, st->size, &w->holes) < 0)
		file_problem(at, "find holes", errno);
	e->size = st->size;
	fit_holes(w, e);
	ret = attr_read(w->attrs, at->folder->fd, at->name, fd, st, &w->holes, e, attr_problem, at,
			err);
	sys_close(fd);
	return ret < 0 ? ret : 1;
}

int scan_look(struct scan_worker *w, struct window *win, struct scan_entry *se,
	      struct tree_entry *e, bool *known, struct err *err)
{
	struct folder *f = win->folder;
	const char *name = (const char *)win->text.data + se->name;
	struct file_at at = { .w = w, .folder = f, .name = name };
	struct file_stat st;
	struct statrecord r;
	struct statentry peek;

	*known = true;
	if (file_stat_at(f->fd, name, &st) < 0) {
		if (errno != ENOENT)
			file_problem(&at, "look at", errno);
		return 0;
	}
	const char *rule = rule_for(w, se, &st);
	if (rule)
		return scan_skipped(w, scan_path(w, f, name), rule, err);
	if (find_known(w, win, se, &st, &r, &peek))
		return tree_decode_entry(r.entry, r.entry_len, e, err);
	*e = (struct tree_entry){
		.name = (const unsigned char *)name, .name_len = strlen(name), .type = st.type,
	};
	*known = st.type != ENTRY_FILE || st.size == 0;
	return st.type == ENTRY_FILE ? look_inside(&at, &st, e, err) :
				       read_special(&at, &st, e, err);
}

int scan_read(struct scan_worker *w, const struct folder *f, const char *name,
	      struct tree_entry *e, struct err *err)
{
	struct file_at at = { .w = w, .folder = f, .name = name };
	struct file_stat st;
	int fd = open_file(f, name), ret = 0;

	if (fd < 0 || file_stat_at(fd, "", &st) < 0)
		file_problem(&at, "open", errno);
	else
		ret = read_content(&at, fd, &st, e, err);
	if (fd >= 0)
		sys_close(fd);
	if (ret > 0)
		show_done(w, 1, e->size);
	return ret;
}

/* -- attributes of folders -- */

static void take_attrs(struct folder_result *r, const struct tree_entry *e)
{
	buf_put(&r->attrs, e->attrs, e->attrs_len);
	r->mode = e->mode;
}

/*
 * A folder on the way to a source belongs to others too: its time says nothing about what is
 * backed up, and would make every snapshot differ.
 */
static void drop_mtime(struct tree_entry *e)
{
	const unsigned char *p = e->attrs, *val;
	size_t left = e->attrs_len, val_len;
	struct err err = ERR_INIT;
	uint64_t tag;

	if (attr_next(&p, &left, &tag, &val, &val_len, &err) == 1 && tag == ATTR_MTIME) {
		e->attrs = p;
		e->attrs_len = left;
	}
}

int scan_folder_attrs(struct scan_worker *w, struct folder *f, const struct statrecord *cached,
		      struct err *err)
{
	struct scan_entry *se = &f->window->entries[f->entry];
	struct file_at at = { .w = w, .folder = f->parent, .name = f->name };
	struct folder_result *r = f->result;
	struct tree_entry e = {
		.name = (const unsigned char *)f->name, .name_len = strlen(f->name),
		.type = ENTRY_DIR, .content = CONTENT_TREE,
	};

	if (f->is_keeping && se->old.len > 0 &&
	    tree_decode_entry(f->window->text.data + se->old.off, se->old.len, &e, err) == 1 &&
	    e.type == ENTRY_DIR) {
		take_attrs(r, &e);
		return 0;
	}
	err_clear(err);
	struct statentry peek;
	if (cached && !w->s->o->force && f->is_listed &&
	    statentry_peek(cached->entry, cached->entry_len, &peek) &&
	    is_known(&f->st, cached, &peek) &&
	    tree_decode_entry(cached->entry, cached->entry_len, &e, err) == 1) {
		take_attrs(r, &e);
		r->is_clean = r->is_cached = true;
		return 0;
	}
	r->is_clean = scan_is_clean(&f->st);
	e.name = (const unsigned char *)f->name;
	e.name_len = strlen(f->name);
	e.type = ENTRY_DIR;
	int ret = attr_read(w->attrs, f->parent->fd, f->name, f->is_listed ? f->fd : -1, &f->st,
			    NULL, &e, attr_problem, &at, err);
	if (!f->is_listed)
		drop_mtime(&e);
	take_attrs(r, &e);
	r->is_clean &= !at.has_problem;
	return ret;
}
