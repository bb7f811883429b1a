#!/bin/sh
# Snapshots against their peers: restic, borg, tar with zstd, find, cp.  Rows, one or several in
# ROWS: first second changed restore one verify media image inplace million; all of them unless told.
#
# The corpora are made once, below UB_BENCH_DIR (build/bench; 8 GB, and as much for a run).
# PAIRS=3 rounds of each; media takes five unless told.  "x N" is how many times the seconds of the first.

# shellcheck source=t/bench/lib-bench.sh
. "${0%/*}/lib-bench.sh"
# shellcheck source=t/bench/lib-corpus.sh
. "${0%/*}/lib-corpus.sh"

rows=${ROWS:-first second changed restore one verify media image inplace million}
bench_start
out=$bench/out

wants () {
	case " $rows " in
	*" $1 "*) return 0 ;;
	*) return 1 ;;
	esac
}

corpus () {
	"corpus_$1" "$UB_BENCH_DIR/$1" "$2" && test -e "$UB_BENCH_DIR/$1.made" && return 0
	echo "$1: skip, the corpus cannot be made"
	return 1
}

# One repository of each kind with the tree in it.
fill () {
	! bench_has ub commit || { fresh_ub && "$ub" -q commit -m x "$1" >/dev/null 2>&1; }
	! bench_has restic || { fresh_restic && restic -q backup "$1" >/dev/null; }
	! bench_has borg || { fresh_borg && borg create ::base "$1" >/dev/null 2>&1; }
}

stored () {
	bench_note "stored: ub $(bench_mb "$(stored_of ub)"), restic $(bench_mb "$(stored_of restic)")," \
		"borg $(bench_mb "$(stored_of borg)")"
}

stored_of () {
	test ! -d "$bench/$1" && echo 0 && return
	bench_size "$bench/$1"
}

gone () {
	chmod -R u+w "$out" 2>/dev/null
	rm -rf "$out"
}

# -- real files --

row_first () {
	bench_row "first commit of $files files, $mb MB" "$mb" \
		"ub commit" fresh_ub "$ub -q commit -m x $real" \
		"restic backup" fresh_restic "restic -q backup $real" \
		"borg create" fresh_borg "borg create ::base $real" \
		"tar | zstd -1" : "tar -cf - -C $real . | zstd -q -1 >$bench/tar.zst"
	stored
	bench_note "tar | zstd -1: $(bench_mb "$(bench_size "$bench/tar.zst")")"
}

row_second () {
	fill "$real"
	bench_row "second commit, nothing changed" "$mb" \
		"ub commit" : "$ub -q commit -m x $real" \
		"find -ls" : "find $real -ls" \
		"restic backup" : "restic -q backup $real" \
		"borg create" : "borg create ::{now:%H%M%S%f} $real"
}

# A line more in every hundredth file, others in each round.
change () {
	find "$work" -type f | LC_ALL=C sort | awk -v k="$1" 'NR % 100 == k' >"$bench/changed" &&
	while IFS= read -r name
	do
		echo "changed in round $1" >>"$name" || return 1
	done <"$bench/changed"
}

grown () {
	stored_of "$1" >"$bench/before-$1"
}

row_changed () {
	work=$bench/work
	cp -a "$real" "$work" || return
	fill "$work"
	rm -f "$bench"/grown-*
	keep_pairs=$pairs round=0 pairs=1
	while test $round -lt "$keep_pairs"
	do
		round=$((round + 1))
		change $round || return
		grown ub && grown restic && grown borg
		bench_row "1 % of the files changed, round $round" "$mb" \
			"ub commit" : "$ub -q commit -m x $work" \
			"restic backup" : "restic -q backup $work" \
			"borg create" : "borg create ::{now:%H%M%S%f} $work"
		for peer in ub restic borg
		do
			bench_note "growth: $peer $(bench_mb \
				$(($(stored_of $peer) - $(cat "$bench/before-$peer"))))"
		done
	done
	pairs=$keep_pairs
	rm -rf "$work"
}

row_restore () {
	fill "$real"
	tar -cf - -C "$real" . | zstd -q -1 >"$bench/tar.zst"
	bench_row "restore of all" "$mb" \
		"ub restore" gone "$ub -q restore -t $out HEAD" \
		"restic restore" gone "restic -q restore latest --target $out" \
		"borg extract" gone "mkdir $out && cd $out && borg extract ::base" \
		"zstd -dc | tar x" gone "mkdir $out && zstd -dc $bench/tar.zst | tar -xf - -C $out"
	gone
}

row_one () {
	fill "$real"
	one=$(find "$real" -type f -size +20k | LC_ALL=C sort | sed -n 1000p)
	bench_row "restore of one file of $(wc -c <"$one") bytes" 0 \
		"ub restore" gone "$ub -q restore -t $out HEAD $one" \
		"restic restore" gone "restic -q restore latest --target $out --include $one" \
		"borg extract" gone "mkdir $out && cd $out && borg extract ::base ${one#/}"
	gone
}

row_verify () {
	fill "$real"
	bench_row "verification" "$mb" \
		"ub verify" "bench_has ub commit" "$ub -q verify" \
		"restic check" : "restic -q check --read-data" \
		"borg check" : "borg check --verify-data"
}

# -- media, images, many files --

row_media () {
	corpus media || return
	media=$UB_BENCH_DIR/media
	keep_pairs=$pairs pairs=${PAIRS:-5}
	mb=$(($(bench_size "$media") / 1000000))
	bench_row "$mb MB of media, in" "$mb" \
		"ub commit" fresh_ub "$ub -q commit -m x $media" \
		"restic backup" fresh_restic "restic -q backup $media" \
		"cp -a + sync" gone "cp -a $media $out && sync -f $out"
	bench_row "media, out" "$mb" \
		"ub restore" gone "$ub -q restore -t $out HEAD" \
		"restic restore" gone "restic -q restore latest --target $out" \
		"cp -a + sync" gone "cp -a $media $out && sync -f $out"
	gone
	pairs=$keep_pairs
}

row_image () {
	corpus real && corpus image "$UB_BENCH_DIR/real" || return
	image=$bench/image
	mkdir "$image" && cp "$UB_BENCH_DIR/image/before/disk.img" "$image/disk.img" || return
	fill "$image"
	stored
	grown ub && grown restic && grown borg
	cp "$UB_BENCH_DIR/image/after/disk.img" "$image/disk.img" || return
	keep_pairs=$pairs pairs=1
	bench_row "disk image after an insert of 1 MiB" 2148 \
		"ub commit" : "$ub -q commit -m x $image" \
		"restic backup" : "restic -q backup $image" \
		"borg create" : "borg create ::after $image"
	pairs=$keep_pairs
	for peer in ub restic borg
	do
		bench_note "growth: $peer $(bench_mb $(($(stored_of $peer) - $(cat "$bench/before-$peer"))))"
	done
	rm -rf "$image"
}

# 256 writes of 4 KiB, scattered over an image.
scatter () {
	python3 - "$1" <<-'END'
	import random, sys
	r = random.Random(9)
	with open(sys.argv[1], "r+b") as f:
	    size = f.seek(0, 2)
	    for _ in range(256):
	        f.seek(r.randrange(size // 4096) * 4096)
	        f.write(r.randbytes(4096))
	END
}

row_inplace () {
	corpus real && corpus image "$UB_BENCH_DIR/real" || return
	image=$bench/image
	mkdir "$image" && cp "$UB_BENCH_DIR/image/before/disk.img" "$image/disk.img" || return
	fill "$image"
	grown ub && grown restic && grown borg
	scatter "$image/disk.img" || return
	keep_pairs=$pairs pairs=1
	bench_row "disk image after 256 scattered writes of 4 KiB" 2148 \
		"ub commit" : "$ub -q commit -m x $image" \
		"restic backup" : "restic -q backup $image" \
		"borg create" : "borg create ::scattered $image"
	pairs=$keep_pairs
	for peer in ub restic borg
	do
		bench_note "growth: $peer $(bench_mb $(($(stored_of $peer) - $(cat "$bench/before-$peer"))))"
	done
	rm -rf "$image"
}

# One file in each folder.
million_change () {
	find "$million" -type f -name '*7' | awk -F / '!seen[$(NF - 1)]++' |
		while read -r name
		do
			echo "changed" >>"$name"
		done
}

# What only reads a repository with two snapshots of a million files.
million_read () {
	bench_row "one million files, list" 0 \
		"ub ls" : "$ub ls -r HEAD" \
		"restic ls" : "restic -q ls latest" \
		"borg list" : "borg list ::two"
	bench_row "one million files, two snapshots compared" 0 \
		"ub diff" : "$ub diff HEAD~1 HEAD || test \$? = 1" \
		"restic diff" : "restic -q diff \$(restic snapshots --compact | awk 'length(\$1) == 8 && \$1 ~ /^[0-9a-f]+\$/ { print \$1 }' | tail -n 2)" \
		"borg diff" : "borg diff ::one two"
	bench_row "one million files, names searched" 0 \
		"ub search" : "$ub search '*4711*'" \
		"restic find" : "restic -q find '*4711*'" \
		"borg list" : "borg list ::two 'sh:**/*4711*'"
	bench_row "one million files, history of one" 0 \
		"ub log" : "$ub log -- $million/000/file-0000007" \
		"restic find" : "restic -q find $million/000/file-0000007"
	bench_row "one million files, verify" 0 \
		"ub verify" : "$ub -q verify" \
		"restic check" : "restic -q check --read-data" \
		"borg check" : "borg check --verify-data"
}

row_million () {
	corpus million || return
	million=$UB_BENCH_DIR/million
	keep_pairs=$pairs pairs=1
	bench_row "one million files, first commit" 0 \
		"ub commit" fresh_ub "$ub -q commit -m x $million" \
		"restic backup" fresh_restic "restic -q backup $million" \
		"borg create" fresh_borg "borg create ::one $million"
	bench_row "one million files, second commit" 0 \
		"ub commit" : "$ub -q commit -m x $million" \
		"find -ls" : "find $million -ls" \
		"restic backup" : "restic -q backup $million"
	million_change
	bench_row "one million files, a thousand changed" 0 \
		"ub commit" : "$ub -q commit -m y $million" \
		"restic backup" : "restic -q backup $million" \
		"borg create" : "borg create ::two $million"
	million_read
	bench_row "one million files, restore" 0 \
		"ub restore" gone "$ub -q restore -t $out HEAD" \
		"restic restore" gone "restic -q restore latest --target $out"
	gone
	pairs=$keep_pairs
}

for row in first second changed restore one verify media image inplace million
do
	wants $row || continue
	case $row in
	media | image | inplace | million) ;;
	*)
		corpus real || continue
		real=$UB_BENCH_DIR/real
		mb=$(($(bench_size "$real") / 1000000)) files=$(find "$real" -type f | wc -l)
		find "$real" -type f -print0 | xargs -0 cat >/dev/null ;;
	esac
	row_$row
done
