#ifndef BUILTIN_REPO_H
#define BUILTIN_REPO_H

/*
 * Opening a repository for a command: settings, keys, store, refs, in this order.
 * Dispatch does it for commands marked NEEDS_REPO; `ub fsck` does it step by step.
 */

#include "builtin/ub.h"

#define REPO_FORMAT 0
#define REPO_UNFINISHED "init-unfinished"	/* while it stands, there is no repository */
#define REPO_MARKER "ub-store"		/* in --data and --meta folders: the repository's id */

enum repo_flags {
	/* beside enum command_flags */
	REPO_KEEP_INDEX = 1u << 16,	/* a damaged index is an error, not rebuilt on the way */
};

int repo_open(struct ub *ub, unsigned int flags, struct err *err);
int repo_close(struct ub *ub, struct err *err);

/* The parts; each needs those before it. */
int repo_open_config(struct ub *ub, unsigned int flags, struct err *err);
int repo_open_keys(struct ub *ub, struct err *err);
int repo_open_store(struct ub *ub, unsigned int flags, struct err *err);
int repo_open_refs(struct ub *ub, struct err *err);

/* The id that the configuration pins: `id` gets 32 bytes.  Needs the settings alone. */
int repo_config_id(struct ub *ub, unsigned char *id, struct err *err);
/* For commands that write only with some options: what WRITES would have asked for. */
int repo_need_write(struct ub *ub, struct err *err);
/* Seconds to wait for a lock: core.lockWait. */
unsigned int repo_lock_wait(struct ub *ub);
/* The file of the index folder that keeps refs; sys_free() it. */
char *repo_refs_cache_path(struct ub *ub);
/* This device's name; of one that has not joined, the name it would get.  sys_free() it. */
char *repo_device_name(struct ub *ub);
/* A name for this device: the host's, without what device names may not have; sys_free() it. */
char *repo_default_device(void);

#endif
