#!/bin/sh
# cppcheck, clang-tidy and shellcheck, those that are here.

cd "${0%/*}/.." || exit 1
status=0
flags=${UB_CFLAGS:-"-std=gnu11 -D_GNU_SOURCE -I. -Ibuild"}
sources=$(ls lib/*.c crypto/*.c objects/*.c refs/*.c fs/*.c remote/*.c builtin/*.c 2>/dev/null)

# shellcheck disable=SC2086 # lists and flags are many words
if command -v cppcheck >/dev/null
then
	mkdir -p build/cppcheck
	cppcheck --quiet --cppcheck-build-dir=build/cppcheck --std=c11 --language=c -j 2 \
		--enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingInclude --suppress=unknownMacro --suppress=varFuncNullUB \
		--suppress=normalCheckLevelMaxBranches --suppress=checkersReport \
		--suppress=uninitvar --suppress=ctuuninitvar --suppress=identicalInnerCondition \
		--library=t/cppcheck.cfg \
		-D_GNU_SOURCE -D__x86_64__ -D__linux__ -I. -Ibuild $sources &&
		echo "ok    cppcheck" || status=1
else
	echo "skip  cppcheck: not installed"
fi

# The last line: it cannot see that err_set() never answers 0, so every "if (ret < 0)" is a way past.
checks='-*,bugprone-*,cert-*,clang-analyzer-*'
# Taste, or true of every C program: same-typed neighbours, macros, narrowing that -Wconversion is
# for, printf returning a count, memcpy_s, our own include guards.
for off in bugprone-easily-swappable-parameters bugprone-narrowing-conversions \
	bugprone-reserved-identifier bugprone-macro-parentheses bugprone-assignment-in-if-condition \
	bugprone-implicit-widening-of-multiplication-result bugprone-branch-clone cert-dcl37-c cert-dcl51-cpp \
	cert-err33-c cert-dcl16-c cert-dcl03-c cert-dcl50-cpp cert-dcl21-cpp cert-env33-c \
	clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
	clang-analyzer-optin.performance.Padding bugprone-signal-handler cert-sig30-c \
	clang-analyzer-core.CallAndMessage clang-analyzer-core.UndefinedBinaryOperatorResult \
	clang-analyzer-core.uninitialized.Branch clang-analyzer-core.uninitialized.Assign \
	clang-analyzer-core.NullDereference clang-analyzer-core.NonNullParamChecker \
	bugprone-not-null-terminated-result clang-analyzer-valist.Uninitialized
do
	checks=$checks,-$off
done
# shellcheck disable=SC2086
if command -v clang-tidy >/dev/null
then
	echo "$sources" | tr ' ' '\n' | xargs -P 2 -n 4 sh -c '
		clang-tidy --quiet --warnings-as-errors="*" --checks="$0" "$@" -- '"$flags"' \
			-Wno-unknown-warning-option >build/tidy.log.$$ 2>&1; s=$?
		grep "error:\|warning:" build/tidy.log.$$ >&2
		rm -f build/tidy.log.$$; exit $s' "$checks" && echo "ok    clang-tidy" || status=1
else
	echo "skip  clang-tidy: not installed"
fi

if command -v shellcheck >/dev/null
then
	# SC1090, SC1091: sourced files are checked by themselves.  SC2016, SC2034: bodies of tests
	# are quoted.  SC2154: what test-lib.sh sets.  SC2086, SC2046, SC2013: words are split on
	# purpose.  SC1007: "a= b=" empties both.  The others are taste.
	off=SC1090,SC1091,SC2016,SC2034,SC2154,SC2086,SC2046,SC2013,SC1007,SC2181,SC2317,SC2015
	# shellcheck disable=SC2046
	shellcheck -s sh -e $off,SC2012,SC2010,SC2020,SC2322 \
		$(ls t/*.sh t/run t/bench/*.sh .ci/run contrib/*.sh 2>/dev/null) &&
		echo "ok    shellcheck" || status=1
else
	echo "skip  shellcheck: not installed"
fi
exit $status
