/*
 * Commands of the owner's.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/interrupt.h"
#include "lib/sys.h"

#include "lib/run.h"

#define LOOK_MS 200		/* so often whether we were interrupted */
#define TICK_MS 50
#define GRACE_MS 1000		/* between being asked to end and being ended */

extern char **environ;

static bool is_secret(const char *entry)
{
	return strncmp(entry, "UB_PASSWORD", 11) == 0 ||
	       strncmp(entry, "UB_NEW_PASSWORD", 15) == 0;
}

static size_t name_len(const char *entry)
{
	return strcspn(entry, "=") + 1;
}

static bool is_replaced(const struct run_options *o, const char *entry)
{
	for (size_t i = 0; o->env && o->env[i]; i++)
		if (strncmp(o->env[i], entry, name_len(o->env[i])) == 0)
			return true;
	return false;
}

/* Entries are borrowed; sys_free() the array. */
static char **make_env(const struct run_options *o)
{
	size_t nr = 0, more = 0;

	while (environ[nr])
		nr++;
	while (o->env && o->env[more])
		more++;
	char **env = xcalloc(nr + more + 1, sizeof(*env));
	size_t at = 0;
	for (size_t i = 0; i < more; i++)
		env[at++] = (char *)(uintptr_t)o->env[i];
	for (size_t i = 0; i < nr; i++)
		if (!is_secret(environ[i]) && !is_replaced(o, environ[i]))
			env[at++] = environ[i];
	return env;
}

/* Milliseconds to wait for now; 0: its time is over. */
static int left_ms(const struct run *r)
{
	uint64_t now = sys_monotonic_ns();

	if (!r->until_ns)
		return LOOK_MS;
	if (now >= r->until_ns)
		return 0;
	uint64_t ms = (r->until_ns - now) / 1000000 + 1;
	return ms < LOOK_MS ? (int)ms : LOOK_MS;
}

/* Ends the group when its time is over, or we are interrupted: then the pipe has an end. */
static void *guard(void *data)
{
	struct run *r = data;
	struct err ignored = ERR_INIT;

	interrupt_leave_to_others();
	while (!atomic_load(&r->is_read)) {
		if (left_ms(r) == 0 || interrupt_check(&ignored) < 0) {
			sys_kill(-r->pid, SIGTERM);
			for (int i = 0; i < GRACE_MS / TICK_MS && !atomic_load(&r->is_read); i++)
				sys_sleep_ms(TICK_MS);
			sys_kill(-r->pid, SIGKILL);
			break;
		}
		sys_sleep_ms(TICK_MS);
	}
	return NULL;
}

int run_begin(struct run *r, const struct run_options *o, struct err *err)
{
	char **env = make_env(o);

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	int ret = sys_spawn_group(o->command, env, o->has_pipe ? &r->fd : NULL, &r->pid);
	sys_free(env);
	if (ret < 0)
		return err_sys(err, "run '%s'", o->command);
	if (o->timeout_s)
		r->until_ns = sys_monotonic_ns() + (uint64_t)o->timeout_s * 1000000000;
	r->has_guard = o->has_pipe && sys_thread_start(&r->guard, guard, r) == 0;
	return 0;
}

/* Ask it to end, then end it. */
static void stop(struct run *r, int *status)
{
	sys_kill(-r->pid, SIGTERM);
	if (sys_wait_child_for(r->pid, GRACE_MS, status) == 1) {
		sys_kill(-r->pid, SIGKILL);	/* those that it began */
		return;
	}
	sys_kill(-r->pid, SIGKILL);
	sys_wait_child(r->pid, status);
}

static int how_it_ended(const struct run *r, const struct run_options *o, int status,
			struct err *err)
{
	if (r->is_late)
		return err_set(err, ERR_FAILED, "'%s' took longer than %u %s, and was ended",
			       o->command, o->timeout_s, o->timeout_s == 1 ? "second" : "seconds");
	if (WIFSIGNALED(status))
		return err_set(err, ERR_FAILED, "'%s' was ended by signal %d", o->command,
			       WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_FAILED, "'%s' failed with status %d", o->command,
			       WEXITSTATUS(status));
	return 0;
}

int run_end(struct run *r, const struct run_options *o, struct err *err)
{
	int status = 0, got = 0, ret = 0;

	if (r->fd >= 0)
		sys_close(r->fd);
	r->fd = -1;
	atomic_store(&r->is_read, true);
	if (r->has_guard)
		sys_thread_join(&r->guard);
	/* What puts things right is not cut short by the signal that it puts right. */
	struct err pending = ERR_INIT;
	if (o->is_last && interrupt_check(&pending) < 0)
		interrupt_leave_to_child();
	while (!r->is_late && ret == 0 && got == 0) {
		int ms = left_ms(r);
		r->is_late = ms == 0;
		if (!r->is_late)
			got = sys_wait_child_for(r->pid, ms, &status);
		if (got == 0 && !o->is_last)
			ret = interrupt_check(err);
	}
	if (got < 0)
		return err_sys(err, "wait for '%s'", o->command);
	if (got == 0)
		stop(r, &status);
	return ret < 0 ? ret : how_it_ended(r, o, status, err);
}

int run_command(const struct run_options *o, struct err *err)
{
	struct run r;
	int ret = run_begin(&r, o, err);

	return ret < 0 ? ret : run_end(&r, o, err);
}
