#!/bin/sh

test_description='objects in, objects out: what the store promises'
. "${0%/*}/test-lib.sh"

# Bytes that all packs and the index take.
stored () {
	find "$UB_DIR/packs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'
}

test_expect_success 'setup' '
	test_init_repo &&
	test_random 9000000 1 >big &&
	test_random 3000000 2 >edit &&
	{ head -c 4500000 big && echo "a line in the middle" && tail -c 4500000 big; } >edited
'

test_expect_success 'a large file comes back as it went in' '
	big=$(ub hash-object -w big) &&
	ub cat-object -p "$big" >back &&
	test_cmp_bin back big &&
	test "$(ub cat-object -t "$big")" = list &&
	test "$(ub cat-object -s "$big")" = 9000000
'

test_expect_success 'storing it again adds nothing' '
	before=$(stored) && files=$(find "$UB_DIR/packs" -type f | wc -l) &&
	test "$(ub hash-object -w big)" = "$big" &&
	test "$(stored)" = "$before" &&
	test "$(find "$UB_DIR/packs" -type f | wc -l)" = "$files"
'

test_expect_success 'an edit in the middle adds about one chunk' '
	before=$(stored) &&
	ub hash-object -w edited >id &&
	ub cat-object -p "$(cat id)" | cmp - edited &&
	test $(($(stored) - before)) -lt 4700000
'

test_expect_success 'ids do not depend on how the bytes come' '
	ub hash-object --stdin <big >piped &&
	{ head -c 1 big; sleep 0.1; tail -c +2 big; } | ub hash-object --stdin >slow &&
	echo big | ub hash-object --stdin-paths >listed &&
	printf "big\0" | ub hash-object --stdin-paths -z >listed0 &&
	echo "$big" >expect &&
	test_cmp expect piped && test_cmp expect slow &&
	test_cmp expect listed && test_cmp expect listed0
'

test_expect_success 'small, empty and inline contents have ids too' '
	: >empty && printf x >one && test_random 64 3 >inline && test_random 65 4 >outline &&
	ub hash-object -w empty one inline outline >ids &&
	test_line_count 4 ids &&
	for name in empty one inline outline
	do
		read -r id <&3 && ub cat-object -p "$id" | cmp - $name || return 1
	done 3<ids
'

test_expect_success 'runs of zeros cost nothing, wherever they stand, hole or not' '
	before=$(stored) &&
	truncate -s 300000000 hole && head -c 2000 big >>hole &&
	cp --sparse=never hole full && rm hole &&
	{ head -c 1000 big; head -c 700000 /dev/zero; head -c 1000 big; } >middle &&
	ub hash-object -w full >id && ub cat-object -p "$(cat id)" | cmp - full &&
	ub hash-object -w middle >id2 && ub cat-object -p "$(cat id2)" | cmp - middle &&
	test $(($(stored) - before)) -lt 40000 &&
	head -c 400000000 /dev/zero >zeros && ub hash-object -w zeros >id &&
	ub cat-object -p "$(cat id)" | cmp - zeros && rm full zeros
'

test_expect_success 'many small files, odd names, in their order' '
	mkdir files && i=0 &&
	while test $i -lt 300
	do
		echo "file number $i" >"files/$i" && i=$((i + 1)) || return 1
	done &&
	printf "odd" >"files/new
line" && printf "quote" >"files/a\"b" &&
	find files -type f -print0 | sort -z >names &&
	ub hash-object -w --stdin-paths -z <names >ids &&
	tr "\0\n" "\n\0" <names | wc -l >count &&
	test_line_count "$(cat count)" ids &&
	ub hash-object files/0 >first && grep -q "$(cat first)" ids &&
	printf "%s\n" "\"files/new\\nline\"" "files/0" | ub hash-object --stdin-paths >two &&
	test_line_count 2 two && ub cat-object -p "$(head -n 1 two)" >out && test "$(cat out)" = odd
'

test_expect_success 'a file that cannot be read is named, the others are done: exit 3' '
	printf "%s\n" one missing inline >list &&
	test_expect_code 3 ub hash-object -w --stdin-paths <list >out 2>err &&
	test_line_count 2 out && test_grep missing err
'

test_expect_success 'the same content has other ids and cuts in another repository' '
	UB_DIR=$TRASH_DIRECTORY/other ub init --kdf 8M:1 --password-file "$HOME/password" >/dev/null &&
	UB_DIR=$TRASH_DIRECTORY/other ub hash-object -w big >id &&
	test "$(cat id)" != "$big" &&
	ub chunk --sizes big >here &&
	UB_DIR=$TRASH_DIRECTORY/other ub chunk --sizes big >there &&
	! cmp -s here there
'

test_expect_success 'a marker in content and name is in no file of the repository' '
	marker=ub-test-marker-0123456789abcdefg && test ${#marker} = 32 &&
	echo "$marker" >"$marker" && yes "$marker" | head -c 3000000 >>"$marker" &&
	id=$(ub hash-object -w "$marker") &&
	tree=$(printf "100644 %s %s 3000033\t%s\n" "$(ub cat-object -t "$id")" "$id" "$marker" |
		ub mktree) &&
	commit=$(ub commit-tree "$tree" -m "$marker") && ub update-ref "$marker" "$commit" &&
	test_must_fail grep -r "$marker" "$UB_DIR" "$XDG_STATE_HOME" &&
	ub cat-object -p "$id" | cmp - "$marker"
'

test_expect_success 'a snapshot is built by hand, and walked' '
	find files -maxdepth 1 -type f -name "[0-9]*" -print0 | sort -z >names &&
	tr "\0" "\n" <names | sed "s,files/,," >plain &&
	ub hash-object -w --stdin-paths -z <names >ids &&
	tree=$(paste -d" " ids plain | while read -r id name
		do
			printf "100644 blob %s %s\t%s\n" "$id" "$(stat -c %s "files/$name")" "$name"
		done | ub mktree) &&
	commit=$(ub commit-tree "$tree" -m "by hand") &&
	ub update-ref main "$commit" &&
	test "$(ub rev-parse HEAD)" = "$commit" &&
	ub cat-object -p HEAD:17 >out && test_cmp files/17 out &&
	ub cat-tree -l "$tree" | ub mktree >again && echo "$tree" >expect && test_cmp expect again &&
	ub fsck --full
'

test_expect_success 'without its index the repository answers the same' '
	ub rev-list --objects HEAD | sort >expect &&
	rm -r "$UB_DIR/index" && mkdir "$UB_DIR/index" &&
	ub index --rebuild &&
	ub rev-list --objects HEAD | sort >actual && test_cmp expect actual &&
	ub cat-object -p "$big" | cmp - big &&
	ub index --check && ub fsck
'

test_expect_success 'a deleted index is also rebuilt on the way, and that is said' '
	rm "$UB_DIR/index/current" &&
	ub cat-object -s "$big" >out 2>err && test_grep rebuilt err &&
	ub cat-object -s "$big" 2>err && test_must_be_empty err
'

test_expect_success 'prefixes are resolved, wrong ids refused' '
	ub cat-object -t "$(echo "$big" | cut -c 1-9)" &&
	test_expect_code 1 ub cat-object -t 0000000000 2>err &&
	test_expect_code 1 ub cat-object -e "$(echo "$big" | tr 0-9a-f 1-9a-f0)" &&
	test_expect_code 2 ub cat-object "$big" &&
	test_expect_code 2 ub cat-object -t &&
	test_expect_code 2 ub hash-object -t nothing one &&
	test_expect_code 1 ub hash-object missing
'

test_expect_success 'an encoded object is checked before it is stored' '
	ub cat-object --raw "$tree" >raw &&
	test "$(ub hash-object -w -t tree raw)" = "$tree" &&
	head -c 20 raw >cut && test_expect_code 1 ub hash-object -t tree cut 2>err &&
	test_grep cut err
'

test_expect_success 'pack and locate agree' '
	pack=$(ub locate --pack "$big") && test_path_exists "$pack" &&
	echo "$big" | ub pack >name && test "$(cat name)" = "${pack##*/}" &&
	ub pack --list "$(cat name)" >list && test_grep "^$big list" list &&
	ub pack --verify "$pack" &&
	test_expect_code 1 ub pack --list "$(cat name | tr 0-9a-f 1-9a-f0)"
'

test_expect_success 'repacking brings objects together under the same ids' '
	ub rev-list --objects HEAD >all && ub pack --repack <all >packs &&
	test_line_count 1 packs && ub fsck --full &&
	ub rev-list --objects HEAD >again && test_cmp all again
'

test_expect_success 'data and meta packs go where init was told' '
	UB_DIR=$TRASH_DIRECTORY/split && export UB_DIR &&
	ub init --kdf 8M:1 --meta "$TRASH_DIRECTORY/fast-disk" --data "$TRASH_DIRECTORY/big-disk" \
		--password-file "$HOME/password" >/dev/null &&
	id=$(ub hash-object -w big) && ub cat-object -p "$id" | cmp - big &&
	test "$(find fast-disk/packs/meta -type f | wc -l)" = 1 &&
	test "$(find big-disk/packs/data -type f | wc -l)" = 1 &&
	test_path_exists fast-disk/index/current && ub fsck --full &&
	mv big-disk away && mkdir big-disk &&
	test_expect_code 1 ub hash-object -w one 2>err && test_grep "big-disk.*not mounted" err &&
	rmdir big-disk && mv away big-disk && ub fsck
'

test_done
