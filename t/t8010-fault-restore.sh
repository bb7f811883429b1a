#!/bin/sh

test_description='restore under every fault'
. "${0%/*}/test-lib.sh"
. "$TEST_DIRECTORY/lib-fault.sh"

# The target lies beside the repository, so that the power fails for both.
test_expect_success 'setup' '
	fault_setup "
		fault_init_repo &&
		mkdir -p src/sub/deep src/empty &&
		echo small >src/small && seq 1 3000 >src/sub/text && ln src/sub/text src/zlink &&
		ln -s sub/text src/link && mkfifo src/sub/deep/pipe &&
		test_random 3000000 4 >src/sub/deep/big && chmod 640 src/small &&
		touch -d @1500000000 src/small src/sub/text src/sub/deep/big src/sub src &&
		ub commit -m one src >/dev/null &&
		mkdir -p old && cp -a src/. old && echo other >old/small && echo more >>old/sub/text &&
		printf X | dd of=old/sub/deep/big bs=1 seek=2999999 conv=notrunc 2>/dev/null &&
		rm old/sub/text && touch old/extra
	"
'

# What there is of a file is all of it: the snapshot's, or what was there before.  A file that is
# new may be lost to the power with its restore, which the next run sees.
is_whole () {
	for file in small sub/text zlink sub/deep/big
	do
		case $fault_what in
		*power*) test -n "$2" && test -e "$2/$file" || continue ;;
		esac
		test ! -e "$1/$file" || cmp -s "src/$file" "$1/$file" ||
			{ test -n "$2" && cmp -s "$2/$file" "$1/$file"; } ||
			{ echo "$1/$file is neither"; return 1; }
	done
}

is_restored () {
	diff -r --no-dereference src/sub "$1/sub" 2>&1 | grep -v "is a fifo" >../differs
	test ! -s ../differs && cmp src/small "$1/small" && cmp src/zlink "$1/zlink" &&
	test "$1/zlink" -ef "$1/sub/text" && test -p "$1/sub/deep/pipe" && test -d "$1/empty" &&
	test "$(readlink "$1/link")" = sub/text &&
	test "$(stat -c "%a %Y" "$1/small")" = "640 1500000000" &&
	test "$(stat -c %Y "$1/sub")" = 1500000000 &&
	test -z "$(find "$1" -name ".ub-restore*")"
}

# The folder that is made to restore into is synced with all that is in it.
FAULT_SYNC_ELSEWHERE='file_sync_again|vfs_sync|file_make_dirs'

out=out$FAULT_DIR/src

FAULT_ALWAYS='is_whole "$out"'
fault_test_all 'restore to a new folder' 'ub restore -t out src' 'is_restored "$out"'

old=new$FAULT_DIR/src
FAULT_ALWAYS='is_whole "$old" old'
fault_test_all 'restore over what differs' \
	'mkdir -p "$(dirname "$old")" && { test -d "$old" || fault_calm cp -a old "$old"; } && ub restore -t new --delete src' \
	'is_restored "$old" && test ! -e "$old/extra"'

test_done
