#!/bin/sh

test_description='frozen keys open as they did, and the manual has them'
. "${0%/*}/test-lib.sh"

vectors=$TEST_DIRECTORY/vectors/keys
manual=$SOURCE_DIRECTORY/Documentation/ub-format-keys.adoc

test_expect_success 'setup' '
	cp -r "$vectors" here && chmod 600 here/state/*/* && mkdir nobody
'

for with in password words
do
	test_expect_success "the $with open the frozen keys" '
		UB_TEST_KEYS=keys.txt test-keys here/keys here/state here/$with \
			here/envelope-1 here/envelope-2 >derived.txt &&
		test_cmp "$vectors/keys.txt" keys.txt &&
		test_cmp "$vectors/derived.txt" derived.txt
	'
done

test_expect_success 'so does the device slot, through ub' '
	mkdir "$UB_DIR" && cp -r here/keys "$UB_DIR" && mkdir -p "$XDG_STATE_HOME" &&
	cp -r here/state "$XDG_STATE_HOME/ub" &&
	id=$(sed -n "s/^repository //p" here/derived.txt) &&
	printf "[core]\n\tformat = 0\n\tid = %s\n" "$id" >"$UB_DIR/config" &&
	UB_TEST_KEYS=keys.txt ub key list >list &&
	test_cmp "$vectors/keys.txt" keys.txt &&
	test_grep "^3d56046b92b1d373 device .*	vector (this device)$" list &&
	test_grep "^5eb4f789d1f14712 password .* 8M:1	$" list
'

test_expect_success 'without the state folder only the device is missing' '
	test-keys here/keys nobody here/password here/envelope-1 here/envelope-2 >derived.txt &&
	grep -v "^device" "$vectors/derived.txt" >expect && test_cmp expect derived.txt
'

# The example: hex of a file in a block, what follows in another.
test_expect_success 'the bytes in the manual are those of the frozen files' '
	for file in genesis slot-73646a8c72001f45
	do
		sed -n "/^\/\/ bytes of $file/,/^\/\/ end/s/^[0-9a-f]\{4\}  \([0-9a-f ]*\).*/\1/p" \
			"$manual" | tr -d " \n" >hex && test -s hex &&
		od -An -v -tx1 "$vectors/keys/$file" | tr -d " \n" >expect && test_cmp expect hex ||
		return 1
	done
'

test_expect_success 'the values in the manual are those of the frozen keys' '
	sed -n "/^\/\/ values/,/^\/\/ end/s/^\([a-z0-9-]* [0-9a-f]\{64\}\)$/\1/p" \
		"$manual" >values &&
	test_line_count 12 values &&
	sort values >expect &&
	cat "$vectors/keys.txt" "$vectors/derived.txt" | sort | comm -12 expect - >actual &&
	test_cmp expect actual &&
	grep -qxF "	$(cat "$vectors/words" | cut -d" " -f1-12)" "$manual"
'

test_done
