/*
 * A restore from beginning to end: what must not be touched is known, all files, then the hard
 * links among them, then the sync without which nothing is said to be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "objects/store-view.h"

#include "fs/restore-internal.h"

#define OPEN_SPARE 64		/* descriptors for packs, files and the like */

static int find_path(struct restore *r, const char *path, struct err *err)
{
	struct oid at = r->job->tree;
	struct buf hold = BUF_INIT;
	struct tree_entry e;
	int ret = 1;

	for (const char *p = path; ret > 0 && *p; ) {
		size_t n = strcspn(p, "/");
		ret = dir_find(&r->source, &at, p, n, &e, &hold, err);
		p += n;
		if (ret > 0 && *p == '/' && e.type != ENTRY_DIR)
			ret = 0;
		at = e.id;
		p += *p == '/';
	}
	buf_release(&hold);
	if (ret == 0)
		ret = err_set(err, ERR_NOT_FOUND, "there is no '%s' in the snapshot", path);
	return ret < 0 ? ret : 0;
}

static int open_target(struct restore *r, int *fd_out, struct err *err)
{
	const char *target = r->job->target;

	*fd_out = -1;
	if (!target)
		return 0;
	int fd = sys_open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "open the folder '%s'", target);
	*fd_out = fd;
	return 0;
}

static void run_init(struct restore *r, const struct restore_job *job)
{
	memset(r, 0, sizeof(*r));
	r->job = job;
	r->source = store_source(job->store);
	r->umask = sys_umask();
	r->uid = geteuid();
	r->gid = getegid();
	r->err = (struct err)ERR_INIT;
	buf_init_max(&r->path, SIZE_MAX);
	sys_mutex_init(&r->lock);
	sys_mutex_init(&r->telling);
	sys_cond_init(&r->changed);
	unsigned int most = sys_raise_open_files();
	r->open_max = most > 4 * OPEN_SPARE ? most / 2 : most > OPEN_SPARE ? most - OPEN_SPARE : 1;
}

static void run_release(struct restore *r)
{
	hash_set_free(r->linked);
	hash_set_free(r->kept);
	buf_release(&r->path);
	sys_cond_destroy(&r->changed);
	sys_mutex_destroy(&r->telling);
	sys_mutex_destroy(&r->lock);
}

static const char *title(const struct restore_job *job)
{
	return job->mode == RESTORE_VERIFY ? "verifying" :
	       job->mode == RESTORE_PLAN ? "comparing" : "restoring";
}

/* All files below `fd`, which is taken over. */
static int do_files(struct restore *r, int fd, struct restore_stats *out, struct err *err)
{
	struct item *it = xcalloc(1, sizeof(*it));
	bool is_all = r->job->nr_paths == 0 && r->job->commit;

	it->dir = rdir_new_root(r, fd);
	progress_begin(&r->progress, r->job->progress, title(r->job),
		       is_all ? r->job->commit->bytes : 0, "bytes");
	restore_push(r, it);
	int ret = restore_work(r, r->job->workers, out);
	progress_end(&r->progress);
	if (ret < 0)
		*err = r->err;
	return ret;
}

static int sync_target(const char *target, struct err *err)
{
	int fd = sys_open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return err_sys(err, "open the folder '%s'", target);
	if (sys_syncfs(fd) < 0)
		ret = err_sys(err, "write '%s' to the disk", target);
	sys_close(fd);
	return ret;
}

int restore_run(const struct restore_job *job, struct restore_stats *out, struct err *err)
{
	struct restore r;
	int ret = 0, fd = -1;

	memset(out, 0, sizeof(*out));
	run_init(&r, job);
	for (size_t i = 0; i < job->nr_paths && ret == 0; i++)
		ret = find_path(&r, job->paths[i], err);
	if (ret == 0)
		ret = restore_kept_load(&r, err);
	if (ret == 0)
		ret = restore_links_load(&r, err);
	if (ret == 0)
		ret = open_target(&r, &fd, err);
	if (ret == 0)
		ret = do_files(&r, fd, out, err);
	if (ret == 0 && r.linked)
		ret = restore_links_make(&r, out, err);
	if (ret == 0 && job->mode == RESTORE_DO)
		ret = sync_target(job->target, err);
	run_release(&r);
	return ret;
}
