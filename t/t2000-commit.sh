#!/bin/sh

test_description='ub commit: a tree of everything goes in, and a second commit reads nothing'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-commit.sh"

mounted=
commit_cleanup () {
	for dir in $mounted
	do
		umount -l "$dir" 2>/dev/null
	done
}

test_have_prereq PY || test_skip_all 'there is no python3 to compare with'

S=$DISK/src T=$DISK/other
P=${S#/}

test_expect_success 'setup: a tree of everything' '
	test_init_repo && mkdir -p "$S/dir/empty" "$T" &&
	: >"$S/0" && printf "%064d" 7 >"$S/64" && printf "%065d" 7 >"$S/65" &&
	test_random 5000000 1 >"$S/big" && test_random 3000 2 >"$S/mid" && seq 1 100000 >"$S/text" &&
	head -c 300000 /dev/zero >"$S/zeros" &&
	ln -s mid "$S/link" && ln -s /nonexistent/nowhere "$S/dangling" &&
	ln -s "$(printf "x%.0s" $(seq 1 3000))" "$S/longlink" &&
	mkfifo "$S/fifo" &&
	/usr/bin/python3 -c "import socket,os,sys; os.chdir(sys.argv[1])
s = socket.socket(socket.AF_UNIX); s.bind(\"socket\")" "$S" &&
	ln "$S/mid" "$S/dir/hard" && ln "$S/mid" "$T/hard" && ln "$S/65" "$S/dir/65" &&
	printf content >"$S/$(printf "not\\377utf8")" && printf nl >"$S/new
line" && printf q >"$S/q\"uo te\\" && printf dash >"$S/-n" && printf star >"$S/*" &&
	chmod 4755 "$S/64" && chmod 000 "$S/text" && chmod 1777 "$S/dir" &&
	touch -d "1969-12-31 23:59:58.5 UTC" "$S/0" &&
	touch -h -d "1901-12-14 UTC" "$S/dangling" && touch -d "2400-01-01 00:00:00.123456789 UTC" "$S/65"
'

test_expect_success ROOT 'setup: what only root makes' '
	mknod "$S/null" c 1 3 && mknod "$S/block" b 259 70000 &&
	chown 12345:54321 "$S/mid" && chown -h 1:1 "$S/link"
'

test_expect_success HOLES 'setup: holes' '
	truncate -s 8T "$S/huge" && truncate -s 1M "$S/hole" &&
	truncate -s 10M "$S/sparse" &&
	printf x | dd of="$S/sparse" bs=1 seek=5000000 conv=notrunc 2>/dev/null &&
	for i in $(seq 0 99)
	do
		printf data | dd of="$S/comb" bs=1 seek=$((i * 131072)) conv=notrunc 2>/dev/null || return 1
	done
'

test_expect_success XATTR 'setup: extended attributes' '
	setfattr -n user.one -v "value" "$S/mid" && setfattr -n user.empty "$S/mid" &&
	setfattr -n user.dir -v 0xff00 "$S/dir" &&
	for i in 1 2 3; do
		setfattr -n user.large$i -v "$(printf "%01000d" $i)" "$S/big" || return 1
	done
'

test_expect_success ACL,ROOT 'setup: ACLs and capabilities' '
	setfacl -m u:12345:rw "$S/0" && setfacl -d -m g:7:rx "$S/dir" &&
	if command -v setcap >/dev/null; then setcap cap_net_raw+ep "$S/64"; fi &&
	setfattr -n trusted.t -v x "$S/link" -h || :
'

test_expect_success CHATTR,ROOT 'setup: inode flags' '
	chattr +d "$S/text" && chattr +A "$S/dir"
'

test_expect_success 'a path longer than PATH_MAX, made in steps' '
	/usr/bin/python3 - "$S" <<-\END
	import os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	for i in range(40):
	    name = "%03d" % i + "d" * 200
	    os.mkdir(name, dir_fd=fd)
	    new = os.open(name, os.O_RDONLY, dir_fd=fd)
	    os.close(fd)
	    fd = new
	    with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd), "w") as f:
	        f.write("deep %d, and long enough for a blob: " % i + "x" * 80)
	os.symlink("file", "link", dir_fd=fd)
	END
'

# Sockets cannot be looked into by hash-object, which reads none of them.
test_expect_success 'the first commit takes all of it' '
	ub add "$S" "$T" && commit -m everything && summary_is errors 0 &&
	tree_check "$S" && tree_check "$T" &&
	ub cat-object -t "$(summary commit)" >type && test "$(cat type)" = commit &&
	test "$(ub rev-parse HEAD)" = "$(summary commit)" && ub fsck --full
'

test_expect_success 'what is printed is for people' '
	ub commit -m "second one" >out && test_grep "^\[.*/main [0-9a-f]\{7\}\] second one$" out &&
	test_grep " 0 new, 0 changed, [0-9]* unmodified; [0-9]* files, [0-9]* folders" out &&
	ub commit -q -m quiet >out && test_must_be_empty out
'

test_expect_success 'a commit of what did not change reads no file and makes no tree' '
	tree=$(ub rev-parse HEAD:) &&
	commit -m again && summary_is bytes_read 0 files_new 0 files_changed 0 tree "$tree" &&
	test "$(summary files_unmodified)" -gt 50 &&
	test "$(summary bytes_new)" -lt 1000
'

test_expect_success 'hard links are one group, across sources too' '
	note 1 | grep "path\|same" >links &&
	printf "%s\n" "path ${T#/}/hard" "same $P/dir/hard" "same $P/mid" "path $P/65" "same $P/dir/65" >want &&
	test_cmp want links
'

test_expect_success 'births are kept, of all that have one' '
	note 2 >births && test_grep "$P/mid" births && test_grep "$P/dir/empty" births
'

test_expect_success HOLES 'holes cost nothing: neither time nor room' '
	test "$(du -sk "$UB_DIR" | cut -f 1)" -lt 12000 &&
	content "$P/sparse" >out && cmp out "$S/sparse" &&
	content "$P/comb" >out && cmp out "$S/comb" &&
	content "$P/hole" >out && cmp out "$S/hole"
'

test_expect_success 'content comes back byte by byte' '
	for f in 0 64 65 big mid zeros text
	do
		content "$P/$f" >out && cmp out "$S/$f" || return 1
	done
'

test_expect_success 'the commit counts what is in it, and names the sources' '
	ub cat-object -p HEAD >out && test_grep "^source $T$" out && test_grep "^source $S$" out &&
	files=$(find "$S" "$T" -type f -printf x | wc -c) && test_grep "files=$files " out &&
	commit -m count && summary_is files "$files"
'

# Created, and committed at once: the clock may not have ticked since.
test_expect_success 'just after files were made a second commit reads nothing' '
	mkdir "$S/fresh" && for i in $(seq 1 300); do echo "$i" >"$S/fresh/$i" || return 1; done &&
	commit -m fresh && summary_is files_new 300 &&
	sleep 0.1 && commit -m x && commit -m again && summary_is bytes_read 0 files_changed 0
'

# -- what changed is seen ---------------------------------------------------------------------------

# seen NEW CHANGED UNMODIFIED-at-least: and the snapshot is what is on disk
seen () {
	commit -m seen && summary_is files_new "$1" files_changed "$2" && tree_check "$S"
}

test_expect_success 'setup: a small tree' '
	ub rm "$S" "$T" && chattr -R -d "$S" 2>/dev/null; rm -rf "$S" "$T" && mkdir -p "$S/d/e" &&
	for i in 1 2 3 4 5 6 7 8 9; do seq 1 $((i * 100)) >"$S/d/$i" && echo $i >"$S/d/e/$i" || return 1; done &&
	ub add "$S" && sleep 0.1 && commit -m base && commit -m base && summary_is bytes_read 0
'

test_expect_success 'a changed file' '
	echo more >>"$S/d/3" && seen 0 1
'

test_expect_success 'an added file, an added folder' '
	echo new >"$S/d/new" && mkdir "$S/d/newdir" && echo x >"$S/d/newdir/x" && seen 2 0
'

test_expect_success 'a removed file, a removed folder' '
	rm "$S/d/new" && rm -r "$S/d/newdir" && seen 0 0 && not_in_tree "$P/d/new" &&
	not_in_tree "$P/d/newdir"
'

test_expect_success 'the last and the first of a folder removed' '
	rm "$S/d/e/1" "$S/d/e/9" && seen 0 0 && rm "$S/d/e/"* && seen 0 0
'

test_expect_success 'a renamed file, a renamed folder' '
	mv "$S/d/4" "$S/d/four" && seen 1 0 && mv "$S/d/e" "$S/d/f" && echo y >"$S/d/f/y" && seen 1 0 &&
	mv "$S/d" "$S/dd" && commit && tree_check "$S" && mv "$S/dd" "$S/d" && commit && tree_check "$S"
'

test_expect_success 'chmod, touch -d, a new owner, a folder too' '
	chmod 600 "$S/d/5" && seen 0 1 && touch -d 2001-01-01 "$S/d/5" && seen 0 1 &&
	chmod 700 "$S/d/f" && seen 0 0 && touch -d 2001-01-01 "$S/d/f" && seen 0 0 &&
	if test_have_prereq ROOT; then chown 77 "$S/d/6" && seen 0 1; fi
'

test_expect_success XATTR 'a new attribute of a file, of a folder' '
	setfattr -n user.n -v 1 "$S/d/7" && seen 0 1 && setfattr -n user.n -v 1 "$S/d/f" && seen 0 0
'

test_expect_success 'another file of the same size and time' '
	seq 100 199 >other && seq 200 299 >third && cp other "$S/d/same" && touch -d 2020-02-02 "$S/d/same" &&
	commit && cp third "$S/d/same2" && touch -d 2020-02-02 "$S/d/same2" &&
	mv "$S/d/same2" "$S/d/same" && seen 0 1 && content "$P/d/same" >out && cmp out third &&
	cp other "$S/d/same" && touch -d 2020-02-02 "$S/d/same" && seen 0 1 &&
	content "$P/d/same" >out && cmp out other
'

test_expect_success 'a file that becomes a folder, a folder a file, a file a link' '
	rm "$S/d/1" && mkdir "$S/d/1" && echo in >"$S/d/1/in" && rm -r "$S/d/f" && echo f >"$S/d/f" &&
	rm "$S/d/2" && ln -s 3 "$S/d/2" && commit && tree_check "$S" &&
	rm "$S/d/2" "$S/d/f" && rm -r "$S/d/1" && echo 1 >"$S/d/1" && mkdir "$S/d/f" && mkdir "$S/d/2" &&
	commit && tree_check "$S"
'

test_expect_success 'two files change places' '
	mv "$S/d/7" x && mv "$S/d/8" "$S/d/7" && mv x "$S/d/8" && commit && tree_check "$S"
'

# The same size, in the same tick of the clock: what racily clean files are about.
test_expect_success 'a hundred fast changes in place are all seen' '
	printf 0000 >"$S/d/racy" && commit &&
	for i in $(seq 1000 1099)
	do
		printf $i | dd of="$S/d/racy" conv=notrunc 2>/dev/null &&
		ub commit -q && test "$(content "$P/d/racy")" = $i ||
			{ echo "change $i was missed"; return 1; }
	done
'

test_expect_success 'changes while commits run are in the next one' '
	for i in $(seq 1 10)
	do
		{ ub commit -q >/dev/null 2>&1 & } &&
		for j in $(seq 1 40); do printf %04d $((i * 40 + j)) 1<>"$S/d/racy"; done &&
		wait &&
		{ ub commit -q 2>/dev/null || :; } && ub commit -q &&
		test "$(content "$P/d/racy")" = "$(cat "$S/d/racy")" || { echo "round $i"; return 1; }
	done
'

test_expect_success 'a clock set back makes it read again, not miss' '
	commit && printf aaaa >"$S/d/racy" && UB_TEST_NOW=1000000000 commit -m back &&
	test "$(content "$P/d/racy")" = aaaa && printf bbbb >"$S/d/racy" &&
	UB_TEST_NOW=1000000000 commit -m back && test "$(content "$P/d/racy")" = bbbb &&
	UB_TEST_NOW=1000000001 commit -m back && summary_is files_changed 0 &&
	test "$(summary bytes_read)" -ge 4 && commit && tree_check "$S"
'

test_expect_success '--force reads all, and finds the same' '
	commit && tree=$(summary tree) && sleep 0.1 && commit && summary_is bytes_read 0 &&
	commit --force && summary_is tree "$tree" files_changed 0 files_new 0 &&
	test "$(summary bytes_read)" = "$(summary bytes)" && commit && summary_is bytes_read 0
'

test_expect_success 'without the stat cache, or with a damaged one, all is read' '
	: >now && sleep 0.1 && commit && cache=$(find "$XDG_CACHE_HOME" -name "stat-*" -newer now) && test -s "$cache" &&
	rm "$cache" && commit && summary_is files_new 0 files_changed 0 && test "$(summary bytes_read)" -gt 0 &&
	commit && summary_is bytes_read 0 &&
	for at in 3 20 100 1000 -10 -200
	do
		flip_bit "$cache" $at && commit && summary_is files_new 0 files_changed 0 &&
		tree_check "$S" && commit && summary_is bytes_read 0 || return 1
	done &&
	: >"$cache" && commit && tree_check "$S" && rm "$cache" && mkdir "$cache" && commit &&
	tree_check "$S" && rmdir "$cache" && commit && commit && summary_is bytes_read 0
'

test_expect_success 'no name is in the stat cache' '
	mkdir "$S/d/planted-marker" && echo x >"$S/d/planted-marker/planted-marker" && commit &&
	test_must_fail grep -rq "planted-marker" "$XDG_CACHE_HOME" "$UB_DIR" "$XDG_STATE_HOME"
'

test_expect_success 'a folder of many names' '
	mkdir "$S/many" && (cd "$S/many" && seq -f %06g 1 20000 | xargs touch) &&
	commit && summary_is files_new 20000 && sleep 0.1 && commit && commit && summary_is bytes_read 0 &&
	rm "$S/many/013000" && echo x >"$S/many/003000" && echo y >"$S/many/999999" && commit &&
	summary_is files_new 1 files_changed 1 && tree_check "$S" && rm -r "$S/many" && commit &&
	tree_check "$S"
'

test_expect_success 'all of it is sound' '
	ub fsck --full
'

test_expect_success 'what a lost pack held is stored again' '
	test_random 10000 9 >"$S/d/lost" && ub hash-object -w "$S/d/lost" && sleep 0.1 && commit && commit && summary_is bytes_read 0 &&
	pack=$(ub locate --pack "$(ub rev-parse "HEAD:$P/d/lost")") && rm -f "$pack" &&
	test_expect_code 6 ub fsck >/dev/null && commit --force -m mended &&
	content "$P/d/lost" >out && cmp out "$S/d/lost" && tree_check "$S"
'

test_expect_success 'what lies beside a changed file is stored again without --force' '
	test_random 10000 10 >"$S/d/lost" && ub hash-object -w "$S/d/lost" && sleep 0.1 && commit && commit &&
	pack=$(ub locate --pack "$(ub rev-parse "HEAD:$P/d/lost")") && rm -f "$pack" &&
	echo more >>"$S/d/3" && commit -m mended && content "$P/d/lost" >out && cmp out "$S/d/lost" &&
	tree_check "$S"
'

test_expect_success 'nothing is damaged but for the packs that are gone' '
	test_expect_code 6 ub fsck --full >out 2>err && test_line_count 2 out && test_grep "0 damaged" err
'

test_done
