#!/bin/sh

test_description='patterns: what git leaves out, ub commit -e leaves out'
. "${0%/*}/test-lib.sh"

# left_out WANT RULE...: of the paths in ./paths; a path that ends in a slash is a folder.
left_out () {
	printf "%s\n" $1 | sed "/^$/d" >want && shift && printf "%s\n" "$@" >rules &&
	tr '\n' '\0' <paths | test-ignore rules | tr '\0' '\n' >out && test_cmp want out
}

test_expect_success 'setup' '
	printf "%s\n" a a.o b/ b/a b/a.o b/c/ b/c/a b/c/d/ b/c/d/a.o doc/ doc/x.txt doc/sub/ doc/sub/x.txt >paths
'

test_expect_success 'a name fits at every depth, a path where it says' '
	left_out "a b/a b/c/a" a && left_out "b/a" b/a && left_out "a" /a && left_out "b/ b/a b/a.o b/c/ b/c/a b/c/d/ b/c/d/a.o" b &&
	left_out "b/c/ b/c/a b/c/d/ b/c/d/a.o" /b/c
'

test_expect_success 'a slash at the end asks for a folder' '
	left_out "b/c/ b/c/a b/c/d/ b/c/d/a.o" c/ && left_out "" a/
'

test_expect_success 'stars do not pass slashes, two stars do' '
	left_out "a.o b/a.o b/c/d/a.o" "*.o" && left_out "b/a.o" "b/*.o" && left_out "b/a.o b/c/d/a.o" "b/**/*.o" &&
	left_out "doc/x.txt" "doc/*.txt" && left_out "doc/x.txt doc/sub/x.txt" "doc/**/*.txt" &&
	left_out "b/c/d/a.o" "**/d/a.o" && left_out "b/c/a b/c/d/ b/c/d/a.o" "b/c/**"
'

test_expect_success 'the last that fits decides; nothing comes back from a folder that is out' '
	left_out "a.o b/c/d/a.o" "*.o" "!b/a.o" && left_out "a.o b/a.o b/c/d/a.o" "!b/a.o" "*.o" &&
	left_out "b/ b/a b/a.o b/c/ b/c/a b/c/d/ b/c/d/a.o" "b" "!b/a"
'

test_expect_success 'comments, blanks, quoting, carriage returns, a byte order mark' '
	left_out "" "#a" "" "  " && left_out "a b/a b/c/a" "a  " && left_out "a b/a b/c/a" "\\a" &&
	printf "\357\273\277/a\r\n" >rules && tr "\n" "\0" <paths | test-ignore rules | tr "\0" "\n" >out &&
	echo a >want && test_cmp want out && printf "!x\0#x\0 x \0" >in &&
	printf "%s\n" "\\!x" "\\#x" " x\\ " >rules && test-ignore rules <in >out && test_cmp_bin in out
'

test_expect_success 'whatever the case' '
	printf "A.TMP\0b/a.Tmp\0[x]\0" >in && printf "%s\n" "*.tMp" >rules && test-ignore rules fold <in | tr "\0" "\n" >out &&
	printf "%s\n" A.TMP b/a.Tmp >want && test_cmp want out && test-ignore rules <in >out && test_must_be_empty out &&
	printf "%s\n" "[A]*" "!*[^a-y]" >rules && printf "ab\0Ab\0aZ\0az\0" >in && test-ignore rules fold <in | tr "\0" "\n" >out &&
	printf "%s\n" ab Ab >want && test_cmp want out
'

# A pattern of many stars against a long name: the time is bounded.
test_expect_success 'no pattern takes forever' '
	/usr/bin/python3 -c "print(\"/\".join([\"**/\" + \"*a\" * 40] * 20) + \"b\")" >rules &&
	/usr/bin/python3 -c "import sys; sys.stdout.write(\"/\".join([\"a\" * 200] * 100) + \"\0\")" >in &&
	timeout 20 test-ignore rules <in >out && test_must_be_empty out
'

# The tree has names that are not ASCII.
test_expect_success GIT 'random rules over a tree of odd names: as git check-ignore' '
	LC_ALL=C.UTF-8 /usr/bin/python3 "$TEST_DIRECTORY/ignore-cases.py" "$PWD" "${UB_TEST_ROUNDS:-300}" 3
'

test_done
