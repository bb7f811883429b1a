#!/bin/sh

test_description='ub search: each version of a file once, with its dates'
. "${0%/*}/test-lib.sh"

# snapshot N: of what `lines` says
snapshot () {
	ub mktree <lines >id.tree &&
	ub commit-tree -m "$1" ${tip:+-p $tip} $(cat id.tree) >id.c &&
	tip=$(cat id.c) && ub update-ref main $tip && echo $tip >>commits
}

test_expect_success 'setup: a hundred snapshots' '
	test_init_repo --device box && tip= &&
	for i in $(seq 1 100)
	do
		{
			echo "100644 blob - - data=$((i / 50))	a%_.txt" &&
			if test $i -le 30; then echo "100644 blob - - data=xy	gone"; fi &&
			echo "100644 blob - - data=$i	n.log"
		} >lines && snapshot $i || return 1
	done
'

test_expect_success 'each version once, with its first and last snapshot' '
	ub search --json "a*" >actual && test_line_count 3 actual &&
	for range in 1:49 50:99 100:100
	do
		test_grep "\"path\":\"a%_.txt\",.*\"first_commit\":\"$(sed -n ${range%:*}p commits)\",\"last_commit\":\"$(sed -n ${range#*:}p commits)\"" actual || return 1
	done &&
	ub search --json n.log >actual && test_line_count 100 actual &&
	ub search --json gone >actual && test_line_count 1 actual &&
	test_grep "\"last_commit\":\"$(sed -n 30p commits)\"" actual
'

test_expect_success 'what is gone is marked' '
	ub search gone >actual && test_grep "^- .*  gone$" actual &&
	ub search "a*" >actual && grep "^ " actual >now && test_line_count 1 now
'

test_expect_success 'nothing found is exit 1; marks of other languages are text' '
	test_expect_code 1 ub search nope >out && test_must_be_empty out &&
	test_expect_code 1 ub search "%" && test_expect_code 1 ub search "a.*" &&
	ub search "a%_*" >actual && test_line_count 3 actual &&
	test_expect_code 1 ub search "x'\'' OR 1=1 --"
'

test_expect_success 'terms' '
	ub search --at $(sed -n 10p commits) "*" >actual && test_line_count 3 actual &&
	ub search --size +1 gone >actual && test_expect_code 1 ub search --size -2 gone &&
	test_expect_code 1 ub search --type d "*" && ub search --type f -i GONE >actual &&
	ub search --regex "^(gone|nope)$" >actual && test_line_count 1 actual &&
	test_expect_code 1 ub search --before 2001-01-01 "*" &&
	test_expect_code 1 ub search --since 2200-01-01 "*"
'

test_expect_success 'bad patterns and terms are refused with a sentence' '
	for p in "(" "((a{200}){200}){200}" "a{3,1}" "[z-a]"
	do
		test_expect_code 2 ub search --regex "$p" 2>err && test_line_count 1 err || return 1
	done &&
	test_expect_code 2 ub search && test_expect_code 2 ub search --size big x &&
	test_expect_code 2 ub search --type q x && test_expect_code 2 ub search --since never x
'

test_done
