#!/bin/sh

test_description='ub commit: streams, tags, excludes, mounts, what cannot be read, signals'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-commit.sh"

test_have_prereq PY || test_skip_all 'there is no python3 to compare with'

S=$DISK/s
PS=${S#/}

test_expect_success 'setup' '
	test_init_repo && mkdir -p "$S/d/e" && for i in 1 2 3; do seq $((i * 100)) >"$S/d/$i" && echo $i >"$S/d/e/$i" || return 1; done &&
	ub add "$S" && commit -m base
'

# -- what is said --------------------------------------------------------------------------------

test_expect_success 'the summary has the fields that scripts rely on' '
	echo new >"$S/new" && echo more >>"$S/d/1" && commit -m json &&
	/usr/bin/python3 - summary <<-\END
	import json, sys
	s = json.load(open(sys.argv[1]))
	want = {"type": str, "commit": str, "tree": str, "files_new": int, "files_changed": int,
	        "files_unmodified": int, "dirs": int, "bytes_read": int, "bytes_new": int,
	        "bytes_stored": int, "errors": int, "seconds": float}
	for key, kind in want.items():
	    assert isinstance(s[key], kind), (key, s.get(key))
	assert s["type"] == "summary" and len(s["commit"]) == 64 and len(s["tree"]) == 64
	assert (s["files_new"], s["files_changed"], s["files_unmodified"]) == (1, 1, 5), s
	END
'

test_expect_success '-v names what is new and what changed' '
	echo v >"$S/v" && echo more >>"$S/d/2" && ub commit -v >out && test_grep "^A	$PS/v$" out &&
	test_grep "^M	$PS/d/2$" out && ub commit -v >out && test_grep ! "^[AM]	" out
'

test_expect_success 'messages: several paragraphs' '
	ub commit -q -m "first line" -m "second paragraph" && ub cat-object -p HEAD | sed "1,/^$/d" >out &&
	printf "%s\n" "first line" "" "second paragraph" >want && test_cmp want out
'

test_expect_success 'a failed write to standard output is an error' '
	test_expect_code 1 ub commit -m x >/dev/full 2>err && test -s err
'

test_expect_success 'wrong usage: 2' '
	test_expect_code 2 ub commit --nonsense && test_expect_code 2 ub commit --stdin a &&
	test_expect_code 2 ub commit --stdin-filename x && test_expect_code 2 ub commit --stdin-from-command &&
	test_expect_code 2 ub commit --stdin --files-from x && test_expect_code 2 ub commit ""
'

# -- dry run, skip-if-unchanged, tags ------------------------------------------------------------

test_expect_success '-n stores nothing, and says what would be' '
	test_random 100000 5 >"$S/big" && head=$(ub rev-parse HEAD) && find "$UB_DIR" -type f | sort >before &&
	commit -n -m dry && find "$UB_DIR" -type f | sort >after && test_cmp before after &&
	summary_is files_new 1 files_changed 0 bytes_stored 0 && test "$(summary bytes_new)" -ge 100000 &&
	grep "\"commit\":null" summary && test "$(ub rev-parse HEAD)" = "$head" && tree=$(summary tree) &&
	ub commit -n >out && test_grep "would move" out && ub backup -n -q &&
	commit && summary_is tree "$tree" files_new 1
'

test_expect_success '-n adds no source' '
	mkdir -p "$DISK/n" && ub commit -n -q "$DISK/n" && ub sources >out && test_grep ! "$DISK/n" out
'

test_expect_success '--skip-if-unchanged makes no snapshot of nothing new' '
	commit && head=$(ub rev-parse HEAD) && commit --skip-if-unchanged --tag none && grep "\"commit\":null" summary &&
	test "$(ub rev-parse HEAD)" = "$head" && test_must_fail ub rev-parse tags/none &&
	ub commit --skip-if-unchanged >out && test_grep unchanged out &&
	echo c >"$S/c" && commit --skip-if-unchanged && test "$(ub rev-parse HEAD)" = "$(summary commit)" &&
	test "$(ub rev-parse HEAD~1)" = "$head"
'

test_expect_success 'a tag is a word in the commit, and a ref that moves' '
	commit --tag weekly --tag two-words --tag weekly && ub cat-object -p HEAD >out && test_grep "^tag weekly$" out &&
	test "$(grep -c "^tag" out)" = 2 && test "$(ub rev-parse tags/weekly)" = "$(summary commit)" &&
	first=$(summary commit) && commit --tag weekly && test "$(ub rev-parse tags/weekly)" = "$(summary commit)" &&
	test "$(ub rev-parse tags/two-words)" = "$first"
'

test_expect_success 'a tag that cannot be a ref is refused before anything is stored' '
	head=$(ub rev-parse HEAD) && for tag in "" "a..b" "/x" "x/" "two words" "a
b"
	do
		test_must_fail ub commit --tag "$tag" 2>err && test -s err &&
		test "$(ub rev-parse HEAD)" = "$head" || { echo "tag <$tag>"; return 1; }
	done
'

# -- streams --------------------------------------------------------------------------------------

test_expect_success '--stdin is one file, beside what HEAD has' '
	commit && test_random 5000000 6 >stream && ub commit --json --stdin <stream >out && content stdin >out && cmp stream out &&
	in_tree "$PS/d/1" && test "$(ub rev-parse HEAD:stdin)" = "$(ub hash-object stream)" &&
	echo small | ub commit -q --stdin --stdin-filename db/dump.sql && test "$(content db/dump.sql)" = small &&
	content stdin >out && cmp stream out &&
	: | ub commit -q --stdin --stdin-filename /db/empty && content db/empty >out && test_must_be_empty out &&
	printf "%065d" 1 | ub commit -q --stdin --stdin-filename "$PS/d/streamed" && test "$(content "$PS/d/streamed" | wc -c)" = 65 &&
	in_tree "$PS/d/1" && ub fsck --full
'

test_expect_success '--stdin in place of a file, below what was one' '
	echo again | ub commit -q --stdin --stdin-filename db/dump.sql && test "$(content db/dump.sql)" = again &&
	echo deeper | ub commit -q --stdin --stdin-filename stdin/now/a/folder && test "$(content stdin/now/a/folder)" = deeper &&
	echo top | ub commit -q --stdin --stdin-filename stdin && test "$(content stdin)" = top &&
	test_expect_code 2 ub commit -q --stdin --stdin-filename / </dev/null &&
	test_expect_code 2 ub commit -q --stdin --stdin-filename a/../b </dev/null
'

test_expect_success '--stdin works with no source, in an empty repository' '
	UB_DIR=$TRASH_DIRECTORY/repo2 && export UB_DIR && test_when_finished "UB_DIR=$UB_DIR; UB_DIR=$TRASH_DIRECTORY/repo" &&
	test_init_repo && echo alone | ub commit -q --stdin && test "$(content stdin)" = alone && ub fsck --full
'

test_expect_success '--stdin-from-command takes what it prints, if it succeeds' '
	ub commit -q --stdin-from-command --stdin-filename cmd -- sh -c "seq 1 100000" && seq 1 100000 >want &&
	content cmd >out && cmp want out && head=$(ub rev-parse HEAD) &&
	test_expect_code 1 ub commit --stdin-from-command -- sh -c "echo half; exit 7" 2>err && test_grep "status 7" err &&
	test_expect_code 1 ub commit --stdin-from-command -- sh -c "echo half; kill -9 \$\$" 2>err && test_grep "signal 9" err &&
	test_expect_code 1 ub commit --stdin-from-command -- /no/such/command 2>err && test -s err &&
	test "$(ub rev-parse HEAD)" = "$head"
'

test_expect_success 'what a stream left is gone with the next whole commit, and in history' '
	commit && not_in_tree cmd && in_tree cmd HEAD~1
'

# -- excludes -------------------------------------------------------------------------------------

test_expect_success '-e leaves out, and the snapshot says what and why' '
	mkdir -p "$S/x/cache/deep" "$S/x/keep" && echo 1 >"$S/x/cache/deep/1" && echo 2 >"$S/x/a.tmp" && echo 3 >"$S/x/keep/A.TMP" &&
	echo 4 >"$S/x/keep/b.o" && commit -e "*.tmp" -e cache/ --iexclude "*.O" && not_in_tree "$PS/x/a.tmp" && not_in_tree "$PS/x/cache" &&
	in_tree "$PS/x/keep/A.TMP" && not_in_tree "$PS/x/keep/b.o" && test "$(summary skipped)" -ge 3 && note 3 >skipped &&
	test_grep "$PS/x/a.tmp" skipped && test_grep "$PS/x/cache" skipped && test_grep "cache/" skipped &&
	commit && in_tree "$PS/x/a.tmp" && in_tree "$PS/x/cache/deep/1" && tree_check "$S"
'

test_expect_success 'anchored patterns, negated ones, a file of patterns' '
	printf "# comment\n\n*.tmp\n!/%s/x/a.tmp\n" "$PS" >patterns && echo t >"$S/t.tmp" &&
	commit --exclude-file patterns && in_tree "$PS/x/a.tmp" && not_in_tree "$PS/t.tmp" &&
	commit -e "/$PS/x/keep" && not_in_tree "$PS/x/keep" && in_tree "$PS/t.tmp" &&
	printf "*.tmp\r\nkeep/\r\n" >patterns && commit --exclude-file patterns && not_in_tree "$PS/t.tmp" &&
	not_in_tree "$PS/x/keep" && test_expect_code 1 ub commit --exclude-file nofile 2>err && test_grep nofile err && commit
'

test_expect_success 'the repository and the caches of ub inside a source are left out' '
	mkdir "$DISK/home" && UB_DIR=$DISK/home/repo && export UB_DIR && test_when_finished "XDG_CACHE_HOME=$XDG_CACHE_HOME XDG_STATE_HOME=$XDG_STATE_HOME" &&
	test_when_finished "UB_DIR=$TRASH_DIRECTORY/repo" && XDG_CACHE_HOME=$DISK/home/.cache XDG_STATE_HOME=$DISK/home/.state && export XDG_CACHE_HOME XDG_STATE_HOME &&
	test_init_repo && mkdir "$DISK/home/repo/sub" && mkdir -p "$DISK/home/.state/other" && echo s >"$DISK/home/.state/other/f" &&
	mkdir -p "$DISK/home/.cache/other" && echo o >"$DISK/home/.cache/other/f" && echo f >"$DISK/home/f" &&
	ub add "$DISK/home" && commit && commit && in_tree "${DISK#/}/home/f" && in_tree "${DISK#/}/home/.cache/other/f" && not_in_tree "${DISK#/}/home/repo" &&
	not_in_tree "${DISK#/}/home/.cache/ub" && not_in_tree "${DISK#/}/home/.state/ub" && in_tree "${DISK#/}/home/.state/other/f" && summary_is files_changed 0 bytes_read 0 && note 3 >skipped && test_grep "the repository" skipped && test_grep "caches of ub" skipped &&
	test_expect_code 13 ub commit "$DISK/home/repo" && test_expect_code 13 ub commit "$DISK/home/repo/sub"
'

test_expect_success 'a data folder elsewhere is left out as well' '
	mkdir "$DISK/split" && UB_DIR=$TRASH_DIRECTORY/repo3 && export UB_DIR && test_when_finished "UB_DIR=$TRASH_DIRECTORY/repo" &&
	test_init_repo --data "$DISK/split/data" --meta "$DISK/split/meta" && echo f >"$DISK/split/f" && commit "$DISK/split" && in_tree "${DISK#/}/split/f" &&
	not_in_tree "${DISK#/}/split/data" && not_in_tree "${DISK#/}/split/meta" &&
	test_expect_code 13 ub add "$DISK/split/data"
'

# -- mounts ---------------------------------------------------------------------------------------

test_expect_success UNSHARE '-x stays on the file system, also after a commit that did not' '
	mkdir "$S/mnt" && unshare -m sh -c "
		mount -t tmpfs tmpfs $S/mnt && mkdir $S/mnt/d && echo m >$S/mnt/d/m && sleep 0.1 &&
		ub commit -q && ub rev-parse HEAD:$PS/mnt/d/m >/dev/null && ub commit -q &&
		ub commit -q -x && ub rev-parse HEAD:$PS/mnt >/dev/null && ! ub rev-parse HEAD:$PS/mnt/d 2>/dev/null &&
		ub commit -q -x && ! ub rev-parse HEAD:$PS/mnt/d 2>/dev/null && ub commit -q && ub rev-parse HEAD:$PS/mnt/d/m >/dev/null &&
		ub commit -q -x
	" && in_tree "$PS/mnt" && note 3 >skipped && test_grep "another file system" skipped && commit && rmdir "$S/mnt" && ub fsck
'

test_expect_success UNSHARE,ROOT 'what the kernel makes up is never read' '
	mkdir "$S/proc" "$S/sys" && unshare -m sh -c "
		mount -t proc proc $S/proc && mount -t sysfs sys $S/sys && ub commit -q
	" && in_tree "$PS/proc" && not_in_tree "$PS/proc/self" && not_in_tree "$PS/proc/1" && not_in_tree "$PS/sys/class" &&
	note 3 >skipped && test_grep "a file system of the kernel" skipped && rmdir "$S/proc" "$S/sys" && commit
'

test_expect_success UNSHARE,ROOT 'the root itself as a source: known the second time' '
	mkdir -p rootfs && unshare -m sh -c "
		mount -t tmpfs tmpfs rootfs && cd rootfs && mkdir -p usr lib lib64 bin proc dev tmp etc data &&
		for d in usr lib lib64 bin; do mount --rbind /\$d \$d 2>/dev/null || :; done &&
		mount --bind /dev dev && mount --bind $UB_BUILD tmp && echo data >data/f && echo root >etc/file && mkdir ubx && mount --bind $UB_BUILD/test ubx &&
		rm -f $TRASH_DIRECTORY/rootout &&
		HOME=/data XDG_STATE_HOME= XDG_CACHE_HOME= XDG_CONFIG_HOME= XDG_DATA_HOME= UB_DIR=/data/repo UB_PASSWORD_FILE= TMPDIR=/data chroot . /bin/sh -c \"
			echo password >/data/pw && u=/ubx/ub &&
			unset UB_PASSWORD_FILE XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME &&
			\\\$u init --kdf 8M:1 --password-file /data/pw >/dev/null && \\\$u add / &&
			sleep 0.1 && \\\$u commit -x -q && \\\$u commit -x -q && \\\$u commit -x --json && \\\$u cat-object -p HEAD:etc/file
		\" >$TRASH_DIRECTORY/rootout
	" && cat rootout && test_grep "\"bytes_read\":0" rootout && test_grep "^root$" rootout
'

# -- what cannot be read --------------------------------------------------------------------------

test_expect_success SETPRIV 'as somebody else: what may not be read is listed, the rest is kept' '
	mkdir "$DISK/u" "$DISK/u/src" "$DISK/u/src/shut" && echo in >"$DISK/u/src/shut/in" && echo secret >"$DISK/u/src/secret" &&
	echo ok >"$DISK/u/src/ok" && ln "$DISK/u/src/secret" "$DISK/u/src/hard" && cp "$HOME/password" "$DISK/u/pw" && chown -R 65534 "$DISK/u" &&
	chmod 711 "$DISK" && chown root "$DISK/u/src/secret" && chmod 600 "$DISK/u/src/secret" && chmod 000 "$DISK/u/src/shut" &&
	printf "%s\n" "exec setpriv --reuid 65534 --clear-groups env HOME=$DISK/u XDG_STATE_HOME=$DISK/u/state TMPDIR=$DISK/u UB_PASSWORD_FILE=$DISK/u/pw \\" \
		"XDG_CACHE_HOME=$DISK/u/cache XDG_CONFIG_HOME=$DISK/u/config UB_DIR=$DISK/u/repo ub \"\$@\"" >user &&
	sh user init --kdf 8M:1 --password-file "$DISK/u/pw" >/dev/null && sh user add "$DISK/u/src" &&
	for round in 1 2 3
	do
		test_expect_code 3 sh user commit --json >out 2>err && test_grep "cannot open ./.*/u/src/secret.: Permission denied" err &&
		test_grep "cannot open ./.*/u/src/shut.: Permission denied" err && test_grep "^{\"type\":\"unreadable\",\"path\":\"${DISK#/}/u/src/secret\"" out &&
		test_grep "\"errno\":13" out && test_grep "\"errors\":3" out && sh user cat-object -p "HEAD:${DISK#/}/u/src/ok" >out && test "$(cat out)" = ok || return 1
	done &&
	sh user cat-object -p HEAD >out && test_grep -i incomplete out && sh user fsck --full &&
	id=$(sed -n "s/^note 4 [0-9]* //p" out) && sh user cat-object --raw "$id" >raw && test-object note raw >rows && test_grep "secret" rows &&
	test_grep shut rows && test_grep "13" rows && test_grep ! "^note 1 " out &&
	chmod 755 "$DISK/u/src/shut" && rm -f "$DISK/u/src/secret" "$DISK/u/src/hard" && sh user commit -q && sh user fsck
'

test_expect_success 'files that come, go, grow, shrink and change type while they are read' '
	mkdir "$S/busy" && cat >busy.py <<-\END &&
	import os, random, sys, time
	os.chdir(sys.argv[1])
	end = time.time() + float(sys.argv[2])
	r = random.Random(1)
	while time.time() < end:
	    n = "f%d" % r.randrange(40)
	    try:
	        k = r.randrange(8)
	        if k == 0: os.unlink(n)
	        elif k == 1: os.mkdir(n); open(n + "/in", "w").write("x")
	        elif k == 2: os.unlink(n + "/in"); os.rmdir(n)
	        elif k == 3: open(n, "ab").write(b"y" * r.randrange(300000))
	        elif k == 4: os.truncate(n, r.randrange(2000000))
	        elif k == 5: os.symlink("f1", n)
	        elif k == 6: open(n, "wb").write(b"z" * r.randrange(200))
	        else: os.rename(n, "f%d" % r.randrange(40))
	    except OSError: pass
	END
	{ /usr/bin/python3 busy.py "$S/busy" 4 & } &&
	for i in $(seq 1 60)
	do
		ub commit -q 2>err; code=$?
		case $code in
		0 | 3) ;;
		*) cat err; kill $!; return 1 ;;
		esac
		kill -0 $! 2>/dev/null || break
	done; wait
	ub fsck --full && sleep 0.05 && commit && tree_check "$S" && commit && rm -r "$S/busy" && commit
'

test_expect_success UNSHARE 'a stat cache that cannot be written costs time, nothing else' '
	mkdir -p "$S/some" tinycache && (cd "$S/some" && seq -f %0100g 1 3000 | xargs touch) && unshare -m sh -c "
		mount -t tmpfs -o size=200k tmpfs tinycache && XDG_CACHE_HOME=$PWD/tinycache ub commit -q &&
		XDG_CACHE_HOME=$PWD/tinycache ub commit -q && mount -o remount,ro tinycache && XDG_CACHE_HOME=$PWD/tinycache ub commit -q
	" && tree_check "$S" && note 2 >births && { test_grep ! "$PS/d/1" births || test_grep "$PS/some/" births; } &&
	XDG_CACHE_HOME=/dev/null/x commit && rm -r "$S/some" && commit && tree_check "$S"
'

# -- signals --------------------------------------------------------------------------------------

test_expect_success 'interrupted: the repository is whole, and what was packed is not stored again' '
	mkdir "$S/much" && for i in 1 2 3 4 5 6; do test_random 30000000 2$i >"$S/much/$i" || return 1; done &&
	for signal in INT TERM KILL
	do
		rm -f "$S/much/new" && test_random 9000000 3${#signal} >"$S/much/new$signal" && head=$(ub rev-parse HEAD) &&
		{ env --default-signal=INT ub commit -q 2>err & } && pid=$! && sleep 0.2 && kill -$signal $pid 2>/dev/null; wait $pid; code=$?
		case $signal.$code in
		INT.130 | TERM.143 | KILL.137) test "$(ub rev-parse HEAD)" = "$head" || return 1 ;;
		*.0) ;;
		*) echo "$signal: $code"; return 1 ;;
		esac
		ub fsck || return 1
	done &&
	commit && tree_check "$S" && size=$(du -sk "$UB_DIR" | cut -f 1) && test "$size" -lt 300000
'

test_expect_success 'all of it is sound' '
	ub fsck --full
'

test_done
