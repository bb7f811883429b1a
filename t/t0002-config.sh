#!/bin/sh

test_description='ub config: files of settings, who wins, what is refused'
. "${0%/*}/test-lib.sh"

user=$XDG_CONFIG_HOME/ub/config

test_expect_success 'a setting that is not there is status 1 and no word' '
	test_expect_code 1 ub config core.compression >out 2>err &&
	test_must_be_empty out && test_must_be_empty err
'

test_expect_success 'a setting of the user is written and read' '
	ub config --global core.compression 3 &&
	echo 3 >expect && ub config core.compression >actual && test_cmp expect actual &&
	printf "[core]\n\tcompression = 3\n" >expect && test_cmp expect "$user"
'

test_expect_success 'names fold case as those of git do' '
	echo 3 >expect && ub config CORE.Compression >actual && test_cmp expect actual
'

test_expect_success 'comments and unknown settings outlive a change' '
	printf "# mine\n[other \"Sub\"]\n\tThing = x y # why\n" >>"$user" &&
	ub config --global core.lockWait 5 &&
	test_grep "^# mine" "$user" && test_grep "# why" "$user" &&
	echo "x y" >expect && ub config other.Sub.thing >actual && test_cmp expect actual
'

test_expect_success 'a value comes back as it went in' '
	value="  a \"b\" \\ # ; c	d" &&
	ub config --global some.value "$value" &&
	printf "%s\n" "$value" >expect && ub config some.value >actual && test_cmp expect actual
'

test_expect_success 'a setting can be removed, once' '
	ub config --global --unset some.value &&
	test_expect_code 1 ub config some.value &&
	test_expect_code 1 ub config --global --unset some.value 2>err &&
	test_grep "some.value" err
'

test_expect_success 'the system is weaker than the user, the environment stronger' '
	mkdir -p "$UB_TEST_ETC" &&
	printf "[core]\n\tcompression = 7\n\tmemory = 200M\n" >"$UB_TEST_ETC/config" &&
	echo 3 >expect && ub config core.compression >actual && test_cmp expect actual &&
	echo 200M >expect && ub config core.memory >actual && test_cmp expect actual &&
	echo 9 >expect && UB_CORE_COMPRESSION=9 ub config core.compression >actual &&
	test_cmp expect actual
'

test_expect_success 'origins are shown with file and line' '
	printf "%s:3\t200M\n" "$UB_TEST_ETC/config" >expect &&
	ub config --show-origin core.memory >actual && test_cmp expect actual &&
	printf "UB_CORE_LOCKWAIT\t9\n" >expect &&
	UB_CORE_LOCKWAIT=9 ub config --show-origin core.lockWait >actual && test_cmp expect actual
'

test_expect_success 'a list has everything, the strongest last' '
	ub config --list >actual && grep ^core.compression actual >found &&
	printf "core.compression=7\ncore.compression=3\n" >expect && test_cmp expect found &&
	ub config --list --show-origin >actual && test_grep "^$user:[0-9]*	core.lockwait=5" actual
'

test_expect_success 'a list is also JSON, and NUL-terminated' '
	ub config --list --json >actual &&
	test_grep "^{\"type\":\"setting\",\"key\":\"core.memory\",\"value\":\"200M\",\"origin\":" actual &&
	ub config -z --list | tr "\0\n" "|=" >actual && test_grep "core.memory=200M|" actual
'

test_expect_success 'a value that a known setting cannot have is refused and changes nothing' '
	cp "$user" before &&
	for setting in "core.compression 99" "core.compression x" "core.memory 1K" "core.memory lots" \
		"core.lockWait 1.5" "commit.verify maybe"
	do
		test_expect_code 2 ub config --global $setting 2>err &&
		test_grep "${setting%% *}" err || return 1
	done &&
	test_cmp before "$user"
'

test_expect_success 'a file that makes no sense is an error with file and line' '
	cp "$user" before && test_when_finished "cp before \"$user\"" &&
	printf "[core\n" >>"$user" &&
	test_expect_code 2 ub config --list 2>err &&
	test_grep "$user:[0-9]" err
'

test_expect_success 'what is no setting is refused' '
	for key in nodot .x x.
	do
		test_expect_code 2 ub config "$key" 2>err && test_grep "SECTION.NAME" err || return 1
	done &&
	test_expect_code 2 ub config &&
	test_expect_code 2 ub config a.b c d &&
	test_expect_code 2 ub config --list a.b
'

test_expect_success 'without a repository there is no repository setting to write' '
	test_expect_code 10 ub config core.lockWait 1 2>err && test_grep "$UB_DIR" err
'

test_expect_success 'a repository has settings, and they win over those of the user' '
	test_init_repo &&
	ub config core.compression 5 &&
	echo 5 >expect && ub config core.compression >actual && test_cmp expect actual &&
	ub config --global core.compression >actual && echo 3 >expect && test_cmp expect actual
'

test_expect_success 'what the repository is cannot be set' '
	cp "$UB_DIR/config" before &&
	test_expect_code 13 ub config core.format 1 2>err && test_grep core.format err &&
	test_expect_code 13 ub config --unset core.ID &&
	test_cmp before "$UB_DIR/config"
'

test_expect_success 'a repository whose own file makes no sense is damaged' '
	cp "$UB_DIR/config" before && test_when_finished "cp before \"$UB_DIR/config\"" &&
	printf "[core\n" >>"$UB_DIR/config" &&
	test_expect_code 6 ub key list 2>err && test_grep "$UB_DIR/config" err &&
	test_expect_code 6 ub fsck && test_expect_code 6 ub config --list
'

test_expect_success 'files of git are left alone' '
	printf "[core]\n\tgitthing = yes\n" >"$HOME/.gitconfig" &&
	test_expect_code 1 ub config core.gitthing
'

test_expect_success 'a link to a file of settings stays a link' '
	mv "$user" "$HOME/real" && ln -s "$HOME/real" "$user" &&
	ub config --global core.lockWait 6 &&
	test -L "$user" && test_grep "lockWait = 6" "$HOME/real"
'

test_done
