#!/bin/sh

test_description='ub cat: the content of files in a snapshot'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device box &&
	test_random 5000000 1 >big && test_random 1000 2 >mid &&
	truncate -s 3M holes && printf end >>holes &&
	for f in big mid holes
	do
		ub hash-object -w $f >id.$f || return 1
	done &&
	cat >lines <<-EOF &&
	100644 blob $(cat id.big) -	big
	100644 blob $(cat id.mid) -	mid
	100644 blob $(cat id.holes) - holes=0+3145728	holes
	100644 blob - - data=hello	small
	100644 blob - 0	empty
	120777 blob - - target=dir/file	link
	010644 fifo - -	fifo
	020666 char - - dev=1,3	char
	100644 blob - - data=odd	"\377\nx"
	EOF
	ub mktree <lines >id.sub && printf "040755 tree $(cat id.sub) -\td\n" | ub mktree >id.top &&
	ub update-ref main $(ub commit-tree -m one $(cat id.top))
'

test_expect_success 'content comes back, however it is stored' '
	for f in big mid holes
	do
		ub cat HEAD:d/$f >actual && test_cmp_bin $f actual || return 1
	done &&
	printf hello >expect && ub cat HEAD:d/small >actual && test_cmp expect actual &&
	ub dump latest:/d/small >actual && test_cmp expect actual &&
	ub cat HEAD:d/empty >actual && test_must_be_empty actual &&
	ub cat $(cat id.mid) >actual && test_cmp_bin mid actual &&
	ub cat "HEAD:d/$(printf "\377\nx")" >actual && printf odd >expect && test_cmp expect actual
'

test_expect_success 'dump is another name of it' '
	ub dump HEAD:d/small >actual && printf hello >expect && test_cmp expect actual &&
	PATH="$UB_BUILD/test" ub help cat >expect && PATH="$UB_BUILD/test" ub help dump >actual &&
	test_cmp expect actual
'

test_expect_success 'several follow each other' '
	{ cat mid && printf hello; } >expect &&
	ub cat HEAD:d/mid HEAD:d/small >actual && test_cmp_bin expect actual
'

test_expect_success 'of a link the target' '
	printf dir/file >expect && ub cat HEAD:d/link >actual && test_cmp expect actual
'

test_expect_success 'a folder and a special file are refused' '
	for name in HEAD HEAD: HEAD:d HEAD:d/fifo HEAD:d/char
	do
		test_expect_code 1 ub cat $name >out 2>err && test_must_be_empty out &&
		test_grep "$name" err && test_line_count 1 err || return 1
	done
'

test_expect_success 'names that do not exist are one clear sentence' '
	for name in nope HEAD:nope HEAD:d/nope HEAD:d/small/x HEAD:d/small/ HEAD~4:d/small
	do
		test_expect_code 1 ub cat $name >out 2>err && test_must_be_empty out &&
		test_grep "$name" err && test_line_count 1 err || return 1
	done &&
	test_expect_code 2 ub cat
'

test_expect_success 'a failed write is an error' '
	test_expect_code 1 ub cat HEAD:d/big >/dev/full 2>err && test -s err
'

test_expect_success 'damage is found and its object named' '
	for f in "$UB_DIR"/packs/data/*
	do
		size=$(test_file_size "$f") &&
		for at in 10 30 50 70 90
		do
			flip_bit "$f" $((size * at / 100)) || return 1
		done
	done &&
	test_expect_code 6 ub cat HEAD:d/big >out 2>err && test_grep "HEAD:d/big" err
'

test_done
