#!/bin/sh

test_description='ub verify --against: is the disk as the snapshot has it, to the last byte'
. "${0%/*}/test-lib.sh"

here=${TRASH_DIRECTORY#/}

test_expect_success 'setup' '
	test_init_repo --device box && mkdir -p src/d &&
	seq 1 3000 >src/text && test_random 5000000 >src/d/big && echo small >src/d/small &&
	test_random 300000 2 >src/d/photo && ln -s text src/link && : >src/empty &&
	truncate -s 1M src/hole && ub add src && sleep 0.1 && ub commit -m one
'

test_expect_success 'every byte is read, although all is known' '
	sum=$(find src -type f -printf "%s\n" | { n=0 && while read x; do n=$((n + x)); done && echo $n; }) &&
	ub diff && ub verify --against --json >actual && test_line_count 1 actual &&
	test_grep "\"ok\":true,.*\"bytes_compared\":$sum,\"different\":0,\"errors\":0," actual &&
	ub verify --against >actual 2>err && test_must_be_empty actual &&
	test_grep "$sum bytes read from the disk: 0 different" err
'

test_expect_success 'what differs is printed as diff prints it, and the answer is no' '
	test_when_finished "ub restore --in-place --overwrite always && ub commit -m again" &&
	cp -p src/d/big old && printf X | dd of=src/d/big bs=1 seek=4000000 conv=notrunc &&
	touch -r old src/d/big && echo new >src/new && chmod 600 src/text && rm src/link &&
	cat >expect <<-EOF &&
	M	$here/src/d/big
	D	$here/src/link
	A	$here/src/new
	m	$here/src/text
	EOF
	test_expect_code 1 ub verify --against >actual && test_cmp expect actual &&
	test_expect_code 1 ub verify --against --json HEAD >actual &&
	test_grep "^{\"type\":\"change\",\"status\":\"M\",\"path\":\"$here/src/d/big\",\"old_size\":5000000,\"new_size\":5000000}$" actual &&
	tail -n 1 actual >last && test_grep "\"ok\":false,.*\"different\":4,\"errors\":0," last &&
	test_expect_code 1 ub verify --against -- src/d >actual && sed 1q expect >some &&
	test_cmp some actual && ub verify --against -- src/d/photo src/empty &&
	rm src/new
'

test_expect_success 'an older snapshot is compared with the disk of now' '
	echo more >>src/text && ub commit -m two &&
	test_expect_code 1 ub verify --against HEAD~1 -- src/text >actual &&
	printf "M\t%s\n" "$here/src/text" >expect && test_cmp expect actual &&
	ub verify --against HEAD
'

test_expect_success 'a source that is not there is named, and is not silence' '
	mv src away && test_when_finished "mv away src" &&
	test_expect_code 3 ub verify --against >actual 2>err && test_must_be_empty actual &&
	test_grep "source ./$here/src. is not there: it was not compared" err &&
	test_expect_code 3 ub diff 2>err && test_grep "is not there" err &&
	ub verify --against -- /nowhere
'

test_expect_success 'a file that cannot be read is named: 3' '
	found= &&
	for n in $(seq 1 60)
	do
		UB_TEST_FAULT=eio:read@$n ub verify --against >out 2>err
		case $? in
		0 | 5 | 6) ;;
		1) test_grep "error" err || test -s err || return 1 ;;
		3) test_grep "cannot read" err && found=t ;;
		*) cat out err; return 1 ;;
		esac
	done && test -n "$found"
'

test_expect_success 'damage outweighs what differs' '
	cp -R repo saved && test_when_finished "rm -rf repo && mv saved repo" &&
	echo other >src/d/small && test_when_finished "echo small >src/d/small" &&
	pack=$(ls -S repo/packs/data/* | sed 1q) && flip_bit "$pack" 200000 &&
	test_expect_code 6 ub verify --against >actual 2>err && test_grep "^damaged" actual &&
	test_grep "^M	$here/src/d/small$" actual
'

test_expect_success 'wrong usage' '
	test_expect_code 2 ub verify -- src 2>err && test_grep "with --against" err &&
	test_expect_code 2 ub verify --against HEAD HEAD~1 2>err &&
	test_expect_code 2 ub verify --against HEAD:$here/src 2>err && test_grep "whole snapshot" err
'

test_done
