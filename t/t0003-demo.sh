#!/bin/sh

test_description='what a newcomer sees first'
. "${0%/*}/test-lib.sh"

test_expect_success 'the demonstration of the README gets to its end' '
	sh "$SOURCE_DIRECTORY/t/demo.sh" >out 2>err &&
	test_grep "^/.*/home/photos$" out && test_grep "0 new, 0 changed, [0-9]* unmodified" out &&
	test_grep "^ 0 B read" out && test_grep "^	M	.*/home/docs/lib/err.c$" out &&
	test_grep "^the old version is there$" out && test_grep "^the same tree came back$" out &&
	test_grep "^the snapshot is sound, and the disk is as it says$" out &&
	test_grep "^a second letter$" out && test_grep ! "Under no source.*\(docs\|photos\)" out &&
	test_grep "^nothing readable lies in the repository$" out &&
	test_grep "^All of it worked" out
'

test_expect_success 'it leaves nothing behind' '
	ls -A "$TMPDIR" >left && test_must_be_empty left
'

test_expect_success 'a step that fails is told, and ends it' '
	mkdir bin && printf "#!/bin/sh\nexit 7\n" >bin/ub && chmod +x bin/ub &&
	UB_BUILD=$PWD/bin test_expect_code 1 sh "$SOURCE_DIRECTORY/t/demo.sh" >out 2>err &&
	test_grep "failed with status 7" err && test_grep ! "All of it worked" out
'

test_done
