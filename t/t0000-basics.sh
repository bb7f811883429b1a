#!/bin/sh

test_description='the tests test: what test-lib.sh promises'
. "${0%/*}/test-lib.sh"

# A script of its own, so that its results do not count here.
run_sub () {
	mkdir -p sub && {
		echo 'test_description=sub'
		# shellcheck disable=SC2016
		echo '. "$TEST_DIRECTORY/test-lib.sh"'
		cat
		echo test_done
	} >sub/t9999-sub.sh &&
	sed "s|^TEST_DIRECTORY=.*|TEST_DIRECTORY=$TEST_DIRECTORY|" "$TEST_DIRECTORY/test-lib.sh" \
		>sub/test-lib.sh &&
	sed -i "s|^\. .*|. $PWD/sub/test-lib.sh|" sub/t9999-sub.sh &&
	sh sub/t9999-sub.sh
}

test_expect_success 'a passing test is ok' '
	echo "test_expect_success \"title\" true" | run_sub >actual &&
	printf "ok 1 - title\n1..1\n" >expect &&
	test_cmp expect actual
'

test_expect_success 'a failing test is not ok, and fails its script' '
	test_must_fail run_sub >actual <<-\EOF &&
	test_expect_success "title" false
	EOF
	test_grep "^not ok 1 - title" actual
'

test_expect_success 'a known breakage fails nothing until it vanishes' '
	run_sub >actual <<-\EOF &&
	test_expect_failure "title" false
	EOF
	test_grep "^not ok 1 - title # TODO" actual &&
	test_must_fail run_sub >actual <<-\EOF &&
	test_expect_failure "title" true
	EOF
	test_grep "^not ok 1 - title (known breakage has vanished)" actual
'

test_expect_success 'a script that stops half way fails' '
	test_must_fail run_sub >actual <<-\EOF &&
	test_expect_success "title" true
	exit 0
	EOF
	test_grep "ended before test_done" actual
'

test_expect_success 'a test without its prerequisite is skipped' '
	run_sub >actual <<-\EOF &&
	test_expect_success NOT_THERE "title" false
	EOF
	test_grep "^ok 1 # skip title (needs NOT_THERE)" actual
'

test_expect_success 'a crash is no refusal' '
	test_must_fail test_must_fail sh -c "kill -SEGV \$\$" &&
	test_must_fail test_must_fail true &&
	test_must_fail false
'

test_expect_success 'an exit status is compared exactly' '
	test_expect_code 6 sh -c "exit 6" &&
	test_must_fail test_expect_code 6 sh -c "exit 5"
'

test_expect_success 'flip_bit changes one bit, and a second time changes it back' '
	printf "abc\n" >file && printf "aBc\n" >expect &&
	flip_bit file 1 5 && test_cmp expect file &&
	flip_bit file -3 5 && printf "abc\n" >expect && test_cmp expect file &&
	printf "\n\0\377" >bin && cp bin before &&
	flip_bit bin 1 && ! cmp -s bin before && flip_bit bin 1 && test_cmp_bin before bin
'

test_expect_success 'test_random gives the same bytes for a seed' '
	test_random 100K 7 >a && test_random 100K 7 >b && test_random 100K 8 >c &&
	test_cmp_bin a b && ! cmp -s a c && test "$(test_file_size a)" = 102400
'

test_expect_success 'nothing of the user is in reach' '
	case $HOME in "${UB_TRASH:-$UB_BUILD}"/*) ;; *) false ;; esac &&
	case $UB_DIR in "${UB_TRASH:-$UB_BUILD}"/*) ;; *) false ;; esac
'

test_done
