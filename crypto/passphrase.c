/*
 * Passwords: found, asked for, never kept outside guarded memory by us.
 *
 * (What stands in the environment was put there by the caller, for all to see who may look.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/interrupt.h"
#include "lib/number.h"
#include "lib/sys.h"

#include "crypto/passphrase.h"

enum { LOOK_UP_MS = 200 };	/* while somebody types */

/* Without the newline that editors and echo leave; empty is refused. */
static int trim(const struct secret *raw, size_t n, const char *what, struct secret *out,
		struct err *err)
{
	if (n > PASSPHRASE_MAX_SIZE)
		return err_set(err, ERR_KEY, "the password from %s is longer than %d bytes", what,
			       PASSPHRASE_MAX_SIZE);
	if (n && raw->data[n - 1] == '\n')
		n--;
	if (n && raw->data[n - 1] == '\r')
		n--;
	if (!n)
		return err_set(err, ERR_KEY, "the password from %s is empty", what);
	secret_release(out);
	secret_set(out, raw->data, n);
	return 0;
}

static int from_fd(int fd, const char *what, struct secret *out, struct err *err)
{
	struct secret raw = SECRET_INIT;
	int ret;

	secret_init(&raw, PASSPHRASE_MAX_SIZE + 3);
	ssize_t n = sys_read_full(fd, raw.data, raw.size);
	ret = n < 0 ? err_sys(err, "read the password from %s", what) :
		      trim(&raw, (size_t)n, what, out, err);
	secret_release(&raw);
	return ret;
}

static int from_file(const char *path, struct secret *out, struct err *err)
{
	int fd, ret;

	do
		fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(err, "open the password file '%s'", path);
	char *what = xasprintf("'%s'", path);
	ret = from_fd(fd, what, out, err);
	sys_free(what);
	sys_close(fd);
	return ret;
}

static int from_text(const char *text, const char *what, struct secret *out, struct err *err)
{
	struct secret raw = SECRET_INIT;
	int ret;

	secret_set(&raw, text, strlen(text));
	ret = trim(&raw, raw.size, what, out, err);
	secret_release(&raw);
	return ret;
}

static int from_command(const char *command, struct secret *out, struct err *err)
{
	static const char what[] = "the password command";
	int status = 0, ret;
	pid_t pid;
	int fd;

	fd = sys_spawn_read(command, &pid);
	if (fd < 0)
		return err_sys(err, "run %s '%s'", what, command);
	ret = from_fd(fd, what, out, err);
	sys_close(fd);
	if (sys_wait_child(pid, &status) < 0)
		ret = err_sys(err, "wait for %s '%s'", what, command);
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		ret = err_set(err, ERR_KEY, "%s '%s' failed (status %d)", what, command,
			      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (ret < 0)
		secret_release(out);
	return ret;
}

static int from_fd_number(const char *text, const char *name, struct secret *out, struct err *err)
{
	uint64_t fd;

	if (!number_parse(text, &fd) || fd > 1 << 20)
		return err_set(err, ERR_USAGE, "%s is not the number of a descriptor: '%s'", name,
			       text);
	return from_fd((int)fd, name, out, err);
}

/* 1: found, 0: none of the variables is set. */
static int from_environment(const char *stem, struct secret *out, struct err *err)
{
	static const char *const suffixes[] = { "", "_FILE", "_COMMAND", "_FD" };
	int ret = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char *name = xasprintf("%s%s", stem, suffixes[i]);
		const char *value = getenv(name);
		if (value)
			ret = i == 0 ? from_text(value, name, out, err) :
			      i == 1 ? from_file(value, out, err) :
			      i == 2 ? from_command(value, out, err) :
				       from_fd_number(value, name, out, err);
		sys_free(name);
		if (value)
			return ret < 0 ? ret : 1;
	}
	return 0;
}

static void say(int fd, const char *text)
{
	sys_write_full(fd, text, strlen(text));	/* if the terminal is gone, reading tells */
}

/* One line, as the terminal gives it. */
static int read_line(int fd, struct secret *out, struct err *err)
{
	struct secret raw = SECRET_INIT;
	size_t n = 0;
	int ret = 0;

	secret_init(&raw, PASSPHRASE_MAX_SIZE + 3);
	while (n < raw.size) {
		/* A signal just before a read would not end it, and the echo would stay off. */
		ret = interrupt_check(err);
		if (ret < 0)
			goto done;
		if (!sys_wait_readable(fd, LOOK_UP_MS))
			continue;
		ssize_t got = sys_read(fd, raw.data + n, raw.size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			ret = err_sys(err, "read from the terminal");
			goto done;
		}
		n += (size_t)got;
		if (!got || raw.data[n - 1] == '\n')
			break;
	}
	ret = trim(&raw, n, "the terminal", out, err);
done:
	secret_release(&raw);
	return ret;
}

static int ask(int fd, const char *question, struct secret *out, struct err *err)
{
	int was = sys_terminal_echo(fd, false);
	int ret;

	if (was < 0)
		return err_sys(err, "turn off the terminal's echo");
	say(fd, question);
	ret = read_line(fd, out, err);
	if (was)
		sys_terminal_echo(fd, true);
	say(fd, "\n");
	return ret;
}

static int from_terminal(bool is_new, const char *stem, struct secret *out, struct err *err)
{
	struct secret again = SECRET_INIT;
	int fd, ret;

	fd = sys_open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0);
	if (fd < 0)
		return err_set(err, ERR_KEY, "there is no password: give --%spassword-file, set "
			       "%s or %s_FILE, or run ub on a terminal",
			       strcmp(stem, "UB_PASSWORD") == 0 ? "" : "new-", stem, stem);
	ret = ask(fd, is_new ? "new password: " : "password: ", out, err);
	if (ret < 0 || !is_new)
		goto done;
	ret = ask(fd, "the same again: ", &again, err);
	if (ret < 0)
		goto done;
	if (again.size != out->size || !secret_is_equal(again.data, out->data, out->size))
		ret = err_set(err, ERR_KEY, "the two passwords are not the same");
done:
	if (ret < 0)
		secret_release(out);
	secret_release(&again);
	sys_close(fd);
	return ret;
}

static int read_any(const struct passphrase_source *src, const char *stem, bool is_new,
		    struct secret *out, struct err *err)
{
	int ret;

	if (src->file)
		return from_file(src->file, out, err);
	ret = from_environment(stem, out, err);
	if (ret)
		return ret < 0 ? ret : 0;
	if (src->no_prompt)
		return err_set(err, ERR_KEY, "there is no password");
	return from_terminal(is_new, stem, out, err);
}

int passphrase_read(const struct passphrase_source *src, struct secret *out, struct err *err)
{
	return read_any(src, "UB_PASSWORD", false, out, err);
}

int passphrase_read_new(const struct passphrase_source *src, const char *env, struct secret *out,
			struct err *err)
{
	return read_any(src, env, true, out, err);
}

int passphrase_read_words(struct secret *out, struct err *err)
{
	if (sys_is_terminal(STDIN_FILENO)) {
		say(STDERR_FILENO, "recovery words: ");
		return read_line(STDIN_FILENO, out, err);
	}
	return from_fd(STDIN_FILENO, "standard input", out, err);
}
