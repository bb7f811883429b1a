#!/bin/sh

test_description='verify: all that a snapshot reaches is opened, and damage is named by its path'
. "${0%/*}/test-lib.sh"

# A folder of blobs, a chunked file, a file with large attributes, and a copy of a folder.
test_expect_success 'setup' '
	test_init_repo --device laptop &&
	test_random 9000000 1 >big && test_random 300000 2 >photo && seq 1 3000 >text &&
	seq 4000 9000 >other &&
	for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 >small$i || return 1; done &&
	big=$(ub hash-object -w big) && photo=$(ub hash-object -w photo) &&
	text=$(ub hash-object -w text) && other=$(ub hash-object -w other) &&
	for i in 1 2 3 4 5 6 7 8 9
	do
		printf "100644 blob %s %s\tsmall%s\n" "$(ub hash-object -w small$i)" \
			"$(test_file_size small$i)" $i || return 1
	done >list &&
	small=$(ub mktree <list) &&
	{
		printf "100644 blob %s %s\t\"odd\\\\\"name\"\n" $other "$(test_file_size other)"
		printf "100644 blob %s %s\ttext\n" $text "$(test_file_size text)"
	} >list &&
	docs=$(ub mktree <list) &&
	media=$(printf "100644 list %s 9000000\tbig\n100644 blob %s 300000\tphoto\n" $big $photo |
		ub mktree) &&
	root=$(printf "040755 tree %s -\t%s\n" $docs docs $media media $docs same $small small |
		ub mktree) &&
	first=$(ub commit-tree $docs -m first) &&
	commit=$(ub commit-tree $root -p $first -m second) && ub update-ref main $commit &&
	cp -a repo pristine
'

fresh () {
	chmod -R u+w repo && rm -rf repo && cp -a pristine repo
}
pack_of () {
	ub locate --pack "$1"
}
# hurt ID: flip a bit in the frame that holds the object.
hurt () {
	ub locate --json "$1" >where &&
	flip_bit "$(pack_of "$1")" $(($(sed 's/.*"frame_offset":\([0-9]*\).*/\1/' where) + 40))
}

test_expect_success 'a sound snapshot verifies, and the counts are right' '
	ub rev-list --objects $root >objects &&
	ub verify >out 2>err && test_must_be_empty out &&
	test_grep "^ub: $(($(wc -l <objects) + 1)) objects in .*: 0 damaged, 0 missing" err &&
	ub verify --json >out && test_line_count 1 out &&
	test_grep "\"type\":\"summary\",\"ok\":true,\"objects\":$(($(wc -l <objects) + 1)),\"packs\":[0-9]*,\"shards\":0,\"damaged\":0,\"missing\":0,\"bytes\":[0-9]*,\"seconds\":" out &&
	ub verify -q HEAD HEAD $root main 2>err && test_must_be_empty err
'

test_expect_success 'what one snapshot reaches, and what a path does' '
	ub verify --json HEAD:docs >out && test_grep "\"objects\":3," out &&
	ub verify --json HEAD:media/photo >out && test_grep "\"objects\":1,.*\"bytes\":300000," out &&
	ub verify --json $first >out && test_grep "\"objects\":4," out &&
	ub verify --json HEAD~1 >out && test_grep "\"objects\":4," out
'

test_expect_success 'what is no revision is refused in one sentence' '
	test_expect_code 1 ub verify nosuch 2>err && test_line_count 1 err &&
	test_grep "nosuch.*remotes" err &&
	test_expect_code 1 ub verify HEAD:docs/nosuch 2>err && test_line_count 1 err &&
	test_grep ! remotes err &&
	test_expect_code 1 ub verify "$(echo $commit | tr 0-9 1-90)" 2>err && test_line_count 1 err &&
	for bad in 0 -1 101 x "" 5x
	do
		test_expect_code 2 ub verify --sample "$bad" || return 1
	done &&
	test_expect_code 2 ub verify --seed x
'

test_expect_success 'a damaged blob is named with its path and its pack' '
	test_when_finished fresh &&
	hurt $photo &&
	test_expect_code 6 ub verify >out 2>err && test_line_count 1 out &&
	test_grep "^damaged blob $photo, media/photo.*$(basename "$(pack_of $photo)")" out &&
	test_grep "1 damaged, 0 missing" err &&
	test_expect_code 6 ub verify --json >out && test_line_count 2 out &&
	test_grep "\"type\":\"damage\",\"kind\":\"damaged\",\"oid\":\"$photo\",\"object_type\":\"blob\",\"path\":\"media/photo\",\"pack\":\".*$(basename "$(pack_of $photo)")\",\"message\"" out &&
	test_grep "\"ok\":false,.*\"damaged\":1,\"missing\":0" out &&
	ub verify HEAD:docs && ub verify HEAD~1
'

test_expect_success 'a piece of a large file is named with the path of the file' '
	test_when_finished fresh &&
	piece=$(ub rev-list --objects HEAD:media/big | sed -n "\$s/	.*//p") &&
	test "$piece" != $big && hurt $piece &&
	test_expect_code 6 ub verify HEAD:media >out && test_line_count 1 out &&
	test_grep "^damaged blob $piece, media/big" out
'

test_expect_success 'odd names are quoted, in JSON they are not' '
	test_when_finished fresh &&
	hurt $other && test_expect_code 6 ub verify >out &&
	test_grep "damaged blob $other, \"docs/odd.*name\"" out
'

test_expect_success 'a damaged folder is named, and the rest is looked at' '
	test_when_finished fresh &&
	hurt $media && hurt $other &&
	test_expect_code 6 ub verify >out 2>err &&
	test_grep "^damaged tree $media, media" out &&
	test_grep "^damaged blob $other, \"docs/odd" out &&
	test_line_count 2 out
'

test_expect_success 'a damaged snapshot is a finding' '
	test_when_finished fresh &&
	hurt $commit && test_expect_code 6 ub verify >out &&
	test_grep "^damaged commit $commit" out
'

test_expect_success 'a pack that is gone: what is missing is named' '
	test_when_finished fresh &&
	rm -f "$(pack_of $text)" &&
	test_expect_code 6 ub verify >out 2>err &&
	test_grep "^missing blob $text, docs/text" out && test_grep "0 damaged, [1-9][0-9]* missing" err &&
	test_expect_code 6 ub verify --json >out && test_grep "\"kind\":\"missing\"" out
'

test_expect_success 'objects that the index does not know are missing' '
	test_when_finished fresh &&
	rm -f "$(pack_of $text)" && ub index --rebuild &&
	test_expect_code 6 ub verify >out && test_line_count 1 out &&
	test_grep "^missing blob $text, docs/text.*: is in no pack" out
'

test_expect_success 'a pack cut short: what is behind the cut is named, what is before is not' '
	test_when_finished fresh &&
	ub rev-list --objects HEAD:media/big >pieces &&
	pack=$(pack_of "$(sed -n "\$s/	.*//p" pieces)") &&
	chmod u+w "$pack" && truncate -s $(($(test_file_size "$pack") / 2)) "$pack" &&
	test_expect_code 6 ub verify >out 2>err &&
	test_grep "^damaged blob [0-9a-f]*, media/big" out && test_grep ! -v media/big out &&
	test "$(wc -l <out)" -lt "$(($(wc -l <pieces) - 1))"
'

test_expect_success 'a pack with a damaged footer is named, though nothing in it is hurt' '
	test_when_finished fresh &&
	pack=$(pack_of $photo) && flip_bit "$pack" -20 &&
	test_expect_code 6 ub verify >out 2>err && test_line_count 1 out &&
	test_grep "^damaged.*$(basename "$pack")" out && test_grep ! $photo out
'

test_expect_success '--deep finds what is damaged behind the frames' '
	test_when_finished fresh &&
	ub verify --deep &&
	piece=$(ub rev-list --objects HEAD:media/big | sed -n "\$s/	.*//p") &&
	pack=$(pack_of $piece) && ub pack --list --json "$pack" >frames &&
	end=$(sed -n "\$s/.*frame_offset\":\([0-9]*\),.*frame_size\":\([0-9]*\),.*/\1 + \2/p" frames) &&
	flip_bit "$pack" $(($end + 50)) &&
	ub verify && test_expect_code 6 ub verify --deep >out && test_line_count 1 out &&
	test_grep "^damaged.*$(basename "$pack").*hash to its name" out
'

test_expect_success '--sample opens all folders and some of the content, the same with a seed' '
	ub verify --json --sample 1 --seed 7 >one && ub verify --json --sample 1% --seed 7 >two &&
	test "$(sed "s/,.seconds.*//" one)" = "$(sed "s/,.seconds.*//" two)" &&
	test_grep "\"seed\":7" one && ub verify --json --sample 100 >all && test_grep ! seed all &&
	objects=$(sed "s/.*\"objects\":\([0-9]*\).*/\1/" one) &&
	test "$objects" -lt "$(sed "s/.*\"objects\":\([0-9]*\).*/\1/" all)" &&
	ub verify --sample 0.5
'

test_expect_success 'a damaged index is rebuilt on the way' '
	test_when_finished fresh &&
	run=$(ls -S repo/index/run-* | sed 1q) &&
	for at in $(seq 4200 500 "$(test_file_size "$run")")
	do
		flip_bit "$run" $at || return 1
	done &&
	test_expect_code 5 ub verify >out 2>err && test_must_be_empty out &&
	test_grep "has been rebuilt" err && ub verify && ub index --check
'

test_expect_success 'of an object in two packs the copy counts that the index finds' '
	test_when_finished fresh &&
	old=$(pack_of $photo) && echo $photo | ub pack --repack >new && new=$(pack_of $photo) &&
	test "$old" != "$new" && rm -f "$old" && ub verify HEAD:media/photo
'

test_expect_success 'a disk that cannot read a pack: a finding, and on it goes' '
	test_when_finished fresh &&
	found=0 &&
	for n in $(seq 1 60)
	do
		UB_TEST_FAULT=eio:pread@$n ub verify >out 2>err
		case $? in
		0 | 1 | 5) ;;
		6) test -s out && found=$((found + 1)) ;;
		*) cat out err; return 1 ;;
		esac
	done &&
	test "$found" -gt 3
'

test_expect_success 'every flipped bit is found, or lies where the snapshot has nothing' '
	test_when_finished fresh &&
	for pack in repo/packs/*/*
	do
		size=$(test_file_size "$pack") && step=$((size / 12 + 1)) &&
		for at in $(seq 0 $step $((size - 1)))
		do
			fresh && flip_bit "$pack" $at || return 1
			ub fsck --full >fsck 2>&1; fsck=$?
			ub verify --deep >out 2>err; verify=$?
			case $fsck,$verify in
			6,6 | 14,14) ;;
			6,0) ! grep -q "^damaged object" fsck ||
				{ echo "$pack $at" && cat fsck out err; return 1; } ;;
			*) echo "$pack $at: $fsck $verify" && cat fsck out err; return 1 ;;
			esac
		done
	done
'

test_done
