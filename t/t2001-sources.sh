#!/bin/sh

test_description='ub add, rm, sources; what a commit does with nested, absent and partial ones'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-commit.sh"

test_have_prereq PY || test_skip_all 'there is no python3 to compare with'

A=$DISK/a B=$DISK/b
PA=${A#/} PB=${B#/} PD=${DISK#/}

test_expect_success 'setup' '
	test_init_repo && mkdir -p "$A/in/deep" "$B" && echo a >"$A/f" && echo in >"$A/in/f" &&
	echo deep >"$A/in/deep/f" && echo b >"$B/f"
'

test_expect_success 'nothing under backup: a commit says what to do' '
	test_expect_code 1 ub commit 2>err && test_grep "ub add" err &&
	test_expect_code 1 ub backup 2>err && test_grep "ub add" err &&
	ub sources >out && test_must_be_empty out
'

test_expect_success 'add takes paths, in any form, once' '
	ub add "$A" && (cd "$DISK" && ub add ./b/../b// a 2>err) && test_grep "already" "$DISK/err" &&
	rm "$DISK/err" && printf "%s\n" "$A" "$B" >want && ub sources >out && test_cmp want out &&
	ub sources -z | tr "\\0" "\\n" >out && test_cmp want out &&
	ub sources --json >out && test_line_count 2 out &&
	test_grep "{\"type\":\"source\",\"path\":\"$A\",\"present\":true}" out
'

test_expect_success 'add refuses what is not there, and what is ub itself' '
	test_expect_code 1 ub add "$DISK/no" 2>err && test_grep "$DISK/no" err &&
	test_expect_code 13 ub add "$UB_DIR" 2>err && test_grep "belongs to ub" err &&
	test_expect_code 13 ub add "$UB_DIR/packs" &&
	test_expect_code 2 ub add && test_expect_code 2 ub add "" && ub sources >out && test_cmp want out
'

test_expect_success 'a link to a folder is that folder; a link to a file is itself' '
	ln -s a "$DISK/la" && ln -s f "$A/lf" && ub add "$DISK/la" 2>err && test_grep "already" err &&
	ub add "$A/lf" && ub sources >out && test_grep "^$A/lf$" out && ub rm "$A/lf" && rm "$A/lf" "$DISK/la"
'

test_expect_success 'a dry run adds and removes nothing' '
	mkdir "$DISK/c" && ub add -n "$DISK/c" && ub rm -n "$A" && ub sources >out && test_cmp want out
'

test_expect_success 'odd names are sources too' '
	odd="$DISK/odd
	 \"name\" \\ # ; = \$(x)" && mkdir "$odd" && echo o >"$odd/f" && ub add "$odd" && ub sources -z >out &&
	printf "%s\0" "$A" "$B" "$odd" >want0 && test_cmp_bin want0 out && commit && tree_check "$odd" &&
	ub rm "$odd" && ub sources >out && test_cmp want out
'

test_expect_success 'a commit has all sources, and folders above them have no time' '
	commit -m one && tree_check "$A" && tree_check "$B" &&
	ub cat-tree "HEAD:$PD" | cut -f 2 >out && printf "%s\n" a b >names && test_cmp names out &&
	tree=$(summary tree) && touch "$DISK/x" && rm "$DISK/x" && commit && summary_is tree "$tree"
'

test_expect_success 'rm: what was backed up stays in history' '
	ub rm "$B" && commit -m two && not_in_tree "$PB" && in_tree "$PB/f" HEAD~1 &&
	test_expect_code 1 ub rm "$B" 2>err && test_grep "not under backup" err &&
	test_expect_code 2 ub rm && ub add "$B" && commit -m three && in_tree "$PB/f"
'

test_expect_success 'a source that is gone can be taken out' '
	mkdir "$DISK/gone" && ub add "$DISK/gone" && rmdir "$DISK/gone" &&
	ub sources >out 2>err && test_grep "^$DISK/gone$" out && test_grep "not there now" err &&
	ub sources --json >out && test_grep "gone\",\"present\":false" out &&
	ub rm "$DISK/gone" && ub sources >out && test_cmp want out
'

# -- nested -----------------------------------------------------------------------------------------

test_expect_success 'a source in a source is the same tree' '
	commit && tree=$(summary tree) && ub add "$A/in" "$A/in/deep/f" && commit && summary_is tree "$tree" &&
	tree_check "$A" && sleep 0.1 && commit && commit && summary_is bytes_read 0 &&
	echo more >>"$A/in/f" && commit && summary_is files_changed 1 && tree_check "$A" &&
	ub rm "$A/in/deep/f"
'

test_expect_success 'an inner source that is absent is carried over, and the outer one is read' '
	mv "$A/in" "$DISK/away" && echo f2 >"$A/f2" && test_expect_code 3 commit -m absent &&
	summary_is errors 1 && test_grep "$A/in.*carried over" err && in_tree "$PA/in/deep/f" && in_tree "$PA/f2" &&
	note 5 >absent && test_grep "$A/in" absent &&
	ub cat-object -p HEAD >out && test_grep -i incomplete out &&
	test_expect_code 3 commit && in_tree "$PA/in/f" &&
	mv "$DISK/away" "$A/in" && commit && tree_check "$A" && note 5 >absent && test_must_be_empty absent &&
	ub cat-object -p HEAD >out && test_grep ! -i incomplete out
'

test_expect_success 'without the outer one the inner stays' '
	ub rm "$A" && commit && not_in_tree "$PA/f" && tree_check "$A/in" && sleep 0.1 && commit && commit &&
	summary_is bytes_read 0 && ub add "$A" && ub rm "$A/in" && commit && tree_check "$A"
'

# -- absent -----------------------------------------------------------------------------------------

test_expect_success 'an absent source is carried over whole, with its side lists' '
	ln "$A/f" "$A/hard" && commit && tree=$(ub rev-parse "HEAD:$PA") &&
	note 1 >links.before && note 2 | grep "$PA" >births.before &&
	mv "$A" "$DISK/away" && echo b2 >"$B/f2" &&
	test_expect_code 3 commit && test "$(ub rev-parse "HEAD:$PA")" = "$tree" && in_tree "$PB/f2" &&
	note 1 >links.after && test_cmp links.before links.after &&
	note 2 | grep "$PA" >births.after && test_cmp births.before births.after &&
	test_expect_code 3 commit && test "$(ub rev-parse "HEAD:$PA")" = "$tree" &&
	note 2 | grep "$PA" >births.after && test_cmp births.before births.after &&
	ub fsck --full
'

test_expect_success 'all absent: refused, and nothing moves' '
	head=$(ub rev-parse HEAD) && mv "$B" "$DISK/bway" && test_expect_code 13 commit &&
	test_grep "none of the 2 sources" err && test "$(ub rev-parse HEAD)" = "$head" &&
	test_expect_code 13 commit -n && test_expect_code 13 ub backup &&
	mv "$DISK/bway" "$B" && mv "$DISK/away" "$A" && commit && tree_check "$A" && tree_check "$B"
'

test_expect_success 'the only source absent: refused' '
	ub rm "$B" && mv "$A" "$DISK/away" && test_expect_code 13 commit && test_grep "only source" err &&
	mv "$DISK/away" "$A" && ub add "$B" && commit
'

test_expect_success 'a source never seen before that is absent is marked, and nothing is made up' '
	mkdir "$DISK/never" && ub add "$DISK/never" && rmdir "$DISK/never" && test_expect_code 3 commit &&
	test_grep "never. is not there$" err && not_in_tree "$PD/never" && note 5 >absent &&
	test_grep never absent && ub rm "$DISK/never"
'

test_expect_success 'an empty folder of another inode is a disk that was unplugged' '
	mv "$B" "$DISK/bway" && mkdir "$B" && test_expect_code 3 commit && in_tree "$PB/f" &&
	rmdir "$B" && mv "$DISK/bway" "$B" && commit && tree_check "$B"
'

test_expect_success 'but one that was emptied is empty' '
	mv "$B/f" "$B/f2" "$DISK" && commit && tree_check "$B" && not_in_tree "$PB/f" &&
	mv "$DISK/f" "$DISK/f2" "$B" && commit && tree_check "$B"
'

test_expect_success UNSHARE 'a mount point whose disk is unplugged is absent' '
	mkdir -p "$DISK/mnt" && unshare -m sh -c "mount -t tmpfs tmpfs $DISK/mnt && echo m >$DISK/mnt/m && ub add $DISK/mnt && ub commit -q" &&
	in_tree "$PD/mnt/m" && test_expect_code 3 commit && in_tree "$PD/mnt/m" &&
	unshare -m sh -c "mount -t tmpfs tmpfs $DISK/mnt && echo n >$DISK/mnt/n && ub commit -q" &&
	in_tree "$PD/mnt/n" && not_in_tree "$PD/mnt/m" && ub rm "$DISK/mnt" && commit
'

test_expect_success 'a source that became a file, a file source' '
	mv "$B" "$DISK/bway" && echo file >"$B" && commit && test "$(content "$PB")" = file && rm "$B" &&
	mv "$DISK/bway" "$B" && ub add "$A/f" && ub rm "$A" && commit && tree_check "$A/f" &&
	not_in_tree "$PA/in" && sleep 0.1 && commit && commit && summary_is bytes_read 0 &&
	rm "$A/f" && test_expect_code 3 commit && in_tree "$PA/f" && echo a >"$A/f" && ub add "$A" &&
	ub rm "$A/f" && commit && tree_check "$A"
'

test_expect_success SETPRIV 'a source that may not be entered is carried over, again and again' '
	mkdir "$DISK/user" && chmod 755 "$DISK" && mkdir "$DISK/user/s" "$DISK/user/t" && echo s >"$DISK/user/s/f" &&
	echo t >"$DISK/user/t/f" && chown -R 65534 "$DISK/user" &&
	cat >user <<-\END &&
	exec setpriv --reuid 65534 --clear-groups env HOME="$DISK/user" XDG_STATE_HOME="$DISK/user/state" \
		XDG_CACHE_HOME="$DISK/user/cache" XDG_CONFIG_HOME="$DISK/user/config" TMPDIR="$DISK/user" UB_DIR="$DISK/user/repo" ub "$@"
	END
	export DISK && cp "$HOME/password" "$DISK/user/pw" && chmod 644 "$DISK/user/pw" &&
	UB_PASSWORD_FILE=$DISK/user/pw && export UB_PASSWORD_FILE &&
	chmod o+x "$HOME" "$TRASH_DIRECTORY" 2>/dev/null;
	sh user init --kdf 8M:1 --password-file "$DISK/user/pw" >/dev/null &&
	sh user add "$DISK/user/s" "$DISK/user/t" && sh user commit -q &&
	chmod 000 "$DISK/user/s" &&
	test_expect_code 3 sh user commit -q && test_expect_code 3 sh user commit -q &&
	test_expect_code 3 sh user commit -q && sh user cat-object -p "HEAD:$PD/user/s/f" >out &&
	test "$(cat out)" = s && chmod 755 "$DISK/user/s" && sh user commit -q && sh user fsck --full
'

# -- partial ----------------------------------------------------------------------------------------

test_expect_success 'a partial commit takes what is named, and carries the rest over' '
	commit && echo a3 >"$A/f3" && echo in3 >"$A/in/f3" && echo b3 >"$B/f3" && commit "$A/in" &&
	in_tree "$PA/in/f3" && not_in_tree "$PA/f3" && not_in_tree "$PB/f3" && in_tree "$PB/f" && tree_check "$A/in" &&
	summary_is files_new 1 && commit "$B/f3" "$A/f3" && tree_check "$A/f3" && in_tree "$PB/f3" && commit &&
	summary_is files_new 0 files_changed 0 && tree_check "$A" && tree_check "$B"
'

test_expect_success 'a partial commit reads what the stat cache does not know, nothing else' '
	sleep 0.1 && commit && commit && commit "$A" && summary_is bytes_read 0 && commit "$A/in/deep" &&
	summary_is bytes_read 0 && commit && summary_is bytes_read 0
'

test_expect_success 'a partial commit keeps side lists: links, births, what was skipped' '
	ln "$B/f" "$B/hard" && commit -e "$A/in/deep" && note 1 >links.before && note 2 >births.before &&
	note 3 >skipped.before && test_grep "$A/in/deep" skipped.before && commit "$B/f3" &&
	note 1 >links.after && note 2 >births.after && note 3 >skipped.after &&
	test_cmp links.before links.after && test_cmp births.before births.after &&
	test_cmp skipped.before skipped.after && commit && tree_check "$A"
'

test_expect_success 'removals below a PATH are seen' '
	rm "$A/in/f3" && commit "$A/in" && not_in_tree "$PA/in/f3" && tree_check "$A"
'

test_expect_success 'a PATH that is not there is said, and nothing is committed' '
	head=$(ub rev-parse HEAD) && test_must_fail ub commit "$A/typo" 2>err && test_grep "$A/typo" err &&
	test "$(ub rev-parse HEAD)" = "$head" &&
	test_expect_code 1 ub commit "$DISK/nowhere" 2>err && test_grep "$DISK/nowhere" err &&
	test "$(ub rev-parse HEAD)" = "$head"
'

test_expect_success 'a PATH under no source becomes one, said on stderr' '
	mkdir "$DISK/new" && echo n >"$DISK/new/n" && ub commit "$DISK/new" >out 2>err &&
	test_grep "$DISK/new. was under no source" err && ub sources >out &&
	test_grep "^$DISK/new$" out && in_tree "$PD/new/n" && in_tree "$PA/f" && commit && in_tree "$PD/new/n" &&
	ub rm "$DISK/new" && commit
'

test_expect_success 'relative PATHs, and all sources named: a whole commit' '
	(cd "$A/in" && echo rel >rel && ub commit -q rel) && in_tree "$PA/in/rel" &&
	ub commit -q "$A" "$B" && tree_check "$A" && ub commit -q "$DISK" && ub sources >out &&
	test_grep "^$DISK$" out && ub rm "$DISK" && commit
'

test_expect_success '--files-from: names of a list, quoted as git does, or ended by NUL' '
	echo 1 >"$A/in/l1" && echo 2 >"$A/in/l 2" && echo 3 >"$A/in/l
3" && echo 4 >"$A/in/l4" && printf "%s\n" "$A/in/l1" "" "\"$A/in/l\\n3\"" >list && commit --files-from list &&
	in_tree "$PA/in/l1" && in_tree "$PA/in/l
3" && not_in_tree "$PA/in/l4" && not_in_tree "$PA/in/l 2" && in_tree "$PB/f" &&
	printf "%s\0" "$A/in/l 2" >list && commit --files-from-raw list && in_tree "$PA/in/l 2" &&
	(cd "$A/in" && echo l4 | ub commit -q --files-from -) && in_tree "$PA/in/l4" && commit &&
	summary_is files_new 0
'

test_expect_success '--files-from: a list that is missing, a name that is' '
	test_expect_code 1 ub commit --files-from nolist 2>err && test_grep nolist err &&
	printf "%s\n" "$A/f" "$A/no" >list && test_expect_code 3 commit --files-from list && test_grep "$A/no" err &&
	in_tree "$PA/f" && printf "%s/f\\0x\\n" "$A" >list && test_expect_code 2 ub commit --files-from list 2>err &&
	test_grep NUL err && printf "\"%s" "$A/f" >list && test_expect_code 2 ub commit --files-from list
'

# -- two at once ------------------------------------------------------------------------------------

test_expect_success 'twenty adds at once are twenty sources' '
	for i in $(seq 1 20); do mkdir "$DISK/at$i" && { ub add "$DISK/at$i" 2>>adderr & } || return 1; done && wait &&
	ub sources >out && test "$(grep -c "^$DISK/at" out)" = 20 && { for i in $(seq 1 20); do ub rm "$DISK/at$i" & done; wait; } &&
	ub sources >out && test_grep ! "^$DISK/at" out
'

test_expect_success 'partial commits at once: the last has what each of them read' '
	for i in $(seq 1 8)
	do
		echo a$i >"$A/f" && echo b$i >"$B/f" && { ub commit -q "$A/f" & } && p=$! && { ub commit -q "$B" & } && q=$! &&
		{ echo c$i | ub commit -q --stdin --stdin-filename piped & } && wait $p && wait $q && wait $! &&
		test "$(content "$PA/f")$(content "$PB/f")$(content piped)" = "a${i}b${i}c$i" || { echo "round $i"; return 1; }
	done && ub fsck
'

test_expect_success 'whole commits at once both succeed' '
	for i in $(seq 1 5)
	do
		echo w$i >"$A/f" && { ub commit -q -m one$i & } && p=$! && ub commit -q -m two$i && wait $p &&
		test "$(content "$PA/f")" = w$i || return 1
	done && ub fsck
'

test_expect_success 'backup adds, and commits everything' '
	mkdir "$DISK/bk" && echo k >"$DISK/bk/k" && echo bn >"$B/bn" && ub backup -m all "$DISK/bk" >out 2>err &&
	in_tree "$PD/bk/k" && in_tree "$PB/bn" && test_grep "\] all$" out && ub backup -q && ub rm "$DISK/bk"
'

test_expect_success 'all of it is sound' '
	ub fsck --full
'

test_done
