#!/bin/sh

test_description='the catalogue: kept in step with the snapshots, made again when need be'
. "${0%/*}/test-lib.sh"

test_expect_success 'setup' '
	test_init_repo --device box && mkdir -p src/d/e &&
	echo 1 >src/d/name-not-to-be-seen && echo 2 >src/d/e/other-not-to-be-seen &&
	index=$UB_DIR/index && catalogue=$index/catalogue
'

# change WORD: something to commit
change () {
	echo "$1" >>src/d/changes
}

test_expect_success 'a commit writes it, and no name is in it in clear' '
	ub commit -q -m "message-not-to-be-seen" src 2>err && test -s "$catalogue" &&
	test ! -e "$catalogue-journal" && ! grep -r "not-to-be-seen" "$index" &&
	! grep -q "SQLite" "$catalogue"
'

test_expect_success 'one that was deleted is made again without a word' '
	rm "$catalogue" && change deleted && ub commit -q 2>err && test_must_be_empty err &&
	test -s "$catalogue"
'

test_expect_success 'a damaged one is made again, and that is said' '
	for at in 0 30 70 40000 100000 -9
	do
		change "$at" && flip_bit "$catalogue" "$at" && ub commit -q 2>err || return 1
	done && change whole && ub commit -q 2>err && test_must_be_empty err
'

test_expect_success 'a damaged first block is named' '
	change named && flip_bit "$catalogue" 3000 && ub commit -q 2>err &&
	test_grep "damaged.*made again" err
'

test_expect_success 'one cut short is made again' '
	change short && head -c 50000 "$catalogue" >cut && cat cut >"$catalogue" && ub commit -q 2>err &&
	test_grep "made again" err && change after && ub commit -q 2>err && test_must_be_empty err
'

test_expect_success 'one of a newer version is left alone: the commit is done, and says so' '
	printf "\\377" | dd of="$catalogue" bs=1 seek=8 conv=notrunc 2>/dev/null &&
	cp "$catalogue" before && change newer && ub commit -q 2>err &&
	test_grep "newer version" err && cmp before "$catalogue" &&
	ub index --rebuild && change rebuilt && ub commit -q 2>err && test_must_be_empty err
'

test_expect_success 'one of an older version is made again' '
	printf "\\0" | dd of="$catalogue" bs=1 seek=8 conv=notrunc 2>/dev/null && change older &&
	ub commit -q 2>err && test_grep "older version.*made again" err
'

test_expect_success 'snapshots made otherwise are caught up with' '
	c=$(ub commit-tree "$(ub rev-parse HEAD:)" -p "$(ub rev-parse HEAD)" -m by-hand) &&
	ub update-ref main "$c" && change caught && ub commit -q 2>err && test_must_be_empty err
'

test_expect_success 'a folder in its place does not keep a commit from being made' '
	rm "$catalogue" && mkdir "$catalogue" && change folder && ub commit -q 2>err &&
	test_grep "not in the catalogue" err && ub fsck && rmdir "$catalogue" &&
	change gone && ub commit -q 2>err && test_must_be_empty err
'

test_expect_success 'whenever it dies while filling it, the next one finds all' '
	rm -f "$catalogue" "$catalogue-journal" && ub search --json "*" >want && cp "$catalogue" whole &&
	for base in none older
	do
		for n in $(seq 1 2 400)
		do
			rm -f "$catalogue" "$catalogue-journal" && rm -f fired &&
			if test $base = older; then cp old "$catalogue"; fi &&
			{ UB_TEST_FAULT=kill@$n UB_TEST_FIRED=$PWD/fired ub search --json "*" >out 2>&1 || :; } &&
			ub search --json "*" >got && test_cmp want got || return 1
			test -e fired || break
		done &&
		echo "$base: $n" && test ! -e fired && test $n -gt 20 &&
		cp whole old && change more && ub commit -q && ub search --json "*" >want || return 1
	done
'

test_expect_success ROOT 'a full disk does not keep a commit from being made' '
	mkdir meta && mount -t tmpfs -o size=200k tmpfs meta && test_when_finished "umount $PWD/meta" &&
	(
		UB_DIR=$PWD/small && export UB_DIR &&
		ub init --kdf 8M:1 --device box --meta "$PWD/meta" >/dev/null &&
		for i in 1 2 3
		do
			change "full $i" && ub commit -q -m "$i" src 2>err &&
			test_grep "not in the catalogue" err && test_line_count 1 err || exit 1
		done &&
		ub fsck && ub verify -q && test $(ub log --oneline | wc -l) = 3 &&
		ub search changes >out 2>err && test_line_count 3 out && test_grep "made for this once" err
	)
'

test_done
