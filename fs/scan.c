/*
 * Handing out the work of a walk.
 *
 * Things to do lie on a stack: windows whose folders are to be walked, windows that are ready to
 * be read, folders that have more names.  Each worker takes the topmost thing that has work left,
 * so the walk goes deep before it goes wide, and few folders are open at any time.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/interrupt.h"
#include "lib/reader.h"
#include "fs/scan-internal.h"

#define LINKS_MEMORY ((size_t)4 << 20)
#define TREES_MEMORY ((size_t)256 << 10)
#define ROWS_MEMORY ((size_t)1 << 20)

/* -- the stack; all with the lock -- */

static void push(struct scanner *s, struct task *t)
{
	if (t->is_stacked)
		return;
	t->is_stacked = true;
	t->above = NULL;
	t->below = s->top;
	if (s->top)
		s->top->above = t;
	s->top = t;
	sys_broadcast(&s->changed);
}

static void take_off(struct scanner *s, struct task *t)
{
	if (!t->is_stacked)
		return;
	t->is_stacked = false;
	if (t->above)
		t->above->below = t->below;
	else
		s->top = t->below;
	if (t->below)
		t->below->above = t->above;
}

enum job_kind { JOB_NONE, JOB_WALK, JOB_BATCH, JOB_CUT };

struct job {
	enum job_kind kind;
	struct window *window;
	struct folder *folder;
	size_t nr;
};

/* Are all others of its folder read that can be, as long as this one is not? */
static bool is_held(const struct window *win)
{
	const struct folder *f = win->folder;
	uint64_t read = 0;

	if (!win->is_held)
		return false;
	for (const struct window *other = f->waiting; other; other = other->next)
		read++;
	return f->is_cutting || read + 1 < f->in_flight ||
	       (!f->is_cut && f->in_flight < WINDOWS_IN_FLIGHT);
}

static bool take_from_window(struct scanner *s, struct window *win, struct job *job)
{
	if (is_held(win))
		return false;
	win->is_held = false;
	job->window = win;
	if (win->is_ready) {
		job->kind = JOB_BATCH;
		job->nr = win->next_batch++;
		if (win->next_batch == win->batches)
			take_off(s, &win->task);
		return true;
	}
	while (win->next_folder < win->nr &&
	       win->entries[win->next_folder].state != ENTRY_STATE_FOLDER)
		win->next_folder++;
	if (win->next_folder == win->nr) {
		take_off(s, &win->task);
		return false;
	}
	job->kind = JOB_WALK;
	job->nr = win->next_folder++;
	return true;
}

static bool take_from_folder(struct scanner *s, struct folder *f, struct job *job)
{
	if (f->is_cut) {
		take_off(s, &f->task);
		return false;
	}
	if (f->is_cutting || f->in_flight >= WINDOWS_IN_FLIGHT)
		return false;
	f->is_cutting = true;
	job->kind = JOB_CUT;
	job->folder = f;
	return true;
}

static bool find_job(struct scanner *s, struct job *job)
{
	for (struct task *t = s->top, *below; t; t = below) {
		below = t->below;
		if (t->kind == TASK_WINDOW ? take_from_window(s, (struct window *)t, job) :
					     take_from_folder(s, (struct folder *)t, job))
			return true;
	}
	return false;
}

/* -- doing it -- */

/* A folder came to its end, or was dropped: one thing less that its window waits for. */
static void walked(struct scanner *s, struct window *win)
{
	sys_lock(&s->lock);
	if (!win) {
		s->is_done = true;
		sys_broadcast(&s->changed);
	} else if (--win->pending == 0) {
		take_off(s, &win->task);
		win->is_ready = true;
		push(s, &win->task);
	}
	sys_unlock(&s->lock);
}

static int finish(struct scan_worker *w, struct folder *f, struct err *err)
{
	struct window *above = f->window;
	int ret = scan_finish_folder(w, f, err);

	sys_lock(&w->s->lock);
	take_off(w->s, &f->task);
	sys_unlock(&w->s->lock);
	scan_folder_free(f);
	if (ret == 0)
		walked(w->s, above);
	return ret;
}

/* Called with the lock: the window whose turn it is, if it is done. */
static struct window *next_in_turn(struct folder *f)
{
	for (struct window **at = &f->waiting; *at; at = &(*at)->next)
		if ((*at)->seq == f->emitted) {
			struct window *win = *at;
			*at = win->next;
			return win;
		}
	return NULL;
}

/* All of a window is read: it goes into the tree when those before it have. */
static int window_done(struct scan_worker *w, struct window *win, struct err *err)
{
	struct scanner *s = w->s;
	struct folder *f = win->folder;
	int ret = 0;

	sys_lock(&s->lock);
	win->next = f->waiting;
	f->waiting = win;
	if (f->is_emitting) {
		sys_unlock(&s->lock);
		return 0;
	}
	f->is_emitting = true;
	while (ret == 0 && (win = next_in_turn(f))) {
		sys_unlock(&s->lock);
		ret = scan_emit_window(w, win, err);
		scan_window_free(win);
		sys_lock(&s->lock);
		f->emitted++;
		f->in_flight--;
		sys_broadcast(&s->changed);
	}
	f->is_emitting = false;
	bool is_over = ret == 0 && f->is_cut && !f->is_cutting && f->in_flight == 0;
	sys_unlock(&s->lock);
	return is_over ? finish(w, f, err) : ret;
}

static int cut(struct scan_worker *w, struct folder *f, struct err *err)
{
	struct scanner *s = w->s;
	struct window *win = NULL;
	int ret = scan_cut_window(w, f, &win, err);

	if (ret < 0)
		return ret;
	sys_lock(&s->lock);
	f->is_cutting = false;
	f->is_cut = win->is_last;
	f->in_flight++;
	win->seq = f->windows++;
	if (!f->is_cut)
		push(s, &f->task);
	bool is_empty = win->nr == 0;
	if (!is_empty) {
		win->is_ready = win->pending == 0;
		push(s, &win->task);
	}
	sys_unlock(&s->lock);
	return is_empty ? window_done(w, win, err) : 0;
}

static int walk(struct scan_worker *w, struct window *win, size_t i, struct err *err)
{
	struct folder *f = NULL;
	int ret = scan_open_folder(w, win, i, &f, err);

	if (ret > 0)
		return cut(w, f, err);
	if (ret == 0)
		walked(w->s, win);
	return ret;
}

static int do_batch(struct scan_worker *w, struct window *win, size_t nr, struct err *err)
{
	int ret = scan_batch(w, win, nr, err);

	if (ret < 0)
		return ret;
	sys_lock(&w->s->lock);
	bool is_done = --win->batches_left == 0;
	sys_unlock(&w->s->lock);
	return is_done ? window_done(w, win, err) : 0;
}

static int do_job(struct scan_worker *w, const struct job *job, struct err *err)
{
	int ret = interrupt_check(err);

	if (ret < 0)
		return ret;
	switch (job->kind) {
	case JOB_WALK: return walk(w, job->window, job->nr, err);
	case JOB_BATCH: return do_batch(w, job->window, job->nr, err);
	case JOB_CUT: return cut(w, job->folder, err);
	default: return 0;
	}
}

static void add_counts(struct scanner *s, const struct scan_counts *c)
{
	struct scan_counts *all = &s->out->counts;

	sys_lock(&s->side);
	all->files += c->files;
	all->dirs += c->dirs;
	all->others += c->others;
	if (__builtin_add_overflow(all->bytes, c->bytes, &all->bytes))
		all->bytes = UINT64_MAX;
	all->files_new += c->files_new;
	all->files_changed += c->files_changed;
	all->files_unmodified += c->files_unmodified;
	all->bytes_read += c->bytes_read;
	sys_unlock(&s->side);
}

/* -- where objects go -- */

static int put(void *data, enum obj_type type, const void *p, size_t n, struct oid *id_out,
	       struct err *err)
{
	struct scan_worker *w = data;
	struct scanner *s = w->s;
	struct index_loc loc;

	if (s->o->session)
		return session_put_lane(s->o->session, w->lane, type, p, n, id_out, NULL, err);
	keys_object_id(s->keys, (uint8_t)type, p, n, id_out->b);
	int ret = store_find(s->o->store, id_out, &loc, NULL, err);
	if (ret == 0) {
		sys_lock(&s->side);
		s->out->counts.blobs_bytes += n;
		sys_unlock(&s->side);
	}
	return ret < 0 ? ret : 0;
}

static int put_over(void *data, const struct oid *over, const void *p, size_t n,
		    struct oid *id_out, struct err *err)
{
	struct scan_worker *w = data;
	struct session_lane lane = w->lane;

	if (!w->s->o->session)
		return put(data, OBJ_BLOB, p, n, id_out, err);
	lane.over = over;
	return session_put_lane(w->s->o->session, lane, OBJ_BLOB, p, n, id_out, NULL, err);
}

void scan_worker_init(struct scan_worker *w, struct scanner *s, unsigned int nr)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->lane.nr = nr;
	w->sink = (struct object_sink){ put, w, keys_chunker_key(s->keys), put_over };
	buf_init_max(&w->holes, SIZE_MAX);
	buf_init_max(&w->path, SIZE_MAX);
	buf_init_max(&w->scratch, SIZE_MAX);
	buf_init_max(&w->rule, SIZE_MAX);
	w->attrs = attr_reader_new(&w->sink);
}

void scan_worker_release(struct scan_worker *w)
{
	attr_reader_free(w->attrs);
	sys_free(w->small);
	buf_release(&w->holes);
	buf_release(&w->path);
	buf_release(&w->scratch);
	buf_release(&w->rule);
}

static void *worker(void *data)
{
	struct scanner *s = data;
	struct scan_worker w;
	struct err err = ERR_INIT;

	sys_lock(&s->lock);
	scan_worker_init(&w, s, s->workers++);
	while (!s->is_done && !s->failed.code) {
		struct job job = { JOB_NONE, NULL, NULL, 0 };
		if (!find_job(s, &job)) {
			sys_wait(&s->changed, &s->lock);
			continue;
		}
		sys_unlock(&s->lock);
		int ret = do_job(&w, &job, &err);
		sys_lock(&s->lock);
		if (ret < 0 && !s->failed.code) {
			s->failed = err;
			sys_broadcast(&s->changed);
		}
	}
	sys_unlock(&s->lock);
	add_counts(s, &w.counts);
	scan_worker_release(&w);
	return NULL;
}

static void run_workers(struct scanner *s)
{
	/* One more: some wait for the disk. */
	unsigned int nr = sys_is_serial() ? 1 : s->o->workers + 1;
	struct sys_thread *threads = xcalloc(nr, sizeof(*threads));
	unsigned int started = 0;

	while (started + 1 < nr && sys_thread_start(&threads[started], worker, s) == 0)
		started++;
	worker(s);
	while (started > 0)
		sys_thread_join(&threads[--started]);
	sys_free(threads);
}

/* -- side lists -- */

void scan_row_put(struct buf *out, const struct scan_row *row)
{
	buf_put_varint(out, row->path_len);
	buf_put(out, row->path, row->path_len);
	buf_put_varint(out, row->error);
	buf_put(out, row->text, strlen(row->text) + 1);
}

bool scan_row_parse(const unsigned char *p, size_t n, struct scan_row *out)
{
	struct reader r;

	reader_init(&r, p, n);
	out->path = reader_lenbytes(&r, PATH_LEN_MAX, &out->path_len);
	out->error = reader_varint(&r);
	out->text = (const char *)r.p;
	return reader_ok(&r);
}

static int cmp_rows(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	struct scan_row x, y;

	if (!scan_row_parse(a, a_len, &x) || !scan_row_parse(b, b_len, &y))
		BUG("a row that was made here cannot be read");
	return path_walk_cmp(x.path, x.path_len, y.path, y.path_len);
}

static int put_row(struct sorter *to, const char *path, int error, const char *text,
		   struct err *err)
{
	struct scan_row row = { (const unsigned char *)path, strlen(path), (uint64_t)error, text };
	struct buf b = BUF_INIT;
	int ret = 0;

	if (row.path_len == 0) {
		row.path = (const unsigned char *)"/";
		row.path_len = 1;
	}
	if (row.path_len <= PATH_LEN_MAX) {
		scan_row_put(&b, &row);
		ret = sorter_add(to, b.data, b.len, err);
	}
	buf_release(&b);
	return ret;
}

void scan_problem(struct scan_worker *w, const char *path, const char *op, int error,
		  const char *text)
{
	struct scanner *s = w->s;
	struct err err = ERR_INIT;

	sys_lock(&s->side);
	s->out->counts.errors++;
	int ret = put_row(s->out->unreadable, path, error, op, &err);
	if (s->o->progress)
		progress_hide(s->o->progress);
	s->o->problem(path, op, error, text, s->o->data);
	sys_unlock(&s->side);
	if (ret == 0)
		return;
	sys_lock(&s->lock);
	if (!s->failed.code)
		s->failed = err;
	sys_broadcast(&s->changed);
	sys_unlock(&s->lock);
}

int scan_skipped(struct scan_worker *w, const char *path, const char *rule, struct err *err)
{
	struct scanner *s = w->s;

	sys_lock(&s->side);
	s->out->counts.skipped++;
	int ret = put_row(s->out->skipped, path, 0, rule, err);
	sys_unlock(&s->side);
	return ret;
}

int scan_worktree(struct scan_worker *w, const char *path, bool has_changed, struct err *err)
{
	struct scanner *s = w->s;

	sys_lock(&s->side);
	int ret = put_row(s->out->worktrees, path, has_changed, "", err);
	sys_unlock(&s->side);
	return ret;
}

static void remark(const char *path, const char *what, void *data)
{
	struct scanner *s = data;

	sys_lock(&s->side);
	if (s->o->progress)
		progress_hide(s->o->progress);
	if (s->o->rules->remark)
		s->o->rules->remark(path, what, s->o->rules->data);
	sys_unlock(&s->side);
}

/* Device and inode, then the order of a walk. */
static int cmp_links(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	int c = memcmp(a, b, 16);

	return c ? c : path_walk_cmp(a + 16, a_len - 16, b + 16, b_len - 16);
}

/* -- all together -- */

void scanner_begin(struct scanner *s, struct scan *out, const struct scan_options *o)
{
	memset(out, 0, sizeof(*out));
	memset(s, 0, sizeof(*s));
	s->out = out;
	s->o = o;
	out->links = sorter_new(o->spill_dir, LINKS_MEMORY, cmp_links);
	out->skipped = sorter_new(o->spill_dir, ROWS_MEMORY, cmp_rows);
	out->unreadable = sorter_new(o->spill_dir, ROWS_MEMORY, cmp_rows);
	out->worktrees = sorter_new(o->spill_dir, TREES_MEMORY, cmp_rows);
	s->rules_options = (struct rules_options){
		.no_gitignore = true, .artefacts = ARTEFACTS_NEVER,
	};
	if (o->rules) {
		s->rules_options = *o->rules;
		s->rules_options.remark = remark;
		s->rules_options.data = s;
	}
	s->rules = rules_new(&s->rules_options);
	s->keys = store_keys(o->store);
	s->params = store_chunker_params(o->store);
	s->source = store_source(o->store);
	sys_mutex_init(&s->lock);
	sys_mutex_init(&s->side);
	sys_cond_init(&s->changed);
}

void scanner_end(struct scanner *s)
{
	/* After a failure windows and folders lie about. */
	while (s->windows)
		scan_window_free(s->windows);
	while (s->folders)
		scan_folder_free(s->folders);
	rules_release(s->rules);
	scan_free_readers(s);
	sys_cond_destroy(&s->changed);
	sys_mutex_destroy(&s->lock);
	sys_mutex_destroy(&s->side);
}

int scan_run(struct scan *out, const struct scan_options *o, struct waypoint *root, struct err *err)
{
	struct scanner s;
	int ret = 0;

	scanner_begin(&s, out, o);
	struct folder *f = scan_open_root(&s, root, err);
	if (f) {
		push(&s, &f->task);
		run_workers(&s);
	} else {
		ret = err->code;
	}
	if (s.failed.code) {
		*err = s.failed;
		ret = s.failed.code;
	}
	scanner_end(&s);
	return ret;
}

void scan_release(struct scan *s)
{
	sorter_free(s->links);
	sorter_free(s->skipped);
	sorter_free(s->unreadable);
	sorter_free(s->worktrees);
	while (s->caches) {
		struct scan_cache *c = s->caches;
		s->caches = c->next;
		statcache_close(c->old);
		statwriter_free(c->writer);
		sys_free(c->source);
		sys_free(c);
	}
	memset(s, 0, sizeof(*s));
}

int scan_keep_caches(struct scan *s, struct err *err)
{
	int ret = 0;

	for (struct scan_cache *c = s->caches; c && ret == 0; c = c->next)
		if (c->writer && c->is_lasting)
			ret = statwriter_commit(c->writer, err);
	return ret;
}
