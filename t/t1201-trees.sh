#!/bin/sh

test_description='ub cat-tree and mktree: what one prints the other reads'
. "${0%/*}/test-lib.sh"

nothing=0101010101010101010101010101010101010101010101010101010101010101

test_expect_success 'setup' '
	test_init_repo &&
	mkdir dir && echo hello >dir/small && test_random 3000000 1 >dir/big &&
	test_random 1000 2 >dir/mid && : >dir/empty &&
	for f in small big mid empty
	do
		ub hash-object -w dir/$f >id.$f || return 1
	done
'

test_expect_success 'a tree is made by hand from names and ids alone' '
	{ printf "100644 blob %s\tsmall\n" "$(cat id.small)" &&
		printf "100600 blob %s\tbig\n" "$(cat id.big)" &&
		printf "100644 blob %s -\tmid\n" "$(cat id.mid)" &&
		printf "100755 blob %s 0\tempty\n" "$(cat id.empty)"; } >lines &&
	ub mktree <lines >id.tree &&
	test_line_count 1 id.tree &&
	{ printf "100600 list %s 3000000\tbig\n" "$(cat id.big)" &&
		printf "100755 blob %s 0\tempty\n" "$(cat id.empty)" &&
		printf "100644 blob %s 1000\tmid\n" "$(cat id.mid)" &&
		printf "100644 blob %s 6\tsmall\n" "$(cat id.small)"; } >expect &&
	ub cat-tree "$(cat id.tree)" >actual &&
	test_cmp expect actual
'

test_expect_success 'order of lines does not matter' '
	sort -r lines | ub mktree >actual && test_cmp id.tree actual &&
	ub cat-tree "$(cat id.tree)" | ub mktree >actual && test_cmp id.tree actual
'

test_expect_success 'the last line needs no newline' '
	perl -pe "chomp if eof" <lines >chopped &&
	ub mktree <chopped >actual && test_cmp id.tree actual
'

test_expect_success 'no lines make the empty directory' '
	ub mktree </dev/null >id.none &&
	ub cat-tree "$(cat id.none)" >actual && test_must_be_empty actual &&
	ub cat-tree -l "$(cat id.none)" | ub mktree >actual && test_cmp id.none actual
'

test_expect_success 'every type and attribute goes through -l and back' '
	cat >lines <<-EOF &&
	060660 block - - dev=259,3	block
	020666 char - - mtime=-1.999999999 dev=1,3	char
	041777 tree $(cat id.tree) - uid=0 gid=0	dir
	010644 fifo - -	fifo
	100644 blob - 13 xattr.user.b=%FF%00 xattr.user.a= flags=0x10 data=hello,%20world%0A	inline
	104755 list $(cat id.big) 3000000 holes=0+4096,8192+4096 project=7 attr.60=01ff	large
	120777 blob - - owner=me group=a%20b target=dir/large	link
	140755 socket - -	socket
	EOF
	ub mktree <lines >id.all &&
	ub cat-tree -l "$(cat id.all)" >long &&
	test_grep "xattr.user.a= xattr.user.b=%FF%00 flags=0x10 data=hello,%20world%0A	inline$" long &&
	test_grep " 9 owner=me group=a%20b target=dir/large	link$" long &&
	ub mktree <long >actual && test_cmp id.all actual &&
	ub cat-tree -lz "$(cat id.all)" >long &&
	ub mktree -z <long >actual && test_cmp id.all actual
'

test_expect_success 'without -l, what stands inline comes from the store' '
	printf "hello, world\n" | ub hash-object -w --stdin >id.hello &&
	printf dir/large | ub hash-object -w --stdin >id.target &&
	ub cat-tree "$(cat id.all)" >short &&
	test_grep "100644 blob $(cat id.hello) 13	inline" short &&
	test_grep "120777 blob $(cat id.target) 9	link" short &&
	grep -v "block\|char" short | ub mktree >id.short &&
	ub cat-tree -l "$(cat id.short)" >long &&
	test_grep " data=hello,%20world%0A	inline" long &&
	test_grep " target=dir/large	link" long
'

test_expect_success 'odd names are quoted as git quotes them, and raw with -z' '
	printf "100644 blob - - data=x\t%s\n" "\"a\\tb\"" "\"q\\\"\"" "\"\\303\\244\"" " s " >lines &&
	ub mktree <lines >id.odd &&
	ub cat-tree "$(cat id.odd)" | cut -f 2- >actual &&
	printf "%s\n" " s " "\"a\\tb\"" "\"q\\\"\"" "\"\\303\\244\"" >expect &&
	test_cmp expect actual &&
	ub cat-tree -z "$(cat id.odd)" | perl -0ne "s/^[^\t]*\t//; s/\0//; print \"<\$_>\"" >actual &&
	printf "< s ><a\tb><q\"><\303\244>" >expect &&
	test_cmp_bin expect actual &&
	ub cat-tree -lz "$(cat id.odd)" | ub mktree -z >actual && test_cmp id.odd actual
'

test_expect_success '-r shows paths, -t the directories too' '
	printf "040755 tree %s -\tsub\n100644 blob - - data=x\tsub-1\n" "$(cat id.tree)" |
		ub mktree >id.top &&
	ub cat-tree -r "$(cat id.top)" | cut -f 2 >actual &&
	printf "%s\n" sub/big sub/empty sub/mid sub/small sub-1 >expect && test_cmp expect actual &&
	ub cat-tree -r -t "$(cat id.top)" | cut -f 2 >actual &&
	printf "%s\n" sub sub/big sub/empty sub/mid sub/small sub-1 >expect && test_cmp expect actual &&
	ub cat-tree "$(cat id.top)" | cut -f 2 >actual &&
	printf "%s\n" sub sub-1 >expect && test_cmp expect actual
'

test_expect_success 'a revision with a path names a tree' '
	ub commit-tree -m x "$(cat id.top)" >id.commit &&
	ub cat-tree "$(cat id.tree)" >expect &&
	ub cat-tree "$(cat id.commit):sub" >actual && test_cmp expect actual &&
	ub cat-tree "$(cat id.top)" >expect &&
	ub cat-tree "$(cat id.commit)" >actual && test_cmp expect actual &&
	test_must_fail ub cat-tree "$(cat id.commit):sub/big" 2>err && test_grep "sub/big" err &&
	test_expect_code 1 ub cat-tree "$(cat id.commit):no" 2>err && test_grep "no" err
'

test_expect_success '--json has the same, one object a line' '
	ub cat-tree --json -r "$(cat id.top)" >actual &&
	test_line_count 5 actual &&
	test_grep "{\"type\":\"entry\",\"path\":\"sub/mid\",\"mode\":33188,\"object_type\":\"blob\",\"oid\":\"$(
		cat id.mid)\",\"size\":1000}" actual &&
	ub cat-tree --json -l "$(cat id.all)" >actual &&
	test_grep "\"mtime\":\"1969-12-31T23:59:59.999999999Z\"" actual &&
	test_grep "\"target\":\"dir/large\"" actual &&
	python3 -c "import json, sys; [json.loads(l) for l in sys.stdin]" <actual
'

test_expect_success 'objects that are missing are named, and nothing is made' '
	for line in "100644 blob $nothing 1000" "100644 blob $nothing" "100644 blob $nothing 5" \
		"040755 tree $nothing -" "120777 blob $nothing -" "100644 list $nothing 5000000"
	do
		printf "%s\tthe name\n" "$line" >lines &&
		test_expect_code 1 ub mktree <lines >out 2>err &&
		test_must_be_empty out && test_grep $nothing err && test_grep "the name" err || return 1
	done
'

test_expect_success 'a wrong last digit of an id is a missing object' '
	for f in big mid small
	do
		id=$(cat id.$f) &&
		case $id in *0) id=${id%?}1 ;; *) id=${id%?}0 ;; esac &&
		printf "100644 blob %s\tx\n" "$id" >lines &&
		test_expect_code 1 ub mktree <lines 2>err && test_grep "$id" err || return 1
	done
'

test_expect_success 'lines that contradict the store or themselves are refused' '
	{ echo "100644 blob $(cat id.mid) 999	x" &&
		echo "100644 list $(cat id.mid) 1000	x" &&
		echo "040755 tree $(cat id.mid) -	x" &&
		echo "100644 blob $(cat id.tree) -	x" &&
		echo "100644 blob $(cat id.mid) 5 data=hello	x" &&
		echo "100644 blob - 4 data=hello	x" &&
		echo "100644 blob $(cat id.mid) 1000	a/b" &&
		echo "100644 blob $(cat id.mid) 1000	.." &&
		echo "100644 blob $(cat id.mid) 1000 colour=red	x" &&
		echo "100644 blob $(cat id.mid) 1000" &&
		echo "rubbish"; } >bad &&
	while read -r line
	do
		printf "%s\n" "$line" >one &&
		test_expect_code 2 ub mktree <one >out 2>err && test_must_be_empty out &&
		test_grep "line 1" err || return 1
	done <bad
'

test_expect_success 'a name that stands twice is refused' '
	printf "100644 blob - - data=%s\tx\n" 1 2 >lines &&
	test_expect_code 2 ub mktree <lines 2>err && test_grep "twice" err
'

test_expect_success 'an attribute that is critical and not known is an unknown format' '
	printf "100644 blob - - data=x attr.128=00\tx\n" >lines &&
	test_expect_code 14 ub mktree <lines
'

test_expect_success 'what is no tree is said to be none' '
	test_must_fail ub cat-tree "$(cat id.mid)" 2>err && test_grep "$(cat id.mid)" err &&
	test_expect_code 1 ub cat-tree $nothing 2>err && test_grep $nothing err &&
	test_expect_code 2 ub cat-tree && test_expect_code 2 ub cat-tree a b &&
	test_expect_code 2 ub mktree x
'

test_expect_success 'a failed write is an error' '
	test_expect_code 1 ub cat-tree "$(cat id.tree)" >/dev/full 2>err && test -s err
'

# 60,000 long lines are more than is held in memory: they spill, and no name reaches the disk.
test_expect_success 'a large directory may come in any order, in bounded memory' '
	perl -e "printf qq(100644 blob - - data=x mtime=%d.%09d owner=%s\tplanted-marker-%06d\n),
		\$_, \$_, q(o) x 900, \$_ for 0 .. 59999" >sorted &&
	ub mktree <sorted >id.sorted &&
	perl -e "@l = <STDIN>; print \$l[\$_ * 7919 % 60000] for 0 .. 59999" <sorted >mixed &&
	python3 -c "
import resource, subprocess, sys
r = subprocess.call([\"ub\", \"mktree\"], stdin=open(\"mixed\"), stdout=open(\"actual\", \"w\"))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(\"peak\", peak, \"KiB\", file=sys.stderr)
sys.exit(r or (peak > 102400 and not \"$UB_TEST_SAN\"))" &&
	test_cmp id.sorted actual &&
	ub cat-tree -l "$(cat id.sorted)" >out && cut -f 2 <out >actual &&
	cut -f 2 <sorted >expect && test_cmp expect actual &&
	test_must_fail grep -rq planted-marker "$UB_DIR" &&
	ls "$UB_DIR/tmp" >out && test_must_be_empty out
'

test_expect_success 'a change in a large directory stores a few pieces anew' '
	sed "s/data=x mtime=30000/data=y mtime=30000/" <sorted >changed &&
	before=$(du -sk "$UB_DIR" | cut -f 1) &&
	ub mktree <changed >id.changed &&
	test_must_fail cmp -s id.sorted id.changed &&
	after=$(du -sk "$UB_DIR" | cut -f 1) &&
	test $((after - before)) -lt 200
'

test_expect_success '--dry-run gives the id and stores nothing, --json says it in JSON' '
	(cd "$UB_DIR" && find . -type f | sort) >before &&
	printf "100644 blob - 3 data=new\tnever-seen\n" >line &&
	ub mktree --dry-run <line >expect &&
	(cd "$UB_DIR" && find . -type f | sort) >after && test_cmp before after &&
	test_expect_code 1 ub cat-object -e "$(cat expect)" &&
	ub mktree -n <sorted >actual && test_cmp id.sorted actual &&
	ub mktree --json <line >json &&
	echo "{\"type\":\"tree\",\"oid\":\"$(cat expect)\"}" >line.json && test_cmp line.json json &&
	ub cat-object -e "$(cat expect)"
'

test_expect_success 'all of it is sound' '
	ub fsck --full
'

test_done
