# shellcheck shell=sh
# For tests of ub commit; to be sourced after test-lib.sh.
#
# The sources are below $DISK, on a file system with extended attributes and inode flags where the
# machine has one: scratch folders in memory lack them.

DISK=$TRASH_DIRECTORY/disk
mkdir "$DISK" && : >"$DISK/probe"
if ! setfattr -n user.probe -v x "$DISK/probe" 2>/dev/null && test -n "$UB_TRASH"
then
	commit_disk=$(mkdir -p "$UB_BUILD/trash" && mktemp -d "$UB_BUILD/trash/$test_name.XXXXXX") &&
		DISK=$commit_disk && : >"$DISK/probe"
fi

setfattr -n user.probe -v x "$DISK/probe" 2>/dev/null && test_set_prereq XATTR
command -v setfacl >/dev/null && setfacl -m u:12345:r "$DISK/probe" 2>/dev/null &&
	test_set_prereq ACL
chattr +d "$DISK/probe" 2>/dev/null && test_set_prereq CHATTR
truncate -s 1M "$DISK/probe" && test "$(stat -c %b "$DISK/probe")" = 0 && test_set_prereq HOLES
rm -f "$DISK/probe"
unshare -m true 2>/dev/null && test_set_prereq UNSHARE
command -v setpriv >/dev/null && test_have_prereq ROOT && test_set_prereq SETPRIV
/usr/bin/python3 -c 'import os' 2>/dev/null && test_set_prereq PY

commit_exit () {
	test -z "$commit_disk" || {
		chattr -R -i -a "$commit_disk" 2>/dev/null
		chmod -R u+rwX "$commit_disk" 2>/dev/null
		rm -rf "$commit_disk"
	}
	test_exit
}
# What ends with another status than it should is told by test_exit, which looks at $?.
trap 'commit_status=$?; commit_cleanup; (exit $commit_status); commit_exit' EXIT
commit_cleanup () { :; }

# commit [OPTION...]: into ../summary; its fields by `summary NAME`.
commit () {
	ub commit --json "$@" >"$TRASH_DIRECTORY/out" 2>"$TRASH_DIRECTORY/err"
	commit_code=$?
	sed '$!d' "$TRASH_DIRECTORY/out" >"$TRASH_DIRECTORY/summary"
	test "$commit_code" = 0 || sed 's/^/err: /' "$TRASH_DIRECTORY/err"
	return $commit_code
}

summary () {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$TRASH_DIRECTORY/summary"
}

# summary_is NAME VALUE [NAME VALUE]...
summary_is () {
	while test $# -gt 0
	do
		test "$(summary "$1")" = "$2" ||
			{ echo "$1 is $(summary "$1"), not $2"; cat "$TRASH_DIRECTORY/summary"; return 1; }
		shift 2
	done
}

# The snapshot has what is on disk: tree_check [-x NAME]... PATH [REV]
tree_check () {
	/usr/bin/python3 "$TEST_DIRECTORY/tree-check.py" "$@"
}

# content PATH [REV]: what the snapshot has there.
content () {
	ub cat-object -p "${2:-HEAD}:$1"
}

# in_tree PATH [REV]: is it there?
in_tree () {
	ub rev-parse "${2:-HEAD}:$1" >/dev/null 2>&1
}

not_in_tree () {
	test_must_fail ub rev-parse "${2:-HEAD}:$1" >/dev/null 2>&1
}

# The rows of one of HEAD's side lists: note KIND (1 hard links, 2 births, 3 skipped, 4 unreadable,
# 5 absent), as text.
note () {
	ub cat-object -p "${2:-HEAD}" | sed -n "s/^note $1 [0-9]* //p" >"$TRASH_DIRECTORY/notes" || return 1
	while read -r note_id
	do
		ub cat-object --raw "$note_id" >"$TRASH_DIRECTORY/note" &&
			test-object note "$TRASH_DIRECTORY/note" || return 1
	done <"$TRASH_DIRECTORY/notes"
}
