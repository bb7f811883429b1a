/*
 * Signals that ask ub to stop.
 */

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/interrupt.h"

enum { GRACE_SECONDS = 3 };

/* A handler has nothing but globals to speak through; any thread may run it, or ask. */
static atomic_int interrupted_by;

static void on_signal(int sig)
{
	int before = 0;

	if (sig == SIGALRM || !atomic_compare_exchange_strong(&interrupted_by, &before, sig)) {
		before = atomic_load(&interrupted_by);
		_exit(128 + (before ? before : sig));
	}
	alarm(GRACE_SECONDS);
}

void interrupt_setup(void)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;

	sigemptyset(&sa.sa_mask);
	/* A shell starts its background jobs with SIGINT ignored: the Ctrl-C is not for them. */
	if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	/* The write that fails says which, and is cleaned up after. */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
}

void interrupt_leave_to_others(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);	/* on Linux: of this thread */
}

void interrupt_leave_to_child(void)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	alarm(0);
}

int interrupt_check(struct err *err)
{
	int sig = atomic_load(&interrupted_by);

	if (!sig)
		return 0;
	err_set(err, ERR_INTERRUPTED, "interrupted");
	err->sys_errno = sig;
	return ERR_INTERRUPTED;
}
