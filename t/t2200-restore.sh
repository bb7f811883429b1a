#!/bin/sh

test_description='ub restore: files come back as they were'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-tree.sh"

tree_prereqs

test_expect_success 'setup' '
	test_init_repo && tree_make src && src=$TRASH_DIRECTORY/src &&
	ub commit -m first src >/dev/null && first=$(ub rev-parse HEAD)
'

test_expect_success RSYNC 'everything comes back below the target, with its full path' '
	ub restore -t out 2>err && test_grep "restored 2[0-9] files" err &&
	tree_is_same src "out$src"
'

test_expect_success RSYNC 'a second restore finds all of it unchanged' '
	ub restore -t out --json >json &&
	test_grep "\"files_restored\":0,\"files_unchanged\":[^0]" json &&
	test_grep "\"files_adjusted\":0,.*\"bytes_written\":0,.*\"errors\":0," json &&
	tree_is_same src "out$src"
'

test_expect_success '--verify reads back what it restored' '
	ub restore -t verified --verify --json >json && test_grep "\"verified\":true" json &&
	tree_unlock verified
'

test_expect_success RSYNC 'what differs below a target is put right, and only that' '
	tree_unlock "out$src" &&
	printf X | dd of="out$src/large" bs=1 seek=4500000 conv=notrunc 2>/dev/null &&
	echo longer >>"out$src/text" && rm "out$src/small" && chmod 777 "out$src/zeros" &&
	rm "out$src/link" && ln -s elsewhere "out$src/link" &&
	touch "out$src/middle" && rm "out$src/sub/pipe" && mkdir "out$src/sub/pipe" &&
	rm -r "out$src/empty" && echo file >"out$src/empty" &&
	ub restore -t out -v 2>err &&
	test_grep "update .*/large" err && test_grep "update .*/hard2" err &&
	test_grep "metadata .*/middle" err && test_grep "replace .*/link" err &&
	test_grep "replace .*/sub/pipe" err && test_grep ! "update .*/zeros" err &&
	tree_is_same src "out$src"
'

test_expect_success 'extra files stay without --delete, and go with it' '
	tree_unlock "out$src" &&
	mkdir -p "out$src/sub/extra/deeper" "out/beside" && : >"out$src/sub/extra/deeper/file" &&
	: >"out$src/sub/one more" && : >out/beside/file &&
	ub restore -t out && test_path_exists "out$src/sub/extra/deeper/file" &&
	tree_unlock "out$src" &&
	ub restore -t out --delete "$src" --json -v >json &&
	test_grep "\"action\":\"delete\",\"path\":\"out$src/sub/extra\"" json &&
	test_grep "\"files_deleted\":2," json &&
	test_path_is_missing "out$src/sub/extra" && test_path_is_missing "out$src/sub/one more" &&
	test_path_exists out/beside/file
'

test_expect_success '--delete removes trees deeper than descriptors and paths go' '
	tree_unlock "out$src" && tree_deep "out$src/sub" deep-folder-name 400 &&
	ub restore -t out --delete "$src" && test "$(ls "out$src/sub" | grep -c folder-name)" = 0 &&
	test "$(ls -A "out$src" | grep -c ub-restore)" = 0
'

# -- paths and revisions ----------------------------------------------------------------------

test_expect_success 'one file, its folders made as they were' '
	ub restore -t one "$src/sub/deep/hard2" 2>err && test_grep "restored 1 files" err &&
	test_cmp_bin src/text "one$src/sub/deep/hard2" &&
	test "$(find one ! -type d | wc -l)" = 1 &&
	test "$(stat -c "%a %Y" "one$src/sub")" = "$(stat -c "%a %Y" src/sub)"
'

test_expect_success 'hard links restored partly are linked among each other' '
	ub restore -t partly "$src/sub" &&
	test "$(stat -c %h "partly$src/sub/hard1")" = 2 &&
	test "partly$src/sub/hard1" -ef "partly$src/sub/deep/hard2" && tree_unlock partly
'

test_expect_success 'paths from the current folder, revisions with and without a path' '
	(cd src/sub && ub restore -t ../../two deep/../hard1 -- ./deep) &&
	test "$(find two ! -type d | wc -l)" = 2 &&
	ub restore -t three "HEAD:$src/other" && test_cmp src/other "three$src/other" &&
	ub restore -t four "$first" src/other && test_cmp src/other "four$src/other" &&
	ub restore -t five "$first^{tree}" src/other && test_cmp src/other "five$src/other" &&
	ub restore -t six latest -- src/other && test_cmp src/other "six$src/other"
'

test_expect_success 'a name behind -- is a path, though it reads as a revision' '
	mkdir named && echo in >named/HEAD && ub commit -m named named >/dev/null &&
	(cd named && ub restore -t ../seven -- HEAD) &&
	test "$(find seven -type f)" = "seven$TRASH_DIRECTORY/named/HEAD"
'

test_expect_success '--date takes the newest snapshot before' '
	echo old >dated && UB_TEST_NOW=1600000000 ub commit -m a dated >/dev/null &&
	echo new >dated && UB_TEST_NOW=1700000000 ub commit -m b dated >/dev/null &&
	ub restore -t eight --date 2021-01-01 dated && echo old >expect &&
	test_cmp expect "eight$TRASH_DIRECTORY/dated"
'

test_expect_success 'what is not there is said before anything is made' '
	test_expect_code 1 ub restore -t none "$src/small" "$src/no/such" 2>err &&
	test_grep "there is no .*/no/such. in the snapshot" err &&
	test_expect_code 1 ub restore -t none HEAD:nothing/there 2>err &&
	test_expect_code 1 ub restore -t none "$src/small/below" 2>err &&
	test -z "$(ls none)"
'

test_expect_success 'everything needs a place to go' '
	test_expect_code 2 ub restore 2>err && test_grep "in-place" err &&
	test_expect_code 2 ub restore HEAD 2>err &&
	test_expect_code 2 ub restore -t x --in-place 2>err &&
	test_expect_code 2 ub restore "$(ub rev-parse "HEAD^{tree}")" src/small 2>err &&
	test_expect_code 2 ub restore -t x --overwrite sometimes 2>err
'

# -- in place ---------------------------------------------------------------------------------

test_expect_success 'in place a file that is gone comes back' '
	mkdir place && echo a >place/a && echo b >place/b && seq 1 3000 >place/c &&
	touch -d @1500000000 place/a place/b place/c && ub commit -m place place >/dev/null &&
	rm place/a && ub restore place/a && test "$(cat place/a)" = a &&
	test "$(stat -c %Y place/a)" = 1500000000
'

test_expect_success 'in place what differs is left alone and listed' '
	echo mine >place/b && rm place/c && head=$(ub rev-parse HEAD) &&
	test_expect_code 13 ub restore place 2>err &&
	test_grep "place/b differs and is left alone" err && test "$(cat place/b)" = mine &&
	test_path_exists place/c && test "$(ub rev-parse HEAD)" = "$head"
'

test_expect_success 'what --overwrite replaces in place is committed first' '
	ub restore --overwrite always HEAD place && test "$(cat place/b)" = b &&
	test "$(ub cat "HEAD:$PWD/place/b")" = mine && test "$(ub rev-parse HEAD~1)" = "$head" &&
	ub restore --overwrite always HEAD place 2>err && test "$(cat place/b)" = mine
'

test_expect_success 'what --delete removes in place is committed first, too' '
	ub commit -m before place && keep=$(ub rev-parse HEAD) && mkdir place/new &&
	echo precious >place/new/file &&
	ub restore --delete "$keep" place && test_path_is_missing place/new &&
	test "$(ub cat "HEAD:$PWD/place/new/file")" = precious
'

test_expect_success '--overwrite if-newer replaces what is older' '
	echo new >place/b && touch -d @1400000000 place/b && echo new >place/a &&
	ub restore --overwrite if-newer "$head" place && test "$(cat place/b)" = b &&
	test "$(cat place/a)" = new
'

test_expect_success '--overwrite never keeps what is there and makes what is not' '
	echo other >place/b && rm place/c &&
	ub restore --overwrite never "$head" place && test "$(cat place/b)" = other &&
	test_path_exists place/c
'

test_expect_success '--overwrite if-changed trusts size and time' '
	ub restore --overwrite always "$head" place && echo B >place/b &&
	touch -d @1500000000 place/b && ub restore --overwrite if-changed "$head" place &&
	test "$(cat place/b)" = B && ub restore --overwrite always "$head" place &&
	test "$(cat place/b)" = b
'

test_expect_success 'the repository is never gone into, nor deleted' '
	mkdir whole && echo x >whole/x && mv repo whole/repo && UB_DIR=$PWD/whole/repo &&
	ub commit -m whole whole >/dev/null && ub restore --delete whole &&
	ub fsck >/dev/null && mv whole/repo repo && UB_DIR=$PWD/repo
'

test_expect_success '--delete keeps what the snapshot left out' '
	mkdir left && echo a >left/a && echo b >left/b.tmp && mkdir left/c && echo d >left/c/d.tmp &&
	ub commit -m left -e "*.tmp" left >/dev/null && : >left/new &&
	ub restore --delete left && test_path_exists left/b.tmp && test_path_exists left/c/d.tmp &&
	test_path_is_missing left/new
'

# -- plans ------------------------------------------------------------------------------------

test_expect_success 'a plan says what would be done and does nothing' '
	head=$(ub rev-parse HEAD) && mkdir plan && echo a >plan/a && echo b >plan/b &&
	echo c >plan/c && echo d >plan/d && ub commit -m plan plan >/dev/null &&
	head=$(ub rev-parse HEAD) &&
	rm plan/a && echo longer >plan/b && chmod 600 plan/c && : >plan/e && rm plan/d &&
	mkdir plan/d && find plan -printf "%p %m %s %T@\n" | sort >before &&
	test_expect_code 0 ub restore --plan --overwrite always --delete plan >actual 2>err &&
	find plan -printf "%p %m %s %T@\n" | sort >after && test_cmp before after &&
	test "$(ub rev-parse HEAD)" = "$head" &&
	cut -f1 actual | sort >words && cat >expect <<-\EOF &&
	create 2
	delete 0
	metadata 0
	metadata 2
	replace 2
	update 2
	EOF
	test_cmp expect words && test_grep "would restore 3 files, 6 bytes" err &&
	test_expect_code 13 ub restore -n plan --json >json &&
	test_grep "\"action\":\"leave\",\"path\":\"$PWD/plan/b\",\"size\":2" json &&
	test_grep "\"dry_run\":true" json
'

test_expect_success 'a plan for a folder that is not there makes none' '
	ub restore --plan -t not-there >actual && test_grep "^create 9000000.*large" actual &&
	test_path_is_missing not-there
'

tree_unlock .
test_done
