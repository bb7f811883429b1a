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
run 'big=$(ub hash-object -w big) && echo $big'
run 'ub cat-object -p $big | cmp - big && echo "the same bytes came back"'
run 'for f in docs/*; do
	id=$(ub hash-object -w $f) || exit
	printf "100644 %s %s %s\t%s\n" $(ub cat-object -t $id) $id $(wc -c <$f) ${f##*/}
done >entries && cat entries'
run 'tree=$(ub mktree <entries) && ub cat-tree $tree'
run 'commit=$(ub commit-tree $tree -m "my first snapshot") && ub update-ref main $commit && ub for-each-ref'
run 'ub cat-object -p HEAD:note && ub cat-object -p HEAD:numbers | cmp - docs/numbers'
run 'du -sh repo; ub hash-object -w big docs/* >again && du -sh repo; echo "storing it twice adds nothing"'
run '! grep -rq "a small file" repo && echo "nothing readable lies in the repository"'
run 'ub fsck'
printf '\nAll of it worked; %s is removed now.\n' "$scratch"
