/*
 * How commands open the catalogue, and what is said when it had to be made again.
 */
#include "fs/history.h"
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

void repo_update_catalogue(struct ub *ub)
{
	struct history_options o = options(ub);
	struct err err = ERR_INIT;

	if (history_update(&o, &err) < 0)
		ub_warn(ub, "the snapshot is stored, but not in the catalogue: %s", err.msg);
}

int repo_rebuild_catalogue(struct ub *ub, struct err *err)
{
	struct history_options o = options(ub);

	return history_rebuild(&o, err);
}
