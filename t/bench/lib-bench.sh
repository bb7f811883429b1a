# shellcheck shell=sh
# What benchmarks are made of: commands run in turn (A B C A B C ...), so that a machine that is
# slow for a while is slow for all; medians of seconds and of the ratios within a round; peak
# memory as the kernel counts it.  Nothing here passes or fails.
#
#	bench_start		scratch folders; HOME, repositories and passwords for ub and its peers
#	bench_row TITLE MB NAME SETUP COMMAND [NAME SETUP COMMAND]...
#	bench_note TEXT...
#
# The first of a row is what the others are compared with.  NAME's first word is the program: what
# is not installed is skipped, and said.  UB_BENCH_DIR: where all lies; PAIRS: rounds.

top=$(cd "${0%/*}/../.." && pwd) || exit 1
ub=${UB_BUILD:-$top/build}/ub
UB_BENCH_DIR=${UB_BENCH_DIR:-$top/build/bench}
pairs=${PAIRS:-3}

bench_start () {
	mkdir -p "$UB_BENCH_DIR" && bench=$(mktemp -d "$UB_BENCH_DIR/tmp.XXXXXX") || exit 1
	trap 'chmod -R u+w "$bench"; rm -rf "$bench"' EXIT
	trap 'exit 130' INT TERM
	HOME=$bench/home XDG_STATE_HOME=$bench/state XDG_CONFIG_HOME=$bench/config
	XDG_CACHE_HOME=$bench/cache XDG_DATA_HOME=$bench/data
	UB_DIR=$bench/ub UB_PASSWORD=bench
	RESTIC_REPOSITORY=$bench/restic RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$bench/restic-cache
	BORG_REPO=$bench/borg BORG_PASSPHRASE=bench BORG_BASE_DIR=$bench/borg-base
	BORG_RELOCATED_REPO_ACCESS_IS_OK=yes LC_ALL=C.UTF-8
	export HOME XDG_STATE_HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME UB_DIR UB_PASSWORD \
		RESTIC_REPOSITORY RESTIC_PASSWORD RESTIC_CACHE_DIR BORG_REPO BORG_PASSPHRASE \
		BORG_BASE_DIR BORG_RELOCATED_REPO_ACCESS_IS_OK LC_ALL
	mkdir "$HOME"
	echo "# $(nproc) processors, $(uname -r), $(date -u +%F), load $(cut -d ' ' -f 1 /proc/loadavg)"
}

fresh_ub () {
	rm -rf "$UB_DIR" "$XDG_STATE_HOME" && "$ub" -q init --kdf 8M:1 >/dev/null 2>&1
}
fresh_restic () {
	rm -rf "$RESTIC_REPOSITORY" "$RESTIC_CACHE_DIR" && restic -q init >/dev/null
}
fresh_borg () {
	rm -rf "$BORG_REPO" "$BORG_BASE_DIR" && borg init -e repokey-blake2 >/dev/null 2>&1
}

# Is the program there, and for ub the command?
bench_has () {
	case $1 in
	ub) "$ub" help 2>/dev/null | grep -q "^ *$2 " ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# bench_time COMMAND: sets bench_s and bench_kb.
bench_time () {
	/usr/bin/time -o "$bench/time" -f '%e %M' sh -c "$1" >/dev/null 2>"$bench/err"
	bench_status=$?
	case $bench_status in
	0 | 3) ;;
	*) echo "failed ($bench_status): $1" && tail -n 3 "$bench/err" && return 1 ;;
	esac
	tail -n 1 "$bench/time" >"$bench/last" && read -r bench_s bench_kb <"$bench/last"
}

median () {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

bench_note () {
	echo "  $*"
}

# bench_size PATH...: bytes in files
bench_size () {
	find "$@" -type f -printf '%s\n' | awk '{ s += $1 } END { printf "%.0f", s }'
}

bench_mb () {
	awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'
}

bench_row () {
	bench_title=$1 bench_size_mb=$2 bench_i=0
	shift 2
	echo "$bench_title"
	rm -f "$bench"/row-*
	while test $bench_i -lt "$pairs"
	do
		bench_round "$@"
		bench_i=$((bench_i + 1))
	done
	bench_print "$@"
}

bench_round () {
	bench_k=0
	bench_first=
	while test $# -gt 0
	do
		bench_k=$((bench_k + 1))
		# shellcheck disable=SC2086 # program, and command of ub
		if bench_has $1 && eval "$2" && sync && bench_time "$3"
		then
			echo "$bench_s" >>"$bench/row-$bench_k-s"
			echo "$bench_kb" >>"$bench/row-$bench_k-kb"
			test $bench_k != 1 || bench_first=$bench_s
			test -z "$bench_first" || echo "$bench_s $bench_first" |
				awk '{ print ($1 + .005) / ($2 + .005) }' >>"$bench/row-$bench_k-r"
		fi
		shift 3
	done
}

bench_print () {
	bench_k=0
	while test $# -gt 0
	do
		bench_k=$((bench_k + 1))
		if test -s "$bench/row-$bench_k-s"
		then
			printf '  %-22s %8.2f s %7.2f GB/s %6.0f MB' "$1" \
				"$(median <"$bench/row-$bench_k-s")" \
				"$(median <"$bench/row-$bench_k-s" |
					awk -v mb="$bench_size_mb" '{ print mb / 1000 / ($1 + .005) }')" \
				"$(median <"$bench/row-$bench_k-kb" | awk '{ print $1 * 1.024 / 1000 }')"
			test ! -s "$bench/row-$bench_k-r" ||
				printf '  x %.2f' "$(median <"$bench/row-$bench_k-r")"
			echo
		else
			echo "  $1: skip"
		fi
		shift 3
	done
}
