#!/bin/sh

test_description='git repositories as snapshots, and snapshots as git repositories'
. "${0%/*}/test-lib.sh"

test_have_prereq GIT || test_skip_all 'there is no git'
GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME="Ann Author" GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME="Carl" GIT_COMMITTER_EMAIL=c@example.org
export GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

# commit SECONDS MESSAGE: all of src
commit () {
	git -C src add -A && GIT_AUTHOR_DATE="$(($1 - 500)) -0330" GIT_COMMITTER_DATE="$1 +0530" git -C src commit -q --allow-empty -m "$2"
}

test_expect_success 'setup: branches, a merge, tags, modes, links, large and odd files' '
	test_init_repo --device box && git init -q -b main src && mkdir -p src/d/e src/d.x && echo one >src/a && seq 30 >src/d/e/f && : >src/empty && commit 1500000000 first &&
	test_random 3000000 1 >src/big && ln -s a src/link && printf "#!/bin/sh\n" >src/run && chmod +x src/run && echo x >src/d.x/y && echo z >"src/sp ace" &&
	printf x >"src/$(printf "\351")" && commit 1500000100 "second

with a body, and an umlaut: ä" && git -C src checkout -q -b side HEAD~1 && echo side >src/side && commit 1500000200 side && git -C src checkout -q main &&
	GIT_COMMITTER_DATE="1500000300 +0000" GIT_AUTHOR_DATE="1500000300 +0000" git -C src merge -q -m merge side && git -C src tag v1 HEAD~1 &&
	git -C src tag -a -m annotated v2 && rm src/a && commit 1500000400 "gone" && git -C src branch weird/branch-name HEAD~2
'

test_expect_success 'commits become snapshots, with their dates, authors and words' '
	ub import git src >refs 2>err && test_grep "^ub: 5 commits, 5 refs$" err && cut -d" " -f2 refs | sort >have &&
	printf "%s\n" import/src/main import/src/side import/src/tags/v1 import/src/tags/v2 import/src/weird/branch-name >want && test_cmp want have &&
	ub log --json import/src/main >log && test_line_count 5 log && test_grep "\"user\":\"Ann Author <ann@example.org>\"" log && test_grep "\"time\":\"2017-07-14T02:41:40Z\"" log &&
	ub log import/src/main >text && test_grep "with a body, and an umlaut: ä" text && test_grep "^Merge: " text
'

test_expect_success 'their trees have what git has' '
	for commit in main main~1 main~2 v1 side
	do
		case $commit in v1) ref=import/src/tags/v1 ;; *) ref=import/src/$commit ;; esac
		rm -rf restored tree && mkdir tree && git -C src archive $commit | tar -xf - -C tree && ub restore -t restored $ref && diff -r --no-dereference tree restored || return 1
	done && test -e restored/side
'

test_expect_success 'imported again, nothing is stored, and all is the same' '
	du -sb "$UB_DIR/packs" | cut -f1 >before && ub import git src/.git >again 2>/dev/null && test_cmp refs again && du -sb "$UB_DIR/packs" | cut -f1 >after &&
	test $(($(cat after) - $(cat before))) -lt 8192
'

test_expect_success 'back in git they are the very same commits' '
	ub export git back import/src/main >out && echo "$(git -C src rev-parse main) refs/heads/main" >want && test_cmp want out && git -C back fsck --strict 2>err &&
	ub export git back import/src/side >out && test "$(git -C back rev-parse side)" = "$(git -C src rev-parse side)" && git -C back rev-list --all | sort >have &&
	git -C src rev-list main side -- | sort >want && test_cmp want have && git clone -q back clone && git -C clone diff --quiet "$(git -C src rev-parse main)"
'

test_expect_success 'a bare repository with packs and alternates, and one with signed-like headers' '
	git clone -q --bare src bare.git && git -C bare.git gc -q && ub import git bare.git >bare 2>err && cut -d" " -f1 bare | sort >have && cut -d" " -f1 refs | sort >want && test_cmp want have &&
	git clone -q --shared --bare src shared.git && ub import git shared.git >shared && cut -d" " -f1 shared | sort >have && test_cmp want have &&
	c=$(printf "tree %s\nauthor A <a@b> 1 +0000\ncommitter B <b@c> 2 -1200\nencoding latin1\ngpgsig -----BEGIN\n abc\n -----END\n\nno newline" "$(git -C src rev-parse main:)" | git -C src hash-object -t commit -w --stdin) &&
	git -C src branch signed $c && ub import git src >/dev/null && ub export git back2 import/src/signed >out && test "$(git -C back2 rev-parse signed)" = "$c"
'

test_expect_success 'snapshots of ub become commits, what git cannot have is told' '
	mkdir -p w/x/none w/d && echo 1 >w/d/f && mkfifo w/pipe && ln -s f w/d/l && chmod +x w/d/f && UB_TEST_NOW=1600000000 ub commit -q -m "one day" w && echo 2 >w/d/f && UB_TEST_NOW=1600000100 ub commit -q -m "the next" w &&
	test_expect_code 3 ub export git mine 2>err && test_grep pipe err && git -C mine log --format="%s %ct" main >have && printf "the next 1600000100\none day 1600000000\n" >want && test_cmp want have &&
	git -C mine fsck --strict && git -C mine show "main:${PWD#/}/w/d/f" >have && echo 2 >want && test_cmp want have && git -C mine ls-tree -r main >list && test_grep "^100755 .*/d/f$" list && test_grep "^120000 .*/d/l$" list &&
	ub import --ref round git mine >/dev/null && ub rev-parse round/main
'

test_expect_success 'hostile trees are contained, submodules left out' '
	git init -q evil && blob=$(echo x | git -C evil hash-object -w --stdin) && raw () { printf "%s %s\0" "$1" "$2" && printf "%s" "$3" | sed "s/../\\\\x&/g" | xargs -0 printf "%b" ; } &&
	{ raw 100644 .. $blob; raw 100644 .git $blob; raw 100644 fine $blob; raw 160000 sub $blob; } >t && tree=$(git -C evil hash-object -t tree -w --stdin --literally <t) &&
	git -C evil update-ref refs/heads/main "$(git -C evil commit-tree -m evil $tree)" && test_expect_code 3 ub import git evil >out 2>err && test_grep submodule err && test "$(grep -c "left out" err)" = 3 &&
	ub ls -r import/evil/main >have && echo fine >want && test_cmp want have
'

test_expect_success 'damage, nothing at all, and wrong usage have a sentence' '
	git init -q none && test_expect_code 1 ub import git none 2>err && test_grep "no commits yet" err && test_expect_code 1 ub import git nowhere 2>err && test_line_count 1 err &&
	mkdir plain && test_expect_code 1 ub import git plain && cp -r src hurt && o=$(git -C src rev-parse main:d/e/f) && rm -f "hurt/.git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-)" &&
	test_expect_code 6 ub import git hurt 2>err && test_line_count 1 err && test_expect_code 2 ub import -m x git src && test_expect_code 2 ub import --ref .. git src && test_expect_code 2 ub export --format tar git x &&
	test_expect_code 1 ub export git x nonsense && ub import -n git src >out && ub fsck
'

test_done
