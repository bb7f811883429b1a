#!/bin/sh
# The chunker's speed in memory, each kernel on easy and on hostile data; with arguments, the
# figures of ub-chunking(7) over those files (t/bench/corpus-chunker.py makes them).

top=$(cd "${0%/*}/../.." && pwd) || exit 1
build=${UB_BUILD:-$top/build}
mkdir -p "$build/bench" &&
cd "$top" &&
for program in bench-chunker tables-chunker
do
	# shellcheck disable=SC2046 # flags are words
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 -I. -o "$build/bench/$program" \
		"t/bench/$program.c" "$build/libub.a" \
		$(pkg-config --libs libsodium libcrypto libzstd libgit2) -lm -pthread || exit 1
done &&
exec "$build/bench/bench-chunker" "$@"
