/*
 * The pager: a child that reads what would go to the terminal.  ub.c ends it, before it reports
 * an error and exits.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/sys.h"

#include "builtin/pager.h"

struct pager { pid_t pid; };

/* As git: quit if it fits, keep the screen. */
static const char shell_start[] = "LESS=${LESS-FRX}; export LESS\n";
static const char default_pager[] =
	"if command -v less >/dev/null; then exec less; else exec cat; fi";

void pager_begin(struct ub *ub)
{
	const char *wanted = getenv("PAGER");
	pid_t pid;

	if (ub->pager || ub->json || !ub->out.is_direct || (wanted && !*wanted) ||
	    (wanted && strcmp(wanted, "cat") == 0))
		return;
	char *command = xasprintf("%s%s", shell_start, wanted ? wanted : default_pager);
	int fd = sys_spawn_write(command, &pid);
	sys_free(command);
	if (fd < 0)
		return;
	ub->pager = xcalloc(1, sizeof(*ub->pager));
	ub->pager->pid = pid;
	ub->out.fd = fd;
}

bool pager_end(struct ub *ub)
{
	int status;

	if (!ub->pager)
		return false;
	interrupt_leave_to_child();
	sys_close(ub->out.fd);
	ub->out.fd = STDOUT_FILENO;
	sys_wait_child(ub->pager->pid, &status);
	sys_free(ub->pager);
	ub->pager = NULL;
	return true;
}
