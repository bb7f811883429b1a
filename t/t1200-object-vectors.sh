#!/bin/sh

test_description='frozen objects decode to what they meant, and bad ones to their error'
. "${0%/*}/test-lib.sh"

object=$UB_BUILD/test/helper/test-object
vectors=$TEST_DIRECTORY/vectors/objects

for text in "$vectors"/*.*.txt
do
	name=${text##*/}
	name=${name%.txt}
	test_expect_success "$name decodes to its text" '
		"$object" "${name##*.}" "$vectors/$name" >actual &&
		test_cmp "$text" actual
	'
done

for bad in "$vectors"/bad/*
do
	name=${bad##*/}
	test_expect_success "$name is refused" '
		word=${name%.*} &&
		echo "${word##*.}" >expect &&
		test_expect_code 1 "$object" "${name##*.}" "$bad" >actual 2>err &&
		test_cmp expect actual && test -s err
	'
done

test_expect_success 'directories and lists are cut where they always were' '
	"$object" pieces 2000 >actual &&
	test_cmp "$vectors/pieces-2000.txt" actual
'

# The manual has an example: lines of hex in a block, and what they decode to in the next.
manual=$SOURCE_DIRECTORY/Documentation/ub-format-object.adoc

test_expect_success 'the example of the manual decodes as the manual says' '
	sed -n "/^\/\/ example-bytes/,/^\/\/ end/s/^[0-9a-f]\{4\}  \([0-9a-f ]*\).*/\1/p" "$manual" |
		tr -d " \n" >hex &&
	test -s hex &&
	perl -e "local \$/; print pack q(H*), <STDIN>" <hex >bytes &&
	sed -n "/^\/\/ example-text/,/^\/\/ end/p" "$manual" | grep -v "^//\|^----" >expect &&
	test -s expect &&
	"$object" tree bytes >actual &&
	test_cmp expect actual
'

test_done
