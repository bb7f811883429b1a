#!/bin/sh
# Each header compiles alone, for every compiler that is here.

cd "${0%/*}/.." || exit 1
status=0
flags=${UB_CFLAGS:-"-std=gnu11 -D_GNU_SOURCE -I. -Ibuild -Wall -Wextra"}
for cc in gcc clang
do
	command -v $cc >/dev/null || { echo "skip  headers alone: no $cc"; continue; }
	for h in */*.h t/unit/*.h
	do
		case $h in build/*) continue ;; esac
		# shellcheck disable=SC2086 # flags are many words
		echo "#include \"$h\"" | $cc $flags -Werror -Wno-unused-function -Wno-unused-variable \
			-fsyntax-only -x c - || { echo "headers: $h does not compile alone ($cc)"; status=1; }
	done
done
test $status != 0 || echo "ok    headers alone"
exit $status
