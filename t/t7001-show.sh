#!/bin/sh

test_description='ub show: a snapshot and what it changed, a folder, a file'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device box &&
	printf "one\ntwo\n" | ub hash-object -w --stdin >id.old &&
	printf "one\n2\n" | ub hash-object -w --stdin >id.new &&
	d1=$(printf "100644 blob %s -\tf\n100644 blob - - data=x\tg\n" "$(cat id.old)" | ub mktree) &&
	d2=$(printf "100644 blob %s -\tf\n100644 blob - - data=x\th\n" "$(cat id.new)" | ub mktree) &&
	t1=$(printf "040755 tree $d1 -\td\n120777 blob - - target=d/f\tl\n" | ub mktree) &&
	t2=$(printf "040755 tree $d2 -\td\n120777 blob - - target=d/f\tl\n" | ub mktree) &&
	c1=$(UB_TEST_NOW=1700000000 ub commit-tree -m first $t1) &&
	c2=$(UB_TEST_NOW=1700000100 ub commit-tree -m second -p $c1 $t2) &&
	ub update-ref main $c2
'

test_expect_success 'a snapshot, and what it changed' '
	cat >expect <<-EOF &&
	commit $c2 (HEAD -> box/main)
	Device: box
	Host:   $(uname -n)
	Author: $(id -un)
	Date:   Tue Nov 14 22:15:00 2023 +0000
	Counts: 2 files, 1 folder, 1 other, 7 bytes

	    second

	M	d/f
	D	d/g
	A	d/h
	EOF
	ub show >actual && test_cmp expect actual &&
	ub show HEAD >actual && test_cmp expect actual &&
	ub show --name-status main >actual && test_cmp expect actual
'

test_expect_success 'in the first, everything was added' '
	ub show HEAD~1 >actual && sed "1,/^    first/d" actual >tail &&
	printf "\nA\td\nA\td/f\nA\td/g\nA\tl\n" >expect && test_cmp expect tail
'

test_expect_success 'changes come in all forms' '
	ub show -M >actual && test_grep "^R	d/g	d/h$" actual &&
	ub show --name-only >actual && test_grep "^d/h$" actual &&
	ub show --stat >actual && test_grep "^ d/f | 2 +-$" actual &&
	ub show -p >actual && test_grep "^+2$" actual && test_grep "^-two$" actual &&
	test_expect_code 2 ub show -p --stat
'

test_expect_success 'a folder is listed, a file printed' '
	printf "f\nh\n" >expect && ub show HEAD:d >actual && test_cmp expect actual &&
	printf "d\nl\n" >expect && ub show HEAD: >actual && test_cmp expect actual &&
	printf "one\n2\n" >expect && ub show HEAD:d/f >actual && test_cmp expect actual &&
	printf d/f >expect && ub show HEAD:l >actual && test_cmp expect actual &&
	printf "one\n2\nx" >expect && ub show HEAD:d/f HEAD~1:d/g >actual && test_cmp expect actual
'

test_expect_success 'JSON: the snapshot, then the changes' '
	ub show --json >actual && test_line_count 4 actual &&
	python3 - $c2 actual <<-\EOF &&
	import json, sys
	rows = [json.loads(line) for line in open(sys.argv[2])]
	assert rows[0]["oid"] == sys.argv[1] and rows[0]["lists"]["hardlinks"] == 0, rows[0]
	assert [r["status"] + r["path"] for r in rows[1:]] == ["Md/f", "Dd/g", "Ad/h"], rows
	EOF
	ub show --json HEAD:d/f >actual &&
	test_grep "^{\"type\":\"file\",\"path\":\"d/f\",\"size\":6," actual
'

# A commit whose side lists say what was skipped and could not be read, put together by hand.
test_expect_success 'side lists are counted, an incomplete snapshot is marked' '
	ub cat-object --raw $c2 >raw && version=$(od -An -tu1 -N 1 raw) &&
	perl -e "print chr($version), qq(\0\3\10\1a\1r\1b\1r)" >skipped &&
	perl -e "print chr($version), qq(\0\4\10\1c\15\4open)" >unreadable &&
	skipped=$(ub hash-object -w -t note skipped) &&
	unreadable=$(ub hash-object -w -t note unreadable) &&
	perl -0777 -ne "chop; substr(\$_, 1, 1) = chr(2);
		print \$_, qq(\2\3\2), pack(q(H*), q($skipped)), qq(\4\1), pack(q(H*), q($unreadable))
	" raw >changed &&
	id=$(ub hash-object -w -t commit changed) &&
	ub show $id >actual &&
	test_grep "^Lists:  2 skipped, 1 unreadable$" actual &&
	test_grep "^State:  incomplete" actual &&
	ub log --oneline $id >actual && test_grep "(incomplete) second" actual
'

test_expect_success 'a parent that is not there is named, and what is there shown' '
	cp -a "$UB_DIR" copy && (
		UB_DIR=$PWD/copy && export UB_DIR &&
		rm -f "$UB_DIR/$(ub locate $c1 | sed "s|.*\(packs/meta/[0-9a-f]*\).*|\1|")" &&
		ub index --rebuild &&
		test_expect_code 1 ub cat-object -e $c1 &&
		test_expect_code 3 ub show $c2 >actual 2>err && test_grep $c1 err &&
		test_grep "second" actual &&
		test_expect_code 3 ub log --oneline $c2 >actual 2>err && test_grep $c1 err &&
		test_line_count 1 actual
	)
'

test_expect_success 'names that do not exist are one clear sentence' '
	for name in nope HEAD:nope HEAD:d/nope HEAD:d/f/x
	do
		test_expect_code 1 ub show $name >out 2>err && test_must_be_empty out &&
		test_grep "$name" err && test_line_count 1 err || return 1
	done &&
	test_expect_code 1 ub show --json HEAD:nope 2>err && test_grep "^{\"type\":\"error\"" err
'

test_done
