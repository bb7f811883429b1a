#!/bin/sh
# The main job on a fresh repository in a scratch folder: store, snapshot, read back, check.
# Each command is shown before it runs; nothing outside the scratch folder is touched.

PATH=${UB_BUILD:-$(cd "${0%/*}/.." && pwd)/build}:$PATH
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ub-demo.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
cd "$scratch" || exit 1
HOME=$scratch/home UB_DIR=$scratch/repo
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
unset UB_PASSWORD UB_PASSWORD_FILE UB_PASSWORD_COMMAND UB_PASSWORD_FD
export PATH HOME UB_DIR
mkdir home docs

# run COMMAND: show it, run it, stop at the first that fails
run () {
	printf '\n$ %s\n' "$1"
	eval "$1" || { echo "demo: failed with status $?: $1" >&2; exit 1; }
}

echo "A scratch folder: $scratch"
echo 'correct horse battery staple' >password
head -c 20000000 /dev/urandom >big
seq 1 200000 >docs/numbers
echo 'a small file' >docs/note

run 'ub init --kdf 8M:1 --password-file password'
run 'big=$(ub hash-object -w big); echo $big'
run 'ub cat-object -p $big | cmp - big && echo "the same bytes came back"'
run 'ub hash-object -w docs/note docs/numbers'
run 'for f in note numbers; do
	set -- $(ub hash-object docs/$f) $(wc -c <docs/$f)
	printf "100644 blob %s %s\t%s\n" $1 $2 $f
done >entries; cat entries'
run "sed -i \"/numbers/s/ blob / \$(ub cat-object -t \$(ub hash-object docs/numbers)) /\" entries"
run 'tree=$(ub mktree <entries); ub cat-tree $tree'
run 'commit=$(ub commit-tree $tree -m "my first snapshot"); echo $commit'
run 'ub update-ref main $commit && ub for-each-ref'
run 'ub cat-object -p HEAD:docs/note 2>/dev/null || ub cat-object -p HEAD:note'
run 'ub rev-list --objects HEAD'
run 'ub fsck'
printf '\nAll of it worked; %s is removed now.\n' "$scratch"
