#!/bin/sh

test_description='long output goes through a pager, on a terminal alone'
. "${0%/*}/test-lib.sh"

test_have_prereq PTY || test_skip_all "needs Python and a terminal for it"

# What the command shows on a terminal of its own; its exit status.
cat >terminal.py <<\EOF_PY
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
try:
    while piece := os.read(fd, 4096):
        shown += piece
except OSError:
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(status))
EOF_PY

on_terminal () {
	"$PYTHON" terminal.py "$@"
}

test_expect_success 'setup' '
	test_init_repo --device box &&
	t1=$(printf "100644 blob - - data=1\tf\n" | ub mktree) &&
	perl -e "printf qq(100644 blob - - data=x\tname-%05d\n), \$_ for 0 .. 19999" >lines &&
	t2=$(ub mktree <lines) &&
	c1=$(ub commit-tree -m first $t1) && ub update-ref main $(ub commit-tree -m second -p $c1 $t2)
'

test_expect_success 'PAGER gets it' '
	PAGER="sed s/^/paged:/" && export PAGER &&
	test_when_finished unset PAGER &&
	on_terminal ub log --oneline >actual && test_grep "^paged:.* second$" actual &&
	on_terminal ub show HEAD~1 >actual && test_grep "^paged:A	f$" actual &&
	test_expect_code 1 on_terminal ub diff HEAD~1 HEAD >actual &&
	test_grep "^paged:D	f$" actual && test_line_count 20001 actual &&
	on_terminal ub log --json >actual && test_grep "^{" actual &&
	on_terminal ub ls HEAD~1 >actual && echo f >expect && test_cmp expect actual
'

test_expect_success 'what is no terminal gets it as it is' '
	PAGER=false ub log --oneline >actual && test_line_count 2 actual
'

test_expect_success 'an empty PAGER, and cat, are none' '
	PAGER= on_terminal ub log --oneline >actual && test_line_count 2 actual &&
	PAGER=cat on_terminal ub log --oneline >actual && test_line_count 2 actual
'

test_expect_success 'who leaves the pager has seen enough' '
	test_expect_code 0 env PAGER="head -n 1" "$PYTHON" terminal.py ub show >actual &&
	test_line_count 1 actual && test_grep "^commit" actual
'

test_expect_success 'an error is said after it' '
	PAGER="cat; echo over" test_expect_code 1 on_terminal ub show HEAD~1 nope >actual &&
	tail -n 1 actual >last && test_grep "^ub: .*nope" last && test_grep "^over$" actual
'

test_done
