#!/bin/sh

test_description='frozen records, lists and marks decode to what they meant'
. "${0%/*}/test-lib.sh"

record=$UB_BUILD/test/helper/test-record
vectors=$TEST_DIRECTORY/vectors/records

for text in "$vectors"/*.txt
do
	name=${text##*/}
	name=${name%.txt}
	test_expect_success "$name decodes to its text" '
		"$record" "$vectors/$name" >actual &&
		test_cmp "$text" actual
	'
done

test_expect_success 'the records are one chain' '
	prev=$(printf "%064d" 0) &&
	for name in join keyring advance apart later
	do
		test_grep "^prev $prev$" "$vectors/$name.record.txt" &&
		prev=$(sed -n "s/^hash //p" "$vectors/$name.record.txt") || return 1
	done
'

test_expect_success 'a flipped bit anywhere is refused' '
	for name in join.record keyring.record apart.record one.marks
	do
		size=$(test_file_size "$vectors/$name") && at=0 &&
		while test $at -lt $size
		do
			cp "$vectors/$name" bad && flip_bit bad $at 6 &&
			test_expect_code 1 "$record" bad >out 2>err &&
			test_grep "^error \(corrupt\|unknown_format\)$" out || return 1
			at=$((at + 13))
		done || return 1
	done
'

# The manual has an example: lines of hex in a block, and what they decode to in the next.
manual=$SOURCE_DIRECTORY/Documentation/ub-format-record.adoc

test_expect_success 'the example of the manual decodes as the manual says' '
	sed -n "/^\/\/ example-bytes/,/^\/\/ end/s/^[0-9a-f]\{4\}  \([0-9a-f ]*\)|.*/\1/p" "$manual" |
		tr -d " \n" >hex &&
	test -s hex &&
	perl -e "local \$/; print pack q(H*), <STDIN>" <hex >bytes &&
	test_cmp_bin "$vectors/advance.record" bytes &&
	sed -n "/^\/\/ example-text/,/^\/\/ end/p" "$manual" | grep -v "^//\|^----" >expect &&
	test -s expect &&
	"$record" bytes >actual && test_cmp expect actual
'

test_done
