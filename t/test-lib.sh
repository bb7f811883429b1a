# shellcheck shell=sh
# What test scripts are made of.  A script sets test_description, sources this file as
#
#	. "${0%/*}/test-lib.sh"
#
# runs tests and ends in test_done.  It runs in an empty folder of its own under build/trash,
# with HOME, XDG_*, TMPDIR and UB_DIR inside it, and `ub` is the test build.
#
# Options: -v show what tests print, -x trace them, -i stop at the first failure and keep the
# folder, --keep keep it anyway, -r N[,N...] run only tests of these numbers.

test_name=${0##*/}
test_name=${test_name%.sh}
TEST_DIRECTORY=$(cd "${0%/*}" && pwd) || exit 1
SOURCE_DIRECTORY=${TEST_DIRECTORY%/t}
: "${UB_BUILD:=$SOURCE_DIRECTORY/build}"
export TEST_DIRECTORY SOURCE_DIRECTORY UB_BUILD

verbose= trace= immediate= keep= only=
while test $# -gt 0
do
	case $1 in
	-v) verbose=t ;;
	-x) verbose=t trace=t ;;
	-i) immediate=t ;;
	--keep) keep=t ;;
	-r) only=,$2, && shift ;;
	*) echo "$test_name: unknown option $1" >&2 && exit 1 ;;
	esac
	shift
done

if ! test -x "$UB_BUILD/test/ub"
then
	echo "$test_name: there is no $UB_BUILD/test/ub: run make test-build" >&2
	exit 1
fi

# Nothing of the caller's gets in. ---------------------------------------------------------------

for variable in $(env | sed -n 's/^\(UB_[A-Za-z0-9_]*\|XDG_[A-Z_]*\|AWS_[A-Z_]*\)=.*/\1/p')
do
	case $variable in
	UB_BUILD|UB_TEST_SAN|UB_TEST_BACKEND|UB_TRASH|UB_TEST_LONG) ;;
	*) unset "$variable" ;;
	esac
done
unset CDPATH GREP_OPTIONS NO_COLOR PAGER MAKEFLAGS
LC_ALL=C LANG=C TZ=UTC
export LC_ALL LANG TZ
umask 022

trash_base=${UB_TRASH:-$UB_BUILD/trash}/$test_name
# Folders without rights, files that are immutable: all goes.
test_remove () {
	rm -rf "$@" 2>/dev/null && return
	chattr -R -f -i -a "$@" 2>/dev/null
	chmod -R u+rwX "$@" 2>/dev/null
	rm -rf "$@"
}

test_remove "$trash_base" && mkdir -p "$trash_base/work" "$trash_base/home" "$trash_base/tmp" || exit 1
TRASH_DIRECTORY=$trash_base/work
HOME=$trash_base/home
TMPDIR=$trash_base/tmp
XDG_DATA_HOME=$HOME/data XDG_CONFIG_HOME=$HOME/config XDG_STATE_HOME=$HOME/state
XDG_CACHE_HOME=$HOME/cache
UB_DIR=$TRASH_DIRECTORY/repo
UB_TEST_ETC=$trash_base/etc
UB_RELEASE=$UB_BUILD/ub
UB_TEST_NOSYNC=1	# waits for no disk
PATH=$UB_BUILD/test:$UB_BUILD/test/helper:$PATH
export TRASH_DIRECTORY HOME TMPDIR XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
export UB_DIR UB_TEST_ETC UB_TEST_NOSYNC UB_RELEASE PATH

# A sanitizer's finding is a crash, which no test takes for a refusal.
ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:allocator_may_return_null=1
UBSAN_OPTIONS=abort_on_error=1:halt_on_error=1:print_stacktrace=1
TSAN_OPTIONS=abort_on_error=1:halt_on_error=1
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

test_count=0 test_failed=0 test_finished=

exec 5>&1
if test -n "$verbose"
then
	exec 3>&1 4>&2
else
	exec 3>>"$trash_base/log" 4>&3
fi

# What is there to test with: test_set_prereq NAME, test_have_prereq NAME,... ----------------------

test_prereqs=,
test_set_prereq () {
	test_prereqs=$test_prereqs$1,
}

# A leading ! asks for the opposite.
test_have_prereq () {
	for prereq in $(echo "$1" | tr , ' ')
	do
		case $prereq in
		!*)
			case $test_prereqs in
			*,"${prereq#!}",*) return 1 ;;
			esac ;;
		*)
			case $test_prereqs in
			*,"$prereq",*) ;;
			*) return 1 ;;
			esac ;;
		esac
	done
}

test "$(id -u)" = 0 && test_set_prereq ROOT
test -z "$UB_TEST_SAN" || test_set_prereq SAN
command -v git >/dev/null && test_set_prereq GIT
command -v gdb >/dev/null && test_set_prereq GDB
# The reader in contrib/ wants Debian's modules; another python3 may stand before that one.
for PYTHON in python3 /usr/bin/python3 ''
do
	test -n "$PYTHON" && "$PYTHON" -c 'import nacl' 2>/dev/null && test_set_prereq PYTHON && break
done
export PYTHON
test -n "$PYTHON" && "$PYTHON" -c 'import pty; pty.openpty()' 2>/dev/null && test_set_prereq PTY

# Tests -------------------------------------------------------------------------------------------

test_run () {
	test_cleanup=:
	test -z "$trace" || set -x
	eval "$1" </dev/null >&3 2>&4
	test_status=$?
	test -z "$trace" || set +x
	eval "$test_cleanup" </dev/null >&3 2>&4 || test_status=1
	cd "$TRASH_DIRECTORY" || exit 1
	return $test_status
}

# A command for when this test is over, however it ends.
test_when_finished () {
	test_cleanup="{ $*
	} && { $test_cleanup
	}"
}

# True when the test is to be run; else it has been answered.
test_begin () {
	test_count=$((test_count + 1))
	test -z "$verbose" || echo "# --- $test_count: $2"
	case $only in
	''|*,$test_count,*) ;;
	*) return 1 ;;
	esac
	if ! test_have_prereq "$1"
	then
		echo "ok $test_count # skip $2 (needs $1)"
		return 1
	fi
	test -n "$verbose" || : >"$trash_base/log"
}

test_report_failure () {
	test_failed=$((test_failed + 1))
	echo "not ok $test_count - $1"
	test -n "$verbose" || sed 's/^/# /' "$trash_base/log" | tail -n 60
	printf '%s\n' "$2" | sed 's/^/#	/'
	test -z "$immediate" || { keep=t; test_finished=t; exit 1; }
}

# test_expect_success [PREREQ] 'a sentence that is true when the test passes' 'script'
test_expect_success () {
	test $# = 3 || set -- '' "$@"
	test_begin "$1" "$2" || return 0
	if test_run "$3"
	then
		echo "ok $test_count - $2"
	else
		test_report_failure "$2" "$3"
	fi
}

# A known bug: fails for now.  When it no longer does, somebody should hear of it.
test_expect_failure () {
	test $# = 3 || set -- '' "$@"
	test_begin "$1" "$2" || return 0
	if test_run "$3"
	then
		test_report_failure "$2 (known breakage has vanished)" ''
	else
		echo "not ok $test_count - $2 # TODO known breakage"
	fi
}

test_skip_all () {
	echo "ok 1 # skip $test_name: $*"
	test_finished=t
	exit 0
}

test_done () {
	test_finished=t
	echo "1..$test_count"
	test "$test_failed" = 0
	exit
}

test_exit () {
	status=$?
	test -n "$test_finished" || {
		echo "not ok $((test_count + 1)) - $test_name: ended before test_done"
		status=1
	}
	cd / || exit 1
	if test -z "$keep" && test "$status" = 0
	then
		test_remove "$trash_base"
	fi
	exit $status
}
trap test_exit EXIT
trap 'exit 130' INT TERM

# Inside tests ------------------------------------------------------------------------------------

# test_expect_code N COMMAND...
test_expect_code () {
	want=$1
	shift
	"$@"
	got=$?
	test "$got" = "$want" && return 0
	echo "exit status $got, not $want: $*" >&2
	return 1
}

# The command refuses; a crash, or a signal, is no refusal.
test_must_fail () {
	"$@"
	got=$?
	if test "$got" = 0
	then
		echo "succeeds, but should fail: $*" >&2
		return 1
	elif test "$got" -ge 126
	then
		echo "dies with status $got: $*" >&2
		return 1
	fi
}

test_cmp () {
	diff -u "$1" "$2"
}

# For what is not text; quick on large files.
test_cmp_bin () {
	cmp "$1" "$2"
}

# test_grep [!] [grep options] PATTERN FILE
test_grep () {
	if test "$1" = '!'
	then
		shift
		! grep "$@" && return 0
		echo "should not be there: $*" >&2
		return 1
	fi
	grep "$@" && return 0
	for file; do :; done
	echo "not found: $*; the file is:" >&2
	cat "$file" >&2
	return 1
}

test_must_be_empty () {
	test -f "$1" && ! test -s "$1" && return 0
	echo "should be empty: $1" >&2
	cat "$1" >&2
	return 1
}

test_line_count () {
	test "$(wc -l <"$2")" "=" "$1" && return 0
	echo "should have $1 lines: $2" >&2
	cat "$2" >&2
	return 1
}

test_path_exists () {
	test -e "$1" || { echo "is not there: $1" >&2; return 1; }
}

test_path_is_missing () {
	! test -e "$1" || { echo "should not be there: $1" >&2; return 1; }
}

test_file_size () {
	stat -c %s "$1"
}

# flip_bit FILE OFFSET [BIT]: change one bit; a negative offset counts from the end.
flip_bit () {
	flip_at=$2
	test "$flip_at" -ge 0 || flip_at=$(($(test_file_size "$1") + flip_at))
	flip_byte=$(od -An -tu1 -j "$flip_at" -N 1 "$1" | tr -d ' ') && test -n "$flip_byte" &&
	chmod u+w "$1" && flip_octal=$(printf '\\%03o' $((flip_byte ^ (1 << ${3:-0})))) &&
	printf '%b' "\\0${flip_octal#?}" |
		dd of="$1" bs=1 seek="$flip_at" conv=notrunc 2>/dev/null
}

# test_random SIZE [SEED]: the same bytes each time.
test_random () {
	test-random "$1" "${2:-1}"
}

# A repository at $UB_DIR with the password "password"; the device slot opens it, as for a user.
# What init prints, the recovery words among it, is in $HOME/init.out.
test_init_repo () {
	echo password >"$HOME/password" &&
	UB_PASSWORD_FILE=$HOME/password &&
	export UB_PASSWORD_FILE &&
	ub init --kdf 8M:1 --password-file "$HOME/password" "$@" >"$HOME/init.out"
}

cd "$TRASH_DIRECTORY" || exit 1
