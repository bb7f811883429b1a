#!/bin/sh

test_description='ub log: snapshots, newest first'
. "${0%/*}/test-lib.sh"

tree () {
	ub mktree
}

# commit SECONDS MESSAGE TREE [options]
commit () {
	when=$1 message=$2 of=$3 && shift 3 &&
	UB_TEST_NOW=$when ub commit-tree "$@" -m "$message" "$of"
}

test_expect_success 'setup' '
	test_init_repo --device box &&
	test_expect_code 1 ub log 2>err && test_grep "no snapshot yet" err &&
	x=$(printf "100644 blob - - data=x\tx\n" | tree) &&
	y=$(printf "100644 blob - - data=y\tx\n" | tree) &&
	t1=$(printf "040755 tree $x -\td\n" | tree) &&
	t2=$(printf "040755 tree $x -\td\n100644 blob - - data=1\tnew\n" | tree) &&
	t3=$(printf "040755 tree $y -\td\n100644 blob - - data=1\tnew\n" | tree) &&
	t4=$(printf "040755 tree $y -\td\n" | tree) &&
	c1=$(commit 1700000000 first $t1) &&
	c2=$(commit 1700000100 "$(printf "second\nand more")" $t2 -p $c1 --tag nightly) &&
	c3=$(commit 1700000200 third $t3 -p $c2) &&
	c4=$(commit 1700000300 fourth $t4 -p $c3) &&
	ub update-ref main $c4 && ub update-ref tags/v1 $c1
'

test_expect_success 'a snapshot says who, where, when, how much' '
	cat >expect <<-EOF &&
	commit $c2
	Device: box
	Host:   $(uname -n)
	Author: $(id -un)
	Date:   Tue Nov 14 22:15:00 2023 +0000
	Tags:   nightly
	Counts: 2 files, 1 folder, 2 bytes

	    second
	    and more

	commit $c1 (tag: v1)
	Device: box
	Host:   $(uname -n)
	Author: $(id -un)
	Date:   Tue Nov 14 22:13:20 2023 +0000
	Counts: 1 file, 1 folder, 1 byte

	    first
	EOF
	ub log $c2 >actual && test_cmp expect actual
'

test_expect_success 'times are local' '
	TZ=XYZ-5:30 ub log -n 1 >actual && test_grep "Nov 15 03:48:20 2023 +0530" actual
'

test_expect_success '--oneline shows id, names and the first line' '
	cat >expect <<-EOF &&
	$(echo $c4 | cut -c 1-7) (HEAD -> box/main) fourth
	$(echo $c3 | cut -c 1-7) third
	$(echo $c2 | cut -c 1-7) second
	$(echo $c1 | cut -c 1-7) (tag: v1) first
	EOF
	ub log --oneline >actual && test_cmp expect actual &&
	ub snapshots --oneline >actual && test_cmp expect actual &&
	head -n 2 expect >two && ub log -n 2 --oneline >actual && test_cmp two actual &&
	ub log -n0 >actual && test_must_be_empty actual
'

# subjects [options]: the messages that ub log lists, on one line
subjects () {
	ub log --oneline "$@" >lines && sed "s/.* //" lines | tr "\n" " " >words && cat words
}

test_expect_success 'a revision is where it starts' '
	test "$(subjects HEAD~2)" = "second first " &&
	test "$(subjects v1)" = "first " &&
	ub update-ref other $c2 && ub update-ref main $c1 &&
	test "$(subjects)" = "first " &&
	test "$(subjects --all)" = "second first " &&
	ub update-ref main $c4
'

test_expect_success 'dates limit it' '
	test "$(subjects --since @1700000100 --until @1700000200)" = "third second " &&
	test "$(subjects --since "2023-11-14 22:18:20")" = "fourth " &&
	test "$(subjects --until=@1700000000)" = "first " &&
	test "$(UB_TEST_NOW=1700000310 subjects --since 2.minutes.ago)" = "fourth third " &&
	test_expect_code 2 ub log --since never 2>err && test_grep "never" err
'

test_expect_success 'with paths, those in which something there changed' '
	test "$(subjects -- /d)" = "third first " &&
	test "$(subjects -- /d/x)" = "third first " &&
	test "$(subjects -- /new)" = "fourth second " &&
	test "$(subjects -- /new /d/x/)" = "fourth third second first " &&
	test "$(subjects HEAD~1 -- /new)" = "second " &&
	test "$(subjects -n 1 -- /d)" = "third " &&
	test "$(subjects -- /)" = "fourth third second first " &&
	ub log -- /nowhere >actual && test_must_be_empty actual &&
	ub log -- /d/x/y >actual && test_must_be_empty actual
'

test_expect_success 'a path may be relative to the current folder' '
	here=$PWD && mkdir sub && t=$(printf "100644 blob - - data=q\tf\n" | tree) &&
	rest=$here/sub &&
	while test "$rest" != ""
	do
		t=$(printf "040755 tree $t -\t%s\n" "${rest##*/}" | tree) && rest=${rest%/*} ||
			return 1
	done &&
	ub update-ref here $(commit 1700000400 here $t -p $c4) &&
	(cd sub && subjects here -- f >../actual) && test "$(cat actual)" = "here " &&
	test "$(subjects here -- ./sub/../sub)" = "here "
'

test_expect_success 'of two parents, both must differ' '
	side=$(commit 1700000250 side $t3 -p $c2) &&
	merge=$(commit 1700000400 merge $t4 -p $c4 -p $side) &&
	test "$(subjects $merge -- /new)" = "fourth second " &&
	test "$(subjects $merge)" = "merge fourth side third second first " &&
	ub log -n 1 $merge >actual && test_grep "^Merge:  $(echo $c4 | cut -c 1-7)" actual
'

test_expect_success 'JSON has what the command line promises' '
	ub log --json -n 3 >actual &&
	python3 - $c4 $c3 $t4 $c2 actual <<-\EOF
	import json, sys
	c4, c3, t4, c2, name = sys.argv[1:]
	rows = [json.loads(line) for line in open(name)]
	a = rows[0]
	assert [r["oid"] for r in rows] == [c4, c3, c2], rows
	assert a["type"] == "commit" and a["tree"] == t4 and a["parents"] == [c3], a
	assert a["ref"] == "box/main" and a["device"] == "box" and a["tags"] == [], a
	assert a["time"] == "2023-11-14T22:18:20Z" and a["message"] == "fourth\n", a
	assert a["files"] == 1 and a["bytes"] == 1 and a["incomplete"] is False, a
	assert rows[1]["ref"] is None and rows[2]["tags"] == ["nightly"], rows
	EOF
'

test_expect_success '--stat shows what changed' '
	ub log --stat -n 1 HEAD~2 >actual &&
	test_grep "^ new | 1 +$" actual && test_grep "^ 1 file changed, 1 insertion(+)$" actual &&
	ub log --stat HEAD~2 -- /d >actual &&
	test_grep "first" actual && test_grep ! "second" actual && test_grep "^ d/x | 1 +$" actual
'

test_expect_success 'what people wrote does nothing to a terminal' '
	c=$(commit 1 "$(printf "red\033[31m")" $t1) &&
	ub log $c >actual && test_grep "red.033\[31m" actual &&
	ub log --oneline $c >actual && test_grep "red.033\[31m" actual
'

test_expect_success 'names that do not exist are one clear sentence' '
	test_expect_code 1 ub log nope 2>err && test_grep "nope" err && test_line_count 1 err &&
	test_expect_code 1 ub log HEAD~9 2>err && test_grep "HEAD~9" err &&
	test_expect_code 1 ub log HEAD:d 2>err && test_grep "HEAD:d.*not a snapshot" err &&
	test_expect_code 2 ub log HEAD HEAD 2>err && test_grep "one revision" err &&
	test_expect_code 1 ub log --json nope 2>err &&
	test_grep "^{\"type\":\"error\",\"code\":\"not_found\",\"exit\":1,.*nope" err
'

test_expect_success 'a failed write is an error' '
	test_expect_code 1 ub log >/dev/full 2>err && test -s err
'

test_done
