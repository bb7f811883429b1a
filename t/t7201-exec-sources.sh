#!/bin/sh

test_description='sources that are commands: what they print is a file, whole or not at all'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device box && mkdir src && echo 1 >src/f && ub add src && ub add --exec db.sql "cat $PWD/dump" &&
	seq 100000 >dump
'

test_expect_success 'they are listed, and in a file by themselves' '
	ub sources >out && printf "%s\n/db.sql\tcat %s\n" "$PWD/src" "$PWD/dump" >want && test_cmp want out &&
	ub sources --json >out && test_grep "\"path\":\"/db.sql\",\"present\":true,\"command\":\"cat " out && ub sources -z | tr "\0" "\n" >out && test_line_count 2 out
'

test_expect_success 'what a command prints is in the snapshot' '
	ub commit --json >out && ub cat HEAD:db.sql >have && test_cmp dump have && ub ls -l HEAD:db.sql >out && test_grep "^-rw-------" out
'

test_expect_success 'the same content is the same file; another one is a change' '
	tree=$(ub rev-parse HEAD:) && ub commit --json >out && test "$(ub rev-parse HEAD:)" = "$tree" && test_grep "\"files_changed\":0,\"files_unmodified\":2," out &&
	echo more >>dump && ub commit --json >out && test_grep "\"files_changed\":1," out && ub cat HEAD:db.sql >have && test_cmp dump have
'

test_expect_success 'one that fails: what there was stays, the snapshot says so, exit 3' '
	cp dump kept && ub rm /db.sql && ub add --exec db.sql "seq 1000000; exit 5" && test_expect_code 3 ub commit 2>err &&
	test_grep "/db.sql.: .*failed with status 5" err && ub cat HEAD:db.sql >have && test_cmp kept have && ub show >out && test_grep incomplete out &&
	ub show --list unreadable >out && test_grep db.sql out
'

test_expect_success 'one that fails from the start is not in it' '
	ub add --exec never "echo half; kill -9 \$\$" && test_expect_code 3 ub commit -q 2>err && test_grep "signal 9" err && test_expect_code 1 ub cat HEAD:never && ub rm never
'

test_expect_success 'one that hangs, printing or not, is ended, and has failed' '
	test_when_finished "ub config --unset hook.timeout; ub rm slow; ub rm quiet" && ub config hook.timeout 1 && ub add --exec slow "while :; do echo x; sleep 0.01; done" &&
	ub add --exec quiet "sleep 1000" && test_expect_code 3 timeout 60 ub commit -q 2>err && test_grep "/slow.: .*took longer than 1 second" err && test_grep "/quiet.: .*took longer" err
'

test_expect_success 'a large one goes through, in little memory' '
	ub rm db.sql && ub add --exec big "head -c 300000000 /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt 2>/dev/null" && ub commit -q &&
	ub cat HEAD:big | wc -c >n && echo 300000000 >want && test_cmp want n && ub rm big
'

test_expect_success 'a command alone can be all there is' '
	test_when_finished "UB_DIR=$UB_DIR" && UB_DIR=$PWD/second && export UB_DIR && ub init --kdf 8M:1 --device box >/dev/null 2>&1 && ub add --exec only "echo hello; echo garbage >&2" &&
	ub commit -q 2>err && echo hello >want && ub cat HEAD:only >have && test_cmp want have && test_grep garbage err && : >empty && ub add --exec nothing true && ub commit -q && ub cat HEAD:nothing >have && test_cmp empty have
'

test_expect_success 'status, diff and a part of it do not run them, and carry over what there is' '
	ub add --exec db.sql "date +%N; echo ran >>$PWD/ran" && ub commit -q && test_line_count 1 ran && ub status >out && ! grep db.sql out && ub diff HEAD && echo 3 >src/f && ub commit -q src &&
	ub cat HEAD:db.sql >have && ub cat HEAD~1:db.sql >want && test_cmp want have && ub commit -n -q && test_line_count 1 ran && ub verify --against && ub verify
'

test_expect_success 'restore brings it back as a file' '
	ub restore -t back HEAD /db.sql && ub cat HEAD:db.sql >want && test_cmp want back/db.sql
'

test_expect_success 'names and commands that cannot be are refused; a file that others may write has no say' '
	for name in a/b "a b" . .. ""
	do
		test_expect_code 2 ub add --exec "$name" true || return 1
	done && test_expect_code 2 ub add --exec x && test_expect_code 2 ub add --exec x true more && test_expect_code 2 ub add --exec x "" &&
	test_expect_code 1 ub add --exec db.sql true && chmod 666 "$UB_DIR/config" && test_expect_code 13 ub commit -q && chmod 600 "$UB_DIR/config"
'

test_done
