# The object index with 10 M ids: lookups on two threads, bytes on disk, memory.
set -e
dir=$(mktemp -d "${TMPDIR:-/tmp}/ub-bench-index.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"${CC:-cc}" -std=gnu11 -O2 -D_GNU_SOURCE -I. t/bench/bench-index.c "$UB_BUILD/libub.a" \
	$(pkg-config --libs libsodium libcrypto libzstd libgit2) -lpthread -o "$dir/bench-index"
"$dir/bench-index" "$dir" "${IDS:-10000000}"
