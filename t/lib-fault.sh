# shellcheck shell=sh
# Loops that break one call after another; to be sourced after test-lib.sh.
#
#	fault_setup 'script'		make what is broken each time anew
#	fault_test_all WHAT 'command' 'done'	all of the following, a test each
#	fault_loop KIND 'command' 'done'	n = 1, 2, 3 ... until nothing fires
#	fault_dead_loop 'command' 'done'	a process is killed, the next one does its work and
#					reports success, then the power fails
#	fault_sync_loop 'command' 'done'	each sync in turn is not done, then the power fails:
#					a test must see it
#
# The setup runs in an empty folder $FAULT_DIR, with the repository and the state of the device
# in it; it is kept, and each round works in a fresh copy under the same name.  `command` is one
# ub, which may leave what it prints in ../out; `done` is true when the command's work is there.
#
# After each round, by the numbers of the promises:
#  I1  every ref opens, whole; fault_refs names the values it may have
#  I2  what was there before is there, byte by byte (fault_remember), and the work of a command
#      that reported success too
#  I3  no success without the work
#  I4  fsck is clean: what a crash leaves is not damage
#  I5  the same command again succeeds, with nothing to unlock
#  I7  no file holds $FAULT_MARKER, which is in what is stored

FAULT_DIR=$TRASH_DIRECTORY/fault/w
FAULT_BASE=$TRASH_DIRECTORY/fault/base
FAULT_MARKER=ub-marker-8d1f2c-not-to-be-seen-anywhere
UB_DIR=$FAULT_DIR/repo
XDG_STATE_HOME=$FAULT_DIR/state
export UB_DIR XDG_STATE_HOME

# What else has to hold after each round, whatever happened.
FAULT_ALWAYS=

# Set where there is no repository to look into: then only the command and its work are checked.
FAULT_NO_REPO=

# A loop of more rounds than this goes through some of them, evenly;
# UB_TEST_LONG=1 goes through all.  Where neighbours are much alike a third is enough.
: "${FAULT_ROUNDS:=20}"
test -z "$UB_TEST_SAN" || FAULT_ROUNDS=6

fault_setup () {
	rm -rf "$TRASH_DIRECTORY/fault" && mkdir -p "$FAULT_DIR" "$FAULT_BASE" &&
	cd "$FAULT_DIR" && : >../ids && : >../refs &&
	eval "$1" || return 1
	cd "$TRASH_DIRECTORY" && rm -rf "$FAULT_BASE" && mv "$FAULT_DIR" "$FAULT_BASE"
}

# A small repository: blobs `one` and `two` in a tree of a commit that `main` names.  Sets $one,
# $two, $tree and $commit.
fault_init_repo () {
	echo password >pw &&
	ub init --kdf 8M:1 --password-file pw --device dev >/dev/null &&
	{ echo "$FAULT_MARKER" && test_random 3000 1; } >one &&
	{ echo "$FAULT_MARKER" && seq 1 2000; } >two &&
	one=$(ub hash-object -w one) && two=$(ub hash-object -w two) &&
	printf '100644 blob %s %s\t%s\n' "$one" "$(test_file_size one)" "$FAULT_MARKER" \
		"$two" "$(test_file_size two)" two >list &&
	tree=$(ub mktree <list) &&
	commit=$(ub commit-tree "$tree" -m "$FAULT_MARKER") &&
	ub update-ref main "$commit" &&
	fault_remember "$one" one
}

# In a command of more than one ub: this one is not broken.
fault_calm () {
	env -u UB_TEST_FAULT -u UB_TEST_POWERCUT -u UB_TEST_POWERCUT_EXIT "$@"
}

# fault_remember OID FILE: a stored object and its content.
fault_remember () {
	printf '%s %s\n' "$1" "$2" >>"$TRASH_DIRECTORY/fault/ids"
}

# fault_refs REF OID...: what the ref may point to, `-` for nothing.
fault_refs () {
	printf '%s\n' "$*" >>"$TRASH_DIRECTORY/fault/refs"
}

fault_copy () {
	cd "$TRASH_DIRECTORY" && rm -rf "$FAULT_DIR" && cp -a "$FAULT_BASE" "$FAULT_DIR" &&
	cd "$FAULT_DIR" && rm -f ../fired ../out ../err
}

# fault_run FAULT 'command' [VARIABLE=VALUE...]: sets fault_status and fault_fired.
fault_run () {
	fault_fault=$1 fault_command=$2
	shift 2
	fault_copy || return 1
	(
		UB_TEST_FAULT=$fault_fault UB_TEST_FIRED=$TRASH_DIRECTORY/fault/fired
		export UB_TEST_FAULT UB_TEST_FIRED
		for fault_variable
		do
			export "${fault_variable?}"
		done
		eval "$fault_command"
	) >../out 2>../err
	fault_status=$?
	fault_fired=
	test ! -e ../fired || fault_fired=t
}

fault_say () {
	echo "after $fault_what (status $fault_status): $*"
	sed 's/^/	stderr: /' ../err
	test ! -e ../fired || { sed -n 's/^/	fired: /p;q' ../fired && fault_place; }
	return 1
}

# Where in the source the last thing that fired was called from, innermost first.
fault_place () {
	sed -n 's/.*(+\(0x[0-9a-f]*\)).*/\1/p' ../fired |
		xargs addr2line -f -s -i -e "$UB_BUILD/test/ub" 2>/dev/null |
		sed -n '/^[a-z_][a-z_0-9]*$/{N;s/\n/ /;p;}' |
		grep -v '^fault_\|^say_fired\|^point \|^do_sync ' | sed 's/^/	at /'
}

fault_check_refs () {
	while read -r fault_ref fault_values
	do
		fault_now=$(ub rev-parse "$fault_ref" 2>/dev/null) || fault_now=-
		case " $fault_values " in
		*" $fault_now "*) ;;
		*) fault_say "I1: $fault_ref is $fault_now, not one of: $fault_values"; return 1 ;;
		esac
		test "$fault_now" = - || ub rev-list --objects "$fault_ref" >../list 2>>../err ||
			{ fault_say "I1: $fault_ref is not whole"; return 1; }
	done <../refs
}

fault_check_ids () {
	while read -r fault_id fault_file
	do
		ub cat-object -p "$fault_id" 2>>../err | cmp -s - "$fault_file" ||
			{ fault_say "I2: $fault_file is not what was stored"; return 1; }
	done <../ids
}

fault_check_fsck () {
	test -z "$FAULT_NO_REPO" || return 0
	ub fsck --full >../fsck 2>>../err || { fault_say "I4: fsck: $(cat ../fsck)"; return 1; }
}

# What holds whatever happened.
fault_check_state () {
	test -z "$FAULT_ALWAYS" || eval "$FAULT_ALWAYS" >>../err 2>&1 ||
		{ fault_say "this does not hold: $FAULT_ALWAYS"; return 1; }
	test -z "$FAULT_NO_REPO" || return 0
	fault_check_refs && fault_check_ids || return 1
	! grep -rlF "$FAULT_MARKER" repo state >../leak 2>/dev/null ||
		{ fault_say "I7: the marker is in $(cat ../leak)"; return 1; }
}

# fault_check 'command' 'done'
fault_check () {
	case $fault_status in
	99 | 12[6-9] | 13[0-689] | 1[4-9][0-9])
		fault_say 'it crashed'; return 1 ;;
	esac
	# fsck first: what any other command finds it may mend.
	fault_check_fsck || return 1
	test "$fault_status" != 0 || eval "$2" >>../err 2>&1 ||
		{ fault_say 'I3: success, and the work is not there'; return 1; }
	fault_check_state || return 1
	(eval "$1") >../out 2>../err || { fault_status=$? && fault_say 'I5: again, it fails'; return 1; }
	fault_status=0
	fault_check_fsck || return 1
	eval "$2" >>../err 2>&1 || { fault_say 'I5: again, and the work is not there'; return 1; }
}

# fault_numbers KIND 'command' MOST: the numbers to go through, and one more, at which nothing fires.
fault_numbers () {
	fault_copy || return 1
	(
		UB_TEST_FAULT=$1@0 UB_TEST_COUNT=$TRASH_DIRECTORY/fault/count
		export UB_TEST_FAULT UB_TEST_COUNT
		rm -f "$UB_TEST_COUNT"
		eval "$2"
	) >../out 2>../err || { echo 1; return; }
	fault_total=$(cat ../count) fault_step=1
	test -n "$UB_TEST_LONG" || fault_step=$(((fault_total + $3 - 1) / $3))
	test "$fault_step" -gt 0 || fault_step=1
	seq 1 "$fault_step" "$fault_total" && echo $((fault_total + 1))
}

# Every kind, one test each, and the syncs: fault_test_kinds WHAT 'command' 'done'
# shellcheck disable=SC2034,SC2016 # what is evaluated later uses them
fault_test_kinds () {
	FAULT_COMMAND=$2 FAULT_DONE=$3
	for fault_kind in kill killin powercut enospc nosync eio short eintr nomem
	do
		test_expect_success "$1 keeps the promises under $fault_kind" \
			"fault_loop $fault_kind \"\$FAULT_COMMAND\" \"\$FAULT_DONE\""
	done
	for fault_kind in enospc eio
	do
		test_expect_success "$1 keeps the promises when $fault_kind does not go away" \
			"fault_loop_on $fault_kind \"\$FAULT_COMMAND\" \"\$FAULT_DONE\""
	done
	test_expect_success "$1 needs each of its syncs" \
		'fault_sync_loop "$FAULT_COMMAND" "$FAULT_DONE"'
}

# And with the dead: fault_test_all WHAT 'command' 'done'
# shellcheck disable=SC2016 # it is evaluated later
fault_test_all () {
	fault_test_kinds "$@"
	test_expect_success "$1 does not lean on what a dead process left unsynced" \
		'fault_dead_loop "$FAULT_COMMAND" "$FAULT_DONE"'
}

# What a cut loses: by turns, or all.
fault_power_modes () {
	test -z "$UB_TEST_LONG" || set -- "$1" "worst:0 last:0 names:0 torn:$1"
	test $# = 1 || { echo "$2"; return; }
	case $((fault_rounds % 4)) in
	0) echo worst:0 ;;
	1) echo last:0 ;;
	2) echo names:0 ;;
	3) echo "torn:$1" ;;
	esac
}

# fault_loop KIND 'command' 'done'
fault_loop () {
	case $1 in
	kill | powercut | nosync) fault_most=$FAULT_ROUNDS ;;
	*) fault_most=$((FAULT_ROUNDS / 3)) ;;
	esac
	fault_rounds=0
	for fault_n in $(fault_numbers "$1" "$2" "$fault_most")
	do
		case $1 in
		powercut*) fault_modes=$(fault_power_modes "$fault_n") ;;
		*) fault_modes=- ;;
		esac
		for fault_mode in $fault_modes
		do
			fault_what="$1@$fault_n"
			if test "$fault_mode" = -
			then
				fault_run "$1@$fault_n" "$2"
			else
				fault_what="$fault_what $fault_mode"
				fault_run "$1@$fault_n" "$2" UB_TEST_POWERCUT="$FAULT_DIR" \
					UB_TEST_POWERCUT_MODE="${fault_mode%:*}" \
					UB_TEST_POWERCUT_EXIT=1 UB_TEST_POWERCUT_SEED="${fault_mode#*:}"
			fi || return 1
			fault_check "$2" "$3" || return 1
			fault_rounds=$((fault_rounds + 1))
		done
	done
	test -z "$fault_fired" || { echo "the loop over $1 ends too early"; return 1; }
	test "$fault_status" = 0 || { fault_say 'nothing fired, and it fails'; return 1; }
	echo "$1: $fault_rounds rounds"
}

# From there on: a disk that is full stays full.
fault_loop_on () {
	for fault_n in $(fault_numbers "$1" "$2" $((FAULT_ROUNDS / 4)))
	do
		fault_what="$1@$fault_n+"
		fault_run "$1@$fault_n+" "$2" && fault_check "$2" "$3" || return 1
	done
}

# The kernel outlives the killed process: what it left unsynced is there for the next one, which
# must not lean on it without a sync of its own.  With a third argument, that is what the next one
# does instead of the same again.
fault_dead_loop () {
	fault_next=${3:-$1}
	fault_state=$TRASH_DIRECTORY/fault/state
	# It is a matter of one single call, between a rename and its sync.
	for fault_n in $(fault_numbers kill "$1" $((FAULT_ROUNDS * 3)))
	do
		rm -f "$fault_state"
		fault_what="kill@$fault_n, again, and a power cut"
		fault_run "kill@$fault_n" "$1" UB_TEST_POWERCUT="$FAULT_DIR" \
			UB_TEST_POWERCUT_STATE="$fault_state" || return 1
		(
			UB_TEST_POWERCUT=$FAULT_DIR UB_TEST_POWERCUT_STATE=$fault_state
			export UB_TEST_POWERCUT UB_TEST_POWERCUT_STATE
			eval "$fault_next"
		) >../out 2>../err
		fault_status=$?
		UB_TEST_POWERCUT=$FAULT_DIR UB_TEST_POWERCUT_STATE=$fault_state \
			UB_TEST_POWERCUT_EXIT=1 ub version >/dev/null || return 1
		test "$fault_status" = 0 || { fault_say 'I5: again, it fails'; return 1; }
		fault_check "$fault_next" "$2" || return 1
	done
	test -z "$fault_fired" || { echo "the loop over the dead ends too early"; return 1; }
}

fault_power_run () {
	fault_run "$1" "$2" UB_TEST_POWERCUT="$FAULT_DIR" UB_TEST_POWERCUT_MODE="${3%:*}" \
		UB_TEST_POWERCUT_EXIT=1 UB_TEST_POWERCUT_SEED="${3#*:}" 2>&1
}

# True when somebody notices that the sync of number $1 was not done.
fault_sync_is_missed () {
	for fault_mode in worst:0 names:0 last:0
	do
		fault_what="skipsync@$1 and a power cut at the end, $fault_mode"
		fault_power_run "skipsync@$1" "$2" "$fault_mode" || return 1
		test -n "$fault_fired" || return "$fault_status"
		cp ../fired ../skipped
		(fault_check "$2" "$3") >../red 2>&1 || return 0
	done
	cp ../skipped ../fired
	fault_place >../place
	! grep -qE "at ($FAULT_SYNC_ELSEWHERE) " ../place || return 0
	# Not before the sync that is left out, nor long after.
	fault_m=$(($(sed -n 's/^skipsync.*(change \([0-9]*\)).*/\1/p' ../skipped | tail -n 1) + 1))
	fault_tries=$FAULT_ROUNDS
	while :
	do
		for fault_mode in worst:0 last:0 names:0
		do
			fault_what="skipsync@$1 and powercut@$fault_m $fault_mode"
			fault_power_run "skipsync@$1,powercut@$fault_m" "$2" "$fault_mode" || return 1
			if grep -q '^skipsync' ../fired && grep -q '^powercut' ../fired
			then
				(fault_check "$2" "$3") >../red 2>&1 || return 0
			fi
		done
		grep -q '^powercut' ../fired || return 1
		fault_m=$((fault_m + 1)) fault_tries=$((fault_tries - 1))
		test "$fault_tries" -gt 0 || test -n "$UB_TEST_LONG" || return 1
	done
}

# A sync that is there for what another process, now dead, may have left unsynced can't be missed
# here, where each process starts with all durable: u-sys and the loop over the dead hold those.
# Those of the catalogue (vfs_sync) keep it from being made again after a power cut, which nothing here
# looks at: t7100 does.  A script may name further functions (a|b) whose syncs another of its tests misses.
FAULT_SYNC_ELSEWHERE='file_sync_again|vfs_sync'

# fault_sync_loop 'command' 'done'
fault_sync_loop () {
	fault_what='a power cut at the end'
	fault_power_run powercut@0 "$1" worst:0 && fault_check "$1" "$2" || return 1
	fault_k=1
	fault_bad=
	while :
	do
		if fault_sync_is_missed "$fault_k" "$1" "$2"
		then
			test -n "$fault_fired" || break
		else
			fault_bad=t
			echo "nothing notices that this sync is not done:"
			sed -n 1p ../skipped
			cat ../place
		fi
		fault_k=$((fault_k + 1))
	done
	echo "$((fault_k - 1)) syncs"
	test -z "$fault_bad"
}
