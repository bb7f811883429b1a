#!/bin/sh

test_description='what is left out: as git does in its work trees, .ubignore, markers, artefacts'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-commit.sh"

test_have_prereq GIT,PY || test_skip_all 'there is no git, or no python3'
export LC_ALL=C.UTF-8 GIT_CONFIG_GLOBAL=/dev/null
CASES=$TEST_DIRECTORY/worktree-cases.py

S=$DISK/s
PS=${S#/}

# A test that is run by hand runs in ub's own work tree, whose rules then hold.
git -C "$DISK" rev-parse 2>/dev/null && test_set_prereq INSIDE

# kept [OPTION...]: commit, and what is no folder in the snapshot, below $S, into `kept`
kept () {
	ub commit -q "$@" "$S" >out 2>err && names
}

names () {
	ub ls -r --json "HEAD:$PS" >json && /usr/bin/python3 - "$PS/" <<-\END >kept
	import json, os, sys
	for line in open("json"):
	    j = json.loads(line)
	    path = j["path"][len(sys.argv[1]):]
	    if j["mode"] & 0o170000 != 0o040000 and not ".git" in path.split("/"):
	        print(path)
	END
}

# only NAME...: those, and nothing else
only () {
	printf "%s\n" "$@" | sort >want && sort kept >have && test_cmp want have
}

# tree [FILE...]: $S anew, as a work tree with these files, none of them tracked
tree () {
	rm -rf "$S" && mkdir -p "$S" && git -C "$S" init -q && files "$@"
}

files () {
	for f
	do
		mkdir -p "$(dirname "$S/$f")" && echo "$f" >"$S/$f" || return 1
	done
}

test_expect_success 'setup' '
	test_init_repo --device box
'

# -- as git does ---------------------------------------------------------------------------------

test_expect_success 'of sixty random work trees a snapshot has what git lists, and .git, and nothing else' '
	test_when_finished "ub config --unset exclude.artefacts" && ub config exclude.artefacts never &&
	rm -rf "$S" && /usr/bin/python3 "$CASES" make "$S" 60 ${UB_TEST_SEED:-7} &&
	/usr/bin/python3 "$CASES" list "$S" | tr "\0" "\n" >want && ub commit -q "$S" 2>err && test_must_be_empty err &&
	ub ls -r --json "HEAD:$PS" | /usr/bin/python3 -c "
import json, sys
for line in sys.stdin:
    j = json.loads(line)
    if j[\"mode\"] & 0o170000 != 0o040000:
        print(j[\"path\"][len(\"$PS/\"):])" >have && test "$(wc -l <want)" -gt 3000 && LC_ALL=C sort want >want.s &&
	LC_ALL=C sort have >have.s && test_cmp want.s have.s
'

test_expect_success 'status and diff say of the same trees that nothing changed' '
	ub config exclude.artefacts never && ub status --json >out && test_grep ! "\"status\":" out && ub diff HEAD &&
	ub config --unset exclude.artefacts
'

test_expect_success 'branch, commit and state of each are those that git tells' '
	ub show --list worktrees -z >rows && /usr/bin/python3 - <<-\END
	import subprocess
	def git(where, *args):
	    return subprocess.run(["git", "-C", where] + list(args), capture_output=True, text=True).stdout
	rows = [r for r in open("rows", newline="").read().split("\0") if r]
	for row in rows:
	    state, path = row.split("\t")
	    path = "/" + path
	    kinds = set()
	    for line in git(path, "status", "--porcelain").splitlines():
	        if line[:2] == "??":
	            kinds.add("untracked")
	            continue
	        if line[0] != " ":
	            kinds.add("staged")
	        if line[1] != " ":
	            kinds.add("modified")
	    said = ",".join(k for k in ("staged", "modified", "untracked") if k in kinds) or "clean"
	    want = " ".join([git(path, "rev-parse", "-q", "--verify", "HEAD").strip() or "-",
	                     git(path, "symbolic-ref", "-q", "--short", "HEAD").strip() or "-", said])
	    assert state == want, (path, state, want)
	assert len(rows) > 60
	END
'

test_expect_success 'they follow what happens; what did not change is not asked again' '
	tree a && git -C "$S" add a && git -C "$S" -c user.name=n -c user.email=e commit -q -m m && kept &&
	ub show --list worktrees >one && test_grep "^[0-9a-f]* master clean	$PS$" one && ub commit -q &&
	ub show --list worktrees >two && test_cmp one two && echo more >>"$S/a" && git -C "$S" checkout -q -b next &&
	ub commit -q && ub show --list worktrees >out && test_grep " next modified	" out &&
	git -C "$S" checkout -q --detach && ub commit -q && ub show --list worktrees >out && test_grep "^[0-9a-f]* - modified	" out &&
	ub show HEAD >out && test_grep "1 git work tree" out
'

test_expect_success 'what git tracks stays, though a rule says otherwise, and what lies beside it goes' '
	tree build/in build/out a.o b.o deep/build/x/in deep/build/x/out && printf "%s\n" build/ "*.o" >"$S/.gitignore" &&
	git -C "$S" add -f build/in a.o deep/build/x/in && kept && only .gitignore a.o build/in deep/build/x/in
'

test_expect_success 'a work tree in an ignored folder of another one stays' '
	tree a sub/x && git -C "$S/sub" init -q && echo "/sub" >"$S/.gitignore" && echo x >"$S/sub/.gitignore" &&
	files sub/y && kept && only .gitignore a sub/.gitignore sub/y
'

test_expect_success 'a folder of a work tree is a source: the rules of the whole tree hold in it' '
	old=$S && S=$DISK/other PS=${PS%/s}/other && tree d/a d/a.o d/e/b.o && echo "*.o" >"$S/.gitignore" &&
	ub commit -q "$S/d" && names && only d/a && ub rm "$S/d" && S=$old PS=${old#/}
'

test_expect_success 'only one folder is committed: the rules above it hold' '
	tree d/a d/a.o x.o && echo "*.o" >"$S/.gitignore" && ub add "$S" && ub commit -q && files d/b d/b.o &&
	ub commit -q "$S/d" && names && only .gitignore d/a d/b
'

test_expect_success 'a rule that comes or goes counts from the next snapshot on' '
	tree a.o b && kept && only a.o b && echo "*.o" >"$S/.gitignore" && kept && only .gitignore b &&
	git -C "$S" add -f a.o && kept && only .gitignore a.o b && git -C "$S" rm -q --cached a.o && kept && only .gitignore b &&
	rm "$S/.gitignore" && kept && only a.o b
'

test_expect_success 'without a work tree .gitignore means nothing; --no-gitignore and exclude.gitignore' '
	tree a.o b && echo "*.o" >"$S/.gitignore" && kept && only .gitignore b && kept --no-gitignore && only .gitignore a.o b &&
	ub config exclude.gitignore false && kept && only .gitignore a.o b && kept --gitignore && ub config --unset exclude.gitignore &&
	kept && only .gitignore b && { test_have_prereq INSIDE || { rm -rf "$S/.git" && kept && only .gitignore a.o b; }; }
'

test_expect_success '.git is whole but for what git leaves behind' '
	tree a && git -C "$S" add a && git -C "$S" -c user.name=n -c user.email=e commit -q -m m && echo "*" >"$S/.gitignore" &&
	for f in index.lock refs/heads/x.lock objects/pack/tmp_pack_1 objects/aa/tmp_obj_2 gc.pid
	do
		mkdir -p "$(dirname "$S/.git/$f")" && echo >"$S/.git/$f" || return 1
	done && git -C "$S" branch objects/tmp_x && kept && ub ls -r "HEAD:$PS/.git" >out &&
	(cd "$S/.git" && find . -mindepth 1 ! -name "*.lock" ! -name "tmp_pack*" ! -name "tmp_obj*" ! -name gc.pid) |
		sed "s,^\./,," | sort >want && sort out >have && test_cmp want have &&
	test_grep "refs/heads/objects/tmp_x$" have && ub show --list skipped | grep -c "a temporary file of git" >nr && echo 5 >want && test_cmp want nr
'

# Of many objects, so that what is committed meanwhile would be missed by whoever reads refs last.
test_expect_success 'refs are read before objects, while git commits' '
	tree a && cd "$S" && git config gc.auto 0 && git config user.name n && git config user.email e &&
	seq 4000 | split -l 1 -a 3 - f && git add . && git commit -q -m first && rm f* && git rm -q -r --cached . && cp .git/index keep &&
	{ while test ! -e ../stop; do date +%N >a && git add a && git commit -q -m m; done & } &&
	cd "$TRASH_DIRECTORY" && sleep 0.3 && for i in 1 2 3 4
	do
		rm -rf back && ub commit -q --force "$S" 2>err; ub restore -t back HEAD "$S" 2>>err &&
		git -C "back/$S" fsck --connectivity-only --no-dangling >fsck 2>&1 || { bad=t; break; }
	done; touch "$S/../stop"; wait; rm "$S/../stop"; test -z "$bad" || { cat fsck err; false; }
'

# -- trouble -------------------------------------------------------------------------------------

test_expect_success 'a .git that cannot be understood leaves nothing out, which is said' '
	for harm in "echo nonsense >.git/index" "head -c 20 /dev/urandom >.git/HEAD" "rm -r .git/objects" \
		"rm .git/HEAD; echo gitdir: nowhere >.g; rm -rf .git; mv .g .git" "echo nonsense >.g; rm -rf .git; mv .g .git"
	do
		tree a.o b && git -C "$S" add b && echo "*.o" >"$S/.gitignore" && (cd "$S" && eval "$harm") && kept &&
		only .gitignore a.o b && test_grep "$S.: nothing is left out here by git.s rules" err && test_line_count 1 err || return 1
	done && tree a.o b && rm "$S/.git/HEAD" && echo "*.o" >"$S/.gitignore" && kept && only .gitignore a.o b
'

test_expect_success 'rules that cannot be read leave nothing out, which is said' '
	tree a.o b && mkdir "$S/.gitignore" "$S/.ubignore" && kept && only a.o b && test_must_be_empty err &&
	tree a.o b && ln -s b "$S/.gitignore" && echo "a.o" >"$S/b" && kept && only .gitignore a.o b &&
	tree a.o b && { echo "*.o" && head -c 100000 /dev/zero | tr "\0" x; } >"$S/.gitignore" && kept && only .gitignore a.o b &&
	test_grep "$S.: nothing is left out by its .gitignore" err
'

test_expect_success !ROOT 'nor do those that may not be' '
	tree a.o b && echo "*.o" >"$S/.ubignore" && chmod 0 "$S/.ubignore" && test_expect_code 3 ub commit -q "$S" 2>err &&
	names && test_grep "cannot be read" err && grep a.o kept
'

test_expect_success 'ten thousand rules, and rules that contradict each other' '
	tree a.o keep.o d/keep.o && { seq 10000 | sed "s/$/*x?.o/"; echo "*.o"; seq 10000; echo "!keep.o"; echo "*.o"; echo "!keep.o"; } >"$S/.gitignore" &&
	kept && only .gitignore keep.o d/keep.o
'

# -- .ubignore -----------------------------------------------------------------------------------

test_expect_success '.ubignore holds everywhere, also below, and above what git says' '
	rm -rf "$S" && mkdir -p "$S" && files a.tmp d/a.tmp d/b d/e/c d/e/a.tmp && echo "*.tmp" >"$S/.ubignore" &&
	printf "%s\n" "!a.tmp" /e/c >"$S/d/.ubignore" && kept && only .ubignore d/.ubignore d/a.tmp d/b d/e/a.tmp &&
	tree a.o b.o c && echo "*.o" >"$S/.gitignore" && printf "%s\n" "!a.o" c >"$S/.ubignore" && git -C "$S" add c &&
	kept && only .gitignore .ubignore a.o
'

test_expect_success 'what was typed comes first of all' '
	tree a.o b c && echo "*.o" >"$S/.gitignore" && echo b >"$S/.ubignore" && git -C "$S" add c &&
	kept -e "!a.o" -e "!b" -e c && only .gitignore .ubignore a.o b
'

# -- what files are, and what stands beside them -------------------------------------------------

test_expect_success 'files that are too large, marked folders, caches' '
	rm -rf "$S" && mkdir -p "$S" && files small a/b/c m/x m/y/z m/.nobackup n/x n/tag && head -c 3000 /dev/zero >"$S/large" &&
	echo "Signature: 8a477f597d28d172789f06886806bc55" >"$S/a/CACHEDIR.TAG" && echo "not so" >"$S/n/CACHEDIR.TAG" &&
	kept --exclude-larger-than 2K && ! grep large kept && ub show --list skipped >out && test_grep "larger than 2048 bytes	$PS/large" out &&
	kept --exclude-larger-than 3000 && grep large kept && kept --exclude-caches && only small a/CACHEDIR.TAG \
		m/x m/y/z m/.nobackup n/x n/tag n/CACHEDIR.TAG large &&
	kept --exclude-if-present .nobackup --exclude-if-present tag:n/t && only small a/b/c a/CACHEDIR.TAG m/.nobackup n/tag large &&
	kept --exclude-if-present tag:other && grep n/x kept && ub config exclude.caches true && kept && ! grep a/b/c kept &&
	ub config --unset exclude.caches && test_expect_code 2 ub commit --exclude-larger-than big "$S" 2>err && test_grep "big" err &&
	test_expect_code 2 ub commit --exclude-if-present a/b "$S"
'

test_expect_success 'the nodump flag' '
	rm -rf "$S" && mkdir -p "$S" && files a b d/c && if chattr +d "$S/a" "$S/d" 2>/dev/null
	then
		kept && only a b d/c && kept --exclude-nodump && only b && chattr -d "$S/a" "$S/d"
	fi
'

test_expect_success 'build artefacts: in a work tree, beside their marker, and nothing tracked in them' '
	tree p/package.json p/node_modules/x p/dist/y q/node_modules/z r/Cargo.toml r/target/a s/Cargo.toml s/target/b \
		t/x.tf t/.terraform/c u/m.py u/__pycache__/d && git -C "$S" add -f s/target/b && kept &&
	only p/package.json q/node_modules/z r/Cargo.toml s/Cargo.toml s/target/b t/x.tf u/m.py &&
	ub show --list skipped >out && test_grep "^a build artefact beside package.json	$PS/p/node_modules$" out &&
	ub config exclude.artefacts always && kept && only p/package.json r/Cargo.toml s/Cargo.toml s/target/b t/x.tf u/m.py &&
	ub config exclude.artefacts never && kept && test_line_count 12 kept && test_expect_code 2 ub config exclude.artefacts some &&
	ub config --unset exclude.artefacts && { test_have_prereq INSIDE || { rm -rf "$S/.git" && kept && test_line_count 12 kept; }; }
'

# -- the report ----------------------------------------------------------------------------------

test_expect_success 'the report counts and lists what was left out, each with file, line and rule' '
	tree b $(seq -f "%g.o" 9) && printf "%s\n" "# objects" "*.o" >"$S/.gitignore" && ub commit "$S" >out && test_grep "; 9 left out$" out &&
	test_grep "^ left out: $PS/1.o ($S/.gitignore:2:\*.o)$" out && test_grep "^ and 4 more: ub show --list skipped$" out &&
	ub commit -v >out && grep -c "^ left out: " out >nr && echo 9 >want && test_cmp want nr && ub commit --json >out &&
	test_grep "{\"type\":\"skipped\",\"path\":\"$PS/1.o\",\"rule\":\"$S/.gitignore:2:\*.o\"}" out && ub commit -n >out && test_grep "left out: " out &&
	test_expect_code 2 ub show --list nonsense 2>err && test_grep nonsense err
'

test_done
