#!/bin/sh

test_description='no key is in a core image or in a file but those of the state folder'
. "${0%/*}/test-lib.sh"

keys=$HOME/keys

# no_keys_in FILE...: at least one file, and none has a key in it
no_keys_in () {
	test $# -gt 0 && test -e "$1" && test-find-keys "$keys" "$@"
}

# All files but those of the state folder, where device and admin keys are at home.
all_files () {
	find "$UB_DIR" "$HOME" "$TMPDIR" "$TRASH_DIRECTORY" -type f ! -path "$XDG_STATE_HOME/*" \
		! -path "$keys*" ! -name "core.*"
}

# ub that lets itself be looked into; in a subshell, which it replaces
looked_into () {
	UB_TEST_CORE=1 UB_TEST_KEYS=$keys && export UB_TEST_CORE UB_TEST_KEYS && exec ub "$@"
}

# core_of PID NAME: an image of the process as it is now
core_of () {
	gcore -o "$2" "$1" >gcore.out 2>&1 && mv "$2.$1" "$2" && test_file_size "$2" >size &&
	test "$(cat size)" -gt 1000000
}

test_expect_success 'setup: a repository, its keys known to the test' '
	UB_TEST_KEYS=$keys test_init_repo &&
	cp "$keys" "$keys.init" &&
	test_random 12000000 >data &&
	find "$UB_DIR" -type f >files && test -s files
'

test_expect_success 'the search finds what is there' '
	test_expect_code 1 test-find-keys "$keys" "$XDG_STATE_HOME"/ub/*/device >found &&
	test_grep "device at" found && test_grep "device-slot at" found &&
	test_expect_code 1 test-find-keys "$keys" "$XDG_STATE_HOME"/ub/*/admin >found &&
	test_grep "admin at" found &&
	test_expect_code 1 test-find-keys "$keys" "$keys" >found &&
	for name in master wrap box id chunker cache owner
	do
		test_grep "$name at" found || return 1
	done
'

test_expect_success 'init leaves no key in a file' '
	all_files >files && xargs -d "\n" test-find-keys "$keys" <files
'

test_expect_success GDB,!SAN 'a core image of a writing ub has no key' '
	test_when_finished "exec 9>&-; kill \$pid 2>/dev/null; wait \$pid || :" &&
	mkfifo fifo &&
	{ looked_into hash-object -w --stdin <fifo >id & } && pid=$! &&
	exec 9>fifo && cat data >&9 && sleep 1 &&
	core_of $pid core.write &&
	no_keys_in core.write &&
	gdb -batch -p $pid -ex "set dump-excluded-mappings on" \
		-ex "set use-coredump-filter off" -ex "gcore core.all" >gdb.out 2>&1 &&
	test_expect_code 1 test-find-keys "$keys" core.all >found &&
	test_grep "master at" found && test_grep "id at" found
'

test_expect_success GDB,!SAN 'a core image of a ub that opened with a password has none either' '
	test_when_finished "exec 9>&-; kill \$pid 2>/dev/null; wait \$pid || :" &&
	rm -f fifo && mkfifo fifo &&
	{ looked_into --password-file "$HOME/password" hash-object -w --stdin <fifo >id & } &&
	pid=$! &&
	exec 9>fifo && cat data >&9 && sleep 1 &&
	core_of $pid core.password &&
	no_keys_in core.password
'

test_expect_success GDB,!SAN 'a core image of a reading ub has no key' '
	test_when_finished "exec 8<&-; kill \$pid 2>/dev/null; wait \$pid || :" &&
	ub hash-object -w data >id && rm -f fifo && mkfifo fifo &&
	{ looked_into cat-object -p $(cat id) >fifo & } && pid=$! &&
	exec 8<fifo && head -c 1500000 <&8 >part && sleep 1 &&
	core_of $pid core.read &&
	no_keys_in core.read
'

test_expect_success 'work leaves no key in a file' '
	ub hash-object -w data >id && ub cat-object -p $(cat id) >copy && test_cmp_bin data copy &&
	ub key list >list &&
	echo second >second && ub key add --kdf 8M:1 --new-password-file second >slot &&
	ub key remove $(cat slot) &&
	rm -f core.* &&
	all_files >files && xargs -d "\n" test-find-keys "$keys" <files &&
	xargs -d "\n" test-find-keys "$keys.init" <files
'

test_expect_success GDB,!SAN 'unless a test asks, ub cannot be looked into' '
	test_when_finished "exec 9>&-; kill \$pid 2>/dev/null; wait \$pid || :" &&
	rm -f fifo && mkfifo fifo &&
	{ ub hash-object -w --stdin <fifo >id & } && pid=$! &&
	exec 9>fifo && cat data >&9 && sleep 1 &&
	grep "Max core file size *0 *0" /proc/$pid/limits &&
	test "$(stat -c %U /proc/$pid/mem)" = root
'

test_done
