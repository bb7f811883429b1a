#!/bin/sh

test_description='ub commit under every fault: the old snapshot or the new one, and never less than it says'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

# The stat cache is copied with the rest; what it knows are other inodes then.
XDG_CACHE_HOME=$FAULT_DIR/cache
export XDG_CACHE_HOME
test -n "$UB_TEST_SAN" || FAULT_ROUNDS=10
# A commit that loses these still has its ref, whose record names the packs: they are taken into the
# index again.  hash-object and pack, which have no ref, miss them.
FAULT_SYNC_ELSEWHERE="$FAULT_SYNC_ELSEWHERE|begin_marker|commit_locked"

# A file that gave an error, status 3, is not in the snapshot, which says so; nothing else lacks.
head_is_right () {
	head=$(ub rev-parse HEAD) || return 1
	test "$head" != "$commit" || return 0
	test "$(ub rev-parse "$head~1")" = "$commit" || test "$(ub rev-parse "$head~2")" = "$commit" || return 1
	test "$(ub rev-parse HEAD:)" = "$tree" || test "$(ub rev-parse HEAD:)" = "$before" ||
		ub cat-object -p HEAD | grep -qi "^incomplete"
}

# No name and no content in clear, neither in what is kept nor in what was only written for a while.
no_marker () {
	! grep -rlF "$FAULT_MARKER" cache
}

FAULT_ALWAYS='head_is_right && no_marker'

test_expect_success 'setup' '
	fault_setup "
		fault_init_repo && mkdir -p src/d/e cache &&
		{ echo $FAULT_MARKER && test_random 5000 3; } >src/d/$FAULT_MARKER &&
		test_random 3000000 4 >src/d/big && echo tiny >src/tiny && ln src/d/big src/hard &&
		ln -s tiny src/link && mkfifo src/fifo && echo e >src/d/e/e && truncate -s 600k src/hole &&
		for i in 1 2 3 4 5 6; do echo \$i >src/d/e/\$i || return 1; done &&
		find src -exec touch -h -d 2020-01-01 {} + && ub add src &&
		tree=\$(ub commit -n --json | sed -n \"s/.*\\\"tree\\\":\\\"\\([0-9a-f]*\\).*/\\1/p\") && before=\$tree &&
		test -n \"\$tree\"
	"
'

is_done='test "$(ub rev-parse HEAD:)" = $tree && ub rev-list --objects HEAD >../list'

fault_test_all 'a first commit' 'ub commit -q -m "$FAULT_MARKER"' "$is_done"

# The second one in step with the stat cache of the first, which nothing breaks.
second='fault_calm ub commit -q && echo changed >src/tiny && echo new >src/new && rm -f src/d/e/3 &&
	find src -exec touch -h -d 2020-01-02 {} + && ub commit -q'

test_expect_success 'setup of the second' '
	fault_copy && eval "$second" && tree=$(ub rev-parse HEAD:) && test "$tree" != "$before"
'

fault_test_kinds 'a second commit' "$second" "$is_done"

test_expect_success 'setup of tags' '
	fault_copy && ub commit -q && tree=$(ub rev-parse HEAD:)
'

for kind in kill powercut nosync
do
	test_expect_success "a commit with tags keeps the promises under $kind" "
		fault_loop $kind 'ub commit -q --tag one --tag two' '
			test \"\$(ub rev-parse HEAD:)\" = \$tree && test \"\$(ub rev-parse tags/one)\" = \"\$(ub rev-parse HEAD)\" &&
			test \"\$(ub rev-parse tags/two)\" = \"\$(ub rev-parse HEAD)\"'
	"
done

# What could not be read is told from what could not be stored.
test_expect_success 'an error of the disk under a source is that file, each other one is kept' '
	fault_copy && head -c 400000 /dev/urandom >src/d/last && ub commit -q && for n in $(seq 1 400)
	do
		rm -f ../fired && fault_copy && cat one two >/dev/null &&
		UB_TEST_FAULT=eio:pread@$n UB_TEST_FIRED=$TRASH_DIRECTORY/fault/fired ub commit --json >../out 2>../err
		code=$?
		test -e ../fired || { test $code = 0 && break; }
		case $code in
		0 | 1 | 6) ;;
		3)
			grep -q "\"type\":\"unreadable\"" ../out || { echo "$n: 3, and nothing is listed"; return 1; }
			grep "\"path\":" ../out | grep -v "\"path\":\"[^\"]*w/src/" && { echo "$n: not a source"; return 1; }
			test "$(ub cat-tree -r HEAD | wc -l)" -ge 12 || { echo "$n: more than one file lacks"; return 1; } ;;
		*) echo "$n: $code"; cat ../err; return 1 ;;
		esac
		ub fsck >/dev/null || return 1
	done && test ! -e ../fired
'

test_done
