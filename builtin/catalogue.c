/*
 * How commands open the catalogue, and what is said when it had to be made again.
 */
#include <time.h>

#include "lib/sys.h"
#include "builtin/repo.h"

#include "builtin/catalogue.h"

static void say(const char *what, void *data)
{
	ub_warn(data, "%s", what);
}

static struct history_options options(struct ub *ub)
{
	return (struct history_options){
		.store = ub->store, .refs = ub->refs, .wait_ms = repo_lock_wait(ub) * 1000,
		.say = say, .data = ub,
	};
}

/* As it lies in the repository; what keeps it from that is said, and it is made in memory. */
static int open_somewhere(struct ub *ub, const struct history_options *o, struct catalogue **out,
			  struct err *err)
{
	int ret = history_open(out, o, err);

	if (ret == 0 || ret == ERR_INTERRUPTED)
		return ret;
	ub_warn(ub, "%s: a catalogue is made for this once", err->msg);
	err_clear(err);
	return history_open_in_memory(out, o, err);
}

int repo_with_catalogue(struct ub *ub, const struct oid *also,
			int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
			struct err *err)
{
	struct history_options o = options(ub);
	struct catalogue *c = NULL;

	o.also = also;
	int ret = open_somewhere(ub, &o, &c, err);
	if (ret == 0)
		ret = fn(c, data, err);
	catalogue_close(c);
	if (ret != ERR_CORRUPT || !c)
		return ret;
	ub_warn(ub, "%s: the catalogue is made again", err->msg);
	err_clear(err);
	c = NULL;
	ret = history_rebuild(&o, err);
	if (ret == ERR_INTERRUPTED)
		return ret;
	err_clear(err);			/* if it can't be, opening says why */
	ret = open_somewhere(ub, &o, &c, err);
	if (ret == 0)
		ret = fn(c, data, err);
	catalogue_close(c);
	return ret;
}

int repo_read_notes(struct ub *ub, unsigned int wait_ms,
		    int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
		    struct err *err)
{
	struct history_options o = options(ub);
	struct catalogue *c = NULL;

	o.wait_ms = wait_ms;
	int ret = history_open_notes(&c, &o, err);
	if (ret == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (ret == 0)
		ret = fn(c, data, err);
	catalogue_close(c);
	return ret < 0 ? ret : 1;
}

int repo_try_catalogue(struct ub *ub, const struct oid *also,
		       int (*fn)(struct catalogue *c, void *data, struct err *err), void *data,
		       struct err *err)
{
	struct history_options o = options(ub);
	struct catalogue *c = NULL;

	o.also = also;
	history_open_as_is(&c, &o);
	if (!c)
		return 0;
	int ret = fn(c, data, err);
	catalogue_close(c);
	if (ret < 0 && ret != ERR_INTERRUPTED)
		err_clear(err);
	return ret == 0 ? 1 : ret == ERR_INTERRUPTED ? ret : 0;
}

void repo_update_catalogue(struct ub *ub, const struct history_news *news)
{
	struct history_options o = options(ub);
	struct err err = ERR_INIT;

	o.news = news;
	if (history_update(&o, &err) < 0)
		ub_warn(ub, "the snapshot is stored, but not in the catalogue: %s", err.msg);
}

struct catalogue_run repo_run(const char *what, uint64_t started_ns, int status)
{
	struct catalogue_run run = { .what = what, .status = status, .message = "",
				     .share = CATALOGUE_SHARE_ALL };
	uint64_t ns = sys_monotonic_ns() - started_ns;
	struct timespec now;

	sys_now(&now);
	run.ms = ns / 1000000;
	now.tv_sec -= (time_t)(ns / 1000000000);
	now.tv_nsec -= (long)(ns % 1000000000);
	if (now.tv_nsec < 0) {
		now.tv_nsec += 1000000000;
		now.tv_sec--;
	}
	run.time_s = now.tv_sec;
	run.time_ns = (uint32_t)now.tv_nsec;
	return run;
}

void repo_note_run(struct ub *ub, const struct history_news *news)
{
	struct history_options o;
	struct err err = ERR_INIT;

	if (!ub->store)
		return;
	o = options(ub);
	o.news = news;
	if (history_note(&o, &err) < 0)
		ub_warn(ub, "that '%s' was run is not noted: %s", news->run.what, err.msg);
}

void repo_note_failure(struct ub *ub, const char *what, uint64_t started_ns,
		       const struct err *why)
{
	struct history_news news = { .run = repo_run(what, started_ns, err_exit_status(why)) };
	struct history_options o;
	struct err ignored = ERR_INIT;

	if (!ub->store)
		return;
	o = options(ub);
	news.run.message = why->msg;
	o.news = &news;
	o.say = NULL;
	o.wait_ms = 0;
	history_note(&o, &ignored);
}

int repo_rebuild_catalogue(struct ub *ub, struct err *err)
{
	struct history_options o = options(ub);

	return history_rebuild(&o, err);
}
