#!/bin/sh
# The main job on a fresh repository in a scratch folder: back up a real tree, change it, look,
# bring it back elsewhere, compare.  Each command is shown before it runs; nothing outside the
# scratch folder is touched.

here=$(cd "${0%/*}/.." && pwd)
PATH=${UB_BUILD:-$here/build}:$PATH
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ub-demo.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
cd "$scratch" || exit 1
HOME=$scratch/home UB_DIR=$scratch/repo
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
unset UB_PASSWORD UB_PASSWORD_FILE UB_PASSWORD_COMMAND UB_PASSWORD_FD
export PATH HOME UB_DIR here

# run COMMAND: show it, run it, stop at the first that fails
run () {
	printf '\n$ %s\n' "$1"
	eval "$1" || { echo "demo: failed with status $?: $1" >&2; exit 1; }
}

# same FOLDER FOLDER: content, links and all that rsync knows of; else what diff sees
same () {
	if command -v rsync >/dev/null
	then
		out=$(rsync -naHAXc --delete --itemize-changes "$1/" "$2/") && test -z "$out"
	else
		diff -r --no-dereference "$1" "$2"
	fi
}

echo "A scratch folder: $scratch"
echo 'correct horse battery staple' >password
# Real files: this checkout, and the headers of the system.
mkdir -p home/docs/letters home/photos
echo 'a secret sentence' >home/docs/letters/one
echo 'a second letter' >home/docs/letters/two
for folder in builtin crypto fs lib objects refs t Documentation /usr/include
do
	case $folder in
	/*) from=$folder ;;
	*) from=$here/$folder ;;
	esac
	test ! -d "$from" || cp -a "$from" "home/docs/${folder##*/}" || exit 1
done
head -c 20000000 /dev/urandom >home/photos/photo.raw
ln home/photos/photo.raw home/photos/same-file.raw
truncate -s 1G home/photos/mostly-holes
echo 'not backed up' >home/elsewhere

run 'du -sh home; find home -type f | wc -l'
run 'ub init --kdf 8M:1 --password-file password --device laptop'
run 'ub backup -q -m "first" home/docs home/photos && ub sources && du -sh repo'
run 'ub commit -m "nothing new: no file is read"'
run 'echo more >>home/docs/lib/err.c; rm -r home/docs/letters; mkdir home/docs/new'
run 'ub status'
run 'ub commit -m "after a change" && ub log --oneline'
run 'ub diff --stat HEAD~1 || test $? = 1'
run 'ub cat HEAD~1:./home/docs/lib/err.c | cmp - "$here/lib/err.c" && echo "the old version is there"'
run 'ub restore --target back'
run 'same home/docs "back$PWD/home/docs" && same home/photos "back$PWD/home/photos" && echo "the same tree came back"'
run 'ub verify --against && echo "the snapshot is sound, and the disk is as it says"'
run 'ub restore HEAD~1 home/docs/letters && cat home/docs/letters/*'
run '! grep -rq "a secret sentence" repo && echo "nothing readable lies in the repository"'
run 'ub fsck'
printf '\nAll of it worked; %s is removed now.\n' "$scratch"
