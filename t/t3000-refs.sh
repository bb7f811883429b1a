#!/bin/sh

test_description='names for snapshots: moving them, listing them, two devices'
. "${0%/*}/test-lib.sh"

zeros=0000000000000000000000000000000000000000000000000000000000000000

test_expect_success 'setup' '
	test_init_repo --device laptop &&
	tree=$(ub mktree </dev/null) &&
	one=$(ub commit-tree $tree -m one) &&
	two=$(ub commit-tree $tree -p $one -m two)
'

test_expect_success 'a new repository has no names' '
	ub for-each-ref >out && test_must_be_empty out &&
	test_expect_code 1 ub rev-parse HEAD 2>err && test_grep "no snapshot yet" err &&
	ub verify-ref >out && echo "ok laptop 2 records" >expect && test_cmp expect out
'

test_expect_success 'a name is made, moved and listed' '
	ub update-ref main $one &&
	echo "$one laptop/main" >expect &&
	ub for-each-ref >out && test_cmp expect out &&
	ub update-ref main $two $one &&
	test "$(ub rev-parse main)" = $two &&
	test "$(ub rev-parse laptop/main)" = $two &&
	test "$(ub rev-parse HEAD)" = $two
'

test_expect_success 'a name moves only from where it should be' '
	test_expect_code 13 ub update-ref main $one $one 2>err &&
	test_grep "is at $two, not at $one" err &&
	test_expect_code 13 ub update-ref main $one $zeros 2>err &&
	test_grep "exists already" err &&
	test_expect_code 13 ub update-ref other $one $two 2>err &&
	test_grep "there is no ref .other." err &&
	test "$(ub rev-parse main)" = $two
'

test_expect_success 'moving it to where it is adds no record' '
	ub verify-ref >before &&
	ub update-ref main $two &&
	ub update-ref main $two $one &&
	ub verify-ref >after && test_cmp before after
'

test_expect_success 'revisions are taken as well as ids, and one'"'"'s own DEVICE/REF' '
	ub update-ref laptop/tags/v1 main~1 &&
	test "$(ub rev-parse tags/v1)" = $one &&
	test "$(ub rev-parse v1)" = $one &&
	ub for-each-ref >out &&
	printf "%s\n" "$two laptop/main" "$one laptop/tags/v1" >expect && test_cmp expect out
'

test_expect_success 'patterns select, -z and --json list' '
	ub for-each-ref "laptop/tags" >out && echo "$one laptop/tags/v1" >expect &&
	test_cmp expect out &&
	ub for-each-ref "tags/v*" >out && test_cmp expect out &&
	ub for-each-ref main >out && echo "$two laptop/main" >expect && test_cmp expect out &&
	ub for-each-ref nothing >out && test_must_be_empty out &&
	ub for-each-ref -z main | tr "\0" "\n" >out && test_cmp expect out &&
	ub for-each-ref --json main >out &&
	test_grep "^{\"type\":\"ref\",\"ref\":\"laptop/main\",.*\"oid\":\"$two\".*\"own\":true}$" out
'

test_expect_success 'a name is taken away' '
	test_expect_code 13 ub update-ref --delete tags/v1 $two &&
	ub update-ref --delete tags/v1 $one &&
	test_expect_code 1 ub rev-parse tags/v1 &&
	ub update-ref --delete tags/v1 &&
	ub for-each-ref >out && test_line_count 1 out
'

test_expect_success 'what is no snapshot, and what is not there, is refused' '
	test_expect_code 1 ub update-ref main $tree 2>err && test_grep "names commits" err &&
	test_expect_code 1 ub update-ref main $(echo $one | tr 0-9a-f 1-9a-f0) &&
	test "$(ub rev-parse main)" = $two
'

test_expect_success 'odd names are refused' '
	for name in "a b" a..b /a a/ HEAD a~1 .a a.lock "a@{b" ""
	do
		test_expect_code 2 ub update-ref "$name" $one || return 1
	done &&
	test_expect_code 2 ub update-ref main &&
	test_expect_code 2 ub update-ref main $zeros &&
	test_expect_code 2 ub update-ref --delete
'

test_expect_success 'another process holding the log is waited for, then told of' '
	test_when_finished "kill \$holder" &&
	{ flock "$UB_DIR/refs/lock" sleep 20 & } && holder=$! && sleep 0.3 &&
	test_expect_code 11 env UB_CORE_LOCKWAIT=1 ub update-ref main $one 2>err &&
	test_grep "in use by another process" err &&
	test "$(ub rev-parse main)" = $two
'

test_expect_success 'two updates at once both happen' '
	for i in 1 2 3 4 5 6
	do
		ub update-ref par/$i $one &
	done && wait &&
	ub for-each-ref par >out && test_line_count 6 out &&
	ub verify-ref >out && test_grep "^ok laptop" out
'

test_expect_success 'names, snapshots and the device stand nowhere in the clear' '
	ub update-ref secret-name $one &&
	test_must_fail grep -rqaE "secret-name|laptop" "$UB_DIR/refs" "$UB_DIR/index"
'

test_expect_success 'JSON names what was moved, --dry-run moves nothing' '
	ub update-ref json $one --json >out &&
	echo "{\"type\":\"ref\",\"device\":\"laptop\",\"name\":\"json\",\"oid\":\"$one\"}" >expect &&
	test_cmp expect out &&
	ub for-each-ref >before &&
	ub update-ref -n json $two 2>err && test_grep "json. would go from $one to $two" err &&
	ub update-ref -n --delete json 2>err && test_grep "to nothing" err &&
	test_expect_code 13 ub update-ref -n json $two $two &&
	test_expect_code 1 ub update-ref -n json $tree &&
	test_expect_code 2 ub update-ref -n "a b" $two &&
	XDG_STATE_HOME=$HOME/elsewhere ub update-ref -n json $two &&
	test_path_is_missing "$HOME/elsewhere" &&
	ub for-each-ref >out && test_cmp before out &&
	ub --json update-ref -d json >out && test_grep "\"name\":\"json\",\"oid\":null}" out &&
	ub rev-parse --json HEAD $one >out && test_line_count 2 out &&
	echo "{\"type\":\"revision\",\"revision\":\"HEAD\",\"oid\":\"$two\",\"object_type\":\"commit\"}" \
		>expect && head -n 1 out >actual && test_cmp expect actual
'

test_expect_success 'a machine that lost its state joins under a name of its own' '
	ub for-each-ref >before && rm -rf "$XDG_STATE_HOME" &&
	test "$(ub rev-parse laptop/main)" = $two &&
	test "$(ub rev-parse HEAD)" = $two &&
	ub update-ref main $one 2>err && test_grep "joined it as" err &&
	ub for-each-ref >out && test_line_count $(($(wc -l <before) + 1)) out &&
	test "$(ub rev-parse main)" = $one &&
	test "$(ub rev-parse laptop/main)" = $two &&
	test_expect_code 13 ub update-ref laptop/main $one 2>err &&
	test_grep "another device" err &&
	ub verify-ref >out && test_line_count 2 out
'

test_expect_success 'a tag of two devices at two places is ambiguous' '
	device=$(ub for-each-ref --json main | sed -n "s/.*\"device\":\"\([^\"]*\)\".*\"own\":true.*/\1/p") &&
	ub update-ref tags/same $one && test "$(ub rev-parse tags/same)" = $one &&
	ub update-ref tags/par $one &&
	test "$(ub rev-parse "$device/tags/par")" = $one
'

test_done
