#!/bin/sh

test_description='data changed in place: chunks coded against those that they replace'
. "${0%/*}/test-lib.sh"

# scatter SEED COUNT: COUNT times 4 KiB of noise at random places of src/image
scatter () {
	seed=$1
	for i in $(seq "$2")
	do
		at=$(((seed * 7919 + i * 104729) % 12000)) &&
		test_random 4096 $((seed * 1000 + i)) | dd of=src/image bs=4096 seek=$at conv=notrunc 2>/dev/null || return 1
	done
}

size () {
	du -sb "$UB_DIR/packs" | cut -f1
}

# grown COMMAND...: by how many bytes did the packs grow?
grown () {
	before=$(size) && "$@" && echo $(($(size) - before))
}

# kept IMAGE REV: what the snapshot has of src/image is that
kept () {
	ub cat "$2:${PWD#/}/src/image" >actual && test_cmp_bin "$1" actual
}

test_expect_success 'setup: half of an image is noise, half is text' '
	test_init_repo --device box && mkdir src && { test_random 25000000 1 && seq 3600000; } >src/image &&
	ub commit -q -m first src && cp src/image one
'

test_expect_success 'scattered writes cost little more than what was written' '
	scatter 1 20 && cp src/image two && n=$(grown ub commit -q -m second) && echo "$n bytes" && test "$n" -lt 600000 &&
	kept two HEAD && kept one HEAD~1
'

test_expect_success 'the same places once more: the base is the first version, never a coded one' '
	scatter 1 20 && scatter 2 20 && cp src/image three && n=$(grown ub commit -q -m third) && echo "$n bytes" &&
	test "$n" -lt 500000 && kept three HEAD && kept two HEAD~1 && kept one HEAD~2 && for pack in "$UB_DIR"/packs/*/*
	do
		ub pack --list "$pack" || return 1
	done >all && awk "NF == 7 { print \$1 }" all | sort >coded && awk "NF == 7 { print \$7 }" all | sort >bases &&
	test "$(wc -l <coded)" -gt 20 && comm -12 coded bases >both && test_must_be_empty both
'

test_expect_success 'ids and cuts do not depend on it' '
	ub rev-parse "HEAD:${PWD#/}/src" >want && XDG_CACHE_HOME=$PWD/c2 && export XDG_CACHE_HOME &&
	ub config core.delta false && rm -rf plain && cp -r "$UB_DIR" plain && n=$(grown ub commit -q --force) &&
	ub rev-parse "HEAD:${PWD#/}/src" >have && test_cmp want have && scatter 3 20 && n=$(grown ub commit -q) && test "$n" -gt 3000000 &&
	ub config --unset core.delta
'

test_expect_success 'verify, fsck and a rebuilt index follow' '
	ub verify && ub verify --deep && ub fsck --full && ub index --rebuild && ub verify HEAD~2 && ub fsck --full &&
	for pack in "$UB_DIR"/packs/*/*
	do
		ub pack --verify "$pack" || return 1
	done
'

test_expect_success PYTHON 'the second reader reads them, with and without its module' '
	ub show --json HEAD~3 >/dev/null && head -n 1 coded >id && ub cat-object -p $(cat id) >want &&
	"$PYTHON" "$SOURCE_DIRECTORY/contrib/ub-reader.py" -p "$HOME/password" "$UB_DIR" object $(cat id) >have && test_cmp_bin want have
'

test_expect_success 'locate and pack --list name the base' '
	ub locate --json $(head -n 1 coded) >out && test_grep "\"base\":\"[0-9a-f]\{64\}\"" out &&
	ub locate --json $(head -n 1 bases) >out && test_grep ! base out
'

test_expect_success 'whoever takes the packs of a snapshot takes those of the bases too' '
	ub rev-list --objects HEAD~2 --not HEAD~3 >objects && ub pack <objects >packs && head -n 1 bases >base &&
	ub locate $(cat base) | cut -d" " -f3 >pack && test_grep -f pack packs
'

test_expect_success 'packed again they stand for themselves' '
	cp -r "$UB_DIR" again && cat coded | ub -r again pack --repack >packs && for pack in $(cat packs)
	do
		ub -r again pack --list $pack || return 1
	done >list && awk "NF == 7" list >left && test_must_be_empty left && ub -r again fsck --full
'

test_expect_success 'a damaged base is named by verify, and with it what is coded against it' '
	cp -r "$UB_DIR" hurt && ub -r hurt locate --json $(head -n 1 bases) >at &&
	pack=$(find hurt/packs -name "$(sed "s/.*\"pack\":\"\([0-9a-f]*\).*/\1/" at)") &&
	flip_bit "$pack" $(($(sed "s/.*\"frame_offset\":\([0-9]*\).*/\1/" at) + 100)) &&
	test_expect_code 6 ub -r hurt fsck --full >out && test_grep "$(head -n 1 bases)" out && test_grep "its base $(head -n 1 bases)" out &&
	test_expect_code 6 ub -r hurt verify HEAD~2 >out && test_grep "its base $(head -n 1 bases)" out
'

test_expect_success 'a base that is gone is named by fsck, without opening anything' '
	cp -r "$UB_DIR" gone && pack=$(ub -r gone locate --pack $(head -n 1 bases)) && rm "$pack" && ub -r gone index --rebuild &&
	test_expect_code 6 ub -r gone fsck >out && test_grep "its base $(head -n 1 bases) is not in this repository" out
'

test_expect_success 'what replaces a file by something else is not coded against it' '
	test_random 12000000 77 >src/image && n=$(grown ub commit -q) && test "$n" -gt 11900000 && test "$n" -lt 12500000 &&
	cp src/image four && kept four HEAD && seq 2000000 >src/image && ub commit -q && ub verify
'

test_expect_success 'a file that grows at its front, and one that shrinks' '
	{ echo front && cat four; } >src/image && n=$(grown ub commit -q) && cp src/image five && kept five HEAD &&
	head -c 7000000 five >src/image && cp src/image six && n=$(grown ub commit -q) && test "$n" -lt 200000 && kept six HEAD && ub fsck --full
'

test_expect_success 'a file of one chunk' '
	test_random 200000 5 >src/small && ub commit -q && printf x | dd of=src/small bs=1 seek=1000 conv=notrunc 2>/dev/null &&
	n=$(grown ub commit -q) && test "$n" -lt 60000 && ub cat "HEAD:${PWD#/}/src/small" >actual && test_cmp_bin src/small actual
'

test_done
