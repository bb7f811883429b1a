#!/bin/sh

test_description='snapshots of file systems, taken before reading and removed after, crash included'
. "${0%/*}/test-lib.sh"

mnt=$PWD/mnt
unmount () {
	umount "$mnt/live" 2>/dev/null
	umount "$mnt" 2>/dev/null
}
trap 'fs_status=$?; unmount; (exit $fs_status); test_exit' EXIT

if test_have_prereq ROOT && command -v mkfs.btrfs >/dev/null && mkdir -p "$mnt" && truncate -s 200M disk &&
	mkfs.btrfs -q disk >/dev/null 2>&1 && mount -o loop disk "$mnt" 2>/dev/null
then
	test_set_prereq BTRFS
fi

# No snapshot is left, and no record of one.
clean () {
	ls -a "$mnt/sv" >left && ! grep ub-snapshot left && find "$XDG_STATE_HOME" "$HOME" -name "frozen-*" 2>/dev/null >left && test_must_be_empty left
}

test_expect_success 'setup' '
	test_init_repo --device box && mkdir src && echo 1 >src/f
'

# -- a command of the user ------------------------------------------------------------------------

test_expect_success 'a command makes what is read, another one removes it' '
	ub config snapshot.mode command && ub config snapshot.create "cp -a \$UB_SOURCE $PWD/\$UB_SNAPSHOT && echo noise && echo later >\$UB_SOURCE/f && echo $PWD/\$UB_SNAPSHOT" &&
	ub config snapshot.remove "echo \$UB_SOURCE \$UB_SNAPSHOT \$UB_SNAPSHOT_PATH >>$PWD/removed; rm -rf \$UB_SNAPSHOT_PATH" && ub commit -q src &&
	echo 1 >want && ub cat "HEAD:${PWD#/}/src/f" >have && test_cmp want have && echo later >want && test_cmp want src/f &&
	test_line_count 1 removed && test_grep "^$PWD/src .ub-snapshot-[0-9a-f]* $PWD/.ub-snapshot-" removed && ! ls -d .ub-snapshot-* 2>/dev/null
'

test_expect_success 'one that fails, or prints no path: nothing is committed, and what it made is removed' '
	head=$(ub rev-parse HEAD) && rm removed && ub config snapshot.create "exit 4" && test_expect_code 1 ub commit -q 2>err && test_grep "failed with status 4" err &&
	ub config snapshot.create "echo relative" && test_expect_code 1 ub commit -q 2>err && test_grep "no absolute path" err && test_line_count 2 removed &&
	ub config snapshot.create "echo /nowhere" && test_expect_code 1 ub commit -q 2>err && test_grep "/nowhere" err && test "$(ub rev-parse HEAD)" = "$head"
'

test_expect_success 'one that cannot be removed is a warning, and tried again' '
	ub config snapshot.create "mkdir -p $PWD/s && cp -a \$UB_SOURCE/. $PWD/s && echo $PWD/s" && ub config snapshot.remove false && ub commit -q 2>err &&
	test_grep "could not be removed" err && ub config snapshot.remove "rm -r \$UB_SNAPSHOT_PATH" && ub commit -q 2>err && test_must_be_empty err && ! test -e s
'

test_expect_success 'killed meanwhile: the next commit removes it' '
	ub config snapshot.create "cp -a \$UB_SOURCE $PWD/s && echo $PWD/s" && ub add --exec slow "echo \$PPID >$PWD/pid; sleep 100" && { ub commit -q 2>/dev/null & } &&
	for i in $(seq 100); do test -s pid && break; sleep 0.1; done && kill -9 "$(cat pid)"; wait; ub rm slow && test -d s && ub commit -q 2>err && test_must_be_empty err && ! test -e s
'

test_expect_success 'half of the settings is refused; -n makes none' '
	ub config --unset snapshot.remove && test_expect_code 2 ub commit -q 2>err && test_grep "snapshot.remove is not set" err &&
	ub config snapshot.remove "rm -r \$UB_SNAPSHOT_PATH" && ub config snapshot.create "touch $PWD/ran; exit 1" && ub commit -n -q && ! test -e ran &&
	ub config snapshot.mode none && ub config --unset snapshot.create && ub config --unset snapshot.remove && test_expect_code 2 ub config snapshot.mode other
'

# -- btrfs ----------------------------------------------------------------------------------------

test_expect_success BTRFS 'setup of a subvolume with another one in it, and a mount' '
	btrfs subvolume create "$mnt/sv" >/dev/null && mkdir -p "$mnt/sv/src/d" "$mnt/live" "$mnt/sv/src/mounted" && btrfs subvolume create "$mnt/sv/src/inner" >/dev/null &&
	echo inner >"$mnt/sv/src/inner/i" && for i in $(seq 300); do echo $i >"$mnt/sv/src/d/$i" || return 1; done && ub config snapshot.mode btrfs &&
	test_random 3000000 1 >"$mnt/sv/src/big" && ln "$mnt/sv/src/big" "$mnt/sv/src/hard"
'

P=${mnt#/}/sv/src

test_expect_success BTRFS 'the snapshot is read, under the names of the source, and gone after' '
	ub config hook.preCommit true && ub commit -q "$mnt/sv/src" 2>err && clean && ub ls -r "HEAD:$P" >out && test_grep "d/300$" out && test_grep "inner/i" out &&
	ub cat "HEAD:$P/inner/i" >have && echo inner >want && test_cmp want have && ub show --list hardlinks >out && test_grep hard out
'

test_expect_success BTRFS 'what changes while it is read is in it as it was' '
	echo before >"$mnt/sv/src/f" && ub commit -q && sync && ub add --exec change "echo after >$mnt/sv/src/f; sync" && ub commit -q &&
	ub cat "HEAD:$P/f" >have && echo before >want && test_cmp want have && echo after >want && test_cmp want "$mnt/sv/src/f" && ub rm change && clean
'

test_expect_success BTRFS 'a second commit of an unchanged tree reads nothing' '
	sleep 0.1 && ub commit -q && ub commit --json >out && test_grep "\"bytes_read\":0," out && test_grep "\"files_new\":0,\"files_changed\":0," out && clean &&
	ub config snapshot.mode none && ub commit --json >out && test_grep "\"files_new\":0,\"files_changed\":0," out && ub config snapshot.mode btrfs
'

test_expect_success BTRFS 'the repository is left out, though it is in the snapshot' '
	ub -r "$mnt/sv/src/repo" init --kdf 8M:1 --device other >/dev/null 2>&1 && ub -r "$mnt/sv/src/repo" config snapshot.mode btrfs && ub -r "$mnt/sv/src/repo" commit -q --no-hooks "$mnt/sv/src" 2>err && ub -r "$mnt/sv/src/repo" ls -r "HEAD:$P" >out && ! grep repo/packs out && clean && rm -rf "$mnt/sv/src/repo"
'

test_expect_success BTRFS 'another file system in it is read as it is' '
	mount -t tmpfs none "$mnt/sv/src/mounted" && echo m >"$mnt/sv/src/mounted/m" && ub commit -q; code=$?; ub ls -r "HEAD:$P" >out; umount "$mnt/sv/src/mounted" &&
	test $code = 0 && test_grep "mounted/m" out && clean
'

test_expect_success BTRFS 'killed at every step: the next commit removes what is left' '
	cp -r "$UB_DIR" kept && for n in $(seq 1 3 60)
	do
		UB_TEST_FAULT=kill@$n ub commit -q --force >/dev/null 2>&1
		code=$?
		ub commit -q 2>err && clean || { echo "after $n: $code"; cat err left; return 1; }
		test $code != 0 || break
	done && ub fsck && ub verify
'

test_expect_success BTRFS 'one that was left is in no snapshot, and is removed when its disk is there again' '
	ub add --exec slow "echo \$PPID >$PWD/pid4; sleep 100" && { ub commit -q 2>/dev/null & } && for i in $(seq 100); do test -s pid4 && break; sleep 0.1; done &&
	kill -9 "$(cat pid4)"; wait; ub rm slow && ls -d "$mnt"/sv/.ub-snapshot-* && UB_DIR=$PWD/other ub init --kdf 8M:1 --device other >/dev/null 2>&1 &&
	ub -r other commit -q "$mnt/sv" && ub -r other ls -r "HEAD:${mnt#/}/sv" >out && ! grep ub-snapshot out && umount "$mnt" && ub commit -q 2>err; test_grep "could not be removed" err &&
	mount -o loop disk "$mnt" && ub commit -q 2>err && clean
'

test_expect_success BTRFS 'interrupted: nothing is left' '
	ub add --exec slow "echo \$PPID >$PWD/pid2; sleep 100" && { ub commit -q 2>/dev/null & } && for i in $(seq 100); do test -s pid2 && break; sleep 0.1; done &&
	kill -TERM "$(cat pid2)"; wait; ub rm slow && clean
'

test_expect_success BTRFS 'sources that are not on btrfs are read as they are' '
	ub commit -q src 2>err && test_must_be_empty err && ub commit -q && clean
'

test_done
