#!/bin/sh

test_description='damaged key files: named, told from a wrong password, gone around where possible'
. "${0%/*}/test-lib.sh"

# The slot file of this type.
slot_file () {
	ub key list | sed -n "s|^\([0-9a-f]*\) $1 .*|$UB_DIR/keys/slot-\1|p"
}

test_expect_success 'setup' '
	test_init_repo && unset UB_PASSWORD_FILE &&
	ub init --kdf 8M:1 --password-file "$HOME/password" other >other.out &&
	password=$(slot_file password) && device=$(slot_file device) &&
	recovery=$(slot_file recovery) && keyring=$UB_DIR/keys/keyring &&
	genesis=$UB_DIR/keys/genesis &&
	state=$XDG_STATE_HOME/ub/$(ub config core.id)/device &&
	test_path_exists "$password" && test_path_exists "$device" && test_path_exists "$state" &&
	echo wrong >wrong
'

# damages FILE: run `check`, with the file damaged in each of some ways
damages () {
	cp -p "$1" saved &&
	for way in first middle last cut empty zero other
	do
		size=$(test_file_size saved) &&
		case $way in
		first) flip_bit "$1" 3 ;;
		middle) flip_bit "$1" $((size / 2)) 5 ;;
		last) flip_bit "$1" -1 7 ;;
		cut) head -c $((size - 1)) saved >"$1" ;;
		empty) : >"$1" ;;
		zero) head -c $size /dev/zero >"$1" ;;
		other) cp "$2" "$1" ;;
		esac &&
		chmod 600 "$1" &&
		{ check || { echo "file $1, damaged: $way"; cat err; return 1; }; } &&
		cat saved >"$1" || return 1
	done && ub key list >out
}

test_expect_success 'a damaged genesis record or keyring is named' '
	check () {
		test_expect_code 6 ub key list 2>err && test_grep "keys/genesis" err &&
		test_expect_code 6 ub --password-file "$HOME/password" key list 2>err &&
		test_grep "keys/genesis" err
	} && damages "$genesis" other/keys/genesis &&
	check () {
		test_expect_code 6 ub key list 2>err && test_grep "keys/keyring" err &&
		test_expect_code 6 ub --password-file "$HOME/password" key list 2>err &&
		test_grep "keys/keyring" err
	} && damages "$keyring" other/keys/keyring
'

test_expect_success 'a damaged password slot is told from a wrong password' '
	check () {
		test_expect_code 6 ub --password-file "$HOME/password" key list 2>err &&
		test_grep "${password##*/}" err &&
		test_expect_code 6 ub --password-file wrong key list 2>err &&
		test_grep "${password##*/}" err
	} && damages "$password" "$device"
'

test_expect_success 'and is listed as damaged when another slot opens' '
	check () {
		test_expect_code 6 ub key list >out && test_grep "^[0-9a-f]* damaged - -" out &&
		test_expect_code 6 ub key list --json >out && test_grep "\"problem\":" out
	} && damages "$password" "$(ls other/keys/slot-* | head -n 1)"
'

test_expect_success 'a damaged device slot is a warning where the password opens' '
	check () {
		test_expect_code 6 ub key list 2>err </dev/null && test_grep "${device##*/}" err &&
		UB_PASSWORD_FILE=$HOME/password test_expect_code 6 ub key list 2>err >out &&
		test_grep "warning: .*${device##*/}" err && test_grep damaged out &&
		UB_PASSWORD_FILE=wrong test_expect_code 12 ub key list
	} && damages "$device" "$recovery"
'

test_expect_success 'so is a damaged device file' '
	check () {
		test_expect_code 6 ub key list 2>err </dev/null && test_grep "/device" err &&
		ub --password-file "$HOME/password" key list 2>err &&
		test_grep "warning: .*/device" err
	} && damages "$state" "$keyring"
'

test_expect_success 'a missing key file is named' '
	for file in "$genesis" "$keyring"
	do
		mv "$file" aside &&
		test_expect_code 6 ub key list 2>err && test_grep "${file##*/}" err &&
		mv aside "$file" || return 1
	done
'

test_expect_success 'a damaged recovery slot is found by its check' '
	grep -A3 "^    [a-z]* [a-z]* [a-z]* [a-z]* [a-z]* [a-z]*$" "$HOME/init.out" |
		head -n 4 >words &&
	ub key recovery --check <words &&
	flip_bit "$recovery" 100 && test_expect_code 6 ub key recovery --check <words 2>err &&
	test_grep "${recovery##*/}" err
'

test_done
