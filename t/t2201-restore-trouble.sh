#!/bin/sh

test_description='ub restore where something is wrong: planted links, damage, full disks, no rights'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-tree.sh"

tree_prereqs

test_expect_success 'setup' '
	chmod 755 "$TRASH_DIRECTORY" &&
	test_init_repo && mkdir -p src/dir/sub && src=$TRASH_DIRECTORY/src &&
	echo a >src/dir/a && seq 1 1000 >src/dir/sub/b && test_random 6000000 2 >src/big &&
	echo c >src/c && ub commit -m first src >/dev/null && mkdir outside && echo o >outside/b
'

# -- hostile targets --------------------------------------------------------------------------

test_expect_success 'a link planted where a folder should be is replaced, not followed' '
	mkdir -p "one$src/dir" && ln -s "$PWD/outside" "one$src/dir/sub" &&
	ub restore -t one && test ! -L "one$src/dir/sub" && test_cmp src/dir/sub/b "one$src/dir/sub/b" &&
	test "$(cat outside/b)" = o && test "$(ls outside)" = b
'

test_expect_success 'in place such a link is left alone, and nothing is made behind it' '
	mkdir place && mkdir place/sub && echo b >place/sub/b && ub commit -m p place >/dev/null &&
	rm -r place/sub && ln -s "$PWD/outside" place/sub &&
	test_expect_code 13 ub restore place 2>err && test_grep "place/sub differs" err &&
	test_expect_code 13 ub restore place/sub/b 2>err && test -L place/sub &&
	test "$(cat outside/b)" = o
'

test_expect_success 'a link planted where a file should be is replaced, not written through' '
	mkdir -p "two$src/dir" && ln -s "$PWD/outside/b" "two$src/dir/a" &&
	ln -s "$PWD/outside/b" "two$src/big" && ub restore -t two &&
	test_cmp src/dir/a "two$src/dir/a" && test_cmp_bin src/big "two$src/big" &&
	test "$(cat outside/b)" = o
'

test_expect_success 'the same on a kernel without openat2' '
	ln src/dir/a src/dir/linked && ub commit -m linked src >/dev/null &&
	mkdir -p "three$src/dir" && ln -s "$PWD/outside" "three$src/dir/sub" &&
	UB_TEST_NO_OPENAT2=1 ub restore -t three && test "three$src/dir/a" -ef "three$src/dir/linked" &&
	test "$(ls outside)" = b
'

test_expect_success 'a folder that is not empty stands in the place of a file: only --delete removes it' '
	ub restore -t four && rm "four$src/c" && mkdir -p "four$src/c/full" &&
	test_expect_code 3 ub restore -t four 2>err && test_grep "src/c.*folder" err &&
	ub restore -t four --delete && test_cmp src/c "four$src/c"
'

# -- names ------------------------------------------------------------------------------------

test_expect_success 'paths longer than the system takes come back' '
	mkdir long && tree_deep long "a-name-that-is-long-enough-for-this-test" 150 &&
	ub commit -m long long >/dev/null && ub restore -t five long --verify &&
	tree_list long >expect && tree_list "five$PWD/long" >actual && test_cmp expect actual &&
	ub restore -t five long --json >json && test_grep "\"files_restored\":0,.*\"errors\":0" json
'

test_expect_success 'few open files are enough for deep folders' '
	(ulimit -n 80 && ub restore -t six long) && tree_list "six$PWD/long" >actual &&
	test_cmp expect actual && test_remove long five six
'

test_expect_success 'a folder of many files comes back' '
	mkdir many && (cd many && seq -f file-%.0f 1 30000 | xargs touch) &&
	ub commit -m many many >/dev/null && ub restore -t seven many &&
	test "$(ls "seven$PWD/many" | wc -l)" = 30000 && test_remove many seven
'

test_expect_success 'a hole of 8 TB costs nothing' '
	truncate -s 8T hole && printf x | dd of=hole bs=1 seek=4000000000000 conv=notrunc 2>/dev/null &&
	ub commit -m hole hole >/dev/null && ub restore -t eight hole --verify --json >json &&
	test_grep "\"bytes_written\":[0-9]\{1,7\}," json && test-holes hole >expect &&
	(cd "eight$PWD" && test-holes hole) >actual && test_cmp expect actual && test_remove hole eight
'

test_expect_success 'zeros that lay on the disk lie there again' '
	head -c 3000000 /dev/zero >zeros && ub commit -m zeros zeros >/dev/null &&
	ub restore -t nine zeros && (cd "nine$PWD" && test-holes zeros) >actual &&
	echo "zeros 0+3000000" >expect && test_cmp expect actual
'

# -- interrupted ------------------------------------------------------------------------------

test_expect_success 'a killed restore goes on, and what it left behind is removed' '
	test_expect_code 137 env UB_TEST_FAULT=kill:rename@3 ub restore -t ten src 2>err &&
	ub restore -t ten src && diff -r src "ten$src" && test -z "$(find ten -name ".ub-restore*")"
'

test_expect_success 'an interrupted restore leaves no temporaries' '
	(ub restore -t eleven & pid=$! && sleep 0.1 && kill -TERM $pid; wait $pid; :) &&
	test -z "$(find eleven -name ".ub-restore*" 2>/dev/null)" &&
	ub restore -t eleven src && diff -r src "eleven$src"
'

# -- damage -----------------------------------------------------------------------------------

# damage OID: in its pack, until mend.
damage () {
	ub locate --json "$1" >at.json &&
	pack=$(find repo/packs -name "$(sed 's/.*"pack":"\([0-9a-f]*\).*/\1/' at.json)") &&
	off=$(sed 's/.*"frame_offset":\([0-9]*\).*/\1/' at.json) && test -n "$off" &&
	cp -p "$pack" saved && flip_bit "$pack" $((off + 40))
}

mend () {
	chmod u+w "$pack" && cat saved >"$pack"
}

test_expect_success 'a damaged file is named and left out, the others come back' '
	oid=$(ub cat-tree "HEAD:$src/dir/sub" | cut -d" " -f3) && damage "$oid" &&
	test_expect_code 6 ub restore -t twelve src 2>err && test_grep "src/dir/sub/b" err &&
	test_path_is_missing "twelve$src/dir/sub/b" && test_cmp src/dir/a "twelve$src/dir/a" &&
	mend && ub restore -t twelve src && diff -r src "twelve$src"
'

test_expect_success 'a damaged chunk leaves the file that is there as it was' '
	chunk=$(ub rev-list --objects HEAD | grep "src/big$" | tail -n 1 | cut -c1-64) &&
	test "$(ub cat-object -t "$chunk")" = blob &&
	damage "$chunk" && echo was >"twelve$src/big" &&
	test_expect_code 6 ub restore -t twelve src 2>err && test_grep "src/big" err &&
	test "$(cat "twelve$src/big")" = was && test -z "$(find twelve -name ".ub-restore*")" &&
	mend
'

# -- no rights --------------------------------------------------------------------------------

test_expect_success SETPRIV 'who is not root gets what he can, and a list of the rest' '
	mkdir owned && echo x >owned/x && chown 1:2 owned/x && mknod owned/null c 1 3 &&
	echo y >owned/y && chown 4321:4321 owned owned/y && chmod 500 owned &&
	echo s >owned/s && chmod 4755 owned/s && ub commit -m owned owned >/dev/null &&
	mkdir mine && cp -r repo home2 && cp -r "$HOME/state" state2 2>/dev/null ||
		mkdir -p state2 && chown -R 4321:4321 mine home2 state2 &&
	base=$(dirname "$TRASH_DIRECTORY") && chmod 755 "$base" "$HOME" &&
	test_expect_code 3 setpriv --reuid 4321 --regid 4321 --clear-groups env HOME="$PWD/state2" \
		XDG_STATE_HOME="$PWD/state2" UB_DIR="$PWD/home2" UB_PASSWORD=password \
		"$UB_BUILD/test/ub" restore -t mine owned 2>err &&
	test_grep "owned/x: cannot set owner: Operation not permitted" err &&
	test_grep "owned/null: cannot make" err && test_line_count 4 err && test_grep ! "owned/y" err &&
	test_cmp owned/x "mine$PWD/owned/x" && test_path_is_missing "mine$PWD/owned/null" &&
	test "$(stat -c %a "mine$PWD/owned/s")" = 755 && test "$(stat -c %a "mine$PWD/owned")" = 500
'

# -- other disks ------------------------------------------------------------------------------

test_expect_success MOUNT 'a full target is one sentence, nothing half is left, and then it goes on' '
	mkdir fill && for i in 1 2 3 4 5 6 7 8; do test_random 1500000 $i >fill/$i || exit 1; done &&
	ub commit -m fill fill >/dev/null &&
	tree_mount 14M mkfs.ext4 -q && mkdir -p "mnt$PWD/fill" && echo old >"mnt$PWD/fill/8" &&
	head -c 6000000 /dev/zero >mnt/ballast &&
	test_expect_code 1 ub restore -t mnt fill 2>err && test_line_count 1 err &&
	test_grep "the disk is full" err && test -z "$(find mnt -name ".ub-restore*")" &&
	for f in "mnt$PWD"/fill/[1-8]
	do
		test ! -e "$f" || cmp -s "fill/${f##*/}" "$f" ||
			test "$(head -c 4 "$f")" = old || exit 1
	done &&
	rm mnt/ballast && ub restore -t mnt fill && diff -r fill "mnt$PWD/fill"
'

test_expect_success MOUNT 'a target that is read-only is one sentence' '
	tree_mount 14M mkfs.ext4 -q && mount -o remount,ro mnt &&
	test_expect_code 1 ub restore -t mnt src 2>err && test_line_count 1 err &&
	test_grep "Read-only file system" err
'

# The first kind of file system that folds names and that this kernel knows.
mount_folding () {
	tree_mount 34M mkfs.vfat 2>/dev/null && return
	tree_mount 34M mkfs.ext4 -q -O casefold && chattr +F mnt 2>/dev/null ||
		{ mkdir mnt/fold && chattr +F mnt/fold 2>/dev/null; }
}

test_expect_success MOUNT 'names that fold to one are found before the first is overwritten' '
	mkdir fold && echo upper >fold/README && echo lower >fold/readme && echo other >fold/other &&
	mkdir fold/Dir && echo in >fold/Dir/File && ub commit -m fold fold >/dev/null &&
	mount_folding || return 0
	out=mnt$PWD/fold &&
	test_expect_code 3 ub restore -t mnt fold 2>err && test_grep "readme.*restored as .readme~1" err &&
	test "$(cat "$out/README")" = upper && test "$(cat "$out/readme~1")" = lower &&
	test "$(cat "$out/other")" = other && test "$(cat "$out/dir/file")" = in &&
	test_expect_code 3 ub restore -t mnt fold 2>err &&
	test "$(cat "$out/README")" = upper && test "$(cat "$out/readme~1")" = lower &&
	test "$(ls "$out" | wc -l)" = 4
'

test_expect_success MOUNT 'on btrfs chunks that are right are shared with the file that was there' '
	command -v mkfs.btrfs >/dev/null || return 0
	tree_mount 130M mkfs.btrfs -q && ub restore -t mnt src &&
	printf X | dd of="mnt$src/big" bs=1 seek=5999999 conv=notrunc 2>/dev/null &&
	ub restore -t mnt src --json >json && test_cmp_bin src/big "mnt$src/big" &&
	written=$(sed "s/.*\"bytes_written\":\([0-9]*\).*/\1/" json) && test "$written" -lt 5000000
'

test_done
