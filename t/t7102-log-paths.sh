#!/bin/sh

test_description='ub log -- PATH and --follow, from the catalogue'
. "${0%/*}/test-lib.sh"

# snapshot NAME: of src as it is
snapshot () {
	ub commit -q -m "$1" src
}

# said [OPTION...] -- PATH: messages, oldest first, on one line
said () {
	ub log --json "$@" | sed "s/.*\"message\":\"\([^\"\\\\]*\).*/\1/" | sed "1!G;h;\$!d" | tr "\n" " " | sed "s/ $//" && echo
}

# is WANT [OPTION...]
is () {
	echo "$1" >want && shift && said "$@" >have && test_cmp want have
}

test_expect_success 'setup' '
	test_init_repo --device box && mkdir -p src/d/e src/other && echo 1 >src/d/e/f && echo other >src/other/o && snapshot one &&
	echo 2 >src/d/e/f && snapshot two && echo x >src/other/o && snapshot three && snapshot four && rm src/d/e/f && snapshot five &&
	echo 1 >src/d/e/f && snapshot six && chmod 600 src/d/e/f && snapshot seven && rm -r src/d && snapshot eight &&
	echo now-a-file >src/d && snapshot nine
'

test_expect_success 'a file: where it came, changed, went and came back' '
	is "one two five six seven eight" -- src/d/e/f && is "one three" -- src/other/o && is "" -- src/nothing &&
	is "two five" -n 2 HEAD~4 -- src/d/e/f
'

test_expect_success 'a folder: whatever changed in it' '
	is "one two five six seven eight nine" -- src/d && is "one two five six seven eight" -- src/d/e &&
	is "one two three five six seven eight" -- src/other src/d/e/f
'

test_expect_success 'without the catalogue it says the same: random histories' '
	mkdir r && for i in $(seq 30)
	do
		mkdir -p r/a/b r/c && case $((i * 7 % 5)) in
		0) echo $i >r/a/x ;;
		1) echo $i >r/a/b/y ;;
		2) rm -rf r/a/b; echo $i >r/c/z ;;
		3) rm -f r/a/x; touch r/c ;;
		4) chmod $((600 + i % 7)) r/c ;;
		esac; ub commit -q -m "r$i" r || return 1
	done &&
	for path in r r/a r/a/b r/a/b/y r/a/x r/c r/c/z .
	do
		ub log --json -- $path >with || return 1
		mv "$UB_DIR"/index/catalogue kept && mkdir "$UB_DIR"/index/catalogue || return 1
		ub log --json -- $path >without; rmdir "$UB_DIR"/index/catalogue; mv kept "$UB_DIR"/index/catalogue
		test_cmp without with || { echo "path $path"; return 1; }
	done
'

test_expect_success '--follow goes on where the content was before' '
	mkdir -p f/deep && seq 100 >f/old && ub commit -q -m made f && seq 101 >f/old && ub commit -q -m grown f && mv f/old f/deep/new &&
	ub commit -q -m moved f && seq 102 >f/deep/new && ub commit -q -m after f && cp f/deep/new f/copy && ub commit -q -m copied f &&
	echo more >>f/copy && ub commit -q -m last f &&
	is "moved after" -- f/deep/new && is "made grown moved after" --follow -- f/deep/new &&
	is "made grown moved after copied last" --follow -- f/copy && is "copied last" -- f/copy
'

test_expect_success '--follow: empty files come from nowhere; wrong usage' '
	: >f/empty && ub commit -q -m e1 f && mv f/empty f/empty2 && ub commit -q -m e2 f && is "e2" --follow -- f/empty2 &&
	test_expect_code 2 ub log --follow && test_expect_code 2 ub log --follow -- a b
'

test_expect_success 'a damaged catalogue, and one of a newer ub, is done without' '
	size=$(wc -c <"$UB_DIR"/index/catalogue) && for at in 200 $(seq 33000 32808 "$size")
	do
		flip_bit "$UB_DIR"/index/catalogue $at && is "one three" -- src/other/o || return 1
	done && is "made grown moved after" --follow -- f/deep/new && ub index --rebuild &&
	printf "\377" | dd of="$UB_DIR"/index/catalogue bs=1 seek=8 conv=notrunc 2>/dev/null && is "one three" -- src/other/o &&
	is "made grown moved after" --follow -- f/deep/new && ub index --rebuild && is "one three" -- src/other/o
'

test_expect_success 'restore --date takes a file as it was then' '
	UB_TEST_NOW=1600000000 && export UB_TEST_NOW && mkdir t && echo then >t/f && ub commit -q -m then t && UB_TEST_NOW=1600086400 &&
	echo later >t/f && ub commit -q -m later t && unset UB_TEST_NOW && ub restore --date "2020-09-13 23:00" -t back t/f &&
	echo then >want && test_cmp want "back/$PWD/t/f" && ub restore --date 2020-09-15 -t back2 t/f && echo later >want && test_cmp want "back2/$PWD/t/f"
'

test_done
