#!/bin/sh

test_description='rev-list: snapshots newest first, and what they reach'
. "${0%/*}/test-lib.sh"

at () {
	UB_TEST_NOW=$1
	export UB_TEST_NOW
}

test_expect_success 'setup' '
	at 1000 && test_init_repo --device laptop &&
	test_random 9000000 1 >big && test_random 5000 2 >blob && echo tiny >tiny &&
	big=$(ub hash-object -w big) && blob=$(ub hash-object -w blob) &&
	tiny=$(ub hash-object -w tiny) &&
	printf "%s\t%s\n" "100644 list $big 9000000" big "100600 blob $blob 5000" "odd\"name" \
		"100644 blob $tiny 5" tiny | sed "s/odd\"name/\"odd\\\\\"name\"/" >list &&
	sub=$(ub mktree <list) &&
	copy=$(printf "100600 blob %s 5000\tcopy\n" $blob | ub mktree) &&
	top=$(printf "040755 tree %s -\thome\n040755 tree %s -\tagain\n" $sub $sub | ub mktree) &&
	nothing=$(ub mktree </dev/null) &&
	at 1001 && one=$(ub commit-tree $nothing -m one) &&
	at 1002 && two=$(ub commit-tree $top -p $one -m two) &&
	at 1003 && side=$(ub commit-tree $copy -p $one -m side) &&
	at 1004 && merge=$(ub commit-tree $top -p $two -p $side -m merge) &&
	ub update-ref main $merge && ub update-ref side $side
'

test_expect_success 'snapshots come newest first' '
	printf "%s\n" $merge $side $two $one >want &&
	ub rev-list HEAD >out && test_cmp want out &&
	ub rev-list side main HEAD >out && test_cmp want out &&
	ub rev-list --all >out && test_cmp want out
'

test_expect_success 'a parent never comes before its child, whatever the clock said' '
	at 5000 && a=$(ub commit-tree $nothing -m a) &&
	at 10 && b=$(ub commit-tree $nothing -p $a -m b) &&
	at 9000 && c=$(ub commit-tree $nothing -p $a -m c) &&
	at 20 && d=$(ub commit-tree $nothing -p $b -p $c -m d) &&
	printf "%s\n" $d $c $b $a >want &&
	ub rev-list $d >out && test_cmp want out
'

test_expect_success '--not leaves out what its revisions reach' '
	printf "%s\n" $merge $two >want &&
	ub rev-list HEAD --not side >out && test_cmp want out &&
	ub rev-list HEAD ^side >out && test_cmp want out &&
	ub rev-list --not side --not HEAD >out && test_cmp want out &&
	ub rev-list side --not HEAD >out && test_must_be_empty out
'

test_expect_success 'every object is listed once, with a path where it has one' '
	ub rev-list --objects HEAD >out &&
	cut -f1 out | sort | uniq -d >twice && test_must_be_empty twice &&
	for id in $merge $side $two $one $top $sub $copy $nothing $big $blob
	do
		test_grep "^$id" out || return 1
	done &&
	test_grep ! "^$tiny" out &&
	test_grep "^$top$" out && test_grep "^$merge$" out &&
	test_grep "^$sub	again$" out &&
	test_grep "^$big	again/big$" out &&
	test_grep -F "$blob	\"again/odd\\\"name\"" out &&
	test "$(grep -c "	again/big$" out)" -gt 3
'

test_expect_success '-z prints names as they are, --json as objects' '
	ub rev-list --objects -z HEAD | tr "\0" "\n" >out &&
	test_grep -F "$blob	again/odd\"name" out &&
	ub rev-list --objects --json HEAD >out &&
	test_grep -F "{\"type\":\"object\",\"oid\":\"$blob\",\"object_type\":\"blob\",\"path\":\"again/odd\\\"name\"}" out
'

test_expect_success '--objects --not lists exactly what is missing' '
	ub rev-list --objects HEAD | cut -f1 | sort >all &&
	ub rev-list --objects side | cut -f1 | sort >old &&
	ub rev-list --objects HEAD --not side | cut -f1 | sort >out &&
	comm -23 all old >want && test_cmp want out &&
	test_grep ! $blob out
'

test_expect_success 'trees and files may be named too' '
	ub rev-list --objects HEAD:home >out &&
	head -n 1 out >first && echo "$sub	home" >want && test_cmp want first &&
	test_grep "^$big	home/big$" out &&
	ub rev-list --objects HEAD:home/tiny >out && test_must_be_empty out &&
	test_expect_code 2 ub rev-list HEAD:home
'

test_expect_success 'what the pipe reads is what it printed' '
	ub rev-list --objects HEAD | ub pack >packs && test -s packs
'

test_expect_success 'nested deeply, and listed with little memory' '
	tree=$sub && i=0 &&
	while test $i -lt 60
	do
		tree=$(printf "040755 tree %s -\td\n" $tree | ub mktree) && i=$((i + 1)) || return 1
	done &&
	ub rev-list --objects $tree >out && test_grep "/d/d/big$" out
'

test_expect_success 'an object that is gone is named with its path' '
	test_when_finished "rm -rf sparse" && cp -a "$UB_DIR" sparse &&
	pack=$(ub locate --pack $blob) && rm "sparse/${pack#"$UB_DIR"/}" &&
	{ ub --repo sparse index --rebuild || :; } &&
	test_expect_code 6 ub --repo sparse rev-list --objects HEAD >out 2>err &&
	test_grep "missing" err && test_grep "again/" err &&
	fake=$(echo $blob | tr 0-9a-f 1-9a-f0) &&
	test_expect_code 1 ub rev-list --objects $fake 2>err && test_grep $fake err
'

test_expect_success 'what cannot be answered yet is refused' '
	test_expect_code 2 ub rev-list HEAD --missing-in gcp 2>err && test_grep "no remotes" err &&
	test_expect_code 2 ub rev-list &&
	test_expect_code 1 ub rev-list nonsense
'

test_done
