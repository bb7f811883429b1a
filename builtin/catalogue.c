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

int repo_open_catalogue(struct ub *ub, struct catalogue **out, struct err *err)
{
	struct history_options o = options(ub);

	return history_open(out, &o, err);
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
