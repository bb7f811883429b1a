#!/bin/sh

test_description='the signed log behind names: damage, rollback, forks'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device laptop &&
	tree=$(ub mktree </dev/null) &&
	one=$(ub commit-tree $tree -m one) && ub update-ref main $one &&
	two=$(ub commit-tree $tree -p $one -m two) && ub update-ref main $two &&
	ub update-ref other $one &&
	log=$(echo "$UB_DIR"/refs/????????????????????????????????/0) &&
	ls "$log" >names && test_line_count 5 names &&
	cp -a "$UB_DIR" clean && cp -a "$XDG_STATE_HOME" clean-state
'

restore () {
	rm -rf "$UB_DIR" "$XDG_STATE_HOME" &&
	cp -a clean "$UB_DIR" && cp -a clean-state "$XDG_STATE_HOME"
}

record () {
	echo "$log"/000000000$1-*
}

test_expect_success 'a log that is well says so' '
	echo "ok laptop 5 records" >want &&
	ub verify-ref >out && test_cmp want out &&
	ub verify-ref main >out && test_cmp want out &&
	ub verify-ref laptop >out && test_cmp want out &&
	ub verify-ref laptop/other --json >out &&
	echo "{\"type\":\"log\",\"device\":\"laptop\",\"records\":5,\"ok\":true}" >want &&
	test_cmp want out &&
	test_expect_code 1 ub verify-ref nobody
'

for n in 0 1 2 3 4
do
	test_expect_success "a flipped bit anywhere in record $n is found and its file named" '
		test_when_finished restore &&
		file=$(record '$n') && size=$(test_file_size "$file") && at=0 &&
		while test $at -lt $size
		do
			flip_bit "$file" $at 3 &&
			test_expect_code 6 ub verify-ref >out 2>err &&
			test_grep -F "${file##*/}" out || return 1
			ub rev-parse main >out 2>err
			case $? in
			0) test "$(cat out)" = $two ;;
			6) test_must_be_empty out && test_grep -F "${file##*/}" err ;;
			*) false ;;
			esac || return 1
			test_expect_code 6 ub update-ref main $one 2>err &&
			flip_bit "$file" $at 3 && at=$((at + 61)) || return 1
		done
	'
done

test_expect_success 'a truncated, emptied or missing record is named' '
	test_when_finished restore &&
	file=$(record 3) && name=${file##*/} && cp "$file" good &&
	head -c 100 good >"$file" && test_expect_code 6 ub verify-ref >out &&
	test_grep -F "$name" out &&
	: >"$file" && test_expect_code 6 ub verify-ref >out && test_grep -F "$name" out &&
	rm "$file" && test_expect_code 6 ub verify-ref >out && test_grep "records 3 to 3 are missing" out &&
	test_expect_code 6 ub rev-parse main 2>err && test_grep $one err &&
	test "$(ub rev-parse other 2>err)" = $one &&
	test_grep "warning.*laptop.*missing" err &&
	cp good "$file" && ub verify-ref
'

test_expect_success 'two records swapped are named' '
	test_when_finished restore &&
	a=$(record 2) && b=$(record 3) && cp "$a" keep && cp "$b" "$a" && cp keep "$b" &&
	test_expect_code 6 ub verify-ref >out &&
	test_grep -F "${a##*/}" out && test_grep -F "${b##*/}" out
'

test_expect_success 'a log that was set back is named, and not written to' '
	test_when_finished restore &&
	rm "$(record 4)" &&
	test_expect_code 6 ub verify-ref >out && test_grep "set back" out &&
	test "$(ub rev-parse "main@{0}" 2>err)" = "" && test_grep "set back" err &&
	test_expect_code 6 ub update-ref main $one 2>err && test_grep "set back" err
'

test_expect_success 'a copy that went its own way is a fork' '
	test_when_finished restore &&
	cp -a "$UB_DIR" copy &&
	ub update-ref main $one &&
	test_expect_code 6 ub --repo copy update-ref main $one 2>err &&
	test_grep "set back" err &&
	rm "$XDG_STATE_HOME"/ub/*/marks &&
	ub --repo copy update-ref other $two &&
	cp copy/refs/*/0/0000000005-* "$log" &&
	test_expect_code 6 ub verify-ref >out && test_grep forked out &&
	test_expect_code 6 ub update-ref main $two 2>err && test_grep forked err &&
	test_expect_code 6 ub rev-parse main
'

test_expect_success 'damaged marks are named, and reading goes on' '
	test_when_finished restore &&
	marks=$(echo "$XDG_STATE_HOME"/ub/*/marks) && flip_bit "$marks" 50 &&
	test_expect_code 6 ub verify-ref >out && test_grep -F "$marks" out &&
	test "$(ub rev-parse main)" = $two &&
	test_expect_code 6 ub update-ref main $one &&
	rm "$marks" && ub update-ref main $one && ub verify-ref
'

test_expect_success 'a damaged keyring is named' '
	test_when_finished restore &&
	flip_bit "$UB_DIR/keys/keyring" 5 &&
	{ ub verify-ref >out 2>&1; test $? != 0; } && test_grep keyring out
'

test_expect_success 'the cache may be damaged, foreign or gone' '
	test_when_finished restore &&
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18
	do
		ub update-ref many/$i $one || return 1
	done &&
	cache=$UB_DIR/index/refs-cache && test_path_exists "$cache" && cp "$cache" keep &&
	size=$(test_file_size "$cache") && at=0 &&
	while test $at -lt $size
	do
		cp keep "$cache" && flip_bit "$cache" $at &&
		test "$(ub rev-parse main)" = $two && at=$((at + 97)) || return 1
	done &&
	rm "$cache" && test "$(ub rev-parse main)" = $two && test "$(ub rev-parse many/18)" = $one
'

test_done
