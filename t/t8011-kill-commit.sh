#!/bin/sh

test_description='commits that are killed at any moment: the repository is sound, and the next one goes on

A hundred of them, or as many as 20 seconds allow; UB_TEST_LONG=1 takes its time.'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-commit.sh"

test_have_prereq PY || test_skip_all 'there is no python3 to compare with'

S=$DISK/s
P=${S#/}
ROUNDS=100
SECONDS_MAX=20
test -z "$UB_TEST_LONG" || SECONDS_MAX=100000

test_expect_success 'setup' '
	test_init_repo && mkdir -p "$S/keep" && for i in $(seq 1 200); do test_random $((i * 97)) $i >"$S/keep/$i" || return 1; done &&
	ub add "$S" && commit && kept=$(ub rev-parse "HEAD:$P/keep")
'

# kill_round N: something changes, a commit is killed after a moment, what is there is whole.
kill_round () {
	mkdir -p "$S/d$(($1 % 7))" && test_random $(($1 * 7919 % 3000000)) $((1000 + $1)) >"$S/d$(($1 % 7))/f$(($1 % 5))" &&
	echo "$1" >"$S/small" && rm -rf "$S/d$((($1 + 3) % 7))/f$((($1 + 1) % 5))" &&
	head=$(ub rev-parse HEAD) || return 1
	ub commit -q 2>/dev/null &
	pid=$!
	sleep "$(awk -v n="$1" 'BEGIN { srand(n); printf "%.4f", rand() * 0.05 }')"
	kill -KILL $pid 2>/dev/null
	wait $pid
	code=$?
	case $code in
	0) done_nr=$((done_nr + 1)) && head=$(ub rev-parse HEAD) && test "$(content "$P/small")" = "$1" ;;
	137) killed_nr=$((killed_nr + 1)) ;;
	*) echo "round $1: status $code" && return 1 ;;
	esac || return 1
	ub fsck >../fsck 2>&1 || { echo "round $1: fsck"; cat ../fsck; return 1; }
	now=$(ub rev-parse HEAD) && { test "$now" = "$head" || test "$(ub rev-parse HEAD~1)" = "$head"; } ||
		{ echo "round $1: HEAD is $now"; return 1; }
	test "$(ub rev-parse "HEAD:$P/keep")" = "$kept" || { echo "round $1: what was there is gone"; return 1; }
	test $(($1 % 10)) != 0 || { ub commit -q && tree_check "$S"; }
}

test_expect_success 'a hundred commits are killed' '
	end=$(($(date +%s) + SECONDS_MAX)) done_nr=0 killed_nr=0 &&
	for i in $(seq 1 $ROUNDS)
	do
		kill_round $i || return 1
		test "$(date +%s)" -lt $end || break
	done &&
	echo "$i rounds: $killed_nr killed, $done_nr done" && test $i -ge 5
'

test_expect_success 'the next one succeeds, and all opens' '
	commit && tree_check "$S" && ub fsck --full && sleep 0.1 && commit && commit && summary_is bytes_read 0
'

test_expect_success 'nothing is left lying about' '
	find "$UB_DIR/tmp" -type f >left && test_must_be_empty left &&
	find "$XDG_CACHE_HOME" -type f ! -name "stat-????????????????" >left && { test ! -s left || { cat left; false; } }
'

# A full pack of a commit has its name before the next one is full; what has no name yet is lost.
test_expect_success 'what was packed before is adopted' '
	mkdir "$S/large" && for i in 1 2 3 4; do test_random 60000000 50$i >"$S/large/$i" || return 1; done &&
	before=$(du -sk "$UB_DIR" | cut -f 1) && { ub commit -q & } && pid=$! && for i in $(seq 1 1000)
	do
		size=$(du -sk "$UB_DIR" | cut -f 1) && test "$size" -lt $((before + 170000)) || break
	done; kill -KILL $pid; wait $pid; packed=$(find "$UB_DIR/packs" -type f -size +50M ! -name "tmp-*" | wc -l) &&
	commit && tree_check "$S" && echo "$packed large packs were there, $(summary bytes_stored) bytes are stored" &&
	test "$packed" -ge 1 && test "$(summary bytes_stored)" -lt 190000000 && ub fsck
'

test_done
