#!/bin/sh

test_description='what was run and what was read back: ub log --runs, ub status'
. "${0%/*}/test-lib.sh"

# said WORD...: the newest run is one whose line has these words in this order
said () {
	ub log --runs -n 1 >line && for word; do
		test_grep "$word" line || return 1
	done
}

test_expect_success 'setup' '
	test_init_repo --device box && mkdir src && test_random 5000000 >src/big && echo small >src/small && ub add src &&
	ub log --runs >out && test_must_be_empty out && ub status >out && test_grep ! "erified" out
'

test_expect_success 'a commit is a run, and nothing is verified yet' '
	ub commit -q -m one && c=$(ub rev-parse HEAD) && said "commit *done" "$(echo "$c" | cut -c 1-7)" "2 files" &&
	ub status >out && test_grep "^Not verified yet" out && test_grep "^Packs: 2, none read back" out
'

test_expect_success 'verify says which snapshot is whole; a sample or a part of it does not count' '
	ub verify -q --sample 50 && said "verify *done" "50 % of the content" && ub verify -q HEAD:"$PWD/src/big" && said "verify *done" "  -  " &&
	ub status >out && test_grep "^Not verified yet" out && ub verify -q && said "verify *done" "$(echo "$c" | cut -c 1-7)" &&
	ub status >out && test_grep "^Verified: $(echo "$c" | cut -c 1-7), " out && test_grep "none read back" out
'

test_expect_success 'verify --deep and fsck read packs to their ends' '
	ub verify -q --deep && ub status >out && test_grep "^Packs: 2, all read back, the oldest" out && echo more >src/more && ub commit -q &&
	ub status >out && test_grep "^Packs: 3, 2 read back" out && ub fsck -q && said "fsck *done" && ub status >out && test_grep "^Packs: 3, all read back" out &&
	test_grep "^Verified: $(echo "$c" | cut -c 1-7), " out && ub fsck -q --full && ub status >out && test_grep "^Verified: everything, " out
'

test_expect_success 'JSON says the same' '
	ub log --runs --json -n 2 >out && test "$(wc -l <out)" = 2 && test_grep "\"command\":\"fsck\",\"time\":\"[^\"]*Z\",\"seconds\":[0-9.]*,\"exit\":0,\"commit\":null,\"share\":1" out &&
	ub status --json >out && tail -n 1 out >last && test_grep "\"verified_commit\":null,\"packs\":3,\"packs_read\":3,\"packs_damaged\":0,\"oldest_read\":\"[^\"]*Z\"" last &&
	test_grep "\"verified_time\":\"[^\"]*Z\"" last && test_grep "\"failure\":null" last
'

test_expect_success 'an incomplete commit, and one that had nothing to do, are runs too' '
	ub commit -q --skip-if-unchanged && said "commit *done" " - " && mkfifo gone && ub add "$PWD/gone" && rm gone && test_expect_code 3 ub commit -q 2>err &&
	said "commit *incomplete" && ub rm "$PWD/gone" && ub commit -q
'

test_expect_success 'a commit that failed is told until one does not' '
	ub config hook.preCommit "printf \"\\033[31m\" >/dev/null; exit 4" && test_expect_code 1 ub commit -q 2>err && said "commit *failed" "failed with status 4" &&
	ub status >out && test_grep "^The last commit failed, .*: hook pre-commit" out && LC_ALL=C grep -c "$(printf "\\033")" out >nr; test "$(cat nr)" = 0 &&
	ub status --json >out && tail -n 1 out >last && test_grep "\"failure_time\":\"[^\"]*Z\",\"failure\":\"hook" last &&
	ub config --unset hook.preCommit && ub commit -q && ub status >out && test_grep ! "failed" out
'

test_expect_success 'what is refused before it begins, and what is only tried, is no run' '
	ub log --runs >before && test_expect_code 2 ub commit --stdin-filename x 2>err && ub commit -q -n && ub log --runs >after && test_cmp before after
'

test_expect_success 'damage is told until fsck finds none' '
	pack=$(ub locate --pack "$c") && cp "$pack" kept && flip_bit "$pack" 2000 && test_expect_code 6 ub fsck >out && said "fsck *damage" "1 damaged, 0 missing" &&
	ub status >out && test_grep "^Damage was found, 1 damaged and 0 missing, " out && test_grep "; 1 damaged" out &&
	chmod u+w "$pack" && cat kept >"$pack" && ub verify -q && ub status >out && test_grep "^Damage was found" out &&
	ub fsck -q && ub status >out && test_grep ! "amage" out
'

test_expect_success 'where it cannot be noted that is said, and nothing else is different' '
	printf "\\377" | dd of="$UB_DIR/index/catalogue" bs=1 seek=8 conv=notrunc 2>/dev/null && ub verify -q 2>err && test_grep "not noted: .*newer version" err &&
	ub fsck -q 2>err && test_grep "not noted" err && test_expect_code 14 ub log --runs 2>err && ub status >out && test_grep ! "erified" out
'

test_expect_success 'made again, it knows of no run and no reading' '
	ub index --rebuild -q && ub log --runs >out && test_must_be_empty out && ub status >out && test_grep "^Not verified yet" out && test_grep "none read back" out
'

test_expect_success '--runs goes with nothing but -n' '
	test_expect_code 2 ub log --runs --all 2>err && test_grep "nothing but -n" err && test_expect_code 2 ub log --runs HEAD 2>err &&
	test_expect_code 2 ub log --runs --oneline 2>err
'

test_done
