#!/bin/sh

test_description='ub restore: files come back as they were'
. "${0%/*}/test-lib.sh"

# The snapshot is made by hand: snapshot DIR, which stands at its own path.
entry () {
	printf '%s\t%s\n' "$2" "$1"
}

test_expect_success 'setup' '
	test_init_repo &&
	mkdir -p src &&
	echo one >src/one &&
	seq 1 5000 >src/two &&
	test_random 9000000 1 >src/big &&
	b=$(ub hash-object -w src/big) && t=$(ub hash-object -w src/two) &&
	o=$(ub hash-object -w src/one) &&
	{
		entry big "100644 list $b 9000000 mtime=1500000000.123456789" &&
		entry ln "120777 blob - - mtime=1500000001.000000000 target=two" &&
		entry one "100600 blob $o 4 mtime=-5.000000001" &&
		entry pipe "010640 fifo - - mtime=1500000002.000000000" &&
		entry two "100444 blob $t - mtime=9999999999.500000000"
	} >list &&
	src=$(ub mktree <list) &&
	top=$(printf "040750 tree %s - mtime=1400000000.000000000\tsrc\n" "$src" | ub mktree) &&
	tree=$top &&
	for name in $(echo "$TRASH_DIRECTORY" | tr / "\n" | tac)
	do
		tree=$(printf "040755 tree %s -\t%s\n" "$tree" "$name" | ub mktree) || return 1
	done &&
	commit=$(ub commit-tree "$tree" -m first) &&
	ub update-ref main "$commit"
'

is_src () {
	test_cmp_bin src/one "$1/one" && test_cmp_bin src/two "$1/two" &&
	test_cmp_bin src/big "$1/big" && test "$(readlink "$1/ln")" = two && test -p "$1/pipe" &&
	test "$(stat -c "%a %.9Y" "$1/big")" = "644 1500000000.123456789" &&
	test "$(stat -c "%a %.9Y" "$1/one")" = "600 -4.999999999" &&
	test "$(stat -c "%a %.9Y" "$1/two")" = "444 9999999999.500000000" &&
	test "$(stat -c "%a %Y" "$1/pipe")" = "640 1500000002" &&
	test "$(stat -c "%Y" "$1/ln")" = 1500000001 &&
	test "$(stat -c "%a %Y" "$1")" = "750 1400000000" &&
	test "$(ls -A "$1" | wc -l)" = 5
}

test_expect_success 'everything appears below the target with its full path' '
	ub restore -t out 2>err && test_grep "restored 5 files, 9023897 bytes" err &&
	is_src "out$TRASH_DIRECTORY/src"
'

test_expect_success 'a second restore finds all of it unchanged' '
	ub restore -t out --json >json &&
	test_grep "\"files_restored\":0,\"files_unchanged\":5," json &&
	test_grep "\"bytes_written\":0,.*\"errors\":0," json &&
	is_src "out$TRASH_DIRECTORY/src"
'

test_done
