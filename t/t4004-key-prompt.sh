#!/bin/sh

test_description='passwords asked for on a terminal: unseen, twice when new, echo back afterwards'
. "${0%/*}/test-lib.sh"

test_have_prereq PTY || test_skip_all "needs Python and a terminal for it"

# type.py ANSWER... -- COMMAND: run it on a terminal of its own, give an answer to each question
# that ends in ": "; what the terminal showed goes to standard output.  ^C is the key.
cat >type.py <<\EOF_PY
import os, pty, sys, termios
split = sys.argv.index("--")
answers, command = sys.argv[1:split], sys.argv[split + 1:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = b""
asked = 0
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    while answers and shown.count(b": ") > asked and shown.endswith(b": "):
        asked = shown.count(b": ")
        answer = answers.pop(0)
        echo = termios.tcgetattr(fd)[3] & termios.ECHO
        sys.stderr.write("echo %s\n" % ("on" if echo else "off"))
        os.write(fd, b"\x03" if answer == "^C" else answer.encode() + b"\n")
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode().replace("\r\n", "\n"))
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
EOF_PY

on_terminal () {
	"$PYTHON" type.py "$@"
}

test_expect_success 'init asks twice, and nothing is seen' '
	on_terminal secret secret -- ub init --kdf 8M:1 --no-device-key >shown 2>echo &&
	test_grep "new password: $" shown && test_grep "the same again: $" shown &&
	test_grep ! secret shown && printf "echo off\necho off\n" >expect && test_cmp expect echo
'

test_expect_success 'what was typed opens, something else does not' '
	on_terminal secret -- ub key list >shown && test_grep "^password: $" shown &&
	test_grep " password " shown && test_grep ! secret shown &&
	test_expect_code 12 on_terminal other -- ub key list >shown &&
	test_grep "wrong password" shown &&
	test_expect_code 12 on_terminal "" -- ub key list >shown && test_grep "empty" shown
'

test_expect_success 'two different answers set nothing' '
	test_expect_code 12 on_terminal secret one two -- ub key add --kdf 8M:1 >shown &&
	test_grep "not the same" shown &&
	on_terminal secret -- ub key list >shown && test "$(grep -c " password " shown)" = 1
'

test_expect_success 'an interrupt at the question gives the echo back, however soon it comes' '
	for i in 1 2 3 4 5 6 7 8
	do
		on_terminal "^C" -- sh -c "trap : INT; ub key list; echo status \$?; stty -a" >shown &&
		test_grep "status 130" shown &&
		test_grep " echo " shown || return 1
	done
'

test_done
