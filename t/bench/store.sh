#!/bin/sh
# The store against its peers, in pairs, on the same data and disk: A B A B ...; medians of the
# ratios.  Needs restic and zstd; about 12 GiB of disk below BENCH_DIR (build/bench-store) and,
# for the million objects, 4 GiB in /dev/shm.  PAIRS=3 SIZE_MB=2048 OBJECTS=1000000.

top=$(cd "${0%/*}/../.." && pwd) || exit 1
ub=${UB_BUILD:-$top/build}/ub
dir=$(mktemp -d "${BENCH_DIR:-$top/build}/bench-store.XXXXXX") || exit 1
shm=$(mktemp -d /dev/shm/ub-bench.XXXXXX) || exit 1
trap 'rm -rf "$dir" "$shm"' EXIT
trap 'exit 130' INT TERM
pairs=${PAIRS:-3} size=${SIZE_MB:-2048} objects=${OBJECTS:-1000000}

HOME=$dir/home XDG_STATE_HOME=$dir/home/state XDG_CONFIG_HOME=$dir/home/config
UB_DIR=$dir/repo UB_PASSWORD=bench RESTIC_PASSWORD=bench RESTIC_REPOSITORY=$dir/restic
RESTIC_CACHE_DIR=$dir/cache
export HOME XDG_STATE_HOME XDG_CONFIG_HOME UB_DIR UB_PASSWORD RESTIC_PASSWORD RESTIC_REPOSITORY \
	RESTIC_CACHE_DIR
mkdir "$HOME"

fresh_ub () {
	rm -rf "$UB_DIR" "$XDG_STATE_HOME" && "$ub" -q init --kdf 8M:1 >/dev/null 2>&1
}
fresh_restic () {
	rm -rf "$RESTIC_REPOSITORY" "$RESTIC_CACHE_DIR" && restic -q init >/dev/null
}

# seconds COMMAND...: wall time and peak memory, "S KB"
seconds () {
	/usr/bin/time -o "$dir/time" -f '%e %M' "$@" >/dev/null 2>"$dir/err" || {
		cat "$dir/err" >&2
		exit 1
	}
	cat "$dir/time"
}

median () {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# pair TITLE MB A-SETUP A B-SETUP B: each a shell command
pair () {
	: >"$dir/a" && : >"$dir/b" && : >"$dir/ratio" && : >"$dir/mem"
	i=0
	while test $i -lt "$pairs"
	do
		eval "$3" && sync && a=$(seconds sh -c "exec $4") &&
		eval "$5" && sync && b=$(seconds sh -c "exec $6") || exit 1
		echo "${a% *}" >>"$dir/a" && echo "${b% *}" >>"$dir/b" && echo "${a#* }" >>"$dir/mem"
		echo "${a% *} ${b% *}" | awk '{ print $2 / $1 }' >>"$dir/ratio"
		i=$((i + 1))
	done
	printf '%s: %.2f s (%.2f GB/s), peer %.2f s, peer/ub %.2f (median of %d pairs), peak %.0f MB\n' \
		"$1" "$(median <"$dir/a")" \
		"$(median <"$dir/a" | awk -v mb="$2" '{ print mb * 1.048576 / 1000 / $1 }')" \
		"$(median <"$dir/b")" "$(median <"$dir/ratio")" "$pairs" \
		"$(median <"$dir/mem" | awk '{ print $1 / 1024 }')"
}

echo "# $(nproc) processors, $(uname -r), $(date -u +%F)"
head -c $((size << 20)) /dev/urandom >"$dir/random"
while test "$(stat -c %s "$dir/real" 2>/dev/null || echo 0)" -lt $((size << 20))
do
	tar cf - /usr/lib 2>/dev/null >>"$dir/real" || :
	tar cf - /usr/share /usr/bin 2>/dev/null >>"$dir/real" || :
done
truncate -s $((size << 20)) "$dir/real"
cat "$dir/random" "$dir/real" >/dev/null

if command -v restic >/dev/null
then
	pair "random bytes, hash-object -w against restic backup" "$size" \
		fresh_ub "$ub hash-object -w $dir/random" \
		fresh_restic "restic -q backup $dir/random"
	rm -rf "$RESTIC_REPOSITORY" "$RESTIC_CACHE_DIR"
fi
pair "the same again, against sha256sum" "$size" \
	: "$ub hash-object -w $dir/random" : "sha256sum $dir/random"
pair "real data, hash-object -w against zstd -1 -T2" "$size" \
	fresh_ub "$ub hash-object -w $dir/real" \
	"rm -f $dir/real.zst" "zstd -q -1 -T2 $dir/real -o $dir/real.zst"
rm -f "$dir/real.zst"
pair "cat-object -p, against cat" "$size" \
	: "$ub cat-object -p $("$ub" hash-object "$dir/real")" : "cat $dir/real"
rm -f "$dir/random" "$dir/real"

fresh_ub
python3 - "$shm" "$objects" <<-'END'
	import os, sys
	base, n = sys.argv[1], int(sys.argv[2])
	for i in range(n):
	    if i % 10000 == 0:
	        os.mkdir('%s/%d' % (base, i // 10000))
	    with open('%s/%d/%d' % (base, i // 10000, i), 'w') as f:
	        f.write('this is file number %d of a great many small ones, each a little over the\n'
	                'size that stands inline in its folder, with a few words of its own: %x\n'
	                % (i, i * 2654435761 % 2**32))
END
find "$shm" -type f -print0 >"$dir/names"
echo "$objects small files by --stdin-paths: $(seconds sh -c "exec $ub hash-object -w --stdin-paths -z <$dir/names") (s, KB)"
echo "index --rebuild of them: $(seconds "$ub" index --rebuild) (s, KB)"
echo "fsck: $(seconds "$ub" fsck) (s, KB)"

echo hello >"$dir/hello"
id=$("$ub" hash-object -w "$dir/hello")
for command in "--version" "cat-object -p $id"
do
	start=$(date +%s%N)
	i=0
	while test $i -lt 100
	do
		# shellcheck disable=SC2086 # words
		"$ub" $command >/dev/null
		i=$((i + 1))
	done
	echo "ub $command: $(((($(date +%s%N) - start)) / 100000)) us"
done
