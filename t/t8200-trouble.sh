#!/bin/sh

test_description='full disks, folders that cannot be written, other owners, two at once'
. "${0%/*}/test-lib.sh"

mounted=
MAIN=$UB_DIR
cleanup () {
	for dir in $mounted
	do
		umount -l "$dir" 2>/dev/null
	done
}
trap 'cleanup; test_exit' EXIT

# A small file system of its own at DIR; root may always, others where user namespaces allow.
small_disk () {
	mkdir -p "$1" && mount -t tmpfs -o "size=$2" tmpfs "$1" && mounted="$mounted $1"
}

mkdir probe && small_disk "$PWD/probe" 1M 2>/dev/null && umount probe && test_set_prereq MOUNT

test_expect_success 'setup' '
	test_init_repo &&
	test_random 30000000 1 >big && test_random 3000 2 >small &&
	small=$(ub hash-object -w small)
'

test_expect_success MOUNT 'a full data disk is one clear sentence, and nothing is lost' '
	small_disk "$PWD/data" 20M &&
	UB_DIR=$PWD/split && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub init --kdf 8M:1 --data "$PWD/data" --password-file "$HOME/password" >/dev/null &&
	id=$(ub hash-object -w small) &&
	test_expect_code 1 ub hash-object -w big >out 2>err &&
	test_must_be_empty out && test_line_count 1 err && test_grep "disk is full" err &&
	test_grep "$PWD/data" err &&
	ub fsck --full && ub cat-object -p "$id" | cmp - small &&
	mount -o remount,size=100M "$PWD/data" &&
	big=$(ub hash-object -w big) && ub cat-object -p "$big" | cmp - big && ub fsck --full
'

test_expect_success MOUNT 'a full meta disk likewise' '
	small_disk "$PWD/meta" 2M &&
	UB_DIR=$PWD/split2 && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub init --kdf 8M:1 --meta "$PWD/meta" --password-file "$HOME/password" >/dev/null &&
	id=$(ub hash-object -w small) &&
	test_random 3000000 5 >medium &&
	test_expect_code 1 ub hash-object -w medium >out 2>err &&
	test_must_be_empty out && test_line_count 1 err && test_grep "disk is full" err &&
	ub fsck --full && ub cat-object -p "$id" | cmp - small &&
	mount -o remount,size=50M "$PWD/meta" &&
	medium=$(ub hash-object -w medium) && ub cat-object -p "$medium" | cmp - medium && ub fsck
'

test_expect_success MOUNT 'the disk of refs and keys may be full too' '
	small_disk "$PWD/home" 1M &&
	UB_DIR=$PWD/home/repo && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub init --kdf 8M:1 --password-file "$HOME/password" >/dev/null &&
	id=$(ub hash-object -w small) &&
	tree=$(printf "100644 blob %s 3000\tsmall\n" "$id" | ub mktree) &&
	commit=$(ub commit-tree "$tree" -m one) && ub update-ref main "$commit" &&
	{ cat /dev/zero >"$PWD/home/filler" 2>/dev/null || :; } &&
	test_expect_code 1 ub update-ref other "$commit" 2>err && test_grep "disk is full" err &&
	test_expect_code 1 ub hash-object -w big 2>err && test_grep "disk is full" err &&
	rm "$PWD/home/filler" && ub fsck --full && ub update-ref other "$commit" &&
	test "$(ub rev-parse main)" = "$commit"
'

test_expect_success MOUNT 'a read-only file system can be read, and says no to writers' '
	small_disk "$PWD/ro" 20M && cp -a "$UB_DIR" "$PWD/ro/repo" &&
	UB_DIR=$PWD/ro/repo && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	mount -o remount,ro "$PWD/ro" &&
	ub cat-object -p "$small" | cmp - small &&
	ub fsck --full && ub hash-object small >/dev/null &&
	test_expect_code 1 ub hash-object -w big >out 2>err &&
	test_must_be_empty out && test_line_count 1 err && test_grep -i "read-only" err
'

test_expect_success ROOT 'the repository of another owner is read, not written' '
	cp -a "$UB_DIR" owned && chown -R 12345 owned &&
	UB_DIR=$PWD/owned && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub cat-object -p "$small" | cmp - small &&
	test_expect_code 1 ub hash-object -w big 2>err &&
	test_line_count 1 err && test_grep "belongs to user 12345" err &&
	find owned -user root >left && test_must_be_empty left
'

test_expect_success 'a folder that is no repository, a file, and nothing: exit 10' '
	mkdir nothing &&
	test_expect_code 10 ub --repo "$PWD/nothing" cat-object -t 1234567 2>err &&
	test_grep "no repository at" err &&
	test_expect_code 10 ub --repo "$PWD/small" cat-object -t 1234567 &&
	test_expect_code 10 ub --repo "$PWD/absent" fsck
'

test_expect_success 'a format of the future: exit 14' '
	cp -a "$UB_DIR" future && sed -i "s/format = 0/format = 7/" future/config &&
	test_expect_code 14 ub --repo "$PWD/future" cat-object -t "$small" 2>err &&
	test_grep "format .7." err
'

test_expect_success 'init leaves alone what is there: exit 13' '
	mkdir full && echo precious >full/file &&
	test_expect_code 13 ub init --kdf 8M:1 "$PWD/full" 2>err && test_grep "not empty" err &&
	test_expect_code 13 ub init --kdf 8M:1 "$UB_DIR" 2>err && test_grep "already" err &&
	test_expect_code 2 ub init --chunk-size 1:2 "$PWD/new" &&
	test_expect_code 2 ub init --erasure 30+4 "$PWD/new" &&
	test_path_is_missing new && test "$(cat full/file)" = precious
'

test_expect_success 'wrong password: exit 12, and no hint' '
	echo wrong >wrong &&
	test_expect_code 12 ub --password-file wrong cat-object -t "$small" 2>err &&
	test_line_count 1 err && test_grep "wrong password" err
'

test_expect_success 'two writers at once both do what they say' '
	for n in 1 2 3 4 5 6
	do
		test_random 6000000 1$n >w$n
	done &&
	for n in 1 2 3 4 5 6
	do
		ub hash-object -w w$n w1 >id$n 2>err$n &
	done &&
	wait &&
	for n in 1 2 3 4 5 6
	do
		ub cat-object -p "$(head -n 1 id$n)" | cmp - w$n || return 1
	done &&
	ub fsck --full
'

test_expect_success 'many hands move one ref, and each move is a record' '
	tree=$(printf "100644 blob %s 3000\tsmall\n" "$small" | ub mktree) &&
	for n in 1 2 3 4 5 6 7 8
	do
		{ commit=$(ub commit-tree "$tree" -m "hand $n") && ub update-ref "hand$n" "$commit"; } &
	done &&
	wait &&
	ub for-each-ref >refs && test "$(grep -c /hand refs)" = 8 &&
	ub verify-ref && ub fsck
'

test_expect_success 'what a killed writer finished is adopted, not stored again' '
	test_random 40000000 77 >long && ub config pack.size 8M && mkfifo pipe || return 1
	{ head -c 33000000 long; sleep 3; } >pipe &
	ub hash-object -w --stdin <pipe &
	pid=$! && sleep 2 && kill -9 $pid
	wait
	packs=$(find "$UB_DIR/packs/data" -type f -size +7M | wc -l) && test "$packs" -ge 2 &&
	ub fsck && before=$(find "$UB_DIR/packs" -type f -printf "%s\n" | awk "{ n += \$1 } END { print n }") &&
	id=$(ub hash-object -w long) && ub cat-object -p "$id" | cmp - long &&
	after=$(find "$UB_DIR/packs" -type f -printf "%s\n" | awk "{ n += \$1 } END { print n }") &&
	test $((after - before)) -lt 30000000 &&
	find "$UB_DIR" -name "tmp-*" >left && test_must_be_empty left && ub fsck --full
'

test_expect_success 'what lay in a pack that is gone is stored again' '
	test_random 9000000 91 >lost && id=$(ub hash-object -w lost) &&

	data=$(find "$UB_DIR/packs/data" -type f -newer small | xargs ls -t | head -n 1) &&
	rm -f "$data" &&
	test_expect_code 6 ub fsck >out && test_grep "${data##*/}" out &&
	test "$(ub hash-object -w lost)" = "$id" && ub cat-object -p "$id" | cmp - lost
'

test_expect_success 'empty folders that a copy left out are made again' '
	UB_DIR=$PWD/bare && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub init --kdf 8M:1 --password-file "$HOME/password" >/dev/null &&
	find bare -depth -type d -empty -delete && ub fsck &&
	id=$(ub hash-object -w small) && ub cat-object -p "$id" | cmp - small && ub fsck --full
'

test_expect_success 'all packs gone is damage, and said' '
	cp -a "$UB_DIR" hollow && rm -r hollow/packs &&
	test_expect_code 6 ub --repo "$PWD/hollow" fsck >out && test_grep "pack is gone" out
'

test_expect_success PYTHON 'a pack of a later format is no damage: exit 14' '
	UB_DIR=$PWD/later && export UB_DIR && test_when_finished "UB_DIR=$MAIN" &&
	ub init --kdf 8M:1 --password-file "$HOME/password" >/dev/null &&
	id=$(ub hash-object -w small) && pack=$(ub locate --pack "$id") &&
	chmod u+w "$pack" && printf "\143" | dd of="$pack" bs=1 seek=8 conv=notrunc 2>/dev/null &&
	test_expect_code 6 ub fsck &&
	$PYTHON - "$SOURCE_DIRECTORY/contrib/ub-reader.py" "$pack" <<-\END &&
	import importlib.util, os, sys
	spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
	reader = importlib.util.module_from_spec(spec)
	spec.loader.exec_module(reader)
	data = open(sys.argv[2], "rb").read()
	os.rename(sys.argv[2], os.path.dirname(sys.argv[2]) + "/" + reader.blake3(data).hex())
	END
	test_expect_code 14 ub fsck 2>err && test_grep "format 99" err &&
	test_expect_code 14 ub index --rebuild
'

test_expect_success 'a machine that lost its state joins under a name of its own' '
	test_when_finished "XDG_STATE_HOME=$XDG_STATE_HOME" &&
	XDG_STATE_HOME=$HOME/elsewhere && export XDG_STATE_HOME &&
	ub hash-object -w big 2>err && test_grep "joined it as .*-2" err
'

test_done
