#!/bin/sh

test_description='ub key: passwords, recovery words and devices that open a repository'
. "${0%/*}/test-lib.sh"

# slots TYPE: ids of the slots of this type
slots () {
	ub key list >list.out && sed -n "s/^\([0-9a-f]*\) $1 .*/\1/p" list.out
}

# words_of FILE: the recovery words in what init printed
words_of () {
	grep -A3 "^    [a-z]* [a-z]* [a-z]* [a-z]* [a-z]* [a-z]*$" "$1" | head -n 4
}

# Without the device slot: what another machine, or nobody's, can do.
alone () {
	XDG_STATE_HOME=$HOME/elsewhere "$@"
}

test_expect_success 'setup' '
	test_init_repo && unset UB_PASSWORD_FILE &&
	words_of "$HOME/init.out" >words && test "$(wc -w <words)" = 24 &&
	echo content >file && ub hash-object -w file >id &&
	echo wrong >wrong && echo second >second && echo third >third
'

test_expect_success 'three slots are there after init' '
	ub key list >list && test_line_count 3 list &&
	test_grep "^[0-9a-f]\{16\} password [0-9T:+-]* 8M:1	$" list &&
	test_grep "^[0-9a-f]\{16\} recovery [0-9T:+-]* -	$" list &&
	test_grep "^[0-9a-f]\{16\} device [0-9T:+-]* -	.* (this device)$" list
'

test_expect_success 'as JSON too' '
	ub key list --json >list && test_line_count 3 list &&
	test_grep "\"slot_type\":\"password\",\"created\":\"[^\"]*Z\",\"label\":\"\"" list &&
	test_grep "\"kdf_memory\":8388608,\"kdf_passes\":1" list &&
	test_grep "\"this_device\":true" list
'

test_expect_success 'the device slot opens, a named password file alone' '
	ub cat-object -p $(cat id) >out && test_cmp file out &&
	ub --password-file "$HOME/password" cat-object -p $(cat id) >out && test_cmp file out &&
	test_expect_code 12 ub --password-file wrong cat-object -p $(cat id) >out 2>err &&
	test_must_be_empty out &&
	echo "ub: wrong password" >expect && test_cmp expect err
'

test_expect_success 'with --json a wrong password is an object' '
	test_expect_code 12 ub --password-file wrong key list --json 2>err &&
	test_grep "^{\"type\":\"error\",\"code\":\"key\",\"exit\":12,\"message\":\"wrong" err
'

test_expect_success 'without the device slot each source opens' '
	test_expect_code 12 alone ub cat-object -p $(cat id) </dev/null 2>err &&
	test_grep "there is no password" err &&
	UB_PASSWORD=password alone ub cat-object -p $(cat id) >out && test_cmp file out &&
	UB_PASSWORD_FILE=$HOME/password alone ub cat-object -p $(cat id) >out &&
	test_cmp file out &&
	UB_PASSWORD_COMMAND="cat \"$HOME/password\"" alone ub cat-object -p $(cat id) >out &&
	test_cmp file out &&
	UB_PASSWORD_FD=7 alone ub cat-object -p $(cat id) 7<"$HOME/password" >out &&
	test_cmp file out
'

test_expect_success 'the first source that is set decides' '
	UB_PASSWORD=password UB_PASSWORD_FILE=wrong alone ub cat-object -p $(cat id) >out &&
	test_cmp file out &&
	UB_PASSWORD=wrong UB_PASSWORD_FILE=$HOME/password \
		test_expect_code 12 alone ub cat-object -p $(cat id) &&
	UB_PASSWORD= UB_PASSWORD_FILE=$HOME/password \
		test_expect_code 12 alone ub cat-object -p $(cat id) 2>err &&
	test_grep "UB_PASSWORD is empty" err
'

test_expect_success 'sources that give nothing are named' '
	UB_PASSWORD_FILE=missing test_must_fail alone ub cat-object -p $(cat id) 2>err &&
	test_grep "missing" err &&
	UB_PASSWORD_COMMAND="echo password; exit 3" \
		test_expect_code 12 alone ub cat-object -p $(cat id) 2>err &&
	test_grep "status 3" err &&
	UB_PASSWORD_FD=x test_expect_code 2 alone ub cat-object -p $(cat id) 2>err &&
	test_grep "UB_PASSWORD_FD" err &&
	UB_PASSWORD_FD=77 test_must_fail alone ub cat-object -p $(cat id) &&
	: >empty && test_expect_code 12 ub --password-file empty key list 2>err &&
	test_grep "empty" err
'

test_expect_success 'one newline at the end is not part of a password' '
	printf "password\r\n" >crlf && ub --password-file crlf key list >out &&
	printf password >bare && ub --password-file bare key list >out &&
	printf "password\n\n" >two && test_expect_code 12 ub --password-file two key list
'

test_expect_success 'the recovery words open too, and are checked as typed' '
	ub --password-file words cat-object -p $(cat id) >out && test_cmp file out &&
	ub key recovery --check <words 2>err && test_grep "open the repository" err &&
	tr a-z A-Z <words | ub key recovery --check &&
	sed "s/\([a-z]\{4\}\)[a-z]*/\1/g" words | ub key recovery --check
'

test_expect_success 'wrong words are refused with the reason' '
	sed "1s/^    [a-z]*/    abandn/" words >bad &&
	test_expect_code 12 ub key recovery --check <bad 2>err &&
	test_grep "word 1, .abandn., .*did you mean .abandon." err &&
	tr -s " \n" "  " <words | sed "s/ [a-z]* *$//" >bad &&
	test_expect_code 12 ub key recovery --check <bad 2>err && test_grep "23 words" err &&
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24
	do
		echo zoo
	done >bad &&
	test_expect_code 12 ub key recovery --check <bad 2>err && test_grep checksum err &&
	sed "24s/zoo/vote/" bad >other &&
	test_expect_code 12 ub key recovery --check <other 2>err &&
	test_grep "do not open this repository" err
'

test_expect_success 'a second password opens as well' '
	ub key add --label "in the safe" --kdf 8M:1 --new-password-file second >slot &&
	test_grep "^[0-9a-f]\{16\}$" slot &&
	ub key list >list && test_grep "^$(cat slot) password .*	in the safe$" list &&
	ub --password-file second cat-object -p $(cat id) >out && test_cmp file out &&
	ub --password-file "$HOME/password" cat-object -p $(cat id) >out && test_cmp file out
'

test_expect_success 'a changed password opens, the old one no more, and the truth is told' '
	test_expect_code 1 ub key passwd --kdf 8M:1 --new-password-file third 2>err &&
	test_grep "2 password slots" err &&
	cp -r "$UB_DIR" kept &&
	ub key passwd --kdf 8M:1 --new-password-file third $(cut -c1-8 slot) >new 2>err &&
	test_grep "kept a copy of the old slot" err &&
	test_expect_code 12 ub --password-file second key list &&
	ub --password-file third key list >list &&
	test_grep "^$(cat new) .*	in the safe$" list &&
	ub --repo kept --password-file second cat-object -p $(cat id) >out && test_cmp file out &&
	cp kept/keys/slot-$(cat slot) "$UB_DIR/keys/" &&
	ub --password-file second cat-object -p $(cat id) >out && test_cmp file out &&
	rm "$UB_DIR/keys/slot-$(cat slot)"
'

test_expect_success 'the slot that opened is the one whose password is changed' '
	UB_NEW_PASSWORD=fourth ub --password-file third key passwd --kdf 8M:1 >new &&
	echo fourth >fourth && ub --password-file fourth key list >out &&
	test_expect_code 12 ub --password-file third key list &&
	ub --password-file "$HOME/password" key list >out
'

test_expect_success 'a slot is removed' '
	ub key remove $(cat new) &&
	test_expect_code 12 ub --password-file fourth key list &&
	test_expect_code 1 ub key remove $(cat new) 2>err && test_grep "no key slot" err &&
	test_expect_code 2 ub key remove xyz && test_expect_code 2 ub key remove
'

test_expect_success 'new recovery words take the place of the old' '
	ub key recovery >fresh 2>err && test "$(wc -w <fresh)" = 24 &&
	test_grep "not shown again" err &&
	ub key recovery --check <fresh && test_expect_code 12 ub key recovery --check <words &&
	slots recovery >ids && test_line_count 1 ids &&
	ub key recovery --json >json 2>err &&
	sed "s/.*\"recovery_words\":\"\([a-z ]*\)\".*/\1/" json >fresh &&
	test "$(wc -w <fresh)" = 24 &&
	ub key recovery --check <fresh
'

test_expect_success 'the last slot that a person can open stays' '
	slots recovery >recovery && slots password >password &&
	ub key remove $(cat recovery) &&
	test_expect_code 13 ub key remove $(cat password) 2>err &&
	test_grep "last key slot" err &&
	ub key recovery >fresh && ub key remove $(cat password) &&
	slots recovery >recovery && test_expect_code 13 ub key remove $(cat recovery) &&
	ub --password-file fresh key add --kdf 8M:1 --new-password-file "$HOME/password" &&
	ub --password-file "$HOME/password" key list >out
'

test_expect_success 'a device slot can be given up and taken again' '
	ub key remove $(slots device) &&
	test_expect_code 12 ub key list </dev/null &&
	ub --password-file "$HOME/password" key add --device >slot &&
	ub key list >list && test_grep "^$(cat slot) device .* (this device)$" list &&
	test_expect_code 13 ub key add --device
'

test_expect_success 'options belong to their verbs, verbs are known' '
	test_expect_code 2 ub key && test_expect_code 2 ub key lisst &&
	test_expect_code 2 ub key list --check && test_expect_code 2 ub key list x &&
	test_expect_code 2 ub key add --kdf 1M:1 && test_expect_code 2 ub key add --kdf x &&
	test_expect_code 2 ub key add --device --label x &&
	test_expect_code 2 ub key recovery --label x &&
	test_expect_code 2 ub key add --label "$(printf "a\nb")" --new-password-file second
'

test_expect_success 'a folder copied to another machine opens with the password and reads' '
	cp -r "$UB_DIR" copy &&
	alone ub --repo copy --password-file "$HOME/password" cat-object -p $(cat id) >out &&
	test_cmp file out &&
	test_expect_code 12 alone ub --repo copy key list </dev/null
'

test_expect_success 'a device file that others can read is refused' '
	device=$(echo "$XDG_STATE_HOME"/ub/*/device) && chmod 644 "$device" &&
	test_expect_code 13 ub key list 2>err && test_grep "others may read" err &&
	chmod 600 "$device" && ub key list >out
'

test_done
