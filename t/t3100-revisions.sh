#!/bin/sh

test_description='revisions: every way to name a snapshot or a file in it'
. "${0%/*}/test-lib.sh"

at () {
	UB_TEST_NOW=$(date -d "$1" +%s)
	export UB_TEST_NOW
}

test_expect_success 'setup' '
	at "2023-01-01 12:00" &&
	test_init_repo --device laptop &&
	test_random 3000000 1 >big && test_random 5000 2 >blob && echo tiny >tiny && : >empty &&
	big=$(ub hash-object -w big) && blob=$(ub hash-object -w blob) &&
	tiny=$(ub hash-object -w tiny) && empty=$(ub hash-object -w empty) &&
	target=$(printf tiny | ub hash-object -w --stdin) &&
	printf "%s\t%s\n" "100644 list $big 3000000" big "100600 blob $blob 5000" "odd name" \
		"100644 blob $tiny 5" tiny "100644 blob $empty 0" empty \
		"120777 blob $target 4" link "010644 fifo - -" fifo >list &&
	sub=$(ub mktree <list) &&
	top=$(printf "040755 tree %s -\thome\n" $sub | ub mktree) &&
	nothing=$(ub mktree </dev/null) &&
	one=$(ub commit-tree $nothing -m one) && ub update-ref main $one &&
	at "2023-01-02 12:00" &&
	two=$(ub commit-tree $top -p $one -m two) && ub update-ref main $two &&
	side=$(ub commit-tree $nothing -p $one -m side) && ub update-ref side $side &&
	at "2023-01-03 12:00" &&
	three=$(ub commit-tree $top -p $two -p $side -m three) && ub update-ref main $three &&
	ub update-ref tags/v1 $two
'

is () {
	ub rev-parse "$1" >got && echo "$2" >want && test_cmp want got
}

test_expect_success 'HEAD, refs, devices and tags' '
	is HEAD $three && is @ $three && is latest $three && is main $three &&
	is laptop/main $three && is v1 $two && is tags/v1 $two && is laptop/tags/v1 $two
'

test_expect_success 'ancestors and parents' '
	is HEAD~1 $two && is HEAD~ $two && is HEAD~2 $one && is HEAD~0 $three &&
	is HEAD^ $two && is HEAD^1 $two && is HEAD^2 $side && is HEAD^2~1 $one &&
	is HEAD^^ $one && is main~1^ $one && is "HEAD^{tree}" $top && is "HEAD^{commit}" $three &&
	test_expect_code 1 ub rev-parse HEAD~3 2>err && test_grep "HEAD~3.*no parent" err &&
	test_expect_code 1 ub rev-parse HEAD^3 2>err && test_grep "no such parent" err
'

test_expect_success 'ids, whole and abbreviated' '
	is $one $one && is $(echo $one | cut -c1-12) $one && is $(echo $top | cut -c1-20) $top &&
	is $(echo $one | cut -c1-62) $one && is $(echo $one | tr a-f A-F) $one &&
	is $(echo $one | cut -c1-12)~0 $one &&
	test_expect_code 1 ub rev-parse $(echo $one | cut -c1-62)x &&
	test_expect_code 1 ub rev-parse $(echo $one | cut -c1-6) 2>err &&
	test_grep "7 digits" err
'

test_expect_success 'the value a ref had' '
	is "main@{0}" $three && is "main@{1}" $two && is "main@{2}" $one &&
	test_expect_code 1 ub rev-parse "main@{3}" &&
	is "main@{2023-01-02}" $one && is "main@{2023-01-03}" $two &&
	is "main@{2023-01-02 12:00}" $two && is "main@{2023-01-02 11:59:59}" $one &&
	is "main@{2023-01-02T12:00:00Z}" $two && is "main@{2023-01-02T12:00:00+01:00}" $one &&
	is "HEAD@{2023-01-02T13:00:00+01:00}~1" $one && is "@{2023-01-03}" $two &&
	is "laptop/main@{2023-01-03}" $two &&
	test_expect_code 1 ub rev-parse "main@{2023-01-01}" 2>err &&
	test_grep "goes back to 2023-01-01 12:00:00" err
'

test_expect_success 'dates are local for people' '
	TZ=UTC-5 ub rev-parse "main@{2023-01-02 17:00}" >out && echo $two >want &&
	test_cmp want out &&
	TZ=UTC-5 ub rev-parse "main@{2023-01-02 16:59}" >out && echo $one >want &&
	test_cmp want out
'

test_expect_success 'and may be counted back' '
	at "2023-01-04 12:00" &&
	is "main@{now}" $three && is "main@{yesterday}" $three && is "main@{1.day.ago}" $three &&
	is "main@{25.hours.ago}" $two && is "main@{2 days ago}" $two &&
	is "main@{3.days.ago}" $one && is "main@{@1672660800}" $two &&
	is "main@{an.hour.ago}" $three &&
	for text in soon 3.days.2.ago 3.days tomorrow -1 3.fortnights.ago
	do
		test_expect_code 2 ub rev-parse "main@{$text}" 2>err || return 1
		test_grep "is not a date" err || return 1
	done &&
	test_expect_code 2 ub rev-parse "main@{2023-02-30}" &&
	test_expect_code 1 ub rev-parse "main@{1.year.ago}" &&
	test_expect_code 1 ub rev-parse "main@{last.month}" &&
	test_expect_code 2 ub rev-parse "$one@{1}" 2>err && test_grep "name of a ref" err
'

test_expect_success 'a name that was away then is not found' '
	at "2023-02-01" && ub update-ref gone $one &&
	at "2023-02-03" && ub update-ref --delete gone && ub update-ref gone $two &&
	is "gone@{2023-02-02}" $one && is "gone@{now}" $two
'

test_expect_success 'paths from the root' '
	is HEAD: $top && is HEAD:/ $top && is HEAD:home $sub && is HEAD:/home/ $sub &&
	is HEAD:home/big $big && is "HEAD:home/odd name" $blob && is HEAD:home//./tiny $tiny &&
	is HEAD:home/empty $empty && is HEAD:home/link $target && is HEAD:home/../home/big $big &&
	is v1:home $sub && is $top:home/tiny $tiny && is latest:home $sub &&
	test_expect_code 1 ub rev-parse HEAD:home/none 2>err && test_grep "home/none" err &&
	test_expect_code 1 ub rev-parse HEAD:home/big/x 2>err && test_grep "not a folder" err &&
	test_expect_code 1 ub rev-parse HEAD:home/big/ &&
	test_expect_code 1 ub rev-parse HEAD:home/fifo 2>err && test_grep "no content" err
'

test_expect_success 'and from the current folder' '
	here=$(pwd -P) && rest=${here#/} && tree=$sub &&
	while test -n "$rest"
	do
		name=${rest##*/} &&
		tree=$(printf "040755 tree %s -\t%s\n" $tree "$name" | ub mktree) &&
		case $rest in */*) rest=${rest%/*} ;; *) rest= ;; esac || return 1
	done &&
	deep=$(ub commit-tree $tree -m deep) &&
	is $deep:./tiny $tiny && is $deep:. $sub &&
	mkdir -p x/y && ( cd x/y && is "$deep:../../tiny" $tiny ) &&
	is "$deep:$(pwd -P)/tiny" $tiny
'

test_expect_success 'contents are shown through revisions' '
	ub cat-object -p HEAD:home/tiny >out && test_cmp tiny out &&
	ub cat-object -p HEAD:home/big >out && test_cmp_bin big out &&
	ub cat-object -p HEAD:home/link >out && printf tiny >want && test_cmp want out &&
	test "$(ub cat-object -t HEAD:home)" = tree
'

test_expect_success 'a ref and a tag of one name are told apart' '
	ub update-ref twice $one && ub update-ref tags/twice $two &&
	test_expect_code 1 ub rev-parse twice 2>err && test_grep "a ref .*and a tag" err &&
	is tags/twice $two
'

test_expect_success 'nonsense is refused with its name' '
	for text in "" nonsense "HEAD~x" "HEAD^{blob}" "HEAD^{tree" "HEAD@{" "HEAD@{}" ".." "a b" \
		"~1x" "HEAD~99999999999"
	do
		ub rev-parse "$text" >out 2>err
		case $? in 1|2) ;; *) echo "$text" && return 1 ;; esac
		test_grep -F "revision" err && test_must_be_empty out || return 1
	done
'

test_done
