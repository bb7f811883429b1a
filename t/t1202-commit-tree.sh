#!/bin/sh

test_description='ub commit-tree: a snapshot of a tree'
. "${0%/*}/test-lib.sh"

nothing=0101010101010101010101010101010101010101010101010101010101010101

test_expect_success 'setup' '
	test_init_repo --device box &&
	test_random 1000 1 | ub hash-object -w --stdin >id.blob &&
	printf "100644 blob %s\ta\n100644 blob - - data=xyz\tb\n" "$(cat id.blob)" |
		ub mktree >id.sub &&
	printf "040755 tree %s -\td\n120777 blob - - target=d/a\tl\n010644 fifo - -\tp\n" \
		"$(cat id.sub)" | ub mktree >id.tree
'

test_expect_success 'a commit says who, where, when, and counts' '
	UB_TEST_NOW=1700000000.000000005 ub commit-tree -m "first" "$(cat id.tree)" >id.one &&
	ub cat-object -p "$(cat id.one)" >actual &&
	test_grep "^tree $(cat id.tree)$" actual &&
	test_grep "^device box$" actual &&
	test_grep "^host $(uname -n)" actual &&
	test_grep "^user $(id -un)$" actual &&
	test_grep "^time 1700000000.000000005 +0000$" actual &&
	test_grep "^counts files=2 dirs=1 others=2 bytes=1003$" actual &&
	tail -n 1 actual >last && echo first >expect && test_cmp expect last &&
	test "$(ub cat-object -t "$(cat id.one)")" = commit
'

test_expect_success 'the zone of the machine is kept' '
	TZ=XYZ-5:30 UB_TEST_NOW=1700000000 ub commit-tree -m x "$(cat id.tree)" >id &&
	ub cat-object -p "$(cat id)" >actual &&
	test_grep "^time 1700000000.000000000 +0530$" actual
'

test_expect_success 'the same at the same moment is the same commit' '
	UB_TEST_NOW=1700000000.000000005 ub commit-tree -m "first" "$(cat id.tree)" >actual &&
	test_cmp id.one actual
'

test_expect_success 'parents are kept in order and must be commits' '
	ub commit-tree -p "$(cat id.one)" -m second "$(cat id.sub)" >id.two &&
	ub commit-tree -p "$(cat id.two)" --parent="$(cat id.one)" -m third "$(cat id.tree)" >id &&
	ub cat-object -p "$(cat id)" >actual &&
	printf "parent %s\n" "$(cat id.two)" "$(cat id.one)" >expect &&
	grep "^parent" actual >lines && test_cmp expect lines &&
	test_expect_code 2 ub commit-tree -p "$(cat id.tree)" -m x "$(cat id.tree)" 2>err &&
	test_grep "not a commit" err &&
	test_expect_code 2 ub commit-tree -p "$(cat id.one)" -p "$(cat id.one)" -m x "$(cat id.tree)"
'

test_expect_success 'every -m is a paragraph' '
	ub commit-tree -m one -m "two
lines" -m "" "$(cat id.tree)" >id &&
	ub cat-object -p "$(cat id)" | sed "1,/^$/d" >actual &&
	printf "one\n\ntwo\nlines\n\n" >expect &&
	test_cmp expect actual
'

test_expect_success 'a message comes from a file or standard input' '
	printf "from a file" >msg &&
	ub commit-tree -F msg "$(cat id.tree)" >id &&
	ub cat-object --raw "$(cat id)" >raw && test_grep -a "from a file" raw &&
	echo "from stdin" | ub commit-tree -F - "$(cat id.tree)" >id &&
	ub cat-object --raw "$(cat id)" >raw && test_grep -a "from stdin" raw &&
	echo "from stdin too" | ub commit-tree "$(cat id.tree)" >id &&
	ub cat-object --raw "$(cat id)" >raw && test_grep -a "from stdin too" raw &&
	test_expect_code 2 ub commit-tree -F msg -m x "$(cat id.tree)" &&
	test_expect_code 1 ub commit-tree -F none "$(cat id.tree)" 2>err && test_grep none err &&
	printf "a\0b" >msg && test_expect_code 2 ub commit-tree -F msg "$(cat id.tree)" &&
	test_random 1048577 1 | tr "\0" x >msg &&
	test_expect_code 2 ub commit-tree -F msg "$(cat id.tree)"
'

test_expect_success 'tags are sorted and stand once' '
	ub commit-tree --tag b --tag a --tag b -m x "$(cat id.tree)" >id &&
	ub cat-object -p "$(cat id)" >actual &&
	grep "^tag" actual >lines && printf "tag %s\n" a b >expect && test_cmp expect lines &&
	test_expect_code 2 ub commit-tree --tag "" -m x "$(cat id.tree)" 2>err &&
	test_expect_code 2 ub commit-tree --tag "a b~" -m x "$(cat id.tree)" 2>err && test_grep "a b~" err
'

test_expect_success 'a tree is an oid, an abbreviation or a revision' '
	ub commit-tree -m x "$(cut -c 1-12 id.tree)" >id &&
	ub cat-object -p "$(cat id)" >actual && test_grep "^tree $(cat id.tree)" actual &&
	ub commit-tree -m x "$(cat id.one):d" >id &&
	ub cat-object -p "$(cat id)" >actual && test_grep "^tree $(cat id.sub)" actual
'

test_expect_success 'what is missing is named' '
	test_expect_code 1 ub commit-tree -m x $nothing 2>err && test_grep $nothing err &&
	test_expect_code 1 ub commit-tree -p $nothing -m x "$(cat id.tree)" 2>err &&
	test_grep $nothing err &&
	id=$(cat id.tree) && case $id in *0) id=${id%?}1 ;; *) id=${id%?}0 ;; esac &&
	test_expect_code 1 ub commit-tree -m x "$id" 2>err && test_grep "$id" err &&
	test_must_fail ub commit-tree -m x "$(cat id.blob)" 2>err && test_grep "$(cat id.blob)" err &&
	test_expect_code 2 ub commit-tree -m x && test_expect_code 2 ub commit-tree -m x a b
'

test_expect_success '--json gives what is in it' '
	UB_TEST_NOW=1700000000.500000000 ub commit-tree --json --tag t -p "$(cat id.one)" -m hi \
		"$(cat id.tree)" >actual &&
	test_grep "^{\"type\":\"commit\",\"oid\":\"[0-9a-f]*\",\"tree\":\"$(cat id.tree)\",\"parents\":\[\"$(
		cat id.one)\"\],\"device\":\"box\"" actual &&
	test_grep "\"time\":\"2023-11-14T22:13:20.5" actual &&
	test_grep "\"message\":\"hi.n\",\"tags\":\[\"t\"\],\"files\":2,\"dirs\":1,\"others\":2,\"bytes\":1003}$" \
		actual
'

test_expect_success 'a snapshot is built by hand from a folder' '
	mkdir -p docs/sub && test_random 5000 7 >docs/one && echo two >docs/sub/two &&
	(cd docs && find . -type f -print0 | sort -z >../names) &&
	(cd docs && ub hash-object -w --stdin-paths -z <../names >../ids) &&
	tr "\0" "\n" <names | paste ids - >both &&
	sed -n "s|^\([0-9a-f]*\)	./sub/|100644 blob \1	|p" both | ub mktree >id.sub &&
	{ grep -v /sub/ both | sed "s|^\([0-9a-f]*\)	./|100644 blob \1	|" &&
		printf "040755 tree %s\tsub\n" "$(cat id.sub)"; } | ub mktree >id.docs &&
	ub commit-tree -m "by hand" "$(cat id.docs)" >id &&
	ub cat-object -p "$(cat id):sub/two" >actual && test_cmp docs/sub/two actual &&
	ub cat-object -p "$(cat id):one" >actual && test_cmp_bin docs/one actual &&
	ub update-ref main "$(cat id)" && ub cat-tree -r HEAD | cut -f 2 >actual &&
	printf "%s\n" one sub/two >expect && test_cmp expect actual
'

test_expect_success '--dry-run stores nothing' '
	(cd "$UB_DIR" && find . -type f | sort) >before &&
	id=$(ub commit-tree -n -m "not now" HEAD) &&
	(cd "$UB_DIR" && find . -type f | sort) >after && test_cmp before after &&
	test_expect_code 1 ub cat-object -e $id &&
	test_expect_code 1 ub commit-tree -n -m x 1234567
'

test_done
