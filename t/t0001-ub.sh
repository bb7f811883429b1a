#!/bin/sh

test_description='the command itself: verbs, common options, help, exit statuses'
. "${0%/*}/test-lib.sh"

test_expect_success 'the version is one line' '
	ub --version >actual &&
	test_grep "^ub [0-9]*\.[0-9]*\.[0-9]*" actual &&
	test_line_count 1 actual &&
	ub version >expect &&
	test_cmp expect actual
'

test_expect_success 'the version is also JSON' '
	ub --json version >actual && test_grep "^{\"type\":\"version\",\"version\":\"[^\"]*\"}$" actual &&
	ub version --json >again && test_cmp actual again &&
	ub version --json --no-json >again && ub version >expect && test_cmp expect again
'

test_expect_success 'help lists every command of commands.def' '
	ub help >help && ub -h >actual && test_cmp help actual &&
	ub --help >actual && test_cmp help actual &&
	sed -n "s/^COMMAND(\"\([^\"]*\)\".*/\1/p" "$SOURCE_DIRECTORY/builtin/commands.def" >names &&
	while read -r name
	do
		test_grep "^    $name " help || return 1
	done <names
'

test_expect_success 'every command answers -h on standard output and changes nothing' '
	while read -r name
	do
		ub "$name" -h >usage 2>err &&
		test_must_be_empty err &&
		test_grep "^usage: ub $name" usage &&
		ub "$name" --help >again && test_cmp usage again || return 1
	done <names &&
	test_path_is_missing "$UB_DIR"
'

test_expect_success 'help shows the manual where man does not' '
	for name in $(cat names)
	do
		PATH="$UB_BUILD/test" ub help "$name" >actual &&
		grep -v "^:doctype:\|^\[verse\]" "$SOURCE_DIRECTORY/Documentation/ub-$name.adoc" >expect &&
		test_cmp expect actual || return 1
	done &&
	PATH="$UB_BUILD/test" ub help ub >actual && test_grep "^== EXIT STATUS" actual &&
	test_expect_code 2 ub help nosuch 2>err && test_grep "no manual for .nosuch." err
'

test_expect_success 'no command at all is wrong usage, with the list on standard error' '
	test_expect_code 2 ub >out 2>err &&
	test_must_be_empty out && test_grep "^usage:" err
'

test_expect_success 'an unknown verb suggests the nearest' '
	test_expect_code 2 ub hash-objekt 2>err &&
	test_grep "^ub: .hash-objekt. is not a command of ub; did you mean .hash-object.?$" err &&
	test_expect_code 2 ub verison 2>err && test_grep "did you mean .version." err &&
	test_expect_code 2 ub xyzzyplugh 2>err && test_grep "see .ub help." err
'

test_expect_success 'an unknown option is named, wherever it stands' '
	for args in "--bogus version" "version --bogus" "version x --bogus" "version -Z"
	do
		test_expect_code 2 ub $args 2>err &&
		test_grep "unknown option .-" err || return 1
	done
'

test_expect_success 'options are not abbreviated' '
	test_expect_code 2 ub --vers 2>err && test_grep "unknown option .--vers." err
'

test_expect_success 'an option without its value, or with one too many, is refused' '
	test_expect_code 2 ub --repo 2>err && test_grep "value is missing" err &&
	test_expect_code 2 ub --json=yes version 2>err && test_grep "no value is wanted" err
'

test_expect_success 'a failure under --json ends standard error with one object' '
	test_expect_code 2 ub --json version extra 2>err &&
	tail -n 1 err >last &&
	test_grep "^{\"type\":\"error\",\"code\":\"usage\",\"exit\":2,\"message\":\"" last
'

test_expect_success '--json and --dry-run are refused where they mean nothing' '
	test_expect_code 2 ub --json help 2>err && test_grep "has no --json" err &&
	test_expect_code 2 ub -n version 2>err && test_grep "has no --dry-run" err
'

test_expect_success 'behind the verb common letters count, but its own win' '
	test_expect_code 10 ub rev-parse -r nowhere HEAD 2>err && test_grep nowhere err &&
	test_expect_code 10 ub -r nowhere cat-tree -r 1234567 2>err && test_grep nowhere err
'

test_expect_success 'a failed write to standard output is an error' '
	test_expect_code 1 ub help >/dev/full 2>err &&
	test_grep "cannot write to standard output" err
'

test_expect_success 'a reader that goes away is an error, not a signal' '
	{ ub help; echo $? >status; } 2>err | : &&
	test "$(cat status)" = 0 || test "$(cat status)" = 1
'

test_expect_success 'an interrupted command says so and ends with 130 or 143' '
	test_init_repo && mkfifo fifo &&
	for signal in INT:130 TERM:143
	do
		env --default-signal=INT ub hash-object -w --stdin <fifo 2>err &
		pid=$! &&
		exec 9>fifo &&
		test_random 9M >&9 && kill -${signal%:*} $pid && { test_random 9M >&9 || :; } &&
		exec 9>&- &&
		test_expect_code ${signal#*:} wait $pid || return 1
	done &&
	ub fsck
'

test_expect_success 'a closed descriptor never becomes a file of the repository' '
	head -c 300000 /dev/urandom >file && id=$(ub hash-object -w file) &&
	test_expect_code 1 ub hash-object --stdin <&- 2>err && test_grep "standard input" err &&
	test_expect_code 1 ub pack <&- 2>err && test_grep "standard input" err &&
	test_expect_code 1 ub mktree <&- 2>err && test_grep "standard input" err &&
	head -c 300000 /dev/urandom >file &&
	test_expect_code 1 ub hash-object -w file >&- 2>err && test_grep "standard output" err &&
	head -c 300000 /dev/urandom >file &&
	test_expect_code 1 ub hash-object -w file nowhere <&- >&- 2>&- &&
	test_expect_code 0 ub cat-object -e $id <&- >&- 2>&- &&
	ub fsck
'

test_expect_success 'a limit on the size of files is an error, not a signal' '
	head -c 3000000 /dev/urandom >file &&
	(ulimit -f 1000 && test_expect_code 1 ub hash-object -w file) 2>err &&
	test_grep "File too large" err && ub fsck && ub hash-object -w file
'

test_expect_success 'a message is one line, whatever is in a name' '
	test_expect_code 1 ub rev-parse "$(printf "no\n\033[31mwh\303\266r\377")" 2>err &&
	test_line_count 1 err &&
	printf "no\\\\n\\\\033[31mwh\303\266r\\\\377" >expect &&
	grep -qF "$(cat expect)" err
'

test_expect_success 'a long name leaves room for the reason' '
	long=$(printf "%06000d" 0) &&
	test_expect_code 1 ub hash-object "$long" 2>err && test_line_count 1 err &&
	test_grep "0\.\.\.: File name too long$" err &&
	test_expect_code 1 ub rev-parse "x$long" 2>err && test_line_count 1 err &&
	test_grep "^ub: revision .x00*\.\.\.: " err
'

test_expect_success 'what is wrong before --json is told in JSON too' '
	for args in "nosuch --json" "rev-list --bogus --json" "--bogus --json rev-list"
	do
		test_expect_code 2 ub $args 2>err &&
		test_grep "^{\"type\":\"error\",\"code\":\"usage\",\"exit\":2," err || return 1
	done &&
	test_expect_code 1 ub rev-list -- --json 2>err && test_grep "^ub: " err
'

test_expect_success ROOT 'sudo uses the repository of root, and says so when the caller has one' '
	(
		mkdir -p caller/.local/share/ub && unset UB_DIR &&
		SUDO_USER=ann UB_TEST_SUDO_HOME=$PWD/caller && export SUDO_USER UB_TEST_SUDO_HOME &&
		test_expect_code 10 ub key list 2>err && test_grep ! ann err &&
		: >caller/.local/share/ub/config &&
		test_expect_code 10 ub key list 2>err && test_grep "not that of ann" err &&
		test_expect_code 10 ub -q key list 2>err && test_grep ! ann err &&
		test_expect_code 10 ub --repo nowhere key list 2>err && test_grep ! ann err
	)
'

test_expect_success 'version and help need no HOME' '
	(
		unset HOME XDG_DATA_HOME UB_DIR &&
		ub --version && ub help && ub help init && ub version --json &&
		test_expect_code 10 ub rev-parse HEAD 2>err && test_grep HOME err
	)
'

test_expect_success 'progress is shown when asked for, and not to a file otherwise' '
	ub fsck 2>err && test_grep ! "checking packs" err &&
	ub fsck --progress 2>err && test_grep "^checking packs: 1 of [0-9]* ([0-9]*%)$" err &&
	ub fsck --progress --json 2>err &&
	test_grep "^{\"type\":\"status\",\"percent_done\":[01]\.[0-9]*,\"packs_done\":1,\"packs_total\":" err &&
	test_random 3M >file && ub hash-object --progress file 2>err &&
	test_grep "^hashing: [0-9.]* [KM]iB$" err &&
	mkdir tree && cp file tree/one && test_random 9M 2 >tree/two && ub add tree &&
	ub commit --progress -m one 2>err &&
	test_grep "^committing: \([0-9]* files*, \)*[0-9.]* [KM]iB$" err && sleep 0.1 &&
	ub commit --progress --json --force -m two 2>err &&
	test_grep "^{\"type\":\"status\",\"percent_done\":[01]\.[0-9]*,\"bytes_done\":[0-9]*,\"bytes_total\":12582912,.*\"seconds_remaining\":[0-9]*}$" err
'

test_expect_success PTY 'on a terminal nothing is left of it' '
	cat >on-terminal.py <<-\EOF &&
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.execvp(sys.argv[1], sys.argv[1:])
	try:
	    while piece := os.read(fd, 4096):
	        os.write(1, piece)
	except OSError:
	    pass
	EOF
	"$PYTHON" on-terminal.py sh -c "{ cat file; sleep 1.2; cat file file; sleep 0.3; cat file; } |
		ub hash-object --stdin" >shown &&
	test_grep "hashing: " shown &&
	tr "\r" "\n" <shown | tail -n 2 | head -n 1 | sed "s/.*\[K//" >last &&
	test_grep "^[0-9a-f]\{64\}$" last
'

test_expect_success 'a repository that is not there is status 10' '
	test_expect_code 10 ub --repo nowhere cat-object -t 1234567 2>err &&
	test_grep nowhere err &&
	test_expect_code 10 ub cat-object --repo nowhere -t 1234567 2>err &&
	test_grep nowhere err
'

test_done
