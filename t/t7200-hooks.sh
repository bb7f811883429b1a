#!/bin/sh

test_description='hooks around a commit: the owner says what runs, and nobody else'
. "${0%/*}/test-lib.sh"

hook () {
	ub config "hook.$1" "$2"
}

unset_all () {
	for key in preCommit postCommit postFail timeout
	do
		ub config --unset "hook.$key" 2>/dev/null
	done
	rm -f said
}

# Is the process in the file pid no more, or waiting to be forgotten?
gone () {
	! kill -0 "$(cat pid)" 2>/dev/null || grep -q "^State:.*Z" "/proc/$(cat pid)/status"
}

test_expect_success 'setup' '
	test_init_repo --device box && mkdir src && echo 1 >src/f && ub add src
'

test_expect_success 'pre-commit runs before anything is read, post-commit after the snapshot is there' '
	test_when_finished unset_all && hook preCommit "date >src/made-by-hook; echo pre \$UB_HOOK >>$PWD/said" &&
	hook postCommit "echo post \$UB_HOOK \$UB_COMMIT \$UB_STATUS \$UB_DIR >>$PWD/said" && hook postFail "echo fail >>$PWD/said" &&
	ub commit -q && ub ls "HEAD:${PWD#/}/src" >out && test_grep made-by-hook out &&
	{ echo "pre pre-commit" && echo "post post-commit $(ub rev-parse HEAD) 0 $UB_DIR"; } >want && test_cmp want said
'

test_expect_success 'a pre-commit that fails: nothing is committed, and post-fail runs' '
	test_when_finished unset_all && hook preCommit "exit 7" && hook postCommit "echo post >>$PWD/said" &&
	hook postFail "echo fail \$UB_STATUS \"\$UB_ERROR\" >>$PWD/said" && head=$(ub rev-parse HEAD) && echo 2 >src/f &&
	test_expect_code 1 ub commit -q 2>err && test "$(ub rev-parse HEAD)" = "$head" && test_line_count 1 err &&
	test_grep "hook pre-commit: .exit 7. failed with status 7" err && test_grep "^fail 1 hook pre-commit: " said && ! grep post said
'

test_expect_success 'a commit that fails runs post-fail, too' '
	test_when_finished unset_all && hook postFail "echo fail \$UB_STATUS >>$PWD/said" && test_expect_code 1 ub commit -q /nowhere/at/all 2>err &&
	rm -f said && hook preCommit true && mv src away && test_expect_code 13 ub commit -q && mv away src && echo "fail 13" >want && test_cmp want said
'

test_expect_success 'a post-commit that fails is a warning: the snapshot is made' '
	test_when_finished unset_all && hook postCommit "kill -9 \$\$" && ub commit -q 2>err && test_grep "the snapshot is made, but hook post-commit: .* signal 9" err
'

test_expect_success 'several run in their order, until one fails' '
	test_when_finished "cp kept $UB_DIR/config; unset_all" && cp "$UB_DIR/config" kept &&
	printf "[hook]\n\tpreCommit = echo a >>%s/said\n\tpreCommit = \"echo b >>%s/said; false\"\n\tpreCommit = echo c >>%s/said\n" "$PWD" "$PWD" "$PWD" >>"$UB_DIR/config" &&
	test_expect_code 1 ub commit -q && printf "a\nb\n" >want && test_cmp want said
'

test_expect_success 'one that hangs is ended, with all that it began' '
	test_when_finished unset_all && hook timeout 1 && hook preCommit "sleep 1000 & echo \$! >$PWD/pid; sleep 1000" &&
	test_expect_code 1 timeout 30 ub commit -q 2>err && test_grep "took longer than 1 second" err && sleep 0.2 && gone
'

test_expect_success 'one that leaves something running does not hold the commit up' '
	test_when_finished unset_all && hook preCommit "sleep 20 & exit 0" && timeout 10 ub commit -q
'

test_expect_success 'what they print goes to standard error, whatever it is; --json stays JSON' '
	test_when_finished unset_all && hook preCommit "head -c 3000000 /dev/urandom" && hook postCommit "echo done" && ub commit --json >out 2>err &&
	test_line_count 1 out && test_grep "\"type\":\"summary\"" out && test "$(wc -c <err)" -ge 3000000 && tail -n 1 err >last && test_grep -a done last
'

test_expect_success 'they get no password, no standard input and no descriptor of ours' '
	test_when_finished "unset_all; unset UB_PASSWORD" && UB_PASSWORD=very-secret && export UB_PASSWORD && hook preCommit "env >$PWD/said; ls /proc/self/fd >>$PWD/said; cat >>$PWD/said" &&
	echo input | ub commit -q && ! grep -e secret -e UB_PASSWORD -e input said && sed -n "/^[0-9]*$/p" said >fds && test "$(wc -l <fds)" -le 4
'

test_expect_success '--no-hooks, and -n, run none' '
	test_when_finished unset_all && hook preCommit false && hook postFail "echo no >$PWD/said" && ub commit -q --no-hooks && ub commit -n >out && ! test -e said
'

test_expect_success 'interrupted while one runs: it ends, and so does ub' '
	test_when_finished unset_all && hook preCommit "echo \$\$ >$PWD/pid; sleep 1000" && { ub commit -q 2>err & } && job=$! &&
	for i in $(seq 100); do test -s pid && break; sleep 0.1; done && sleep 0.3 && kill -TERM $job && test_expect_code 143 wait $job; sleep 0.2; gone
'

test_expect_success 'post-fail is not cut short by the signal that ended the commit' '
	test_when_finished unset_all && hook preCommit "echo \$\$ >$PWD/pid3; sleep 1000" && hook postFail "sleep 1; echo restarted >>$PWD/said" && { ub commit -q 2>err & } && job=$! &&
	for i in $(seq 100); do test -s pid3 && break; sleep 0.1; done && sleep 0.2 && kill -TERM $job; wait $job; test_grep restarted said
'

test_expect_success 'nothing to commit: post-commit runs, without an id' '
	test_when_finished unset_all && ub commit -q && hook preCommit true && hook postCommit "echo \"post [\$UB_COMMIT]\" >>$PWD/said" && ub commit -q --skip-if-unchanged && echo "post []" >want && test_cmp want said
'

test_expect_success 'a file that others may write, or that is another user'"'"'s, has no say' '
	test_when_finished "chmod 600 $UB_DIR/config; unset_all" && hook preCommit "echo ran >$PWD/said" && chmod 666 "$UB_DIR/config" &&
	test_expect_code 13 ub commit -q 2>err && test_grep "may be written by others" err && ! test -e said && ub commit -q --no-hooks &&
	mkdir -p "$HOME/.config/ub" && echo "[hook] preCommit = touch $PWD/said" >"$HOME/.config/ub/config"; chmod 600 "$UB_DIR/config"; ub config --unset hook.preCommit;
	XDG_CONFIG_HOME=$HOME/.config ub commit -q && test -e said; rm "$HOME/.config/ub/config"
'

test_expect_success 'nothing that is backed up is ever run' '
	mkdir -p src/.ub src/hooks && printf "[hook]\n\tpreCommit = touch %s/ran\n" "$PWD" | tee src/.ub/config src/config >src/hooks/config && ub commit -q && ! test -e ran
'

test_done
