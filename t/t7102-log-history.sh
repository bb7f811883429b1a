#!/bin/sh

test_description='ub log of a path, and where it was before'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup: a file that moves, is copied, goes and comes again' '
	test_init_repo --device box && mkdir -p src/docs src/old && seq 1 2000 >src/old/thesis.txt &&
	echo other >src/other && ub commit -q -m first src &&
	echo more >>src/old/thesis.txt && ub commit -q -m second &&
	echo more >>src/other && ub commit -q -m unrelated &&
	mv src/old/thesis.txt src/docs/final.txt && ub commit -q -m moved &&
	echo end >>src/docs/final.txt && ub commit -q -m edited &&
	cp src/docs/final.txt src/copy.txt && ub commit -q -m copied &&
	rm src/docs/final.txt && ub commit -q -m deleted &&
	echo another >src/docs/final.txt && ub commit -q -m again &&
	: >src/docs/empty && ub commit -q -m empty
'

# said EXPECTED... : the messages that `actual` has, newest first
said () {
	printf "%s\n" "$@" >want && sed "s/^[0-9a-f]* \((.*) \)\{0,1\}//" actual >got && test_cmp want got
}

test_expect_success 'the history of a path is where it changed, came and went' '
	ub log --oneline -- src/docs/final.txt >actual &&
	said again deleted edited moved &&
	ub log --oneline -- src/old/thesis.txt >actual && said moved second first
'

test_expect_success 'that of a folder is of all in it' '
	ub log --oneline -- src/old >actual && said moved second first &&
	ub log --oneline -- src/docs >actual && said empty again deleted edited moved first
'

test_expect_success 'a file is followed to where it was before it moved' '
	ub log --oneline --follow HEAD~3 -- src/docs/final.txt >actual &&
	said edited moved second first
'

test_expect_success 'a copy is followed to what it is a copy of, and on' '
	ub log --oneline --follow -- src/copy.txt >actual &&
	said copied edited moved second first
'

test_expect_success 'one that came again as another thing is followed by its name' '
	ub log --oneline --follow -- src/docs/final.txt >actual &&
	said again deleted edited moved second first
'

test_expect_success 'of several, that of the same name is taken' '
	mkdir -p src/x src/y && cp src/copy.txt src/x/a.txt && cp src/copy.txt src/x/b.txt &&
	ub commit -q -m twins && mv src/x/a.txt src/y/b.tmp && mv src/x/b.txt src/y/b.txt &&
	ub commit -q -m "twins moved" &&
	ub log --json --follow -- src/y/b.txt >actual &&
	sed -n 2p actual >got && test_grep "\"path\":\".*/src/x/b.txt\"" got
'

test_expect_success 'a folder is followed as a whole' '
	mkdir -p src/f && seq 1 3000 >src/f/one && ub commit -q -m f &&
	mv src/f src/g && ub commit -q -m g && ub log --oneline --follow -- src/g >actual && said g f
'

test_expect_success 'an empty file was nowhere before' '
	ub log --oneline --follow -- src/docs/empty >actual && said empty
'

test_expect_success 'the path of each snapshot is told' '
	ub log --follow HEAD -- src/copy.txt >actual && test_grep "^Path: .*src/copy.txt$" actual &&
	test_grep "^Path: .*src/old/thesis.txt$" actual &&
	ub log -- src/copy.txt >actual && test_grep ! "^Path:" actual
'

test_expect_success 'without the catalogue it is the same' '
	ub log --follow -- src/copy.txt >before && rm "$UB_DIR/index/catalogue" &&
	ub log --follow -- src/copy.txt >after 2>err && test_cmp before after &&
	test_must_be_empty err && rm "$UB_DIR/index/catalogue" && mkdir "$UB_DIR/index/catalogue" &&
	ub log --follow -- src/copy.txt >after 2>err && test_cmp before after &&
	test_grep "made for this once" err && rmdir "$UB_DIR/index/catalogue"
'

# every_log: what each path's history is
every_log () {
	for path in src src/a src/a/b src/a/n1 src/a/n2 src/a/b/n0 src/a/b/n3 src/c src/c/n1 src/c/n2/big
	do
		echo "$path" && ub log --oneline -- "$path" && ub log --oneline HEAD~9 -- "$path" &&
		ub log --oneline -n 3 --all --until 0.days.ago -- "$path" src/c || return 1
	done
}

test_expect_success 'from the catalogue it is what the snapshots say' '
	(
		mkdir play && cd play && UB_DIR=$PWD/repo && export UB_DIR &&
		ub init --kdf 8M:1 --device box >/dev/null && mkdir src &&
		for i in $(seq 1 30)
		do
			/usr/bin/python3 "$TEST_DIRECTORY/play-history.py" $i && ub commit -q -m $i src || exit 1
		done &&
		c=$(ub commit-tree "$(ub rev-parse HEAD~5:)" -p "$(ub rev-parse HEAD)" \
			-p "$(ub rev-parse HEAD~7)" -m merged) && ub update-ref main "$c" &&
		echo end >>src/c/end && ub commit -q -m end src &&
		every_log >got && rm repo/index/catalogue && every_log >want && test_cmp want got &&
		test ! -e repo/index/catalogue && test "$(wc -l <got)" -gt 100
	)
'

test_expect_success '--follow takes one path' '
	test_expect_code 2 ub log --follow && test_expect_code 2 ub log --follow -- a b
'

test_done
