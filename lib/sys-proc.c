/*
 * The seam's rarer calls: a child process to read from, the terminal, the host's name.  They take
 * no part in what the tests break: nothing that is kept depends on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "lib/sys.h"

/* `in` or `out` -1: nothing to read; our own standard output. */
static int spawn(char *const *argv, int in, int out, pid_t *pid_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_signal;
	int e;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);	/* which we ignore, and it should not */
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	if (in >= 0)
		e = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	else
		e = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						     0);
	if (!e && out >= 0)
		e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!e)
		e = posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	if (!e)
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	if (!e)
		e = posix_spawnp(pid_out, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return e;
}

/* Our end of the pipe: 0 reads, 1 writes. */
static int spawn_pipe(char *const *argv, int ours, pid_t *pid_out)
{
	int fd[2], e;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	e = spawn(argv, ours == 1 ? fd[0] : -1, ours == 0 ? fd[1] : -1, pid_out);
	close(fd[1 - ours]);
	if (e) {
		close(fd[ours]);
		errno = e;
		return -1;
	}
	return fd[ours];
}

static int spawn_shell(const char *command, int ours, pid_t *pid_out)
{
	static char shell[] = "/bin/sh", flag[] = "-c";
	char *const argv[] = { shell, flag, (char *)(uintptr_t)command, NULL };

	return spawn_pipe(argv, ours, pid_out);
}

int sys_spawn_read(const char *command, pid_t *pid_out)
{
	return spawn_shell(command, 0, pid_out);
}

int sys_spawn_read_argv(char *const *argv, pid_t *pid_out)
{
	return spawn_pipe(argv, 0, pid_out);
}

int sys_spawn_write(const char *command, pid_t *pid_out)
{
	return spawn_shell(command, 1, pid_out);
}

int sys_spawn_group(const char *command, char *const *env, int *fd_out, pid_t *pid_out)
{
	static char shell[] = "/bin/sh", flag[] = "-c";
	char *const argv[] = { shell, flag, (char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t signals;
	int fd[2] = { -1, STDERR_FILENO }, e;

	if (fd_out && pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);	/* which we ignore, and it should not */
	sigaddset(&signals, SIGXFSZ);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	e = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!e)
		e = posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO);
	if (!e)
		e = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (!e)
		e = posix_spawnattr_setsigdefault(&attr, &signals);
	if (!e)
		e = posix_spawnattr_setpgroup(&attr, 0);
	if (!e)
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	if (!e)
		e = posix_spawn(pid_out, shell, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (fd_out)
		close(fd[1]);
	if (!e) {
		if (fd_out)
			*fd_out = fd[0];
		return 0;
	}
	if (fd_out)
		close(fd[0]);
	errno = e;
	return -1;
}

int sys_kill(pid_t pid, int signal)
{
	return kill(pid, signal);
}

int sys_wait_child_for(pid_t pid, int ms, int *status_out)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* A kernel without it: looked at once, after the time that it may take. */
	if (fd < 0 || poll(&p, 1, ms) == 0) {
		if (fd < 0)
			usleep((useconds_t)(ms < 20 ? ms : 20) * 1000);
	}
	if (fd >= 0)
		close(fd);
	pid_t got = waitpid(pid, status_out, WNOHANG);
	return got == pid ? 1 : got == 0 || errno == EINTR ? 0 : -1;
}

int sys_wait_child(pid_t pid, int *status_out)
{
	pid_t got;

	do
		got = waitpid(pid, status_out, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -1 : 0;
}

bool sys_is_terminal(int fd)
{
	return isatty(fd) == 1;
}

bool sys_wait_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

int sys_terminal_echo(int fd, bool on)
{
	struct termios t;
	int was;

	if (tcgetattr(fd, &t) < 0)
		return -1;
	was = (t.c_lflag & ECHO) != 0;
	if (on)
		t.c_lflag |= ECHO;
	else
		t.c_lflag &= ~(tcflag_t)ECHO;
	/* What was typed before the question is not its answer. */
	return tcsetattr(fd, TCSAFLUSH, &t) < 0 ? -1 : was;
}

const char *sys_error_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text ? text : "unknown error";
}

void sys_hostname(char *out, size_t size)
{
	if (gethostname(out, size) < 0 && errno != ENAMETOOLONG)
		out[0] = '\0';
	out[size - 1] = '\0';
	if (!out[0])
		snprintf(out, size, "localhost");
}

void sys_hold_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			continue;
		/* The lowest free number: this one. */
		if (open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0)
			_exit(1);
	}
}
